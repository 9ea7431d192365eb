"""The cell of a variable as SQL: ``situation.py`` for a database.

Cells count as in the variable's domain; after them comes one for "unknown", and for a column of
words one for "refused": it can hold what is no value of the input (numbers: see ``amounts.py``).
"""

from __future__ import annotations

from collections.abc import Iterable

from .amounts import Amounts
from .columns import Relation, text
from .tables import NOT_APPLICABLE, Cuts, Variable


def unknown(variable: Variable) -> int:
    """The cell that stands for "unknown"."""
    return len(variable.domain)


def size(variable: Variable, relation: Relation) -> int:
    """How many cells a variable has, those for "unknown" and "refused" among them."""
    return len(variable.domain) + (2 if relation.types.get(variable.name) == "VARCHAR" else 1)


def cell(variable: Variable, amounts: Amounts, weight: int = 1) -> str:
    """The cell of a variable as an integer, times a weight."""
    if variable.cuts is not None:
        return case(_of_number(variable, variable.cuts, amounts), unknown(variable), weight)
    relation = amounts.relation
    column = relation.read(variable.name)
    if relation.types[variable.name] == "VARCHAR":
        words = [(f"{column} = {text(word)}", at) for at, word in enumerate(variable.domain)]
        return case([*words, (f"{column} IS NULL", unknown(variable))], unknown(variable) + 1, weight)
    tests = {"no": f"NOT {column}", "yes": column, NOT_APPLICABLE: relation.absent(variable.name)}
    return case([(tests[word], at) for at, word in enumerate(variable.domain)], unknown(variable), weight)


def _of_number(variable: Variable, cuts: Cuts, amounts: Amounts) -> Iterable[tuple[str, int]]:
    """A number is in the first cell whose upper cut it has not passed, in the last one when it is known at all."""
    amount = amounts.amount(variable.name)
    for at, (cut, excluded) in enumerate(cuts.points):
        bound = f"{cut:f} * {amount.per}" if amount.per else f"{cut:f}"
        yield f"{amount.value} {'<=' if excluded else '<'} {bound}", at
    yield f"{amount.value} IS NOT NULL", len(cuts.points)
    if NOT_APPLICABLE in variable.domain:
        yield amount.absent, variable.domain.index(NOT_APPLICABLE)


def case(branches: Iterable[tuple[str, int]], otherwise: int, weight: int = 1) -> str:
    """A CASE over (condition, cell), each cell times the weight."""
    whens = " ".join(f"WHEN {condition} THEN {at * weight}" for condition, at in branches)
    return f"CASE {whens} ELSE {otherwise * weight} END" if whens else str(otherwise * weight)
