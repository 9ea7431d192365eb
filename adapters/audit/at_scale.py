"""The audit of a folder of tables, bucket by bucket, in bounded memory; killed and started again it goes on.

What decides the answer (the input's fingerprint, rules, measures, settings, as-of date, buckets) is the
plan. It is written to ``manifest.json`` before the first bucket; a bucket's files appear whole or not at all.
Started again with the same plan the audit makes what is missing; with another one it refuses.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from ...engine.errors import BadValue
from ...engine.guideline.columns import text
from ...engine.resources import knowledge_folder
from . import bucket as one
from .cases import Cases
from .duck import duck, writable
from .held import held, states
from .layout import FIRST_DAY, Tables, files_of, read, tables_of, unknown_words, unreadable
from .measure_files import Measure, asked_for, chosen
from .orphans import orphans
from .relation import WORDS, Bucket, Known, Relations, facts_of
from .sayings import stated_table
from .scope import FOLDER, Edition, category_rows, editions_of, management_rows, scope, settings
from .spark.session import ready
from .texts import PARTS as TEXT_PARTS
from .texts import with_texts

PARTS = ("rows", "counts", "worklist")
PER_BUCKET = 2_000_000  # exams: what two threads hold in 2 GB (measured: benchmarks/audit_scale.py)
SAMPLE = 100_000  # about so many exams are looked at to choose the bounds of the buckets
FEW = 10_000  # words of a column, hashes in a list: more are not enumerated
# joins run as they are written, and rows need no order that no ORDER BY asks for: so both threads can work
FAST = ("disabled_optimizers = 'join_order,build_side_probe_side'", "preserve_insertion_order = false")
MANIFEST, TEXTS = "manifest.json", "texts"
DUCKDB = "duckdb"


@dataclass(frozen=True)
class Order:
    """What is asked for."""

    folder: Path
    out: Path
    as_of: date
    measures: tuple[str, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)
    memory: str = "2GB"
    threads: int = 2
    per_bucket: int = PER_BUCKET
    texts: bool = False  # whether what no structured statement tells is read from the exams' texts
    engine: str = DUCKDB  # who computes: this, or Spark on this machine or at a master


@dataclass(frozen=True)
class Done:
    """What has been made: where, of which measures, from which tables."""

    order: Order
    measures: tuple[Measure, ...]
    numbers: Mapping[str, int]
    manifest: Mapping[str, Any]

    def files(self, part: str) -> list[Path]:
        """The files of a part, in order."""
        return sorted((self.order.out / part).glob("part-*.parquet"))


def run(order: Order, say: Callable[[str], None] = lambda _: None) -> Done:
    """Audit a folder; ``say`` is told what is done.

    Raises:
        InputError: the input or what is asked cannot be used. MissingExtra: the extra ``audit`` is absent.
    """
    measures, numbers = chosen(order.measures), settings(order.own)
    editions = tuple(e for name in scope().guidelines for e in editions_of(name))
    if order.engine != DUCKDB:
        ready(order.engine)
    before, there = states(files_of(order.folder)), _results(order.out)
    with opened(order) as database:
        tables = tables_of(order.folder, database, facts_of(editions))
        if order.texts:
            tables = with_texts(tables, database, order.out / TEXTS, say)
        manifest = _manifest(database, order, tables, measures, numbers, editions)
        _begin(order.out, manifest)
        forget = partial(_forget, order.out, there)
        absent = frozenset(n for m in measures for n in m.file.needs if not tables.has(n))
        with held(before, forget), _engine(order, database, tables, editions) as (working, seen, known):
            _keep(order.out, manifest)
            relations = Relations(seen, editions, order.as_of, numbers, asked_for(measures), known)
            for statement in relations.constants():
                for each in {working, database}:
                    each.execute(statement)
            working.execute(stated_table(relations))
            _put_aside(working, seen, order)
            plan = one.Plan(relations, Cases(working, relations), measures, numbers, absent, database)
            _each(working, plan, buckets_of(working, seen, manifest["plan"]["buckets"]), order.out, say)
    return Done(order, measures, numbers, manifest)


@contextmanager
def _engine(
    order: Order, database: Any, tables: Tables, editions: Sequence[Edition]
) -> Iterator[tuple[Any, Tables, Known]]:
    """Who computes, the tables as it reads them, and what is known of them: DuckDB itself, or Spark beside it."""
    if order.engine == DUCKDB:
        yield database, tables, known_of(database, tables)
        return
    from .spark.engine import started

    with started(order.engine, order.memory, order.threads, database, tables, facts_of(editions), order.out) as found:
        yield found


@contextmanager
def opened(order: Order) -> Iterator[Any]:
    """A database in bounded memory that puts what does not fit into a folder of its own in ``out``.

    Raises:
        MissingExtra, BadValue, NotReadable: as ``duck``.
    """
    made = not order.out.exists()
    with writable():
        order.out.mkdir(parents=True, exist_ok=True)
    try:
        with duck(order.memory, order.threads, (order.folder, order.out), order.out) as database:
            for setting in FAST:
                database.execute(f"SET {setting}")
            yield database
    finally:
        if made and not any(order.out.iterdir()):  # input that cannot be used leaves nothing
            order.out.rmdir()


def _each(
    database: Any, plan: one.Plan, buckets: Sequence[Bucket], out: Path, say: Callable[[str], None]
) -> None:  # fmt: skip
    for bucket in buckets:
        paths = {part: out / part / f"part-{bucket.number:05}.parquet" for part in PARTS}
        at = f"bucket {bucket.number + 1} of {len(buckets)}"
        if all(path.is_file() for path in paths.values()):
            say(f"{at}: already there")
            continue
        one.audit_bucket(database, plan, bucket, paths, lambda s, at=at: say(f"{at}: {s}"))  # type: ignore[misc]


def known_of(database: Any, tables: Tables) -> Known:
    """Look for ids that stand in several rows; makes the relation ``twice`` of those of exams.

    Exams are told apart by the 64 bits of their ids' hashes, unless two of them have the same: then by the ids.
    """
    people_twice = bool(_repeated(database, tables, "patients", "patient_id"))
    hashes = _repeated(database, tables, "exams", "exam_id")
    if not hashes:
        database.execute("CREATE OR REPLACE TEMP TABLE twice (exam_id VARCHAR)")
        return Known(people_twice=people_twice, words=_words(database, tables))
    source = f"({tables.select('exams', {'exam_id': 'VARCHAR'})})"
    few = f"hash(exam_id) IN ({', '.join(map(str, hashes))})" if len(hashes) < FEW else "TRUE"
    database.execute(
        "CREATE OR REPLACE TEMP TABLE candidates AS SELECT exam_id, COUNT(*) AS many "  # noqa: S608
        f"FROM {source} WHERE exam_id IS NOT NULL AND {few} GROUP BY exam_id"
    )
    database.execute("CREATE OR REPLACE TEMP TABLE twice AS SELECT exam_id FROM candidates WHERE many > 1")
    several, alike = database.execute(
        "SELECT COUNT(*) FILTER (WHERE many > 1), COUNT(*) - COUNT(DISTINCT hash(exam_id)) FROM candidates"
    ).fetchone()
    return Known(several > 0, people_twice, alike == 0, _words(database, tables))


def _words(database: Any, tables: Tables) -> dict[str, str]:
    """Make an enumeration of each column of few words, and one of the words of guidelines and statements."""
    sources = {c: f"SELECT {c} AS w FROM ({tables.select(t, {c: 'VARCHAR'})})" for t, cs in WORDS.items() for c in cs}  # noqa: S608
    ours = {word for row in (*management_rows(), *category_rows()) for word in (row["edition"], row.get("category"))}
    ours |= {*scope().guidelines, "decided", "undecided", "refused"}
    stated = f"SELECT category FROM ({tables.select('statements', {'category': 'VARCHAR'})})"  # noqa: S608
    known = ", ".join(f"({text(word)})" for word in sorted(filter(None, ours)))
    sources["word"] = f"SELECT w FROM (VALUES {known}) v(w) UNION ALL {stated}"  # noqa: S608
    return {c: f"words_{c}" for c, source in sources.items() if _enumerated(database, c, source)}


def _enumerated(database: Any, column: str, source: str) -> bool:
    """Make the type ``words_<column>``; False where there are too many words."""
    words = database.execute(f"SELECT DISTINCT w FROM ({source}) WHERE w IS NOT NULL ORDER BY w LIMIT {FEW}").fetchall()  # noqa: S608
    if 0 < len(words) < FEW:
        listed_words = ", ".join(text(word) for (word,) in words)
        database.execute(f"CREATE TYPE words_{column} AS ENUM ({listed_words})")
    return 0 < len(words) < FEW


def _repeated(database: Any, tables: Tables, table: str, column: str) -> list[int]:
    """The hashes of a column that stand in several rows, found by sorting them."""
    source = f"({tables.select(table, {column: 'VARCHAR'})})"
    hashes = database.execute(f"SELECT hash({column}) AS h FROM {source} WHERE {column} IS NOT NULL").fetchnumpy()["h"]  # noqa: S608
    hashes.sort()
    return sorted({int(h) for h in hashes[1:][hashes[1:] == hashes[:-1]]})


def buckets_of(database: Any, tables: Tables, bounds: Sequence[Sequence[str | None]]) -> list[Bucket]:
    """The buckets with the bounds of their exams' ids, by which the tables beside the exams are read in part."""
    whole = [Bucket(number, low, high) for number, (low, high) in enumerate(bounds)]
    if len(whole) == 1:
        return whole
    ids = f"({tables.select('exams', {'exam_id': 'VARCHAR', 'patient_id': 'VARCHAR'})})"
    ends = [
        database.execute(f"SELECT MIN(exam_id), MAX(exam_id) FROM {ids} WHERE {b.holds()}").fetchone()  # noqa: S608
        for b in whole
    ]
    known = sorted((first, last) for first, last in ends if first is not None)
    apart = all(a[1] < b[0] for a, b in pairwise(known))
    return [replace(b, first=f or "", last=t or "", apart=apart) for b, (f, t) in zip(whole, ends, strict=True)]


def _put_aside(database: Any, tables: Tables, order: Order) -> None:
    """Write the exams that cannot be used, with the reason: none is dropped in silence."""
    keys = {"exam_id": "VARCHAR", "patient_id": "VARCHAR", "exam_date": "DATE"}
    day = f"DATE {text(order.as_of.isoformat())}"
    stated = read(tables.columns("exams"), "exam_date", "DATE")
    reasons = (
        "CASE WHEN exam_id IS NULL THEN 'no exam_id' WHEN patient_id IS NULL THEN 'no patient_id' "
        f"WHEN stated < DATE {text(FIRST_DAY)} THEN 'exam_date before {FIRST_DAY[:4]}' "
        "WHEN exam_date IS NULL THEN 'no exam_date' "
        "WHEN exam_id IN (FROM twice) THEN 'exam_id in several rows' "
        f"WHEN exam_date > {day} THEN 'after the as-of date' END"
    )
    query = (
        f"SELECT {', '.join(keys)}, reason FROM "  # noqa: S608
        f"(SELECT *, {reasons} AS reason FROM ({tables.select('exams', keys, [f'{stated} AS stated'])})) "
        "WHERE reason IS NOT NULL ORDER BY reason, exam_id, patient_id, exam_date"
    )
    one.write(database, query, order.out / "aside.parquet")


def bounds_of(database: Any, tables: Tables, per_bucket: int) -> list[tuple[str | None, str | None]]:
    """The buckets as bounds of patient ids, of about so many exams each."""
    source = f"({tables.select('exams', {'patient_id': 'VARCHAR'})})"
    rows = tables.found["exams"].rows
    many, one_in = max(1, -(-rows // per_bucket)), max(1, rows // SAMPLE)
    sample = f"SELECT patient_id FROM {source} WHERE hash(patient_id) % {one_in} = 0 ORDER BY 1"  # noqa: S608
    ids = [row[0] for row in database.execute(sample).fetchall()] if many > 1 else []
    cuts = sorted({ids[len(ids) * k // many] for k in range(1, many)} if ids else set())
    return list(zip([None, *cuts], [*cuts, None], strict=True))


def _manifest(
    database: Any, order: Order, tables: Tables, measures: Sequence[Measure], numbers: Mapping[str, int],
    editions: Sequence[Edition],
) -> dict[str, Any]:  # fmt: skip
    facts = facts_of(editions)
    files = {f"{m.id}.yaml" for m in measures} | {"scope.yaml"}
    shipped = knowledge_folder() / FOLDER
    return {
        "plan": {
            "input": tables.fingerprint(),
            "as_of": order.as_of.isoformat(),
            "settings": dict(numbers),
            "measures": {name: _sha(shipped / name) for name in sorted(files)},
            "guidelines": {e.name: e.guideline.sha256 for e in editions},
            "radlogic": version("radlogic"),
            "duckdb": database.execute("SELECT version()").fetchone()[0],
            **({} if order.engine == DUCKDB else {"engine": "spark"}),
            "buckets": bounds_of(database, tables, order.per_bucket),
        },
        "said_of_the_input": {
            "remarks": list(tables.remarks),
            "unreadable_values": unreadable(tables, database, facts),
            "unknown_words": unknown_words(tables, database),
            "orphans": orphans(tables, database),
        },
    }


def _sha(file: Any) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def begun(out: Path) -> bool:
    """Whether a folder has results of an audit, which belong to the tables that were read for it."""
    return any(any((out / part).glob("part-*.parquet")) for part in PARTS)


def _begin(out: Path, manifest: Mapping[str, Any]) -> None:
    """Find room for the results: none there, or some of the same plan.

    Raises:
        BadValue: the folder holds another audit, or cannot be written.
    """
    file = out / MANIFEST
    with writable():
        for part in PARTS:
            (out / part).mkdir(parents=True, exist_ok=True)
        plan = file.read_text(encoding="utf-8") if file.is_file() else ""
    if plan != _written(manifest) and begun(out):
        allowed = "an empty folder, or one with the same input, as-of date, measures and settings"
        raise BadValue("command line", "--out", "the results of another audit", allowed, "Choose another.")


def _keep(out: Path, manifest: Mapping[str, Any]) -> None:
    """Write the plan, whole or not at all, when all is ready to follow it."""
    part = out / f".{MANIFEST}.part"
    with writable():
        part.write_text(_written(manifest), encoding="utf-8")
        part.replace(out / MANIFEST)


def _written(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2) + "\n"


def _results(out: Path) -> set[Path]:
    """What a later run takes as it is."""
    return {file for part in (*PARTS, *(f"{TEXTS}/{p}" for p in TEXT_PARTS)) for file in (out / part).glob("part-*")}


def _forget(out: Path, there: set[Path]) -> None:
    """Throw away the results that were not there before, and without any other the plan."""
    for file in _results(out) - there:
        file.unlink(missing_ok=True)
    if not there:
        shutil.rmtree(out / TEXTS, ignore_errors=True)
        for name in ("aside.parquet", MANIFEST):
            (out / name).unlink(missing_ok=True)
