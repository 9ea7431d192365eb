"""An outcome in words: which row of which table, the threshold met with the value, the citation."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ..types import Belief, Known, NotApplicable, SourceKind, Step
from . import numbers
from .compile import NA_ROW, Leaf
from .situation import Situation
from .tables import Row, Table


def steps(leaf: Leaf, situation: Situation) -> tuple[Step, ...]:
    """One step for each table that mattered, in stage order."""
    found = (_step(t, row, leaf, situation) for t, row in leaf.rows if situation.stage.tables[t].rows and row != NA_ROW)
    return tuple(found)


def _step(t: int, at: int, leaf: Leaf, situation: Situation) -> Step:
    table = situation.stage.tables[t]
    row = table.rows[at]
    rows = [r for r in table.rows if _fits(r, leaf, situation)] if at == table.met else [row]
    tests = [test for r in rows for test in r.tests] if at != table.fallback() else []
    because = tuple(dict.fromkeys(f"{name} {words}: {shown(name, leaf, situation)}" for name, words in tests))
    asked = {name for r in (rows if tests else table.rows) for name, _ in r.tests}
    names = ", ".join(r.id for r in rows)
    return Step(table.title, f"{table.id}.{names.removeprefix(table.id + '.')}", _says(table, row, leaf.results[t]),
                because, f"{row.cite} [{table.mark}]", tuple(_by_convention(asked, situation)))  # fmt: skip


def _says(table: Table, row: Row, result: str) -> str:
    words = row.says or ("none of these" if table.met is not None and result == "no" else "")
    silent = f"the guideline is silent: {row.why_silent}" if row.why_silent else ""
    return "; ".join(filter(None, (result, words, silent)))


def _fits(row: Row, leaf: Leaf, situation: Situation) -> bool:
    """Whether a row of an ``any`` table fits for sure."""
    return bool(row.cells or row.results) and (
        all(set(situation.cells(v)) <= cells for v, cells in row.cells.items())
        and all(leaf.results.get(u, "") in allowed for u, allowed in row.results.items())
    )


def shown(name: str, leaf: Leaf, situation: Situation) -> str:
    """The value of what a test looks at, with its unit; for a table its result."""
    stage = situation.stage
    if name not in stage.index:
        return next((leaf.results[t] for t, _ in leaf.rows if stage.tables[t].id == name), "either way")
    variable = stage.variables[stage.index[name]]
    if variable.cuts is None:
        cells = situation.cells(stage.index[name])
        return " or ".join(variable.domain[c] for c in cells)
    return " from ".join(filter(None, (_amount(name, situation), _stated(name, situation))))


def _amount(name: str, situation: Situation) -> str:
    definition = situation.guideline.numbers[name]
    value = numbers.number(name, situation.guideline.numbers, situation.raw)
    if isinstance(value, Decimal):
        first = definition.get("same_cuts", {}).get("first")
        if first and numbers.of(first, situation.guideline.numbers, situation.raw) is None:
            return ""  # the second unit was met: what was stated says it
        return f"{value.normalize():f} {definition['unit']}".removesuffix(" 1")
    return value or "unknown"


def _stated(name: str, situation: Situation) -> str:
    """The inputs that a number rests on, where it is not simply one of them."""
    used = sorted(numbers.inputs_of(name, situation.guideline.numbers))
    known = [(n, situation.raw[n]) for n in used if isinstance(situation.raw.get(n), Decimal)]
    if len(used) < 2:
        return ""
    return ", ".join(f"{n} = {v.normalize():f}" for n, v in known if isinstance(v, Decimal))


def _by_convention(names: set[str], situation: Situation) -> Iterator[str]:
    inputs = (i for n in names for i in _inputs(n, situation))
    for name in sorted(set(inputs)):
        belief = situation.facts.get(name)
        if _conventional(belief):
            value = belief.value if isinstance(belief, Known) else "n/a"
            yield f"{name} taken as {'not present' if value is False else value}"


def _inputs(name: str, situation: Situation) -> frozenset[str]:
    if name in situation.guideline.numbers:
        return numbers.inputs_of(name, situation.guideline.numbers)
    return frozenset({name})


def _conventional(belief: Belief | None) -> bool:
    return isinstance(belief, Known | NotApplicable) and belief.source.kind is SourceKind.CONVENTION
