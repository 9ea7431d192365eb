"""Procedure -> what it says of treatments.

hl7.org/fhir/R4/procedure.html: status, code, performed[x], reasonCode, reasonReference. Ablation or chemotherapy is
done for many reasons: such a code counts only where the Procedure gives the one that the value set asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from .bundle import Record, Resource
from .coding import objects
from .ledger import MARKED, Standing
from .said import Gathered, Said, Weight, from_record
from .vocabulary import Meaning, Vocabulary
from .when import Place, When, place, stated

DONE = (None, "completed")
IN_ERROR, NOT_DONE = "entered-in-error", "not-done"


def gather(record: Record, vocabulary: Vocabulary, exam_date: date | None, into: Gathered) -> None:
    """Read every Procedure of the record; those in no value set say nothing."""
    for reference, resource in record.of("Procedure"):
        meanings = vocabulary.all_meanings(resource.get("code"))
        if meanings:
            reasons = frozenset(_reasons(resource, record, vocabulary)) if any(m.because_of for m in meanings) else ()
            when = stated(resource, "performedDateTime", "performedPeriod")
            status = resource.get("status")
            into.tally.in_error += status == IN_ERROR
            into.tally.after_exam += status not in (IN_ERROR, NOT_DONE) and place(when, exam_date) is Place.AFTER
            for meaning in meanings:
                standing, why = _weigh(resource, meaning, reasons, when, exam_date)
                _say(into, meaning, reference, when, standing, why)


def _say(into: Gathered, meaning: Meaning, reference: str, when: When | None, standing: Standing, why: str) -> None:
    value = meaning.value if meaning.value is not None else True
    into.ledger.add(meaning.fact, reference, standing, when, value, meaning.display, why)
    if standing not in (Standing.IN_ERROR, Standing.NOT_DONE):
        weight = Weight.RAISES if why else Weight.STATES
        source = from_record(reference, when)
        into.add(meaning.fact, Said(weight, source, when, value, f"{reference} {why}" if why else ""))


def _weigh(
    resource: Resource,
    meaning: Meaning,
    reasons: frozenset[str] | tuple[()],
    when: When | None,
    exam_date: date | None,
) -> tuple[Standing, str]:
    status, where = resource.get("status"), place(when, exam_date)
    if status in (IN_ERROR, NOT_DONE):
        why = "was not done, which says nothing of other occasions"
        return (Standing.IN_ERROR, MARKED) if status == IN_ERROR else (Standing.NOT_DONE, why)
    if where is not Place.BY_EXAM:
        return Standing.NOT_BY_EXAM, f"lies {where}"
    if status not in DONE:
        return Standing.NOT_FINAL, "is not recorded as completed"
    return _says(meaning, reasons)


def _says(meaning: Meaning, reasons: frozenset[str] | tuple[()]) -> tuple[Standing, str]:
    if meaning.value is None:
        return Standing.SUSPECTED, f'("{meaning.display}") raises the question and does not settle it'
    if meaning.because_of and meaning.because_of not in reasons:
        return Standing.SUSPECTED, f'("{meaning.display}") does not say that it was done for this disease'
    return Standing.STATED, ""


def _reasons(resource: Resource, record: Record, vocabulary: Vocabulary) -> Iterator[str]:
    """The facts that the Procedure gives as its reason, by code or by a Condition of the record."""
    concepts = list(objects(resource.get("reasonCode")))
    named = [reason.get("reference") for reason in objects(resource.get("reasonReference"))]
    wanted = {reference for reference in named if isinstance(reference, str)}
    for reference, condition in record.of("Condition") if wanted else ():
        if wanted & {reference, f"urn:uuid:{condition.get('id')}"}:
            concepts.append(condition.get("code", {}))
    for concept in concepts:
        yield from (meaning.fact for meaning in vocabulary.all_meanings(concept) if meaning.value is True)
