"""What single entries of a record say of a fact, before they are weighed against each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from ...engine.types import Source, SourceKind
from .ledger import Ledger
from .when import When


class Weight(Enum):
    """How much one entry says."""

    STATES = auto()  # it is so (or: it has this value)
    DENIES = auto()  # it is not so
    ENDED = auto()  # it was so and has ended before the exam
    RAISES = auto()  # the entry is about it and does not settle it


@dataclass(frozen=True, slots=True)
class Said:
    """One entry's word on one fact. ``why`` says why it does not settle the fact (RAISES only)."""

    weight: Weight
    source: Source
    when: When | None
    value: bool | str = True
    why: str = ""


@dataclass(slots=True)
class Tally:
    """Entries that were passed over, for the patient's notes."""

    in_error: int = 0
    after_exam: int = 0
    not_final: int = 0

    def notes(self) -> tuple[str, ...]:
        """One sentence for each kind that was met."""
        counted = {
            "Entries that the record itself marks as entered in error, left out": self.in_error,
            "Entries dated after the exam, not counted": self.after_exam,
            "Observations that are not final, not read": self.not_final,
        }
        return tuple(f"{words}: {count}." for words, count in counted.items() if count)


@dataclass(slots=True)
class Gathered:
    """All that was said, by fact; and the ledger of every entry, also of those that say nothing."""

    said: dict[str, list[Said]] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    tally: Tally = field(default_factory=Tally)

    def add(self, fact: str, word: Said) -> None:
        """Keep one entry's word."""
        self.said.setdefault(fact, []).append(word)

    def of(self, fact: str) -> list[Said]:
        """All that was said of a fact."""
        return self.said.get(fact, [])


def from_record(reference: str, when: When | None) -> Source:
    """The source of a fact of the record: the resource, and its day where the record states one."""
    return Source(SourceKind.RECORD, reference, when.day if when else None)
