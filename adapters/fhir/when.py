"""FHIR dates, which may be partial, against the day of the exam."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

# FHIR R4 datatypes: YYYY, YYYY-MM, YYYY-MM-DD, or a full dateTime with a zone. Zone and seconds are often left out.
DATE = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?)?)?", re.ASCII
)

LONGEST = 64  # characters; a dateTime with nine decimals and a zone has 35


class Place(StrEnum):
    """Where something lies in time, seen from the day of the exam."""

    BY_EXAM = "on or before the exam"
    AFTER = "after the exam"
    UNSURE = "before or after the exam, the record does not say"


class When(NamedTuple):
    """A stated time: the days it may lie on (as written, in the place's own calendar), and its moments (UTC)."""

    first: date
    last: date
    start: datetime
    end: datetime

    @property
    def day(self) -> date | None:
        """The day, where the record states one."""
        return self.first if self.first == self.last else None


def read(text: object) -> When | None:
    """The time that a FHIR date, dateTime or instant states; None where it is none of these.

    >>> read("2020-02").last
    datetime.date(2020, 2, 29)
    >>> read("2020-13") is None
    True
    """
    return _read(text) if isinstance(text, str) and len(text) <= LONGEST else None


@lru_cache(maxsize=1024)  # the results of one visit share their times
def _read(text: str) -> When | None:
    match = DATE.fullmatch(text)
    if not match:
        return None
    year, month, day, timed = match.groups()
    try:
        first = date(int(year), int(month or 1), int(day or 1))
        if timed:
            moment = _moment(text)
            return When(first, first, moment, moment)
        last = first if day else _last_of(first.year, int(month or 12))
        return When(first, last, datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC))
    except (ValueError, OverflowError):  # month 13, 30 February, year 0, a zone that leaves the calendar
        return None


def _moment(text: str) -> datetime:
    stated = datetime.fromisoformat(text)
    return stated.astimezone(UTC) if stated.tzinfo else stated.replace(tzinfo=UTC)


def _last_of(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


def place(when: When | None, exam_date: date | None) -> Place:
    """Where ``when`` lies. Without an exam date everything in the record counts as known by then."""
    if exam_date is None:
        return Place.BY_EXAM
    if when is None or when.first <= exam_date < when.last:
        return Place.UNSURE
    return Place.BY_EXAM if when.last <= exam_date else Place.AFTER


def stated(resource: Mapping[str, Any], *names: str) -> When | None:
    """The first of the named elements that states a time; of a Period, its start, else its end."""
    for name in names:
        value = resource.get(name)
        for text in (value.get("start"), value.get("end")) if isinstance(value, dict) else (value,):
            when = read(text)
            if when:
                return when
    return None


def whole_years(earlier: date, later: date) -> int:
    """Completed years from one day to a later one; who was born on 29 February ages on 1 March.

    >>> whole_years(date(1960, 5, 2), date(2020, 5, 1))
    59
    """
    return later.year - earlier.year - ((later.month, later.day) < (earlier.month, earlier.day))


def whole_months(earlier: date, later: date) -> int:
    """Completed calendar months from one day to a later one.

    >>> whole_months(date(2019, 5, 31), date(2020, 5, 30))
    11
    """
    return 12 * (later.year - earlier.year) + later.month - earlier.month - (later.day < earlier.day)


def years_from(when: When, later: date) -> int | None:
    """Completed years from a stated time to a day, or None where the time is too coarse to tell."""
    longest, shortest = whole_years(when.first, later), whole_years(min(when.last, later), later)
    return longest if longest == shortest else None
