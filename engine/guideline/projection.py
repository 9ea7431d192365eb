"""A diagram reduced to what one reader asks of it: nodes that make no difference to the answer are gone."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .compile import Diagram, Leaf
from .tables import READING

Answer = TypeVar("Answer", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Projection(Generic[Answer]):
    """Nodes by number, the root among them. ``variable[n]`` is -1 at an end, and ``ends[n]`` then its answer."""

    variable: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]
    ends: tuple[Answer | None, ...]
    root: int


@dataclass
class _Projector(Generic[Answer]):
    diagram: Diagram
    answer: Callable[[tuple[Leaf, ...]], Answer]
    nodes: dict[tuple[int, tuple[int, ...], Answer | None], int] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)

    def node(self, n: int) -> int:
        if n not in self.seen:
            variable = self.diagram.variable[n]
            last = variable < 0 or variable == self.diagram.stage.index[READING]
            self.seen[n] = self.number(-1, (), self.answer(_readings(self.diagram, n))) if last else self.inner(n)
        return self.seen[n]

    def inner(self, n: int) -> int:
        children = tuple(self.node(child) for child in self.diagram.children[n])
        same = len(set(children)) == 1
        return children[0] if same else self.number(self.diagram.variable[n], children, None)

    def number(self, variable: int, children: tuple[int, ...], end: Answer | None) -> int:
        return self.nodes.setdefault((variable, children, end), len(self.nodes))


def project(diagram: Diagram, answer: Callable[[tuple[Leaf, ...]], Answer]) -> Projection[Answer]:
    """The diagram with the given answer at its ends.

    ``answer`` gets the leaves of all readings of a spot, the default first; one leaf where the
    guideline is not silent.
    """
    projector = _Projector(diagram, answer)
    root = projector.node(diagram.root)
    variable, children, ends = zip(*projector.nodes, strict=True)
    return Projection(variable, children, ends, root)


def _readings(diagram: Diagram, n: int) -> tuple[Leaf, ...]:
    ends = (n,) if diagram.variable[n] < 0 else diagram.children[n]
    return tuple(diagram.leaves[diagram.children[end][0]] for end in ends)
