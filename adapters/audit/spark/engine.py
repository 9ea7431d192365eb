"""The audit's engine of choice: DuckDB, or Spark with the same statements."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..layout import Tables
from ..relation import Known
from .database import Database, plain, told
from .session import session
from .typed import typed

SCRATCH = ".spark-"


@contextmanager
def started(
    engine: str, memory: str, threads: int, local: Any, tables: Tables,
    facts: Mapping[str, Mapping[str, str]], out: Path,
) -> Iterator[tuple[Database, Tables, Known]]:  # fmt: skip
    """A database on Spark, the tables as it reads them, and what is known of them.

    What it makes on the way lies in a folder of ``out``, which all workers must see, and is gone at the end.

    Raises:
        MissingExtra: the extra ``spark`` is absent. SparkUnavailable: Spark cannot be started. SparkFailed: it
            cannot read the tables.
    """
    out.mkdir(parents=True, exist_ok=True)
    for left in out.glob(f"{SCRATCH}*"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=out)).resolve()
    try:
        with session(engine, memory, threads, scratch) as spark:
            found, selects = typed(tables, facts, local, scratch)
            files = {}
            for name, table in found.found.items():
                with told():
                    frame = spark.read.parquet(*(plain(str(file.resolve())) for file in table.files))
                    frame.createOrReplaceTempView(f"raw_{name}")
                    query = f"SELECT {selects[name]} FROM raw_{name}"  # noqa: S608
                    spark.sql(query).createOrReplaceTempView(f"files_{name}")
                files[str(table.files[0])] = f"files_{name}"
            lists = {c for t in found.found.values() for c, kind in t.columns.items() if kind.endswith("[]")}
            database = Database(spark, local, files, lists, scratch)
            yield database, found, _known(database, found)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _known(database: Database, tables: Tables) -> Known:
    """Look for ids that stand in several rows, and make ``twice``; Spark joins by the ids themselves."""

    def several(table: str, column: str) -> str:
        source = tables.select(table, {column: "VARCHAR"})
        return f"SELECT {column} FROM ({source}) WHERE {column} IS NOT NULL GROUP BY 1 HAVING COUNT(*) > 1"  # noqa: S608

    database.execute(f"CREATE OR REPLACE TEMP TABLE twice AS {several('exams', 'exam_id')}")
    (exams,) = database.execute("SELECT COUNT(*) FROM twice").fetchone() or (0,)
    (people,) = database.execute(f"SELECT COUNT(*) FROM ({several('patients', 'patient_id')})").fetchone() or (0,)  # noqa: S608
    return Known(exams > 0, people > 0, hashed=False)
