"""The seam to detectors: who points at places in an exam where a nodule may be.

Usually an upstream algorithm has: its findings come with the case (DICOM SR, SEG, JSON), and nothing here is
asked. Where none has, a MONAI bundle (``monai_bundle``) or the built-in finder (``candidates``) may propose.
A proposal is a place to look at. It is no statement that a nodule is there, and none that the rest is free of
nodules: no detector ever makes a kind of finding ``assessed``, and each candidate demands review.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ..errors import BadValue
from ..types import FOUND_BY_PROGRAM, Classes, Finding, Source, SourceKind
from .volume import Volume


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place where a nodule may be: patient position (x, y, z mm; LPS), about how wide (mm), and how likely the
    detector holds it to be one, in [0, 1] (a score for ranking; a probability only where the detector says so).

    Raises:
        BadValue: a number is not finite, the diameter not positive or the score not in [0, 1].
    """

    position_mm: tuple[float, float, float]
    diameter_mm: float
    score: float

    def __post_init__(self) -> None:
        for name, fits, allowed in (
            ("position_mm", len(self.position_mm) == 3 and all(map(math.isfinite, self.position_mm)), "x, y, z in mm"),
            ("diameter_mm", math.isfinite(self.diameter_mm) and self.diameter_mm > 0, "a length above 0"),
            ("score", 0 <= self.score <= 1, "a number in [0, 1]"),
        ):
            if not fits:
                raise BadValue("candidate", name, str(getattr(self, name)), allowed, "Mend the detector.")


class Detector(Protocol):
    """Points at places. ``sha256`` names its weights and settings; ``validated``: whether sensitivity and false
    positives were measured on real patients kept aside, enough of them to rely on."""

    name: str
    sha256: str
    validated: bool

    def detect(self, volume: Volume) -> tuple[Candidate, ...]:
        """Places where a nodule may be, likeliest first. () says that it proposes none, never that there is none."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What another algorithm has proposed, under that algorithm's name: the usual case. The pixels are not read."""

    name: str
    candidates: tuple[Candidate, ...]
    sha256: str = ""
    validated: bool = False

    def detect(self, volume: Volume) -> tuple[Candidate, ...]:
        """Its candidates, likeliest first."""
        return tuple(sorted(self.candidates, key=lambda c: -c.score))


def findings_of(candidates: Iterable[Candidate], detector: Detector, volume: Volume) -> tuple[Finding, ...]:
    """The candidates as findings of kind "nodule", each with a tracking id that the same scan and detector give again.

    The one fact is ``found_by_program``, a belief of kind NET with the score: no guideline reads it, the gate demands
    review for it on the rule-based route, and everything a guideline asks about stays unknown until somebody looks.
    """
    scan = volume.acquisition.series_uid or volume.sha256()
    return tuple(_finding(c, detector, scan) for c in candidates)


def _finding(candidate: Candidate, detector: Detector, scan: str) -> Finding:
    score = round(float(candidate.score), 4)
    said = Classes({"nodule": score, "other": 1 - score}, Source(SourceKind.NET, detector.name))
    return Finding(
        tracking_id=_tracking_id(candidate, detector, scan),
        kind="nodule",
        facts={FOUND_BY_PROGRAM: said},
        position_mm=candidate.position_mm,
        location=f"found by {detector.name}, score {score:.2f}, about {candidate.diameter_mm:.0f} mm; review it",
    )


def _tracking_id(candidate: Candidate, detector: Detector, scan: str) -> str:
    """From scan, detector and place (0.1 mm): stable, and free of what could name the patient."""
    place = ",".join(f"{p:.1f}" for p in candidate.position_mm)
    digest = hashlib.sha256("\x1f".join((scan, detector.name, detector.sha256, place)).encode())
    return f"candidate-{digest.hexdigest()[:12]}"
