"""What stands right beside a code and takes it out: a question mark, an arrow to another, "(template default)"."""

from __future__ import annotations

import re
from functools import cache

from .mentions import Mention
from .phrases import words
from .sections import Sentence

_CODE = r"(?:lung-?rads |cat(?:egory)?\.? )?(?:lr-?|us-|tr)?"
_ASKED = re.compile(
    rf"(?:rads|categor\w+|cat|[0-5][abx]?|\blr|[,:(])[ ]?\?[ ]?{_CODE}(?:[0-5]"
    rf"|4[abx])s?$|\?[0-4][abx]?s?$"
)
_QUERIED = re.compile(r"s?[ ]?\?")
_BECAME = re.compile(  # "LR-3 -> LR-4", and no step ("3 -> 6 month CT")
    rf"s?[ ]?(?:->|=>|→)[ ]?(?:now )?{_CODE}(?:[0-5][abx]?|m|tiv|tr)s?(?![\w/-]|[ ]?(?:mo|we|wk|y|m\b))"
)
_EITHER = re.compile(r"(?:rads|cat\w*|,|:)?[ ][0-4][abx]?s? ?(?:/|or|vs\.?) ?$")  # "3 / 4A"
_READ_FOR = re.compile(rf"\bread {_CODE}\w{{1,2}} (?:for|in place of) (?:lung-?rads |category )?$")  # "read 3 for 4A"
_ODDS = re.compile(
    r"[ ]?[:=(-]+[ ]?(?:[<>~]? ?\d{1,2}(?: ?(?:-|to) ?\d{1,2})? ?%|(?:risk|probability"
    r"|chance|likelihood) )"
)


_IS_NOW = re.compile(r"s?[ ](?:now|today|currently|at present|at this time|this time)\b(?! (?:that|if|would))")


def of_now(low: str, one: Mention, at: Sentence) -> bool:
    """Is it said right after the code that it is of today ("growth -> LR-4 now")?"""
    return _IS_NOW.match(low, one.end, at.end) is not None


def beside_code(low: str, one: Mention, at: Sentence) -> set[str]:
    """Reasons for which a category does not hold, or gives way ("attribute"), by what touches its code."""
    found: set[str] = set()
    if _ASKED.search(low[max(0, one.start - 24) : one.end]) or _QUERIED.match(low, one.end, at.end):
        found.add("hypothetical")
    if _form("void").match(low, one.end):
        found.add("hypothetical")
    if _BECAME.match(low, one.end, at.end) or (
        one.guideline == "li-rads" and _form("treated").match(low, one.end, at.end)
    ):
        found.add("prior")
    if _EITHER.search(low[max(at.start, one.start - 12) : one.start]):
        found.add("hypothetical")
    if _READ_FOR.search(low[max(at.start, one.start - 40) : one.start]):
        found.add("retracted")
    if _ODDS.match(low, one.end):
        found.add("attribute")
    return found


@cache
def _form(name: str) -> re.Pattern[str]:
    return re.compile("|".join(words("verdicts")["after_code"][name]))


def adopted(low: str, one: Mention, at: Sentence) -> bool:
    """Does the reader make what a machine says his own ("AI says 3, and I agree")?"""
    told = _form("machine").search(low, at.start, one.start)
    return bool(told) and bool(_form("agreed").match(low, one.end))
