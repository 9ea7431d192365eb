"""Findings in from a DICOM structured report: TID 1500 Measurement Report (PS3.16), by its coded concepts.

It is a reader's form: what it does not mention was not seen, not "not looked at". That convention
is the case format's and is applied by whoever makes a case of the findings, not here. It must not be
applied to what a report does say in words that could not be read: those are in ``Origin.unread``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...engine.types import Exam, Finding, Indication, Source, SourceKind
from .coded import Code, Codes, shipped_codes
from .content import Item, Segment, tree_of
from .findings_errors import NoMeasurementGroups, NotAReport, OtherTemplate
from .groups import Group, Lesion, group_of, lesions_of
from .headers import Header, label
from .objects import DicomObject, date_in, opened_object
from .own import OwnExam, exam_of, is_evaluations, name_of
from .statements import Said, said_of

FORM: Final = "reader"  # absent means not present, by the convention of the case format
MEASURED: Final = "measurement"  # absent means not assessed: an own report that says so
UNSAID: Final = "what is not mentioned was not assessed, as the report says"
_REPORTS: Final = "1.2.840.10008.5.1.4.1.1.88."  # the SOP classes of structured reports (PS3.4 B.5)
_TEMPLATE: Final = "1500"
_SHOWN: Final = 8  # how much of what was not read a note names; ``Origin.unread`` has all


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a finding of the same place in ``SrReport.findings`` comes from, and what of it was not read."""

    tracking_id: str
    tracking_uid: str
    groups: tuple[int, ...]
    segments: tuple[Segment, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SrReport:
    """A report: its findings, where each comes from, and the exam it is about with notes on what was met."""

    exam: Exam
    findings: tuple[Finding, ...]
    origins: tuple[Origin, ...]
    form: str = FORM


def read_sr(path: Path) -> tuple[Finding, ...]:
    """The findings of the TID 1500 report at ``path``; see ``read_sr_report``."""
    return read_sr_report(path).findings


def read_sr_report(path: Path) -> SrReport:
    """Read the TID 1500 report in one file (or an archive that holds nothing else).

    Lengths become mm, volumes mm3, as exact decimals; another unit leaves the size unknown. The same
    quantity stated differently is unknown. Facts carry the report's content date.

    Raises:
        InputError: a leaf of ``findings_errors.py`` or, for the file itself, of ``errors.py``.
    """
    with opened_object(path) as found:
        return _report(found, _root(found, shipped_codes()), shipped_codes())


def _root(found: DicomObject, codes: Codes) -> Item:
    if not found.kind.startswith(_REPORTS):
        raise NotAReport(
            found.header.where,
            label("SOPClassUID"),
            found.kind_in_words,
            "a structured report",
            "Give the SR object of the exam.",
        )
    root = tree_of(found.header)
    template = [item.text("TemplateIdentifier") for item in found.header.items("ContentTemplateSequence")]
    if codes.role(root.name) != "report" or template not in ([], [_TEMPLATE]):
        raise OtherTemplate(
            found.header.where,
            label("ConceptNameCodeSequence"),
            f"{root.name or 'a report without a title'}" + (f", template {', '.join(template)}" if template else ""),
            "Imaging Measurement Report (DCM 126000), template 1500",
            "Send the measurements as TID 1500.",
        )
    return root


def _report(found: DicomObject, root: Item, codes: Codes) -> SrReport:
    header = found.header
    when = date_in(header, "ContentDate")
    own = exam_of(root, Source(SourceKind.REPORT, f"SR {found.uid}", when))
    lesions = lesions_of(_groups(root, codes, header.where, own), header.where)
    kinds = [_kind(lesion, codes) for lesion in lesions]
    said = [
        said_of(lesion, kind, codes, found.uid, when, header.where) for lesion, kind in zip(lesions, kinds, strict=True)
    ]
    read = list(zip(lesions, kinds, said, strict=True))
    exam = Exam(
        date=date_in(header, "StudyDate"),
        indication=own.indication if own else Indication.UNKNOWN,
        facts=own.facts if own else {},
        study_uid=header.text("StudyInstanceUID"),
        notes=(*_notes_on_document(header), *_notes_on_content(root, codes), *_notes_on_findings(read)),
    )
    silent = own is not None and not own.silence_is_absence
    origins = tuple(_origin(one, what, (UNSAID,) if silent else ()) for one, _, what in read)
    return SrReport(exam, tuple(_finding(*one) for one in read), origins, MEASURED if silent else FORM)


def _groups(root: Item, codes: Codes, where: str, own: OwnExam | None) -> list[Group]:
    containers = [item for item in root.below if codes.role(item.name) == "measurements"]
    items = [item for container in containers for item in container.below if codes.role(item.name) == "group"]
    if not items and own is None:  # an own report of an exam without findings has none
        raise NoMeasurementGroups(
            where,
            "Imaging Measurements (126010, DCM)",
            "no Measurement Group (125007, DCM)",
            "at least one",
            "Give the report that holds the measurements.",
        )
    return [group_of(item, number, codes, where) for number, item in enumerate(items, start=1)]


def _kind(lesion: Lesion, codes: Codes) -> str:
    finding = next((group.finding for group in lesion.groups if group.finding), None)
    own = next((group.marks.kind for group in lesion.groups if group.marks), None)
    return own if own is not None else codes.kind(finding, [site for group in lesion.groups for site in group.sites])


def _finding(lesion: Lesion, kind: str, said: Said) -> Finding:
    return Finding(
        tracking_id=lesion.tracking_id,
        kind=kind,
        facts=said.facts,
        position_mm=next((group.position_mm for group in lesion.groups if group.position_mm), None),
        location=next((group.location for group in lesion.groups if group.location), ""),
    )


def _origin(lesion: Lesion, said: Said, unsaid: tuple[str, ...]) -> Origin:
    return Origin(
        tracking_id=lesion.tracking_id,
        tracking_uid=lesion.groups[0].uid,
        groups=tuple(group.number for group in lesion.groups),
        segments=tuple(group.segment for group in lesion.groups if group.segment),
        unread=(*said.unread_counted, *unsaid),
    )


def _notes_on_document(header: Header) -> Iterator[str]:
    if header.text("CompletionFlag") == "PARTIAL":
        yield "the report says that it is partial"
    if header.text("VerificationFlag") != "VERIFIED":
        yield "the report is not verified"
    if header.text("PreliminaryFlag") == "PRELIMINARY":
        yield "the report is preliminary"
    if header.items("PredecessorDocumentsSequence"):
        yield "the report replaces or continues an earlier one"


def _notes_on_content(root: Item, codes: Codes) -> Iterator[str]:
    """What stands beside the groups: coded answers about the whole exam, measurements outside of any group."""
    ours = any(name_of(below.name) for item in root.below if is_evaluations(item) for below in item.below)
    for item in root.below:
        if isinstance(item.value, Code) and item.relationship != "HAS OBS CONTEXT" and codes.role(item.name) is None:
            yield f"the report states {item.name} = {item.value}"
        for below in item.below if item.kind == "CONTAINER" else ():
            own = name_of(below.name) or (is_evaluations(item) and ours)
            if below.kind in ("NUM", "CODE", "TEXT") and codes.role(below.name) is None and not own:
                value = f" = {below.value}" if isinstance(below.value, Code) else ""
                yield f"not read, as it stands outside of a measurement group: {below.name}{value}"


def _notes_on_findings(read: Sequence[tuple[Lesion, str, Said]]) -> Iterator[str]:
    for lesion, _, said in read:
        for note in dict.fromkeys(said.notes):
            yield f"{lesion.tracking_id}: {note}"
        if said.unread:
            some, more = said.unread_counted[:_SHOWN], len(said.unread_counted) - _SHOWN
            yield f"{lesion.tracking_id}: not read: {'; '.join(some)}" + (f"; and {more} more" if more > 0 else "")
