"""FamilyMemberHistory -> what it says of diseases in the family.

hl7.org/fhir/R4/familymemberhistory.html. A relative recorded without the disease says nothing of the
other relatives, so this never says no.
"""

from __future__ import annotations

from datetime import date

from .bundle import Record, Resource
from .coding import codings, objects
from .ledger import MARKED, Standing
from .said import Gathered, Said, Weight, from_record
from .vocabulary import Meaning, Vocabulary
from .when import Place, place, stated

TAKEN = (None, "completed", "partial")


def gather(record: Record, vocabulary: Vocabulary, exam_date: date | None, into: Gathered) -> None:
    """Read every FamilyMemberHistory of the record."""
    for reference, resource in record.of("FamilyMemberHistory"):
        _read(reference, resource, vocabulary, exam_date, into)


def _read(reference: str, resource: Resource, vocabulary: Vocabulary, exam_date: date | None, into: Gathered) -> None:
    if resource.get("status") == "entered-in-error":
        into.tally.in_error += 1
        for fact, disease in vocabulary.relatives_of.items():
            if _meanings(resource, disease, vocabulary):
                into.ledger.add(fact, reference, Standing.IN_ERROR, stated(resource, "date"), why=MARKED)
        return
    when = stated(resource, "date")
    late = when is not None and place(when, exam_date) is not Place.BY_EXAM  # most histories carry no date
    into.tally.after_exam += late
    for fact, disease in vocabulary.relatives_of.items():
        meanings = _meanings(resource, disease, vocabulary)
        weight, why = _weigh(resource, meanings, vocabulary, late)
        standing = Standing.STATED if weight is Weight.STATES else Standing.SUSPECTED
        value, says = (True, meanings[0].display) if meanings else (None, "")
        into.ledger.add(fact, reference, Standing.NOT_BY_EXAM if late else standing, when, value, says, why)
        into.add(fact, Said(weight, from_record(reference, when), when, why=f"{reference} {why}" if why else ""))


def _meanings(resource: Resource, disease: str, vocabulary: Vocabulary) -> list[Meaning]:
    return [
        meaning
        for condition in objects(resource.get("condition"))
        for system, code in codings(condition.get("code"))
        for meaning in vocabulary.meanings_of(system, code)
        if meaning.fact == disease
    ]


def _weigh(resource: Resource, meanings: list[Meaning], vocabulary: Vocabulary, late: bool) -> tuple[Weight, str]:
    if late:
        return Weight.RAISES, "lies after the exam"
    if resource.get("status") not in TAKEN:
        return Weight.RAISES, "says that the family's health is not known"
    if any(coding in vocabulary.not_blood for coding in codings(resource.get("relationship"))):
        return Weight.RAISES, "is about somebody who is not a blood relative"
    if any(meaning.value is True for meaning in meanings):
        return Weight.STATES, ""
    if meanings:
        return Weight.RAISES, "raises the question and does not settle it"
    return Weight.RAISES, "is about one relative and names no such disease; the others stay open"
