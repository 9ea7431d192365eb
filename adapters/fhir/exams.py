"""Which resources are exams of the chest by CT, or of the liver: made, or asked for.

hl7.org/fhir/R4: diagnosticreport, imagingstudy, procedure, observation, servicerequest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .bundle import Record, Resource
from .coding import Code, code_of, codings, objects
from .vocabulary import ExamCodes, Vocabulary
from .when import When, stated

CHEST, LIVER = "chest", "liver"
DATED_BY = {
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod", "issued"),
    "ImagingStudy": ("started",),
    "Observation": ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued"),
    "Procedure": ("performedDateTime", "performedPeriod"),
}
NOT_DONE = (
    "entered-in-error",
    "cancelled",
    "registered",
    "preparation",
    "not-done",
    "in-progress",
    "on-hold",
    "stopped",
)
REVOKED = ("revoked", "entered-in-error", "draft")


class Exam(NamedTuple):
    """A resource on an exam. ``when``: the day it was made, or the day it was asked for."""

    reference: str
    resource: Resource
    region: str  # CHEST or LIVER; an exam of both stands twice
    name: str  # in the words of the value set
    when: When | None


def made(record: Record, vocabulary: Vocabulary) -> Iterator[Exam]:
    """Every exam that was made, at whatever time."""
    for reference, resource in record.of(*DATED_BY):
        for region, name in names(resource, vocabulary):  # asked first: most of a record is no exam
            if resource.get("status") not in NOT_DONE:
                when = stated(resource, *DATED_BY[resource["resourceType"]])
                yield Exam(reference, resource, region, name, when)


def ordered(record: Record, vocabulary: Vocabulary) -> Iterator[Exam]:
    """Every exam that was asked for, and whose order stands."""
    for reference, resource in record.of("ServiceRequest"):
        if resource.get("status") not in REVOKED and resource.get("doNotPerform") is not True:
            when = stated(resource, "authoredOn")
            yield from (Exam(reference, resource, *named, when) for named in names(resource, vocabulary))


def names(resource: Resource, vocabulary: Vocabulary) -> tuple[tuple[str, str], ...]:
    """(region, exam in words) of a resource; none where it is no such exam."""
    if resource["resourceType"] == "Observation":
        other = vocabulary.category_codes.isdisjoint(codings(resource.get("code")))
        return () if other else ((CHEST, "Lung-RADS category"),)
    found = ((CHEST, _chest(resource, vocabulary)), (LIVER, _liver(resource, vocabulary.liver)))
    return tuple((region, name) for region, name in found if name)


def _chest(resource: Resource, vocabulary: Vocabulary) -> str | None:
    named = next((vocabulary.exams[code] for code in _codes(resource) if code in vocabulary.exams), None)
    if named or resource["resourceType"] != "ImagingStudy":
        return named
    return "CT of the chest" if any(_of_chest(s, vocabulary) for s in objects(resource.get("series"))) else None


def _liver(resource: Resource, codes: ExamCodes) -> str | None:
    named = next((codes.exams[code] for code in _codes(resource) if code in codes.exams), None)
    if named or resource["resourceType"] != "ImagingStudy":
        return named
    series = next((s for s in objects(resource.get("series")) if _of_liver(s, codes)), None)
    return f"{code_of(series.get('modality'))[1]} of the liver or abdomen" if series else None


def _codes(resource: Resource) -> Iterator[Code]:
    study = resource["resourceType"] == "ImagingStudy"
    for concept in objects(resource.get("procedureCode")) if study else [resource.get("code")]:
        yield from codings(concept)


def _of_chest(series: Resource, vocabulary: Vocabulary) -> bool:
    by_ct = code_of(series.get("modality"))[1] == vocabulary.modality
    return by_ct and code_of(series.get("bodySite")) in vocabulary.sites


def _of_liver(series: Resource, codes: ExamCodes) -> bool:
    return code_of(series.get("modality"))[1] in codes.modalities and code_of(series.get("bodySite")) in codes.sites
