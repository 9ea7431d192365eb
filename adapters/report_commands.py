"""``radlogic report``: a stored decision in one of the forms in which reports travel."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import BadValue, Contradiction, MissingField
from ..engine.record import Assessment
from .decision_file import read_decision

if TYPE_CHECKING:
    from ..engine.perception.volume import Volume
    from .report.signed import Signed


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for; None and '' where it says nothing. ``store``: where signatures are known.

    ``same_exam``: somebody vouches that ``series`` is of the exam, where the decision itself does not say which images.
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


def report(asked: Asked) -> str:
    """Write what is asked for, and return what goes to standard output.

    Raises:
        InputError: the decision, the images or the options cannot be used; nothing is written then.
        Contradiction: the file holds another decision than the store does under its id.
        Superseded: another decision took its place, so that it is no DICOM report.
        StoreUnavailable, NoSuchDecision: the store, or the decision in it.
    """
    forms = {"--html": asked.html, "--pdf": asked.pdf, "--fhir": asked.fhir, "--sr and --seg": asked.sr or asked.seg}
    chosen = [name for name, wanted in forms.items() if wanted]
    if len(chosen) > 1:
        raise Contradiction("command line", ", ".join(chosen), "several forms", "one at a time", "Call it for each.")
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
    return "\n".join(f"wrote {path}" for path in made)


def _pdf(asked: Asked, shown: _Shown) -> str:
    from .report.pdf import report_pdf

    path = asked.pdf or Path()
    volume = _volume(asked, shown.assessment)
    content = report_pdf(shown.assessment, volume, shown.signed, asked.language, replaced_by=shown.replaced_by)
    try:
        path.write_bytes(content)
    except OSError as error:
        found = error.strerror or "a file that cannot be written"
        raise BadValue("command line", "--pdf", found, "a file that can be written", "Choose another.") from error
    return f"wrote {path}"


def print_report(asked: Asked) -> None:
    """To standard output, as it is: a Bundle ends as it ends."""
    text = report(asked)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
