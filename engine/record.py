"""What was decided, on what, by which rules: kept so that it can be replayed.

The seams ``DecisionLog`` and ``ReviewQueue`` have their in-memory forms here; the forms on disk are
in ``adapters/store``. Both must pass the same contract test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.metadata import version
from typing import Protocol

from .errors import BadValue
from .facts import every, neural
from .types import Case, Decision, Facts, Priority, Review, Route

RECORD_VERSION = "1"


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """Everything needed to recompute one decision, pixels excepted (their hash is kept).

    ``knowledge`` maps each rule set, network and model that was read to its sha256. ``own_rules`` maps each
    guideline that was read from a hospital's own folder to what that is called; those that are shipped are not in it.
    ``masked`` names what the route withheld from the rules, as "finding/fact".
    """

    decision_id: str
    as_of: date
    engine_version: str
    case: Case  # without its volume
    image_sha256: str | None
    knowledge: Mapping[str, str]
    route: Route
    masked: tuple[str, ...] = ()
    unconfirmed: Mapping[str, Facts] = field(default_factory=dict)  # finding -> what nets said
    own_rules: Mapping[str, str] = field(default_factory=dict)
    version: str = RECORD_VERSION


@dataclass(frozen=True, slots=True)
class Assessment:
    """The answer and the record of how it came about."""

    decision: Decision
    record: DecisionRecord


def record_of(
    case: Case, decision: Decision, knowledge: Mapping[str, str], as_of: date, *, own_rules: Mapping[str, str]
) -> DecisionRecord:
    """The record of a decision: the case without its pixels (their hash is kept), and what was withheld.

    What was met while reading the pixels stays, among the exam's notes: replaying gives the same notes. The decision's
    id does not tell what a folder of ``own_rules`` is called: the hash of what was read from it does.
    """
    image = case.volume.sha256() if case.volume else None
    notes = (*case.exam.notes, *(case.volume.notes if case.volume else ()))
    kept, engine = replace(case, volume=None, exam=replace(case.exam, notes=notes)), version("radlogic")
    withheld = _withheld(kept) if decision.route is Route.RULE_BASED else {}
    return DecisionRecord(
        decision_id=name_of(kept, image, knowledge, engine, as_of),
        as_of=as_of,
        engine_version=engine,
        case=kept,
        image_sha256=image,
        knowledge=knowledge,
        route=decision.route,
        masked=tuple(f"{finding}/{name}" for finding, facts in withheld.items() for name in facts),
        unconfirmed=withheld,
        own_rules=own_rules,
    )


def _withheld(case: Case) -> dict[str, Facts]:
    """What nets said, by finding, and of "exam" and "patient"."""
    return {name: said for name, held in every(case).items() if (said := neural(held))}


def name_of(case: Case, image_sha256: str | None, knowledge: Mapping[str, str], engine: str, as_of: date) -> str:
    """The decision's id: of the case without its volume, the pixels' hash, all that was read, the engine, the day."""
    before = tuple((f.tracking_id, f.before) for f in case.findings if f.before is not None)
    earlier = (case.exam.compared, case.exam.unmatched, *((before,) if before else ()))
    more = ("earlier exams", repr(earlier)) if any(earlier) else ()  # without any, the id that it always had
    known = repr(sorted(knowledge.items()))
    return decision_id_of(repr(case), str(image_sha256), known, engine, as_of.isoformat(), *more)


def correction_name(name: str, supersedes: str) -> str:
    """The id of a correction: also of the decision whose place it takes, so that taking one back is a third decision.

    ``name`` is what ``name_of`` gives of the corrected case.
    """
    return decision_id_of(name, "corrects", supersedes)


def decision_id_of(*parts: str) -> str:
    """A name for a decision that follows from its inputs: the same case gives the same name.

    >>> decision_id_of("case", "rules") == decision_id_of("case", "rules")
    True
    """
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


class DecisionLog(Protocol):
    """Append-only. Adding a decision that is already there is not an error and adds nothing."""

    def append(self, assessment: Assessment) -> str:
        """Keep it; return its decision id."""

    def get(self, decision_id: str) -> Assessment | None:
        """The assessment with that id, or None."""

    def of_patient(self, key: str) -> tuple[Assessment, ...]:
        """All assessments of the patient with that pseudonym, oldest exam first; none that another superseded."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One case that waits for a human."""

    decision_id: str
    priority: Priority
    reasons: tuple[str, ...]


class ReviewQueue(Protocol):
    """Cases that wait for a human, most urgent first, then in the order they came."""

    def put(self, decision_id: str, review: Review) -> None:
        """Queue it; a decision that is queued already is not queued twice."""

    def waiting(self) -> tuple[QueueItem, ...]:
        """All that wait."""

    def waits(self, decision_id: str) -> bool:
        """Whether it is among them."""

    def done(self, decision_id: str) -> None:
        """Take it off the queue; unknown ids are an error.

        Raises:
            BadValue: it does not wait.
        """


def exam_order(assessment: Assessment) -> tuple[str, str]:
    """Sort key: exam date (undated first), then decision id."""
    exam_date = assessment.record.case.exam.date
    return (exam_date.isoformat() if exam_date else "", assessment.record.decision_id)


class MemoryLog:
    """A ``DecisionLog`` that forgets when the process ends."""

    def __init__(self) -> None:
        self._kept: dict[str, Assessment] = {}

    def append(self, assessment: Assessment) -> str:
        """Keep it; return its decision id."""
        return self._kept.setdefault(assessment.record.decision_id, assessment).record.decision_id

    def get(self, decision_id: str) -> Assessment | None:
        """The assessment with that id, or None."""
        return self._kept.get(decision_id)

    def of_patient(self, key: str) -> tuple[Assessment, ...]:
        """All assessments of the patient with that pseudonym, oldest exam first."""
        return tuple(sorted((a for a in self._kept.values() if a.record.case.patient.key == key), key=exam_order))

    def __iter__(self) -> Iterator[Assessment]:
        return iter(self._kept.values())


URGENCY = {Priority.URGENT: 0, Priority.SOON: 1, Priority.ROUTINE: 2}


class MemoryQueue:
    """A ``ReviewQueue`` that forgets when the process ends."""

    def __init__(self) -> None:
        self._items: dict[str, QueueItem] = {}

    def put(self, decision_id: str, review: Review) -> None:
        """Queue it once."""
        reasons = tuple(reason.code for reason in review.reasons)
        self._items.setdefault(decision_id, QueueItem(decision_id, review.priority, reasons))

    def waiting(self) -> tuple[QueueItem, ...]:
        """All that wait, most urgent first."""
        return tuple(sorted(self._items.values(), key=lambda item: URGENCY[item.priority]))

    def waits(self, decision_id: str) -> bool:
        """Whether it waits."""
        return decision_id in self._items

    def done(self, decision_id: str) -> None:
        """Take it off the queue."""
        if self._items.pop(decision_id, None) is None:
            raise BadValue(
                "review queue", "decision_id", "a decision that does not wait", "one that waits", "List them."
            )
