"""What waits for a human, kept on disk: the ``ReviewQueue`` that outlives the process."""

from __future__ import annotations

import json
from pathlib import Path

from ...engine.errors import BadValue, NotReadable
from ...engine.record import URGENCY, QueueItem
from ...engine.types import Priority, Review
from .database import FILE_NAME, Database


class FileQueue:
    """A ``ReviewQueue`` in a folder; any number of processes may share it, and a ``FileLog`` too."""

    def __init__(self, folder: Path) -> None:
        """Open the store in that folder, or make it.

        Raises:
            StoreUnavailable: that cannot be done.
        """
        self._database = Database(folder)

    def put(self, decision_id: str, review: Review) -> None:
        """Queue it; a decision that waits already keeps its place, priority and reasons.

        Raises:
            StoreUnavailable: it could not be queued.
        """
        row = (decision_id, review.priority.value, json.dumps([reason.code for reason in review.reasons]))
        insert = "INSERT INTO review (decision_id, priority, reasons) VALUES (?, ?, ?)"
        with self._database.write() as db:
            db.execute(f"{insert} ON CONFLICT (decision_id) WHERE NOT done DO NOTHING", row)

    def waiting(self) -> tuple[QueueItem, ...]:
        """All that wait, most urgent first, then in the order they came.

        Raises:
            NotReadable: an entry is damaged.
            StoreUnavailable: the store cannot be read.
        """
        query = "SELECT decision_id, priority, reasons FROM review WHERE NOT done ORDER BY arrival"
        with self._database.read() as db:
            rows = db.execute(query).fetchall()
        return tuple(sorted((_item(*row) for row in rows), key=lambda item: URGENCY[item.priority]))

    def done(self, decision_id: str) -> None:
        """Take it off the queue.

        Raises:
            BadValue: it does not wait.
            StoreUnavailable: the store cannot be written.
        """
        with self._database.write() as db:
            taken = db.execute("UPDATE review SET done = 1 WHERE decision_id = ? AND NOT done", (decision_id,)).rowcount
        if not taken:
            raise BadValue(
                "review queue", "decision_id", "a decision that does not wait", "one that waits", "List them."
            )


def _item(decision_id: str, priority: str, reasons: str) -> QueueItem:
    try:
        return QueueItem(decision_id, Priority(priority), tuple(json.loads(reasons)))
    except ValueError as error:
        where = f"the store ({FILE_NAME}), review of {decision_id}"
        found = "a priority or reasons that are none"
        raise NotReadable(where, "", found, "what was put there", "Restore the store from its backup.") from error
