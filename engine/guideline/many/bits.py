"""Facts of many rows as bits, and the walk of a diagram that reads them all at once.

A row (a finding, an exam) is one bit of Python's whole numbers. ``allowed(variable, cells)`` has the bits
of the rows that can be in one of these cells: one cell where the fact is known, all where it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compile import Diagram
from ..load import Guideline
from ..tables import NOT_APPLICABLE, READING, Stage, Variable
from .columns import Column, Numbers, Past, column, past, variable_cells

Bits = int
Rows = Sequence[Mapping[str, Any]]
Values = Sequence[Any]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int16]
Leaves = tuple[int, ...]
WRONG = -1


def bits(flags: Flags) -> Bits:
    """Flags of rows as bits, the first row lowest."""
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def flags(found: Bits, count: int) -> Flags:
    """The inverse of ``bits`` for so many rows."""
    raw = np.frombuffer(found.to_bytes((count + 7) // 8, "little"), np.uint8)
    return np.unpackbits(raw, count=count, bitorder="little").view(np.bool_)


class Columns(dict[str, Values]):
    """The values of rows by input, all of them taken at once; of rows that leave some inputs out one by one."""

    def __init__(self, rows: Rows) -> None:
        self.rows, names = rows, [*rows[0]] if rows else []
        if len(names) > 1 and all(map(len(names).__eq__, map(len, rows))):
            with suppress(KeyError):
                values = list(chain.from_iterable(map(itemgetter(*names), rows)))
                self.update((name, values[at :: len(names)]) for at, name in enumerate(names))

    def __missing__(self, name: str) -> Values:
        found = self[name] = [row.get(name) for row in self.rows]
        return found


class Coded:
    """The cells of a stage's variables, for each row; ``slow`` marks rows that only ``evaluate`` can read.

    These are numbers finer than four decimals, values that no input has, and contradictions. ``shared`` are
    facts of exams, and ``owner`` the exam of each row; without them rows hold all their facts. ``fixed``
    gives the cells of variables that no fact holds.
    """

    def __init__(
        self,
        guideline: Guideline,
        stage: Stage,
        rows: Rows,
        shared: Rows = (),
        owner: NDArray[np.intp] | None = None,
        fixed: Mapping[str, Codes] | None = None,
    ) -> None:
        self.guideline, self.stage, self.owner = guideline, stage, owner
        self.held = Columns(rows), Columns(shared)
        self.count = len(rows) if owner is None else len(owner)
        self.slow: Flags = np.zeros(self.count, np.bool_)
        self.cells: dict[int, Codes] = {stage.index[n]: c for n, c in (fixed or {}).items() if n in stage.index}
        self.bits: dict[tuple[int, int], Bits] = {}
        numbers = [v for v in stage.variables if v.cuts is not None]
        self.numbers = self._numbers(numbers) if numbers else None
        for at, variable in enumerate(stage.variables):
            if at not in self.cells and variable.name != READING:
                self.cells[at] = (
                    self._symbol(variable)
                    if self.numbers is None or variable.cuts is None
                    else variable_cells(variable, self.numbers)
                )
        if self.numbers is not None:
            self.numbers.bounded(guideline.document["inputs"].get("at_most", ()))
            self.slow |= self.numbers.refused

    def unknown(self, at: int) -> Bits:
        """The rows where a variable is not known."""
        return self._bits(at, len(self.stage.variables[at].domain))

    def allowed(self, at: int, cells: Sequence[int]) -> Bits:
        """The rows where a variable can be in one of these cells."""
        variable, found = self.stage.variables[at], 0
        for cell in cells:
            found |= self._bits(at, cell)
        if {variable.domain[cell] for cell in cells} == {NOT_APPLICABLE}:
            return found | self.unknown(at) & ~self._must_apply(variable.name)
        return found | self.unknown(at)

    def _must_apply(self, name: str) -> Bits:
        """The rows where another fact rules out that an input does not apply."""
        found = 0
        for other, values in self.guideline.applies_with.get(name, {}).items():
            held, place = self._read(other)
            barred = np.array([v is not None and str(v) not in values for v in held], np.bool_)
            found |= bits(barred if place is None else barred[place])
        return found

    def _bits(self, at: int, cell: int) -> Bits:
        if (at, cell) not in self.bits:
            self.bits[at, cell] = bits(self.cells[at] == cell)
        return self.bits[at, cell]

    def _read(self, name: str) -> tuple[Values, NDArray[np.intp] | None]:
        """An input of the rows that hold it, and the place of each of ours among them."""
        if self.owner is None:
            return self.held[0][name], None
        base = name.split(".", maxsplit=1)[0]
        scope = self.guideline.inputs[name if name in self.guideline.inputs else base][0]
        return (self.held[0][name], None) if scope == "finding" else (self.held[1][name], self.owner)

    def _symbol(self, variable: Variable) -> Codes:
        values, place = self._read(variable.name)
        domain = variable.domain
        code: dict[Any, int] = {name: n for n, name in enumerate(domain)} | {None: len(domain)}
        if "yes" in domain and "no" in domain:
            code |= {True: domain.index("yes"), False: domain.index("no")}
        try:
            found = np.frombuffer(bytes(map(code.__getitem__, values)), np.uint8).astype(np.int16)
        except (KeyError, TypeError, ValueError):  # none of its words, a list, or more words than a byte counts
            found = np.array([_code(code, value) for value in values], np.int16)
        found = found if place is None else found[place]
        wrong = found == WRONG
        if wrong.any():
            self.slow |= wrong
            found = np.where(wrong, len(domain), found)
        return found

    def within(self, rows: NDArray[np.intp], cells: Mapping[int, Codes]) -> Coded:
        """These rows, with other cells for some variables; a negative one stands for the row's own."""
        made = copy(self)
        made.count, made.bits, made.slow = len(rows), {}, self.slow[rows]
        made.cells = {at: own[rows] for at, own in self.cells.items()}
        made.cells |= {at: np.where(found < 0, made.cells[at], found) for at, found in cells.items()}
        return made

    def _numbers(self, numbers: Sequence[Variable]) -> Numbers:
        limits = self.guideline.document["inputs"].get("at_most", ())
        named = [v.name for v in numbers] + [limit[k] for limit in limits for k in ("small", "large")]
        needed = sorted({i for n in named for i in self.guideline.behind.get(n, frozenset({n}))})
        columns, histories = dict[str, Column](), dict[str, Past]()
        for name in needed:
            values, place = self._read(name)
            if self.guideline.inputs[name][1]["type"] == "history":
                exams, fine = past(values)
                histories[name] = exams if place is None else exams.taken(place)
            else:
                amounts, fine = column(values)
                columns[name] = amounts if place is None else amounts.taken(place)
            self.slow |= fine if place is None else fine[place]
        return Numbers(self.guideline.numbers, columns, histories, self.count)


def _code(code: Mapping[Any, int], value: Any) -> int:
    return WRONG if isinstance(value, list | dict | set) else code.get(value, WRONG)


class Plan:
    """A diagram ready to be walked by bits: its nodes in order, each with the cells that lead to each child."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram, last = diagram, diagram.stage.index[READING]
        self.sets: dict[tuple[int, Leaves], int] = {}
        self.steps: list[tuple[int, int, list[tuple[int, int]]]] = []  # (node, variable, [(child, set)])
        self.ends: list[tuple[int, Leaves]] = []  # (node, its leaves: by default, then by the other readings)
        for node in sorted(range(len(diagram.variable)), key=lambda n: diagram.variable[n] % (last + 1)):
            at, children = diagram.variable[node], diagram.children[node]
            if at in (-1, last):
                self.ends.append((node, children if at < 0 else tuple(diagram.children[c][0] for c in children)))
            else:
                self.steps.append((node, at, [self._way(at, child, children) for child in dict.fromkeys(children)]))

    def _way(self, at: int, child: int, children: Leaves) -> tuple[int, int]:
        cells = tuple(c for c, found in enumerate(children) if found == child)
        return child, self.sets.setdefault((at, cells), len(self.sets))

    def walk(self, coded: Coded, rows: Bits) -> tuple[dict[int, Bits], dict[int, Bits], dict[int, Bits]]:
        """The rows that reach each leaf by the default reading, by the other readings, and those that met a variable.

        As wide as if all numbers were independent of each other. Only variables that a row does not know count as met.
        """
        reach = [0] * len(self.diagram.variable)
        reach[self.diagram.root] = rows
        allowed = [coded.allowed(at, cells) for at, cells in self.sets]
        met: dict[int, Bits] = dict.fromkeys(coded.cells, 0)
        for node, at, ways in self.steps:
            here = reach[node]
            if here:
                met[at] |= here
                for child, cells in ways:
                    reach[child] |= here & allowed[cells]
        default, others = dict[int, Bits](), dict[int, Bits]()
        for node, leaves in self.ends:
            if reach[node]:
                default[leaves[0]] = default.get(leaves[0], 0) | reach[node]
                for leaf in leaves[1:]:
                    others[leaf] = others.get(leaf, 0) | reach[node]
        return default, others, {at: found & coded.unknown(at) for at, found in met.items()}
