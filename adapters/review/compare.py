"""The reader's own findings beside the engine's: which are of one lesion, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ...engine.types import Belief, Classes, Finding, Known, Measured, NotApplicable, Unknown
from ..report.view import Lesion, conventional
from ..report.words import clean, label, number
from .said import said

NEAR_MM = 15.0  # two marks farther apart than this, and than the larger lesion, are not taken for one lesion
Z90 = 1.645  # of a normal distribution: 90 % lie within so many standard deviations


@dataclass(frozen=True, slots=True)
class Line:
    """One fact as the reader and as the engine has it. ``differs``: '' where they agree or cannot be compared."""

    label: str
    yours: str
    engine: str
    differs: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """A lesion as both have it; ``how`` says why the two are taken for one."""

    title: str
    lines: tuple[Line, ...]
    how: str = ""


def pairs(own: Sequence[Finding], lesions: Sequence[Lesion]) -> tuple[Pair, ...]:
    """Every lesion of either side once.

    Two are taken for one where their positions are nearest and near enough, or where one is left on each side
    and at least one of the two has no position. Nothing else is guessed: what is not paired stands alone.
    """
    found = list(_by_position(own, lesions))
    left = [f for f in own if all(f is not a for a, _, _ in found)]
    others = [found_ for found_ in lesions if all(found_ is not b for _, b, _ in found)]
    if len(left) == 1 and len(others) == 1 and _may_be_one(left[0], others[0]):
        found.append((left[0], others[0], "the only ones left on either side"))
        left, others = [], []
    both = (Pair(_title(a, b), _lines(a, b), how) for a, b, how in found)
    mine = (Pair(_title(a, None), _lines(a, None), "only you have it") for a in left)
    theirs = (Pair(_title(None, b), _lines(None, b), "you have none there") for b in others)
    return (*both, *mine, *theirs)


def _may_be_one(own: Finding, other: Lesion) -> bool:
    unplaced = own.position_mm is None or other.finding.position_mm is None
    return own.kind == other.finding.kind and unplaced


def _by_position(own: Sequence[Finding], lesions: Sequence[Lesion]) -> Iterator[tuple[Finding, Lesion, str]]:
    near = sorted(
        ((math.dist(a.position_mm, b.finding.position_mm), i, j)
         for i, a in enumerate(own) for j, b in enumerate(lesions)
         if a.position_mm and b.finding.position_mm and a.kind == b.finding.kind),
    )  # fmt: skip
    taken: set[tuple[str, int]] = set()
    for distance, i, j in near:
        if distance <= max(NEAR_MM, _size(own[i]), _size(lesions[j].finding)) and not {("a", i), ("b", j)} & taken:
            taken |= {("a", i), ("b", j)}
            yield own[i], lesions[j], f"marked {distance:.0f} mm apart"


def _size(finding: Finding) -> float:
    sizes = (finding.facts.get(name) for name in ("long_mm", "mean_mm", "size_mm"))
    return max((float(b.value) for b in sizes if isinstance(b, Known) and isinstance(b.value, Decimal)), default=0.0)


def _title(own: Finding | None, other: Lesion | None) -> str:
    names = (f"your {clean(own.tracking_id)}" if own else "", clean(other.finding.tracking_id) if other else "")
    return " and ".join(name for name in names if name)


def _lines(own: Finding | None, other: Lesion | None) -> tuple[Line, ...]:
    mine = own.facts if own else {}
    theirs = {**other.shown, **other.unconfirmed} if other else {}
    names = [n for n in dict.fromkeys((*mine, *theirs)) if _speaks(mine.get(n)) or _speaks(theirs.get(n))]
    return tuple(
        Line(label(n), _words(n, mine.get(n)), _words(n, theirs.get(n)), difference(n, mine.get(n), theirs.get(n)))
        for n in names
    )


def _speaks(belief: Belief | None) -> bool:
    """Whether a belief says something of its own that is worth a line."""
    return belief is not None and not isinstance(belief, Unknown | NotApplicable) and not conventional(belief)


def _words(name: str, belief: Belief | None) -> str:
    return "not stated" if belief is None or isinstance(belief, Unknown) else said(name, belief)


def difference(name: str, yours: Belief | None, engine: Belief | None) -> str:
    """How the two differ, in words; '' where they agree, or where one of them says nothing."""
    if not isinstance(yours, Known) or engine is None:
        return ""
    match engine, yours.value:
        case Known(Decimal() as theirs), Decimal() as mine:
            return "" if mine == theirs else f"by {number(abs(mine - theirs))}"
        case Known(theirs), mine:
            return "" if mine == theirs else "differs"
        case Measured(mean, sd), Decimal() as mine:
            outside = abs(float(mine) - mean) > Z90 * sd
            return f"outside {mean - Z90 * sd:.1f} to {mean + Z90 * sd:.1f} (90 %)" if outside else ""
        case Classes() as believed, mine:
            return _beside(believed, mine)
    return ""


def _beside(believed: Classes, mine: object) -> str:
    said = {True: "yes", False: "no"}.get(mine, mine) if isinstance(mine, bool) else mine
    best = max(believed.probabilities.values())
    p = believed.probabilities.get(str(said), 0.0)
    return "" if p >= best else f"the net gives yours {100 * p:.0f} %"


def count(found: Iterable[Pair]) -> int:
    """How many facts differ."""
    return sum(1 for pair in found for line in pair.lines if line.differs)
