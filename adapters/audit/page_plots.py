"""The pictures of the audit's page: drawn from counted figures alone, each with its table beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from ..report.drawing import Box, Drawing, Lines, Shape, Words, width_of, words
from ..report.scales import even
from .page_limits import LEVELS, Side, Spread, limits, wider

LEFT: Final = 60.0
RIGHT: Final = 16.0
TOP: Final = 14.0
WIDE: Final = 560.0
HIGH: Final = 200.0
MOST_NAMED: Final = 8  # groups beyond the limits that are named in the picture; the table names them all
STEPS: Final = 60  # of a limit's line


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from ``low`` to ``high`` over pixels from ``start`` to ``stop``; ``logs``: equal ratios."""

    low: float
    high: float
    start: float
    stop: float
    logs: bool = False

    def at(self, value: float) -> float:
        """The place of a value; one outside stands at the end."""
        inside = min(max(value, self.low), self.high)
        low, high, here = map(self._of, (self.low, self.high, inside))
        return self.start + (self.stop - self.start) * ((here - low) / (high - low) if high > low else 0.5)

    def _of(self, value: float) -> float:
        return math.log(value) if self.logs else value


@dataclass(frozen=True, slots=True)
class Group:
    """A mark of a funnel plot."""

    name: str
    met: int
    exams: int
    side: Side

    @property
    def share(self) -> float:
        """Met of those that can be judged."""
        return self.met / self.exams


def percent_axis(shares: Sequence[float]) -> Axis:
    """A vertical axis of shares that holds these, from round value to round value."""
    low, high = min(shares, default=0.0), max(shares, default=1.0)
    step = next((s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.25) if (high - low) / s <= 5), 0.25)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if high - low < step:
        low, high = low - step, high + step
    return Axis(max(low, 0.0), min(high, 1.0), TOP + HIGH, TOP)


def trend(title: str, months: Mapping[str, Mapping[str, Any]], whole: float | None) -> Drawing:
    """A rate month by month with its 95 % interval; dashed: all months. A month with small cells has a gap."""
    told = {m: row for m, row in months.items() if row["rate"] is not None}
    axis = percent_axis([b for row in told.values() for b in row["interval"]] + ([whole] if whole is not None else []))
    names = list(months)
    across = Axis(-0.5, max(len(names) - 0.5, 0.5), LEFT, LEFT + WIDE)
    shapes: list[Shape] = [*_grid(axis), *_months(names, across)]
    if whole is not None:
        shapes.append(Lines(_dashes(axis.at(whole)), "limit"))
    places = {name: across.at(n) for n, name in enumerate(names)}
    spans = [((places[m], axis.at(row["interval"][0])), (places[m], axis.at(row["interval"][1])))
             for m, row in told.items()]  # fmt: skip
    shapes += [Lines(tuple(parts), kind) for parts, kind in
               ((spans, "interval"), (list(_runs(names, told, places, axis)), "run")) if parts]  # fmt: skip
    size = 3.0 if len(names) <= 60 else 2.0
    shapes.append(Lines(tuple(_square(places[m], axis.at(r["rate"]), size) for m, r in told.items()), "mark"))
    said = f"{len(told)} of {len(names)} months shown" + _ends(told)
    return Drawing(LEFT + WIDE + RIGHT, TOP + HIGH + 26, title, said, tuple(shapes))


def _ends(told: Mapping[str, Mapping[str, Any]]) -> str:
    """The first, the lowest, the highest and the last month in words."""
    if not told:
        return ""
    by_rate = sorted(told, key=lambda m: told[m]["rate"])
    names = dict.fromkeys((next(iter(told)), by_rate[0], by_rate[-1], list(told)[-1]))
    return ": " + "; ".join(f"{m} {100 * told[m]['rate']:.1f} %" for m in names)


def _runs(
    names: Sequence[str], told: Mapping[str, Any], places: Mapping[str, float], axis: Axis
) -> Iterator[tuple[tuple[float, float], ...]]:
    """Lines through neighbours that are both shown."""
    for one, two in pairwise(names):
        if one in told and two in told:
            yield tuple((places[m], axis.at(told[m]["rate"])) for m in (one, two))


def funnel(title: str, groups: Sequence[Group], target: float, found: Spread) -> Drawing:
    """Shares of groups by the number of their exams, with the limits around the target (``page_limits``)."""
    sizes = [g.exams for g in groups]
    low, high = max(min(sizes) / 1.3, 1.0), max(sizes) * 1.3
    across = Axis(low, high, LEFT, LEFT + WIDE, logs=high / low > 8)
    steps = [_between(low, high, n / STEPS, logs=across.logs) for n in range(STEPS + 1)]
    lines = {level: [(n, *limits(target, max(round(n), 1), level)) for n in steps] for level in LEVELS}
    inner = [b for _, *both in lines[LEVELS[1]] for b in both]
    axis = percent_axis([g.share for g in groups] + [target] + inner[STEPS // 3 :])
    shapes: list[Shape] = [*_grid(axis), *_exams(across)]
    shapes.append(Lines((((LEFT, axis.at(target)), (LEFT + WIDE, axis.at(target))),), "target"))
    for level, kind in zip(LEVELS, ("near", "far"), strict=True):
        shapes += _limit(lines[level], across, axis, kind)
    if found.more:
        spread_out = [(n, *wider(target, max(round(n), 1), LEVELS[1], found.factor)) for n in steps]
        shapes += _limit(spread_out, across, axis, "wider")
    shapes += _marks(groups, across, axis)
    shapes += _named(groups, across, axis, target)
    far = [g.name for g in groups if g.side == "beyond 99.8 %"]
    said = f"{len(groups)} groups around {100 * target:.1f} %; beyond the 99.8 % limits: {', '.join(far) or 'none'}"
    return Drawing(LEFT + WIDE + RIGHT, TOP + HIGH + 40, title, said, tuple(shapes))


def _between(low: float, high: float, part: float, *, logs: bool) -> float:
    return low * (high / low) ** part if logs else low + (high - low) * part


def _limit(rows: Sequence[tuple[float, float, float]], across: Axis, axis: Axis, kind: str) -> Iterator[Shape]:
    """The lower and the upper line, each as far as it lies within the picture."""
    each = [[(across.at(row[0]), axis.at(row[n])) for row in rows if axis.low <= row[n] <= axis.high] for n in (1, 2)]
    parts = tuple(tuple(line) for line in each if len(line) > 1)
    if parts:
        yield Lines(parts, kind)


def _marks(groups: Sequence[Group], across: Axis, axis: Axis) -> Iterator[Shape]:
    """Squares within the limits, triangles beyond 95 %, diamonds beyond 99.8 %: told apart without colour.

    One shape for all of a kind: thousands of elements would cost the page its speed.
    """
    for side, (kind, form) in MARKS.items():
        parts = tuple(form(across.at(g.exams), axis.at(g.share)) for g in groups if g.side == side)
        if parts:
            yield Lines(parts, kind)


def _square(x: float, y: float, half: float = 2.5) -> tuple[tuple[float, float], ...]:
    return (x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half), (x - half, y - half)


def _triangle(x: float, y: float) -> tuple[tuple[float, float], ...]:
    return (x, y - 5), (x + 5, y + 4), (x - 5, y + 4), (x, y - 5)


def _diamond(x: float, y: float) -> tuple[tuple[float, float], ...]:
    return (x, y - 6.5), (x + 6.5, y), (x, y + 6.5), (x - 6.5, y), (x, y - 6.5)


MARKS: Final[Mapping[Side, tuple[str, Callable[[float, float], tuple[tuple[float, float], ...]]]]] = {
    "inside": ("mark", _square),
    "beyond 95 %": ("beyond near", _triangle),
    "beyond 99.8 %": ("beyond far", _diamond),
}


def _named(groups: Sequence[Group], across: Axis, axis: Axis, target: float) -> Iterator[Shape]:
    """Names of the groups that lie furthest out, where there is room for them."""
    taken: list[tuple[float, float, float]] = []
    out = [g for g in groups if g.side == "beyond 99.8 %"]
    for g in sorted(out, key=lambda g: -abs(g.share - target) * math.sqrt(g.exams))[:MOST_NAMED]:
        x, y, wide = across.at(g.exams) + 9, axis.at(g.share) + 4, min(width_of(g.name), 90.0)
        left = x + wide > LEFT + WIDE
        start = x - 18 - wide if left else x
        if any(abs(y - b) < 12 and start < end and a < start + wide for a, b, end in taken):
            continue
        taken.append((start, y, start + wide))
        yield words(x - 18 if left else x, y, g.name, 90.0, "name", anchor="end" if left else "start")


def curve(title: str, one: Mapping[str, Any]) -> Drawing:
    """The share followed up by day, with its interval; dotted: ended otherwise. The grey line: the day it is due."""
    high, wide, most = 130.0, 340.0, one["horizon_days"]
    across, axis = Axis(0, most, LEFT, LEFT + wide), Axis(0, 1, TOP + high, TOP)
    shapes: list[Shape] = [*_grid(axis, (0, 0.25, 0.5, 0.75, 1), wide)]
    step = 1 if most < 200 else 3 if most < 800 else 6
    months = range(0, round(most / 30.4375) + 1, step)
    shapes += [Words(across.at(n * 30.4375), TOP + high + 16, f"{n}", "tick", "middle") for n in months]
    shapes.append(Words(LEFT + wide / 2, TOP + high + 32, "months after the exam", "tick", "middle"))
    if one["due_days"] <= most:
        x = across.at(one["due_days"])
        shapes += [Lines((((x, TOP), (x, TOP + high)),), "due"), Words(x + 3, TOP + 10, "due", "tick")]
    points = one["points"]
    if points:
        shapes.append(Lines((_band(points, across, axis),), "band"))
        shapes.append(Lines((_line(points, "followed", across, axis),), "followed"))
        shapes.append(Lines((_line(points, "ended", across, axis),), "ended"))
    last = points[-1] if points else None
    said = f"{100 * last['followed']:.0f} % after {last['days']} days" if last else "too few to show"
    return Drawing(LEFT + wide + RIGHT, TOP + high + 40, title, said, tuple(shapes))


def _line(points: Sequence[Mapping[str, Any]], name: str, across: Axis, axis: Axis) -> tuple[tuple[float, float], ...]:
    return ((across.at(0), axis.at(0)), *((across.at(p["days"]), axis.at(p[name])) for p in points))


def _band(points: Sequence[Mapping[str, Any]], across: Axis, axis: Axis) -> tuple[tuple[float, float], ...]:
    zero = (across.at(0), axis.at(0))
    upper = [(across.at(p["days"]), axis.at(p["interval"][1])) for p in points]
    lower = [(across.at(p["days"]), axis.at(p["interval"][0])) for p in reversed(points)]
    return (zero, *upper, *lower, zero)


def intervals(
    title: str, rows: Sequence[tuple[str, Mapping[str, Any]]], whole: float | None,
    bands: Mapping[str, tuple[float, float]] = {},
) -> Drawing:  # fmt: skip
    """A line a group: its rate and 95 % interval; dashed: all exams; a pale bar: the published band (shares)."""
    left, wide, row_high = min(max([width_of(name) for name, _ in rows], default=0.0), 176.0) + 24, 400.0, 20.0
    told = [(name, r) for name, r in rows if r["rate"] is not None]
    reach = [b for _, r in told for b in r["interval"]] + [b for band in bands.values() for b in band]
    axis = percent_axis(reach + ([whole] if whole is not None else []))
    across, low = Axis(axis.low, axis.high, left, left + wide), TOP + 8 + row_high * len(rows)
    shapes: list[Shape] = []
    for tick in _ticks(across):
        shapes.append(Lines((((across.at(tick), TOP), (across.at(tick), low)),), "grid"))
        shapes.append(Words(across.at(tick), low + 16, _percent(tick, axis), "tick", "middle"))
    if whole is not None:
        x = across.at(whole)
        shapes.append(Lines(tuple(((x, y), (x, min(y + 4, low))) for y in _steps(TOP, low, 8)), "limit"))
    for n, (name, r) in enumerate(rows):
        y = TOP + 8 + row_high * (n + 0.5)
        shapes.append(words(left - 10, y + 4, name, left - 14, anchor="end"))
        if name in bands:
            a, b = map(across.at, bands[name])
            shapes.append(Box(a, y - 7, b - a, 14, "published"))
        if r["rate"] is None:
            shapes.append(Words(left + 4, y + 4, "too few to show", "tick"))
            continue
        a, b = map(across.at, r["interval"])
        shapes.append(Lines((((a, y), (b, y)),), "interval"))
        shapes.append(Box(across.at(r["rate"]) - 3, y - 5, 6, 10, "mark"))
        shapes.append(Words(left + wide + 10, y + 4, f"{100 * r['rate']:.1f} %", "tick"))
    said = "; ".join(f"{name} {100 * r['rate']:.1f} %" for name, r in told) or "too few to show"
    return Drawing(left + wide + 70, low + 26, title, said, tuple(shapes))


def heat(title: str, one: Mapping[str, Any]) -> Drawing:
    """Rows: stated, columns: computed; the darker, the larger the share of the row. A dot: not shown.

    Names too long for a column stand in the rows alone, with a number that stands above the column.
    """
    names, most = one["categories"], max(map(width_of, one["categories"]), default=0.0)
    numbered = most > 54
    size = 36.0 if numbered else max(36.0, most + 6)
    labels = [f"{n} {name}" for n, name in enumerate(names, start=1)] if numbered else list(names)
    left, top = max(min(max(map(width_of, labels), default=0.0), 260.0) + 16, 52.0), 40.0
    shapes: list[Shape] = [Words(left, 14, "computed from the findings", "tick"), Words(8, top - 6, "stated", "tick")]
    for n, label in enumerate(labels):
        above = str(n + 1) if numbered else label
        shapes.append(Words(left + size * (n + 0.5), top - 6, above, "tick", "middle"))
        shapes.append(words(left - 8, top + 18 + 30 * n, label, left - 12, anchor="end"))
    for r, row in enumerate(one["cells"]):
        for c, count in enumerate(row):
            kind = _shade(count, one["stated"][r], same=r == c)
            x, y = left + size * c, top + 30 * r
            shapes.append(Box(x + 1, y + 1, size - 2, 28, kind))
            if count != 0:
                ink = "dark" if kind in ("heat-4", "heat-5") else "light"
                shapes.append(Words(x + size / 2, y + 19, _short(count), f"cell {ink}", "middle"))
    same = sum(one["cells"][n][n] or 0 for n in range(len(names)))
    said = f"{len(names)} categories; on the diagonal at least {same} exams"
    said += f" of {one['exams']}" if one["exams"] else ""
    wide = max(left + size * len(names) + 10, left + width_of("computed from the findings") + 8)
    return Drawing(wide, top + 30 * len(names) + 8, title, said, tuple(shapes))


def _shade(count: int | None, whole: int | None, *, same: bool) -> str:
    if count is None:
        return "heat-5" if same else "heat-1"  # hidden beside a large one: it is the large one on the diagonal
    if not count:
        return "heat-0"
    share = count / whole if whole else 1.0
    return f"heat-{1 + sum(share >= bound for bound in (0.01, 0.05, 0.25, 0.75))}"


def _short(count: int | None) -> str:
    """A count with at most four signs; a dot where it is not shown.

    >>> _short(None), _short(812), _short(45_312), _short(2_345_678)
    ('•', '812', '45k', '2.3M')
    """
    if count is None:
        return "•"
    if count < 10_000:
        return str(count)
    return f"{count / 1e3:.0f}k" if count < 1_000_000 else f"{count / 1e6:.1f}M"


def _grid(axis: Axis, ticks: Sequence[float] = (), wide: float = WIDE) -> Iterator[Shape]:
    for tick in ticks or _ticks(axis):
        y = axis.at(tick)
        yield Lines((((LEFT, y), (LEFT + wide, y)),), "grid")
        yield Words(LEFT - 6, y + 4, _percent(tick, axis), "tick", "end")


def _ticks(axis: Axis) -> list[float]:
    return even(axis.low, axis.high) if axis.high > axis.low else [axis.low]


def _percent(value: float, axis: Axis) -> str:
    digits = 0 if axis.high - axis.low >= 0.05 else 1
    return f"{100 * value:.{digits}f} %"


def _months(names: Sequence[str], across: Axis) -> Iterator[Shape]:
    """The years below the months, or the months where they are few."""
    most = max(1, math.ceil(len(names) / 9))
    if len(names) > 18:
        marked = [(n, m[:4]) for n, m in enumerate(names) if m.endswith("-01")]
        marked = marked[:: max(1, math.ceil(len(marked) / 10))]
    else:
        marked = [(n, m) for n, m in enumerate(names) if n % most == 0]
    for n, label in marked:
        x = across.at(n)
        yield Lines((((x, TOP + HIGH), (x, TOP + HIGH + 4)),), "tickline")
        yield Words(x, TOP + HIGH + 18, label, "tick", "middle")


def _exams(across: Axis) -> Iterator[Shape]:
    """Round numbers of exams below the axis."""
    if across.logs:
        values = [m * 10.0**k for k in range(9) for m in (1, 2, 5) if across.low <= m * 10.0**k <= across.high]
    else:
        values = even(across.low, across.high)
    for value in values:
        x = across.at(value)
        yield Lines((((x, TOP + HIGH), (x, TOP + HIGH + 4)),), "tickline")
        yield Words(x, TOP + HIGH + 18, _short(round(value)), "tick", "middle")
    yield Words(LEFT + WIDE / 2, TOP + HIGH + 34, "exams that can be judged", "tick", "middle")


def _dashes(y: float) -> tuple[tuple[tuple[float, float], ...], ...]:
    return tuple(((x, y), (min(x + 4, LEFT + WIDE), y)) for x in _steps(LEFT, LEFT + WIDE, 8))


def _steps(start: float, stop: float, step: float) -> list[float]:
    return [start + step * n for n in range(int((stop - start) // step) + 1)]
