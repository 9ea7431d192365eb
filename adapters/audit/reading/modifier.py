"""The S modifier of Lung-RADS: at the category, or named beside it; the last word on it counts."""

from __future__ import annotations

import re

from .context import reasons
from .mentions import Mention
from .sections import Sentence, sentence_of
from .types import Place

_S_YES = re.compile(
    r"(?<!\w)(?:(?:with|w/|and|plus|\+|has|carries|add(?:ed)?|the|an?|significant)?[\s\"(]*\"?s\"?"
    r"[\s-](?:modifier|suffix|designation|category modifier)\b|modifiers?[\s:=\-]{1,3}\(?\"?s\b|"
    r"suffix[\s:=]{1,3}\"?s\b|s given\b|s applied\b|s (?:is )?(?:for|because|"
    r"due)\b|with (?:an )?s (?:for|because|due)|(?<=[\n.;(,])\s?s\s?[=:-]\s)"
)
_S_NO = re.compile(
    r"^[\s:=\-({\"]{0,4}(?:is |was |are |has been )?(?:not|none|no\b|negative|"
    r"n/?a\b|absent|nil|withheld|removed|\[ \]|deleted|omitted|unnecessary|n\b|"
    r"-\s*$)|^\s*(?:can|should|to) (?:be )?(?:removed|omitted|not)|"
    r"^[\w\s:]{0,20}(?:not (?:applied|required|used|given|needed|assigned|warranted|indicated)|none)"
)
_S_NO_BEFORE = re.compile(
    r"(?:\bno|\bnot|without|w/o|\bnor|neither|does not \w+|not (?:meet|merit|"
    r"warrant|need|require|add|assign|use)\w*(?: for)?|remove[ds]?|delete[ds]?|"
    r"drop(?:ped)?|withdraw\w*|previous|prior|if|an?y)[\s\"(:]*(?:the |an? |"
    r"for |of )*[\s\"(]*$"
)


def s_modifier(low: str, parts: tuple[Sentence, ...], one: Mention) -> tuple[bool, Place | None]:
    """(whether it is given, where that is said; None where nothing is said of it)."""
    answer, place = one.s_modifier, Place(one.start, one.end, one.rule) if one.s_modifier else None
    for match in _S_YES.finditer(low):
        at = sentence_of(parts, match.end() - 1)
        if at is None or at.role in ("legend", "comparison", "history") or _masked(match, at, low):
            continue
        denied = _denied(low, match, at)
        if not denied or at.zone or not one.s_modifier:
            answer, place = not denied, Place(match.start(), match.end(), "S modifier")
    return answer, place


def _denied(low: str, match: re.Match[str], at: Sentence) -> bool:
    after = low[match.end() : min(match.end() + 40, at.end)]
    before = low[max(at.start, match.start() - 24) : match.start() + 1].rstrip('s"( ')
    return bool(_S_NO.search(after) or _S_NO_BEFORE.search(before) or re.match(r"(?:no|not|without)\b", match[0]))


def _masked(match: re.Match[str], at: Sentence, low: str) -> bool:
    unchecked = re.search(r"(?:\[\s?\]|☐)\s*$", low[max(0, match.start() - 5) : match.start()])
    return bool(unchecked) or bool(reasons(at, match.start() + 1, match.end()) & {"prior", "hypothetical"})
