"""Knowledge compilation: the tables of a stage -> one ordered multi-valued decision diagram.

Top-down over the variables in order. A state is, for each table, the set of rows that can still
fit (a bit mask); equal states share a node. A table that no later test needs is forgotten, so a
variable is asked only where it can still change something. Incomplete tables and overlaps that
were not waived show up while building, with the case that proves them.

Every reader is a walk over this structure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import and_

from ..errors import Incomplete, Overlap
from .tables import NOT_APPLICABLE, Row, Stage, Table

NA_ROW = -1  # the table is not asked here (its `when` does not hold), or only adds up others
State = tuple[int, ...]  # a mask of live rows for each table; 0: forgotten, nothing depends on it any more
Results = frozenset[str] | None  # what a table can still result in; None: forgotten


@dataclass(frozen=True, slots=True)
class Leaf:
    """An outcome: which row fitted in each table that mattered, and the result of each of these."""

    rows: tuple[tuple[int, int], ...]
    results: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Diagram:
    """Nodes by number. ``variable[n]`` is -1 at a leaf, and ``children[n][0]`` then its leaf number."""

    stage: Stage
    variable: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]
    leaves: tuple[Leaf, ...]
    root: int


@dataclass
class Compiler:
    """Builds the diagram of one stage."""

    stage: Stage
    nodes: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict)
    leaves: dict[tuple[tuple[int, int], ...], tuple[int, Leaf]] = field(default_factory=dict)
    seen: dict[tuple[int, State], int] = field(default_factory=dict)
    path: list[tuple[str, str]] = field(default_factory=list)
    narrowings: dict[tuple[object, ...], tuple[int, Results]] = field(default_factory=dict)
    askings: dict[tuple[int, int], tuple[tuple[int, frozenset[str]], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = [_rows(t) for t in self.stage.tables]
        self.last = [[max(row.cells, default=-1) for row in rows] for rows in self.rows]
        self.stops = [sorted(set(last)) for last in self.last]
        self.refers = [
            sorted({*table.parts, *(u for row in rows for u in row.results)})
            for table, rows in zip(self.stage.tables, self.rows, strict=True)
        ]
        variables = range(len(self.stage.variables))
        self.fits = [
            [[_bits(_fits(r, v, cell) for r in rows) for rows in self.rows] for cell in range(len(variable.domain))]
            for v, variable in enumerate(self.stage.variables)
        ]
        self.asks = [[_bits(v in r.cells for r in rows) for rows in self.rows] for v in variables]

    def compile(self) -> Diagram:
        """The diagram.

        Raises:
            Incomplete, Overlap: with a case that reaches no row, or two.
        """
        start = tuple(
            (1 << max(len(rows), 1)) - 1 - (1 << table.met if table.met is not None else 0)
            for rows, table in zip(self.rows, self.stage.tables, strict=True)
        )
        root = self.node(0, self.settle(0, start))
        nodes = sorted(self.nodes, key=self.nodes.__getitem__)
        leaves = tuple(leaf for _, leaf in self.leaves.values())
        return Diagram(self.stage, tuple(v for v, _ in nodes), tuple(c for _, c in nodes), leaves, root)

    def node(self, at: int, state: State) -> int:
        """The node for a state from variable ``at`` on."""
        while at < len(self.asks) and not any(map(and_, state, self.asks[at])):
            at += 1  # no live row looks at it, so there is nothing to settle
        key = (at, state)
        if key not in self.seen:
            self.seen[key] = self.leaf(state) if at == len(self.asks) else self.branch(at, state)
        return self.seen[key]

    def branch(self, at: int, state: State) -> int:
        """One child a cell; a node whose children are all the same is that child."""
        variable, children = self.stage.variables[at], []
        for cell, fits in enumerate(self.fits[at]):
            self.path.append((variable.name, variable.domain[cell]))
            narrowed = tuple(m & f if self.rows[t] else m for t, (m, f) in enumerate(zip(state, fits, strict=True)))
            children.append(self.node(at + 1, self.settle(at + 1, narrowed)))
            self.path.pop()
        return children[0] if len(set(children)) == 1 else self.number(at, tuple(children))

    def number(self, variable: int, children: tuple[int, ...]) -> int:
        """The node's number; equal nodes are one."""
        return self.nodes.setdefault((variable, children), len(self.nodes))

    def leaf(self, state: State) -> int:
        """The leaf in which every table that mattered has decided."""
        rows = tuple((t, self.only(t, mask)) for t, mask in enumerate(state) if mask)
        if rows not in self.leaves:
            results: dict[int, str] = {}
            for t, row in rows:
                results[t] = result(self.stage, t, row, results)
            self.leaves[rows] = (len(self.leaves), Leaf(rows, results))
        return self.number(-1, (self.leaves[rows][0],))

    def only(self, t: int, mask: int) -> int:
        """The one row left of a table."""
        table = self.stage.tables[t]
        if not table.rows:
            return NA_ROW
        guard = len(table.rows) if table.guard else None
        left = [i for i in range(len(self.rows[t])) if mask >> i & 1 and i != guard]
        if len(left) != 1:
            names = ", ".join(self.rows[t][i].id for i in left)
            cure = "Split them, or waive it with `over`."
            raise Overlap(table.id, names, f"both fit: {self.case()}", "one row for every case", cure)
        return NA_ROW if left[0] >= len(table.rows) else left[0]

    def case(self) -> str:
        """The path in words."""
        return ", ".join(f"{name} = {value}" for name, value in self.path) or "always"

    def settle(self, at: int, state: State) -> State:
        """Drop what can no longer fit, give way, or matter, given that variables below ``at`` are known."""
        masks = list(state)
        possible: list[Results] = []
        for t, table in enumerate(self.stage.tables):
            if not state[t]:
                possible.append(None)
                continue
            key = (t, state[t], bisect_left(self.stops[t], at), *(possible[u] for u in self.refers[t]))
            if key not in self.narrowings:
                mask = self.narrowed(t, state[t], at, possible) if table.rows else state[t]
                self.narrowings[key] = mask, self.outcomes(t, mask, possible)
            masks[t], results = self.narrowings[key]
            possible.append(results)
        needed = self.needed(at, masks, possible)
        for t in sorted(needed):
            if not possible[t]:
                cure = "Add it, or `otherwise`."
                where = self.stage.tables[t].id
                raise Incomplete(where, "", f"no row for {self.case()}", "one row for every case", cure)
        return tuple(m if t in needed else 0 for t, m in enumerate(masks))

    def needed(self, at: int, masks: list[int], possible: list[Results]) -> set[int]:
        """The tables whose result can still make a difference, and those decided that explain it."""
        needed = set(self.stage.roots)
        for t in reversed(range(len(masks))):
            if t in needed:
                needed.update(() if self.replaced(t, masks[t]) else self.stage.tables[t].parts)
                for u, allowed in self.asked_of(t, masks[t]):
                    if u not in needed and masks[u]:
                        differs = not (possible[u] or frozenset()) <= allowed
                        needed.update((u,) if differs or self.decided(u, at, masks, possible) else ())
        return needed

    def asked_of(self, t: int, mask: int) -> tuple[tuple[int, frozenset[str]], ...]:
        """(earlier table, results allowed) of every live row of a table."""
        if (t, mask) not in self.askings:
            live = (row for i, row in enumerate(self.rows[t]) if mask >> i & 1)
            self.askings[t, mask] = tuple(dict.fromkeys(item for row in live for item in row.results.items()))
        return self.askings[t, mask]

    def replaced(self, t: int, mask: int) -> bool:
        """Whether an adjusting table is sure to replace the category, so that what it adjusts is idle."""
        if self.stage.tables[t].kind != "adjust":
            return False
        live = [row.then for i, row in enumerate(self.rows[t]) if mask >> i & 1 and i != len(self.stage.tables[t].rows)]
        return all(isinstance(x, str) and x != NOT_APPLICABLE for x in live)

    def decided(self, t: int, at: int, masks: list[int], possible: list[Results]) -> bool:
        """Whether exactly one row is left and nothing more has to be known for it."""
        table = self.stage.tables[t]
        if not self.replaced(t, masks[t]) and not all(self.decided(p, at, masks, possible) for p in table.parts):
            return False
        if not table.rows:
            return True
        left = masks[t] & ~(1 << len(table.rows))  # all but the guard
        row = left.bit_length() - 1
        return left.bit_count() == 1 and self.last[t][row] < at and _certain(self.rows[t][row], possible)

    def narrowed(self, t: int, mask: int, at: int, possible: list[Results]) -> int:
        """The rows of one table that can still fit."""
        table, rows, n = self.stage.tables[t], self.rows[t], len(self.stage.tables[t].rows)
        guard, not_asked, fallback = n, n + 1, table.fallback()
        live = [i for i in range(len(rows)) if mask >> i & 1 and not _impossible(rows[i], possible)]
        if table.guard is not None and guard not in live:
            return 1 << not_asked
        sure = [i for i in live if self.last[t][i] < at and _certain(rows[i], possible)]
        asked = table.guard is None or guard in sure
        proper = [i for i in sure if i < n and i != fallback]
        if proper:
            gives_way = {name for i in proper for name in rows[i].over}
            live = [i for i in live if i != fallback and rows[i].id.split("/")[0] not in gives_way]
            if table.met is not None:
                live = [table.met, *(i for i in live if i >= n)]  # which one does not matter: equal states stay equal
        return sum(1 << i for i in live if not (asked and i == not_asked))  # 0: no row fits

    def outcomes(self, t: int, mask: int, possible: list[Results]) -> frozenset[str]:
        """The results that a table can still have."""
        table = self.stage.tables[t]
        if table.kind == "sum":
            totals = {0}
            for part in table.parts:
                totals = {a + (0 if p == NOT_APPLICABLE else int(p)) for a in totals for p in possible[part] or ()}
            return frozenset(map(str, totals))
        if table.kind == "union":
            return frozenset(p for part in table.parts for p in possible[part] or () if p != NOT_APPLICABLE)
        live: list[object] = [row.then for i, row in enumerate(table.rows) if mask >> i & 1]
        if table.guard is not None and mask >> len(table.rows) + 1 & 1:
            live.append((0, None) if table.kind == "adjust" else NOT_APPLICABLE)
        if table.kind == "adjust":
            order = self.stage.order
            return frozenset(
                shifted(order, base, then) for then in live for base in possible[table.parts[0]] or (NOT_APPLICABLE,)
            )
        return frozenset(map(str, live))


def _rows(table: Table) -> list[Row]:
    """The table's rows, then its guard, then the row "not asked"."""
    if table.guard is None:
        return list(table.rows)
    return [*table.rows, table.guard, Row(f"{table.id}.n/a", {}, {}, NOT_APPLICABLE, "", "", ())]


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)


def _fits(row: Row, variable: int, cell: int) -> bool:
    return variable not in row.cells or cell in row.cells[variable]


def _impossible(row: Row, possible: list[Results]) -> bool:
    return any(p is not None and p.isdisjoint(allowed) for p, allowed in _met(row, possible))


def _certain(row: Row, possible: list[Results]) -> bool:
    return all(p is None or p <= allowed for p, allowed in _met(row, possible))


def _met(row: Row, possible: list[Results]) -> list[tuple[Results, frozenset[str]]]:
    return [(possible[u], allowed) for u, allowed in row.results.items()]


def shifted(order: tuple[str, ...], base: str, then: object) -> str:
    """A category after an adjustment: replaced by a symbol, or shifted by steps, up to a cap at most.

    >>> order = ("1", "2", "3")
    >>> shifted(order, "2", (1, "2")), shifted(order, "2", (1, None)), shifted(order, "NC", (1, None))
    ('2', '3', 'NC')
    """
    if not isinstance(then, tuple):
        return str(then)
    by: int = then[0]
    cap: str | None = then[1]
    if base not in order or not by:
        return base
    at = order.index(base)
    limit = order.index(cap) if cap else (len(order) - 1 if by > 0 else 0)
    return order[min(at + by, max(limit, at)) if by > 0 else max(at + by, min(limit, at))]


def result(stage: Stage, t: int, row: int, results: Mapping[int, str]) -> str:
    """The result of a table whose row is known, from the results of the tables before it."""
    table = stage.tables[t]
    if table.kind == "sum":
        return str(sum(int(results[p]) for p in table.parts if results[p] != NOT_APPLICABLE))
    if table.kind == "union":
        return next(results[p] for p in table.parts if results[p] != NOT_APPLICABLE)
    then = None if row == NA_ROW else table.rows[row].then
    if table.kind == "adjust" and not isinstance(then, str):
        return shifted(stage.order, results[table.parts[0]], then or (0, None))
    return NOT_APPLICABLE if then is None else str(then)
