"""How far a panel's diameters may lie from the one that is measured on a mask: a 90 % interval.

Somebody's mask, measured, is one opinion; another radiologist draws another. ``knowledge/models/measurement/
reader_error.yaml`` holds how far the readers of LIDC-IDRI lie from the mask of one of them: an error that grows with
the size, hypot(floor, share x diameter), and the bounds on (reading - measured) / error that hold 90 %. Fitted on half
of the patients, judged on the other (``tests/perception/test_measure_readers.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..errors import BadValue, MissingKnowledge
from ..resources import knowledge_folder
from .calibration import LEVEL, NORMAL_HALF_WIDTH

FILE: Final = "models/measurement/reader_error.yaml"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReaderError:
    """Against single readers of a panel, for the mean diameter of a mask on the slice of largest area.

    ``floor_mm``, ``share``: of the error. ``bounds``: of (reading - measured) over it. ``domain_mm``: the
    diameters that it was fitted on; outside of it nothing is promised.

    Raises:
        BadValue: a floor or share below 0, or bounds that do not lie on either side of 0.
    """

    floor_mm: float
    share: float
    bounds: tuple[float, float]
    domain_mm: tuple[float, float]

    def __post_init__(self) -> None:
        low, high = self.bounds
        if not (self.floor_mm >= 0 and self.share >= 0 and -math.inf < low < 0 < high < math.inf):
            found = f"floor {self.floor_mm} mm, share {self.share}, bounds {self.bounds}"
            raise BadValue("reader error", "bounds", found, "0 or more, bounds about 0", "Fit it anew.")

    def interval_mm(self, mean_mm: float, mask_sd_mm: float = 0.0) -> tuple[float, float]:
        """The 90 % interval of a single reader's mean diameter about a measured one.

        ``mask_sd_mm``: the mask's own uncertainty beyond that of a reader's mask (``measure_soft_slice``, thick
        slices); it widens both sides in quadrature.

        Raises:
            BadValue: a diameter that is not positive, or an error below 0.
        """
        if not (math.isfinite(mean_mm) and mean_mm > 0 and math.isfinite(mask_sd_mm) and mask_sd_mm >= 0):
            found = f"{mean_mm} ± {mask_sd_mm} mm"
            raise BadValue("diameter", "mean_mm", found, "above 0, error of 0 or more", "Give a measured diameter.")
        own = NORMAL_HALF_WIDTH * mask_sd_mm
        below, above = (abs(bound) * float(self.scale_mm(np.float64(mean_mm))) for bound in self.bounds)
        return max(mean_mm - math.hypot(below, own), 0.0), mean_mm + math.hypot(above, own)

    def sd_mm(self, mean_mm: float, mask_sd_mm: float = 0.0) -> float:
        """Standard deviation of the Gaussian whose 90 % interval is as wide (before it is cut at 0)."""
        low, high = (abs(b) * float(self.scale_mm(np.float64(mean_mm))) for b in self.bounds)
        return math.hypot((low + high) / 2 / NORMAL_HALF_WIDTH, mask_sd_mm)

    def outside(self, mean_mm: float) -> tuple[str, ...]:
        """Why nothing is promised of a diameter, in words; empty where something is."""
        low, high = self.domain_mm
        return () if low <= mean_mm <= high else (f"diameter {mean_mm:.1f} mm, fitted on {low:g} to {high:g} mm",)

    def scale_mm(self, mean_mm: Floats | np.float64) -> Floats | np.float64:
        """hypot(floor, share x diameter)."""
        return np.hypot(self.floor_mm, self.share * mean_mm)


def shipped_reader_error(folder: Traversable | None = None) -> ReaderError:
    """What ``knowledge/`` holds.

    Raises:
        MissingKnowledge: the file is absent, or lacks a number.
    """
    where = f"knowledge/{FILE}"
    try:
        text = (folder or knowledge_folder()).joinpath(*FILE.split("/")).read_text(encoding="utf-8")
        record: Mapping[str, Any] = yaml.safe_load(text)["error"]
        low, high = record["bounds"]
        least, most = record["domain_mm"]
        return ReaderError(
            float(record["floor_mm"]), float(record["share"]), (float(low), float(high)), (float(least), float(most))
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, BadValue) as error:
        raise MissingKnowledge(
            where, "error", type(error).__name__, "the shipped file", "Reinstall radlogic."
        ) from error


def fitted(measured_mm: Floats, readings_mm: Floats, domain_mm: tuple[float, float]) -> ReaderError:
    """Fit to pairs (n,): a measured diameter and another reader's, of the same nodule.

    The error by the likelihood of a Laplace distribution (tails as heavy as readers' are); the bounds are the pairs'
    own ranks, as in split conformal prediction, one side at a time.

    Raises:
        BadValue: fewer than 200 pairs, or shapes that differ.
    """
    if measured_mm.shape != readings_mm.shape or measured_mm.size < 200:
        found = f"{measured_mm.shape} and {readings_mm.shape}"
        raise BadValue("pairs", "", found, "two rows of 200 or more", "Give more signed readings.")
    off = readings_mm - measured_mm

    def unlikeliness(parameters: Floats) -> float:
        scale = np.hypot(*(np.exp(parameters)[:, None] * (np.ones_like(off), measured_mm)))
        return float(np.sum(np.log(scale) + np.abs(off) / scale))

    floor, share = np.exp(minimize(unlikeliness, np.log([0.5, 0.1]), method="Nelder-Mead").x)
    scores = np.sort(off / np.hypot(floor, share * measured_mm))
    beyond = math.floor((scores.size + 1) * (1 - LEVEL) / 2)
    return ReaderError(float(floor), float(share), (float(scores[beyond - 1]), float(scores[-beyond])), domain_mm)
