"""Free-text reports as statements of the audit: read once each, before the measures, and joined to what is structured.

Read are the texts of exams whose structured statements leave something unsaid. Each text is read once, however many
exams have it, by two processes. The tables are scanned once for all of them: the texts are laid out by their hash,
and a bucket is a range of it. A bucket's files appear whole or not at all, so that a run that was killed goes on where
it was. Beside the statements stands where in its text each value was read.
"""

# ruff: noqa: S608  the SQL is made of names that are quoted and of our own words

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ...engine.errors import BadValue
from ...engine.resources import knowledge_folder
from .bucket import write
from .layout import LAYOUT, Tables
from .read_rows import arrow_types, places_of, statements_of

PLAN = "texts.json"
PARTS = ("statements", "statements_read")
PER_BUCKET = 200_000  # exams with a text to read: what is held at once
FEW, AT_ONCE = 2_000, 250  # below so many texts no process is started; texts handed to a process at once
SPANS = {"exam_id": "VARCHAR", "field": "VARCHAR", "value": "VARCHAR", "start": "INTEGER", "end": "INTEGER",
         "rule": "VARCHAR"}  # fmt: skip
# a structured statement to which a text can add nothing; Fleischner has no categories
COMPLETE = (
    "source = 'structured' AND guideline IS NOT NULL AND edition IS NOT NULL "
    "AND (category IS NOT NULL OR guideline = 'fleischner') AND (no_followup OR "
    "(interval_min_months IS NOT NULL AND interval_max_months IS NOT NULL AND recommended_modality IS NOT NULL))"
)


def with_texts(
    tables: Tables, database: Any, out: Path, say: Callable[[str], None] = lambda _: None, processes: int = 2
) -> Tables:
    """The tables, and among their statements those that were read from the exams' texts (source "text").

    ``out``/statements and ``out``/statements_read hold the statements, and (exam_id, field, value, start, end, rule):
    the half-open range of characters of ``report_text`` in which each value was read. Called again after an
    interruption it makes what is missing.

    Raises:
        BadValue: ``out`` holds what was read from other tables or with another grammar, or cannot be written.
    """
    if "report_text" not in tables.columns("exams"):
        return tables
    given = _input(tables)  # before they are read: what changes from here on is another input to the next run
    many = _prepare(database, tables)
    _begin(out, {"input": given, "grammar": grammar(), "buckets": many, "duckdb": _version(database)})
    with _readers(processes) as reading:
        for number in range(many):
            _bucket(database, out, number, many, reading, say)
    database.execute("DROP TABLE to_read")
    files = tuple(sorted((out / "statements").glob("part-*.parquet")))
    return replace(tables, found={**tables.found, "statements": _joined(tables, database, files)})


@cache
def grammar() -> str:
    """The sha256 of the words and of the program that reads: with another one, what was read holds no more."""
    shipped = [*(knowledge_folder() / "report_reading").iterdir(), *_programs()]
    files = sorted((f for f in shipped if f.name.endswith((".yaml", ".py"))), key=lambda f: f.name)
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _programs() -> Iterator[Any]:
    from importlib.resources import files

    yield from files(f"{__package__}.reading").iterdir()


def _version(database: Any) -> str:
    return str(database.execute("SELECT version()").fetchone()[0])


def _input(tables: Tables) -> dict[str, Any]:
    return {name: told for name, told in tables.fingerprint().items() if name in ("exams", "statements")}


def _prepare(database: Any, tables: Tables) -> int:
    """Make ``to_read`` (exam_id, report_text, key) in the order of its key, and say in how many buckets it is read."""
    database.execute(
        "CREATE OR REPLACE TEMP TABLE complete AS "
        f"SELECT DISTINCT exam_id FROM ({tables.select('statements')}) WHERE exam_id IS NOT NULL AND {COMPLETE}"
    )
    texts = tables.select("exams", {"exam_id": "VARCHAR", "report_text": "VARCHAR"})
    database.execute(
        "CREATE OR REPLACE TEMP TABLE to_read AS SELECT exam_id, report_text, hash(report_text) AS key "
        f"FROM ({texts}) WHERE exam_id IS NOT NULL AND report_text IS NOT NULL AND exam_id NOT IN (FROM complete) "
        "ORDER BY key"
    )
    exams = database.execute("SELECT COUNT(*) FROM to_read").fetchone()[0]
    return max(1, -(-int(exams) // PER_BUCKET))


def _begin(out: Path, plan: Mapping[str, Any]) -> None:
    wanted, file = json.dumps(plan, indent=2, sort_keys=True) + "\n", out / PLAN
    try:
        for part in PARTS:
            (out / part).mkdir(parents=True, exist_ok=True)
        if file.is_file() and file.read_text(encoding="utf-8") != wanted:
            allowed = "an empty folder, or one with what was read from the same tables by the same grammar"
            raise BadValue("command line", "--out", "texts read for another audit", allowed, "Choose another.")
        part_file = file.with_name(f".{PLAN}.part")
        part_file.write_text(wanted, encoding="utf-8")
        part_file.replace(file)
    except OSError as error:
        found = error.strerror or "a folder that cannot be written"
        raise BadValue("command line", "--out", found, "a folder that can be written", "Choose another.") from error


Reading = Callable[[Sequence[str]], Iterator["Rows"]]
Rows = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]  # of texts by their numbers: statements, places


@contextmanager
def _readers(processes: int) -> Iterator[Reading]:
    """How a list of texts is read; processes are started when the first long list comes."""
    pool: list[ProcessPoolExecutor] = []

    def reading(texts: Sequence[str]) -> Iterator[Rows]:
        if processes < 2 or len(texts) < FEW:
            return map(_read, _pieces(texts))
        if not pool:
            pool.append(ProcessPoolExecutor(processes, mp_context=get_context("spawn")))
        return pool[0].map(_read, _pieces(texts))

    try:
        yield reading
    finally:
        for one in pool:
            one.shutdown(cancel_futures=True)


def _pieces(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    return ((at, texts[at : at + AT_ONCE]) for at in range(0, len(texts), AT_ONCE))


def _read(piece: tuple[int, Sequence[str]]) -> Rows:
    from .reading.reader import read_report

    first, texts = piece
    read = [(first + n, read_report(text)) for n, text in enumerate(texts)]
    statements = [(number, *row) for number, one in read for row in statements_of(one)]
    return statements, [(number, *row) for number, one in read for row in places_of(one)]


def _bucket(database: Any, out: Path, number: int, many: int, reading: Reading, say: Callable[[str], None]) -> None:
    paths = {part: out / part / f"part-{number:05}.parquet" for part in PARTS}
    at = f"texts, bucket {number + 1} of {many}"
    if all(path.is_file() for path in paths.values()):
        say(f"{at}: already there")
        return
    database.execute(
        "CREATE OR REPLACE TEMP TABLE texts AS SELECT row_number() OVER () - 1 AS number, report_text FROM "
        f"(SELECT DISTINCT report_text FROM {_range(number, many)})"
    )
    texts = [row[0] for row in database.execute("SELECT report_text FROM texts ORDER BY number").fetchall()]
    say(f"{at}: {len(texts)} texts")
    statements, places = zip(*reading(texts), strict=True) if texts else ((), ())
    _register(database, "read_statements", LAYOUT["statements"], chain(*statements))
    _register(database, "read_places", SPANS, chain(*places))
    for part, made in zip(PARTS, ("read_statements", "read_places"), strict=True):
        columns = LAYOUT["statements"] if part == "statements" else SPANS
        write(database, _of_exams(made, columns, _range(number, many)), paths[part])


def _range(number: int, many: int) -> str:
    """The part of ``to_read`` whose keys fall into a bucket: it lies together, so that no other part is looked at."""
    first, last = (number << 64) // many, ((number + 1 << 64) // many) - 1
    return f"(SELECT DISTINCT exam_id, report_text FROM to_read WHERE key BETWEEN {first}::UBIGINT AND {last}::UBIGINT)"


def _register(database: Any, name: str, columns: Mapping[str, str], rows: Iterator[tuple[Any, ...]]) -> None:
    """A temporary table of rows that begin with the number of a text; ``exam_id`` is joined later."""
    import pyarrow as pa

    types = arrow_types()
    names = ["number", *(column for column in columns if column != "exam_id")]
    listed = list(zip(*rows, strict=True)) or [()] * len(names)
    table = pa.table({n: pa.array(values, types[n]) for n, values in zip(names, listed, strict=True)})
    database.register(name, table)


def _of_exams(made: str, columns: Mapping[str, str], of_bucket: str) -> str:
    """The rows of texts as rows of the exams that have them."""
    told = ", ".join(
        f'CAST({"e" if column == "exam_id" else "r"}."{column}" AS {kind}) AS "{column}"'
        for column, kind in columns.items()
    )
    return f"SELECT {told} FROM {of_bucket} e JOIN texts USING (report_text) JOIN {made} r USING (number) ORDER BY ALL"


def _joined(tables: Tables, database: Any, files: tuple[Path, ...]) -> Any:
    """The table of statements with the files of those that were read."""
    from .layout import Table

    given = tables.found.get("statements")
    every = (*(given.files if given else ()), *files)
    table = Table("statements", every, {}, 0)
    described = database.execute(f"DESCRIBE SELECT * FROM {table.relation}").fetchall()
    rows = database.execute(f"SELECT COUNT(*) FROM {table.relation}").fetchone()[0]
    odd = given.odd if given else frozenset()  # the reader's own words are the audit's
    return Table("statements", every, {row[0]: row[1] for row in described}, int(rows), odd=odd)
