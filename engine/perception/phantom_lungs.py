"""The lungs of the phantom: their outline, fissures and lobes. Same coordinates as the chest wall."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .phantom_organs import Organs, organs_of
from .phantom_shapes import OUTSIDE, Field, Grid, both, grid_of
from .phantom_wall import cage_depth

LUNG_TOP, LUNG_BOTTOM = 97.0, -205.0
LOBES = ("right upper", "right middle", "right lower", "left upper", "left lower")
LUNG_HU, LUNG_HU_PER_MM = -868.0, 0.28  # at mid-chest, and its rise towards the back
APEX = (49.0, 16.0)  # |x| and y of the tops of the lungs


def lung_depth(grid: Grid, z: float, cage: Field, organs: Organs) -> Field:
    """Depth below the pleura (mm) at level ``z``: the cage less what lies between and below the lungs."""
    if not LUNG_BOTTOM < z < LUNG_TOP:
        return np.full(grid.shape, OUTSIDE, dtype=np.float32)
    lung = both(cage, -organs.between, 5)
    lung = both(lung, -organs.abdomen, 4)
    if z > LUNG_TOP - 75:
        spread = (np.abs(grid.x) - APEX[0]) ** 2 + (grid.y - APEX[1]) ** 2 * np.float32(0.8)
        below = LUNG_TOP - z
        dome = np.float32(math.sqrt(58 * below + 0.6 * below * below)) - np.sqrt(spread)
        lung = both(lung, dome, 6)
    return lung


def lung_depth_at(position: tuple[float, float, float]) -> float:
    """Depth below the pleura at one place in the patient (mm; negative outside the lungs)."""
    x, y, z = position
    grid = grid_of((x, y), 0.5, (1, 1))
    return float(lung_depth(grid, z, cage_depth(grid, z), organs_of(grid, z))[0, 0])


def oblique_fissure(x: Field, y: Field) -> Field:
    """Level (mm) of the oblique fissures at (x, y)."""
    lift = np.where(x > 0, np.float32(-30), np.float32(-38)) + 3 * np.sin(x / 19 + y / 31)
    return np.asarray(lift + 0.92 * y - ((np.abs(x) - 75) ** 2) * np.float32(1 / 300), dtype=np.float32)


def minor_fissure(x: Field, y: Field) -> Field:
    """Level (mm) of the right lung's horizontal fissure at (x, y)."""
    bent = (x + 60) ** 2 * np.float32(1 / 500) + (y + 60) ** 2 * np.float32(1 / 700)
    return np.asarray(-12 - bent + 0.12 * (x + 80) + 2 * np.sin(x / 13 + y / 17), dtype=np.float32)


def lobe_of(x: Field, y: Field, z: Field | float) -> NDArray[np.int64]:
    """Index into ``LOBES``."""
    lower = z < oblique_fissure(x, y)
    right = np.where(lower, 2, np.where(z > minor_fissure(x, y), 0, 1))
    return np.where(x > 0, np.where(lower, 4, 3), right)


def fissure_distance(grid: Grid, z: float) -> Field:
    """Distance (mm) of each pixel from the nearest fissure on the plane ``z``."""
    oblique = np.abs(z - oblique_fissure(grid.x, grid.y)) * np.float32(0.74)
    above = z > oblique_fissure(grid.x, grid.y) + 1
    minor = np.where((grid.x < 0) & above, np.abs(z - minor_fissure(grid.x, grid.y)) * np.float32(0.95), 99)
    return np.asarray(np.minimum(oblique, minor), dtype=np.float32)


def aerated_hu(y: float) -> float:
    """HU of plain parenchyma at ``y`` mm: denser towards the back, on which the patient lies."""
    return LUNG_HU + LUNG_HU_PER_MM * y
