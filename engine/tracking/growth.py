"""How a lesion changed between two exams, with the error of the change.

The change is that of the mean diameter (Lung-RADS v2022 note 4). Doubling time: t ln 2 / ln(V2 / V1), growth taken to
be exponential (Collins, Loeffler and Tivey, Am J Roentgenol 76:988-1000, 1956; Schwartz, Cancer 14:1272-1294, 1961),
volumes as the cubes of mean diameters. What counts as growth is the guideline's to say (``limit``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ..before import NORMAL_90, Growth
from ..errors import BadValue
from ..types import Belief, Facts, Finding, Known, Measured, Unknown, is_neural
from .denied import denials
from .limit import Limit, limit_of

if TYPE_CHECKING:
    from ..guideline.load import Guideline

Size = tuple[float, float]  # mean diameter and the standard deviation of its error, mm

READ: Final = "nodule"  # the kind whose readers' error was measured (knowledge/models/measurement)
AXES: Final = ("long_mm", "short_mm")


def growth_of(finding: Finding, guideline: Guideline | None = None) -> Growth | Unknown | None:
    """What became of a lesion since the newest earlier exam, by what rules may read of it.

    None where there is nothing to grow: no exam was compared, it is new or resolved. ``Unknown`` with the reason where
    the match is open, statements deny it, or a size has no error that is known. ``guideline``: whose threshold counts,
    None for none.
    """
    before = finding.before
    if before is None or isinstance(before, Unknown):
        return before
    status = finding.facts.get("status")
    if not before.lesion or (isinstance(status, Known) and status.value == "resolved"):
        return None
    if doubt := before.doubt or "; ".join(denials(finding).values()):
        return Unknown(doubt)
    then = Finding(before.lesion, finding.kind, {"mean_mm": finding.facts.get("prior_mean_mm", Unknown(""))})
    months, sizes = finding.facts.get("interval_months"), (_size(finding, "this"), _size(then, "the earlier"))
    if not (isinstance(months, Known) and isinstance(months.value, Decimal) and months.value > 0):
        return Unknown("the time between the exams is not known")
    missing = "; ".join(size.why for size in sizes if isinstance(size, Unknown))
    if missing or isinstance(sizes[0], Unknown) or isinstance(sizes[1], Unknown):
        return Unknown(missing)
    limit = limit_of(guideline) if guideline is not None and finding.kind == READ else None
    return growth(sizes[0], sizes[1], float(months.value), limit)


def core_change(facts: Facts) -> float | None:
    """How a solid component's mean diameter changed, in mm; None where a size is not known, or both are the same.

    Guidelines decide by it, too, and the growth of the whole lesion does not tell it. Its error is not known: readers'
    was measured of whole nodules.
    """
    now, then = (_mm(facts.get(name)) for name in ("solid_mean_mm", "prior_solid_mean_mm"))
    return None if now is None or then is None or now == then else now - then


def _mm(belief: Belief | None) -> float | None:
    if isinstance(belief, Measured):
        return belief.mean
    return float(belief.value) if isinstance(belief, Known) and isinstance(belief.value, Decimal) else None


def growth(now: Size, before: Size, months: float, limit: Limit | None = None, *, shared: float = 0.0) -> Growth:
    """The change of a mean diameter in ``months``.

    ``shared``: correlation of the two errors, in [0, 1). The same reader, scanner and protocol err alike, and that part
    cancels; 0, the default, takes nothing for granted and is the wider.

    Raises:
        BadValue: ``months`` is not above 0, or ``shared`` not in [0, 1).
    """
    if not (math.isfinite(months) and months > 0):
        raise BadValue("exams", "months", f"{months}", "above 0", "Give the earlier exam as the prior.")
    if not 0 <= shared < 1:
        raise BadValue("growth", "shared", f"{shared}", "from 0 to below 1", "Give the errors' correlation, or 0.")
    sd, change = _of_difference(now[1], before[1], shared), now[0] - before[0]
    a_year = 3 / math.log(2) / (months / 12)  # doublings of the volume for each unit of ln(diameter)
    rate = a_year * math.log(now[0] / before[0])
    error = NORMAL_90 * a_year * _of_difference(now[1] / now[0], before[1] / before[0], shared)
    over = 0.5 * math.erfc((limit.mm - change) / sd / math.sqrt(2)) if limit else None
    more_than, within = (limit.mm, limit.within_months) if limit else (None, None)
    return Growth(now[0], before[0], months, change, sd, more_than, within, over, rate, (rate - error, rate + error))


def _of_difference(a: float, b: float, shared: float) -> float:
    return math.sqrt(a * a + b * b - 2 * shared * a * b)


def _size(finding: Finding, exam: str) -> Size | Unknown:
    """The mean diameter with its error, or why there is none."""
    from .lesion import mean_of  # numpy and scipy: only where an earlier exam was compared

    held = list(_held(finding.facts))
    lacking = [why for belief in held if (why := _no_error(finding.kind, belief))]
    if lacking:
        return Unknown(f"{exam} exam: {lacking[0]}")
    withheld = finding.facts.get("mean_mm")
    why = withheld.why if isinstance(withheld, Unknown) and withheld.why else "no mean diameter is stated"
    return mean_of(finding) or Unknown(f"{exam} exam: {why}")


def _held(facts: Facts) -> Iterator[Belief]:
    """What ``mean_of`` reads: a mean diameter, else a size, else both axes."""
    for names in (("mean_mm",), ("size_mm",), AXES):
        found = [belief for name in names if isinstance(belief := facts.get(name), Known | Measured)]
        if len(found) == len(names):
            yield from found
            return


def _no_error(kind: str, belief: Belief) -> str:
    """Why the error of a size is not known; '' where it is.

    A measured size brings its own. A stated one has a reader's error, which was measured for nodules of some sizes.
    """
    from .lesion import reader

    if isinstance(belief, Measured):
        return "" if belief.mean > 0 else "the size is not above 0"
    if is_neural(belief):
        return "a net states the size without its error"
    if kind != READ:
        return f"the readers' error is not known for this kind of finding, {kind}"
    mm = float(belief.value) if isinstance(belief, Known) and isinstance(belief.value, Decimal) else 0.0
    low, high = reader().domain_mm
    return "" if low <= mm <= high else f"the readers' error is known from {low:g} to {high:g} mm only"
