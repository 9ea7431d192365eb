"""The contrast of a lesion against the liver around it in one phase, zone by zone, with its error.

The outline was drawn on one phase; in another the lesion lies a few mm off, and an outline is never exact.
So every zone is measured under many shifts and outlines, each weighted by how likely it is beforehand
(a Gaussian) and by how well it explains the pixels (a mean for each zone, the noise of the liver); the
spread among them is part of the error. Beside it stand the noise of the zone's own voxels, which are not
independent, and the uncertainty of the liver's level from its spread around the lesion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .liver_alignment import Alignment, Liver, Parted, alignments, parted
from .liver_grid import Bools, Floats
from .liver_zones import CORE, MANTLE, OCTANTS, RINGS, SHEATH, Field, Layers, independent_voxels, rings

FEWEST_VOXELS: Final = 5  # of a zone, and of the liver in an eighth around it
FEWEST_LIVER: Final = 200  # voxels of liver around the lesion
CORRELATED_WITHIN_MM: Final = 8.0
HIGHEST_RING: Final = 1.03  # expected largest of 4 standard normal numbers, in standard deviations
MEDIAN_SD: Final = 1.2533  # standard error of a median over that of a mean

NOT_RESOLVED: Final = (0.0, np.inf)


@dataclass(frozen=True, slots=True)
class Contrast:
    """``mean`` and standard deviation ``sd`` in the phase's unit; ``sd`` is infinite where nothing was resolved."""

    mean: float
    sd: float

    @property
    def resolved(self) -> bool:
        """Whether there was anything to measure it on."""
        return bool(np.isfinite(self.sd))


@dataclass(frozen=True, slots=True, eq=False)
class PhaseContrast:
    """One phase, in HU (CT) or as a fraction of the liver's signal (MRI).

    ``liver``: its level, in HU or signal. ``noise``: of one voxel of it. ``independent``: voxels to one independent
    sample. ``whole``, ``core``, ``rim``: less the liver. ``rim_excess``: rim less core, the middle one of the
    eighths around. ``ridge``: the brightest thin ring near the outline less the brighter of what lies within and
    the liver, likewise.
    ``octants``: the lesion's eighths less the liver, below the outermost layer.
    """

    unit: str
    liver: Contrast
    noise: float
    independent: float
    voxels: int
    whole: Contrast
    core: Contrast
    rim: Contrast
    rim_excess: Contrast
    ridge: Contrast
    octants: tuple[Contrast, ...]


def liver_of(field: Field, where: Bools) -> Liver | None:
    """The liver in ``where``; None where there is too little of it."""
    count = int(np.count_nonzero(where))
    if count < FEWEST_LIVER:
        return None
    values = field.values[where]
    noise = float(values.std(ddof=1))
    independent = independent_voxels(field.values, where, field.spacing_mm, CORRELATED_WITHIN_MM)
    counts = np.bincount(field.octant[where], minlength=OCTANTS)
    means = np.bincount(field.octant[where], values, minlength=OCTANTS) / np.maximum(counts, 1)
    around = means[counts >= max(FEWEST_VOXELS, 0.02 * count)]
    spread = float(around.std(ddof=1) / np.sqrt(len(around))) if len(around) > 1 else 0.0
    sd = max(spread, noise * float(np.sqrt(independent / count)), 1e-9)
    return Liver(float(values.mean()), sd, max(noise, 1e-9), independent)


def contrast_of(
    field: Field, layers: Layers, liver: Liver, relative: bool, unit: str, registration_mm: float, outline_mm: float
) -> PhaseContrast | None:
    """Measure one phase; None where not one voxel lies in the lesion alone. ``relative``: over the liver's level."""
    around = parted(rings(field), field, 0, RINGS)
    found = [
        (a.weight, *_measured(field, liver, a, around))
        for a in alignments(field, layers, liver, registration_mm, outline_mm)
    ]
    best = max(found, key=lambda one: one[0])
    if not best[3]:
        return None
    weights = np.array([weight for weight, *_ in found])
    means, sds = np.array([m for _, m, _, _ in found]), np.array([s for _, _, s, _ in found])
    unit_of = liver.level if relative else 1.0
    combined = [Contrast(*_joined(weights, m, s, unit_of)) for m, s in zip(means.T, sds.T, strict=True)]
    whole, core, rim, rim_excess, ridge, *octants = combined
    level, noise = Contrast(liver.level, liver.sd), liver.noise
    return PhaseContrast(
        unit, level, noise, liver.independent, best[3], whole, core, rim, rim_excess, ridge, tuple(octants)
    )


def _joined(weights: Floats, means: Floats, sds: Floats, unit: float) -> tuple[float, float]:
    """Over the alignments under which it is resolved, if these hold most of the weight."""
    seen = np.isfinite(sds)
    if weights[seen].sum() < 0.5 * weights.sum():
        return NOT_RESOLVED
    w = weights[seen] / weights[seen].sum()
    mean = float(w @ means[seen])
    variance = float(w @ (sds[seen] ** 2 + (means[seen] - mean) ** 2))
    return mean / unit, max(float(np.sqrt(variance)) / abs(unit), 1e-9)


Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Means:
    """Means and their errors by part and octant, less the liver; ``own``: the error of a single voxel's worth."""

    counts: NDArray[np.intp]
    sums: Floats
    own: float

    def of(self, part: slice | int, octant: slice | int = slice(None)) -> Pair:
        count = self.counts[part, octant].sum()
        if count < FEWEST_VOXELS:
            return NOT_RESOLVED
        return float(self.sums[part, octant].sum() / count), self.own / float(np.sqrt(count))


def _measured(field: Field, liver: Liver, alignment: Alignment, around: Parted) -> tuple[list[float], list[float], int]:
    """Means and sds of whole, core, rim, rim excess, ridge and octants under one alignment; the lesion's voxels."""
    own = liver.noise * float(np.sqrt(liver.independent))
    zones, ring = (
        _Means(part.counts, part.sums(field, alignment.shift, liver.level), own) for part in (alignment.zones, around)
    )
    whole, core, rim = zones.of(slice(SHEATH, CORE + 1)), zones.of(CORE), zones.of(slice(SHEATH, MANTLE + 1))
    octants = [zones.of(slice(MANTLE, CORE + 1), o) for o in range(OCTANTS)]
    excess = _middle([_less(zones.of(slice(SHEATH, MANTLE + 1), o), core) for o in range(OCTANTS)], core[1])
    against = [(m, float(np.hypot(s, liver.sd))) for m, s in (whole, core, rim)]
    found = [*against, excess, _ridge(ring, core), *octants]
    return [m for m, _ in found], [s for _, s in found], int(zones.counts[SHEATH:].sum())


def _ridge(ring: _Means, core: Pair) -> Pair:
    """The brightest ring less the brightest of the core, the deeper ring and the liver.

    The brightest of several rings is bright by its noise as well: what that gives is taken off.
    """
    within = [_brighter(ring.of(RINGS - 1, o), core) for o in range(OCTANTS)]
    found = [_middle([_less(ring.of(r, o), within[o]) for o in range(OCTANTS)], core[1]) for r in range(RINGS - 1)]
    resolved = [one for one in found if np.isfinite(one[1])]
    if len(resolved) < RINGS - 1:
        return NOT_RESOLVED
    mean, sd = max(resolved)
    return mean - HIGHEST_RING * sd, sd


def _less(one: tuple[float, float], other: tuple[float, float]) -> Pair:
    """The difference, with the error of the first alone: that of the other is the same all around."""
    return (one[0] - other[0], one[1]) if np.isfinite(one[1]) and np.isfinite(other[1]) else NOT_RESOLVED


def _brighter(mantle: tuple[float, float], core: tuple[float, float]) -> tuple[float, float]:
    """The brightest of the layer below, the core and the liver (0)."""
    seen = [m for m, s in (mantle, core) if np.isfinite(s)]
    return (max(0.0, *seen), 0.0) if seen else NOT_RESOLVED


def _middle(around: list[tuple[float, float]], other_sd: float) -> tuple[float, float]:
    """The median around the lesion: a part of it that differs is no rim. Its error from its voxels and its spread."""
    seen = np.array([one for one in around if np.isfinite(one[1])])
    if len(seen) < OCTANTS // 2:
        return NOT_RESOLVED
    by_noise = MEDIAN_SD * float(np.sqrt((seen[:, 1] ** 2).mean() / len(seen)))
    by_spread = MEDIAN_SD * float(seen[:, 0].std(ddof=1) / np.sqrt(len(seen)))
    shared = other_sd if np.isfinite(other_sd) else 0.0
    return float(np.median(seen[:, 0])), float(np.hypot(max(by_noise, by_spread), shared))
