"""What a sentence may ask for: the steps and the times that it names and that hold for what comes next."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from .categories import corrected
from .context import Mask, covered, reasons
from .dates import Dated, exam_date, until
from .intervals import Span, lengths
from .modalities import Step, steps
from .phrases import any_of, listed, speaks_of, words
from .sections import Sentence, sentence_of

LUNG = re.compile(r"ldct|low[\s-]*dose|lung (?:cancer )?screen|lung health")
LIVER = re.compile(r"li[\s-]?rads|\blr-?\d|hepatocellular|hcc|liver (?:ct|mri|protocol|surveillance)|us-[123]")
_LOW_RISK, _HIGH_RISK = re.compile(r"\blow[\s-]risk\b"), re.compile(r"\bhigh[\s-]risk\b")
_RISK = re.compile(r"\b(?:low|high)[\s-]risk\b")
_WISHED = re.compile(r"(?:would|could|can|may|might) be\b")
_CONDITION = re.compile(
    r"\b(?:if|should (?:the|it|this|there|they|he|she|any|growth|symptoms)|had|otherwise|unless|were|in case|then)\b"
)
_PAST_STEP = re.compile(
    r"\s(?:chest |thorax |liver |scan )?(?:of|from|dated|performed|done)(?: in| on)?\s(?:the )?(?:\d{1,2}[/. ]){0,2}"
    r"(?:[a-z]{3,9}\.? )?(?:19|20)\d\d\b"
)
_DECLINED = re.compile(
    r"\b(?:declin|refus)\w*\s(?:both |the |any |further )*[\w/-]+(?: \w+)?\s(?:and|or|nor)\s[\w/-]+$"
)
_DROPPED = re.compile(r"\b(?:disregard|ignore|delete|remove|scrap|void|overwrite|strike out)\b[^.;,]{0,60}$")
_ABOVE = re.compile(r":\s*$|\b(?:as|see) (?:above|report|text|findings)\b")
_SHOWED = re.compile(
    r"(?:(?!since|because|\bas\b)[\w\s-]){0,24}\b(?:show(?:s|ed)|demonstrate[sd]|reveal(?:s|ed)"
    r"|confirm(?:s|ed)(?= \w)|document(?:s|ed)"
    r"|looks\b|is back|has come back|arrived"
    r"|is (?:negative|normal|stable|unchanged|reassuring)|was (?:negative|normal|stable|unchanged|clear|reported))\b"
)
_BOTH = re.compile(  # "MRI rather than ultrasound in 6 months": the time is that of both
    r"(?:rather than|instead of|in place of) (?:an? |the )?(?:ultrasound|us|ct|mri|pet/?-?ct|ldct"
    r"|cxr) (?:in|at|after) $"
)
_MEANS = re.compile(r"s?\)?[ ]?(?:[:=]|,(?! (?:and|with|so|but)\b)|->|→)")
_FROM, _TO = re.compile(r"\bfrom (?:a |an |the )?$"), re.compile(r"[^.,;]{0,40}?\bto\b")
_CLAUSES = re.compile(
    r"[,;:()]\s|\bbut\b|\band\b(?= (?:he|she|the patient|is|has|low|ldct|ct|mri|a|an|the|pet|us|repeat|continue|return"
    r"|annual|yearly|routine)\b)|\band that\b|\btherefore\b|\binstead\b|\b(?:in place of|in lieu of"
    r"|rather than|as opposed to)\b"
)
Named = tuple[Sentence, Sequence[Step]]


@dataclass
class Report:
    """What the whole report gives every sentence of it; what few sentences ask for is found when it is asked for."""

    low: str
    parts: tuple[Sentence, ...]
    spans: tuple[Mask, ...]
    category_at: int | None  # where the category of the examination stands
    codes: tuple[tuple[int, int], ...] = ()  # places of the categories
    stated: frozenset[int] = frozenset()  # where the codes of the examination's categories end

    @cached_property
    def uncoded(self) -> str:
        """The text without the codes of its categories, which are no numbers of months ("3 - 6 month CT")."""
        pieces, last = [], 0
        for start, end in self.codes:
            if start >= last:
                pieces += [self.low[last:start], "_" * (end - start)]
                last = end
        return "".join((*pieces, self.low[last:]))

    @cached_property
    def exam(self) -> Dated | None:
        """The day of the examination."""
        return exam_date(self.low)

    @cached_property
    def liver(self) -> bool:
        """Is it of the liver?"""
        return bool(LIVER.search(self.low))

    @cached_property
    def by_risk(self) -> bool:
        """Does it tell of low and of high risk, and leave open which this is?"""
        return bool(_LOW_RISK.search(self.low) and _HIGH_RISK.search(self.low))

    @cached_property
    def lung(self) -> bool:
        """Is it of the lungs?"""
        return bool(LUNG.search(self.low) or speaks_of(self.low, "lung-rads"))

    @cached_property
    def concluded(self) -> bool:
        """Is there a conclusion, so that what stands in the findings is none?"""
        return any(at.role == "impression" and not _ABOVE.search(at.low) for at in self.parts)

    @cached_property
    def steps(self) -> dict[int, list[Step]]:
        """The steps by the number of their sentence."""
        return by_sentence(self.parts, steps(self.low, 0, len(self.low), self.lung))

    @cached_property
    def strong(self) -> frozenset[int]:
        """The sentences with a word that announces a recommendation."""
        return self._with("strong")

    @cached_property
    def timed(self) -> frozenset[int]:
        """The sentences with a word that announces one beside a time."""
        return self._with("timed")

    def _with(self, kind: str) -> frozenset[int]:
        found = [(m, sentence_of(self.parts, m.start())) for m in listed("modalities", kind).finditer(self.low)]
        return frozenset(at.number for m, at in found if at and "prior" not in reasons(at, m.start(), m.end()))

    @property
    def own(self) -> str | None:
        """The modality of this examination, which "rescan" means."""
        if not self.parts:
            return None
        first = self.parts[0]
        return next((one.modality for one in steps(self.low, first.start, first.end, screening_ct=True)), None)


def by_sentence(parts: tuple[Sentence, ...], found: list[Step]) -> dict[int, list[Step]]:
    """What lies inside a sentence, by the sentence's number."""
    starts, held = [at.start for at in parts], defaultdict(list)
    for one in found:
        at = bisect_right(starts, one.start) - 1
        if at >= 0 and one.end <= parts[at].end:
            held[parts[at].number].append(one)
    return held


def times(report: Report, at: Sentence) -> list[Span]:
    """The lengths of time to come, and the dates, that a sentence names and that hold."""
    spans = lengths(report.uncoded, at.start, at.end)
    if any(map(str.isdigit, at.low)) or " " in at.low:
        spans = [*spans, *until(report.low, at.start, at.end, lambda: report.exam)]
    kept = [one for one in spans if holds(report, at, one.start, one.end) and not _of_another(report, at, one.start)]
    if not kept and len(spans) == 1 and _BOTH.search(report.low, at.start, spans[0].start):
        kept = [one for one in spans if not _masked(at, one.start, one.end)]
    kept = [
        one
        for one in kept
        if not any(corrected(report.low, one.end, other.start) for other in kept if other.start > one.start)
    ]
    return sorted(kept, key=lambda one: one.start)


def _of_another(report: Report, at: Sentence, start: int) -> bool:
    """Does it follow the code of a category that is not the examination's ("Lung-RADS 4A: CT in 3 months")?"""
    last = next((code for code in reversed(report.codes) if at.start <= code[0] and code[1] <= start), None)
    if last is None or not report.stated or not _MEANS.match(report.low, last[1]):
        return False
    return last[1] not in report.stated


def holds(report: Report, at: Sentence, start: int, end: int) -> bool:
    """Is it neither conditional nor past, quoted, declined, or named only as what something else replaces?"""
    return not (
        covered(report.spans, start, end)
        or _masked(at, start, end)
        or (report.by_risk and _RISK.search(at.low, 0, start - at.start))
        or _PAST_STEP.match(report.low, end, at.end)
        or _SHOWED.match(report.low, end, at.end)
        or _replaced(report.low, at, start, end)
    )


def _masked(at: Sentence, start: int, end: int) -> bool:
    found = set(reasons(at, start, end))
    if "hypothetical" in found and _WISHED.search(at.low) and not _CONDITION.search(at.low):
        found.discard("hypothetical")
    return not found.isdisjoint(("hypothetical", "prior"))


def _replaced(low: str, at: Sentence, start: int, end: int) -> bool:
    if _DECLINED.search(at.low, 0, end - at.start) or _DROPPED.search(at.low, 0, start - at.start):
        return True
    before = low[max(at.start, start - 48) : start]
    if _FROM.search(before) and _TO.match(low, end, at.end):
        return True
    if _just_before().search(before.rsplit(",", 1)[-1]):
        return True
    taken_back = listed("modalities", "taken_back")
    return bool(taken_back.search(at.low) and taken_back.search(_clause(at, start, end)))


@cache
def _just_before() -> re.Pattern[str]:
    replaced = any_of(words("modalities")["replaced"]).pattern
    return re.compile(
        rf"{replaced}\b[\s\"]*(?:a |an |the |any |further |previous |routine |reference to "
        r"|(?:the |a )?(?:\d{1,2}|one|two|three|six|twelve)[\s-](?:month|week|year)s?[\s-]"
        rf"|(?!months?|weeks?|years?|and\b|but\b)[a-z-]+ ){{0,3}}$"
        r"|\bno (?:\w+ ){1,3}(?:needing|requiring|warranting|to warrant|to require) (?:\w+ )?(?:ct/)?$"
    )


def _clause(at: Sentence, start: int, end: int) -> str:
    stops = [0, *(match.end() for match in _CLAUSES.finditer(at.low)), len(at.low)]
    first = max((stop for stop in stops if stop <= start - at.start), default=0)
    last = min((stop for stop in stops if stop >= end - at.start), default=len(at.low))
    return at.low[first:last]
