"""Categories beside a word for their examination: by year, of today, or in pairs ("previous/current: 4A / 3")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .mentions import GUIDELINES, Mention
from .phrases import named

TODAY = "of today, in a row of examinations"
_AFTER = 40  # and on, to where it may be named after all
_FAR = 400  # characters back to where the guideline is named
_CODE = (
    r"(?:cat(?:egory)?\.? ?|lung-?rads ?|lr-?|us-|tr)?([0-5]|4[abx])s?(?![\w.]\w|\w|[ ]?(?:mm|cm"
    r"|mo|we|ye|new|nod|lesion|/\d))"
)
_THEN = r"(?:prior|prev(?:ious)?|last|old|baseline|before|outside|ai|software|cad|resident|trainee|initial|first|then)"
_NOW = (
    r"(?:current|now|present|today|new|this(?: (?:exam\w*|scan|study))?|rad(?:iologist)?|human"
    r"|reader|attending|final|second|revised|consultant)"
)
_BETWEEN = r"[ ]?(?:/|\||->|→|=>|,|;|vs\.?|to)[ ]?"
_SINCE = re.compile(  # "this exam (apr 2025) ..... 2", "current 3"
    rf"(?<![\w-])(?:this (?:exam\w*|scan|study|round|time|year|visit|category|score)"
    rf"|today(?:'s (?:exam\w*|scan|study|category|score))?"
    rf"|(?:current|present)(?: (?:exam\w*|scan|study|category|score|round|year))?|now)"
    rf"(?:[ ]?\([^()\n]{{1,20}}\))?[ ]?[:=.|-]{{0,12}}[ ]?(?:is |= )?{_CODE}(?=[ ]*(?:[.,;()|\n]|(?:ld"
    rf"|pet-?)?ct\b|mri|next|repeat|follow|annual|recommend|$))"
)
_YEAR = re.compile(  # "jul 2024 ....... 4a", "2023: 4a"
    r"(?<![\w/(])(?<![.-])(?:19|20)\d\d(?:-\d\d)?[ ]?(?:[:=|>-]{1,3}|\.{2,20})[ ]?([0-4]"
    r"|4[abx])s?(?![\w.]\w|\w|[ ]?[mc]m)"
)
_EDITION = re.compile(r"(?:rads|version|edition|acr|category)[ ,(v]*$")
_PAIRS = (
    (re.compile(rf"(?<!\w){_THEN}(?: \w+)?[ ]?[/|,][ ]?{_NOW}\b[^\n\d]{{0,12}}?{_CODE}{_BETWEEN}{_CODE}"), 2),
    (re.compile(rf"(?<!\w){_NOW}(?: \w+)?[ ]?[/|,][ ]?{_THEN}\b[^\n\d]{{0,12}}?{_CODE}{_BETWEEN}{_CODE}"), 1),
    (re.compile(rf"(?<!\w){_CODE}{_BETWEEN}{_CODE} \({_THEN}[ ]?[/|,][ ]?{_NOW}\)"), 2),
    (re.compile(rf"(?<!\w){_CODE}{_BETWEEN}{_CODE} \({_NOW}[ ]?[/|,][ ]?{_THEN}\)"), 1),
)


def of_today(low: str) -> tuple[list[Mention], list[tuple[int, int]]]:
    """(categories of today that stand in a row or a pair of examinations, places of those of the others)."""
    if "rads" not in low:
        return [], []
    found: list[Mention] = []
    others = [match.span(1) for match in _YEAR.finditer(low) if not _EDITION.search(low, 0, match.start())]
    for match, group in _matches(low):
        guideline = _guideline(low, match)
        if guideline is None:
            continue
        prefix = {"lung-rads": "", "li-rads": "LR-", "ti-rads": "TR"}[guideline]
        code = match[group]
        if (guideline == "lung-rads") == (code != "5") and not (prefix and code[1:]):
            found.append(Mention(guideline, prefix + code.upper(), *match.span(group), TODAY))
        if match.re.groups == 2:
            others.append(match.span(3 - group))
    return found, others


def _matches(low: str) -> Iterator[tuple[re.Match[str], int]]:
    yield from ((match, 1) for match in _SINCE.finditer(low))
    for pattern, group in _PAIRS:
        yield from ((match, group) for match in pattern.finditer(low))


def _guideline(low: str, match: re.Match[str]) -> str | None:
    """The guideline that is named last before it, on its line or not far above it."""
    near = low[max(0, match.start() - _FAR) : match.end() + _AFTER]
    last = {one: [hit.start() for hit in named(one).finditer(near)] for one in GUIDELINES}
    known = {one: places[-1] for one, places in last.items() if places}
    return max(known, key=lambda one: known[one]) if known else None
