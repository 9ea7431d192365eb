"""Where the two diameters of a mask lie, to draw them. How long they are, ``measure`` says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import pdist, squareform

from .measure import Mask, Points, largest_part, measure_slice

Ends = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class DrawnAxes:
    """Both ends of each axis as (row, column), whole numbers being the centres of pixels; lengths in mm."""

    long: Ends
    short: Ends
    long_mm: float
    short_mm: float


def drawn_axes(mask: Mask, spacing_mm: float) -> DrawnAxes:
    """The axes of a mask (rows, columns) with square pixels, as long as ``measure_slice`` has them.

    They lie in the largest connected part, the one that is measured: a stray pixel beside it lengthens no axis, and so
    must not turn or shift one either. The long one runs along the two pixels that lie farthest apart, the short one
    across it where the part is widest; of equally good places any is taken, so a round mask may be drawn at any angle.

    Raises:
        BadValue: the mask is empty or not two-dimensional, or the spacing is not positive.
    """
    measured = measure_slice(mask, (spacing_mm, spacing_mm))
    part, _ = largest_part(mask)
    pixels = np.argwhere(part).astype(np.float64)
    rim = np.argwhere(part & ~ndimage.binary_erosion(part)).astype(np.float64)
    apart = squareform(pdist(rim))
    one, other = rim[list(np.unravel_index(apart.argmax(), apart.shape))]
    along = (other - one) / apart.max() if apart.max() else np.array([0.0, 1.0])
    across = np.array([along[1], -along[0]])
    half_long, half_short = measured.long_mm / 2 / spacing_mm, measured.short_mm / 2 / spacing_mm
    return DrawnAxes(
        long=_ends((one + other) / 2, along, half_long),
        short=_ends(_widest(pixels, one, along, across), across, half_short),
        long_mm=measured.long_mm,
        short_mm=measured.short_mm,
    )


def _widest(pixels: Points, start: Points, along: Points, across: Points) -> Points:
    """Middle of the widest row of pixels across an axis; rows are as wide as a pixel."""
    far, aside = (pixels - start) @ along, (pixels - start) @ across
    places = np.unique(np.round(far, 1))
    rows = [aside[np.abs(far - place) <= 0.5 + 1e-9] for place in places]
    best = int(np.argmax([np.ptp(row) for row in rows]))
    middle: Points = start + places[best] * along + (rows[best].max() + rows[best].min()) / 2 * across
    return middle


def _ends(middle: Points, along: Points, half: float) -> Ends:
    (r0, c0), (r1, c1) = (middle - half * along).tolist(), (middle + half * along).tolist()
    return (r0, c0), (r1, c1)
