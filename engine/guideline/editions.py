"""Where guidelines are found, and what identifies their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

from ..errors import UnknownGuideline

LANGUAGE_VERSION = "2"  # part of the hash: a new reader never trusts an old compiled structure
Folder = Traversable | Path


def editions(root: Folder) -> Iterator[tuple[str, Folder]]:
    """All (``guideline@edition``, folder) below a rules folder, in name order."""
    for guideline in sorted((g for g in root.iterdir() if g.is_dir()), key=lambda g: g.name):
        for edition in sorted((e for e in guideline.iterdir() if e.is_dir()), key=lambda e: e.name):
            if (edition / "guideline.yaml").is_file():
                yield f"{guideline.name}@{edition.name}", edition


def find(name: str, roots: tuple[Folder, ...]) -> Folder:
    """The folder of ``guideline@edition``; later roots win, so a hospital's own edition may replace ours.

    Raises:
        UnknownGuideline: there is none; the error lists all there are.
    """
    known = {full: folder for root in roots for full, folder in editions(root)}
    if name not in known:
        raise UnknownGuideline("guidelines", "id", name, ", ".join(known), "Use one of these.")
    return known[name]


def files_of(folder: Folder) -> tuple[Folder, ...]:
    """The files that make the guideline, in a fixed order."""
    tables = sorted((f for f in (folder / "tables").iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return (folder / "guideline.yaml", folder / "inputs.yaml", *tables)


def hash_of(folder: Folder) -> str:
    """sha256 over the language version and the bytes of all files of the guideline."""
    digest = hashlib.sha256(LANGUAGE_VERSION.encode())
    for file in files_of(folder):
        digest.update(b"\0" + file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
