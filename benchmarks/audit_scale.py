# ruff: noqa: S608  paths of our own temporary files
"""Claim: an audit by eight measures costs at most six DuckDB window queries over the same exams, in 2 GB, at any size.

The population is that of ``audit_population.py``; beyond ``MADE`` exams it is that one, written again under new
ids. Each part runs in a process of its own, so that its peak of memory is its own, with the same threads and
memory: the window query (the next exam of each patient, over the exams' Parquet, which reads three columns and
writes nothing; the best of three), the same carrying every column of an exam and writing a row an exam to
Parquet, as the audit does; the rows and counts of the audit by the eight measures of ``EIGHT`` (or
``--measures``) and by all, with the files made of them (summary, page, FHIR) told apart, and the per-patient
evaluation of all measures in Python on a population of ``--by-hand`` exams. Times are the processor's: others may
be at work on the machine. ``--plot`` draws the cost over the number of exams.

``python benchmarks/audit_scale.py [--exams N ...] [--folder TABLES] [--measures A,B] [--by-hand N] [--plot FILE.svg]``
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
from math import log10
from pathlib import Path
from typing import Any

AS_OF = date(2026, 6, 30)
CLAIM, MEMORY, THREADS = 6, "2GB", 2
MADE = 10_000_000  # exams; more are copies under other ids
EIGHT = ("category-concordant,recommendation-present,right-interval,right-modality,follow-up-on-time,"
         "over-management,under-management,critical-result-communicated")  # fmt: skip
HERE = Path(__file__).resolve().parent
WINDOW = """
SELECT COUNT(*), SUM(datediff('day', exam_date, next)) FROM (
  SELECT exam_date, LEAD(exam_date) OVER (PARTITION BY patient_id ORDER BY exam_date, exam_id) AS next
  FROM read_parquet(?))
"""
CARRYING = """
COPY (SELECT *, LEAD(exam_date) OVER (PARTITION BY patient_id ORDER BY exam_date, exam_id) AS next
  FROM read_parquet({source})) TO {out} (FORMAT parquet, COMPRESSION zstd)
"""
Cost = dict[str, float]


def window(folder: Path, _: str) -> Cost:
    """The window query, in this process."""
    import duckdb

    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY}) as database:
        database.execute(WINDOW, [str(folder / "exams" / "*.parquet")]).fetchall()
    return {}


def carrying(folder: Path, _: str) -> Cost:
    """The window query that carries and writes all columns of an exam, in this process."""
    import duckdb

    with tempfile.TemporaryDirectory() as scratch:
        config = {"threads": THREADS, "memory_limit": MEMORY, "temp_directory": f"{scratch}/spill"}
        with duckdb.connect(config=config) as database:
            source, out = f"'{folder}/exams/*.parquet'", f"'{scratch}/out.parquet'"
            database.execute("SET preserve_insertion_order = false")
            database.execute(CARRYING.format(source=source, out=out))
    return {}


def audit(folder: Path, measures: str) -> Cost:
    """The audit, in this process; the time and the memory until its rows and counts are there."""
    from radlogic.adapters.audit import reported
    from radlogic.adapters.audit.at_scale import Order, run

    def say(what: str) -> None:
        print(f"{time.process_time():8.1f} s  {what}", file=sys.stderr)

    with tempfile.TemporaryDirectory() as out:
        chosen = tuple(measures.split(",")) if measures else ()
        done = run(Order(folder, Path(out) / "out", AS_OF, chosen, memory=MEMORY, threads=THREADS), say)
        told = {"rows_s": time.process_time(), "rows_mb": peak()}
        reported.write_all(done, say=say)
    return told


def by_hand(folder: Path, _: str) -> Cost:
    """The measures in plain Python, in this process."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    import audited_by_hand

    audited_by_hand.judge(folder, AS_OF)
    return {}


def peak() -> float:
    """The most memory that this process has held, in MB; ``ru_maxrss`` begins with that of who started it."""
    told = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024


def alone(part: str, folder: Path, measures: str = "") -> Cost:
    """What a part costs in a process of its own: processor and wall seconds, peak of memory in MB."""
    started = time.monotonic()
    words = [sys.executable, __file__, part, str(folder), measures]
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return {**json.loads(told.stdout.splitlines()[-1]), "wall_s": time.monotonic() - started}


def row(label: str, exams: int, cost: Cost, base: float, other: float) -> None:
    """One line of the table; ``base``, ``other``: the time an exam of the window query, and of the one that writes."""
    rows = f"{cost['rows_s'] / exams / base:>12.1f}" if "rows_s" in cost else f"{'':>12}"
    rows += f"{cost['cpu_s'] / exams / other:>10.1f}"
    rows += f"{cost['rows_s'] / exams / other:>12.1f}" if "rows_s" in cost else ""
    print(
        f"{label:<32}{exams:>12,}{cost['cpu_s']:>10.1f}{cost['wall_s']:>10.1f}{cost['peak_mb']:>10.0f}"
        f"{exams / cost['cpu_s']:>14,.0f}{cost['cpu_s'] / exams / base:>10.1f}{rows}",
        flush=True,
    )


def made(exams: int, scratch: Path) -> Path:
    """A population's tables."""
    out = scratch / f"population-{exams}"
    if exams > MADE:
        return copied(made(MADE, scratch), -(-exams // MADE), out)
    if not out.exists():
        words = [sys.executable, str(HERE / "audit_population.py"), "--exams", str(exams), "--out", str(out)]
        subprocess.run(words, check=True, stdout=sys.stderr)
    return out / "tables"


def copied(tables: Path, times: int, out: Path) -> Path:
    """Tables again and again, each time with a letter before the ids of patients and exams."""
    import duckdb

    duckdb.execute(f"SET memory_limit = '{MEMORY}'")
    for table in sorted(folder for folder in tables.iterdir() if folder.is_dir()):
        (out / table.name).mkdir(parents=True)
        source = f"read_parquet('{table}/*.parquet')"
        held = [name for name, *_ in duckdb.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
        for n in range(times):
            ids = [f"'{chr(65 + n)}' || {i} AS {i}" for i in ("patient_id", "exam_id") if i in held]
            query = f"SELECT * REPLACE ({', '.join(ids)}) FROM {source}"
            duckdb.execute(f"COPY ({query}) TO '{out}/{table.name}/part-{n:05}.parquet' (FORMAT parquet)")
    return out


def measure(folder: Path, measures: str, sample: Path | None) -> tuple[int, Cost, Cost]:
    """Print the lines of one population; returns its exams, the window query's cost and the audit's."""
    import duckdb

    def many(tables: Path) -> int:
        return int(duckdb.execute("SELECT COUNT(*) FROM read_parquet(?)", [f"{tables}/exams/*.parquet"]).fetchone()[0])

    exams = many(folder)
    base = min((alone("window", folder) for _ in range(3)), key=lambda cost: cost["cpu_s"])
    writing = alone("carrying", folder)
    peers = base["cpu_s"] / exams, writing["cpu_s"] / exams
    row("one window query", exams, base, *peers)
    row("the same, all columns, written", exams, writing, *peers)
    few = alone("audit", folder, measures)
    row(f"audit, {measures.count(',') + 1} measures (claim {CLAIM})", exams, few, *peers)
    row("audit, all measures", exams, alone("audit", folder), *peers)
    if sample:
        row("by hand in Python", many(sample), alone("by_hand", sample), *peers)
    return exams, base, few


def plot(found: list[tuple[int, Cost, Cost]], file: Path) -> None:
    """Processor seconds over exams, both logarithmic, as SVG: a slope of one is a linear cost."""

    def at(exams: float, seconds: float) -> tuple[float, float]:
        return 70 + 120 * (log10(exams) - 4.5), 330 - 75 * (log10(seconds) + 1)

    def line(points: list[tuple[float, float]], colour: str, label: str, below: int) -> str:
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points)
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        x, y = points[-1]
        return (f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'
                f'<text x="{x + 8:.1f}" y="{y + below:.1f}">{label}</text>')  # fmt: skip

    ticks = "".join(
        f'<text x="{at(10.0**n, 1)[0]:.1f}" y="352" text-anchor="middle">{10**n:,}</text>' for n in (5, 6, 7)
    )
    ticks += "".join(
        f'<text x="62" y="{at(1e5, 10.0**n)[1] + 4:.1f}" text-anchor="end">{10.0**n:g} s</text>' for n in range(-1, 4)
    )
    lines = line([at(n, c["cpu_s"]) for n, c, _ in found], "#777777", "one window query", 4)
    lines += line([at(n, c["cpu_s"]) for n, _, c in found], "#1f5fa8", "audit, files and all", -2)
    lines += line([at(n, c["rows_s"]) for n, _, c in found], "#c05a00", "audit, rows and counts", 14)
    style = 'font-family="sans-serif" font-size="12"'
    axes = '<path d="M70 20V330H560" fill="none" stroke="black"/>'
    words = '<text x="315" y="374" text-anchor="middle">exams</text><text x="80" y="16">processor time</text>'
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 384" {style}>{axes}{ticks}{words}{lines}</svg>\n'
    )


def main() -> None:
    """Measure, or run one part in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--exams", type=int, nargs="+", default=[100_000])
    parser.add_argument("--folder", type=Path, nargs="+", help="tables that are there already")
    parser.add_argument("--measures", default=EIGHT, help="names with commas between them")
    parser.add_argument("--by-hand", type=int, default=3_000)
    parser.add_argument("--plot", type=Path, help="an SVG of the cost over the exams")
    chosen: Any = parser.parse_args()
    if chosen.part:
        part, folder, *measures = chosen.part
        parts = {"window": window, "carrying": carrying, "audit": audit, "by_hand": by_hand}
        told = parts[part](Path(folder), "".join(measures))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({**told, "cpu_s": used.ru_utime + used.ru_stime, "peak_mb": peak()}))
        return
    heads = ("CPU s", "wall s", "peak MB", "exams/CPU s", "windows", "rows alone", "writing", "rows alone")
    wide = {"exams/CPU s": 14, "rows alone": 12}
    print(f"{'':<32}{'exams':>12}" + "".join(f"{h:>{wide.get(h, 10)}}" for h in heads))
    with tempfile.TemporaryDirectory() as scratch:
        sample = made(chosen.by_hand, Path(scratch)) if chosen.by_hand else None
        folders = chosen.folder or (made(n, Path(scratch)) for n in chosen.exams)
        found = [measure(folder, chosen.measures, sample) for folder in folders]
    if chosen.plot:
        plot(sorted(found, key=lambda one: one[0]), chosen.plot)


if __name__ == "__main__":
    main()
