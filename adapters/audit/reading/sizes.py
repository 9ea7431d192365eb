"""Sizes of lesions of this examination, in mm; earlier ones, vessels, slices and thresholds are left out."""

from __future__ import annotations

import re
from functools import cache

from .categories import corrected
from .context import LEGEND, Mask, covered, masks
from .phrases import words
from .sections import Sentence, sentence_of
from .tables import table_sizes
from .types import Place, Size

_N = r"\d{1,3}(?:[.,]\d{1,2})?"
_SIZE = re.compile(
    rf"(?P<first>\d(?<![\w.,/-]\d)\d{{0,2}}(?:[.,]\d{{1,2}})?)(?:\s?(?P<u1>mms?|cms?))?(?:\s?(?:x|by"
    rf"|\*)\s?(?P<second>{_N})(?:\s?("
    rf"?:mm|cm))?)?(?:\s?(?:x|by|\*)\s?(?P<third>{_N}))?"
    r"[\s-]?(?:(?:sub|part-)?solid )?(?P<unit>mms?|cms?|millimet(?:er|re)s?|centimet(?:er|re)s?)(?![\w³²/^])"
)
_DATED = re.compile(
    r"(?:\b(?:19|20)\d\d\)?[ ]?[:=|]?|\b\d\d?[./-]\d\d[./-](?:20)?\d\d[ ]?[:=]?|\bt\d"
    r"|\b(?:ai|cad))[ ]{1,3}$"
)
_SOLID = re.compile(  # "total 10 mm, solid 3 mm"
    r"(?:\d ?[mc]m|\b(?:total|overall|whole) \d{1,2}(?:[.,]\d)?)[,;(/| ]{1,4}solid(?: (?:part"
    r"|component|comp|core|portion|focus))?[ ]$"
)
_DATE_AFTER = re.compile(
    r"[ ]?\(?(?:in |on )?(?:(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? "
    r"|\d\d?[./-]){1,2}(?:19|20)\d\d\b"
)
_LOBE = 35.0  # mm; a thyroid lobe is 4 to 6 cm long
_SKIPPED = frozenset({"history", "machine", "technique", "comparison", "legend"})


def sizes(low: str, parts: tuple[Sentence, ...], spans: tuple[Mask, ...]) -> tuple[Size, ...]:
    """Distinct sizes in the order of their places, the largest dimension of each."""
    found = [
        (_mm(match), match.start(), match.end(), at)
        for match in _SIZE.finditer(low)
        if (at := sentence_of(parts, match.start())) and at.role not in _SKIPPED
    ]
    kept = [one for index, one in enumerate(found) if not _out(low, one, found[index + 1 :], spans)]
    every = [*((mm, start, end) for mm, start, end, _ in kept), *table_sizes(low)]
    unique: dict[float, Size] = {}
    for mm, start, end in sorted(every, key=lambda one: one[1]):
        unique.setdefault(mm, Size(mm, Place(start, end, "number and unit")))
    return tuple(unique.values())


def _mm(match: re.Match[str]) -> float:
    numbers = [float(match[name].replace(",", ".")) for name in ("first", "second", "third") if match[name]]
    return round(max(numbers) * (10 if match["unit"].startswith("c") else 1), 2)


_Found = tuple[float, int, int, Sentence]


def _out(low: str, one: _Found, later: list[_Found], spans: tuple[Mask, ...]) -> bool:
    _, start, end, at = one
    if (
        any(m.side == "before" and m.reason == "prior" and m.start <= start and end <= m.end for m in masks(at))
        or _lobe(low, one)
        or _of_organ(at)
    ):
        return True
    before, after = low[max(at.start, start - 48) : start], low[end : min(at.end, end + 40)]
    if _DATED.search(before) or _SOLID.search(before) or _DATE_AFTER.match(after):
        return True
    if covered(spans, start, end) - {LEGEND} or (later and corrected(low, end, later[0][1]) and later[0][1] - end < 60):
        return True
    return (
        _near("threshold_before", before, 6)
        or _near_after("not_lesion_after", after)
        or _prior(before, after)
        or _organ(before)
    )


@cache
def _tail(key: str, gap: int) -> re.Pattern[str]:
    return re.compile(rf"(?:(?<!\w)|(?=[<>≥≤=]))(?:{'|'.join(words('sizes')[key])})[\s:=(~]*(?:\w+\s){{0,{gap}}}$")


def _near(key: str, before: str, reach: int) -> bool:
    return bool(_tail(key, 0).search(before[-28:])) if reach else False


@cache
def _head(key: str) -> re.Pattern[str]:
    return re.compile(rf"[\s-]{{0,2}}(?:in )?(?:{'|'.join(words('sizes')[key])})(?!\w)")


def _near_after(key: str, after: str) -> bool:
    return bool(_head(key).match(after))


_ORGAN = re.compile(r"portal vein|spleen|aorta|common (?:bile )?duct|\bcbd\b")
_LESION = re.compile(
    r"nodul|lesion|observation|mass|focus|cyst|tumou?r|metasta|opacity|\bggn|"
    r"\bggo|\bpsn|\bsn\b|\bobs\b|consolidat|thromb"
)


def _of_organ(at: Sentence) -> bool:
    """Does the sentence speak of a vessel or the spleen and of no lesion?"""
    return bool(_ORGAN.search(at.low)) and not _LESION.search(at.low)


def _lobe(low: str, one: _Found) -> bool:
    """Three dimensions of a whole lobe or gland of the thyroid."""
    mm, start, end, at = one
    return (
        mm > _LOBE
        and low.count("x", start, end) == 2
        and bool(re.search(r"\b(?:lobe|gland)[\s\w:]{0,12}$", low[max(at.start, start - 24) : start]))
    )


def _last_clause(before: str) -> str:
    return re.split(r"[,;.]\s|\b(?:now|today|currently|and|but|to)\b", before)[-1]


def _prior(before: str, after: str) -> bool:
    clause = _last_clause(before)
    return bool(_tail("prior_before", 3).search(clause)) or bool(_before_after().match(after))


@cache
def _before_after() -> re.Pattern[str]:
    listed = "|".join(words("sizes")["prior_after"])
    return re.compile(rf"[\s)]{{0,3}}(?:\w+ (?:months?|years?|mos?|weeks?) )?(?:{listed})(?!\w)")


def _organ(before: str) -> bool:
    return bool(_tail("not_lesion_before", 3).search(re.split(r"[;.]\s", before)[-1]))
