# ruff: noqa: S608  paths of our own temporary files
"""Claim: DuckDB, Spark and plain Python judge every exam alike.

DuckDB and Spark each audit the same Parquet in a process of their own; their rows (all columns, all measures),
counts and worklists are compared one by one, in order. Then the codes of all measures are compared with what
``tests/audited_by_hand.py``, which shares no code with the audit, makes of each exam. Prints how many were
compared, how many differ, and what each took; the exit code is 1 where any differs.

``python benchmarks/audit_engines.py --folder POPULATION/tables [--engine "local[2]"] [--memory 3GB]``
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

AS_OF = date(2026, 6, 30)
HERE = Path(__file__).resolve().parent


def audit(folder: Path, out: Path, engine: str, memory: str, per_bucket: int) -> None:
    """The audit, in this process."""
    from radlogic.adapters.audit.at_scale import Order, run

    def say(what: str) -> None:
        print(f"{time.monotonic() - started:8.1f} s  {what}", file=sys.stderr, flush=True)

    started = time.monotonic()
    run(Order(folder, out, AS_OF, memory=memory, engine=engine, per_bucket=per_bucket), say)


def alone(folder: Path, out: Path, engine: str, memory: str, per_bucket: int) -> str:
    """Run the audit in a process of its own; returns what it took."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, __file__, "--one", engine, "--folder", folder, "--out", out, "--memory", memory]
    subprocess.run([*map(str, words), "--per-bucket", str(per_bucket)], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return f"{cpu:.0f} s of CPU, {time.monotonic() - started:.0f} s"


def contents(out: Path, part: str) -> tuple[Any, Any]:
    """The columns of a part with their types, and its rows in order."""
    import duckdb

    source = f"read_parquet('{out}/{part}/*.parquet')"
    columns = [column[:2] for column in duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    return columns, duckdb.sql(f"SELECT * FROM {source}").fetchall()


def by_hand(folder: Path, out: Path) -> tuple[int, int, float]:
    """Codes compared with the reference's judgements, how many differ, and the reference's CPU seconds."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    import audited_by_hand

    from radlogic.adapters.audit.measure_files import chosen

    started = time.process_time()
    right = audited_by_hand.judge(folder, AS_OF)
    took = time.process_time() - started
    columns, rows = contents(out, "rows")
    at = {name: n for n, (name, _) in enumerate(columns)}
    found = {
        (m.id, row[at["exam_id"]]): m.outcomes[row[at[m.id]] - 1]
        for m in chosen()
        for row in rows
        if row[at[m.id]] is not None
    }
    return len(right), sum(found.get(key) != right.get(key) for key in {*found, *right}), took


def main() -> None:
    """Compare, or audit in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="tables of a population")
    parser.add_argument("--engine", default="local[2]")
    parser.add_argument("--memory", default="3GB", help="of DuckDB, and of Spark's driver")
    parser.add_argument("--per-bucket", type=int, default=2_000_000)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        audit(asked.folder, asked.out, asked.one, asked.memory, asked.per_bucket)
        return
    differ = 0
    with tempfile.TemporaryDirectory() as scratch:
        duck, spark = Path(scratch, "duckdb"), Path(scratch, "spark")
        for engine, out in (("duckdb", duck), (asked.engine, spark)):
            print(f"{engine:<12}{alone(asked.folder, out, engine, asked.memory, asked.per_bucket)}", flush=True)
        for part in ("rows", "counts", "worklist"):
            (kinds, rows), (others, other) = contents(duck, part), contents(spark, part)
            wrong = sum(a != b for a, b in zip(rows, other, strict=False)) + abs(len(rows) - len(other))
            differ += wrong + (kinds != others)
            said = f"{len(kinds)} columns" + ("" if kinds == others else ", which differ in name or type")
            print(f"{part:<12}{len(rows):>12,} compared, {wrong:,} differ ({said})", flush=True)
        many, wrong, took = by_hand(asked.folder, spark)
        print(f"{'by hand':<12}{many:>12,} judgements compared, {wrong:,} differ ({took:.0f} s of CPU)")
    sys.exit(1 if differ + wrong else 0)


if __name__ == "__main__":
    main()
