"""Earlier exams of chest and liver, each with its category and what was recommended; and what was asked for.

hl7.org/fhir/R4: diagnosticreport (conclusion), observation (value[x]), servicerequest (intent, occurrence[x],
authoredOn).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from .bundle import Record, Resource
from .coding import codings
from .conclusions import interval, li_rads, lung_rads
from .exams import CHEST, Exam, made, ordered
from .observations import SETTLED
from .vocabulary import Vocabulary
from .when import When, stated, whole_months


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A stated next exam. ``months``: least and greatest interval from the statement; ``due``: the days it names."""

    months: tuple[int, int] | None
    due: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class Imaging:
    """One statement on imaging. ``asked_for``: it was requested, not necessarily made.

    ``first`` and ``last``: the days on which it may lie, None where it states no time.
    """

    reference: str
    first: date | None
    last: date | None
    region: str  # "chest" or "liver"
    exam: str  # in the words of the value set
    category: str | None = None  # "Lung-RADS 4A", "LR-5", "US-2"
    recommendation: Recommendation | None = None
    asked_for: bool = False

    @property
    def day(self) -> date | None:
        """Its day, where the record states one."""
        return self.first if self.first == self.last else None


def imaging(record: Record, vocabulary: Vocabulary, exam_date: date | None) -> tuple[Imaging, ...]:
    """Every exam and order before the exam's day, the undated first, then the oldest; without an exam date, all."""
    found = [*_made(record, vocabulary), *_asked_for(record, vocabulary)]
    by_then = (i for i in found if exam_date is None or i.last is None or i.last < exam_date)
    return tuple(sorted(by_then, key=lambda i: i.first or date.min))


def _made(record: Record, vocabulary: Vocabulary) -> Iterator[Imaging]:
    for exam in made(record, vocabulary):
        settled = exam.resource.get("status") in SETTLED
        months = interval(exam.resource.get("conclusion")) if settled else None
        category = category_of(exam, vocabulary) if settled else None
        yield _stated(exam, category, Recommendation(months) if months else None)


def _asked_for(record: Record, vocabulary: Vocabulary) -> Iterator[Imaging]:
    for exam in ordered(record, vocabulary):
        due = stated(exam.resource, "occurrenceDateTime", "occurrencePeriod")
        months = _months_between(exam.when, due) if exam.when and due else None
        yield _stated(exam, None, Recommendation(months, (due.first, due.last)) if due else None, asked_for=True)


def _stated(
    exam: Exam, category: str | None, recommendation: Recommendation | None, *, asked_for: bool = False
) -> Imaging:
    first, last = (exam.when.first, exam.when.last) if exam.when else (None, None)
    return Imaging(exam.reference, first, last, exam.region, exam.name, category, recommendation, asked_for)


def _months_between(written: When, due: When) -> tuple[int, int] | None:
    if due.first <= written.last:
        return None
    return whole_months(written.last, due.first), whole_months(written.first, due.last)


def category_of(exam: Exam, vocabulary: Vocabulary) -> str | None:
    """The category that a report or Observation states, if exactly one: "Lung-RADS 4A", "LR-5"."""
    kind, text = exam.resource["resourceType"], exam.resource.get("conclusion")
    if exam.region != CHEST:
        return li_rads(text) if kind == "DiagnosticReport" else None
    if kind == "Observation":
        found = _coded(exam.resource, vocabulary) or lung_rads(_text(exam.resource))
    else:
        found = lung_rads(text) if kind == "DiagnosticReport" else None
    return f"Lung-RADS {found}" if found else None


def _coded(resource: Resource, vocabulary: Vocabulary) -> str | None:
    codes = {code.upper() for _, code in codings(resource.get("valueCodeableConcept"))}
    stated_ones = codes & set(vocabulary.categories)
    return stated_ones.pop() if len(stated_ones) == 1 else None


def _text(resource: Resource) -> object:
    concept = resource.get("valueCodeableConcept")
    return concept.get("text") if isinstance(concept, dict) else resource.get("valueString")
