"""Fits ``calibration.json`` on answers about patients whom the net was not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..calibration import LEVEL, SIGNS, Calibration, Domain, Raw, index_of_level
from ..grid import PIXEL_MM, back
from ..lung_nodule import outlined
from .data import PANEL, Nodules

Floats = NDArray[np.float64]

MASK_FROM: Final = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
OF_NET: Final = tuple(np.linspace(0, 1, 11).tolist())
FALSE_ALARMS: Final = 0.05
ANATOMY, MODALITY = "lung nodule of 3 mm or more, axial slice of its largest area", "CT"


def calibrate(raw: Sequence[Raw], nodules: Nodules) -> Calibration:
    """The calibration of what was ``raw`` of ``nodules``.

    Texture and sets are fitted to the median of panels of at least three, the mask to the pixels that at
    least half of them drew, all else to every reader there is.
    """
    panels = np.flatnonzero(nodules.readers >= PANEL)
    temperature, bias = _texture(np.array([raw[i].texture for i in panels.tolist()]), nodules.panel_texture[panels])
    mask_from = _mask_from([raw[i] for i in panels.tolist()], nodules.take(panels))
    mask_mm = mask_diameters(raw, nodules)
    of_net = _of_net(np.array([r.axes_mm.mean() for r in raw])[panels], mask_mm[panels], nodules.take(panels))
    diameter = of_net * np.array([r.axes_mm.mean() for r in raw]) + (1 - of_net) * mask_mm
    plain = Calibration(
        pixel_mm=PIXEL_MM,
        temperature=temperature,
        bias=bias,
        set_scores=(1.0, 1.0, 1.0),
        signs={name: _sign(np.array([r.signs[i] for r in raw]), nodules, i) for i, name in enumerate(SIGNS)},
        mask_from=mask_from,
        of_net=of_net,
        bounds=_bounds(diameter, raw, nodules),
        far=_at(np.array([r.distance for r in raw]), 1 - FALSE_ALARMS, np.inf),
        domain=_domain(nodules),
        nodules=len(nodules),
        patients=len(np.unique(nodules.patient)),
    )
    return _with_sets(plain, np.array([raw[i].texture for i in panels.tolist()]), nodules.panel_texture[panels])


def mask_diameters(raw: Sequence[Raw], nodules: Nodules) -> Floats:
    """Mean diameter of each nodule's mask, mm."""
    shape = (nodules.hu.shape[1], nodules.hu.shape[2])
    pairs = zip(raw, nodules.spacing_mm, strict=True)
    return np.array([outlined(r.mask, float(mm), shape)[1].mean_mm for r, mm in pairs])


def _texture(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> tuple[float, tuple[float, ...]]:
    """Temperature and bias of least negative log likelihood."""

    def loss(p: Floats) -> float:
        z = logits * np.exp(-p[0]) + np.array([p[1], p[2], 0.0])
        top = z.max(axis=1)
        log_sum = top + np.log(np.exp(z - top[:, None]).sum(axis=1))
        return float((log_sum - z[np.arange(len(z)), truth]).mean() + 1e-3 * (p**2).sum())

    best = minimize(loss, np.zeros(3), method="Nelder-Mead", options={"maxiter": 2000}).x
    return float(np.exp(best[0])), (float(best[1]), float(best[2]), 0.0)


def _with_sets(plain: Calibration, logits: NDArray[np.float32], truth: NDArray[np.int64]) -> Calibration:
    scores = 1 - plain.texture(logits)[np.arange(len(truth)), truth]
    return replace(plain, set_scores=tuple(_at(scores[truth == k], LEVEL, 1.0) for k in range(3)))


def _sign(logits: NDArray[np.float32], nodules: Nodules, i: int) -> tuple[float, float]:
    """Slope and intercept (Platt) against the share of readers, each reader counting once."""
    share, weight = nodules.signs[:, i].astype(float), nodules.readers / nodules.readers.mean()

    def loss(p: Floats) -> float:
        z = p[0] * logits + p[1]
        return float((weight * (np.logaddexp(0, z) - share * z)).mean() + 1e-3 * (p[0] - 1) ** 2)

    best = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(best[0]), float(best[1])


def _mask_from(raw: Sequence[Raw], panels: Nodules) -> float:
    """The threshold of the best mean Dice with what at least half of the panel drew."""
    shape = (panels.hu.shape[1], panels.hu.shape[2])
    native = np.stack([back(r.mask, float(mm), shape) for r, mm in zip(raw, panels.spacing_mm, strict=True)])
    truth = panels.mask >= 0.5

    def dice(threshold: float) -> float:
        said = native >= threshold
        both, total = (said & truth).sum(axis=(1, 2)), (said.sum(axis=(1, 2)) + truth.sum(axis=(1, 2)))
        return float((2 * both / np.maximum(total, 1)).mean())

    return max(MASK_FROM, key=dice)


def _of_net(net_mm: Floats, mask_mm: Floats, panels: Nodules) -> float:
    """The blend of the least mean absolute error against the panel's mean."""
    truth = panels.axes_mm.mean(axis=1)
    return float(min(OF_NET, key=lambda w: float(np.abs(w * net_mm + (1 - w) * mask_mm - truth).mean())))


def _bounds(diameter: Floats, raw: Sequence[Raw], nodules: Nodules) -> tuple[float, float]:
    """Bounds that each leave out half of 1 - LEVEL of the panels' readings."""
    panels = np.flatnonzero(nodules.readers >= PANEL)
    errors = np.concatenate([(nodules.readings_mm[i] - diameter[i]) / raw[i].spread_mm for i in panels.tolist()])
    side = 1 - (1 - LEVEL) / 2
    return -_at(-errors, side, np.inf), _at(errors, side, np.inf)


def _at(scores: Floats, level: float, none: float) -> float:
    """The bound that covers ``level``; ``none``, which covers all, where there are too few scores to say."""
    index = index_of_level(len(scores), level)
    return float(np.sort(scores)[index]) if index < len(scores) else none


def _domain(nodules: Nodules) -> Domain:
    """What the nodules span; pixels to the next step of 0.05 mm."""
    spacing, thick = nodules.spacing_mm, nodules.thickness_mm
    low, high = math.floor(spacing.min() * 20) / 20, math.ceil(spacing.max() * 20) / 20
    return Domain(ANATOMY, MODALITY, (low, high), (round(float(thick.min()), 3), round(float(thick.max()), 3)))
