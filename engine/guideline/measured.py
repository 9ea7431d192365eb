"""Measurements with an error, as weighted pieces on which every number of a guideline keeps its cell.

A measurement is a Gaussian cut to its input's range. Where it alone is uncertain, its axis is split
at every value at which a number that rests on it (size, growth, band crossing) changes its cell,
rounding half up included, and each piece weighs what the Gaussian has there: exact. Where two
uncertain measurements meet in one number (size and prior size), the widest is split so at each of
the points that stand for the other: its ticks where it is rounded (exact again), else five
Gauss-Legendre points to each standard deviation (an error of about 1e-6).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import pairwise, product
from typing import Any

from ..errors import BadValue, Contradiction
from ..types import Classes, Facts, Measured
from . import numbers
from .axis import LEAST, WIDEST, Axis, axis_of
from .crossings import Crossings
from .load import Guideline
from .situation import Cells, number_cells, raw_value
from .tables import NOT_APPLICABLE, Cuts, Variable

Piece = tuple[float, Mapping[str, Decimal]]  # weight, and a value inside for each uncertain input
AT_MOST, MORE = ("at most", "more", NOT_APPLICABLE), Cuts(((Decimal(0), True),))  # a limit as a number: small - large
BROKEN: Cells = (1,)


class Amounts(Mapping[str, Any]):
    """The numbers that follow from raw inputs, each worked out when first asked for and then kept in ``found``.

    For ``numbers``, which looks among the raw inputs for what it does not know as a number: here it
    finds the number.
    """

    def __init__(
        self, definitions: numbers.Definitions, raw: numbers.Raw, found: Mapping[str, numbers.Amount] | None = None
    ) -> None:
        self.definitions, self.raw, self.found = definitions, raw, dict(found or {})

    def __getitem__(self, name: str) -> Any:
        if name in self.found:
            return self.found[name]
        definition = self.definitions.get(name)
        if definition is None:
            return self.raw[name]
        raw = self.raw if "input" in definition else self  # an input may have its name in common with a number
        found = self.found[name] = numbers.number(name, {name: definition}, raw)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """The same, ``default`` for what is neither a number nor an input given."""
        return self[name] if name in self.found or name in self.definitions or name in self.raw else default

    def __iter__(self) -> Iterator[str]:
        return iter({**self.raw, **self.definitions})

    def __len__(self) -> int:
        return len({**self.raw, **self.definitions})


@dataclass(frozen=True, slots=True)
class Limit:
    """What no patient breaks (``at_most``), as a number that is not above 0; ``behind``: the inputs it rests on."""

    small: str
    large: str
    definition: Mapping[str, Any]
    behind: frozenset[str]
    variable: Variable


class Measurements:
    """The uncertain measurements among some facts that the number variables ``tested`` rest on.

    What the guideline says of two numbers (``at_most``: a solid component lies within its nodule) no
    patient breaks: pieces that do are left out, and the others weigh the more. ``limited``: False
    leaves such pieces in. ``amounts``: the numbers that follow from the facts, where some were worked out before.

    Raises:
        BadValue: one is no number, is in another unit, or all but excluded by its input's range.
        Contradiction (from ``spread``): all but no piece is possible.
    """

    def __init__(
        self,
        guideline: Guideline,
        tested: Iterable[Variable],
        facts: Facts,
        *,
        limited: bool = True,
        amounts: Amounts | None = None,
    ) -> None:
        self.guideline = guideline
        _no_classes(guideline, facts)
        if amounts is None:
            amounts = Amounts(guideline.numbers, {name: raw_value(facts.get(name)) for name in guideline.amounts})
        self.raw = amounts.raw
        beliefs = {n: b for n, b in facts.items() if isinstance(b, Measured) and n in guideline.inputs}
        for name in _other_ways(guideline, beliefs, self.raw) if beliefs else ():
            del beliefs[name]
        axes = {n: axis_of(guideline, n, b) for n, b in beliefs.items()}
        self.limits = dict(_near(guideline, axes, self.raw)) if limited and axes else {}
        self.definitions, self.behind = guideline.numbers, guideline.behind
        if self.limits:
            self.definitions = {**self.definitions, **{why: limit.definition for why, limit in self.limits.items()}}
            self.behind = {**self.behind, **{why: limit.behind for why, limit in self.limits.items()}}
        numbers_tested = {v.name: v for v in tested if v.cuts is not None} if axes else {}
        self.tested = numbers_tested | {why: limit.variable for why, limit in self.limits.items()}
        used = {i for n in numbers_tested for i in self.behind[n]}
        used |= {i for limit in self.limits.values() for i in limit.behind if used & limit.behind}
        self.axes = _means(self.definitions, self.tested, [a for n, a in axes.items() if n in used])
        self.amounts = Amounts(self.definitions, self.raw, amounts.found)
        self._crossed: dict[tuple[tuple[str, ...], str], frozenset[Decimal]] = {}

    def spread(self, *, merged: bool = True) -> list[tuple[float, Mapping[str, Cells], Mapping[str, Decimal]]]:
        """(weight, cells of the numbers that vary, values of the measurements) of all pieces.

        ``merged``: pieces with equal cells are one, and its values those of the first.
        """
        groups = [list(self._cells(group, merged)) for group in self.groups()]
        return [
            (
                math.prod(w for w, _, _ in parts),
                {n: c for _, cells, _ in parts for n, c in cells.items()},
                {n: v for _, _, values in parts for n, v in values.items()},
            )
            for parts in product(*groups)
        ]

    def groups(self) -> list[tuple[Axis, ...]]:
        """Axes that meet in a number, together; the widest first."""
        if len(self.axes) < 2:
            return [(axis,) for axis in self.axes]
        groups: list[set[Axis]] = []
        for axis in self.axes:
            met = [g for g in groups if any(set(self.resting_on(axis)) & set(self.resting_on(other)) for other in g)]
            groups = [g for g in groups if g not in met] + [{axis}.union(*met)]
        return [tuple(sorted(g, key=lambda a: (-a.sd, a.names))) for g in groups]

    def resting_on(self, *axes: Axis) -> list[str]:
        """The tested numbers that rest on any of the axes."""
        names = {n for axis in axes for n in axis.names}
        return [n for n in self.tested if not names.isdisjoint(self.behind[n])]

    def _cells(
        self, group: Sequence[Axis], merged: bool
    ) -> Iterator[tuple[float, Mapping[str, Cells], Mapping[str, Decimal]]]:
        names, found = self.resting_on(*group), dict[Any, tuple[list[float], Mapping[str, Decimal]]]()
        limits = [i for i, n in enumerate(names) if n in self.limits]
        cells_at = self._cells_of_one(group[0], names) if len(group) == 1 else self._cells_of_all(group, names)
        for weight, values in self.pieces(group):
            cells = cells_at(values)
            if not any(cells[i] == BROKEN for i in limits):
                found.setdefault((cells, None if merged else len(found)), ([], values))[0].append(weight)
        total = math.fsum(w for weights, _ in found.values() for w in weights)
        if total < LEAST:
            whole = " and ".join(n for axis in group for n in axis.names)
            raise Contradiction(
                "case", whole, "measurements that exclude each other", "; ".join(self.limits), "Correct one of them."
            )
        for (cells, _), (weights, values) in found.items():
            kept = {n: c for n, c in zip(names, cells, strict=True) if n not in self.limits}
            yield math.fsum(weights) / total, kept, values

    def _cells_of_one(self, axis: Axis, names: Sequence[str]) -> Callable[[Mapping[str, Decimal]], tuple[Cells, ...]]:
        """The cells of the numbers at values of one axis; between two of its own crossings a number keeps its cell."""
        crossed, others = [sorted(self.crossings(axis, n)) for n in names], self._others([axis])
        known: list[dict[int, Cells]] = [{} for _ in names]

        def cells(values: Mapping[str, Decimal]) -> tuple[Cells, ...]:
            value = values[axis.names[0]]
            places = [bisect_left(points, value) for points in crossed]
            new = [i for i, place in enumerate(places) if place not in known[i]]
            amounts = Amounts(self.definitions, {**self.raw, **values}, others) if new else self.amounts
            for i in new:
                known[i][places[i]] = number_cells(self.tested[names[i]], amounts[names[i]])
            return tuple([found[place] for place, found in zip(places, known, strict=True)])

        return cells

    def _cells_of_all(
        self, group: Sequence[Axis], names: Sequence[str]
    ) -> Callable[[Mapping[str, Decimal]], tuple[Cells, ...]]:
        """The cells of the numbers at values of several axes."""
        others = self._others(group)

        def cells(values: Mapping[str, Decimal]) -> tuple[Cells, ...]:
            amounts = Amounts(self.definitions, {**self.raw, **values}, others)
            return tuple([number_cells(self.tested[n], amounts[n]) for n in names])

        return cells

    def _others(self, group: Sequence[Axis]) -> dict[str, Any]:
        """The numbers worked out so far that do not rest on the axes."""
        names = {n for axis in group for n in axis.names}
        return {n: v for n, v in self.amounts.found.items() if names.isdisjoint(self.behind[n])}

    def pieces(self, group: Sequence[Axis]) -> Iterator[Piece]:
        """The joint pieces of one group; their weights sum to 1."""
        widest, *others = group
        met, kept = self.resting_on(*others), self._others(others)
        alone = {x for n in self.resting_on(widest) if n not in met for x in self.crossings(widest, n)}
        both = [n for n in self.resting_on(widest) if n in met]
        for points in product(*(list(self._points(axis, group)) for axis in others)):
            fixed = {n: value for axis, (_, value) in zip(others, points, strict=True) for n in axis.names}
            weight = math.prod(w for w, _ in points)
            amounts = Amounts(self.definitions, {**self.raw, **fixed}, kept)
            for a, b in _cut(widest, alone.union(*(self._crossings(widest, n, amounts) for n in both))):
                if mass := weight * widest.mass(a, b):
                    yield mass, fixed | dict.fromkeys(widest.names, (a + b) / 2)

    def intervals(self, axis: Axis, names: Iterable[str]) -> Iterator[tuple[Decimal, Decimal]]:
        """The axis, cut where one of the numbers may change its cell, the other inputs being as they are."""
        return _cut(axis, {x for n in names for x in self.crossings(axis, n)})

    def crossings(self, axis: Axis, name: str) -> frozenset[Decimal]:
        """Values of the axis at which a number may change its cell, the other inputs being as they are."""
        if (axis.names, name) not in self._crossed:
            always = self.guideline.worked_out(("read off", axis.names), lambda: _read_off(self.guideline, axis.names))
            found = partial(self._crossings, axis, name, self.amounts)
            key = ("crossings", axis.names, name, self.tested[name].cuts)
            self._crossed[axis.names, name] = self.guideline.worked_out(key, found) if name in always else found()
        return self._crossed[axis.names, name]

    def _crossings(self, axis: Axis, name: str, amounts: Amounts) -> frozenset[Decimal]:
        crossings = Crossings(self.definitions, self.behind, amounts, frozenset(axis.names), self._special)
        return frozenset(x for x, _ in crossings.of(name, _points_of(self.tested[name])))

    def _points(self, axis: Axis, group: Sequence[Axis]) -> Iterator[tuple[float, Decimal]]:
        step = _step(self.definitions, self.tested, axis)
        if step is not None:
            return axis.ticks(step)
        others = self.resting_on(*(other for other in group if other is not axis))
        alone = [n for n in self.resting_on(axis) if n not in others]
        return (p for a, b in self.intervals(axis, alone) for p in axis.quadrature(a, b))

    def _special(self, name: str) -> Iterator[Decimal]:
        """Values at which an unknown number matters: the ends of its range, and the cuts it takes part in."""
        behind = self.behind.get(name, frozenset({name}))
        for i in behind & self.guideline.numbers.keys():
            yield from (Decimal(str(x)) for x in self.guideline.numbers[i]["range"])
        for n, variable in self.tested.items():
            if behind & self.behind[n]:
                yield from (c for c, _ in _points_of(variable))


def _read_off(guideline: Guideline, axis: tuple[str, ...]) -> frozenset[str]:
    """The numbers that an axis gives by itself if it gives them, so that they cross at the same values for all."""

    def alone(name: str) -> bool:
        if name in axis or guideline.behind[name].isdisjoint(axis):
            return True
        definition = guideline.numbers[name]
        plain = not definition.keys().isdisjoint(("input", "either", "same_cuts"))
        return (plain or set(definition.get("mean_of", ("",))) <= set(axis)) and all(map(alone, _named(definition)))

    return frozenset(n for n in guideline.numbers if alone(n))


def _cut(axis: Axis, found: Iterable[Decimal]) -> Iterator[tuple[Decimal, Decimal]]:
    return pairwise([axis.low, *sorted(x for x in found if axis.low < x < axis.high), axis.high])


def _points_of(variable: Variable) -> tuple[tuple[Decimal, bool], ...]:
    return variable.cuts.points if variable.cuts else ()


def _no_classes(guideline: Guideline, facts: Facts) -> None:
    for name in guideline.amounts:
        belief = facts.get(name)
        if isinstance(belief, Classes):
            allowed = f"a value of this {guideline.inputs[name][1]['type']}"
            raise BadValue(belief.source.reference, name, "class probabilities", allowed, "Give a mean and an sd.")


def _other_ways(guideline: Guideline, beliefs: Mapping[str, Measured], raw: Mapping[str, Any]) -> set[str]:
    """Measurements that state what is already stated.

    Where ``either`` of several numbers will do, one is read: a stated one before a measured one, then
    in the order of the definition. The measurements behind the others are left out, for two of one
    lesion are no two independent facts.
    """
    left_out = set[str]()
    for ways in guideline.worked_out("ways to state a number", lambda: _ways(guideline)):
        if not any(beliefs.keys() & w for w in ways):
            continue
        stated = [w for w in ways if all(raw.get(i) not in (None, NOT_APPLICABLE) for i in w)]
        given = [w for w in ways if all(i in beliefs or raw.get(i) not in (None, NOT_APPLICABLE) for i in w)]
        for first in (stated or given)[:1]:
            left_out |= {i for w in ways for i in w if i in beliefs} - first
    return left_out


def _ways(guideline: Guideline) -> list[list[frozenset[str]]]:
    """The inputs behind each way to state a number, for numbers that can be stated in several."""
    return [[guideline.behind[n] for n in d["either"]] for d in guideline.numbers.values() if "either" in d]


def _near(guideline: Guideline, axes: Mapping[str, Axis], raw: numbers.Raw) -> Iterator[tuple[str, Limit]]:
    """The limits (``at_most``), each with why, that the measurements may break with a probability that counts."""
    at_means = Amounts(guideline.numbers, {**raw, **{n: Decimal(axis.mean) for n, axis in axes.items()}})
    for why, limit in guideline.worked_out("limits", lambda: _limits(guideline)).items():
        sds = [axes[i].sd for i in limit.behind & axes.keys()]
        if not sds:
            continue
        small, large = at_means.get(limit.small), at_means.get(limit.large)
        far = WIDEST * math.hypot(*sds) + 0.2  # rounding moves each by half a tick
        if isinstance(small, Decimal) and isinstance(large, Decimal) and float(large - small) < far:
            yield why, limit


def _limits(guideline: Guideline) -> dict[str, Limit]:
    found = {}
    for limit in guideline.document["inputs"].get("at_most", ()):
        small, large, why = (limit[k] for k in ("small", "large", "why"))
        behind = numbers.inputs_of(small, guideline.numbers) | numbers.inputs_of(large, guideline.numbers)
        variable = Variable(why, "derived", AT_MOST, cuts=MORE)
        found[why] = Limit(small, large, {"difference": [small, large]}, behind, variable)
    return found


def _means(definitions: numbers.Definitions, tested: Mapping[str, Variable], axes: list[Axis]) -> tuple[Axis, ...]:
    """The axes, two that are only read as their mean made one: half the sum of Gaussians is a Gaussian.

    Their ranges then bound the mean, not each; and that one is at most the other is left out, for taken
    the other way round they are the same lesion.
    """
    found = {a.names[0]: a for a in axes}
    for definition in definitions.values():
        pair = definition.get("mean_of", ())
        if pair and set(pair) <= found.keys() and all(_only(definitions, tested, n, definition) for n in pair):
            a, b = (found.pop(n) for n in pair)
            mean, sd = (a.mean + b.mean) / 2, math.hypot(a.sd, b.sd) / 2
            found[a.names[0]] = Axis((*a.names, *b.names), mean, sd, (a.low + b.low) / 2, (a.high + b.high) / 2)
    return tuple(found.values())


def _only(definitions: numbers.Definitions, tested: Mapping[str, Variable], name: str, mean: Mapping[str, Any]) -> bool:
    """Whether a mean alone reads an input, but for what reads just both of its inputs."""
    return all(d is mean or _named(d) == _named(mean) for d in _readers(definitions, tested, name))


def _step(definitions: numbers.Definitions, tested: Mapping[str, Variable], axis: Axis) -> Decimal | None:
    """The step to which all that reads the axis rounds it, if it does."""
    readers = [d for n in axis.names for d in _readers(definitions, tested, n)]
    steps = {d.get("round") if "input" in d or "mean_of" in d else None for d in readers}
    step = steps.pop() if len(steps) == 1 else None
    return None if step is None else Decimal(str(step))


def _readers(definitions: numbers.Definitions, tested: Mapping[str, Variable], name: str) -> list[Mapping[str, Any]]:
    """The definitions that read an input directly, its own where it is tested itself."""
    return [d for n, d in definitions.items() if name in _named(d) and (n != name or n in tested)]


def _named(definition: Mapping[str, Any]) -> set[str]:
    """The names that a definition reads directly."""
    lists = [definition[k] for k in ("mean_of", "difference", "percent_change", "either") if k in definition]
    maps = [definition[k] for k in ("largest_increase", "count_exams") if k in definition]
    paired = definition.get("same_cuts", {})
    named = [n for names in lists for n in names] + [n for m in maps for n in m.values()]
    return {*named, definition.get("input", ""), paired.get("first", ""), paired.get("or", "")} - {""}
