"""Where the planes of a segmentation lie: on the grid of the CT that it was drawn on, or on a grid of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...engine.perception.volume import Volume
from .errors import BadGeometry
from .findings_errors import NoPlane, UnevenPlanes
from .headers import label
from .seg_frames import Frame

Vectors = NDArray[np.float64]

# Positions are written with 6 digits or more; what differs by less than this part of a voxel is the same place.
SAME_PLACE: Final = 0.05
ONE_PLANE_MM: Final = 0.02  # thinner than any slice
SAME_DIRECTION: Final = 1e-3  # between unit vectors
SAME_SPACING: Final = 1e-3  # relative; over 512 pixels that is half a pixel


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """As in ``Volume``: position of voxel [0, 0, 0], spacing and axes (slice, row, column), in mm; LPS."""

    origin_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    axes: Vectors

    def index_of(self, positions: Vectors) -> Vectors:
        """Fractional voxel indices (n, 3) of positions (n, 3)."""
        steps: Vectors = (positions - self.origin_mm) @ self.axes.T / self.spacing_mm
        return steps

    def position_of(self, index: Sequence[float]) -> tuple[float, float, float]:
        """The position of a voxel index."""
        x, y, z = np.asarray(self.origin_mm) + np.multiply(index, self.spacing_mm) @ self.axes
        return float(x), float(y), float(z)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Each frame's first pixel as an index (slice, row, column) of ``grid``; ``on_volume``: the CT's own grid."""

    grid: Grid
    at: NDArray[np.int64]
    on_volume: bool
    notes: tuple[str, ...]


def placed(
    frames: Sequence[Frame], volume: Volume | None, *, same_images: bool, shape: tuple[int, int], where: str
) -> Placed:
    """Put the frames onto the grid of ``volume`` where they fit it, else onto their own.

    ``same_images``: the segmentation refers to images of the volume's series, so that both share a
    frame of reference. ``shape``: rows and columns of a frame.

    Raises:
        BadGeometry, NoPlane, UnevenPlanes: the planes form no stack.
    """
    own = _own_grid(frames, where)
    if volume is None:
        return Placed(own, _indices(own, frames, where), False, ())
    misfit = _misfit(own, frames, volume, same_images, shape)
    if misfit:
        note = f"measured on its own grid, not on that of the CT: {misfit}"
        return Placed(own, _indices(own, frames, where), False, (note,))
    grid = Grid(volume.origin_mm, volume.spacing_mm, volume.axes)
    return Placed(grid, _rounded(grid.index_of(_positions(frames))), True, ())


def _positions(frames: Sequence[Frame]) -> Vectors:
    return np.array([frame.position for frame in frames], dtype=np.float64)


def _rounded(index: Vectors) -> NDArray[np.int64]:
    return np.rint(index).astype(np.int64)


def _own_grid(frames: Sequence[Frame], where: str) -> Grid:
    first = frames[0]
    axes = _axes(first, where)
    if any(
        not np.allclose(frame.orientation, first.orientation, atol=SAME_DIRECTION)
        or not np.allclose(frame.pixel_spacing, first.pixel_spacing, rtol=SAME_SPACING)
        for frame in frames
    ):
        raise _uneven(where, "frames of different orientation or pixel size")
    dy, dx = first.pixel_spacing
    if min(dy, dx) <= 0:
        raise BadGeometry(where, label("PixelSpacing"), f"{dy:g}, {dx:g}", "lengths above 0", "Correct the spacing.")
    levels = np.sort(_positions(frames) @ axes[0])
    levels = levels[np.append(True, np.diff(levels) > ONE_PLANE_MM)]
    lowest = frames[int((_positions(frames) @ axes[0]).argmin())].position
    return Grid((lowest[0], lowest[1], lowest[2]), (_distance(levels, first, where), dy, dx), axes)


def _axes(frame: Frame, where: str) -> Vectors:
    along_columns, along_rows = np.array(frame.orientation[:3]), np.array(frame.orientation[3:])
    axes = np.stack([np.cross(along_columns, along_rows), along_rows, along_columns])
    if not np.allclose(axes @ axes.T, np.eye(3), atol=SAME_DIRECTION):
        raise BadGeometry(
            where,
            label("ImageOrientationPatient"),
            "directions that are not perpendicular unit vectors",
            "unit vectors at right angles (PS3.3 C.7.6.2.1.1)",
            "Correct the orientation.",
        )
    return axes


def _distance(levels: Vectors, frame: Frame, where: str) -> float:
    """Between neighbouring planes. Planes without a mask are left out of a file, so gaps are whole multiples."""
    if len(levels) == 1:
        if not frame.thickness or frame.thickness < 0:
            raise NoPlane(
                where,
                f"{label('SpacingBetweenSlices')}, SliceThickness",
                "a single plane without thickness",
                "either of them",
                "Export it with its geometry.",
            )
        return frame.thickness
    gaps = np.diff(levels)
    for unit in (frame.spacing, float(gaps.min())):
        if (
            unit
            and unit > 0
            and np.allclose(gaps / unit, np.rint(gaps / unit), atol=SAME_PLACE)
            and gaps.min() > unit / 2
        ):
            return unit
    raise _uneven(where, f"distances between planes from {gaps.min():.3f} to {gaps.max():.3f} mm")


def _indices(grid: Grid, frames: Sequence[Frame], where: str) -> NDArray[np.int64]:
    index = grid.index_of(_positions(frames))
    if np.abs(index - np.rint(index)).max() > SAME_PLACE or np.abs(index[:, 1:]).max() > SAME_PLACE:
        raise _uneven(where, "planes that are shifted against each other")
    return _rounded(index)


def _uneven(where: str, found: str) -> UnevenPlanes:
    return UnevenPlanes(
        where,
        label("ImagePositionPatient"),
        found,
        "parallel planes at even distances, one above the other",
        "Resample the masks to the images.",
    )


def _misfit(own: Grid, frames: Sequence[Frame], volume: Volume, same_images: bool, shape: tuple[int, int]) -> str:
    """Why the frames do not lie on the volume's grid; '' where they do."""
    index = Grid(volume.origin_mm, volume.spacing_mm, volume.axes).index_of(_positions(frames))
    low, high = _rounded(index).min(axis=0), np.add(_rounded(index).max(axis=0), (1, *shape))
    apart = frames[0].spacing or volume.spacing_mm[0]
    reasons = {
        "it refers to other images": not same_images,
        "it is oriented differently": not np.allclose(own.axes[1:], volume.axes[1:], atol=SAME_DIRECTION),
        "its pixels are of another size": not np.allclose(own.spacing_mm[1:], volume.spacing_mm[1:], rtol=SAME_SPACING),
        "its planes are not as far apart as the slices": not np.isclose(apart, volume.spacing_mm[0], rtol=SAME_PLACE),
        "it lies between the slices or pixels of the CT": np.abs(index - np.rint(index)).max() > 2 * SAME_PLACE,
        "it reaches beyond the CT": bool((low < 0).any() or (high > volume.hu.shape).any()),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
