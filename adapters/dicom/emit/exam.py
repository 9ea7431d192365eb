"""What is said of the exam as a whole: the container Qualitative Evaluations of TID 1500 (rows 12 to 14)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ....engine.record import Assessment
from ....engine.types import Decision, GuidelineDecision, Reading
from ...notice import INTENDED_USE, PRELIMINARY
from ...report.signed import Signed
from ..coded import Code
from . import items
from .lesions import categorised, question_of
from .stating import is_convention, stated
from .vocabulary import is_code, shipped_vocabulary

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

EVALUATIONS: Final = Code("UMLS", "C0034375", "Qualitative Evaluations")
NOTICE: Final = ":notice"
UNMENTIONED: Final = ":unmentioned"
INDICATION: Final = ":indication"
ASSESSED: Final = ":assessed"
DECISION_ID: Final = ":decision"
ROUTE: Final = ":route"
CONDITION: Final = ":condition"
REVIEW: Final = ":review"
CONFLICT: Final = ":conflict"
CITATION: Final = ":citation"
SIGNED: Final = ":signed"
OVERRIDDEN: Final = ":overridden"
SUPERSEDED: Final = ":superseded"
GAP: Final = ":silent"
UNCERTAINTY: Final = ":uncertainty"
NOT_PRESENT: Final = "not-present"
NOT_ASSESSED: Final = "not-assessed"
ONE_SD: Final = "The +/- of a measurement is one standard deviation."


def evaluations(assessment: Assessment, signed: Signed | None) -> Dataset:
    """The container: notice, how to read silence, the exam's facts, each guideline's answer, what a human must see."""
    decision, record = assessment.decision, assessment.record
    below = [
        *_notice(signed),
        _unmentioned(assessment),
        _coded(INDICATION, record.case.exam.indication.value),
        *(_coded(ASSESSED, kind) for kind in record.case.assessed),
        *stated("", record.case.exam.facts),
        *_answers(decision, signed),
        *_for_the_reader(decision),
        _text(DECISION_ID, record.decision_id),
        _coded(ROUTE, decision.route.value),
    ]
    return items.container(EVALUATIONS, below)


def _text(name: str, words: str) -> Dataset:
    return items.text(shipped_vocabulary().own(name, name.lstrip(":")), words)


def _coded(name: str, value: str) -> Dataset:
    words = shipped_vocabulary()
    if not is_code(f"{name}={value}"):
        return _text(name, value)
    return items.answer(words.own(name, name.lstrip(":")), words.own(f"{name}={value}", value))


def _notice(signed: Signed | None) -> Iterator[Dataset]:
    yield _text(NOTICE, INTENDED_USE)
    if signed is None:
        yield _text(NOTICE, PRELIMINARY)
        return
    yield _coded(SIGNED, signed.outcome)
    if signed.reason:
        yield _coded(f"{OVERRIDDEN} because", signed.reason)
    if signed.replaced_by:
        yield _text(SUPERSEDED, f"Another signed decision took the place of this one: {signed.replaced_by}")


def _unmentioned(assessment: Assessment) -> Dataset:
    """What it means that a feature is not mentioned: not present only where a reader's form said so of every lesion."""
    case = assessment.record.case
    held = [finding.facts.values() for finding in case.findings]
    of_form = bool(held) and all(any(map(is_convention, facts)) for facts in held)
    return _coded(UNMENTIONED, NOT_PRESENT if of_form else NOT_ASSESSED)


def _answers(decision: Decision, signed: Signed | None) -> Iterator[Dataset]:
    for guideline in decision.guidelines:
        if guideline.application.applies == "no":
            continue
        if guideline.application.applies == "conditional":
            yield from (_text(CONDITION, f"Conditional: {why}") for why in guideline.application.reasons)
        if guideline.exam is not None:
            yield from _answer(guideline, guideline.exam, _instead(guideline, signed))


def _instead(guideline: GuidelineDecision, signed: Signed | None) -> dict[str, str] | None:
    """What a human stated in the place of this guideline's answer; None where nobody overrode it."""
    said = dict(signed.override) if signed is not None and signed.outcome == "overridden" else {}
    if not said or said.get("guideline") not in (None, "", guideline.application.guideline):
        return None
    return {name: str(value) for name, value in said.items()}


def _answer(guideline: GuidelineDecision, reading: Reading, instead: dict[str, str] | None) -> Iterator[Dataset]:
    """The guideline's category and management; where a human overrode them, theirs, and what was put aside in words."""
    if instead is None:
        yield from categorised(reading)
        yield from _management(guideline, reading)
    else:
        if category := instead.get("category"):
            yield _overriding(reading.guideline, category)
        if management := instead.get("management"):
            yield items.text(shipped_vocabulary().recommendation.concept, f"{reading.guideline}: {management}")
        yield _text(OVERRIDDEN, f"Put aside by the signing human: {_in_words(guideline, reading)}")
    if reading.silent:
        others = f"; other readings: {', '.join(reading.alternatives)}" if reading.alternatives else ""
        yield _text(GAP, f"{reading.guideline} does not decide this spot; its default reading is given{others}")


def _overriding(guideline: str, category: str) -> Dataset:
    words, value = shipped_vocabulary(), f"{guideline}:{category}"
    if not is_code(value):
        return items.text(question_of(guideline), value)
    return items.answer(question_of(guideline), words.own(value, f"{guideline} category {category}"))


def _management(guideline: GuidelineDecision, reading: Reading) -> Iterator[Dataset]:
    """Management and due date, where a category is decided."""
    stated_one = reading.facts.get("management")
    if reading.category is None or not isinstance(stated_one, str) or not stated_one:
        return
    due = f"; due {guideline.due_date.isoformat()}" if guideline.due_date else ""
    yield items.text(shipped_vocabulary().recommendation.concept, f"{reading.guideline}: {stated_one}{due}")


def _in_words(guideline: GuidelineDecision, reading: Reading) -> str:
    category = reading.category or " or ".join(reading.possible) or "no category"
    management = reading.facts.get("management")
    return f"{guideline.application.guideline} {category}" + (f", {management}" if management else "")


def _for_the_reader(decision: Decision) -> Iterator[Dataset]:
    """What a human must see: reasons of review, conflicts, citations."""
    if decision.review.required:
        yield _coded(REVIEW, decision.review.priority.value)
        yield from (_text(REVIEW, reason.text) for reason in decision.review.reasons)
    for one in decision.conflicts:
        low, high = one.interval
        yield _text(
            CONFLICT,
            f"{one.finding}: {one.guideline} {one.category} is printed with {one.band[0]:g} to {one.band[1]:g}; "
            f"{one.model} says {one.risk:.3f} ({low:.3f} to {high:.3f})",
        )
    yield _text(UNCERTAINTY, ONE_SD)
    yield from (_text(CITATION, citation) for citation in decision.citations)
