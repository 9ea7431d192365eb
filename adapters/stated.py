"""Findings that somebody already made, from a JSON case, a DICOM SR or a DICOM SEG -> exam and findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import BadValue, InputError, NotReadable, TooLarge
from ..engine.guideline.load import Guideline
from ..engine.types import Belief, Facts, Finding, Indication, Known, Source, SourceKind
from . import cases

if TYPE_CHECKING:
    from ..engine.perception.volume import Volume

LARGEST_FILE = 64 * 1024 * 1024  # bytes; an SR or a case is kilobytes, a SEG of a whole chest a few megabytes
PLAIN, ANY = "findings.json", "findings file"  # what a source is called; a file's own name may be a patient's
REPORT = "structured report"
BESIDE = ("position_mm", "upper_lobe")  # what a finding of `assess` may add to the form of the cases


@dataclass(frozen=True, slots=True)
class Stated:
    """What a findings file says: facts of the exam, findings, date and indication if it gives them, notes."""

    exam: Facts
    findings: tuple[Finding, ...]
    date: date | None = None
    indication: Indication | None = None
    notes: tuple[str, ...] = ()
    assessed: tuple[str, ...] = ()  # kinds of finding that the source looked for


def read_findings(path: Path, guideline: Guideline, volume: Volume | None = None) -> Stated:
    """A findings file of any of the three kinds; which one it is, its content says.

    Sources, which are kept with the decision, call it ``findings.json`` or "findings file": people put names of
    patients into names of files, and no erasure would find them there. Errors name the file.

    Raises:
        InputError: the file is none of them, is broken, or says what the form does not allow.
    """
    head, called = _head(path), PLAIN if path.name == PLAIN else ANY
    if head[128:132] == b"DICM":
        return _from_dicom(path, guideline, volume)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        cure = "Give a JSON case, a DICOM SR or a DICOM SEG."
        raise NotReadable(path.name, "", "neither DICOM nor UTF-8 text", "JSON, SR or SEG", cure) from error
    case = cases.parse(text, path.name)
    try:
        return from_case(case, guideline, called)
    except InputError as error:
        error.where = error.where.replace(called, path.name, 1)
        raise


def _head(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(132)
    except OSError as error:
        raise NotReadable(
            str(path), "", error.strerror or "an unreadable file", "a readable file", "Check it."
        ) from error
    if size > LARGEST_FILE:
        raise TooLarge(path.name, "", f"{size} bytes", f"at most {LARGEST_FILE}", "Is this a findings file?")
    return head


def _from_dicom(path: Path, guideline: Guideline, volume: Volume | None) -> Stated:
    from .dicom.objects import opened_object
    from .dicom.seg import SEGMENTATIONS, read_seg_report
    from .dicom.sr import FORM as READERS
    from .dicom.sr import read_sr_report

    with opened_object(path) as found:
        is_seg = found.kind in SEGMENTATIONS
    if is_seg:  # outlines measure; they say nothing of features, not even that there are none
        seg = read_seg_report(path, volume)
        return Stated(seg.exam.facts, seg.findings, seg.exam.date, notes=seg.exam.notes)
    report = read_sr_report(path)
    filled = tuple(
        finding if origin.unread else _by_convention(finding, guideline, REPORT)
        for finding, origin in zip(report.findings, report.origins, strict=True)
    )
    read = report.exam
    facts = cases.by_convention(guideline, "exam", read.facts, REPORT) if report.form == READERS else read.facts
    indication = None if read.indication is Indication.UNKNOWN else read.indication
    return Stated(facts, filled, read.date, indication, notes=read.notes)


def _by_convention(finding: Finding, guideline: Guideline, where: str) -> Finding:
    """A finding of a reader's form; one that holds statements in unknown codes may state the very feature."""
    facts = cases.by_convention(guideline, "finding", finding.facts, f"{where} {finding.tracking_id}")
    return replace(finding, facts=facts)


def from_case(case: Any, guideline: Guideline, where: str) -> Stated:
    """A JSON case of the reader's form; ``exam.indication`` and, per finding, ``BESIDE`` may stand beside it."""
    section = guideline.head["findings"]["section"]
    beside: dict[str, Mapping[str, Any]] = {}
    plain = case
    indication = None
    if isinstance(case, dict):
        plain = dict(case)
        if isinstance(case.get("exam"), dict):
            plain["exam"] = {k: v for k, v in case["exam"].items() if k != "indication"}
            indication = _indication(case["exam"].get("indication"), where)
        if isinstance(case.get(section), list):
            places = ((f"{section}[{n}]", item) for n, item in enumerate(case[section]) if isinstance(item, dict))
            beside = {str(item.get("tracking_id", place)): item for place, item in places}
            plain[section] = [_without(item) for item in case[section]]
    read = cases.read(plain, guideline, where)
    kind = guideline.head["findings"]["kind"]
    findings = tuple(_finding(name, kind, facts, beside.get(name, {}), where) for name, facts in read.findings)
    return Stated(read.exam, findings, read.exam_date, indication, assessed=(kind,) if read.assessed else ())


def _without(item: Any) -> Any:
    return {k: v for k, v in item.items() if k not in BESIDE} if isinstance(item, dict) else item


def _indication(value: Any, where: str) -> Indication | None:
    if value is None:
        return None
    if value not in list(Indication):
        raise BadValue(where, "exam.indication", cases.brief(value), ", ".join(Indication), "Use one of these.")
    return Indication(value)


def _finding(name: str, kind: str, facts: Facts, beside: Mapping[str, Any], where: str) -> Finding:
    position, lobe = beside.get("position_mm"), beside.get("upper_lobe")
    if lobe not in (None, True, False):
        raise BadValue(where, f"{name}.upper_lobe", cases.brief(lobe), "true, false or null", "Correct it.")
    known: dict[str, Belief] = dict(facts)
    if lobe is not None:
        known["upper_lobe"] = Known(lobe, Source(SourceKind.HUMAN, f"{where} {name}.upper_lobe"))
    location = facts.get("location")
    words = str(location.value) if isinstance(location, Known) else ""
    return Finding(name, kind, known, _position(position, f"{name}.position_mm", where), words)


def _position(value: Any, field: str, where: str) -> tuple[float, float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(v, Decimal) for v in value):
        raise BadValue(
            where, field, cases.kind_of(value), "[x, y, z] in mm, patient coordinates", "Give three numbers."
        )
    x, y, z = (float(v) for v in value)
    return x, y, z
