"""Where what is stated of a lesion denies what a matched earlier exam says of it, or denies itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from ..before import NORMAL_90, Before
from ..types import Belief, Finding, Known, Measured, SourceKind, is_neural

SEEN: Final = ("existing", "resolved")  # what a lesion can be that an earlier exam shows; else it is new or baseline
SAME_MONTHS: Final = Decimal("0.5")  # intervals nearer than this are of one exam
SIZES: Final = ("mean_mm", "long_mm", "solid_mean_mm", "volume_mm3")  # what only a lesion that is there has


def denials(finding: Finding) -> Mapping[str, str]:
    """Each stated fact that cannot be true together with the earlier exam, or with the others: its name, and both sides
    in words."""
    return {**dict(_of_itself(finding)), **_of_prior(finding)}


def _of_prior(finding: Finding) -> Mapping[str, str]:
    before = finding.before
    if not isinstance(before, Before):
        return {}
    found = before.lesion or "no such lesion"
    where = f"compared with {before.reference}, {found} (match {before.probability:.3f}, {before.basis})"
    both = ((name, _stated(finding.facts.get(name)), before.facts.get(name)) for name in DENIES)
    return {
        name: f"{_named(name)} is stated as {_words(name, mine)}; {where} it is {_words(name, theirs)}"
        for name, mine, theirs in both
        if mine is not None and theirs is not None and DENIES[name](mine, theirs)
    }


def _of_itself(finding: Finding) -> Iterator[tuple[str, str]]:
    """Gone, and measured on this exam; grown or not, and sizes further apart the other way than two readers are."""
    status, growing = (_stated(finding.facts.get(name)) for name in ("status", "growing"))
    if isinstance(status, Known) and status.value == "resolved":
        sizes = [f"{_named(n)} of {_words(n, b)}" for n in SIZES if (b := _measured(finding.facts.get(n))) is not None]
        if sizes:
            yield "status", f"it is stated as resolved, with {' and '.join(sizes)} on this exam"
    if isinstance(growing, Known) and isinstance(growing.value, bool) and _speak_against(finding, grown=growing.value):
        now, then = (_words(name, finding.facts[name]) for name in ("mean_mm", "prior_mean_mm"))
        said = "it is stated to have grown" if growing.value else "it is stated not to have grown"
        yield "growing", f"{said}; its mean diameter was {then} and is {now}"


def _measured(belief: Belief | None) -> Belief | None:
    """A size above 0 that somebody stated, not a net."""
    if not isinstance(belief, Known | Measured) or is_neural(belief):
        return None
    value = belief.mean if isinstance(belief, Measured) else belief.value
    return belief if isinstance(value, Decimal | float | int) and value > 0 else None


def _speak_against(finding: Finding, *, grown: bool) -> bool:
    sizes = [_measured(finding.facts.get(name)) for name in ("mean_mm", "prior_mean_mm")]
    if sizes[0] is None or sizes[1] is None or not _size(sizes[0], sizes[1]):
        return False
    from .lesion import number  # numpy and scipy: only where two sizes differ

    now, then = number(sizes[0]), number(sizes[1])
    return now is not None and then is not None and (now[0] > then[0]) is not grown


def _stated(belief: Belief | None) -> Belief | None:
    """What somebody stated, not a form by leaving it out."""
    absent = belief is not None and belief.source is not None and belief.source.kind is SourceKind.CONVENTION
    return None if absent else belief


NAMED: Final = {
    "prior_mean_mm": "the prior mean diameter",
    "interval_months": "the interval",
    "mean_mm": "a mean diameter",
    "long_mm": "a long axis",
    "solid_mean_mm": "a solid component",
    "volume_mm3": "a volume",
}


def _named(name: str) -> str:
    return NAMED.get(name, f"the {name.replace('_', ' ')}")


def _words(name: str, belief: Belief) -> str:
    """A value with the unit that its name ends in."""
    value = belief.mean if isinstance(belief, Measured) else belief.value if isinstance(belief, Known) else "not known"
    unit = next((f" {unit}" for unit in ("mm", "mm3", "months") if name.endswith(f"_{unit}")), "")
    return f"{value}{unit}"


def denies_status(finding: Finding) -> bool:
    """Whether it is stated to be new and was found again, or stated to have been there and was not."""
    return "status" in _of_prior(finding)


def _status(mine: Belief, theirs: Belief) -> bool:
    if not (isinstance(mine, Known) and isinstance(theirs, Known)):
        return False
    return mine.value != theirs.value and not (mine.value in SEEN and theirs.value in SEEN)


def _category(mine: Belief, theirs: Belief) -> bool:
    return isinstance(mine, Known) and isinstance(theirs, Known) and mine.value != theirs.value


def _months(mine: Belief, theirs: Belief) -> bool:
    values = [b.value for b in (mine, theirs) if isinstance(b, Known) and isinstance(b.value, Decimal)]
    return len(values) == 2 and abs(values[0] - values[1]) > SAME_MONTHS


def _size(mine: Belief, theirs: Belief) -> bool:
    """Whether two sizes of one lesion on one exam lie further apart than two readers do in 9 of 10 cases."""
    if mine == theirs or not all(isinstance(b, Known | Measured) for b in (mine, theirs)):
        return False
    from .lesion import number  # numpy and scipy: only where two sizes differ

    one, other = number(mine), number(theirs)
    if one is None or other is None:
        return False
    return abs(one[0] - other[0]) > NORMAL_90 * math.hypot(one[1], other[1])


DENIES: Final[Mapping[str, Callable[[Belief, Belief], bool]]] = {
    "status": _status,
    "previous_category": _category,
    "interval_months": _months,
    "prior_mean_mm": _size,
}
