"""The tables of the audit: a folder of Parquet with the columns that the project has agreed on.

``<folder>/<table>.parquet`` or ``<folder>/<table>/*.parquet``. A table or column that is not there is
empty and said so, and so is a column that nobody knows; a value that its column cannot hold is unknown,
and counted. NULL is "not stated".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...engine.errors import MissingField, NotReadable
from ...engine.guideline.columns import quoted, text
from .held import sha256_of
from .vocabulary import KEPT, understood, watched

MONTHS = "DECIMAL(6, 1)"
LAYOUT: dict[str, dict[str, str]] = {
    "patients": {"patient_id": "VARCHAR", "sex": "VARCHAR", "birth_date": "DATE", "death_date": "DATE",
                 "left_date": "DATE", "deceased": "BOOLEAN", "left": "BOOLEAN"},
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
BESIDE = {"exams": {"age": "INTEGER", "round": "VARCHAR"}}  # guidelines' inputs that measures read too
ENDED = {"deceased": "death_date", "left": "left_date"}  # that a patient died or left, and the day of it
NEEDED = {"exams": ("exam_id", "patient_id", "exam_date", "modality", "region")}
# beside the layout: who left, who died or left on a day that nobody can read, and who was looked at
OPTIONAL = {("patients", "left_date"), ("patients", "deceased"), ("patients", "left"), ("exams", "assessed")}
IDS = ("exam_id", "patient_id")
FIRST_DAY = "1900-01-01"  # of an exam: none is older
NAMES = (*IDS, "finding_id", "procedure_id")  # all that a row is known by
# an id that is kept as a number; DOUBLE tells whole numbers apart up to 2^53
DIGITS = (
    "CASE WHEN {x} = FLOOR({x}){exact} THEN CAST(TRY_CAST({x} AS DECIMAL(38, 0)) AS VARCHAR) "
    "ELSE CAST({x} AS VARCHAR) END"
)
EXACT = " AND ABS({x}) <= 9007199254740992"
CURE = "Write the tables as docs/audit.md describes them."


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is there: its files, its columns with DuckDB's types, and those that are NULL in every row.

    ``odd``: columns in which some value is not as the audit writes it, so that each must be looked at.
    """

    name: str
    files: tuple[Path, ...]
    columns: Mapping[str, str]
    rows: int
    empty: frozenset[str] = frozenset()
    odd: frozenset[str] = frozenset()

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
        listed = [f"{self.value(name, column, kind)} AS {quoted(column)}" for column, kind in wanted.items()]
        source = f"FROM {self.found[name].relation}" if name in self.found else "WHERE FALSE"
        return f"SELECT {', '.join([*listed, *beside])} {source}"

    def value(self, name: str, column: str, kind: str) -> str:
        """What a column means, as its type; NULL where it cannot be read."""
        if name not in self.found or column not in self.found[name].odd:
            return read(self.columns(name), column, kind)
        return _meant(self.found[name], column)

    def lost(self, name: str, columns: Sequence[str]) -> str:
        """Whether one of some columns states a word that nobody knows, or a number that cannot be."""
        odd = [c for c in columns if name in self.found and c in self.found[name].odd]
        stated = [f"({_said(self.found[name])[c]} IS NOT NULL AND {_meant(self.found[name], c)} IS NULL)" for c in odd]
        return f"({' OR '.join(stated)})" if stated else "FALSE"

    def ended(self, flag: str) -> str:
        """Whether a patient is said to have died (or left), perhaps by a word or on a day that cannot be read."""
        said = self.value("patients", flag, "BOOLEAN")
        return f"(COALESCE({said}, FALSE) OR {self._lost(flag, 'BOOLEAN')} OR {self._lost(ENDED[flag], 'DATE')})"

    def _lost(self, column: str, kind: str) -> str:
        """Whether a patient's column states what its type cannot hold; a blank states nothing."""
        value, held = self.value("patients", column, kind), self.columns("patients")
        if column not in held or _stated(held, column) == value:
            return "FALSE"
        return f"(COALESCE(TRIM(CAST({_stated(held, column)} AS VARCHAR)) <> '', FALSE) AND {value} IS NULL)"

    def columns(self, name: str) -> Mapping[str, str]:
        """The columns of a table with DuckDB's types; none where it is not there."""
        return self.found[name].columns if name in self.found else {}

    def filled(self, name: str) -> Mapping[str, str]:
        """The columns of a table that are not NULL in every row: to read the others costs time and tells nothing."""
        return {c: kind for c, kind in self.columns(name).items() if c not in self.found[name].empty}

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """Per file of each table: name, bytes and sha256; no path and no time."""
        return {
            name: {"rows": table.rows, "files": [_digest(file) for file in table.files]}
            for name, table in sorted(self.found.items())
        }


def read(held: Mapping[str, str], column: str, kind: str) -> str:
    """A column as its type; what it cannot hold is NULL, and ``unreadable`` counts it.

    An id that is kept as a number is compared with those that are kept as texts: 7.0 is 7.
    """
    if column not in held:
        return f"CAST(NULL AS {kind})"
    stated = _stated(held, column)
    if column in NAMES and held[column].startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        exact = "" if held[column].startswith("DECIMAL") else EXACT.format(x=stated)
        return DIGITS.format(x=stated, exact=exact)
    return stated if held[column] == kind.replace(", ", ",") else f"TRY_CAST({stated} AS {kind})"


def _stated(held: Mapping[str, str], column: str) -> str:
    """A column that is there; NaN is what some write for "not stated"."""
    sql = quoted(column)
    return f"CASE WHEN NOT ISNAN({sql}) THEN {sql} END" if held[column] in ("DOUBLE", "FLOAT") else sql


def _said(table: Table) -> dict[str, str]:
    """The columns whose values are looked at, as they stand."""
    kinds = {**BESIDE.get(table.name, {}), **LAYOUT[table.name]}
    looked = watched(table.name) | {*IDS} | ({"exam_date"} if table.name == "exams" else set())
    return {c: read(table.columns, c, kind) for c, kind in kinds.items() if c in looked}


def _meant(table: Table, column: str) -> str:
    """What is said, where it says something: a blank id is none, and a day on which nobody imaged is no day."""
    said = _said(table)
    if column in IDS:
        return f"CASE WHEN TRIM({said[column]}) <> '' THEN {said[column]} END"
    if column == "exam_date":
        return f"CASE WHEN {said[column]} >= DATE {text(FIRST_DAY)} THEN {said[column]} END"
    return understood(table.name, column, said)


def _odd(database: Any, table: Table) -> frozenset[str]:
    """The columns in which a value is not as the audit writes it."""
    blank = _perhaps_blank(database, table)
    looked = [c for c in _said(table) if c in table.columns and (c not in IDS or c in blank)]
    if not looked:
        return frozenset()
    said = _said(table)
    counts = ", ".join(f"COUNT(*) FILTER ({_meant(table, c)} IS DISTINCT FROM {said[c]})" for c in looked)
    row = database.execute(f"SELECT {counts} FROM {table.relation}").fetchone()  # noqa: S608
    return frozenset(c for c, many in zip(looked, row, strict=True) if many)


def _perhaps_blank(database: Any, table: Table) -> frozenset[str]:
    """The columns of which the files' footers do not show that no value is blank: the least begins with a sign."""
    listed = ", ".join(text(str(file)) for file in table.files)
    found = database.execute(
        f"SELECT LOWER(path_in_schema) FROM parquet_metadata([{listed}]) GROUP BY 1 "  # noqa: S608
        "HAVING NOT BOOL_AND(COALESCE(stats_min_value >= '!', FALSE) OR COALESCE(stats_null_count = num_values, FALSE))"
    ).fetchall()
    paths = {path for (path,) in found}
    return frozenset(c for c in table.columns if c.lower() in paths)


MOST_WORDS, RARE = 10, 10  # a word that stands more rarely may be a patient's, and is counted alone


def unknown_words(tables: Tables, database: Any) -> dict[str, dict[str, int]]:
    """The words that nobody knows by ``table.column``, with how often they stand there: the most frequent ones."""
    found: dict[str, dict[str, int]] = {}
    for name, table in tables.found.items():
        for column in sorted(table.odd - KEPT - {*IDS}):
            said, meant = _said(table)[column], _meant(table, column)
            if {**BESIDE.get(name, {}), **LAYOUT[name]}.get(column) == "VARCHAR":
                rows = database.execute(
                    f"SELECT {said}, COUNT(*) FROM {table.relation} WHERE {said} IS NOT NULL AND {meant} IS NULL "  # noqa: S608
                    f"GROUP BY 1 HAVING COUNT(*) > {RARE} ORDER BY 2 DESC, 1 LIMIT {MOST_WORDS}"
                ).fetchall()
                found |= {f"{name}.{column}": dict(rows)} if rows else {}
    return found


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


def files_of(folder: Path) -> list[Path]:
    """The files of every table of a folder."""
    return [file for name in LAYOUT for file in _files(folder, name)]


def _files(folder: Path, name: str) -> tuple[Path, ...]:
    single, several = folder / f"{name}.parquet", tuple(sorted((folder / name).glob("*.parquet")))
    if single.is_file() and several:
        found, allowed = f"{single.name} beside {name}/*.parquet", "one of the two"
        raise NotReadable(f"{folder.name}/{name}", "", found, allowed, "Take away the one that is not meant.")
    return (single,) if single.is_file() else several


def unreadable(tables: Tables, database: Any, facts: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Values that their column cannot hold and words that nobody knows, by ``table.column``."""
    counts: dict[str, int] = {}
    for name, table in tables.found.items():
        wanted = {**facts.get(name, {}), **LAYOUT[name]}
        cast = [c for c, kind in wanted.items() if read(table.columns, c, kind).startswith("TRY_CAST")]
        other = sorted({*cast, *table.odd} - ({*IDS} - {*cast}))  # a blank id is not stated
        if other:
            kinds = {**BESIDE.get(name, {}), **wanted}
            lost = [f"COUNT({_stated(table.columns, c)}) - COUNT({tables.value(name, c, kinds[c])})" for c in other]
            row = database.execute(f"SELECT {', '.join(lost)} FROM {table.relation}").fetchone()  # noqa: S608
            counts |= {f"{name}.{column}": n for column, n in zip(other, row, strict=True) if n}
    return counts


def _table(folder: Path, name: str, database: Any) -> Table | None:
    import duckdb

    files = _files(folder, name)
    if not files:
        return None
    table = Table(name, files, {}, 0)
    try:
        described = database.execute(f"DESCRIBE SELECT * FROM {table.relation}").fetchall()  # noqa: S608
        listed = ", ".join(text(str(file)) for file in files)
        rows = database.execute(f"SELECT SUM(num_rows) FROM parquet_file_metadata([{listed}])").fetchone()[0]  # noqa: S608
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise NotReadable(f"{folder.name}/{name}", "", "a file that is no Parquet", "Parquet", CURE) from error
    columns = {row[0]: row[1] for row in described}
    table = Table(name, files, columns, int(rows or 0), _empty(database, table.relation, listed, columns))
    return replace(table, odd=_odd(database, table))


def _empty(database: Any, relation: str, listed: str, columns: Mapping[str, str]) -> frozenset[str]:
    """The columns that are NULL in every row, by the counts in the files' footers.

    A footer does not tell an empty list from none, so of lists those without an entry are looked at themselves.
    """
    found = database.execute(
        f"SELECT LOWER(path_in_schema) FROM parquet_metadata([{listed}]) GROUP BY 1 "  # noqa: S608
        "HAVING BOOL_AND(COALESCE(stats_null_count = num_values, FALSE))"
    ).fetchall()
    paths = {path for (path,) in found}
    lists = [
        c for c, kind in columns.items() if kind.endswith("[]") and any(p.startswith(f"{c.lower()}, ") for p in paths)
    ]
    counts = ", ".join(f"COUNT({quoted(c)})" for c in lists)
    many = database.execute(f"SELECT {counts} FROM {relation}").fetchone() if lists else ()  # noqa: S608
    return frozenset(c for c in columns if c.lower() in paths) | {c for c, n in zip(lists, many, strict=True) if n == 0}


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


def _digest(file: Path) -> dict[str, Any]:
    return {"name": file.name, "bytes": file.stat().st_size, "sha256": sha256_of(file)}
