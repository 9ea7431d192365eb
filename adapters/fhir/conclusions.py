"""A report's conclusion -> the category and the interval to the next exam that it names.

Free text is read for these two things alone, and only where it names exactly one, neither denied nor said of another
exam. The text itself is never carried on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# "Lung-RADS 4A", "LungRADS v2022 category: 3S"; a version number is not taken for a category
LUNG_RADS = re.compile(
    r"lung[- ]?rads(?:®)?\s*(?:v(?:ersion)?\.?\s*)?(?:2022|2019|2014|1\.[01])?[\s,:;-]*"
    r"(?:assessment\s+)?(?:category|score)?[\s:=-]*(4[ABX]|[0-3])S?(?![\w])(?!\.\d)",
    re.IGNORECASE,
)
# "LR-4", "LI-RADS 5", "LI-RADS category: LR-TIV", "LI-RADS US-2", "CEUS LR-3"; "LI-RADS v2018" is no category
LI_RADS = re.compile(
    r"(?P<ceus>\bCEUS\s+)?(?:\bLI[- ]?RADS(?:®)?\s*(?:v(?:ersion)?\.?\s*)?(?:2011|2013|2014|2017|2018|2024)?[\s,:;-]*"
    r"(?:category|score)?[\s:=-]*(?:LR[- ]?)?|\bLR[- ]?)"
    r"(?P<category>TR[- ](?:nonviable|equivocal|viable|nonprogressing|nonevaluable)|TIV|NC|M|[1-5]|US[- ]?[1-3])"
    r"(?!\w)(?!\.\d)",
    re.IGNORECASE,
)
_AMOUNT = r"(\d{1,2})(?:\s*(?:-|–|to|or)\s*(\d{1,2}))?[\s-]*(week|month|year)s?\b"
_EXAM = r"(?:follow[- ]?up|surveillance|screening|repeat|imaging|LDCT|CT|MRI?|ultrasound)"
# "follow-up CT in 6 months", "repeat MRI in 3 to 6 months", "6-month follow-up LDCT"
INTERVALS = (
    re.compile(rf"\b{_EXAM}\b[^.;\d]{{0,40}}?\b(?:in|at|after|within)\s+{_AMOUNT}", re.IGNORECASE),
    re.compile(rf"(?<![\w.]){_AMOUNT}[\s-]+{_EXAM}\b", re.IGNORECASE),
)
MONTHS = {"month": 1, "year": 12}
# Words up to three words before a match, or just after it, by which it is denied or said of another exam
BEFORE = re.compile(
    r"\b(?:no|not|without|exclude[sd]?|rule out|versus|vs|prior|previous(?:ly)?|earlier|former(?:ly)?|last|was|were"
    r"|from|compar(?:ed|ison))[\s:]+(?:[\w-]+[\s:]+){0,3}$",
    re.IGNORECASE,
)
THIS_ONE = re.compile(r"\b(?:this|the|present|current)\s+$", re.IGNORECASE)  # "this 6-month follow-up CT" was made
AFTER = re.compile(
    r"\s+(?:[\w-]+\s+)?(?:shows?|demonstrates?|reveals?|was|were|performed|obtained|ago|earlier|is not|not)\b",
    re.IGNORECASE,
)
LOOK = 60  # characters before a match in which such words are looked for


def lung_rads(text: object) -> str | None:
    """The Lung-RADS category that a text names, such as "4A", if it names exactly one.

    >>> lung_rads("Stable nodule, Lung-RADS v2022 category 2."), lung_rads("Previously Lung-RADS 3.")
    ('2', None)
    """
    return _only(match[1].upper() for match in _said(LUNG_RADS, text))


def li_rads(text: object) -> str | None:
    """The LI-RADS category that a text names, such as "LR-5", "US-2" or "LR-TR Viable", if it names exactly one.

    >>> li_rads("LI-RADS v2018 category 5"), li_rads("No LR-5 observation"), li_rads("LR-3 and LR-4")
    ('LR-5', None, None)
    """
    return _only(_li_rads(match) for match in _said(LI_RADS, text))


def interval(text: object) -> tuple[int, int] | None:
    """The months to the next exam (least, greatest) that a text recommends, if it names exactly one interval.

    Weeks are no whole months: they are not rounded, so such an interval stays unread.

    >>> interval("Repeat CT in 3 to 6 months"), interval("This 6-month follow-up CT shows no change")
    ((3, 6), None)
    """
    said = [match for pattern in INTERVALS for match in _said(pattern, text)]
    found = {_in_months(match) for match in said if not THIS_ONE.search(match.string[: match.start()])}
    return found.pop() if len(found) == 1 else None


def _said(pattern: re.Pattern[str], text: object) -> list[re.Match[str]]:
    """What a pattern finds; nothing where one of its matches is denied or said of another exam."""
    found = list(pattern.finditer(text)) if isinstance(text, str) else []
    return [] if any(_denied(match) for match in found) else found


def _denied(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - LOOK) : match.start()]
    return bool(BEFORE.search(before) or AFTER.match(match.string, match.end()))


def _only(named: Iterator[str]) -> str | None:
    found = set(named)
    return found.pop() if len(found) == 1 else None


def _li_rads(match: re.Match[str]) -> str:
    kind = match["category"].upper().replace(" ", "-")
    if kind.startswith("US"):
        return f"US-{kind[-1]}"
    if kind.startswith("TR-"):
        return f"LR-TR {kind[3:].capitalize()}"
    return f"{'CEUS ' if match['ceus'] else ''}LR-{kind}"


def _in_months(match: re.Match[str]) -> tuple[int, int] | None:
    low, high, unit = int(match[1]), int(match[2] or match[1]), match[3].lower()
    return (low * MONTHS[unit], high * MONTHS[unit]) if unit in MONTHS and 0 < low <= high else None
