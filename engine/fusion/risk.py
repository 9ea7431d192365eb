"""Published risk models: one evaluator for the formulas of ``knowledge/risk_models/``, on stated inputs or a case.

What is not known is named, never assumed: a missing input gives no number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import BadValue
from ..types import Belief, Classes, Facts, Finding, Known, Measured, NotApplicable, Patient, Risk, SourceKind, Unknown
from .risk_answer import RiskAnswer, check_names, checked, evaluate, model, models, zeros
from .risk_model import Input, InputValue, Model

__all__ = ["RiskAnswer", "brock_of", "models", "risk"]

BROCK = ("brock", "brock-without-spiculation")


def risk(model_id: str, inputs: Mapping[str, Any]) -> RiskAnswer:
    """The model's answer for these inputs; None is unknown, like an input that is not given.

    Raises:
        BadValue: no such model, or a value that the input cannot have.
        UnknownField: an input that the model does not have.
        Contradiction: two inputs that cannot both be true.
        CalculationError: the formula has no finite value here.
    """
    asked = model(model_id)
    check_names(asked, inputs)
    values = {name: checked(asked, name, value) for name, value in inputs.items() if value is not None}
    values |= zeros(asked, values)
    return evaluate(asked, values)


def brock_of(finding: Finding, patient: Patient, nodule_count: int, *, model_id: str = "brock") -> Risk:
    """The Brock risk of one nodule.

    The size is the longest diameter, on which the model was fitted, or the mean diameter where only that is
    known; ``why`` then says so. A measurement with an error enters with its mean. Class probabilities are not
    turned into a class.

    Args:
        finding: a nodule with the facts type, long_mm or mean_mm, upper_lobe, spiculation.
        patient: with the facts age_years, sex, emphysema, family_history_lung_cancer.
        nodule_count: nodules on the scan, at least 1.
        model_id: "brock" or "brock-without-spiculation".

    Returns:
        ``probability`` is None where an input is missing or out of the model's domain; ``why`` says which and why.

    Raises:
        BadValue: ``nodule_count`` is below 1, or no such model.
    """
    if model_id not in BROCK:
        raise BadValue("brock_of", "model_id", "another model", ", ".join(BROCK), "Name one of these.")
    asked = model(model_id)
    count = checked(asked, "nodule_count", nodule_count)
    values: dict[str, InputValue] = {}
    reasons: list[str] = []
    for name, entry in asked.inputs.items():
        found = count if entry.count else _value(asked, name, entry, finding.facts, patient.facts)
        if isinstance(found, Unknown):
            reasons.append(f"{name}: {found.why}")
        else:
            values[name] = found
    return _as_risk(evaluate(asked, values, tuple(_stand_ins(asked, finding.facts))), reasons)


def _as_risk(answer: RiskAnswer, reasons: list[str]) -> Risk:
    usable = not answer.out_of_domain
    return Risk(
        model=answer.model,
        probability=answer.probability if usable else None,
        inputs=answer.inputs,
        domain=answer.domain,
        citation=answer.citation,
        why="; ".join((*reasons, *answer.out_of_domain, *answer.notes)),
        missing=answer.missing,
    )


def _value(asked: Model, name: str, entry: Input, of_finding: Facts, of_patient: Facts) -> InputValue | Unknown:
    """The first of the facts that may fill the input and is known, as a value the model takes."""
    beliefs = [facts[fact] for facts, fact in _sources(entry, of_finding, of_patient) if fact in facts]
    usable = next((b for b in beliefs if isinstance(b, Known | Measured)), None)
    if usable is None:
        return Unknown(_why_not(beliefs[0]) if beliefs else "nobody stated it")
    try:
        return checked(asked, name, usable.value if isinstance(usable, Known) else usable.mean)
    except BadValue as error:  # a cyst, a size of 0 mm: the model has no word for it
        return Unknown(f"{error.found} is not what the model takes ({error.allowed})")


def _sources(entry: Input, of_finding: Facts, of_patient: Facts) -> Iterator[tuple[Facts, str]]:
    yield from ((of_finding, fact) for fact in entry.finding)
    yield from ((of_patient, fact) for fact in entry.patient)


def _why_not(belief: Belief) -> str:
    match belief:
        case Unknown():
            return belief.why
        case NotApplicable():
            return "not applicable"
        case Classes():
            return "only a probability for each class is known"
        case _:
            return "not known"


def _stand_ins(asked: Model, facts: Facts) -> Iterator[str]:
    """A sentence where a fact stands in for the one that the model was fitted on, or carries an error."""
    for name, entry in asked.inputs.items():
        used = next((fact for fact in entry.finding if isinstance(facts.get(fact), Known | Measured)), None)
        if used and entry.prefers and used != entry.prefers:
            yield f"{name} is {used}; the model was fitted on {entry.prefers}"
        belief = facts.get(used) if used else None
        if isinstance(belief, Measured):
            yield f"{name} is a measurement of {belief.mean:g} ± {belief.sd:g} {belief.unit}"
        if isinstance(belief, Known) and belief.source.kind is SourceKind.CONVENTION:
            yield f"{name} is taken from what the reader's form leaves out, by its convention"
