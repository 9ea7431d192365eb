"""Where the boxes of a network stand and how its lines run: rows from causes down to signs, lines in the lanes between.

Every box stands in a cell of a grid below all its parents. The lines from one parent form one tree that runs only
in the lanes between the cells, on a track of its own in each, so that no line crosses a box or runs along another's.
General layered layout puts a layer into one row; here one quantity has up to thirty children, which no page holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...engine.grounds import NetworkNode
from .drawing import Point

COLUMNS: Final = 4
TRACK: Final = 6.0
MARGIN: Final = 8.0  # between a box and the first track
ARROW: Final = 6.0
FIRST_PORT: Final = 18.0
PORTS_APART: Final = 14.0
EXIT: Final = 14.0  # from a box's right edge, where no line enters
CROWDED: Final = 0.6  # of a column: what one line more in a lane costs


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in the grid."""

    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Tree:
    """The lines from one parent: ``children`` below it, the lane between columns that its trunk takes (None: no need
    of one), and the rows above which it branches."""

    parent: str
    children: tuple[str, ...]
    lane: int | None
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Upper left corners of the boxes, the lines of each parent with the tips of their arrows, the whole's size.

    ``left_out``: links that lead to no box below, as they are part of a circle; a network has none.
    """

    corners: Mapping[str, Point]
    trees: Mapping[str, tuple[tuple[Point, ...], ...]]
    tips: Mapping[str, tuple[Point, ...]]
    width: float
    height: float
    left_out: int


def laid_out(nodes: Sequence[NetworkNode], heights: Mapping[str, float], box: float, columns: int = COLUMNS) -> Layout:
    """Places for boxes of width ``box`` and the given ``heights``; the same for the same nodes."""
    cells = cells_of(nodes, columns)
    trees = _trees(nodes, cells, columns)
    grid = _Grid.of(cells, trees, heights, box, columns)
    ports = {(p, n.name): i for n in nodes for i, p in enumerate(_drawn_parents(n, cells))}
    many = {n.name: len(_drawn_parents(n, cells)) for n in nodes}
    tips = {t.parent: tuple(grid.tip(c, ports[t.parent, c], many[c]) for c in t.children) for t in trees}
    lines = {t.parent: grid.lines(t, tips[t.parent]) for t in trees}
    known = {n.name for n in nodes}
    links = sum(len({p for p in n.parents if p in known}) for n in nodes)
    drawn = sum(len(t.children) for t in trees)
    corners = {name: grid.corner(name) for name in cells}
    return Layout(corners, lines, tips, grid.width, grid.height, links - drawn)


def cells_of(nodes: Sequence[NetworkNode], columns: int) -> dict[str, Cell]:
    """Each box in the first row below its parents that has room; rows in the middle, near the parents above."""
    rows: dict[str, int] = {}
    room: Counter[int] = Counter()
    for node in _parents_first(nodes):
        row = 1 + max((rows[p] for p in node.parents if p in rows), default=-1)
        while room[row] >= columns:
            row += 1
        rows[node.name], room[row] = row, room[row] + 1
    cells: dict[str, Cell] = {}
    for row in sorted(room):
        members = sorted((n for n in nodes if rows[n.name] == row), key=lambda n: _above(n, cells))
        start = (columns - len(members)) // 2
        cells |= {n.name: Cell(row, start + i) for i, n in enumerate(members)}
    return cells


def _above(node: NetworkNode, cells: Mapping[str, Cell]) -> float:
    """The mean column of a box's lowest parents, which it should stand below."""
    found = [cells[p] for p in node.parents if p in cells]
    lowest = max((c.row for c in found), default=0)
    near = [c.column for c in found if c.row == lowest]
    return sum(near) / len(near) if near else 0.0


def _parents_first(nodes: Sequence[NetworkNode]) -> list[NetworkNode]:
    """In an order in which parents come before their children; what is part of a circle comes last."""
    waiting, done, order = list(nodes), {*()}, list[NetworkNode]()
    known = {n.name for n in nodes}
    while waiting:
        ready = [n for n in waiting if all(p in done or p not in known for p in n.parents)] or waiting[:1]
        order += ready
        done |= {n.name for n in ready}
        waiting = [n for n in waiting if n.name not in done]
    return order


def _drawn_parents(node: NetworkNode, cells: Mapping[str, Cell]) -> tuple[str, ...]:
    """The parents that stand above, from left to right."""
    above = {p for p in node.parents if p in cells and cells[p].row < cells[node.name].row}
    return tuple(sorted(above, key=lambda p: (cells[p].column, cells[p].row)))


def _trees(nodes: Sequence[NetworkNode], cells: Mapping[str, Cell], columns: int) -> tuple[Tree, ...]:
    used: Counter[int] = Counter()
    found = []
    for parent in nodes:
        children = tuple(n.name for n in nodes if parent.name in _drawn_parents(n, cells))
        if children:
            found.append(_tree(parent.name, children, cells, columns, used))
    return tuple(found)


def _tree(parent: str, children: tuple[str, ...], cells: Mapping[str, Cell], columns: int, used: Counter[int]) -> Tree:
    """The lane that makes the branches shortest; one that others use already costs a little more."""
    first = cells[parent].row + 1
    at: dict[int, list[float]] = {first: [cells[parent].column]}
    for child in children:
        at.setdefault(cells[child].row, []).append(cells[child].column)
    if len(at) == 1:
        return Tree(parent, children, None, (first,))

    def length(lane: int) -> float:
        ends = [[*columns_there, lane - 0.5] for columns_there in at.values()]
        return sum(max(e) - min(e) for e in ends) + CROWDED * used[lane]

    lane = min(range(columns + 1), key=length)
    used[lane] += 1
    return Tree(parent, children, lane, tuple(sorted(at)))


@dataclass(frozen=True, slots=True)
class _Grid:
    """The grid in units of the drawing."""

    cells: Mapping[str, Cell]
    heights: Mapping[str, float]
    box: float
    lefts: tuple[float, ...]
    tops: tuple[float, ...]
    across: Mapping[tuple[str, int], float]  # y of a parent's track above a row
    down: Mapping[str, float]  # x of a parent's trunk
    width: float
    height: float

    @staticmethod
    def of(
        cells: Mapping[str, Cell], trees: Sequence[Tree], heights: Mapping[str, float], box: float, columns: int
    ) -> _Grid:
        lefts, down, x = [], dict[str, float](), 2.0
        for lane in range(columns + 1):
            own = [t.parent for t in trees if t.lane == lane]
            inner = 0 < lane < columns
            start = x + (MARGIN if inner else 2.0 if lane == 0 else MARGIN)
            down |= {parent: start + i * TRACK for i, parent in enumerate(own)}
            x += (2 * MARGIN if inner else 10.0 if own else 0.0) + max(len(own) - 1, 0) * TRACK
            lefts.append(x)
            x += box if lane < columns else 2.0
        tops, across, y = [], dict[tuple[str, int], float](), 2.0
        for row in range(max((c.row for c in cells.values()), default=-1) + 1):
            here = [t.parent for t in trees if row in t.rows]
            across |= {(parent, row): y + MARGIN + i * TRACK for i, parent in enumerate(here)}
            y += (2 * MARGIN + ARROW + (len(here) - 1) * TRACK) if here else (MARGIN if row else 0.0)
            tops.append(y)
            y += max(heights[name] for name, c in cells.items() if c.row == row)
        return _Grid(cells, heights, box, tuple(lefts[:columns]), tuple(tops), across, down, x, y + 2.0)

    def corner(self, name: str) -> Point:
        cell = self.cells[name]
        return self.lefts[cell.column], self.tops[cell.row]

    def tip(self, child: str, port: int, ports: int) -> Point:
        """Where a line meets a child: its top edge, one port for each parent."""
        x, y = self.corner(child)
        apart = min(PORTS_APART, (self.box - FIRST_PORT - 2 * EXIT) / max(ports, 1))
        return x + FIRST_PORT + port * apart, y

    def lines(self, tree: Tree, tips: Sequence[Point]) -> tuple[tuple[Point, ...], ...]:
        """Down from the parent, along each row, down the trunk, down to each child."""
        x, y = self.corner(tree.parent)
        out = (x + self.box - EXIT, y + self.heights[tree.parent])
        first = self.cells[tree.parent].row + 1
        ends: dict[int, list[float]] = {row: [] for row in tree.rows}
        ends[first].append(out[0])
        parts: list[tuple[Point, ...]] = [(out, (out[0], self.across[tree.parent, first]))]
        for child, tip in zip(tree.children, tips, strict=True):
            row = self.cells[child].row
            ends[row].append(tip[0])
            parts.append(((tip[0], self.across[tree.parent, row]), (tip[0], tip[1] - ARROW)))
        if tree.lane is not None:
            trunk = self.down[tree.parent]
            high, low = (self.across[tree.parent, row] for row in (tree.rows[0], tree.rows[-1]))
            parts.append(((trunk, high), (trunk, low)))
            ends = {row: [*xs, trunk] for row, xs in ends.items()}
        level = [(row, min(xs), max(xs)) for row, xs in ends.items()]
        parts += [
            ((a, self.across[tree.parent, row]), (b, self.across[tree.parent, row])) for row, a, b in level if a < b
        ]
        return tuple(parts)
