"""What the record says of imaging -> the earlier exams to compare with, and the exams that are due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from ...engine.calendar import due_date
from ...engine.types import PriorExam, Source, SourceKind
from .imaging import Imaging


def prior_exams(found: Iterable[Imaging], exam_date: date | None) -> tuple[tuple[PriorExam, ...], int]:
    """Exams of chest and liver before the exam's day, oldest first, one of a region for a day; and how many do not
    state their day.

    Without an exam date none can be told from the exam itself. Of several resources of one day (report, study,
    procedure) the one with a category speaks, else the report; the description says what was recommended then.
    """
    if exam_date is None:
        return (), 0
    exams = [one for one in found if not one.asked_for]
    by_day: dict[tuple[date, str], list[Imaging]] = {}
    for one in exams:
        if one.day is not None and one.day < exam_date:
            by_day.setdefault((one.day, one.region), []).append(one)
    regions: dict[PriorExam, list[str]] = {}
    for day, region in sorted(by_day):
        regions.setdefault(_one(day, by_day[day, region]), []).append(region)  # an exam of both stands once
    told = (replace(exam, region=" and ".join(of)) for exam, of in regions.items())
    return tuple(told), len({one.reference for one in exams if one.day is None})


def _one(day: date, of_day: list[Imaging]) -> PriorExam:
    categories = {one.category for one in of_day if one.category is not None}
    speaker = min(of_day, key=lambda one: (one.category is None, not one.reference.startswith("Diagnostic")))
    source = Source(SourceKind.RECORD, speaker.reference, day)
    if len(categories) > 1:  # two statements of one day that differ: none is taken
        return PriorExam(day, f"{speaker.exam} (categories contradict each other)", None, source)
    return PriorExam(day, speaker.exam + _advice(day, of_day), speaker.category, source)


def _advice(day: date, of_day: list[Imaging]) -> str:
    """What the statements of one day recommend, where they agree."""
    named = {one.recommendation.months for one in of_day if one.recommendation and one.recommendation.months}
    if len(named) != 1:
        return ""
    low, high = named.pop()
    amount = f"{low}" if low == high else f"{low} to {high}"
    return f"; next exam recommended in {amount} month{'s' * (high > 1)}, by {due_date(day, (low, high))}"


def orders(found: Iterable[Imaging]) -> Iterator[str]:
    """A sentence for the newest order of each region that names the days on which the exam is due."""
    newest: dict[str, str] = {}
    for one in found:
        due = one.recommendation.due if one.asked_for and one.recommendation else None
        if due and one.first and one.last:
            asked = f"An exam was asked for on {_days(one.first, one.last)} and is due {_days(*due)}"
            newest[one.region] = f"{asked}: {one.exam} ({one.reference})."
    yield from dict.fromkeys(newest.values())


def _days(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"
