"""The nodules of the phantom: what is asked for, where it comes to lie, and what is true of it.

A nodule is an ellipsoid, so its diameters and volume are known in closed form. Spicules are drawn
outside it and do not count, as a reader does not measure them (Lung-RADS v2022; Bankier et al.,
Radiology 285:584, 2017: diameters are of the nodule's body). Nothing here is shared with the modules
that measure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ..errors import BadValue, Contradiction
from .phantom_lungs import LOBES, lobe_of, lung_depth_at

SOLID_HU, GROUND_GLASS_HU = 30.0, -620.0

Floats = NDArray[np.float64]


class NoduleType(StrEnum):
    """What the nodule is made of, in the words of the case format; ``CALCIFIED`` is solid with calcium."""

    SOLID = "solid"
    PART_SOLID = "part_solid"
    NON_SOLID = "non_solid"
    CALCIFIED = "calcified"
    CAVITARY = "cavitary"


class Calcification(StrEnum):
    """Where the calcium lies: all through, in the middle half, as a shell, in grains, or to one side."""

    COMPLETE = "complete"
    CENTRAL = "central"
    CONCENTRIC_RING = "concentric_ring"
    POPCORN = "popcorn"
    ECCENTRIC = "eccentric"


@dataclass(frozen=True, slots=True)
class NoduleSpec:
    """A nodule to draw.

    ``axes_mm``: the three full diameters, along x, y, z before it is turned by ``turn_deg`` about z
    and then by ``tilt_deg`` about x; one number alone means a ball. ``solid_mm`` is the mean diameter
    of the solid core of a part-solid nodule, of the same shape, ``core_offset_mm`` from its middle.
    ``hu``: of the body (default by type), ``core_hu``: of core, calcium or cavity. ``spicules``: how
    many strands radiate from it, each about ``spicule_mm`` long. ``juxtapleural``: moved along the
    shortest way to the pleura until it touches. ``position_mm``: its middle in the patient (LPS;
    carina at the origin).

    Raises:
        BadValue: a size is not positive, or a field does not belong to the type.
        Contradiction: the core does not fit into the nodule.
    """

    id: str
    type: NoduleType
    position_mm: tuple[float, float, float]
    axes_mm: tuple[float, float, float] | float
    solid_mm: float | None = None
    core_offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_deg: float = 0.0
    tilt_deg: float = 0.0
    hu: float | None = None
    core_hu: float | None = None
    calcification: Calcification = Calcification.COMPLETE
    spicules: int = 0
    spicule_mm: float = 6.0
    juxtapleural: bool = False

    def __post_init__(self) -> None:
        where = f"nodule {self.id}"
        for name, kind in (("type", NoduleType), ("calcification", Calcification)):
            if not isinstance(getattr(self, name), kind):
                raise BadValue(where, name, repr(getattr(self, name)), ", ".join(map(repr, kind)), "Take one of them.")
        if not all(math.isfinite(d) and 0 < d <= 150 for d in self.axes):
            raise BadValue(where, "axes_mm", str(self.axes_mm), "diameters above 0 and up to 150 mm", "Correct them.")
        if not all(math.isfinite(v) for v in self._numbers):
            raise BadValue(where, "position_mm, angles, HU", "a number that is not finite", "finite", "Correct it.")
        if (self.type is NoduleType.PART_SOLID) != (self.solid_mm is not None):
            allowed = "a core's diameter for part_solid, none for other types"
            raise BadValue(where, "solid_mm", f"{self.solid_mm} for {self.type}", allowed, "Give or drop it.")
        if self.spicules < 0 or not 0 < self.spicule_mm <= 40:
            found = f"{self.spicules} of {self.spicule_mm} mm"
            raise BadValue(where, "spicules", found, "0 or more, above 0 and up to 40 mm long", "Correct them.")
        self._check_core(where)

    def _check_core(self, where: str) -> None:
        if self.solid_mm is None:
            return
        away = math.sqrt(np.asarray(self.core_offset_mm) @ self.form @ np.asarray(self.core_offset_mm))
        if self.core_share <= 0 or self.core_share + away > 1 + 1e-9:
            found = f"a core of {self.solid_mm} mm, {self.core_offset_mm} mm off the middle of {self.axes_mm} mm"
            raise Contradiction(where, "solid_mm", found, "a core inside the nodule", "Shrink or move the core.")

    @property
    def _numbers(self) -> tuple[float, ...]:
        hu = tuple(value for value in (self.hu, self.core_hu) if value is not None)
        return (*self.position_mm, *self.core_offset_mm, self.turn_deg, self.tilt_deg, *hu)

    @property
    def axes(self) -> tuple[float, float, float]:
        """The three full diameters (mm)."""
        return self.axes_mm if isinstance(self.axes_mm, tuple) else (self.axes_mm,) * 3

    @property
    def core_share(self) -> float:
        """Diameter of the core over that of the nodule; 0 without a core."""
        return 0.0 if self.solid_mm is None else self.solid_mm / (sum(axial_axes(self.form)) / 2)

    @property
    def form(self) -> Floats:
        """A (3, 3) with (p - middle)' A (p - middle) = 1 on its surface."""
        turn, tilt = math.radians(self.turn_deg), math.radians(self.tilt_deg)
        about_z = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
        about_x = np.array([[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]])
        turned = about_x @ about_z
        return np.asarray(turned @ np.diag((np.array(self.axes) / 2) ** -2.0) @ turned.T)


def axial_axes(form: Floats) -> tuple[float, float]:
    """(long, short) diameters of the largest axial section: where z = 0, an ellipse of the form's upper corner."""
    short, long = np.sort(2 / np.sqrt(np.linalg.eigvalsh(form[:2, :2])))
    return float(long), float(short)


@dataclass(frozen=True, slots=True)
class NoduleTruth:
    """What is true of a nodule that was drawn. Diameters are those of its largest axial section.

    ``mean_mm`` is the mean of ``long_mm`` and ``short_mm``; ``solid_*`` are None without a core.
    ``lobe``: "right upper", "right middle", "right lower", "left upper" or "left lower".
    """

    id: str
    type: NoduleType
    position_mm: tuple[float, float, float]
    long_mm: float
    short_mm: float
    mean_mm: float
    axes_mm: tuple[float, float, float]
    volume_mm3: float
    solid_mean_mm: float | None
    solid_volume_mm3: float | None
    hu: float
    spiculated: bool
    juxtapleural: bool
    calcification: Calcification | None
    lobe: str


def truth_of(spec: NoduleSpec) -> NoduleTruth:
    """What will be true of ``spec``, a juxtapleural one being at the pleura already."""
    long, short = axial_axes(spec.form)
    volume = math.pi / 6 * math.prod(spec.axes)
    x, y, z = (np.float32(v) for v in spec.position_mm)
    return NoduleTruth(
        id=spec.id,
        type=spec.type,
        position_mm=spec.position_mm,
        long_mm=long,
        short_mm=short,
        mean_mm=(long + short) / 2,
        axes_mm=spec.axes,
        volume_mm3=volume,
        solid_mean_mm=spec.solid_mm,
        solid_volume_mm3=None if spec.solid_mm is None else volume * spec.core_share**3,
        hu=body_hu(spec),
        spiculated=spec.spicules > 0,
        juxtapleural=spec.juxtapleural,
        calcification=spec.calcification if spec.type is NoduleType.CALCIFIED else None,
        lobe=LOBES[int(lobe_of(np.array([x]), np.array([y]), float(z))[0])],
    )


def body_hu(spec: NoduleSpec) -> float:
    """HU of the nodule's body."""
    hazy = spec.type in (NoduleType.NON_SOLID, NoduleType.PART_SOLID)
    return spec.hu if spec.hu is not None else GROUND_GLASS_HU if hazy else SOLID_HU


# ---- in the lung


def placed(spec: NoduleSpec) -> NoduleSpec:
    """The nodule at its final place: at the pleura if it is to touch it.

    Raises:
        BadValue: its middle is not in a lung, or the pleura is not found from there.
    """
    if lung_depth_at(spec.position_mm) <= 0:
        where, place = f"nodule {spec.id}", f"{spec.position_mm} mm"
        raise BadValue(where, "position_mm", place, "a place in a lung", "Take one of LOBE_SITES as a start.")
    return replace(spec, position_mm=_to_pleura(spec)) if spec.juxtapleural else spec


def _to_pleura(spec: NoduleSpec) -> tuple[float, float, float]:
    """Steps outwards along the falling depth until the surface is 0.5 mm through the pleura."""
    at, spread = np.array(spec.position_mm, dtype=float), np.linalg.inv(spec.form)
    for _ in range(25):
        out = -_slope(at)
        reach = math.sqrt(out @ spread @ out)
        step = _depth(at) - (reach - 0.5)
        if abs(step) < 0.05:
            return float(at[0]), float(at[1]), float(at[2])
        at = at + 0.7 * step * out
    raise BadValue(f"nodule {spec.id}", "juxtapleural", "no pleura near it", "a place near the pleura", "Move it.")


def _depth(at: Floats) -> float:
    return lung_depth_at((float(at[0]), float(at[1]), float(at[2])))


def _slope(at: Floats) -> Floats:
    """Unit vector along which the depth below the pleura grows."""
    steps = np.eye(3) * 1.5
    slope = np.array([_depth(at + step) - _depth(at - step) for step in steps])
    return np.asarray(slope / max(float(np.linalg.norm(slope)), 1e-6))
