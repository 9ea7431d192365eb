"""A diagram as a few lookup tables: the form in which a database walks it.

The walk goes level by level. A state is the set of nodes that it can be at (several only after an
unknown input); a step takes the state and the cells of a few variables to the next state. After the
cells of its domain a variable has one for "unknown"; any further one refuses the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from .compile import Diagram, Leaf
from .projection import Projection, project
from .tables import READING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Table = NDArray[np.int32]

UNDECIDED, REFUSED, START = 0, 1, 2  # the first states of every level; the walk starts at START
WIDEST = 2  # nodes that an unknown input may leave open; beyond, the answer is undecided (measured: see docs)
LARGEST = 60_000  # entries of one lookup table: it stays in the processor's cache


@dataclass(frozen=True, slots=True)
class End:
    """The answer at the end of a walk; ``leaf`` and ``answers`` are None where what is unknown matters to them."""

    category: str
    others: frozenset[str]  # categories by other readings of a silent spot
    answers: tuple[str | None, ...] = ()
    leaf: int | None = None

    def merged(self, other: End) -> End | None:
        """What both have in common; None where not even the category."""
        if self.category != other.category:
            return None
        answers = tuple(a if a == b else None for a, b in zip(self.answers, other.answers, strict=True))
        leaf = self.leaf if self.leaf == other.leaf else None
        return End(self.category, self.others | other.others, answers, leaf)


def end_of(
    diagram: Diagram, category: int, answers: Sequence[int] = (), *, rows: bool = False
) -> Callable[[tuple[Leaf, ...]], End]:
    """How a walk ends at the leaves of all readings of a spot, the default first: by the results of some tables.

    ``rows``: tell every leaf apart, by its number.
    """
    number = {id(leaf): n for n, leaf in enumerate(diagram.leaves)} if rows else {}

    def end(leaves: tuple[Leaf, ...]) -> End:
        first = leaves[0]
        others = frozenset(leaf.results[category] for leaf in leaves) - {first.results[category]}
        return End(first.results[category], others, tuple(first.results[t] for t in answers), number.get(id(first)))

    return end


@dataclass(frozen=True, slots=True)
class Step:
    """``next[state * product(sizes) + key]``; the key counts the cells of ``variables``, the last one fastest."""

    variables: tuple[int, ...]
    sizes: tuple[int, ...]
    next: Table

    @property
    def keys(self) -> int:
        """How many keys there are: combinations of the variables' cells."""
        return prod(self.sizes)


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps of one diagram; ``ends[state]`` after the last (None for the first two states)."""

    steps: tuple[Step, ...]
    ends: tuple[End | None, ...]


State = tuple[frozenset[int], End | None]  # nodes still open, and the common end of those that have ended


def steps_of(
    diagram: Diagram, end: Callable[[tuple[Leaf, ...]], End], sizes: Sequence[int], widest: int = WIDEST
) -> Steps:
    """The diagram as lookup tables; ``sizes``: how many cells each variable has, those beyond its domain among them.

    With everything known the walk ends where the diagram does. Unknown inputs that cannot change the
    end do not matter; others end in ``UNDECIDED``, as do some that an exact reader would still
    decide (more than ``widest`` nodes open): never in another answer than the diagram's.
    """
    walker = _Walker(project(diagram, end), sizes, widest)
    variables = range(len(diagram.stage.variables) - (READING in diagram.stage.index))
    tables = {at: table for at in variables if (table := walker.level(at)) is not None}
    return Steps(tuple(_blocks(tables)), (None, None, *(end for _, end in walker.states)))


@dataclass
class _Walker:
    """The states of one level after another."""

    diagram: Projection[End]
    sizes: Sequence[int]
    widest: int
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = [self.settled(frozenset({self.diagram.root}), None) or (frozenset(), None)]

    def level(self, at: int) -> Table | None:
        """The table from the states before a variable to those after it; None where none of them asks it."""
        import numpy as np

        if not any(self.diagram.variable[n] == at for nodes, _ in self.states for n in nodes):
            return None
        found: dict[State, int] = {}
        table = np.empty((START + len(self.states), self.sizes[at]), dtype=np.int32)
        table[UNDECIDED], table[REFUSED] = UNDECIDED, REFUSED
        for row, state in enumerate(self.states, START):
            after = [found.setdefault(s, START + len(found)) if s else UNDECIDED for s in self.after(state, at)]
            table[row] = [*after, *[REFUSED] * (self.sizes[at] - len(after))]
        self.states = list(found)
        return table

    def after(self, state: State, at: int) -> list[State | None]:
        """The state after each cell of a variable, "unknown" the last; None: undecided."""
        nodes, end = state
        asked = [self.diagram.children[n] for n in nodes if self.diagram.variable[n] == at]
        if not asked:
            return [state] * self.sizes[at]
        rest = frozenset(n for n in nodes if self.diagram.variable[n] != at)
        known = [frozenset(cells) for cells in zip(*asked, strict=True)]
        return [self.settled(rest | reached, end) for reached in (*known, frozenset().union(*known))]

    def settled(self, nodes: frozenset[int], end: End | None) -> State | None:
        """Nodes that have ended become their common end; None where they have none, or too many are open."""
        for n in sorted(nodes):
            reached = self.diagram.ends[n]
            if reached is not None:
                end = reached if end is None else end.merged(reached)
                if end is None:
                    return None
        open_ = frozenset(n for n in nodes if self.diagram.ends[n] is None)
        return None if len(open_) + (end is not None) > self.widest else (open_, end)


def _blocks(tables: dict[int, Table]) -> Iterator[Step]:
    """Levels joined into as few steps as tables of at most ``LARGEST`` entries allow."""
    blocks: list[tuple[list[int], Table]] = []
    for at, table in tables.items():
        if blocks and blocks[-1][1].size * table.shape[1] <= LARGEST:
            block, joined = blocks.pop()
            blocks.append(([*block, at], table[joined]))
        else:
            blocks.append(([at], table))
    for block, table in blocks:
        yield Step(tuple(block), table.shape[1:], table.reshape(-1))
