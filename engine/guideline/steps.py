"""A diagram as a few lookup tables: the form in which a database walks it.

The walk goes level by level. A state is the set of nodes that it can be at (several only after an
unknown input); a step takes the state and the cells of a few variables to the next state. Beside
the cells of its domain a variable has one for "unknown" and, where a column of words can hold what
is no value of the input, one for "refused".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from .compile import Diagram, Leaf
from .projection import Projection, project
from .tables import READING, Stage, Variable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Table = NDArray[np.int32]

UNDECIDED, REFUSED, START = 0, 1, 2  # the first states of every level; the walk starts at START
WIDEST = 2  # nodes that an unknown input may leave open; beyond, the answer is undecided (measured: see docs)
LARGEST = 60_000  # entries of one lookup table: it stays in the processor's cache


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer at the end of a walk; None where completions of what is unknown differ in it."""

    category: str
    others: frozenset[str]  # categories by other readings of a silent spot
    leading: tuple[str | None, ...] = ()
    leaf: int | None = None

    def merged(self, other: Outcome) -> Outcome | None:
        """What both have in common; None where not even the category."""
        if self.category != other.category:
            return None
        leading = tuple(a if a == b else None for a, b in zip(self.leading, other.leading, strict=True))
        leaf = self.leaf if self.leaf == other.leaf else None
        return Outcome(self.category, self.others | other.others, leading, leaf)


@dataclass(frozen=True, slots=True)
class Step:
    """``next[state * product(sizes) + key]``; the key counts the cells of ``variables``, the last one fastest."""

    variables: tuple[int, ...]
    sizes: tuple[int, ...]
    next: Table


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps of one diagram; ``ends[state]`` after the last (None for the first two states)."""

    steps: tuple[Step, ...]
    ends: tuple[Outcome | None, ...]


State = tuple[frozenset[int], Outcome | None]  # nodes still open, and the common outcome of those that have ended


def unknown(variable: Variable) -> int:
    """The cell that stands for "unknown"."""
    return len(variable.domain)


def refused(variable: Variable) -> int:
    """The cell that stands for "no value of this input"."""
    return len(variable.domain) + 1


def can_be_refused(variable: Variable) -> bool:
    """Whether a column can hold what is no value of the variable: words can (of numbers, ``columns.py`` sees to it)."""
    return variable.scope != "leading" and variable.cuts is None and variable.domain[:2] != ("no", "yes")


def steps_of(diagram: Diagram, outcome: Callable[[tuple[Leaf, ...]], Outcome], widest: int = WIDEST) -> Steps:
    """The diagram as lookup tables.

    With everything known the walk ends where the diagram does. Unknown inputs that cannot change the
    outcome do not matter; others end in ``UNDECIDED``, as do some that an exact reader would still
    decide (more than ``widest`` nodes open): never in another answer than the diagram's.
    """
    walker = _Walker(diagram.stage, project(diagram, outcome), widest)
    variables = range(len(diagram.stage.variables) - (READING in diagram.stage.index))
    tables = {at: table for at in variables if (table := walker.level(at)) is not None}
    return Steps(tuple(_blocks(tables)), (None, None, *(end for _, end in walker.states)))


@dataclass
class _Walker:
    """The states of one level after another."""

    stage: Stage
    diagram: Projection[Outcome]
    widest: int
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = [self.state(frozenset({self.diagram.root}), None) or (frozenset(), None)]

    def level(self, at: int) -> Table | None:
        """The table from the states before a variable to those after it; None where none of them asks it."""
        import numpy as np

        if not any(self.diagram.variable[n] == at for open_, _ in self.states for n in open_):
            return None
        variable = self.stage.variables[at]
        size, found = len(variable.domain) + 1 + can_be_refused(variable), dict[State, int]()
        table = np.empty((len(self.states) + START, size), dtype=np.int32)
        table[UNDECIDED], table[REFUSED] = UNDECIDED, REFUSED
        for i, state in enumerate(self.states):
            table[i + START] = [self.number(after, found) for after in self.after(state, at, size)]
        self.states = list(found)
        return table

    def number(self, after: State | int, found: dict[State, int]) -> int:
        return after if isinstance(after, int) else found.setdefault(after, len(found) + START)

    def after(self, state: State, at: int, size: int) -> list[State | int]:
        """The state after each cell of a variable."""
        nodes, end = state
        asked = [n for n in nodes if self.diagram.variable[n] == at]
        if not asked:
            return [state] * size
        rest, cells = nodes.difference(asked), range(len(self.stage.variables[at].domain))
        known = [frozenset(self.diagram.children[n][c] for n in asked) for c in cells]
        reached = [self.state(rest | chosen, end) or UNDECIDED for chosen in (*known, frozenset().union(*known))]
        return [*reached, *([REFUSED] if size > len(reached) else [])]

    def state(self, nodes: frozenset[int], end: Outcome | None) -> State | None:
        """Nodes that have ended become their common outcome; None where they have none, or too many are open."""
        for n in sorted(nodes):
            outcome = self.diagram.ends[n]
            if outcome is not None:
                merged = outcome if end is None else end.merged(outcome)
                if merged is None:
                    return None
                end = merged
        open_ = frozenset(n for n in nodes if self.diagram.ends[n] is None)
        return None if len(open_) + (end is not None) > max(self.widest, 1) else (open_, end)


def _blocks(tables: dict[int, Table]) -> list[Step]:
    """Levels joined into as few steps as tables of at most ``LARGEST`` entries allow."""
    steps: list[Step] = []
    block: list[int] = []
    joined: Table | None = None
    for at, table in tables.items():
        if joined is not None and joined.size * table.shape[1] <= LARGEST:
            joined, block = table[joined], [*block, at]
            continue
        if joined is not None:
            steps.append(_step(block, joined))
        joined, block = table, [at]
    return [*steps, *([_step(block, joined)] if joined is not None else [])]


def _step(block: list[int], table: Table) -> Step:
    sizes = table.shape[1:]
    return Step(tuple(block), tuple(map(int, sizes)), table.reshape(table.shape[0] * prod(sizes)))
