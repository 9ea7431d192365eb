"""Images and masks in their place in the patient, and how one is looked up in the other.

Masks are brought to the images, never images to masks: interpolated pixels are smoother than the
scanner's, and their noise would be taken for less than it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import BadValue
from .volume import Volume

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Numbers or a mask (slices, rows, columns) with their place, as in ``Volume`` (mm, LPS).

    ``thickness_mm``: of a slice, which may exceed their distance. ``frame``: Frame of Reference UID,
    '' where it is not known.

    Raises:
        BadValue: not three axes, nothing in it, numbers that are not finite, or spacing or axes that no image has.
    """

    values: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    axes: Floats
    thickness_mm: float | None = None
    frame: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or min(self.values.shape, default=0) == 0:
            raise BadValue("image or mask", "values", str(self.values.shape), "three axes", "Give a volume.")
        if self.values.dtype.kind == "f" and not np.isfinite(self.values).all():
            raise BadValue("image", "values", "numbers that are not finite", "finite numbers", "Fill them first.")
        if not all(np.isfinite(s) and s > 0 for s in self.spacing_mm):
            raise BadValue("image or mask", "spacing_mm", str(self.spacing_mm), "positive lengths", "Correct them.")
        if self.axes.shape != (3, 3) or not np.allclose(self.axes @ self.axes.T, np.eye(3), atol=1e-3):
            raise BadValue("image or mask", "axes", "axes that are not orthonormal", "three unit vectors", "Resample.")

    def index_of(self, positions: Floats) -> Floats:
        """Fractional voxel indices (..., 3) of patient positions (..., 3)."""
        return np.asarray((positions - self.origin_mm) @ self.axes.T / self.spacing_mm)

    def position_of(self, index: Floats) -> Floats:
        """Patient positions (..., 3) of voxel indices (..., 3)."""
        return np.asarray(self.origin_mm + (index * self.spacing_mm) @ self.axes)

    def cut(self, box: Box) -> Placed:
        """The part in ``box``, in its place."""
        first = np.array([part.start for part in box], dtype=np.float64)
        x, y, z = self.position_of(first)
        return replace(self, values=self.values[box], origin_mm=(float(x), float(y), float(z)))

    def padded(self, margin_mm: float) -> Placed:
        """With zeros (False) for ``margin_mm`` on all sides."""
        steps = [int(np.ceil(margin_mm / s)) for s in self.spacing_mm]
        x, y, z = self.position_of(-np.array(steps, dtype=np.float64))
        values = np.pad(self.values, [(n, n) for n in steps])
        return replace(self, values=values, origin_mm=(float(x), float(y), float(z)))

    def box_around(self, other: Placed, margin_mm: float) -> Box | None:
        """Where in this grid ``other`` lies, with a margin; None where it lies outside."""
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in other.values.shape], indexing="ij"), dtype=np.float64)
        index = self.index_of(other.position_of(ends.reshape(3, -1).T))
        reach = np.array([margin_mm / s for s in self.spacing_mm])
        low = np.clip(np.floor(index.min(axis=0) - reach), 0, None).astype(int)
        high = np.minimum(np.ceil(index.max(axis=0) + reach).astype(int) + 1, self.values.shape)
        if (high <= low).any():
            return None
        k, i, j = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        return k, i, j

    def looked_up_in(self, other: Placed, outside: float) -> Floats:
        """For each voxel of this grid the value that ``other`` has there, interpolated linearly; beyond it ``outside``.

        An index of this grid is turned into one of the other by one affine map. Only the part that is met is touched.
        """
        met = other.box_around(self, 2 * max(other.spacing_mm))
        if met is None:
            return np.full(self.values.shape, outside)
        other = other.cut(met)
        turn = self.axes @ other.axes.T
        matrix = (turn * np.array(self.spacing_mm)[:, None] / np.array(other.spacing_mm)).T
        start = other.index_of(np.asarray(self.origin_mm, dtype=np.float64))
        return np.asarray(
            ndimage.affine_transform(
                other.values.astype(np.float64),
                matrix,
                start,
                output_shape=self.values.shape,
                order=1,
                mode="constant",
                cval=outside,
            )
        )


def of_volume(volume: Volume, frame: str = "") -> Placed:
    """A CT volume (HU) as ``Placed``."""
    return Placed(
        volume.hu, volume.spacing_mm, volume.origin_mm, volume.axes, volume.acquisition.slice_thickness_mm, frame
    )


def depth_of(mask: Placed, margin_mm: float) -> Placed:
    """How deep each voxel centre lies in the mask, in mm, negative outside, up to ``margin_mm`` around it.

    The outline runs midway between the last voxel inside and the first outside; across it neighbouring
    centres are one voxel apart, mostly in the plane, hence half of the finest spacing.
    """
    wide = mask.padded(margin_mm)
    inside = wide.values.astype(bool)
    half = min(mask.spacing_mm) / 2
    within = ndimage.distance_transform_edt(inside, sampling=mask.spacing_mm)
    beyond = ndimage.distance_transform_edt(~inside, sampling=mask.spacing_mm)
    return replace(wide, values=np.where(inside, within - half, half - beyond))
