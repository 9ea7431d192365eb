"""A patient of a region that two guidelines read differently: as facts, as a case of both forms, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..types import Facts, Known, NotApplicable, PastSize, Source, SourceKind
from . import numbers
from .joint import Axis
from .load import Guideline
from .pairs import Found
from .tables import NOT_APPLICABLE, Stage

WITNESS = Source(SourceKind.HUMAN, "witness")
FINDING = "finding"  # an exam's finding among the facts of a world
Both = tuple[Guideline, Guideline]
Outcome = tuple[str, tuple[str, ...]]  # a category, and the rows that decided it


def facts_of(axes: Sequence[Axis], both: Both, found: Found) -> dict[str, Any]:
    """What has to be said of a patient of a region: inputs with their values as symbols, numbers or older sizes."""
    asked = [(axes[at], cell) for at, cell in found.path]
    said = {
        a.name: a.cells[c][0] for a, c in asked if a.cuts is None and any(input_of(a.name) in g.inputs for g in both)
    }
    owners = [(axis.name, both[0] if axis.sides[0] is not None else both[1]) for axis, _ in asked if axis.cuts]
    needed = {i for name, g in owners for i in numbers.missing(name, g.numbers, {})}
    amounts = {n for g in both for n in g.amounts}
    return said | {n: v for n, v in found.facts.items() if n in needed or (n not in amounts and n != FINDING)}


def beliefs(guideline: Guideline, said: Mapping[str, Any], scopes: tuple[str, ...]) -> Facts:
    """What a guideline reads in the patient's case: what is said, and what its form means by leaving a field out."""
    found = {n: v for n, v in said.items() if input_of(n) in guideline.inputs}
    for name, (scope, i) in guideline.inputs.items():
        if scope in scopes and "absent" in i and i.get("reader", True):
            holds = all(str(said.get(n)) in values for n, values in i.get("absent_when", {}).items())
            for fact in [f"{name}.{v}" for v in i["values"]] if i["type"] == "set" else [name] if holds else []:
                found.setdefault(fact, _symbol(i["absent"]))
    return {n: _belief(guideline, n, v) for n, v in found.items()}


def _symbol(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def input_of(name: str) -> str:
    """The input that a fact belongs to: of a list's value the list."""
    return name.partition(".")[0]


def _belief(guideline: Guideline, name: str, value: Any) -> Known | NotApplicable:
    if value == NOT_APPLICABLE:
        return NotApplicable(WITNESS)
    is_symbol = guideline.inputs[input_of(name)][1]["type"] in ("bool", "set")
    return Known(value == "yes" if is_symbol else value, WITNESS)


def case_for(guideline: Guideline, witness: Mapping[str, Any]) -> dict[str, Any]:
    """The witness as one guideline's form takes it: without the fields that it does not have."""
    section = guideline.head["findings"]["section"]
    known = {f"{_section(guideline, s)}.{i.get('at', n)}." for n, (s, i) in guideline.inputs.items()}
    found: dict[str, Any] = {}
    for name, content in witness.items():
        items = [_known(item, f"{name}.", known) for item in _listed(content)]
        if name == section or items[0]:
            found[name] = items if isinstance(content, list | tuple) else items[0] if items else None
    return found


def _known(item: Mapping[str, Any], path: str, known: set[str]) -> dict[str, Any]:
    """The fields of an object, and of objects in it, whose paths are known."""
    kept = {k: v for k, v in item.items() if any(p.startswith(f"{path}{k}.") for p in known)}
    return {k: _known(v, f"{path}{k}.", known) if isinstance(v, dict) else v for k, v in kept.items()}


def _listed(content: Any) -> list[Any]:
    return list(content) if isinstance(content, list | tuple) else [content] if content is not None else []


def _section(guideline: Guideline, scope: str) -> str:
    return str(guideline.head["findings"]["section"]) if scope == "finding" else scope


def case(
    both: Both, exam: Mapping[str, Any], finding: Mapping[str, Any] | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The patient as a case, and the fields of it that one of the two does not have."""
    content: dict[str, dict[str, Any]] = {}
    unread = []
    for name in dict.fromkeys(input_of(n) for said in (exam, finding or {}) for n in said):
        owners = [g for g in both if name in g.inputs]
        scope, i = owners[-1].inputs[name]
        value = _stated(name, i, {**(finding or {}), **exam})
        if value is not None and not (len(owners) == 1 and value == _by_convention(i)):
            inside = content.setdefault(_section(owners[-1], scope), {})
            *nested, last = i.get("at", name).split(".")
            for key in nested:
                inside = inside.setdefault(key, {})
            inside[last] = value
            unread += [name] if len(owners) == 1 else []
    findings = both[1].head["findings"]
    mine = content.pop(findings["section"], {})
    shown: Any = None if finding is None else mine
    if findings.get("many", True):
        shown = [] if finding is None else [mine]
    return {**content, findings["section"]: shown}, tuple(unread)


def _stated(name: str, i: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
    """An input's value as a form holds it; None where leaving it out says it."""
    if i["type"] == "set":
        return [v for v in i["values"] if said.get(f"{name}.{v}") == "yes"]
    value = said[name]
    if value == NOT_APPLICABLE:
        return None
    if isinstance(value, tuple):
        return [{"months_ago": p.months_ago, "mean_mm": p.mean_mm} for p in value if isinstance(p, PastSize)]
    return value == "yes" if i["type"] == "bool" else value


def _by_convention(i: Mapping[str, Any]) -> Any:
    """What a form means by leaving the input out, where it always means that."""
    if "absent_when" in i or "absent" not in i:
        return None
    return [] if i["type"] == "set" else i["absent"]


def words(
    both: Both, stages: Sequence[Stage], answers: Sequence[Outcome], managed: Sequence[Mapping[str, Any]],
    silent: Sequence[bool], said: Mapping[str, Any],
) -> str:  # fmt: skip
    """The change in a few sentences."""
    sides = [
        f"{category} by {', '.join(f'{row} ({_cite(stage, row)})' for row in rows)}"
        for stage, (category, rows) in zip(stages, answers, strict=True)
    ]
    manage = [str(m.get("management", "")).partition(";")[0] for m in managed]
    managements = "" if manage[0] == manage[1] or not all(manage) else f" Management: {manage[0]} becomes {manage[1]}."
    spots = [g.name for g, s in zip(both, silent, strict=True) if s]
    quiet = f" Silent on this patient: {', '.join(spots)}." if spots else ""
    return f"{sides[0]} becomes {sides[1]}.{managements}{quiet} For example: {_patient(said)}."


def _cite(stage: Stage, row: str) -> str:
    table, _, name = row.partition(".")
    rows = stage.tables[stage.table(table)].rows
    return next(r.cite for r in rows if r.id.removeprefix(f"{table}.") == name)


def _patient(said: Mapping[str, Any]) -> str:
    told = {n: v for n, v in said.items() if v not in (NOT_APPLICABLE, "no", "none")}
    return ", ".join(f"{n} {_shown(v)}" for n, v in told.items()) or "any patient"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " and ".join(f"{p.mean_mm} mm {p.months_ago} months ago" for p in value)
    return str(value)
