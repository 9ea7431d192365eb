"""A lesion beside an earlier exam: what that exam says of it, and how much it has grown since.

Kept apart from ``types``, which is full: plain data, frozen like all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .types import Facts

NORMAL_90: Final = 1.6449  # half width of a Gaussian's 90 % interval, in standard deviations
DAYS_A_YEAR: Final = 365.25
DATED_TO: Final = 1.0  # days: an exam has a date and no hour
NO_GROWTH: Final = 1e-9  # doublings a year: rounding
DECIDED_BEFORE: Final = "decided anew: "  # how a note begins that an earlier decision of the very same exam stands


@dataclass(frozen=True, slots=True)
class Before:
    """What the newest earlier exam that was compared says of a lesion.

    ``reference`` names that exam, ``date`` is its day, ``lesion`` the identifier there: '' where the exam does not
    have the lesion, so that it is new. ``probability`` (0 to 1) and ``basis`` ("position", "words" or "stated") of the
    match; ``doubt``: what speaks against it, '' where nothing does. ``facts``: what follows for the lesion now
    (``status``, ``prior_mean_mm``, ``interval_months`` ...), also where somebody stated it otherwise.
    """

    reference: str
    date: date
    lesion: str
    probability: float
    basis: str
    doubt: str
    facts: Facts

    def __post_init__(self) -> None:
        if not isinstance(self.facts, MappingProxyType):
            object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))

    def __reduce__(self) -> tuple[type[Before], tuple[object, ...]]:
        whole = self.reference, self.date, self.lesion, self.probability, self.basis, self.doubt, dict(self.facts)
        return type(self), whole  # a mapping proxy cannot be pickled


class Untold(StrEnum):
    """Why a lesion that seems to grow has no doubling time that can be told."""

    ERRORS = "errors"  # the errors of both sizes are larger than the change: it may not have grown
    DATES = "dates"  # it may be shorter than a day, to which the exams' dates tell the time between


@dataclass(frozen=True, slots=True)
class Growth:
    """How a lesion's mean diameter changed in ``months``, with the error of both measurements.

    ``change_mm`` ± ``sd_mm`` (standard deviation). ``threshold_mm``: what the guideline counts as growth, within
    ``within_months`` where it names them, and ``over_threshold`` the probability (0 to 1) that the true change is more;
    None where the guideline has no such threshold in mm.

    ``doublings_a_year`` of the volume with its 90 % interval; negative: it shrinks. ``doubling_days`` is a year over
    them: None where it does not grow, and where ``untold`` says why it cannot be told. ``doubling_90_days``: (shortest,
    longest), None for "never": the interval holds that it does not grow; both None where it surely shrinks, or where
    dates tell nothing.
    """

    now_mm: float
    before_mm: float
    months: float
    change_mm: float
    sd_mm: float
    threshold_mm: float | None
    within_months: float | None
    over_threshold: float | None
    doublings_a_year: float
    doublings_90_a_year: tuple[float, float]

    @property
    def in_time(self) -> bool:
        """Whether the exams lie no further apart than the guideline's threshold speaks of."""
        return self.within_months is None or self.months <= self.within_months

    @property
    def change_90_mm(self) -> tuple[float, float]:
        """Where the true change lies with 90 % probability."""
        return self.change_mm - NORMAL_90 * self.sd_mm, self.change_mm + NORMAL_90 * self.sd_mm

    @property
    def days(self) -> float:
        """Days between the exams, by their dates: what lay between is up to a day less or more."""
        return self.months * DAYS_A_YEAR / 12

    @property
    def untold(self) -> Untold | None:
        """Why there is no doubling time although it seems to grow; None where there is one, or it does not.

        No shortest interval is taken from a guideline, for none states one: both reasons follow from the errors of what
        is measured, the sizes and the days between.
        """
        slowest, fastest = self.doublings_90_a_year
        if self.doublings_a_year <= NO_GROWTH:
            return None
        if max(self.days - DATED_TO, 0) / self.days * DAYS_A_YEAR / fastest < DATED_TO:
            return Untold.DATES
        return Untold.ERRORS if slowest <= NO_GROWTH else None

    @property
    def doubling_days(self) -> float | None:
        """Volume doubling time."""
        return None if self.untold else _days(self.doublings_a_year)

    @property
    def doubling_90_days(self) -> tuple[float | None, float | None]:
        """Shortest and longest doubling time."""
        slowest, fastest = self.doublings_90_a_year
        return (None, None) if self.untold is Untold.DATES else (_days(fastest), _days(slowest))


def _days(doublings_a_year: float) -> float | None:
    return DAYS_A_YEAR / doublings_a_year if doublings_a_year > NO_GROWTH else None
