"""The record as NDJSON, for auditors and for another program: one entry a line, oldest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.engine import RowMapping

from ..notice import INTENDED_USE
from .journal import stream
from .sealing import put_back
from .tables import ENTRY, SEALED

COLUMNS = tuple(column.name for column in ENTRY.columns if column.name != "body")


def export(connection: Connection, decision_id: str | None = None, *, identified: bool = False) -> Iterator[str]:
    """The entries, of one decision or all, a JSON object each with all columns of the log.

    ``body`` is as the log has it, without identifiers and comments; who receives it can check the
    hashes (``Line.digest``: the log's text is this object on one line, names in this order). With
    ``identified`` a second object, ``identified``, has them put back. The first line states the
    intended use. Decisions of a patient who was erased are there, without identifiers.
    """
    yield json.dumps({"format": "radlogic record", "version": 1, "intended_use": INTENDED_USE}, ensure_ascii=False)
    joined = ENTRY.outerjoin(SEALED, ENTRY.c.sequence == SEALED.c.sequence)
    query = select(ENTRY, SEALED.c.content).select_from(joined).order_by(ENTRY.c.sequence)
    if decision_id is not None:
        query = query.where(ENTRY.c.decision == decision_id)
    for found in stream(connection, query):
        yield json.dumps(_line(found, identified=identified), ensure_ascii=False)


def _line(found: RowMapping, *, identified: bool) -> dict[str, Any]:
    body = json.loads(found["body"])
    line = {name: found[name] for name in COLUMNS} | {"body": body}
    return line | {"identified": put_back(body, json.loads(found["content"] or "{}"))} if identified else line
