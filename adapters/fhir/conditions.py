"""Condition -> what it says of the facts.

hl7.org/fhir/R4/condition.html: clinicalStatus, verificationStatus, onset, abatement, recordedDate.
"""

from __future__ import annotations

from datetime import date

from .bundle import Record, Resource
from .coding import codings, objects, status_code
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
    for reference, resource in record.resources:
        if resource["resourceType"] != "Condition":
            continue
        meanings = {
            (m.fact, m.value): m
            for system, code in codings(resource.get("code"))
            for m in vocabulary.meanings_of(system, code)
        }
        if meanings and status_code(resource.get("verificationStatus")) == "entered-in-error":
            into.tally.in_error += 1
            continue
        when = stated(resource, "onsetDateTime", "onsetPeriod", "recordedDate")
        into.tally.after_exam += bool(meanings) and place(when, exam_date) is Place.AFTER
        for meaning in meanings.values():
            holds = vocabulary.facts[meaning.fact].holds
            into.add(meaning.fact, _word(resource, reference, meaning, holds, exam_date))


def _word(resource: Resource, reference: str, meaning: Meaning, holds: str | None, exam_date: date | None) -> Said:
    when = stated(resource, "onsetDateTime", "onsetPeriod", "recordedDate")
    weight, why = _weigh(resource, meaning, holds, when, exam_date)
    value = meaning.value if meaning.value is not None else True
    return Said(weight, from_record(reference, when), when, value, f"{reference} {why}" if why else "")


def _weigh(
    resource: Resource, meaning: Meaning, holds: str | None, when: When | None, exam_date: date | None
) -> tuple[Weight, str]:
    where = place(when, exam_date)
    if where is not Place.BY_EXAM:
        return Weight.RAISES, f"lies {where}"
    if meaning.value is None:
        return Weight.RAISES, f'("{meaning.display}") raises the question and does not settle it'
    verification = status_code(resource.get("verificationStatus"))
    if verification == "refuted":
        return _refuted(meaning, holds)
    if verification in SUSPECTED:
        return Weight.RAISES, f"only suspects it ({verification})"
    if verification not in CONFIRMED:
        return Weight.RAISES, "has a verification status that R4 does not have"
    return _by_course(resource, holds, exam_date)


def _refuted(meaning: Meaning, holds: str | None) -> tuple[Weight, str]:
    if holds in ("now", "lasting") and meaning.whole:
        return Weight.DENIES, ""
    return Weight.RAISES, f'rules out "{meaning.display}", which leaves other kinds and times open'


def _by_course(resource: Resource, holds: str | None, exam_date: date | None) -> tuple[Weight, str]:
    clinical = status_code(resource.get("clinicalStatus"))
    ended = stated(resource, "abatementDateTime", "abatementPeriod")
    if clinical is None and ended:
        clinical = GONE
    if clinical not in (*ACTIVE, GONE, *QUIET):
        return Weight.RAISES, "has a clinical status that R4 does not have"
    if clinical in ACTIVE or holds in ("ever", "lasting"):
        return Weight.STATES, ""
    if ended and place(ended, exam_date) is Place.AFTER:
        return Weight.STATES, ""
    return _over(resource, clinical or "", holds, ended, exam_date)


def _over(
    resource: Resource, clinical: str, holds: str | None, ended: When | None, exam_date: date | None
) -> tuple[Weight, str]:
    if clinical in QUIET:
        return Weight.RAISES, f"is recorded as {clinical}, which does not say that it is gone"
    if holds != "now":
        return Weight.RAISES, "has been closed"
    if _only_of_an_encounter(resource):
        return Weight.RAISES, "is an encounter's diagnosis that was closed, which does not say that the disease is gone"
    if place(ended, exam_date) is not Place.BY_EXAM:
        return Weight.RAISES, "is recorded as resolved, without saying whether before the exam"
    return Weight.ENDED, ""


def _only_of_an_encounter(resource: Resource) -> bool:
    categories = {code for category in objects(resource.get("category")) for _, code in codings(category)}
    return categories == {"encounter-diagnosis"}
