"""A FHIR R4 Bundle -> the patient's facts, each with the resource it came from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ...engine.types import Belief, Patient
from . import conditions, family, observations, quantities
from .beliefs import choice, presence
from .bundle import Record, read_record
from .demographics import demographics
from .demographics import notes as demographic_notes
from .observations import Readings
from .prior_exams import prior_exams
from .pseudonym import patient_key
from .said import Gathered
from .smoking import smoking
from .vocabulary import Vocabulary, shipped
from .vocabulary_files import FactEntry


def read_patient(source: Path | Mapping[str, Any], *, exam_date: date | None, key: str | None = None) -> Patient:
    """The patient of a Bundle, as known by the day of the exam.

    Every fact of ``knowledge/facts.yaml`` is in the answer; what the record does not settle is ``Unknown``
    with the reason. Facts dated after the exam do not count. Without an exam date everything in the record
    counts, and what needs one (age, earlier exams) is unknown.

    Args:
        source: a file, or a Bundle that has been parsed already.
        exam_date: the day of the exam.
        key: the patient's pseudonym; by default ``patient_key(Patient.id)``, '' where the Patient has no id.

    Raises:
        InputError: a leaf of ``adapters/fhir/errors.py``.
        BadValue: Patient.id is no FHIR id.
        MissingKnowledge: a value set is absent or empty.
    """
    vocabulary = shipped()
    record = read_record(source)
    own = record.patient.get("id")
    if key is None:
        key = patient_key(own) if isinstance(own, str) and own else ""
    gathered = Gathered()
    facts = demographics(record, exam_date) | _facts(record, vocabulary, exam_date, gathered)
    exams, undated = prior_exams(record, vocabulary, exam_date)
    notes = (*record.notes, *demographic_notes(record, exam_date), *gathered.tally.notes())
    return Patient(key, facts, exams, (*notes, *_exam_notes(undated, exam_date)))


def _facts(record: Record, vocabulary: Vocabulary, exam_date: date | None, gathered: Gathered) -> dict[str, Belief]:
    conditions.gather(record, vocabulary, exam_date, gathered)
    family.gather(record, vocabulary, exam_date, gathered)
    readings = observations.gather(record, vocabulary, exam_date, gathered)
    of_smoking = smoking(readings, gathered, vocabulary, exam_date)
    others = {name: fact for name, fact in vocabulary.facts.items() if fact.read_from == "record"}
    return {
        name: of_smoking[name] if name in of_smoking else _belief(name, fact, gathered, readings, vocabulary)
        for name, fact in others.items()
    }


def _belief(name: str, fact: FactEntry, gathered: Gathered, readings: Readings, vocabulary: Vocabulary) -> Belief:
    if fact.type == "quantity":
        return quantities.belief(name, readings, vocabulary.facts)
    return (presence if fact.type == "bool" else choice)(gathered.of(name))


def _exam_notes(undated: int, exam_date: date | None) -> tuple[str, ...]:
    if exam_date is None:
        return (
            "No exam date is known: all of the record was counted, and earlier exams cannot be told from this one.",
        )
    return (f"Chest CTs that do not state their day, not listed: {undated}.",) if undated else ()
