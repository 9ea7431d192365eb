"""Where decisions stand, as it follows from the log: pure functions, one entry after the other.

The tables ``decision`` and ``waiting`` hold nothing but these functions' results. ``verify`` folds
the whole log again and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from ...engine.record import URGENCY, QueueItem
from ...engine.types import Priority
from .chain import Entry, of_moment

PROGRAM = "radlogic"  # who acts where no person does
PRIORITY = {rank: priority for priority, rank in URGENCY.items()}


class Kind(StrEnum):
    """What can happen; each entry of the log is of one kind."""

    DECIDED = "decided"  # the engine decided; the body holds the decision and its record
    QUEUED = "queued"  # it waits for a human
    UNQUEUED = "unqueued"  # it was taken off the queue without a signature
    OPENED = "opened"  # somebody opened the case
    ASSIGNED = "assigned"  # it was given to somebody, or given back
    READ = "read"  # a reader committed findings of their own
    REASONS_OPENED = "reasons_opened"  # somebody opened the reasons
    ACCEPTED = "accepted"  # the engine's answer stands, in somebody's judgement
    OVERRIDDEN = "overridden"  # another answer, with a coded reason
    SIGNED = "signed"  # final
    SUPERSEDED = "superseded"  # another decision took its place
    FEEDBACK = "feedback"  # what a user or client said of an answer
    AUDIT = "audit"  # a security event
    ERASED = "erased"  # a patient's identifiers were erased


class State(StrEnum):
    """Where a decision stands."""

    WAITING = "waiting"  # no human has committed anything
    READ = "read"  # a reader's own findings are there
    CORRECTED = "corrected"  # it was made from corrected findings, and is not signed
    SIGNED = "signed"
    SUPERSEDED = "superseded"


class Outcome(StrEnum):
    """What a human made of the engine's answer."""

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the worklist: where a decision stands.

    ``patient`` is the random token. ``due``: when a human should have looked. ``headline``: each
    guideline with its answer, for display. ``sequence``: the entry that made the decision.
    """

    decision_id: str
    sequence: int
    patient: str
    exam_date: date | None
    arrived: datetime
    state: State
    priority: Priority
    due: datetime
    review_required: bool
    reasons: tuple[str, ...]
    headline: str
    assigned: str | None = None
    outcome: Outcome | None = None
    signed_by: str | None = None
    signed_at: datetime | None = None
    supersedes: str | None = None
    superseded_by: str | None = None

    @property
    def open(self) -> bool:
        """Whether it is neither signed nor superseded."""
        return self.state not in (State.SIGNED, State.SUPERSEDED)

    @property
    def cursor(self) -> str:
        """The place in the worklist, for ``Store.worklist(after=...)``."""
        return f"{URGENCY[self.priority]}|{self.due.isoformat()}|{self.sequence}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What stood of studies (by UID) when somebody looked, for who decides by it; no row: nothing did.

    ``head``: the number of the log's last entry then.
    """

    studies: tuple[str, ...]
    rows: tuple[Row, ...]
    head: int


@dataclass(frozen=True, slots=True)
class Wait:
    """A decision in the review queue."""

    decision_id: str
    arrival: int
    priority: Priority
    reasons: tuple[str, ...]

    def item(self) -> QueueItem:
        """As the seam ``ReviewQueue`` gives it."""
        return QueueItem(self.decision_id, self.priority, self.reasons)


def row_after(row: Row | None, entry: Entry) -> Row | None:
    """Where the entry's decision stands after the entry."""
    if entry.kind == Kind.DECIDED:
        return _decided(entry)
    return row if row is None else _changed(row, entry)


def _decided(entry: Entry) -> Row:
    form, supersedes = entry.body["assessment"], entry.body["supersedes"]
    review, day = form["decision"]["review"], form["record"]["case"]["exam"]["date"]
    corrected = supersedes is not None and entry.actor != PROGRAM  # the program decides anew, it corrects nothing
    return Row(
        decision_id=str(entry.decision_id),
        sequence=entry.sequence,
        patient=str(entry.patient),
        exam_date=date.fromisoformat(day) if day else None,
        arrived=entry.at,
        state=State.CORRECTED if corrected else State.WAITING,
        priority=Priority(review["priority"]),
        due=of_moment(entry.body["due"]),
        review_required=review["required"],
        reasons=tuple(reason["code"] for reason in review["reasons"]),
        headline=headline(form),
        outcome=Outcome.CORRECTED if corrected else None,
        supersedes=supersedes,
    )


def headline(form: Mapping[str, Any]) -> str:
    """Each guideline that was read, with its answer: "lung-rads@2022: 4A"."""
    read = ((g["application"]["guideline"], g["exam"]) for g in form["decision"]["guidelines"] if g["exam"])
    return "; ".join(f"{name}: {exam['category'] or ' or '.join(exam['possible']) or '-'}" for name, exam in read)


def _changed(row: Row, entry: Entry) -> Row:
    changes: dict[str, Any] = {}
    match entry.kind:
        case Kind.ASSIGNED:
            changes = {"assigned": entry.body["to"] or None}
        case Kind.READ if row.state is State.WAITING:
            changes = {"state": State.READ}
        case Kind.ACCEPTED:  # on corrected findings the engine's answer is the correction's
            changes = {"outcome": Outcome.CORRECTED if row.state is State.CORRECTED else Outcome.ACCEPTED}
        case Kind.OVERRIDDEN:
            changes = {"outcome": Outcome.OVERRIDDEN}
        case Kind.SIGNED:
            changes = {"state": State.SIGNED, "outcome": Outcome(entry.body["outcome"])}
            changes |= {"signed_by": entry.actor, "signed_at": entry.at}
        case Kind.SUPERSEDED:
            changes = {"state": State.SUPERSEDED, "superseded_by": entry.body["by"]}
    return replace(row, **changes)


def wait_after(wait: Wait | None, entry: Entry) -> Wait | None:
    """What waits in the queue for the entry's decision after the entry."""
    if entry.kind == Kind.QUEUED and wait is None:
        reasons = tuple(entry.body["reasons"])
        return Wait(str(entry.decision_id), entry.sequence, Priority(entry.body["priority"]), reasons)
    return None if entry.kind in (Kind.UNQUEUED, Kind.SIGNED, Kind.SUPERSEDED) else wait


@dataclass
class Standing:
    """What follows from the log so far: every decision, all that waits, and each patient's pseudonym by token."""

    rows: dict[str, Row] = field(default_factory=dict)
    waits: dict[str, Wait] = field(default_factory=dict)
    patients: dict[str, str | None] = field(default_factory=dict)

    def take(self, entry: Entry, key: str | None) -> None:
        """The next entry; ``key`` is the pseudonym that it sealed, if it did."""
        if entry.kind == Kind.DECIDED:
            self.patients.setdefault(str(entry.patient), key)
        if entry.kind == Kind.ERASED:
            self.patients.pop(str(entry.patient), None)
        if (decision := entry.decision_id) is None:
            return
        if (row := row_after(self.rows.get(decision), entry)) is not None:
            self.rows[decision] = row
        if (wait := wait_after(self.waits.pop(decision, None), entry)) is not None:
            self.waits[decision] = wait
