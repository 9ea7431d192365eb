"""Where guidelines are found, and what identifies their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

from ..errors import NotReadable, RuleFileError, UnknownGuideline

LANGUAGE_VERSION = "3"  # part of the hash: a new reader never trusts an old compiled structure
Folder = Traversable | Path
NEEDED, TABLES = ("guideline.yaml", "inputs.yaml"), "tables"


def editions(root: Folder) -> Iterator[tuple[str, Folder]]:
    """All (``guideline@edition``, folder) below a rules folder, in name order; also those that lack a file.

    Raises:
        NotReadable: the root is no folder that can be read.
    """
    for guideline in _folders(root):
        for edition in _folders(guideline):
            if (edition / TABLES).is_dir() or any((edition / name).is_file() for name in NEEDED):
                yield f"{guideline.name}@{edition.name}", edition


def _folders(root: Folder) -> list[Folder]:
    try:
        return sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.name)
    except OSError as error:
        found = error.strerror or "what cannot be read"
        allowed = "a folder that holds <guideline>/<edition>/guideline.yaml"
        raise NotReadable(str(root), "", found, allowed, "Check the path.") from error


def find(name: str, roots: tuple[Folder, ...]) -> Folder:
    """The folder of ``guideline@edition``; later roots win, so a hospital's own edition may replace ours.

    Raises:
        UnknownGuideline: there is none; the error lists all there are. NotReadable: a root is no folder.
    """
    known = {full: folder for root in roots for full, folder in editions(root)}
    if name not in known:
        raise UnknownGuideline("guidelines", "id", name, ", ".join(known), "Use one of these.")
    return known[name]


def origin_of(name: str, found: Folder, roots: tuple[Path, ...]) -> str:
    """What the root is called in which ``find`` found ``guideline@edition``, '' where it is none of these.

    Its name alone, not where it lies, on one line.
    """
    below = name.replace("@", "/", 1)
    called = next((root.resolve().name or "/" for root in roots if root / below == found), "")
    return "".join(letter if letter.isprintable() else "?" for letter in called)


def files_of(folder: Folder) -> tuple[Folder, ...]:
    """The files that make the guideline, in a fixed order.

    Raises:
        RuleFileError: one of them is not there, or something in ``tables/`` would not be read.
    """
    name = f"{Path(str(folder)).parent.name}/{folder.name}"
    inside = sorted((folder / TABLES).iterdir(), key=lambda f: f.name) if (folder / TABLES).is_dir() else []
    for found in inside:
        _is_read(found, name)
    tables = [f for f in inside if f.name.endswith(".yaml")]
    missing = [file for file in NEEDED if not (folder / file).is_file()]
    if missing or not tables:
        file = missing[0] if missing else f"{TABLES}/*.yaml"
        allowed = f"{', '.join(NEEDED)} and at least one file in {TABLES}/"
        raise RuleFileError(f"{name}/{file}", "line 1", "no such file", allowed, "Add it, or correct its name.")
    return (*(folder / file for file in NEEDED), *tables)


def _is_read(file: Folder, name: str) -> None:
    """Nothing that looks like tables is passed over in silence."""
    at, place = f"{name}/{TABLES}/{file.name}", "line 1"
    if file.is_dir() and not file.name.startswith((".", "__")):
        cure = f"Move its files into {TABLES}/, and delete it."
        raise RuleFileError(at, place, "a folder", f"files named .yaml, side by side in {TABLES}/", cure)
    if file.name.lower().endswith((".yml", ".yaml")) and not file.name.endswith(".yaml"):
        stem = file.name.rpartition(".")[0]
        raise RuleFileError(at, place, "a file that would not be read", "files named .yaml", f"Name it {stem}.yaml.")


def hash_of(folder: Folder) -> str:
    """sha256 over the language version and the bytes of all files of the guideline."""
    digest = hashlib.sha256(LANGUAGE_VERSION.encode())
    for file in files_of(folder):
        digest.update(b"\0" + file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
