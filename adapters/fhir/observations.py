"""Observation -> what it answers, and the newest answer on or before the exam.

hl7.org/fhir/R4/observation.html: status, effective[x], value[x], component, dataAbsentReason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeVar

from ...engine.types import Belief, Known, Source, Unknown, Value
from .bundle import Record, Resource
from .coding import codings, objects
from .said import Gathered, Said, Tally, Weight, from_record
from .vocabulary import Meaning, Vocabulary
from .when import Place, When, place, stated

SETTLED = (None, "final", "amended", "corrected")  # None: an older export that leaves the status out
Answer = TypeVar("Answer", bound=Value)


@dataclass(frozen=True, slots=True)
class Reading:
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


@dataclass(slots=True)
class Readings:
    """Usable readings by fact, and for a fact without any why those that are there are not usable."""

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
    found = Readings()
    for reference, resource in record.resources:
        if resource["resourceType"] != "Observation":
            continue
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


def _refusal(resource: Resource, when: When | None, exam_date: date | None, tally: Tally) -> str:
    """Why the Observation is not counted, '' if it is."""
    status = resource.get("status")
    if status == "entered-in-error":
        tally.in_error += 1
        return "is marked as entered in error"
    if status not in SETTLED:
        tally.not_final += 1
        return "is not final"
    where = place(when, exam_date)
    tally.after_exam += where is Place.AFTER
    return "" if where is Place.BY_EXAM else f"lies {where}"


def _keep(
    found: Readings, fact: str, reading: Reading, resource: Resource, exam_date: date | None, tally: Tally
) -> None:
    why = _refusal(resource, reading.when, exam_date, tally)
    if not why and not _has_value(reading.holder):
        why = "states no value"
    if why:
        found.passed_over[fact] = f"{reading.reference} {why}"
    else:
        found.by_fact.setdefault(fact, []).append(reading)


def _has_value(holder: Resource) -> bool:
    return any(name.startswith("value") for name in holder)


def _add_yes_or_no(
    into: Gathered, meaning: Meaning, reference: str, resource: Resource, yes: bool, exam_date: date | None
) -> None:
    when = _effective(resource)
    why = _refusal(resource, when, exam_date, into.tally)
    if why.startswith("is marked"):
        return
    if not why and meaning.value is None:
        why = f'("{meaning.display}") raises the question and does not settle it'
    if not why and not yes and not meaning.whole:
        why = f'denies "{meaning.display}", which leaves other kinds open'
    weight = Weight.RAISES if why else Weight.STATES if yes else Weight.DENIES
    value = meaning.value if meaning.value is not None else True
    into.add(meaning.fact, Said(weight, from_record(reference, when), when, value, f"{reference} {why}" if why else ""))


def newest(readings: list[Reading], interpret: Callable[[Reading], Answer | Problem]) -> Belief:
    """The newest answer. Of several at the same time that differ, none is taken.

    ``readings`` is not empty. An answer that cannot be used leaves the fact unknown: an older one is not put
    in its place, because the newer one may say that things have changed.
    """
    latest = max(readings, key=_order)
    answer = interpret(latest)
    for other in readings:
        if other is not latest and _as_new(other, latest) and interpret(other) != answer:
            return Unknown(f"{latest.reference} and {other.reference} are of the same time and differ", latest.source)
    if isinstance(answer, Problem):
        return Unknown(f"{latest.reference} {answer.why}", latest.source)
    return Known(answer, latest.source)


def _order(reading: Reading) -> datetime:
    return reading.when.start if reading.when else datetime.min.replace(tzinfo=UTC)


def _as_new(other: Reading, latest: Reading) -> bool:
    if other.when is None or latest.when is None:
        return other.when is None and latest.when is None
    return other.when.end >= latest.when.start
