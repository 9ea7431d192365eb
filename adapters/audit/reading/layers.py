"""Reports in which one reader follows another: what the resident wrote, then what the attending says of it."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from .phrases import any_of, words

_MARK = r"(?:[ ]?\([^()\n]{0,60}\))?[ ]{0,2}(?:[:.](?=\s|$)|[ ]-{1,2}[ ]|(?=\n)|$)"
_WORDS = r"(?:[ ,/-]{1,2}[\w().'/-]+){0,5}?"  # a name, a grade, a time


class Layer(NamedTuple):
    """A heading that names who reads: ``later`` than the reader before; the words begin at ``end``."""

    later: bool
    concludes: bool
    end: int


@cache
def _forms() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """(the first reader, the one who follows, who follows whether or not the first is named)."""
    readers = words("headings")["readers"]
    first, second, alone = (any_of(readers[kind], before=r"\W{0,4}(?:the )?", after=_WORDS + _MARK) for kind in readers)
    return first, second, alone


@cache
def _lines() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    first, second, alone = (re.compile(rf"(?m)^{form.pattern}") for form in _forms())
    return first, second, alone


def layered(low: str) -> bool:
    """Does one reader follow another?"""
    first, second, alone = _lines()
    clock = len(_CLOCK.findall(low)) > 1
    return bool(alone.search(low)) or clock or bool(first.search(low) and second.search(low))


# lines that begin with the time of day at which they were dictated
_CLOCK = re.compile(r"(?m)^[ ]*(?:[01]\d|2[0-3]):?[0-5]\d(?: ?h(?:rs?|ours)?)?[ ]?:[ ]")


def layer(low: str, at: int, stop: int) -> Layer | None:
    """The heading at ``at`` that names a reader, of a report that is ``layered``."""
    first, second, alone = _forms()
    if found := (alone.match(low, at, stop) or second.match(low, at, stop) or _CLOCK.match(low, at, stop)):
        return Layer(True, True, found.end())
    if found := first.match(low, at, stop):
        return Layer(False, "impression" in found[0], found.end())
    return None
