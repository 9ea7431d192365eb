"""Shapes on one axial plane, as depth fields: millimetres inside a surface, negative outside it.

A depth becomes paint through ``cover``: the fraction of a pixel that lies inside, so edges are soft
by one pixel and small structures fade instead of aliasing. Everything is float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

Field = NDArray[np.float32]
Window = tuple[slice, slice]

TURNS = 4096  # entries of a table over the angle: 0.1 mm of arc at 160 mm
OUTSIDE = np.float32(-99.0)  # depth where a shape was not evaluated


@dataclass(frozen=True, eq=False)
class Grid:
    """Pixel centres of the axial planes: ``x`` (1, columns) to the left, ``y`` (rows, 1) to the back, mm."""

    x: Field
    y: Field
    pixel_mm: float

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.y.shape[0], self.x.shape[1]

    @cached_property
    def _corner(self) -> tuple[float, float]:
        return float(self.x[0, 0]), float(self.y[0, 0])

    @cached_property
    def radius(self) -> Field:
        """Distance from the long axis (mm)."""
        return np.hypot(self.x, self.y)

    @cached_property
    def turn(self) -> NDArray[np.int32]:
        """Entry of a table over the angle for each pixel; 0 is the back, a quarter is the left."""
        angle = np.arctan2(self.x, self.y) / (2 * np.pi)
        return (np.rint(angle * TURNS).astype(np.int32)) % TURNS

    def window(self, left: float, right: float, front: float, back: float) -> Window | None:
        """The pixels with left <= x <= right and front <= y <= back; None where there are none."""
        rows = _between(front - self._corner[1], back - self._corner[1], self.pixel_mm, self.shape[0])
        columns = _between(left - self._corner[0], right - self._corner[0], self.pixel_mm, self.shape[1])
        return (rows, columns) if columns.start < columns.stop and rows.start < rows.stop else None

    def cut(self, window: Window) -> Grid:
        """The grid of a window."""
        return Grid(self.x[:, window[1]], self.y[window[0]], self.pixel_mm)

    def at(self, window: Window) -> tuple[Field, Field]:
        """(x, y) of a window, ready to broadcast."""
        return self.x[:, window[1]], self.y[window[0]]


def _between(low: float, high: float, step: float, count: int) -> slice:
    """The places i, 0 <= i < count, with low <= i * step <= high."""
    return slice(max(0, math.ceil(low / step)), min(count, math.floor(high / step) + 1))


def axis(centre: float, step_mm: float, count: int) -> NDArray[np.float64]:
    """``count`` places about ``centre``, ``step_mm`` apart."""
    return np.asarray(centre + (np.arange(count) - (count - 1) / 2) * step_mm, dtype=np.float64)


def grid_of(centre: tuple[float, float], pixel_mm: float, shape: tuple[int, int]) -> Grid:
    """The grid of ``shape`` (rows, columns) about ``centre`` (x, y) mm."""
    x, y = axis(centre[0], pixel_mm, shape[1]), axis(centre[1], pixel_mm, shape[0])
    return Grid(x[None, :].astype(np.float32), y[:, None].astype(np.float32), pixel_mm)


def cover(depth: Field, pixel_mm: float) -> Field:
    """Fraction of each pixel inside a surface at ``depth`` mm: an edge one pixel wide, [0, 1]."""
    return np.asarray(np.clip(depth * np.float32(1 / pixel_mm) + np.float32(0.5), 0, 1), dtype=np.float32)


def paint(hu: Field, depth: Field, value: float | Field, pixel_mm: float) -> None:
    """Lay ``value`` HU over ``hu``, in place, where ``depth`` is inside."""
    hu += cover(depth, pixel_mm) * (value - hu)


def both(a: Field, b: Field, round_mm: float = 0.0) -> Field:
    """Depth inside both shapes; the inner edge where they meet is rounded over ``round_mm``."""
    return -either(-a, -b, round_mm)


def either(a: Field, b: Field, round_mm: float = 0.0) -> Field:
    """Depth inside at least one shape; the notch where they meet is filled over ``round_mm``.

    Quadratic smooth maximum: equal to ``max`` where the depths differ by more than ``round_mm``.
    """
    top = np.maximum(a, b)
    if round_mm:
        gap = np.clip(round_mm - np.abs(a - b), 0, None)
        top += gap * gap * np.float32(0.25 / round_mm)
    return top


@dataclass(frozen=True)
class Ellipsoid:
    """Half-axes ``half`` mm along the rows of ``turned`` (identity: along x, y, z) about ``centre``."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    turned: tuple[tuple[float, float, float], ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))

    @cached_property
    def form(self) -> NDArray[np.float64]:
        """A with (p - centre)' A (p - centre) = 1 on the surface."""
        turned = np.asarray(self.turned, dtype=float)
        turned = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        return np.asarray(turned.T @ np.diag(np.asarray(self.half, dtype=float) ** -2.0) @ turned)

    def depth(self, x: Field, y: Field, z: float) -> Field:
        """Depth (mm), exact to first order at the surface."""
        a = self.form.astype(np.float32)
        u, v = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        w = np.float32(z - self.centre[2])
        gx, gy, gz = (a[i, 0] * u + a[i, 1] * v + a[i, 2] * w for i in range(3))
        q = np.sqrt(np.maximum(u * gx + v * gy + w * gz, np.float32(1e-6)))
        return np.asarray((1 - q) * q / np.sqrt(gx * gx + gy * gy + gz * gz + np.float32(1e-9)), dtype=np.float32)

    def reach(self) -> float:
        """The longest half-axis (mm)."""
        return max(self.half)


def ellipse_depth(x: Field, y: Field, centre: tuple[float, float], half: tuple[float, float]) -> Field:
    """Depth in an ellipse on the plane, exact to first order at the edge."""
    u, v = (x - np.float32(centre[0])) / np.float32(half[0]), (y - np.float32(centre[1])) / np.float32(half[1])
    q = np.sqrt(u * u + v * v + np.float32(1e-6))
    slope = np.sqrt((u / np.float32(half[0])) ** 2 + (v / np.float32(half[1])) ** 2 + np.float32(1e-9))
    return np.asarray((1 - q) * q / slope, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Tube:
    """A bent, tapering tube: a smooth curve through ``knots`` (x, y, z, radius mm)."""

    knots: tuple[tuple[float, float, float, float], ...]

    @cached_property
    def segments(self) -> NDArray[np.float64]:
        """(n, 2, 4): begin and end of straight pieces about 9 mm long, each x, y, z, radius."""
        knots = np.asarray(self.knots, dtype=float)
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots[:, :3], axis=0), axis=1))])
        points = PchipInterpolator(along, knots)(np.linspace(0, along[-1], max(2, round(along[-1] / 9) + 1)))
        return np.stack([points[:-1], points[1:]], axis=1)

    @cached_property
    def heights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n,) lowest and highest level of each piece, its radius included."""
        reach = self.segments[:, :, 3].max(axis=1)
        return self.segments[:, :, 2].min(axis=1) - reach, self.segments[:, :, 2].max(axis=1) + reach


def segment_depth(x: Field, y: Field, z: float, begin: NDArray[np.float64], end: NDArray[np.float64]) -> Field:
    """Depth in a tapering straight tube with round ends."""
    d = (end[:3] - begin[:3]).astype(np.float32)
    u, v, w = x - np.float32(begin[0]), y - np.float32(begin[1]), np.float32(z - begin[2])
    t = np.clip((u * d[0] + v * d[1] + w * d[2]) / np.float32(d @ d + 1e-9), 0, 1)
    far = np.sqrt((u - t * d[0]) ** 2 + (v - t * d[1]) ** 2 + (w - t * d[2]) ** 2)
    return np.asarray(np.float32(begin[3]) + t * np.float32(end[3] - begin[3]) - far, dtype=np.float32)


def tubes_depth(grid: Grid, z: float, tubes: Sequence[Tube], margin_mm: float = 2.0) -> Field | None:
    """Depth in the nearest of ``tubes``, right to ``margin_mm`` outside; None where none is near this plane."""
    depth: Field | None = None
    for tube in tubes:
        bottom, top = tube.heights
        for begin, end in tube.segments[(bottom - margin_mm <= z) & (z <= top + margin_mm)]:
            far = max(begin[3], end[3]) + margin_mm
            (left, right), (front, back) = sorted((begin[0], end[0])), sorted((begin[1], end[1]))
            window = grid.window(left - far, right + far, front - far, back + far)
            if window is None:
                continue
            if depth is None:
                depth = np.full(grid.shape, OUTSIDE, dtype=np.float32)
            here = segment_depth(*grid.at(window), z, begin, end)
            np.maximum(depth[window], here, out=depth[window])
    return depth


class Profile:
    """Named lengths that change smoothly along the body, from a table of levels."""

    def __init__(self, names: str, rows: Sequence[Sequence[float]]) -> None:
        table = np.asarray(sorted(rows, key=lambda row: row[0]), dtype=float)
        self._names = names.split()
        self._low, self._high = table[0, 0], table[-1, 0]
        self._curve = PchipInterpolator(table[:, 0], table[:, 1:])

    def at(self, z: float) -> dict[str, float]:
        """All lengths at level ``z``; beyond the table its end values hold."""
        values = self._curve(min(max(z, self._low), self._high))
        return {name: float(value) for name, value in zip(self._names, values, strict=True)}


def smooth_table(knots: ArrayLike, values: ArrayLike, at: ArrayLike) -> Field:
    """A smooth curve without overshoot through (knots, values), read at ``at``, flat beyond its ends."""
    knots = np.asarray(knots, dtype=float)
    return np.asarray(PchipInterpolator(knots, values)(np.clip(at, knots[0], knots[-1])), dtype=np.float32)
