"""Make the tables that follow from the log anew, from the log alone."""

from __future__ import annotations

import json

from sqlalchemy import delete, insert, select

from .journal import Writing, entries
from .sealing import KEY
from .states import Standing
from .tables import DECISION, PATIENT, SEALED, WAITING
from .worklist import as_columns


def rebuild(writing: Writing) -> int:
    """Empty the tables ``decision``, ``waiting`` and ``patient`` and fill them from the log; return how many decisions.

    Raises:
        NotReadable: an entry is damaged; nothing is changed.
    """
    connection, standing = writing.connection, Standing()
    keys = {
        s: json.loads(content).get(KEY)
        for s, content in connection.execute(select(SEALED.c.sequence, SEALED.c.content))
    }
    for entry in entries(connection):
        standing.take(entry, keys.get(entry.sequence))
    patients = [{"token": token, "key": key} for token, key in standing.patients.items()]
    rows = [as_columns(row) for row in standing.rows.values()]
    waits = [as_columns(wait) for wait in standing.waits.values()]
    for table, kept in ((DECISION, rows), (WAITING, waits), (PATIENT, patients)):
        connection.execute(delete(table))
        if kept:
            connection.execute(insert(table), kept)
    return len(rows)
