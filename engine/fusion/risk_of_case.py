"""A published model's inputs from beliefs: a finding's facts, the patient's, and how many findings there are.

Which fact fills which input, and whom a model is not for, is data of ``knowledge/risk_models/``. Class probabilities
are not turned into a class; a measurement with an error enters with its mean, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ..errors import BadValue, Contradiction
from ..types import (
    Belief,
    Classes,
    Facts,
    Finding,
    Known,
    Measured,
    NotApplicable,
    Patient,
    Risk,
    Source,
    SourceKind,
    Unknown,
)
from .risk_answer import RiskAnswer, checked, coherent, evaluate, model, zeros
from .risk_model import Circumstance, Input, InputValue, Model

BROCK = ("brock", "brock-without-spiculation")
COUNT = "nodule_count"
_OF_EXAM = Source(SourceKind.REPORT, "number of findings of the exam")


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known, by place."""

    finding: Facts
    patient: Facts
    count: Belief | None

    def of(self, case: Circumstance) -> Belief | None:
        """What is believed of a case's fact."""
        if case.place == "count":
            return self.count
        return (self.finding if case.place == "finding" else self.patient).get(case.fact)

    def sources(self, entry: Input) -> Iterator[tuple[str, Belief]]:
        """Each fact that may fill an input and is there, in order."""
        if entry.count and self.count:
            yield COUNT, self.count
        for facts, names in ((self.finding, entry.finding), (self.patient, entry.patient)):
            yield from ((name, facts[name]) for name in names if name in facts)


def brock_of(finding: Finding, patient: Patient, nodule_count: int, *, model_id: str = "brock") -> Risk:
    """The Brock risk of one nodule.

    The size is the longest diameter, on which the model was fitted, or the mean diameter where only that is
    known; ``why`` then says so.

    Args:
        finding: a nodule with the facts type, long_mm or mean_mm, upper_lobe, spiculation.
        patient: with the facts age_years, sex, emphysema, family_history_lung_cancer.
        nodule_count: nodules on the scan, at least 1.
        model_id: "brock" or "brock-without-spiculation".

    Returns, Raises: as ``of_case``; BadValue too where the model is another.
    """
    if model_id not in BROCK:
        raise BadValue("brock_of", "model_id", "another model", ", ".join(BROCK), "Name one of these.")
    return of_case(model_id, finding, patient, nodule_count)


def of_case(model_id: str, finding: Finding, patient: Patient, count: int) -> Risk:
    """A model's risk of one finding, for a decision. ``count``: findings of its kind on the exam, at least 1.

    Returns:
        ``probability`` is None where an input is missing, or where the finding or the patient is out of the model's
        domain; ``why`` says which and why.

    Raises:
        BadValue: ``count`` is below 1, no such model, or one that answers a score.
        CalculationError: the formula has no finite value.
    """
    asked = model(model_id)
    if asked.answers != "probability":
        raise BadValue(f"risk {model_id}", "model", "a score", "a model of a probability", "Ask of_patient for it.")
    return _as_risk(*_answered(asked, _Told(finding.facts, patient.facts, _counted(model_id, count))))


def of_patient(model_id: str, facts: Facts) -> tuple[RiskAnswer, Mapping[str, str]]:
    """A model's answer from the facts of a patient alone, and why each input that is missing is so.

    Raises:
        BadValue: no such model. CalculationError: the formula has no finite value.
    """
    return _answered(model(model_id), _Told({}, facts, None))


def facts_of(model_id: str) -> dict[str, tuple[str, ...]]:
    """For each input of a model the patient's facts that may fill it, in order; none where the patient's do not.

    Raises:
        BadValue: no such model.
    """
    return {name: entry.patient for name, entry in model(model_id).inputs.items()}


def _counted(model_id: str, count: int) -> Known:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise BadValue(f"risk {model_id}", COUNT, "no count", "a whole number from 1", "Count the findings.")
    return Known(Decimal(count), _OF_EXAM)


def _answered(asked: Model, told: _Told) -> tuple[RiskAnswer, dict[str, str]]:
    values: dict[str, InputValue] = {}
    whys: dict[str, str] = {}
    for name, entry in asked.inputs.items():
        found = _value(asked, name, entry, told)
        if isinstance(found, Unknown):
            whys[name] = found.why
        else:
            values[name] = found
    against = _against(asked, values)
    implied = {} if against else zeros(asked, values)
    outside = (*(case.says for case in asked.not_for if case.holds(told.of(case))), *against)
    notes = (*_care(asked, told), *_stand_ins(asked, told))
    answer = evaluate(asked, {**values, **implied}, outside, notes)
    return answer, {name: why for name, why in whys.items() if name in answer.missing}


def _care(asked: Model, told: _Told) -> Iterator[str]:
    yield from (case.says for case in asked.care if case.holds(told.of(case)))
    if asked.meant_for and not any(case.holds(told.of(case)) for case in asked.meant_for):
        yield asked.unless_meant


def _against(asked: Model, values: Mapping[str, InputValue]) -> tuple[str, ...]:
    """Inputs of the record that cannot both be true: said, and no number reaches a decision."""
    try:
        coherent(asked, values)
        zeros(asked, values)
    except Contradiction as error:
        return (f"{error.field} is {error.found}",)
    return ()


def _as_risk(answer: RiskAnswer, whys: Mapping[str, str]) -> Risk:
    number = answer.probability
    return Risk(
        model=answer.model,
        probability=None if answer.out_of_domain else number,
        inputs=answer.inputs,
        domain=answer.domain,
        citation=answer.citation,
        why="; ".join((*(f"{n}: {why}" for n, why in whys.items()), *answer.out_of_domain, *answer.notes)),
        missing=answer.missing,
    )


def _value(asked: Model, name: str, entry: Input, told: _Told) -> InputValue | Unknown:
    """The first of the facts that may fill the input and is known, as a value the model takes."""
    beliefs = [belief for _, belief in told.sources(entry)]
    usable = next((b for b in beliefs if _usable(b, entry)), None)
    if usable is None:
        return Unknown(_why_not(beliefs[0]) if beliefs else "nobody stated it")
    value = _read(usable, entry)
    try:
        return checked(asked, name, value)
    except BadValue as error:  # a cyst, a size of 0 mm: the model has no word for it
        return Unknown(f"{error.found} is not what the model takes ({error.allowed})")


def _usable(belief: Belief, entry: Input) -> bool:
    if isinstance(belief, NotApplicable):
        return entry.not_applicable is not None
    return isinstance(belief, Known | Measured)


def _read(belief: Belief, entry: Input) -> object:
    """A belief as the input's value, by the words or the threshold of the model's file."""
    if isinstance(belief, Measured):
        return belief.mean
    if not isinstance(belief, Known):
        return entry.not_applicable
    if entry.met_from is not None and isinstance(belief.value, Decimal):
        return belief.value >= Decimal(str(entry.met_from))
    return entry.reads.get(belief.value, belief.value) if isinstance(belief.value, str) else belief.value


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


def _stand_ins(asked: Model, told: _Told) -> Iterator[str]:
    """A sentence where a fact stands in for the one that the model was fitted on, or carries an error."""
    for name, entry in asked.inputs.items():
        used = next(((fact, b) for fact, b in told.sources(entry) if isinstance(b, Known | Measured)), None)
        if used is None:
            continue
        fact, belief = used
        if entry.prefers and fact != entry.prefers:
            yield f"{name} is {fact}; the model was fitted on {entry.prefers}"
        if isinstance(belief, Measured):
            yield f"{name} is a measurement of {belief.mean:g} ± {belief.sd:g} {belief.unit}"
        if isinstance(belief, Known) and belief.source.kind is SourceKind.CONVENTION:
            yield f"{name} is taken from what the reader's form leaves out, by its convention"
