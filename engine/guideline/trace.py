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
    told = Told(leaf, situation)
    return tuple(told.step(t, row) for t, row in leaf.rows if situation.stage.tables[t].rows and row != NA_ROW)


class Told:
    """One outcome in a situation. Results that did not matter to it are read from the tables, each once."""

    def __init__(self, leaf: Leaf, situation: Situation) -> None:
        self.leaf, self.situation = leaf, situation
        self._results: dict[int, str | None] = dict(leaf.results)

    def step(self, t: int, at: int) -> Step:
        """The step of table number ``t``, whose row number ``at`` fitted."""
        table = self.situation.stage.tables[t]
        row = table.rows[at]
        rows = [r for r in table.rows if self.fits(r)] if at == table.met else [row]
        tests = [test for r in rows for test in r.tests] if at != table.fallback() else []
        met = (f"{name} {words}: {self.shown(name)}" for name, words in tests)
        because = tuple(dict.fromkeys(met)) or tuple(self._looked_at(table))
        asked = {name for r in (rows if tests else table.rows) for name, _ in r.tests}
        names = ", ".join(r.id for r in rows)
        return Step(table.title, f"{table.id}.{names.removeprefix(table.id + '.')}",
                    _says(table, row, self.leaf.results[t]), because, f"{row.cite} [{row.mark}]",
                    tuple(_by_convention(asked, self.situation)))  # fmt: skip

    def fits(self, row: Row) -> bool:
        """Whether a row of an ``any`` table fits for sure."""
        return bool(row.cells or row.results) and (
            all(set(self.situation.cells(v)) <= cells for v, cells in row.cells.items())
            and all(self.result(u) in allowed for u, allowed in row.results.items())
        )

    def result(self, t: int) -> str | None:
        """The result of a table; None if it is not known."""
        if t not in self._results:
            self._results[t] = self._read(self.situation.stage.tables[t])
        return self._results[t]

    def shown(self, name: str) -> str:
        """The value of what a test looks at, with its unit; for a table its result."""
        stage = self.situation.stage
        if name not in stage.index:
            return self.result(stage.table(name)) or "either way"
        variable = stage.variables[stage.index[name]]
        if variable.cuts is None:
            cells = self.situation.cells(stage.index[name])
            return " or ".join(variable.domain[c] for c in cells)
        return " from ".join(filter(None, (_amount(name, self.situation), _stated(name, self.situation))))

    def _read(self, table: Table) -> str | None:
        fitting = [row for row in table.rows if self.fits(row)]
        if table.met is not None:
            none = all(self._excluded(row) for row in table.rows[: table.met])
            return "yes" if fitting else "no" if none else None
        fallback = table.fallback()
        if fallback is not None and all(self._excluded(row) for row in table.rows[:fallback]):
            fitting = [table.rows[fallback]]
        return str(fitting[0].then) if len(fitting) == 1 and isinstance(fitting[0].then, str) else None

    def _excluded(self, row: Row) -> bool:
        """Whether a row cannot fit."""
        known = ((self.result(u), allowed) for u, allowed in row.results.items())
        return any(not set(self.situation.cells(v)) & cells for v, cells in row.cells.items()) or any(
            result is not None and result not in allowed for result, allowed in known
        )

    def _looked_at(self, table: Table) -> Iterator[str]:
        """For the row of all other cases: what the other rows look at, where it is known."""
        known = {n: self.shown(n) for row in table.rows for n, _ in row.tests}
        yield from (
            f"{n}: {value}"
            for n, value in known.items()
            if value not in ("either way", "unknown") and " or " not in value
        )


def _says(table: Table, row: Row, result: str) -> str:
    words = row.says or ("none of these" if table.met is not None and result == "no" else "")
    silent = f"the guideline is silent: {row.why_silent}" if row.why_silent else ""
    return "; ".join(filter(None, (result, words, silent)))


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
    used = sorted(situation.guideline.behind[name])
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
        return situation.guideline.behind[name]
    return frozenset({name})


def _conventional(belief: Belief | None) -> bool:
    return isinstance(belief, Known | NotApplicable) and belief.source.kind is SourceKind.CONVENTION
