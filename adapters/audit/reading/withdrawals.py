"""Categories that the report takes back, leaves open, or says that it does not give."""

from __future__ import annotations

import re

from .mentions import Mention
from .phrases import listed
from .sections import Sentence

Pair = tuple[Mention, Sentence]
RETRACTED = "retracted"
_WHOSE = re.compile(r"\b(lung|li|ti|us)\b|(lung|li|ti)rads")

_NEAR = 200  # characters back to the organ that is spoken of
_ORGANS = {
    "lung": re.compile(r"\b(?:lungs?|pulmonary|lung-?\s?rads)\b"),
    "li": re.compile(r"\b(?:liver|hepat\w+|cirrho\w+|segment|lr-\d|us-\d|li-?rads)\b"),
    "ti": re.compile(r"\b(?:thyroid|isthmus|ti-?rads|tr\d)\b"),
}


def withdrawn(low: str, found: list[Pair]) -> list[Pair]:
    """Without what is withdrawn, not given, or left open between two categories."""
    over = [(match.start(), match[0]) for match in listed("verdicts", "withdrawn").finditer(low)]
    denied = listed("verdicts", "not_given").finditer(low)
    over += [(_until_addendum(low, match.end()), _whose(low, match)) for match in denied]
    if len({one.category for one, _ in found}) > 1:
        over += [(match.start(), "") for match in listed("verdicts", "undecided").finditer(low)]
    return [
        (one._replace(reasons=one.reasons | {RETRACTED}) if any(_of(one, *said) for said in over) else one, at)
        for one, at in found
    ]


def _whose(low: str, said: re.Match[str]) -> str:
    """The guideline that is denied: the one the words name, else that of the organ its line speaks of."""
    if _WHOSE.search(said[0]):
        return said[0]
    line = low[max(low.rfind("\n", 0, said.start()) + 1, said.start() - _NEAR) : said.end()]
    organs = [(hits[-1].end(), name) for name, form in _ORGANS.items() if (hits := list(form.finditer(line)))]
    return max(organs)[1] if organs else said[0]


def _until_addendum(low: str, at: int) -> int:
    """Where the part of a report ends that ``at`` lies in: what is added later may give what it did not."""
    added = low.find("addendum", at)
    return len(low) if added < 0 else added


def _of(one: Mention, last: int, said: str) -> bool:
    """Is it before ``last`` and of the guideline that the words name, if they name one?"""
    named = _WHOSE.search(said)
    mine = named is None or one.guideline.startswith((named[1] or named[2]).replace("us", "li"))
    return mine and one.end <= last


def unchanged(parts: tuple[Sentence, ...]) -> frozenset[int]:
    """The addenda that leave the category as it is, whatever they mention."""
    return frozenset(at.zone for at in parts if at.zone and listed("verdicts", "unchanged").search(at.low))
