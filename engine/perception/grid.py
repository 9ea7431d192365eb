"""The pixels that a net sees: a square of fixed size in mm around a point, whatever the scanner's spacing.

Training draws from the same grid (turned, shifted and stretched) by the same bilinear rule, so that a
net is never shown at run time what it was not shown before; a test holds the two together.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import BadValue

Image = NDArray[np.float32]

SIDE: Final = 64  # pixels
PIXEL_MM: Final = 0.65  # near the median spacing of chest CT (0.7 mm); 42 mm across hold all but masses
HU: Final = (-1024.0, 3071.0)  # the range of 12 bits; padding below it is air


def around_centre(hu: NDArray[np.generic], spacing_mm: float) -> Image:
    """The grid around the centre of an axial crop (rows, columns) in HU with square pixels of ``spacing_mm``.

    Beyond the crop the nearest pixel goes on.

    Raises:
        BadValue: not two axes, or a spacing that is not positive.
    """
    if hu.ndim != 2 or not np.isfinite(spacing_mm) or spacing_mm <= 0:
        found = f"{hu.ndim} axes, spacing {spacing_mm}"
        raise BadValue("crop", "hu", found, "rows x columns, positive spacing", "Give one axial crop.")
    at = [_steps(SIDE) * PIXEL_MM / spacing_mm + (n - 1) / 2 for n in hu.shape]
    clipped = np.clip(hu.astype(np.float32), *HU)
    return _bilinear(clipped, at[0], at[1], "nearest")


def back(values: Image, spacing_mm: float, shape: tuple[int, int]) -> Image:
    """Values on the grid brought back onto the crop's pixels; 0 where the grid does not reach."""
    at = [_steps(n) * spacing_mm / PIXEL_MM + (SIDE - 1) / 2 for n in shape]
    return _bilinear(values, at[0], at[1], "constant")


def _steps(n: int) -> NDArray[np.float64]:
    return np.arange(n) - (n - 1) / 2


def _bilinear(values: Image, rows: NDArray[np.float64], columns: NDArray[np.float64], beyond: str) -> Image:
    where = np.meshgrid(rows, columns, indexing="ij")
    return np.asarray(ndimage.map_coordinates(values, where, order=1, mode=beyond, cval=0.0), dtype=np.float32)
