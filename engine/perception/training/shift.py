"""What happens where the crops are not like those of the training: off centre, noisier, or no nodule at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..calibration import TEXTURES, Calibration
from ..lung_nodule import NoduleReading, reading
from .cross import Crossed
from .data import PANEL, Nodules
from .ensemble import grids, see

Images = NDArray[np.int16]
Make = Callable[[Images, np.random.Generator], Images]

SHIFT: Final = 4  # pixels
LUNG_HU: Final = -800
SEED: Final = 1


def shifted(
    crossed: Crossed, fitted: Sequence[Calibration], nodules: Nodules, seen: Sequence[NoduleReading]
) -> dict[str, float]:
    """Error on crops moved by up to 4 pixels, noisier or blurred, over that on plain ones; shares flagged."""
    chance = np.random.default_rng(SEED)
    moved = _again(crossed, fitted, nodules, _moved(nodules.hu, chance))
    found = {"diameter_error_moved_over_centred": _error(moved, nodules) / _error(seen, nodules)}
    for name, make in OTHER_SCANS.items():
        rescanned = _again(crossed, fitted, nodules, make(nodules.hu, chance))
        found |= {f"{key}_{name}": value for key, value in _held_up(rescanned, seen, nodules).items()}
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


def _held_up(now: Sequence[NoduleReading], before: Sequence[NoduleReading], nodules: Nodules) -> dict[str, float]:
    """Error, coverage of the sets and alarms on other pixels of the same nodules."""
    panels = np.flatnonzero(nodules.readers >= PANEL).tolist()
    held = [TEXTURES[nodules.panel_texture[i]] in now[i].texture_set for i in panels]
    return {
        "diameter_error_over_plain": _error(now, nodules) / _error(before, nodules),
        "set_coverage": float(np.mean(held)),
        "flagged": float(np.mean([not s.in_distribution for s in now])),
    }


def _noisy(sd: float) -> Make:
    return lambda hu, chance: _hu(hu + chance.normal(0, sd, hu.shape))


def _blurred(hu: Images, _: np.random.Generator) -> Images:
    """As a very soft kernel; two pixels wide."""
    return _hu(ndimage.gaussian_filter(hu.astype(np.float32), (0, 1.0, 1.0)))


def _hu(values: NDArray[np.floating]) -> Images:
    return np.asarray(np.clip(values, -1024, 3071), dtype=np.int16)


def _moved(hu: Images, chance: np.random.Generator) -> Images:
    side = hu.shape[1]
    by = chance.integers(0, 2 * SHIFT + 1, (len(hu), 2))
    wide = np.pad(hu, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), mode="edge")
    return np.stack([crop[i : i + side, j : j + side] for crop, (i, j) in zip(wide, by, strict=True)])


def _inverted(hu: Images, _: np.random.Generator) -> Images:
    return _hu(LUNG_HU - hu.astype(np.float32))


def _grains(mean: float, sd: float) -> Make:
    return lambda hu, chance: _hu(chance.normal(mean, sd, hu.shape))


OTHER_SCANS: Final[Mapping[str, Make]] = {"noise_60_hu": _noisy(60), "noise_150_hu": _noisy(150), "blurred": _blurred}
NO_NODULE: Final[Mapping[str, Make]] = {
    "blank": lambda hu, _: np.full_like(hu, -1000),
    "inverted": _inverted,
    "noise": _grains(-400, 500),
    "soft_tissue": _grains(50, 25),
}
