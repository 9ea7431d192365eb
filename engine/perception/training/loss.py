"""What is asked of the net: agree with the panel, reader by reader, as far as the panel agrees with itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from monai.losses import DiceCELoss
from torch import Tensor, nn
from torch.nn import functional as F

from .net import Seen, axes, widened


@dataclass(frozen=True)
class Panel:
    """What the readers of B nodules say; ``weight`` (B,) grows with their number."""

    mask: Tensor
    ratings: Tensor
    signs: Tensor
    axes_mm: Tensor
    weight: Tensor


class PanelLoss(nn.Module):
    """Mask: Dice and cross-entropy on the share of readers. Texture and signs: cross-entropy to shares.

    Axes: absolute error over the root of the diameter, between an error in mm (which masses would
    rule) and a relative one (which specks would). Its spread: the Laplace likelihood of the error.
    """

    def __init__(self) -> None:
        super().__init__()
        self._outline = DiceCELoss(sigmoid=True, reduction="mean", squared_pred=False)

    def forward(self, seen: Seen, panel: Panel) -> Tensor:
        """The mean over the batch, a scalar."""
        texture = F.cross_entropy(seen.ratings, panel.ratings, reduction="none")
        signs = F.binary_cross_entropy_with_logits(seen.signs, panel.signs, reduction="none").mean(dim=1)
        findings = (panel.weight * (1.5 * texture + signs + _size(seen.size, panel.axes_mm))).mean()
        return self._outline(seen.mask, panel.mask) + 5 * _pixels(seen.mask, panel.mask) + findings


def _size(size: Tensor, true_mm: Tensor) -> Tensor:
    said_mm, spread_mm = axes(size)
    of_axes = (said_mm - true_mm).abs().mean(dim=1) / true_mm.mean(dim=1).sqrt()
    error = (said_mm.mean(dim=1) - true_mm.mean(dim=1)).abs()
    return of_axes + 0.1 * (error.detach() / spread_mm + torch.log(spread_mm))


def _pixels(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy near the nodule weighs more than DiceCE's mean over a crop that is mostly lung."""
    near = widened(mask, 4) > 0
    return (F.binary_cross_entropy_with_logits(logits, mask, reduction="none") * near).sum() / near.sum() / 5
