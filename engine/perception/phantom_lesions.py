"""The nodules of the phantom as paint: ellipsoids, cores and spicules laid over a plane."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .phantom_lungs import aerated_hu
from .phantom_nodules import SOLID_HU, Calcification, Floats, NoduleSpec, NoduleType, body_hu
from .phantom_shapes import Field, Grid
from .phantom_trees import Tree, tree_cover

CALCIUM_HU, CAVITY_HU, TISSUE_HU = 450.0, -950.0, 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One ellipsoid of a nodule: ``haze`` fills the air of the lung, otherwise ``hu`` replaces what is there."""

    middle: Floats
    form: Floats
    hu: float
    haze: bool = False

    @property
    def filled(self) -> float:
        """Share of the lung's air that gives way, so that plain parenchyma here turns into ``hu``; vessels stay."""
        aerated = aerated_hu(float(self.middle[1]))
        return (self.hu - aerated) / (TISSUE_HU - aerated)

    @property
    def box(self) -> tuple[Floats, Floats]:
        """Lowest and highest x, y, z (mm)."""
        reach = np.sqrt(np.diag(np.linalg.inv(self.form)))
        return self.middle - reach, self.middle + reach


def layers_of(spec: NoduleSpec) -> tuple[Layer, ...]:
    """Its ellipsoids, from the outside in."""
    middle, hu = np.array(spec.position_mm, dtype=float), body_hu(spec)
    hazy = spec.type in (NoduleType.NON_SOLID, NoduleType.PART_SOLID)
    layers = [Layer(middle, spec.form, hu, hazy)]
    for share, offset, inner_hu in _cores(spec):
        layers.append(Layer(middle + offset, spec.form / share**2, inner_hu))
    return tuple(layers)


def _cores(spec: NoduleSpec) -> Iterator[tuple[float, Floats, float]]:
    """(share of the diameter, offset mm, HU) of what lies inside the body."""
    core, none = spec.core_hu, np.zeros(3)
    half = np.array(spec.axes) / 2
    if spec.type is NoduleType.PART_SOLID:
        yield spec.core_share, np.array(spec.core_offset_mm), SOLID_HU if core is None else core
    elif spec.type is NoduleType.CAVITARY:
        yield 0.55, none, CAVITY_HU if core is None else core
    elif spec.type is NoduleType.CALCIFIED:
        calcium = CALCIUM_HU if core is None else core
        match spec.calcification:
            case Calcification.COMPLETE:
                yield 1.0, none, calcium
            case Calcification.CENTRAL:
                yield 0.5, none, calcium
            case Calcification.CONCENTRIC_RING:
                yield 0.85, none, calcium
                yield 0.6, none, body_hu(spec)
            case Calcification.POPCORN:
                for place in _around(5):
                    yield 0.26, 0.45 * half.min() * place, calcium
            case Calcification.ECCENTRIC:
                yield 0.35, np.array([0.5 * half.min(), 0, 0]), calcium


def _around(count: int) -> Floats:
    """``count`` unit vectors spread evenly over the sphere (golden spiral)."""
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, i * math.pi * (3 - math.sqrt(5))
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


def spicules_of(spec: NoduleSpec) -> Tree | None:
    """The strands about it, 2 mm thick at the root and tapering, of uneven length; None without any."""
    if not spec.spicules:
        return None
    out = _around(spec.spicules)
    root = out / np.sqrt(np.einsum("ni,ij,nj->n", out, spec.form, out))[:, None]
    length = spec.spicule_mm * (1 + 0.4 * np.sin(2.4 * np.arange(spec.spicules)))
    t = np.arange(-0.5, float(length.max()), 0.3)
    at = np.asarray(spec.position_mm) + root[:, None] + t[None, :, None] * out[:, None]
    share = np.clip(1 - t[None, :] / length[:, None], 0, 1)
    kept = (t[None, :] < length[:, None]).ravel()
    at, radius = at.reshape(-1, 3)[kept], (0.25 + 0.8 * share).ravel()[kept]
    rise = np.repeat(np.abs(out[:, 2]), len(t))[kept]
    order = np.argsort(at[:, 2], kind="stable")
    return Tree(at[order], radius[order], rise[order])


def ellipsoid_cover(grid: Grid, z: float, thick_mm: float, layer: Layer) -> Field:
    """Fraction of each voxel (a pixel, ``thick_mm`` high about ``z``) inside the ellipsoid.

    Exact along z (the chord of the ellipsoid is known), sampled every 0.1 mm or finer on the plane.
    """
    fine = int(np.clip(math.ceil(grid.pixel_mm / 0.1), 4, 16))
    offset = ((np.arange(fine) + 0.5) / fine - 0.5) * grid.pixel_mm
    u = (grid.x[0, :, None].astype(float) + offset).ravel()[None, :] - layer.middle[0]
    v = (grid.y[:, 0, None].astype(float) + offset).ravel()[:, None] - layer.middle[1]
    a = layer.form / layer.form[2, 2]
    lean = a[0, 2] * u + a[1, 2] * v
    half = np.sqrt(
        np.maximum(lean * lean - (a[0, 0] * u * u + 2 * a[0, 1] * u * v + a[1, 1] * v * v - 1 / layer.form[2, 2]), 0)
    )
    middle = layer.middle[2] - lean
    low, high = z - thick_mm / 2, z + thick_mm / 2
    chord = np.clip(middle + half, low, high) - np.clip(middle - half, low, high)
    rows, columns = grid.shape
    return np.asarray(chord.reshape(rows, fine, columns, fine).mean(axis=(1, 3)) / thick_mm, dtype=np.float32)


def paint_nodule(
    hu: Field, grid: Grid, z: float, thick_mm: float, layers: tuple[Layer, ...], spicules: Tree | None
) -> None:
    """Lay one nodule over the plane ``z`` (which stands for ``thick_mm`` of height), in place."""
    if spicules is not None:
        strands = tree_cover(grid, z, thick_mm, spicules)
        hu += strands * np.maximum(np.float32(TISSUE_HU) - hu, 0)
    for layer in layers:
        low, high = layer.box
        window = grid.window(*(low[0] - 1, high[0] + 1, low[1] - 1, high[1] + 1))
        if window is None or not low[2] - thick_mm < z < high[2] + thick_mm:
            continue
        share, here = ellipsoid_cover(grid.cut(window), z, thick_mm, layer), hu[window]
        if layer.haze:
            here += share * np.float32(layer.filled) * np.maximum(np.float32(TISSUE_HU) - here, 0)
        else:
            here += share * (np.float32(layer.hu) - here)
