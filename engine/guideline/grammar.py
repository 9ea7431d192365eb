"""A mistake in the grammar of a rule file, said for the person who wrote the file: key, found, allowed, cure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..errors import RuleFileError
from .yamlfile import Lines, Place, where

TEXT = ("string_type",)
NEEDED = "missing"
UNKNOWN = "extra_forbidden"
OURS = "value_error"  # of a validator in language.py or proofs_file.py
MAPPING = ("model_type", "model_attributes_type", "dict_type")
NOT_BLANK = r"\S"
A_NAME = ("a letter, then letters, digits and _", "Rename it.")
PATTERNS = {
    NOT_BLANK: ("text that says something", "Fill it in."),
    r"^[A-Za-z][A-Za-z0-9_]*$": A_NAME,
    r"^[A-Za-z0-9][A-Za-z0-9-]*$": ("letters, digits and -", "Rename it."),
}
WORDS = {  # by how pydantic's name of a mistake begins
    "string_too_short": ("text that says something", "Fill it in."),
    "string": ("text", "Write text."),
    "tuple": ("a list", "Write it as [a, b]."),
    "list": ("a list", "Write it as [a, b]."),
    "bool": ("true or false", "Write true or false."),
    "int": ("a whole number", "Write a whole number."),
    "decimal": ("a number", "Write a number, without a unit."),
    "finite": ("a number", "Write a number, without a unit."),
    "date": ("a day as YYYY-MM-DD", "As in 2026-01-31."),
}
UNSAID = ("another kind of value", "See docs/rule-language.md.")


def mistake(error: ValidationError, content: Any, model: type[BaseModel], file: str, lines: Lines) -> RuleFileError:
    """The first mistake of a file.

    Where a value may be one of several things (a test is a value, a list or a range) pydantic reports
    a mistake for each of them; the one that lies deepest in what was written is the one that was meant.
    """
    details = error.errors(include_url=False)
    first = written(details[0]["loc"], content)
    same = [d for d in details if written(d["loc"], content)[: len(first)] == first]
    chosen = max(same, key=lambda d: (len(written(d["loc"], content)), d["type"] in (NEEDED, UNKNOWN)))
    place = written(chosen["loc"], content)
    if chosen["type"] == NEEDED:
        place = (*place, str(chosen["loc"][-1]))
    found, allowed, cure = _said(chosen, model)
    return RuleFileError(file, where(lines, place), found, allowed, cure)


def written(loc: Sequence[str | int], content: Any) -> Place:
    """The part of pydantic's path that stands in the file (the rest names alternatives of the grammar).

    >>> written(("rows", 0, "if", "size", "Range", "belw"), {"rows": [{"if": {"size": {"belw": 6}}}]})
    ('rows', 0, 'if', 'size', 'belw')
    """
    place: list[str | int] = []
    for part in loc:
        inside = isinstance(content, list | tuple) and isinstance(part, int) and part < len(content)
        if inside or (isinstance(content, dict) and part in content):
            content = content[part]
            place.append(part)
    return tuple(place)


def _said(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str, str]:
    """What was found, what is allowed, the cure."""
    key, value = str(detail["loc"][-1]) if detail["loc"] else "", detail["input"]
    if detail["type"] == UNKNOWN:
        return _unknown_key(key, sorted(set(_keys(model, detail["loc"][:-1]))))
    if detail["type"] == NEEDED:
        return _missing(key, value)
    if detail["type"] == OURS:
        return _short(value), detail["msg"].removeprefix("Value error, "), "See docs/rule-language.md."
    if value is None:
        return "nothing", _allowed(detail, model)[0], "Fill it in, or delete the key."
    return _no_text(key, value) if detail["type"] in TEXT else (_short(value), *_allowed(detail, model))


def _missing(key: str, value: Any) -> tuple[str, str, str]:
    """A key that is needed, or the next of so many values."""
    if key.isdecimal():
        return _short(value), f"at least {int(key) + 1} values", "Complete the list."
    return f"no key {key}", f"{key} is needed here", f"Add {key}."


def _allowed(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """What is allowed and the cure, by the kind of mistake; never in pydantic's words."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in MAPPING:
        keys = [] if kind == "dict_type" else dict.fromkeys(_keys(model, detail["loc"]))
        allowed = f"the keys {', '.join(keys)}" if keys else "keys with their values"
        return allowed, "Write `key: value`, each on a line."
    if kind == "literal_error":
        return str(context["expected"]).replace("'", ""), "Use one of these."
    if kind == "too_short":
        return f"at least {context['min_length']} of them", "Add what is missing."
    if kind == "too_long":
        return f"at most {context['max_length']} of them", "Delete what is too much."
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(str(context["pattern"]), PATTERNS[NOT_BLANK])
    return next((said for start, said in WORDS.items() if kind.startswith(start)), UNSAID)


def _unknown_key(key: str, known: list[str]) -> tuple[str, str, str]:
    close = get_close_matches(key, known, 1)
    cure = f"Did you mean {close[0]}?" if close else "Delete it, or correct its spelling."
    return f"the key {key}", ", ".join(known) or "no such key", cure


def _no_text(key: str, value: Any) -> tuple[str, str, str]:
    if isinstance(value, bool):
        word = "yes" if value else "no"
        return (
            str(value).lower(),
            "text",
            f'Put it in quotes ("{word}"): YAML reads yes, no, on and off as true and false.',
        )
    if isinstance(value, int | float):
        return f"the number {value}", "text", f'Put {key if key != "[key]" else "it"} in quotes: "{value}".'
    return _short(value), "text", "Write text."


def _short(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)[:80]


def _keys(model: type[BaseModel], loc: Sequence[str | int]) -> Iterator[str]:
    """The keys that the grammar has at a place; of alternatives those of all."""
    for kind in _at(model, list(loc)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (field.alias or name for name, field in kind.model_fields.items())


def _at(kind: Any, loc: list[str | int]) -> Iterator[Any]:
    """The annotations that stand at a path; parts of the path that only name an alternative are passed over."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        if not loc or loc == [kind.__name__]:
            yield kind
        elif loc[0] in fields:
            yield from _at(fields[str(loc[0])], loc[1:])
        elif loc[0] == kind.__name__:
            yield from _at(kind, loc[1:])
        return
    inside = [a for a in get_args(kind) if a is not Ellipsis]
    container = getattr(kind, "__origin__", None) in (dict, tuple)
    for inner in inside:
        yield from _at(inner, loc[1:] if container else loc)
