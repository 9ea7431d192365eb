"""What takes away that a statement holds now: negation, earlier examinations, conditions, quotes, legends, boxes."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from .phrases import any_of, listed, words
from .sections import Sentence

_COMMA = re.compile(r"[,:()]|[ ]\|[ ]|[ ]/[ ]|\bor (?=pet|biops|tissue)|[ ]-{1,2}[ ]|\.\.\.")
_BUT = re.compile(r"\b(?:but|however|at present|for now)\b|[ ]\|[ ]|[ ]-{1,2}[ ]")
_THEN = re.compile(r"\bthen\b|\band (?=if\b)|\bor (?:sooner |earlier )?(?=if\b)")
_QUOTE = re.compile(r'"[^"\n]{6,600}"|\[(?:macro|template)\b[^\]]{0,600}\]')
# a legend has one of these
_MEANING = re.compile(r"negative|benign|suspicious|definite|probabl|incomplete|intermediate|very low| = ")
_PICK = re.compile(r"[\[{][^\[\]{}\n]*[^\[\]{}\n]\|[^\[\]{}\n]*[\]}](?:\|[\[{][^\[\]{}\n]*[\]}])*")
_ROW = 3  # the least categories of a legend
_INSTEAD = re.compile(r"rather|instead|in (?:place|lieu)|as opposed")  # what follows is not what precedes
_MOST = 0.6  # a report that stands in quotation marks as a whole is no quotation
_BOX = re.compile(r"\[\s?([xv✓☑*]?)\s?\]|\(\s?([xv*]?)\s?\)|([☐□])|(☑)|_([x_])_")
QUOTED, UNCHECKED, LEGEND = "quoted", "unchecked", "legend"


class Mask(NamedTuple):
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


@cache
def _any_cue() -> re.Pattern[str]:
    return any_of(word for group in words("context")["cues"].values() for cue in group for word in cue["words"])


@lru_cache(maxsize=64)
def masks(sentence: Sentence) -> tuple[Mask, ...]:
    """The ranges of one sentence that a cue of its own reaches, in places of the report."""
    low = sentence.low
    if not _any_cue().search(low):
        return ()
    turns = [match.start() for match in listed("context", "turns").finditer(low)]
    stops = {"sentence": turns, "whole": [match.start() for match in _BUT.finditer(low)]}
    stops["comma"] = sorted(turns + [match.start() for match in _COMMA.finditer(low)])
    cues = [(kind, side, reach, match) for kind, side, reach, pattern in _cues() for match in pattern.finditer(low)]
    opened = [
        match.start()
        for kind, side, _, match in cues
        if side == "after" and (kind in ("prior", "past") or _INSTEAD.match(match[0]))
    ]
    then = [match.start() for match in _THEN.finditer(low)]
    found = [
        (
            *_reach(side, match, sorted([*stops[reach], *opened, *then]) if side == "before" else stops[reach], low),
            kind,
            side,
        )
        for kind, side, reach, match in cues
    ]
    return tuple(Mask(sentence.start + start, sentence.start + end, kind, side) for start, end, kind, side in found)


def _reach(side: str, match: re.Match[str], stops: list[int], low: str) -> tuple[int, int]:
    if side == "after":
        last = next((stop for stop in stops if stop >= match.end()), len(low))
        inside = low.rfind("(", 0, match.start()) > low.rfind(")", 0, match.start())  # no cue reaches out of brackets
        close = low.find(")", match.end()) if inside else -1
        return match.end(), min(last, close) if close >= 0 else last
    first = low.rfind("(", 0, match.start()) if low[: match.start()].rstrip().endswith(")") else match.start()
    return next((stop for stop in reversed(stops) if stop < first), 0), match.start()


def reasons(sentence: Sentence, start: int, end: int) -> frozenset[str]:
    """Why a statement at ``start``..``end`` of the report does not hold now, by the cues of its sentence."""
    return frozenset(mask.reason for mask in masks(sentence) if mask.start <= start and end <= mask.end)


def pasted(low: str) -> tuple[Mask, ...]:
    """Ranges in quotation marks, between the marks of a pasted report, and after an empty box of a list."""
    quotes = (
        [Mask(m.start(), m.end(), LEGEND) for m in _legend_run().finditer(low)]
        if len(_MEANING.findall(low)) >= _ROW
        else []
    )
    quotes += [
        Mask(match.start(), match.end(), QUOTED)
        for match in _QUOTE.finditer(low)
        if match.end() - match.start() < _MOST * len(low)
        and not low[: match.start()]
        .rstrip()
        .endswith(("->", "→", "=>", "is read", ", read", "should read", "to read", "must read", "dictated:"))
    ]
    if "|" in low:  # a list to pick from states nothing
        quotes += [Mask(m.start(), m.end(), LEGEND) for m in _PICK.finditer(low)]
    return (*quotes, *_between(low), *_boxes(low))


@cache
def _legend_run() -> re.Pattern[str]:
    """Three or more categories in a row, each followed by its meaning ("2 benign; 3 probably benign"), or led by it."""
    code = r"(?:[0-5][abx]?|m|tiv|nc|i{1,3}|iv|v)(?!\w)"
    names = "|".join(words("categories")["guidelines"].values())
    named = rf"(?<!\w)(?:(?:{names}|categor(?:y|ies)|cat\.?|lr|us|tr)[\s:-]{{0,2}})?{code}"
    meaning = "|".join(words("categories")["definition"])
    after = rf"{named}(?:[ ]?[,/&][ ]?{code}){{0,3}}[ ]?(?:[-=:(][ ]?)?(?:{meaning})[^,;.\n=\[\]☐☑]{{0,60}}[,;.)\n]*\s*"
    before = rf"(?<!\w)[a-z][a-z ]{{2,30}} = {named}[,;.)\n]*\s*"
    return re.compile(rf"(?:{after}){{3,}}|(?:{before}){{3,}}")


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
