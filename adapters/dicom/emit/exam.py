"""What is said of the exam as a whole: the container Qualitative Evaluations of TID 1500 (rows 12 to 14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ....engine.record import Assessment
from ....engine.types import Decision, GuidelineDecision, Reading
from ...notice import INTENDED_USE, PRELIMINARY
from ...report.overridden import apart, overrides, set_aside, stated_management
from ...report.plain_names import in_words
from ...report.signed import Signed
from ...report.view import spoken_of
from ..coded import Code
from . import items
from .lesions import OVERRIDDEN, categorised, question_of
from .stating import is_convention, stated
from .vocabulary import is_code, shipped_vocabulary

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

EVALUATIONS: Final = Code("UMLS", "C0034375", "Qualitative Evaluations")
NOTICE: Final = ":notice"
READER: Final = ":reader"
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
GAP: Final = ":silent"
UNCERTAINTY: Final = ":uncertainty"
NOT_PRESENT: Final = "not-present"
NOT_ASSESSED: Final = "not-assessed"
ONE_SD: Final = "The +/- of a measurement is one standard deviation."


def evaluations(assessment: Assessment, signed: Signed | None, reader: str = "") -> Dataset:
    """The container: notice, how to read silence, the exam's facts, each guideline's answer, what a human must see.

    ``reader``: whose statements the findings are. Of a report that nobody signed they are no observer (see ``report``).
    """
    decision, record = assessment.decision, assessment.record
    below = [
        *_notice(signed, reader),
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


def _notice(signed: Signed | None, reader: str) -> Iterator[Dataset]:
    yield _text(NOTICE, INTENDED_USE)
    if signed is None:
        yield _text(NOTICE, PRELIMINARY)
        if reader:
            yield _text(READER, f"Findings as stated by {reader}, who has not signed this report")
        return
    yield _coded(SIGNED, signed.outcome)
    if signed.reason:
        yield _coded(f"{OVERRIDDEN} because", signed.reason)


def _unmentioned(assessment: Assessment) -> Dataset:
    """What it means that a feature is not mentioned: not present only where a reader's form said so of every lesion."""
    case = assessment.record.case
    held = [finding.facts.values() for finding in case.findings]
    of_form = bool(held) and all(any(map(is_convention, facts)) for facts in held)
    return _coded(UNMENTIONED, NOT_PRESENT if of_form else NOT_ASSESSED)


def _answers(decision: Decision, signed: Signed | None) -> Iterator[Dataset]:
    if signed is not None and apart(decision, signed):
        yield from _overriding(str(signed.override.get("guideline") or ""), signed.override)
    for guideline in decision.guidelines:
        if guideline.application.applies == "no":
            continue
        if guideline.application.applies == "conditional":
            known = (guideline.application.guideline,)
            why = (in_words(reason, known) for reason in guideline.application.reasons)
            yield from (_text(CONDITION, f"Conditional: {words}") for words in why)
        if guideline.exam is not None:
            yield from _answer(guideline, guideline.exam, decision, signed)
        elif signed is not None and guideline in overrides(decision, signed):
            yield from _overriding(guideline.application.guideline, signed.override)


def _answer(
    guideline: GuidelineDecision, reading: Reading, decision: Decision, signed: Signed | None
) -> Iterator[Dataset]:
    """The guideline's category and management; where a human overrode them, theirs, and what was put aside in words."""
    if signed is None or guideline not in set_aside(decision, signed):
        yield from categorised(reading)
        yield from _management(guideline, reading)
    else:
        if guideline in (stated := overrides(decision, signed)):
            named = signed.override.get("guideline") or len(stated) == 1  # of several it is words alone, as in FHIR
            yield from _overriding(reading.guideline if named else "", signed.override)
        yield _text(OVERRIDDEN, f"Put aside by the signing human: {_in_words(guideline, reading)}")
    if reading.silent:
        others = f"; other readings: {', '.join(reading.alternatives)}" if reading.alternatives else ""
        yield _text(GAP, f"{reading.guideline} does not decide this spot; its default reading is given{others}")


def _overriding(guideline: str, said: Mapping[str, Any]) -> Iterator[Dataset]:
    """What the human stated, by the guideline and edition that they named, or in whose place they stated it."""
    words, named = shipped_vocabulary(), guideline or "no guideline named"
    category, management = str(said.get("category") or ""), stated_management(said)
    value = f"{guideline}:{category}"
    if category and guideline and is_code(value):
        yield items.answer(question_of(guideline), words.own(value, f"{guideline} category {category}"))
    elif category:
        yield items.text(question_of(guideline), f"{named}: {category}")
    if management:
        yield items.text(words.recommendation.concept, f"{named}: {management}")
    if not category and not management:
        yield _text(OVERRIDDEN, f"{named}: the signing human set the program's answer aside and stated no other")


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
        yield from (_text(REVIEW, in_words(reason.text, spoken_of(decision))) for reason in decision.review.reasons)
    for one in decision.conflicts:
        low, high = one.interval
        yield _text(
            CONFLICT,
            f"{one.finding}: {one.guideline} {one.category} is printed with {one.band[0]:g} to {one.band[1]:g}; "
            f"{one.model} says {one.risk:.3f} ({low:.3f} to {high:.3f})",
        )
    yield _text(UNCERTAINTY, ONE_SD)
    yield from (_text(CITATION, citation) for citation in decision.citations)
