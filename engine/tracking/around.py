"""Where a place's surroundings lie on the other exam: the vessels around it, searched for as one block.

A rigid motion leaves what breathing does: some mm at the base of the lungs, more where the breath differs. What lies
around a nodule moves with it. A block of lung around the place is looked for on the other exam by normalised
cross-correlation of masked images (Padfield, IEEE Trans Image Process 21:2706-2718, 2012). Every
nodule that is stated on either exam is masked out: a nodule must not be found by looking for a nodule, or a new one
beside one that is gone would be taken for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from .lungs import STEP_MM, Bools, Floats, Lungs, Point

BLOCK: Final = 8  # voxels from the middle of the block to its sides: 20 mm
SEARCH: Final = (14, 6, 6)  # voxels along z, y, x: 35 mm along the body, where breathing moves most, 15 mm across
HU: Final = (-1000.0, -300.0)  # lung and vessels; what is brighter would outweigh them
LEAST_SHARE: Final = 0.35  # of the block's lung that must lie on lung of the other exam
APART: Final = 3  # voxels: a second peak nearer than this is the same one
FULL: Final = 200  # voxels of lung that a block must hold to say anything

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True)
class Around:
    """``shift_mm``: x, y, z by which the surroundings lie elsewhere than the rigid motion says; ``likeness``: their
    correlation in [-1, 1]; ``lead``: by how much it is more than that of the next best place."""

    shift_mm: tuple[float, float, float]
    likeness: float
    lead: float


def around(place: Point, current: Lungs, laid: Lungs, clear: Bools, clear_laid: Bools) -> Around | None:
    """Where the block around ``place`` (x, y, z mm) lies on the prior that was laid on the current exam.

    ``clear``, ``clear_laid``: voxels that may be looked at (in the lungs, in no nodule). None where too little lung
    is around it.
    """
    middle = np.rint(current.index_of(place)).astype(int)
    block, mask = _cut(current.hu, middle, (BLOCK,) * 3), _cut(clear, middle, (BLOCK,) * 3)
    reach = tuple(BLOCK + s for s in SEARCH)
    there, there_mask = _cut(laid.hu, middle, reach), _cut(clear_laid, middle, reach)
    if min(np.count_nonzero(mask), np.count_nonzero(there_mask)) < FULL:
        return None
    return _peak(_likeness(block, mask, there, there_mask))


def clear_of(lungs: Lungs, nodules: Sequence[tuple[Point, float]]) -> Bools:
    """The voxels in the lungs that lie in none of the nodules (place in mm, diameter in mm)."""
    clear = lungs.inside.copy()
    for place, diameter in nodules:
        middle, reach = lungs.index_of(place), diameter / 2 / STEP_MM + 1.5  # a voxel and a half for blur and error
        low = np.maximum(np.floor(middle - reach).astype(int), 0)
        box = tuple(slice(a, max(a, int(b) + 2)) for a, b in zip(low, middle + reach, strict=True))
        grid = np.ogrid[box]
        near = sum((g - m) ** 2 for g, m in zip(grid, middle, strict=True)) <= reach**2
        clear[box] &= ~near[tuple(slice(0, n) for n in clear[box].shape)]
    return clear


def _cut(values: NDArray[Any], middle: NDArray[np.int_], reach: tuple[int, ...]) -> NDArray[Any]:
    """A box about a voxel; beyond the grid there is nothing."""
    out = np.zeros(tuple(2 * r + 1 for r in reach), dtype=values.dtype)
    low = middle - reach
    source = tuple(
        slice(max(0, a), max(0, min(n, a + s))) for a, s, n in zip(low, out.shape, values.shape, strict=True)
    )
    target = tuple(slice(s.start - a, s.start - a + max(0, s.stop - s.start)) for s, a in zip(source, low, strict=True))
    if all(s.stop > s.start for s in source):
        out[target] = values[source]
    return out


def _likeness(block: Floats, mask: Bools, there: Floats, there_mask: Bools) -> Floats:
    """Correlation by shift (z, y, x), no shift in the middle. The block stays within ``there`` at every shift, so that
    the transforms need no padding."""
    size = tuple(fft.next_fast_len(n, real=True) for n in there.shape)
    f, g = (
        np.where(m, (np.clip(v, *HU) - HU[0]) / (HU[1] - HU[0]), 0.0) for v, m in ((there, there_mask), (block, mask))
    )
    of_there = [fft.rfftn(v, size) for v in (there_mask.astype(float), f, f * f)]
    of_block = [np.conj(fft.rfftn(v, size)) for v in (mask.astype(float), g, g * g)]

    def summed(i: int, j: int) -> Floats:
        whole = fft.irfftn(of_there[i] * of_block[j], size)
        return np.asarray(whole[tuple(slice(0, 2 * s + 1) for s in SEARCH)])

    n, of_f, of_g = np.maximum(summed(0, 0), 1.0), summed(1, 0), summed(0, 1)
    spread = np.maximum(summed(2, 0) - of_f**2 / n, 0) * np.maximum(summed(0, 2) - of_g**2 / n, 0)
    together = summed(1, 1) - of_f * of_g / n
    known = (n >= LEAST_SHARE * np.count_nonzero(mask)) & (spread > 1e-9)
    return np.asarray(np.where(known, together / np.sqrt(np.where(known, spread, 1.0)), 0.0), dtype=np.float32)


def _peak(likeness: Floats) -> Around:
    at = np.array(np.unravel_index(int(likeness.argmax()), likeness.shape))
    highest = float(likeness[tuple(at)])
    others = likeness.copy()
    others[tuple(slice(max(0, i - APART), i + APART + 1) for i in at)] = -1.0
    shift = (at - SEARCH + [_between(likeness, at, axis) for axis in range(3)]) * STEP_MM
    return Around((float(shift[2]), float(shift[1]), float(shift[0])), highest, highest - float(others.max()))


def _between(likeness: Floats, at: NDArray[np.int_], axis: int) -> float:
    """Where between voxels a parabola through the peak and its neighbours is highest."""
    if not 0 < at[axis] < likeness.shape[axis] - 1:
        return 0.0
    step = np.eye(3, dtype=int)[axis]
    below, here, above = (float(likeness[tuple(at + n * step)]) for n in (-1, 0, 1))
    bent = below - 2 * here + above
    return float(np.clip((below - above) / (2 * bent), -0.5, 0.5)) if bent < -1e-9 else 0.0


def points_within(lungs: Lungs, apart_mm: float) -> list[Point]:
    """Places all over the lungs, on a lattice, a block's quarter below the surface: where an alignment is checked."""
    deep = ndimage.binary_erosion(lungs.inside, iterations=BLOCK // 2)
    step = max(1, round(apart_mm / STEP_MM))
    lattice = np.zeros(deep.shape, dtype=bool)
    lattice[step // 2 :: step, step // 2 :: step, step // 2 :: step] = True
    return [lungs.place_of(index) for index in np.argwhere(deep & lattice)]
