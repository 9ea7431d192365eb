# ruff: noqa: S608  the SQL is of this file
"""Bulk FHIR in: MB/s of the audit's reading beside DuckDB's own ``read_json`` over the same files in the same run.

    python benchmarks/audit_population.py --exams 100000 --out POPULATION --form ndjson
    python benchmarks/audit_ndjson.py POPULATION/ndjson

``read_json`` makes one table a file, with the schema that it finds in all lines; finding it is not timed. ``views`` is
the reading by the ViewDefinitions: each line parsed, its form looked at, each different component judged once, Parquet
written.
``tables`` is the whole: also duplicates, references, days and words, and the audit's tables. Two threads, 2 GB for
DuckDB; the best of the rounds counts. The last two columns are shares of read_json's speed.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CONFIG = {"threads": 2, "memory_limit": "2GB"}


def main() -> None:
    """Measure each way in processes of its own."""
    parser = argparse.ArgumentParser(description="Reading Bulk FHIR, beside DuckDB's read_json.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("read_json", "views", "tables"), help="one measurement, in this process")
    asked = parser.parse_args()
    files = sorted(asked.folder.glob("*.ndjson"))
    if asked.only:
        one(asked.only, files)
        return
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{len(files)} files, {size:.0f} MB; best of {asked.rounds}")
    heads = f"{'MB / CPU s':>11} {'MB / s':>8} {'MB memory':>10} {'by CPU':>8} {'by wall':>8}"
    print(f"{'':10} {'CPU s':>8} {'wall s':>8} {heads}")
    base: tuple[float, float] | None = None
    for way in ("read_json", "views", "tables"):
        runs = [_run(asked.folder, way) for _ in range(asked.rounds)]
        cpu, wall = min(r[0] for r in runs), min(r[1] for r in runs)
        memory = max(r[2] for r in runs)
        base = base or (cpu, wall)
        rates = f"{size / cpu:11.1f} {size / wall:8.1f} {memory:10.0f} {base[0] / cpu:8.2f} {base[1] / wall:8.2f}"
        print(f"{way:10} {cpu:8.2f} {wall:8.2f} {rates}")


def _run(folder: Path, way: str) -> tuple[float, float, float]:
    command = [sys.executable, __file__, str(folder), "--only", way]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cpu, wall, memory = map(float, told.split())
    return cpu, wall, memory


def one(way: str, files: list[Path]) -> None:
    """Read all files one way; prints CPU seconds, wall seconds and the process's memory in MB. Imports do not count."""
    import duckdb
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401  as all imports: before the time is taken

    from radlogic.adapters.audit.intake import aside, facts
    from radlogic.adapters.audit.intake.ndjson import Hands, read_file, read_nothing, readers, resource_of
    from radlogic.adapters.audit.intake.sifting import Sifter
    from radlogic.adapters.audit.intake.stage import Stage
    from radlogic.adapters.audit.intake.tables import write_tables

    out = Path(tempfile.mkdtemp())
    try:
        with duckdb.connect(config={**CONFIG, "temp_directory": str(out / "spill")}) as database:
            kinds, stage = facts.known(), Stage.of(out / "stage", way)
            read_by = {f: readers().get(resource_of(f) or "") for f in files}
            aside.make(database)
            database.execute("CREATE TEMP TABLE files (file BIGINT, name VARCHAR)")
            schemas = {f: _schema(database, f) if way == "read_json" else "" for f in files}
            began = time.process_time(), time.perf_counter()
            with Hands(kinds) as hands:
                for number, (file, reader) in enumerate(read_by.items()):
                    if way == "read_json":
                        database.execute(
                            f"CREATE OR REPLACE TEMP TABLE read AS SELECT * FROM read_json('{file}', {schemas[file]})"
                        )
                    elif reader:
                        database.execute(f"INSERT INTO files VALUES ({number}, '{file.name}')")
                        read_file(hands, file, number, reader, stage)
                if way == "tables":
                    there = {reader.resource for reader in read_by.values() if reader}
                    for missing in readers().keys() - there:
                        read_nothing(hands, readers()[missing], stage)
                    sifter = Sifter(database, stage)
                    sifter.sift()
                    write_tables(sifter, out, kinds, there)
            took = time.process_time() - began[0], time.perf_counter() - began[1]
    finally:
        shutil.rmtree(out)
    print(*took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _schema(database: Any, file: Path) -> str:
    """All elements of a file as DuckDB's reader wants to be told."""
    found = database.execute(f"DESCRIBE FROM read_json('{file}', sample_size = -1)").fetchall()
    listed = ", ".join(f"'{row[0]}': '{row[1]}'" for row in found)
    return f"columns = {{{listed}}}, format = 'newline_delimited'"


if __name__ == "__main__":
    main()
