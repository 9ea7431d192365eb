"""The scanner of the phantom: slice profile, in-plane blur and dose noise.

Blur is Gaussian, given by its full width at half maximum (FWHM). The in-plane figure w includes the
pixel: its modulation falls to 50 % at 0.44 / w and to 10 % at 0.80 / w cycles/mm. The slice profile
has the nominal slice thickness as its FWHM, which is how scanners name it (IEC 61223-3-5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft
from scipy.ndimage import correlate1d
from scipy.special import ive

from .phantom_shapes import Field, Grid

FWHM_OF_SD = 2 * math.sqrt(2 * math.log(2))


def gaussian_weights(variance: float) -> Field:
    """Weights with sum 1 and just this variance (in steps squared), also where it is below one step.

    The discrete analogue of the Gaussian, exp(-t) I_n(t) (Lindeberg, IEEE PAMI 12:234, 1990): samples
    of the Gaussian itself would blur too little. A variance of 0 or less gives the one weight 1.
    """
    if variance <= 0:
        return np.ones(1, dtype=np.float32)
    reach = math.ceil(3.2 * math.sqrt(variance) + 0.5)
    weights = ive(np.abs(np.arange(-reach, reach + 1)), variance)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


@dataclass(frozen=True)
class SliceProfile:
    """How planes add up to slices ``spacing_mm`` apart.

    Planes lie ``step_mm`` apart, ``per_slice`` of them from one slice to the next, each standing for a
    height of ``step_mm``; ``weights`` belong to the planes ``-reach .. reach`` about a slice and sum to 1.
    """

    spacing_mm: float
    thickness_mm: float

    @property
    def per_slice(self) -> int:
        """Planes from one slice to the next: none thicker than the slice."""
        return math.ceil(self.spacing_mm / self.thickness_mm - 1e-9)

    @property
    def step_mm(self) -> float:
        """Distance between planes."""
        return self.spacing_mm / self.per_slice

    @cached_property
    def weights(self) -> Field:
        """Gaussian whose width, with that of a plane's own height, makes up the slice thickness."""
        return gaussian_weights((self.thickness_mm / self.step_mm / FWHM_OF_SD) ** 2 - 1 / 12)

    @property
    def reach(self) -> int:
        """Planes on either side that a slice sees."""
        return len(self.weights) // 2


def blurred(hu: Field, pixel_mm: float, fwhm_mm: float) -> Field:
    """The slice seen with an in-plane resolution of ``fwhm_mm``; edges are drawn one pixel wide already."""
    weights = gaussian_weights((fwhm_mm / pixel_mm / FWHM_OF_SD) ** 2 - 1 / 12)
    for axis in (0, 1):
        hu = correlate1d(hu, weights, axis, mode="nearest")
    return hu


@dataclass(frozen=True, eq=False)
class Noise:
    """Gaussian noise with the spectrum of filtered back-projection, ``sd_hu`` on the body's long axis.

    The spectrum rises with frequency (the ramp) and falls with the square of the kernel's modulation
    (Riederer, Pelc and Chesler, Phys Med Biol 23:446, 1978); a small floor keeps a little at frequency
    zero. The amplitude falls away from the axis and rises at the shoulders, as attenuation does.
    """

    grid: Grid
    sd_hu: float
    fwhm_mm: float
    seed: int

    @cached_property
    def _filter(self) -> Field:
        rows, columns = self.grid.shape
        f = np.hypot(fft.fftfreq(rows, self.grid.pixel_mm)[:, None], fft.rfftfreq(columns, self.grid.pixel_mm)[None, :])
        kernel = np.exp(-2 * (np.pi * f * self.fwhm_mm / FWHM_OF_SD) ** 2)
        amplitude = np.sqrt(f + 0.02) * kernel
        whole = np.concatenate([amplitude, amplitude[:, 1 : (columns + 1) // 2]], axis=1)  # the other half plane
        return np.asarray(amplitude / np.sqrt((whole**2).mean()), dtype=np.float32)

    @cached_property
    def _amplitude(self) -> Field:
        across = (self.grid.x / np.float32(150)) ** 2 + (self.grid.y / np.float32(110)) ** 2
        return np.asarray(0.45 + 0.55 * np.exp(-across), dtype=np.float32)

    def white(self, plane: int) -> Field:
        """White noise of one plane, sd 1: the same numbers for the same seed and plane."""
        rng = np.random.default_rng([self.seed, plane + 2**20])
        return rng.standard_normal(self.grid.shape, dtype=np.float32)

    def shaped(self, white: Field, z: float) -> Field:
        """The noise (HU) of a slice at ``z`` from white noise of sd 1."""
        shoulders = 1 + 0.5 * float(np.clip((z - 60) / 40, 0, 1))
        colour = fft.irfft2(fft.rfft2(white) * self._filter, s=white.shape)
        return np.asarray(colour * self._amplitude * np.float32(self.sd_hu * shoulders), dtype=np.float32)
