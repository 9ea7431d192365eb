"""How far a crop is from those of the training patients, in what the net sees and in plain sight.

Mahalanobis distance on the net's features (Lee et al., NeurIPS 2018) alone lets every fifth inverted crop
pass: a net that was never shown such a thing has no feature for it. Plain descriptors (how many
pixels of which HU, in the crop and at its centre; how sure, large and central the mask is) see it.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KEPT: Final = 16  # principal directions of either group that are weighed one by one
HU_EDGES: Final = (-950, -900, -850, -800, -700, -500, -300, -150, -50, 50, 150, 300)
SOFT_HU: Final = 20.0  # width of an edge, so that noise does not make a pixel jump
CENTRE_PIXELS: Final = 4.0
RARE: Final = 0.01  # share of pixels below which a bin counts as empty
FLOOR: Final = 0.02  # added to spreads, so that what is constant in training weighs no more than it should


class Distance(nn.Module):
    """Root mean square of the distances in the net's features and in appearance; about 1 for training patients."""

    def __init__(self, features: Tensor, appearance: Tensor) -> None:
        """Both (N, n), of the training patients."""
        super().__init__()
        self.groups = nn.ModuleList([_Group(features), _Group(appearance)])

    def forward(self, features: Tensor, appearance: Tensor) -> Tensor:
        """(B, n) each, to (B,)."""
        far = [group(values) for group, values in zip(self.groups, (features, appearance), strict=True)]
        return (torch.stack(far).mean(dim=0)).sqrt()


class _Group(nn.Module):
    """Squared distance: mean over the ``KEPT`` principal directions, each over its usual spread, and what lies
    beside all of them over what usually does."""

    mean: Tensor
    scale: Tensor
    along: Tensor
    back: Tensor
    beside: Tensor

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        mean, scale = values.mean(dim=0), values.std(dim=0) + FLOOR
        z = (values - mean) / scale
        _, spread, directions = torch.linalg.svd(z, full_matrices=False)
        kept = min(KEPT, len(spread) // 2)  # of few patients the last directions are chance
        usual = spread[:kept, None] / len(z) ** 0.5
        for name, buffer in {
            "mean": mean, "scale": scale, "along": (directions[:kept] / usual).T, "back": directions[:kept] * usual,
        }.items():  # fmt: skip
            self.register_buffer(name, buffer.contiguous())
        self.register_buffer("beside", ((z - z @ self.along @ self.back) ** 2).sum(dim=1).mean())

    def forward(self, values: Tensor) -> Tensor:
        z = (values - self.mean) / self.scale
        along = z @ self.along
        rest = ((z - along @ self.back) ** 2).sum(dim=1) / self.beside
        return ((along**2).mean(dim=1) + rest) / 2


def appearance(hu: Tensor, mask: Tensor) -> Tensor:
    """Plain descriptors (B, 32) of crops (B, 1, n, n) in HU and the probabilities of their masks."""
    return torch.cat([of_pixels(hu), of_mask(mask)], dim=1)


def of_pixels(hu: Tensor) -> Tensor:
    """How much of the crop, and of its centre, lies in each range of HU; the brightest there in units of 500 HU."""
    bins, (_, _, centre) = _bins(hu), _places(hu)
    shares = [bins.mean(dim=(2, 3)), (bins * centre).sum(dim=(2, 3)) / centre.sum()]
    brightest = (F.avg_pool2d(hu, 3, 1, 1) * centre).amax(dim=(1, 2, 3)).clamp(-1000, 300) / 500
    return torch.cat([*(torch.log(share + RARE) for share in shares), brightest[:, None]], dim=1)


def _places(hu: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows and columns from the centre (n, 1), (1, n), and which pixels are the centre (1, 1, n, n)."""
    steps = torch.arange(hu.shape[-1], device=hu.device) - (hu.shape[-1] - 1) / 2
    y, x = steps[:, None], steps[None, :]
    return y, x, ((y**2 + x**2).sqrt() < CENTRE_PIXELS).to(hu)[None, None]


def _bins(hu: Tensor) -> Tensor:
    """Per pixel how much of it lies between two edges (B, 13, n, n); the parts sum to 1."""
    below = torch.cat([torch.sigmoid((edge - hu) / SOFT_HU) for edge in HU_EDGES], dim=1)
    return torch.cat([below[:, :1], below[:, 1:] - below[:, :-1], 1 - below[:, -1:]], dim=1)


def of_mask(mask: Tensor) -> Tensor:
    """Size, peak, doubt and place of the mask (B, 1, n, n); its share of the centre."""
    y, x, centre = _places(mask)
    size = mask.sum(dim=(1, 2, 3))
    off = [(mask * along).sum(dim=(1, 2, 3)) / (size + 1e-3) for along in (y, x)]
    parts = [
        torch.log(size + 1),
        mask.amax(dim=(1, 2, 3)),
        torch.log((mask * (1 - mask)).sum(dim=(1, 2, 3)) / (size + 1) + 1e-3),
        torch.log((off[0] ** 2 + off[1] ** 2).sqrt() + 1),
        (mask * centre).sum(dim=(1, 2, 3)) / centre.sum(),
    ]
    return torch.stack(parts, dim=1)
