"""What is left out for the reading (indentation, brackets of filled fields), and places put back."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import fields, replace
from typing import TypeVar

from .types import Place, ReportRead

_INDENT = re.compile(r"(?<=\n)[ \t]+|[ \t]+(?=\n)")
_MANY = 5
_FIELD = re.compile(r"\[(?![ xXvV✓☑*]?\])[^\[\]|\n]{1,80}\]")
_FIELDS = re.compile(
    _INDENT.pattern + r"|\[(?![ xXvV✓☑*]?\])(?![^\[\]\n]*\|)|(?<!\[)(?<!\[[ xXvV✓☑*])(?<!\|)\](?<!\[[ xXvV✓☑*]\])"
)
Moved = list[tuple[int, int]]  # (place in the text that is read, characters left out before it), ascending
_Entry = TypeVar("_Entry")


def outdented(text: str) -> tuple[str, Moved]:
    """(the text without blanks at the ends of its lines and brackets of filled fields, what was left out where)."""
    left_out = _FIELDS if _filled(text) else _INDENT
    if left_out is _INDENT and "\n " not in text and " \n" not in text and "\n\t" not in text:
        return text, []
    moved: Moved = []
    gone = 0
    for match in left_out.finditer(text):
        moved.append((match.start() - gone, gone + match.end() - match.start()))
        gone = moved[-1][1]
    return left_out.sub("", text), moved


def _filled(text: str) -> bool:
    """Is it a template whose fields were filled between brackets ("[7] mm", "[right lower lobe]")?"""
    return text.count("[") >= _MANY and len(_FIELD.findall(text)) >= _MANY


def moved_back(read: ReportRead, moved: Moved) -> ReportRead:
    """The same with its places in the text as it was given."""
    if not moved:
        return read
    starts = [start for start, _ in moved]
    return replace(
        read,
        stated=tuple(_entry(one, starts, moved) for one in read.stated),
        disputed=tuple(_entry(one, starts, moved) for one in read.disputed),
        recommended=_entry(read.recommended, starts, moved) if read.recommended else None,
        sizes=tuple(one._replace(place=_place(one.place, starts, moved)) for one in read.sizes),
    )


def _entry(one: _Entry, starts: list[int], moved: Moved) -> _Entry:
    held = {field.name: getattr(one, field.name) for field in fields(one)}  # type: ignore[arg-type]
    return replace(one, **{k: _place(v, starts, moved) for k, v in held.items() if isinstance(v, Place)})  # type: ignore[type-var]


def _place(place: Place, starts: list[int], moved: Moved) -> Place:
    return Place(_back(place.start, starts, moved), _back(place.end - 1, starts, moved) + 1, place.rule)


def _back(at: int, starts: list[int], moved: Moved) -> int:
    index = bisect_right(starts, at) - 1
    return at + (moved[index][1] if index >= 0 else 0)
