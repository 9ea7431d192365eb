"""Series, patient record and findings -> one ``Case``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from ..engine.errors import Contradiction
from ..engine.guideline.load import in_force, load_guideline
from ..engine.perception.volume import Volume
from ..engine.types import Case, Exam, Facts, Indication, Known, Patient, Source, SourceKind, Value
from .stated import Stated, read_findings

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a case comes from. What is None was not given."""

    series: Path | None = None
    patient: Path | None = None
    findings: Path | None = None
    indication: Indication | None = None
    exam_date: date | None = None
    guideline: str = "lung-rads"
    rules: tuple[Path, ...] = ()  # folders of further guidelines
    prior_decisions: tuple[Path, ...] = ()  # of earlier exams of the same patient
    prior_series: tuple[Path, ...] = ()  # their images, in the same order; none at all, or one for each
    store: str | Path | None = None  # where signatures on the earlier decisions are kept, where that is known


def assemble(sources: Sources, progress: Progress | None = None) -> Case:
    """Read everything and put it together.

    Raises:
        InputError: a source cannot be used, or two of them contradict each other.
    """
    volume = _volume(sources.series, progress)
    form = (
        sources.guideline
        if "@" in sources.guideline
        else in_force(sources.guideline, _first_date(sources, volume), sources.rules)[0]
    )
    stated = (
        read_findings(sources.findings, load_guideline(form, sources.rules), volume)
        if sources.findings
        else Stated({}, ())
    )
    day = exam_date(sources, volume, stated)
    patient = _patient(sources.patient, day)
    indication = sources.indication or stated.indication or Indication.UNKNOWN
    notes = (*stated.notes, *(() if day else ("the date of the exam is not known: no due date, no age",)))
    facts = {**_acquisition(volume), **stated.exam}
    chests = [p for p in patient.prior_exams if "chest" in p.region]
    if chests and "prior_ct" in facts and not isinstance(facts["prior_ct"], Known):
        newest = max(chests, key=lambda p: p.date)
        notes = (*notes, f"the record holds an earlier chest exam of {newest.date}: state prior_ct")
    study = volume.acquisition.study_uid if volume else ""
    exam = Exam(day, indication, facts, study, notes)
    return Case(exam, stated.findings, patient, volume, stated.assessed)


def exam_date(sources: Sources, volume: Volume | None, stated: Stated) -> date | None:
    """The day of the exam: as given, else what images and findings say.

    Raises:
        Contradiction: images and findings name different days and none was given.
    """
    if sources.exam_date:
        return sources.exam_date
    imaged = volume.acquisition.study_date if volume else None
    if imaged and stated.date and imaged != stated.date:
        found, allowed = "two different days", "the same day in series and findings"
        raise Contradiction("exam", "date", found, allowed, "Correct one, or give --exam-date.")
    return stated.date or imaged


def _first_date(sources: Sources, volume: Volume | None) -> date | None:
    return sources.exam_date or (volume.acquisition.study_date if volume else None)


def _volume(path: Path | None, progress: Progress | None) -> Volume | None:
    if path is None:
        return None
    from .dicom.series import read_series

    return read_series(path, progress=progress)


def _acquisition(volume: Volume | None) -> Facts:
    """How the images were made, as facts that the report's technique shows; none of them decides."""
    if volume is None:
        return {}
    a = volume.acquisition
    named = {"modality": a.modality, "manufacturer": a.manufacturer, "model": a.model, "kernel": a.kernel}
    spacing = round(volume.spacing_mm[1], 4)
    amounts = {"slice_thickness_mm": a.slice_thickness_mm, "pixel_spacing_mm": spacing, "kvp": a.kvp}
    values: dict[str, Value] = {k: v for k, v in named.items() if v}
    values |= {k: Decimal(str(v)) for k, v in amounts.items() if v is not None}
    values |= {"contrast": a.contrast} if a.contrast is not None else {}
    source = Source(SourceKind.IMAGE, "DICOM header", a.study_date)
    return {name: Known(value, source) for name, value in values.items()}


def _patient(path: Path | None, day: date | None) -> Patient:
    if path is None:
        return Patient(notes=("no patient record was given",))
    from .fhir.patient import read_patient

    return read_patient(path, exam_date=day)
