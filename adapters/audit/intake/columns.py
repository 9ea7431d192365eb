# ruff: noqa: S608  names and words are quoted; nothing of a record is ever SQL
"""Tables in CSV, or in Parquet that is not trusted -> the audit's tables: each value as its column's type, or unknown.

A date is YYYY-MM-DD, a number has a point, yes is ``true`` and no is ``false``; anything else is a value that cannot
be used, never guessed. Rows without what a table needs, rows that say the same again and rows that name what is not
there go aside. Of an exam that loses a finding so, one finding is unknown: a row that says nothing but that it is
there. Rows of one exam's id that say otherwise all stay: the audit judges none of them, and counts each as imaging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....engine.errors import MissingField, NotReadable
from ....engine.guideline.columns import quoted, text
from ..layout import ENDED, LAYOUT, NAMES, read
from ..layout import NEEDED as COLUMNS
from . import aside
from .facts import Fact, Facts
from .lines import MAX_LINE
from .settings import intake

# what a row is known by, its own id last; findings are numbered within their exam
IDS = {"patients": ("patient_id",), "exams": ("exam_id",), "findings": ("exam_id", "finding_id"),
       "procedures": ("procedure_id",)}  # fmt: skip
NEEDED = {"patients": ("patient_id",), "exams": ("patient_id",), "findings": ("exam_id",),
          "statements": ("exam_id",), "procedures": ("patient_id",),
          "communications": ("exam_id",), "outcomes": ("patient_id",),
          "screening": ("exam_id",)}  # fmt: skip
# the day of an event, and an exam's id: where they are not there either, it is counted, for the exam is not judged so,
# and the event may be the follow-up of an exam
EXPECTED = {"exams": ("exam_id", "exam_date"), "procedures": ("procedure_date",),
            "communications": ("communicated_at",), "outcomes": ("diagnosis_date",)}  # fmt: skip
WORDS = {("patients", "sex"): "sex", ("exams", "modality"): "modality", ("exams", "region"): "region",
         ("procedures", "kind"): "procedure", ("procedures", "region"): "region", ("outcomes", "kind"): "outcome",
         ("communications", "kind"): "communication", ("statements", "recommended_modality"): "modality"}  # fmt: skip
ENDINGS = {"csv": (".csv", ".csv.gz"), "parquet": (".parquet",)}
NUMBER, DAY = r"-?\d+(\.\d+)?([eE][-+]?\d+)?", r"\d{4}-\d{2}-\d{2}"
OTHERWISE = "its id stands in an earlier row that says otherwise"
CURE = "Write the tables as docs/audit-input.md describes them."


@dataclass(frozen=True)
class Source:
    """The rows of a table as they came: relation ``raw_<name>``, and its columns with DuckDB's types."""

    name: str
    columns: Mapping[str, str]


def files_of(folder: Path, form: str) -> dict[str, list[Path]]:
    """The files of each table that is there: ``<table>.csv`` or ``<table>/*.csv``.

    Raises:
        NotReadable: a table is there in more than one way.
    """
    found: dict[str, list[Path]] = {}
    for name in LAYOUT:
        ways = {f"{name}{end}": [f] for end in ENDINGS[form] if (f := folder / f"{name}{end}").is_file()}
        held = [(f, end) for end in ENDINGS[form] for f in (folder / name).glob(f"*{end}") if f.is_file()]
        if held:
            ways[f"{name}/*{held[0][1]}"] = sorted((f for f, _ in held), key=lambda f: f.name)
        if len(ways) > 1:
            allowed = f"one of the {'two' if len(ways) == 2 else 'three'}"
            cure = f"Take away the {'one that is' if len(ways) == 2 else 'two that are'} not meant."
            raise NotReadable(f"{folder.name}/{name}", "", " beside ".join(ways), allowed, cure)
        for files in ways.values():
            found[name] = files
    return found


def read_tables(
    database: Any, folder: Path, out: Path, kinds: Facts, form: str, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Read the tables of a folder and write them, checked, with ``aside.parquet``; returns what is said of them.

    Raises:
        NotReadable: a file is no CSV (Parquet) at all. MissingField: exams have no column that every audit needs.
    """
    aside.make(database)
    database.execute("CREATE OR REPLACE TEMP TABLE gone (name VARCHAR, file BIGINT, line BIGINT)")
    database.execute("CREATE OR REPLACE TEMP TABLE files (file BIGINT, name VARCHAR)")
    database.execute("CREATE OR REPLACE TEMP TABLE lost (exam_id VARCHAR, file BIGINT, line BIGINT)")
    database.execute("CREATE OR REPLACE TEMP TABLE twice (exam_id VARCHAR)")
    sources, told, numbered = {}, {}, 0
    listed = files_of(folder, form)
    for name, files in listed.items():
        say(f"{name}: {len(files)} file{'s' * (len(files) > 1)}")
        sources[name] = _raw(database, name, files, numbered, form)
        numbered += len(files)
        rows = database.execute(f"SELECT count(*) FROM raw_{name}").fetchone()[0]
        told[name] = {"files": [f.name for f in files], "rows": rows}
    _headed(sources, listed)
    for source in sources.values():
        _sift(database, source, sources, kinds)
    for source in sources.values():
        _write(database, source, sources, kinds, out)
    return {"form": form, "tables": told, **aside.write(database, out)}


def _raw(database: Any, name: str, files: list[Path], first: int, form: str) -> Source:
    import duckdb

    parts = []
    try:
        for number, file in enumerate(files, first):
            database.execute(f"INSERT INTO files VALUES ({number}, {text(_said(name, file))})")
            database.execute(f"CREATE OR REPLACE TEMP TABLE part_{number} AS {_reading(file, number, form)}")
            _rejected(database, name, number, form)
            parts.append(f"SELECT * {_with_names(database, number)} FROM part_{number}")
        database.execute(f"CREATE OR REPLACE TEMP TABLE raw_{name} AS {' UNION ALL BY NAME '.join(parts)}")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        allowed = (
            f"a CSV file with a header, in UTF-8, no row above {MAX_LINE >> 20} MB" if form == "csv" else "Parquet"
        )
        long = "maximum line size" in str(error).lower()
        found = "a row that is too long, or whose quotes do not end" if long else f"a file that is no {form}"
        raise NotReadable(_said(name, file), "", found, allowed, CURE) from error
    for number, _ in enumerate(files, first):
        database.execute(f"DROP TABLE part_{number}")
    described = database.execute(f"DESCRIBE raw_{name}").fetchall()
    return Source(name, {row[0]: row[1] for row in described if row[0] not in ("file ", "line ")})


def _headed(sources: Mapping[str, Source], files: Mapping[str, list[Path]]) -> None:
    """Refuse exams whose columns the first line does not name, by the file that people know."""
    for name, needed in COLUMNS.items():
        missing = [c for c in needed if name in sources and c not in sources[name].columns]
        if missing:
            cure = "Name the columns in the first line (or the schema), as docs/audit.md lists them."
            raise MissingField(_said(name, files[name][0]), missing[0], "no such column", ", ".join(needed), cure)


def _with_names(database: Any, number: int) -> str:
    """The ids of a file as the audit reads them, without blanks around them."""
    kinds = {row[0]: row[1] for row in database.execute(f"DESCRIBE part_{number}").fetchall()}
    names = [f"nullif(trim({read(kinds, c, 'VARCHAR')}), '') AS {c}" for c in NAMES if c in kinds]
    return f"REPLACE ({', '.join(names)})" if names else ""


def _said(name: str, file: Path) -> str:
    """A file as people know it: ``exams.csv``, ``exams/part-1.csv``."""
    return f"{name}/{file.name}" if file.parent.name == name else file.name


def _reading(file: Path, number: int, form: str) -> str:
    """The rows of a file. A file's line is what editors show, where no value holds a line break."""
    if form == "parquet":
        return (
            f'SELECT * EXCLUDE file_row_number, {number} AS "file ", file_row_number + 1 AS "line " FROM '
            f"read_parquet({text(str(file))}, file_row_number = true)"
        )
    options = (
        "header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', parallel = false, "
        f"store_rejects = true, null_padding = false, auto_detect = true, max_line_size = {MAX_LINE}, "
        f"buffer_size = {2 * MAX_LINE}"
    )
    return (
        f'SELECT *, {number} AS "file ", row_number() OVER () + 1 AS "line " FROM '
        f"read_csv({text(str(file))}, {options})"
    )


def _rejected(database: Any, name: str, number: int, form: str) -> None:
    """Rows that are no CSV: too many or too few values, no text. Any value of a finding's may be its exam."""
    if form != "csv":
        return
    query = (
        "SELECT f.name, e.line, 'line', 'a row that is no CSV (' || lower(replace(CAST(e.error_type AS "
        "VARCHAR), '_', ' ')) || ')', '' "
        "FROM (SELECT DISTINCT ON (line) line, error_type FROM reject_errors ORDER BY line) e, files f "
        f"WHERE f.file = {number}"
    )
    aside.put_from(database, query)
    if name == "findings":
        words = "trim(unnest(string_split(csv_line, ',')), ' \"')"
        database.execute(f"INSERT INTO lost SELECT DISTINCT {words}, {number}, line FROM reject_errors")
    database.execute("DELETE FROM reject_errors")


def _sift(database: Any, source: Source, sources: Mapping[str, Source], kinds: Facts) -> None:
    """Put aside the rows that cannot be used, and count the values that cannot."""
    name, held = source.name, source.columns
    if name == "exams":
        several = f"GROUP BY exam_id HAVING min({_says(source)}) <> max({_says(source)})"
        database.execute(f"INSERT INTO twice SELECT exam_id FROM raw_exams WHERE exam_id IS NOT NULL {several}")
    for column in NEEDED[name]:
        if column in held:
            _put(database, name, "line", "nothing usable that the table needs", f"{column} IS NULL", column)
    if {*IDS.get(name, ("",))} <= held.keys():
        _duplicates(database, source)
    for column, of in (("patient_id", "patients"), ("exam_id", "exams")):
        if column in held and name != of and of in sources and column in sources[of].columns:
            gone = f"{column} NOT IN (SELECT {column} FROM {_left(of)} WHERE {column} IS NOT NULL)"
            _put(database, name, "reference", f"names what is not in {of}, or was put aside", gone, column)
    if "exam_id" in held and name != "exams":
        several = "names an exam whose id stands in several rows that say otherwise"
        _put(database, name, "reference", several, "exam_id IN (FROM twice)", "exam_id")
    _values(database, source, kinds)


def _says(source: Source) -> str:
    """The hash of all that a row says."""
    return f"hash({', '.join(map(quoted, source.columns))})"


def _duplicates(database: Any, source: Source) -> None:
    """Further rows of an id. One that says the same goes aside.

    One that says otherwise stays: of a patient (the audit joins them) and of an exam (it judges neither); a procedure
    is an event, whatever its id. Of findings the first counts, and their exam loses one.
    """
    name, key = source.name, IDS[source.name]
    ids = f"PARTITION BY {', '.join(key)}"
    order = 'ORDER BY "file ", "line "'
    database.execute(
        'CREATE OR REPLACE TEMP TABLE again AS SELECT "file ", "line ", '
        f"row_number() OVER ({ids}, {_says(source)} {order}) = 1 AS otherwise "
        f"FROM {_left(name)} WHERE {key[-1]} IS NOT NULL QUALIFY row_number() OVER ({ids} {order}) > 1"
    )
    these = '("file ", "line ") IN (SELECT ("file ", "line ") FROM again WHERE {})'
    _put(database, name, "duplicate", "its id stands in an earlier row", these.format("NOT otherwise"), key[-1])
    if name != "procedures":
        stays = "FALSE" if name == "findings" else "TRUE"
        _put(database, name, "duplicate", OTHERWISE, these.format("otherwise"), key[-1], stays)
    if name == "findings":
        found = 'JOIN found g ON g.file = r."file " AND g.line = r."line "'
        database.execute(f"INSERT INTO lost SELECT exam_id, file, line FROM raw_findings r {found}")


def _left(name: str) -> str:
    """The rows of a table that have not gone aside."""
    return (
        f"(SELECT * FROM raw_{name} r WHERE NOT EXISTS (FROM gone g WHERE g.name = {text(name)} "
        'AND g.file = r."file " AND g.line = r."line "))'
    )


def _put(
    database: Any, name: str, what: str, reason: str, condition: str, field: str, stays: str = "FALSE"
) -> None:  # fmt: skip
    """Put aside the rows that meet a condition; those that ``stays`` holds of are told, and stay.

    So do all rows of an exam's id that say otherwise, so that the audit sees that nobody knows whose it is.
    """
    kept = "coalesce(exam_id IN (FROM twice), FALSE)" if name == "exams" and what != "duplicate" else stays
    database.execute(
        f'CREATE OR REPLACE TEMP TABLE found AS SELECT "file " AS file, "line " AS line, {kept} AS stays FROM '
        f"{_left(name)} WHERE {condition}"
    )
    aside.put_from(
        database,
        f"SELECT f.name, v.line, {text(what)}, {text(reason)}, {text(field)} FROM found v JOIN files f USING (file)",
    )
    database.execute(f"INSERT INTO gone SELECT {text(name)}, file, line FROM found WHERE NOT stays")


def _values(database: Any, source: Source, kinds: Facts) -> None:
    """Each value that is there and cannot be used, and each event without a day; the row stays."""
    wanted = [c for c in source.columns if c in _types(source.name, kinds) and c not in NEEDED[source.name]]
    bad = [
        (
            f"CASE WHEN {_there(source, c)} AND ({_typed(source, c, kinds)}) IS NULL AND NOT "
            f"{_silent(source, c)} THEN {text(c)} END"
        )
        for c in wanted
    ]
    if source.name == "statements" and {"interval_min_months", "interval_max_months"} <= set(source.columns):
        bad.append(f"CASE WHEN NOT coalesce({_interval_good(source, kinds)}, TRUE) THEN 'interval_max_months' END")
    if bad:
        listed = f"unnest(list_filter([{', '.join(bad)}], lambda c: c IS NOT NULL))"
        aside.put_from(
            database,
            f"SELECT f.name, v.line, 'value', 'a value that cannot be used', v.field FROM "
            f'(SELECT "file " AS file, "line " AS line, {listed} AS field FROM {_left(source.name)}) v JOIN '
            "files f USING (file)",
        )


def _there(source: Source, column: str) -> str:
    if column in EXPECTED.get(source.name, ()):
        return "TRUE"
    held = source.columns[column]
    if held in ("DOUBLE", "FLOAT"):  # NaN is what some write for "not stated"
        return f"coalesce(NOT isnan({quoted(column)}), FALSE)"
    return f"trim({quoted(column)}) <> ''" if held == "VARCHAR" else f"{quoted(column)} IS NOT NULL"


def _silent(source: Source, column: str) -> str:
    """Whether a word says that it is not known, so that nothing is lost."""
    kind = WORDS.get((source.name, column))
    listed = ", ".join(map(text, intake().words[kind].get(None, ()) if kind else ()))
    return f"lower(trim(CAST({quoted(column)} AS VARCHAR))) IN ({listed})" if listed else "FALSE"


def _types(name: str, kinds: Facts) -> dict[str, str]:
    """The columns that the audit knows, with their types."""
    role = {"exams": "assessment", "findings": "finding"}.get(name)
    facts = {c: k for fact in (kinds[role].values() if role else ()) for c, k in fact.columns.items()}
    return {**facts, **LAYOUT[name]}


def _typed(source: Source, column: str, kinds: Facts) -> str:
    """A column as its type, NULL where its value cannot be used."""
    wanted, held, sql = _types(source.name, kinds)[column], source.columns[column], quoted(column)
    kept = _cast(sql, held, wanted)
    words = WORDS.get((source.name, column))
    if words:
        listed = ", ".join(text(w) for w in intake().words[words] if w)
        word = f"lower(trim(CAST({sql} AS VARCHAR)))"
        return f"CASE WHEN {word} IN ({listed}) THEN {word} END"
    fact = _fact(source.name, column, kinds)
    if fact and fact.kind == "number" and wanted.startswith("DECIMAL"):
        return f"CASE WHEN {kept} BETWEEN {fact.low} AND {fact.high} THEN {kept} END"
    if column.endswith("_months") or column in ("pack_years", "years_since_quit"):
        return f"CASE WHEN {kept} >= 0 THEN {kept} END"
    return kept


def _fact(name: str, column: str, kinds: Facts) -> Fact | None:
    role = {"exams": "assessment", "findings": "finding"}.get(name)
    return kinds[role].get(column) if role else None


def _cast(sql: str, held: str, wanted: str) -> str:
    """A column as another type, by the strict forms."""
    if held == wanted.replace(", ", ","):
        return f"nullif(trim({sql}), '')" if held == "VARCHAR" else sql
    if held != "VARCHAR":
        return f"TRY_CAST({sql} AS {wanted})"
    word = f"trim({sql})"
    if wanted == "BOOLEAN":
        return f"CASE lower({word}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
    form = DAY if wanted == "DATE" else NUMBER if wanted.startswith(("DECIMAL", "DOUBLE", "INTEGER")) else None
    cast = f"TRY_CAST({word} AS {wanted})"
    return f"CASE WHEN regexp_full_match({word}, {text(form)}) THEN {cast} END" if form else cast


def _interval_good(source: Source, kinds: Facts) -> str:
    low, high = (_typed(source, f"interval_{end}_months", kinds) for end in ("min", "max"))
    return f"({low}) <= ({high})"


def _write(database: Any, source: Source, sources: Mapping[str, Source], kinds: Facts, out: Path) -> None:
    """A table whole or not at all, in the order of the rows; columns that nobody knows are handed on as they are."""
    listed = list(_listed(source, kinds))
    file, part = out / f"{source.name}.parquet", out / f".{source.name}.parquet.part"
    rows = _left(source.name)
    if source.name == "findings" and all(
        "exam_id" in sources[n].columns for n in ("findings", "exams") if n in sources
    ):
        rows = _with_lost(source, exams="exams" in sources)
    query = f'SELECT {", ".join(listed)} FROM {rows} ORDER BY "file ", "line "'
    database.execute(f"COPY ({query}) TO {text(str(part))} (FORMAT parquet, COMPRESSION zstd)")
    part.replace(file)


def _with_lost(source: Source, *, exams: bool) -> str:
    """The findings, and for each exam that lost one a row that says nothing else."""
    there = f"AND exam_id IN (SELECT exam_id FROM {_left('exams')})" if exams else ""
    lost = (
        'SELECT exam_id, min(file) AS "file ", min(line) AS "line " FROM lost '
        f"WHERE exam_id NOT IN (FROM twice) {there} GROUP BY exam_id"
    )
    return f"(SELECT * FROM {_left(source.name)} UNION ALL BY NAME {lost})"


def _listed(source: Source, kinds: Facts) -> Iterator[str]:
    types = _types(source.name, kinds)
    both = source.name == "statements" and {"interval_min_months", "interval_max_months"} <= set(source.columns)
    for column in source.columns:
        sql = _typed(source, column, kinds) if column in types else quoted(column)
        if both and column.startswith("interval_"):
            sql = f"CASE WHEN coalesce({_interval_good(source, kinds)}, TRUE) THEN {sql} END"
        if source.name != "patients" or column not in ENDED:
            yield f"{sql} AS {quoted(column)}"
    if source.name == "patients":
        yield from (f"{_went(source, flag, kinds)} AS {quoted(flag)}" for flag in ENDED)


def _went(source: Source, flag: str, kinds: Facts) -> str:
    """Whether a patient died, or left: as stated, and where a word or a day of it stands there that cannot be read."""
    stated = _typed(source, flag, kinds) if flag in source.columns else "CAST(NULL AS BOOLEAN)"
    whens = [f"WHEN {_there(source, ENDED[flag])} THEN TRUE"] if ENDED[flag] in source.columns else []
    if flag in source.columns:
        whens.append(f"WHEN {_there(source, flag)} AND ({stated}) IS NULL THEN TRUE")
    return f"CASE {' '.join(whens)} ELSE {stated} END" if whens else stated
