"""Time to follow-up: how many have had it by which day, where others died, were diagnosed, or are not seen any more.

The cumulative incidence of Aalen and Johansen (1978) on intervals of a week. An exam is at risk until it is followed
up, until something else comes first that ends the wait (death, tissue, a diagnosis: competing, for one minus
Kaplan-Meier would count those who died as if they could still come), or until nothing more would be seen (who left;
the as-of date: censored, half an interval at risk as in the actuarial life table, Cutler and Ederer 1958).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, floor, sqrt

from .tally import Z

FINEST, COARSEST = 0.01, 0.1  # of the units to which shares are rounded


@dataclass(frozen=True, slots=True)
class Interval:
    """What happened in one interval, in exams: followed up, ended otherwise, not seen any more."""

    followed: int = 0
    ended: int = 0
    unseen: int = 0

    @property
    def all(self) -> int:
        """Exams that leave the wait in it."""
        return self.followed + self.ended + self.unseen


@dataclass(frozen=True, slots=True)
class Point:
    """The end of interval ``number`` (from 1): still waiting; share followed up, with its interval; share ended."""

    number: int
    waiting: int
    followed: float
    low: float
    high: float
    ended: float


def incidence(intervals: Sequence[Interval]) -> list[Point]:
    """The cumulative incidence at the end of each interval in which somebody was at risk.

    The interval is that of the delta method (Marubini and Valsecchi 1995, 10.12), at 95 %, cut to 0 and 1.
    """
    waiting, surviving, followed, ended = sum(i.all for i in intervals), 1.0, 0.0, 0.0
    found: list[Point] = []
    past: list[tuple[float, float, float, float]] = []  # at risk, share followed, share ended or followed, surviving
    for number, one in enumerate(intervals, start=1):
        risk = waiting - one.unseen / 2
        if risk <= 0:
            break
        first, any_ = one.followed / risk, min((one.followed + one.ended) / risk, 1.0)
        past.append((risk, first, any_, surviving))
        followed, ended = followed + surviving * first, ended + surviving * (any_ - first)
        surviving, waiting = surviving * (1 - any_), waiting - one.all
        half = Z * sqrt(max(_variance(past, followed), 0.0))
        found.append(Point(number, waiting, followed, max(followed - half, 0.0), min(followed + half, 1.0), ended))
    return found


def _variance(past: Sequence[tuple[float, float, float, float]], whole: float) -> float:
    """Of the share followed up at the end of the last of these intervals, which is ``whole``."""
    until = accumulate(surviving * first for _, first, _, surviving in past)
    parts = (_part(*one, whole - so_far) for one, so_far in zip(past, until, strict=True))
    return sum(parts)


def _part(risk: float, first: float, any_: float, surviving: float, left: float) -> float:
    stays = left * left * any_ / (risk * (1 - any_)) if any_ < 1 else 0.0
    comes = surviving * surviving * (1 - first) * first / risk
    return stays + comes - 2 * left * surviving * first / risk


def shown(intervals: Sequence[Interval], most: int, least: int) -> list[Point] | None:
    """The curve over the first ``most`` intervals, so that no small cell can be read off; None for too few exams.

    Shares are rounded to the unit of ``least`` exams of the whole (one per cent at least), their interval outwards, and
    who still waits to multiples of ``least``: a difference of two points tells a count to within ``least``, never that
    it lies below. Exams so few that the unit would be more than ``COARSEST`` have no curve.
    """
    many = sum(i.all for i in intervals)
    if many * COARSEST < least:
        return None
    unit = max(least / many, FINEST)
    return [_rounded(point, unit, least) for point in incidence(intervals)[:most]]


def _rounded(point: Point, unit: float, least: int) -> Point:
    return Point(
        point.number,
        least * round(point.waiting / least),
        _to(unit, point.followed, round),
        _to(unit, point.low, floor),
        _to(unit, point.high, ceil),
        _to(unit, point.ended, round),
    )


def _to(unit: float, share: float, way: Callable[[float], int]) -> float:
    return min(unit * way(share / unit), 1.0)
