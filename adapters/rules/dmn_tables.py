"""Tables of a guideline as DMN decision tables.

A row that is sure to fit decides. Where a table says something by default (``any``, ``otherwise``,
``over``), a row that cannot be excluded because something is unknown comes before the default and
gives "unknown": so no answer is ever built on what nobody assessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from ...engine.guideline.compile import shifted
from ...engine.guideline.tables import NOT_APPLICABLE, READING, Cuts, Row, Stage, Table, Variable
from . import feel
from .decisions import Decision, Rule
from .dmn_numbers import NA, NUMBER, UNKNOWN, Numbers, known
from .feel import ANY

NOTES = ("row", "cite", "says", "mark", "silent")  # the annotation columns of every table
Tests = dict[str, str]  # column -> test
Ways = list[Tests]  # tests of which one suffices
Line = tuple[Tests, str, tuple[str, ...]]  # a rule before its tests are put under the columns


@dataclass(frozen=True)
class Translated:
    """One table of a stage. ``total``: whether it must say "unknown" rather than nothing."""

    stage: Stage
    table: Table
    numbers: Numbers
    head: Mapping[str, str]  # title, cite
    total: bool

    @property
    def by_default(self) -> bool:
        """Whether the table says something where none of its rows fits, or lets rows overlap."""
        return says_by_default(self.table)

    def decision(self) -> Decision:
        """The table as a decision."""
        lines = [*self._lines(), *([({}, UNKNOWN, ("", "", "not known"))] if self.total else [])]
        columns = tuple(dict.fromkeys(column for tests, _, _ in lines for column in tests))
        rules = tuple(Rule(tuple(tests.get(c, ANY) for c in columns), output, notes) for tests, output, notes in lines)
        policy = "FIRST" if self.by_default or self.total else "UNIQUE"
        doc = f"{self.head['cite']}; scope: {self.table.scope}; confidence {self.table.mark}"
        kind = "string" if not self._points else "number" if self.table.guard is None else "Any"
        return Decision(
            self._name(self.stage.table(self.table.id)), self.head["title"], doc, self._needs, policy, columns, rules,
            type=kind,
        )  # fmt: skip

    def _name(self, t: int) -> str:
        return feel.name(self.stage.tables[t].id)

    @property
    def _points(self) -> bool:
        return self.table.kind == "sum" or any(isinstance(row.then, int) for row in self.table.rows)

    @property
    def _rows(self) -> list[Row]:
        """The rows as written, each in its default reading, without those that stand for a default."""
        real = self.table.rows[: -2 if self.table.kind == "any" else None]
        at = self.stage.index[READING]
        return [r for r in real if r.id != f"{self.table.id}.otherwise" and 0 in r.cells.get(at, frozenset({0}))]

    @cached_property
    def _needs(self) -> tuple[str, ...]:
        every = [*self.table.rows, *([self.table.guard] if self.table.guard else [])]
        variables = sorted({v for row in every for v in row.cells})
        tables = sorted({t for row in every for t in row.results} | set(self.table.parts))
        read = (n for v in variables for n in self._reads(self.stage.variables[v]))
        return tuple(dict.fromkeys((*read, *map(self._name, tables))))

    def _reads(self, variable: Variable) -> tuple[str, ...]:
        if variable.name == READING:
            return ()
        if variable.cuts is None:
            return (feel.name(variable.name),)
        return self.numbers.state(variable.name), self.numbers.value(variable.name)

    def _lines(self) -> Iterator[Line]:
        if self.table.kind == "sum":
            yield from self._sum()
        elif self.table.kind == "union":
            yield from self._union()
        else:
            yield from self._not_asked()
            yield from self._ordered() if self.by_default else (r for row in self._rows for r in self._sure(row))
            yield from self._default()

    def _met(self, row: Row, perhaps: bool = False) -> Iterator[Tests]:
        """The row's tests and those of the table's ``when``, once for each way to meet them."""
        cells, results = dict(row.cells), dict(row.results)
        guard = self.table.guard
        for v, allowed in guard.cells.items() if guard else ():
            cells[v] = cells.get(v, allowed) & allowed
        for t, symbols in guard.results.items() if guard else ():
            results[t] = results.get(t, symbols) & symbols
        if all((*cells.values(), *results.values())):
            ways = [self._of_variable(v, c, perhaps) for v, c in cells.items() if self._is_asked(v)]
            ways += [self._of_table(t, s, perhaps) for t, s in results.items()]
            yield from (joined(way) for way in product(*ways))

    def _is_asked(self, at: int) -> bool:
        return self.stage.variables[at].name != READING

    def _of_variable(self, at: int, cells: frozenset[int], perhaps: bool = False) -> Ways:
        variable, unknown = self.stage.variables[at], UNKNOWN if perhaps else ""
        if variable.cuts is not None:
            return self._of_number(variable, variable.cuts, cells, unknown)
        plain = feel.name(variable.name)
        column = known(plain) if self.by_default and variable.scope != "leading" else plain
        return [{column: feel.either(feel.listed(s for i, s in enumerate(variable.domain) if i in cells), unknown)}]

    def _of_number(self, variable: Variable, cuts: Cuts, cells: frozenset[int], unknown: str) -> Ways:
        state, value = self.numbers.state(variable.name), self.numbers.value(variable.name)
        size = len(cuts.points) + 1
        inside = [c for c in cells if c < size]
        na = NA if any(c >= size for c in cells) else ""
        if len(inside) == size:
            return [{state: feel.either(NUMBER, na, unknown)}]
        rest: Ways = [{state: feel.either(na, unknown)}] if na or unknown else []
        if not inside:
            return rest
        if min(point for point, _ in cuts.points) < 0:
            return [{state: NUMBER, feel.compared(value, cuts, inside): "true"}, *rest]
        return [{state: NUMBER, value: ", ".join(feel.intervals(cuts, inside))}, *rest]

    def _of_table(self, t: int, symbols: frozenset[str], perhaps: bool = False) -> Ways:
        unknown = UNKNOWN if perhaps else ""
        if self.stage.tables[t].kind != "sum":
            return [
                {self._name(t): feel.either(feel.listed(s for s in outcomes(self.stage, t) if s in symbols), unknown)}
            ]
        totals = [int(s) for s in outcomes(self.stage, t)]
        points = feel.points_test(frozenset(map(int, symbols)), min(totals), max(totals))
        return [{self._name(t): feel.either(points, unknown)}]

    def _sure(self, row: Row) -> Iterator[Line]:
        """The row where it is sure to fit; a shift once for each category that it starts from."""
        notes = self._notes(row)
        for tests in self._met(row):
            if not isinstance(row.then, tuple) or not row.then[0]:
                yield tests, self._output(row.then), notes
                continue
            base = self.table.parts[0]
            for category in outcomes(self.stage, base):
                if category != NOT_APPLICABLE:
                    output = feel.quoted(shifted(self.stage.order, category, row.then))
                    yield {**tests, self._name(base): feel.quoted(category)}, output, notes

    def _notes(self, row: Row) -> tuple[str, ...]:
        """A row's annotations, in the order of ``NOTES``."""
        others = [str(r.then) for r in self.table.rows if r.id.startswith(f"{row.id}/") and r.why_silent]
        silent = f"{row.why_silent}; other readings: {', '.join(others)}" if row.why_silent else ""
        return row.id, row.cite, row.says, row.mark, silent

    def _output(self, then: object) -> str:
        if isinstance(then, tuple):
            return self._name(self.table.parts[0])  # a shift by nothing: what it adjusts
        return str(then) if isinstance(then, int) else feel.quoted(str(then))

    def _perhaps(self, row: Row) -> Iterator[Line]:
        """The row where it cannot be excluded."""
        for tests in self._met(row, perhaps=True):
            yield tests, UNKNOWN, (row.id, "", "not known whether this row fits")

    def _ordered(self) -> Iterator[Line]:
        """Sure rows, each after those that it gives way to; then the rows that cannot be excluded."""
        written, opened = list[Row](), set[str]()
        rest = self._rows
        while rest:
            row = next(r for r in rest if not any(r.id in w.over for w in rest))
            for winner in written:
                if row.id in winner.over and winner.id not in opened:
                    opened.add(winner.id)
                    yield from self._perhaps(winner)
            yield from self._sure(row)
            written.append(row)
            rest = [r for r in rest if r is not row]
        yield from (line for row in written if row.id not in opened for line in self._perhaps(row))

    def _default(self) -> Iterator[Line]:
        """What the table says where no row fits."""
        if self.table.fallback() is not None:
            yield from self._sure(self.table.rows[-1])

    @property
    def _elsewhere(self) -> str:
        """The result where the table is not asked: what it adjusts, no points, or n/a."""
        if self.table.kind == "adjust":
            return self._name(self.table.parts[0])
        at = self.stage.table(self.table.id)
        return "0" if any(t.kind == "sum" and at in t.parts for t in self.stage.tables) else NA

    def _not_asked(self) -> Iterator[Line]:
        """The table is not asked: its ``when`` fails at its first test, or at the second, and so on."""
        held: Ways = [{}]
        for holds, fails in self._guards(self.table.guard) if self.table.guard else ():
            for way in product(held, fails):
                yield joined(way), self._elsewhere, (f"{self.table.id}.when", "", "not asked")
            held = [joined(way) for way in product(held, holds)]

    def _guards(self, guard: Row) -> Iterator[tuple[Ways, Ways]]:
        """Each test of the ``when``: the ways in which it holds, and those in which it fails."""
        for v, cells in guard.cells.items():
            others = frozenset(range(len(self.stage.variables[v].domain))) - cells
            yield self._of_variable(v, cells), self._of_variable(v, others) if others else []
        for t, symbols in guard.results.items():
            rest = frozenset(outcomes(self.stage, t)) - symbols
            yield self._of_table(t, symbols), self._of_table(t, rest) if rest else []

    def _union(self) -> Iterator[Line]:
        """The result of whichever part is asked."""
        parts = {t: self._name(t) for t in self.table.parts}
        for t, column in parts.items():
            asked = feel.listed(s for s in outcomes(self.stage, t) if s != NOT_APPLICABLE)
            yield {**dict.fromkeys(parts.values(), NA), column: asked}, column, (self.stage.tables[t].id,)

    def _sum(self) -> Iterator[Line]:
        """All points added up; a part that is not asked has none."""
        columns = {self._name(t): sorted({int(o) for o in outcomes(self.stage, t) if o != NOT_APPLICABLE} | {0})
                   for t in self.table.parts}  # fmt: skip
        tests = {column: ", ".join(map(str, points)) for column, points in columns.items()}
        yield tests, " + ".join(columns), (f"{self.table.id}.sum",)


def joined(ways: Iterable[Tests]) -> Tests:
    """Tests that must all hold; no two of them are on one column."""
    return {column: test for tests in ways for column, test in tests.items()}


def says_by_default(table: Table) -> bool:
    """Whether a table says something where none of its rows fits, or lets rows overlap."""
    return table.fallback() is not None or any(row.over for row in table.rows)


def outcomes(stage: Stage, t: int) -> tuple[str, ...]:
    """All results that a table can have, ``n/a`` last."""
    table = stage.tables[t]
    asked = (NOT_APPLICABLE,) if table.guard is not None else ()
    if table.kind == "sum":
        totals = {0}
        for part in table.parts:
            totals = {a + int(p) for a in totals for p in outcomes(stage, part) if p != NOT_APPLICABLE}
        return tuple(map(str, sorted(totals)))
    if table.kind == "union":
        return tuple(dict.fromkeys(r for p in table.parts for r in outcomes(stage, p) if r != NOT_APPLICABLE))
    if table.kind == "adjust":
        base = outcomes(stage, table.parts[0])
        given = [
            shifted(stage.order, b, row.then)
            for row in table.rows
            for b in (base if isinstance(row.then, tuple) else base[:1])
        ]
        return tuple(dict.fromkeys((*base, *given, *asked)))
    return tuple(dict.fromkeys((*(str(row.then) for row in table.rows), *asked)))
