"""Where rules and network disagree: the printed band of a category against the network's interval.

A conflict is said only where a guideline prints a band and the interval lies wholly outside of it. Neither side is
changed by the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .guideline.load import Guideline
from .types import Conflict, FindingDecision, GuidelineDecision


def conflicts(
    answers: Iterable[GuidelineDecision], sharp: Iterable[GuidelineDecision], guidelines: Iterable[Guideline]
) -> tuple[Conflict, ...]:
    """Those of the answers, then those that only the sharpest reading shows."""
    by_name = {g.name: g for g in guidelines}
    found = tuple(_of(answers, by_name))
    seen = {(c.finding, c.guideline) for c in found}
    more = (replace(c, sharpest=True) for c in _of(sharp, by_name) if (c.finding, c.guideline) not in seen)
    return (*found, *more)


def _of(answers: Iterable[GuidelineDecision], by_name: dict[str, Guideline]) -> Iterator[Conflict]:
    for d in answers:
        guideline = by_name.get(d.application.guideline)
        if d.exam is not None and guideline is not None:
            yield from (c for f in d.findings if (c := _between(guideline, f)) is not None)


def _between(guideline: Guideline, f: FindingDecision) -> Conflict | None:
    printed = {str(c["id"]): c for c in guideline.head["categories"]}.get(f.reading.category or "", {})
    risk = f.risk
    if not printed.get("risk") or risk is None or risk.grounds is None or risk.probability is None:
        return None
    low, high = (float(p) / 100 for p in printed["risk"])
    least, most = risk.grounds.interval
    if least <= high and most >= low:
        return None
    return Conflict(
        f.finding.tracking_id,
        guideline.name,
        str(f.reading.category),
        (low, high),
        str(printed.get("risk_source") or guideline.name),
        risk.model,
        risk.probability,
        risk.grounds.interval,
    )
