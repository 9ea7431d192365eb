"""One plane of the phantom's chest, before any scanner has blurred it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .phantom_lungs import LUNG_HU, LUNG_HU_PER_MM, fissure_distance, lung_depth
from .phantom_organs import ENHANCED, PLAIN, Blood, organs_of, paint_abdomen, paint_between, paint_neck
from .phantom_shapes import Field, Grid, Window, cover
from .phantom_trees import tree_cover, trees_of
from .phantom_wall import AIR, paint_bones, paint_couch, paint_soft, wall_of

FISSURE_HU = 180.0  # above the parenchyma
AIRWAY_HU, WALL_HU = np.float32(-985), -30.0
TILE = 64  # nodes along each side of the texture, which repeats


@lru_cache(maxsize=8)
def _texture_tile(patient: int, scale: int) -> Field:
    """A smooth random field on TILE**3 nodes that repeats, mean 0 and sd 1."""
    nodes = np.random.default_rng([patient, 100 + scale]).standard_normal((TILE,) * 3, dtype=np.float32)
    smooth = gaussian_filter(nodes, 0.9, mode="wrap")
    return np.asarray(smooth / smooth.std(), dtype=np.float32)


def _nodes(at: Field, node_mm: float) -> tuple[NDArray[np.intp], NDArray[np.intp], Field]:
    """For each place on a repeating row of nodes: the node before it, the node after it, and how far it is between."""
    place = np.mod(at.ravel() / np.float32(node_mm), TILE)
    low = np.floor(place).astype(np.intp) % TILE
    return low, (low + 1) % TILE, (place - np.floor(place)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Texture:
    """A random field in the patient, so that it stays the same whatever grid looks at it."""

    grid: Grid
    patient: int
    node_mm: int

    def at(self, z: float) -> Field:
        """The field on the plane ``z``: mean 0, sd about 1, linear between its nodes."""
        tile = _texture_tile(self.patient, self.node_mm)
        for places in (np.array([[z]], dtype=np.float32), self.grid.y, self.grid.x):
            low, high, share = _nodes(places, self.node_mm)
            tile = np.moveaxis(tile[low] + share[:, None, None] * (tile[high] - tile[low]), 0, -1)
        return np.ascontiguousarray(tile[0])


@dataclass(frozen=True, eq=False)
class View:
    """The part of a grid that some structures can lie in."""

    window: Window
    grid: Grid

    @staticmethod
    def of(grid: Grid, box: tuple[float, float, float, float]) -> View | None:
        """The pixels in ``box`` (left, right, front, back mm); None where the grid misses it."""
        window = grid.window(*box)
        return None if window is None else View(window, grid.cut(window))


@dataclass(frozen=True, eq=False)
class Chest:
    """A patient's chest seen through ``grid``, planes standing for ``thick_mm`` of height."""

    grid: Grid
    thick_mm: float
    patient: int
    contrast: bool

    @property
    def blood(self) -> Blood:
        """HU of blood and organs."""
        return ENHANCED if self.contrast else PLAIN

    @cached_property
    def _around(self) -> Field:
        hu = np.full(self.grid.shape, AIR, dtype=np.float32)
        paint_couch(hu, self.grid)
        return hu

    @cached_property
    def _body(self) -> View | None:
        return View.of(self.grid, (-225, 225, -128, 128))

    @cached_property
    def _cage(self) -> View | None:
        return None if self._body is None else View.of(self._body.grid, (-148, 148, -104, 104))

    @cached_property
    def _textures(self) -> tuple[Texture, Texture]:
        grid = self.grid if self._body is None else self._body.grid
        return Texture(grid, self.patient, 5), Texture(grid, self.patient, 2)

    def plane(self, z: float) -> Field:
        """HU of the plane at level ``z`` (mm), float32."""
        hu = self._around.copy()
        if self._body is None:
            return hu
        here, grid = hu[self._body.window], self._body.grid
        wall, grain, fine = wall_of(grid, z), self._textures[0].at(z), self._textures[1].at(z)
        paint_soft(here, grid, z, wall, grain)
        if self._cage is not None:
            inside = self._cage.window
            self._paint_inside(here[inside], self._cage.grid, z, wall.cage[inside], (grain[inside], fine[inside]))
        paint_bones(here, grid, z, wall, 0.5 * grain + fine)
        return hu

    def _paint_inside(self, hu: Field, grid: Grid, z: float, cage: Field, textures: tuple[Field, Field]) -> None:
        """The organs inside the rib cage."""
        grain, fine = textures
        organs = organs_of(grid, z)
        lung = lung_depth(grid, z, cage, organs)
        paint_neck(hu, grid, z)
        paint_abdomen(hu, grid, z, organs, self.blood, grain)
        if lung.max() < -grid.pixel_mm:
            paint_between(hu, grid, z, organs, self.blood)
            return
        air = tree_cover(grid, z, self.thick_mm, trees_of(self.patient).bronchi)
        parenchyma = np.float32(LUNG_HU) + np.float32(LUNG_HU_PER_MM) * grid.y + 9 * grain + 13 * fine
        hu += cover(lung, grid.pixel_mm) * (self._lung(grid, z, parenchyma, air) - hu)
        paint_between(hu, grid, z, organs, self.blood)
        if organs.airways is not None:  # the bronchi go on where the tubes of the hilum end
            hu += air * cover(organs.airways + 3, grid.pixel_mm) * (AIRWAY_HU - hu)

    def _lung(self, grid: Grid, z: float, hu: Field, air: Field) -> Field:
        """Parenchyma ``hu`` with fissures, vessels, bronchial walls and their air, in place."""
        trees = trees_of(self.patient)
        hu += np.float32(FISSURE_HU * min(1.0, 0.8 / grid.pixel_mm)) * cover(
            0.4 - fissure_distance(grid, z), grid.pixel_mm
        )
        for tree, value in (trees.veins, self.blood.lung), (trees.arteries, self.blood.lung), (trees.walls, WALL_HU):
            hu += tree_cover(grid, z, self.thick_mm, tree) * (np.float32(value) - hu)
        hu += air * (AIRWAY_HU - hu)
        return hu
