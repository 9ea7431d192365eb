"""One small net that sees an axial crop: a mask, and from what lies in and around it the findings.

A U-shaped net of three levels on 2 x 2 pixels put into channels (nothing is lost, a quarter of the work).
The findings are read from features averaged inside the mask, on its rim and over the whole crop, so
that texture is that of the nodule and not of the lung around it. Normalisation is over the batch:
normalising each crop would take away the very HU that tell calcium from soft tissue from ground glass.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from monai.networks.blocks import Convolution, ResidualUnit
from torch import Tensor, nn
from torch.nn import functional as F

from ..calibration import SIGNS
from ..grid import PIXEL_MM

WINDOWS: Final = ((-1000.0, 200.0), (-150.0, 250.0), (-100.0, 1100.0))  # lung, soft tissue, calcium; HU
WIDTHS: Final = (24, 48, 96)
HU_STEPS: Final = (-750, -600, -450, -300, -150, -50, 0, 50, 100, 200, 400)  # from ground glass to calcium
SOFT_HU: Final = 25.0  # width of a step, so that noise does not make a pixel jump
RATINGS: Final = 5


class Seen(NamedTuple):
    """What the net says of B crops.

    ``mask``: logits (B, 1, 64, 64). ``ratings``: logits of texture 1 to 5 (B, 5). ``signs``: logits (B, 5).
    ``size``: log of
    the long axis in mm, logit of short over long, log of the mean diameter's spread in mm (B, 3).
    ``features``: what findings are read from (B, n).
    """

    mask: Tensor
    ratings: Tensor
    signs: Tensor
    size: Tensor
    features: Tensor


class Looked(NamedTuple):
    """A crop prepared for the net; the nets of an ensemble share it.

    ``windows``: (B, 3, 64, 64), each 0 to 1. ``smooth``: the same over 3 x 3 pixels. ``above``: how surely
    each pixel, smoothed, lies above each of ``HU_STEPS`` (B, 11, 64, 64).
    """

    windows: Tensor
    smooth: Tensor
    above: Tensor


def looked(hu: Tensor) -> Looked:
    """Prepare HU on the grid (B, 1, 64, 64)."""
    windows = torch.cat([((hu - low) / (high - low)).clamp(0, 1) for low, high in WINDOWS], dim=1)
    smooth = F.avg_pool2d(hu, 3, 1, 1)
    above = torch.cat([torch.sigmoid((smooth - step) / SOFT_HU) for step in HU_STEPS], dim=1)
    return Looked(windows, F.avg_pool2d(windows, 3, 1, 1), above)


class NoduleNet(nn.Module):
    """From HU on the grid (B, 1, 64, 64) to what is seen. 0.33 M parameters."""

    def __init__(self, widths: tuple[int, int, int] = WIDTHS, hidden: int = 64) -> None:
        super().__init__()
        a, b, c = widths
        self.down = nn.ModuleList([_unit(4 * len(WINDOWS), a, 1), _unit(a, b, 2), _unit(b, c, 2)])
        self.up = nn.ModuleList([_convolution(c + b, b), _convolution(b + a, a)])
        self.finest = nn.Conv2d(a, 32, 3, padding=1)
        self.outline = nn.Sequential(_convolution(8 + len(WINDOWS), 12), _convolution(12, 12), nn.Conv2d(12, 1, 1))
        pooled = 3 * a + b + 2 * c + 4 * (3 * len(WINDOWS) + len(HU_STEPS)) + 2 * len(WINDOWS) + 1
        self.read = nn.Sequential(nn.Linear(pooled, hidden), nn.ReLU(), nn.Dropout(0.2))
        self.ratings = nn.Linear(hidden, RATINGS)
        self.signs = nn.Linear(hidden, len(SIGNS))
        self.size = nn.Linear(hidden, 3)

    def forward(self, hu: Tensor) -> Seen:
        """See ``Seen``."""
        return self.see(looked(hu))

    def see(self, crop: Looked) -> Seen:
        """What is seen of a prepared crop."""
        fine = self.down[0](F.pixel_unshuffle(crop.windows, 2))
        middle = self.down[1](fine)
        coarse = self.down[2](middle)
        middle = self.up[0](torch.cat([_twice(coarse), middle], dim=1))
        fine = self.up[1](torch.cat([_twice(middle), fine], dim=1))
        outline = self.outline(torch.cat([F.pixel_shuffle(self.finest(fine), 2), crop.windows], dim=1))
        features, across = _pooled(outline.detach().sigmoid(), crop, fine, middle, coarse)
        read = self.read(features)
        size = self.size(read)
        size = torch.cat([size[:, :1] + across, size[:, 1:2], size[:, 2:] + 0.5 * across - 1], dim=1)
        return Seen(outline, self.ratings(read), self.signs(read), size, features)


def axes(size: Tensor) -> tuple[Tensor, Tensor]:
    """Long and short axis in mm (B, 2), the short never longer; spread of their mean in mm (B,)."""
    long = size[:, 0].exp()
    return torch.stack([long, long * size[:, 1].sigmoid()], dim=1), size[:, 2].exp()


def texture(ratings: Tensor) -> Tensor:
    """Logits of the three classes (B, 3) from those of the ratings: 1-2, 3-4, 5."""
    return torch.stack([ratings[:, :2].logsumexp(1), ratings[:, 2:4].logsumexp(1), ratings[:, 4]], dim=1)


def _pooled(mask: Tensor, crop: Looked, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
    """Features in, around and beyond the mask; and the log of its size in mm as if it were a disc."""
    half = F.avg_pool2d(mask, 2)
    rim = (widened(half, 2) - half).clamp_min(0)
    area = mask.sum(dim=(1, 2, 3)) * PIXEL_MM**2
    across = torch.log((area * 4 / torch.pi).sqrt() + 1)[:, None]
    brightest = torch.cat([crop.smooth, crop.windows], dim=1) * mask
    parts = [
        _means(fine, torch.cat([half, rim], dim=1)).flatten(1), (fine * half).amax(dim=(2, 3)),
        _means(middle, F.avg_pool2d(half, 2))[:, :, 0],
        _means(coarse, torch.cat([F.avg_pool2d(half, 4), torch.ones_like(coarse[:, :1])], dim=1)).flatten(1),
        _of_pixels(mask, crop), brightest.amax(dim=(2, 3)), across,
    ]  # fmt: skip
    return torch.cat(parts, dim=1), across


def _of_pixels(mask: Tensor, crop: Looked) -> Tensor:
    """Means, spreads and shares of HU in the mask, everywhere, in its core and around it (B, 80)."""
    around = (widened(mask, 3) - mask).clamp_min(0)
    places = torch.cat([mask, torch.ones_like(mask), -widened(-mask, 1), around], dim=1)
    means = _means(torch.cat([crop.windows, crop.windows**2, crop.smooth, crop.above], dim=1), places)
    n = len(WINDOWS)
    spread = ((means[:, n : 2 * n] - means[:, :n] ** 2).clamp_min(0) + 1e-6).sqrt()
    return torch.cat([means[:, :n], spread, means[:, 2 * n :]], dim=1).flatten(1)


def _means(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of each map (B, c, n, n) under each weight (B, w, n, n): (B, c, w)."""
    weights = weights.flatten(2)
    return values.flatten(2) @ (weights / (weights.sum(dim=2, keepdim=True) + 1e-3)).transpose(1, 2)


def widened(mask: Tensor, pixels: int) -> Tensor:
    """The largest value within a square of ``pixels`` to each side; in two passes, rows then columns."""
    width = 2 * pixels + 1
    return F.max_pool2d(F.max_pool2d(mask, (width, 1), 1, (pixels, 0)), (1, width), 1, (0, pixels))


def _twice(values: Tensor) -> Tensor:
    return F.interpolate(values, scale_factor=2.0, mode="nearest")


def _unit(channels: int, out: int, stride: int) -> nn.Module:
    return ResidualUnit(2, channels, out, stride, subunits=2, act="RELU", norm="BATCH", adn_ordering="NA")


def _convolution(channels: int, out: int) -> nn.Module:
    return Convolution(2, channels, out, act="RELU", norm="BATCH", adn_ordering="NA", bias=False)
