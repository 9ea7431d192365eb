"""A guideline as a decision model: its inputs, number decisions, tables, and the step from findings to the exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...engine.errors import Unsupported
from ...engine.guideline.load import Guideline
from ...engine.guideline.tables import NO_FINDING, NOT_APPLICABLE, WORST, Stage
from . import feel
from .decisions import Datum, Decision, Model, Rule, Service
from .dmn_numbers import NUMBER, UNKNOWN, Numbers, absent
from .dmn_tables import Translated, says_by_default
from .feel import ANY

FINDINGS = "findings"  # input of the exam's service: what the finding's service said of each
CATEGORY = "finding_category"  # its category there; no table may have this name


def model(guideline: Guideline) -> Model:
    """The whole guideline as one decision requirements graph with a service each for finding, exam and population.

    Raises:
        Unsupported: two things of the guideline would have the same name in FEEL.
    """
    inputs = [d for n, (_, i) in guideline.inputs.items() for d in _data(n, i)]
    inputs.append(Datum(FINDINGS, "what the finding service said of each finding; null: nobody looked", "tFindings"))
    found = [*_numbers(guideline).values(), *_tables(guideline)]
    _distinct(guideline, [CATEGORY, *(d.name for d in inputs), *(d.name for d in found)])
    whole = Model({d.name: d for d in inputs}, {d.name: d for d in found}, tuple(_services(guideline)))
    return _trimmed(whole)


def _data(name: str, i: Mapping[str, Any]) -> Iterator[Datum]:
    """An input as DMN's. Yes and no are texts like all symbols, so that "unknown" and "n/a" can stand beside them."""
    plain, may_be_absent = feel.name(name), i.get("absent") == NOT_APPLICABLE
    if i["type"] == "number":
        yield Datum(plain, f"{i['doc']} ({i['unit']})", "number", f"[{i['range'][0]}..{i['range'][1]}]")
        if may_be_absent:
            yield Datum(absent(name), f"true: {name} does not arise", "boolean")
    elif i["type"] == "history":
        yield Datum(plain, f"{i['doc']}; empty where there are none", "tHistory")
    elif i["type"] == "set":
        yield from (_symbol(f"{name}.{v}", f"{v}: {i['doc']}", ("no", "yes")) for v in i["values"])
    elif i["type"] in ("bool", "enum"):
        values = ("no", "yes") if i["type"] == "bool" else tuple(i["values"])
        yield _symbol(name, i["doc"], (*values, *((NOT_APPLICABLE,) if may_be_absent else ())))


def _symbol(name: str, doc: str, values: tuple[str, ...]) -> Datum:
    return Datum(feel.name(name), doc, "string", feel.listed((*values, feel.UNKNOWN)))


def _distinct(guideline: Guideline, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            found = "two inputs, numbers or tables that FEEL would call the same"
            raise Unsupported(guideline.name, name, found, "distinct names", "Rename one of them.")


def _trimmed(whole: Model) -> Model:
    """Only what some service needs."""
    kept = whole.behind(o for s in whole.services for o in s.outputs)
    used = whole.inputs_behind(kept)
    return Model({n: whole.inputs[n] for n in used}, {n: whole.decisions[n] for n in kept}, whole.services)


def _stages(guideline: Guideline) -> list[Stage]:
    diagrams = [guideline.finding, *guideline.apart.values(), guideline.exam]
    return [d.stage for d in (*diagrams, *([guideline.applies] if guideline.applies else []))]


def _numbers(guideline: Guideline) -> dict[str, Decision]:
    tested = dict.fromkeys(v.name for s in _stages(guideline) for v in s.variables if v.cuts is not None)
    bounds = [limit[k] for limit in _limits(guideline) for k in ("small", "large")]
    return Numbers(guideline).decisions((*tested, *bounds))


def _tables(guideline: Guideline) -> Iterator[Decision]:
    """Every table once, after what it needs; between finding and exam the highest category."""
    numbers = Numbers(guideline)
    heads = {t["id"]: t for t in guideline.document["tables"]}
    total = _total(guideline)
    seen = set[str]()
    yield from _contradiction(guideline)
    for stage in _stages(guideline):
        if stage is guideline.exam.stage:
            yield from _between(guideline)
        for table in stage.tables:
            if table.id not in seen:
                seen.add(table.id)
                yield Translated(stage, table, numbers, heads[table.id], table.id in total).decision()
    yield _recommendation(guideline)


def _total(guideline: Guideline) -> set[str]:
    """Tables that must say "unknown" rather than nothing: another one asks whether their result is not known."""
    found = set[str]()
    for stage in _stages(guideline):
        for table in reversed(stage.tables):
            every = (*table.rows, *((table.guard,) if table.guard else ()))
            tested = {t for row in every for t in row.results} if says_by_default(table) else set()
            parts = set(table.parts) if table.kind == "adjust" and table.id in found else set()
            found.update(stage.tables[t].id for t in tested | parts)
    return found


def _limits(guideline: Guideline) -> list[Mapping[str, str]]:
    return list(guideline.document["inputs"].get("at_most", ()))


def _contradiction(guideline: Guideline) -> Iterator[Decision]:
    """Whether numbers that bound each other do; where they do not, no answer of the model counts."""
    limits, numbers = _limits(guideline), Numbers(guideline)
    if not limits:
        return
    lines = []
    for limit in limits:
        small, large = limit["small"], limit["large"]
        both = {numbers.state(small): NUMBER, numbers.state(large): NUMBER}
        lines.append(({**both, f"{numbers.value(small)} - {numbers.value(large)}": "> 0"}, '"yes"', limit["why"]))
    columns = tuple(dict.fromkeys(c for tests, _, _ in lines for c in tests))
    rules = [Rule(tuple(t.get(c, ANY) for c in columns), yes, ("", "", why)) for t, yes, why in lines]
    rules.append(Rule(tuple(ANY for _ in columns), '"no"'))
    bounding = [limit[k] for limit in limits for k in ("small", "large")]
    needs = dict.fromkeys(n for number in bounding for n in (numbers.state(number), numbers.value(number)))
    doc = "where this is yes no patient can be like that, and no answer counts"
    yield Decision("contradiction", "Inputs that exclude each other", doc, tuple(needs), "FIRST", columns, tuple(rules))


def _between(guideline: Guideline) -> Iterator[Decision]:
    """``worst`` and the leading answers, from the list of what was said of each finding."""
    head, rank = guideline.head, guideline.rank
    top_down = sorted(dict.fromkeys(rank), key=lambda c: -rank[c])
    yield Decision(
        WORST, "Highest category of the findings", "ranked as the guideline ranks them", (FINDINGS,),
        expression=_worst(top_down),
    )  # fmt: skip
    for lead in head.get("leading", ()):
        name = f"leading.{lead}"
        variable = next((v for v in guideline.exam.stage.variables if v.name == name), None)
        if variable is not None:
            yield _leading(feel.name(name), feel.name(lead), top_down, variable.domain)


def _worst(top_down: list[str]) -> str:
    categories = f"{FINDINGS}.{CATEGORY}"
    has = [f"if list contains({categories}, {feel.quoted(c)}) then {feel.quoted(c)}" for c in top_down]
    unknown = f"if list contains({categories}, {UNKNOWN}) or list contains({categories}, null) then {UNKNOWN}"
    none = feel.quoted(NO_FINDING)
    return " else ".join((f"if {FINDINGS} = null then {UNKNOWN}", has[0], unknown, *has[1:], none))


def _leading(name: str, answer: str, top_down: list[str], domain: tuple[str, ...]) -> Decision:
    """The highest of this answer among the findings of the highest category: "yes" before "no" before "n/a"."""
    first, *rest = sorted(domain, reverse=True)  # as evaluate.py joins findings of one category

    def of(category: str) -> str:
        mine = f"{FINDINGS}[{CATEGORY} = {feel.quoted(category)}].{answer}"
        has = [f"if list contains({mine}, {feel.quoted(a)}) then {feel.quoted(a)}" for a in (first, *rest)]
        unknown = f"if list contains({mine}, {UNKNOWN}) or list contains({mine}, null) then {UNKNOWN}"
        return " else ".join((has[0], unknown, *has[1:], UNKNOWN))

    rules = [Rule((feel.quoted(category),), of(category)) for category in top_down]
    rules.append(Rule((feel.quoted(NO_FINDING),), feel.quoted(domain[0])))
    label = f"{answer} of the findings of the highest category"
    return Decision(name, label, "", (FINDINGS, WORST), "UNIQUE", (WORST,), tuple(rules))


def _recommendation(guideline: Guideline) -> Decision:
    """What the guideline recommends for the exam, in words."""
    head = guideline.head
    source = feel.name(head.get("management", head["exam_category"]))
    rules = [
        Rule((feel.quoted(symbol),), feel.quoted(told["management"]), (symbol, "", _interval(told)))
        for symbol, told in head["managements"].items()
    ]
    doc = "the words of the guideline's management; the interval in months is annotated"
    return Decision("recommendation", "Management in words", doc, (source,), "UNIQUE", (source,), tuple(rules))


def _interval(told: Mapping[str, Any]) -> str:
    months = told.get("interval_months")
    return f"interval {months[0]} to {months[1]} months" if months else ""


def _services(guideline: Guideline) -> Iterator[Service]:
    head = guideline.head
    answers = [a["table"] for a in head.get("finding_answers", {}).values()]
    limits = ["contradiction"] if _limits(guideline) else []
    yield Service("finding", "one finding by itself", _unique(head["category"], *answers, *limits))
    tables = [a["table"] for a in head.get("exam_answers", {}).values()]
    named = [head["management"]] if "management" in head else []
    whole = _unique(head["exam_category"], *named, *tables, "recommendation")
    yield Service("whole_exam", "the exam, from its findings", whole)
    if "applies" in head:
        yield Service("population", "whether the guideline applies", _unique(head["applies"]))


def _unique(*tables: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(feel.name, tables)))
