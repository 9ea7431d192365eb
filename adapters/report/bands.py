"""The guideline's bands over a lesion's size: which category its tables give it at every size, all else as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from ...engine.errors import BadValue, Contradiction
from ...engine.facts import exam_facts, finding_facts, sharpest, without_nets
from ...engine.guideline.evaluate import read_finding
from ...engine.guideline.load import Guideline
from ...engine.record import Assessment
from ...engine.types import Facts, Known, Route, Source, SourceKind
from .across import NOW, Course
from .view import Lesion
from .words import category_words

BOUNDS: Final = ("from", "above", "to", "below")
TRIED: Final = Source(SourceKind.CONVENTION, "a size tried for the picture")


@dataclass(frozen=True, slots=True)
class Band:
    """Sizes from ``low`` to ``high`` and the category there, in words; ``rank``: how much concern it is, from 0."""

    low: Decimal
    high: Decimal
    category: str
    rank: int


def bands_of(assessment: Assessment, found: Lesion, course: Course, high: Decimal) -> tuple[Band, ...]:
    """The bands from 0 to ``high``, in the unit of the course, from the tables themselves.

    A category can only change at a threshold of the tables, or where a growth from an earlier size reaches one: those
    are the bounds, and between two of them one size is read for all. Sizes that the facts exclude have no band.
    """
    guideline, facts = course.guideline, facts_of(assessment, found, course.guideline)
    cuts = sorted({Decimal(0), high, *(c for c in cuts_of(course) if 0 < c < high)})
    read = [_band(guideline, facts, course, low, top) for low, top in pairwise(cuts)]
    return tuple(merged([band for band in read if band is not None]))


def facts_of(assessment: Assessment, found: Lesion, guideline: Guideline) -> Facts:
    """What the route lets the guideline read of exam and lesion, every uncertain belief at its most probable value."""
    exam = exam_facts(guideline, assessment.record.case)
    held = without_nets(exam) if assessment.decision.route is Route.RULE_BASED else exam
    return sharpest({**held, **finding_facts(guideline, found.finding_shown)})


def _band(guideline: Guideline, facts: Facts, course: Course, low: Decimal, high: Decimal) -> Band | None:
    measure = course.measures[0]
    others = guideline.behind[measure.now] - {measure.input}
    tried = {n: b for n, b in facts.items() if n not in others} | {measure.input: Known((low + high) / 2, TRIED)}
    try:
        reading = read_finding(guideline, tried).reading
    except (BadValue, Contradiction):
        return None  # no lesion can be so and have this size: a solid part larger than the whole
    rank = max((guideline.rank.get(category, -1) for category in reading.possible), default=-1)
    return Band(low, high, category_words(reading), rank)


def merged(bands: Sequence[Band]) -> Iterator[Band]:
    """Neighbours of one category as one band."""
    held: Band | None = None
    for band in bands:
        if held is not None and (held.category, held.high) == (band.category, band.low):
            held = Band(held.low, band.high, held.category, held.rank)
            continue
        if held is not None:
            yield held
        held = band
    if held is not None:
        yield held


def cuts_of(course: Course) -> Iterator[Decimal]:
    """Every size at which some row of the tables may begin or end."""
    guideline, measure = course.guideline, course.measures[0]
    earlier = [each.size for each in course.sizes[0] if each.when != NOW]
    for name, bound in _bounds(guideline.document["tables"]):
        definition = guideline.numbers.get(name)
        if definition is None or measure.input not in guideline.behind[name]:
            continue
        if "percent_change" in definition:
            yield from (size * (1 + bound / 100) for size in earlier)
        elif "difference" in definition or "largest_increase" in definition:
            yield from (size + bound for size in earlier)
        else:
            yield bound


def _bounds(part: Any) -> Iterator[tuple[str, Decimal]]:
    """(number, threshold) of every test in the tables."""
    if isinstance(part, Mapping):
        for name, value in part.items():
            if isinstance(value, Mapping):
                yield from ((str(name), Decimal(str(value[b]))) for b in BOUNDS if _is_number(value.get(b)))
            yield from _bounds(value)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _bounds(each)


def _is_number(value: Any) -> bool:
    try:
        return value is not None and not isinstance(value, bool) and Decimal(str(value)).is_finite()
    except ArithmeticError:
        return False
