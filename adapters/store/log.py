"""Decisions kept on disk: the ``DecisionLog`` that outlives the process.

Each decision is one row that holds its decision file, the same text that ``decision.json`` has.
"""

from __future__ import annotations

from pathlib import Path

from ...engine.errors import InputError, NotReadable
from ...engine.record import Assessment, exam_order
from ..decision_file import dumps, loads
from .database import FILE_NAME, Database


class FileLog:
    """An append-only ``DecisionLog`` in a folder; any number of processes may share it."""

    def __init__(self, folder: Path) -> None:
        """Open the store in that folder, or make it.

        Raises:
            StoreUnavailable: that cannot be done.
        """
        self._database = Database(folder)

    def append(self, assessment: Assessment) -> str:
        """Keep it; return its decision id. It is on disk when this returns; what is there already stays.

        Raises:
            StoreUnavailable: it could not be kept.
        """
        exam_date, decision_id = exam_order(assessment)
        row = (decision_id, assessment.record.case.patient.key, exam_date, dumps(assessment))
        with self._database.write() as db:
            db.execute("INSERT INTO decision VALUES (?, ?, ?, ?) ON CONFLICT (decision_id) DO NOTHING", row)
        return decision_id

    def get(self, decision_id: str) -> Assessment | None:
        """The assessment with that id, or None.

        Raises:
            NotReadable: it is there and damaged.
            StoreUnavailable: the store cannot be read.
        """
        found = self._select("SELECT decision_id, content FROM decision WHERE decision_id = ?", decision_id)
        return found[0] if found else None

    def of_patient(self, key: str) -> tuple[Assessment, ...]:
        """All assessments of the patient with that pseudonym, oldest exam first.

        Raises:
            NotReadable: one of them is damaged.
            StoreUnavailable: the store cannot be read.
        """
        query = "SELECT decision_id, content FROM decision WHERE patient_key = ? ORDER BY exam_date, decision_id"
        return self._select(query, key)

    def _select(self, query: str, *values: str) -> tuple[Assessment, ...]:
        with self._database.read() as db:
            rows = db.execute(query, values).fetchall()
        return tuple(_loaded(decision_id, content) for decision_id, content in rows)


def _loaded(decision_id: str, content: str) -> Assessment:
    try:
        return loads(content)
    except InputError as error:
        cure = "Restore the store from its backup, or write this decision anew with the version that made it."
        where = f"the store ({FILE_NAME}), decision {decision_id}"
        raise NotReadable(where, error.field, type(error).__name__, "a decision file", cure) from error
