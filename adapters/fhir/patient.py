"""A FHIR R4 Bundle -> the patient's facts, each with the resource it came from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ...engine.types import Patient
from .history import read_history


def read_patient(source: Path | Mapping[str, Any], *, exam_date: date | None, key: str | None = None) -> Patient:
    """The patient of a Bundle, as known by the day of the exam.

    Every fact of ``knowledge/facts.yaml`` is in the answer; what the record does not settle is ``Unknown``
    with the reason. Facts dated after the exam do not count. Without an exam date everything in the record
    counts, and what needs one (age, earlier exams, whether a value is stale) is unknown or not judged.

    Args:
        source: a file, or a Bundle that has been parsed already.
        exam_date: the day of the exam.
        key: the patient's pseudonym; by default ``patient_key(Patient.id)``, '' where the Patient has no id.

    Raises:
        InputError: a leaf of ``adapters/fhir/errors.py``.
        BadValue: Patient.id is no FHIR id.
        MissingKnowledge: a value set is absent or empty.
    """
    return read_history(source, exam_date=exam_date, key=key).patient
