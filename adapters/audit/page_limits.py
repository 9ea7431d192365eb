"""Control limits of a funnel plot for proportions, and whether the groups vary more than chance allows.

Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med 2005;24:1185-1202: limits at 95 % and
99.8 % (two and three standard deviations) around the target, exact binomial with interpolation (its appendix A.1.1);
overdispersion by Winsorised z-scores (its section 2.4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isnan, sqrt
from typing import Literal

LEVELS = (0.95, 0.998)
QUANTILES = {0.95: 1.959963984540054, 0.998: 3.090232306167813}  # of the normal distribution, two sided
WINSORISED = 0.1  # of the z-scores at either end
Side = Literal["inside", "beyond 95 %", "beyond 99.8 %"]


def limits(target: float, exams: int, level: float) -> tuple[float, float]:
    """The lower and upper limit of the share in a group of that many exams, if its true share is the target.

    Exact binomial: r is the smallest count whose cumulative probability reaches p, less
    (F(r) - p) / (F(r) - F(r - 1)), so that the limits run smoothly; divided by the exams and cut to 0 and 1.

    Args:
        target: from 0 to 1.
        exams: 1 or more.
        level: the share of groups within, such as 0.95.
    """
    tail = (1 - level) / 2
    return _bound(target, exams, tail), _bound(target, exams, 1 - tail)


def _bound(target: float, exams: int, p: float) -> float:
    from scipy.special import bdtr, bdtrik  # the distribution and its inverse, without the cost of scipy.stats

    if target in (0.0, 1.0):
        return target
    inverse = float(bdtrik(p, exams, target))
    count = 0 if isnan(inverse) else max(ceil(inverse), 0)  # not a number: p lies below the chance of none
    while count > 0 and bdtr(count - 1, exams, target) >= p:  # the inverse is rounded
        count -= 1
    reached, before = bdtr(count, exams, target), bdtr(count - 1, exams, target) if count else 0.0
    share = (count - (reached - p) / (reached - before)) / exams if reached > before else count / exams
    return min(max(float(share), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Spread:
    """How the groups vary: ``factor`` (phi) is 1 where by chance alone; ``more``: significantly more than that."""

    factor: float
    more: bool


def spread(target: float, groups: Sequence[tuple[int, int]]) -> Spread:
    """Overdispersion of groups (met, exams): the mean square of their Winsorised z-scores.

    More than chance: the mean of I squared z-scores exceeds 1 + 2 sqrt(2 / I), two standard deviations above 1.
    Fewer than 10 groups tell too little.
    """
    if len(groups) < 10 or target in (0.0, 1.0):
        return Spread(1.0, more=False)
    scores = sorted((met / exams - target) / sqrt(target * (1 - target) / exams) for met, exams in groups)
    cut = int(WINSORISED * len(scores))
    low, high = scores[cut], scores[-1 - cut]
    factor = sum(min(max(z, low), high) ** 2 for z in scores) / len(scores)
    return Spread(factor, more=factor > 1 + 2 * sqrt(2 / len(scores)))


def wider(target: float, exams: int, level: float, factor: float) -> tuple[float, float]:
    """The limits with the standard error times sqrt(phi), for groups that vary more than chance allows."""
    half = QUANTILES[level] * sqrt(factor * target * (1 - target) / exams)
    return max(target - half, 0.0), min(target + half, 1.0)


def side(target: float, met: int, exams: int, factor: float = 1.0) -> Side:
    """Where a group lies.

    By chance alone at most one group in twenty is called beyond 95 %, one in five hundred beyond 99.8 %: the exact
    probability of so few, or so many, met decides. The lines that are drawn run smoothly between whole counts, so a
    mark less than one exam outside of them may still be within.

    ``factor``: above 1 the wider limits decide.
    """
    if factor > 1.0:
        share, bounds = met / exams, {v: wider(target, exams, v, factor) for v in LEVELS}
        outside = [level for level, (low, high) in bounds.items() if share < low or share > high]
    else:
        chance = _chance(target, met, exams)
        outside = [level for level in LEVELS if chance <= (1 - level) / 2]
    return "beyond 99.8 %" if LEVELS[1] in outside else "beyond 95 %" if outside else "inside"


def _chance(target: float, met: int, exams: int) -> float:
    """The smaller of the probabilities of at most, and of at least, so many met."""
    from scipy.special import bdtr, bdtrc

    at_least = float(bdtrc(met - 1, exams, target)) if met else 1.0
    return min(float(bdtr(met, exams, target)), at_least)
