"""One exam of a chest laid on an earlier one, and whether that can be relied on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..perception.volume import Volume
from ..types import Source, SourceKind, Unknown
from .around import Around, around, clear_of, points_within
from .lungs import STEP_MM, Bools, Lungs, Point, lungs_of
from .parameters import Parameters, shipped_parameters
from .rigid import Rigid, laid_on, overlap, rigid

APART_MM = 40.0  # between the places at which an alignment is checked: 30 to 60 in two lungs


@dataclass(frozen=True, slots=True)
class Quality:
    """How well two exams fit: Dice ``overlap`` of the lungs; over ``places`` all over the lungs, the median
    ``likeness`` of their surroundings and the median ``lead`` of the best place over the next; ``residual_mm``, the
    root mean square by which surroundings lie off the rigid motion (breathing); ``turned_deg``."""

    overlap: float
    likeness: float
    lead: float
    places: int
    residual_mm: float
    turned_deg: float


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """``motion`` carries places of the current exam to the prior; ``laid`` is the prior on the current's grid."""

    motion: Rigid
    current: Lungs
    laid: Lungs
    quality: Quality
    current_volume: Volume
    prior_volume: Volume

    @property
    def lungs_mm3(self) -> float:
        """Volume of the lungs on the current exam."""
        return float(np.count_nonzero(self.current.inside)) * STEP_MM**3

    @property
    def slices_mm(self) -> tuple[float, float]:
        """Distance of the slices, current and prior."""
        return tuple(  # type: ignore[return-value]
            v.spacing_mm[int(np.abs(v.axes[:, 2]).argmax())] for v in (self.current_volume, self.prior_volume)
        )

    def depth(self, place: Point) -> float:
        """0 at the lungs' top, 1 at their bottom: breathing moves what lies low."""
        low, high = self.current.ends
        return float(np.clip((high - place[2]) / max(high - low, STEP_MM), 0, 1))

    def clear(self, now: Sequence[tuple[Point, float]], before: Sequence[tuple[Point, float]]) -> tuple[Bools, Bools]:
        """Where one may look: in the lungs, outside of the nodules (place, diameter in mm) of either exam."""
        return clear_of(self.current, now), clear_of(self.laid, [(self.motion.back(p), d) for p, d in before])

    def around(self, place: Point, clear: tuple[Bools, Bools]) -> Around | None:
        """Where the surroundings of a place of the current exam lie on the prior, beyond the rigid motion."""
        return around(place, self.current, self.laid, *clear)

    def prior_shows(self, place: Point, margin_mm: float) -> bool:
        """Whether the prior's images hold the place, with a margin, to which a place of the current exam is carried."""
        return _shows(self.prior_volume, self.motion.carried(place), margin_mm)

    def current_shows(self, place: Point, margin_mm: float) -> bool:
        """The same of a place of the prior on the current exam."""
        return _shows(self.current_volume, self.motion.back(place), margin_mm)


def align(current: Volume, prior: Volume, using: Parameters | None = None) -> Alignment | Unknown:
    """Lay the current exam on the prior; ``Unknown``, with the reason, where that cannot be relied on.

    Volumes in any orientation are taken. The motion is rigid; what breathing adds is looked for around
    each lesion when lesions are matched. The bars of refusal are in ``knowledge/tracking/matching.yaml``.

    Raises:
        MissingExtra: SimpleITK is not installed.
    """
    using = using or shipped_parameters()
    if other := {v.acquisition.modality for v in (current, prior)} - {"CT"}:
        return _refused(f"two CTs can be laid on each other; one of these is {', '.join(sorted(other))}")
    here, there = lungs_of(current), lungs_of(prior)
    if here is None or there is None:
        return _refused(f"the {'current' if here is None else 'prior'} exam shows too little lung to align by")
    motion = rigid(here, there)
    laid = laid_on(motion, here, there)
    quality = _quality(motion, here, laid)
    if why := objections(quality, using):
        return _refused("the exams could not be laid on each other: " + "; ".join(why))
    return Alignment(motion, here, laid, quality, current, prior)


def objections(quality: Quality, using: Parameters) -> tuple[str, ...]:
    """Why an alignment is not relied on, in words."""
    bars = using.alignment
    checks = (
        (quality.places < bars["least_places"], f"only {quality.places} places in the lungs could be compared"),
        (quality.overlap < bars["least_overlap"], f"the lungs overlap by {quality.overlap:.2f} (Dice)"),
        (quality.likeness < bars["least_likeness"], f"the vessels look alike by {quality.likeness:.2f} only"),
        (quality.lead < bars["least_lead"], f"surroundings fit elsewhere nearly as well (lead {quality.lead:.2f})"),
        (quality.turned_deg > bars["most_turned_deg"], f"turned by {quality.turned_deg:.0f} degrees"),
    )
    return tuple(text for fails, text in checks if fails)


def _quality(motion: Rigid, here: Lungs, laid: Lungs) -> Quality:
    places = points_within(here, APART_MM)
    found = [a for p in places if (a := around(p, here, laid, here.inside, laid.inside)) is not None]
    if not found:
        return Quality(overlap(here, laid), 0.0, 0.0, 0, 0.0, motion.turned_deg)
    likeness, lead = (float(np.median([getattr(a, name) for a in found])) for name in ("likeness", "lead"))
    residual = math.sqrt(float(np.mean([np.dot(a.shift_mm, a.shift_mm) for a in found])))
    return Quality(overlap(here, laid), likeness, lead, len(found), residual, motion.turned_deg)


def _shows(volume: Volume, place: Point, margin_mm: float) -> bool:
    index = volume.index_of((float(place[0]), float(place[1]), float(place[2])))
    room = [margin_mm / s for s in volume.spacing_mm]
    return all(m <= i <= n - 1 - m for i, n, m in zip(index, volume.hu.shape, room, strict=True))


def _refused(why: str) -> Unknown:
    return Unknown(why, Source(SourceKind.IMAGE, "alignment of the two exams"))
