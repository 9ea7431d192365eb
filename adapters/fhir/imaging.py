"""DiagnosticReport, ImagingStudy, Procedure, ServiceRequest -> earlier exams with category, and what was recommended.

hl7.org/fhir/R4: diagnosticreport (conclusion), servicerequest (intent, occurrence[x], authoredOn). Free text is read
for two things alone, a category of Lung-RADS or LI-RADS and an interval to the next exam, and only where it names
exactly one. The text itself is never carried on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from .bundle import Record, Resource
from .coding import code_of, codings, objects
from .observations import SETTLED
from .prior_exams import DATED_BY, NOT_DONE, Made, category_of, chest_exam
from .vocabulary import ExamCodes, Vocabulary
from .when import When, stated, whole_months

# "LR-4", "LI-RADS 5", "LI-RADS category: LR-TIV", "LI-RADS US-2"; a version ("LI-RADS v2018") is no category
LI_RADS = re.compile(
    r"(?:\bLI[- ]?RADS(?:®)?\s*(?:v(?:ersion)?\.?\s*)?(?:2011|2013|2014|2017|2018|2024)?[\s,:;-]*"
    r"(?:category|score)?[\s:=-]*(?:LR[- ]?)?|\bLR[- ]?)"
    r"(TR[- ](?:nonviable|equivocal|viable|nonprogressing)|TIV|NC|M|[1-5]|US[- ]?[1-3])(?!\w)(?!\.\d)",
    re.IGNORECASE,
)
_AMOUNT = r"(\d{1,2})(?:\s*(?:-|–|to|or)\s*(\d{1,2}))?[\s-]*(week|month|year)s?\b"
_EXAM = r"(?:follow[- ]?up|surveillance|screening|repeat|imaging|LDCT|CT|MRI?|ultrasound)"
# "follow-up CT in 6 months", "repeat MRI in 3 to 6 months", "6-month follow-up LDCT"
INTERVALS = (
    re.compile(rf"\b{_EXAM}\b[^.;\d]{{0,40}}?\b(?:in|at|after|within)\s+{_AMOUNT}", re.IGNORECASE),
    re.compile(rf"(?<![\w.]){_AMOUNT}[\s-]+{_EXAM}\b", re.IGNORECASE),
)
MONTHS = {"month": 1, "year": 12}
REVOKED = ("revoked", "entered-in-error", "draft")


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A stated next exam. ``months``: least and greatest interval from the statement; ``due``: the days it names."""

    months: tuple[int, int] | None
    due: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class Imaging:
    """One statement on imaging by the day of the exam. ``asked_for``: it was requested, not necessarily made."""

    reference: str
    first: date
    last: date
    region: str  # "chest" or "liver"
    exam: str  # in the words of the value set
    category: str | None = None  # "Lung-RADS 4A", "LI-RADS 5", "LI-RADS TIV"
    recommendation: Recommendation | None = None
    asked_for: bool = False


def imaging(
    record: Record, chest: Iterable[Made], vocabulary: Vocabulary, exam_date: date | None
) -> tuple[Imaging, ...]:
    """Every exam of ``chest`` or of the liver before the exam's day, oldest first; without an exam date, all."""
    made = [("chest", one) for one in chest] + [("liver", one) for one in _liver_exams(record, vocabulary.liver)]
    found = [*_made(made, vocabulary), *_asked_for(record, vocabulary)]
    return tuple(sorted((i for i in found if exam_date is None or i.last < exam_date), key=lambda i: i.first))


def _made(exams: Iterable[tuple[str, Made]], vocabulary: Vocabulary) -> Iterator[Imaging]:
    for region, (reference, resource, exam, when) in exams:
        if when:
            category = _category(region, resource, vocabulary)
            advice = _advice(resource.get("conclusion")) if resource.get("status") in SETTLED else None
            yield Imaging(reference, when.first, when.last, region, exam, category, advice)


def _liver_exams(record: Record, codes: ExamCodes) -> Iterator[Made]:
    for kind in ("DiagnosticReport", "ImagingStudy", "Procedure"):
        for reference, resource in record.of(kind):
            exam = _liver_exam(kind, resource, codes)
            if exam and resource.get("status") not in NOT_DONE:
                yield Made(reference, resource, exam, stated(resource, *DATED_BY[kind]))


def _asked_for(record: Record, vocabulary: Vocabulary) -> Iterator[Imaging]:
    for reference, resource in record.of("ServiceRequest"):
        for region, exam in _ordered(resource, vocabulary):
            written = stated(resource, "authoredOn")
            if written and resource.get("status") not in REVOKED and resource.get("doNotPerform") is not True:
                due = stated(resource, "occurrenceDateTime", "occurrencePeriod")
                advice = Recommendation(_months_between(written, due), (due.first, due.last)) if due else None
                yield Imaging(reference, written.first, written.last, region, exam, None, advice, asked_for=True)


def _months_between(written: When, due: When) -> tuple[int, int] | None:
    if due.first <= written.last:
        return None
    return whole_months(written.last, due.first), whole_months(written.first, due.last)


def _ordered(resource: Resource, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    found = {
        "chest": chest_exam("ServiceRequest", resource, vocabulary),
        "liver": _liver_exam("ServiceRequest", resource, vocabulary.liver),
    }
    yield from ((region, exam) for region, exam in found.items() if exam)


def _liver_exam(kind: str, resource: Resource, codes: ExamCodes) -> str | None:
    concepts = list(objects(resource.get("procedureCode"))) if kind == "ImagingStudy" else [resource.get("code")]
    named = next((codes.exams[code] for concept in concepts for code in codings(concept) if code in codes.exams), None)
    if named or kind != "ImagingStudy":
        return named
    series = next((s for s in objects(resource.get("series")) if _of_liver(s, codes)), None)
    return f"{code_of(series.get('modality'))[1]} of the liver or abdomen" if series else None


def _of_liver(series: Resource, codes: ExamCodes) -> bool:
    return code_of(series.get("modality"))[1] in codes.modalities and code_of(series.get("bodySite")) in codes.sites


def _category(region: str, resource: Resource, vocabulary: Vocabulary) -> str | None:
    if region == "chest":
        category = category_of(resource, vocabulary)
        return f"Lung-RADS {category}" if category else None
    text = resource.get("conclusion")
    if resource.get("status") not in SETTLED or not isinstance(text, str):
        return None
    named = {match[1].upper().replace(" ", "-") for match in LI_RADS.finditer(text)}
    return f"LI-RADS {named.pop()}" if len(named) == 1 else None


def _advice(text: object) -> Recommendation | None:
    """The interval to the next exam that a conclusion names, if it names exactly one."""
    if not isinstance(text, str):
        return None
    named = {_in_months(match) for pattern in INTERVALS for match in pattern.finditer(text)}
    months = named.pop() if len(named) == 1 else None
    return Recommendation(months) if months else None


def _in_months(match: re.Match[str]) -> tuple[int, int] | None:
    """Weeks are no whole months: they are not rounded, so the interval stays unread."""
    low, high, unit = int(match[1]), int(match[2] or match[1]), match[3].lower()
    return (low * MONTHS[unit], high * MONTHS[unit]) if unit in MONTHS and 0 < low <= high else None
