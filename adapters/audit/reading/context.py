"""What takes away that a statement holds now: negation, earlier examinations, conditions, quotes, legends, boxes."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from .phrases import any_of, listed, words
from .sections import Sentence

_COMMA = re.compile(
    r",(?! \d{1,3}(?:\.\d)? ?[mc]m\b)|[:()]|[ ]\|[ ]|[ ]/[ ]|\bor (?=pet|biops|tissue)|[ ]-{1,2}[ ]"
    r"|\.\.\.|\b(?:al|even )?though\b|\bwhereas\b"
)
_BUT = re.compile(
    r"\b(?:but|however|at present|for now|(?:i|we) (?:have |'ve )?(?:settled|opted|chosen|decided"
    r"|concluded|assigned|called|graded|scored|given|classed))\b|[ ]\|[ ]|[ ]-{1,2}[ ]"
)
_AS = re.compile(
    r"\b(?:same(?: \w+)? as|as (?:in|on|at|with)|than|like|unlike|unchanged from|similar to"
    r"|identical to)(?: [\w']+){0,4} $"
)
_IN_BRACKETS = 40  # characters of a remark in brackets
_MEETS = re.compile(r"(?<!not )(?<!n't )\b(?:meets?|meeting|fulfil\w*|satisf\w+|has met|have met)(?: [\w.-]+){0,4} $")
_WOULD_BE = re.compile(  # a modest way to state
    r"\W*(?:this|i think this|these) would (?:then |therefore )?be (?:an? |in |classed as |called |category )*"
    r"(?:lung-?rads |li-?rads |acr )?(?:category )?(?:lr-|us-|tr)?[0-5][abx]?s?\W*"
)
_NEXT_CLAUSE = re.compile(r"\band (?=(?:the|an?|this|that|her|his|our|low|ldct|ct|it|they|we|i|he|she) )")
_AND = re.compile(r"\band (?=(?:\w+ ){0,4}if\b)")  # "MDT, and tissue if it wishes"
_ARE_MET = re.compile(
    r" [\w -]{1,16}? (?:are|is|were|have been) (?:all |both |now |clearly )?(?:met|fulfilled|satisfied|present)\b"
)
_GIVEN = re.compile(
    r" (?:\w+ly )?(?:given|assigned|read|reported|called|scored|graded|classed|categori[sz]ed|stated"
    r"|recorded|issued|entered|typed|dictated|marked|selected|written|applied|used|suggested"
    r"|chosen)\b"
)
_CODE_LAST = re.compile(r"(?:[0-5]|4[abx]|m|tiv)s?\)? $")
_REPORT = re.compile(
    r" (?:report|read\w*|version|draft|letter|addendum|note|impression)\b"
)  # "in the preliminary report"
_SEEN = re.compile(  # "the nodule seen on last year's scan is ...": the clause ends with its verb
    r"\b(?:seen|noted|known|found|described|visible|reported|identified|mentioned|present|documented|shown|demonstrated"
    r"|imaged|detected|raised|called)(?: [\w']+){0,3} $"
)
_VERB = re.compile(r"\b(?:is|are|has|have|measures?|shows?|remains?)\b")
_THEN = re.compile(r"\bthen\b|\bfollowed by\b|\bf/b\b|\band (?=if\b)|\bor (?:sooner |earlier )?(?=if\b)")
_QUOTE = re.compile(r'"[^"\n]{6,600}"|\[(?:macro|template)\b[^\]]{0,600}\]')
_SINGLE = re.compile(r"(?<![\w'])'[^'\n]{6,300}'(?!\w)")
# a legend has one of these
_MEANING = re.compile(r"negative|benign|suspicious|definite|probabl|incomplete|intermediate|very low| = ")
_PICK = re.compile(r"[\[{][^\[\]{}\n]*[^\[\]{}\n]\|[^\[\]{}\n]*[\]}](?:\|[\[{][^\[\]{}\n]*[\]}])*")
_ROW = 3  # the least categories of a legend
_INSTEAD = re.compile(r"rather|instead|in (?:place|lieu)|as opposed")  # what follows is not what precedes
_OPTIONS = re.compile(r"\{[^{}\n]*\d[^{}\n]*[,;/][^{}\n]*\}")
_CODE = r"(?:cat(?:egory)? |lung-?rads |lr-|us-|tr-?)?(?:[0-5]|4[abx]|m|tiv)(?!\w)"
_SCALE = re.compile(  # three codes or more, one after the other: the scale, not a place on it
    rf"(?<![\w.,/-]){_CODE}(?:[ ]?(?:[,/;&|(]|\band\b|\bor\b|\bnor\b|\bto\b|\b[ox]\b)?[ ]?(?:\band "
    rf"|\bor )?{_CODE}\)?){{2,}}"
)
_TOKEN = re.compile(r"(?<!\w)(?:lr-|us-|tr-?)?([0-5][abx]?)(?!\w)")
_STRUCK = re.compile(  # a line that its writer marks as left over
    r"(?m)^[^\n]*<-+[ ]?(?:disregard|ignore|delete|default|template|old\b|wrong|not this|left ?over"
    r"|strike|remove)[^\n]*$"
)
_KEYS = re.compile(r'"[\w .-]{1,30}"\s?:')  # quotation marks that are notation, as in JSON
_MOST = 0.6  # a report that stands in quotation marks as a whole is no quotation
_BOX = re.compile(r"\[\s?([xv✓☑*]?)\s?\]|\(\s?([xv*]?)\s?\)|([☐□])|(☑)|_([x_])_")
_TRAILING = re.compile(  # "US-1 [ ]   US-2 [ ]   US-3 [x]"
    r"(?m)^[^\n\[\]()☐☑□]{0,40}?(?P<run>(?:(?<!\w)(?:lr-?|us-|tr-?"
    r"|cat(?:egory)? )?[0-5abc][abx]?[ ]{0,3}(?:\[[ ]?(?:[xv✓☑*][ ]?)?\]|\([ ]?(?:[x*][ ]?)?\)|[☐☑□])[ ,;"
    r"|]*){2,}+)$"
)
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
    clauses = [match.start() for match in _NEXT_CLAUSE.finditer(low)]
    ands = [match.start() for match in _AND.finditer(low)]
    stops["comma"] = sorted(turns + [match.start() for match in _COMMA.finditer(low)])
    cues = [(kind, side, reach, match) for kind, side, reach, pattern in _cues() for match in pattern.finditer(low)]
    opened = [
        match.span()
        for kind, side, _, match in cues
        if side == "after" and (kind in ("prior", "past") or _INSTEAD.match(match[0])) and not _given(low, match)
    ]
    then = [match.start() for match in _THEN.finditer(low)]
    cues = [cue for cue in cues if not (cue[0] == "hypothetical" and _said(low, cue[3]))]
    found = [
        (
            *_reach(
                side,
                match,
                sorted([*stops[reach], *_apart(opened, match), *then, *(ands if match[0] == "if" else clauses)])
                if side == "before"
                else stops[reach],
                low,
            ),
            kind,
            side,
        )
        for kind, side, reach, match in cues
    ]
    return tuple(Mask(sentence.start + start, sentence.start + end, kind, side) for start, end, kind, side in found)


def _given(low: str, cue: re.Match[str]) -> bool:
    """Does "was" go on to speak of the code before it ("Lung-RADS 3 was given at baseline")?"""
    return cue[0] in ("was", "were") and bool(_GIVEN.match(low, cue.end()) and _CODE_LAST.search(low, 0, cue.start()))


def _said(low: str, cue: re.Match[str]) -> bool:
    """Is what looks like a condition a statement: "meets LI-RADS v2018 criteria for LR-5", "This would be LR-3."?"""
    if cue[0].startswith("criteria"):
        return bool(_MEETS.search(low, 0, cue.start()) or _ARE_MET.match(low, cue.end()))
    return cue[0] == "would" and bool(_WOULD_BE.fullmatch(low))


def _apart(opened: list[tuple[int, int]], match: re.Match[str]) -> list[int]:
    """Where cues that look forward begin, without those that share their words with this one ("three years ago")."""
    return [at for at, end in opened if not at < match.end() <= end and not _REPORT.match(match.string, end)]


def _reach(side: str, match: re.Match[str], stops: list[int], low: str) -> tuple[int, int]:
    if side == "after":
        compared = _AS.search(low, 0, match.start())
        stops = sorted([*stops, *(one.start() for one in _COMMA.finditer(low, match.end()))]) if compared else stops
        last = next((stop for stop in stops if stop >= match.end()), len(low))
        if _SEEN.search(low, 0, match.start()) and (verb := _VERB.search(low, match.end(), last)):
            last = verb.start()
        inside = low.rfind("(", 0, match.start()) > low.rfind(")", 0, match.start())  # no cue reaches out of brackets
        close = low.find(")", match.end()) if inside else -1
        return match.end(), min(last, close) if close >= 0 else last
    bracket = low.rfind("(", 0, match.start())
    if match.start() - bracket < _IN_BRACKETS and bracket > low.rfind(")", 0, match.start()) and bracket >= 0:
        return bracket, match.start()  # what stands in brackets is of one time
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
    notation = '"' in low and len(_KEYS.findall(low)) >= _ROW
    quotes += [
        Mask(match.start(), match.end(), QUOTED)
        for match in (*_QUOTE.finditer(low), *_SINGLE.finditer(low))
        if not notation
        and match.end() - match.start() < _MOST * len(low)
        and not low[: match.start()]
        .rstrip()
        .endswith(("=", "->", "→", "=>", "is read", ", read", "should read", "to read", "must read", "dictated:"))
    ]
    quotes += [Mask(m.start(), m.end(), QUOTED) for m in _STRUCK.finditer(low)] if "<-" in low else []
    quotes += [Mask(m.start(), m.end(), LEGEND) for m in _OPTIONS.finditer(low)] if "{" in low and not notation else []
    quotes += [Mask(m.start(), m.end(), LEGEND) for m in _SCALE.finditer(low) if _rises(m[0])]
    if "|" in low:  # a list to pick from states nothing
        quotes += [Mask(m.start(), m.end(), LEGEND) for m in _PICK.finditer(low)]
    return (*quotes, *_between(low), *_boxes(low))


def _rises(run: str) -> bool:
    """Do the codes of a run ascend, and are they codes: with a letter, or the name of their guideline?"""
    tokens = _TOKEN.findall(run)
    marked = any(len(one) > 1 for one in tokens) or "lr-" in run or "us-" in run or "tr" in run
    return marked and len(tokens) > 2 and all(a < b for a, b in pairwise(tokens))


@cache
def _legend_run() -> re.Pattern[str]:
    """Three or more categories in a row, each followed by its meaning ("2 benign; 3 probably benign"), or led by it."""
    code = r"(?:[0-5][abx]?|m|tiv|nc|i{1,3}|iv|v)(?!\w)"
    names = "|".join(words("categories")["guidelines"].values())
    named = rf"(?<!\w)(?:(?:{names}|categor(?:y|ies)|cat\.?|lr|us|tr)[\s:-]{{0,2}})?{code}"
    meaning = "|".join(words("categories")["definition"])
    after = (
        rf"{named}(?:[ ]?[,/&][ ]?{code}){{0,3}}[ ]{{0,12}}(?:[-=:(]["
        rf" ]?)?(?:{meaning})[^,;.\n=\[\]☐☑]{{0,60}}[,;.)\n]*\s*"
    )
    before = rf"(?<!\w)[a-z][a-z ]{{2,30}} = {named}[,;.)\n]*\s*"
    return re.compile(rf"(?:{after}){{3,}}|(?:{before}){{3,}}")


def _between(low: str) -> list[Mask]:
    closes = [match.end() for match in listed("context", "quote_closes").finditer(low)]
    opens = [match.start() for match in listed("context", "quote_opens").finditer(low)]
    pairs = ((start, next((end for end in closes if end > start), None)) for start in opens)
    return [Mask(start, end, QUOTED) for start, end in pairs if end is not None]


def _boxes(low: str) -> list[Mask]:
    """An empty box takes out what follows it, up to the next box or the end of the line."""
    trailing = [mask for match in _TRAILING.finditer(low) for mask in _unticked(low, *match.span("run"))]
    found = [box for box in _BOX.finditer(low) if not any(m.start <= box.start() < m.end for m in trailing)]
    return [*trailing, *_leading(low, found)]


def _unticked(low: str, start: int, end: int) -> list[Mask]:
    """The entries of a row whose boxes follow their codes, without the one that is ticked."""
    boxes = list(_BOX.finditer(low, start, end))
    begins = [start, *(box.end() for box in boxes)]
    return [Mask(a, box.end(), UNCHECKED) for a, box in zip(begins, boxes, strict=False) if not _checked(box)]


def _leading(low: str, found: list[re.Match[str]]) -> list[Mask]:
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
