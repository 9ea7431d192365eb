"""One walk of a diagram that carries probability from the root to the leaves.

A state is the set of nodes that the unknown leaves open: one node where all is known or has a
probability, and then it is walked by its number alone. Equal states meet again, so the work grows with
the diagram and not with the cases.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from ..errors import BadValue
from ..types import Belief, Classes, Measured
from .compile import Diagram
from .measured import Amounts
from .situation import Cells, Situation, number_cells
from .tables import READING, Variable

World = Mapping[int, Cells]  # cells of variables that are known together
Sets = tuple[frozenset[int], frozenset[int]]  # leaves by the default reading, and by the others
State = frozenset[tuple[int, int]]  # (node, number of its world or one of the two marks below)
Branch = tuple[float, Cells]  # a probability, and the cells that a variable may then be in
BY_DEFAULT, BY_OTHERS = -1, -2  # marks: no world was entered yet, or it no longer matters which
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Start:
    """A way to begin: its probability, and the worlds left open, by the default and by other readings."""

    weight: float
    default: tuple[World, ...] = ({},)
    others: tuple[World, ...] = ()

    def joined(self, other: Start) -> Start:
        """Both at once; ``other`` is the same by all readings."""
        default, others = (tuple({**a, **b} for a in w for b in other.default) for w in (self.default, self.others))
        return Start(self.weight * other.weight, default, others)


class Walk:
    """Walks one diagram on some facts from the given starts, which exclude each other and sum to 1.

    ``amounts``: the numbers of the situation, those of uncertain measurements unknown.
    ``met``: the numbers of unknown cell that were come across. Raises: BadValue: a belief is none of
    its input's.
    """

    def __init__(self, diagram: Diagram, situation: Situation, amounts: Amounts, starts: Sequence[Start]) -> None:
        self.diagram, self.facts, self.situation, self.amounts = diagram, situation.facts, situation, amounts
        self.worlds = [(w, kind) for s in starts for kind in (BY_DEFAULT, BY_OTHERS) for w in _of(s, kind)]
        count = iter(range(len(self.worlds)))
        self.starts = [(s.weight, [next(count) for _ in (*s.default, *s.others)]) for s in starts]
        found: dict[int, set[Cells]] = defaultdict(set)
        for at, cells in ((at, cells) for world, _ in self.worlds for at, cells in world.items()):
            found[at].add(cells)
        self.varied = {at for at, cells in found.items() if len(cells) > 1}
        self.open = any(len(cells) > 1 for at in self.varied for cells in found[at])
        self.same = {at: min(cells) for at, cells in found.items() if len(cells) == 1}  # in all worlds
        self.first, self.last = min(self.varied, default=0), max(self.varied, default=-1)
        self.end = diagram.stage.index[READING]
        self.met = set[int]()

    def outcomes(self) -> dict[Sets, float]:
        """The probability of each set of leaves."""
        single = all(len(worlds) == 1 for _, worlds in self.starts) and not self.open
        found = self._of_nodes() if single else None
        return self._of_states() if found is None else found

    def _of_nodes(self) -> dict[Sets, float] | None:
        """The same by the numbers of the nodes; None where something unknown is come across."""
        outside: dict[int, dict[int, float]] = defaultdict(dict)  # level -> node -> probability
        inside: dict[int, dict[tuple[int, int], float]] = defaultdict(dict)  # level -> (node, its world) -> probability
        outside[self._level(self.diagram.root)][self.diagram.root] = 1.0
        for at in range(self.end):
            if at not in outside and at not in inside:
                continue
            nodes, entered = outside.pop(at, {}), inside.pop(at, {})
            if self.first <= at <= self.last:
                for (node, p), (q, (world,)) in product(nodes.items(), self.starts):
                    entered[node, world] = entered.get((node, world), 0.0) + p * q
                nodes = {}
            ways = () if at in self.varied else self._branches(at)
            if any(len(cells) > 1 for _, cells in ways):
                return None
            self._moved(at, nodes, ways, outside)
            self._moved_inside(at, entered, ways, inside, outside)
        return collected((self._ends(node), p) for node, p in outside[self.end].items())

    def _moved(
        self, at: int, nodes: Mapping[int, float], ways: Sequence[Branch], to: dict[int, dict[int, float]]
    ) -> None:
        """Nodes that are in no world, by each way to the next level."""
        children, variable, end = self.diagram.children, self.diagram.variable, self.end
        for node, p in nodes.items():
            for q, (cell,) in ways:
                child = children[node][cell]
                level = to[variable[child] if variable[child] >= 0 else end]
                level[child] = level.get(child, 0.0) + p * q

    def _moved_inside(
        self,
        at: int,
        nodes: Mapping[tuple[int, int], float],
        ways: Sequence[Branch],
        inside: dict[int, dict[tuple[int, int], float]],
        outside: dict[int, dict[int, float]],
    ) -> None:
        """Nodes in a world each, by the one way of its world or by each way; out of it where it no longer matters."""
        children, variable, last, end = self.diagram.children, self.diagram.variable, self.last, self.end
        own = [((1.0, world[at]),) for world, _ in self.worlds] if at in self.varied else None
        for (node, world), p in nodes.items():
            for q, (cell,) in ways if own is None else own[world]:
                child = children[node][cell]
                level = variable[child] if variable[child] >= 0 else end
                if level <= last:
                    within = inside[level]
                    within[child, world] = within.get((child, world), 0.0) + p * q
                else:
                    without = outside[level]
                    without[child] = without.get(child, 0.0) + p * q

    def _ends(self, node: int) -> Sets:
        first, *rest = self._leaves(node)
        return frozenset((first,)), frozenset(rest)

    def _of_states(self) -> dict[Sets, float]:
        """The same by the sets of nodes that the unknown leaves open."""
        levels: list[dict[State, float]] = [defaultdict(float) for _ in range(self.end + 1)]
        levels[self._level(self.diagram.root)][frozenset({(self.diagram.root, BY_DEFAULT)})] = 1.0
        for at in range(self.end):
            ways = self._branches(at) if levels[at] else ()
            for state, p in self._entered(at, levels[at]):
                for q, cells in ways:
                    after = frozenset(self._stepped(state, at, cells))
                    level = min(self._level(node) for node, _ in after)
                    levels[level][self._left(after, level)] += p * q
            levels[at].clear()
        return collected((self._sets(state), p) for state, p in levels[self.end].items())

    def _level(self, node: int) -> int:
        at = self.diagram.variable[node]
        return at if at >= 0 else self.end

    def _entered(self, at: int, level: Mapping[State, float]) -> Iterator[tuple[State, float]]:
        """The states, put into their worlds where these begin to matter."""
        inside = self.first <= at <= self.last
        for state, p in level.items():
            if inside and all(world == BY_DEFAULT for _, world in state):
                yield from ((frozenset((n, w) for n, _ in state for w in ws), p * q) for q, ws in self.starts)
            else:
                yield state, p

    def _left(self, state: State, level: int) -> State:
        """The state without its worlds where these no longer matter, so that equal ones meet."""
        if level <= self.last:
            return state
        return frozenset((n, w if w < 0 else self.worlds[w][1]) for n, w in state)

    def _stepped(self, state: State, at: int, cells: Cells) -> Iterator[tuple[int, int]]:
        for node, world in state:
            if self.diagram.variable[node] != at:
                yield node, world
                continue
            open_ones = self._cells(at, world) if at in self.varied else cells
            yield from ((self.diagram.children[node][c], world) for c in open_ones)

    def _cells(self, at: int, world: int) -> Cells:
        cells = self.worlds[world][0][at]
        if len(cells) > 1 and self.diagram.stage.variables[at].cuts is not None:
            self.met.add(at)
        return cells

    def _branches(self, at: int) -> Sequence[Branch]:
        if at in self.varied:
            return ((1.0, ()),)  # the worlds say it
        variable = self.diagram.stage.variables[at]
        if at in self.same:
            cells = self.same[at]
        elif variable.cuts is not None:
            cells = number_cells(variable, self.amounts[variable.name])
        else:
            cells = self.situation.cells(at)
        if variable.cuts is not None and len(cells) > 1:
            self.met.add(at)
        return branches(variable, self.facts.get(variable.name), cells)

    def _sets(self, state: State) -> Sets:
        by = {BY_DEFAULT: set[int](), BY_OTHERS: set[int]()}
        for node, world in state:
            kind = world if world < 0 else self.worlds[world][1]
            first, *rest = self._leaves(node)
            by[kind].add(first)
            by[BY_OTHERS].update(rest)
        return frozenset(by[BY_DEFAULT]), frozenset(by[BY_OTHERS])

    def _leaves(self, node: int) -> tuple[int, ...]:
        """The leaf by each reading, the default one first."""
        children = self.diagram.children
        if self.diagram.variable[node] < 0:
            return children[node]
        return tuple(children[child][0] for child in children[node])


def _of(start: Start, kind: int) -> tuple[World, ...]:
    return start.default if kind == BY_DEFAULT else start.others


def branches(variable: Variable, belief: Belief | None, cells: Cells) -> Sequence[Branch]:
    """A variable's branches: one for each class of a belief in classes, one for what is known or unknown."""
    if isinstance(belief, Measured) and variable.cuts is None:
        found = f"{belief.mean} ± {belief.sd} {belief.unit}"
        raise BadValue(
            belief.source.reference, variable.name, found, ", ".join(variable.domain), "Give class probabilities."
        )
    if not isinstance(belief, Classes) or variable.cuts is not None:
        return ((1.0, cells),)
    if strange := belief.probabilities.keys() - set(variable.domain):
        raise BadValue(
            belief.source.reference, variable.name, ", ".join(sorted(strange)), ", ".join(variable.domain), "Use these."
        )
    total = math.fsum(belief.probabilities.values())  # 1 within 1e-6
    return tuple((p / total, (variable.domain.index(name),)) for name, p in belief.probabilities.items() if p)


def collected(weights: Iterable[tuple[Key, float]]) -> dict[Key, float]:
    """The sum of the weights of each key."""
    found: dict[Key, float] = defaultdict(float)
    for key, weight in weights:
        found[key] += weight
    return dict(found)
