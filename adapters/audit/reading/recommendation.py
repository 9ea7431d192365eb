"""What the report asks for next: candidates sentence by sentence, ranked, the first of the best taken."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from .categories import corrected
from .context import Mask, covered, masks
from .dates import Dated, until
from .intervals import Span, at_once, lengths
from .modalities import Step, steps
from .phrases import any_of, listed, words
from .sections import Sentence
from .types import Place, Recommended

_CONCLUDING = frozenset({"impression", "body", "aside"})
_SKIPPED = frozenset({"history", "comparison", "technique", "legend", "title"})
_ENDS = re.compile(
    r",? (?:followed by|then|afterwards|thereafter|subsequent\w*|with subsequent|and then|before|prior to)\b|\.\s|;"
)


_WISHED = re.compile(r"would be (?:appropriate|recommended|advised|suggested|reasonable|prudent|advisable|sensible)")
_CONDITION = re.compile(r"\b(?:if|should|had|otherwise|unless|were|in case|then)\b")


@dataclass(frozen=True, slots=True)
class Context:
    """What a whole report gives every candidate."""

    low: str
    spans: tuple[Mask, ...]
    exam: Dated | None
    lung: bool
    category_at: int | None = None
    liver: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may recommend, and what it names; ``rank`` orders: higher first, then the place."""

    at: Sentence
    step: Step | None
    span: Span | None
    rank: tuple[int, ...]


def _concluding(context: Context, at: Sentence, roles: set[str]) -> Sentence:
    """Without a heading for it, the conclusion begins where the category of the examination is stated."""
    after = context.category_at is not None and at.end > context.category_at and at.role in roles
    return replace(at, role="impression") if after else at


@cache
def _taken_back() -> re.Pattern[str]:
    return listed("modalities", "taken_back")


@cache
def _replaced() -> re.Pattern[str]:
    return any_of(words("modalities")["replaced"])


def recommended(context: Context, parts: tuple[Sentence, ...]) -> Recommended | None:
    """The first of the firmest recommendations of the last part that has one; None where nothing is asked for."""
    roles = {"body"} if any(at.role == "impression" for at in parts) else {"body", "findings"}
    usable = [_concluding(context, at, roles) for at in parts if at.role not in _SKIPPED]
    found = [one for index, at in enumerate(usable) if (one := _candidate(context, at, usable[index + 1 : index + 2]))]
    denied = next((at for at in usable if _none(context, at)), None)
    if not found:
        return _nothing(denied) or _referenced(context, usable)
    best = max(found, key=lambda one: (*one.rank, -one.at.start))
    if denied and best.step and best.step.modality == "other":
        return _nothing(denied)
    return _answer(best, len(found))


def _answer(best: Candidate, count: int) -> Recommended:
    interval = Place(best.span.start, best.span.end, best.span.rule) if best.span else None
    modality = Place(best.step.start, best.step.end, "word for a step") if best.step else None
    why = "the only recommendation" if count == 1 else f"the first of the firmest of {count}"
    return Recommended(
        best.span.months if best.span else None,
        best.step.modality if best.step else None,
        False,
        interval,
        modality,
        why,
    )


def _nothing(at: Sentence | None) -> Recommended | None:
    return Recommended(None, None, True, None, None, "it says that nothing is needed") if at else None


def _referenced(context: Context, usable: list[Sentence]) -> Recommended | None:
    if any(listed("modalities", "by_reference").search(at.low) for at in usable):
        return Recommended(None, None, False, None, None, "by reference to a guideline only")
    return None


def _none(context: Context, at: Sentence) -> bool:
    match = listed("modalities", "none").search(at.low)
    return (
        bool(match)
        and not _conditional(at, at.start + match.start())
        and not covered(context.spans, at.start, at.start + 1)
        if match
        else False
    )


def _conditional(at: Sentence, place: int) -> bool:
    after = at.low[place - at.start :]
    return any(m.start <= place < m.end and m.reason == "hypothetical" for m in masks(at)) or bool(
        re.search(r"\bif\b", after[:60])
    )


def _candidate(context: Context, at: Sentence, following: list[Sentence]) -> Candidate | None:
    live = [
        one for one in steps(context.low, at.start, at.end, context.lung) if not _out(context, at, one.start, one.end)
    ]
    times = _times(context, at)
    strong = bool(listed("modalities", "strong").search(at.low))
    if not _counts(at, live, times, strong):
        return None
    step = next(iter(_ordered(live)), None)
    span = _interval_of(context.low, at, step, live, times)
    if span is None and step is not None and following and following[0].zone == at.zone:
        span = _time_of_next(context, following[0])
    return Candidate(at, step, span, _rank(context, at, step, span, strong)) if step or span else None


def _ordered(live: list[Step]) -> list[Step]:
    imaging = [one for one in live if one.modality != "other"]
    return imaging or live


def _counts(at: Sentence, live: list[Step], times: list[Span], strong: bool) -> bool:
    if not live and not times:
        return False
    if strong and (at.role in _CONCLUDING or times or live):
        return True
    if at.role == "impression":
        return bool(live and times) or _brief(at, live)
    return at.role in ("body", "aside") and bool(live and times) and len(at.low) < 70


def _brief(at: Sentence, live: list[Step]) -> bool:
    """In a conclusion a step alone is a request ("PET/CT.", "Tumor board.") or has a weak word with it."""
    return bool(live) and (len(at.low.strip()) < 45 or bool(listed("modalities", "weak").search(at.low)))


def _times(context: Context, at: Sentence) -> list[Span]:
    spans = [*lengths(context.low, at.start, at.end), *until(context.low, at.start, at.end, context.exam)]
    kept = [one for one in spans if not _out(context, at, one.start, one.end)]
    kept = [
        one
        for one in kept
        if not any(corrected(context.low, one.end, other.start) for other in kept if other.start > one.start)
    ]
    return sorted(kept, key=lambda one: one.start)


def _out(context: Context, at: Sentence, start: int, end: int) -> bool:
    """Is it conditional, past, quoted, declined, or named only as what something else replaces?"""
    reasons = {mask.reason for mask in masks(at) if mask.start <= start and end <= mask.end} & {"hypothetical", "prior"}
    if _WISHED.search(at.low) and not _CONDITION.search(at.low):
        reasons -= {"hypothetical"}
    if covered(context.spans, start, end):
        return True
    if reasons:
        return True
    before = context.low[max(at.start, start - 48) : start]
    clause = _clause(at, start, end)
    return bool(
        re.search(
            (
                rf"{_replaced().pattern}[\s\"]*(?:a |an |the |any |further |previous |routine "
                rf"|reference to |(?!months?|weeks?|years?)[a-z-]+ ){{0,2}}$|\bno (?:\w+ "
                rf"){{1,3}}(?:needing|requiring|warranting|to warrant|to require) (?:\w+ "
                rf")?(?:ct/)?$"
            ),
            before.split(",")[-1],
        )
    ) or bool(_taken_back().search(clause))


def _clause(at: Sentence, start: int, end: int) -> str:
    stops = [
        0,
        *(
            m.end()
            for m in re.finditer(
                (
                    r"[,;:()]\s|\bbut\b|\band\b(?= (?:he|she|the patient|is|has|low|ldct|ct|"
                    r"mri|a|an|the|pet|us|repeat|continue|return|annual|yearly|routine)\b)|\btherefore\b|"
                    r"\binstead\b"
                ),
                at.low,
            )
        ),
        len(at.low),
    ]
    first = max((stop for stop in stops if stop <= start - at.start), default=0)
    last = min((stop for stop in stops if stop >= end - at.start), default=len(at.low))
    return at.low[first:last]


def _interval_of(low: str, at: Sentence, step: Step | None, live: list[Step], times: list[Span]) -> Span | None:
    near = [one for one in times if step is None or _together(low, step, one, live)]
    if near:
        return near[0]
    urgent = [
        one
        for one in at_once(low, at.start, at.end)
        if step is not None and _together(low, step, one, live) and not _turning(low, at, one)
    ]
    return urgent[0] if urgent else None


def _turning(low: str, at: Sentence, one: Span) -> bool:
    """ "now" that speaks of the findings ("now Lung-RADS 3", "is now larger"), not of the step."""
    return bool(
        re.match(
            (
                r"\s?(?:lung|l-?rads|lr|category|cat|measur|\d|stable|larger|smaller|visible|"
                r"seen|demonstrat|shows?|to be classified)"
            ),
            low[one.end : one.end + 18],
        )
    )


def _together(low: str, step: Step, span: Span, live: list[Step]) -> bool:
    first, last = (step.end, span.start) if step.end <= span.start else (span.end, step.start)
    if first > last:
        return True
    between = [one for one in live if one is not step and first <= one.start < last and one.modality != step.modality]
    joined = all(re.search(r"(?:\bor\b|\band\b|/)[\w\s/-]{0,12}$", low[first : one.start]) for one in between)
    return (not between or joined) and not (step.end <= span.start and _ENDS.search(low, first, last))


def _time_of_next(context: Context, at: Sentence) -> Span | None:
    """An interval that stands in a sentence of its own right after ("Interval: 6 months.")."""
    if len(at.low) > 70 or steps(context.low, at.start, at.end, context.lung):
        return None
    times = _times(context, at)
    named = re.match(
        r"[^\w]*(?:interval|timing|time ?frame|when|due|in|follow[\s-]?up|after|at|within|next|recall)\b", at.low
    )
    return times[0] if times and named else None


def _rank(context: Context, at: Sentence, step: Step | None, span: Span | None, strong: bool) -> tuple[int, ...]:
    optional = listed("modalities", "optional").search(at.low) is not None and not re.search(
        r"recommend|advis|suggest", at.low
    )
    elsewhere = (
        context.lung
        and not context.liver
        and listed("modalities", "off_target").search(at.low) is not None
        and not (step and step.modality == "ldct")
    )
    imaging = step is not None and step.modality != "other"
    place = 1 if at.role == "impression" or strong else 0
    return (
        0 if elsewhere else 1,
        at.zone,
        0 if optional else 1,
        1 if imaging or (step is None and span) else 0,
        place,
        1 if at.role != "findings" else 0,
    )
