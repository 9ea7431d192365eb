"""Axial slices with square pixels, as the net saw them in training, whatever way a volume was stored.

Rows run to the patient's back, columns to the left. Square pixels are shown as they are; others are interpolated,
crop by crop.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import BadValue, Unsupported
from .measure import Mask
from .volume import Volume

T = TypeVar("T", bound=np.generic)
Position = tuple[float, float, float]  # mm in patient coordinates, or a fractional (slice, row, column)
Place = tuple[int, int, int]  # slice, row, column

# A gantry tilts by up to 30 degrees, and its slices are called axial all the same.
STEEPEST_DEGREES: Final = 31.0
SQUARE: Final = 1e-3  # relative difference of a pixel's sides that the rounding of headers makes


@dataclass(frozen=True, slots=True, eq=False)
class AxialStack:
    """A volume's axial slices. ``step_mm`` from slice to slice, ``pixel_mm`` either side of a pixel.

    ``axis``: of the volume, for slices, rows and columns; ``sign``: -1 where it runs the other way.
    ``stretch``: the volume's voxels to a slice, a row, a column here.
    """

    volume: Volume
    axis: Place
    sign: Place
    stretch: Position
    step_mm: float
    pixel_mm: float

    @property
    def upright(self) -> NDArray[np.int16]:
        """The volume's voxels as slices, rows and columns, not stretched; nothing is copied."""
        return self._turned(self.volume.hu)

    @property
    def shape(self) -> Place:
        """Slices, rows, columns."""
        k, r, c = (int((n - 1) / s) + 1 for n, s in zip(self.upright.shape, self.stretch, strict=True))
        return k, r, c

    @property
    def acquired(self) -> bool:
        """Whether the volume's own slices are the axial ones."""
        return self.axis[0] == 0

    def index_of(self, position: Position) -> Position:
        """Fractional (slice, row, column) of a patient position.

        Raises:
            BadValue: it is no position, or lies outside of the volume.
        """
        if len(position) != 3 or not all(math.isfinite(p) for p in position):
            raise BadValue("position", "", "no three finite numbers", "x, y, z in mm", "Correct it.")
        stored = self.volume.index_of(position)
        if any(not -0.5 <= i <= n - 0.5 for i, n in zip(stored, self.volume.hu.shape, strict=True)):
            raise BadValue("position", "", f"{_mm(position)}, outside", self._span(), "Check its frame of reference.")
        there = (stored[a] if s > 0 else self.volume.hu.shape[a] - 1 - stored[a] for a, s in self._turns())
        k, r, c = (i / s for i, s in zip(there, self.stretch, strict=True))
        return k, r, c

    def position_of(self, index: Position) -> Position:
        """Patient position of a (slice, row, column); inverse of ``index_of``."""
        stored = [0.0, 0.0, 0.0]
        for (a, sign), i, stretch in zip(self._turns(), index, self.stretch, strict=True):
            stored[a] = i * stretch if sign > 0 else self.volume.hu.shape[a] - 1 - i * stretch
        return self.volume.position_of((stored[0], stored[1], stored[2]))

    def crop(self, place: Place, side: int) -> NDArray[np.int16]:
        """``side`` x ``side`` pixels around a place (odd); beyond the volume the nearest pixel goes on."""
        plane = self.upright[min(max(place[0], 0), len(self.upright) - 1)]
        at = [
            np.clip((i + np.arange(side) - side // 2) * s, 0, n - 1)
            for i, s, n in zip(place[1:], self.stretch[1:], plane.shape, strict=True)
        ]
        if self.stretch == (1.0, 1.0, 1.0):
            return np.asarray(plane[np.ix_(at[0].astype(int), at[1].astype(int))])
        between = ndimage.map_coordinates(plane, np.meshgrid(*at, indexing="ij"), output=np.float32, order=1)
        return np.asarray(np.rint(between), dtype=np.int16)

    def shown(self, mask: Mask, start: Place) -> tuple[Mask, Place]:
        """A mask of the volume's voxels, from ``start`` on, as slices, rows and columns, and where it starts."""
        turned = self._turned(mask)
        starts = [
            start[a] if sign > 0 else self.volume.hu.shape[a] - start[a] - mask.shape[a] for a, sign in self._turns()
        ]
        picked, corner = [], []
        for low, n, stretch in zip(starts, turned.shape, self.stretch, strict=True):
            here = np.arange(math.ceil((low - 0.5) / stretch), math.ceil((low + n - 0.5) / stretch))
            picked.append(np.clip(np.rint(here * stretch).astype(int) - low, 0, n - 1))
            corner.append(int(here[0]))
        return turned[np.ix_(*picked)], (corner[0], corner[1], corner[2])

    def _turned(self, values: NDArray[T]) -> NDArray[T]:
        k, r, c = (slice(None, None, s) for s in self.sign)
        return values.transpose(self.axis)[k, r, c]

    def _turns(self) -> Iterable[tuple[int, int]]:
        return zip(self.axis, self.sign, strict=True)

    def _span(self) -> str:
        k, r, c = (n - 1 for n in self.volume.hu.shape)
        corners = [self.volume.position_of((a, b, d)) for a in (0, k) for b in (0, r) for d in (0, c)]
        ends = zip("xyz", zip(*corners, strict=True), strict=True)
        return ", ".join(f"{name} {min(on):.1f} to {max(on):.1f}" for name, on in ends) + " mm"


def axial(volume: Volume) -> AxialStack:
    """The axial slices of a volume.

    Raises:
        Unsupported: none of its axes runs within 31 degrees of the patient's long axis.
    """
    up = int(np.abs(volume.axes[:, 2]).argmax())
    tilt = math.degrees(math.acos(min(1.0, abs(float(volume.axes[up, 2])))))
    if tilt > STEEPEST_DEGREES:
        allowed = f"at most {STEEPEST_DEGREES:g} degrees"
        raise Unsupported("series", "", f"slices {tilt:.0f} degrees from axial", allowed, "Give an axial series.")
    across = max((a for a in range(3) if a != up), key=lambda a: abs(volume.axes[a, 0]))
    axis = (up, 3 - up - across, across)
    back, left = (1 if volume.axes[a, n] >= 0 else -1 for a, n in ((axis[1], 1), (axis[2], 0)))
    dy, dx = volume.spacing_mm[axis[1]], volume.spacing_mm[axis[2]]
    if abs(dy - dx) <= SQUARE * max(dy, dx):
        return AxialStack(volume, axis, (1, back, left), (1.0, 1.0, 1.0), volume.spacing_mm[up], math.sqrt(dy * dx))
    pixel = min(dy, dx)
    return AxialStack(volume, axis, (1, back, left), (1.0, pixel / dy, pixel / dx), volume.spacing_mm[up], pixel)


def _mm(position: Position) -> str:
    return ", ".join(f"{p:g}" for p in position) + " mm"
