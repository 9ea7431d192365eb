"""Of all places that name a category, the one that holds for this examination, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from .context import LEGEND, Mask, covered, reasons
from .mentions import Mention, mentions
from .phrases import any_of, listed, words
from .sections import Sentence
from .tables import TICKED, picked, table_mentions
from .types import Place, StatedCategory

_SOFT = frozenset({"past", "title"})
_ROLES = {"history": "prior", "comparison": "prior", "technique": "technique", "legend": LEGEND, "title": "title"}
_DEFINED = 3  # categories one after the other, each with its definition: a legend, no statement
_NEAR, _CUE_NEAR = 90, 45  # characters between a slip and what is said in its place


def corrected(low: str, end: int, start: int) -> bool:
    """Is what ends at ``end`` taken back by the words before what starts at ``start``?"""
    if not 0 <= start - end <= _NEAR:
        return False
    if re.fullmatch(r"\s*(?:(?:->|=>|→)\s*)?", low[end:start]) and re.match(r"\s*(?:->|=>|→)", low[end : start + 3]):
        return True
    cue = listed("context", "corrections", r"(?!\w)").search(low, end, start)
    return bool(cue and start - cue.end() <= _CUE_NEAR and cue.start() - end <= _CUE_NEAR)


def in_context(low: str, parts: tuple[Sentence, ...], spans: tuple[Mask, ...]) -> tuple[tuple[Mention, Sentence], ...]:
    """Every mention with its sentence and every reason for which it may not hold."""
    every = sorted((*mentions(low), *table_mentions(low)), key=lambda one: one.start)
    ticked, menu = picked(low)
    every = sorted((*every, *ticked), key=lambda one: one.start)
    found = [(one, at) for one in every if (at := _sentence_of(parts, one.end - 1))]
    legend = _legend(low, [one for one, at in found if at.role != LEGEND]) | {
        one for one in every if one not in ticked and one.end in menu
    }
    dressed = [
        (replace(one, reasons=_reasons(low, one, at, spans) | ({LEGEND} if one in legend else set())), at)
        for one, at in found
    ]
    return tuple(_with_corrections(low, dressed))


def _sentence_of(parts: tuple[Sentence, ...], place: int) -> Sentence | None:
    lowest, highest = 0, len(parts)
    while lowest < highest:
        middle = (lowest + highest) // 2
        lowest, highest = (middle + 1, highest) if parts[middle].end <= place else (lowest, middle)
    return parts[lowest] if lowest < len(parts) and parts[lowest].start <= place else None


def _reasons(low: str, one: Mention, at: Sentence, spans: tuple[Mask, ...]) -> frozenset[str]:
    token = max(at.start, one.end - 2)
    found = set(reasons(at, max(at.start, one.start), one.end) | covered(spans, token, one.end))
    if at.role in _ROLES:
        found.add(_ROLES[at.role])
    before = low[max(at.start, one.start - 60) : one.start]
    if re.search(r"\bto (?:a |an |now )?$|(?:->|=>|→)\s*$", before) and not re.search(
        r"\b(?:compared?|not|refer\w*|due|according) to ", before
    ):
        found -= {"past", "prior"}
    return frozenset(found)


def _with_corrections(low: str, found: list[tuple[Mention, Sentence]]) -> Iterable[tuple[Mention, Sentence]]:
    following: dict[str, Mention] = {}
    afters: list[Mention | None] = []
    for one, _ in reversed(found):
        afters.append(following.get(one.guideline))
        following[one.guideline] = one
    last: dict[str, Mention] = {}
    for (one, at), after in zip(found, reversed(afters), strict=True):
        before = last.get(one.guideline)
        last[one.guideline] = one
        gone, stands = one.reasons, bool(before and corrected(low, before.end, one.start))
        gone = gone - {"negated", "prior", "past", "hypothetical"} if stands else gone
        yield replace(one, reasons=gone | {"retracted"} if after and corrected(low, one.end, after.start) else gone), at


@cache
def _definition() -> re.Pattern[str]:
    return any_of(words("categories")["definition"], before=r"[\s:=\-(,.|\"]{1,6}")


def _boxed(low: str, start: int) -> bool:
    """Is it an entry of a list to tick?"""
    return bool(re.search(r"(?:[\])☐☑]|_)[ ]*$", low[max(0, start - 6) : start]))


def _legend(low: str, every: list[Mention]) -> frozenset[Mention]:
    """Categories in ascending order, close together, each followed by what it means."""
    found: set[Mention] = set()
    for guideline, order in words("categories")["order"].items():
        run: list[Mention] = []
        for one in (m for m in every if m.guideline == guideline):
            defined = (not _boxed(low, one.start) and bool(_definition().match(low, one.end))) or low[
                one.end : one.end + 3
            ].strip()[:1] == "="
            rises = (
                bool(run)
                and order.index(run[-1].category) < order.index(one.category)
                and one.start - run[-1].end < 160
            )
            run = (
                [*run, one]
                if defined and rises
                else [one]
                if defined
                else run
                if rises and "/" in low[run[-1].end : one.start]
                else []
            )
            found |= set(run) if len(run) >= _DEFINED else set()
    return frozenset(found)


def stated(
    low: str, parts: tuple[Sentence, ...], found: tuple[tuple[Mention, Sentence], ...]
) -> tuple[tuple[StatedCategory, ...], tuple[str, ...]]:
    """(what each guideline is stated to give, the guidelines whose statements contradict each other)."""
    entries, conflicts = [], []
    for guideline in words("categories")["order"]:
        live = [(one, at) for one, at in found if one.guideline == guideline and not one.reasons - _SOFT]
        if not live:
            continue
        chosen, why, zone = _choose(guideline, live, low)
        if chosen is None:
            conflicts.append(guideline)
        else:
            others = tuple(
                dict.fromkeys(
                    one.category for one, _ in found if one.guideline == guideline and one.category != chosen.category
                )
            )
            entries.append(_entry(low, parts, chosen, why, zone, others))
    return (*entries, *_fleischner(low, parts)), tuple(conflicts)


def _choose(guideline: str, live: list[tuple[Mention, Sentence]], low: str) -> tuple[Mention | None, str, int]:
    firm = [pair for pair in live if not pair[0].reasons] or live
    zone = max(at.zone for _, at in firm)
    pool = [pair for pair in firm if pair[1].zone == zone]
    why = "the only statement" if len(live) == 1 else "the last addendum" if zone else "the highest of the report"
    if zone == 0 and (conclusions := [pair for pair in pool if pair[1].role == "impression"]):
        pool, why = conclusions, "the conclusion"
    if overall := [pair for pair in pool if _overall(low, pair)]:
        pool, why = overall, f"{why}, as the category of the examination"
        if len({one.category for one, _ in pool}) > 1:
            pool = pool[-1:]
    order = words("categories")["order"][guideline]
    if guideline == "lung-rads" and {"0"} < {one.category for one, _ in pool}:
        return None, "", zone
    best = max(pool, key=lambda pair: (order.index(pair[0].category), -pair[0].start))
    return best[0], why, zone


def _overall(low: str, pair: tuple[Mention, Sentence]) -> bool:
    one, at = pair
    before = low[max(at.start, one.start - 60) : one.start + 1] + low[one.start : one.end]
    checked = re.search(
        r"(?:\[\s?[vx✓☑*]\s?\]|\(\s?[x*]\s?\)|☑)\s*[^\n\[(☐]{0,30}$", low[max(0, one.start - 40) : one.start]
    )
    return bool(checked) or one.rule == TICKED or bool(listed("categories", "overall").search(before))


def _entry(
    low: str, parts: tuple[Sentence, ...], one: Mention, why: str, zone: int, others: tuple[str, ...]
) -> StatedCategory:
    modifier = _s_modifier(low, parts, one) if one.guideline == "lung-rads" else None
    place = Place(one.start, one.end, one.rule)
    return StatedCategory(one.guideline, one.category, edition(low, parts, one.guideline), modifier, place, why, others)


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


def _s_modifier(low: str, parts: tuple[Sentence, ...], one: Mention) -> bool:
    """The letter at the category or named beside it; the last word on it counts."""
    answer = one.s_modifier
    for match in _S_YES.finditer(low):
        at = _sentence_of(parts, match.end() - 1)
        if at is None or at.role in ("legend", "comparison", "history") or _s_masked(match, at, low):
            continue
        after, before = (
            low[match.end() : min(match.end() + 40, at.end)],
            low[max(at.start, match.start() - 24) : match.start() + 1].rstrip('s"( '),
        )
        denied = bool(_S_NO.search(after) or _S_NO_BEFORE.search(before) or re.match(r"(?:no|not|without)\b", match[0]))
        answer = not denied if not denied or at.zone or not one.s_modifier else answer
    return answer


def _s_masked(match: re.Match[str], at: Sentence, low: str) -> bool:
    unchecked = re.search(r"(?:\[\s?\]|☐)\s*$", low[max(0, match.start() - 5) : match.start()])
    return bool(unchecked) or bool(reasons(at, match.start() + 1, match.end()) & {"prior", "hypothetical"})


def edition(low: str, parts: tuple[Sentence, ...], guideline: str) -> str | None:
    """The edition named beside the guideline, None where it is not said."""
    names = words("categories")["guidelines"][guideline]
    if guideline == "li-rads":
        names = rf"(?:{names}|lr-?[1-5m])"
    years = "|".join(re.escape(year) for year in words("categories")["editions"][guideline])
    number = rf"(?P<y>{years})(?![\d/-])"
    marked = (
        rf"(?:v(?:ersion|er)?[\s.]{{0,2}}{number}|\(\s?{number.replace('<y>', '<z>')}\s?\)|"
        rf"{number.replace('<y>', '<w>')} (?:version|edition|criteria|guideline\w*|"
        rf"update|classification|system))"
    )
    near = re.compile(
        rf"(?<!\w){names}[^\n;]{{0,45}}?{marked}|(?<!\w){names}(?: society)?(?: guidelines?|"
        rf" criteria)?[\s,(:-]{{1,3}}{number.replace('<y>', '<x>')}"
    )
    for match in near.finditer(low):
        at = _sentence_of(parts, match.start())
        if (
            at
            and at.role not in ("comparison", "history")
            and not reasons(at, match.end() - 1, match.end()) & {"prior"}
        ):
            return next(value for value in match.groupdict().values() if value)
    return _reversed_edition(low, names, number)


def _reversed_edition(low: str, names: str, number: str) -> str | None:
    match = re.search(rf"{number}(?: acr)? (?:version of |edition of )?{names}", low)
    return match["y"] if match else None


def _fleischner(low: str, parts: tuple[Sentence, ...]) -> tuple[StatedCategory, ...]:
    """Fleischner gives no category; that it is applied is what can be stated."""
    for match in re.finditer(rf"(?<!\w){words('categories')['guidelines']['fleischner']}", low):
        at = _sentence_of(parts, match.start())
        if at and at.role not in ("legend", "history", "comparison") and not _not_applied(low, match, at):
            place = Place(match.start(), match.end(), "guideline named")
            return (StatedCategory("fleischner", None, edition(low, parts, "fleischner"), None, place, "it is named"),)
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
