"""The audit of one bucket: its relations are made, its rows are written, and it is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engine.guideline.columns import quoted, text
from .asked import ask
from .measure_files import Measure
from .relation import Bucket, Relations

KEYS = ("exam_id", "patient_id", "exam_date", "guideline", "edition", "computed", "computed_status",
        "stated_category", "site_id", "reader_id", "scanner", "sex", "age", "due_date", "done_date",
        "work_up_due", "work_up_date", "death_date", "left_date")  # fmt: skip
DIMENSIONS = {
    "all": "''",
    "edition": "edition",
    "computed": "computed",
    "stated_category": "stated_category",
    "month": "strftime(exam_date, '%Y-%m')",
    "site_id": "site_id",
    "reader_id": "reader_id",
    "scanner": "scanner",
    "sex": "sex",
    "age_band": "CASE WHEN age < 50 THEN '0-49' WHEN age < 65 THEN '50-64' WHEN age < 80 THEN '65-79' "
    "WHEN age >= 80 THEN '80-' END",
}
BITS, IN_A_WORD = 5, 12  # a code is below 32, and twelve fit into a number of 64 bits
FOLLOWED = ("follow-up-on-time", "liver-surveillance-adherence", "work-up-begun")  # their "never" is work to do


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made of each bucket."""

    relations: Relations
    measures: Sequence[Measure]
    numbers: Mapping[str, int]
    absent: frozenset[str]


def audit_bucket(
    database: Any, plan: Plan, bucket: Bucket, twice: str, out: Mapping[str, Path], step: Callable[[str], None]
) -> None:
    """Write the rows, the counts and the overdue of one bucket to the paths ``out`` has for them."""
    for name, statement in plan.relations.statements(bucket, twice):
        step(name)
        database.execute(statement)
    _compute(database, plan, step)
    step("measures")
    database.execute(plan.relations.exam())
    database.execute(_measured(plan))
    write(database, _rows(plan.measures), out["rows"])
    write(database, _counts(plan.measures), out["counts"])
    write(database, _overdue(plan.measures), out["worklist"])


def _compute(database: Any, plan: Plan, step: Callable[[str], None]) -> None:
    held = {name for (name,) in database.execute("SELECT DISTINCT edition FROM ex").fetchall()}
    for edition in plan.relations.editions:
        if edition.name in held:
            step(edition.name)
            for statement in plan.relations.categories(edition):
                database.execute(statement)
            ask(database, edition, plan.numbers["asked_exams"])


def _measured(plan: Plan) -> str:
    """The exams with the code of each measure."""
    codes = [f"{m.sql(plan.numbers, plan.absent)} AS {quoted(m.id)}" for m in plan.measures]
    kept = ", ".join(("n", *KEYS, "computed_rank"))
    return f"CREATE OR REPLACE TEMP TABLE measured AS SELECT {kept}, {', '.join(codes)} FROM exam"  # noqa: S608


def _rows(measures: Sequence[Measure]) -> str:
    """One row an exam that some measure counts: what identifies it, then the code of each measure, a byte each."""
    told = [quoted(m.id) for m in measures]
    counted = " OR ".join(f"{quoted(m.id)} IS NOT NULL" for m in measures)
    return (
        f"SELECT {', '.join((*KEYS, *told))} FROM measured WHERE {counted} "  # noqa: S608
        "ORDER BY patient_id, exam_date, exam_id"
    )


def _counts(measures: Sequence[Measure]) -> str:
    """(measure, dimension, value, status, reason, n): exams.

    The codes of several measures are packed into one number, so that few columns are grouped by.
    """
    words = {f"word_{w}": measures[w : w + IN_A_WORD] for w in range(0, len(measures), IN_A_WORD)}
    packed = ", ".join([*(f"{_packed(mine)} AS {word}" for word, mine in words.items()), *_dimensions()])
    each = [
        f"SELECT {text(name)} AS dimension, CAST({quoted(name)} AS VARCHAR) AS value, {', '.join(words)}, "  # noqa: S608
        "COUNT(*) AS n FROM packed GROUP BY ALL"
        for name in DIMENSIONS
    ]
    codes = [
        f"SELECT {text(m.id)} AS measure, dimension, value, "  # noqa: S608
        f"({word} >> {n * BITS}) & {2**BITS - 1} AS code, n FROM grouped"
        for word, mine in words.items()
        for n, m in enumerate(mine)
    ]
    outcomes = ", ".join(
        f"({text(m.id)}, {n}, {text(status)}, {text(reason)})"
        for m in measures
        for n, (status, reason) in enumerate(m.outcomes, start=1)
    )
    return (
        f"WITH packed AS MATERIALIZED (SELECT {packed} FROM measured), "  # noqa: S608
        f"grouped AS MATERIALIZED ({' UNION ALL '.join(each)}), codes AS ({' UNION ALL '.join(codes)}) "
        "SELECT measure, dimension, value, status, reason, CAST(SUM(n) AS BIGINT) AS n "
        f"FROM codes JOIN (VALUES {outcomes}) o(measure, code, status, reason) USING (measure, code) "
        "GROUP BY ALL ORDER BY ALL"
    )


def _packed(measures: Sequence[Measure]) -> str:
    """The codes of some measures as one number; 0 outside a population."""
    return " | ".join(f"(CAST(COALESCE({quoted(m.id)}, 0) AS BIGINT) << {n * BITS})" for n, m in enumerate(measures))


def _dimensions() -> list[str]:
    return [f"{expression} AS {quoted(name)}" for name, expression in DIMENSIONS.items()]


def _overdue(measures: Sequence[Measure]) -> str:
    """Patients who are overdue and, as far as is known, alive and still here."""
    each = [
        f"SELECT patient_id, exam_id, exam_date, guideline, edition, computed AS category, computed_rank AS concern, "  # noqa: S608
        f"{text(m.id)} AS measure, {due} AS due_date, site_id FROM measured "
        f"WHERE {quoted(m.id)} = {m.code('not_met', 'never')} AND death_date IS NULL AND left_date IS NULL"
        for m in measures
        if m.id in FOLLOWED
        for due in ["work_up_due" if m.id == "work-up-begun" else "due_date"]
    ]
    none = "SELECT patient_id, exam_id, exam_date, guideline, edition, computed AS category, computed_rank AS concern, '' AS measure, due_date, site_id FROM measured WHERE FALSE"  # noqa: E501
    return f"SELECT * FROM ({' UNION ALL '.join([none, *each])}) ORDER BY patient_id, exam_id, measure"  # noqa: S608


def write(database: Any, query: str, path: Path) -> None:
    """A file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    database.execute(f"COPY ({query}) TO {text(str(part))} (FORMAT parquet, COMPRESSION zstd)")
    part.replace(path)
