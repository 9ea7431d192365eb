"""What the watch leaves to others: matching lesions with those of earlier exams, and writing the answer as DICOM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ....engine.types import Case, Finding

if TYPE_CHECKING:
    from ....engine.perception.volume import Volume
    from ....engine.record import Assessment


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier exam of the same patient, fetched.

    Attributes:
        day: its study date. study_uid: its UID.
        series: the folder of its CT series; ``volume`` chooses one of them and reads it when called.
        findings: what was found then, by the decision that was kept of it, else by its TID 1500 report.
        said_by: "decision <id>", "structured report" or "" where nobody says.
        reports: its structured reports, as files.
        categories: each lesion's category by tracking identifier, as decided or, where a signer stated another, as
            signed. assessed: the kinds of finding that were looked for. unsure: what a human must look at.
    """

    day: date
    study_uid: str
    series: Path
    volume: Callable[[], Volume] = field(repr=False)
    findings: tuple[Finding, ...] = ()
    said_by: str = ""
    reports: tuple[Path, ...] = ()
    categories: Mapping[str, str] = field(default_factory=dict)
    assessed: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


class Match(Protocol):
    """Finds the lesions of a case again on earlier exams (newest first) and gives the findings their prior facts.

    ``case.volume`` holds the current images, in the patient's coordinates of their own frame of reference. What is
    not surely the same lesion stays without prior facts, and a note of the exam says so.
    """

    def __call__(self, case: Case, priors: Sequence[Prior]) -> Case:
        """The case with what earlier exams say of it; an ``InputError`` puts the study aside."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """An assessed study, for whoever writes it as DICOM: ``series`` is the folder of its objects.

    ``replaces``: files of the reports in the archive whose place its report takes, of a decision that it superseded.
    """

    assessment: Assessment
    volume: Volume
    series: Path
    priors: tuple[Prior, ...]
    replaces: tuple[Path, ...] = ()


class Emit(Protocol):
    """Makes the objects that go to the archive: pydicom data sets with file meta, of the study that was assessed.

    Called once for each assessment unless the process dies within: the objects of that call are then not used. Never
    called for a decision that is signed, or whose place another one took: what it makes is preliminary.
    """

    def __call__(self, done: Assessed) -> Sequence[Any]:
        """The objects, none or more."""


class Record(Protocol):
    """Fetches a patient's FHIR record as a Bundle file, by the identifier that the images have; None: there is none."""

    def __call__(self, patient_id: str, issuer: str, folder: Path) -> Path | None:
        """The file, in ``folder``."""


def unmatched(case: Case, priors: Sequence[Prior]) -> Case:
    """No matching: the case as it is, with a note of what was not compared."""
    from ....engine.tracking.priors import told

    days = ", ".join(one.day.isoformat() for one in priors)
    note = f"earlier exams are in the archive and were not compared, for no matching is set up: {days}"
    return replace(case, exam=told(case.exam, (), (note,))) if priors else case


def nothing_written(done: Assessed) -> Sequence[Any]:
    """No objects for the archive: the decision is in the store alone."""
    del done
    return ()


def no_record(patient_id: str, issuer: str, folder: Path) -> Path | None:
    """No patient record; the decision's notes say so."""
    del patient_id, issuer, folder
    return None


@dataclass(frozen=True, slots=True)
class Seams:
    """The three together, each with what stands in where nothing is set up."""

    match: Match = unmatched
    emit: Emit = nothing_written
    record: Record = no_record
