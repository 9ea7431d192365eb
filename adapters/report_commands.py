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
    """What the command line asks for; None and '' where it says nothing. ``store``: where signatures are known."""

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


def report(asked: Asked) -> str:
    """Write what is asked for, and return what goes to standard output.

    Raises:
        InputError: the decision, the images or the options cannot be used; nothing is written then.
        StoreUnavailable, NoSuchDecision: the store, or the decision in it.
    """
    forms = {"--html": asked.html, "--pdf": asked.pdf, "--fhir": asked.fhir, "--sr and --seg": asked.sr or asked.seg}
    chosen = [name for name, wanted in forms.items() if wanted]
    if len(chosen) > 1:
        raise Contradiction("command line", ", ".join(chosen), "several forms", "one at a time", "Call it for each.")
    if asked.fhir:
        return _fhir(asked)
    assessment = read_decision(asked.decision)
    signed = _signed(assessment, asked.store)
    if asked.sr or asked.seg:
        return _dicom(asked, assessment, signed)
    return _pdf(asked, assessment, signed) if asked.pdf else _text(asked, assessment, signed)


def _signed(assessment: Assessment, store: str | None) -> Signed | None:
    if store is None:
        return None
    from .report.signed import signed_of
    from .store.cases import Store

    with Store.open(store, make=False) as kept:
        return signed_of(kept.case(assessment.record.decision_id))


def _text(asked: Asked, assessment: Assessment, signed: Signed | None) -> str:
    from .report.html import report_html
    from .report.text import report_text

    if asked.html:
        return report_html(assessment, _volume(asked, assessment), signed, asked.language)
    return report_text(assessment, signed, asked.language)


def _volume(asked: Asked, assessment: Assessment) -> Volume | None:
    """The images for the pictures, where they are given: those that the decision was made on."""
    if asked.series is None:
        return None
    from .dicom.emit.package import check_same_images
    from .dicom.series import read_series

    volume = read_series(asked.series)
    check_same_images(assessment, volume)
    return volume


def _fhir(asked: Asked) -> str:
    from .fhir.emit.kept import bundle_text

    if not asked.patient:
        allowed = "Patient/<id>, the URL of a Patient, or system|value"
        raise MissingField("command line", "--patient", "nothing", allowed, "Say whom the report is about.")
    return bundle_text(asked.decision, asked.patient, asked.base, asked.store)


def _dicom(asked: Asked, assessment: Assessment, signed: Signed | None) -> str:
    from .dicom.emit.package import Wanted, write_report
    from .dicom.emit.report import Told

    told = Told(datetime.now(UTC).astimezone(), asked.reader, asked.institution)
    wanted = Wanted(asked.series, asked.sr, asked.seg, asked.drawn, asked.replaces)
    return "\n".join(f"wrote {path}" for path in write_report(assessment, wanted, told, signed=signed))


def _pdf(asked: Asked, assessment: Assessment, signed: Signed | None) -> str:
    from .report.pdf import report_pdf

    path = asked.pdf or Path()
    content = report_pdf(assessment, _volume(asked, assessment), signed, asked.language)
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
