"""What could not be used: file, line and reason, and never what a record says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....engine.guideline.columns import text

COLUMNS = "file VARCHAR, line BIGINT, what VARCHAR, reason VARCHAR, field VARCHAR"
# line: cannot be read or used. reference: names what is not there. duplicate: its id stands before.
# value: the line stays, a value of it is unknown. passed_over: in order, but nothing that the audit reads.
KINDS = ("line", "reference", "duplicate", "value")


@dataclass(frozen=True, slots=True)
class Aside:
    """One thing that could not be used. ``file`` is a name without its folder; ``line`` counts from 1."""

    file: str
    line: int
    what: str
    reason: str
    field: str = ""


def make(database: Any) -> None:
    """The relation that all of it goes to."""
    database.execute(f"CREATE OR REPLACE TEMP TABLE aside ({COLUMNS})")
    database.execute("CREATE OR REPLACE TEMP TABLE passed (file VARCHAR, reason VARCHAR, lines BIGINT)")


def put(database: Any, found: Iterable[Aside]) -> None:
    """Keep what was found."""
    rows = [(a.file, a.line, a.what, a.reason, a.field) for a in found]
    if rows:
        database.executemany("INSERT INTO aside VALUES (?, ?, ?, ?, ?)", rows)


def table(found: Sequence[Aside]) -> Any:
    """What was found as an Arrow table."""
    import pyarrow as pa

    kinds = {"file": pa.string(), "line": pa.int64(), "what": pa.string(), "reason": pa.string(), "field": pa.string()}
    return pa.table({name: pa.array([getattr(one, name) for one in found], kind) for name, kind in kinds.items()})


def put_from(database: Any, query: str) -> None:
    """Keep what a query finds: file, line, what, reason, field."""
    database.execute(f"INSERT INTO aside {query}")


def pass_over(database: Any, query: str) -> None:
    """Count what a query finds in order, but not of use: file, reason, lines."""
    database.execute(f"INSERT INTO passed {query}")


def write(database: Any, folder: Path) -> dict[str, Any]:
    """Write ``aside.parquet`` and return the counts: what -> reason -> field -> number, and what was passed over."""
    order = "SELECT * FROM aside ORDER BY file, line, what, reason, field"
    file = folder / "aside.parquet"
    part = file.with_name(".aside.parquet.part")
    database.execute(f"COPY ({order}) TO {text(str(part))} (FORMAT parquet, COMPRESSION zstd)")
    part.replace(file)
    counted: dict[str, Any] = {}
    grouped = "SELECT what, reason, field, count(*) FROM aside GROUP BY ALL ORDER BY ALL"
    for what, reason, field, number in database.execute(grouped).fetchall():
        counted.setdefault(what, {})[f"{field}: {reason}" if field else reason] = number
    passed = "SELECT reason, sum(lines)::BIGINT FROM passed GROUP BY reason HAVING sum(lines) > 0 ORDER BY reason"
    return {"aside": counted, "passed_over": dict(database.execute(passed).fetchall())}


def dumps(told: Any) -> str:
    """As JSON text, the same for the same content."""
    return json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
