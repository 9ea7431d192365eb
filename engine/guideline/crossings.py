"""Where a number crosses its cuts, as values of one measurement that it rests on: ``numbers.py`` inverted.

A crossing is a pair like a cut: (value, False) is passed by what is equal or greater, (value, True)
by what is greater. The answers are complete; a value at which nothing changes may be among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from ..types import PastSize
from . import numbers
from .numbers import Definitions, Raw
from .tables import NOT_APPLICABLE

Point = tuple[Decimal, bool]
Points = frozenset[Point]


@dataclass(frozen=True, slots=True)
class Crossings:
    """Crossings on the axis of the inputs ``names``, all others being as in ``raw``.

    ``behind``: the inputs that each number rests on. An input that is None (unknown) may have any
    value: ``special`` gives those at which it matters, from its name.
    """

    definitions: Definitions
    behind: Mapping[str, frozenset[str]]
    raw: Raw
    names: frozenset[str]
    special: Callable[[str], Iterable[Decimal]]

    def of(self, name: str, points: Iterable[Point]) -> Points:
        """Values of the axis at which the number may pass one of the points."""
        points = frozenset(points)
        if name in self.names:
            return points
        if not (points and self._on(name)):
            return frozenset()
        definition = self.definitions[name]
        if "round" in definition:
            points = frozenset(_before_rounding(p, Decimal(definition["round"])) for p in points)
        kind = next(k for k in WAYS if k in definition)
        return frozenset(WAYS[kind](self, definition[kind], points))

    def _on(self, name: str) -> bool:
        """Whether a number rests on the axis."""
        return name in self.names or not self.names.isdisjoint(self.behind.get(name, ()))

    def _each(self, names: Iterable[str] | str, points: Points) -> Iterator[Point]:
        for name in [names] if isinstance(names, str) else names:
            yield from self.of(name, points)

    def _mean(self, names: list[str], points: Points) -> Iterator[Point]:
        if self.names.issuperset(names):
            yield from points
            return
        for name, other in (names, names[::-1]):
            yield from self._shifted(name, other, lambda t, v: 2 * t - v, points)

    def _difference(self, names: list[str], points: Points) -> Iterator[Point]:
        first, second = names
        yield from self._shifted(first, second, lambda t, v: v + t, points)
        yield from self._shifted(second, first, lambda t, v: v - t, _falling(points))

    def _percent_change(self, names: list[str], points: Points) -> Iterator[Point]:
        first, second = names
        rates = frozenset((1 + t / 100, above) for t, above in points if t > -100)
        yield from self._shifted(first, second, lambda rate, v: v * rate, rates)
        yield from self._shifted(second, first, lambda rate, v: v / rate, _falling(rates))

    def _shifted(self, name: str, other: str, to: Callable[[Decimal, Decimal], Decimal], points: Points) -> Points:
        """Where a number crosses the points as moved by the value of the other number."""
        if not self._on(name):
            return frozenset()
        return self.of(name, {(to(t, v), above) for v in self._values(other) for t, above in points})

    def _same_cuts(self, paired: Mapping[str, Any], points: Points) -> Iterator[Point]:
        yield from self.of(paired["first"], points)
        yield from self.of(paired["or"], {(Decimal(str(theirs)), False) for _, theirs in paired["cuts"]})

    def _largest_increase(self, names: Mapping[str, str], points: Points) -> Iterator[Point]:
        now, prior = names["now"], names["prior"]
        yield from self._shifted(now, prior, lambda t, v: v + t, points)
        yield from self.of(now, {(p.mean_mm + t, above) for p in self._history(names) for t, above in points})
        yield from self._shifted(prior, now, lambda t, v: v - t, _falling(points))
        if "within_months" in names:
            yield from self.of(names["interval"], {(Decimal(names["within_months"]), True)})

    def _count_exams(self, names: Mapping[str, str], points: Points) -> Iterator[Point]:
        """The prior counts once where the history repeats it: at equality alone."""
        repeats = self._history(names)
        yield from self.of(names["prior"], {(p.mean_mm, above) for p in repeats for above in (False, True)})
        yield from self.of(names["interval"], {(p.months_ago, above) for p in repeats for above in (False, True)})

    def _history(self, names: Mapping[str, str]) -> tuple[PastSize, ...]:
        history = self.raw.get(names["history"])
        return history if isinstance(history, tuple) else ()

    def _values(self, name: str) -> Iterator[Decimal]:
        """What the other number is; where it is unknown, the values at which it matters."""
        value = numbers.of(name, self.definitions, self.raw)
        if value is None:
            yield from self.special(name)
        elif value != NOT_APPLICABLE:
            yield Decimal(value)


WAYS: Mapping[str, Callable[[Crossings, Any, Points], Iterable[Point]]] = {
    "largest_increase": Crossings._largest_increase,
    "count_exams": Crossings._count_exams,
    "mean_of": Crossings._mean,
    "difference": Crossings._difference,
    "percent_change": Crossings._percent_change,
    "same_cuts": Crossings._same_cuts,
    "either": Crossings._each,
    "input": Crossings._each,
}


def _falling(points: Points) -> Points:
    """The points as they are passed by a number that falls while another one rises."""
    return frozenset((t, not above) for t, above in points)


def _before_rounding(point: Point, step: Decimal) -> Point:
    """The value from which rounding half up passes a point.

    >>> _before_rounding((Decimal("6"), False), Decimal("0.1"))
    (Decimal('5.95'), False)
    """
    value, above = point
    ticks = (value / step).to_integral_value(ROUND_FLOOR if above else ROUND_CEILING) + above
    return ticks * step - step / 2, False
