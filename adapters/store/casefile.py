"""A kept decision with its history."""

from __future__ import annotations

from dataclasses import dataclass

from ...engine.record import Assessment
from . import decisions
from .chain import Entry
from .states import Kind, Row


@dataclass(frozen=True, slots=True)
class CaseFile:
    """All that is kept of one decision: where it stands, what was decided, everything that happened.

    ``history`` is oldest first, identifiers and comments put back unless the patient was erased.
    """

    row: Row
    assessment: Assessment
    history: tuple[Entry, ...]

    def of_kind(self, *kinds: Kind) -> tuple[Entry, ...]:
        """Those entries of the history, oldest first."""
        return tuple(e for e in self.history if e.kind in kinds)

    @property
    def judged(self) -> int:
        """The entry that a signature would make final; who was shown this history says it when they sign."""
        return self.of_kind(*decisions.JUDGEMENTS)[-1].sequence
