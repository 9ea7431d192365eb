"""The facts of one finding or exam, as the cells of the variables that a guideline tests.

A known fact is one cell; an unknown one is every cell that it could still be. Numbers that rest on
the same unknown measurement (size, growth) are narrowed together: see ``worlds``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ..errors import BadValue
from ..types import Belief, Facts, Known, NotApplicable, PastSize
from . import numbers
from .load import Guideline
from .tables import NOT_APPLICABLE, READING, Stage, Variable

Cells = tuple[int, ...]


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
            found = number_cells(variable, numbers.number(variable.name, self.guideline.numbers, self.raw))
        else:
            found = symbol_cells(variable, self.facts.get(variable.name))
        if len(found) > 1 and self._must_apply(variable.name):
            return tuple(c for c in found if variable.domain[c] != NOT_APPLICABLE)
        return found

    def _must_apply(self, name: str) -> bool:
        """Whether another fact rules out that an input does not apply: no onset of a washout that is not there."""
        for other, values in self.guideline.applies_with.get(name, {}).items():
            belief = self.facts.get(other)
            if isinstance(belief, Known) and str(belief.value) not in values:
                return True
        return False

    def worlds(self, undecided: Sequence[int]) -> Sequence[Mapping[int, int]] | None:
        """All combinations of cells that these numbers, whose cells are not known, can have together.

        One unknown measurement often feeds several numbers; each world is what some value of the unknown
        measurements gives, and a variable that stays open in it is left out. None where there are too many
        combinations, or an unknown list of older sizes is involved.
        """
        from .many.completed import worlds  # numpy: only where something is unknown

        return worlds(self.guideline, self.stage, self.raw, undecided)


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
    if NOT_APPLICABLE not in variable.domain:
        found, cure = "not applicable", "State the amount, or leave it unknown."
        raise BadValue(f"the number {variable.name}", variable.name, found, "an amount: it always has one", cure)
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
