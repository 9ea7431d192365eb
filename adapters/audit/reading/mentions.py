"""Every place that names a category, whatever its context; the forms are those of each guideline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from .phrases import words

_GAP = (
    r"(?:[\s:=,#\-*_\"|<>)\]\[({.]|categor(?:y|ies|isation|ization)\b|cat\b|"
    r"score|class(?:ification)?\b|assessment\b|code\b|final\b|overall\b|exam\b|"
    r"version|ver\b|v(?=[\s.]?[12])|edition|20(?:14|17|18|19|22|24)\b|1\.[01](?!\d)|"
    r"is\b|as\b|of\b|this\b|current(?:ly)?\b|today\b|remains?\b|acr\b|"
    r"for\b|the\b|assigned\b|result\b|grade\b|rating\b|number\b|exam(?:ination)?\b|"
    r"study\b|scan\b|at\b|[✓☑]|\[?[vx]\]){0,14}"
)
_NOT_SIZE = (
    r"(?![\w]|[.,]\d|\s?/\s?\d|\s?(?:mm|cm|months?|mos?|yr|years?|weeks?|wks?)\b|"
    r"-?(?:months?|mos?|years?|weeks?)\b|\s?%)"
)
_LUNG = (
    r"(?P<lung>(?:0|1|2|3|4(?:\s?-\s?|\s)?[abx])|zero|one|two|three|four[\s-][abx])(?P<s>(?:[ "
    r"-]| ?[+/(] ?)?s\)?(?![\w/'=]|\s?=))?"
)
_CHANGED = "downgraded|upgraded|changed|revised|amended|lowered|raised|corrected|reclassified|recategori[sz]ed"
_DIGITS = {"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4"}


@dataclass(frozen=True, slots=True)
class Mention:
    """``category`` of ``guideline`` at ``start``..``end``; ``reasons`` says why it may not hold for this exam."""

    guideline: str
    category: str
    start: int
    end: int
    rule: str
    s_modifier: bool = False
    reasons: frozenset[str] = frozenset()


@cache
def _patterns() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    names = words("categories")["guidelines"]
    return (
        ("lung-rads", "name and category", re.compile(rf"(?<!\w){names['lung-rads']}{_GAP}{_LUNG}{_NOT_SIZE}")),
        (
            "li-rads",
            "LR code",
            re.compile(r"(?<!\w)lr[\s-]{0,2}(?P<li>[1-5]|m|tiv|nc)(?![\w]|[.,]\d|\s?(?:mm|cm|months?)\b|" r"\s?=)"),
        ),
        (
            "li-rads",
            "US code",
            re.compile(r"(?<![\w/])us-\s?(?P<us>[123])(?![\w]|[.,]\d|\s?(?:mm|cm|months?|mo|yr)\b)"),
        ),
        (
            "li-rads",
            "name and category",
            re.compile(rf"(?<!\w)(?P<name>{names['li-rads']}){_GAP}(?P<li>[1-5]|m|tiv|nc){_NOT_SIZE}"),
        ),
        (
            "lung-rads",
            "changed to",
            re.compile(
                rf"(?:(?<=[0-4abxs])\s?(?:->|=>|→)|(?<!\w)(?:{_CHANGED})(?: from [\w -]{{1,20}})? "
                rf"to)\s?(?:category |cat\.? )?{_LUNG}{_NOT_SIZE}"
            ),
        ),
        ("li-rads", "US code", re.compile(r"(?<!\w)us (?P<us>[123])(?= ?[,(-]? ?(?:negative|subthreshold|positive))")),
        (
            "li-rads",
            "US category",
            re.compile(r"(?<!\w)us (?:surveillance )?(?:category|cat|score)[\s:.]{0,3}(?P<us>[123])(?!\w)"),
        ),
        ("ti-rads", "TR code", re.compile(r"(?<!\w)tr[\s-]?(?P<ti>[1-5])(?![\w]|[.,]\d)")),
        ("ti-rads", "name and category", re.compile(rf"(?<!\w){names['ti-rads']}{_GAP}(?P<ti>[1-5]){_NOT_SIZE}")),
        (
            "",
            "category alone",
            re.compile(
                rf"(?<!\w)(?:categor(?:y|ies)|cat)\b[\s:.=#\-*]{{0,4}}(?:is |as |of |now "
                rf"|remains |to ){{0,2}}{_LUNG}{_NOT_SIZE}"
            ),
        ),
        ("lung-rads", "4A, 4B, 4X alone", re.compile(r"(?<![\w.,/-])(?P<lung>4[abx])(?P<s>s)?(?![\w/])")),
    )


def mentions(low: str) -> tuple[Mention, ...]:
    """Every category named in the text, in the order of their places; overlapping forms are counted once."""
    named = _Named(low)
    found = sorted(
        (m for row in _patterns() for m in _of_pattern(row, low, named)), key=lambda one: (one.end, one.start)
    )
    kept: list[Mention] = []
    for one in found:
        if kept and kept[-1].end > one.start and kept[-1].end - _width(kept[-1]) < one.end:
            kept[-1] = _wider(kept[-1], one)
        else:
            kept.append(one)
    return tuple(kept)


def _width(one: Mention) -> int:
    return one.end - one.start


def _wider(one: Mention, other: Mention) -> Mention:
    best = one if (one.end, _width(one)) >= (other.end, _width(other)) else other
    return replace(best, s_modifier=one.s_modifier or other.s_modifier)


class _Named:
    """Which guidelines the text names at all; a category alone belongs to one of them."""

    def __init__(self, low: str) -> None:
        names = words("categories")["guidelines"]
        self.places = {name: [m.start() for m in re.finditer(rf"(?<!\w){form}", low)] for name, form in names.items()}
        self.lung = bool(self.places["lung-rads"]) or bool(re.search(r"ldct|low[\s-]dose|lung (?:cancer )?screen", low))
        self.thyroid = bool(self.places["ti-rads"]) or "thyroid" in low
        self.lr_is_lung = self.lung and not re.search(r"li[\s-]?rads|liver|hepat|hcc|cirrho|segment", low)
        self.only_lung = self.lung and not self.places["li-rads"] and not self.places["ti-rads"]


def _of_pattern(row: tuple[str, str, re.Pattern[str]], low: str, named: _Named) -> Iterator[Mention]:
    guideline, rule, pattern = row
    for match in pattern.finditer(low):
        groups = match.groupdict()
        if groups.get("lung") and (guideline or named.only_lung or groups["lung"].startswith("4")) and named.lung:
            if rule.startswith("4A") and re.search(
                r"(?:seg\w*\.?|segments?|s)[\s-]*(?:\w{1,3}[/,-]\s?)?$", low[max(0, match.start() - 14) : match.start()]
            ):
                continue
            yield Mention("lung-rads", _lung(groups["lung"]), match.start(), match.end(), rule, bool(groups.get("s")))
        elif groups.get("li") and rule == "LR code" and named.lr_is_lung:
            if groups["li"] in "123":
                yield Mention("lung-rads", groups["li"], match.start(), match.end(), rule)
        elif groups.get("li"):
            kind = "US" if (groups.get("name") or "").startswith("us") and groups["li"] in "123" else "LR"
            yield Mention("li-rads", f"{kind}-{groups['li'].upper()}", match.start(), match.end(), rule)
        elif groups.get("us"):
            yield Mention("li-rads", f"US-{groups['us']}", match.start(), match.end(), rule)
        elif groups.get("ti") and named.thyroid:
            yield Mention("ti-rads", f"TR{groups['ti']}", match.start(), match.end(), rule)


def _lung(token: str) -> str:
    first = re.split(r"[\s-]", token)[0]
    token = token.replace(first, _DIGITS.get(first, first), 1)
    return re.sub(r"[\s-]", "", token).upper()
