"""Ways through several compiled structures at once, for one patient or for two side by side.

A statement on all patients is false if there is a way to a wrong end. The search visits each combination of places
once, and turns back where no wrong end can be reached any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from .build import Builder
from .compile import Diagram, Leaf
from .tables import NOT_APPLICABLE, READING, Stage, Variable

Cells = frozenset[tuple[str, int]]  # (variable, its cell)
Path = tuple[tuple[int, tuple[int, ...]], ...]  # (variable number, the cell of each patient)
Options = Sequence[Sequence[tuple[int, ...]]]  # for each variable the cells that the patients can have together
Wrong = Callable[[tuple[Any, ...]], bool]  # of one result a part


@dataclass(frozen=True, eq=False)
class Part:
    """A diagram as one patient walks it. ``ends``: node -> results that the readings allowed can still give."""

    diagram: Diagram
    at: tuple[int, ...]  # its variables among all variables
    cell: tuple[tuple[int, ...], ...]  # its cells by those of all variables, which may be cut more finely
    ends: tuple[frozenset[Hashable], ...]

    def next(self, node: int, at: int, cell: int) -> int:
        """The node after variable number ``at`` of all variables is known."""
        own = self.diagram.variable[node]
        return node if own < 0 or self.at[own] != at else self.diagram.children[node][self.cell[own][cell]]


@dataclass(frozen=True)
class Space:
    """All variables of a guideline, in the order in which every one of its diagrams asks them."""

    builder: Builder

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The variables."""
        return tuple(self.builder.by_name.values())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.builder.by_name)

    def cells(self, path: Path, patient: int = 0) -> Cells:
        """The cells of one patient on a way; which reading of a silent spot is meant is nothing of a patient's."""
        named = ((self.names[at], cells[patient]) for at, cells in path)
        return frozenset((name, cell) for name, cell in named if name != READING)

    def part(self, diagram: Diagram, result: Callable[[Leaf], Hashable], readings: str) -> Part:
        """A diagram that ends in what ``result`` says of its leaves, by default reading or by ``all``."""
        variables = diagram.stage.variables
        at = tuple(self.names.index(v.name) for v in variables)
        cell = tuple(_coarser(self.variables[i], v) for i, v in zip(at, variables, strict=True))
        ends: list[frozenset[Hashable]] = []
        for variable, children in zip(diagram.variable, diagram.children, strict=True):
            if variable < 0:
                ends.append(frozenset({result(diagram.leaves[children[0]])}))
            else:  # the compiler numbers children before their parents
                default = readings == "default" and variables[variable].name == READING
                ends.append(frozenset().union(*(ends[c] for c in (children[:1] if default else children))))
        return Part(diagram, at, cell, tuple(ends))

    def test(self, stage: Stage, cells: Mapping[int, frozenset[int]]) -> Part:
        """A structure that asks these variables of a stage, and ends in whether each is in one of its cells."""
        variable, top = [-1, -1], 1
        children: list[tuple[int, ...]] = [(0,), (1,)]
        for v in sorted(cells, reverse=True):
            variable.append(v)
            children.append(tuple(top if c in cells[v] else 0 for c in range(len(stage.variables[v].domain))))
            top = len(variable) - 1
        leaves = (Leaf(((0, 0),), {}), Leaf(((0, 1),), {}))
        diagram = Diagram(stage, tuple(variable), tuple(children), leaves, top)
        return self.part(diagram, lambda leaf: leaf.rows == ((0, 1),), "all")


def _coarser(fine: Variable, own: Variable) -> tuple[int, ...]:
    """For each cell of the finer variable the cell of ``own`` that it lies in."""
    if fine.cuts is None or own.cuts is None:
        return tuple(range(len(fine.domain)))
    passed = [sum(point in own.cuts.points for point in fine.cuts.points[:c]) for c in range(len(fine.cuts.points) + 1)]
    return (*passed, *([own.domain.index(NOT_APPLICABLE)] if NOT_APPLICABLE in own.domain else []))


@dataclass
class Walk:
    """The search for a way to results that are ``wrong``.

    ``parts`` patient by patient, the same ones for each. With ``can_be``, only patients that can be: it is asked
    about the cells of the variables named in ``tied``, as far as the way has come.
    """

    space: Space
    parts: tuple[Part, ...]
    options: Options
    wrong: Wrong
    tied: Collection[str] = ()
    can_be: Callable[[Cells], bool] | None = None
    seen: set[tuple[tuple[int, ...], Path]] = field(default_factory=set)
    judged: dict[tuple[frozenset[Hashable], ...], bool] = field(default_factory=dict)

    def first(self) -> Path | None:
        """A way there; None where there is none."""
        return self._from(tuple(p.diagram.root for p in self.parts), (), ())

    def results(self, path: Path) -> tuple[Hashable, ...]:
        """What each part ends in on a way found."""
        nodes = tuple(p.diagram.root for p in self.parts)
        for at, cells in path:
            nodes = self._next(nodes, at, cells)
        return tuple(next(iter(p.ends[n])) for p, n in zip(self.parts, nodes, strict=True))

    def _from(self, nodes: tuple[int, ...], path: Path, bound: Path) -> Path | None:
        if (nodes, bound) in self.seen or not self._open(nodes):
            return None
        self.seen.add((nodes, bound))
        asked = [p.at[v] for p, n in zip(self.parts, nodes, strict=True) if (v := p.diagram.variable[n]) >= 0]
        if not asked:
            return path
        at = min(asked)
        if at > self.last_difference and self._alike(nodes):
            return None
        return next(
            (found for cells in self.options[at] if (found := self._step(nodes, at, cells, path, bound)) is not None),
            None,
        )

    def _step(self, nodes: tuple[int, ...], at: int, cells: tuple[int, ...], path: Path, bound: Path) -> Path | None:
        if self.can_be and self.space.names[at] in self.tied:
            bound = (*bound, (at, cells))
            if not all(self.can_be(self.space.cells(bound, i)) for i in range(len(cells))):
                return None
        return self._from(self._next(nodes, at, cells), (*path, (at, cells)), bound)

    def _next(self, nodes: tuple[int, ...], at: int, cells: tuple[int, ...]) -> tuple[int, ...]:
        each = len(self.parts) // len(cells)
        return tuple(p.next(n, at, cells[i // each]) for i, (p, n) in enumerate(zip(self.parts, nodes, strict=True)))

    def _open(self, nodes: tuple[int, ...]) -> bool:
        """Whether a wrong end can still be reached."""
        ends = tuple(p.ends[n] for p, n in zip(self.parts, nodes, strict=True))
        if ends not in self.judged:
            self.judged[ends] = any(map(self.wrong, product(*ends)))
        return self.judged[ends]

    @cached_property
    def last_difference(self) -> int:
        """The last variable in which two patients may differ: beyond it, two at the same place end alike."""
        differ = (at for at, options in enumerate(self.options) if any(len(set(cells)) > 1 for cells in options))
        return max(differ, default=-1)

    def _alike(self, nodes: tuple[int, ...]) -> bool:
        half = len(nodes) // 2
        return len(self.options[0][0]) == 2 and nodes[:half] == nodes[half:]
