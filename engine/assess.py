"""A case in, a reasoned decision out. Start here: the steps below are the product, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from . import believed, facts, record, signals
from .calendar import due_date
from .disagreement import conflicts
from .gate import Raised, gate
from .guideline import evaluate
from .guideline.load import Guideline
from .knowledge import Knowledge
from .perception.extractor import OUTSIDE_TRAINING, perceive
from .record import Assessment
from .signals import Spoke
from .tracking.growth import growth_of
from .types import (
    FOUND_BY_PROGRAM,
    Application,
    Belief,
    Case,
    Conflict,
    Decision,
    Finding,
    FindingDecision,
    GuidelineDecision,
    Reading,
    Risks,
    Route,
)

Applied = tuple[tuple[Guideline, Application], ...]


def assess(case: Case, using: Knowledge, as_of: date) -> Assessment:
    """Decide one case with the knowledge given, as of a day. Pure: no clock, no network, no hidden state.

    Raises:
        InputError: the case's facts are no values of the guidelines' inputs, or exclude each other.
    """
    seen = perceive(case, using.extractors)
    applied = applies(seen, using)
    answers = classify(seen, applied, fuse(seen, using), using)
    sharp = sharpest(seen, applied, answers, using)
    disagree = conflicts(using.guidelines, answers, sharp)
    raised = tuple(signals_of(seen, answers, sharp, disagree, using, as_of))
    route, review = gate(raised, using)
    if route is Route.RULE_BASED:
        stated = without_nets(seen)
        answers = unconfirmed(classify(stated, applies(stated, using), fuse(stated, using), using), seen)
        before = (replace(c, unconfirmed=stated != seen) for c in disagree)
        disagree = conflicts(using.guidelines, answers, (), before)
        still = (r for r in raised if r[0] != "rules_and_network")
        more = (r for r in signals.of_answers(answers) if r[0] != FOUND_BY_PROGRAM)  # said, with its source, before
        route, review = gate((*still, *signals.of_conflicts(disagree), *more), using)
    decision = Decision(answers, route, review, citations(answers), (*using.chosen, *notes(seen)), conflicts=disagree)
    kept = record.record_of(seen, decision, using.hashes(), as_of, own_rules=using.own_rules())
    return Assessment(decision, kept)


def applies(case: Case, using: Knowledge) -> Applied:
    """Which guidelines apply to this exam and patient: yes, conditionally or no, each with its reasons.

    One that only may apply, and whose kind of finding nobody looked for, is not read.
    """
    return tuple((g, _application(g, case)) for g in using.guidelines)


def _application(guideline: Guideline, case: Case) -> Application:
    found = evaluate.read_application(guideline, facts.exam_facts(guideline, case))
    kind = guideline.head["findings"]["kind"]
    if found.applies != "conditional" or kind in {*case.assessed, *(f.kind for f in case.findings)}:
        return found
    return replace(found, applies="no", reasons=(*found.reasons, f"and nobody stated whether there is any {kind}"))


def fuse(case: Case, using: Knowledge) -> dict[str, Risks]:
    """The risks of each finding, by tracking id."""
    return {f.tracking_id: using.fusion.risks(case, f) for f in case.findings}


def classify(
    case: Case, applied: Applied, risks: Mapping[str, Risks], using: Knowledge
) -> tuple[GuidelineDecision, ...]:
    """What each guideline that may apply says of the exam and of each of its findings, by all that is believed."""
    return tuple(
        _read(case, guideline, application, risks, using)
        if application.applies != "no"
        else GuidelineDecision(application, None, ())
        for guideline, application in applied
    )


def _read(
    case: Case, guideline: Guideline, application: Application, risks: Mapping[str, Risks], using: Knowledge
) -> GuidelineDecision:
    mine = [f for f in case.findings if f.kind == guideline.head["findings"]["kind"]]
    stated = [(f.tracking_id, facts.finding_facts(guideline, f)) for f in mine]
    assessed = guideline.head["findings"]["kind"] in case.assessed
    keeps = using.calibrator(guideline.name, read_of(guideline, case))
    result = believed.classify(guideline, facts.exam_facts(guideline, case), stated, assessed=assessed, keeps=keeps)
    read = zip(mine, result.findings, strict=True)
    findings = tuple(_decided(f, reading, risks[f.tracking_id], guideline) for f, reading in read)
    due = due_date(case.exam.date, result.exam.facts.get("interval_months"))
    exam = replace(result.exam, facts={**result.exam.facts, "display": evaluate.display(guideline, result.exam)})
    return GuidelineDecision(application, exam, findings, due)


def _decided(finding: Finding, reading: Reading, risks: Risks, guideline: Guideline) -> FindingDecision:
    grown = growth_of(finding, guideline)
    return FindingDecision(finding, reading, risks.fused, published=risks.published, growth=grown)


def without_nets(case: Case) -> Case:
    """The case as the rule-based route reads it: every neural belief is unknown."""
    return facts.each(case, facts.without_nets)


def unconfirmed(answers: tuple[GuidelineDecision, ...], seen: Case) -> tuple[GuidelineDecision, ...]:
    """The rule-based answers with what the nets said shown beside them, for a human to confirm."""
    said = {f.tracking_id: facts.neural(f.facts) for f in seen.findings}
    return tuple(
        replace(d, findings=tuple(replace(f, unconfirmed=said[f.finding.tracking_id]) for f in d.findings))
        for d in answers
    )


def sharpest(
    case: Case, applied: Applied, answers: tuple[GuidelineDecision, ...], using: Knowledge
) -> tuple[GuidelineDecision, ...]:
    """The answers with every belief at its most probable value: where nothing is uncertain, the same."""
    if signals.certain(case):
        return answers
    sharp = facts.each(case, facts.sharpest)
    return classify(sharp, applied, fuse(sharp, using), using)


def signals_of(
    case: Case,
    answers: tuple[GuidelineDecision, ...],
    sharp: tuple[GuidelineDecision, ...],
    disagree: tuple[Conflict, ...],
    using: Knowledge,
    as_of: date,
) -> Iterator[Raised]:
    """Everything that speaks for more care, as (code, detail)."""
    read = tuple(g for g, a in zip(using.guidelines, answers, strict=True) if a.exam is not None)
    said = tuple(dict.fromkeys(text for guideline in read for text in facts.conflicts(guideline, case)))
    yield from signals.of_evidence(said, (f for d in (*answers, *sharp) for f in d.findings), using.conflict_from)
    yield from signals.of_conflicts(disagree)
    yield from signals.of_nets(nets_that_spoke(case, using), signals.unlike_training(case, OUTSIDE_TRAINING))
    yield from signals.of_answers(answers)
    for guideline in read:
        beliefs = read_of(guideline, case)
        keeps = using.calibrator(guideline.name, beliefs)
        yield from signals.of_calibration(guideline.name, beliefs, keeps, as_of)
    yield from signals.of_earlier(case)
    yield from signals.of_stale(case)


def read_of(guideline: Guideline, case: Case) -> tuple[Belief, ...]:
    """Every belief of exam, patient and findings that the guideline may read."""
    kind = guideline.head["findings"]["kind"]
    mine = (facts.finding_facts(guideline, f) for f in case.findings if f.kind == kind)
    return tuple(b for held in (facts.exam_facts(guideline, case), *mine) for b in held.values())


def nets_that_spoke(case: Case, using: Knowledge) -> tuple[Spoke, ...]:
    """Each net with a belief in the case, by name; one that is not listed counts as not validated."""
    said = facts.every(case).values()
    spoke = {b.source.reference for held in said for b in facts.neural(held).values() if b.source}
    known = {e.name: e.validated for e in using.extractors}
    return tuple(Spoke(name, known.get(name, False)) for name in sorted(spoke))


def citations(answers: tuple[GuidelineDecision, ...]) -> tuple[str, ...]:
    """Every place of every guideline that the answer rests on, once."""
    traces = (t for d in answers if d.exam for t in (d.exam, *(f.reading for f in d.findings)))
    places = (f"{reading.guideline}: {step.citation}" for reading in traces for step in reading.trace)
    risks = (risk for d in answers for f in d.findings for risk in (f.risk, *f.published) if risk)
    return tuple(dict.fromkeys((*places, *(risk.citation for risk in risks))))


def notes(case: Case) -> tuple[str, ...]:
    """What the adapters chose or met on the way in."""
    return (*case.exam.notes, *(case.volume.notes if case.volume else ()), *case.patient.notes)
