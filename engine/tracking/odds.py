"""How much more a current and a prior lesion look like one than like a new one beside one that is gone.

The odds of a pair are those of staying, times the density of where it lies, how large it is now and of what type,
given the prior lesion, over the density of the same for a new lesion, which may lie anywhere in the lungs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .align import Alignment
from .around import Around
from .lesion import Lesion
from .parameters import Parameters

Floats = NDArray[np.float64]

MOST: Final = 60.0  # ln of odds; nothing we know of is surer
FIVE_LOBES: Final = 5.0


@dataclass(frozen=True, slots=True)
class Compared:
    """``odds`` (n, m), natural logarithms; ``off_mm`` (n, m): from where the alignment puts it, NaN without places."""

    odds: Floats
    off_mm: Floats


def compare(
    now: Sequence[Lesion],
    before: Sequence[Lesion],
    alignment: Alignment | None,
    months: float | None,
    using: Parameters,
) -> Compared:
    """Every current lesion against every prior one."""
    stays = math.log((1 - using.rates["gone"]) / using.rates["gone"])
    new = math.log(max(using.rates["new_least"], using.rates["new_share"] * len(now)))
    places, off = _by_place(now, before, alignment, using)
    odds = np.full((len(now), len(before)), stays - new)
    for i, a in enumerate(now):
        for j, b in enumerate(before):
            where = places[i, j] if np.isfinite(places[i, j]) else by_words(a, b, using)
            odds[i, j] += where + by_size(a, b, months, using) + by_type(a, b, using)
    return Compared(np.minimum(odds, MOST), off)


def _by_place(
    now: Sequence[Lesion], before: Sequence[Lesion], alignment: Alignment | None, using: Parameters
) -> tuple[Floats, Floats]:
    """ln of the density of the place times the lungs' volume, NaN without places; and the distance in mm."""
    shape = (len(now), len(before))
    places, off = np.full(shape, np.nan), np.full(shape, np.nan)
    if alignment is None:
        return places, off
    clear = alignment.clear(
        [(a.place, a.masked_mm) for a in now if a.place is not None],
        [(b.place, b.masked_mm) for b in before if b.place is not None],
    )
    back = [None if b.place is None else alignment.motion.back(b.place) for b in before]
    for i, a in enumerate(now):
        if a.place is None:
            continue
        seen = alignment.around(a.place, clear)
        for j, at in enumerate(back):
            if at is not None:
                places[i, j] = by_place(at - a.place, seen, a.masked_mm, alignment, a.place, using)
                off[i, j] = float(np.linalg.norm(at - a.place - (seen.shift_mm if seen else 0)))
    return places, off


def by_place(
    off: Floats, seen: Around | None, mm: float, alignment: Alignment, place: Floats, using: Parameters
) -> float:
    """ln of the density of lying ``off`` (x, y, z mm) from the rigid motion, times the lungs' volume."""
    astray = 1.0 if seen is None else astray_of(seen, using)
    far = _normal(off, far_sd(alignment.depth(place), using))
    parts = [(astray, far)]
    if seen is not None:
        parts.append((1 - astray, _normal(off - seen.shift_mm, near_sd(mm, alignment.slices_mm, using))))
    density = np.logaddexp.reduce([math.log(share) + ln for share, ln in parts if share > 0])
    return float(density) + math.log(alignment.lungs_mm3)


def astray_of(seen: Around, using: Parameters) -> float:
    """The probability that the surroundings were found at a wrong place."""
    at = using.position
    good = seen.likeness >= at["good_likeness"] and seen.lead >= at["good_lead"]
    return at["astray" if good else "astray_poor"]


def near_sd(mm: float, slices_mm: tuple[float, float], using: Parameters) -> Floats:
    """Standard deviation (x, y, z mm) where the surroundings were found: of block, outline and slices."""
    at = using.position
    across = math.hypot(at["near_mm"], at["near_share"] * mm)
    return np.array([across, across, math.hypot(across, *(at["slice_share"] * s for s in slices_mm))])


def far_sd(depth: float, using: Parameters) -> Floats:
    """Standard deviation (x, y, z mm) of the rigid motion alone; breathing moves the base more than the top."""
    at = using.position
    along = at["far_top_mm"] + (at["far_base_mm"] - at["far_top_mm"]) * depth
    return np.array([at["far_mm"], at["far_mm"], along])


def by_words(a: Lesion, b: Lesion, using: Parameters) -> float:
    """ln of how much more often one lesion's location reads so on two exams than two lesions' do."""
    total = 0.0
    if a.side and b.side:
        same = using.words["same_side"]
        total += math.log(2 * (same if a.side == b.side else 1 - same))
    if a.lobe and b.lobe:
        same = using.words["same_lobe"]
        total += math.log((FIVE_LOBES / 2) * (same if a.lobe == b.lobe else (1 - same) / (FIVE_LOBES / 2 - 1)))
    return total


def by_size(a: Lesion, b: Lesion, months: float | None, using: Parameters) -> float:
    """ln of the density of its size now, given that before, over that of lesions at large."""
    if a.mm is None or b.mm is None:
        return 0.0
    size, off = using.size, math.log(a.mm / b.mm)
    error = math.hypot(a.sd_mm / a.mm, b.sd_mm / b.mm, size["floor_ln"])
    years = 1.0 if months is None else max(months, 3.0) / 12
    changed = math.hypot(error, size["change_ln_year"] * years)
    same = np.logaddexp(
        math.log(size["steady"]) + _normal(np.array([off]), np.array([error])),
        math.log(1 - size["steady"]) + _normal(np.array([off]), np.array([changed])),
    )
    spread = math.hypot(size["spread_ln"], a.sd_mm / a.mm)
    return float(same) - _normal(np.array([math.log(a.mm) - size["typical_ln"]]), np.array([spread]))


def by_type(a: Lesion, b: Lesion, using: Parameters) -> float:
    """ln of how much more often a lesion of the prior's type is of this type now than lesions at large are."""
    if not a.types or not b.types:
        return 0.0
    ratio = math.fsum(
        p * q * using.types[before][now] / using.frequency[now]
        for now, p in a.types.items()
        for before, q in b.types.items()
    )
    return math.log(ratio)


def _normal(off: Floats, sd: Floats) -> float:
    """ln of a Gaussian density with axes of its own."""
    return float(-0.5 * np.sum((off / sd) ** 2) - np.sum(np.log(sd)) - 0.5 * off.size * math.log(2 * math.pi))
