"""Months on the calendar."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date


def due_date(exam_date: date | None, interval_months: Sequence[int] | None) -> date | None:
    """The exam's date plus the interval's later bound in calendar months, clamped to the month's end.

    Intervals run from the exam being read (Lung-RADS v2022 note 2); the clamping is ours. None
    without a date or an interval.

    >>> due_date(date(2026, 8, 31), [6, 6])
    datetime.date(2027, 2, 28)
    """
    if exam_date is None or not interval_months:
        return None
    year, month = divmod(exam_date.year * 12 + exam_date.month - 1 + int(interval_months[1]), 12)
    day = min(exam_date.day, calendar.monthrange(year, month + 1)[1])
    return date(year, month + 1, day)
