"""Observation -> what it answers, and the newest answer on or before the exam.

hl7.org/fhir/R4/observation.html: status, effective[x], value[x], component, dataAbsentReason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, TypeVar

from ...engine.types import Belief, Known, Source, Unknown
from .bundle import Record, Resource
from .coding import codings, objects
from .ledger import MARKED, Ledger, Standing
from .said import Gathered, Said, Tally, Weight, from_record
from .vocabulary import Meaning, Vocabulary
from .vocabulary_files import MaxAge
from .when import Place, When, place, stated, whole_months

SETTLED = (None, "final", "amended", "corrected")  # None: an older export that leaves the status out
Answer = TypeVar("Answer", str, Decimal)


class Reading(NamedTuple):
    """One Observation, or one component of it, that answers a fact."""

    reference: str
    when: When | None
    holder: Resource  # where value[x] stands

    @property
    def source(self) -> Source:
        """Its source."""
        return from_record(self.reference, self.when)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an answer cannot be used; ``why`` follows the reading's reference in a sentence."""

    why: str
    standing: Standing = Standing.UNUSABLE


@dataclass(slots=True)
class Readings:
    """Usable readings by fact, and for a fact without any why those that are there are not usable."""

    ledger: Ledger
    by_fact: dict[str, list[Reading]] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)

    def of(self, fact: str) -> list[Reading]:
        """The readings that answer a fact, on or before the exam."""
        return self.by_fact.get(fact, [])

    def why_none(self, fact: str) -> str:
        """Why there is no reading of a fact."""
        return self.passed_over.get(fact, "the record does not mention it")


def gather(record: Record, vocabulary: Vocabulary, exam_date: date | None, into: Gathered) -> Readings:
    """Read every Observation: answers to facts are returned, yes-or-no statements of concepts added to ``into``."""
    found = Readings(into.ledger)
    for reference, resource in record.of("Observation"):
        for part, holder in _parts(reference, resource):
            for system, code in codings(holder.get("code")):
                for fact in vocabulary.asked_by(system, code):
                    _keep(found, fact, Reading(part, _effective(resource), holder), resource, exam_date, into.tally)
                if isinstance(holder.get("valueBoolean"), bool):
                    for meaning in vocabulary.meanings_of(system, code):
                        _add_yes_or_no(into, meaning, part, resource, holder["valueBoolean"], exam_date)
    return found


def _parts(reference: str, resource: Resource) -> Iterator[tuple[str, Resource]]:
    yield reference, resource
    for index, component in enumerate(objects(resource.get("component"))):
        yield f"{reference} component[{index}]", component


def _effective(resource: Resource) -> When | None:
    return stated(resource, "effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued")


def _refusal(resource: Resource, when: When | None, exam_date: date | None, tally: Tally) -> Problem | None:
    """Why the Observation is not counted, None if it is."""
    status = resource.get("status")
    if status == "entered-in-error":
        tally.in_error += 1
        return Problem(MARKED, Standing.IN_ERROR)
    if status not in SETTLED:
        tally.not_final += 1
        return Problem("is not final", Standing.NOT_FINAL)
    where = place(when, exam_date)
    tally.after_exam += where is Place.AFTER
    return None if where is Place.BY_EXAM else Problem(f"lies {where}", Standing.NOT_BY_EXAM)


def _keep(
    found: Readings, fact: str, reading: Reading, resource: Resource, exam_date: date | None, tally: Tally
) -> None:
    problem = _refusal(resource, reading.when, exam_date, tally)
    if not problem and not _has_value(reading.holder):
        problem = Problem("states no value")
    if problem:
        found.passed_over[fact] = f"{reading.reference} {problem.why}"
        found.ledger.add(fact, reading.reference, problem.standing, reading.when, why=problem.why)
    else:
        found.by_fact.setdefault(fact, []).append(reading)


def _has_value(holder: Resource) -> bool:
    return "valueQuantity" in holder or any(name.startswith("value") for name in holder)


def _add_yes_or_no(
    into: Gathered, meaning: Meaning, reference: str, resource: Resource, yes: bool, exam_date: date | None
) -> None:
    when = _effective(resource)
    problem = _refusal(resource, when, exam_date, into.tally)
    if not problem and (meaning.value is None or meaning.because_of):
        problem = Problem(f'("{meaning.display}") raises the question and does not settle it', Standing.SUSPECTED)
    if not problem and not yes and not meaning.whole:
        problem = Problem(f'denies "{meaning.display}", which leaves other kinds open', Standing.REFUTED)
    standing = problem.standing if problem else Standing.STATED if yes else Standing.DENIED
    value = meaning.value if meaning.value is not None else True
    reason = problem.why if problem else ""
    into.ledger.add(meaning.fact, reference, standing, when, value if yes else False, meaning.display, reason)
    if standing is Standing.IN_ERROR:
        return
    weight = Weight.RAISES if problem else Weight.STATES if yes else Weight.DENIES
    why = f"{reference} {problem.why}" if problem else ""
    into.add(meaning.fact, Said(weight, from_record(reference, when), when, value, why))


@dataclass(frozen=True, slots=True)
class Question:
    """One fact asked of its readings: how old an answer may be by the exam, and where each is written down."""

    fact: str
    max_age: MaxAge | None
    exam_date: date | None
    ledger: Ledger

    def stale(self, reading: Reading) -> Problem | None:
        """The problem of an answer that is older than ``max_age`` on the day of the exam."""
        if self.max_age is None or self.exam_date is None or reading.when is None:
            return None
        return _too_old(reading.when.last, self.exam_date, self.max_age.months)

    def note(self, reading: Reading, answer: Answer | Problem) -> None:
        """Write the answer into the ledger; a stale value stays visible."""
        problem = answer if isinstance(answer, Problem) else self.stale(reading)
        value = None if isinstance(answer, Problem) else answer
        standing = problem.standing if problem else Standing.STATED
        why = problem.why if problem else ""
        self.ledger.add(self.fact, reading.reference, standing, reading.when, value, why=why)


@lru_cache(maxsize=1024)  # a record has many results of one day
def _too_old(day: date, exam_date: date, months: int) -> Problem | None:
    if whole_months(day, exam_date) < months:
        return None
    return Problem(f"is stale: {months} months old or more on the day of the exam", Standing.STALE)


def newest(readings: list[Reading], question: Question, interpret: Callable[[Reading], Answer | Problem]) -> Belief:
    """The newest answer. Of several at the same time that differ, none is taken; nor is one that is stale.

    ``readings`` is not empty. An answer that cannot be used leaves the fact unknown: an older one is not put
    in its place, because the newer one may say that things have changed.
    """
    answers = {id(reading): interpret(reading) for reading in readings}
    for reading in readings:
        question.note(reading, answers[id(reading)])
    latest = max(readings, key=_order)
    answer = answers[id(latest)]
    for other in readings:
        if other is not latest and _as_new(other, latest) and answers[id(other)] != answer:
            return Unknown(f"{latest.reference} and {other.reference} are of the same time and differ", latest.source)
    if isinstance(answer, Problem):
        return Unknown(f"{latest.reference} {answer.why}", latest.source)
    stale = question.stale(latest)
    if stale:
        return Unknown(f"{latest.reference} {stale.why}", latest.source, stale=True)
    return Known(answer, latest.source)


def _order(reading: Reading) -> datetime:
    return reading.when.start if reading.when else datetime.min.replace(tzinfo=UTC)


def _as_new(other: Reading, latest: Reading) -> bool:
    if other.when is None or latest.when is None:
        return other.when is None and latest.when is None
    return other.when.end >= latest.when.start
