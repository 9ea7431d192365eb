"""What takes away that a statement holds now: negation, earlier examinations, conditions, quotes, legends, boxes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from .phrases import any_of, listed, words
from .sections import Sentence

_COMMA = re.compile(r"[,:()]|[ ]-{1,2}[ ]|\.\.\.")
_BUT = re.compile(r"\b(?:but|however|at present|for now)\b|[ ]-{1,2}[ ]")
_QUOTE = re.compile(r'"[^"\n]{6,600}"')
_BOX = re.compile(r"\[\s?([xv✓☑*]?)\s?\]|\(\s?([xv*]?)\s?\)|([☐□])|(☑)|_([x_])_")
QUOTED, UNCHECKED, LEGEND = "quoted", "unchecked", "legend"


@dataclass(frozen=True, slots=True)
class Mask:
    """Characters of the report that ``reason`` takes out."""

    start: int
    end: int
    reason: str
    side: str = ""  # of the cue: what it reaches stands "after" or "before" it


@cache
def _cues() -> tuple[tuple[str, str, str, re.Pattern[str]], ...]:
    cues = words("context")["cues"]
    return tuple(
        (kind, cue["side"], cue["reach"], any_of(cue["words"])) for kind, group in cues.items() for cue in group
    )


@lru_cache(maxsize=64)
def masks(sentence: Sentence) -> tuple[Mask, ...]:
    """The ranges of one sentence that a cue of its own reaches, in places of the report."""
    low = sentence.low
    turns = [match.start() for match in listed("context", "turns").finditer(low)]
    stops = {"sentence": turns, "whole": [match.start() for match in _BUT.finditer(low)]}
    stops["comma"] = sorted(turns + [match.start() for match in _COMMA.finditer(low)])
    found = [
        (*_reach(side, match, stops[reach], low), kind, side)
        for kind, side, reach, pattern in _cues()
        for match in pattern.finditer(low)
    ]
    return tuple(Mask(sentence.start + start, sentence.start + end, kind, side) for start, end, kind, side in found)


def _reach(side: str, match: re.Match[str], stops: list[int], low: str) -> tuple[int, int]:
    if side == "after":
        return match.end(), next((stop for stop in stops if stop >= match.end()), len(low))
    return next((stop for stop in reversed(stops) if stop < match.start()), 0), match.start()


def reasons(sentence: Sentence, start: int, end: int) -> frozenset[str]:
    """Why a statement at ``start``..``end`` of the report does not hold now, by the cues of its sentence."""
    return frozenset(mask.reason for mask in masks(sentence) if mask.start <= start and end <= mask.end)


def pasted(low: str) -> tuple[Mask, ...]:
    """Ranges in quotation marks, between the marks of a pasted report, and after an empty box of a list."""
    quotes = [Mask(match.start(), match.end(), QUOTED) for match in _QUOTE.finditer(low)]
    return (*quotes, *_between(low), *_boxes(low))


def _between(low: str) -> list[Mask]:
    closes = [match.end() for match in listed("context", "quote_closes").finditer(low)]
    opens = [match.start() for match in listed("context", "quote_opens").finditer(low)]
    pairs = ((start, next((end for end in closes if end > start), None)) for start in opens)
    return [Mask(start, end, QUOTED) for start, end in pairs if end is not None]


def _boxes(low: str) -> list[Mask]:
    """An empty box takes out what follows it, up to the next box or the end of the line."""
    found = list(_BOX.finditer(low))
    if not any(_checked(box) for box in found) or len(found) < 2:
        return []
    ends = [box.start() for box in found[1:]] + [len(low)]
    return [
        Mask(box.end(), _line_end(low, box.end(), end), UNCHECKED)
        for box, end in zip(found, ends, strict=True)
        if not _checked(box)
    ]


def _checked(box: re.Match[str]) -> bool:
    return bool(box[1] or box[2] or box[4] or box[5] == "x")


def _line_end(low: str, start: int, limit: int) -> int:
    newline = low.find("\n", start, limit)
    return limit if newline < 0 else newline


def covered(spans: tuple[Mask, ...], start: int, end: int) -> frozenset[str]:
    """The reasons of ``spans`` that hold ``start``..``end``."""
    return frozenset(mask.reason for mask in spans if mask.start <= start and end <= mask.end)
