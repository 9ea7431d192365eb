"""Dates of a report: the day of the examination, and a month named for what comes next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from .intervals import Span
from .phrases import literal, words

_CUSTOMARY = frozenset({1.0, 2.0, 3.0, 6.0, 12.0, 24.0})  # what an ambiguous 3/11/25 is read by
_HEAD = 700  # characters in which a report gives its own date


class Dated(NamedTuple):
    """A date; ``other`` is its second reading where day and month can be exchanged; ``day`` 0 where not said."""

    year: int
    month: int
    day: int
    start: int
    end: int
    swapped: bool = False

    def other(self) -> Dated:
        """The reading with day and month exchanged."""
        return Dated(self.year, self.day, self.month, self.start, self.end)


@cache
def _forms() -> re.Pattern[str]:
    month = literal(words("times")["months"])
    return re.compile(
        r"(?<!\w)(?:(?<![.,/-])(?P<y1>20\d\d)[/.-](?P<m1>\d{1,2})(?:[/.-](?P<d1>\d{1,2}))?(?![\w/])"
        r"|(?<![,/])(?P<a>\d{1,2})(?P<sep>[/.-])(?P<b>\d{1,2})(?P=sep)(?P<y2>(?:20)?\d\d)(?![\w/])"
        rf"|(?:(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?(?: of)?[\s-]{{1,2}})?(?P<mon>{month})\.?[\s,-]{{"
        rf"1,2}}(?:(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?,?\s)?(?:of )?(?P<y3>20\d\d)(?!\w)"
        r"|(?<![,/.-])(?P<m5>\d{1,2})/(?P<y5>20\d\d)(?![\w/]))"
    )


def dates(low: str, start: int = 0, end: int | None = None) -> Iterator[Dated]:
    """Every date between the two places, in order."""
    for match in _forms().finditer(low, start, len(low) if end is None else end):
        found = _dated(match)
        if found and 1 <= found.month <= 12 and 0 <= found.day <= 31:
            yield found


def _dated(match: re.Match[str]) -> Dated | None:
    group, place = match.groupdict(), (match.start(), match.end())
    if group["y1"]:
        return Dated(int(group["y1"]), int(group["m1"]), int(group["d1"] or 0), *place)
    if group["y3"]:
        return Dated(
            int(group["y3"]), int(words("times")["months"][group["mon"]]), int(group["d3"] or group["d4"] or 0), *place
        )
    if group["y5"]:
        return Dated(int(group["y5"]), int(group["m5"]), 0, *place)
    return _by_numbers(int(group["a"]), int(group["b"]), int(group["y2"]) % 100 + 2000, group["sep"], place)


def _by_numbers(first: int, second: int, year: int, mark: str, place: tuple[int, int]) -> Dated:
    """With dots the day comes first; with slashes either may, unless one of them is no month."""
    if mark == "." or first > 12:
        return Dated(year, second, first, *place)
    return Dated(year, first, second, *place, swapped=second <= 12 and first != second)


_EARLIER = re.compile(
    r"\b(?:compar\w*|prior\w*|previous\w*|comp|vs\.?|versus|since|from the|last|"
    r"old|outside|addendum|born|dob|of birth|treated|addended|signed|dictated|"
    r"transcribed)\b[^.\n]{0,40}$"
)


# what stands before a date that is still to come
_COMING = re.compile(
    r"(?:\b(?:in|by|on|due|for|around|about|before|after|early|late|mid|of|until|approximately|next|w/c"
    r"|week of|week commencing|beginning|starting|or after|or about|from|so|namely|that is|hence"
    r"|i\.?e\.?|to (?:be done|be performed) in|(?:ld|pet/?|hr|ce)?ct|mri|us|ultrasound"
    r"|sonography|sono|scan|date|exam|study|screening|follow-?up|f/u)|[:=])[\s(,-]*(?:the |or shortly after )?$"
)


def exam_date(low: str) -> Dated | None:
    """The date that the head of the report gives the examination, None where it gives none."""
    head = list(dates(low, 0, min(len(low), _HEAD)))
    named = [
        one
        for one in head
        if re.search(
            r"(?:d\.?o\.?[es]\.?|exam\w*|study|service|performed|acquired|present|today)(?: (?:date|on"
            r"|of|from|performed))*[\s:]{1,3}$|"
            r"date of (?:exam\w*|study|scan|service)[\s:]*$",
            low[max(0, one.start - 30) : one.start],
        )
    ]
    plain = [one for one in head if not _EARLIER.search(low[max(0, one.start - 60) : one.start])]
    both = [one for one in named if one in plain] or plain
    return both[0] if both else None


def until(low: str, start: int, end: int, of_exam: Callable[[], Dated | None]) -> list[Span]:
    """Months from the examination to each date between the two places; nothing where either is not clear."""
    coming = [
        one
        for one in dates(low, start, end)
        if _COMING.search(low, max(_from(low, start, one), one.start - 24), one.start)
    ]
    named = [] if coming else list(_named_month().finditer(low, start, end))
    exam = of_exam() if coming or named else None
    if exam is None:
        return []
    found = [
        Span((gap, gap), one.start, one.end, "date, from the examination's")
        for one in coming
        if (gap := _gap(exam, one))
    ]
    return found or _next_of_name(named, exam)


def _from(low: str, start: int, one: Dated) -> int:
    """Where the words before a date begin: with its sentence, or with the heading whose first word the date is."""
    return start if low[start : one.start].strip() else max(0, low.rfind("\n\n", 0, one.start))


@cache
def _named_month() -> re.Pattern[str]:
    return re.compile(
        rf"(?<!\w)(?:in|by|due|during|for)(?: (?:early|late|mid|the month of))?[ "
        rf"-](?P<mon>{literal(words('times')['months'])})(?![\w])(?!\s\d)"
    )


def _next_of_name(found: list[re.Match[str]], exam: Dated) -> list[Span]:
    """ "in September", without a year: the next one after the examination."""
    if exam.swapped:
        return []
    gaps = ((float((int(words("times")["months"][m["mon"]]) - exam.month) % 12 or 12), m) for m in found)
    return [
        Span((gap, gap), match.start("mon"), match.end("mon"), "month, the next after the examination")
        for gap, match in gaps
    ]


def _gap(exam: Dated, target: Dated) -> float | None:
    """A report writes its dates in one order; a follow-up falls on the same day, or after a customary interval."""
    pairs = [(a, b) for a, b in zip(_both(exam), _both(target), strict=False)]
    if exam.swapped != target.swapped:
        pairs = [(a, b) for a in _both(exam) for b in _both(target)]
    later = {(_months(a, b), a.day == b.day != 0) for a, b in pairs if _months(a, b) > 0}
    same = {gap for gap, same_day in later if same_day}
    gaps = same if len(same) == 1 else {gap for gap, _ in later}
    if len(gaps) > 1:
        gaps &= _CUSTOMARY
    return gaps.pop() if len(gaps) == 1 else None


def _both(one: Dated) -> tuple[Dated, ...]:
    return (one, one.other()) if one.swapped else (one,)


def _months(first: Dated, last: Dated) -> float:
    whole = (last.year - first.year) * 12 + last.month - first.month
    if not first.day or not last.day:
        return float(whole)
    return float(round(whole + (last.day - first.day) / 30))
