"""Many records at once: which load, which facts they hold, which are refused and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ...engine.errors import InputError
from ...engine.types import Patient
from .patient import read_patient


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its patient, or why it was refused. ``name`` is the caller's and may identify: do not log it."""

    name: str
    patient: Patient | None
    refused: InputError | None = None

    def found(self) -> dict[str, str]:
        """What is believed of each fact: "Known", "Unknown" or "NotApplicable"."""
        return {fact: type(belief).__name__ for fact, belief in self.patient.facts.items()} if self.patient else {}


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over records; ``facts`` has the count of each kind of belief for each fact."""

    loaded: int
    refused: Mapping[str, int]
    facts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def survey(records: Iterable[tuple[str, Path | Mapping[str, Any]]], *, exam_date: date | None) -> tuple[Row, ...]:
    """A row for each (name, record), in order; a refused record does not stop the others."""
    return tuple(_row(name, record, exam_date) for name, record in records)


def _row(name: str, record: Path | Mapping[str, Any], exam_date: date | None) -> Row:
    try:
        return Row(name, read_patient(record, exam_date=exam_date))
    except InputError as refused:
        return Row(name, None, refused)


def summary(rows: Iterable[Row]) -> Summary:
    """The counts of a survey."""
    facts: dict[str, Counter[str]] = {}
    refused: Counter[str] = Counter()
    loaded = 0
    for row in rows:
        loaded += row.patient is not None
        refused.update([type(row.refused).__name__] if row.refused else [])
        for fact, kind in row.found().items():
            facts.setdefault(fact, Counter())[kind] += 1
    return Summary(loaded, refused, facts)
