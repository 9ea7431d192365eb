"""A chest CT drawn by a program: the bundled example, and the measuring stick of whoever measures.

``chest_phantom(PhantomSpec(...))`` gives a volume that looks like a chest CT and the truth about the
nodules in it. It is pure: the same specification gives the same voxels. The parts: anatomy
(``phantom_wall``, ``phantom_organs``, ``phantom_lungs``, ``phantom_trees``), nodules
(``phantom_nodules``, ``phantom_lesions``), scanner (``phantom_scanner``).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ..errors import BadValue, Contradiction, TooLarge
from .phantom_anatomy import Chest
from .phantom_lesions import ellipsoid_cover, layers_of, paint_nodule, spicules_of
from .phantom_nodules import NoduleSpec, NoduleTruth, NoduleType, placed, truth_of
from .phantom_scanner import Noise, SliceProfile, blurred
from .phantom_shapes import Field, Grid, axis, grid_of
from .volume import Acquisition, Volume

Box = tuple[slice, slice, slice]

MANUFACTURER = "radlogic phantom"
MOST_VOXELS = 2**30  # 2 GiB of int16
LOWEST_HU, HIGHEST_HU = -1024, 3071  # what 12 bits hold after the usual rescale intercept

# Places well inside each lobe (x, y, z mm), at least 12 mm from patient 1's larger vessels, to put a nodule at.
LOBE_SITES = {
    "right upper": (-82.0, -41.0, 22.0),
    "right middle": (-58.0, -58.0, -43.0),
    "right lower": (-108.0, 22.0, -62.0),
    "left upper": (69.0, -25.0, 55.0),
    "left lower": (96.0, 43.0, -39.0),
}


@dataclass(frozen=True, slots=True)
class PhantomSpec:
    """What to draw and how to scan it. Lengths mm, noise HU.

    ``slices`` planes ``spacing_mm`` apart, each ``slice_thickness_mm`` thick (FWHM), of ``rows`` x
    ``columns`` pixels of ``pixel_mm``, about ``centre_mm`` (LPS; the carina is the origin; the lungs
    reach from -168 to +97). ``kernel_fwhm_mm`` is the in-plane resolution, ``kernel`` only its name.
    ``noise_sd_hu`` is the noise on the body's long axis below the shoulders; 0 for none. ``patient``
    picks vessels and textures, ``seed`` the noise: two scans of one patient differ in ``seed`` only.

    Raises:
        BadValue: a length is not positive, a count below 1, or a seed negative.
        TooLarge: more than ``MOST_VOXELS`` voxels.
        Contradiction: two nodules with one id.
    """

    nodules: tuple[NoduleSpec, ...] = ()
    slices: int = 120
    rows: int = 512
    columns: int = 512
    pixel_mm: float = 0.7
    spacing_mm: float = 2.5
    slice_thickness_mm: float = 2.5
    centre_mm: tuple[float, float, float] = (0.0, 0.0, -42.0)
    kernel: str = "STANDARD"
    kernel_fwhm_mm: float = 1.1
    noise_sd_hu: float = 16.0
    contrast: bool = False
    patient: int = 1
    seed: int = 1
    site: str = "radlogic"
    kvp: float = 120.0
    study_date: date | None = None

    def __post_init__(self) -> None:
        for name in ("pixel_mm", "spacing_mm", "slice_thickness_mm", "kernel_fwhm_mm", "kvp"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise BadValue("phantom", name, str(getattr(self, name)), "a number above 0", "Correct it.")
        if not all(math.isfinite(value) for value in self.centre_mm):
            raise BadValue("phantom", "centre_mm", str(self.centre_mm), "finite numbers", "Correct them.")
        for name, least in (("slices", 1), ("rows", 1), ("columns", 1), ("patient", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise BadValue("phantom", name, str(getattr(self, name)), f"{least} or more", "Correct it.")
        if not (math.isfinite(self.noise_sd_hu) and self.noise_sd_hu >= 0):
            raise BadValue("phantom", "noise_sd_hu", str(self.noise_sd_hu), "0 or more", "Correct it.")
        if self.slices * self.rows * self.columns > MOST_VOXELS:
            found = f"{self.slices} x {self.rows} x {self.columns} voxels"
            raise TooLarge("phantom", "slices, rows, columns", found, f"{MOST_VOXELS} voxels", "Ask for fewer.")
        ids = [nodule.id for nodule in self.nodules]
        if len(set(ids)) != len(ids):
            raise Contradiction("phantom", "nodules", "the same id twice", "one each", "Rename one of them.")

    @property
    def levels(self) -> NDArray[np.float64]:
        """z of the slices (mm), towards the head."""
        return axis(self.centre_mm[2], self.spacing_mm, self.slices)

    @property
    def grid(self) -> Grid:
        """The pixels of every slice."""
        return grid_of(self.centre_mm[:2], self.pixel_mm, (self.rows, self.columns))


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """The volume, and the truth about each nodule in the order of the specification."""

    spec: PhantomSpec
    volume: Volume
    truth: tuple[NoduleTruth, ...]

    def fraction(self, nodule_id: str, core: bool = False) -> tuple[Box, NDArray[np.float32]]:
        """(box, fraction): how much of each voxel in a box of the volume lies in the nodule, or in its solid core.

        The sum of the fractions times the volume of a voxel is the nodule's true volume. A voxel here is
        as high as the slices are apart.

        Raises:
            BadValue: no such nodule, or it has no core.
        """
        return _fraction(self.spec, self._nodule(nodule_id, core), core)

    def truth_mask(self, nodule_id: str, core: bool = False) -> NDArray[np.bool_]:
        """The voxels of the whole volume that lie at least half in the nodule, or in its solid core.

        Raises:
            BadValue: no such nodule, or it has no core.
        """
        box, share = self.fraction(nodule_id, core)
        mask = np.zeros(self.volume.hu.shape, dtype=bool)
        mask[box] = share >= 0.5
        return mask

    def _nodule(self, nodule_id: str, core: bool) -> NoduleSpec:
        for nodule in self.spec.nodules:
            if nodule.id == nodule_id:
                if core and nodule.type is not NoduleType.PART_SOLID:
                    raise BadValue(f"nodule {nodule_id}", "core", str(nodule.type), "a part-solid nodule", "Drop core.")
                return nodule
        known = ", ".join(nodule.id for nodule in self.spec.nodules) or "none"
        raise BadValue("phantom", "nodule_id", nodule_id, known, "Take one of them.")


def chest_phantom(spec: PhantomSpec) -> Phantom:
    """Draw and scan the phantom: int16 HU in [-1024, 3071], slices from feet to head.

    ``Phantom.spec`` has the nodules at their final places. Memory: the volume and a few planes.

    Raises:
        BadValue: a nodule's middle is not in a lung.
        Contradiction: a nodule is not wholly on the slices.
    """
    spec = _settled(spec)
    hu = np.empty((spec.slices, spec.rows, spec.columns), dtype=np.int16)
    noise = Noise(spec.grid, spec.noise_sd_hu, spec.kernel_fwhm_mm, spec.seed)
    for index, (sharp, white) in enumerate(_slices(spec, noise)):
        slice_hu = blurred(sharp, spec.pixel_mm, spec.kernel_fwhm_mm)
        if white is not None:
            slice_hu = slice_hu + noise.shaped(white, float(spec.levels[index]))
        hu[index] = np.rint(np.clip(slice_hu, LOWEST_HU, HIGHEST_HU))
    return Phantom(spec, _volume(spec, hu), tuple(truth_of(nodule) for nodule in spec.nodules))


def _settled(spec: PhantomSpec) -> PhantomSpec:
    """The specification with its nodules where they come to lie."""
    nodules = tuple(placed(nodule) for nodule in spec.nodules)
    low, high = _extent(spec)
    for nodule in nodules:
        bottom, top = layers_of(nodule)[0].box
        if (bottom < low).any() or (top > high).any():
            found = f"a nodule from {bottom.round(1)} to {top.round(1)} mm on slices from {low} to {high} mm"
            raise Contradiction(f"nodule {nodule.id}", "position_mm", found, "a nodule wholly on them", "Move it.")
    return replace(spec, nodules=nodules)


def _extent(spec: PhantomSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest x, y, z (mm) that the voxels cover."""
    half = np.array([spec.columns * spec.pixel_mm, spec.rows * spec.pixel_mm, spec.slices * spec.spacing_mm]) / 2
    return np.asarray(spec.centre_mm) - half, np.asarray(spec.centre_mm) + half


def _slices(spec: PhantomSpec, noise: Noise) -> Iterator[tuple[Field, Field | None]]:
    """Each slice before blur, and its white noise: planes and noise weighted by the slice profile."""
    profile = SliceProfile(spec.spacing_mm, spec.slice_thickness_mm)
    chest = Chest(spec.grid, profile.step_mm, spec.patient, spec.contrast)
    lesions = [(layers_of(nodule), spicules_of(nodule)) for nodule in spec.nodules]
    weights = profile.weights
    loud = (weights / np.sqrt((weights**2).sum())).astype(np.float32)
    kept: deque[tuple[int, Field, Field | None]] = deque(maxlen=len(weights))
    for index, z in enumerate(spec.levels):
        first, last = index * profile.per_slice - profile.reach, index * profile.per_slice + profile.reach
        for plane in range(max(first, kept[-1][0] + 1 if kept else first), last + 1):
            level = float(z) + (plane - index * profile.per_slice) * profile.step_mm
            hu = chest.plane(level)
            for layers, spicules in lesions:
                paint_nodule(hu, spec.grid, level, profile.step_mm, layers, spicules)
            kept.append((plane, hu, noise.white(plane) if spec.noise_sd_hu else None))
        sharp = sum(w * hu for w, (_, hu, _) in zip(weights, kept, strict=True))
        white = sum(w * n for w, (_, _, n) in zip(loud, kept, strict=True) if n is not None)
        yield np.asarray(sharp), np.asarray(white) if spec.noise_sd_hu else None


def _volume(spec: PhantomSpec, hu: NDArray[np.int16]) -> Volume:
    made = Acquisition(
        manufacturer=MANUFACTURER,
        model=spec.site,
        kernel=spec.kernel,
        slice_thickness_mm=spec.slice_thickness_mm,
        kvp=spec.kvp,
        contrast=spec.contrast,
        body_part="CHEST",
        study_date=spec.study_date,
    )
    left, front = (
        axis(spec.centre_mm[0], spec.pixel_mm, spec.columns),
        axis(spec.centre_mm[1], spec.pixel_mm, spec.rows),
    )
    origin = (float(left[0]), float(front[0]), float(spec.levels[0]))
    axes = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    return Volume(
        hu, (spec.spacing_mm, spec.pixel_mm, spec.pixel_mm), origin, axes, made, notes=("drawn, not scanned",)
    )


def _fraction(spec: PhantomSpec, nodule: NoduleSpec, core: bool) -> tuple[Box, NDArray[np.float32]]:
    layer, grid, levels = layers_of(nodule)[1 if core else 0], spec.grid, spec.levels
    low, high = layer.box
    window = grid.window(
        low[0] - spec.pixel_mm, high[0] + spec.pixel_mm, low[1] - spec.pixel_mm, high[1] + spec.pixel_mm
    )
    first, last = np.searchsorted(levels, [low[2] - spec.spacing_mm, high[2] + spec.spacing_mm])
    if window is None:
        raise Contradiction(
            f"nodule {nodule.id}", "position_mm", "a place off the slices", "a place on them", "Move it."
        )
    share = [ellipsoid_cover(grid.cut(window), float(z), spec.spacing_mm, layer) for z in levels[first:last]]
    return (slice(int(first), int(last)), *window), np.stack(share)


def bundled_example() -> PhantomSpec:
    """The example that ships: a screening-like scan with a solid, a part-solid and a non-solid nodule."""
    solid = NoduleSpec("solid-rul", NoduleType.SOLID, LOBE_SITES["right upper"], 9.0)
    part = NoduleSpec("part-solid-rll", NoduleType.PART_SOLID, LOBE_SITES["right lower"], 12.0, 4.0, (0.8, -0.6, 0.4))
    hazy = NoduleSpec("non-solid-lul", NoduleType.NON_SOLID, LOBE_SITES["left upper"], 18.0)
    return PhantomSpec((solid, part, hazy), slices=112, centre_mm=(0.0, 0.0, -38.0))
