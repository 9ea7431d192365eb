"""The patients that two guidelines can both be asked about, cut so that each treats a piece alike.

They are spanned by axes: an input or number that both test is one axis, cut where
either cuts it; what only one tests is an axis of its own. Where several axes cannot vary freely
(numbers that rest on one measurement, lists of which exactly two values may be named), worlds hold the
combinations that occur, each with the facts that make it so. A walk (``pairs.py``) carries the
worlds still open, so that only patients that can exist are reached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import Unsupported
from . import numbers
from .load import Guideline
from .tables import NOT_APPLICABLE, READING, Cuts, Stage, Variable

Cell = tuple[str, int | None, int | None]  # in words, and as the cells of the variables before and after
Said = Mapping[str, object]  # input -> Decimal, tuple of PastSize, symbol or n/a


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of the patients: variable numbers in both stages (None: not tested), and the common cells."""

    name: str
    sides: tuple[int | None, int | None]
    cells: tuple[Cell, ...]
    cuts: Cuts | None = None

    def cell(self, value: str) -> int:
        """The number of the common cell of a symbol."""
        return next(n for n, (words, _, _) in enumerate(self.cells) if words == value)


@dataclass(frozen=True, slots=True)
class World:
    """A combination that occurs: cells by axis number (one not named may be any), and the facts that give it."""

    cells: Mapping[int, int]
    facts: Said


class Group:
    """The worlds of some axes that do not vary freely."""

    def __init__(self, axes: Iterable[int], worlds: Sequence[World]) -> None:
        self.axes, self.worlds = frozenset(axes), worlds
        self.names = frozenset(name for world in worlds for name in world.facts)
        self.all = (1 << len(worlds)) - 1
        bits: dict[tuple[int, int], int] = defaultdict(int)
        free: dict[int, int] = defaultdict(int)
        for n, world in enumerate(worlds):
            for axis in self.axes:
                if axis in world.cells:
                    bits[axis, world.cells[axis]] |= 1 << n
                else:
                    free[axis] |= 1 << n
        self._bits, self._free = dict(bits), dict(free)

    def left(self, mask: int, axis: int, cell: int) -> int:
        """Those of the worlds in ``mask`` in which the axis is in the cell."""
        return mask & (self._bits.get((axis, cell), 0) | self._free.get(axis, 0))

    def members(self, mask: int) -> Iterator[World]:
        """The worlds in a mask."""
        while mask:
            low = mask & -mask
            yield self.worlds[low.bit_length() - 1]
            mask ^= low


def unlike(before: Guideline, after: Guideline) -> Iterator[str]:
    """Inputs of one name that mean different things, in words: those two forms cannot hold one case."""
    for name in before.inputs.keys() & after.inputs.keys():
        kinds = [_kind(g, name) for g in (before, after)]
        if kinds[0] != kinds[1]:
            yield f"{name}: {kinds[0]} and {kinds[1]}"


def _kind(guideline: Guideline, name: str) -> str:
    scope, i = guideline.inputs[name]
    return " ".join(filter(None, (scope, i["type"], i.get("unit"), i.get("at"))))


def axes_of(
    before: Guideline, after: Guideline, stages: tuple[Stage, Stage], *, one_exam: bool = False
) -> tuple[Axis, ...]:
    """All axes of two stages in an order that follows both as far as they agree.

    ``one_exam``: what the findings tell the exam is the same for both; otherwise each has its own.

    Raises:
        Unsupported: an input has another type, unit, scope or place in one guideline than in the other.
    """
    if strange := sorted(unlike(before, after)):
        where = f"{before.name} and {after.name}"
        cure = "Give one of them another name."
        raise Unsupported(where, "inputs", "; ".join(strange), "one meaning for one name", cure)
    both = (before, after)
    keys = [
        [_key(g, v, 0 if one_exam else side) for v in s.variables]
        for side, (g, s) in enumerate(zip(both, stages, strict=True))
    ]
    found = []
    for key in _merged(keys[0], keys[1]):
        at = [k.index(key) if key in k else None for k in keys]
        sides = (at[0], at[1])
        given = [None if i is None else s.variables[i] for i, s in zip(sides, stages, strict=True)]
        one = next(v for v in given if v is not None)
        if one.name != READING:
            cells, cuts = _number(given) if one.cuts else (_symbols(before, after, given), None)
            found.append(Axis(one.name, sides, cells, cuts))
    return tuple(found)


def _key(guideline: Guideline, variable: Variable, side: int) -> Hashable:
    """What makes a variable of one guideline the same as that of another."""
    if variable.cuts is not None:
        return variable.name, meaning(guideline, variable.name)
    return (variable.name, side) if variable.scope == "leading" else (variable.name,)


def meaning(guideline: Guideline, name: str) -> str:
    """A number's definition down to the inputs, without its words."""
    d = guideline.numbers[name]
    if "type" in d or d.get("input") == name:
        return f"input {name} {d['unit']} {d.get('round', '')}"
    way = next(k for k in numbers.WAYS if k in d)
    return repr((way, _spelled(guideline, d[way]), d["unit"], d.get("round")))


def _spelled(guideline: Guideline, value: object) -> object:
    if isinstance(value, list | tuple):
        return [_spelled(guideline, v) for v in value]
    if isinstance(value, dict):
        return sorted((k, _spelled(guideline, v)) for k, v in value.items())
    return meaning(guideline, value) if isinstance(value, str) and value in guideline.numbers else str(value)


def _merged(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Hashable]:
    """The order of ``after``, with what only ``before`` has right behind its forerunner there."""
    merged = list(after)
    for n, key in enumerate(before):
        if key not in merged:
            merged.insert(merged.index(before[n - 1]) + 1 if n else 0, key)
    return merged


def _number(given: Sequence[Variable | None]) -> tuple[tuple[Cell, ...], Cuts]:
    """Cells between the cuts of both, and n/a where both know it."""
    known = [v for v in given if v is not None and v.cuts is not None]
    cuts = Cuts(tuple(sorted({p for v in known if v.cuts for p in v.cuts.points})))
    cells: list[Cell] = []
    for n in range(len(cuts.points) + 1):
        passed = cuts.points[:n]
        own = [None if v is None or v.cuts is None else sum(p in passed for p in v.cuts.points) for v in given]
        cells.append((cuts.words(n), own[0], own[1]))
    if all(NOT_APPLICABLE in v.domain for v in known):
        own = [None if v is None else v.domain.index(NOT_APPLICABLE) for v in given]
        cells.append((NOT_APPLICABLE, own[0], own[1]))
    return tuple(cells), cuts


def _symbols(before: Guideline, after: Guideline, given: Sequence[Variable | None]) -> tuple[Cell, ...]:
    """The values that both forms know; where one form has no such input, those of the other."""
    known = [v for v in given if v is not None]
    leading, name = known[0].scope == "leading", known[0].name
    found = []
    for value in known[0].domain:
        in_forms = leading or all(value in values_of(g, name) for g in (before, after))
        if in_forms and all(value in v.domain for v in known):
            own = [None if v is None else v.domain.index(value) for v in given]
            found.append((value, own[0], own[1]))
    return tuple(found)


class _Any:
    def __contains__(self, value: object) -> bool:
        return True


def values_of(guideline: Guideline, name: str) -> tuple[str, ...] | _Any:
    """The values of a symbol, n/a among them where it may be that; anything where there is no such input."""
    if name in guideline.inputs:
        i = guideline.inputs[name][1]
        absent = (NOT_APPLICABLE,) if i.get("absent") == NOT_APPLICABLE else ()
        return (*(i["values"] if i["type"] == "enum" else ("no", "yes")), *absent)
    whole, _, value = name.partition(".")
    if whole in guideline.inputs:
        return ("no", "yes") if value in guideline.inputs[whole][1]["values"] else ("no",)
    return _Any()
