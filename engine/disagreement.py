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
    guidelines: Iterable[Guideline],
    answers: Iterable[GuidelineDecision],
    sharp: Iterable[GuidelineDecision],
    before: Iterable[Conflict] = (),
) -> tuple[Conflict, ...]:
    """Those of the answers, then those that only the sharpest reading shows, or that were seen ``before``."""
    by_name = {g.name: g for g in guidelines}
    more = (replace(c, sharpest=True) for c in _of(sharp, by_name))
    found: dict[tuple[str, str], Conflict] = {}
    for c in (*_of(answers, by_name), *before, *more):
        found.setdefault((c.finding, c.guideline), c)
    return tuple(found.values())


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
