"""Trees of vessels and airways that fill the phantom's lungs.

They grow as volume-filling branching trees do (Tawhai, Pullan and Hunter, Ann Biomed Eng 28:793,
2000): a cloud of end points is halved again and again, and a branch runs from the last fork part of
the way to the centre of each half. The radius goes with the number of end points to the power
1 / 2.8 (Murray's law has 1 / 3; lung arteries are measured a little below three). Bronchi run
beside the arteries that are thick enough to have one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .phantom_lungs import LUNG_BOTTOM, LUNG_TOP, lobe_of, lung_depth, minor_fissure, oblique_fissure
from .phantom_organs import organs_of
from .phantom_shapes import Field, Grid, grid_of
from .phantom_wall import cage_depth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Where the trees of the five lobes (order of ``lobe_of``) leave the hilum.
ARTERY_ROOTS = ((-41, -2, -21), (-46, 6, -42), (-46, 10, -45), (44, 8, -11), (47, 22, -28))
VEIN_ROOTS = ((-45, -8, -30), (-45, -8, -32), (-47, 34, -60), (47, -9, -26), (48, 34, -57))
BRONCHUS_ROOTS = ((-48, 12, -11), (-49, 0, -52), (-36, 21, -48), (54, 8, -25), (42, 29, -50))
ARTERY_ENDS, VEIN_ENDS = 6500, 5500  # end points in both lungs together
END_RADIUS, RADIUS_POWER = 0.34, 1 / 2.8
SHARE_OF_WAY = 0.45  # Tawhai et al. use 0.4; a little more keeps large vessels from bunching at the hilum
SMALLEST_ARTERY_WITH_BRONCHUS = 1.25
BRONCHUS_TO_ARTERY = 0.78  # lumen radius to that of its artery
STEP_MM = 0.55


@dataclass(frozen=True, eq=False)
class Branches:
    """``begin``, ``bend`` and ``end`` (n, 3) of quadratic curves, radii at both ends (n,), the parent's row or -1."""

    begin: Floats
    bend: Floats
    end: Floats
    thick: Floats  # (n, 2)
    parent: Ints
    root: Ints


@dataclass(frozen=True, eq=False)
class Tree:
    """Balls along the branches, sorted by level: ``at`` (n, 3) mm, ``radius`` (n,) mm, ``rise`` (n,) |cos| to z."""

    at: Floats
    radius: Floats
    rise: Floats


@lru_cache(maxsize=1)
def lung_cells() -> tuple[Floats, Floats]:
    """Places on a 5 mm lattice at least 3 mm deep in the lungs (n, 3), and their depths (n,)."""
    grid = grid_of((0, 0), 5.0, (48, 64))
    found, deep = [], []
    for z in np.arange(LUNG_BOTTOM + 2.5, LUNG_TOP, 5.0):
        depth = lung_depth(grid, z, cage_depth(grid, z), organs_of(grid, z))
        rows, columns = np.nonzero(depth > 3)
        found.append(np.stack([grid.x[0, columns], grid.y[rows, 0], np.full(len(rows), z)], axis=1))
        deep.append(depth[rows, columns])
    return np.concatenate(found).astype(float), np.concatenate(deep).astype(float)


def end_points(count: int, rng: np.random.Generator) -> Floats:
    """``count`` places spread at random over the lungs, 4 mm from the pleura, about 5 mm from fissures."""
    cells, deep = lung_cells()
    x, y, z = cells.astype(np.float32).T
    clear = np.minimum(np.abs(z - oblique_fissure(x, y)), np.where(x < 0, np.abs(z - minor_fissure(x, y)), 99)) > 5
    cells = cells[(deep > 4) & clear]
    chosen = rng.permutation(len(cells))[:count]
    return np.asarray(cells[chosen] + rng.uniform(-2.4, 2.4, (len(chosen), 3)), dtype=float)


def grow(ends: Floats, roots: Floats, root_of: Ints) -> Branches:
    """The branches of trees from ``roots`` to all ``ends``; ``root_of`` names each end point's tree."""
    levels: list[tuple[Floats, Floats, Floats, Floats, Ints, Ints]] = []
    at, heading, parent = roots.copy(), np.zeros_like(roots), np.full(len(roots), -1)
    root, thick, node, made = np.arange(len(roots)), np.full(len(roots), np.inf), root_of, 0
    while len(ends):
        names, node, count = np.unique(node, return_inverse=True, return_counts=True)
        at, heading, parent, root, thick = at[names], heading[names], parent[names], root[names], thick[names]
        centre = _mean_of(ends, node, count)
        last = count == 1
        to = np.where(last[:, None], centre, at + SHARE_OF_WAY * (centre - at))
        way = to - at
        bend = at + np.where((heading != 0).any(axis=1, keepdims=True), 0.4 * _length(way) * heading, 0.5 * way)
        radius = END_RADIUS * count**RADIUS_POWER
        levels.append((at, bend, to, np.stack([np.minimum(thick, radius * 1.15), radius], axis=1), parent, root))
        side = _halves(ends - centre[node], node, count, way)
        keep = ~last[node]
        ends, node = ends[keep], (2 * node + side)[keep]
        rows = made + np.arange(len(to))
        made += len(to)
        leaving = (to - bend) / np.maximum(_length(to - bend), 1e-9)
        at, heading, parent, root, thick = (np.repeat(a, 2, axis=0) for a in (to, leaving, rows, root, radius))
    return Branches(*(np.concatenate(parts) for parts in zip(*levels, strict=True)))


def _length(vectors: Floats) -> Floats:
    """(n, 1) lengths of (n, 3) vectors."""
    return np.asarray(np.linalg.norm(vectors, axis=1, keepdims=True), dtype=float)


def _mean_of(points: Floats, node: Ints, count: Ints) -> Floats:
    """Centre of each node's points."""
    return np.stack([np.bincount(node, points[:, i], len(count)) for i in range(3)], axis=1) / count[:, None]


def _halves(off: Floats, node: Ints, count: Ints, way: Floats) -> Ints:
    """Which half each point falls in: cut across the widest spread that is nearly square to the branch."""
    along = way / np.maximum(_length(way), 1e-9)
    flat = off - 0.8 * (off * along[node]).sum(axis=1, keepdims=True) * along[node]
    spread = np.empty((len(count), 3, 3))
    for i in range(3):
        for j in range(3):
            spread[:, i, j] = np.bincount(node, flat[:, i] * flat[:, j], len(count))
    widest = np.linalg.eigh(spread)[1][:, :, 2]
    return np.asarray((flat * widest[node]).sum(axis=1) > 0, dtype=np.int64)


def bronchi_beside(arteries: Branches) -> Branches:
    """The airways: a curve beside each thick artery, shifted by the sum of the radii, joined at the forks."""
    radius = BRONCHUS_TO_ARTERY * arteries.thick
    heading = (arteries.end - arteries.bend) / np.maximum(_length(arteries.end - arteries.bend), 1e-9)
    beside = np.stack([-0.7 * np.sign(arteries.end[:, 0]), np.full(len(heading), 0.6), np.full(len(heading), 0.5)], 1)
    beside -= (beside * heading).sum(axis=1, keepdims=True) * heading
    beside /= np.maximum(_length(beside), 0.4)
    shift = beside * (arteries.thick[:, 1] + radius[:, 1] + bronchial_wall(radius[:, 1]))[:, None]
    first = np.array(BRONCHUS_ROOTS, dtype=float)[arteries.root] - arteries.begin
    before = np.where((arteries.parent < 0)[:, None], first, shift[arteries.parent])
    kept = arteries.thick[:, 1] > SMALLEST_ARTERY_WITH_BRONCHUS
    begin, bend, end = arteries.begin + before, arteries.bend + (before + shift) / 2, arteries.end + shift
    return Branches(begin[kept], bend[kept], end[kept], radius[kept], arteries.parent[kept], arteries.root[kept])


def bronchial_wall(radius: Floats) -> Floats:
    """Thickness (mm) of the wall about a lumen."""
    return np.asarray(0.35 + 0.16 * radius)


def balls_along(branches: Branches) -> Tree:
    """Balls every ``STEP_MM`` along the branches, sorted by level."""
    way = branches.end - branches.begin
    number = np.maximum(np.ceil(_length(way)[:, 0] / STEP_MM).astype(int), 1)
    which = np.repeat(np.arange(len(way)), number)
    t = ((np.arange(len(which)) - np.repeat(np.cumsum(number) - number, number) + 0.5) / number[which])[:, None]
    begin, bend, end = branches.begin[which], branches.bend[which], branches.end[which]
    at = (1 - t) ** 2 * begin + 2 * t * (1 - t) * bend + t**2 * end
    radius = branches.thick[which, 0] * (1 - t[:, 0]) + branches.thick[which, 1] * t[:, 0]
    tangent = (1 - t) * (bend - begin) + t * (end - bend)
    rise = np.abs(tangent[:, 2]) / np.maximum(_length(tangent)[:, 0], 1e-9)
    order = np.argsort(at[:, 2], kind="stable")
    return Tree(at[order], radius[order], rise[order])


def _rooted(ends: Floats, roots: tuple[tuple[int, int, int], ...]) -> Branches:
    x, y, z = ends.astype(np.float32).T
    return grow(ends, np.array(roots, dtype=float), lobe_of(x, y, z))


@dataclass(frozen=True, eq=False)
class Trees:
    """The three trees of one patient, and the bronchi's outer walls."""

    arteries: Tree
    veins: Tree
    bronchi: Tree
    walls: Tree


@lru_cache(maxsize=4)
def trees_of(patient: int) -> Trees:
    """The trees of a patient: the same number gives the same trees."""
    arteries = _rooted(end_points(ARTERY_ENDS, np.random.default_rng([patient, 1])), ARTERY_ROOTS)
    veins = _rooted(end_points(VEIN_ENDS, np.random.default_rng([patient, 2])), VEIN_ROOTS)
    bronchi = balls_along(bronchi_beside(arteries))
    walls = Tree(bronchi.at, bronchi.radius + bronchial_wall(bronchi.radius), bronchi.rise)
    return Trees(balls_along(arteries), balls_along(veins), bronchi, walls)


def tree_cover(grid: Grid, z: float, thick_mm: float, tree: Tree) -> Field:
    """Fraction of each voxel (a pixel, ``thick_mm`` high about ``z``) inside the branches.

    A straight vessel that climbs with |cos| ``rise`` is 2 r / sin high above any point of its axis;
    that height, cut to the voxel's (the next ball takes over beyond), times the fraction of the pixel in
    its disc, is the cover.
    """
    out = np.zeros(grid.shape, dtype=np.float32)
    least = (thick_mm + STEP_MM) / 2
    reach = max(0.8 * float(tree.radius.max(initial=0.0)), least) + thick_mm / 2
    first, last = np.searchsorted(tree.at[:, 2], [z - reach, z + reach])
    at, radius = tree.at[first:last], tree.radius[first:last]
    steep = np.sqrt(np.maximum(1 - tree.rise[first:last] ** 2, 0.05))
    high = np.minimum(0.8 * radius / steep, np.maximum(0.8 * radius, least))
    overlap = np.minimum(at[:, 2] + high, z + thick_mm / 2) - np.maximum(at[:, 2] - high, z - thick_mm / 2)
    share = np.clip(overlap / thick_mm, 0, 1)
    px = grid.pixel_mm
    column, row = (at[:, 0] - grid.x[0, 0]) / px, (at[:, 1] - grid.y[0, 0]) / px
    margin = radius / px + 1
    inside = (share > 0.02) & (column > -margin) & (row > -margin)
    inside &= (column < grid.shape[1] + margin) & (row < grid.shape[0] + margin)
    half = np.ceil(radius / px + 0.5).astype(int)
    for size in np.unique(half[inside]):
        chosen = inside & (half == size)
        _stamp(out, row[chosen], column[chosen], radius[chosen] / px, share[chosen], int(size))
    return out


def _stamp(out: Field, row: Floats, column: Floats, radius: Floats, share: Floats, half: int) -> None:
    """Raise ``out`` to the discs at (row, column), all lengths in pixels, each on a patch of 2 half + 1 pixels."""
    offset = np.arange(-half, half + 1)
    rows, columns = np.rint(row).astype(int)[:, None] + offset, np.rint(column).astype(int)[:, None] + offset
    far = np.hypot((rows - row[:, None])[:, :, None], (columns - column[:, None])[:, None, :])
    cover = np.clip(radius[:, None, None] - far + 0.5, 0, 1) * (np.minimum(2 * radius, 1) * share)[:, None, None]
    rows, columns = np.broadcast_arrays(rows[:, :, None], columns[:, None, :])
    ok = (cover > 0) & (rows >= 0) & (columns >= 0) & (rows < out.shape[0]) & (columns < out.shape[1])
    np.maximum.at(out.reshape(-1), rows[ok] * out.shape[1] + columns[ok], cover[ok].astype(np.float32))
