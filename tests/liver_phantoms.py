"""A liver with one lesion in several phases, drawn from formulas, so that its truth is known.

It shares no code with what measures it: the lesion is a ball (or an ellipsoid) given by its radius in closed form,
blurred by an error function at its borders, averaged over the slice from thin sub-slices, and covered with noise that
is smooth over a pixel or so. Each phase may be displaced; the masks stay where the lesion was drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
LIVER_HU = {
    "precontrast": 55.0,
    "early_arterial": 60.0,
    "late_arterial": 70.0,
    "portal_venous": 110.0,
    "delayed": 95.0,
}
VESSEL_HU = {
    "precontrast": 40.0,
    "early_arterial": 70.0,
    "late_arterial": 120.0,
    "portal_venous": 170.0,
    "delayed": 120.0,
}


@dataclass(frozen=True)
class Look:
    """What the lesion shows in one phase, less the liver: the core, a rim of ``rim_mm`` and a capsule of
    ``capsule_mm`` as its outermost layer. ``part``: what one half of the core shows beyond that."""

    core: float
    rim: float | None = None
    capsule: float | None = None
    part: float = 0.0
    rim_mm: float = 4.0
    capsule_mm: float = 2.0


@dataclass(frozen=True)
class Scan:
    """How it is imaged. ``shift_mm``: the largest displacement of a phase, in a random direction."""

    noise: float = 12.0
    thickness_mm: float = 2.5
    pixel_mm: float = 0.8
    shift_mm: float = 0.0
    texture: float = 0.0  # of the liver, HU; nodules of some mm (cirrhosis)
    steatosis: float = 0.0  # HU taken off the liver in every phase
    vessel: bool = False  # a bright vessel that touches the lesion
    blur_mm: float = 0.7  # sd of the point spread in the plane
    outline_mm: float = 0.0  # by how much the mask is drawn too wide


@dataclass(frozen=True, eq=False)
class Phantom:
    """``images`` by phase (slices, rows, columns) and the masks on the same grid; the lesion's middle is the origin."""

    images: Mapping[str, NDArray[np.float64]]
    lesion: NDArray[np.bool_]
    liver: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    diameter_mm: float
    shifts: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def drawn(
    looks: Mapping[str, Look],
    diameter_mm: float = 20.0,
    scan: Scan | None = None,
    seed: int = 0,
    liver_level: Mapping[str, float] | None = None,
    noiseless: bool = False,
) -> Phantom:
    """The phantom; every phase in ``looks`` is drawn."""
    scan = scan or Scan()
    chance = np.random.default_rng(seed)
    half = diameter_mm / 2 + 27.0
    rows = 2 * int(half / scan.pixel_mm) + 1
    slices = 2 * int((diameter_mm / 2 + 20.0) / scan.thickness_mm) + 1
    middle = chance.uniform(-0.5, 0.5, 3) * (scan.thickness_mm, scan.pixel_mm, scan.pixel_mm)
    axis = (np.arange(rows) - rows // 2) * scan.pixel_mm
    heights = (np.arange(slices) - slices // 2) * scan.thickness_mm
    z, y, x = np.meshgrid(heights - middle[0], axis - middle[1], axis - middle[2], indexing="ij")
    away = np.sqrt(x**2 + y**2 + z**2)
    grain = _texture(chance, away.shape, scan) * scan.texture
    levels = liver_level or LIVER_HU
    images, shifts = {}, {}
    for name, look in looks.items():
        shift = _shift(chance, scan.shift_mm)
        image = _phase(
            look,
            (z - shift[0], y - shift[1], x - shift[2]),
            diameter_mm / 2,
            scan,
            VESSEL_HU.get(name, 0) - levels[name],
            grain,
        )
        image += levels[name] - scan.steatosis
        if not noiseless:
            image += _noise(chance, image.shape, scan.noise, scan.pixel_mm)
        images[name], shifts[name] = image, shift
    return Phantom(
        images,
        away <= diameter_mm / 2 + scan.outline_mm,
        away < diameter_mm / 2 + 25.0,
        (scan.thickness_mm, scan.pixel_mm, scan.pixel_mm),
        (float(axis[0] - middle[2]), float(axis[0] - middle[1]), float(heights[0] - middle[0])),
        diameter_mm,
        shifts,
    )


def _phase(look, at, radius, scan, vessel, grain):
    """Liver is 0. The slice is the mean of five thin ones."""
    z, y, x = at
    total = np.zeros(z.shape)
    for step in (np.arange(5) - 2) / 5 * scan.thickness_mm:
        height = z + step
        depth = radius - np.sqrt(height**2 + y**2 + x**2)

        def inside(from_mm: float, depth=depth) -> NDArray[np.float64]:
            return ndtr((depth - from_mm) / scan.blur_mm)

        whole = inside(0.0)
        core = look.core + look.part * ndtr(x / scan.blur_mm)
        value = core * whole
        if look.rim is not None:
            value += (look.rim - look.core) * (whole - inside(look.rim_mm))
        if look.capsule is not None:
            value += (look.capsule - look.core) * (whole - inside(look.capsule_mm))
        total += value + grain * (1 - whole)
        if scan.vessel:
            off = 5.0 - np.sqrt((y - radius - 5.0) ** 2 + (0.5 * height) ** 2)
            total += vessel * ndtr(off / scan.blur_mm) * (1 - whole)
    return total / 5


def _shift(chance, most_mm):
    direction = chance.normal(size=3)
    return direction / np.linalg.norm(direction) * chance.uniform(0, most_mm)


def _noise(chance, shape, sd, pixel_mm):
    """Smooth over a pixel in the plane, independent between slices, as a soft kernel leaves it."""
    noise = ndimage.gaussian_filter(chance.normal(size=shape), (0.0, 0.6 / pixel_mm, 0.6 / pixel_mm))
    return noise * sd / noise.std()


def _texture(chance, shape, scan):
    sds = (3.0 / scan.thickness_mm, 3.0 / scan.pixel_mm, 3.0 / scan.pixel_mm)
    field = ndimage.gaussian_filter(chance.normal(size=shape), sds)
    return field / field.std()
