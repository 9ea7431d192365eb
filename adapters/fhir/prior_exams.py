"""DiagnosticReport, ImagingStudy, Procedure and Observation -> earlier chest CTs, with a category where one is stated.

hl7.org/fhir/R4: diagnosticreport, imagingstudy, procedure, observation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from ...engine.types import PriorExam, Source, SourceKind
from .bundle import Record, Resource
from .coding import code_of, codings, objects
from .observations import SETTLED
from .vocabulary import Vocabulary
from .when import When, stated

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
# "Lung-RADS 4A", "LungRADS v2022 category: 3S"; a version number is not taken for a category
IN_WORDS = re.compile(
    r"lung[- ]?rads(?:®)?\s*(?:v(?:ersion)?\.?\s*)?(?:2022|2019|2014|1\.[01])?[\s,:;-]*"
    r"(?:assessment\s+)?(?:category|score)?[\s:=-]*(4[ABX]|[0-3])S?(?![\w])(?!\.\d)",
    re.IGNORECASE,
)


class Made(NamedTuple):
    """A resource on an exam that was made."""

    reference: str
    resource: Resource
    exam: str  # in the words of the value set
    when: When | None


def chest_exams(record: Record, vocabulary: Vocabulary) -> tuple[Made, ...]:
    """Every chest CT that was made, at whatever time."""
    return tuple(_candidates(record, vocabulary))


def prior_exams(
    made: Iterable[Made], vocabulary: Vocabulary, exam_date: date | None
) -> tuple[tuple[PriorExam, ...], int]:
    """Chest CTs before the exam's day, oldest first, one for a day; and how many do not state their day.

    Without an exam date none can be told from the exam itself. Of several resources of one day (report,
    study, procedure) the one with a category speaks, else the report.
    """
    if exam_date is None:
        return (), 0
    by_day: dict[date, list[PriorExam]] = {}
    undated = 0
    for reference, resource, description, when in made:
        if when is None or when.day is None:
            undated += 1
        elif when.day < exam_date:
            source = Source(SourceKind.RECORD, reference, when.day)
            exam = PriorExam(when.day, description, category_of(resource, vocabulary), source)
            by_day.setdefault(when.day, []).append(exam)
    return tuple(_one(by_day[day]) for day in sorted(by_day)), undated


def _one(of_day: list[PriorExam]) -> PriorExam:
    categories = {exam.category for exam in of_day if exam.category is not None}
    speaker = min(of_day, key=lambda exam: (exam.category is None, not exam.source.reference.startswith("Diagnostic")))
    if len(categories) > 1:  # two statements of one day that differ: none is taken
        return PriorExam(
            speaker.date, f"{speaker.description} (categories contradict each other)", None, speaker.source
        )
    return speaker


def _candidates(record: Record, vocabulary: Vocabulary) -> Iterator[Made]:
    for reference, resource in record.of(*DATED_BY):
        kind = resource["resourceType"]
        description = chest_exam(kind, resource, vocabulary)
        if description and resource.get("status") not in NOT_DONE:
            yield Made(reference, resource, description, stated(resource, *DATED_BY[kind]))


def chest_exam(kind: str, resource: Resource, vocabulary: Vocabulary) -> str | None:
    """The exam in the words of the value set, or None where it is no chest CT."""
    if kind == "Observation":
        is_category = any(code in vocabulary.category_codes for code in codings(resource.get("code")))
        return "Lung-RADS category" if is_category else None
    concepts = list(objects(resource.get("procedureCode"))) if kind == "ImagingStudy" else [resource.get("code")]
    for concept in concepts:
        for code in codings(concept):
            if code in vocabulary.exams:
                return vocabulary.exams[code]
    return "CT of the chest" if kind == "ImagingStudy" and _images_the_chest(resource, vocabulary) else None


def _images_the_chest(resource: Resource, vocabulary: Vocabulary) -> bool:
    return any(
        code_of(series.get("modality"))[1] == vocabulary.modality
        and code_of(series.get("bodySite")) in vocabulary.sites
        for series in objects(resource.get("series"))
    )


def category_of(resource: Resource, vocabulary: Vocabulary) -> str | None:
    """The Lung-RADS category that a report or Observation states, if exactly one."""
    if resource.get("status") not in SETTLED:
        return None
    if resource["resourceType"] == "Observation":
        return _coded_category(resource, vocabulary) or _in_words(_text(resource))
    return _in_words(resource.get("conclusion")) if resource["resourceType"] == "DiagnosticReport" else None


def _coded_category(resource: Resource, vocabulary: Vocabulary) -> str | None:
    codes = {code.upper() for _, code in codings(resource.get("valueCodeableConcept"))}
    stated_ones = codes & set(vocabulary.categories)
    return stated_ones.pop() if len(stated_ones) == 1 else None


def _text(resource: Resource) -> object:
    concept = resource.get("valueCodeableConcept")
    return concept.get("text") if isinstance(concept, dict) else resource.get("valueString")


def _in_words(text: object) -> str | None:
    """The category that a text names, if it names exactly one."""
    named = {match[1].upper() for match in IN_WORDS.finditer(text)} if isinstance(text, str) else set()
    return named.pop() if len(named) == 1 else None
