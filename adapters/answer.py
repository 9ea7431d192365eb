"""A classification as the JSON object that ``radlogic classify`` prints."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from ..engine.guideline.evaluate import Classification
from ..engine.guideline.load import Guideline
from ..engine.types import Reading


def answer(
    guideline: Guideline, result: Classification, names: tuple[str, ...], exam_date: date | None
) -> dict[str, Any]:
    """The exam's answer, with one entry a finding beside it."""
    one = result.findings[0] if len(result.findings) == 1 else None
    extra = dict(one.facts) if one else {}
    exam = _reading(guideline, result.exam, extra)
    exam["due_date"] = due(exam_date, exam.get("interval_months"))
    if one is not None:
        exam["trace"] = [asdict(step) for step in (*one.trace, *result.exam.trace)]
    exam["findings"] = [
        {"tracking_id": name, **_reading(guideline, reading, {})}
        for name, reading in zip(names, result.findings, strict=True)
    ]
    return exam


def _reading(guideline: Guideline, reading: Reading, extra: Mapping[str, Any]) -> dict[str, Any]:
    facts = {**extra, **reading.facts}
    reasons = review_reasons(reading)
    return {
        "guideline": guideline.name,
        "category": reading.category,
        "display": display(guideline, reading),
        "possible": list(reading.possible),
        "management": facts.pop("management", None),
        "interval_months": facts.pop("interval_months", None),
        **{k: v for k, v in facts.items() if k != "display"},
        "ask": reading.ask,
        "silent": reading.silent,
        "alternatives": list(reading.alternatives),
        "review": {"required": bool(reasons), "reasons": reasons},
        "trace": [asdict(step) for step in reading.trace],
    }


def display(guideline: Guideline, reading: Reading) -> str | None:
    """The category as it is printed, with its modifier."""
    if reading.category is None:
        return None
    named = {c["id"]: c["display"] for c in guideline.head["categories"]}
    base = reading.facts.get("display") or named.get(reading.category, reading.category)
    return base + ("S" if reading.facts.get("s_modifier") else "")


def review_reasons(reading: Reading) -> list[str]:
    """Why a human must look at a reading by itself: codes of ``knowledge/gates.yaml``."""
    reasons = ["guideline_silent"] if reading.silent else []
    return reasons + (["finding_unknown"] if reading.category is None else [])


def due(exam_date: date | None, interval: list[int] | None) -> str | None:
    """The exam's date plus the interval's later bound in calendar months, clamped to the month's end.

    >>> due(date(2026, 8, 31), [6, 6])
    '2027-02-28'
    """
    if exam_date is None or not interval:
        return None
    months = exam_date.year * 12 + exam_date.month - 1 + interval[1]
    year, month = divmod(months, 12)
    day = min(exam_date.day, calendar.monthrange(year, month + 1)[1])
    return date(year, month + 1, day).isoformat()
