"""Reports in which one reader follows another: what the resident wrote, then what the attending says of it."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from .phrases import any_of, words

_MARK = r"(?:[ ]?\([^()\n]{0,60}\))?[ ]{0,2}(?:[:.](?=\s|$)|[ ]-{1,2}[ ]|(?=\n)|$)"
_WORDS = r"(?:[ ,/-]{1,2}[\w().'/-]+){0,5}?"  # a name, a grade, a time


_MID = re.compile(r"[^\n.;:]{0,60}:")


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
    first, second, alone = (re.compile(rf"(?m)^{form.pattern}|(?<=[.;] ){form.pattern}(?<=:)") for form in _forms())
    return first, second, alone


def layered(low: str) -> bool:
    """Does one reader follow another?"""
    first, second, alone = _lines()
    clock = len(_CLOCK.findall(low)) > 1
    judged = _JUDGED.search(low)  # whoever follows a category that was given, reads after its reader
    after = judged is not None and second.search(low, judged.end()) is not None
    return bool(alone.search(low)) or clock or after or bool(first.search(low) and second.search(low))


_JUDGED = re.compile(r"rads\W{1,4}(?:\w+\W{1,3}){0,2}[0-5][abx]?\b|\blr-[1-5m]\b|\bus-[1-3]\b|\btr[1-5]\b")

# lines that begin with the time of day at which they were dictated
_CLOCK = re.compile(r"(?m)^[ ]*(?:[01]\d|2[0-3]):?[0-5]\d(?: ?h(?:rs?|ours)?)?[ ]?:[ ]")


def layer(low: str, at: int, stop: int) -> Layer | None:
    """The heading at ``at`` that names a reader, of a report that is ``layered``."""
    first, second, alone = _forms()
    if low[low.rfind("\n", 0, at) + 1 : at].strip(" -*>") and not _MID.match(low, at, stop):
        return None  # in the middle of a line only a colon makes it a heading
    if found := (alone.match(low, at, stop) or second.match(low, at, stop) or _CLOCK.match(low, at, stop)):
        return Layer(True, True, found.end())
    if found := first.match(low, at, stop):
        return Layer(False, "impression" in found[0], found.end())
    return None
