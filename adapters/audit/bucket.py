"""The audit of one bucket: its relations are made, its rows are written, and it is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engine.guideline.columns import quoted, text
from . import exam
from .cases import Cases
from .measure_files import Measure, asked_for
from .relation import Bucket, Relations
from .sayings import read_sayings

KEYS = ("exam_id", "patient_id", "exam_date", "guideline", "edition", "computed", "computed_status",
        "stated_category", "site_id", "reader_id", "scanner", "sex", "age", "due_date", "done_date",
        "work_up_due", "work_up_date", "death_date", "left_date")  # fmt: skip
DIMENSIONS = {
    "all": "''",
    "edition": "edition",
    "computed": "computed",
    "stated_category": "stated_category",
    "month": "CAST(date_trunc('month', exam_date) AS DATE)",  # said as 2024-05
    "site_id": "site_id",
    "reader_id": "reader_id",
    "scanner": "scanner",
    "sex": "sex",
    "age_band": "CASE WHEN age < 50 THEN '0-49' WHEN age < 65 THEN '50-64' WHEN age < 80 THEN '65-79' "
    "WHEN age >= 80 THEN '80-' END",
}
# counted together first: their values come in few combinations, and adding those up costs nothing
TOGETHER = (("all", "edition", "computed", "stated_category", "sex", "age_band"),
            ("site_id", "reader_id", "scanner"), ("month",))  # fmt: skip
BITS, IN_A_WORD = 5, 12  # a code is below 32, and twelve fit into a number of 64 bits
FOLLOWED = ("follow-up-on-time", "liver-surveillance-adherence", "work-up-begun")  # their "never" is work to do


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made of each bucket."""

    relations: Relations
    cases: Cases
    measures: Sequence[Measure]
    numbers: Mapping[str, int]
    absent: frozenset[str]
    local: Any  # DuckDB, which counts the rows that are written

    def codes(self, *, profiled: bool) -> dict[str, str]:
        """The SQL of the measures that ask for an exam's profile alone, or of the others."""
        word = self.relations.known.word("word")
        return {
            m.id: m.sql(self.numbers, self.absent, word)
            for m in self.measures
            if (asked_for([m]) <= exam.PROFILED) == profiled
        }


def audit_bucket(
    database: Any, plan: Plan, bucket: Bucket, out: Mapping[str, Path], step: Callable[[str], None]
) -> None:
    """Write the rows, the counts and the overdue of one bucket to the paths ``out`` has for them."""
    step("exams")
    for statement in plan.relations.exams(bucket):
        database.execute(statement)
    step("statements")
    read_sayings(database, plan.relations, bucket)
    step("categories")
    plan.cases.judge(bucket)
    for name, statement in exam.parts(database, plan.relations, bucket):
        step(name)
        database.execute(statement)
    step("measures")
    for statement in exam.profiles(database, plan.relations, plan.codes(profiled=True)):
        database.execute(statement)
    database.execute(exam.view(plan.relations))
    write(database, _rows(plan), out["rows"])
    rows = f"read_parquet({text(str(out['rows']))})"
    write(plan.local, _counts(plan.measures, rows), out["counts"])
    write(plan.local, _overdue(plan.measures, rows), out["worklist"])


def _rows(plan: Plan) -> str:
    """One row an exam that some measure counts: what identifies it, then the code of each measure, a byte each."""
    own = plan.codes(profiled=False)
    codes = [f"{own[m.id]} AS {quoted(m.id)}" if m.id in own else quoted(m.id) for m in plan.measures]
    keys = ["status_word AS computed_status" if key == "computed_status" else key for key in KEYS]
    counted = " OR ".join(f"{quoted(m.id)} IS NOT NULL" for m in plan.measures)
    return (
        f"SELECT * FROM (SELECT {', '.join((*keys, *codes))} FROM exam) WHERE {counted} "  # noqa: S608
        "ORDER BY patient_id, exam_date, exam_id"
    )


def _counts(measures: Sequence[Measure], rows: str) -> str:
    """(measure, dimension, value, status, reason, n): exams.

    The codes of several measures are packed into one number, so that few columns are grouped by.
    """
    words = {f"word_{w}": measures[w : w + IN_A_WORD] for w in range(0, len(measures), IN_A_WORD)}
    packed = ", ".join(f"{_packed(mine)} AS {word}" for word, mine in words.items())
    every = _dimensions([name for names in TOGETHER for name in names])
    sets = ", ".join(
        f"set_{k} AS MATERIALIZED (SELECT {', '.join((*words, *map(quoted, names)))}, COUNT(*) AS n FROM narrow GROUP BY ALL)"  # noqa: S608, E501
        for k, names in enumerate(TOGETHER)
    )
    each = [
        f"SELECT {text(name)} AS dimension, {said} AS value, {', '.join(words)}, SUM(n) AS n FROM set_{k} GROUP BY ALL"  # noqa: S608
        for k, names in enumerate(TOGETHER)
        for name in names
        for said in ["strftime(month, '%Y-%m')" if name == "month" else f"CAST({quoted(name)} AS VARCHAR)"]
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
        f"WITH narrow AS MATERIALIZED (SELECT {packed}, {every} FROM {rows}), {sets}, "  # noqa: S608
        f"grouped AS MATERIALIZED ({' UNION ALL '.join(each)}), codes AS ({' UNION ALL '.join(codes)}) "
        "SELECT measure, dimension, value, status, reason, CAST(SUM(n) AS BIGINT) AS n "
        f"FROM codes JOIN (VALUES {outcomes}) o(measure, code, status, reason) USING (measure, code) "
        "GROUP BY ALL ORDER BY ALL"
    )


def _packed(measures: Sequence[Measure]) -> str:
    """The codes of some measures as one number; 0 outside a population."""
    return " | ".join(f"(CAST(COALESCE({quoted(m.id)}, 0) AS BIGINT) << {n * BITS})" for n, m in enumerate(measures))


def _dimensions(names: Sequence[str]) -> str:
    return ", ".join(f"{DIMENSIONS[name]} AS {quoted(name)}" for name in names)


def _overdue(measures: Sequence[Measure], rows: str) -> str:
    """Patients who are overdue and, as far as is known, alive and still here."""
    never = {m.id: f"{quoted(m.id)} = {m.code('not_met', 'never')}" for m in measures if m.id in FOLLOWED}
    each = [
        f"SELECT *, {text(name)} AS measure, {due} AS due_date FROM late WHERE {condition}"  # noqa: S608
        for name, condition in never.items()
        for due in ["work_up_due" if name == "work-up-begun" else "due"]
    ]
    chosen = " OR ".join(never.values())
    none = "SELECT *, '' AS measure, due AS due_date FROM late WHERE FALSE"
    return (
        f"WITH late AS (SELECT * RENAME (due_date AS due) FROM {rows} "  # noqa: S608
        f"WHERE ({chosen or 'FALSE'}) AND death_date IS NULL AND left_date IS NULL) "
        "SELECT patient_id, exam_id, exam_date, guideline, late.edition, computed AS category, rank AS concern, "
        f"measure, due_date, site_id FROM ({' UNION ALL '.join([none, *each])}) late "
        "LEFT JOIN categories c ON c.edition = late.edition AND c.category = computed "
        "ORDER BY patient_id, exam_id, measure"
    )


def write(database: Any, query: str, path: Path) -> None:
    """A file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    database.execute(f"COPY ({query}) TO {text(str(part))} (FORMAT parquet, COMPRESSION zstd)")
    part.replace(path)
