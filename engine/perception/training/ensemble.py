"""The nets of some folds as one: what the service runs.

Each net was trained without one fold of the patients. Its mean opinion is calibrated by the answers of
each net on the patients that it was not trained on (cross-conformal prediction: Vovk, Annals of
Mathematics and Artificial Intelligence 74:9-28, 2015). On one fold that none of three nets
had seen, the mean of them kept the coverage that its members had (``as_one``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..calibration import Raw
from ..grid import around_centre
from .data import Nodules
from .distance import Distance, appearance, of_mask, of_pixels
from .net import NoduleNet, axes, looked, texture

BATCH: Final = 64
SHIPPED: Final = 3  # nets whose mean is shipped; each costs 2 to 3 ms a nodule, and 10 ms are allowed


class Ensemble(nn.Module):
    """The mean of several nets, in the outputs and order of ``lung_nodule.OUTPUTS``."""

    def __init__(self, nets: Sequence[NoduleNet], distances: Sequence[Distance]) -> None:
        super().__init__()
        self.nets, self.distances = nn.ModuleList(nets), nn.ModuleList(distances)

    def forward(self, hu: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """From HU (B, 1, SIDE, SIDE): mask (B, SIDE, SIDE), texture, signs, axes_mm, spread_mm, distance."""
        crop, pixels = looked(hu), of_pixels(hu)
        seen = [net.see(crop) for net in self.nets]
        sizes = [axes(s.size) for s in seen]
        masks = [s.mask.sigmoid() for s in seen]
        plain = [torch.cat([pixels, of_mask(m)], dim=1) for m in masks]
        far = [d(s.features, p) for d, s, p in zip(self.distances, seen, plain, strict=True)]
        return (
            _mean(masks)[:, 0],
            _mean([texture(s.ratings) for s in seen]),
            _mean([s.signs for s in seen]),
            _mean([mm for mm, _ in sizes]),
            _mean([spread for _, spread in sizes]),
            _mean(far),
        )


def member(net: NoduleNet, trained_on: Nodules) -> Ensemble:
    """One net alone, with the distance from the patients it was trained on."""
    net = net.eval()
    with torch.no_grad():
        groups = zip(*(_described(net, hu) for hu in _batches(grids(trained_on))), strict=True)
        model = Ensemble([net], [Distance(*(torch.cat(group) for group in groups))])
    model.eval()
    return model


def _described(net: NoduleNet, hu: Tensor) -> tuple[Tensor, Tensor]:
    seen = net(hu)
    return seen.features, appearance(hu, seen.mask.sigmoid())


def together(members: Sequence[Ensemble]) -> Ensemble:
    """The first ``SHIPPED`` of them as one."""
    taken = members[:SHIPPED]
    model = Ensemble([net for m in taken for net in m.nets], [d for m in taken for d in m.distances])
    model.eval()
    return model


def grids(nodules: Nodules) -> NDArray[np.float32]:
    """The crops as the service sees them, (N, SIDE, SIDE)."""
    return np.stack([around_centre(hu, float(mm)) for hu, mm in zip(nodules.hu, nodules.spacing_mm, strict=True)])


def see(model: Ensemble, images: NDArray[np.float32]) -> list[Raw]:
    """What the model says of crops on the grid (N, SIDE, SIDE)."""
    with torch.no_grad():
        outputs = [torch.cat(part).numpy() for part in zip(*(model(hu) for hu in _batches(images)), strict=True)]
    return [Raw(m, t, s, a, float(w), float(d)) for m, t, s, a, w, d in zip(*outputs, strict=True)]


def _batches(images: NDArray[np.float32]) -> Iterator[Tensor]:
    for start in range(0, len(images), BATCH):
        yield torch.from_numpy(images[start : start + BATCH, None]).contiguous(memory_format=torch.channels_last)


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(dim=0)
