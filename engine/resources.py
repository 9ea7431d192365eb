"""Packaged data, wherever the package is installed."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable


def rules_folder() -> Traversable:
    """The shipped ``rules/`` folder."""
    return files("radlogic.rules")


def knowledge_folder() -> Traversable:
    """The shipped ``knowledge/`` folder."""
    return files("radlogic.knowledge")
