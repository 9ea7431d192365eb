"""A guideline as far as it depends on what a net believes: the structure that ``loss`` sums over.

What is common to the batch (the exam's facts, what the readers stated) is read once, here; what is
left are the variables that the net has an output for. A measurement is one variable whose cells
are the pieces of its axis between the values at which the guideline changes its mind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from ..errors import BadValue, MissingField, Unsupported
from ..types import Facts, Measured, Source, SourceKind, Unknown
from . import numbers
from .axis import Axis
from .load import Guideline
from .measured import Measurements
from .projection import Projection, project
from .situation import Cells, Situation, number_cells
from .tables import Variable

NET = Source(SourceKind.NET, "a net's outputs")
Learned = Mapping[str, Sequence[str] | None]  # input -> its classes in the net's order; None: a measurement


@dataclass(frozen=True, eq=False)
class Level:
    """The nodes of one output, in number order: the child of each node for each of the output's cells."""

    name: str
    children: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Circuit:
    """Nodes 0, 1, ... are the ends, one for each of ``answers``; then those of ``levels``, from the bottom up.

    ``cells``: how many cells each output has. ``edges``: for a measurement, where its cells begin and
    end, from the least to the greatest value a patient can have.
    """

    answers: tuple[str, ...]
    levels: tuple[Level, ...]
    root: int
    cells: Mapping[str, int]
    edges: Mapping[str, tuple[float, ...]]

    def first_cell(self) -> dict[str, int]:
        """For each output the place of its first cell, all cells being in a row."""
        return dict(zip(self.cells, accumulate([0, *self.cells.values()]), strict=False))


def category_circuit(guideline: Guideline, facts: Facts, learned: Learned) -> Circuit:
    """The category of a finding by the default reading, as it depends on the ``learned`` inputs.

    ``facts`` are common to the batch. Two learned measurements may not meet in a number (size and
    prior size): a net that sees one exam has one size. That one is at most another is no part of the
    category: see ``order_loss``.

    Raises:
        BadValue: a learned input is none of the guideline's, or a class none of its values.
        MissingField: the category rests on an input that is neither learned nor known.
        Unsupported: two learned measurements meet in one number.
    """
    diagram = guideline.finding
    table = diagram.stage.table(guideline.head["category"])
    projection = project(diagram, lambda leaves: leaves[0].results[table])
    return _Restriction(guideline, facts, learned, projection).circuit()


def allowed_circuit(learned: Mapping[str, Sequence[str]], forbidden: Sequence[Mapping[str, Sequence[str]]]) -> Circuit:
    """Whether a combination of classes is allowed (answers "no" and "yes").

    ``forbidden``: combinations that no patient has, each as input -> classes that cannot go with
    those of the other inputs named (``{"type": ["non_solid"], "solid_component_change": ["growing"]}``).

    Raises:
        BadValue: one names an input or a class that is not learned, or no input at all.
    """
    for constraint in forbidden:
        for name, classes in constraint.items():
            if not set(classes) <= set(learned.get(name, ())):
                allowed = ", ".join(learned.get(name, learned))
                raise BadValue("constraints", name, ", ".join(classes), allowed, "Name learned inputs and classes.")
        if not constraint:
            raise BadValue("constraints", "", "a combination without inputs", "at least one", "Leave it out.")
    nodes, names = _Nodes(), tuple(learned)

    def node(at: int, live: frozenset[int]) -> int:
        """The node, the constraints ``live`` having been met so far."""
        if any(not set(names[at:]) & forbidden[i].keys() for i in live):
            return nodes.end("no")
        if at == len(names) or not live:
            return nodes.end("yes")
        name = names[at]
        return nodes.inner(
            name, [node(at + 1, frozenset(i for i in live if c in forbidden[i].get(name, [c]))) for c in learned[name]]
        )

    return nodes.circuit(node(0, frozenset(range(len(forbidden)))), {n: len(c) for n, c in learned.items()}, {})


@dataclass
class _Nodes:
    """Nodes under construction; equal ones are one, and one whose children are all the same is that child."""

    numbers: dict[tuple[str, tuple[int, ...]], int] = field(default_factory=dict)

    def end(self, answer: str) -> int:
        return self.numbers.setdefault((answer, ()), len(self.numbers))

    def inner(self, name: str, children: Sequence[int]) -> int:
        if len(set(children)) == 1:
            return children[0]
        return self.numbers.setdefault((name, tuple(children)), len(self.numbers))

    def circuit(self, root: int, cells: Mapping[str, int], edges: Mapping[str, tuple[float, ...]]) -> Circuit:
        """The nodes below ``root``, numbered by level; ``cells`` names the outputs from the top down."""
        keys = list(self.numbers)
        reached, stack = {root}, [root]
        while stack:
            new = set(keys[stack.pop()][1]) - reached
            reached |= new
            stack += new
        ends = sorted((n for n in reached if not keys[n][1]), key=lambda n: keys[n][0])
        order, levels = list(ends), []
        for name in reversed([*cells]):
            mine = sorted(n for n in reached if keys[n][1] and keys[n][0] == name)
            order += mine
            levels.append((name, mine))
        place = {n: i for i, n in enumerate(order)}
        built = [Level(name, tuple(tuple(place[c] for c in keys[n][1]) for n in mine)) for name, mine in levels if mine]
        return Circuit(tuple(keys[n][0] for n in ends), tuple(built), place[root], cells, edges)


class _Restriction:
    """A projection on its way to a circuit, what is common to the batch being read."""

    def __init__(self, guideline: Guideline, facts: Facts, learned: Learned, projection: Projection[str]) -> None:
        self.guideline, self.projection, self.nodes = guideline, projection, _Nodes()
        self.variables = guideline.finding.stage.variables
        classes = {n: c for n, c in learned.items() if c is not None}
        self.columns = {v: _columns(self.variables[v], classes[n]) for v, n in self._looked_at(classes)}
        unsaid: Facts = {**facts, **{n: Unknown("learned") for n in learned}}
        self.situation = Situation(guideline, guideline.finding.stage, unsaid)
        anywhere = {n: _anywhere(guideline, n) for n, c in learned.items() if c is None}
        self.measurements = Measurements(guideline, self.variables, {**unsaid, **anywhere}, limited=False)
        self.pieces = dict(self._pieces(group) for group in self.measurements.groups())

    def _looked_at(self, classes: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, str]]:
        for name in classes:
            if name not in self.guideline.finding.stage.index:
                allowed = ", ".join(v.name for v in self.variables if v.cuts is None)
                raise BadValue("learned", name, "an input with classes", allowed, "Name an input that the rules test.")
            yield self.guideline.finding.stage.index[name], name

    def _pieces(self, group: Sequence[Axis]) -> tuple[str, list[tuple[float, float, Mapping[int, Cells]]]]:
        """A measurement and the pieces of its axis: (from, to, cells of the numbers there)."""
        if len(group) > 1 or len(group[0].names) > 1:
            names = " and ".join(n for axis in group for n in axis.names)
            raise Unsupported("learned", names, "measurements that meet in one number", "one", "Learn their mean.")
        axis, found = group[0], list[tuple[float, float, Mapping[int, Cells]]]()
        tested, raw = self.measurements.resting_on(axis), self.measurements.raw
        for a, b in self.measurements.intervals(axis, tested):
            cells = self._cells(tested, {**raw, axis.names[0]: (a + b) / 2})
            start = found.pop()[0] if found and found[-1][2] == cells else float(a)
            found.append((start, float(b), cells))
        return axis.names[0], found

    def _cells(self, names: Sequence[str], raw: numbers.Raw) -> Mapping[int, Cells]:
        stage, definitions = self.guideline.finding.stage, self.guideline.numbers
        at = {stage.index[n]: n for n in names}
        return {v: number_cells(self.variables[v], numbers.number(n, definitions, raw)) for v, n in at.items()}

    def circuit(self) -> Circuit:
        """The circuit: measurements on top, then classes in the order of the diagram."""
        root = self.split([*self.pieces], {})
        cells = {name: len(pieces) for name, pieces in self.pieces.items()}
        cells |= {self.variables[v].name: len(columns) for v, columns in sorted(self.columns.items())}
        edges = {name: (pieces[0][0], *(b for _, b, _ in pieces)) for name, pieces in self.pieces.items()}
        return self.nodes.circuit(root, cells, edges)

    def split(self, measurements: Sequence[str], known: Mapping[int, Cells]) -> int:
        """The node that branches on the pieces of the measurements left."""
        if not measurements:
            return self.node(self.projection.root, known, {})
        first, *rest = measurements
        return self.nodes.inner(first, [self.split(rest, {**known, **cells}) for _, _, cells in self.pieces[first]])

    def node(self, n: int, known: Mapping[int, Cells], seen: dict[int, int]) -> int:
        """The node for one of the projection, the numbers being ``known``."""
        if n not in seen:
            at = self.projection.variable[n]
            seen[n] = self.nodes.end(str(self.projection.ends[n])) if at < 0 else self.inner(n, at, known, seen)
        return seen[n]

    def inner(self, n: int, at: int, known: Mapping[int, Cells], seen: dict[int, int]) -> int:
        """A branch on what is learned; what is known takes its one way."""
        cells = self.columns.get(at) or known.get(at) or self.situation.cells(at)
        children = [self.node(self.projection.children[n][c], known, seen) for c in cells]
        name = self.variables[at].name
        if at not in self.columns and len(set(children)) > 1:
            raise MissingField(name, name, "nothing", "a known value, or an output of the net", "State it or learn it.")
        return self.nodes.inner(name, children)


def _columns(variable: Variable, classes: Sequence[str]) -> Cells:
    """The cells of a net's classes, in its order."""
    if not classes or not set(classes) <= set(variable.domain) or len(set(classes)) < len(classes):
        raise BadValue("learned", variable.name, ", ".join(classes), ", ".join(variable.domain), "Name each once.")
    return tuple(variable.domain.index(c) for c in classes)


def _anywhere(guideline: Guideline, name: str) -> Measured:
    """A measurement that may be anything in its range: only its axis is of interest."""
    i = guideline.inputs.get(name, ("", {"type": "unknown"}))[1]
    if i["type"] != "number":
        allowed = ", ".join(n for n in guideline.amounts if guideline.inputs[n][1]["type"] == "number")
        raise BadValue("learned", name, "a measurement", allowed, "Name a number, or give the classes.")
    low, high = (float(x) for x in i["range"])
    return Measured((low + high) / 2, high - low, i["unit"], NET)
