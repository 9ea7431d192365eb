"""A liver observation on multiphase CT or MRI: hyperenhancement, washout, capsule and size, as beliefs.

``observe`` measures the lesion against the liver around it in each phase and reads the definitions of LI-RADS
CT/MRI v2018 on the measured contrasts. Nothing here is learned, and nothing was held against real lesions:
none were available. The beliefs therefore count as a net's without validation, and the gate withholds them
from the category (``knowledge/models/liver_enhancement/card.md``).

A phase that is missing never denies a feature that it could have shown: the answer is then ``Unknown``, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..errors import BadValue, Contradiction
from ..types import Belief, Case, Classes, Facts, Finding, Measured, Source, SourceKind, Unknown
from . import liver_features as features
from .liver_contrast import PhaseContrast, contrast_of, liver_of
from .liver_features import Drawn, Draws
from .liver_grid import Placed, depth_of
from .liver_phases import ARTERIAL, CAPSULE, WASHOUT, Agent, MultiPhase, Phase
from .liver_thresholds import Thresholds, sha256, thresholds
from .liver_zones import field_of, layers_of, liver_around
from .measure import measure_slice

__all__ = ["Agent", "LiverEnhancement", "MultiPhase", "Observation", "Phase", "Placed", "observe"]

NAME: Final = "liver-enhancement"
SOURCE: Final = Source(SourceKind.NET, NAME)
UNVALIDATED: Final = (
    "Not validated: no real liver lesion was available; the probabilities were checked on drawn phantoms only."
)
BESIDE_MM: Final = 5.0  # liver is looked for this near to the lesion
BESIDE_SHARE: Final = 0.25  # of that shell: a lesion that hangs out of the liver still has a quarter of it
COVERED: Final = 0.98  # share of the lesion that a phase's images must show
LIKELY: Final = 0.5
LEVEL_HU: Final = 10.0  # by which the liver may be brighter in the arterial than in the portal venous phase
HELD: Final = ("aphe", "washout", "capsule")
ANCILLARY: Final = {Phase.TRANSITIONAL: "af.tp_hypointensity", Phase.HEPATOBILIARY: "af.hbp_hypointensity"}


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """``beliefs``: under the names of the guideline's inputs. ``contrasts``: what was measured, by phase.
    ``reasons``: what a reader should know of how it was seen. ``lacking``: phases that LI-RADS requires."""

    beliefs: Facts
    contrasts: Mapping[Phase, PhaseContrast]
    reasons: tuple[str, ...]
    lacking: tuple[Phase, ...]
    exam_modality: str


class LiverEnhancement:
    """Observations already made, by tracking identifier, for the seam ``FeatureExtractor``."""

    name = NAME
    validated = False

    def __init__(self, observations: Mapping[str, Observation]) -> None:
        self.sha256 = sha256()
        self._observations = dict(observations)

    def beliefs(self, case: Case, finding: Finding) -> Facts:
        """What was observed of this finding; {} where nothing was."""
        seen = self._observations.get(finding.tracking_id)
        return seen.beliefs if seen is not None and finding.kind == "observation" else {}


def observe(
    phases: MultiPhase,
    lesion: Placed,
    liver: Placed,
    *,
    drawn_on: Phase | None = None,
    same_position: bool = False,
    seed: int = 0,
) -> Observation:
    """Look at one lesion.

    Args:
        phases: the images. Each keeps its own grid; the masks are looked up in it by patient position.
        lesion, liver: bool masks, each on any grid. The lesion may be part of the liver mask or cut out of it; its
            outline is the outer edge, a capsule included (core p20).
        drawn_on: the phase on which the lesion was outlined, where that is known.
        same_position: positions agree although the frames of reference are not the same one.
        seed: of the draws.

    Raises:
        BadValue: a mask that is empty or no mask.
        Contradiction: different frames of reference, or a lesion that does not lie in the liver.
    """
    _check_frames(phases, lesion, liver, same_position)
    numbers = thresholds(phases.modality)
    _check_mask(lesion, "lesion")
    _check_mask(liver, "liver")
    depth = depth_of(lesion, numbers.procedure["liver_to_mm"] + 6.0)
    _check_place(depth, liver)
    size, reasons = _size(lesion, drawn_on, numbers)
    smallest = numbers.procedure["smallest_mm"]
    if size.mean < smallest:
        why = f"the lesion is {size.mean:.1f} mm; below {smallest:g} mm nothing of it is free of its surroundings"
        return _nothing(phases, size, reasons, why)
    contrasts, problems = _contrasts(phases, lesion, depth, liver, drawn_on, numbers)
    draws = features.drawn(contrasts, numbers, relative=phases.modality == "MRI", seed=seed)
    doubts = _doubts(phases, contrasts)
    beliefs = _beliefs(phases, draws, problems, numbers.procedure["lapse"])
    if doubts:
        beliefs = {name: Unknown("; ".join(doubts), SOURCE) for name in beliefs}
    reasons = (*reasons, *(f"{phase}: {why}" for phase, why in problems.items()), *doubts, *_remarks(phases, contrasts))
    return Observation({**beliefs, "size_mm": size}, contrasts, reasons, phases.lacking(), phases.exam_modality)


def _check_frames(phases: MultiPhase, lesion: Placed, liver: Placed, same_position: bool) -> None:
    frames = {one.frame for one in (*phases.images.values(), lesion, liver)} - {""}
    if len(frames) > 1 and not same_position:
        raise Contradiction(
            "phases and masks",
            "FrameOfReferenceUID",
            f"{len(frames)} frames of reference",
            "one, so that positions mean the same place",
            "Register them first; or say that their positions agree.",
        )


def _check_mask(mask: Placed, name: str) -> None:
    if mask.values.dtype != np.bool_ or not mask.values.any():
        found = f"{mask.values.dtype}, {np.count_nonzero(mask.values)} voxels"
        raise BadValue(name, "", found, "a bool mask with at least one voxel", "Give its mask.")


def _check_place(depth: Placed, liver: Placed) -> None:
    beside = (depth.values < 0) & (depth.values > -BESIDE_MM)
    share = float((depth.looked_up_in(liver, 0.0) >= 0.5)[beside].mean())
    if share < BESIDE_SHARE:
        found = f"liver in {share:.0%} of the {BESIDE_MM:g} mm around the lesion"
        raise Contradiction("lesion", "", found, "a lesion in the liver", "Give the masks of one exam.")


def _size(lesion: Placed, drawn_on: Phase | None, numbers: Thresholds) -> tuple[Measured, tuple[str, ...]]:
    """The longest in-plane diameter of all slices. Error: of the grid and of the outline, which is off all around."""
    axes = [measure_slice(one, lesion.spacing_mm[1:]) for one in lesion.values if one.any()]
    widest = max(axes, key=lambda one: one.long_mm)
    sd, reasons = float(np.hypot(widest.sd_mm, 2 * numbers.procedure["outline_mm"])), []
    if drawn_on in ARTERIAL:
        sd = float(np.hypot(sd, numbers.procedure["size_arterial_mm"]))
        reasons.append("drawn in the arterial phase: measure the size elsewhere if margins are clear there")
    if (height := len(axes) * lesion.spacing_mm[0]) > 1.2 * widest.long_mm:
        reasons.append(f"the lesion is longer across the slices ({height:.0f} mm) than in them; the size is in-plane")
    return Measured(widest.long_mm, sd, "mm", SOURCE), tuple(reasons)


def _nothing(phases: MultiPhase, size: Measured, reasons: tuple[str, ...], why: str) -> Observation:
    unknown: dict[str, Belief] = {name: Unknown(why, SOURCE) for name in _asked(phases)}
    return Observation({**unknown, "size_mm": size}, {}, (*reasons, why), phases.lacking(), phases.exam_modality)


def _asked(phases: MultiPhase) -> tuple[str, ...]:
    return (*HELD, *(ANCILLARY.values() if phases.given is Agent.GADOXETATE else ()))


def _contrasts(
    phases: MultiPhase, lesion: Placed, depth: Placed, liver: Placed, drawn_on: Phase | None, numbers: Thresholds
) -> tuple[dict[Phase, PhaseContrast], dict[Phase, str]]:
    """What was measured, and why some phases could not be."""
    found, problems = {}, {}
    for phase, image in phases.images.items():
        moved = "registration_same_phase_mm" if phase is drawn_on else "registration_mm"
        seen = _contrast(image, lesion, depth, liver, numbers, numbers.procedure[moved], phases.modality == "MRI")
        if isinstance(seen, str):
            problems[phase] = seen
        else:
            found[phase] = seen
    return found, problems


def _contrast(
    image: Placed,
    lesion: Placed,
    depth: Placed,
    liver: Placed,
    numbers: Thresholds,
    registration_mm: float,
    relative: bool,
) -> PhaseContrast | str:
    limits = numbers.procedure
    box = image.box_around(lesion, limits["liver_to_mm"] + 2.0)
    if box is None or _covered(image, lesion) < COVERED:
        return "its images do not show the whole lesion"
    field = field_of(image.cut(box), depth, liver)
    around = liver_of(field, liver_around(field, limits["liver_from_mm"], limits["liver_to_mm"]))
    if around is None:
        return "too little liver around the lesion to compare it with"
    if relative and around.level <= 0:
        return "the liver has no signal"
    layers = layers_of(float(field.depth.max()), limits["capsule_mm"])
    seen = contrast_of(field, layers, around, relative, numbers.unit, registration_mm, limits["outline_mm"])
    return "not one voxel lies in the lesion alone" if seen is None else seen


def _covered(image: Placed, lesion: Placed) -> float:
    at = image.index_of(lesion.position_of(np.argwhere(lesion.values).astype(np.float64)))
    inside = (at >= -0.5) & (at <= np.array(image.values.shape) - 0.5)
    return float(inside.all(axis=1).mean())


def _doubts(phases: MultiPhase, contrasts: Mapping[Phase, PhaseContrast]) -> tuple[str, ...]:
    """What speaks against the phases being what they are called; only CT numbers can say."""
    if phases.modality != "CT" or Phase.PORTAL_VENOUS not in contrasts:
        return ()
    portal = contrasts[Phase.PORTAL_VENOUS].liver.mean
    arterial = [(p, contrasts[p].liver.mean) for p in ARTERIAL if p in contrasts]
    return tuple(
        f"the liver is brighter in the {phase} phase ({level:.0f} HU) than in the portal venous ({portal:.0f} HU): "
        "the phases may be swapped"
        for phase, level in arterial
        if level > portal + LEVEL_HU
    )


def _remarks(phases: MultiPhase, contrasts: Mapping[Phase, PhaseContrast]) -> tuple[str, ...]:
    blurred = [str(p) for p, seen in contrasts.items() if not seen.rim_excess.resolved]
    said = [f"too small to tell its rim from its core in: {', '.join(blurred)}"] if blurred else []
    if phases.modality == "CT" and Phase.PRECONTRAST not in contrasts:
        said.append("no phase before contrast: enhancement is judged against unenhanced soft tissue in general")
    return (*said, "a nonenhancing capsule is not looked for")


def _beliefs(phases: MultiPhase, draws: Drawn, problems: Mapping[Phase, str], lapse: float) -> dict[str, Belief]:
    def why_not(phase: Phase) -> str:
        return f"{phase} phase: {problems.get(phase, 'missing')}"

    found = {
        "aphe": _aphe(draws, why_not, lapse),
        "washout": _washout(phases.given, draws, why_not, lapse),
        "capsule": _capsule(phases.given, draws, why_not, lapse),
    }
    if phases.given is Agent.GADOXETATE:
        found |= {name: _dark(draws, phase, why_not, lapse) for phase, name in ANCILLARY.items()}
    return found


WhyNot = Callable[[Phase], str]


def _held(found: Mapping[str, Draws], lapse: float, deny: Sequence[str], assert_: Sequence[str]) -> Belief:
    """The classes; Unknown where the likelier side of "none" and the rest is one that cannot be said, and why."""
    p = features.shares(found, lapse)
    against = deny if p["none"] >= LIKELY else assert_
    return Unknown("; ".join(against), SOURCE) if against else Classes(p, SOURCE)


def _native(draws: Drawn) -> tuple[str, ...]:
    missing = draws.before == "unknown"
    return ("no phase before contrast: on MRI what looks enhanced may have looked so before",) if missing else ()


def _aphe(draws: Drawn, why_not: WhyNot, lapse: float) -> Belief:
    phase = next((p for p in ARTERIAL if p in draws.phases), None)
    if phase is None:
        return Unknown(why_not(Phase.LATE_ARTERIAL), SOURCE)
    late = phase is Phase.LATE_ARTERIAL
    deny = () if late else (f"not seen in the {phase} phase; only a late arterial phase can deny it: was it late?",)
    return _held(features.aphe(draws, phase), lapse, deny, _native(draws))


def _washout(agent: Agent, draws: Drawn, why_not: WhyNot, lapse: float) -> Belief:
    asked = WASHOUT[agent]
    later = [p for p in asked if p in draws.phases]
    if not later:
        return Unknown("; ".join(map(why_not, asked)), SOURCE)
    before = [p for p in ARTERIAL if p in draws.phases]
    found, assert_ = _joined_washout(draws, later, before)
    if Phase.TRANSITIONAL in draws.phases:
        found["tp_only"] = found["none"] & features.hypointense(draws, Phase.TRANSITIONAL)
        found["none"] = found["none"] & ~found["tp_only"]
    deny = tuple(why_not(p) for p in asked if p not in later)
    return _held(found, lapse, deny, (*assert_, *_native(draws)))


def _joined_washout(
    draws: Drawn, later: Sequence[Phase], before: Sequence[Phase]
) -> tuple[dict[str, Draws], tuple[str, ...]]:
    """Peripheral in any phase; else nonperipheral in the portal venous, else in the delayed phase."""
    names = {Phase.PORTAL_VENOUS: "nonperipheral_pvp", Phase.DELAYED: "nonperipheral_delayed"}
    peripheral, seen, lacking = np.zeros(features.DRAWS, dtype=np.bool_), {}, []
    for phase in later:
        earlier = [*before, *(p for p in later if p is Phase.PORTAL_VENOUS and phase is Phase.DELAYED)]
        one = features.washout(draws, phase, earlier)
        peripheral |= one["peripheral"]
        seen[names[phase]] = one["nonperipheral"]
        lacking += [] if earlier else [f"no earlier phase to see it fall from to the {phase} phase"]
    return features.exclusive({"peripheral": peripheral, **seen}), tuple(lacking) if not before else ()


def _capsule(agent: Agent, draws: Drawn, why_not: WhyNot, lapse: float) -> Belief:
    asked = CAPSULE[agent]
    later = [p for p in asked if p in draws.phases and draws.phases[p].ridge_resolved]
    if not later:
        blurred = [f"{p} phase: too small or too blurred to see a thin rim" for p in asked if p in draws.phases]
        return Unknown("; ".join([*blurred, *(why_not(p) for p in asked if p not in draws.phases)]), SOURCE)
    enhancing = np.any([features.capsule(draws, phase) for phase in later], axis=0)
    deny = tuple(why_not(p) for p in asked if p not in draws.phases)
    return _held(features.exclusive({"enhancing": enhancing}), lapse, deny, ())


def _dark(draws: Drawn, phase: Phase, why_not: WhyNot, lapse: float) -> Belief:
    if phase not in draws.phases:
        return Unknown(why_not(phase), SOURCE)
    yes = features.hypointense(draws, phase)
    return Classes(features.shares({"yes": yes, "no": ~yes}, lapse), SOURCE)
