"""What speaks for more care: each signal of ``knowledge/gates.yaml``, and where it is looked for.

Some are looked for on the sharpest reading too, where each belief is taken at its most probable value: a belief that
grows wider must not make a contradiction go away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from .before import DECIDED_BEFORE
from .facts import every, is_uncertain
from .gate import Raised
from .tracking.denied import denials
from .types import (
    FOUND_BY_PROGRAM,
    Belief,
    Case,
    Conflict,
    FindingDecision,
    GuidelineDecision,
    Known,
    Reading,
    Unknown,
    is_neural,
)

if TYPE_CHECKING:  # classify needs only the reasons, and starts fast
    from .likely import Calibrator


@dataclass(frozen=True, slots=True)
class Spoke:
    """A net with a belief in the case: its name, and whether its error was measured on real data of this anatomy."""

    name: str
    validated: bool


def of_answers(decisions: Sequence[GuidelineDecision]) -> Iterator[Raised]:
    """What the readings themselves leave open."""
    if not any(d.exam for d in decisions):
        detail = "; ".join(f"{d.application.guideline}: {', '.join(d.application.reasons)}" for d in decisions)
        yield "no_guideline", detail
    for d in decisions:
        if d.exam is not None:
            yield from _of_guideline(d)


def _of_guideline(d: GuidelineDecision) -> Iterator[Raised]:
    if d.application.applies != "yes":
        yield "applicability_unconfirmed", f"{d.application.guideline}: {', '.join(d.application.reasons)}"
    for name, reading in [("exam", d.exam), *((f.finding.tracking_id, f.reading) for f in d.findings)]:
        if reading is not None:
            yield from of_reading(name, reading)
    for f in d.findings:
        if (said := f.finding.facts.get(FOUND_BY_PROGRAM)) is not None:
            yield FOUND_BY_PROGRAM, f"{f.finding.tracking_id}: {said.source.reference if said.source else 'a program'}"
        if f.risk is not None and f.risk.probability is None and not f.risk.clash:
            yield "risk_unknown", f"{f.finding.tracking_id}: {f.risk.why}"


def of_reading(name: str, reading: Reading) -> Iterator[Raised]:
    """What one reading leaves open."""
    asked = f", assess {reading.ask}" if reading.ask else ""
    if reading.category is None:
        yield "finding_unknown", f"{name}: still possible {', '.join(reading.possible)}{asked}"
    else:
        yield from (
            ("finding_unknown", f"{name}: {answer} is not known{asked}") for answer in reading.facts.get("open", ())
        )
    if reading.silent:
        yield "guideline_silent", f"{name}: {reading.category} by default, or {', '.join(reading.alternatives)}"
    if len(reading.managements) > 1:
        yield "managements_differ", f"{name}: {'; or '.join(reading.managements)}"
    if reading.likely and reading.category is not None and reading.category != _most(reading):
        detail = f"{name}: the most probable findings give {reading.category}, {_most(reading)} is the most probable"
        yield "reading_unstable", f"{detail} category"


def _most(reading: Reading) -> str:
    return max(reading.probabilities, key=lambda c: (reading.probabilities[c], c == reading.category))


def reasons_of(readings: Iterable[Reading]) -> tuple[str, ...]:
    """The codes of the signals that readings raise by themselves, each once."""
    return tuple(dict.fromkeys(code for reading in readings for code, _ in of_reading("", reading)))


def of_nets(spoke: Iterable[Spoke], unlike: Iterable[str]) -> Iterator[Raised]:
    """What nets said though they have no measured error here, or though they were not made for what they saw."""
    yield from (("image_unlike_training", text) for text in unlike)
    yield from (("extractor_unvalidated", net.name) for net in spoke if not net.validated)


def of_calibration(name: str, beliefs: Sequence[Belief], keeps: Calibrator | None, as_of: date) -> Iterator[Raised]:
    """Where what is uncertain entered a guideline without a calibration, with one too old, or with none of this site.

    ``beliefs``: all that the guideline may read. A net's certainty is uncertain too.
    """
    if not any(is_uncertain(b) or is_neural(b) for b in beliefs):
        return
    if keeps is None:
        yield "calibration_missing", name
        return
    if as_of > keeps.until:
        yield "calibration_stale", f"{name}: to be used until {keeps.until.isoformat()}"
    if not keeps.site:
        yield "not_calibrated_here", name


def of_conflicts(conflicts: Iterable[Conflict]) -> Iterator[Raised]:
    """Where rules and network disagree, both sides."""
    for c in conflicts:
        band = f"the rules say {c.category}, {_percent(c.band)} by {c.band_source}"
        network = f"the network {100 * c.risk:.2g} % ({_percent(c.interval)})"
        at = ", at the most probable findings" if c.sharpest else ""
        at += ", with what nets say, which is not confirmed" if c.unconfirmed else ""
        yield "rules_and_network", f"{c.finding}, {c.guideline}: {band}, {network}{at}"


def _percent(interval: tuple[float, float]) -> str:
    low, high = (f"{100 * p:.2g}" for p in interval)
    return f"{low} to {high} %"


def of_evidence(texts: Iterable[str], decided: Iterable[FindingDecision], bar: float) -> Iterator[Raised]:
    """Where sources contradict each other, by name or by how improbable they are together.

    ``bar``: the conflict measure from which evidence counts as contradicting itself.
    """
    yield from (("evidence_conflict", text) for text in texts)
    for f in decided:
        name, risk = f.finding.tracking_id, f.risk
        if risk is None:
            continue
        yield from (("evidence_conflict", f"{name}: {text}") for text in (risk.clash, *risk.contradictions) if text)
        for t in risk.tensions:
            if t.measure >= bar:
                detail = f"together much less probable than apart ({t.measure:.1f}, bar {bar:g})"
                yield "evidence_conflict", f"{name}: {t.one} and {t.other} are {detail}"
        if risk.grounds is not None and risk.grounds.conflict >= bar:
            detail = f"together much less probable than apart ({risk.grounds.conflict:.1f}, bar {bar:g})"
            yield "evidence_conflict", f"{name}: all that is known of it and of the patient is {detail}"


def of_stale(case: Case) -> Iterator[Raised]:
    """What was known of the patient once, too long ago to be used."""
    for name, belief in case.patient.facts.items():
        if isinstance(belief, Unknown) and belief.stale:
            yield "input_stale", name


def of_earlier(case: Case) -> Iterator[Raised]:
    """What the comparison with earlier exams left open, what was decided of this one before, and where somebody
    states otherwise than it came to."""
    for text in case.exam.unmatched:
        before = text.startswith(DECIDED_BEFORE)
        yield ("decided_before", text.removeprefix(DECIDED_BEFORE)) if before else ("prior_unmatched", text)
    denied = ((f.tracking_id, text) for f in case.findings for text in denials(f).values())
    yield from (("evidence_conflict", f"{name}: {text}") for name, text in denied)


def certain(case: Case) -> bool:
    """Whether no belief is uncertain, so that there is nothing to sharpen."""
    return not any(is_uncertain(b) for facts in every(case).values() for b in facts.values())


def unlike_training(case: Case, name: str) -> tuple[str, ...]:
    """Each finding at which a net looked and says, as the fact ``name``, that it was not made for what it saw."""
    said = ((f.tracking_id, f.facts.get(name)) for f in case.findings)
    return tuple(f"{finding}: {b.value}" for finding, b in said if isinstance(b, Known))
