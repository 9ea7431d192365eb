"""Of all places that name a category, the one that holds for this examination, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from .context import LEGEND, Mask, covered, masks, reasons
from .editions import edition, fleischner
from .mentions import Mention, mentions
from .modifier import s_modifier
from .neighbours import adopted, beside_code, of_now
from .phrases import any_of, listed, words
from .sections import Sentence, sentence_of
from .tables import picked, table_mentions
from .timelines import of_today
from .types import Place, StatedCategory
from .verdicts import BARE, TOLD, apart, beside, contradicted, overall, plain, present, two_of_one
from .withdrawals import RETRACTED, unchanged, withdrawn

Pair = tuple[Mention, Sentence]
EXAM = ", as the category of the examination"
_SOFT = frozenset({"past", "title", "attribute"})
_KIND = (
    re.compile(  # "the 4A nodule", "3-nodule": what a nodule is called, where the examination is not what is spoken of
        r"s?[\s\"')-]{1,2}(?:(?:rul|rml|rll|lul|lll|index|solid|part-solid|left|right) ){0,3}"
        r"(?:nodules?|lesions?|opacit\w+|observations?|mass(?:es)?|focus|foci|finding|study|scan"
        r"|screen\w*)\b(?P<gone>(?: [\w-]+){0,4}? (?:has|have|had|is|are|was)"
        r"(?: [\w-]+){0,2} (?:resolved|disappeared|cleared|regressed|vanished|gone|shrunk|shrunken|decreased"
        r"|smaller|benign))?"
        r"|s?[ ]{1,2}(?:decreased|stable|unchanged|resolved|smaller|shrunk|regressed|shrinking)\b"
    )
)
_KNOWN = re.compile(  # before a code: what was known
    r"\b(?:stable|unchanged|decreas\w+|resolved|smaller|(?:control|check|surveillance|re-?check"
    r"|re-?assessment) (?:of|for))"
    r"(?: (?:a|an|the|known|lung-rads|category|cat\.?|her|his|this|that)){0,3}[ ]$"
)
_UNJUDGED = frozenset({"0", "LR-NC", "LR-TR Nonevaluable"})
_NOT_JUDGED = re.compile(
    r"\b(?:cannot|can ?not|can't|could not|couldn't|not) (?:be )?(?:\w+ )?(?:categor|classif|evalua|assess|characteri"
    r"|judg|interpret|scor|grad|diagnos|complete)\w*[^.;]{0,40}$"
)
_IF = re.compile(r"\b(?:if|would|might|unless|ai|software)\b")
_BECAME = re.compile(r"\bto (?:a |an |now )?$|(?:->|=>|→)\s*$")  # what it changed to holds, whatever is told before it
_NO_CHANGE = re.compile(
    r"\b(?:compared?|not|refer\w*|due|according|assigned|allocated|belong\w*|correspond\w*|equal|equivalent"
    r"|attributed|amount\w*|similar) to "
)
_ROLES = {
    "history": "prior",
    "comparison": "prior",
    "technique": "technique",
    "legend": LEGEND,
    "machine": "hypothetical",
    "title": "title",
}
_APART = 160  # characters from one category of a legend to the next
_DEFINED = 3  # categories one after the other, each with its definition: a legend, no statement
_NEAR, _CUE_NEAR = 90, 45  # characters between a slip and what is said in its place

_TO = re.compile(r"\s*(?:in)?to (?:a |an |now )?(?:category )?")
_CHANGE = re.compile(
    r"\b(?:(?:revis|chang|amend|upgrad|downgrad|correct|rais|lower|reclassif|convert|mov)\w*|from)"
    r"(?: (?:it|this|the|my|our|category|from|report)){0,4} [\w -]{1,24}$"
)

_OBJECT = re.compile(r"disregard|delete|ignore|strike|scratch")
_WAS = re.compile(
    r"\b(?:previously|formerly|originally|initially|first|issued as|asks?|asked|whether|erroneously"
    r"|instead of|rather than)\b"
)


def corrected(low: str, end: int, start: int) -> bool:
    """Is what ends at ``end`` taken back by the words before what starts at ``start``?"""
    if not 0 <= start - end <= _NEAR:
        return False
    if _TO.fullmatch(low, end, start) and _CHANGE.search(low, max(0, end - 60), end):
        return True
    if re.fullmatch(r"\s*(?:(?:->|=>|→)\s*)?", low[end:start]) and re.match(r"\s*(?:->|=>|→)", low[end : start + 3]):
        return True
    cue = listed("context", "corrections", r"(?!\w)").search(low, end, start)
    if cue is None or start - cue.end() > _CUE_NEAR or cue.start() - end > _CUE_NEAR:
        return False
    if _OBJECT.fullmatch(cue[0]) and not re.search(r"[,.;:]", low[cue.end() : start]):
        return False  # "disregard 4A" takes back what follows
    return _WAS.search(low, cue.end(), start) is None


def codes(every: Iterable[Mention]) -> tuple[tuple[int, int], ...]:
    """Where the codes of the mentions stand: at their ends."""
    return tuple(
        sorted(
            {(max(one.start, one.end - len(one.category.split("-")[-1].removeprefix("TR"))), one.end) for one in every}
        )
    )


def in_context(low: str, parts: tuple[Sentence, ...], spans: tuple[Mask, ...]) -> tuple[tuple[Mention, Sentence], ...]:
    """Every mention with its sentence and every reason for which it may not hold."""
    every = sorted((*mentions(low), *table_mentions(low)), key=lambda one: one.start)
    ticked, menu = picked(low)
    now, others = of_today(low)
    every = sorted((*every, *ticked, *now), key=lambda one: one.start)
    spans = (*spans, *(Mask(*place, "prior") for place in others))
    found = [(one, at) for one in every if (at := sentence_of(parts, one.end - 1))]
    legend = _legend(low, [one for one, at in found if at.role != LEGEND]) | {
        one for one in every if one not in ticked and one.end in menu
    }
    dressed = [
        (one._replace(reasons=_reasons(low, one, at, spans) | ({LEGEND} if one in legend else set())), at)
        for one, at in found
    ]
    return tuple(_with_corrections(low, _with_doubts(low, _listed(low, withdrawn(low, dressed)))))


_LISTED = re.compile(r"\s?(?:,|/|\bor\b|\bnor\b|\band\b|, or|, nor)\s?(?:an? |category |lung-rads |new )?")
_SHARED = frozenset({"negated", "hypothetical", "prior"})


def _listed(low: str, found: list[Pair]) -> list[Pair]:
    """What takes the first of a list away ("no LR-5, LR-M or LR-TIV") takes away the rest."""
    dressed: list[Pair] = []
    for one, at in found:
        last = dressed[-1][0] if dressed else None
        if last and last.guideline == one.guideline and _LISTED.fullmatch(low, last.end, one.start):
            either = re.search(r"\bn?or\b", low[one.start - 4 : one.end + 40])
            shared = last.reasons & _SHARED if either else frozenset()
            dressed.append((one._replace(reasons=one.reasons | shared), at))
        else:
            dressed.append((one, at))
    return dressed


_OR = re.compile(
    r"(?:\s?(?:or|versus|vs\.?)\s|\s?[-/]\s?(?=4[abx]\b))(?:a |an |category |lung-rads |lr-?|us-)?"
    r"(?=(?:[0-4]|4[abx]|m|5)(?![\w/]|\.\d|\s?(?:mm|cm|mo|we|ye)))"
)


def _with_doubts(low: str, found: list[Pair]) -> list[Pair]:
    """ "3 or 4A" states neither."""
    doubtful: set[int] = set()
    for one, _ in found:
        if other := _OR.match(low, one.end):
            doubtful |= {one.end} | {m.end for m, _ in found if m.start <= other.end() < m.end}
    return [
        (one._replace(reasons=one.reasons | {"hypothetical"}), at) if one.end in doubtful else (one, at)
        for one, at in found
    ]


def _reasons(low: str, one: Mention, at: Sentence, spans: tuple[Mask, ...]) -> frozenset[str]:
    token = max(at.start, one.end - min(2, len(one.category)))
    called = _KIND.match(low, one.end, at.end)
    told = max(at.start, one.start) if one.rule == "changed to" else token  # "from 3 on the prior exam to 2"
    found = set(reasons(at, told, one.end) | covered(spans, token, one.end))
    found |= {m.reason for m in masks(at) if m.side == "before" and m.start <= token and one.end <= m.end}
    if "hypothetical" in found and adopted(low, one, at):
        found.discard("hypothetical")
    if of_now(low, one, at) and not _IF.search(at.low):
        found -= {"hypothetical", "prior", "past"}
    if one.category in _UNJUDGED and _NOT_JUDGED.search(low, at.start, one.start):
        found.discard("negated")  # "cannot be categorised, LR-NC"
    if at.role in _ROLES:
        found.add(_ROLES[at.role])
    before = low[max(at.start, one.start - 60) : one.start]
    if called and one.guideline != "lung-rads" and not called["gone"]:
        called = None  # these are of a lesion by nature
    if called or _KNOWN.search(before):
        found.add("prior" if called and called["gone"] else "attribute")
    if _BECAME.search(before) and not _NO_CHANGE.search(before):
        found -= {"past", "prior"}
    return frozenset(found | beside_code(low, one, at))


def _with_corrections(low: str, found: list[tuple[Mention, Sentence]]) -> Iterable[tuple[Mention, Sentence]]:
    following: dict[tuple[str, int], Mention] = {}  # within one part of the report: an addendum is headed "Correction:"
    afters: list[Mention | None] = []
    for one, at in reversed(found):
        afters.append(following.get((one.guideline, at.zone)))
        following[one.guideline, at.zone] = one
    last: dict[tuple[str, int], Mention] = {}
    for (one, at), after in zip(found, reversed(afters), strict=True):
        before = last.get((one.guideline, at.zone))
        last[one.guideline, at.zone] = one
        gone, stands = one.reasons, bool(before and corrected(low, before.end, one.start))
        gone = gone - {"negated", "prior", "past", "hypothetical", "quoted"} if stands else gone
        yield one._replace(reasons=gone | {RETRACTED} if after and corrected(low, one.end, after.start) else gone), at


@cache
def _definition() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """(what a category means, what is done for one that opens its clause), after codes that share it ("4B and 4X:")."""
    before = r"(?:[ ]?(?:and|or|,|/|&)[ ]?(?:lung-rads |category |lr-|us-|tr)?(?:[0-5][abx]?|m)(?!\w)){0,3}"
    return (
        any_of(words("categories")["definition"], before=before + r"[\s:=\-(,.|\"]{1,6}"),
        any_of(words("categories")["meaning"], before=before + r"[\s:\-(,]{1,4}"),
    )


_TIMED = re.compile(
    r"[ :=-]{1,3}(?:at most |at least |[<≤]=? ?)?\d{1,2}(?:[ -]{1,3}\d{1,2})?[ -]?(?:mo|wee|wk|year|yr)"
)
_DENIED = re.compile(r"\b(?:no|nor|not|without|or)\s(?:new |definite |an? )?$")
_OPENS = re.compile(r"(?:[.;,:\n(|]|\band|\bwhile|\bwhereas)[\s*•-]*$|^$")


def _defined(low: str, one: Mention) -> bool:
    meaning, step = _definition()
    if meaning.match(low, one.end):
        return not _boxed(low, one.start)
    if _TIMED.match(low, one.end):
        return True
    opens = _OPENS.search(low[max(0, one.start - 10) : one.start])
    return _equated(low, one) or bool(opens and step.match(low, one.end))


def _equated(low: str, one: Mention) -> bool:
    return low[one.end : one.end + 3].strip()[:1] == "="


def _boxed(low: str, start: int) -> bool:
    """Is it an entry of a list to tick?"""
    return bool(re.search(r"(?:[\])☐☑]|_)[ ]*$", low[max(0, start - 6) : start]))


def _legend(low: str, every: list[Mention]) -> frozenset[Mention]:
    """Categories in ascending order, close together, each followed by what it means or what is done for it."""
    found: set[Mention] = set()
    every = [one for one in every if not _DENIED.search(low, max(0, one.start - 16), one.start)]
    for guideline, order in words("categories")["order"].items():
        run: list[Mention] = []
        mine = [one for one in every if one.guideline == guideline]
        for one in mine if len({one.category for one in mine}) > 1 else ():
            defined = _defined(low, one)
            rises = bool(run) and order.index(run[-1].category) < order.index(one.category)
            rises = rises and one.start - run[-1].end < _APART and _equated(low, run[-1]) == _equated(low, one)
            if defined:
                run = [*run, one] if rises else [one]
            elif not (rises and "/" in low[run[-1].end : one.start]):
                run = []
            least = 2 if all(_equated(low, m) or _TIMED.match(low, m.end) for m in run) else _DEFINED
            found |= set(run) if len(run) >= least else set()
    return frozenset(found)


def stated(
    low: str, parts: tuple[Sentence, ...], found: tuple[Pair, ...]
) -> tuple[tuple[StatedCategory, ...], tuple[StatedCategory, ...]]:
    """(what each guideline is stated to give, statements that contradict each other)."""
    entries: list[StatedCategory] = []
    disputed: list[StatedCategory] = []
    kept = unchanged(parts)
    for guideline in words("categories")["order"]:
        mine = [pair for pair in found if pair[0].guideline == guideline]
        live = [pair for pair in mine if not pair[0].reasons - _SOFT and pair[1].zone not in kept] or [
            pair for pair in mine if not pair[0].reasons - _SOFT
        ]
        if not live:
            continue
        pool, why = _pool(live, low)
        firm = [pair for pair in live if not pair[0].reasons]
        excluding = guideline == "lung-rads" and {"0"} < {one.category for one, _ in pool}
        if guideline == "lung-rads" and contradicted(pool, firm):
            excluding, pool = True, firm or pool
        if not pool[0][1].zone and EXAM not in why and two_of_one(firm):
            excluding, pool = True, firm
        chosen = {one.category: one for one, _ in pool} if excluding else {"": _highest(guideline, pool)}
        for one in chosen.values():
            others = tuple(dict.fromkeys(m.category for m, _ in mine if m.category != one.category))
            (disputed if excluding else entries).append(_entry(low, parts, one, why, others))
    return (*entries, *fleischner(low, parts)), tuple(disputed)


def _pool(live: list[Pair], low: str) -> tuple[list[Pair], str]:
    """The statements among which the highest counts, and why they were taken."""
    firm = [pair for pair in live if not pair[0].reasons] or live
    several = len({one.category for one, _ in firm}) > 1
    weak = {one: beside(low, one, at) for one, at in firm} if several else {}
    firm = [pair for pair in firm if TOLD not in weak.get(pair[0], ())] or firm
    zone = max(at.zone for _, at in firm)
    pool = [pair for pair in firm if pair[1].zone == zone]
    why = "the only statement" if len(live) == 1 else "the last addendum" if zone else "the highest of the report"
    if zone == 0 and (conclusions := [pair for pair in pool if pair[1].role == "impression"]):
        pool, why = conclusions, "the conclusion"
    pool = [pair for pair in pool if BARE not in weak.get(pair[0], ())] or pool
    chosen = [pair for pair in pool if overall(low, *pair)]
    now = [pair for pair in pool if present(low, *pair)]
    if not chosen and not apart(now, pool):
        chosen = now
    if chosen:
        why = why + EXAM
        pool = chosen if len({one.category for one, _ in chosen}) == 1 else chosen[-1:]
    return (plain(low, pool) if len({one.category for one, _ in pool}) > 1 else pool), why


def _highest(guideline: str, pool: list[Pair]) -> Mention:
    order = words("categories")["order"][guideline]
    return max((one for one, _ in pool), key=lambda one: (order.index(one.category), -one.start))


def _entry(low: str, parts: tuple[Sentence, ...], one: Mention, why: str, others: tuple[str, ...]) -> StatedCategory:
    modifier = s_modifier(low, parts, one) if one.guideline == "lung-rads" else (None, None)
    named = edition(low, parts, one.guideline)
    place = Place(one.start, one.end, one.rule)
    return StatedCategory(one.guideline, one.category, named[0], modifier[0], place, why, others, named[1], modifier[1])
