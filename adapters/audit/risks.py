"""What networks said of the cancer risk of exams, carried from the project's own store to the worklist.

Kept is the fused probability of a signed decision, as it stands in the record; nothing is computed here, and of an exam
whose decision has none nothing is said. Only a store holds such decisions: of any other input the columns are empty.
"""

# ruff: noqa: S608  paths that are quoted

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...engine.guideline.columns import text
from ...engine.types import Risk

FILE = "fused_risks.parquet"
COLUMNS = {"exam_id": "VARCHAR", "risk": "DOUBLE", "risk_of": "VARCHAR", "risk_by": "VARCHAR"}


def highest(exam_id: str, fused: Iterable[Risk | None]) -> list[dict[str, Any]]:
    """The row of an exam: the highest probability (0 to 1) among its findings, of what, by which network.

    None where no network gave a number. Networks of several targets are not compared: the exam has no row then.
    """
    found = [(r.probability, r.grounds.state, r.model) for r in fused if r and r.grounds and r.probability is not None]
    if len({state for _, state, _ in found}) != 1:
        return []
    risk, state, model = max(found)
    return [{"exam_id": exam_id, "risk": risk, "risk_of": state, "risk_by": model}]


def write_risks(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows, beside the tables that were made of a store."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"VARCHAR": pa.string(), "DOUBLE": pa.float64()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    pq.write_table(pa.Table.from_pylist(list(rows), schema), folder / FILE, compression="zstd")


def risks_sql(folder: Path) -> str:
    """The rows as a SELECT; none where the tables in ``folder`` were not made of a store."""
    file = folder / FILE
    if file.is_file():
        return f"SELECT {', '.join(COLUMNS)} FROM read_parquet({text(str(file))})"
    empty = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in COLUMNS.items())
    return f"SELECT {empty} WHERE FALSE"
