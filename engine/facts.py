"""One guideline's inputs, from what is known of exam, patient and finding.

A human's or report's statement comes first, then the patient's record, then what an image
procedure measured, then a reader's form's convention. What nobody said stays unknown. Nets are
kept apart: the gate decides whether they may be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from .before import Before
from .types import (
    Belief,
    Case,
    Classes,
    Facts,
    Finding,
    Indication,
    Known,
    Measured,
    Source,
    SourceKind,
    Unknown,
    is_neural,
)

if TYPE_CHECKING:  # the record asks for what nets said, and no rules
    from .guideline.load import Guideline

ORDER = (
    SourceKind.HUMAN,
    SourceKind.REPORT,
    SourceKind.RECORD,
    SourceKind.IMAGE,
    SourceKind.NET,
    SourceKind.CONVENTION,
)


def exam_facts(guideline: Guideline, case: Case) -> Facts:
    """The guideline's exam and patient inputs that anything is said about."""
    given = dict(case.exam.facts)
    given["indication"] = Known(case.exam.indication.value, Source(SourceKind.HUMAN, "indication of the exam"))
    if case.exam.indication is Indication.UNKNOWN and "indication" in case.exam.facts:
        given["indication"] = case.exam.facts["indication"]
    found = {n: given[n] for n in names(guideline, ("exam", "patient")) if n in given}
    for name, fact in _fed(guideline):
        if fact in case.patient.facts:
            found[name] = stronger(found.get(name), case.patient.facts[fact])
    return found


def finding_facts(guideline: Guideline, finding: Finding) -> Facts:
    """The guideline's finding inputs that anything is said about."""
    return {n: finding.facts[n] for n in names(guideline, ("finding",)) if n in finding.facts}


def conflicts(guideline: Guideline, case: Case) -> Iterator[str]:
    """Where the patient's record or the images say otherwise than the reader, in words without values."""
    for name, fact in _fed(guideline):
        stated, recorded = case.exam.facts.get(name), case.patient.facts.get(fact)
        if _disagree(stated, recorded):
            yield f"{name}: the reader states it otherwise than the record ({_reference(recorded)})"
    imaged, whole = case.exam.facts.get("lungs_imaged"), case.exam.facts.get("lungs_fully_evaluable")
    cut = isinstance(imaged, Known) and imaged.value != "whole"
    if "lungs_fully_evaluable" in guideline.inputs and cut and isinstance(whole, Known) and whole.value is True:
        yield f"the lungs are stated to be fully evaluable, the images do not show them whole ({_reference(imaged)})"


def _disagree(stated: Belief | None, recorded: Belief | None) -> bool:
    said = isinstance(stated, Known) and stated.source.kind is not SourceKind.CONVENTION
    return said and isinstance(recorded, Known) and isinstance(stated, Known) and stated.value != recorded.value


def _reference(belief: Belief | None) -> str:
    return belief.source.reference if belief is not None and belief.source is not None else "no reference"


def names(guideline: Guideline, scopes: tuple[str, ...]) -> Iterator[str]:
    """Names of facts in those scopes; a set has one for each of its features."""
    for name, (scope, i) in guideline.inputs.items():
        if scope in scopes:
            yield from (f"{name}.{v}" for v in i["values"]) if i["type"] == "set" else (name,)


def _fed(guideline: Guideline) -> Iterator[tuple[str, str]]:
    """(input, patient fact that gives it)."""
    for name, (_, i) in guideline.inputs.items():
        if "fact" in i:
            yield name, i["fact"]
        yield from ((f"{name}.{value}", fact) for value, fact in i.get("facts", {}).items())


def stronger(stated: Belief | None, other: Belief) -> Belief:
    """Of two beliefs the one that is known, and of two known ones that of the stronger source."""
    if stated is None or (isinstance(stated, Unknown) and not isinstance(other, Unknown)):
        return other
    if isinstance(other, Unknown) or other.source is None or stated.source is None:
        return stated
    return other if ORDER.index(other.source.kind) < ORDER.index(stated.source.kind) else stated


def every(case: Case) -> dict[str, Facts]:
    """All facts of a case by where they are: "exam", "patient", and each finding by its tracking id."""
    return {"exam": case.exam.facts, "patient": case.patient.facts, **{f.tracking_id: f.facts for f in case.findings}}


def each(case: Case, change: Callable[[Facts], Facts]) -> Case:
    """The case with the facts of exam, patient and every finding changed alike, earlier exams' included."""
    findings = tuple(replace(f, facts=change(f.facts), before=_before(f, change)) for f in case.findings)
    exam, patient = (
        replace(case.exam, facts=change(case.exam.facts)),
        replace(case.patient, facts=change(case.patient.facts)),
    )
    return replace(case, findings=findings, exam=exam, patient=patient)


def _before(finding: Finding, change: Callable[[Facts], Facts]) -> Before | Unknown | None:
    before = finding.before
    return replace(before, facts=change(before.facts)) if isinstance(before, Before) else before


def is_uncertain(belief: Belief) -> bool:
    """Whether it is a probability for each class, or a number with an error."""
    return isinstance(belief, Classes | Measured)


def sharpest(facts: Facts) -> Facts:
    """The facts with every uncertain belief at its most probable value; of equally probable ones the first by name."""
    return {n: _sharp(b) for n, b in facts.items()}


def _sharp(belief: Belief) -> Belief:
    if isinstance(belief, Measured):
        return Known(Decimal(f"{belief.mean:.2f}"), belief.source)
    if not isinstance(belief, Classes):
        return belief
    p = belief.probabilities
    name = max(sorted(p), key=p.__getitem__)
    return Known(name == "yes" if p.keys() <= {"yes", "no"} else name, belief.source)


def without_nets(facts: Facts) -> Facts:
    """The facts with every neural belief made unknown, as the rule-based route reads them."""
    return {n: Unknown("a net's belief, withheld on this route") if is_neural(b) else b for n, b in facts.items()}


def neural(facts: Mapping[str, Belief]) -> Facts:
    """The neural beliefs among the facts."""
    return {n: b for n, b in facts.items() if is_neural(b)}
