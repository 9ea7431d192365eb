"""Light SVG: a frame, ticks, lines, points, bars; nothing that a browser or a text diff could not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]
COLOURS = ("#1b6ca8", "#c4501b", "#3f7d20", "#7a4fa3", "#555555")
TOP, WIDTH, DOT = 34, 400, "dot"


@dataclass
class Plot:
    """A plot of x in ``across`` and y in ``up``; what is drawn is named at the right."""

    title: str
    x: str
    y: str
    across: tuple[float, float] = (0.0, 1.0)
    up: tuple[float, float] = (0.0, 1.0)
    left: int = 64
    height: int = 260
    rows: tuple[str, ...] = ()  # names in the place of numbers at the left, from the top, at 1, 2, ... from below
    parts: list[str] = field(default_factory=list)
    names: list[tuple[str, str, str]] = field(default_factory=list)

    def place(self, point: Point) -> str:
        """A point of the data on the page."""
        (low, high), (least, most) = self.across, self.up
        x = self.left + WIDTH * (point[0] - low) / (high - low)
        y = TOP + self.height * (1 - (point[1] - least) / (most - least))
        return f"{x:.1f},{y:.1f}"

    def line(self, points: Sequence[Point], name: str, colour: int, *, dashed: bool = False) -> None:
        """A line through points."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        ends = " ".join(map(self.place, points))
        self.parts.append(f'<polyline points="{ends}" fill="none" stroke="{COLOURS[colour]}" stroke-width="2"{dash}/>')
        if name:
            self.names.append((name, COLOURS[colour], dash))

    def dots(self, points: Sequence[Point], name: str, colour: int, labels: Sequence[str] = ()) -> None:
        """Points, each with a label."""
        for i, point in enumerate(points):
            x, y = self.place(point).split(",")
            self.parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{COLOURS[colour]}"/>')
            if i < len(labels):
                self.parts.append(f'<text x="{float(x) + 7:.1f}" y="{float(y) + 4:.1f}">{escape(labels[i])}</text>')
        if name:
            self.names.append((name, COLOURS[colour], DOT))

    def svg(self) -> str:
        """The picture."""
        more = max((len(name) for name, _, _ in self.names), default=0) * 6.3 + 40
        width, height = self.left + WIDTH + 16 + more, TOP + self.height + 52
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
            f'height="{height}" font-family="sans-serif" font-size="12" role="img" aria-label="{escape(self.title)}">'
            f'<rect width="100%" height="100%" fill="white"/>'
            f'<text x="{self.left}" y="20" font-size="14" font-weight="bold">{escape(self.title)}</text>'
        )
        return "\n".join([head, *self._frame(), *self.parts, *self._legend(), "</svg>"]) + "\n"

    def _frame(self) -> list[str]:
        found = [f'<rect x="{self.left}" y="{TOP}" width="{WIDTH}" height="{self.height}" fill="none" stroke="#999"/>']
        for value in _ticks(self.across):
            x = self.place((value, self.up[0])).split(",")[0]
            found.append(f'<path d="M{x} {TOP}v{self.height}" stroke="#ddd"/>')
            found.append(f'<text x="{x}" y="{TOP + self.height + 17}" text-anchor="middle">{value:g}</text>')
        for i, name in enumerate(reversed(self.rows), 1):
            y = float(self.place((self.across[0], i)).split(",")[1])
            found.append(f'<text x="{self.left - 7}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        for value in () if self.rows else _ticks(self.up):
            y = self.place((self.across[0], value)).split(",")[1]
            found.append(f'<path d="M{self.left} {y}h{WIDTH}" stroke="#ddd"/>')
            found.append(f'<text x="{self.left - 7}" y="{float(y) + 4:.1f}" text-anchor="end">{value:g}</text>')
        middle, under = TOP + self.height / 2, TOP + self.height + 40
        found.append(f'<text x="{self.left + WIDTH / 2}" y="{under}" text-anchor="middle">{escape(self.x)}</text>')
        turned = f'text-anchor="middle" transform="rotate(-90 16 {middle})"'
        return [*found, f'<text x="16" y="{middle}" {turned}>{escape(self.y)}</text>']

    def _legend(self) -> list[str]:
        found = []
        for i, (name, colour, form) in enumerate(self.names):
            x, y = self.left + WIDTH + 14, TOP + 12 + 20 * i
            mark = (
                f'<circle cx="{x + 9}" cy="{y - 4}" r="4" fill="{colour}"/>'
                if form == DOT
                else f'<path d="M{x} {y - 4}h18" stroke="{colour}" stroke-width="2"{form}/>'
            )
            found.append(f'{mark}<text x="{x + 24}" y="{y}">{escape(name)}</text>')
        return found


def _ticks(between: tuple[float, float]) -> list[float]:
    low, high = between
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if (high - low) / s <= 6)
    first = int(low / step + 0.999999)
    return [round(k * step, 6) for k in range(first, int(high / step + 1e-6) + 1)]
