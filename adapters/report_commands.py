"""``radlogic report``: a stored decision in one of the forms in which reports travel."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import MissingField
from ..engine.record import Assessment
from .decision_file import read_decision
from .evidence_files import written_whole
from .report_options import check_options

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..engine.perception.volume import Volume
    from .report.signed import Signed


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for; None and '' where it says nothing. ``store``: where signatures are known.

    ``same_exam``: somebody vouches that ``series`` is of the exam, where the decision itself does not say which images.
    ``rules``: folders of further guidelines, whose own sentences a report of them is told in.
    """

    decision: Path
    store: str | None = None
    language: str = "en"
    html: bool = False
    pdf: Path | None = None
    fhir: bool = False
    patient: str = ""
    base: str = ""
    sr: Path | None = None
    seg: Path | None = None
    series: Path | None = None
    drawn: Path | None = None
    replaces: tuple[Path, ...] = ()
    reader: str = ""
    institution: str = ""
    same_exam: bool = False
    rules: tuple[Path, ...] = ()


def report(asked: Asked) -> str:
    """Write what is asked for, and return what goes to standard output.

    Raises:
        InputError: the decision, the images or the options cannot be used; nothing is written then.
        Contradiction: the options do not go together; the file holds another decision than the store under its id.
        Superseded: another decision took its place, so that it is no DICOM report.
        StoreUnavailable, NoSuchDecision: the store, or the decision in it.
        NotReadable: a folder of ``rules`` is none.
    """
    from .report.language import reading

    check_options(asked)
    with reading(asked.rules):
        if asked.fhir:
            return _fhir(asked)
        shown = _shown(asked)
        if asked.sr or asked.seg:
            return _dicom(asked, shown)
        return _pdf(asked, shown) if asked.pdf else _text(asked, shown)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is reported: with a store, its decision, and what humans made of it."""

    assessment: Assessment
    signed: Signed | None = None
    replaced_by: str = ""


def _shown(asked: Asked) -> _Shown:
    assessment = read_decision(asked.decision)
    if asked.store is None:
        return _Shown(assessment)
    from .report.signed import check_as_kept, stood
    from .store.cases import Store

    with Store.open(asked.store, make=False) as kept:
        found = stood(kept, assessment.record.decision_id)
    check_as_kept(assessment, found.file.assessment, asked.decision.name)
    return _Shown(found.file.assessment, found.signed, found.replaced_by)


def _text(asked: Asked, shown: _Shown) -> str:
    from .report.html import report_html
    from .report.text import report_text

    if asked.html:
        volume = _volume(asked, shown.assessment)
        return report_html(shown.assessment, volume, shown.signed, asked.language, replaced_by=shown.replaced_by)
    return report_text(shown.assessment, shown.signed, asked.language, replaced_by=shown.replaced_by)


def _volume(asked: Asked, assessment: Assessment) -> Volume | None:
    """The images for the pictures, where they are given: those that the decision was made on."""
    if asked.series is None:
        return None
    from .dicom.emit.package import check_volume
    from .dicom.series import read_series

    volume = read_series(asked.series)
    check_volume(assessment, volume, vouched=asked.same_exam)
    return volume


def _fhir(asked: Asked) -> str:
    from .fhir.emit.kept import bundle_text

    if not asked.patient:
        allowed = "Patient/<id>, the URL of a Patient, or system|value"
        raise MissingField("command line", "--patient", "nothing", allowed, "Say whom the report is about.")
    return bundle_text(asked.decision, asked.patient, asked.base, asked.store)


def _dicom(asked: Asked, shown: _Shown) -> str:
    from .dicom.emit.package import Wanted, write_report
    from .dicom.emit.report import Told

    told = Told(datetime.now(UTC).astimezone(), asked.reader, asked.institution)
    wanted = Wanted(asked.series, asked.sr, asked.seg, asked.drawn, asked.replaces, asked.same_exam)
    made = write_report(shown.assessment, wanted, told, signed=shown.signed, replaced_by=shown.replaced_by)
    lines = [f"wrote {path}" for path in made]
    if asked.seg is not None:
        lines += _without_segment(shown.assessment, made[asked.seg])
    return "\n".join(lines)


def _without_segment(assessment: Assessment, segmentation: Dataset) -> Iterator[str]:
    """The lesions that nobody outlined, and why: without a word, a reader would take the segmentation for all."""
    from .dicom.emit.segment_places import segments_of
    from .report.words import clean

    outlined = segments_of(segmentation)
    for finding in assessment.record.case.findings:
        if finding.tracking_id not in outlined:
            unplaced = "its place is not stated"
            undrawn = "no outline was given, and the net drew none that may be relied on"
            why = unplaced if finding.position_mm is None else undrawn
            yield f"no segment for {clean(finding.tracking_id)}: {why}"


def _pdf(asked: Asked, shown: _Shown) -> str:
    from .report.pdf import report_pdf

    path = asked.pdf or Path()
    volume = _volume(asked, shown.assessment)
    content = report_pdf(shown.assessment, volume, shown.signed, asked.language, replaced_by=shown.replaced_by)
    with written_whole(path) as beside:
        beside.write_bytes(content)
    return f"wrote {path}"


def print_report(asked: Asked) -> None:
    """To standard output, as it is: a Bundle ends as it ends."""
    text = report(asked)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
