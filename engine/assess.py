"""A case in, a reasoned decision out. Start here: the steps below are the product, in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from . import facts, record
from .calendar import due_date
from .gate import gate, signals
from .guideline import evaluate
from .guideline.load import Guideline
from .knowledge import Knowledge
from .perception.extractor import OUTSIDE_TRAINING, perceive
from .record import Assessment
from .types import Application, Case, Decision, FindingDecision, GuidelineDecision, Known, Risk, Route


def assess(case: Case, using: Knowledge, as_of: date) -> Assessment:
    """Decide one case with the knowledge given, as of a day. Pure: no clock, no network, no hidden state.

    Raises:
        InputError: the case's facts are no values of the guidelines' inputs, or exclude each other.
    """
    seen = perceive(case, using.extractors)
    applied = applies(seen, using)
    answers = classify(seen, applied, fuse(seen, using))
    spoke = nets_that_spoke(seen, using)
    route, review = gate(signals(answers, spoke, conflicts(seen, applied), unlike_training(seen)), using)
    if route is Route.RULE_BASED:
        stated = without_nets(seen)
        answers = unconfirmed(classify(stated, applied, fuse(stated, using)), seen)
    decision = Decision(answers, route, review, citations(answers), (*using.chosen, *notes(seen)))
    return Assessment(decision, record.record_of(seen, decision, using.hashes(), as_of))


def applies(case: Case, using: Knowledge) -> tuple[tuple[Guideline, Application], ...]:
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


def fuse(case: Case, using: Knowledge) -> dict[str, Risk | None]:
    """The risk of each finding, by tracking id."""
    return {f.tracking_id: using.fusion.risk(case, f) for f in case.findings}


def classify(
    case: Case, applied: tuple[tuple[Guideline, Application], ...], risks: dict[str, Risk | None]
) -> tuple[GuidelineDecision, ...]:
    """What each guideline that may apply says of the exam and of each of its findings."""
    return tuple(
        _read(case, guideline, application, risks)
        if application.applies != "no"
        else GuidelineDecision(application, None, ())
        for guideline, application in applied
    )


def _read(
    case: Case, guideline: Guideline, application: Application, risks: dict[str, Risk | None]
) -> GuidelineDecision:
    mine = [f for f in case.findings if f.kind == guideline.head["findings"]["kind"]]
    stated = [(f.tracking_id, facts.finding_facts(guideline, f)) for f in mine]
    assessed = guideline.head["findings"]["kind"] in case.assessed
    result = evaluate.classify(guideline, facts.exam_facts(guideline, case), stated, assessed=assessed)
    read = zip(mine, result.findings, strict=True)
    findings = tuple(FindingDecision(f, reading, risks[f.tracking_id]) for f, reading in read)
    due = due_date(case.exam.date, result.exam.facts.get("interval_months"))
    exam = replace(result.exam, facts={**result.exam.facts, "display": evaluate.display(guideline, result.exam)})
    return GuidelineDecision(application, exam, findings, due)


def without_nets(case: Case) -> Case:
    """The case as the rule-based route reads it: every neural belief is unknown."""
    findings = tuple(replace(f, facts=facts.without_nets(f.facts)) for f in case.findings)
    return replace(case, findings=findings, exam=replace(case.exam, facts=facts.without_nets(case.exam.facts)))


def unconfirmed(answers: tuple[GuidelineDecision, ...], seen: Case) -> tuple[GuidelineDecision, ...]:
    """The rule-based answers with what the nets said shown beside them, for a human to confirm."""
    said = {f.tracking_id: facts.neural(f.facts) for f in seen.findings}
    return tuple(
        replace(d, findings=tuple(replace(f, unconfirmed=said[f.finding.tracking_id]) for f in d.findings))
        for d in answers
    )


def conflicts(case: Case, applied: tuple[tuple[Guideline, Application], ...]) -> tuple[str, ...]:
    """Where sources contradict each other on what a guideline that may apply reads."""
    read = (guideline for guideline, application in applied if application.applies != "no")
    return tuple(dict.fromkeys(text for guideline in read for text in facts.conflicts(guideline, case)))


def unlike_training(case: Case) -> tuple[str, ...]:
    """Each finding at which a net looked and says that it was not made for what it saw, and why."""
    said = ((f.tracking_id, f.facts.get(OUTSIDE_TRAINING)) for f in case.findings)
    return tuple(f"{name}: {b.value}" for name, b in said if isinstance(b, Known))


def nets_that_spoke(case: Case, using: Knowledge) -> dict[str, bool]:
    """Each net with a belief in the case, by name; one that is not listed counts as not validated."""
    said = [case.exam.facts, *(f.facts for f in case.findings)]
    spoke = {b.source.reference for held in said for b in facts.neural(held).values() if b.source}
    known = {e.name: e.validated for e in using.extractors}
    return {reference: known.get(reference, False) for reference in sorted(spoke)}


def citations(answers: tuple[GuidelineDecision, ...]) -> tuple[str, ...]:
    """Every place of every guideline that the answer rests on, once."""
    traces = (t for d in answers if d.exam for t in (d.exam, *(f.reading for f in d.findings)))
    places = (f"{reading.guideline}: {step.citation}" for reading in traces for step in reading.trace)
    models = (f.risk.citation for d in answers for f in d.findings if f.risk)
    return tuple(dict.fromkeys((*places, *models)))


def notes(case: Case) -> tuple[str, ...]:
    """What the adapters chose or met on the way in."""
    return (*case.exam.notes, *(case.volume.notes if case.volume else ()), *case.patient.notes)
