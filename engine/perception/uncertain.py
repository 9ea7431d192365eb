"""Size of a mask that is not sure of itself: a probability per pixel instead of yes or no.

The lesion is taken for a random set that covers each pixel with its probability, and whose outlines lie within
each other: the pixels above a level that is anywhere between 0 and the highest probability (Vorob'ev's level sets;
Molchanov, Theory of Random Sets, 2nd ed. 2017, section 2.2). This is how readers differ, who draw the same outline
wider or tighter; of all couplings of the pixels it gives the widest spread. The mean and the standard deviation of a
size over the levels are its belief; the error that the pixels alone make is added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import BadValue
from .measure import Axes, Mask, measure_slice, measure_volume

Probabilities = NDArray[np.floating]

LEVELS: Final = 19  # 0.05, 0.10 .. 0.95 of the highest: nets say a few per cent far away, which no reader drew


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A size and its standard deviation, in the unit of its name."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class SoftAxes:
    """Sizes on one slice. ``highest``: the highest probability; far below 1, it is not sure that anything is there."""

    long_mm: Uncertain
    short_mm: Uncertain
    mean_mm: Uncertain
    area_mm2: Uncertain
    highest: float


@dataclass(frozen=True, slots=True)
class SoftVolume:
    """The volume, and the sizes on the slice whose expected area is largest."""

    volume_mm3: Uncertain
    largest_slice_index: int
    axes: SoftAxes


def measure_soft_slice(
    probabilities: Probabilities, spacing_mm: tuple[float, float], slices_mm: float | None = None
) -> SoftAxes:
    """Sizes of a soft mask (rows, columns) in [0, 1], with pixels of (dy, dx) mm; ``slices_mm`` as ``measure_slice``.

    Raises:
        BadValue: not two axes, not in [0, 1], 0 everywhere, or a spacing that is not positive.
    """
    highest = _checked(probabilities, axes=2)
    found = [measure_slice(mask, spacing_mm, slices_mm) for mask in _level_sets(probabilities)]
    pixel = math.sqrt(math.prod(spacing_mm))
    return SoftAxes(
        long_mm=_over([a.long_mm for a in found], [a.sd_mm for a in found]),
        short_mm=_over([a.short_mm for a in found], [a.sd_mm for a in found]),
        mean_mm=_over([a.mean_mm for a in found], [a.mean_sd_mm for a in found]),
        area_mm2=_over([a.area_mm2 for a in found], [_area_sd(a, pixel) for a in found]),
        highest=highest,
    )


def measure_soft_volume(probabilities: Probabilities, spacing_mm: tuple[float, float, float]) -> SoftVolume:
    """Volume and sizes of a soft mask (slices, rows, columns) in [0, 1], with voxels of (dz, dy, dx) mm.

    Raises:
        BadValue: not three axes, not in [0, 1], 0 everywhere, or a spacing that is not positive.
    """
    _checked(probabilities, axes=3)
    found = [measure_volume(mask, spacing_mm) for mask in _level_sets(probabilities)]
    largest = int(probabilities.sum(axis=(1, 2)).argmax())
    return SoftVolume(
        volume_mm3=_over([v.volume_mm3 for v in found], [v.volume_sd_mm3 for v in found]),
        largest_slice_index=largest,
        axes=measure_soft_slice(probabilities[largest], spacing_mm[1:], spacing_mm[0]),
    )


def _checked(probabilities: Probabilities, axes: int) -> float:
    """The highest probability."""
    if probabilities.ndim != axes or not np.issubdtype(probabilities.dtype, np.floating):
        found = f"{probabilities.dtype} with {probabilities.ndim} axes"
        raise BadValue("soft mask", "", found, f"floats with {axes}", "Give one mask of probabilities.")
    lowest, highest = float(probabilities.min(initial=1)), float(probabilities.max(initial=0))
    if not (lowest >= 0 and 0 < highest <= 1):  # also where one is not a number
        found = f"values from {lowest:g} to {highest:g}"
        raise BadValue("soft mask", "", found, "from 0 to 1, above 0 somewhere", "Give probabilities.")
    return highest


def _level_sets(probabilities: Probabilities) -> list[Mask]:
    """The part around the highest probability that lies above each level."""
    touching = np.ones((3,) * probabilities.ndim, dtype=bool)
    top = np.unravel_index(int(probabilities.argmax()), probabilities.shape)
    levels = (np.arange(LEVELS) + 1) / (LEVELS + 1) * float(probabilities[top])
    labelled = (ndimage.label(probabilities >= level, touching)[0] for level in levels)
    return [np.asarray(labels == labels[top]) for labels in labelled]


def _over(sizes: Sequence[float], own_sd: Sequence[float]) -> Uncertain:
    """Over the levels: the mean, and the spread with the mean of the squares of each one's own error."""
    return Uncertain(
        float(np.mean(sizes)), math.hypot(float(np.std(sizes)), math.sqrt(float(np.mean(np.square(own_sd)))))
    )


def _area_sd(axes: Axes, pixel_mm: float) -> float:
    """The outline passes through each of its pixels anywhere: 1 / sqrt(12) of it."""
    return pixel_mm**2 * math.sqrt(math.pi * axes.mean_mm / pixel_mm / 12)
