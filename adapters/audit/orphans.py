"""Rows that belong to no exam, or to no patient, of the folder: nothing joins them, so they are counted."""

from __future__ import annotations

from typing import Any

from .layout import LAYOUT, Tables

PEOPLE = "patients"


def orphans(tables: Tables, database: Any) -> dict[str, int]:
    """How many rows there are of each table whose exam or patient is nowhere; a patient is known by an exam too.

    Ids are compared by their hashes, so that a set of them stays small.
    """
    found = {}
    for name in tables.found.keys() - {"exams", PEOPLE}:
        key = "exam_id" if "exam_id" in LAYOUT[name] else "patient_id"
        known = " UNION ALL ".join(_hashes(tables, of, key) for of in ("exams", PEOPLE) if key in LAYOUT[of])
        query = f"SELECT COUNT(*) FROM ({_hashes(tables, name, key)}) t ANTI JOIN ({known}) k ON t.h = k.h"  # noqa: S608
        (found[name],) = database.execute(query).fetchone()
    return {name: many for name, many in sorted(found.items()) if many}


def _hashes(tables: Tables, name: str, key: str) -> str:
    """The hashes of a table's ids; NULL where none is stated."""
    ids = tables.select(name, {key: "VARCHAR"})
    return f"SELECT CASE WHEN {key} IS NOT NULL THEN hash({key}) END AS h FROM ({ids})"  # noqa: S608
