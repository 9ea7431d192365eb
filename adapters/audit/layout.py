"""The tables of the audit: a folder of Parquet with the columns that the project has agreed on.

``<folder>/<table>.parquet`` or ``<folder>/<table>/*.parquet``. A table or column that is not there is
empty and said so, and so is a column that nobody knows; a value that its column cannot hold is unknown,
and counted. NULL is "not stated".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...engine.errors import MissingField, NotReadable
from ...engine.guideline.columns import quoted, text

MONTHS = "DECIMAL(6, 1)"
LAYOUT: dict[str, dict[str, str]] = {
    "patients": {"patient_id": "VARCHAR", "sex": "VARCHAR", "birth_date": "DATE", "death_date": "DATE",
                 "left_date": "DATE"},
    "exams": {"exam_id": "VARCHAR", "patient_id": "VARCHAR", "exam_date": "DATE", "modality": "VARCHAR",
              "region": "VARCHAR", "indication": "VARCHAR", "site_id": "VARCHAR", "reader_id": "VARCHAR",
              "scanner": "VARCHAR", "report_text": "VARCHAR", "assessed": "BOOLEAN"},
    "findings": {"exam_id": "VARCHAR", "finding_id": "VARCHAR", "kind": "VARCHAR"},
    "statements": {"exam_id": "VARCHAR", "guideline": "VARCHAR", "edition": "VARCHAR", "category": "VARCHAR",
                   "s_modifier": "BOOLEAN", "interval_min_months": MONTHS, "interval_max_months": MONTHS,
                   "recommended_modality": "VARCHAR", "no_followup": "BOOLEAN", "source": "VARCHAR"},
    "procedures": {"procedure_id": "VARCHAR", "patient_id": "VARCHAR", "procedure_date": "DATE", "kind": "VARCHAR",
                   "region": "VARCHAR"},
    "communications": {"exam_id": "VARCHAR", "communicated_at": "DATE", "kind": "VARCHAR"},
    "outcomes": {"patient_id": "VARCHAR", "diagnosis_date": "DATE", "kind": "VARCHAR"},
    "screening": {"exam_id": "VARCHAR", "pack_years": "DOUBLE", "years_since_quit": "DOUBLE",
                  "smoking_status": "VARCHAR", "shared_decision_documented": "BOOLEAN",
                  "cessation_counselled": "BOOLEAN", "asymptomatic": "BOOLEAN"},
}  # fmt: skip
NEEDED = {"exams": ("exam_id", "patient_id", "exam_date", "modality", "region")}
OPTIONAL = {("patients", "left_date"), ("exams", "assessed")}  # beside the layout: who left, and who was looked at
CURE = "Write the tables as docs/audit.md describes them."


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is there: its files, and its columns with DuckDB's types."""

    name: str
    files: tuple[Path, ...]
    columns: Mapping[str, str]
    rows: int

    @property
    def relation(self) -> str:
        """The files as SQL; columns that some of them lack are NULL there."""
        listed = ", ".join(text(str(file)) for file in self.files)
        return f"read_parquet([{listed}], union_by_name = {str(len(self.files) > 1).lower()})"


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a folder, and what is said of them."""

    found: Mapping[str, Table]
    remarks: tuple[str, ...] = field(default=())

    def has(self, name: str) -> bool:
        """Whether a table is there."""
        return name in self.found

    def select(self, name: str, columns: Mapping[str, str] | None = None, beside: Sequence[str] = ()) -> str:
        """A SELECT of columns with their types from a table; a column that is not there is NULL.

        ``columns``: those of the layout where none are given; ``beside``: further expressions. A table
        that is not there has no rows.
        """
        wanted = LAYOUT[name] if columns is None else columns
        held = self.columns(name)
        listed = [f"{read(held, column, kind)} AS {quoted(column)}" for column, kind in wanted.items()]
        source = f"FROM {self.found[name].relation}" if name in self.found else "WHERE FALSE"
        return f"SELECT {', '.join([*listed, *beside])} {source}"

    def columns(self, name: str) -> Mapping[str, str]:
        """The columns of a table with DuckDB's types; none where it is not there."""
        return self.found[name].columns if name in self.found else {}

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """Per file of each table: bytes, rows and the sha256 of its Parquet footer; no path and no time."""
        return {
            name: {"rows": table.rows, "files": [_footer(file) for file in table.files]}
            for name, table in sorted(self.found.items())
        }


def read(held: Mapping[str, str], column: str, kind: str) -> str:
    """A column as its type; what it cannot hold is NULL, and ``unreadable`` counts it."""
    if column not in held:
        return f"CAST(NULL AS {kind})"
    return quoted(column) if held[column] == kind.replace(", ", ",") else f"TRY_CAST({quoted(column)} AS {kind})"


def tables_of(folder: Path, database: Any, facts: Mapping[str, Mapping[str, str]]) -> Tables:
    """The tables of a folder. ``facts``: table -> further columns that guidelines read, with their types.

    Raises:
        NotReadable: no such folder, or a file of it is no Parquet. MissingField: exams, or a column that
            every audit needs, is not there.
    """
    if not folder.is_dir():
        raise NotReadable(folder.name, "", "no folder", "a folder of Parquet tables", CURE)
    found = {name: table for name in LAYOUT if (table := _table(folder, name, database))}
    if "exams" not in found:
        raise MissingField(folder.name, "exams", "no such table", "exams.parquet or exams/*.parquet", CURE)
    for name, needed in NEEDED.items():
        for column in needed:
            if column not in found[name].columns:
                raise MissingField(folder.name, f"{name}.{column}", "no such column", ", ".join(needed), CURE)
    return Tables(found, tuple(_remarks(found, facts)))


def unreadable(tables: Tables, database: Any, facts: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Values that their column cannot hold, by ``table.column``; only columns of another type are looked at."""
    counts: dict[str, int] = {}
    for name, table in tables.found.items():
        wanted = {**facts.get(name, {}), **LAYOUT[name]}
        other = [c for c, kind in wanted.items() if read(table.columns, c, kind).startswith("TRY_CAST")]
        if other:
            lost = [f"COUNT({quoted(c)}) - COUNT({read(table.columns, c, wanted[c])})" for c in other]
            row = database.execute(f"SELECT {', '.join(lost)} FROM {table.relation}").fetchone()  # noqa: S608
            counts |= {f"{name}.{column}": n for column, n in zip(other, row, strict=True) if n}
    return counts


def _table(folder: Path, name: str, database: Any) -> Table | None:
    import duckdb

    single = folder / f"{name}.parquet"
    files = (single,) if single.is_file() else tuple(sorted((folder / name).glob("*.parquet")))
    if not files:
        return None
    table = Table(name, files, {}, 0)
    try:
        described = database.execute(f"DESCRIBE SELECT * FROM {table.relation}").fetchall()  # noqa: S608
        listed = ", ".join(text(str(file)) for file in files)
        rows = database.execute(f"SELECT SUM(num_rows) FROM parquet_file_metadata([{listed}])").fetchone()[0]  # noqa: S608
    except duckdb.Error as error:
        raise NotReadable(f"{folder.name}/{name}", "", "a file that is no Parquet", "Parquet", CURE) from error
    return Table(name, files, {row[0]: row[1] for row in described}, int(rows or 0))


def _remarks(found: Mapping[str, Table], facts: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What is not there, and what nobody knows."""
    said = [f"table {name}: not there, so it is empty" for name in LAYOUT if name not in found]
    for name, table in found.items():
        known = {**facts.get(name, {}), **LAYOUT[name]}
        missing = [c for c in LAYOUT[name] if c not in table.columns and (name, c) not in OPTIONAL]
        said += [f"column {name}.{column}: not there, so it is unknown" for column in missing]
        said += [f"column {name}.{column}: not known to the audit, so it is not read"
                 for column in table.columns if column not in known]  # fmt: skip
    return said


def _footer(file: Path) -> dict[str, Any]:
    """Bytes and footer of a Parquet file: the footer holds the places, sizes and bounds of all that is in it."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        stream.seek(max(0, size - 8))
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(max(0, size - 8 - length))
        return {"name": file.name, "bytes": size, "footer": hashlib.sha256(stream.read()).hexdigest()}
