"""The tables as Spark reads them: each column in the type that the audit wants.

DuckDB and Spark turn types into others by rules of their own, which change with their versions (days in words,
ties of a rounding). Whole numbers have no such rule and are widened by Spark; a table that needs any other
conversion is written anew by DuckDB, with its columns in their types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....engine.guideline.columns import quoted, text
from ..layout import ENDED, LAYOUT, Table, Tables, read
from ..relation import OWN

DECIMAL = re.compile(r"DECIMAL\(\d+, ?\d+\)")
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
Kinds = Mapping[str, str]


def typed(tables: Tables, facts: Mapping[str, Kinds], database: Any, scratch: Path) -> tuple[Tables, dict[str, str]]:
    """The tables with the wanted types, and each one's columns as a SELECT list of Spark, by table."""
    found, selects = {}, {}
    for name, table in tables.found.items():
        wanted = {c: k for c, k in wanted_of(name, facts).items() if c in table.columns}
        said = {c: converted(_ticked(c), table.columns[c], kind) for c, kind in wanted.items()}
        kept = table
        if None in said.values():
            wanted |= dict.fromkeys(ENDED, "BOOLEAN") if name == "patients" else {}
            kept = _written(database, tables, table, wanted, scratch)
            said = {c: _ticked(c) for c in wanted}
        found[name] = replace(kept, columns={c: k.replace(", ", ",") for c, k in wanted.items()})
        selects[name] = ", ".join(f"{expression} AS {_ticked(c)}" for c, expression in said.items())
    return replace(tables, found=found), selects


def wanted_of(name: str, facts: Mapping[str, Kinds]) -> dict[str, str]:
    """The columns of a table that the audit may read, with the type in which it does."""
    own = OWN if name == "exams" else {}
    return {**facts.get(name, {}), **LAYOUT[name], **own}


def converted(value: str, kind: str, wanted: str) -> str | None:
    """A value as another type in the words of Spark, NULL where it does not fit; None where DuckDB has to do it."""
    if kind == wanted.replace(", ", ","):
        return value
    whole = kind in WHOLE and (wanted in WHOLE or DECIMAL.fullmatch(wanted))
    return f"TRY_CAST({value} AS {wanted})" if whole else None


def _written(database: Any, tables: Tables, table: Table, wanted: Kinds, scratch: Path) -> Table:
    """The table once more, with its columns in their types; a day that cannot be read still tells of who is gone."""
    said = {c: read(table.columns, c, kind) for c, kind in wanted.items()}
    said |= {flag: tables.ended(flag) for flag in ENDED} if table.name == "patients" else {}
    listed = ", ".join(f"{expression} AS {quoted(c)}" for c, expression in said.items())
    path = scratch / f"{table.name}.parquet"
    database.execute(f"COPY (SELECT {listed} FROM {table.relation}) TO {text(str(path))} (FORMAT parquet)")  # noqa: S608
    return replace(table, files=(path,))


def _ticked(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
