"""What clinicians said of cards: kept in the store once, and heeded: an override for a lasting reason is not repeated.

What lasts is kept in memory by topic and brought up to date from the log before each answer, so that every process
that shares a store heeds what was said to any of them. The last entry that was read is read again each time: where it
is gone or another, the store was put back from a backup, and everything is read anew. Only what was said of cards
that this store's processes have shown is heeded (``card_key``). An erasure is heard the same way: each process then
forgets the decisions that it keeps in memory, of whomever.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import BoundedSemaphore, Lock
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from ...engine.calendar import due_date
from ..store.anchor import START, Mark
from ..store.cases import Kind, Store
from ..store.tables import DECISION, ENTRY
from . import terms
from .card_key import card_key
from .naming import sequence_in, topic_in
from .standing import Kept

SINCE = (
    select(ENTRY.c.sequence, ENTRY.c.hash, ENTRY.c.kind, ENTRY.c.body)
    .where(ENTRY.c.kind.in_((Kind.FEEDBACK.value, Kind.ERASED.value)), ENTRY.c.sequence >= bindparam("first"))
    .order_by(ENTRY.c.sequence)
)


WRITERS = 4  # of the process's 40 threads may wait to write feedback


@dataclass(frozen=True, slots=True)
class Heard:
    """The last that was said of a topic: when, and up to which day it is heeded (None: not at all)."""

    at: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Said:
    """An entry of the log that is heard here."""

    mark: Mark
    kind: str
    body: Mapping[str, Any]


@dataclass
class Memory:
    """What a process remembers of its store between calls."""

    kept: Kept = field(default_factory=OrderedDict)
    heard: dict[int, Heard] = field(default_factory=dict)
    read_to: Mark = START
    keys: dict[tuple[int, int], bytes] = field(default_factory=dict)  # by the file, of which one is remembered
    lock: Lock = field(default_factory=Lock)
    writers: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(WRITERS))
    writing: Lock = field(default_factory=Lock)

    def key(self, store: Store) -> bytes:
        """The secret that seals this store's cards.

        Raises:
            StoreUnavailable: the store cannot be read, or has no key yet and cannot be written.
        """
        database = store.journal.database
        known = self.keys.get(database.identity)
        if known is None:
            known = card_key(database)
            self.keys = {database.identity: known}
        return known

    def heeded(self, store: Store, topics: Collection[int], today: date) -> frozenset[int]:
        """Those of these topics that are not to be repeated today.

        Raises:
            StoreUnavailable: the store cannot be read.
        """
        before = self.read_to
        with store.journal.reading() as connection:
            new = _said(connection, before)
            another = before != START and (not new or new[0].mark != before)
            new = _said(connection, START) if another else new
        with self.lock:
            if another and self.read_to == before:  # else another thread was faster
                self.heard, self.read_to, self.keys = {}, START, {}
            self._hear_all(new, self.key(store))
            known = ((topic, self.heard.get(topic)) for topic in topics)
            return frozenset(topic for topic, heard in known if heard and heard.until and today < heard.until)

    def _hear_all(self, new: Sequence[Said], key: bytes) -> None:
        for one in new:
            if one.mark.sequence > self.read_to.sequence:
                self.read_to = one.mark
                if one.kind == Kind.ERASED:
                    self.kept.clear()
                else:
                    self._hear(one.body, key)

    def _hear(self, body: Mapping[str, Any], key: bytes) -> None:
        topic = topic_in(UUID(body["card"]), key) if "card" in body and "outcome" in body else None
        if topic is None:  # of no card, or of one that was never shown
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


def _said(connection: Connection, known: Mark) -> list[Said]:
    """Feedback and erasures from an entry on, that one among them, oldest first."""
    found = connection.execute(SINCE, {"first": known.sequence})
    return [Said(Mark(one.sequence, one.hash), one.kind, json.loads(one.body)) for one in found]


def decision_of(connection: Connection, topic: int) -> str | None:
    """The decision that a topic is about; None where it is about none."""
    sequence = sequence_in(topic)
    if sequence is None:
        return None
    found = connection.execute(select(DECISION.c.decision_id).where(DECISION.c.sequence == sequence)).scalar()
    return None if found is None else str(found)


def said_before(connection: Connection, decision_id: str | None, body: Mapping[str, Any]) -> bool:
    """Whether the very same was kept already: clients send feedback again until they hear that it arrived, and some
    to another service than the one that showed the card."""
    about = ENTRY.c.decision == decision_id if decision_id else ENTRY.c.decision.is_(None)
    card = ENTRY.c.body.contains(f'"card":"{body["card"]}"', autoescape=True)
    query = select(ENTRY.c.body).where(about, ENTRY.c.kind == Kind.FEEDBACK.value, card)
    kept = (json.loads(found.body) for found in connection.execute(query))
    return any(_told(one) == _told(body) for one in kept)


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in ("comment", "service")}
