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

TEXT, NUMBER = ("string_type",), ("decimal_type", "decimal_parsing", "finite_number")
NEEDED = "missing"
UNKNOWN = "extra_forbidden"


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
    key, value = str(detail["loc"][-1]), detail["input"]
    if detail["type"] == UNKNOWN:
        return _unknown_key(key, sorted(set(_keys(model, detail["loc"][:-1]))))
    if detail["type"] == NEEDED:
        return f"no key {key}", f"{key} is needed here", f"Add {key}."
    if detail["type"] in TEXT:
        return _no_text(key, value)
    if detail["type"] in NUMBER:
        return _short(value), "a number", "Write a number, without a unit."
    allowed = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return _short(value), allowed, "See docs/rule-language.md."


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
