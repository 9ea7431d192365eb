"""Decisions and reviews kept on disk."""
