"""What the case page shows, before it is HTML. Words are the report's; every statement comes from the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ...engine.record import Assessment
from ...engine.types import (
    Belief,
    Classes,
    Conflict,
    Decision,
    Facts,
    GuidelineDecision,
    Reading,
    Review,
    is_neural,
)
from ..report import dictated, grounds, risk_words
from ..report.draft import headline, warnings_of
from ..report.network_words import node_words
from ..report.plots import Plots, plots_of
from ..report.view import (
    Group,
    Headline,
    Item,
    Lesion,
    Section,
    applied,
    conventional,
    conventions,
    guideline_name,
    lesions,
    management_of,
    silence,
    timing_of,
    unknowns,
    verdict,
)
from ..report.words import Row, capital, clean, either, label, percent, plain_words, row, stop
from .said import said

LEAST_REST: Final = 0.0005  # what percentages with one decimal would not show


@dataclass(frozen=True, slots=True)
class Bar:
    """A probability as a bar: its words, its percentage in words, 0 to 100 wide. ``kept``: in the calibrated set."""

    words: str
    percent: str
    width: float
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A belief: a row of words, its bars where it is probabilities, and whether a net says it."""

    row: Row
    bars: tuple[Bar, ...] = ()
    net: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What one guideline says of one lesion or of the exam."""

    guideline: str
    verdict: str
    management: str
    timing: str
    bars: tuple[Bar, ...]
    likely: str
    at_least: str
    silent: str
    ask: str
    steps: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One lesion. ``number`` is its place in the case, ``placed`` whether the images can be turned to it."""

    number: int
    name: str
    heading: str
    placed: bool
    facts: tuple[Fact, ...]
    unconfirmed: tuple[Fact, ...]
    remarks: tuple[str, ...]
    answers: tuple[Answer, ...]
    risk: Group | None
    short: str
    plots: Plots | None


@dataclass(frozen=True, slots=True)
class Sides:
    """A conflict: what the rules say and why, what the network says and why."""

    title: str
    rules: str
    steps: tuple[Item, ...]
    network: str
    pushes: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All that the case page shows of the engine's answer."""

    warnings: tuple[str, ...]
    headlines: tuple[Headline, ...]
    exam: tuple[Answer, ...]
    shown: tuple[Shown, ...]
    conflicts: tuple[Sides, ...]
    missing: tuple[Item, ...]
    about: tuple[Section, ...]
    rest: tuple[Section, ...]


def page_of(assessment: Assessment) -> Page:
    """The engine's answer, for who may see it."""
    decision, found, plots = assessment.decision, lesions(assessment), plots_of(assessment)
    return Page(
        warnings_of(assessment),
        tuple(headline(g) for g in applied(decision)),
        tuple(answer(g.application.guideline, g.exam, g) for g in applied(decision) if g.exam is not None),
        tuple(shown(i, each, plots.get(each.finding.tracking_id)) for i, each in enumerate(found)),
        tuple(sides(conflict, decision, found) for conflict in decision.conflicts),
        missing(assessment, found),
        about(assessment),
        (grounds.considered(assessment), grounds.citations(assessment), grounds.provenance(assessment)),
    )


def about(assessment: Assessment) -> tuple[Section, ...]:
    """What is known of exam and patient: why, how, and earlier exams."""
    return tuple(part(assessment) for part in (dictated.indication, dictated.comparison, dictated.technique))


def before_reading(assessment: Assessment) -> tuple[Section, ...]:
    """The same for who has not read yet: of an assessment from which every finding and answer is taken out.

    Notes of adapters go too, since they may name findings; so does every belief of a net.
    """
    record = assessment.record
    exam = replace(record.case.exam, facts=_human(record.case.exam.facts), notes=())
    patient = replace(record.case.patient, facts=_human(record.case.patient.facts), notes=())
    case = replace(record.case, exam=exam, patient=patient, findings=())
    review = Review(False, assessment.decision.review.priority, ())
    empty = Decision((), assessment.decision.route, review, ())
    kept = replace(record, case=case, unconfirmed={}, masked=())
    return about(Assessment(empty, kept))


def _human(facts: Facts) -> Facts:
    return {name: belief for name, belief in facts.items() if not is_neural(belief)}


def answer(guideline: str, reading: Reading, of: GuidelineDecision | None = None) -> Answer:
    """One reading in words, bars and steps."""
    return Answer(
        guideline_name(guideline),
        capital(verdict(reading)),
        management_of(reading),
        timing_of(reading, of),
        bars(reading.probabilities, reading.likely),
        likely_words(reading),
        at_least(reading.probabilities),
        stop(capital(silence(reading))) if reading.silent else "",
        label(reading.ask) if reading.ask else "",
        grounds.steps(reading.trace),
    )


def likely_words(reading: Reading) -> str:
    """The calibrated sets in words; '' where nothing was uncertain."""
    if not reading.likely:
        return ""
    several = len(reading.managements) != 1
    ways = "of different managements" if several else "all of the same management"
    return f"Calibrated set: {either(reading.likely)}{f', {ways}' if len(reading.likely) > 1 else ''}."


def bars(probabilities: Mapping[str, float], kept: Iterable[str] = (), name: str = "") -> tuple[Bar, ...]:
    """Probabilities as bars, the greatest first."""
    inside = set(kept)
    ordered = sorted(probabilities.items(), key=lambda item: -item[1])
    return tuple(
        Bar(plain_words(name, word) if name else clean(word), percent(p), round(100 * p, 1), word in inside)
        for word, p in ordered
    )


def fact(name: str, belief: Belief) -> Fact:
    """A belief as a line, with bars where it is probabilities."""
    spread = bars(belief.probabilities, (), name) if isinstance(belief, Classes) else ()
    return Fact(replace(row(name, belief), value=said(name, belief)), spread, is_neural(belief))


def at_least(probabilities: Mapping[str, float]) -> str:
    """That the probabilities are lower bounds, where they are: what is not known may add to any of them."""
    rest = 1 - sum(probabilities.values())
    if not probabilities or rest < LEAST_REST:
        return ""
    return f"Each is at least so probable; where the other {percent(rest)} go depends on what is not known."


def shown(number: int, found: Lesion, plots: Plots | None) -> Shown:
    """One lesion of the page."""
    unknown = ", ".join(unknowns(found.shown))
    remarks = (*((f"Not known: {unknown}.",) if unknown else ()), *conventions(found.shown))
    return Shown(
        number,
        clean(found.finding.tracking_id),
        f"{clean(found.finding.tracking_id)}: {dictated.lesion_name(found)}",
        found.finding.position_mm is not None,
        tuple(fact(name, belief) for name, belief in found.shown.items() if not conventional(belief)),
        tuple(fact(name, belief) for name, belief in found.unconfirmed.items()),
        remarks,
        tuple(answer(reading.guideline, reading) for reading in found.readings),
        risk_words.lesion_risk(found) if found.risks else None,
        risk_words.in_short(found),
        plots,
    )


def sides(conflict: Conflict, decision: Decision, found: Iterable[Lesion]) -> Sides:
    """Both sides of a conflict, each with its reasons."""
    lesion = next((each for each in found if each.finding.tracking_id == conflict.finding), None)
    readings = lesion.readings if lesion else ()
    reading = next((r for r in readings if r.guideline == conflict.guideline), None)
    low, high = (percent(p) for p in conflict.band)
    least, most = (percent(p) for p in conflict.interval)
    at = " (at the most probable findings)" if conflict.sharpest else ""
    return Sides(
        clean(conflict.finding),
        f"Category {clean(conflict.category)}: {low} to {high} by {clean(conflict.band_source)}{at}.",
        grounds.steps(reading.trace) if reading else (),
        f"{percent(conflict.risk)}, 90 % interval {least} to {most}.",
        _pushes(lesion, conflict.model),
    )


def _pushes(lesion: Lesion | None, model: str) -> tuple[Item, ...]:
    risks = lesion.risks if lesion else ()
    why = next((r.grounds for r in risks if r.model == model and r.grounds), None)
    return tuple(Item(capital(risk_words.piece(push))) for push in why.pushes[:5]) if why else ()


def missing(assessment: Assessment, found: Iterable[Lesion]) -> tuple[Item, ...]:
    """What is open: what to assess next, and what a risk model lacks."""
    asked = [text for who, reading in grounds.answers(assessment) for text in grounds.open_text(who, reading)]
    lacks: dict[str, list[str]] = {}
    for each in found:
        for risk in (risk for risk in each.risks if risk.missing):
            text = f"{risk_words.model_name(risk)} lacks {', '.join(map(node_words, risk.missing))}."
            lacks.setdefault(text, []).append(clean(each.finding.tracking_id))
    return tuple(Item(text) for text in (*asked, *(f"{', '.join(of)}: {text}" for text, of in lacks.items())))
