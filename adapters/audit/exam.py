"""The relation that the measures read: one row an exam of a bucket, with what came after it.

Only what is asked for is looked for: a column whose part nobody needs is NULL.
"""

# ruff: noqa: S608  the SQL is made of names that are quoted and of our own words

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...engine.guideline.columns import text
from . import scope
from .cases import case_key
from .layout import LAYOUT
from .relation import LOOKED, Bucket, Relations

# what a part gives, by what it is made of: (its columns with their types, the columns of an exam that need it)
LATER: dict[str, tuple[dict[str, str], set[str]]] = {
    "followed": ({"done_date": "DATE", "next_work_up": "DATE"}, {"done_date", "work_up_date"}),
    "procedures": ({"procedure_date": "DATE"}, {"procedure_date", "work_up_date"}),
    "outcomes": ({"diagnosis_date": "DATE"}, {"diagnosis_date", "work_up_date"}),
    "communications": ({"communicated_at": "DATE"}, {"communicated_at"}),
    "screening": ({c: k for c, k in LAYOUT["screening"].items() if c != "exam_id"} | {"has_screening": "BOOLEAN"},
                  {c for c in LAYOUT["screening"] if c != "exam_id"} | {"has_screening"}),
    "repeated": ({"again": "BOOLEAN"}, {"again"}),
}  # fmt: skip
FEW = {"procedures": "procedure_date", "outcomes": "diagnosis_date", "communications": "communicated_at"}


def parts(database: Any, relations: Relations, bucket: Bucket) -> Iterator[tuple[str, str]]:
    """(what is done, SQL): make the tables of what is asked for beside ``mine``."""
    of = part_of(database)
    yield "earlier exams", FIRSTS.format(part=of)
    made = {
        "followed": FOLLOW.format(
            part=of, region=scope.region_number(), follow_up=scope.by_region("follow_up"),
            work_up=scope.by_region("work_up_by"),
        ),
        "screening": SCREENED.format(
            screening=relations.tables.select("screening"), has=bucket.has("c.exam_id"),
            one=", ".join(f"CASE WHEN MIN({c}) = MAX({c}) THEN MIN({c}) END AS {c}"
                          for c in LAYOUT["screening"] if c != "exam_id"),
        ),
        "repeated": AGAIN,
    }  # fmt: skip
    for name in sorted(_asked(relations) & {*made}):
        yield name, f"CREATE OR REPLACE TEMP TABLE {name} AS {made[name]}"
    events = [_event(relations, bucket, name) for name in FEW if name in _asked(relations)]
    if events:
        days = ", ".join(f"MIN(day) FILTER (WHERE of = {text(of)}) AS {of}" for of in FEW.values())
        yield (
            "events",
            f"CREATE OR REPLACE TEMP TABLE events AS SELECT n, {days} FROM ({' UNION ALL '.join(events)}) GROUP BY n",
        )


def view(database: Any, relations: Relations) -> str:
    """The view ``exam``."""
    numbers, asked = relations.numbers, _asked(relations)
    nothing = [f"CAST(NULL AS {k}) AS {c}" for name in {*LATER} - asked if name not in FEW or not asked & {*FEW}
               for c, k in LATER[name][0].items()]  # fmt: skip
    joined = [
        *(n for n in ("followed", "screening", "repeated") if n in asked),
        *(["events"] if asked & {*FEW} else []),
    ]
    return EXAM.format(
        as_of=relations.day, part=part_of(database), applies=scope.applies_sql(), looked=LOOKED,
        after=scope.listed(scope.after_screening()), case_key=case_key(), work_up_days=numbers["work_up_days"],
        first_grace=_grace("from_months", numbers), last_grace=_grace("to_months", numbers),
        nothing="".join(f", {column}" for column in sorted(nothing)),
        joins=" ".join(f"LEFT JOIN {name} USING (n)" for name in joined),
    )  # fmt: skip


def part_of(database: Any) -> str:
    """What tells patients apart: their number, or their id where the table of patients lacks one of them."""
    (lacking,) = database.execute("SELECT COUNT(*) FROM mine WHERE p IS NULL").fetchone()
    return "patient_id" if lacking else "p"


def _asked(relations: Relations) -> set[str]:
    return {name for name, (_, needed_by) in LATER.items() if needed_by & relations.wanted}


def _event(relations: Relations, bucket: Bucket, table: str) -> str:
    """Exams with the days of a kind of event that came on the day of the exam or later; a communication at any time."""
    day, tables = FEW[table], relations.tables
    source = f"SELECT * FROM ({tables.select(table)}) WHERE {day} <= {relations.day}"
    person = f"mine.patient_id = e.patient_id AND exam_date <= {day}"
    which, same = {
        "procedures": ("kind IN ('biopsy', 'resection', 'ablation')", f"{person} AND e.region = mine.region"),
        "outcomes": ("kind <> 'benign'", f"{person} AND e.kind = {scope.cancer_sql()}"),
        "communications": ("kind = 'critical_result'", "mine.exam_id = e.exam_id"),
    }[table]
    mine = bucket.has() if table == "communications" else bucket.holds()
    return (
        f"SELECT mine.rowid AS n, {text(day)} AS of, {day} AS day FROM mine "
        f"JOIN ({source} AND {mine} AND {which}) e ON {same}"
    )


def _grace(months: str, numbers: Any) -> str:
    """The days that an interval may be missed by: a share of it, at least so many."""
    return f"GREATEST({numbers['grace_days']}, CAST({months} AS INTEGER) * 30 * {numbers['grace_percent']} // 100)"


FIRSTS = """
CREATE OR REPLACE TEMP TABLE firsts AS
SELECT {part} AS part, region, MIN(exam_date) AS first_screening FROM mine
WHERE modality = 'ldct' AND indication = 'screening' GROUP BY ALL
"""

# The next exam is that of the next row, unless that is of the same day: those few are looked up.
FOLLOW = """
WITH dated AS (
  SELECT rowid AS n, {part} AS part, {region} AS region, exam_date,
    CASE WHEN {follow_up} THEN exam_date END AS follow_up, CASE WHEN {work_up} THEN exam_date END AS work_up
  FROM mine
), next AS MATERIALIZED (
  SELECT n, part, region, exam_date, LEAD(follow_up IGNORE NULLS) OVER days AS done_date,
    LEAD(work_up IGNORE NULLS) OVER days AS next_work_up
  FROM dated WINDOW days AS (PARTITION BY part, region ORDER BY exam_date)
), tied AS (
  SELECT n, part, region, exam_date FROM next WHERE done_date = exam_date OR next_work_up = exam_date
)
SELECT n, done_date, next_work_up FROM next
WHERE COALESCE(done_date <> exam_date, TRUE) AND COALESCE(next_work_up <> exam_date, TRUE)
UNION ALL
SELECT t.n, MIN(d.follow_up), MIN(d.work_up)
FROM dated d JOIN tied t ON d.part = t.part AND d.region = t.region AND d.exam_date > t.exam_date
GROUP BY t.n
"""

SCREENED = """
SELECT mine.rowid AS n, TRUE AS has_screening, {one}
FROM mine JOIN ({screening}) c USING (exam_id) WHERE {has} GROUP BY 1
"""

AGAIN = """
SELECT mine.rowid AS n, exam_id <> original AS again
FROM mine JOIN (
  SELECT patient_id AS q, region AS r, exam_date AS d, modality AS m, MIN(exam_id) AS original
  FROM mine GROUP BY ALL HAVING COUNT(*) > 1
) ON q = patient_id AND r = region AND d = exam_date AND m = modality
"""

EXAM = """
CREATE OR REPLACE TEMP VIEW exam AS
WITH stating AS (
  SELECT m.*, s.* EXCLUDE (spoken), m.rowid AS n, {applies} AS applies, {looked} AS looked{nothing}
  FROM mine m LEFT JOIN stated s USING (spoken)
    LEFT JOIN firsts f ON f.part = CASE WHEN m.indication IN {after} THEN m.{part} END AND f.region = m.region
)
SELECT n, exam_id, patient_id, exam_date, modality, region, indication, sex, age,
  site_id, reader_id, scanner, death_date, left_date, has_report, COALESCE(assessed, FALSE) AS assessed,
  structured IS NOT NULL AS has_statement, n_findings IS NOT NULL AS has_findings,
  guideline, applies, edition, computed, computed_status, status_word, computed_rank, by_default,
  management, from_months, to_months,
  named = 0 AS open_modality, (named & stated_bit) <> 0 AS modality_is_named, COALESCE(work_up, FALSE) AS work_up,
  COALESCE(optional, FALSE) AS optional, COALESCE(again, FALSE) AS again,
  stated_guideline, stated_edition, stated_category, stated_rank, stated_positive, stated_negative, stated_critical,
  COALESCE(stated_conflict, FALSE) AS stated_conflict,
  stated_from, stated_to, stated_modality, COALESCE(stated_no_followup, FALSE) AS stated_no_followup,
  done_date,
  CAST(exam_date + to_months(from_months) AS DATE) - {first_grace} AS first_due,
  CAST(exam_date + to_months(to_months) AS DATE) AS due_date,
  CAST(exam_date + to_months(to_months) AS DATE) + {last_grace} AS last_due,
  LEAST(next_work_up, procedure_date, diagnosis_date) AS work_up_date, exam_date + {work_up_days} AS work_up_due,
  procedure_date, diagnosis_date, communicated_at,
  COALESCE(has_screening, FALSE) AS has_screening, round AS screening_round, pack_years,
  years_since_quit, smoking_status, shared_decision_documented, cessation_counselled, asymptomatic,
  {as_of} AS as_of
FROM stating LEFT JOIN judgement ON judgement.case_key = CASE WHEN applies THEN {case_key} END
  {joins}
"""
