"""The audit of a folder of tables, bucket by bucket, in bounded memory; killed and started again it goes on.

What decides the answer (the input's fingerprint, rules, measures, settings, as-of date, buckets) is the
plan. It is written first, to ``manifest.json``; a bucket's files appear whole or not at all. Started
again with the same plan the audit makes what is missing; with another one it refuses.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ...engine.errors import BadValue, MissingExtra
from ...engine.guideline.columns import text
from ...engine.resources import knowledge_folder
from . import bucket as one
from .layout import Tables, tables_of, unreadable
from .measure_files import Measure, chosen
from .relation import Bucket, Relations, facts_of
from .scope import FOLDER, Edition, editions_of, scope, settings

PARTS = ("rows", "counts", "worklist")
PER_BUCKET = 500_000  # exams: what two threads hold in 2 GB with room to spare
SAMPLE = 100_000  # about so many exams are looked at to choose the bounds of the buckets
MANIFEST = "manifest.json"


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
    with opened(order) as database:
        tables = tables_of(order.folder, database, facts_of(editions))
        twice = twice_of(database, tables)
        manifest = _manifest(database, order, tables, measures, numbers, editions)
        _begin(order.out, manifest)
        absent = frozenset(n for m in measures for n in m.file.needs if not tables.has(n))
        relations = Relations(tables, editions, order.as_of, numbers)
        for statement in relations.constants():
            database.execute(statement)
        _put_aside(database, tables, order, twice)
        plan = one.Plan(relations, measures, numbers, absent)
        _each(database, plan, manifest["plan"]["buckets"], twice, order.out, say)
    return Done(order, measures, numbers, manifest)


@contextmanager
def opened(order: Order) -> Iterator[Any]:
    """A database in bounded memory that puts what does not fit into a folder of its own.

    Raises:
        MissingExtra: the extra ``audit`` is absent. BadValue: the memory is no size.
    """
    try:
        import duckdb
    except ImportError as error:
        cure = "Install it: pip install 'radlogic[audit]'"
        raise MissingExtra("audit", "duckdb", "no such package", "the extra `audit`", cure) from error
    spill = tempfile.mkdtemp(prefix="radlogic-audit-")
    try:
        with duckdb.connect(config={"threads": order.threads, "temp_directory": spill}) as database:
            try:
                database.execute(f"SET memory_limit = {text(order.memory)}")
            except duckdb.Error as error:
                found, allowed = repr(order.memory), "a size such as 2GB"
                raise BadValue("command line", "--memory", found, allowed, "Correct it.") from error
            yield database
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _each(
    database: Any, plan: one.Plan, bounds: Sequence[Sequence[str | None]], twice: str, out: Path,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    for number, (low, high) in enumerate(bounds):
        paths = {part: out / part / f"part-{number:05}.parquet" for part in PARTS}
        at = f"bucket {number + 1} of {len(bounds)}"
        if all(path.is_file() for path in paths.values()):
            say(f"{at}: already there")
            continue
        one.audit_bucket(database, plan, Bucket(number, low, high), twice, paths, lambda s, at=at: say(f"{at}: {s}"))  # type: ignore[misc]


def twice_of(database: Any, tables: Tables) -> str:
    """Make the relation of exam ids that stand in several rows; their hashes find the few candidates cheaply."""
    source = f"({tables.select('exams', {'exam_id': 'VARCHAR'})})"
    hashes = f"SELECT hash(exam_id) AS h FROM {source} GROUP BY h HAVING COUNT(*) > 1"  # noqa: S608
    database.execute(
        f"CREATE TEMP TABLE twice AS SELECT exam_id FROM {source} WHERE hash(exam_id) IN ({hashes}) "  # noqa: S608
        "AND exam_id IS NOT NULL GROUP BY exam_id HAVING COUNT(*) > 1"
    )
    return "twice"


def _put_aside(database: Any, tables: Tables, order: Order, twice: str) -> None:
    """Write the exams that cannot be used, with the reason: none is dropped in silence."""
    keys = {"exam_id": "VARCHAR", "patient_id": "VARCHAR", "exam_date": "DATE"}
    day = f"DATE {text(order.as_of.isoformat())}"
    reasons = (
        "CASE WHEN exam_id IS NULL THEN 'no exam_id' WHEN patient_id IS NULL THEN 'no patient_id' "
        "WHEN exam_date IS NULL THEN 'no exam_date' "
        f"WHEN exam_id IN (FROM {twice}) THEN 'exam_id in several rows' "
        f"WHEN exam_date > {day} THEN 'after the as-of date' END"
    )
    query = (
        f"SELECT *, {reasons} AS reason FROM ({tables.select('exams', keys)}) "  # noqa: S608
        "WHERE reason IS NOT NULL ORDER BY reason, exam_id, patient_id, exam_date"
    )
    one.write(database, query, order.out / "aside.parquet")


def bounds_of(database: Any, tables: Tables, per_bucket: int) -> list[tuple[str | None, str | None]]:
    """The buckets as bounds of patient ids, of about so many exams each."""
    source = f"({tables.select('exams', {'patient_id': 'VARCHAR'})})"
    rows = tables.found["exams"].rows
    many, one_in = max(1, round(rows / per_bucket)), max(1, rows // SAMPLE)
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
            "duckdb": database.execute("SELECT version()").fetchone()[0],
            "buckets": bounds_of(database, tables, order.per_bucket),
        },
        "said_of_the_input": {
            "remarks": list(tables.remarks),
            "unreadable_values": unreadable(tables, database, facts),
        },
    }


def _sha(file: Any) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _begin(out: Path, manifest: Mapping[str, Any]) -> None:
    """Write the plan, or find the same one there.

    Raises:
        BadValue: the folder holds another audit, or cannot be written.
    """
    wanted, file = json.dumps(manifest, indent=2) + "\n", out / MANIFEST
    try:
        for part in PARTS:
            (out / part).mkdir(parents=True, exist_ok=True)
        if file.is_file():
            if file.read_text(encoding="utf-8") != wanted:
                allowed = "an empty folder, or one with the same input, as-of date, measures and settings"
                raise BadValue("command line", "--out", "the results of another audit", allowed, "Choose another.")
            return
        part_file = file.with_name(f".{MANIFEST}.part")
        part_file.write_text(wanted, encoding="utf-8")
        part_file.replace(file)
    except OSError as error:
        found = error.strerror or "a folder that cannot be written"
        raise BadValue("command line", "--out", found, "a folder that can be written", "Choose another.") from error
