"""Crops as other scanners, other places and other patients would have given them, a batch at a time.

Geometry: turned, mirrored, stretched (another size, the axes with it), shifted. Scanner: calibration
of the HU scale, a softer or sharper kernel, quantum noise of a lower dose with the kernel's own grain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from monai.networks.layers import AffineTransform, GaussianFilter
from torch import Tensor

from ..grid import HU, PIXEL_MM, SIDE

STRETCH: Final = 0.18  # log of the size; nodules of the same look come in sizes 20 % apart
SHIFT_MM: Final = 3.0  # about 4 pixels: a click, or another algorithm's centre
SOFTER: Final = 1.0
SHARPER: Final = -0.6  # share of a 0.9 pixel Gaussian's effect added
NOISE_HU: Final = 45.0  # 0 to this, on top of what the scan has
OFFSET_HU: Final = 15.0
GAIN: Final = 0.02


@dataclass(frozen=True)
class Batch:
    """What the net is trained on: ``hu`` and ``mask`` (B, 1, SIDE, SIDE), ``axes_mm`` (B, 2)."""

    hu: Tensor
    mask: Tensor
    axes_mm: Tensor


class Views:
    """Draws crops onto the net's grid, plainly or as another scanner would have seen them.

    The generator is the only source of chance.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._chance = generator
        self._device = generator.device
        self._image, self._mask = (
            AffineTransform((SIDE, SIDE), normalized=True, padding_mode=beyond, align_corners=True)
            for beyond in ("border", "zeros")
        )
        self._blur = GaussianFilter(2, 0.9).to(self._device)

    def plain(self, hu: Tensor, mask: Tensor, axes_mm: Tensor, spacing_mm: Tensor) -> Batch:
        """As at run time. ``hu``, ``mask``: (B, 1, n, n) native pixels of ``spacing_mm`` (B,)."""
        still = torch.zeros(len(hu), device=self._device)
        return self._drawn(hu, mask, axes_mm, _turning(still, still + 1), 0, spacing_mm)

    def scanned(self, hu: Tensor, mask: Tensor, axes_mm: Tensor, spacing_mm: Tensor) -> Batch:
        """As another scanner, place and patient would have given them."""
        n = len(hu)
        stretch = torch.exp(self._even(n, -STRETCH, STRETCH))
        mirror = torch.sign(self._even(n, -1, 1))
        turned = _turning(self._even(n, 0, 2 * torch.pi), mirror) / stretch[:, None, None]
        shift = torch.stack([self._even(n, -SHIFT_MM, SHIFT_MM), self._even(n, -SHIFT_MM, SHIFT_MM)], dim=1)
        batch = self._drawn(hu, mask, axes_mm * stretch[:, None], turned, shift, spacing_mm)
        return Batch(self._scanner(batch.hu), batch.mask, batch.axes_mm)

    def _drawn(
        self, hu: Tensor, mask: Tensor, axes_mm: Tensor, turned: Tensor, shift_mm: Tensor | int, spacing_mm: Tensor
    ) -> Batch:
        """``turned`` (B, 2, 2) takes mm on the grid to mm in the crop, in (row, column)."""
        reach = (hu.shape[-1] - 1) / 2 * spacing_mm  # the crop's half side, to which 1 is normalised
        theta = torch.zeros(len(hu), 2, 3, device=self._device)
        theta[:, :, :2] = turned * ((SIDE - 1) / 2 * PIXEL_MM / reach)[:, None, None]
        theta[:, :, 2] = shift_mm / reach[:, None]
        return Batch(self._image(hu.clamp(*HU), theta), self._mask(mask, theta), axes_mm)

    def _scanner(self, hu: Tensor) -> Tensor:
        n = len(hu)
        noise = self._kernel(
            torch.randn(hu.shape, generator=self._chance, device=self._device), self._even(n, 0, SOFTER)
        )
        noise = noise / noise.std(dim=(1, 2, 3), keepdim=True) * self._each(n, 0, NOISE_HU)
        seen = self._kernel(hu, self._even(n, SHARPER, SOFTER)) * self._each(n, 1 - GAIN, 1 + GAIN) + noise
        return (seen + self._each(n, -OFFSET_HU, OFFSET_HU)).clamp(*HU)

    def _kernel(self, values: Tensor, strength: Tensor) -> Tensor:
        return values + strength[:, None, None, None] * (self._blur(values) - values)

    def _each(self, n: int, low: float, high: float) -> Tensor:
        return self._even(n, low, high)[:, None, None, None]

    def _even(self, n: int, low: float, high: float) -> Tensor:
        return torch.rand(n, generator=self._chance, device=self._device) * (high - low) + low


def _turning(angle: Tensor, mirror: Tensor) -> Tensor:
    c, s = torch.cos(angle), torch.sin(angle)
    return torch.stack([torch.stack([c, -s * mirror], 1), torch.stack([s, c * mirror], 1)], 1)
