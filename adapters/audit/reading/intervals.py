"""Lengths of time to come, in months: "3-6 months", "q6mo", "6/12", "in one year's time", "yearly", "now"."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from .phrases import literal, words
from .types import Months

# "LDCT over 3 months": in three months' time, where nothing is said of what changed over that time
_AFTER_STEP = re.compile(
    r"(?:ct|mri|ultrasound|\bus|usg|echo|sonography|scan|controls?|imaging|follow-?up|liver|thorax|chest|abdomen)[ ]"
    r"over (?:about |approximately |again )?(?:a |an )?$"
)
_CHANGED = re.compile(
    r"stable|stabil|unchang|chang|grow|grew|constant|increas|decreas|follow(?:ed|-?up) over|show|static"
)
# "screening interval unchanged at 12 months": what is unchanged is the time itself
_KEPT = re.compile(
    r"\b(?:interval|timing|schedule|follow-?up|f/?u|recall|recommendation|plan|screening)(?: is| remains"
    r"| stays)? (?:unchanged|stable|the same|as before)[\s,:(]*(?:at |of |with )?(?:a |the )?$"
)
AT_ONCE: Months = (0.0, 0.0)
# "shortened from 12 to 6 months" is no range
_TURNED = re.compile(
    r"\b(?:short|lengthen|exten|prolong|increas|reduc|decreas|chang|adjust|amend|revis|brought|moved"
    r"|modif)\w*(?: \w+){0,2} from $"
)
_NO_LIMIT = re.compile(  # words that name the length itself, though "than" or "x" alone would not
    r"\b(?:no|not) (?:(?:\w+ ){0,2}(?:later|more|sooner|earlier|less|fewer|longer) than|before)\s$"
    r"|\b(?:in|within|after|at) up to\s$"
    r"|\bnot (?:be )?(?:delay(?:ed)?|wait|defer(?:red)?|postponed?|put off|left)(?: \w+){0,2}"
    r" (?:beyond|past|longer than|(?:for )?more than)\s$"
    r"|(?:ct|mri|ultrasound|\bus|f/u|follow-?up|repeat|scan|imaging|study) (?:x|up to)\s$"
    r"|\b(?:book\w*|rebook|request\w*|schedul\w*|arrang\w*|due|plan\w*|recall\w*|repeat\w*|set|listed"
    r"|slated|down|invit\w*"
    r"|suggest\w*|organi[sz]ed|again)(?: (?:the |a |an |her |his |this )?(?:next )?(?:one|it|him|her"
    r"|scan|ldct|ct|mri|ultrasound|us|look|exam\w*|appointment|low-dose ct"
    r"|study))? (?:in )?for\s(?:about |approximately )?$"
)
_AGO = re.compile(r"\slater\)|\s(?:back\b(?! (?:to|in|on|for)\b)|ago\b)|(?<=\dd)\s?echo\b")  # "2d echo" is no time
_MET = re.compile(
    r"\b(?:on|conference|board|meeting|clinic|dated|of|appointment|seen|mdt)\s$"
)  # "conference 9/12" is a date
_IN = re.compile(r"\b(?:in|within)\s$")
_BECAUSE = re.compile(
    r"\s*,? since (?:pt|patient|the|he|she|they|there|it|no|not|this|that|we|i)\b"
)  # no length of the past
_LONGER = re.compile(r"(?<![-=])[>≥][ ]?$")
_BEFORE_STEP = re.compile(
    r"\s(?:before|prior to)\s(?:any |the |further )?(?:resect|surg|treat|decision|mdt|biops|chemo|therap|next)"
)
_STEP_LAST = re.compile(
    r"(?:ct|mri|\bus|scan|\bin|f/?u|next|recall|screen\w*|interval:?|due:?|every|within|after|\bat)\s$"
)
_FROM_NOW = re.compile(r"(?: time)? (?:from (?:now|today|this (?:exam\w*|scan|study))|hence|ahead)\b")
_DAYS = frozenset({"today", "now", "tonight", "this morning", "this evening"})
_DONE = re.compile(  # "referred today" tells what was done, "category 2 today" what is
    r"(?:rads|categor\w+|cat|\blr|\btr|\bus)[ -]?[0-5][abx]? $|\b(?:referred|informed|called|phoned"
    r"|telephoned|told|sent|seen|reviewed|discussed|scanned"
    r"|reported|performed|done|spoke\w*"
    r"|examined|faxed|e-?mailed|notified|attended|came|imaged)(?: (?:to|by|with|from|here|back|again))? $"
)
_ROUNDS = frozenset({"annual", "yearly", "six-monthly", "6-monthly", "biennial"})
_ELLIPSIS = 160  # characters back to the unit that a number leaves out
_LONGEST = 60.0  # months; what is longer is an age
_WEEKS = 12.0  # up to here four weeks are a month, beyond it 52 are a year


class Span(NamedTuple):
    """Months (least, most) at ``start``..``end`` of the text."""

    months: Months
    start: int
    end: int
    rule: str


@cache
def _units() -> dict[str, str]:
    return {form: unit for unit, forms in words("times")["units"].items() for form in forms}


@cache
def _numbers() -> dict[str, float]:
    return {re.sub(r"[\s-]+", " ", word): float(value) for word, value in words("times")["numbers"].items()}


@cache
def _length() -> re.Pattern[str]:
    number = rf"(?:1/2(?=[ -](?:year|yr))|{literal(words('times')['numbers'])}|\d{{0,3}}½|\d{{1,3}}(?:[.,]\d)?)"
    unit = literal(_units())
    return re.compile(
        r"(?<!\w)(?=[\dacefhnoqst½])(?:"  # what they have in common is asked first
        rf"(?<![.,/])(?:q\.?\s?)?(?P<least>{number})(?:\s?\([\w-]{{1,12}}\))?"
        rf"(?:[\s-]{{0,2}}(?:full )?(?P<unit0>{unit})(?!\w))?"
        rf"(?:\s?(?:-|to|or|(?P<both>and)|/|bis|up to)\s?(?P<most>{number}))?[\s-]{{0,2}}(?:(?:calendar|"
        rf"full|further|additional|more)\s)?(?P<unit>{unit})(?![\w])"
        rf"|(?<![/.])(?P<part0>\d{{1,2}})(?:/(?:12|52))?\s?(?:-|to|or)\s?(?P<part1>\d{{1,2}})/(?P<over2>12|52)(?![\w/])"
        rf"|(?<![/.-])(?:q\s?)?(?P<part>\d{{1,2}})/(?P<over>12|52)(?![\w/])"
        rf"|q\s?(?P<qleast>\d{{1,2}})(?:\s?-\s?(?P<qmost>\d{{1,2}}))?\s?(?P<qunit>{unit})(?!\w))"
    )


@cache
def _series() -> re.Pattern[str]:
    """ "at 6, 12 and 24 months": the first comes next."""
    unit = literal(_units())
    return re.compile(rf"(?<=\bat )(\d{{1,2}})(?:, ?\d{{1,2}}){{1,4}},? (?:and|or) \d{{1,2}}[\s-]?({unit})(?!\w)")


@cache
def _unitless() -> re.Pattern[str]:
    """ "Fleischner 6-12": in months, as that guideline gives them."""
    return re.compile(
        r"(?<=fleischner )(?:2017 )?(?P<a>3|6|18)\s?(?:-|to)\s?(?P<b>6|12|24)(?=[.,;)\s]*(?:$|\n|[.,;)]))"
    )


@cache
def _elliptic() -> re.Pattern[str]:
    """ "They asked for three months, I suggest six": the unit was said before."""
    number = "|".join(("two", "three", "four", "six", "nine", "twelve", "eighteen", "3", "6", "12", "18", "24"))
    return re.compile(
        rf"\b(?:in|at|to|suggest|recommend|advise|prefer|choose|favou?r|propose"
        rf"|make it) ({number})(?=[ ]*(?:[.;,]|\n|$))"
    )


@cache
def _instead() -> re.Pattern[str]:
    """ "in 6 instead of 12 months"."""
    unit = literal(_units())
    return re.compile(
        rf"(?<![\w.,/-])(\d{{1,2}})(?= (?:instead of|rather than|and not|not) (?:in |after "
        rf"|at )?\d{{1,2}}[ -]?({unit})(?!\w))"
    )


@cache
def _fixed() -> tuple[re.Pattern[str], dict[str, float]]:
    table = {
        re.sub(r"[\s-]+", " ", form): float(months)
        for months, forms in words("times")["fixed"].items()
        for form in forms
    }
    return re.compile(rf"(?<![\w-])(?:{literal(table)})(?![\w])"), table


@cache
def _at_once() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?<!from )(?:{literal(words('times')['at_once'])})(?![\w])")


@cache
def _refused() -> tuple[re.Pattern[str], re.Pattern[str]]:
    before, after = literal(words("times")["not_before"]), literal(words("times")["not_after"])
    return re.compile(
        rf"(?<![\w-])(?:{before})[\s:(]*(?:(?:the|a|an|another|at|nearly|almost|about|approximately"
        rf"|at least|some|roughly|around|more than|last|past) )*$"
    ), re.compile(rf"[\s,)-]{{0,2}}(?:{after})")


def months(number: float, unit: str) -> float:
    """Months of a stated length: 4, 6, 8, 12, 26, 52 weeks are 1, 1.5, 2, 3, 6, 12; days by 30 to the month."""
    if unit == "hour":
        return 0.0
    if unit == "week":
        quarters = number / 13
        return (
            quarters * 3 if quarters.is_integer() else number / 4 if number <= _WEEKS else round(number * 24 / 52) / 2
        )
    return number * {"month": 1.0, "year": 12.0}[unit] if unit != "day" else round(number / 30 * 2) / 2


def lengths(low: str, start: int, end: int) -> list[Span]:
    """Every length of time between ``start`` and ``end`` that its neighbours do not mark as past or as an age."""
    found = [span for match in _length().finditer(low, start, end) if (span := _span(match))]
    fixed, table = _fixed()
    found += [
        Span((v := table[re.sub(r"[\s-]+", " ", m[0])], v), m.start(), m.end(), "word for an interval")
        for m in fixed.finditer(low, start, end)
    ]
    found += [
        Span((v := months(float(m[1]), _units()[m[2]]), v), m.start(1), m.end(), "first of a series")
        for m in _series().finditer(low, start, end)
    ]
    found += [
        Span((float(m["a"]), float(m["b"])), m.start("a"), m.end("b"), "range of Fleischner")
        for m in _unitless().finditer(low, start, end)
    ]
    found += [
        Span((v := months(_value(m[1]), _units()[m[2]]), v), m.start(1), m.end(1), "number, its unit said after")
        for m in _instead().finditer(low, start, end)
    ]
    if "months" in low[max(0, start - _ELLIPSIS) : end]:
        found += [
            Span((v := _value(m[1]), v), m.start(1), m.end(), "number, its unit said before")
            for m in _elliptic().finditer(low, start, end)
        ]
    kept: list[Span] = []
    found = [span for span in found if span.months[1] <= _LONGEST]
    for span in sorted(found, key=lambda one: (one.start, -one.end)):
        if (not kept or span.start >= kept[-1].end) and not _past(low, span, start, end):
            kept.append(span)
    return kept


def _span(match: re.Match[str]) -> Span | None:
    group = match.groupdict()
    if group["part"] or group["part0"]:
        unit = "month" if (group["over"] or group["over2"]) == "12" else "week"
        first, last = group["part"] or group["part0"], group["part"] or group["part1"]
        return Span(
            (months(float(first), unit), months(float(last), unit)), match.start(), match.end(), "parts of a year"
        )
    first, last, form = (
        group["least"] or group["qleast"],
        group["most"] or group["qmost"],
        group["unit"] or group["qunit"],
    )
    if first is None or form is None or (form in "mdyw" and not (_attached(match, form) or _due(match))):
        return None
    unit = _units()[form]
    if unit == "day" and first in ("a", "an", "one") and not _IN.search(match.string, 0, match.start()):
        return None  # "on a day when her breathing is better"
    if group["both"] and not re.search(r"between\s$", match.string[max(0, match.start() - 8) : match.start()]):
        if not group["unit0"]:
            first = last  # of "category 3 and 6 months" only the last number is a time
        last = None  # "at 6 months and 12 months": one after the other
    least = months(_value(first), _units()[group["unit0"]] if group["unit0"] else unit)
    most = months(_value(last), unit) if last else months(_value(first), unit)
    if last and _TURNED.search(match.string, max(0, match.start() - 40), match.start()):
        least = most
    return Span((least, most), match.start(), match.end(), "number and unit") if least <= most else None


def _attached(match: re.Match[str], form: str) -> bool:
    """A letter is a unit only right after a digit, as in 6m; "6 m" and "a d" are not."""
    return bool(re.search(rf"\d{form}$", match[0]))


def _due(match: re.Match[str]) -> bool:
    """Does a step or "in" stand before, and nothing after, so that "LDCT 12 m" is a time?"""
    text = match.string
    return (
        match[0][:1].isdigit()
        and bool(_STEP_LAST.search(text, max(0, match.start() - 12), match.start()))
        and not re.match(r"[ ]*\w", text[match.end() :][:2])
    )


def _value(number: str) -> float:
    plain = re.sub(r"[\s-]+", " ", number)
    if plain.endswith(("½", "1/2")):
        return float(plain[: -len("½")] or 0) + 0.5 if plain.endswith("½") else 0.5
    return _numbers()[plain] if plain in _numbers() else float(number.replace(",", "."))


def _past(low: str, span: Span, start: int, end: int) -> bool:
    if re.search(r"\b(?:at|after|in) (?:\d{1,2}, ?){1,4}$", low[max(start, span.start - 20) : span.start]):
        return True  # the end of a list ("at 1, 3 and 5 years") is not what comes next
    if _KEPT.search(low, max(start, span.start - 48), span.start):
        return False
    if _AFTER_STEP.search(low, max(start, span.start - 40), span.start) and not _CHANGED.search(low, start, span.start):
        return False
    if _AGO.match(low, span.end, end) or (
        low[span.start : span.end].endswith("/12") and _MET.search(low, start, span.start)
    ):
        return True
    return not _to_come(low, span, start, end) and _of_the_past(low, span, start, end)


def _to_come(low: str, span: Span, start: int, end: int) -> bool:
    """Do the words before it make it a time to come, whatever stands around them?"""
    if _BECAUSE.match(low, span.end, end) or _round(low, span):
        return True
    within = re.search(r"\b(?:in|within|every)\s$", low[max(start, span.start - 8) : span.start])
    ahead = within and re.match(r",?\s(?:before|prior to)\b", low[span.end : end])
    return (
        bool(ahead)
        or bool(_FROM_NOW.match(low, span.end))
        or low.startswith(("' time", " time", "s' time", "'s time"), span.end)
        or bool(_NO_LIMIT.search(low, max(start, span.start - 48), span.start))
    )


def _round(low: str, span: Span) -> bool:
    """Is it the round itself ("return for annual LDCT")?"""
    return low[span.start : span.end] in _ROUNDS and low.endswith("for ", 0, span.start)


def _of_the_past(low: str, span: Span, start: int, end: int) -> bool:
    before, after = _refused()
    if _BEFORE_STEP.match(low, span.end, end):
        return bool(before.search(low, max(start, span.start - 32), span.start))
    if _LONGER.search(low, max(start, span.start - 3), span.start):
        return True  # "unchanged > 2 years"
    return bool(before.search(low, max(start, span.start - 32), span.start)) or bool(after.match(low, span.end, end))


def at_once(low: str, start: int, end: int) -> list[Span]:
    """Words that mean now."""
    found = (
        m
        for m in _at_once().finditer(low, start, end)
        if not low.startswith(" convenience", m.end())
        and (m[0] not in _DAYS or not _DONE.search(low, max(start, m.start() - 30), m.start()))
    )
    return [Span(AT_ONCE, m.start(), m.end(), "at once") for m in found]
