"""Rows that belong to no exam, or to no patient, of the folder: nothing joins them, so they are counted."""

from __future__ import annotations

from typing import Any

from .layout import IDS, LAYOUT, Tables

PEOPLE = "patients"


def orphans(tables: Tables, database: Any) -> dict[str, int]:
    """How many rows there are of each table whose exam or patient is nowhere; a patient is known by an exam too.

    Ids are compared by their hashes, so that a set of them stays small.
    """
    found: dict[str, int] = {}
    for key in IDS:
        asked = [name for name in tables.found if name not in ("exams", PEOPLE) and key in LAYOUT[name]]
        known = [name for name in ("exams", PEOPLE) if key in LAYOUT[name]]
        if asked:
            found |= database.execute(
                f"SELECT name, COUNT(*) FROM ({_ids(tables, asked, key)}) t "  # noqa: S608
                f"ANTI JOIN ({_ids(tables, known, key)}) k ON t.h = k.h GROUP BY name"
            ).fetchall()
    return dict(sorted(found.items()))


def _ids(tables: Tables, names: list[str], key: str) -> str:
    """(name, h) the hashes of the tables' ids; NULL where none is stated."""
    hashed = f"CASE WHEN {key} IS NOT NULL THEN hash({key}) END AS h"
    return " UNION ALL ".join(
        f"SELECT '{name}' AS name, {hashed} FROM ({tables.select(name, {key: 'VARCHAR'})})"  # noqa: S608
        for name in names
    )
