"""What happens where the crops are not like those of the training: off centre, noisier, or no nodule at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..calibration import Calibration
from ..lung_nodule import NoduleReading, reading
from .cross import Crossed
from .data import PANEL, Nodules
from .ensemble import grids, see

Images = NDArray[np.int16]

SHIFT: Final = 4  # pixels
LUNG_HU: Final = -800
SEED: Final = 1


def shifted(
    crossed: Crossed, fitted: Sequence[Calibration], nodules: Nodules, seen: Sequence[NoduleReading]
) -> dict[str, float]:
    """Diameter error on crops moved by up to 4 pixels over that on centred ones; share of crops that are flagged."""
    chance = np.random.default_rng(SEED)
    moved = _again(crossed, fitted, nodules, _moved(nodules.hu, chance))
    found = {"diameter_error_moved_over_centred": _error(moved, nodules) / _error(seen, nodules)}
    for name, make in NO_NODULE.items():
        strange = _again(crossed, fitted, nodules, make(nodules.hu, chance))
        found[f"flagged_{name}"] = float(np.mean([not s.in_distribution for s in strange]))
    return found


def _again(crossed: Crossed, fitted: Sequence[Calibration], nodules: Nodules, hu: Images) -> list[NoduleReading]:
    """Answers on other pixels of the same nodules, each from the net and calibration blind to its patient."""
    found: dict[int, NoduleReading] = {}
    for fold, member in enumerate(crossed.members):
        rows = np.flatnonzero(crossed.fold == fold)
        part = replace(nodules.take(rows), hu=hu[rows])
        for i, raw in zip(rows.tolist(), see(member, grids(part)), strict=True):
            mm, thick = float(nodules.spacing_mm[i]), float(nodules.thickness_mm[i])
            found[i] = reading(raw, fitted[fold], mm, thick, (hu.shape[1], hu.shape[2]))
    return [found[i] for i in range(len(nodules))]


def _error(seen: Sequence[NoduleReading], nodules: Nodules) -> float:
    """Mean absolute error of the diameter against the panel's mean, mm."""
    said, truth = np.array([s.mean_mm for s in seen]), nodules.axes_mm.mean(axis=1)
    return float(np.abs(said - truth)[nodules.readers >= PANEL].mean())


def _moved(hu: Images, chance: np.random.Generator) -> Images:
    side = hu.shape[1]
    by = chance.integers(0, 2 * SHIFT + 1, (len(hu), 2))
    wide = np.pad(hu, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), mode="edge")
    return np.stack([crop[i : i + side, j : j + side] for crop, (i, j) in zip(wide, by, strict=True)])


def _inverted(hu: Images, _: np.random.Generator) -> Images:
    return np.asarray(np.clip(LUNG_HU - hu.astype(np.int32), -1024, 3071), dtype=np.int16)


def _grains(mean: float, sd: float) -> Callable[[Images, np.random.Generator], Images]:
    return lambda hu, chance: np.clip(chance.normal(mean, sd, hu.shape), -1024, 3071).astype(np.int16)


NO_NODULE: Final[Mapping[str, Callable[[Images, np.random.Generator], Images]]] = {
    "blank": lambda hu, _: np.full_like(hu, -1000),
    "inverted": _inverted,
    "noise": _grains(-400, 500),
    "soft_tissue": _grains(50, 25),
}
