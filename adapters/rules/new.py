"""``radlogic rules new NAME``: a guideline that loads, compiles and answers one case, to be filled in."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from ...engine.errors import BadValue
from .rendering import environment

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
EDITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FILES = (
    "guideline.yaml", "inputs.yaml", "tables/1-finding.yaml", "tables/2-exam.yaml", "cases/first.yaml", "README.md",
)  # fmt: skip


def new(name: str, into: Path, today: date) -> Path:
    """Write the skeleton of ``name`` (``call-back@1``; without an edition the first, 1) below a rules folder.

    Written whole or not at all, and never over what is there. ``today``: the day from which it is in force.

    Returns:
        The guideline's folder, ``into/<name>/<edition>``.

    Raises:
        BadValue: the name is none, the folder exists, or it cannot be written.
    """
    guideline, _, edition = name.partition("@") if "@" in name else (name, "@", "1")
    _check_name(guideline, edition)
    folder = into / guideline / edition
    if folder.exists():
        raise BadValue("command line", "NAME", f"{folder}, which exists", "a new name or edition", "Choose another.")
    title = guideline.replace("-", " ").capitalize()
    _write(folder, skeleton({"name": guideline, "edition": edition, "title": title, "today": today.isoformat()}))
    return folder


def skeleton(said: Mapping[str, str]) -> dict[str, str]:
    """The files of a new guideline: name -> text."""
    made = environment(escaped=False)
    return {name: made.get_template(f"new/{name}.j2").render(**said) for name in FILES}


def _check_name(guideline: str, edition: str) -> None:
    if not NAME.fullmatch(guideline):
        allowed = "small letters and digits with hyphens between, as in call-back"
        raise BadValue("command line", "NAME", guideline or "nothing", allowed, "Choose such a name.")
    if not EDITION.fullmatch(edition):
        allowed = "letters, digits, dots, as in 2026 or 1.1"
        raise BadValue("command line", "NAME", f"the edition {edition!r}", allowed, "Choose such an edition.")


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """All files beside their place first, then the whole folder into it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as beside:
            whole = Path(beside) / folder.name
            for name, text in texts.items():
                (whole / name).parent.mkdir(parents=True, exist_ok=True)
                (whole / name).write_text(text, encoding="utf-8")
            whole.rename(folder)
    except OSError as error:
        found = error.strerror or "a folder that cannot be written"
        raise BadValue("command line", "--in", found, "a folder that can be written", "Choose another.") from error
