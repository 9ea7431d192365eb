"""What is read from a report; every value keeps where it stood and the rule that read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Months = tuple[float, float]


class Place(NamedTuple):
    """Half-open range of characters of the report, and the name of the rule that read it."""

    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class StatedCategory:
    """What this report says of one guideline for this examination.

    ``category`` is None for a guideline that has none (Fleischner). ``edition`` is None where it is not said.
    ``s_modifier`` is True or False for Lung-RADS (the letter is there or it is not) and None for the others.
    ``why`` says why this statement was taken when there were several, ``others`` which ones were passed over.
    """

    guideline: str
    category: str | None
    edition: str | None
    s_modifier: bool | None
    place: Place
    why: str
    others: tuple[str, ...] = ()
    edition_place: Place | None = None
    modifier_place: Place | None = None


@dataclass(frozen=True, slots=True)
class Recommended:
    """What this report asks for next. ``None`` means that it is not said, never that nothing is due.

    ``interval_months`` is (least, most) in months, (0, 0) for at once; ``modality`` one of ldct, ct, pet_ct, mri,
    us, biopsy, other; ``none`` is True where the report says that no follow-up is needed.
    """

    interval_months: Months | None
    modality: str | None
    none: bool
    interval_place: Place | None
    modality_place: Place | None
    why: str
    none_place: Place | None = None


class Size(NamedTuple):
    """Largest stated dimension of a lesion of this examination, in mm."""

    mm: float
    place: Place


@dataclass(frozen=True, slots=True)
class ReportRead:
    """All that was read: one entry for each guideline in ``stated``; in ``disputed`` what excludes each other."""

    stated: tuple[StatedCategory, ...]
    recommended: Recommended | None
    sizes: tuple[Size, ...]
    disputed: tuple[StatedCategory, ...] = ()

    @property
    def conflicts(self) -> tuple[str, ...]:
        """The guidelines of which this report says what excludes each other."""
        return tuple(dict.fromkeys(entry.guideline for entry in self.disputed))

    def category(self, guideline: str) -> str | None:
        """The category stated for this examination by ``guideline``, or None where it is not said."""
        return next((entry.category for entry in self.stated if entry.guideline == guideline), None)
