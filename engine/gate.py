"""Whether the answer may stand as it is, or a human must look, and on which route it is given.

The gate only ever makes the answer more careful: each signal can demand review, a higher priority
and the rule-based route; none can take these back. Texts and bars are in ``knowledge/gates.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .record import URGENCY
from .types import FOUND_BY_PROGRAM, GuidelineDecision, Priority, Reading, Review, ReviewReason, Route

if TYPE_CHECKING:  # classify needs only the reasons, and starts fast
    from .knowledge import Knowledge, Signal

Raised = tuple[str, str]  # (code, detail)


def signals(
    decisions: Sequence[GuidelineDecision],
    nets: Mapping[str, bool],
    conflicts: Sequence[str] = (),
    unlike: Sequence[str] = (),
) -> Iterator[Raised]:
    """What speaks for more care in the readings. ``nets``: each net that spoke, and whether it is validated.

    ``unlike``: where nets looked at what they were not made for, and why.
    """
    yield from (("evidence_conflict", text) for text in conflicts)
    yield from (("image_unlike_training", text) for text in unlike)
    if not any(d.exam for d in decisions):
        yield (
            "no_guideline",
            "; ".join(f"{d.application.guideline}: {', '.join(d.application.reasons)}" for d in decisions),
        )
    for d in decisions:
        if d.exam is not None:
            yield from _of_guideline(d)
    for name, validated in nets.items():
        yield ("not_calibrated_here" if validated else "extractor_unvalidated"), name


def _of_guideline(d: GuidelineDecision) -> Iterator[Raised]:
    if d.application.applies != "yes":
        yield "applicability_unconfirmed", f"{d.application.guideline}: {', '.join(d.application.reasons)}"
    for name, reading in [("exam", d.exam), *((f.finding.tracking_id, f.reading) for f in d.findings)]:
        if reading is not None:
            yield from _of_reading(name, reading)
    for f in d.findings:
        if (said := f.finding.facts.get(FOUND_BY_PROGRAM)) is not None:
            yield FOUND_BY_PROGRAM, f"{f.finding.tracking_id}: {said.source.reference if said.source else 'a program'}"
        if f.risk is not None and f.risk.probability is None:
            yield "risk_unknown", f"{f.finding.tracking_id}: {f.risk.why}"


def _of_reading(name: str, reading: Reading) -> Iterator[Raised]:
    asked = f", assess {reading.ask}" if reading.ask else ""
    if reading.category is None:
        yield "finding_unknown", f"{name}: still possible {', '.join(reading.possible)}{asked}"
    else:
        yield from (
            ("finding_unknown", f"{name}: {answer} is not known{asked}") for answer in reading.facts.get("open", ())
        )
    if reading.silent:
        yield "guideline_silent", f"{name}: {reading.category} by default, or {', '.join(reading.alternatives)}"


def reasons_of(readings: Iterable[Reading]) -> tuple[str, ...]:
    """The codes of the signals that readings raise by themselves, each once."""
    return tuple(dict.fromkeys(code for reading in readings for code, _ in _of_reading("", reading)))


def gate(raised: Iterable[Raised], using: Knowledge) -> tuple[Route, Review]:
    """The most careful route and priority that any signal asks for; every reason once."""
    found = [(using.signals[code], detail) for code, detail in dict.fromkeys(raised)]
    reasons = tuple(ReviewReason(s.code, s.text.format(detail=detail), s.priority) for s, detail in found)
    route = Route.RULE_BASED if any(s.falls_back for s, _ in found) else Route.HYBRID
    return route, Review(bool(found), _most_urgent(s for s, _ in found), reasons)


def _most_urgent(found: Iterable[Signal]) -> Priority:
    return min((s.priority for s in found), key=URGENCY.__getitem__, default=Priority.ROUTINE)
