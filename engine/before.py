"""A lesion beside an earlier exam: what that exam says of it, and how much it has grown since.

Kept apart from ``types``, which is full: plain data, frozen like all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .types import Facts

NORMAL_90: Final = 1.6449  # half width of a Gaussian's 90 % interval, in standard deviations
DAYS_A_YEAR: Final = 365.25


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


@dataclass(frozen=True, slots=True)
class Growth:
    """How a lesion's mean diameter changed in ``months``, with the error of both measurements.

    ``change_mm`` ± ``sd_mm`` (standard deviation). ``threshold_mm``: what the guideline counts as growth, within
    ``within_months`` where it names them, and ``over_threshold`` the probability (0 to 1) that the true change is more;
    None where the guideline has no such threshold in mm.

    ``doublings_a_year`` of the volume with its 90 % interval; negative: it shrinks. ``doubling_days`` is a year over
    them: None where it does not grow; ``doubling_90_days``: (shortest, longest), None for "never": the interval holds
    that it does not grow; both None where it surely shrinks.
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
    def doubling_days(self) -> float | None:
        """Volume doubling time."""
        return _days(self.doublings_a_year)

    @property
    def doubling_90_days(self) -> tuple[float | None, float | None]:
        """Shortest and longest doubling time."""
        slowest, fastest = self.doublings_90_a_year
        return _days(fastest), _days(slowest)


def _days(doublings_a_year: float) -> float | None:
    return DAYS_A_YEAR / doublings_a_year if doublings_a_year > 1e-9 else None
