"""Nodules drawn and scanned for judging whoever measures them: closed shapes, a scanner's blur, slices and noise.

Shares no code with ``radlogic.engine.perception``. A nodule is an ellipsoid with a similar core in it, so its
diameters and volumes are known exactly. The slice profile is Gaussian with the nominal thickness as its full width
at half maximum (FWHM), and the part of an ellipsoid's chord that it sees is an error function: exact along z; in
the plane three samples a pixel. Kernels: ``soft`` is Gaussian, ``sharp`` overshoots at edges. The noise has the
ramp spectrum of filtered back-projection times the kernel, and grows as slices get thinner and dose lower.

Attenuation in HU: lung -850 (about -950 in emphysema, -700 near the back), ground glass -650 to -300, soft tissue
20 to 60, calcium some hundreds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter
from scipy.special import erf

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Vessels = list[tuple[Array, Array, float]]  # a place on the middle line (z, y, x), its direction, the width

FINE = 3  # samples a pixel and direction
FWHM = 2 * math.sqrt(2 * math.log(2))
CALCIUM_HU = 400.0
NOISE_HU = {("standard", "soft"): 14.0, ("low", "soft"): 32.0, ("standard", "sharp"): 34.0, ("low", "sharp"): 75.0}
NOISE_MM = 2.5  # the thickness that these hold for


@dataclass(frozen=True)
class Nodule:
    """Full diameters along x, y, z before it is turned about z. ``core_share``: the core's diameters over those.

    ``vessel_mm``: the width of a vessel through its middle, in the plane; 0 for none.
    """

    axes_mm: tuple[float, float, float]
    turn: float = 0.0
    hu: float = 40.0
    core_share: float = 0.0
    core_hu: float = 40.0
    vessel_mm: float = 0.0

    @property
    def long_mm(self) -> float:
        return max(self.axes_mm[:2])

    @property
    def short_mm(self) -> float:
        return min(self.axes_mm[:2])

    @property
    def mean_mm(self) -> float:
        return (self.long_mm + self.short_mm) / 2

    @property
    def volume_mm3(self) -> float:
        return math.pi / 6 * math.prod(self.axes_mm)

    @property
    def solid_mm3(self) -> float:
        """Of the core of a sub-solid nodule, of all of a solid one."""
        return self.volume_mm3 * (1.0 if self.hu > -100 else self.core_share**3)

    @property
    def solid_mm(self) -> float:
        """Mean diameter of the same."""
        return self.mean_mm * (1.0 if self.hu > -100 else self.core_share)


@dataclass(frozen=True)
class Scanner:
    """``slice_mm``: thickness and distance of the slices. ``side``: pixels of the square crop, odd."""

    slice_mm: float = 1.25
    pixel_mm: float = 0.7
    kernel: str = "soft"
    dose: str = "standard"
    lung_hu: float = -850.0
    side: int = 71
    noisy: bool = True

    @property
    def noise_hu(self) -> float:
        return NOISE_HU[self.dose, self.kernel] * math.sqrt(NOISE_MM / self.slice_mm) * self.noisy

    @cached_property
    def parts(self) -> tuple[tuple[float, float], ...]:
        """(weight, sd mm) of the Gaussians that make up the kernel in the plane."""
        return ((1.0, 0.55),) if self.kernel == "soft" else ((1.6, 0.36), (-0.6, 0.75))

    def blurred(self, image: Array, pixel_mm: float) -> Array:
        return np.asarray(sum(w * gaussian_filter(image, sd / pixel_mm, mode="nearest") for w, sd in self.parts))

    @cached_property
    def colour(self) -> Array:
        """Amplitude of the noise by frequency, of unit power."""
        n = self.side
        f = np.hypot(fft.fftfreq(n, self.pixel_mm)[:, None], fft.fftfreq(n, self.pixel_mm)[None])
        kernel = sum(w * np.exp(-2 * (np.pi * f * sd) ** 2) for w, sd in self.parts)
        amplitude = np.sqrt(f + 0.02) * kernel
        return np.asarray(amplitude / np.sqrt((amplitude**2).mean()))

    def noise(self, chance: np.random.Generator) -> Array:
        white = fft.fft2(chance.standard_normal((self.side, self.side)))
        return np.asarray(fft.ifft2(white * self.colour).real * self.noise_hu)


@dataclass(frozen=True)
class Scanned:
    """``hu``: (slices, side, side). ``mask``, ``core``: voxels whose centres lie in the nodule, in its core."""

    hu: NDArray[np.int16]
    mask: Mask
    core: Mask
    spacing_mm: tuple[float, float, float]

    @property
    def largest(self) -> int:
        """The slice on which the nodule is largest."""
        return int(self.mask.sum(axis=(1, 2)).argmax())


def outlined(nodule: Nodule, scanner: Scanner, seed: int = 0, whole: bool = True) -> tuple[Mask, Mask]:
    """The masks of ``scan`` (slices, side, side) without its images: of the nodule, and of its core."""
    levels, shift = _levels(nodule, scanner, seed, whole)
    y, x = _plane(scanner, shift, 1)
    heights = (_half_height(nodule, share, y, x) for share in (1, nodule.core_share))
    body, core = (height > np.abs(levels)[:, None, None] for height in heights)
    return np.asarray(body), np.asarray(core)


def scan(nodule: Nodule, scanner: Scanner, seed: int = 0, whole: bool = True) -> Scanned:
    """The nodule anywhere within half a voxel of the crop's centre; its middle slice alone unless ``whole``."""
    levels, shift = _levels(nodule, scanner, seed, whole)
    chance = np.random.default_rng([seed, 1])
    vessels = _vessels(nodule, chance)
    images = [_slice(nodule, scanner, z, shift, vessels, chance) for z in levels]
    hu = np.clip(np.rint(np.array(images)), -1024, 3071).astype(np.int16)
    mask, core = outlined(nodule, scanner, seed, whole)
    return Scanned(hu, mask, core, (scanner.slice_mm, scanner.pixel_mm, scanner.pixel_mm))


def _levels(nodule: Nodule, scanner: Scanner, seed: int, whole: bool) -> tuple[Array, Array]:
    """z of the slices from the nodule's middle, and how far that lies off the middle voxel (z, y, x), in mm."""
    shift = np.random.default_rng(seed).uniform(-0.5, 0.5, 3) * (scanner.slice_mm, scanner.pixel_mm, scanner.pixel_mm)
    reach = math.ceil((nodule.axes_mm[2] / 2 + 2) / scanner.slice_mm) + 1 if whole else 0
    return np.arange(-reach, reach + 1) * scanner.slice_mm - shift[0], shift


def drawn(kind: str, mean_mm: float, seed: int, share: float = 0.5) -> Nodule:
    """A nodule of a kind with axes in the plane at most 1.35 to one, any HU that the kind may have."""
    chance = np.random.default_rng([seed, 7])
    ratio, depth = chance.uniform(0.74, 1), chance.uniform(0.75, 1.1)
    long = 2 * mean_mm / (1 + ratio)
    axes, turn = (long, long * ratio, mean_mm * depth), chance.uniform(0, math.pi)
    soft, hazy = chance.uniform(20, 60), chance.uniform(-650, -450)
    if kind == "solid":
        return Nodule(axes, turn, soft)
    if kind == "calcified":
        return Nodule(axes, turn, soft, 0.6, CALCIUM_HU)
    return Nodule(axes, turn, hazy, share if kind == "part_solid" else 0.0, soft)


def _plane(scanner: Scanner, shift: Array, fine: int) -> tuple[Array, Array]:
    """y as a column, x as a row (mm from the nodule's middle), ``fine`` samples a pixel."""
    n = scanner.side * fine
    at = (np.arange(n) - (n - 1) / 2) * scanner.pixel_mm / fine
    return (at - shift[1])[:, None], (at - shift[2])[None]


def _half_height(nodule: Nodule, share: float, y: Array, x: Array) -> Array:
    """Half the chord along z through each place of an ellipsoid with ``share`` of the diameters; 0 outside."""
    if share == 0:
        return np.zeros(np.broadcast(y, x).shape)
    along = x * math.cos(nodule.turn) + y * math.sin(nodule.turn)
    aside = y * math.cos(nodule.turn) - x * math.sin(nodule.turn)
    a, b, c = (d * share / 2 for d in nodule.axes_mm)
    return np.asarray(c * np.sqrt(np.maximum(1 - (along / a) ** 2 - (aside / b) ** 2, 0)))


def _seen(half: Array, z: float, slice_mm: float) -> Array:
    """How much of a slice at ``z`` the chords from -half to half fill."""
    sd = slice_mm / FWHM * math.sqrt(2)
    return np.asarray((erf((half - z) / sd) + erf((half + z) / sd)) / 2)


def _slice(
    nodule: Nodule, scanner: Scanner, z: float, shift: Array, vessels: Vessels, chance: np.random.Generator
) -> Array:
    y, x = _plane(scanner, shift, FINE)
    image = np.full(np.broadcast(y, x).shape, scanner.lung_hu)
    for at, along, width in vessels:
        image += (40 - image) * _tube(at, along, width, y, x, z, scanner.slice_mm)
    body = _seen(_half_height(nodule, 1, y, x), z, scanner.slice_mm)
    image += body * np.maximum(nodule.hu - image, 0) if nodule.hu < -100 else body * (nodule.hu - image)
    if nodule.core_share:
        core = _seen(_half_height(nodule, nodule.core_share, y, x), z, scanner.slice_mm)
        image += core * np.maximum(nodule.core_hu - image, 0)
    pixels = scanner.blurred(image, scanner.pixel_mm / FINE)[FINE // 2 :: FINE, FINE // 2 :: FINE]
    grain = gaussian_filter(chance.standard_normal(pixels.shape), 1.5)
    return np.asarray(pixels + 12 * grain / grain.std() * scanner.noisy + scanner.noise(chance))


def _tube(at: Array, along: Array, width: float, y: Array, x: Array, z: float, slice_mm: float) -> Array:
    """How much of each place a straight vessel fills: its middle line and width, blurred along z like the slice."""
    off = [z - at[0], y - at[1], x - at[2]]
    on = sum(o * a for o, a in zip(off, along, strict=True))
    square = sum((o - on * a) ** 2 for o, a in zip(off, along, strict=True))
    flat = np.hypot(along[1], along[2])  # a vessel in the plane is thinner than a thick slice, one through it is not
    sd = math.hypot(0.25, slice_mm / FWHM * flat)
    radius = width / 2
    edge = (radius - np.sqrt(square)) / sd
    return np.asarray((1 + erf(edge / math.sqrt(2))) / 2 * min(1.0, radius / (0.6 * sd)))


def _vessels(nodule: Nodule, chance: np.random.Generator) -> Vessels:
    """Straight vessels of 1 to 2.5 mm that stay 2 mm off the nodule, and the one through it if asked for."""
    found = []
    for _ in range(8):
        along = chance.normal(size=3)
        along /= np.linalg.norm(along)
        at = chance.uniform(-20, 20, 3)
        nearest = np.linalg.norm(at - (at @ along) * along)
        if nearest > max(nodule.axes_mm) / 2 + 3:
            found.append((at, along, chance.uniform(1, 2.5)))
    if nodule.vessel_mm:
        found.append((np.zeros(3), np.array([0, math.sin(nodule.turn), math.cos(nodule.turn)]), nodule.vessel_mm))
    return found
