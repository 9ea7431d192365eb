"""Where the lesion may lie in a phase other than the one it was outlined on, and how likely each place is.

Tried are shifts of whole voxels and outlines drawn a little further in or out. Beforehand each is as
likely as a Gaussian says; the pixels then speak for the one under which a mean for each zone explains
most of them, measured in the liver's noise. A lesion like the liver says nothing, and all shifts stay.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .liver_zones import BAND, OCTANTS, ZONES, Field, Labels, Layers, zones

NEAR_MM: Final = 6.0  # around the lesion: what an alignment has to explain
MOST_EXPLAINED: Final = 20_000  # voxels: more say nothing new of the alignment
REACH_SDS: Final = 2.4  # shifts that are tried, in standard deviations
STEP_SDS: Final = 0.8  # between them
LEAST_WEIGHT: Final = 0.02  # of the best alignment's

Shift = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Liver:
    """The liver around the lesion: its ``level`` with the error ``sd``, the ``noise`` of a voxel, and how many voxels
    make one ``independent`` sample."""

    level: float
    sd: float
    noise: float
    independent: float


@dataclass(frozen=True, slots=True, eq=False)
class Parted:
    """Voxels by part and octant: ``at`` are flat indices, ``key`` part and octant in one number, ``counts``
    (parts, octants) how many there are."""

    at: NDArray[np.intp]
    key: NDArray[np.intp]
    counts: NDArray[np.intp]

    def sums(self, field: Field, shift: Shift, level: float) -> NDArray[np.float64]:
        """Of the values less ``level``, by part and octant (parts, octants), the lesion lying ``shift`` off."""
        at = np.clip(self.at + flat(shift, field), 0, field.values.size - 1)
        found = np.bincount(self.key, field.values.ravel()[at] - level, minlength=self.counts.size)
        return np.asarray(found, dtype=np.float64).reshape(self.counts.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The lesion lies ``shift`` voxels (slice, row, column) from the mask, its outline ``outline_mm`` further out."""

    shift: Shift
    outline_mm: float
    weight: float
    zones: Parted


def alignments(
    field: Field, layers: Layers, liver: Liver, registration_mm: float, outline_mm: float
) -> tuple[Alignment, ...]:
    """What is not ruled out, the best with weight 1. ``registration_mm``, ``outline_mm``: standard deviations."""
    near = np.flatnonzero((field.depth > -NEAR_MM) & (field.liver | (field.depth > 0)))
    step = max(1, len(near) // MOST_EXPLAINED)
    near, scale = near[::step], 2 * liver.noise**2 * max(1.0, liver.independent / step)
    values = field.values.ravel()[near] - liver.level
    tried, scores = [], []
    for outline, farther in ((-outline_mm, 0.5), (0.0, 0.0), (outline_mm, 0.5)):
        zoned = zones(field, layers, outline)
        of_lesion = parted(zoned, field, BAND + 1, ZONES)
        for shift, unlikely in _shifts(field, registration_mm):
            labels = zoned.ravel()[np.clip(near - flat(shift, field), 0, zoned.size - 1)]
            tried.append((shift, outline, of_lesion))
            scores.append(_explained(labels, values) / scale - unlikely - farther)
    weights = np.exp(np.array(scores) - max(scores))
    kept = zip(tried, weights, strict=True)
    return tuple(Alignment(shift, outline, float(w), z) for (shift, outline, z), w in kept if w >= LEAST_WEIGHT)


def flat(shift: Shift, field: Field) -> int:
    """A shift as one step through the voxels; at the ends of a crop it may meet the far side, 20 mm off any lesion."""
    _, rows, columns = field.depth.shape
    return (shift[0] * int(rows) + shift[1]) * int(columns) + shift[2]


def parted(labels: Labels, field: Field, first: int, parts: int) -> Parted:
    """The voxels whose label is ``first`` or more, by label and octant."""
    at = np.flatnonzero(labels >= first)
    key = labels.ravel()[at].astype(np.intp) * OCTANTS + field.octant.ravel()[at]
    return Parted(at, key, np.bincount(key, minlength=parts * OCTANTS).reshape(parts, OCTANTS))


def _explained(labels: Labels, values: NDArray[np.float64]) -> float:
    """The sum of squares that a mean for each zone explains."""
    sums = np.bincount(labels, values, minlength=ZONES)
    return float((sums**2 / np.maximum(np.bincount(labels, minlength=ZONES), 1)).sum())


def _shifts(field: Field, sd_mm: float) -> Iterator[tuple[Shift, float]]:
    """Shifts in voxels, and by how much each is less likely beforehand than none (in logarithms)."""
    steps = []
    for spacing in field.spacing_mm:
        step = max(1, round(STEP_SDS * sd_mm / spacing))
        most = int(REACH_SDS * sd_mm / (step * spacing))
        steps.append([n * step for n in range(-most, most + 1)])
    for k, i, j in itertools.product(*steps):
        moved = np.array([k, i, j]) * field.spacing_mm
        yield (k, i, j), 0.5 * float(moved @ moved) / sd_mm**2
