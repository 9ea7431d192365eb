"""What is read from a report; every value keeps where it stood and the rule that read it."""

from __future__ import annotations

from dataclasses import dataclass

Months = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Place:
    """Half-open range of characters of the report, and the name of the rule that read it."""

    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class StatedCategory:
    """What this report says of one guideline for this examination.

    ``category`` is None for a guideline that has none (Fleischner). ``edition`` is None where it is not said.
    ``s_modifier`` is True or False for Lung-RADS (the letter is there or it is not) and None for the others.
    ``why`` says why this statement was taken when there were several.
    """

    guideline: str
    category: str | None
    edition: str | None
    s_modifier: bool | None
    place: Place
    why: str
    others: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Size:
    """Largest stated dimension of a lesion of this examination, in mm."""

    mm: float
    place: Place


@dataclass(frozen=True, slots=True)
class ReportRead:
    """All that was read. ``stated`` has one entry for each guideline; ``conflicts`` names what truly contradicts."""

    stated: tuple[StatedCategory, ...]
    recommended: Recommended | None
    sizes: tuple[Size, ...]
    conflicts: tuple[str, ...] = ()

    def category(self, guideline: str) -> str | None:
        """The category stated for this examination by ``guideline``, or None where it is not said."""
        return next((entry.category for entry in self.stated if entry.guideline == guideline), None)
