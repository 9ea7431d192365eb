"""Which outcomes are still possible, exactly, when some inputs are unknown; and what to assess next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .compile import Diagram, Leaf
from .situation import Cells, Situation
from .tables import READING

Result = Callable[[Leaf], str]
FOLLOWS = ("reading", "leading")  # scopes that are no input: they follow from the findings or the text


def leaves(diagram: Diagram, cells: Callable[[int], Cells]) -> Iterator[Leaf]:
    """Every outcome that some combination of the given cells reaches, once each."""
    stack, seen = [diagram.root], {diagram.root}
    while stack:
        node = stack.pop()
        variable, children = diagram.variable[node], diagram.children[node]
        if variable < 0:
            yield diagram.leaves[children[0]]
            continue
        for child in {children[c] for c in cells(variable)}:
            if child not in seen:
                seen.add(child)
                stack.append(child)


def outcomes(diagram: Diagram, situation: Situation, reading: Cells = (0,), result: Result | None = None) -> list[Leaf]:
    """The possible outcomes, exact also where several numbers rest on one unknown measurement.

    First numbers are taken as independent, which can only be too wide; where that leaves more than
    one ``result``, the worlds of the unknown measurements decide.
    """
    last, met = diagram.stage.index[READING], set[int]()

    def cells(at: int) -> Cells:
        if at == last:
            return reading
        found = situation.cells(at)
        if len(found) > 1 and diagram.stage.variables[at].cuts is not None:
            met.add(at)
        return found

    wide = list(leaves(diagram, cells))
    few = 1 if 0 in reading else 0  # what another reading alone would give must be possible too
    if not met or len({result(leaf) for leaf in wide} if result else wide) <= few:
        return wide
    worlds = situation.worlds(sorted(met))
    if worlds is None:
        return wide
    found: dict[int, Leaf] = {}
    for world in worlds:
        found.update((id(leaf), leaf) for leaf in leaves(diagram, _fixed(cells, world)))
        if len(found) == len(wide):
            break  # every one of them can be
    return list(found.values()) or wide


def _fixed(cells: Callable[[int], Cells], world: Mapping[int, int]) -> Callable[[int], Cells]:
    return lambda at: (world[at],) if at in world else cells(at)


def next_question(diagram: Diagram, situation: Situation, result: Result) -> int | None:
    """The unknown variable whose answer narrows the result most, on average over its values.

    The first one met where no answer alone narrows it; None where nothing is open.
    """
    variables = diagram.stage.variables
    whole = len({result(leaf) for leaf in outcomes(diagram, situation)})
    best: tuple[float, int] | None = None
    for at in sorted(_asked(diagram, situation)):
        if variables[at].scope in FOLLOWS:
            continue
        counts = []
        for cell in situation.cells(at):
            fixed = _fixed(situation.cells, {at: cell})
            counts.append(len({result(leaf) for leaf in leaves(diagram, fixed)}))
        expected = sum(counts) / len(counts)
        if expected < whole and (best is None or expected < best[0]):
            best = (expected, at)
    if best is None and whole > 1:  # no answer alone is sure to narrow it: begin with the first
        return min((at for at in _asked(diagram, situation) if variables[at].scope not in FOLLOWS), default=None)
    return best[1] if best else None


def _asked(diagram: Diagram, situation: Situation) -> set[int]:
    """Unknown variables met on some way that is still open."""
    met: set[int] = set()

    def cells(at: int) -> Cells:
        found = situation.cells(at)
        if len(found) > 1:
            met.add(at)
        return found

    list(leaves(diagram, cells))
    return met
