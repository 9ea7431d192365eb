"""From what a net says to what may be believed: fitted on patients that the net was not trained on.

Texture: temperature scaling with a bias per class (Guo et al., ICML 2017; Alexandari et al., ICML 2020;
the bias takes back that rare classes were shown more often in training). Texture sets: class-conditional
split conformal prediction (Vovk, ACML 2012), so that the rare classes are covered too. Diameter: the
net's axes and those of its mask blended; conformal bounds on the readings' error over the net's own
spread. Distribution: the distance of the features from those of the training patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingKnowledge
from .grid import Image

Floats = NDArray[np.float64]

TEXTURES: Final = ("non_solid", "part_solid", "solid")
SIGNS: Final = ("calcified", "spiculated", "lobulated", "sharp_margin", "malignancy_opinion")
LEVEL: Final = 0.9  # of sets and intervals
NORMAL_HALF_WIDTH: Final = 1.6449  # of a Gaussian's 90 % interval, in standard deviations


@dataclass(frozen=True, slots=True)
class Domain:
    """What the calibration was measured on; outside of it nothing is promised."""

    anatomy: str
    modality: str
    spacing_mm: tuple[float, float]
    slice_thickness_mm: tuple[float, float]

    def outside(self, spacing_mm: float, slice_thickness_mm: float | None) -> tuple[str, ...]:
        """Why a crop lies outside, in words; a thickness that is not stated is one reason."""
        found = [("pixel spacing", spacing_mm, self.spacing_mm)]
        if slice_thickness_mm is not None:
            found.append(("slice thickness", slice_thickness_mm, self.slice_thickness_mm))
        why = [
            f"{name} {value:g} mm, measured on {low:g} to {high:g} mm"
            for name, value, (low, high) in found
            if not low <= value <= high
        ]
        return (*why, *(("slice thickness not stated",) if slice_thickness_mm is None else ()))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The fitted numbers, as ``calibration.json`` keeps them.

    ``pixel_mm``: of the grid that the net was trained on. ``bias``: of the texture logits, after division by
    ``temperature``. ``set_scores``: per class the largest 1 - probability that keeps it in the set. ``signs``:
    slope and intercept of each sign's logit. ``mask_from``: probability from which on a pixel belongs to the mask
    of any slice of a nodule that is followed. ``of_net``: share of the net's axes in the diameter, the rest being
    the mask's. ``bounds``: of (reading - diameter) / spread. ``far``: the distance of features that 1 in 20 nodules
    exceeds.
    """

    pixel_mm: float
    temperature: float
    bias: tuple[float, ...]
    set_scores: tuple[float, ...]
    signs: Mapping[str, tuple[float, float]]
    mask_from: float
    of_net: float
    bounds: tuple[float, float]
    far: float
    domain: Domain
    nodules: int
    patients: int

    def texture(self, logits: NDArray[np.floating]) -> Floats:
        """Probabilities per class, (..., 3), of logits (..., 3)."""
        scaled = np.asarray(logits, dtype=np.float64) / self.temperature + np.array(self.bias)
        e = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))

    def texture_set(self, probabilities: NDArray[np.floating]) -> tuple[str, ...]:
        """The classes that cannot be ruled out at ``LEVEL``; never empty."""
        kept = 1 - np.asarray(probabilities) <= np.array(self.set_scores)
        kept[int(np.argmax(probabilities))] |= not kept.any()
        return tuple(name for name, keep in zip(TEXTURES, kept, strict=True) if keep)

    def sign(self, name: str, logit: float) -> float:
        """Probability of a sign."""
        slope, intercept = self.signs[name]
        return 1 / (1 + math.exp(-float(np.clip(slope * logit + intercept, -30, 30))))

    def diameter(self, net_mm: float, mask_mm: float, spread_mm: float) -> tuple[float, float, tuple[float, float]]:
        """Mean diameter, its standard deviation and 90 % interval, in mm, against one reader's measurement."""
        mean = self.of_net * net_mm + (1 - self.of_net) * mask_mm
        low, high = (mean + bound * spread_mm for bound in self.bounds)
        return mean, (high - low) / 2 / NORMAL_HALF_WIDTH, (max(low, 0.0), high)

    def as_record(self) -> dict[str, Any]:
        """For JSON; ``calibration_of`` reads it back."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """What the net says of one crop, before calibration.

    ``mask``: probabilities on the grid. ``texture`` (3,), ``signs`` (5,): logits. ``axes_mm`` (2,), ``spread_mm``:
    of their mean. ``distance``: of the features from those of the training patients.
    """

    mask: Image
    texture: NDArray[np.float32]
    signs: NDArray[np.float32]
    axes_mm: NDArray[np.float32]
    spread_mm: float
    distance: float


def index_of_level(n: int, level: float = LEVEL) -> int:
    """Index into n sorted scores of the smallest that covers ``level`` of the next one; n if none does."""
    return math.ceil((n + 1) * level) - 1


def calibration_of(record: Mapping[str, Any]) -> Calibration:
    """Read ``as_record`` back.

    Raises:
        MissingKnowledge: a number is absent, or there is one that is not known.
    """
    try:
        domain = {k: _tupled(v) for k, v in record["domain"].items()}
        signs = {name: _pair(record["signs"][name]) for name in SIGNS}
        flat = {k: _tupled(v) for k, v in record.items() if k not in {"domain", "signs"}}
        return Calibration(**flat, signs=signs, domain=Domain(**domain))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        where = "knowledge/models/lung_nodule/calibration.json"
        raise MissingKnowledge(where, "", str(error), "what training writes", "Restore the shipped file.") from error


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _pair(values: Sequence[float]) -> tuple[float, float]:
    slope, intercept = values
    return float(slope), float(intercept)
