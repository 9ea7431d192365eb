"""A record -> the patient's facts with all that they rest on: entries, how each fact stands, imaging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ...engine.types import Belief, Patient
from . import conditions, family, observations, procedures, quantities
from .beliefs import choice, presence
from .bundle import Record, read_record
from .demographics import demographics
from .demographics import notes as demographic_notes
from .derived import BASED_ON, derived
from .imaging import Imaging, imaging
from .ledger import Entry, Standing, standings
from .observations import Readings
from .pause import no_collection
from .prior_exams import orders, prior_exams
from .pseudonym import patient_key
from .said import Gathered
from .smoking import smoking
from .vocabulary import Vocabulary, shipped
from .vocabulary_files import FactEntry


@dataclass(frozen=True, slots=True)
class History:
    """What a record says by the day of the exam.

    ``entries``: by fact, every entry that bears on it, oldest first: the series of a laboratory value, the cancers
    and treatments with their dates, and what was left out, each with its standing. ``standing``: how each fact
    stands as a whole. ``imaging``: earlier exams of chest and liver, with category and recommended interval.
    """

    patient: Patient
    entries: Mapping[str, tuple[Entry, ...]]
    standing: Mapping[str, Standing]
    imaging: tuple[Imaging, ...]


def read_history(
    source: Path | Mapping[str, Any], *, exam_date: date | None, key: str | None = None, where: str = "Bundle"
) -> History:
    """The patient of a Bundle, as known by the day of the exam. Arguments and errors as for ``read_patient``.

    ``where``: what errors call a Bundle that has been parsed already; a file has its own name.
    """
    with no_collection():
        vocabulary = shipped()
        return _read(read_record(source, vocabulary.bears_on, where), vocabulary, exam_date, key)


def facts_on(source: Mapping[str, Any], *, exam_date: date | None, where: str = "Bundle") -> dict[str, Belief]:
    """The patient's facts alone, as ``read_history`` gives them, in half the time: without the imaging, the earlier
    exams, and how each fact stands. Arguments and errors as there."""
    with no_collection():
        vocabulary = shipped()
        record = read_record(source, vocabulary.bears_on, where)
        return _facts(record, vocabulary, exam_date, Gathered())


def _read(record: Record, vocabulary: Vocabulary, exam_date: date | None, key: str | None) -> History:
    gathered = Gathered()
    facts = _facts(record, vocabulary, exam_date, gathered)
    ledger = gathered.ledger
    entries = {name: tuple(ledger.of(name)) for name in ledger.entries}
    seen = imaging(record, vocabulary, exam_date)
    exams, undated = prior_exams(seen, exam_date)
    notes = (*record.notes, *demographic_notes(record, exam_date), *gathered.tally.notes(), *orders(seen))
    name = _key(record) if key is None else key
    patient = Patient(name, facts, exams, (*notes, *_exam_notes(undated, exam_date)))
    return History(patient, entries, standings(facts, ledger, BASED_ON), seen)


def _key(record: Record) -> str:
    own = record.patient.get("id")
    return patient_key(own) if isinstance(own, str) and own else ""


def _facts(record: Record, vocabulary: Vocabulary, exam_date: date | None, gathered: Gathered) -> dict[str, Belief]:
    conditions.gather(record, vocabulary, exam_date, gathered)
    family.gather(record, vocabulary, exam_date, gathered)
    procedures.gather(record, vocabulary, exam_date, gathered)
    readings = observations.gather(record, vocabulary, exam_date, gathered)
    found = demographics(record, exam_date, gathered.ledger) | smoking(readings, gathered, vocabulary, exam_date)
    for name, fact in vocabulary.facts.items():
        if fact.read_from == "record" and name not in found:
            found[name] = _belief(name, fact, gathered, readings, exam_date, vocabulary)
    found |= derived(found, gathered.ledger, exam_date)
    return {name: found[name] for name in vocabulary.facts}


def _belief(
    name: str,
    fact: FactEntry,
    gathered: Gathered,
    readings: Readings,
    exam_date: date | None,
    vocabulary: Vocabulary,
) -> Belief:
    if fact.type == "quantity":
        return quantities.belief(name, readings, vocabulary.facts, exam_date)
    return (presence if fact.type == "bool" else choice)(gathered.of(name))


def _exam_notes(undated: int, exam_date: date | None) -> tuple[str, ...]:
    if exam_date is None:
        return (
            "No exam date is known: all of the record was counted, and earlier exams cannot be told from this one.",
        )
    return (f"Earlier exams of chest or liver that do not state their day, not listed: {undated}.",) if undated else ()
