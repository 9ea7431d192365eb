"""Marks that were dictated ("full stop", "impression colon") as what they stand for, each character in its place."""

from __future__ import annotations

import re
from functools import cache

from .phrases import words


def marked(low: str) -> str:
    """The text with its spoken marks written, of the same length; blanks fill what a mark leaves over."""
    for sign, shown, spoken in _marks():
        if sign in low and shown.search(low):
            low = spoken[1].sub(lambda match, mark=spoken[0]: _written(match, mark), low)  # type: ignore[misc]
    return low


def _written(match: re.Match[str], mark: str) -> str:
    return match[0][: match.start("mark") - match.start()] + mark.ljust(match.end() - match.start("mark"))


@cache
def _marks() -> tuple[tuple[str, re.Pattern[str], tuple[str, re.Pattern[str]]], ...]:
    """(the word, what a text has in which it is a mark, (the mark, where it stands for it))."""
    told = words("headings")["spoken"]
    return tuple(
        (
            one["word"],
            re.compile(one.get("where", "")),
            (one["mark"], re.compile(f"{one['before']}(?P<mark>{one['said']})(?!\\w)")),
        )
        for one in told
    )
