"""Decisions kept in a store, behind the engine's seam ``DecisionLog``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ...engine.record import Assessment
from . import decisions, states
from .journal import open_journal

PROGRAM = states.PROGRAM


def now() -> datetime:
    """The clock of the border; the engine has none."""
    return datetime.now(UTC)


class FileLog:
    """An append-only ``DecisionLog`` in a folder or a PostgreSQL database; any number of processes may share it."""

    def __init__(self, place: str | Path, anchor: Path | None = None, clock: Callable[[], datetime] = now) -> None:
        """Open the store there, or make it.

        Raises:
            StoreUnavailable: that cannot be done. AnchorAhead: entries are gone.
        """
        self._journal, self._clock = open_journal(place, anchor), clock

    def append(self, assessment: Assessment) -> str:
        """Keep it; return its decision id. It is on disk when this returns; what is there already stays.

        Raises:
            StoreUnavailable: it could not be kept.
        """
        with self._journal.writing() as writing:
            return decisions.keep(writing, assessment, self._clock(), PROGRAM)

    def get(self, decision_id: str) -> Assessment | None:
        """The assessment with that id, or None.

        Raises:
            NotReadable: it is there and damaged.
            StoreUnavailable: the store cannot be read.
        """
        with self._journal.reading() as connection:
            return decisions.find(connection, decision_id)

    def of_patient(self, key: str) -> tuple[Assessment, ...]:
        """All assessments of the patient with that pseudonym, oldest exam first, without superseded ones.

        Raises:
            NotReadable: one of them is damaged.
            StoreUnavailable: the store cannot be read.
        """
        with self._journal.reading() as connection:
            return decisions.of_patient(connection, key)
