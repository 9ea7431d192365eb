"""The pictures of the monitor's page, as shapes: drawn from counted figures alone, each with its words beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ..report.drawing import Box, Drawing, Lines, Shape, Words, words
from .drift import Drift
from .statistics import Calibrated, Share

LEFT: Final = 190.0  # for names
WIDE: Final = 360.0  # of an axis from 0 to 1
ROW: Final = 20.0
TOP: Final = 26.0
SQUARE: Final = 240.0
EDGE: Final = 40.0
TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


def intervals(title: str, shares: Mapping[str, Share], bar: float | None) -> Drawing:
    """One line a group: its share as a mark, its 95 % interval as a line; ``bar`` as a dashed line."""
    shapes: list[Shape] = [*_axis(len(shares))]
    if bar is not None:
        x = _x(bar)
        dashes = tuple(((x, y), (x, y + 4)) for y in _steps(TOP - 6, TOP + ROW * len(shares), 8))
        shapes.append(Lines(dashes, "limit"))
    for i, (name, found) in enumerate(shares.items()):
        shapes += _interval(name, found, TOP + ROW * i + ROW / 2)
    said = "; ".join(f"{name} {_percent(found)}" for name, found in shares.items())
    return Drawing(LEFT + WIDE + 130, TOP + ROW * len(shares) + 24, title, said, tuple(shapes))


def _axis(rows: int) -> Iterator[Shape]:
    low = TOP + ROW * rows
    for tick in TICKS:
        yield Lines((((_x(tick), TOP - 6), (_x(tick), low)),), "grid")
        yield Words(_x(tick), low + 16, f"{100 * tick:.0f} %", "tick", "middle")


def _interval(name: str, found: Share, y: float) -> Iterator[Shape]:
    yield words(LEFT - 10, y + 4, name, LEFT - 14, anchor="end")
    if not found.of:
        yield Words(LEFT + 4, y + 4, "none counted", "tick")
        return
    yield Lines((((_x(found.low), y), (_x(found.high), y)),), "interval")
    yield Box(_x(found.value) - 3, y - 5, 6, 10, "mark")
    yield Words(LEFT + WIDE + 10, y + 4, f"{100 * found.value:.0f} % of {found.of}", "tick")


def reliability(found: Calibrated) -> Drawing:
    """How often the most probable category was the signed one, by how probable it was said to be; the diagonal is
    what is said come true. A mark grows with the number of exams in its bin; a line spans a range that was said."""
    side, low = SQUARE, EDGE / 2 + SQUARE
    shapes: list[Shape] = [Box(EDGE, EDGE / 2, side, side, "frame")]
    shapes.append(Lines((((EDGE, low), (EDGE + side, low - side)),), "limit"))
    for tick in TICKS:
        shapes.append(Words(EDGE + side * tick, low + 16, f"{100 * tick:.0f}", "tick", "middle"))
        shapes.append(Words(EDGE - 6, low - side * tick + 4, f"{100 * tick:.0f}", "tick", "end"))
    shapes.append(Words(EDGE + side / 2, low + 32, "said, %", "tick", "middle"))
    shapes.append(Words(EDGE + 6, EDGE / 2 + 14, "signed, %", "tick"))
    most = max((b.of for b in found.bins), default=1)
    for b in found.bins:
        half = 3 + 5 * math.sqrt(b.of / most)
        x, y = EDGE + side * (b.low + b.high) / 2, low - side * b.hits / b.of
        shapes.append(Lines((((EDGE + side * b.low, y), (EDGE + side * b.high, y)),), "interval"))
        shapes.append(Box(x - half, y - half, 2 * half, 2 * half, "mark"))
    said = "; ".join(f"said {b.low:.2f} to {b.high:.2f}, signed {b.hits / b.of:.2f} of {b.of}" for b in found.bins)
    return Drawing(
        EDGE + side + 24, low + 40, "Probability of the category against what was signed", said, tuple(shapes)
    )


def months(title: str, shares: Mapping[str, Share], bar: float | None) -> Drawing:
    """A share month by month with its interval."""
    step = max(46.0, WIDE / max(len(shares), 1))
    wide, low = step * len(shares), EDGE / 2 + 150
    shapes: list[Shape] = []
    for tick in TICKS:
        y = low - 150 * tick
        shapes.append(Lines((((EDGE, y), (EDGE + wide, y)),), "grid"))
        shapes.append(Words(EDGE - 6, y + 4, f"{100 * tick:.0f} %", "tick", "end"))
    if bar is not None:
        y = low - 150 * bar
        shapes.append(Lines(tuple(((x, y), (x + 4, y)) for x in _steps(EDGE, EDGE + wide, 8)), "limit"))
    for i, (name, found) in enumerate(shares.items()):
        x = EDGE + step * (i + 0.5)
        shapes.append(words(x, low + 16, name, step - 4, "tick", "middle"))
        if found.of:
            shapes.append(Lines((((x, low - 150 * found.low), (x, low - 150 * found.high)),), "interval"))
            shapes.append(Box(x - 4, low - 150 * found.value - 3, 8, 6, "mark"))
    said = "; ".join(f"{name} {_percent(found)}" for name, found in shares.items())
    return Drawing(EDGE + wide + 20, low + 26, title, said, tuple(shapes))


def cells(drift: Drift) -> Drawing:
    """The share of each cell in the training data (open) and here (filled)."""
    most = max([s for _, trained, here in drift.cells for s in (trained, 0.0 if math.isnan(here) else here)], default=1)
    shapes: list[Shape] = []
    for i, (name, trained, here) in enumerate(drift.cells):
        y = 8 + 26 * i
        shapes.append(words(LEFT - 10, y + 14, f"{name} {drift.unit}".strip(), LEFT - 14, anchor="end"))
        shapes.append(Box(LEFT, y, WIDE * trained / most, 9, "trained"))
        hidden = math.isnan(here)
        shapes.append(Box(LEFT, y + 10, 0 if hidden else WIDE * here / most, 9, "here"))
        shown = "few" if hidden else f"{100 * here:.0f} %"
        shapes.append(Words(LEFT + WIDE + 8, y + 14, f"{100 * trained:.0f} % trained, {shown} here", "tick"))
    said = "; ".join(
        f"{name}: {t:.2f} trained, {'few' if math.isnan(h) else f'{h:.2f}'} here" for name, t, h in drift.cells
    )
    title = f"{drift.words[:1].upper()}{drift.words[1:]}"
    return Drawing(LEFT + WIDE + 160, 14 + 26 * len(drift.cells), title, said, tuple(shapes))


def _x(part: float) -> float:
    return LEFT + WIDE * part


def _steps(start: float, stop: float, step: float) -> Sequence[float]:
    return [start + step * i for i in range(int((stop - start) // step) + 1)]


def _percent(found: Share) -> str:
    if not found.of:
        return "none counted"
    return f"{100 * found.value:.0f} % of {found.of} ({100 * found.low:.0f} to {100 * found.high:.0f} %)"
