"""Numbers that follow from inputs, for a whole column at once: ``numbers.py`` in integers.

An amount is a whole number of 1/20,000 of its unit, so that four decimals and the half of a sum of two
of them are exact. What is finer is marked, and read one by one in decimal arithmetic instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Unsupported
from ..tables import NOT_APPLICABLE, Cuts, Variable

UNIT = 20_000
FINEST = 2  # of UNIT: four decimals
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]
MOST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Column:
    """``value`` holds where ``known``; ``absent`` marks what is not applicable; neither: unknown.

    A percentage is kept as ``value / over``, exactly; elsewhere ``over`` is None.
    """

    value: Whole
    known: Flags
    absent: Flags
    over: Whole | None = None

    def taken(self, rows: NDArray[np.intp]) -> Column:
        """The column at these rows."""
        over = None if self.over is None else self.over[rows]
        return Column(self.value[rows], self.known[rows], self.absent[rows], over)


@dataclass(frozen=True, slots=True)
class Past:
    """Older exams: (most exams, rows) of ``size`` and ``months``, of which ``there`` are; ``known`` by row."""

    size: Whole
    months: Whole
    there: Flags
    known: Flags

    def taken(self, rows: NDArray[np.intp]) -> Past:
        """The exams of these rows."""
        there = self.there[:, rows]
        some = there.any(axis=1)
        return Past(self.size[some][:, rows], self.months[some][:, rows], there[some], self.known[rows])


def ticks(value: Any) -> int:
    """A definition's number in units of a column. Exact: the language's numbers have few decimals."""
    return int(Decimal(str(value)) * UNIT)


def column(values: Sequence[Any]) -> tuple[Column, Flags]:
    """Stated numbers (None: unknown, "n/a": not applicable) as a column, and which are too fine for it."""
    absent = np.array([v.__class__ is str for v in values], np.bool_)
    stated = [None if v.__class__ is str else v for v in values] if absent.any() else values
    amounts = np.array(stated, dtype=np.float64)
    known = ~np.isnan(amounts)
    scaled = np.where(known, amounts, 0.0) * (UNIT // FINEST)
    whole = np.rint(scaled)
    fine = np.abs(scaled - whole) > 1e-9 + 1e-14 * np.abs(whole)
    return Column(whole.astype(np.int64) * FINEST, known, absent), fine


def past(values: Sequence[Any]) -> tuple[Past, Flags]:
    """Lists of older sizes (None: unknown, "n/a" or empty: none) as columns, and which are too fine."""
    count = len(values)
    known = np.array([v is not None for v in values], np.bool_)
    listed = [(n, v) for n, v in enumerate(values) if v and v.__class__ is not str]
    width = max((len(v) for _, v in listed), default=0)
    size, months = np.zeros((width, count), np.int64), np.zeros((width, count), np.int64)
    there, fine = np.zeros((width, count), np.bool_), np.zeros(count, np.bool_)
    for n, exams in listed:
        for k, exam in enumerate(exams):
            scaled = exam.mean_mm * UNIT, exam.months_ago * UNIT
            size[k, n], months[k, n] = map(int, scaled)
            there[k, n] = True
            fine[n] |= any(s != int(s) for s in scaled)
    return Past(size, months, there, known), fine


class Numbers:
    """The numbers of a guideline over columns of its inputs. ``refused``: rows that contradict themselves."""

    def __init__(
        self,
        definitions: Mapping[str, Mapping[str, Any]],
        inputs: Mapping[str, Column],
        histories: Mapping[str, Past],
        rows: int,
    ) -> None:
        self.definitions, self.inputs, self.histories = definitions, inputs, histories
        self.found: dict[str, Column] = {}
        self.refused: Flags = np.zeros(rows, np.bool_)

    def of(self, name: str) -> Column:
        """A number, or the input of that name."""
        if name not in self.found:
            self.found[name] = self._of(name)
        return self.found[name]

    def _of(self, name: str) -> Column:
        definition = self.definitions.get(name, {"input": name})
        if definition.get("input") == name:
            return self.inputs[name]
        kind = next(k for k in WAYS if k in definition)
        made = WAYS[kind](self, definition[kind], definition)
        return _rounded(made, ticks(definition["round"])) if "round" in definition else made

    def bounded(self, limits: Sequence[Mapping[str, str]]) -> None:
        """Refuse rows where a number is greater than what bounds it."""
        for limit in limits:
            small, large = self.of(limit["small"]), self.of(limit["large"])
            self.refused |= small.known & large.known & (small.value > large.value)

    def both(self, names: Sequence[str]) -> tuple[Column, Column, Flags, Flags]:
        """Two operands, where both are known, and where one does not apply."""
        a, b = (self.of(n) for n in names)
        if a.over is not None or b.over is not None:
            raise Unsupported("batch", ", ".join(names), "arithmetic on a percentage", "on amounts", "Use `evaluate`.")
        return a, b, a.known & b.known, a.absent | b.absent

    def earlier(self, names: Mapping[str, str]) -> tuple[Column, Column, Past, Flags, Flags]:
        """Prior, months since, history, whether the prior counts, and which of the history do: the prior once."""
        prior, months, listed = self.of(names["prior"]), self.of(names["interval"]), self.histories[names["history"]]
        same = prior.known & months.known & (listed.size == prior.value) & (listed.months == months.value)
        return prior, months, listed, ~prior.absent, listed.there & ~same


def _rounded(made: Column, step: int) -> Column:
    """Half up, away from zero below it, as decimal arithmetic rounds."""
    size, over = np.abs(made.value), 1 if made.over is None else made.over
    whole = (2 * size + step * over) // (2 * step * over) * step
    rounded: Whole = np.where(made.value < 0, -whole, whole)
    return Column(rounded, made.known, made.absent)


def _input(numbers: Numbers, name: str, _: Mapping[str, Any]) -> Column:
    return numbers.inputs[name]


def _mean(numbers: Numbers, names: Sequence[str], _: Mapping[str, Any]) -> Column:
    a, b, known, absent = numbers.both(names)
    return Column((a.value + b.value) // 2, known, absent)


def _difference(numbers: Numbers, names: Sequence[str], _: Mapping[str, Any]) -> Column:
    a, b, known, absent = numbers.both(names)
    return Column(a.value - b.value, known, absent)


def _percent_change(numbers: Numbers, names: Sequence[str], _: Mapping[str, Any]) -> Column:
    a, b, known, absent = numbers.both(names)
    some = b.value > 0  # a zero prior has no percentage
    return Column((a.value - b.value) * (100 * UNIT), known & some, absent, np.where(some, b.value, 1))


def _either(numbers: Numbers, names: Sequence[str], definition: Mapping[str, Any]) -> Column:
    step, ways = ticks(definition.get("round", "0.1")), [numbers.of(n) for n in names]
    known: Flags = np.any([w.known for w in ways], axis=0)
    least = np.min([np.where(w.known, w.value, MOST) for w in ways], axis=0)
    most = np.max([np.where(w.known, w.value, -MOST) for w in ways], axis=0)
    numbers.refused |= known & (np.where(known, most, 0) - np.where(known, least, 0) > step)
    value = ways[-1].value
    for way in reversed(ways[:-1]):
        value = np.where(way.known, way.value, value)
    return Column(value, known, ~known & np.all([w.absent for w in ways], axis=0))


def _same_cuts(numbers: Numbers, paired: Mapping[str, Any], _: Mapping[str, Any]) -> Column:
    first, other = numbers.of(paired["first"]), numbers.of(paired["or"])
    reached = np.zeros_like(other.value)
    for mine, theirs in paired["cuts"]:
        reached = np.where(other.value >= ticks(theirs), np.maximum(reached, ticks(mine)), reached)
    stated = first.known | first.absent
    value = np.where(stated, first.value, reached)
    return Column(value, first.known | ~stated & other.known, first.absent | ~stated & other.absent)


def _largest_increase(numbers: Numbers, names: Mapping[str, Any], _: Mapping[str, Any]) -> Column:
    prior, months, listed, here, older = numbers.earlier(names)
    now = numbers.of(names["now"])
    blind = ~listed.known
    if "within_months" in names:
        within = ticks(names["within_months"])
        blind = blind | here & ~months.known & ~months.absent
        here, older = here & months.known & (months.value <= within), older & (listed.months <= within)
    least = np.where(here & prior.known, prior.value, MOST)
    if len(listed.size):
        least = np.minimum(least, np.where(older, listed.size, MOST).min(axis=0))
    none = ~blind & ~here & ~older.any(axis=0)
    known = now.known & ~blind & ~(here & ~prior.known) & ~none
    return Column(np.where(known, now.value - np.where(known, least, 0), 0), known, none)


def _count_exams(numbers: Numbers, names: Mapping[str, Any], _: Mapping[str, Any]) -> Column:
    prior, months, listed, here, older = numbers.earlier(names)
    repeated = (listed.there & (listed.size == prior.value)).any(axis=0)
    undated = here & ~months.known & ~months.absent & repeated
    known = listed.known & (prior.known | prior.absent) & ~undated  # else there may be no prior, or the list repeats it
    return Column((here + older.sum(axis=0)) * UNIT, known, np.zeros_like(here))


WAYS: Mapping[str, Callable[[Numbers, Any, Mapping[str, Any]], Column]] = {
    "largest_increase": _largest_increase,
    "count_exams": _count_exams,
    "mean_of": _mean,
    "difference": _difference,
    "percent_change": _percent_change,
    "same_cuts": _same_cuts,
    "either": _either,
    "input": _input,
}


def cells(found: Column, cuts: Cuts, absent: int, unknown: int) -> NDArray[np.int16]:
    """The cell of each amount: how many cuts it has passed; ``absent`` and ``unknown`` where it has none."""
    if found.over is None:
        passed = np.array([ticks(c) + strict for c, strict in cuts.points])
        count = np.searchsorted(passed, found.value, side="right")
    else:
        bounds = [(ticks(cut) * found.over, strict) for cut, strict in cuts.points]
        count = np.sum([found.value > b if strict else found.value >= b for b, strict in bounds], axis=0)
    return np.where(found.known, count, np.where(found.absent, absent, unknown)).astype(np.int16)


def variable_cells(variable: Variable, numbers: Numbers) -> NDArray[np.int16]:
    """The cell of a number that a guideline tests, for each row; the size of its domain where it is unknown."""
    assert variable.cuts is not None  # noqa: S101 - for the type checker
    unknown = len(variable.domain)
    absent = variable.domain.index(NOT_APPLICABLE) if NOT_APPLICABLE in variable.domain else unknown
    return cells(numbers.of(variable.name), variable.cuts, absent, unknown)
