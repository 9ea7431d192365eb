"""The signed exams of a store as rows: what the engine said, what a human made of it, on what kind of exam.

The first decision about an exam is the engine's answer; corrections are decisions that took its place, and the last
signature in the period says what holds. Patients stand as tokens; who signed is there to be counted, never shown.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from ...engine.record import Assessment
from ..store.cases import Entry, Kind, Outcome, Store
from ..store.chain import of_moment
from ..store.decisions import assessment_of
from ..store.journal import entries
from ..store.tables import DECISION, ENTRY

AT_ONCE = 100  # exams read from the store at a time
Taken = TypeVar("Taken")


@dataclass
class Thread:
    """One exam's way through the store: the first decision about it, and what happened up to the end of the period.

    ``first``: the entry that made the engine's answer. ``shown``: who had opened the engine's reasons.
    ``override``: the one that was signed; ``pending``: one that is not, or not yet.
    """

    first: int
    decision_id: str
    patient: str
    arrived: datetime
    last: int = 0  # the entry of the decision that was signed
    signed: datetime | None = None
    signer: str = ""
    outcome: Outcome | None = None
    override: Mapping[str, Any] = field(default_factory=dict)
    pending: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] | None = None
    shown: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed exam as it stands in the store: the thread, the engine's answer, and the answer that was signed."""

    thread: Thread
    engine: Assessment
    final: Assessment


@dataclass(frozen=True, slots=True)
class Counts:
    """How many exams arrived in the period, and of these how many were signed by its end."""

    arrived: int
    signed: int


def signed_exams(
    store: Store, take: Callable[[Signed], Taken], since: date | None = None, until: date | None = None
) -> tuple[Counts, list[Taken]]:
    """What ``take`` makes of each exam whose last signature up to the end of ``until`` (UTC) is of ``since`` or later.

    In the order of their first entries. Few exams are in memory at a time.

    Raises:
        NotReadable: an entry is damaged. StoreUnavailable: the store cannot be read.
    """
    with store.journal.reading() as connection:
        threads = _threads(connection, until)
        mine = [t for t in threads if t.signed and (since is None or t.signed.date() >= since)]
        found = [take(one) for part in _parts(mine) for one in _read(connection, part)]
    arrived = [t for t in threads if since is None or t.arrived.date() >= since]
    return Counts(len(arrived), sum(t.signed is not None for t in arrived)), found


def _threads(connection: Connection, until: date | None) -> list[Thread]:
    """Every exam, by the first decision about it. Decisions' bodies are large; only those of corrections are read."""
    made = select(ENTRY.c.sequence, ENTRY.c.decision, ENTRY.c.patient, ENTRY.c.at)
    decided = connection.execute(made.where(ENTRY.c.kind == Kind.DECIDED.value).order_by(ENTRY.c.sequence))
    told = (Kind.READ, Kind.REASONS_OPENED, Kind.OVERRIDDEN, Kind.SIGNED)
    said = entries(connection, ENTRY.c.kind.in_([kind.value for kind in told]))
    following = _Following(_corrections(connection))
    for one in _in_order(((r.sequence, r) for r in decided), ((e.sequence, e) for e in said)):
        at = one.at if isinstance(one, Entry) else of_moment(one.at)
        if until is not None and at.date() > until:
            continue
        if isinstance(one, Entry):
            following.tell(one)
        else:
            following.decide(one, at)
    return following.threads


def _corrections(connection: Connection) -> dict[int, str]:
    """The entry of each correction -> the decision whose place it took."""
    corrected = select(DECISION.c.decision_id).where(DECISION.c.supersedes.is_not(None))
    made = entries(connection, ENTRY.c.kind == Kind.DECIDED.value, ENTRY.c.decision.in_(corrected))
    return {e.sequence: e.body["supersedes"] for e in made if e.body["supersedes"]}


def _in_order(*sorted_: Iterable[tuple[int, Any]]) -> Iterator[Any]:
    yield from (one for _, one in heapq.merge(*sorted_, key=lambda pair: pair[0]))


class _Following:
    """Threads as they grow, one entry after the other."""

    def __init__(self, corrections: Mapping[int, str]) -> None:
        self.corrections = corrections
        self.threads: list[Thread] = []
        self.of: dict[str, Thread] = {}
        self.entry: dict[str, int] = {}  # decision -> the entry that made it last

    def decide(self, row: Any, at: datetime) -> None:
        self.entry[row.decision] = row.sequence
        goes_on = self.of.get(self.corrections.get(row.sequence, ""))
        if goes_on is None:
            goes_on = Thread(row.sequence, row.decision, row.patient or "", at)
            self.threads.append(goes_on)
        self.of[row.decision], goes_on.pending = goes_on, {}

    def tell(self, entry: Entry) -> None:
        thread = self.of.get(str(entry.decision_id))
        if thread is None:  # its decision is later than the period
            return
        match entry.kind:
            case Kind.READ if thread.reading is None and entry.actor not in thread.shown:
                thread.reading = entry.body["findings"]
            case Kind.REASONS_OPENED:
                thread.shown.add(entry.actor)
            case Kind.OVERRIDDEN:
                thread.pending = entry.body
            case Kind.SIGNED:
                thread.last, thread.signed = self.entry[str(entry.decision_id)], entry.at
                thread.signer = entry.actor
                thread.outcome, thread.override = Outcome(entry.body["outcome"]), thread.pending


def _parts(threads: list[Thread]) -> Iterator[list[Thread]]:
    yield from (threads[i : i + AT_ONCE] for i in range(0, len(threads), AT_ONCE))


def _read(connection: Connection, threads: list[Thread]) -> Iterator[Signed]:
    wanted = sorted({sequence for t in threads for sequence in (t.first, t.last)})
    read = {e.sequence: assessment_of(e) for e in entries(connection, ENTRY.c.sequence.in_(wanted))}
    yield from (Signed(t, read[t.first], read[t.last]) for t in threads)
