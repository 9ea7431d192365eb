"""Every entry of a record that bears on a fact, told apart by what became of it.

A belief says what follows from the record; the ledger shows what it followed from: values that count, values
that are stale, out of range or not final, entries that were refuted, closed, marked as errors. It is also the
series of a laboratory value, and the list of cancers and treatments with their dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from ...engine.types import Belief, Known, NotApplicable, Unknown
from .when import When


class Standing(StrEnum):
    """What an entry is worth on the day of the exam; or, of a fact as a whole, how it stands."""

    STATED = "stated"  # says so, or has a usable value
    DENIED = "denied"  # says that it is not so (refuted as a whole, or an explicit no)
    ENDED = "ended"  # it was so, and was resolved before the exam
    INACTIVE = "inactive"  # closed or in remission, which does not say that it is gone
    REFUTED = "refuted"  # one kind of it was ruled out, which leaves others open
    SUSPECTED = "suspected"  # raises the question and does not settle it
    STALE = "stale"  # a usable value, too old on the day of the exam
    OUT_OF_RANGE = "out of range"  # no such value can be measured: a slip of unit or key
    UNUSABLE = "unusable"  # no number, an unknown unit, a limit in place of a value, an unknown code
    NOT_FINAL = "not final"
    IN_ERROR = "entered in error"
    NOT_DONE = "not done"  # of an entry only: a treatment that did not take place on that occasion
    NOT_BY_EXAM = "not by the exam"  # dated after the exam, or too vaguely to tell
    CONTRADICTED = "contradicted"  # of a fact only: entries that cannot both be true
    ABSENT = "absent"  # of a fact only: the record does not mention it, which is unknown and not no
    NOT_APPLICABLE = "not applicable"  # of a fact only


MARKED = "is marked as entered in error"  # why such an entry says nothing


class Entry(NamedTuple):
    """One entry of the record on one fact. ``first`` and ``last``: the days on which it may lie.

    ``why``: why it does not settle the fact, '' where it does; it follows the reference in a sentence.
    """

    reference: str
    standing: Standing
    first: date | None
    last: date | None
    value: bool | str | Decimal | None = None
    says: str = ""  # the code's own words in the value set
    why: str = ""

    @property
    def day(self) -> date | None:
        """Its day, where the record states one."""
        return self.first if self.first == self.last else None


@dataclass(slots=True)
class Ledger:
    """Entries by fact, in the order of the record."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)

    def add(
        self,
        fact: str,
        reference: str,
        standing: Standing,
        when: When | None,
        value: bool | str | Decimal | None = None,
        says: str = "",
        why: str = "",
    ) -> None:
        """Keep one entry."""
        first, last = (when.first, when.last) if when else (None, None)
        self.entries.setdefault(fact, []).append(Entry(reference, standing, first, last, value, says, why))

    def of(self, fact: str) -> list[Entry]:
        """The entries on a fact, the undated first, then the oldest first."""
        return sorted(self.entries.get(fact, []), key=lambda entry: entry.first or date.min)

    def counted(self, fact: str) -> list[Entry]:
        """Those that state it and count on the day of the exam."""
        return [entry for entry in self.of(fact) if entry.standing is Standing.STATED]


def standing(belief: Belief, entries: list[Entry]) -> Standing:
    """How a fact stands as a whole: its belief, and where that is unknown what its newest entry came to."""
    if isinstance(belief, Known) and belief.value is not False:
        return Standing.STATED
    if isinstance(belief, Known):
        denied = any(entry.standing is Standing.DENIED for entry in entries)
        return Standing.DENIED if denied else Standing.ENDED
    if isinstance(belief, NotApplicable):
        return Standing.NOT_APPLICABLE
    telling = [entry for entry in entries if entry.standing is not Standing.NOT_DONE]
    if not telling:
        return Standing.CONTRADICTED if belief.source else Standing.ABSENT
    newest = max(telling, key=_weight)
    decided = newest.standing in (Standing.STATED, Standing.DENIED)
    return Standing.CONTRADICTED if decided else newest.standing


# What leaves a fact unknown although an older or weaker entry stands beside it, strongest first: an entry that was
# marked as an error says nothing, and one from after the exam is news that nobody had.
_SILENT = (Standing.IN_ERROR, Standing.NOT_FINAL, Standing.NOT_BY_EXAM)


def _weight(entry: Entry) -> tuple[bool, date]:
    return entry.standing not in _SILENT, entry.first or date.min


def standings(facts: Mapping[str, Belief], ledger: Ledger, based_on: Mapping[str, str]) -> dict[str, Standing]:
    """How each fact stands. ``based_on``: each derived fact with the one it follows from."""
    found = {name: standing(belief, ledger.of(name)) for name, belief in facts.items()}
    return found | {
        name: _derived(facts[name], found[base]) for name, base in based_on.items() if isinstance(facts[name], Unknown)
    }


def _derived(unknown: Belief, base: Standing) -> Standing:
    """A derived fact fails as its base does; where that is stated, for want of a second value or of a date."""
    if base is not Standing.STATED:
        return base
    return Standing.UNUSABLE if unknown.source else Standing.ABSENT
