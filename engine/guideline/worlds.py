"""The combinations of cells that occur together in two guidelines, each with facts that give it.

Numbers that rest on the same measurements (size, prior size, growth) are tried out together: each
measurement in turn takes every value at which one of the numbers may change its cell, given those
before it, and values beside. Differences, growth, changes in percent and cuts are linear, so the cells
that occur at all occur at such values. Of the values that agree in every cell so far only the extreme
ones are carried on; that these are enough is not proved: tests look for a patient who is missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from itertools import combinations, pairwise

from ..errors import Contradiction
from ..types import PastSize
from . import numbers
from .crossings import Crossings
from .joint import Axis, Group, World
from .load import Guideline
from .older import Looks, OlderExams, short
from .tables import NOT_APPLICABLE

Raw = dict[str, Decimal | str | tuple[PastSize, ...] | None]
Both = tuple[Guideline, Guideline]


def groups(both: Both, axes: Sequence[Axis]) -> tuple[Group, ...]:
    """What does not vary freely: numbers on one measurement, limits between them, lists of exactly so many."""
    space = _Numbers(both, axes)
    every = (*(space.group(names) for names in space.connected()), *space.limits(), *_lists(both, axes))
    return tuple(g for g in every if g.worlds)


def beyond(both: Both, axes: Sequence[Axis]) -> tuple[str, ...]:
    """Why the groups may lack worlds that occur, in words; nothing where they lack none."""
    return tuple(_Numbers(both, axes).beyond())


def check(both: Both, facts: Mapping[str, object]) -> bool:
    """Whether both guidelines take the numbers to be those of one patient."""
    raw = {n: v for n, v in facts.items() if isinstance(v, Decimal | tuple)}
    try:
        for g in both:
            numbers.check(g.document["inputs"].get("at_most", ()), g.numbers, raw)
    except Contradiction:
        return False
    return True


def tied(both: Both) -> frozenset[str]:
    """The inputs that limits bind to each other."""
    limits = [(g, i) for g in both for i in g.document["inputs"].get("at_most", ())]
    return frozenset(n for g, i in limits for key in ("small", "large") for n in g.behind.get(i[key], {i[key]}))


def _lists(both: Both, axes: Sequence[Axis]) -> Iterator[Group]:
    """Lists of which none or exactly so many values are named."""
    exactly = {n: (i["values"], i["exactly"]) for g in both for n, (_, i) in g.inputs.items() if "exactly" in i}
    for name, (values, count) in exactly.items():
        at = {v: n for v in values for n, axis in enumerate(axes) if axis.name == f"{name}.{v}"}
        worlds = [
            World({n: int(v in chosen) for v, n in at.items()}, {f"{name}.{v}": _yes(v in chosen) for v in values})
            for chosen in ((), *combinations(values, count))
        ]
        yield Group(at.values(), worlds)


def _yes(said: bool) -> str:
    return "yes" if said else "no"


class _Numbers:
    """The axes that are numbers, and the measurements that they rest on (of several ways to state one, the first)."""

    def __init__(self, both: Both, axes: Sequence[Axis]) -> None:
        self.both = both
        self.axes = {n: axis for n, axis in enumerate(axes) if axis.cuts is not None}
        self.rests = {n: numbers.missing(a.name, self._owner(a).numbers, {}) for n, a in self.axes.items()}

    def _owner(self, axis: Axis) -> Guideline:
        return self.both[0] if axis.sides[0] is not None else self.both[1]

    def connected(self) -> list[frozenset[str]]:
        """Measurements that meet in a number, together."""
        found: list[frozenset[str]] = []
        for names in self.rests.values():
            touching = [f for f in found if f & names]
            found = [f for f in found if not f & names] + [names.union(*touching)]
        return found

    def limits(self) -> Iterator[Group]:
        """For each limit between two numbers the cells that they can have together; it gives no facts itself."""
        listed = {(i["small"], i["large"]) for g in self.both for i in g.document["inputs"].get("at_most", ())}
        for pair in sorted(listed):
            bound = [n for n in self.axes if self.rests[n] & self._behind(pair) and len(self.rests[n]) == 1]
            names = frozenset(name for n in bound for name in self.rests[n])
            if len(names) > 1:
                group = self.group(names, bound)
                fitting = [w for w in group.worlds if check(self.both, w.facts)]
                yield Group(bound, [World(w.cells, {}) for w in fitting])

    def _behind(self, pair: tuple[str, str]) -> frozenset[str]:
        return frozenset(
            m for g in self.both for n in pair if n in g.numbers for m in numbers.missing(n, g.numbers, {})
        )

    def group(self, names: frozenset[str], only: Iterable[int] | None = None) -> Group:
        """The worlds of all numbers that rest on these measurements."""
        mine = sorted(n for n in (self.axes if only is None else only) if self.rests[n] <= names)
        order = sorted(names, key=lambda n: (self._type(n) == "history", self._place(n)))
        level: list[tuple[Raw, tuple[int, ...]]] = [({}, ())]
        done: list[int] = []
        for count, name in enumerate(order, start=1):
            fresh = [n for n in mine if n not in done and self.rests[n] <= set(order[:count])]
            grown = self._grown(level, name, mine, fresh)
            level = list(grown) if count == 1 < len(order) else _thinned(grown)
            done += fresh
        level.sort(key=lambda w: _odd(w[0]))
        return Group(mine, [World(dict(zip(done, cells, strict=True)), raw) for raw, cells in level])

    def _type(self, name: str) -> str:
        return next(str(g.inputs[name][1]["type"]) for g in self.both if name in g.inputs)

    def _place(self, name: str) -> int:
        return next(list(g.inputs).index(name) for g in reversed(self.both) if name in g.inputs)

    def _grown(
        self, level: Iterable[tuple[Raw, tuple[int, ...]]], name: str, mine: Sequence[int], fresh: Sequence[int]
    ) -> Iterator[tuple[Raw, tuple[int, ...]]]:
        """The level with one more measurement, in each of its values that matter."""
        for raw, cells in level:
            for value in self._values(name, raw, [n for n in mine if name in self.rests[n]]):
                more: Raw = {**raw, name: value}
                new = [self._cell(self.axes[n], more) for n in fresh]
                if None not in new:
                    yield more, (*cells, *(c for c in new if c is not None))

    def _cell(self, axis: Axis, raw: Raw) -> int | None:
        """The axis' cell; None where these values give none (a change in percent of nothing)."""
        value = numbers.number(axis.name, self._owner(axis).numbers, raw)
        if isinstance(value, Decimal) and axis.cuts is not None:
            return axis.cuts.cell(value)
        return next((n for n, (words, _, _) in enumerate(axis.cells) if words == value), None)

    def _values(self, name: str, raw: Raw, on: Sequence[int]) -> Iterator[Decimal | str | tuple[PastSize, ...]]:
        inputs = [g.inputs[name][1] for g in self.both if name in g.inputs]
        if all(i.get("absent") == NOT_APPLICABLE for i in inputs):
            yield NOT_APPLICABLE
        if self._type(name) == "history":
            yield from self.older(on).lists(raw)
            return
        low, high = max(Decimal(i["range"][0]) for i in inputs), min(Decimal(i["range"][1]) for i in inputs)
        points = sorted({low, high, *self._crossings(name, raw, on)})
        tick = self._tick(on)
        near = {(x / tick).to_integral_value(ROUND_FLOOR) * tick + k * tick for x in points for k in (-1, 0, 1)}
        between = {(a + b) / 2 for a, b in pairwise(points) if b - a < 2 * tick}
        yield from sorted(short(x) for x in near | between | {low, high} if low <= x <= high)

    def _crossings(self, name: str, raw: Raw, on: Sequence[int]) -> Iterator[Decimal]:
        for n in on:
            axis = self.axes[n]
            owner = self._owner(axis)
            unknown = {i: raw.get(i) for i in owner.amounts}
            across = Crossings(owner.numbers, owner.behind, unknown, frozenset({name}), self._special)
            yield from (x for x, _ in across.of(axis.name, _points(axis)))

    def _special(self, name: str) -> Iterator[Decimal]:
        """Values at which a number not yet known matters by itself."""
        rests = next(numbers.missing(name, g.numbers, {}) for g in self.both if name in (*g.numbers, *g.inputs))
        for n, axis in self.axes.items():
            if self.rests[n] == rests:
                yield from (x for x, _ in _points(axis))

    def _tick(self, on: Sequence[int]) -> Decimal:
        """The finest step in which the numbers are cut or rounded; a tenth at most."""
        cuts = [x for n in on for x, _ in _points(self.axes[n])]
        return min([Decimal(1).scaleb(int(x.normalize().as_tuple().exponent)) for x in cuts] + [Decimal("0.1")])

    def older(self, on: Sequence[int]) -> OlderExams:
        """The lists of older exams to try for the axes that look at them."""
        axes = [self.axes[n] for n in on]
        return OlderExams(tuple(Looks(a.name, self._owner(a).numbers, _points(a)) for a in axes))

    def beyond(self) -> Iterator[str]:
        """Why worlds may be missing, in words."""
        lists = sorted({name for names in self.rests.values() for name in names if self._type(name) == "history"})
        found = ((name, self.older([n for n in self.axes if name in self.rests[n]]).beyond) for name in lists)
        yield from (f"{name}: {why}" for name, why in found if why)


def _points(axis: Axis) -> tuple[tuple[Decimal, bool], ...]:
    return axis.cuts.points if axis.cuts is not None else ()


def _thinned(level: Iterable[tuple[Raw, tuple[int, ...]]]) -> list[tuple[Raw, tuple[int, ...]]]:
    """Of those with equal cells the ones with the least and the greatest of each measurement, and the least odd one.

    What does not arise in one and does in another (a prior exam, which a count counts) keeps them apart.
    """
    kept: dict[tuple[tuple[int, ...], frozenset[str]], dict[tuple[str, int], tuple[Decimal, Raw]]] = defaultdict(dict)
    for raw, cells in level:
        mine = kept[cells, frozenset(n for n, v in raw.items() if v == NOT_APPLICABLE)]
        ranks = {(n, sign): sign * v for n, v in raw.items() if isinstance(v, Decimal) for sign in (1, -1)}
        for key, rank in (ranks | {("", 0): _odd(raw)}).items():
            if key not in mine or rank < mine[key][0]:
                mine[key] = rank, raw
    return [(raw, cells) for (cells, _), mine in kept.items() for raw in {id(r): r for _, r in mine.values()}.values()]


def _odd(raw: Raw) -> Decimal:
    """How odd a patient would look: many older exams, and sizes or intervals below 1 or far up."""
    listed = sum(len(v) for v in raw.values() if isinstance(v, tuple))
    return Decimal(listed + sum(isinstance(v, Decimal) and not 1 <= v <= 100 for v in raw.values()))
