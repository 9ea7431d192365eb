"""What a guideline says: of each finding, and of the exam as a whole.

``read_finding`` and ``read_exam`` walk the two diagrams; ``classify`` joins them. Known facts give
one category with its trace; unknown ones the exact set of categories still possible and the next
thing to assess; where the guideline is silent, the default reading and its alternatives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from ..types import Application, Facts, Reading, Step
from . import numbers, possible, trace
from .compile import Diagram, Leaf
from .load import Guideline
from .situation import Cells, Situation
from .tables import NO_FINDING, READING, WORST, Stage

Combination = tuple[str, tuple[str, ...]]  # (highest category, leading answers of the findings that have it)


@dataclass(frozen=True, slots=True)
class FindingRead:
    """A finding's reading, and what the exam needs to know of it by default and by other readings."""

    reading: Reading
    default: frozenset[Combination]
    others: frozenset[Combination]


@dataclass(frozen=True, slots=True)
class Classification:
    """The exam's reading and those of its findings, in the order given."""

    exam: Reading
    findings: tuple[Reading, ...]


def classify(
    guideline: Guideline, exam: Facts, findings: Sequence[tuple[str, Facts]], *, assessed: bool = True
) -> Classification:
    """Read a guideline on an exam's facts (patient facts among them) and on each (name, facts) of its findings.

    ``assessed`` is False where nobody looked for findings: then any category is possible, not none.

    Raises:
        BadValue, Contradiction: a fact is no value of its input, or two facts exclude each other.
    """
    read = [read_finding(guideline, {**exam, **facts}) for _, facts in findings]
    whole = read_exam(guideline, exam, read if assessed else [*read, unassessed(guideline)])
    if not assessed and whole.category is None:
        whole = replace(whole, ask=str(guideline.head["findings"]["section"]))
    if whole.ask is None and len(whole.possible) > 1:
        whole = replace(whole, ask=_ask_of_finding([name for name, _ in findings], read))
    return Classification(whole, tuple(r.reading for r in read))


def unassessed(guideline: Guideline) -> FindingRead:
    """What may be there where nobody looked: a finding of any category, or none."""
    lead = [f"leading.{name}" for name in guideline.head.get("leading", ())]
    stage = guideline.exam.stage
    domains = [stage.variables[stage.index[name]].domain for name in lead]
    categories = (NO_FINDING, *(c["id"] for c in guideline.head["categories"]))
    options = frozenset((category, answers) for category in categories for answers in product(*domains))
    return FindingRead(Reading(guideline.name, None, tuple(categories[1:])), options, frozenset())


def read_finding(guideline: Guideline, facts: Facts) -> FindingRead:
    """One finding by itself. ``facts`` holds those of exam and patient too."""
    diagram, head = guideline.finding, guideline.head
    situation = Situation(guideline, diagram.stage, facts)
    numbers.check(guideline.document["inputs"].get("at_most", ()), guideline.numbers, situation.raw)
    category, tables = diagram.stage.table(head["category"]), head.get("finding_answers", {})
    lead = [diagram.stage.table(tables[name]["table"]) for name in head.get("leading", ())]

    def combination(leaf: Leaf) -> Combination:
        return leaf.results[category], tuple(leaf.results[t] for t in lead)

    every = tuple(range(len(diagram.stage.variables[diagram.stage.index[READING]].domain)))
    default = possible.outcomes(diagram, situation, (0,), lambda leaf: repr(combination(leaf)))
    others = possible.outcomes(diagram, situation, every[1:], lambda leaf: repr(combination(leaf))) if every[1:] else []
    reading = _reading(guideline, situation, diagram, category, default, others)
    answers, steps = _answers(guideline, facts, default)
    management = guideline.head["managements"].get(reading.category or "", {})
    return FindingRead(
        replace(reading, facts={**management, **answers}, trace=tuple(dict.fromkeys((*reading.trace, *steps)))),
        frozenset(map(combination, default)),
        frozenset(map(combination, others)),
    )


def _answers(guideline: Guideline, facts: Facts, leaves: Sequence[Leaf]) -> tuple[dict[str, Any], list[Step]]:
    """What the guideline adds to a finding's category, and the steps to what is compiled apart."""
    answers: dict[str, Any] = {}
    steps: list[Step] = []
    for name, answer in guideline.head.get("finding_answers", {}).items():
        if answer.get("apart"):
            results, last = _apart(guideline, guideline.apart[answer["table"]], facts)
            steps += last
        else:
            results = {leaf.results[guideline.finding.stage.table(answer["table"])] for leaf in leaves}
        answers[name] = _agreed(answer, results)
    return answers, steps


def _apart(guideline: Guideline, diagram: Diagram, facts: Facts) -> tuple[set[str], tuple[Step, ...]]:
    """The results that an answer compiled by itself can have, and where there is one the step that gives it."""
    situation, root = Situation(guideline, diagram.stage, facts), diagram.stage.roots[0]
    found = possible.outcomes(diagram, situation, (0,), lambda leaf: leaf.results[root])
    return {leaf.results[root] for leaf in found}, trace.steps(found[0], situation)[-1:] if len(found) == 1 else ()


def read_exam(guideline: Guideline, facts: Facts, findings: Sequence[FindingRead]) -> Reading:
    """The exam: the highest category of its findings, and what the exam itself adds."""
    diagram, head = guideline.exam, guideline.head
    category = diagram.stage.table(head["exam_category"])
    default = combine(guideline, [f.default for f in findings])
    others = combine(guideline, [f.default | f.others for f in findings]) - default
    plain = Situation(guideline, diagram.stage, facts)
    every = tuple(range(len(diagram.stage.variables[diagram.stage.index[READING]].domain)))
    first = _exam_leaves(guideline, facts, default, (0,))
    rest = _exam_leaves(guideline, facts, default, every[1:]) + _exam_leaves(guideline, facts, others, every)
    sure = (
        Situation(guideline, diagram.stage, facts, fixed(guideline, next(iter(default))))
        if len(default) == 1
        else plain
    )
    reading = _reading(guideline, sure, diagram, category, first, rest)
    tables = head.get("exam_answers", {})
    answers = {
        name: _agreed(a, {leaf.results[diagram.stage.table(a["table"])] for leaf in first})
        for name, a in tables.items()
    }
    undecided = _open(tables, diagram.stage, first)
    told = {**_management(guideline, reading, first), **answers}
    if reading.category is not None and told["management"] is None and "managements_possible" in told:
        undecided.append("management")
    if undecided:
        told["open"] = undecided  # a human must settle these even where the category is known
    if reading.ask is None and undecided:
        reading = replace(reading, ask=_ask_of_answers(guideline, sure))
    return replace(reading, facts=told)


def _ask_of_answers(guideline: Guideline, situation: Situation) -> str | None:
    """What to assess so that the exam's other answers become known."""
    diagram = guideline.exam
    question = possible.next_question(
        diagram, situation, lambda leaf: repr([leaf.results[t] for t in diagram.stage.roots])
    )
    return None if question is None else field_to_ask(guideline, situation, diagram.stage.variables[question].name)


def read_application(guideline: Guideline, facts: Facts) -> Application:
    """Whether the guideline applies to this exam and patient, and why.

    Unknown population facts that could exclude it make it conditional, never a plain yes.
    """
    diagram = guideline.applies
    if diagram is None:
        return Application(guideline.name, "no", (), ("it has no table that says where it applies",))
    situation = Situation(guideline, diagram.stage, facts)
    table = diagram.stage.roots[0]
    found = possible.outcomes(diagram, situation, (0,), lambda leaf: leaf.results[table])
    results = {leaf.results[table] for leaf in found}
    steps = trace.steps(found[0], situation) if len(found) == 1 else _common(found, situation)
    if len(results) == 1:
        ends = (trace.steps(leaf, situation)[-1].says for leaf in found)
        reasons = tuple(dict.fromkeys(says.partition("; ")[2] or says for says in ends))
        return Application(guideline.name, results.pop(), steps, reasons)
    question = possible.next_question(diagram, situation, lambda leaf: leaf.results[table])
    unknown = None if question is None else field_to_ask(guideline, situation, diagram.stage.variables[question].name)
    return Application(guideline.name, "conditional", steps, (f"not known whether it applies: assess {unknown}",))


def _reading(
    guideline: Guideline,
    situation: Situation,
    diagram: Diagram,
    category: int,
    default: Sequence[Leaf],
    others: Sequence[Leaf],
) -> Reading:
    found = ordered(guideline, (leaf.results[category] for leaf in default))
    further = ordered(guideline, {leaf.results[category] for leaf in others} - set(found))
    sure = len(found) == 1
    question = None if sure else _narrowing(guideline, situation, diagram, category)
    return Reading(
        guideline=guideline.name,
        category=found[0] if sure else None,
        possible=ordered(guideline, (*found, *further)),
        trace=trace.steps(default[0], situation) if len(default) == 1 else _common(default, situation),
        ask=None if question is None else field_to_ask(guideline, situation, diagram.stage.variables[question].name),
        silent=sure and bool(further),
        alternatives=further if sure else (),
    )


def _narrowing(guideline: Guideline, situation: Situation, diagram: Diagram, category: int) -> int | None:
    """What to assess next: what narrows the management most; where that is the same all over, the category."""
    told = {c: repr(m) for c, m in guideline.head["managements"].items()}

    def management(leaf: Leaf) -> str:
        return told.get(leaf.results[category], leaf.results[category])

    question = possible.next_question(diagram, situation, management)
    if question is None:
        question = possible.next_question(diagram, situation, lambda leaf: leaf.results[category])
    return question


def _common(leaves: Sequence[Leaf], situation: Situation) -> tuple[Any, ...]:
    """The steps that all possible outcomes share."""
    shared = set(leaves[0].rows).intersection(*(leaf.rows for leaf in leaves[1:]))
    agreed = dict(set(leaves[0].results.items()).intersection(*(leaf.results.items() for leaf in leaves[1:])))
    rows = tuple((t, row) for t, row in leaves[0].rows if (t, row) in shared and t in agreed)
    return trace.steps(Leaf(rows, agreed), situation)


def combine(guideline: Guideline, findings: Sequence[frozenset[Combination]]) -> frozenset[Combination]:
    """What the findings together can make the highest category, with the leading answers of those that have it."""
    lead = guideline.head.get("leading", ())
    empty = tuple(guideline.exam.stage.variables[guideline.exam.stage.index[f"leading.{n}"]].domain[0] for n in lead)
    total: frozenset[Combination] = frozenset({(NO_FINDING, empty)})
    for options in findings:
        total = frozenset(_higher(guideline, a, b) for a in total for b in options)
    return total


def _higher(guideline: Guideline, a: Combination, b: Combination) -> Combination:
    rank = {**guideline.rank, NO_FINDING: -2}
    if rank[a[0]] != rank[b[0]]:
        return max(a, b, key=lambda c: rank[c[0]])
    return a[0], tuple(max(x, y) for x, y in zip(a[1], b[1], strict=True))  # "yes" after "no" after "n/a"


def fixed(guideline: Guideline, combination: Combination) -> dict[str, Cells]:
    """The cells of the exam's variables that a combination gives."""
    stage = guideline.exam.stage
    named = {WORST: combination[0]} | {
        f"leading.{n}": value for n, value in zip(guideline.head.get("leading", ()), combination[1], strict=True)
    }
    return {n: (stage.variables[stage.index[n]].domain.index(v),) for n, v in named.items() if n in stage.index}


def _exam_leaves(guideline: Guideline, facts: Facts, combinations: Iterable[Combination], reading: Cells) -> list[Leaf]:
    if not reading:
        return []
    found: dict[int, Leaf] = {}
    for combination in combinations:
        situation = Situation(guideline, guideline.exam.stage, facts, fixed(guideline, combination))
        found.update((id(leaf), leaf) for leaf in possible.outcomes(guideline.exam, situation, reading))
    return list(found.values())


def ordered(guideline: Guideline, categories: Iterable[str]) -> tuple[str, ...]:
    """Categories from least to most urgent, each once."""
    return tuple(sorted(set(categories), key=lambda c: (guideline.rank.get(c, -1), c)))


def _open(answers: Mapping[str, Mapping[str, Any]], stage: Stage, leaves: Sequence[Leaf]) -> list[str]:
    """The answers on which the possible outcomes differ."""
    return [n for n, a in answers.items() if len({leaf.results[stage.table(a["table"])] for leaf in leaves}) > 1]


def _agreed(answer: Mapping[str, Any], results: set[str]) -> Any:
    """The answer's value where all possible outcomes agree, else None."""
    if len(results) != 1:
        return None
    symbol = next(iter(results))
    return answer["values"].get(symbol, symbol) if "values" in answer else symbol


def _management(guideline: Guideline, reading: Reading, leaves: Sequence[Leaf]) -> dict[str, Any]:
    head = guideline.head
    table = guideline.exam.stage.table(head["management"]) if "management" in head else None
    symbols = {leaf.results[table] if table is not None else reading.category for leaf in leaves}
    options = [head["managements"].get(s or "", {}) for s in sorted(map(str, symbols))]
    if len(options) == 1 and reading.category is not None:
        return dict(options[0])
    return {
        "management": None,
        "interval_months": None,
        "managements_possible": [o["management"] for o in options if o],
    }


def field_to_ask(guideline: Guideline, situation: Situation, variable: str) -> str:
    """The input to assess so that a variable becomes known: itself, or the first unknown one behind a number."""
    if variable not in guideline.numbers:
        return variable
    unknown = numbers.missing(variable, guideline.numbers, situation.raw)
    return next((n for n in guideline.inputs if n in unknown), variable)


def _ask_of_finding(names: Sequence[str], read: Sequence[FindingRead]) -> str | None:
    """The question of the finding with the most categories still possible."""
    open_ones = [(len(r.default), name, r.reading.ask) for name, r in zip(names, read, strict=True) if r.reading.ask]
    if not open_ones:
        return None
    _, name, ask = max(open_ones, key=lambda item: item[0])
    return ask if len(names) == 1 else f"{name}.{ask}"


def display(guideline: Guideline, reading: Reading) -> str | None:
    """The category as it is printed, with its modifier; None where several are possible."""
    if reading.category is None:
        return None
    named = {c["id"]: c["display"] for c in guideline.head["categories"]}
    base: str = reading.facts.get("display") or named.get(reading.category, reading.category)
    if "s_modifier" in reading.facts.get("open", ()):
        return f"{base} (S not known)"
    return base + ("S" if reading.facts.get("s_modifier") else "")
