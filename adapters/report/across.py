"""A lesion across exams: its sizes now and before, as they are stated, by the names that its guideline gives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ...engine.errors import Contradiction
from ...engine.facts import finding_facts, sharpest
from ...engine.guideline import numbers
from ...engine.guideline.load import Guideline
from ...engine.guideline.situation import raw_value
from ...engine.record import Assessment
from ...engine.types import Facts, Known, Measured, PastSize
from . import language
from .known_rules import any_rules
from .phrase_files import Across, Measure, across
from .phrases import heading, phrase
from .view import Lesion, Table
from .words import clean, label, months_words, number, unit


@dataclass(frozen=True, slots=True, order=True)
class When:
    """An exam, in order from this one back: ``rank`` 0 this exam, 1 one so many ``months`` before, 2 undated."""

    rank: int
    months: Decimal = Decimal(0)


NOW: Final = When(0)
UNDATED: Final = When(2)


@dataclass(frozen=True, slots=True)
class Size:
    """A size on one exam. ``when``: which one. ``sd``: None if not stated."""

    when: When
    size: Decimal
    sd: float | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A lesion's course: every measure's sizes from this exam back, and its category on the exam before, '' if none.

    ``measures`` and ``sizes`` go together; the first is the one that is drawn, its unit ``unit``.
    """

    guideline: Guideline
    measures: tuple[Measure, ...]
    sizes: tuple[tuple[Size, ...], ...]
    category: str
    unit: str


def course_of(found: Lesion) -> Course | None:
    """The course of a lesion by the first guideline that follows one; None where no earlier size is stated."""
    for reading in found.readings:
        guideline = any_rules(reading.guideline)
        followed = across(reading.guideline, language.rules()) if guideline is not None else None
        if guideline is not None and followed is not None:
            course = _course(guideline, followed, finding_facts(guideline, found.finding_shown))
            if course is not None:
                return course
    return None


def _course(guideline: Guideline, followed: Across, facts: Facts) -> Course | None:
    raw = {name: raw_value(belief) for name, belief in sharpest(facts).items() if name in guideline.amounts}
    try:
        sizes = tuple(tuple(_sizes(m, followed, guideline, facts, raw, i == 0)) for i, m in enumerate(followed.sizes))
    except Contradiction:
        return None  # two statements of one size: the decision itself could not have read them
    if not any(each.when != NOW for held in sizes for each in held):
        return None
    stated = facts.get(followed.category or "")
    category = clean(str(stated.value)) if isinstance(stated, Known) else ""
    return Course(guideline, followed.sizes, sizes, category, unit(followed.sizes[0].input))


def _sizes(
    measure: Measure, followed: Across, guideline: Guideline, facts: Facts, raw: numbers.Raw, first: bool
) -> Iterator[Size]:
    """This exam's size, that of the exam before, and for the first measure those of the list of older ones."""
    now = numbers.of(measure.now, guideline.numbers, raw)
    if isinstance(now, Decimal):
        belief = facts.get(measure.input)
        yield Size(NOW, now, belief.sd if isinstance(belief, Measured) else None)
    prior, months = numbers.of(measure.prior or "", guideline.numbers, raw), raw.get(followed.months)
    when = When(1, months) if isinstance(months, Decimal) else UNDATED
    if isinstance(prior, Decimal):
        yield Size(when, prior)
    history = raw.get(followed.history or "") if first else None
    listed = [past for past in history if isinstance(past, PastSize)] if isinstance(history, tuple) else []
    for past in sorted(listed, key=lambda past: past.months_ago):
        if (When(1, past.months_ago), past.mean_mm) != (when, prior):
            yield Size(When(1, past.months_ago), past.mean_mm)


def table_of(assessment: Assessment, course: Course) -> Table:
    """The course as a table, one line an exam, this exam first."""
    held = [{each.when: each for each in sizes} for sizes in course.sizes]
    times = sorted({when for sizes in held for when in sizes})
    before = next((when for when in times if when != NOW), None)
    lines = tuple(
        (_when(assessment, when), *(_cell(sizes.get(when), course.unit) for sizes in held))
        + ((course.category if when == before else "",) if course.category else ())
        for when in times
    )
    heads = (heading("when"), *(label(m.input) for m in course.measures))
    whole = Table((*heads, heading("category")) if course.category else heads, lines)
    return without_empty(whole)


def without_empty(table: Table) -> Table:
    """The table without columns that say nothing."""
    kept = [i for i, _ in enumerate(table.head) if any(row[i] for row in table.rows)]
    rows = tuple(tuple(row[i] for i in kept) for row in table.rows)
    return Table(tuple(table.head[i] for i in kept), rows)


def _when(assessment: Assessment, when: When) -> str:
    exam_date = assessment.record.case.exam.date
    if when == UNDATED:
        return phrase("across.prior_undated")
    if when != NOW:
        return phrase("across.prior", time=months_words(when.months))
    return phrase("across.now", date=exam_date.isoformat()) if exam_date else phrase("across.now_undated")


def _cell(size: Size | None, of: str) -> str:
    if size is None:
        return ""
    error = f" ± {number(size.sd)}" if size.sd is not None else ""
    return f"{number(size.size)}{error} {of}"
