"""The facts of one finding or exam, as the cells of the variables that a guideline tests.

A known fact is one cell; an unknown one is every cell that it could still be. Numbers that rest on
the same unknown measurement (size, growth) are narrowed together: see ``worlds``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product

from ..errors import BadValue, Contradiction
from ..types import Belief, Facts, Known, NotApplicable, PastSize
from . import numbers
from .load import Guideline
from .tables import NOT_APPLICABLE, READING, Stage, Variable

Cells = tuple[int, ...]
MOST_WORLDS = 5_000  # beyond, numbers are taken as independent: a wider answer, never a narrower one


class Situation:
    """The cells of one stage's variables. ``fixed`` overrides a variable by the cells given."""

    def __init__(
        self, guideline: Guideline, stage: Stage, facts: Facts, fixed: Mapping[str, Cells] | None = None
    ) -> None:
        self.guideline, self.stage, self.facts = guideline, stage, facts
        self._cells: list[Cells | None] = [None] * len(stage.variables)
        for name, cells in (fixed or {}).items():
            if name in stage.index:
                self._cells[stage.index[name]] = cells
        self.raw = {name: raw_value(facts.get(name)) for name in guideline.amounts}

    def cells(self, at: int) -> Cells:
        """The cells that variable number ``at`` can still be in.

        Raises:
            BadValue: a fact is of the wrong type, or none of the variable's values.
        """
        found = self._cells[at]
        if found is None:
            found = self._cells[at] = self._read(self.stage.variables[at])
        return found

    def _read(self, variable: Variable) -> Cells:
        if variable.name == READING:
            return (0,)
        if variable.cuts is not None:
            return number_cells(variable, numbers.number(variable.name, self.guideline.numbers, self.raw))
        return symbol_cells(variable, self.facts.get(variable.name))

    def worlds(self, undecided: Sequence[int]) -> Iterator[Mapping[int, int]] | None:
        """All combinations of cells that these numbers, whose cells are not known, can have together.

        One unknown measurement often feeds several numbers; each world is what some value of the
        unknown measurements gives. Complete for differences and cuts. None where there are too many
        combinations, or an unknown list of older sizes is involved.
        """
        definitions = self.guideline.numbers
        names = [self.stage.variables[i].name for i in undecided]
        unknown = sorted({u for n in names for u in numbers.missing(n, definitions, self.raw)})
        grids = [self._grid(u, unknown) for u in unknown]
        total = 1
        for grid in grids:
            total *= len(grid)
        if not all(grids) or total > MOST_WORLDS:
            return None
        return self._worlds(undecided, unknown, grids)

    def _worlds(
        self, undecided: Sequence[int], unknown: Sequence[str], grids: Sequence[Sequence[Decimal | str]]
    ) -> Iterator[Mapping[int, int]]:
        definitions = self.guideline.numbers
        names = [self.stage.variables[i].name for i in undecided]
        seen = set()
        for values in product(*grids):
            raw = {**self.raw, **dict(zip(unknown, values, strict=True))}
            try:
                amounts = [numbers.number(n, definitions, raw) for n in names]
            except Contradiction:
                continue  # no patient is like this: a mean beside axes that have another
            cells = tuple(number_cells(self.stage.variables[i], a)[0] for i, a in zip(undecided, amounts, strict=True))
            if cells not in seen:
                seen.add(cells)
                yield dict(zip(undecided, cells, strict=True))

    def _grid(self, name: str, unknown: list[str]) -> list[Decimal | str]:
        """Values of an unknown input that reach every cell: each cut that it takes part in, and beside it."""
        definitions = self.guideline.numbers
        if name not in definitions:
            return []  # a list of older sizes
        low, high = (Decimal(x) for x in definitions[name]["range"])
        rest_on = {v: self.guideline.behind[v.name] for v in self.stage.variables if v.cuts}
        beside = frozenset(n for inputs in rest_on.values() if name in inputs for n in inputs)
        cuts = {c for v, inputs in rest_on.items() if inputs & beside and v.cuts for c, _ in v.cuts.points}
        tied = _tied({*_amounts(self.raw.get(n) for n in beside), *cuts}, cuts) if len(unknown) < 3 else set()
        tick = Decimal("0.1")
        near = {x + k * tick for x in cuts | tied | {low, high} for k in (-1, 0, 1)}
        i = self.guideline.inputs[name][1]
        absent = [NOT_APPLICABLE] if i.get("absent") == NOT_APPLICABLE and "absent_when" not in i else []
        return [*absent, *sorted(x for x in near if low <= x <= high)]


def _amounts(values: Iterable[Decimal | str | tuple[PastSize, ...] | None]) -> Iterator[Decimal]:
    """The sizes among raw values, those of older exams among them."""
    for value in values:
        if isinstance(value, Decimal):
            yield value
        elif isinstance(value, tuple):
            yield from (past.mean_mm for past in value)


def _tied(others: set[Decimal], cuts: set[Decimal]) -> set[Decimal]:
    """Where an unknown value stands to another one exactly at a cut: by their difference, or by their change in %."""
    rates = [1 + c / 100 for c in cuts if c > -100]
    return {x for a in others for c in cuts for x in (a + c, a - c)} | {
        x for a in others for rate in rates for x in (a * rate, a / rate)
    }


def raw_value(belief: Belief | None) -> Decimal | str | tuple[PastSize, ...] | None:
    """A number, n/a, a history, or None for whatever is not known as one."""
    if isinstance(belief, NotApplicable):
        return NOT_APPLICABLE
    value = belief.value if isinstance(belief, Known) else None
    return value if isinstance(value, Decimal | tuple) else None


def number_cells(variable: Variable, amount: numbers.Amount) -> Cells:
    """The cell of a number, all cells of an unknown one."""
    if amount is None or variable.cuts is None:
        return tuple(range(len(variable.domain)))
    if isinstance(amount, Decimal):
        return (variable.cuts.cell(amount),)
    return (variable.domain.index(NOT_APPLICABLE),)


def symbol_cells(variable: Variable, belief: Belief | None) -> Cells:
    """The cell of a stated value, all cells of an unknown one."""
    if isinstance(belief, Known):
        name = ("yes" if belief.value else "no") if isinstance(belief.value, bool) else str(belief.value)
        if name not in variable.domain:
            raise BadValue(
                belief.source.reference, variable.name, name, ", ".join(variable.domain), "Use one of these."
            )
        return (variable.domain.index(name),)
    if isinstance(belief, NotApplicable) and NOT_APPLICABLE in variable.domain:
        return (variable.domain.index(NOT_APPLICABLE),)
    return tuple(range(len(variable.domain)))
