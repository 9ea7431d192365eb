"""One input of a guideline as a field of a form: what it offers, what it shows, what was typed into it.

Texts in, beliefs out: a field holds text; an empty one says nothing. What a text may be is the guideline's
own (``rules/<guideline>/<edition>/inputs.yaml``), checked by the reader's form of ``adapters/cases.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ...engine.errors import BadValue
from ...engine.guideline.load import Guideline
from ...engine.types import Belief, Classes, Facts, Known, Measured, NotApplicable, Unknown, is_neural
from ..report.words import capital, label, plain_words, terms
from .said import said

NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
PAST = re.compile(r"\s*([0-9.]{1,12})\s*:\s*([0-9.]{1,12})\s*")
YES, NO = "yes", "no"
LONGEST_TEXT = 200
SHOWN = "shown"  # a field that says that the form had this block's flags: what is not ticked is not sent
Input = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One choice: what is sent, and the words that are shown."""

    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``kind``: choice, number, text or flag. ``held`` says what is believed where no text can."""

    name: str
    label: str
    kind: str
    value: str
    options: tuple[Option, ...] = ()
    unit: str = ""
    span: str = ""
    doc: str = ""
    held: str = ""
    group: str = ""  # of a flag: the set that it belongs to
    rare: bool = False  # a reader's form leaves it out where it is not so


def inputs_of(guideline: Guideline, scope: str) -> dict[str, Input]:
    """The inputs of a scope that a reader may state, as they are dictated; the exam's day is not corrected here."""
    found = {
        name: i
        for name, (of, i) in guideline.inputs.items()
        if of == scope and i.get("reader", True) and i["type"] != "date"
    }
    dictated = ["type", *terms()["sentence"], "location"]
    first = [name for name in dictated if name in found]
    return {name: found[name] for name in dict.fromkeys((*first, *found))}


def fields_for(inputs: Mapping[str, Input], prefix: str, held: Facts) -> Iterator[Field]:
    """The fields of some inputs, showing what is held; ``prefix`` tells findings apart."""
    for name, i in inputs.items():
        if i["type"] == "set":
            for value in i["values"]:
                full = f"{name}.{value}"
                text, words = text_of(held.get(full)), capital(plain_words(name, value))
                yield Field(f"{prefix}.{full}", words, "flag", "on" if text == YES else "", doc=i.get("doc", ""),
                            held=held_words(full, held.get(full)), group=capital(label(name)), rare=True)  # fmt: skip
        else:
            yield field_for(name, i, prefix, held.get(name))


def field_for(name: str, i: Input, prefix: str, belief: Belief | None) -> Field:
    """One field that is no flag."""
    kinds = {"enum": "choice", "bool": "choice", "number": "number"}
    span = f"{i['range'][0]} to {i['range'][1]}" if i["type"] == "number" else ""
    return Field(
        f"{prefix}.{name}",
        capital(label(name)),
        kinds.get(i["type"], "text"),
        text_of(belief),
        options_of(name, i),
        str(i.get("unit", "")).removeprefix("1"),
        "months ago: mm; months ago: mm" if i["type"] == "history" else span,
        i.get("doc", ""),
        held_words(name, belief),
        rare="absent" in i or (i["type"] == "text" and name != "location"),
    )


def options_of(name: str, i: Input) -> tuple[Option, ...]:
    """What a choice offers beside saying nothing."""
    if i["type"] == "bool":
        return Option(YES, YES), Option(NO, NO)
    return tuple(Option(value, plain_words(name, value)) for value in i.get("values", ()))


def text_of(belief: Belief | None) -> str:
    """A known value as the text of its field; '' for what is unknown, uncertain or does not apply."""
    if not isinstance(belief, Known):
        return ""
    match belief.value:
        case bool() as said:
            return YES if said else NO
        case Decimal() as number:
            return f"{number:f}"
        case tuple() as past:
            return "; ".join(f"{p.months_ago:f}: {p.mean_mm:f}" for p in past)
        case words:
            return str(words)


def held_words(name: str, belief: Belief | None) -> str:
    """What is believed, where the field's text cannot show it or a net says it."""
    match belief:
        case Classes() | Measured():
            who = "net" if is_neural(belief) else "measured"
            return f"{who}: {said(name, belief)}"
        case NotApplicable():
            return "does not apply"
        case Unknown(stale=True):
            return "known once, too long ago"
        case Known() if is_neural(belief):
            return "said by a net"
        case _:
            return ""


def plain(inputs: Mapping[str, Input], prefix: str, texts: Mapping[str, str], shown: Facts) -> dict[str, Any]:
    """The texts as an object of the reader's form; what was emptied by the reader is null: not known.

    What was left as it was shown is the value that is held, whatever its text: a form may not be able to say it.

    Raises:
        BadValue: a text is longer than a field.
    """
    item: dict[str, Any] = {}
    for name, i in inputs.items():
        full, held = f"{prefix}.{name}", shown.get(name)
        if i["type"] == "set":
            chosen = [v for v in i["values"] if _ticked(prefix, f"{name}.{v}", texts, shown)]
            if chosen:
                item[name] = chosen
        elif _as_shown(texts.get(full), held):
            if isinstance(held, Known):
                _put(item, i.get("at", name), _form_of(held.value))
        elif text := texts[full].strip():
            _put(item, i.get("at", name), typed(short(full, text), i))
        else:
            _put(item, i.get("at", name), None)
    return item


def _form_of(value: Any) -> Any:
    """A known value as the reader's form has it."""
    if isinstance(value, tuple):
        return [{"months_ago": past.months_ago, "mean_mm": past.mean_mm} for past in value]
    return value


def _as_shown(text: str | None, held: Belief | None) -> bool:
    """Whether a field was not sent, or holds what it showed; browsers take line breaks out of a field's value."""
    before = re.sub(r"[\r\n]", "", text_of(held)).strip()
    return text is None or re.sub(r"[\r\n]", "", text).strip() == before


def _ticked(prefix: str, fact: str, texts: Mapping[str, str], shown: Facts) -> bool:
    """Whether a flag is set: one that was not sent is as it was held, unless its form says that it was on it."""
    name = f"{prefix}.{fact}"
    asked = name in texts or f"{prefix}.{SHOWN}" in texts
    return bool(texts.get(name)) if asked else text_of(shown.get(fact)) == YES


def short(field: str, text: str) -> str:
    """The text, which is no longer than a field.

    Raises:
        BadValue: it is.
    """
    if len(text) > LONGEST_TEXT:
        found, allowed = f"{len(text)} characters", f"at most {LONGEST_TEXT} characters"
        raise BadValue("review form", field, found, allowed, "Shorten it.")
    return text


def _put(item: dict[str, Any], path: str, value: Any) -> None:
    *groups, last = path.split(".")
    for group in groups:
        item = item.setdefault(group, {})
    item[last] = value


def typed(text: str, i: Input) -> Any:
    """A text in its input's type; one that cannot be is left as it is, and refused with what is allowed."""
    if i["type"] == "bool":
        return {YES: True, NO: False}.get(text, text)
    if i["type"] == "number":
        return Decimal(text) if NUMBER.fullmatch(text) else text
    if i["type"] == "history":
        parts = [PAST.fullmatch(part) for part in text.split(";")]
        if not all(parts):
            return text
        pairs = (part.groups() for part in parts if part)
        return [{"months_ago": _number(m), "mean_mm": _number(mm)} for m, mm in pairs]
    return text


def _number(text: str) -> Any:
    return Decimal(text) if NUMBER.fullmatch(text) else text


def changed(inputs: Mapping[str, Input], prefix: str, texts: Mapping[str, str], shown: Facts) -> frozenset[str]:
    """The facts whose field no longer holds what the form showed; a field that was not sent is as it was."""
    found: set[str] = set()
    for name, i in inputs.items():
        if i["type"] == "set":
            flags = (f"{name}.{v}" for v in i["values"])
            found |= {f for f in flags if _ticked(prefix, f, texts, shown) != (text_of(shown.get(f)) == YES)}
        elif not _as_shown(texts.get(f"{prefix}.{name}"), shown.get(name)):
            found.add(name)
    return frozenset(found)
