"""What clinicians said of cards: kept in the store once, and heeded: an override for a lasting reason is not repeated.

What lasts is kept in memory by topic and brought up to date from the log before each answer, so that every process
that shares a store heeds what was said to any of them.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from ...engine.calendar import due_date
from ..store.cases import Kind, Store
from ..store.tables import DECISION, ENTRY
from . import terms
from .naming import sequence_in, topic_in
from .standing import Kept

SINCE = (
    select(ENTRY.c.sequence, ENTRY.c.body)
    .where(ENTRY.c.kind == Kind.FEEDBACK.value, ENTRY.c.sequence > bindparam("after"))
    .order_by(ENTRY.c.sequence)
)


@dataclass(frozen=True, slots=True)
class Heard:
    """The last that was said of a topic: when, and up to which day it is heeded (None: not at all)."""

    at: str
    until: date | None


@dataclass
class Memory:
    """What a process remembers of its store between calls."""

    kept: Kept = field(default_factory=OrderedDict)
    heard: dict[int, Heard] = field(default_factory=dict)
    read_to: int = 0
    lock: Lock = field(default_factory=Lock)
    writing: Lock = field(default_factory=Lock)

    def heeded(self, store: Store, topics: Collection[int], today: date) -> frozenset[int]:
        """Those of these topics that are not to be repeated today.

        Raises:
            StoreUnavailable: the store cannot be read.
        """
        with store.journal.reading() as connection:
            new = list(_feedback(connection, self.read_to))
        with self.lock:
            for sequence, body in new:
                if sequence > self.read_to:  # else another thread was faster
                    self.read_to = sequence
                    self._hear(body)
            known = ((topic, self.heard.get(topic)) for topic in topics)
            return frozenset(topic for topic, heard in known if heard and heard.until and today < heard.until)

    def _hear(self, body: Mapping[str, Any]) -> None:
        topic = topic_in(UUID(body["card"]))
        if topic is None:
            return
        known = self.heard.get(topic)
        until = _until(body)
        if known is None and until is None:
            return
        if known is None or body["at"] >= known.at:
            self.heard[topic] = Heard(body["at"], until)


def _until(body: Mapping[str, Any]) -> date | None:
    """The day from which the card may be shown again."""
    reason = body.get("reason") or {}
    months = terms.reasons().lasts(str(reason.get("system")), str(reason.get("code")))
    lasting = body["outcome"] == "overridden" and months
    return due_date(datetime.fromisoformat(body["at"]).date(), (months, months)) if lasting else None


def _feedback(connection: Connection, after: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The feedback on cards later than an entry, oldest first; other feedback is passed over."""
    for found in connection.execute(SINCE, {"after": after}):
        body = json.loads(found.body)
        if "card" in body and "outcome" in body:
            yield found.sequence, body


def decision_of(store: Store, card: UUID) -> str | None:
    """The decision that a card was about; None where it was about none, or is none of ours.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    topic = topic_in(card)
    sequence = None if topic is None else sequence_in(topic)
    if sequence is None:
        return None
    with store.journal.reading() as connection:
        found = connection.execute(select(DECISION.c.decision_id).where(DECISION.c.sequence == sequence)).scalar()
        return None if found is None else str(found)


def said_before(store: Store, decision_id: str | None, body: Mapping[str, Any]) -> bool:
    """Whether the very same was kept already: clients send feedback again until they hear that it arrived.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    about = ENTRY.c.decision == decision_id if decision_id else ENTRY.c.decision.is_(None)
    card = ENTRY.c.body.contains(f'"card":"{body["card"]}"', autoescape=True)
    query = select(ENTRY.c.body).where(about, ENTRY.c.kind == Kind.FEEDBACK.value, card)
    same = {name: value for name, value in body.items() if name != "comment"}
    with store.journal.reading() as connection:
        kept = (json.loads(found.body) for found in connection.execute(query))
        return any({name: value for name, value in one.items() if name != "comment"} == same for one in kept)
