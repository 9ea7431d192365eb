"""JSON cases (a reader's form) -> facts.

The form is the guideline's own: ``inputs.yaml`` says which fields there are, their values, and what
absence means ("absent, by convention"). What has no such convention stays unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from ..engine.errors import BadValue, MissingField, NotReadable, TooLarge, UnknownField
from ..engine.guideline.load import Guideline
from ..engine.types import Belief, Facts, Known, NotApplicable, PastSize, Source, SourceKind, Unknown

MOST_FINDINGS = 200  # a case with more is a mistake: screening reports name a handful
LONGEST_CASE = 2_000_000  # characters of one JSON case


@dataclass(frozen=True, slots=True)
class StatedCase:
    """One case of a reader's form: the exam's facts (patient facts among them), its findings by name, its date."""

    exam: Facts
    findings: tuple[tuple[str, Facts], ...]
    exam_date: date | None
    assessed: bool = True  # False: whether there are findings is not known


def parse(text: str, where: str = "case") -> Any:
    """JSON with exact decimals.

    Raises:
        NotReadable: no JSON, a key twice, or a number that is none (NaN, Infinity). TooLarge.
    """
    if len(text) > LONGEST_CASE:
        raise TooLarge(where, "", f"{len(text)} characters", f"{LONGEST_CASE}", "Split the file into one case a line.")

    def constant(name: str) -> Any:
        raise NotReadable(where, "", f"the number {name}", "finite numbers", "Leave the field out, or give null.")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [k for k, _ in pairs]
        for key in keys:
            if keys.count(key) > 1:
                raise NotReadable(where, key, "the key twice", "each key once", "Delete one of them.")
        return dict(pairs)

    try:
        content = json.loads(
            text, parse_float=Decimal, parse_int=Decimal, parse_constant=constant, object_pairs_hook=unique
        )
        for found in _texts(content):
            found.encode()  # half of a surrogate pair is legal JSON, but no text
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise NotReadable(where, place, error.msg.lower(), "JSON", "Correct the syntax there.") from error
    except UnicodeEncodeError as error:
        raise NotReadable(where, "", "half of a surrogate pair", "whole characters", "Correct the text.") from error
    except (RecursionError, InvalidOperation) as error:
        raise NotReadable(where, "", "nesting or a number beyond all use", "a plain case", "Simplify it.") from error
    return content


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        parts = [*content, *content.values()] if isinstance(content, dict) else content
        yield from (text for part in parts for text in _texts(part))


def read(case: Any, guideline: Guideline, where: str = "case") -> StatedCase:
    """A parsed case as facts.

    Raises:
        UnknownField, BadValue, MissingField: with the field's path, what was found and is allowed.
    """
    form = _Form(guideline, where)
    section = guideline.head["findings"]["section"]
    content = form.mapping(case, "")
    for key in content:
        if key not in (*form.sections(), *IGNORED):
            raise UnknownField(
                where, key, "a field this format does not have", ", ".join(form.sections()), "Remove it."
            )
    if section not in content:
        raise MissingField(where, section, "nothing", _shape(guideline), "Add it, empty where there is none.")
    exam = {
        **form.facts(content.get("exam", {}), "exam", "exam"),
        **form.facts(content.get("patient", {}), "patient", "patient"),
    }
    findings = tuple(
        (form.label(item, place) if many else section, form.facts(item, place, "finding"))
        for item, place, many in form.findings(content[section], section)
    )
    if len({name for name, _ in findings}) < len(findings):
        raise BadValue(
            where, f"{section}[].tracking_id", "the same identifier twice", "one each", "Rename one of them."
        )
    assessed = content[section] is not None or guideline.head["findings"].get("null") == "none"
    return StatedCase(exam, findings, form.date(content.get("exam", {})), assessed)


IGNORED = ("id", "title", "reason", "source", "expected", "ambiguous", "debatable", "alternatives", "trap", "algorithm")


def _shape(guideline: Guideline) -> str:
    return "a list of objects" if guideline.head["findings"].get("many", True) else "an object or null"


class _Form:
    """The reader's form of one guideline."""

    def __init__(self, guideline: Guideline, where: str) -> None:
        self.guideline, self.where = guideline, where

    def sections(self) -> tuple[str, ...]:
        asked = {scope for scope, i in self.guideline.inputs.values() if i.get("reader", True)}
        scopes = [s for s in ("exam", "patient") if s in asked]
        return (*scopes, self.guideline.head["findings"]["section"])

    def mapping(self, value: Any, place: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise BadValue(self.where, place or "the case", kind_of(value), "an object", "See cases/FORMAT.md.")
        return value

    def label(self, item: Mapping[str, Any], place: str) -> str:
        """The finding's own name, or its place."""
        label = item.get("tracking_id", place)
        if not isinstance(label, str) or not label.strip() or len(label) > 64:
            raise BadValue(
                self.where, f"{place}.tracking_id", kind_of(label), "a short text", "Name it, or leave it out."
            )
        return label

    def findings(self, value: Any, section: str) -> Iterator[tuple[Mapping[str, Any], str, bool]]:
        if not self.guideline.head["findings"].get("many", True):
            if value is not None:
                yield self.mapping(value, section), section, False
            return
        if value is None:
            return  # not known: see ``StatedCase.assessed``
        if not isinstance(value, list):
            raise BadValue(self.where, section, kind_of(value), "a list of objects", "Put it into [ ].")
        if len(value) > MOST_FINDINGS:
            raise TooLarge(
                self.where, section, f"{len(value)} findings", f"at most {MOST_FINDINGS}", "Is this one exam?"
            )
        for i, item in enumerate(value):
            yield self.mapping(item, f"{section}[{i}]"), f"{section}[{i}]", True

    def facts(self, content: Any, place: str, scope: str) -> Facts:
        inputs = {n: i for n, (s, i) in self.guideline.inputs.items() if s == scope and i.get("reader", True)}
        flat = {
            n: inputs[n]["null"] if value is None and "null" in inputs[n] else value
            for n, value in self.flat(self.mapping(content, place), place, inputs)
        }
        return {
            name: belief
            for field, i in inputs.items()
            for name, belief in self.beliefs(field, i, flat, f"{place}.{i.get('at', field)}")
        }

    def flat(self, content: Mapping[str, Any], place: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The fields of a section by input name; nested ones by the path that ``at`` gives."""
        names = {i.get("at", n): n for n, i in inputs.items()}
        groups = {path.split(".")[0] for path in names if "." in path}
        for key, value in content.items():
            if key in groups and value is None:
                yield from ((n, None) for path, n in names.items() if path.startswith(f"{key}."))
            elif key in groups:
                for inner, item in self.mapping(value, f"{place}.{key}").items():
                    yield self.name(f"{key}.{inner}", names, place), item
            elif key != "tracking_id":
                yield self.name(key, names, place), value

    def name(self, path: str, names: Mapping[str, str], place: str) -> str:
        if path not in names:
            cure = "Remove it, or correct the name."
            raise UnknownField(
                self.where,
                f"{place}.{named(path)}",
                "a field this format does not have",
                ", ".join(sorted(names)),
                cure,
            )
        return names[path]

    def beliefs(
        self, name: str, i: Mapping[str, Any], flat: Mapping[str, Any], place: str
    ) -> Iterator[tuple[str, Belief]]:
        """The belief of an input, or of each feature of a set."""
        stated = Source(SourceKind.HUMAN, f"{self.where} {place}")
        if name not in flat:
            absent = self.implied(i, flat, place) or self.absent(i, flat, place)
            yield from ((n, absent) for n in ([f"{name}.{v}" for v in i["values"]] if i["type"] == "set" else [name]))
        elif i["type"] == "set":
            chosen = self.symbols(flat[name], i, place)
            for v in i["values"]:
                left_out = Source(SourceKind.CONVENTION, f"{self.where} {place} does not list it, by convention")
                listed = Known(v in chosen, stated if v in chosen else left_out) if chosen is not None else None
                known: Belief = listed or Unknown("null in the form", stated)
                yield f"{name}.{v}", known
        elif flat[name] is None:
            yield name, Unknown("null in the form", stated)
        else:
            yield name, Known(self.value(flat[name], i, place), stated)

    def implied(self, i: Mapping[str, Any], flat: Mapping[str, Any], place: str) -> Belief | None:
        """What the form says of it by mentioning other fields."""
        for value, others in i.get("implied", {}).items():
            for other in others:
                if other in flat:
                    return Known(value, Source(SourceKind.CONVENTION, f"{self.where} {place}: {other} is mentioned"))
        return None

    def absent(self, i: Mapping[str, Any], flat: Mapping[str, Any], place: str) -> Belief:
        """What the form means by leaving a field out."""
        source = Source(SourceKind.CONVENTION, f"{self.where} {place} absent, by convention")
        holds = all(str(flat.get(n)) in values for n, values in i.get("absent_when", {}).items())
        if "absent" not in i or not holds:
            return Unknown("not stated", source)
        return NotApplicable(source) if i["absent"] == "n/a" else Known(i["absent"], source)

    def symbols(self, value: Any, i: Mapping[str, Any], place: str) -> set[str] | None:
        if value is None:
            return None
        if not isinstance(value, list) or any(v not in i["values"] for v in value):
            raise BadValue(self.where, place, brief(value), f"a list of {', '.join(i['values'])}", "Use only these.")
        if value and len(set(value)) != i.get("exactly", len(set(value))):
            raise BadValue(
                self.where, place, f"{len(set(value))} values", f"{i['exactly']} of them", "Correct the list."
            )
        return set(value)

    def value(self, value: Any, i: Mapping[str, Any], place: str) -> Any:
        allowed, good = _allowed(i), _checks(i)
        if not good(value):
            raise BadValue(self.where, place, brief(value), allowed, "Correct the value, or give null for unknown.")
        if "other" in i and value not in i["values"]:
            return i["other"]
        if i["type"] == "history":
            return tuple(self.past(item, f"{place}[{n}]") for n, item in enumerate(value))
        return value

    def past(self, item: Any, place: str) -> PastSize:
        keys = {"months_ago", "mean_mm"}
        if not isinstance(item, dict) or set(item) != keys or not all(_positive(v) for v in item.values()):
            raise BadValue(self.where, place, brief(item), "{months_ago, mean_mm}, both above 0", "Correct it.")
        return PastSize(item["months_ago"], item["mean_mm"])

    def date(self, exam: Mapping[str, Any]) -> date | None:
        text = exam.get("date") if isinstance(exam, dict) else None
        if text is None:
            return None
        return read_date(text, self.where, "exam.date")


def read_date(text: Any, where: str, field: str) -> date:
    """A day as YYYY-MM-DD; other forms, and years that no exam is from, are refused, never guessed."""
    try:
        day = date.fromisoformat(text) if isinstance(text, str) and len(text) == len("YYYY-MM-DD") else None
    except ValueError:
        day = None
    if day is None or not 1900 <= day.year < 2200:
        allowed = "YYYY-MM-DD, from 1900 to 2199"
        raise BadValue(where, field, "no day in that form", allowed, "Write the date as year-month-day.")
    return day


def named(key: str) -> str:
    """A field's name as found, where it looks like one."""
    return key if CODE.match(key) else "(a name that is no field's)"


def _allowed(i: Mapping[str, Any]) -> str:
    words = {
        "bool": "true or false",
        "enum": ", ".join(i.get("values", ())),
        "history": "a list of {months_ago, mean_mm}",
        "text": "text",
        "date": "YYYY-MM-DD",
    }
    return words.get(i["type"]) or f"a number from {i['range'][0]} to {i['range'][1]} {i['unit']}"


def _checks(i: Mapping[str, Any]) -> Any:
    return {
        "bool": lambda v: isinstance(v, bool),
        "enum": lambda v: isinstance(v, str) and (v in i["values"] or "other" in i),
        "number": lambda v: isinstance(v, Decimal) and Decimal(i["range"][0]) <= v <= Decimal(i["range"][1]),
        "history": lambda v: isinstance(v, list),
        "text": lambda v: isinstance(v, str),
        "date": lambda v: isinstance(v, str),
    }[i["type"]]


def _positive(value: Any) -> bool:
    return isinstance(value, Decimal) and value > 0


def kind_of(value: Any) -> str:
    """What kind of JSON value it is, without quoting it."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", Decimal: "a number"}
    return names.get(type(value), "null")


CODE = re.compile(r"^[a-z][a-z0-9_.]{0,40}$")


def brief(value: Any) -> str:
    """A value as found, cut short. Words are quoted only where they look like a code: others may be about a person."""
    if isinstance(value, str):
        return value if CODE.match(value) and ("_" in value or "-" in value) else "text that is none of these"
    if isinstance(value, dict):
        return kind_of(value)
    if isinstance(value, list):
        return "a list with " + ", ".join(sorted({brief(v) for v in value})[:5])
    return json.dumps(value) if isinstance(value, bool | None) else str(value)[:40]


def by_convention(guideline: Guideline, scope: str, facts: Facts, where: str) -> Facts:
    """Facts of a form that records features only when seen (an SR, say), with what absence means filled in."""
    form = _Form(guideline, where)
    flat = {n: str(b.value) for n, b in facts.items() if isinstance(b, Known)}
    filled = dict(facts)
    for name, (of, i) in guideline.inputs.items():
        if of == scope and i.get("reader", True) and "absent" in i:
            for n in [f"{name}.{v}" for v in i["values"]] if i["type"] == "set" else [name]:
                filled.setdefault(n, form.absent(i, flat, n))
    return filled
