"""What two exams together say of a finding: how fast it grows, as facts under names of their own.

They replace what they follow from: where sizes are given, a growth that is stated as well is not a second fact.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from .. import facts as case_facts
from ..types import Belief, Case, Facts, Finding, Known, Measured, Source, SourceKind

if TYPE_CHECKING:
    from ..perception.reader_error import ReaderError

LEAST_DOUBLINGS: Final = -1.5  # a year; slower is known to be slower, and says no more than this
MOST_DOUBLINGS: Final = 24.0  # a volume doubling time of 15 days
LEAST_MONTHS: Final = 0.5  # below, the error of two diameters says nothing of a rate
LI_RADS: Final = "li-rads-ct-mri@2018"


def follow_up(case: Case, finding: Finding) -> Facts:
    """Derived facts of a finding: of a nodule ``volume_doublings_per_year`` (a measurement) or, without sizes,
    ``growth_stated``; of an observation ``threshold_growth``.

    Raises:
        BadValue, Contradiction: an observation's facts are none that LI-RADS could read.
    """
    if finding.kind == "nodule":
        return _of_nodule(finding.facts)
    return _of_observation(case, finding) if finding.kind == "observation" else {}


def _of_nodule(facts: Facts) -> Facts:
    rate = _doublings(facts.get("mean_mm"), facts.get("prior_mean_mm"), facts.get("interval_months"))
    if rate is not None:
        return {"volume_doublings_per_year": rate}
    growing, status = facts.get("growing"), facts.get("status")
    followed = isinstance(status, Known) and status.value == "existing"  # else whether it grew cannot be known
    if followed and isinstance(growing, Known) and growing.source.kind is not SourceKind.CONVENTION:
        return {"growth_stated": growing}
    return {}


def _doublings(now: Belief | None, before: Belief | None, months: Belief | None) -> Measured | None:
    """log2 of the ratio of volumes (diameters cubed) over the years between, with the error of both diameters.

    A stated diameter has the error of one reader: the variance between two readers of a nodule, halved
    (``knowledge/models/measurement/reader_error.yaml``). One reader who compares two exams side by side errs less.
    """
    a, b, interval = _number(now), _number(before), _number(months)
    if a is None or b is None or interval is None or min(a, b) <= 0 or interval < LEAST_MONTHS:
        return None
    years = interval / 12
    rate = 3 * math.log2(a / b) / years
    relative = math.hypot(_sd(now, a) / a, _sd(before, b) / b)
    sd = 3 / math.log(2) * relative / years
    mean = min(max(rate, LEAST_DOUBLINGS), MOST_DOUBLINGS)
    return Measured(mean, sd, "1/a", _weakest(now, before))


def _number(belief: Belief | None) -> float | None:
    if isinstance(belief, Known) and isinstance(belief.value, Decimal):
        return float(belief.value)
    return belief.mean if isinstance(belief, Measured) else None


def _sd(belief: Belief | None, mm: float) -> float:
    if isinstance(belief, Measured):
        return belief.sd
    return _reader_error().sd_mm(mm) / math.sqrt(2)


@lru_cache(maxsize=1)
def _reader_error() -> ReaderError:
    from ..perception.reader_error import shipped_reader_error  # scipy: only where two diameters are compared

    return shipped_reader_error()


def _weakest(*beliefs: Belief | None) -> Source:
    """The source of what follows from several: a net's where one of them is a net's."""
    sources = [b.source for b in beliefs if b is not None and b.source is not None]
    return max(sources, key=lambda s: case_facts.ORDER.index(s.kind))


def _of_observation(case: Case, finding: Finding) -> Facts:
    """Threshold growth as LI-RADS's own table reads it; that it is absent is known only where an earlier size is."""
    before, carried = (finding.facts.get(n) for n in ("prior_size_mm", "threshold_growth_met_on_earlier_exam"))
    measured = isinstance(before, Known) and isinstance(finding.facts.get("prior_interval_months"), Known)
    if not measured and not (isinstance(carried, Known) and carried.value is True):
        return {}
    from ..guideline import evaluate
    from ..guideline.load import load_guideline

    guideline = load_guideline(LI_RADS)
    known = {**case_facts.exam_facts(guideline, case), **case_facts.finding_facts(guideline, finding)}
    met = evaluate.read_finding(guideline, known).reading.facts.get("threshold_growth")
    return {} if met is None else {"threshold_growth": Known(bool(met), _weakest(before if measured else carried))}
