"""Packaged data, wherever the package is installed, and the user's cache of what was compiled from it."""

from __future__ import annotations

import os
import tempfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any


def rules_folder() -> Traversable:
    """The shipped ``rules/`` folder."""
    return files("radlogic.rules")


def knowledge_folder() -> Traversable:
    """The shipped ``knowledge/`` folder."""
    return files("radlogic.knowledge")


def yaml_loader() -> Any:
    """PyYAML's safe loader: by libyaml where that is there, which gives the same values ten times as fast."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def user_cache(kind: str) -> Path:
    """Where this user's compiled ``kind`` ("rules", "networks") is kept; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "radlogic" / kind


def keep(path: Path, text: str) -> None:
    """Write whole or not at all; a folder that cannot be written only costs the next start some time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            file.write(text)
        Path(file.name).replace(path)
    except OSError:
        return  # read-only home: the cache is a convenience
