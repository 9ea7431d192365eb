"""Condition -> what it says of the facts.

hl7.org/fhir/R4/condition.html: clinicalStatus, verificationStatus, onset, abatement, recordedDate.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from .bundle import Record, Resource
from .coding import codings, objects, status_code
from .ledger import MARKED, Standing
from .said import Gathered, Said, Weight, from_record
from .vocabulary import Meaning, Vocabulary
from .when import Place, When, place, stated

ACTIVE = (None, "active", "recurrence", "relapse")  # None: an older export that leaves the status out
GONE = "resolved"
QUIET = ("inactive", "remission")
CONFIRMED = (None, "confirmed")
SUSPECTED = ("unconfirmed", "provisional", "differential")


def gather(record: Record, vocabulary: Vocabulary, exam_date: date | None, into: Gathered) -> None:
    """Read every Condition of the record; those in no value set say nothing."""
    for reference, resource in record.of("Condition"):
        meanings = vocabulary.all_meanings(resource.get("code"))
        if meanings:
            _read(reference, resource, meanings, vocabulary, exam_date, into)


def _read(
    reference: str,
    resource: Resource,
    meanings: Iterable[Meaning],
    vocabulary: Vocabulary,
    exam_date: date | None,
    into: Gathered,
) -> None:
    when = stated(resource, "onsetDateTime", "onsetPeriod", "recordedDate")
    in_error = status_code(resource.get("verificationStatus")) == "entered-in-error"
    into.tally.in_error += in_error
    into.tally.after_exam += not in_error and place(when, exam_date) is Place.AFTER
    for meaning in meanings:
        value = meaning.value if meaning.value is not None else True
        if in_error:
            into.ledger.add(meaning.fact, reference, Standing.IN_ERROR, when, value, meaning.display, MARKED)
            continue
        word = _weigh(resource, meaning, vocabulary.facts[meaning.fact].holds, when, exam_date)
        into.ledger.add(meaning.fact, reference, word.standing, when, value, meaning.display, word.why)
        why = f"{reference} {word.why}" if word.why else ""
        into.add(meaning.fact, Said(word.weight, from_record(reference, when), when, value, why))


class _Word(NamedTuple):
    weight: Weight
    standing: Standing
    why: str = ""


_STATES, _ENDED = _Word(Weight.STATES, Standing.STATED), _Word(Weight.ENDED, Standing.ENDED)


def _open(standing: Standing, why: str) -> _Word:
    return _Word(Weight.RAISES, standing, why)


def _weigh(resource: Resource, meaning: Meaning, holds: str | None, when: When | None, exam_date: date | None) -> _Word:
    where = place(when, exam_date)
    if where is not Place.BY_EXAM:
        return _open(Standing.NOT_BY_EXAM, f"lies {where}")
    if meaning.value is None or meaning.because_of:
        return _open(Standing.SUSPECTED, f'("{meaning.display}") raises the question and does not settle it')
    verification = status_code(resource.get("verificationStatus"))
    if verification == "refuted":
        return _refuted(meaning, holds)
    if verification in SUSPECTED:
        return _open(Standing.SUSPECTED, f"only suspects it ({verification})")
    if verification not in CONFIRMED:
        return _open(Standing.UNUSABLE, "has a verification status that R4 does not have")
    return _by_course(resource, holds, exam_date)


def _refuted(meaning: Meaning, holds: str | None) -> _Word:
    if holds in ("now", "lasting") and meaning.whole:
        return _Word(Weight.DENIES, Standing.DENIED)
    return _open(Standing.REFUTED, f'rules out "{meaning.display}", which leaves other kinds and times open')


def _by_course(resource: Resource, holds: str | None, exam_date: date | None) -> _Word:
    clinical = status_code(resource.get("clinicalStatus"))
    ended = stated(resource, "abatementDateTime", "abatementPeriod")
    if clinical is None and ended:
        clinical = GONE
    if clinical not in (*ACTIVE, GONE, *QUIET):
        return _open(Standing.UNUSABLE, "has a clinical status that R4 does not have")
    if clinical in ACTIVE or holds in ("ever", "lasting"):
        return _STATES
    if ended and place(ended, exam_date) is Place.AFTER:
        return _STATES
    return _over(resource, clinical or "", holds, ended, exam_date)


def _over(resource: Resource, clinical: str, holds: str | None, ended: When | None, exam_date: date | None) -> _Word:
    if clinical in QUIET:
        return _open(Standing.INACTIVE, f"is recorded as {clinical}, which does not say that it is gone")
    if holds != "now":
        return _open(Standing.INACTIVE, "has been closed")
    if _only_of_an_encounter(resource):
        why = "is an encounter's diagnosis that was closed, which does not say that the disease is gone"
        return _open(Standing.INACTIVE, why)
    if place(ended, exam_date) is not Place.BY_EXAM:
        return _open(Standing.INACTIVE, "is recorded as resolved, without saying whether before the exam")
    return _ENDED


def _only_of_an_encounter(resource: Resource) -> bool:
    categories = {code for category in objects(resource.get("category")) for _, code in codings(category)}
    return categories == {"encounter-diagnosis"}
