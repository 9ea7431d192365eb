"""Population audit."""
