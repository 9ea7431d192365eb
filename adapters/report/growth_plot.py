"""A lesion's growth curve: its sizes over time with their errors, over the bands of its guideline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from .across import NOW, UNDATED, Course, Size, When
from .bands import Band
from .drawing import Box, Drawing, Lines, Point, Shape, Words, words
from .phrases import phrase
from .scales import even
from .words import label, months_words, number

WIDTH: Final = 620.0
HEIGHT: Final = 300.0
LEFT: Final = 62.0
RIGHT: Final = 480.0  # of the curve; to the right of it stand the bands' names
TOP: Final = 34.0
BOTTOM: Final = 248.0
MARK: Final = 4.5  # half of a point's mark
CAP: Final = 4.0  # half of the cap of an error bar
SHADES: Final = 6  # as many as the style sheet has
LEAST_BAND: Final = 13.0  # a band that is lower has no room for its name
ABOVE: Final = Decimal("1.25")  # the axis ends so much above the greatest size


def axis_end(course: Course) -> Decimal:
    """Where the axis of sizes ends, in the unit of the course."""
    greatest = max(s.size + Decimal(f"{s.sd or 0:.2f}") for s in course.sizes[0])
    return (greatest * ABOVE).quantize(Decimal("0.1"))


def growth_drawing(course: Course, bands: Sequence[Band], name: str) -> Drawing:
    """The curve of the first measure, this exam at the right. ``name``: the lesion's."""
    dated = [each for each in course.sizes[0] if each.when != UNDATED]
    measure, end = label(course.measures[0].input), axis_end(course)
    plot = _Axes(max((s.when.months for s in dated), default=Decimal(0)), end)
    shapes: list[Shape] = [
        words(LEFT, 16, phrase("growth.title", finding=name, measure=measure), WIDTH - LEFT, "title"),
        *_bands(bands, plot),
        *_sizes_axis(plot, course.unit),
        *_times_axis(plot, dated),
        *_curve(dated, plot),
    ]
    return Drawing(
        WIDTH, HEIGHT, phrase("growth.title", finding=name, measure=measure), described(course), tuple(shapes)
    )


def described(course: Course) -> str:
    """The sizes in words."""
    return phrase("growth.describes", sizes=", ".join(size_words(each, course.unit) for each in course.sizes[0]))


def size_words(size: Size, unit: str) -> str:
    """A size with its error and when it was."""
    error = f" ± {number(size.sd)}" if size.sd is not None else ""
    return phrase("growth.size", size=f"{number(size.size)}{error} {unit}", when=when_words(size.when))


def when_words(when: When) -> str:
    """Which exam it was."""
    if when == NOW:
        return phrase("across.now_undated")
    return phrase("across.prior_undated") if when == UNDATED else phrase("across.prior", time=months_words(when.months))


class _Axes:
    """Where months before this exam and sizes stand."""

    def __init__(self, months: Decimal, end: Decimal) -> None:
        self.months, self.end = float(months), float(end)

    def x(self, when: When) -> float:
        span = self.months or 1.0
        return RIGHT - 24 - float(when.months) / span * (RIGHT - 24 - LEFT - 24)

    def y(self, size: Decimal | float) -> float:
        return BOTTOM - float(size) / self.end * (BOTTOM - TOP)


def _bands(bands: Sequence[Band], plot: _Axes) -> Iterator[Shape]:
    for band in bands:
        top, bottom = plot.y(band.high), plot.y(band.low)
        shade = min(max(band.rank, 0), SHADES - 1)
        yield Box(LEFT, top, RIGHT - LEFT, bottom - top, f"band r{shade}")
        yield Lines((((LEFT, top), (RIGHT, top)),), "grid")
        if bottom - top >= LEAST_BAND:
            yield words(RIGHT + 8, (top + bottom) / 2 + 4, band.category, WIDTH - RIGHT - 12, "quiet")


def _sizes_axis(plot: _Axes, unit: str) -> Iterator[Shape]:
    yield Lines((((LEFT, TOP), (LEFT, BOTTOM)), ((LEFT, BOTTOM), (RIGHT, BOTTOM))), "axis")
    for tick in even(0.0, plot.end):
        yield Lines((((LEFT - 4, plot.y(tick)), (LEFT, plot.y(tick))),), "axis")
        yield Words(LEFT - 8, plot.y(tick) + 4, f"{tick:g}", "quiet", "end")
    yield Words(LEFT - 8, TOP - 8, unit, "quiet", "end")


def _times_axis(plot: _Axes, dated: Sequence[Size]) -> Iterator[Shape]:
    """Each exam's time below the axis; one that would touch the next later one is left out."""
    free = WIDTH
    for when in sorted({each.when for each in dated}):
        x = plot.x(when)
        text = phrase("growth.now") if when == NOW else phrase("growth.before", time=months_words(when.months))
        yield Lines((((x, BOTTOM), (x, BOTTOM + 4)),), "axis")
        shape = words(x, BOTTOM + 18, text, 90, "quiet", "middle")
        if x + 45 <= free:
            yield shape
            free = x - 45
    yield words((LEFT + RIGHT) / 2, BOTTOM + 38, phrase("growth.axis"), RIGHT - LEFT, "quiet", "middle")


def _curve(dated: Sequence[Size], plot: _Axes) -> Iterator[Shape]:
    places = [(plot.x(each.when), plot.y(each.size)) for each in sorted(dated, key=lambda each: each.when)]
    if len(places) > 1:
        yield Lines((tuple(places),), "curve")
    for each in dated:
        x, y = plot.x(each.when), plot.y(each.size)
        if each.sd is not None:
            yield _bar(x, plot.y(float(each.size) - each.sd), plot.y(float(each.size) + each.sd))
        yield Lines((_diamond(x, y),), "mark")
        yield Words(
            x, min(y, plot.y(float(each.size) + (each.sd or 0.0))) - 9, f"{number(each.size)}", "words", "middle"
        )


def _bar(x: float, low: float, high: float) -> Lines:
    return Lines((((x, low), (x, high)), ((x - CAP, low), (x + CAP, low)), ((x - CAP, high), (x + CAP, high))), "axis")


def _diamond(x: float, y: float) -> tuple[Point, ...]:
    return ((x - MARK, y), (x, y - MARK), (x + MARK, y), (x, y + MARK), (x - MARK, y))
