"""What matching reads of a finding: place, size with its error, type, side and lobe."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from ..perception.reader_error import ReaderError, shipped_reader_error
from ..types import Belief, Classes, Finding, Known, Measured
from .lungs import Point

TYPES: Final = ("solid", "part_solid", "non_solid")
OTHER: Final = "other"  # cysts, airway nodules, cavities: rarer, and told apart from the others well
UNSIZED_MM: Final = 10.0  # masked out around a nodule without a stated size


@dataclass(frozen=True, slots=True, eq=False)
class Lesion:
    """``mm``: mean diameter and ``sd_mm`` its error, None where no size is stated. ``types``: a probability each,
    empty where unknown. ``side`` "right", "left" or ""; ``lobe`` "upper", "middle", "lower" or ""."""

    tracking_id: str
    place: Point | None
    mm: float | None
    sd_mm: float
    types: Mapping[str, float]
    side: str
    lobe: str

    @property
    def masked_mm(self) -> float:
        """How wide a ball hides it."""
        return self.mm or UNSIZED_MM


def lesion_of(finding: Finding) -> Lesion:
    """What a finding says of itself that another exam's may be held against."""
    size = mean_of(finding)
    words = _words(finding)
    place = None if finding.position_mm is None else np.asarray(finding.position_mm, dtype=float)
    if place is not None and not np.isfinite(place).all():
        place = None
    return Lesion(
        finding.tracking_id,
        place,
        size[0] if size else None,
        size[1] if size else 0.0,
        _types(finding.facts.get("type")),
        next((s for s in ("right", "left") if s in words), ""),
        next((s for s in ("upper", "middle", "lower") if s in words), ""),
    )


def mean_of(finding: Finding) -> tuple[float, float] | None:
    """Mean diameter and its standard deviation (mm); None where none is stated.

    A stated size has a reader's error: of two readers of one nodule the difference has ``ReaderError.sd_mm``, either
    of them 1 / sqrt(2) of that.
    """
    for name in ("mean_mm", "size_mm"):
        if (found := number(finding.facts.get(name))) is not None:
            return found
    axes = [number(finding.facts.get(name)) for name in ("long_mm", "short_mm")]
    if axes[0] is not None and axes[1] is not None:
        return (axes[0][0] + axes[1][0]) / 2, math.hypot(axes[0][1], axes[1][1]) / math.sqrt(2)
    return None


def number(belief: Belief | None) -> tuple[float, float] | None:
    """Value and standard deviation of a length; None where it is not known or not above 0."""
    if isinstance(belief, Measured):
        return (belief.mean, belief.sd) if belief.mean > 0 else None
    if isinstance(belief, Known) and not isinstance(belief.value, bool | str | tuple) and belief.value > 0:
        mm = float(belief.value)
        return mm, reader().sd_mm(mm) / math.sqrt(2)
    return None


@lru_cache(maxsize=1)
def reader() -> ReaderError:
    """How far readers lie apart, as shipped."""
    return shipped_reader_error()


def _types(belief: Belief | None) -> dict[str, float]:
    if isinstance(belief, Known) and isinstance(belief.value, str):
        return {belief.value if belief.value in TYPES else OTHER: 1.0}
    if isinstance(belief, Classes):
        found = {t: belief.probabilities.get(t, 0.0) for t in TYPES}
        return {**found, OTHER: max(0.0, 1 - math.fsum(found.values()))}
    return {}


SHORT: Final = {
    "rul": "right upper",
    "rml": "right middle",
    "rll": "right lower",
    "lul": "left upper",
    "lll": "left lower",
}


def _words(finding: Finding) -> list[str]:
    stated = finding.facts.get("location")
    fact = stated.value if isinstance(stated, Known) and isinstance(stated.value, str) else ""
    words = re.findall(r"[a-z]+", f"{finding.location} {fact}".lower())
    return " ".join(SHORT.get(word, word) for word in words).split()
