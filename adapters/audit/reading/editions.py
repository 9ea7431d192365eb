"""The edition that stands beside a guideline's name, and whether Fleischner is applied."""

from __future__ import annotations

import re
from functools import cache

from .context import reasons
from .phrases import words
from .sections import Sentence, sentence_of
from .types import Place, StatedCategory

_EARLIER = ("comparison", "history")
Named = tuple[str | None, Place | None]


@cache
def _forms(guideline: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """(any number of an edition, one near the guideline's name, one before it)."""
    names = words("categories")["guidelines"][guideline]
    if guideline == "li-rads":
        names = rf"(?:{names}|lr-?[1-5m])"
    years = "|".join(re.escape(year) for year in words("categories")["editions"][guideline])
    number = rf"(?P<y>{years})(?![\d/-])"
    bracketed, called, after = (number.replace("<y>", f"<{name}>") for name in "zwx")
    marked = (
        rf"(?:v(?:ersion|er)?[\s.]{{0,2}}{number}|\(\s?{bracketed}\s?\)|"
        rf"{called} (?:version|edition|criteria|guideline\w*|update|classification|system))"
    )
    near = (
        rf"(?<!\w){names}[^\n;]{{0,45}}?{marked}|(?<!\w){names}(?: society)?(?: guidelines?| criteria)?"
        rf"[\s,(:-]{{1,3}}{after}"
    )
    turned = rf"{number}(?: acr)? (?:version of |edition of )?{names}"
    return re.compile(years), re.compile(near), re.compile(turned)


def edition(low: str, parts: tuple[Sentence, ...], guideline: str) -> Named:
    """(the edition named beside the guideline, its place); None where it is not said."""
    years, near, turned = _forms(guideline)
    if not years.search(low):
        return None, None
    for match in near.finditer(low):
        at = sentence_of(parts, match.start())
        if at and at.role not in _EARLIER and not reasons(at, match.end() - 1, match.end()) & {"prior"}:
            return _named(match)
    before = turned.search(low)
    return _named(before) if before else (None, None)


def _named(match: re.Match[str]) -> Named:
    group = next(name for name, value in match.groupdict().items() if value)
    return match[group], Place(match.start(group), match.end(group), "year or number of the edition")


def fleischner(low: str, parts: tuple[Sentence, ...]) -> tuple[StatedCategory, ...]:
    """Fleischner gives no category; that it is applied is what can be stated."""
    for match in re.finditer(rf"(?<!\w){words('categories')['guidelines']['fleischner']}", low):
        at = sentence_of(parts, match.start())
        if at and at.role not in ("legend", "history", "comparison") and not _not_applied(low, match, at):
            place = Place(match.start(), match.end(), "guideline named")
            named, where = edition(low, parts, "fleischner")
            return (StatedCategory("fleischner", None, named, None, place, "it is named", edition_place=where),)
    return ()


_NOT_APPLIED = re.compile(
    r"[\w\s,()-]{0,60}?\b(?:not|n't|never) (?:\w+ )?(?:appl\w+|used|valid|relevant|"
    r"suitable|be applied|pertain|intended|meant)|[\w\s]{0,40}\binapplicable|"
    r"[\w\s]{0,40}\bn/a\b"
)


def _not_applied(low: str, match: re.Match[str], at: Sentence) -> bool:
    before = low[max(at.start, match.start() - 45) : match.start()]
    return bool(_NOT_APPLIED.match(low, match.end(), at.end)) or bool(
        re.search(
            r"(?:\bnot (?:\w+ )?(?:appl\w+|follow\w*|use\w*|subject to|covered by|within|"
            r"under|per|by|a|the|meant for|for|fall\w*)|outside (?:the )?(?:scope|remit)? "
            r"?(?:of)?|instead of|rather than|beyond|excluded from|not) (?:the |scope "
            r"of )*$",
            before,
        )
    )
