"""How likely each category is, exactly, when findings are beliefs.

It is the walk of ``evaluate`` with probability on it, and on certainties its answer. Class
probabilities of different inputs are independent; a measurement is one uncertain thing however
many numbers rest on it, and what no patient can have (``at_most``) is left out, the rest weighing
the more (``measured``). An unknown input has no probability and stays a set, so
that a category gets an exact interval: its lower end is the probability that the answer is this
category whatever the unknown is, its upper end that it is still possible. The default reading of
a silent spot carries the probability; ``silent`` says how much of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from ..types import Classes, Facts, Known, Measured, Source, SourceKind
from . import evaluate, numbers
from .compile import Diagram
from .load import Guideline
from .measured import Amounts, Measurements
from .situation import Situation
from .walk import Sets, Start, Walk, World, branches, collected

Combinations = frozenset[evaluate.Combination]
Ways = tuple[Combinations, Combinations]  # by the default reading, and by any reading
MOST_PIECES = 200  # beyond, unknown numbers are taken as independent: wider bounds, never narrower ones


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a finding, or the exam, may be.

    ``outcomes``: the probability of each set of leaves of the diagram that is still possible, by the
    default reading and by the others; they sum to 1. A set by default has several leaves only where
    an input is unknown. ``answers``: the tables of the answers beside the category.
    """

    diagram: Diagram
    category: int
    answers: Mapping[str, int]
    outcomes: Mapping[Sets, float]

    def masses(self, answer: str | None = None) -> dict[frozenset[str], float]:
        """Probability of each set of categories (or of an answer's symbols) still possible by default."""
        table = self.category if answer is None else self.answers[answer]
        return collected((self.results(default, table), p) for (default, _), p in self.outcomes.items())

    def bounds(self, answer: str | None = None) -> dict[str, tuple[float, float]]:
        """(lower, upper) probability of each category (or symbol) that is possible by default."""
        masses = self.masses(answer)
        names = sorted(set[str]().union(*masses))
        return {c: (masses.get(frozenset({c}), 0.0), math.fsum(p for s, p in masses.items() if c in s)) for c in names}

    def probabilities(self, answer: str | None = None) -> dict[str, float] | None:
        """Probability of each category (or symbol); None where an unknown input leaves only ``bounds``."""
        masses = self.masses(answer)
        return None if any(len(s) > 1 for s in masses) else {c: p for s, p in masses.items() for c in s}

    @property
    def silent(self) -> float:
        """Probability that the guideline's text does not decide: another reading gives another category."""
        table = self.category
        found = ((self.results(a, table), self.results(b, table), p) for (a, b), p in self.outcomes.items())
        return math.fsum(p for default, others, p in found if len(default) == 1 and others - default)

    @property
    def possible(self) -> frozenset[str]:
        """Categories of any probability, by any reading."""
        return frozenset(c for a, b in self.outcomes for c in self.results(a | b, self.category))

    def results(self, leaves: frozenset[int], table: int) -> frozenset[str]:
        """What a table results in at these leaves."""
        return frozenset(self.diagram.leaves[n].results[table] for n in leaves)


@dataclass(frozen=True, slots=True)
class ExamDistribution:
    """The exam's distribution and those of its findings, in the order given."""

    exam: Distribution
    findings: tuple[Distribution, ...]


def propagate_finding(guideline: Guideline, facts: Facts) -> Distribution:
    """One finding by itself. ``facts`` holds those of exam and patient too.

    Answers that are compiled apart from the category are not among its answers: see ``propagate_answer``.

    Raises:
        BadValue: a belief is none of its input's.
        Contradiction: two facts exclude each other, or two measurements all but do.
    """
    diagram, (category, answers) = (
        guideline.finding,
        guideline.worked_out("finding's tables", lambda: _tables(guideline)),
    )
    situation = Situation(guideline, diagram.stage, facts)
    amounts = Amounts(guideline.numbers, situation.raw)
    numbers.check(guideline.document["inputs"].get("at_most", ()), {}, amounts)
    found = _outcomes(diagram, situation, amounts, [Start(1.0)], _each(guideline).__getitem__)
    return Distribution(diagram, category, answers, found)


def propagate_answer(guideline: Guideline, name: str, facts: Facts) -> Distribution:
    """An answer on a finding that is compiled apart from the category, in the category's place.

    Raises:
        BadValue, Contradiction: a belief is none of its input's, or two facts exclude each other.
    """
    diagram = guideline.apart[guideline.head["finding_answers"][name]["table"]]
    root = diagram.stage.roots[0]
    situation = Situation(guideline, diagram.stage, facts)
    amounts = Amounts(guideline.numbers, situation.raw)
    found = _outcomes(diagram, situation, amounts, [Start(1.0)], lambda n: diagram.leaves[n].results[root])
    return Distribution(diagram, root, {}, found)


def propagate(
    guideline: Guideline, exam: Facts, findings: Sequence[tuple[str, Facts]], *, assessed: bool = True
) -> ExamDistribution:
    """The exam with its findings; ``exam`` holds patient facts too, and ``assessed`` is as in ``classify``.

    Findings are independent of each other but for the exam's facts that they share: these are taken
    one value at a time. Answers of the exam hold the table of its management too.

    Raises:
        BadValue, Contradiction: a belief is none of its input's, or two facts exclude each other.
    """
    each = [facts for _, facts in findings]
    parts = [(weight, _given(guideline, certain, each, assessed)) for weight, certain in _shared(guideline, exam)]
    if len(parts) == 1:
        return parts[0][1]
    whole = _mixed([(weight, part.exam) for weight, part in parts])
    return ExamDistribution(
        whole, tuple(_mixed([(weight, part.findings[i]) for weight, part in parts]) for i in range(len(each)))
    )


def _given(guideline: Guideline, exam: Facts, findings: Sequence[Facts], assessed: bool) -> ExamDistribution:
    """The exam, given the facts that its findings share."""
    read = tuple(propagate_finding(guideline, {**exam, **facts}) for facts in findings)
    diagram, (category, answers) = (
        guideline.exam,
        guideline.worked_out("exam's tables", lambda: _exam_tables(guideline)),
    )
    situation = Situation(guideline, diagram.stage, exam)
    amounts = Amounts(guideline.numbers, situation.raw)
    found = _outcomes(diagram, situation, amounts, _fold(guideline, read, assessed), lambda n: diagram.leaves[n].rows)
    return ExamDistribution(Distribution(diagram, category, answers, found), read)


def _tables(guideline: Guideline) -> tuple[int, dict[str, int]]:
    """The tables of a finding's category and of its other answers."""
    stage, head = guideline.finding.stage, guideline.head
    tables = {name: a["table"] for name, a in head.get("finding_answers", {}).items() if not a.get("apart")}
    return stage.table(head["category"]), {name: stage.table(table) for name, table in tables.items()}


def _exam_tables(guideline: Guideline) -> tuple[int, dict[str, int]]:
    """The tables of the exam's category and of its other answers, the management among them."""
    stage, head = guideline.exam.stage, guideline.head
    tables = {name: a["table"] for name, a in head.get("exam_answers", {}).items()}
    tables |= {"management": head["management"]} if "management" in head else {}
    return stage.table(head["exam_category"]), {name: stage.table(table) for name, table in tables.items()}


def _fold(guideline: Guideline, read: Sequence[Distribution], assessed: bool) -> list[Start]:
    """The highest category with its leading answers, as ways to begin the exam's walk."""
    none, options = evaluate.combine(guideline, []), [_combinations(guideline, d) for d in read]
    if not assessed:
        anything = evaluate.unassessed(guideline).default
        options.append({(anything, anything): 1.0})
    total = {(none, none): 1.0}
    for each in options:
        total = collected(
            (_both(guideline, one, other), p * q) for (one, p), (other, q) in product(total.items(), each.items())
        )
    return [Start(p, _leading(guideline, a), _leading(guideline, b - a)) for (a, b), p in total.items()]


def _both(guideline: Guideline, one: Ways, other: Ways) -> Ways:
    default = evaluate.combine(guideline, [one[0], other[0]])
    same = one[0] == one[1] and other[0] == other[1]
    return default, default if same else evaluate.combine(guideline, [one[1], other[1]])


def _combinations(guideline: Guideline, d: Distribution) -> dict[Ways, float]:
    """Probability of (categories with leading answers by the default reading, by any reading)."""
    each = _each(guideline)

    def of(leaves: frozenset[int]) -> Combinations:
        return frozenset([each[n] for n in leaves])

    return collected(((default := of(a), of(a | b) if b else default), p) for (a, b), p in d.outcomes.items())


def _each(guideline: Guideline) -> list[evaluate.Combination]:
    """Of each leaf of a finding its category with the leading answers."""
    return guideline.worked_out("category with leading answers of each leaf", lambda: _combination_of_each(guideline))


def _combination_of_each(guideline: Guideline) -> list[evaluate.Combination]:
    category, answers = _tables(guideline)
    lead = [answers[name] for name in guideline.head.get("leading", ())]
    return [(leaf.results[category], tuple(leaf.results[t] for t in lead)) for leaf in guideline.finding.leaves]


def _leading(guideline: Guideline, combinations: Combinations) -> tuple[World, ...]:
    """What each combination gives the exam, as the cells of its variables."""
    index = guideline.exam.stage.index

    def world(combination: evaluate.Combination) -> World:
        return {index[name]: cells for name, cells in evaluate.fixed(guideline, combination).items()}

    return tuple(guideline.worked_out(("leading", c), partial(world, c)) for c in sorted(combinations))


def _mixed(parts: Sequence[tuple[float, Distribution]]) -> Distribution:
    _, first = parts[0]
    outcomes = collected((sets, weight * p) for weight, d in parts for sets, p in d.outcomes.items())
    return Distribution(first.diagram, first.category, first.answers, outcomes)


def _shared(guideline: Guideline, exam: Facts) -> Iterator[tuple[float, Facts]]:
    """The exam's facts, uncertain ones that findings look at made certain in each possible way."""
    if not any(isinstance(b, Measured | Classes) for b in exam.values()):
        yield 1.0, exam
        return
    stage = guideline.finding.stage
    looked_at = {i for n in stage.index for i in guideline.behind.get(n, frozenset({n}))}
    measured = {n: b for n, b in exam.items() if isinstance(b, Measured) and n in looked_at}
    variables = (*stage.variables, *guideline.exam.stage.variables)
    others = {n: b for n, b in exam.items() if n in measured or not isinstance(b, Measured)}
    spread = Measurements(guideline, variables, others).spread(merged=False)
    options = [[(p, {n: Known(v, measured[n].source) for n, v in values.items()}) for p, _, values in spread]]
    for name, belief in exam.items():
        if isinstance(belief, Classes) and name in stage.index:
            variable = stage.variables[stage.index[name]]
            found = branches(variable, belief, ())
            options.append([(p, {name: Known(variable.domain[c], belief.source)}) for p, (c,) in found])
    for case in product(*options):
        certain = {name: known for _, facts in case for name, known in facts.items()}
        yield math.prod(p for p, _ in case), {**exam, **certain}


def _outcomes(
    diagram: Diagram, situation: Situation, amounts: Amounts, starts: Sequence[Start], result: Callable[[int], object]
) -> dict[Sets, float]:
    """The probability of each set of leaves, exact also where an unknown measurement feeds several numbers.

    As in ``possible``: first unknown numbers are taken as independent, which can only be too wide;
    where that leaves several results, the worlds of the unknown measurements decide.
    """
    guideline, stage = situation.guideline, diagram.stage
    measurements = Measurements(guideline, stage.variables, situation.facts, amounts=amounts)
    spread = measurements.spread() if measurements.axes else ()
    pieces = [Start(p, ({stage.index[n]: c for n, c in cells.items()},)) for p, cells, _ in spread]
    wide = Walk(diagram, situation, measurements.amounts, _joined(starts, pieces) if pieces else starts)
    found = wide.outcomes()
    if not wide.met:
        return found
    several = any(len({result(n) for n in leaves}) > 1 for sets in found for leaves in sets)
    if not several:
        return found
    pieces = list(_open(guideline, diagram, situation.facts, measurements, sorted(wide.met)))
    if not pieces:
        return found
    return Walk(diagram, situation, measurements.amounts, _joined(starts, pieces)).outcomes()


def _joined(starts: Sequence[Start], pieces: Sequence[Start]) -> list[Start]:
    return [start.joined(piece) for start in starts for piece in pieces]


def _open(
    guideline: Guideline, diagram: Diagram, facts: Facts, measurements: Measurements, met: Sequence[int]
) -> Iterator[Start]:
    """The pieces of the measurements, each with the worlds that the unknown ones leave open; none if too many."""
    stage, spread = diagram.stage, measurements.spread(merged=False)
    for weight, cells, values in spread if len(spread) <= MOST_PIECES else ():
        stated = {n: Known(v, facts[n].source or Source(SourceKind.IMAGE, n)) for n, v in values.items()}
        situation = Situation(guideline, stage, {**facts, **stated})
        undecided = [v for v in met if len(situation.cells(v)) > 1]
        known = {stage.index[n]: c for n, c in cells.items()}
        free = {v: situation.cells(v) for v in undecided}
        worlds = situation.worlds(undecided) if undecided else ({},)
        joint = {tuple((world[v],) if v in world else free[v] for v in undecided) for world in worlds or ()}
        if joint:
            yield Start(weight, tuple(known | dict(zip(undecided, w, strict=True)) for w in sorted(joint)))
        else:
            yield Start(weight, (known | free,))  # too many to tell: any combination
