"""What models say of a finding: a RiskAssessment for each network and published model.

R4 states probabilities of a RiskAssessment in percent, 100 at most. A Range would take the number's place, so that a
network's interval stands in the extension AIconfidence. A model that gave no number is no assessment.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....engine.types import Risk
from ...report.view import Lesion, lesions
from ...report.words import clean, label, plain_words, term
from . import terms
from .devices import engine_urn, model_urn
from .lesions import lesion_urn
from .parts import Json, concept, note, number, percent_of, percentage, reference, some
from .sending import Entry, Sending


def assessments(sending: Sending) -> list[Entry]:
    """Of every finding, every model that gave a number."""
    return [
        Entry(risk_urn(sending, found, risk), _assessment(sending, found, risk))
        for found in lesions(sending.assessment)
        for risk in found.risks
        if risk.probability is not None
    ]


def risk_urn(sending: Sending, found: Lesion, risk: Risk) -> str:
    """The name of a model's answer on a finding."""
    return sending.urn("risk", risk.model, found.finding.tracking_id)


def _assessment(sending: Sending, found: Lesion, risk: Risk) -> Json:
    exam = sending.assessment.record.case.exam
    performer = engine_urn(sending) if risk.grounds is None else model_urn(sending, risk.model)
    return some(
        **sending.about("RiskAssessment", risk_urn(sending, found, risk)),
        status=sending.finding_status,
        method=concept(text=term("models", risk.model) or "a model without a name"),
        code=_outcome(sending, risk),
        subject=sending.subject,
        occurrenceDateTime=exam.date.isoformat() if exam.date else None,
        performer=reference(performer),
        basis=[reference(lesion_urn(sending, found)), *_inputs(risk)],
        prediction=[_prediction(sending, risk)],
        note=note(*_notes(risk)),
    )


def _inputs(risk: Risk) -> Iterator[Json]:
    """What the model was told. The case holds values and no resources, so that each is named and not pointed to."""
    for name, value in risk.inputs.items():
        said = clean(f"{label(name)}: {plain_words(name, value)}")
        yield {"display": said}


def _prediction(sending: Sending, risk: Risk) -> Json:
    grounds = risk.grounds
    interval = {}
    if grounds is not None:
        low, high = map(percentage, grounds.interval)
        url = terms.codes().extensions["ai_confidence"].url
        interval = {"extension": [{"url": url, "valueRange": {"low": low, "high": high}}]}
    return some(
        **interval,
        outcome=_outcome(sending, risk),
        probabilityDecimal=number(percent_of(risk.probability or 0.0)),
        rationale=f"The interval is the central {grounds.level:.0%} over the ranges of the network's uncertain numbers."
        if grounds
        else None,
    )


def _outcome(sending: Sending, risk: Risk) -> Json:
    """What is predicted: malignancy by published models of a finding, a network's target by a network."""
    if risk.grounds is None:
        return sending.own("malignant")
    state = risk.grounds.state
    known = state in terms.codes().observables
    return sending.own(state) if known else concept(text=f"{risk.grounds.target}: {state}")


def _notes(risk: Risk) -> Iterator[str]:
    yield f"Valid for: {risk.domain}" if risk.domain else ""
    yield f"Source: {risk.citation}" if risk.citation else ""
    yield risk.why
    if risk.missing:
        yield f"Not known: {', '.join(map(label, risk.missing))}."
    yield from (f"Contradiction: {text}" for text in risk.contradictions)
