"""How a lesion changed between two exams, with the error of the change.

The change is that of the mean diameter (Lung-RADS v2022 note 4). Doubling time: t ln 2 / ln(V2 / V1), growth taken to
be exponential (Collins, Loeffler and Tivey, Am J Roentgenol 76:988-1000, 1956; Schwartz, Cancer 14:1272-1294, 1961),
volumes as the cubes of mean diameters. Growth is more than 1.5 mm within 12 months (Lung-RADS v2022 note 6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ..errors import BadValue
from ..types import Finding, Unknown
from .lesion import mean_of

THRESHOLD_MM: Final = 1.5  # Lung-RADS v2022 note 6
WITHIN_MONTHS: Final = 12.0
DAYS_A_MONTH: Final = 365.25 / 12
NORMAL_90: Final = 1.6449  # half width of a Gaussian's 90 % interval, in standard deviations


@dataclass(frozen=True, slots=True)
class Growth:
    """``change_mm`` ± ``sd_mm``, and its 90 % interval ``change_90_mm``. ``over_threshold``: the probability that the
    true change is more than 1.5 mm; ``within_12_months``: whether the interval is one that note 6 speaks of.

    ``doublings_a_year`` of the volume with its 90 % interval; negative: it shrinks. ``doubling_days`` is 365.25 over
    them: None where it does not grow; ``doubling_90_days``: (shortest, longest), None for "never": the interval holds
    that it does not grow; both None where it surely shrinks.
    """

    now_mm: float
    before_mm: float
    months: float
    change_mm: float
    sd_mm: float
    over_threshold: float
    within_12_months: bool
    doublings_a_year: float
    doublings_90_a_year: tuple[float, float]

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


def growth(current: Finding, prior: Finding, months: float, *, shared: float = 0.0) -> Growth | Unknown:
    """What became of a lesion's mean diameter in ``months``; ``Unknown`` where either exam states no size.

    ``shared``: correlation of the two errors, in [0, 1). The same reader, scanner and protocol err alike, and that part
    cancels; 0, the default, takes nothing for granted and is the wider.

    Raises:
        BadValue: ``months`` is not above 0, or ``shared`` not in [0, 1).
    """
    if not (math.isfinite(months) and months > 0):
        raise BadValue("exams", "months", f"{months}", "above 0", "Give the earlier exam as the prior.")
    if not 0 <= shared < 1:
        raise BadValue("growth", "shared", f"{shared}", "from 0 to below 1", "Give the errors' correlation, or 0.")
    now, before = mean_of(current), mean_of(prior)
    if now is None or before is None:
        return Unknown(f"no mean diameter is stated on the {'current' if now is None else 'prior'} exam")
    sd = _of_difference(now[1], before[1], shared)
    change = now[0] - before[0]
    a_year = 3 / math.log(2) / (months / 12)  # doublings of the volume for each unit of ln(diameter)
    rate = a_year * math.log(now[0] / before[0])
    error = NORMAL_90 * a_year * _of_difference(now[1] / now[0], before[1] / before[0], shared)
    over = 0.5 * math.erfc((THRESHOLD_MM - change) / sd / math.sqrt(2))
    within = months <= WITHIN_MONTHS
    return Growth(now[0], before[0], months, change, sd, over, within, rate, (rate - error, rate + error))


def _of_difference(a: float, b: float, shared: float) -> float:
    return math.sqrt(a * a + b * b - 2 * shared * a * b)


def _days(doublings_a_year: float) -> float | None:
    return 365.25 / doublings_a_year if doublings_a_year > 1e-9 else None
