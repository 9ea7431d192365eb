"""Two editions of a guideline, or a hospital's variant and the shipped one: which patients change category.

Inputs are matched by name. An input that only one guideline has is free for the other; a value that
only one knows (a cyst, in Lung-RADS v2022) is out of the comparison, and said. Every change comes with
one patient, on whom both guidelines were read and gave the two answers. Both are read by default: where
one is silent on that patient, the change says so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from ..errors import InputError, Unsupported
from ..types import Facts
from . import evaluate, numbers, possible, witness, worlds
from .compile import NA_ROW, Diagram, Leaf
from .joint import Axis, Group, World, axes_of, unlike, values_of
from .load import Guideline
from .pairs import Found, Side, Walk
from .situation import Situation
from .tables import NO_FINDING, NOT_APPLICABLE, WORST, Stage
from .witness import FINDING, Both, Outcome, case_for

__all__ = ["Change", "Comparison", "case_for", "compare", "outcome", "outcomes_of", "same"]

Read = Callable[[Guideline, tuple[Leaf, ...]], Hashable]  # an answer from the leaves of all readings, the default first


@dataclass(frozen=True, slots=True)
class Change:
    """A region of patients: the category before and after, and the rows that decide it in each guideline.

    ``witness``: one of them, a case in the JSON format of both guidelines (numbers are ``Decimal``), with
    the fields that decide. ``unread``: those that one of the two does not have; ``case_for`` leaves them out.
    ``silent_before``, ``silent_after``: the guideline's text does not decide on this patient.
    """

    before: str
    after: str
    rows_before: tuple[str, ...]
    rows_after: tuple[str, ...]
    witness: Mapping[str, Any]
    says: str
    unread: tuple[str, ...] = ()
    silent_before: bool = False
    silent_after: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changes, most important first: another management before another name, big steps before small ones.

    ``changes``: of findings. ``exam_changes``: of the category, management or interval of exams without a
    finding, or with one that both put into the same category; there ``rows`` end with the row that gives
    the management. ``only_before``, ``only_after``: inputs
    (``perifissural``) and values (``type: cyst``) that only one guideline knows; patients with such a
    value are not compared. ``unconfirmed``: regions found for which no patient could be confirmed, and why
    there may be regions that were not found; only where it is empty are two without changes alike.
    """

    before: str
    after: str
    changes: tuple[Change, ...]
    exam_changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    unconfirmed: tuple[str, ...] = ()


def compare(before: Guideline, after: Guideline) -> Comparison:
    """All regions of patients whose category changes.

    Raises:
        Unsupported: the guidelines are of different kinds of finding, or mean different things by an input.
    """
    _comparable(before, after)
    both = (before, after)
    if before.sha256 == after.sha256 or _equal(both):
        return Comparison(before.name, after.name, (), (), _only(before, after), _only(after, before))
    space = _Space(both, (before.finding, after.finding))
    found = space.walk(_category)
    changes, failed = _confirmed(both, space.axes, found, _of_finding)
    exams, failed_exams = _confirmed(both, *_exams(both, space), _of_exam)
    only = _only(before, after), _only(after, before)
    return Comparison(before.name, after.name, changes, exams, *only, (*failed, *failed_exams, *space.beyond))


def _comparable(before: Guideline, after: Guideline) -> None:
    kinds = [f"{g.head['findings']['section']} ({g.head['findings']['kind']})" for g in (before, after)]
    if kinds[0] != kinds[1]:
        names = f"{before.name} and {after.name}"
        cure = "Compare editions of one guideline."
        raise Unsupported(names, "findings", " and ".join(kinds), "findings of one kind", cure)


def _equal(both: Both) -> bool:
    """Whether findings and exams are read alike, node by node."""
    stages = (((both[0].finding, both[1].finding), _led), ((both[0].exam, both[1].exam), _managed))
    return all(_Space(both, diagrams, one_exam=True).equal(answer) for diagrams, answer in stages)


class _Space:
    """The patients of two diagrams; ``more``: what else of them does not vary freely."""

    def __init__(self, both: Both, diagrams: tuple[Diagram, Diagram], *, one_exam: bool = False) -> None:
        self.both, self.diagrams = both, diagrams
        self.axes = axes_of(*both, (diagrams[0].stage, diagrams[1].stage), one_exam=one_exam)
        self.more: tuple[Group, ...] = ()
        self.beyond: tuple[str, ...] = ()  # why regions may have been missed: once a walk has needed the groups

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """What does not vary freely."""
        return (*worlds.groups(self.both, self.axes), *self.more)

    def _sides(self, answer: Read) -> tuple[Side, Side]:
        a, b = (Side(d, partial(answer, g)) for d, g in zip(self.diagrams, self.both, strict=True))
        return a, b

    def equal(self, answer: Read) -> bool:
        """Whether both diagrams give the same answers, node by node."""
        return Walk(self.axes, self._sides(answer), (), lambda a, b: a != b, lambda a: a).equal()

    def walk(
        self,
        answer: Read,
        wanted: Callable[[Any, Any], bool] = lambda a, b: a[0] != b[0],
        alike: Callable[[Any], Hashable] | None = lambda a: a[0],
        limit: int | None = None,
    ) -> dict[tuple[Any, Any], Found]:
        """The wanted pairs of answers."""
        make = partial(Walk, self.axes, self._sides(answer), wanted=wanted, alike=alike, limit=limit)
        if make(groups=()).equal():
            return {}  # before any worlds are tried out
        self.beyond = worlds.beyond(self.both, self.axes)
        return make(groups=self.groups, fits=partial(worlds.check, self.both), tied=worlds.tied(self.both)).pairs()


def outcome(stage: Stage, leaf: Leaf, table: str) -> Outcome:
    """The result of a table at an outcome, and the rows that decided it (``solid.S4A-base``).

    An adjustment that shifts nothing decides nothing: the rows of what it adjusts do.
    """
    at = stage.table(table)
    return leaf.results[at], tuple(_deciding(stage, leaf, dict(leaf.rows), at))


def _deciding(stage: Stage, leaf: Leaf, rows: Mapping[int, int], t: int) -> Iterator[str]:
    table = stage.tables[t]
    row = table.rows[rows[t]] if rows.get(t, NA_ROW) != NA_ROW else None
    if table.kind in ("sum", "union"):
        for part in table.parts:
            if table.kind == "sum" or leaf.results[part] != NOT_APPLICABLE:
                yield from _deciding(stage, leaf, rows, part)
        return
    replaced = row is not None and isinstance(row.then, str)
    if row is not None and (table.kind != "adjust" or replaced or leaf.results[t] != leaf.results[table.parts[0]]):
        yield f"{table.id}.{row.id.removeprefix(table.id + '.')}"
    if table.kind == "adjust" and not replaced:
        yield from _deciding(stage, leaf, rows, table.parts[0])


def _category(g: Guideline, leaves: tuple[Leaf, ...]) -> Hashable:
    return outcome(g.finding.stage, leaves[0], g.head["category"])


def outcomes_of(guideline: Guideline, facts: Facts) -> set[Outcome]:
    """The category of a finding by default reading with its deciding rows; several where facts are unknown."""
    diagram = guideline.finding
    read = partial(outcome, diagram.stage, table=guideline.head["category"])
    situation = Situation(guideline, diagram.stage, facts)
    return {read(leaf) for leaf in possible.outcomes(diagram, situation, (0,), lambda leaf: repr(read(leaf)))}


# -- exams


def _exams(both: Both, findings: _Space) -> tuple[tuple[Axis, ...], dict[tuple[Any, Any], Found]]:
    """Pairs of exam answers, over exams without a finding and with one that both put into one category."""
    diagrams = (both[0].exam, both[1].exam)
    space = _Space(both, diagrams)
    space.more = (_leading(both, space.axes, findings),)
    found = space.walk(_exam_answer, lambda a, b: a[0] != b[0], lambda a: a[0])
    return space.axes, found


def _managed(g: Guideline, leaves: tuple[Leaf, ...]) -> Hashable:
    return _exam_answer(g, leaves)[0]


def _exam_answer(g: Guideline, leaves: tuple[Leaf, ...]) -> tuple[Hashable, tuple[str, ...]]:
    """((category, management symbol, interval), deciding rows)."""
    stage, leaf = g.exam.stage, leaves[0]
    category, rows = outcome(stage, leaf, g.head["exam_category"])
    symbol, managed = outcome(stage, leaf, g.head["management"]) if "management" in g.head else (category, ())
    return (category, symbol, repr(g.head["managements"].get(symbol, {}).get("interval_months"))), (*rows, *managed)


def _leading(both: Both, axes: Sequence[Axis], findings: _Space) -> Group:
    """What a finding can tell the two exams: each combination of its answers, and what none tells."""
    answers = findings.walk(_led, lambda a, b: a[0] == b[0], None)
    none = [(NO_FINDING, tuple(_first(g, n) for n in g.head.get("leading", ()))) for g in both]
    found = [World(_told_exam(both, axes, none, {}), {FINDING: None})]
    for pair, way in answers.items():
        facts = witness.facts_of(findings.axes, both, way)
        found.append(World(_told_exam(both, axes, pair, facts), {FINDING: facts}))
    return Group({n for w in found for n in w.cells}, found)


def _first(g: Guideline, name: str) -> str:
    stage = g.exam.stage
    return stage.variables[stage.index[f"leading.{name}"]].domain[0] if f"leading.{name}" in stage.index else ""


def _told_exam(both: Both, axes: Sequence[Axis], pair: Sequence[Any], facts: Mapping[str, Any]) -> dict[int, int]:
    """The cells of the exam's axes that the findings' answers fix, and those that facts of exam and patient do."""
    cells: dict[int, int] = {}
    for side, (g, (category, led)) in enumerate(zip(both, pair, strict=True)):
        told = {WORST: category} | {f"leading.{n}": v for n, v in zip(g.head.get("leading", ()), led, strict=True)}
        cells |= {n: a.cell(told[a.name]) for n, a in enumerate(axes) if a.sides[side] is not None and a.name in told}
    return cells | {n: a.cell(facts[a.name]) for n, a in enumerate(axes) if a.name in facts and a.cuts is None}


def _led(g: Guideline, leaves: tuple[Leaf, ...]) -> Hashable:
    stage, leaf = g.finding.stage, leaves[0]
    tables = [g.head["finding_answers"][n]["table"] for n in g.head.get("leading", ())]
    return leaf.results[stage.table(g.head["category"])], tuple(leaf.results[stage.table(t)] for t in tables)


# -- confirming


Confirm = Callable[[Both, tuple[Any, Any], Mapping[str, Any], Found], Change | None]


def _confirmed(
    both: Both, axes: Sequence[Axis], found: Mapping[tuple[Any, Any], Found], confirm: Confirm
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """The changes whose patient both guidelines really read so, and the others in words."""
    changes, failed = [], []
    for pair, way in found.items():
        try:
            change = confirm(both, pair, witness.facts_of(axes, both, way), way)
        except InputError as error:  # the patient is refused, so the region is not confirmed, and said
            failed.append(f"{_named(pair)}: {error}")
            continue
        if change is None:
            failed.append(_named(pair))
        else:
            changes.append(change)
    return tuple(sorted(changes, key=partial(_importance, both))), tuple(failed)


def _named(pair: tuple[Any, Any]) -> str:
    named = ((answer if isinstance(answer, str) else answer[0], rows) for answer, rows in pair)
    return " -> ".join(f"{category} ({', '.join(rows)})" for category, rows in named)


def _importance(both: Both, change: Change) -> tuple[Any, ...]:
    """Another management first, then the longer way along the categories."""
    before, after = both
    managements = after.head["managements"]
    moves = managements.get(change.before) != managements.get(change.after)
    step = abs(after.rank.get(change.before, -1) - after.rank.get(change.after, -1))
    order = (before.rank.get(change.before, -1), after.rank.get(change.after, -1))
    return not moves, -step, *order, change.rows_before, change.rows_after


def _of_finding(both: Both, pair: tuple[Outcome, Outcome], said: Mapping[str, Any], way: Found) -> Change | None:
    silent = []
    for guideline, wanted in zip(both, pair, strict=True):
        facts = witness.beliefs(guideline, said, ("exam", "patient", "finding"))
        reading = evaluate.read_finding(guideline, facts).reading
        if reading.category != wanted[0] or outcomes_of(guideline, facts) != {wanted}:
            return None
        silent.append(reading.silent)
    case, unread = witness.case(both, {}, said)
    managed = [g.head["managements"].get(category, {}) for g, (category, _) in zip(both, pair, strict=True)]
    words = witness.words(both, (both[0].finding.stage, both[1].finding.stage), pair, managed, silent, said)
    return Change(pair[0][0], pair[1][0], pair[0][1], pair[1][1], case, words, unread, silent[0], silent[1])


def _of_exam(both: Both, pair: tuple[Any, Any], said: Mapping[str, Any], way: Found) -> Change | None:
    finding: Any = way.facts.get(FINDING)
    silent, managed = [], []
    for guideline, ((category, symbol, _), _rows) in zip(both, pair, strict=True):
        exam = witness.beliefs(guideline, {**(finding or {}), **said}, ("exam", "patient"))
        own = witness.beliefs(guideline, finding or {}, ("finding",))
        reading = evaluate.classify(guideline, exam, [] if finding is None else [("finding", own)]).exam
        entry = guideline.head["managements"].get(symbol, {})
        if reading.category != category or reading.facts.get("management") != entry.get("management"):
            return None
        silent.append(reading.silent)
        managed.append(entry)
    case, unread = witness.case(both, said, finding)
    answers = [(category, rows) for (category, _, _), rows in pair]
    stages, whole = (both[0].exam.stage, both[1].exam.stage), {**said, **(finding or {})}
    words = witness.words(both, stages, answers, managed, silent, whole)
    (before, rows_before), (after, rows_after) = answers
    return Change(before, after, rows_before, rows_after, case, words, unread, silent[0], silent[1])


# -- what only one knows


def _only(mine: Guideline, other: Guideline) -> tuple[str, ...]:
    """Inputs and values that a guideline's tables test and the other's form does not have."""
    found: dict[str, None] = {}
    for stage in (mine.finding.stage, mine.exam.stage):
        for variable in stage.variables:
            if variable.cuts is not None:
                found |= dict.fromkeys(_only_amounts(mine, other, variable.name))
            elif variable.scope not in ("leading", "reading"):
                found |= dict.fromkeys(_only_values(other, variable.name, variable.domain))
    return tuple(found)


def _only_amounts(mine: Guideline, other: Guideline, number: str) -> Iterator[str]:
    for name in sorted(numbers.missing(number, mine.numbers, {})):
        if name not in other.inputs:
            yield name
        elif mine.inputs[name][1].get("absent") == NOT_APPLICABLE != other.inputs[name][1].get("absent"):
            yield f"{name}: {NOT_APPLICABLE}"


def _only_values(other: Guideline, name: str, domain: Sequence[str]) -> Iterator[str]:
    whole, _, value = name.partition(".")
    if whole not in other.inputs:
        yield whole
        return
    known = values_of(other, name)
    yield from (f"{whole}: {value or v}" for v in domain if v not in known)


# -- equality


def same(before: Guideline, after: Guideline) -> bool:
    """Whether two guidelines say the same of every patient: category, other readings, answers, management, application.

    For authors who rewrite tables: rows may differ, what follows may not. The exam's tables are compared
    for every category and answer of the findings, also for those that no finding has. Where the search for
    patients cannot be complete, only tables that are equal node by node are said to be the same.
    """
    if before.sha256 == after.sha256:
        return True
    heads = [g.head["findings"]["section"] for g in (before, after)]
    if heads[0] != heads[1] or [*unlike(before, after)] or _only(before, after) or _only(after, before):
        return False
    pairs = list(_diagrams(before, after))
    if any((a is None) != (b is None) for a, b, _ in pairs):
        return False
    return not any(
        _differ((before, after), (a, b), answer) for a, b, answer in pairs if a is not None and b is not None
    )


Answer = Callable[[Leaf, Guideline, Diagram], Hashable]


def _diagrams(before: Guideline, after: Guideline) -> Iterator[tuple[Diagram | None, Diagram | None, Answer]]:
    """The diagrams of both that answer one question, and what of an outcome is the answer."""
    yield before.finding, after.finding, partial(_told, "category", "finding_answers")
    yield before.exam, after.exam, partial(_told, "exam_category", "exam_answers")
    yield before.applies, after.applies, _rooted
    for table in sorted(before.apart.keys() | after.apart.keys()):
        yield before.apart.get(table), after.apart.get(table), _rooted


def _differ(both: Both, diagrams: tuple[Diagram, Diagram], answer: Answer) -> bool:
    def read(g: Guideline, leaves: tuple[Leaf, ...]) -> Hashable:
        diagram = diagrams[0] if g is both[0] else diagrams[1]
        said = [answer(leaf, g, diagram) for leaf in leaves]
        return said[0], frozenset(said[1:]) - {said[0]}

    space = _Space(both, diagrams, one_exam=True)
    return bool(space.walk(read, lambda a, b: a != b, lambda a: a, limit=1) or space.beyond)


def _rooted(leaf: Leaf, guideline: Guideline, diagram: Diagram) -> Hashable:
    return tuple(leaf.results[root] for root in diagram.stage.roots)


def _told(category: str, answers: str, leaf: Leaf, guideline: Guideline, diagram: Diagram) -> Hashable:
    """A category with its management and the guideline's further answers, as they are told."""
    head, stage = guideline.head, diagram.stage
    result = leaf.results[stage.table(head[category])]
    managed = "management" in head and category == "exam_category"
    symbol = leaf.results[stage.table(head["management"])] if managed else result
    told = {
        n: (a, leaf.results[stage.table(a["table"])]) for n, a in head.get(answers, {}).items() if not a.get("apart")
    }
    shown = {n: repr(a.get("values", {}).get(r, r)) for n, (a, r) in told.items()}
    return result, repr(head["managements"].get(symbol)), tuple(sorted(shown.items()))
