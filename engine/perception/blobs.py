"""Where the lungs hold something round: peaks of the Laplacian over scales, and how much each looks like a vessel.

A ball of diameter d peaks at the scale sigma = d / (2 sqrt 3) (Lindeberg, IJCV 30:79-116, 1998). A nodule and
a vessel both peak; a vessel goes on to two sides. So each peak is asked twice: nearby, by the eigenvalues of
the Hessian (as Frangi et al., MICCAI 1998), and farther away, by rays: what of its contrast is still there at
1.5 and 2 radii along a ray, and along two rays that lead apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .lung_field import STEP_MM, Floats, LungField

Numbers = NDArray[np.float64]

# Diameters of 3.5 to 25 mm. Scale (mm) -> least scale-normalised Laplacian (HU) that is looked at: a ball of
# contrast c gives about 0.8 c, one of 3 mm on slices of 2.5 mm a third of it. Ground glass has a contrast of
# 200 HU and is sought from 5 mm on; at the smallest scale only what is solid stands out from the noise.
SCALES: Final = {1.0: 170.0, 1.5: 130.0, 2.2: 80.0, 3.2: 60.0, 4.8: 60.0, 7.2: 60.0}
COARSE_FROM: Final = 3.0  # mm: from this scale on every second voxel is enough
RADII: Final = (1.5, 2.0)  # of the shells that are looked at, in radii of the ball
RAYS: Final = 42  # about 30 degrees apart
APART: Final = -0.3  # cosine between two rays that lead apart (107 degrees)
BRIGHT: Final = 0.4  # of the contrast
FEATURES: Final = (
    "intercept", "through", "through2", "ray", "bright", "flat", "long", "strength", "size", "size2", "strength_size"
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Blobs:
    """Peaks: ``at`` (N, 3) on the lung field's grid (z, y, x); ``diameter_mm`` (N,) of the ball that peaks at the
    same scale; ``features`` (N, len(FEATURES)).

    ``through``: the largest share of the contrast that is left along two rays that lead apart; ``ray``: along one;
    ``bright``: the share of rays with more than ``BRIGHT``. ``flat``, ``long``: the middle and the least curvature
    over the largest (a ball 1 and 1, a vessel 1 and 0, a fissure 0 and 0). ``strength``, ``size``: logarithms.
    """

    at: Numbers
    diameter_mm: Numbers
    features: Numbers

    def picked(self, which: NDArray[np.int_]) -> Blobs:
        """Those of them, in that order."""
        return Blobs(self.at[which], self.diameter_mm[which], self.features[which])


def blobs(field: LungField) -> Blobs:
    """All peaks in the closed lungs, some 15,000; what lies outside is made to look like lung."""
    lung = np.float32(np.median(field.hu[field.inside][::7]))
    fine = np.where(field.inside, field.hu, lung)
    coarse = ndimage.gaussian_filter(fine, 1.0, truncate=3.0)[::2, ::2, ::2].copy()  # blurred by 1 voxel already
    found = []
    for sigma, least in SCALES.items():
        every = 1 if sigma < COARSE_FROM else 2
        blur = sigma / STEP_MM if every == 1 else math.sqrt((sigma / STEP_MM) ** 2 - 1) / 2
        seen = ndimage.gaussian_filter(fine if every == 1 else coarse, blur, truncate=3.0)
        found.append(_at_scale(seen, field.inside[::every, ::every, ::every], sigma, every, least))
    return Blobs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _at_scale(
    seen: Floats, inside: NDArray[np.bool_], sigma: float, every: int, least: float
) -> tuple[Numbers, Numbers, Numbers]:
    at, strength = _peaks(_laplacian(seen, sigma / STEP_MM / every) * inside, least)
    round_ = _curvatures(seen, at)
    through, ray, bright = _rays(seen, at, math.sqrt(3) * sigma / STEP_MM / every)
    s, d = np.log(strength / 300), np.full(len(at), math.log(sigma / 2.2))
    rows = (np.ones(len(at)), through, through**2, ray, bright, *round_, s, d, d**2, np.maximum(s, -0.3) * d)
    diameters = np.full(len(at), 2 * math.sqrt(3) * sigma)
    return np.asarray(at * float(every)), diameters, np.stack(rows, axis=1)


def _laplacian(seen: Floats, sigma: float) -> Floats:
    """Minus the Laplacian, times sigma squared (both in voxels); 0 on the border."""
    made = np.zeros_like(seen)
    for axis in range(3):
        s, m = np.moveaxis(seen, axis, 0), np.moveaxis(made, axis, 0)
        m[1:-1] += 2 * s[1:-1] - s[2:] - s[:-2]
    made *= sigma**2
    return made


def _peaks(response: Floats, least: float) -> tuple[NDArray[np.int_], Numbers]:
    """Voxels above ``least`` that none of their 26 neighbours exceeds, and their values."""
    at = np.argwhere(response > least)
    at = at[((at > 0) & (at < np.array(response.shape) - 1)).all(axis=1)]
    for z, y, x in np.ndindex(3, 3, 3):
        beside = response[at[:, 0] + z - 1, at[:, 1] + y - 1, at[:, 2] + x - 1]
        at = at[response[tuple(at.T)] >= beside]
    return at, response[tuple(at.T)].astype(np.float64)


def _curvatures(seen: Floats, at: NDArray[np.int_]) -> tuple[Numbers, Numbers]:
    """The middle and the least curvature over the largest, in [0, 1]."""

    def by(offset: NDArray[np.int_]) -> Numbers:
        return np.asarray(seen[tuple((at + offset).T)], dtype=np.float64)

    e, hessian = np.eye(3, dtype=int), np.empty((len(at), 3, 3))
    for i in range(3):
        hessian[:, i, i] = by(e[i]) + by(-e[i]) - 2 * by(0 * e[i])
        for j in range(i):
            mixed = by(e[i] + e[j]) + by(-e[i] - e[j]) - by(e[i] - e[j]) - by(e[j] - e[i])
            hessian[:, i, j] = hessian[:, j, i] = mixed / 4
    largest, middle, smallest = np.linalg.eigvalsh(hessian).T  # the most negative first
    largest = np.minimum(largest, -1e-6)
    return np.asarray(np.clip(middle / largest, 0, 1)), np.asarray(np.clip(smallest / largest, 0, 1))


def _rays(seen: Floats, at: NDArray[np.int_], radius: float) -> tuple[Numbers, Numbers, Numbers]:
    """(through, ray, bright) of each peak; what is left at the darker of the two shells counts for a ray."""
    directions = _directions()
    shells = np.stack([_shell(seen, at, r * radius * directions) for r in RADII])
    dark = np.percentile(shells.transpose(1, 0, 2).reshape(len(at), -1), 20, axis=1) if len(at) else np.zeros(0)
    contrast = np.maximum(seen[tuple(at.T)] - dark, 1.0)
    left = ((shells - dark[:, None]) / contrast[:, None]).min(axis=0)
    apart = [np.flatnonzero(row) for row in directions @ directions.T < APART]
    both = [np.minimum(left[:, i], left[:, others].max(axis=1)) for i, others in enumerate(apart)]
    through = np.clip(np.max(both, axis=0), 0, 1.2)
    return np.asarray(through), np.asarray(np.clip(left.max(axis=1), 0, 1.5)), np.asarray((left > BRIGHT).mean(axis=1))


def _shell(seen: Floats, at: NDArray[np.int_], offsets: Numbers) -> Numbers:
    points = (at[:, None] + offsets[None]).reshape(-1, 3).T
    values = ndimage.map_coordinates(seen, points, order=1, mode="nearest")
    return np.asarray(values.reshape(len(at), len(offsets)), dtype=np.float64)


def _directions() -> Numbers:
    """``RAYS`` unit vectors spread evenly: a Fibonacci sphere."""
    n = np.arange(RAYS) + 0.5
    down, around = np.arccos(1 - 2 * n / RAYS), np.pi * (1 + math.sqrt(5)) * n
    return np.stack([np.cos(down), np.sin(down) * np.sin(around), np.sin(down) * np.cos(around)], axis=1)


def strongest(found: Blobs, logits: Numbers, at_least: float, most: int) -> NDArray[np.int_]:
    """The likeliest peaks, likeliest first; one that lies in a likelier one's ball (or it in its own) goes."""
    kept: list[int] = []
    for i in np.argsort(-logits, kind="stable"):
        if logits[i] < at_least or len(kept) == most:
            break
        apart = np.linalg.norm(found.at[kept] - found.at[i], axis=1) * STEP_MM
        reach = np.maximum(np.maximum(found.diameter_mm[kept], found.diameter_mm[i]) / 2, 4.0)
        if (apart > reach).all():
            kept.append(int(i))
    return np.array(kept, dtype=int)
