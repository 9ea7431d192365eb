"""What waits for a human, behind the engine's seam ``ReviewQueue``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from ...engine.errors import BadValue
from ...engine.record import QueueItem
from ...engine.types import Review
from . import decisions
from .journal import open_journal
from .log import PROGRAM, now
from .states import Kind
from .tables import WAITING
from .worklist import as_wait, find_wait


class FileQueue:
    """A ``ReviewQueue`` in a folder or a PostgreSQL database; any number of processes may share it."""

    def __init__(self, place: str | Path, anchor: Path | None = None, clock: Callable[[], datetime] = now) -> None:
        """Open the store there, or make it.

        Raises:
            StoreUnavailable: that cannot be done. AnchorAhead: entries are gone.
        """
        self._journal, self._clock = open_journal(place, anchor), clock

    def put(self, decision_id: str, review: Review) -> None:
        """Queue it; a decision that waits already keeps its place, priority and reasons.

        Raises:
            StoreUnavailable: it could not be queued.
        """
        with self._journal.writing() as writing:
            if find_wait(writing.connection, decision_id) is None:
                decisions.queue(writing, decision_id, review, self._clock(), PROGRAM)

    def waiting(self) -> tuple[QueueItem, ...]:
        """All that wait, most urgent first, then in the order they came.

        Raises:
            NotReadable: an entry is damaged.
            StoreUnavailable: the store cannot be read.
        """
        with self._journal.reading() as connection:
            found = connection.execute(select(WAITING).order_by(WAITING.c.rank, WAITING.c.arrival)).mappings()
            return tuple(as_wait(row).item() for row in found)

    def waits(self, decision_id: str) -> bool:
        """Whether it waits.

        Raises:
            StoreUnavailable: the store cannot be read.
        """
        with self._journal.reading() as connection:
            return find_wait(connection, decision_id) is not None

    def done(self, decision_id: str) -> None:
        """Take it off the queue.

        Raises:
            BadValue: it does not wait.
            StoreUnavailable: the store cannot be written.
        """
        with self._journal.writing() as writing:
            if find_wait(writing.connection, decision_id) is None:
                found = "a decision that does not wait"
                raise BadValue("review queue", "decision_id", found, "one that waits", "List them.")
            writing.add(Kind.UNQUEUED, self._clock(), PROGRAM, {}, decision_id)
