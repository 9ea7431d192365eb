"""The categories of a patient's exams over time, by one guideline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from .drawing import Drawing, Lines, Point, Shape, Words, words
from .phrases import phrase

WIDTH: Final = 620.0
LEFT: Final = 110.0
RIGHT: Final = 590.0
TOP: Final = 34.0
ROW: Final = 24.0
MARK: Final = 4.5
DATE: Final = 76.0  # the room that a date below the axis takes


@dataclass(frozen=True, slots=True)
class Placed:
    """An exam: its date, and its category or all that remain possible."""

    date: date
    categories: tuple[str, ...]


def history_drawing(exams: Sequence[Placed], order: Sequence[str], guideline: str) -> Drawing:
    """A mark an exam, categories in the guideline's order from below; ``exams``: oldest first, all in ``order``."""
    bottom = TOP + ROW * len(order)
    shapes: list[Shape] = [
        words(LEFT, 16, phrase("history.title", guideline=guideline), WIDTH - LEFT, "title"),
        *_rows(order, bottom),
        *_marks(exams, order, bottom),
    ]
    title = phrase("history.title", guideline=guideline)
    return Drawing(WIDTH, bottom + 34, title, described(exams), tuple(shapes))


def described(exams: Sequence[Placed]) -> str:
    """The categories in words."""
    said = (phrase("history.one", date=e.date.isoformat(), category="/".join(e.categories)) for e in exams)
    return phrase("history.describes", categories=", ".join(said))


def _rows(order: Sequence[str], bottom: float) -> Iterator[Shape]:
    for i, category in enumerate(order):
        y = bottom - (i + 0.5) * ROW
        yield Lines((((LEFT, y), (RIGHT, y)),), "grid")
        yield words(LEFT - 10, y + 4, category, LEFT - 20, "quiet", "end")
    yield Lines((((LEFT, TOP), (LEFT, bottom)), ((LEFT, bottom), (RIGHT, bottom))), "axis")


def _marks(exams: Sequence[Placed], order: Sequence[str], bottom: float) -> Iterator[Shape]:
    first, last = exams[0].date.toordinal(), exams[-1].date.toordinal()
    span, free, places = max(last - first, 1), WIDTH + DATE, []
    for exam in reversed(exams):
        x = LEFT + 45 + (exam.date.toordinal() - first) / span * (RIGHT - LEFT - 90)
        rows = [bottom - (order.index(c) + 0.5) * ROW for c in exam.categories]
        places.append((x, sum(rows) / len(rows)))
        yield Lines((((x, min(rows)), (x, max(rows))),), "axis")
        yield from (
            Lines((((x - MARK, y), (x, y - MARK), (x + MARK, y), (x, y + MARK), (x - MARK, y)),), "mark") for y in rows
        )
        if x + DATE / 2 <= free:
            yield Words(x, bottom + 18, exam.date.isoformat(), "quiet", "middle")
            free = x - DATE / 2
    yield Lines((tuple(places),), "curve")


def _diamond(x: float, y: float) -> tuple[Point, ...]:
    return ((x - MARK, y), (x, y - MARK), (x + MARK, y), (x, y + MARK), (x - MARK, y))
