"""What the report asks for next: candidates sentence by sentence, ranked, the first of the best taken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .context import covered, masks
from .intervals import Span, at_once
from .modalities import SAME, Step
from .phrases import listed
from .requests import Report, holds, times
from .sections import SAYS, Sentence, sentence_of
from .telling import ADVISED, TELLS, told
from .types import Place, Recommended

_SKIPPED = frozenset({"history", "machine", "comparison", "technique", "legend", "title"})
_BRIEF = 45  # characters of a sentence that names a step and nothing else
_MARK = 2  # what may follow of a sentence that ends there
_BARE = 6  # beside a time, of a sentence that gives nothing else
_NEXT = 20  # between a step and the word that says at once
_LONG = 70  # of one that rather describes
_ENDS = re.compile(
    r",? (?:followed by|then|afterwards|thereafter|subsequent\w*|with subsequent|and then|(?:before"
    r"|prior to) (?=biops|pet|surg|resect|any|further|consider|tissue|treat))\b|;"
    r"|\band an? $"
)
_JOINED = re.compile(r"(?:\bor\b|\band\b|/)[\w\s,/-]{0,20}$|[+&] ?$")
_AGAIN = re.compile(r"\b(?:follow[\s-]?up|f/?u|fu|controls?|review|surveillance|re-?(?:scan|image|check|assess))\b")
_NORMAL = re.compile(r"\b(?:normal|unremarkable|negative|limited|abnormal|satisfactory|completed?)\b")
_CHOSEN = re.compile(  # after what may be done, what is
    r"(?:[-,;] )please (?=(?:ld|pet)?[\s/-]?ct|mri|us\b|ultra|repeat|low)|\b(?:we|i)(?: will"
    r"|'ll)? (?:book|take|go for|do|aim)\b"
    r"|\b(?:(?:we|i) (?:choose|chose|prefer|favou?r|opt(?:ed)? for|suggest|recommend|advise|would(?! be))"
    r"|so (?:one|a|the next|repeat|next|ct|ldct|mri|us|pet|ultrasound)\b|therefore|hence|thus)\b"
)
_IF = re.compile(r"\bif\b")
_TURNING = re.compile(
    r"\s?(?:lung|l-?rads|lr|category|cat|measur|\d|stable|larger|smaller|visible|seen|demonstrat|shows?"
    r"|to be classified)"
)
_NOW = re.compile(  # what follows a "now" that is the time of a step
    r"\s*(?:$|[^\w\s]|(?:and|or|rather|instead|because|since|as|given|for|to|with|then|please|plus|recommended|advised"
    r"|required|needed|indicated|due|suggested|before|by|via|please|pls|plz|followed)\b)"
)
_TIMED = re.compile(
    r"(?:\W*\d{1,2}[.)])?\W*(?:(?:recommended|suggested|proposed|advised|screening|follow-?up|imaging|scan"
    r"|rescan|the) ){0,3}(?:interval|timing|time ?frame|when|due|in|follow[\s-]?up|after|at|within|next"
    r"|recall|(?:would |to )?aim)\b"
)


_NOT_THAT = re.compile(
    r"\b(?:do|would|did|does) not (?:recommend|advise|suggest|propose|pursue|favou?r) (?:it|this|that"
    r"|one)\b|\b(?:patient|she|he) (?:has |have )?(?:declin|refus)\w+\b(?! (?:\w+ )?(?:smok|cessation"
    r"|referral|biops|contrast|surg|vaccin|sedation|treatment|counsel|gadolin))"
)
_CITES = re.compile(  # what a guideline would do; what the writer does counts before it
    r"\b(?:fleischner|bts|acr|nccn|brock|guid\w+|lung-?rads|li-?rads"
    r"|protocol)\b[\w\s,()-]{0,90}\b(?:would|allows?|suggests?|recommends?"
    r"|advises?|says?|permits?|offers?|asks?|calls?|gives?)\b|\bas (?:advised|recommended"
    r"|suggested) (?:in|by)\b|\b(?:usual|normal|standard) (?:course|interval|practice|advice)\b"
    r"|\bwould (?:normally|usually|ordinarily)\b"
)
_FIELD = re.compile(
    r"\W*(?:[\w-]+ ){0,2}(?:interval|timing|time ?frame|recall|due|next|management|follow-?up"
    r"|outcome)(?: [\w-]+){0,2}[ ]?[:=]"
)
_FIRST = re.compile(r"\W*(?:the )?(?:first|next) (?:one|scan|of these)\b")
_FAVOURED = re.compile(
    r"\s(?:is |are |being )?(?:preferred|preferable|favou?red|chosen|would be (?:better|best)|is best)\b"
)
_RESTATED = re.compile(
    r"\W*(?:(?:first|next) (?:one|scan|of these)|that is|which is|i\.?e\.?|so|meaning|this means|that means)\b"
)
_PREFERS = re.compile(
    r"\W*(?:we|i)(?: have| will| would|'d|'ll)?(?: therefore| here)? (?:choose|chose|chosen|prefer"
    r"|opt|favou?r|settle|pick|take)\w*\b"
)
_CODE_BEFORE = re.compile(r"_s?[ ]{0,2}[,;:(>=-]{1,3}[ ]{0,2}(?:in )?$")  # "Lung-RADS 3, 6 months."
_CODED = re.compile(
    r"\b(?:lung|li|ti|l|us)?-?\s?rads(?: (?:category|cat|score))?[ :=#-]{0,3}|\bcat(?:egory)?\.? ?|lr-?(?=\d)"
)
_WORD, _WISH = "word for an interval", re.compile(r"[ ]?(?:if possible|if feasible|ideally|if at all)")
_FROM_NOW = re.compile(r",? from (?:now|today|this (?:exam\w*|scan|study))\b")
_THAT_IS = re.compile(
    r"\b(?:i\.?e\.?|that is|in other words|namely|to be exact|meaning|which is)[ ,]{1,2}(?:in |at |after )?$"
)
_AT_ONCE = re.compile(
    r"(?:[ ]of(?: the)?)?(?:[ ,]{1,2}\w[\w-]*(?: and)?){0,4}[ ,]{0,2}"
)  # "CT of chest and abdomen urgently"
_URGENT = re.compile(
    r"\b(?:urgent|immediate|emergency)(?: [\w/-]+){1,4} (?:(?:is|are) )?(?:advised|recommended"
    r"|suggested|required|needed|indicated|warranted)\b"
)
_OWN = re.compile(r"\b(?:i|we)(?:'d| would)? (?:suggest|recommend|advise|propose|choose|prefer|opt|favou?r|ask)\b")
_ELSE = re.compile(  # an interval that is not counted from this examination
    r"\s(?:time )?(?:from|after|of|since) (?:the |her |his |that )?(?:baseline|index|initial|original"
    r"|first)\b|[\s-](?:mark|point)\b"
)


class Candidate(NamedTuple):
    """A sentence that may recommend, and what it names; ``rank`` orders: higher first, then the place."""

    at: Sentence
    step: Step | None
    span: Span | None
    rank: tuple[int, ...]
    strong: bool  # a word of it announces a recommendation


def recommended(report: Report) -> Recommended | None:
    """The first of the firmest recommendations of the last part that has one; None where nothing is asked for."""
    roles = {"body"} if report.concluded else {"body", "findings"}
    usable = [_concluding(report, at, roles) for at in report.parts if at.role not in _SKIPPED]
    found = [one for n, at in enumerate(usable) if (one := _candidate(report, at, usable[n + 1 : n + 3]))]
    denied = _denied(report)
    if not found:
        return _nothing(denied) or _referenced(usable)
    best = max(found, key=lambda one: (*one.rank, -one.at.start))
    if denied and denied.zone > best.at.zone:
        return _nothing(denied)
    if denied and (best.span is None or (best.step and best.step.modality == "other")) and not best.strong:
        return _nothing(denied)
    return _answer(report, best, len(found))


def _concluding(report: Report, at: Sentence, roles: set[str]) -> Sentence:
    """Without a heading for it, the conclusion begins where the category of the examination is stated."""
    after = report.category_at is not None and at.end > report.category_at and at.role in roles
    return at._replace(role="impression") if after else at


def _answer(report: Report, best: Candidate, count: int) -> Recommended:
    step, span = best.step, best.span
    modality = (report.own if step.modality == SAME else step.modality) if step else None
    why = "the only recommendation" if count == 1 else f"the first of the firmest of {count}"
    interval_place = Place(span.start, span.end, span.rule) if span else None
    modality_place = Place(step.start, step.end, "word for a step") if step and modality else None
    return Recommended(span.months if span else None, modality, False, interval_place, modality_place, why)


def _nothing(at: Sentence | None) -> Recommended | None:
    if at is None:
        return None
    place = Place(at.start, at.end, "nothing is needed")
    return Recommended(None, None, True, None, None, "it says that nothing is needed", place)


def _referenced(usable: Sequence[Sentence]) -> Recommended | None:
    if any(listed("modalities", "by_reference").search(at.low) for at in usable):
        return Recommended(None, None, False, None, None, "by reference to a guideline only")
    return None


def _denied(report: Report) -> Sentence | None:
    """The first sentence that says that nothing is needed."""
    for match in listed("modalities", "none").finditer(report.low):
        at = sentence_of(report.parts, match.start())
        if at is None or at.role in _SKIPPED or covered(report.spans, at.start, at.start + 1):
            continue
        if not _conditional(at, match.start()):
            return at
    return None


def _conditional(at: Sentence, place: int) -> bool:
    after = at.low[place - at.start :]
    return any(m.start <= place < m.end and m.reason == "hypothetical" for m in masks(at)) or bool(
        _IF.search(after[:60])
    )


def _candidate(report: Report, at: Sentence, following: Sequence[Sentence]) -> Candidate | None:
    named, strong, timed = report.steps.get(at.number, ()), at.number in report.strong, at.number in report.timed
    if not (named or strong or timed or at.role == "impression"):
        return None
    spans = times(report, at)
    if not (named or spans):
        return _urgently(report, at) if at.role == "impression" else None
    strong = strong or (timed and bool(spans))
    first = at.start if at.number or strong else _after_name(at)
    live = [one for one in named if one.start >= first and holds(report, at, one.start, one.end)]
    if not (live or spans) or told(at, bool(live and strong)):
        return None
    chosen = _CHOSEN.search(report.low, at.start, at.end)
    if chosen and (later := [one for one in live if one.start >= chosen.end()]):
        live, spans = later, [one for one in spans if one.start >= chosen.end()]
    if not _counts(report, at, live, spans, strong) or (following and _declined(report, following[0])):
        return None
    step, span = _timed_step(report.low, at, live, spans)
    span = _counted_from_now(report, at, step, span, following)
    return Candidate(at, step, span, _rank(report, at, step, span, strong), strong) if step or span else None


def _urgently(report: Report, at: Sentence) -> Candidate | None:
    """What is asked for at once, though it is no examination ("Urgent embolisation advised")."""
    said = _URGENT.search(report.low, at.start, at.end)
    now = next(iter(at_once(report.low, said.start(), said.end())), None) if said else None
    if now is None or not holds(report, at, now.start, now.end):
        return None
    return Candidate(at, None, now, _rank(report, at, None, now, True), True)


def _timed_step(low: str, at: Sentence, live: Sequence[Step], spans: Sequence[Span]) -> tuple[Step | None, Span | None]:
    """The step of a sentence and its time; of several steps without a time the first, else the first with one."""
    step = _first(live)
    span = _interval_of(low, at, step, live, spans)
    if span or not spans:
        return step, span
    pairs = ((one, _interval_of(low, at, one, live, spans)) for one in live if one.modality != "other")
    return next(((one, time) for one, time in pairs if time), (step, span))


def _counted_from_now(
    report: Report, at: Sentence, step: Step | None, span: Span | None, following: Sequence[Sentence]
) -> Span | None:
    """The interval, or that of the sentences after it where it has none or counts from another examination."""
    chosen = following and following[0].zone == at.zone and _PREFERS.match(following[0].low)
    if (
        span is None
        or chosen
        or _ELSE.match(report.low, span.end, at.end)
        or (following and _FIRST.match(following[0].low))
    ):
        again = following and (chosen or _RESTATED.match(following[0].low))
        restated = again and next(iter(times(report, following[0])), None)
        span = restated or span
    if span is None and step is not None:
        return next((one for f in following if f.zone == at.zone and (one := _time_of_next(report, f))), None)
    return span


def _declined(report: Report, at: Sentence) -> bool:
    """Does the next sentence take back what this one asks for ("I do not recommend it")?"""
    said = _NOT_THAT.search(at.low)
    return bool(said) and not _IF.search(at.low) and not covered(report.spans, at.start + said.start(), at.end - 1)  # type: ignore[union-attr]


def _after_name(at: Sentence) -> int:
    """Where the first sentence has named the examination; what stands before is none of its requests."""
    says = SAYS.search(at.low)
    return at.start + says.start() if says else at.start


def _first(live: Sequence[Step]) -> Step | None:
    """An examination before "rescan" before a referral."""
    order = {"other": 3, "biopsy": 2, SAME: 1}
    return min(live, key=lambda one: order.get(one.modality, 0), default=None)


def _counts(report: Report, at: Sentence, live: Sequence[Step], spans: Sequence[Span], strong: bool) -> bool:
    """Does a sentence ask for something? A step with its time does by itself, wherever it cannot be a description."""
    if strong:
        return bool(live) or (bool(spans) and not listed("modalities", "off_target").search(at.low))
    if not live:
        timed = (
            _again(at, spans) or _only_time(report.uncoded, at, spans[0]) or bool(_FIELD.match(at.low))
            if spans
            else False
        )
        return at.role == "impression" and timed
    if at.role == "impression":
        return bool(spans) or _brief(at) or _urgent(report.low, at, live)
    described = report.category_at is not None and at.end <= report.category_at and len(at.low) >= _LONG
    if described or (at.role == "findings" and report.concluded and (not spans or len(at.low.strip()) > _BRIEF)):
        return False
    return bool(spans) or any(not _opens(report.low, at, one) for one in at_once(report.low, at.start, at.end))


def _urgent(low: str, at: Sentence, live: Sequence[Step]) -> bool:
    """Is a step named with "now" right after it ("liver biopsy now"), which is its time?"""
    now = [one for one in at_once(low, at.start, at.end) if low[one.start : one.end] != "today"]
    now = [one for one in now if not _turning(low, at, one) and not _NORMAL.search(at.low)]
    return any(0 <= one.start - step.end <= _NEXT for step in live for one in now) or any(
        _AT_ONCE.fullmatch(low, min(one.end, step.end), max(one.start, step.start))
        for step in live
        for one in now
        if low[one.start : one.end] != "now"
    )


def _opens(low: str, at: Sentence, one: Span) -> bool:
    """Does "now" or "today" open the sentence? Then it tells of this examination."""
    return low[one.start : one.end] in ("now", "today") and not low[at.start : one.start].strip()


def _again(at: Sentence, spans: Sequence[Span]) -> bool:
    """Whether it asks: "Control after half a year" does, "6 month follow-up of a nodule" is what this exam was."""
    word = _AGAIN.search(at.low)
    if word is None:
        return False
    return at.start + word.start() < spans[0].end or len(at.low[word.end() :].strip(" .\n")) < _MARK


def _only_time(uncoded: str, at: Sentence, span: Span) -> bool:
    """Does it say a time and nothing else ("1 yr.", "Annual f/u.")?"""
    if _CODE_BEFORE.search(uncoded, at.start, span.start) and len(at.low[span.end - at.start :].strip(" .;\n")) < _BARE:
        return True
    rest = _CODED.sub("", at.low[: span.start - at.start]) + _AGAIN.sub("", at.low[span.end - at.start :])
    return len(re.sub(r"\W", "", rest)) < _BARE


def _brief(at: Sentence) -> bool:
    """In a conclusion a step alone is a request ("PET/CT.", "Tumor board.") or has a weak word with it."""
    short = len(at.low.strip()) < _BRIEF
    return not _NORMAL.search(at.low) and (short or bool(listed("modalities", "weak").search(at.low)))


def _interval_of(low: str, at: Sentence, step: Step | None, live: Sequence[Step], spans: Sequence[Span]) -> Span | None:
    chosen = _CHOSEN.search(low, at.start, at.end) if len(spans) > 1 else None
    after = [one for one in spans if chosen and one.start >= chosen.end()]
    spans = [one for one in spans if not _ELSE.match(low, one.end, at.end)] or spans
    favoured = [one for one in spans if _FAVOURED.match(low, one.end, at.end)] if len(spans) > 1 else []
    after = after or favoured
    if len(spans) > 1 and spans[0].rule == _WORD and (dated := [one for one in spans if _FROM_NOW.match(low, one.end)]):
        spans = dated  # "the annual scan, six months from now"
    if len(spans) > 1 and _THAT_IS.search(low, spans[0].end, spans[1].start):
        spans = spans[1:]  # what it says more exactly
    near = next((one for one in after or spans if after or step is None or _together(low, step, one, live)), None)
    if step is None:
        return near
    urgent = (one for one in at_once(low, at.start, at.end) if _together(low, step, one, live))
    soon = next((one for one in urgent if not _turning(low, at, one)), None)
    return soon if near is None or (soon and _nearer(low, step, near, soon)) else near


def _nearer(low: str, step: Step, near: Span, soon: Span) -> bool:
    """Does "at once" belong to the step, and the length of time to another, or only as a wish ("if possible")?"""
    other = near.end <= step.start and bool(re.search(r"\band\b", low[near.end : step.start]))
    return (other and 0 <= soon.start - step.end <= 1) or bool(_WISH.match(low, near.end))


def _turning(low: str, at: Sentence, one: Span) -> bool:
    """Does "now" speak of the findings ("now Lung-RADS 3", "is now larger") and not of the step?"""
    if low[one.start : one.end] == "now" and not _NOW.match(low, one.end, at.end):
        return True
    return bool(_TURNING.match(low, one.end, min(one.end + 18, at.end)))


def _together(low: str, step: Step, span: Span, live: Sequence[Step]) -> bool:
    first, last = (step.end, span.start) if step.end <= span.start else (span.end, step.start)
    if first > last:
        return True
    between = [one for one in live if first <= one.start < last and one.modality not in (step.modality, SAME)]
    joined = all(_JOINED.search(low[first : one.start]) for one in between if one is not step)
    return joined and not (step.end <= span.start and _ENDS.search(low, first, last))


def _time_of_next(report: Report, at: Sentence) -> Span | None:
    """An interval that stands in a sentence of its own right after ("Interval: 6 months.")."""
    if len(at.low) > _LONG or at.number in report.steps or TELLS.search(at.low):
        return None
    timed, first = _TIMED.match(at.low), next(iter(times(report, at)), None)
    alone = first and len(at.low.strip(" \n.")) - (first.end - first.start) < _BARE
    return first if timed or alone else None


def _rank(report: Report, at: Sentence, step: Step | None, span: Span | None, strong: bool) -> tuple[int, ...]:
    optional = listed("modalities", "optional").search(at.low) and not ADVISED.search(at.low)
    elsewhere = (
        report.lung
        and not report.liver
        and not (step and step.modality == "ldct")
        and listed("modalities", "off_target").search(at.low)
    )
    named = step is not None and step.modality not in ("other", "biopsy", SAME)
    imaging = named or (span is not None and (step is None or step.modality == SAME))
    asked = strong or (step is not None and span is not None)
    concluding = max(2 * (at.role == "impression"), strong)
    cited = _CITES.search(at.low) and not _OWN.search(at.low)
    return (
        *map(
            int,
            (
                not elsewhere,
                at.zone if asked or imaging else 0,
                not optional,
                not cited and not (span and _ELSE.match(report.low, span.end, at.end)),
                asked,
                imaging,
                span is not None,
                concluding,
                at.role != "findings",
            ),
        ),
    )
