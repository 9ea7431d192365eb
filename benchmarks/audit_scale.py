"""Claim: an audit by all measures costs at most six DuckDB window queries over the same exams, in 2 GB.

The population is that of ``audit_population.py``. Each part runs in a process of its own, so that its peak
of memory is its own, with the same threads and memory: the window query (the next exam of each patient, over
the exams' Parquet), the audit with all its files, the category alone (the guidelines' SELECTs as part of it
are timed in ``sql.py``), and the per-patient evaluation of the same measures in Python on a population of
``--by-hand`` exams. Times are the processor's: others may be at work on the machine.

``python benchmarks/audit_scale.py [--exams N ...] [--folder TABLES] [--by-hand N]``
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

AS_OF = date(2026, 6, 30)
CLAIM, MEMORY, THREADS = 6, "2GB", 2
HERE = Path(__file__).resolve().parent
WINDOW = """
SELECT COUNT(*), SUM(datediff('day', exam_date, next)) FROM (
  SELECT exam_date, LEAD(exam_date) OVER (PARTITION BY patient_id ORDER BY exam_date, exam_id) AS next
  FROM read_parquet(?))
"""


def window(folder: Path) -> None:
    """The window query, in this process."""
    import duckdb

    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY}) as database:
        database.execute(WINDOW, [str(folder / "exams" / "*.parquet")]).fetchall()


def audit(folder: Path) -> None:
    """The audit with all its files, in this process."""
    from radlogic.adapters.audit import reported
    from radlogic.adapters.audit.at_scale import Order, run

    def say(what: str) -> None:
        print(f"{time.process_time():8.1f} s  {what}", file=sys.stderr)

    with tempfile.TemporaryDirectory() as out:
        done = run(Order(folder, Path(out) / "out", AS_OF, memory=MEMORY, threads=THREADS), say)
        reported.write_all(done, say=say)


def by_hand(folder: Path) -> None:
    """The measures in plain Python, in this process."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    import audited_by_hand

    audited_by_hand.judge(folder, AS_OF)


def alone(part: str, folder: Path) -> dict[str, float]:
    """What a part costs in a process of its own: processor and wall seconds, peak of memory in MB."""
    started = time.monotonic()
    words = [sys.executable, __file__, part, str(folder)]
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return {**json.loads(told.stdout.splitlines()[-1]), "wall_s": time.monotonic() - started}


def row(label: str, exams: int, cost: dict[str, float], base: float) -> None:
    print(
        f"{label:<30}{exams:>12,}{cost['cpu_s']:>10.1f}{cost['wall_s']:>10.1f}{cost['peak_mb']:>10.0f}"
        f"{exams / cost['cpu_s']:>14,.0f}{cost['cpu_s'] / exams / base:>10.1f}",
        flush=True,
    )


def made(exams: int, scratch: Path) -> Path:
    """A population's tables."""
    out = scratch / f"population-{exams}"
    words = [sys.executable, str(HERE / "audit_population.py"), "--exams", str(exams), "--out", str(out)]
    subprocess.run(words, check=True, stdout=sys.stderr)
    return out / "tables"


def measure(folder: Path, sample: Path | None) -> None:
    import duckdb

    def many(tables: Path) -> int:
        return int(duckdb.execute("SELECT COUNT(*) FROM read_parquet(?)", [f"{tables}/exams/*.parquet"]).fetchone()[0])

    exams = many(folder)
    base = min((alone("window", folder) for _ in range(3)), key=lambda cost: cost["cpu_s"])
    row("one window query", exams, base, base["cpu_s"] / exams)
    row(f"audit (claim {CLAIM})", exams, alone("audit", folder), base["cpu_s"] / exams)
    if sample:
        row("by hand in Python", many(sample), alone("by_hand", sample), base["cpu_s"] / exams)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--exams", type=int, nargs="+", default=[100_000])
    parser.add_argument("--folder", type=Path, help="tables that are there already")
    parser.add_argument("--by-hand", type=int, default=3_000)
    chosen: Any = parser.parse_args()
    if chosen.part:
        {"window": window, "audit": audit, "by_hand": by_hand}[chosen.part[0]](Path(chosen.part[1]))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}))
        return
    heads = ("CPU s", "wall s", "peak MB", "exams/CPU s", "windows")
    print(f"{'':<30}{'exams':>12}" + "".join(f"{h:>{14 if h == 'exams/CPU s' else 10}}" for h in heads))
    with tempfile.TemporaryDirectory() as scratch:
        sample = made(chosen.by_hand, Path(scratch)) if chosen.by_hand else None
        for folder in [chosen.folder] if chosen.folder else (made(n, Path(scratch)) for n in chosen.exams):
            measure(folder, sample)


if __name__ == "__main__":
    main()
