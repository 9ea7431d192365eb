"""Two diagrams walked side by side: which pairs of answers some patient gets, and how."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from .compile import Diagram, Leaf
from .joint import Axis, Group, Said
from .projection import project


class Side:
    """One diagram, reduced to an answer at its ends; its nodes by number. New ones appear as it is restricted."""

    def __init__(self, diagram: Diagram, answer: Callable[[tuple[Leaf, ...]], Hashable]) -> None:
        reduced = project(diagram, answer)
        self.variable, self.children, self.root = list(reduced.variable), list(reduced.children), reduced.root
        self.end: list[Hashable] = list(reduced.ends)
        nodes = list(zip(self.variable, self.children, self.end, strict=True))
        self.answers = tuple(dict.fromkeys(e for v, _, e in nodes if v < 0))
        self._number = {a: 1 << n for n, a in enumerate(self.answers)}
        self._nodes = {node: n for n, node in enumerate(nodes)}
        self._below: dict[int, int] = {}
        self._asked: dict[int, int] = {}
        self._restricted: dict[tuple[int, int, int], int] = {}

    def below(self, node: int) -> int:
        """The answers below a node, a bit each."""
        if node not in self._below:
            found = self._number[self.end[node]] if self.variable[node] < 0 else 0
            for child in self.children[node]:
                found |= self.below(child)
            self._below[node] = found
        return self._below[node]

    def asked(self, node: int) -> int:
        """The variables asked at and below a node, a bit each."""
        if node not in self._asked:
            found = 1 << self.variable[node] if self.variable[node] >= 0 else 0
            for child in self.children[node]:
                found |= self.asked(child)
            self._asked[node] = found
        return self._asked[node]

    def down(self, node: int, variable: int | None, cell: int | None) -> int:
        """The node once a variable is known, wherever below it is asked."""
        if variable is None or cell is None or not self.asked(node) >> variable & 1:
            return node
        if self.variable[node] == variable:
            return self.children[node][cell]
        key = (node, variable, cell)
        if key not in self._restricted:
            children = tuple(self.down(child, variable, cell) for child in self.children[node])
            self._restricted[key] = children[0] if len(set(children)) == 1 else self._new(self.variable[node], children)
        return self._restricted[key]

    def _new(self, variable: int, children: tuple[int, ...]) -> int:
        key = (variable, children, None)
        if key not in self._nodes:
            self._nodes[key] = len(self.variable)
            self.variable.append(variable)
            self.children.append(children)
            self.end.append(None)
        return self._nodes[key]


Path = tuple[tuple[int, int], ...]  # (axis number, cell)
Pair = tuple[Hashable, Hashable]


@dataclass
class Found:
    """A pair of answers that some patient gets: the cells asked for on the way, and facts of its worlds."""

    path: Path
    facts: Said


@dataclass
class Walk:
    """All pairs of answers that ``wanted`` names and some patient gets, with a path to each.

    ``alike``: what of an answer a wanted pair differs in; parts of both diagrams that are equal in that are
    passed over, so that guidelines of the same shape are compared node by node. None: equal pairs are wanted too.
    ``fits``: whether the facts of worlds of several groups can be those of one patient; ``tied``: the
    inputs on which that depends.
    ``limit``: stop after so many pairs.
    """

    axes: Sequence[Axis]
    sides: tuple[Side, Side]
    groups: Sequence[Group]
    wanted: Callable[[Hashable, Hashable], bool]
    alike: Callable[[Hashable], Hashable] | None
    fits: Callable[[Said], bool] = lambda facts: True
    tied: frozenset[str] = frozenset()
    limit: int | None = None
    found: dict[Pair, Found] = field(default_factory=dict)
    _seen: set[tuple[int, int, tuple[int, ...]]] = field(default_factory=set)
    _shapes: dict[Hashable, int] = field(default_factory=dict)
    _shape: dict[tuple[int, int], int] = field(default_factory=dict)
    _together: dict[tuple[int, ...], Said | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        before, after = self.sides
        self._open = {
            1 << n: sum(1 << m for m, b in enumerate(after.answers) if self.wanted(a, b))
            for n, a in enumerate(before.answers)
        }
        self._rank = [
            {a.sides[side]: n for n, a in enumerate(self.axes) if a.sides[side] is not None} for side in (0, 1)
        ]
        self._limits = [
            [(g, group) for g, group in enumerate(self.groups) if axis in group.axes] for axis in range(len(self.axes))
        ]

    def pairs(self) -> dict[Pair, Found]:
        """The pairs found, in the order of the walk."""
        self._visit(self.sides[0].root, self.sides[1].root, tuple(g.all for g in self.groups), ())
        return self.found

    def equal(self) -> bool:
        """Whether both diagrams are the same in what is ``alike``, node by node; the groups do not matter to it."""
        return self._same(self.sides[0].root, self.sides[1].root)

    def _visit(self, a: int, b: int, masks: tuple[int, ...], path: Path) -> None:
        if not self._can(a, b) or self._same(a, b):
            return
        key = (a, b, tuple(m if self._matters(g, a, b) else 0 for g, m in zip(self.groups, masks, strict=True)))
        if key in self._seen or len(self.found) == self.limit:
            return
        self._seen.add(key)
        at = min((self._axis(side, node) for side, node in ((0, a), (1, b))), default=len(self.axes))
        if at == len(self.axes):
            self._end(a, b, masks, path)
            return
        axis = self.axes[at]
        for cell, (_, mine, theirs) in enumerate(axis.cells):
            left = self._left(masks, at, cell)
            if left is not None:
                nodes = (self.sides[0].down(a, axis.sides[0], mine), self.sides[1].down(b, axis.sides[1], theirs))
                self._visit(*nodes, left, (*path, (at, cell)))

    def _axis(self, side: int, node: int) -> int:
        variable = self.sides[side].variable[node]
        return len(self.axes) if variable < 0 else self._rank[side][variable]

    def _end(self, a: int, b: int, masks: tuple[int, ...], path: Path) -> None:
        pair = (self.sides[0].end[a], self.sides[1].end[b])
        asked = {at for at, _ in path}
        used = tuple(m if group.axes & asked else 0 for group, m in zip(self.groups, masks, strict=True))
        self.found[pair] = Found(path, self._facts(used) or {})
        self._open[self.sides[0].below(a)] &= ~self.sides[1].below(b)

    def _can(self, a: int, b: int) -> bool:
        """Whether a pair that is still wanted may lie below."""
        mine, theirs = self.sides[0].below(a), self.sides[1].below(b)
        return any(mine & bit and wanted & theirs for bit, wanted in self._open.items())

    def _same(self, a: int, b: int) -> bool:
        return self.alike is not None and self._shaped(0, a) == self._shaped(1, b)

    def _shaped(self, side: int, node: int) -> int:
        """A number that is equal for nodes, of either side, that answer alike in the same way."""
        if (side, node) not in self._shape:
            s = self.sides[side]
            if s.variable[node] < 0:
                below: tuple[int, ...] = ()
                shape: Hashable = ("end", self.alike(s.end[node]) if self.alike else node)
            else:
                at = self._rank[side][s.variable[node]]
                cells = ((mine, theirs)[side] for _, mine, theirs in self.axes[at].cells)
                below = tuple(self._shaped(side, s.children[node][c]) for c in cells if c is not None)
                shape = (at, below)
            same = below[0] if len(set(below)) == 1 else self._shapes.setdefault(shape, len(self._shapes))
            self._shape[side, node] = same
        return self._shape[side, node]

    def _matters(self, group: Group, a: int, b: int) -> bool:
        asked = (self.sides[0].asked(a), self.sides[1].asked(b))
        sides = [s for at in group.axes for s in zip(self.axes[at].sides, asked, strict=True)]
        return any(variable is not None and bits >> variable & 1 for variable, bits in sides)

    def _left(self, masks: tuple[int, ...], at: int, cell: int) -> tuple[int, ...] | None:
        """The worlds left, None where there are none."""
        if not self._limits[at]:
            return masks
        left = list(masks)
        for g, group in self._limits[at]:
            left[g] = group.left(left[g], at, cell)
            if not left[g]:
                return None
        return tuple(left) if self._facts(tuple(left)) is not None else None

    def _facts(self, masks: tuple[int, ...]) -> Said | None:
        """The facts of one world a group that fit together; 0 leaves a group out."""
        if masks not in self._together:
            groups = [(group, m) for group, m in zip(self.groups, masks, strict=True) if m and group.names]
            tries = product(*(islice(g.members(m), None if g.names & self.tied else 1) for g, m in groups))
            joined = ({k: v for w in worlds for k, v in w.facts.items()} for worlds in tries)
            self._together[masks] = next((facts for facts in joined if self.fits(facts)), None)
        return self._together[masks]
