"""The structured report that speaks for a study, where there surely is one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ....engine.errors import InputError
from ....engine.types import Finding
from ..objects import Identity, identity_of

OWN: Final = "radlogic"  # Manufacturer (0008,0070) of what radlogic itself wrote


def is_own(what: Identity) -> bool:
    """Whether radlogic wrote it: such a report is nobody's second opinion on the exam it was made from."""
    return what.manufacturer.lower() == OWN


def speaking(files: Iterable[Path], *, own: bool) -> tuple[Path | None, tuple[Finding, ...], tuple[str, ...]]:
    """The report, its findings, and notes. Of several readable ones the verified one speaks; of several of these, none.

    One whose place another took does not count; only a verified one takes a verified one's. ``own``: radlogic's own
    reports count, too.
    """
    standing = [file for file, what in _standing(files) if own or not is_own(what)]
    readable = [(file, found) for file in standing if (found := _findings(file)) is not None]
    verified = [one for one in readable if identity_of(one[0]).verified]
    left = readable if len(readable) == 1 else verified
    if len(left) == 1:
        return *left[0], ()
    if readable:
        return None, (), (f"{len(readable)} structured reports, of which none speaks for the exam: none is read",)
    return None, (), ()


def _standing(files: Iterable[Path]) -> list[tuple[Path, Identity]]:
    """The reports that can be read, but for those whose place another of them took (PredecessorDocumentsSequence)."""
    known = [(file, what) for file in sorted(files) if (what := _identity(file)) is not None]
    gone = {(uid, v) for _, what in known for uid in what.replaces for v in {what.verified, False}}
    return [(file, what) for file, what in known if (what.instance, what.verified) not in gone]


def _identity(file: Path) -> Identity | None:
    try:
        return identity_of(file)
    except InputError:
        return None


def _findings(file: Path) -> tuple[Finding, ...] | None:
    from ...dicom.sr import read_sr

    try:
        return read_sr(file)
    except InputError:
        return None  # a report of another template (a dose report, a key object): it states no findings
