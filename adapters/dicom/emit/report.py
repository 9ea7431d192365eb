"""A decision as a Comprehensive 3D SR with the template Measurement Report (PS3.16 TID 1500).

Unverified and preliminary until a human signs; then verified with that observer, complete and final. A correction names
the report whose place it takes. UIDs follow from the content: the same decision, told the same way at the same moment,
is the same instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ....engine.errors import BadValue, Contradiction, MissingField
from ....engine.record import Assessment
from ...report.overridden import set_aside
from ...report.signed import Signed
from ...store.errors import Superseded
from ..coded import Code
from . import items
from .evidence import Evidence
from .exam import evaluations
from .lesions import SegmentAt, Telling, groups
from .segment_places import segments_of
from .stamp import instance_of, moment
from .uids import device_uid, uid_of
from .vocabulary import shipped_vocabulary
from .wording import line, person

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

TITLE: Final = Code("DCM", "126000", "Imaging Measurement Report")
MEASUREMENTS: Final = Code("DCM", "126010", "Imaging Measurements")
LANGUAGE: Final = Code("DCM", "121049", "Language of Content Item and Descendants")
COUNTRY: Final = Code("DCM", "121046", "Country of Language")
ENGLISH: Final = Code("RFC5646", "en", "English")
PROCEDURE: Final = Code("DCM", "121058", "Procedure reported")
MANUFACTURER: Final = "radlogic"
SERIES_NUMBER: Final = 9001  # scanners count from 1; a report must not look like one of their series


@dataclass(frozen=True, slots=True)
class Told:
    """By whom and when a report is told: ``at`` is its content date and time, aware or in the images' local time.

    ``reader``: the person whose statements the findings are, if known ("Family^Given"), an observer of a signed report
    alone; ``institution``: where.
    """

    at: datetime
    reader: str = ""
    institution: str = ""


def report_sr(
    assessment: Assessment,
    evidence: Evidence,
    told: Told,
    *,
    signed: Signed | None = None,
    segmentation: Dataset | None = None,
    predecessors: Sequence[Dataset] = (),
) -> Dataset:
    """The report of a decision on the images of ``evidence``.

    ``segmentation``: what ``report_seg`` made of the same lesions; their groups refer to it. ``predecessors``: headers
    of the reports that this one takes the place of (the preliminary one, or the corrected one).

    Raises:
        Contradiction: the decision is about another study or another day than the images.
        MissingField: a correction without the report that it corrects, a signature without an institution.
        Superseded: another decision took the place of the signed one: a verified, final report of it would pass for
            the one that stands.
        BadValue: a statement that DICOM cannot hold.
        MissingExtra: highdicom is not installed.
    """
    items.highdicom_sr()
    check_same_exam(assessment, evidence)
    check_stands(assessment, signed.replaced_by if signed else "")
    check_signature(signed, told, predecessors)
    masks = segments_of(segmentation)
    content = _root(assessment, evidence, told, signed, masks)
    return _document(assessment, evidence, told, signed, content, segmentation, predecessors)


def check_same_exam(assessment: Assessment, evidence: Evidence) -> None:
    """Refuse images of another study or another day than the decision's.

    Raises:
        Contradiction: they are.
    """
    exam = assessment.record.case.exam
    if exam.study_uid and exam.study_uid != evidence.study_uid:
        raise Contradiction(
            evidence.where, "StudyInstanceUID", "another study than the decision's", "the same", "Give its images."
        )
    if exam.date and evidence.study_date and exam.date != evidence.study_date:
        raise Contradiction(evidence.where, "StudyDate", "another day than the exam's", "the same", "Give its images.")


def check_stands(assessment: Assessment, replaced_by: str) -> None:
    """Refuse a decision whose place another one took: DICOM has no flag that says so of a report (PS3.3 C.17.2).

    A report that was stored while it stood is told to be replaced by its successor's PredecessorDocumentsSequence.

    Raises:
        Superseded: ``replaced_by`` names the other one.
    """
    if replaced_by:
        where, found = f"decision {assessment.record.decision_id}", f"superseded by {replaced_by}"
        cure = "Report that one, naming this one's report as replaced."
        raise Superseded(where, "", found, "a decision that stands", cure, replaced_by)


def check_signature(signed: Signed | None, told: Told, predecessors: Sequence[Dataset]) -> None:
    """What the standard wants of a verified report (PS3.3 C.17.2).

    Raises:
        MissingField, BadValue: it is not there, or cannot be written.
    """
    if signed is None:
        return
    if not person(signed.by):
        raise BadValue("DICOM report", "signed.by", "no name", "a name of a person or account", "Name the signer.")
    if not line(told.institution):
        found = "a signature without an institution"
        cure = "State the institution that the signer answers to."
        raise MissingField("DICOM report", "institution", found, "a name (VerifyingOrganization, type 1)", cure)
    if signed.replaces and not predecessors:
        found = "a correction without the report that it corrects"
        raise MissingField("DICOM report", "predecessors", found, "the earlier report", "Give the file of that report.")


def _root(
    assessment: Assessment,
    evidence: Evidence,
    told: Told,
    signed: Signed | None,
    masks: dict[str, SegmentAt],
) -> Dataset:
    record = assessment.record
    aside = tuple(g.application.guideline for g in set_aside(assessment.decision, signed))
    telling = Telling(assessment.decision, record, evidence, masks, aside)
    measured = [group for finding in record.case.findings for group in groups(finding, telling)]
    modality = str(evidence.images[0].get("Modality") or "CT")
    below = [
        items.answer(LANGUAGE, ENGLISH, items.MODIFIER),
        *_observers(record.engine_version, told, signed),
        items.answer(PROCEDURE, _procedure(modality, evidence), items.MODIFIER),
        *([items.container(MEASUREMENTS, measured)] if measured else []),
        evaluations(assessment, signed, line(told.reader)),
    ]
    return items.container(TITLE, below, template="1500", relationship="")


def _procedure(modality: str, evidence: Evidence) -> Code:
    known = shipped_vocabulary().procedures
    if modality not in known:
        found, allowed = f"modality {modality[:16]}", ", ".join(known)
        raise BadValue(evidence.where, "Modality", found, allowed, "Give the images that were assessed.")
    return known[modality].concept


def _observers(version: str, told: Told, signed: Signed | None) -> Iterable[Any]:
    """TID 1001: the persons who signed and read, once somebody signed; and this program.

    A Person observer (TID 1002, 1003) is who made the observations of this document. Until a human signs no human did:
    the program put them together, and that a reader stated some of them is said in words.
    """
    sr = items.highdicom_sr()
    people = (person(signed.by), person(told.reader)) if signed else ()
    names = dict.fromkeys(name for name in people if name)
    for name in names:
        about = sr.PersonObserverIdentifyingAttributes(name, organization_name=line(told.institution) or None)
        yield from sr.ObserverContext(items.concept(Code("DCM", "121006", "Person")), about)
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=device_uid(version), name=MANUFACTURER, manufacturer_name=MANUFACTURER, model_name=f"radlogic {version}"
    )
    yield from sr.ObserverContext(items.concept(Code("DCM", "121007", "Device")), device)


def _own_scheme() -> Any:
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    scheme = shipped_vocabulary().scheme
    return CodingSchemeIdentificationItem(
        scheme.designator, scheme.name, scheme.version, responsible_organization=scheme.organization
    )


def _document(
    assessment: Assessment,
    evidence: Evidence,
    told: Told,
    signed: Signed | None,
    content: Dataset,
    segmentation: Dataset | None,
    predecessors: Sequence[Dataset],
) -> Dataset:
    sr, record = items.highdicom_sr(), assessment.record
    at = evidence.local(told.at)
    stage = "signed" if signed else "preliminary"
    made: Dataset = sr.Comprehensive3DSR(
        [*evidence.images, *([segmentation] if segmentation is not None else [])],
        content,
        uid_of("SR series", evidence.study_uid, record.decision_id),
        SERIES_NUMBER,
        uid_of("SR", "to be stamped"),
        1,
        MANUFACTURER,
        is_complete=signed is not None,
        is_final=signed is not None,
        is_verified=signed is not None,
        institution_name=line(told.institution) or None,
        verifying_observer_name=person(signed.by) if signed else None,
        verifying_organization=line(told.institution) if signed else None,
        previous_versions=list(predecessors) or None,
        manufacturer_model_name="radlogic",
        software_versions=line(record.engine_version) or "unknown",
        series_description=f"radlogic report, {stage}",
        content_date=at.date(),
        content_time=at.time(),
        specific_character_set="ISO_IR 192",
        coding_schemes=[_own_scheme()],
    )
    if signed is not None:
        made.VerifyingObserverSequence[0].VerificationDateTime = moment(signed.at)
    return instance_of(made, "SR", evidence, at)
