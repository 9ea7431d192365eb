"""From measured contrasts to LI-RADS features, as probabilities.

Many times over, every contrast is drawn from its error and every threshold from its uncertainty, and the
guideline's definitions are read on the numbers as on plain facts (``aphe``, ``washout`` and so on below); a
feature's probability is how often it came out. Draws are the same for every lesion, so that a stronger
contrast never lowers what it speaks for.

Within a phase the zones share one draw: what one is off, the others are (the liver's level, the alignment).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .liver_contrast import Contrast, PhaseContrast
from .liver_grid import Floats
from .liver_phases import Phase
from .liver_thresholds import FEATURES, Thresholds

Draws = NDArray[np.bool_]

DRAWS: Final = 20_000  # the error of a probability by drawing is below 0.004
HIGHEST_OF_EIGHT: Final = (
    1.42  # expected largest of 8 standard normal numbers: what noise alone gives the brightest part
)
NOT_KNOWN: Final = 1e6  # the spread of what was not resolved: as likely above as below any threshold


@dataclass(frozen=True, slots=True, eq=False)
class PhaseDraws:
    """Drawn contrasts (draws,) of one phase, the eighths as (8, draws); ``level``: of the liver.

    Where core or rim is not resolved the whole stands in; ``parts_sd`` (8,) is infinite for an eighth that is not.
    """

    whole: Floats
    core: Floats
    rim: Floats
    excess: Floats
    ridge: Floats
    parts: Floats
    parts_mean: Floats
    parts_sd: Floats
    level: Floats
    ridge_resolved: bool


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """All draws of one observation. ``limit``: the thresholds (draws,). ``before``: how to take what a phase shows
    over what was there before contrast: "measured", "assumed" (CT) or "unknown"."""

    phases: Mapping[Phase, PhaseDraws]
    limit: Mapping[str, Floats]
    unenhanced: Floats
    relative: bool

    @property
    def before(self) -> str:
        """See above."""
        return "measured" if Phase.PRECONTRAST in self.phases else "unknown" if self.relative else "assumed"


def drawn(contrasts: Mapping[Phase, PhaseContrast], numbers: Thresholds, *, relative: bool, seed: int) -> Drawn:
    """``DRAWS`` draws of everything; ``relative``: contrasts are fractions (MRI)."""
    streams = {phase: _chance(seed, n) for n, phase in enumerate(Phase)}
    blurred = _chance(seed, len(Phase) + 1).standard_normal(DRAWS)
    phases = {phase: _of_phase(seen, streams[phase], blurred) for phase, seen in contrasts.items()}
    chance = _chance(seed, len(Phase))
    limit = {name: _limit(name, numbers, chance) for name in FEATURES}
    unenhanced = numbers.unenhanced.value + numbers.unenhanced.sd * chance.standard_normal(DRAWS)
    return Drawn(phases, limit, unenhanced, relative)


def _chance(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])


def _limit(name: str, numbers: Thresholds, chance: np.random.Generator) -> Floats:
    """A threshold stays positive, except that of MRI enhancement, which is negative by its meaning."""
    t = numbers.of[name]
    found = t.value + t.sd * chance.standard_normal(DRAWS)
    return np.maximum(found, 0.2 * t.value) if t.value > 0 else found


def _of_phase(seen: PhaseContrast, chance: np.random.Generator, blurred: Floats) -> PhaseDraws:
    """``blurred``: draws for what is not resolved, the same in all phases: what is too small in one is so in others."""
    shared, around, across, level = chance.standard_normal((4, DRAWS))

    def draw(contrast: Contrast, z: Floats) -> Floats:
        return contrast.mean + contrast.sd * z if contrast.resolved else NOT_KNOWN * blurred

    core, rim = (part if part.resolved else seen.whole for part in (seen.core, seen.rim))
    return PhaseDraws(
        whole=draw(seen.whole, shared),
        core=draw(core, shared),
        rim=draw(rim, shared),
        excess=draw(seen.rim_excess, around),
        ridge=draw(seen.ridge, across),
        parts=np.array([draw(part, shared) for part in seen.octants]),
        parts_mean=np.array([part.mean for part in seen.octants]),
        parts_sd=np.array([part.sd for part in seen.octants]),
        level=seen.liver.mean + seen.liver.sd * level,
        ridge_resolved=seen.ridge.resolved,
    )


def aphe(of: Drawn, phase: Phase) -> dict[str, Draws]:
    """Hyperenhancement in an arterial phase: brighter than the liver, in whole or in part, by enhancing.

    Rim: most pronounced in the periphery, all around; nonrim: otherwise (core p20, p22).
    """
    seen, hyper = of.phases[phase], of.limit["hyper"]
    ringed = seen.excess > of.limit["rim"]
    rim = ringed & (seen.rim > hyper) & _enhances(of, "rim", [phase])
    nonrim = (seen.whole > hyper) & _enhances(of, "whole", [phase])
    nonrim |= (seen.core > hyper) & _enhances(of, "core", [phase])
    brightest = _extreme(seen, bright=True)
    if brightest is not None:
        value = seen.parts[brightest] - HIGHEST_OF_EIGHT * seen.parts_sd[brightest]
        nonrim |= (value > hyper) & _enhances(of, brightest, [phase])
    return exclusive({"rim": rim, "nonrim": nonrim})


def washout(of: Drawn, phase: Phase, earlier: Sequence[Phase]) -> dict[str, Draws]:
    """Washout in ``phase``: an enhancing observation falls relative to the liver from an earlier phase and ends
    below it, in whole or in part. Peripheral: most pronounced in the periphery, all around (core p20, p22)."""
    seen = of.phases[phase]
    dark = _extreme(seen, bright=False)
    peripheral = _falls(of, "rim", phase, earlier) & (-seen.excess > of.limit["rim"])
    nonperipheral = _falls(of, "core", phase, earlier)
    if dark is not None:
        nonperipheral |= _falls(of, dark, phase, earlier)
    return exclusive({"peripheral": peripheral, "nonperipheral": nonperipheral})


def capsule(of: Drawn, phase: Phase) -> Draws:
    """A thin rim brighter than both lesion and liver around most of the lesion, and not so before contrast."""
    ridge = of.phases[phase].ridge
    found = ridge > of.limit["ridge"]
    before = of.phases.get(Phase.PRECONTRAST)
    return found if before is None else found & (ridge - before.ridge > 0.5 * of.limit["ridge"])


def hypointense(of: Drawn, phase: Phase) -> Draws:
    """Darker than the liver, in whole or in part."""
    seen, hypo = of.phases[phase], of.limit["hypo"]
    dark = _extreme(seen, bright=False)
    found = (-seen.core > hypo) | (-seen.whole > hypo)
    return found if dark is None else found | (-_corrected(seen, dark) > hypo)


def _falls(of: Drawn, part: str | int, phase: Phase, earlier: Sequence[Phase]) -> Draws:
    late = _contrast(of.phases[phase], part)
    if isinstance(part, int):
        late = late + HIGHEST_OF_EIGHT * of.phases[phase].parts_sd[part]
    fell = np.zeros(DRAWS, dtype=np.bool_)
    for before in earlier:
        fell |= _contrast(of.phases[before], part) - late > of.limit["drop"]
    fell = fell if earlier else ~fell  # nothing to compare with: whoever asks must not take it as seen
    return (-late > of.limit["hypo"]) & fell & _enhances(of, part, [*earlier, phase])


def _corrected(seen: PhaseDraws, part: int) -> Floats:
    return np.asarray(seen.parts[part] + HIGHEST_OF_EIGHT * seen.parts_sd[part])


def _enhances(of: Drawn, part: str | int, phases: Sequence[Phase]) -> Draws:
    """Whether the part took up contrast in any of the phases. On MRI without a phase before contrast: taken as so,
    and whoever asks must not take what follows as seen."""
    found = np.full(DRAWS, of.before == "unknown")
    for phase in phases if of.before != "unknown" else ():
        found |= _rise(of, part, phase) > of.limit["enhancing"]
    return found


def _rise(of: Drawn, part: str | int, phase: Phase) -> Floats:
    now = of.phases[phase]
    before = of.phases.get(Phase.PRECONTRAST)
    if before is None:
        return _contrast(now, part) + now.level - of.unenhanced
    if of.relative:
        return (1 + _contrast(now, part)) / np.maximum(1 + _contrast(before, part), 0.05) - 1
    return _contrast(now, part) + now.level - _contrast(before, part) - before.level


def _contrast(seen: PhaseDraws, part: str | int) -> Floats:
    if isinstance(part, int):
        return seen.parts[part] if np.isfinite(seen.parts_sd[part]) else seen.whole
    return {"whole": seen.whole, "core": seen.core, "rim": seen.rim}[part]


def _extreme(seen: PhaseDraws, *, bright: bool) -> int | None:
    """The brightest or darkest of the eighths that are resolved."""
    usable = np.isfinite(seen.parts_sd)
    if not usable.any():
        return None
    sign = 1 if bright else -1
    return int(np.where(usable, sign * seen.parts_mean, -np.inf).argmax())


def exclusive(found: Mapping[str, Draws]) -> dict[str, Draws]:
    """Each draw counts for the first that fits; ``none`` for the rest."""
    left = np.ones(DRAWS, dtype=np.bool_)
    answer = {}
    for name, fits in found.items():
        answer[name] = fits & left
        left = left & ~fits
    return {**answer, "none": left}


def shares(found: Mapping[str, Draws], lapse: float) -> dict[str, float]:
    """Probabilities; the procedure as a whole fails in a share ``lapse``, when every class is as likely."""
    raw = {name: (1 - lapse) * float(draws.mean()) + lapse / len(found) for name, draws in found.items()}
    total = sum(raw.values())
    return {name: p / total for name, p in raw.items()}
