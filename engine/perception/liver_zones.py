"""Where in a phase's own voxels the lesion's core, rim and edge and the liver around it lie.

A voxel counts for a zone only if all of it lies there (partial volume): how far it reaches along the
depth is half its extent in the direction in which the depth changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .liver_grid import Bools, Floats, Placed

BAND, EDGE, SHEATH, MANTLE, CORE = range(5)  # liver beside the lesion; mixed voxels; outermost mm; below it; the rest
ZONES: Final = 5
OCTANTS: Final = 8
HARDLY_MIXED_MM: Final = 0.25  # a voxel may stand out of the lesion by this much and count as pure
VESSEL_SDS: Final = 2.5
SURFACE_MM: Final = 3.0  # of the liver mask is left out where enough remains: breathing moves fat and lung into it

# Depths between which the profile across the outline is taken, in mm: four rings where a thin capsule may lie, as no
# outline is exact, and a deeper one that a thick rim reaches and a capsule does not.
RING_EDGES: Final = (-1.0, 0.0, 1.0, 2.0, 3.0, 5.0)
RINGS: Final = len(RING_EDGES) - 1
THROUGH_RINGS_MM: Final = 1.2  # voxels that reach farther along the depth lie across several rings

Labels = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One phase around the lesion. ``values``: HU or signal; ``depth``: mm below the outline; ``reach``: half the
    voxel's extent along the depth, mm; ``octant``: 0 to 7, around the lesion's middle; ``liver``: in the liver mask."""

    values: Floats
    depth: Floats
    reach: Floats
    octant: Labels
    liver: Bools
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Layers:
    """How thick the outer zones of a lesion are taken, in mm: ``sheath`` (where a capsule lies) within ``rim``."""

    sheath: float
    rim: float


def layers_of(radius_mm: float, capsule_mm: float) -> Layers:
    """A rim of 3 tenths of the radius, at most 4 mm; a sheath that leaves a small lesion its core."""
    sheath = min(capsule_mm, 0.4 * radius_mm)
    return Layers(sheath, max(sheath, min(4.0, 0.3 * radius_mm)))


def field_of(image: Placed, depth: Placed, liver: Placed) -> Field:
    """``image`` cut around the lesion, with what the depth and the liver mask say of its voxels."""
    outside = -float(np.abs(depth.values).max())
    deep = image.looked_up_in(depth, outside)
    gradient = [np.abs(np.gradient(deep, axis=a)) if deep.shape[a] > 1 else np.zeros_like(deep) for a in range(3)]
    stretch = max(1.0, (image.thickness_mm or 0.0) / image.spacing_mm[0])
    return Field(
        values=image.values.astype(np.float64),
        depth=deep,
        reach=0.5 * (stretch * gradient[0] + gradient[1] + gradient[2]),
        octant=_octants(image, deep),
        liver=image.looked_up_in(liver, 0.0) >= 0.5,
        spacing_mm=image.spacing_mm,
    )


def _octants(image: Placed, deep: Floats) -> Labels:
    middle = np.argwhere(deep > 0).mean(axis=0) if (deep > 0).any() else np.array(deep.shape) / 2
    k, i, j = (np.arange(n) > m for n, m in zip(image.values.shape, middle, strict=True))
    return np.asarray(4 * k[:, None, None] + 2 * i[None, :, None] + j[None, None, :], dtype=np.int8)


def zones(field: Field, layers: Layers, outline_mm: float = 0.0) -> Labels:
    """The zone of each voxel, the outline moved outwards by ``outline_mm``."""
    deep = field.depth + outline_mm
    inner = deep - field.reach
    pure = inner >= -HARDLY_MIXED_MM
    found = np.full(deep.shape, EDGE, dtype=np.int8)
    found[deep + field.reach <= 0] = BAND
    found[pure & (deep <= layers.sheath)] = SHEATH
    found[pure & (deep > layers.sheath)] = MANTLE
    found[inner >= layers.rim] = CORE
    return found


def rings(field: Field) -> Labels:
    """The ring of each voxel, outermost first; -1 in none of them."""
    found = np.searchsorted(RING_EDGES, field.depth, side="right") - 1
    found[(found >= RINGS) | (field.reach > THROUGH_RINGS_MM)] = -1
    return np.asarray(found, dtype=np.int8)


def liver_around(field: Field, from_mm: float, to_mm: float) -> Bools:
    """Liver ``from_mm`` to ``to_mm`` away from the lesion, without what stands out from it (vessels, other lesions).

    Vessels are thicker than a voxel: they stand out from the liver's own spread once its noise is smoothed.
    """
    kept = field.liver & (field.depth + field.reach <= -from_mm) & (field.depth >= -to_mm)
    inner = kept & _below_surface(field.liver | (field.depth > -from_mm), field.spacing_mm)
    kept = inner if np.count_nonzero(inner) > np.count_nonzero(kept) / 4 else kept
    if not kept.any():
        return kept
    smooth = ndimage.gaussian_filter(field.values, [1.0 / s for s in field.spacing_mm])
    for _ in range(4):
        middle = np.median(smooth[kept])
        spread = 1.4826 * np.median(np.abs(smooth[kept] - middle))
        kept &= np.abs(smooth - middle) <= VESSEL_SDS * max(float(spread), 1e-9)
    return kept


def _below_surface(liver: Bools, spacing_mm: tuple[float, float, float]) -> Bools:
    """Liver with nothing but liver within ``SURFACE_MM`` along the axes; beyond the crop it goes on."""
    size = [2 * round(SURFACE_MM / s) + 1 for s in spacing_mm]
    return np.asarray(ndimage.minimum_filter(liver.astype(np.uint8), size, mode="nearest") > 0)


def independent_voxels(values: Floats, where: Bools, spacing_mm: tuple[float, float, float], within_mm: float) -> float:
    """How many voxels it takes for one independent sample: the sum of the autocorrelation within ``within_mm``.

    Voxels outside ``where`` are left out of every pair (products and pairs are counted by Fourier transform).
    """
    from scipy import fft

    lags = [int(within_mm / s) for s in spacing_mm]
    shape = [fft.next_fast_len(n + lag, real=True) for n, lag in zip(values.shape, lags, strict=True)]
    centred = np.where(where, values - values[where].mean(), 0.0)
    products, pairs = (
        fft.irfftn(np.abs(fft.rfftn(part, shape)) ** 2, shape) for part in (centred, where.astype(np.float64))
    )
    index = np.ix_(*[np.r_[0 : lag + 1, n - lag : n] for n, lag in zip(shape, lags, strict=True)])
    products, pairs = products[index], pairs[index]
    enough = pairs > max(30.0, 0.05 * pairs.flat[0])
    correlation = np.where(enough, products / np.maximum(pairs, 1), 0.0) / max(products.flat[0] / pairs.flat[0], 1e-12)
    return max(1.0, float(correlation.sum()))
