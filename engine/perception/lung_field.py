"""A chest CT on an axial grid of 1 mm, cut to the lungs, and the closed lungs on it.

What a finder of nodules looks at, whatever the scanner's spacing and the way the images run. A threshold
leaves out a nodule that touches the pleura or the mediastinum; closing each lung by a ball takes it in again
(how many would be lost: Armato and Sensakovic, Academic Radiology 11:1011-1021, 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .axial import AxialStack, axial
from .coverage import AIR_HU, lung_roughly
from .volume import Volume

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Triple = NDArray[np.float64]  # along z, y, x

STEP_MM: Final = 1.0
COARSE: Final = 2  # the lungs are outlined on every second voxel
CLOSING_MM: Final = 12.0  # takes in a ball of 24 mm that half lies in the wall
MARGIN_MM: Final = 14.0  # beyond the lung that a threshold finds: room for what the closing takes in
HU: Final = (-1000.0, 200.0)  # from air to enhanced vessels; what is brighter is no more of a nodule for it


@dataclass(frozen=True, slots=True, eq=False)
class LungField:
    """``hu``: float32 (z, y, x) within ``HU``, ``STEP_MM`` apart: axial slices, rows to the back, columns to the left.

    ``inside``: the closed lungs, as many voxels. ``stack``: the axial slices it was made of; ``corner``: the place
    in them, in voxels, of ``hu``'s first; ``step``: their voxels to a step here.
    """

    hu: Floats
    inside: Bools
    stack: AxialStack
    corner: Triple
    step: Triple

    def position_of(self, index: NDArray[np.floating]) -> tuple[float, float, float]:
        """Patient position (x, y, z mm) of an index (z, y, x) on this grid."""
        k, r, c = (self.corner + np.asarray(index) * self.step) / self.stack.stretch
        return self.stack.position_of((float(k), float(r), float(c)))


def lung_field(volume: Volume) -> LungField | None:
    """The lungs of a volume on the finder's grid; None where it shows none.

    About 3 s for two whole lungs of 140 slices; the grid is as large however fine the slices are.

    Raises:
        Unsupported: the volume has no axial slices.
    """
    stack = axial(volume)
    spacing = (stack.step_mm, stack.pixel_mm / stack.stretch[1], stack.pixel_mm / stack.stretch[2])
    rough, thin, middle = lung_roughly(stack.upright, spacing)
    if not rough.any():
        return None
    step = STEP_MM / np.asarray(spacing)
    low, high = _box(rough, thin, MARGIN_MM / np.asarray(spacing), np.asarray(stack.upright.shape))
    hu = _resampled(stack.upright, low, step, np.floor((high - low) / step).astype(int) + 1)
    coarse = hu[::COARSE, ::COARSE, ::COARSE]
    at = [
        np.clip(np.rint((low[a] + np.arange(n) * COARSE * step[a]) / thin[a]).astype(int), 0, rough.shape[a] - 1)
        for a, n in enumerate(coarse.shape)
    ]
    column = int(np.clip(round((middle * thin[2] - low[2]) / step[2] / COARSE), 0, coarse.shape[2]))
    inside = _finer(_closed(_grown(rough[np.ix_(*at)], coarse < AIR_HU), column), hu.shape) > 0
    return LungField(hu, inside, stack, low, step)


def _box(rough: Bools, thin: NDArray[np.int_], margin: Triple, shape: NDArray[np.int_]) -> tuple[Triple, Triple]:
    """First and last index (z, y, x) that are looked at."""
    ends = [np.flatnonzero(rough.any(axis=tuple({0, 1, 2} - {a})))[[0, -1]] * thin[a] for a in range(3)]
    low, high = np.transpose(ends).astype(float)
    return np.maximum(low - margin, 0.0), np.minimum(high + margin, shape - 1.0)


def _resampled(hu: NDArray[np.int16], low: Triple, step: Triple, counts: NDArray[np.int_]) -> Floats:
    """Linear between voxels, the mean over a step where voxels are finer; slice after slice, to save memory."""
    along, rows, columns = (_weights(low[a] + np.arange(counts[a]) * step[a], hu.shape[a], step[a]) for a in range(3))
    made = np.zeros(tuple(counts), dtype=np.float32)
    for index in np.flatnonzero(along.any(axis=0)):
        plane = rows @ np.clip(hu[index].astype(np.float32), *HU) @ columns.T
        for level in np.flatnonzero(along[:, index]):
            made[level] += along[level, index] * plane
    return made


def _weights(at: Triple, n: int, step: float) -> Floats:
    """(len(at), n): a triangle as wide as the coarser of the two grids, each row with sum 1."""
    tent = np.maximum(0, 1 - np.abs(np.clip(at, 0, n - 1)[:, None] - np.arange(n)) / max(1.0, step))
    return np.asarray(tent / tent.sum(axis=1, keepdims=True), dtype=np.float32)


def _grown(seed: Bools, air: Bools) -> Bools:
    """The pockets of air that hold some of the seed."""
    pockets, count = ndimage.label(air)
    kept = np.zeros(count + 1, dtype=bool)
    kept[np.unique(pockets[seed])] = True
    kept[0] = False
    return np.asarray(kept[pockets])


def _closed(lung: Bools, middle: int) -> Floats:
    """mm below the surface of the closed lungs, negative outside; each side of the middle by itself, or the closing
    would fill what lies between the lungs."""
    return np.concatenate([_depth(lung[:, :, :middle]), _depth(lung[:, :, middle:])], axis=2)


def _depth(lung: Bools) -> Floats:
    if not lung.any():
        return np.full(lung.shape, -1.0, dtype=np.float32)
    mm, pad = COARSE * STEP_MM, int(CLOSING_MM / STEP_MM / COARSE) + 2
    outside = ~np.pad(lung, pad)
    dilated = ndimage.binary_fill_holes(ndimage.distance_transform_edt(outside, sampling=mm) <= CLOSING_MM)
    deep = ndimage.distance_transform_edt(dilated, sampling=mm) - CLOSING_MM
    return np.asarray(deep[pad:-pad, pad:-pad, pad:-pad], dtype=np.float32)


def _finer(depth: Floats, shape: tuple[int, ...]) -> Floats:
    """Interpolated onto the fine grid: the surface comes out smoother than the coarse voxels."""
    for axis, n in enumerate(shape):
        weights = _weights(np.arange(n) / COARSE, depth.shape[axis], 1.0)
        depth = np.moveaxis(np.tensordot(weights, depth, axes=(1, axis)), 0, axis)
    return depth
