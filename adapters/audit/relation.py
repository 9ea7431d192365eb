"""One bucket of patients as relations: their exams, and beside each what the measures ask of it.

Inside a bucket an exam is a number, so that everything is joined by integers. What lies after the
as-of date is not there: the audit knows of an exam, a procedure, a death only what was known then.
"""

# ruff: noqa: S608  the SQL is made of names that are quoted and of our own words

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ...engine.guideline.columns import columns, quoted, text
from ...engine.guideline.sql import exams_select
from . import scope
from .layout import LAYOUT, Tables, read
from .scope import Edition

COMPUTED = "category, status, management, from_months, to_months, by_default"
AGE = "COALESCE(age_stated, CAST(datesub('year', birth_date, exam_date) AS INTEGER))"  # completed years


@dataclass(frozen=True, slots=True)
class Bucket:
    """Patients from ``low`` on and before ``high``, in the order of their ids; None: no bound."""

    number: int
    low: str | None
    high: str | None

    def holds(self, column: str = "patient_id") -> str:
        """Whether a patient is one of them."""
        bounds = [f"{column} >= {text(self.low)}"] if self.low is not None else []
        bounds += [f"{column} < {text(self.high)}"] if self.high is not None else []
        return " AND ".join([f"{column} IS NOT NULL", *bounds])


class Relations:
    """The statements that fill a database with one bucket."""

    def __init__(self, tables: Tables, editions: Sequence[Edition], as_of: date, numbers: Mapping[str, int]) -> None:
        self.tables, self.editions, self.numbers = tables, editions, numbers
        self.day = f"DATE {text(as_of.isoformat())}"
        self.facts = facts_of(editions)
        self._selects: dict[str, str] = {}

    def constants(self) -> Iterator[str]:
        """What is the same for all buckets."""
        kinds = {"edition": "VARCHAR", "management": "VARCHAR", "named": "VARCHAR[]"}
        flags = dict.fromkeys(("work_up", "optional"), "BOOLEAN")
        yield from _table("managements", kinds | flags, scope.management_rows())
        kinds = {"edition": "VARCHAR", "category": "VARCHAR", "rank": "INTEGER"}
        flags = dict.fromkeys(("positive", "negative", "critical"), "BOOLEAN")
        yield from _table("categories", kinds | flags, scope.category_rows())

    def statements(self, bucket: Bucket, twice: str) -> Iterator[tuple[str, str]]:
        """(what is done, SQL) in order. ``twice``: a relation of exam ids to leave out."""
        yield "exams", self._exams(bucket, twice)
        yield "findings", self._findings()
        yield "statements", self._statements()
        yield "screening", self._screening()
        yield "communications", self._communications()
        yield (
            "procedures",
            self._events(bucket, "procedures", "procedure_date", "kind IN ('biopsy', 'resection', 'ablation')"),
        )
        yield "outcomes", self._events(bucket, "outcomes", "diagnosis_date", "kind <> 'benign'")

    def categories(self, edition: Edition, exams: str = "") -> Iterator[str]:
        """Fill ``computed``: what an edition says of the exams of its time, or of those where ``exams`` holds."""
        chosen = f"({exams or f'edition = {text(edition.name)} AND applies'})"
        audited = scope.scope().guidelines[edition.name.split("@")[0]]
        whole, lesion = (columns(edition.guideline, s) for s in (("exam", "patient"), ("finding",)))
        held, found = self.tables.columns("exams"), self.tables.columns("findings")
        of_exam = [c for c in whole if audited.column(c) in held or c in OWN]
        of_finding = [c for c in lesion if c in found]
        told = [f"{read({**held, **OWN}, audited.column(c), whole[c])} AS {quoted(c)}" for c in of_exam]
        yield (
            f"CREATE OR REPLACE TEMP VIEW these_exams AS SELECT {', '.join(['n AS exam_id', LOOKED, *told])} "
            f"FROM (SELECT n, age FROM ex WHERE {chosen}) e JOIN mine ON mine.rowid = e.n "
            "LEFT JOIN found USING (n) LEFT JOIN stated USING (n)"
        )
        each = [f"{read(found, c, lesion[c])} AS {quoted(c)}" for c in of_finding]
        source = self.tables.select("findings", {"exam_id": "VARCHAR", "kind": "VARCHAR"}, each)
        stated = ", ".join(["e.n AS exam_id", *(f"f.{quoted(c)}" for c in of_finding)])
        yield (
            f"CREATE OR REPLACE TEMP VIEW these_findings AS SELECT {stated} FROM ({source}) f "
            f"JOIN (SELECT n, exam_id FROM ex WHERE {chosen}) e ON f.exam_id = e.exam_id "
            f"WHERE f.kind = {text(audited.kind)}"
        )
        given = {"assessed", *of_exam, *of_finding}
        if edition.name not in self._selects:  # the text is long, and the same for every bucket
            self._selects[edition.name] = exams_select(
                edition.guideline, "duckdb", "these_findings", "these_exams", given
            )
        query = self._selects[edition.name]
        yield f"INSERT INTO computed SELECT exam_id, {text(edition.name)}, {COMPUTED} FROM ({query})"

    def exam(self) -> str:
        """The relation that the measures read, one row an exam."""
        return EXAM.format(
            as_of=self.day,
            first_grace=_grace("from_months", self.numbers),
            last_grace=_grace("to_months", self.numbers),
            work_up_days=self.numbers["work_up_days"],
        )

    def _exams(self, bucket: Bucket, twice: str) -> str:
        held = self.tables.columns("exams")
        kinds = {c: k for c, k in LAYOUT["exams"].items() if c != "report_text"}
        said = "report_text IS NOT NULL" if "report_text" in held else "FALSE"
        facts = [c for c in self.facts["exams"] if c in held and c not in (*kinds, "age", "round")]
        beside = [f"{said} AS has_report", f"{read(held, 'age', 'INTEGER')} AS age_stated",
                  f"{read(held, 'round', 'VARCHAR')} AS round", *map(quoted, facts)]  # fmt: skip
        return (MINE + ";" + EX).format(
            exams=self.tables.select("exams", kinds, beside), holds=bucket.holds(), twice=twice, as_of=self.day,
            patients=self.tables.select("patients"), age=AGE,
            follow_up=scope.by_region("follow_up"), work_up=scope.by_region("work_up_by"),
            family=scope.family_sql(), applies=scope.applies_sql(), edition=scope.edition_sql(),
            cancer=scope.cancer_sql(),
        )  # fmt: skip

    def _findings(self) -> str:
        return FOUND.format(findings=self.tables.select("findings", {"exam_id": "VARCHAR", "kind": "VARCHAR"}))

    def _statements(self) -> str:
        return STATEMENTS.format(statements=self.tables.select("statements"))

    def _screening(self) -> str:
        kinds = {c: k for c, k in LAYOUT["screening"].items() if c != "exam_id"}
        one = [f"CASE WHEN MIN({c}) = MAX({c}) THEN MIN({c}) END AS {c}" for c in kinds]
        return (
            f"CREATE OR REPLACE TEMP TABLE screened AS SELECT n, {', '.join(one)} "
            f"FROM ({self.tables.select('screening')}) JOIN ex USING (exam_id) GROUP BY n"
        )

    def _communications(self) -> str:
        return (
            "CREATE OR REPLACE TEMP TABLE told AS SELECT n, MIN(communicated_at) AS communicated_at "
            f"FROM ({self.tables.select('communications')}) JOIN ex USING (exam_id) "
            f"WHERE kind = 'critical_result' AND communicated_at <= {self.day} GROUP BY n"
        )

    def _events(self, bucket: Bucket, table: str, day: str, kind: str) -> str:
        return (
            f"CREATE OR REPLACE TEMP TABLE events_{table} AS SELECT * FROM ({self.tables.select(table)}) "
            f"WHERE {bucket.holds()} AND {day} <= {self.day} AND {kind}"
        )


def facts_of(editions: Sequence[Edition]) -> dict[str, dict[str, str]]:
    """Table -> the columns that the guidelines read from it, with the type of the first that does."""
    facts: dict[str, dict[str, str]] = {"exams": {}, "findings": {}}
    for edition in editions:
        audited = scope.scope().guidelines[edition.name.split("@")[0]]
        for table, scopes in (("exams", ("exam", "patient")), ("findings", ("finding",))):
            for name, kind in columns(edition.guideline, scopes).items():
                facts[table].setdefault(audited.column(name), kind)
    return facts


# somebody looked where the exam says so, where a finding is stated, or a structured report states a category
LOOKED = "COALESCE(assessed, n_findings > 0 OR structured, FALSE) AS assessed"


OWN = {"age": "INTEGER", "indication": "VARCHAR", "round": "VARCHAR"}  # columns that ``ex`` has in any case


def _grace(months: str, numbers: Mapping[str, int]) -> str:
    """The days that an interval may be missed by: a share of it, at least so many."""
    return f"GREATEST({numbers['grace_days']}, CAST({months} AS INTEGER) * 30 * {numbers['grace_percent']} // 100)"


def _table(name: str, kinds: Mapping[str, str], rows: list[dict[str, Any]]) -> Iterator[str]:
    listed = ", ".join(f"{column} {kind}" for column, kind in kinds.items())
    yield f"CREATE OR REPLACE TEMP TABLE {name} ({listed})"
    values = ", ".join(f"({', '.join(_literal(row[c]) for c in kinds)})" for row in rows)
    yield f"INSERT INTO {name} VALUES {values}"


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(text, value))}]::VARCHAR[]"
    return text(value) if isinstance(value, str) else str(value).upper()


MINE = """
CREATE OR REPLACE TEMP TABLE mine AS
SELECT *, {family} AS guideline FROM ({exams}) WHERE {holds} AND exam_id IS NOT NULL AND exam_date <= {as_of}
  AND exam_id NOT IN (SELECT exam_id FROM {twice})
"""

# The windows see little more than dates: what a window carries along is what it costs.
EX = """
CREATE OR REPLACE TEMP TABLE ex AS
WITH people AS (
  SELECT patient_id, CASE WHEN MIN(sex) = MAX(sex) THEN MIN(sex) END AS sex,
         CASE WHEN MIN(birth_date) = MAX(birth_date) THEN MIN(birth_date) END AS birth_date,
         MIN(death_date) AS death_date, MIN(left_date) AS left_date
  FROM ({patients}) WHERE {holds} GROUP BY patient_id
), dated AS (
  SELECT rowid AS n, patient_id, region, exam_date, CASE WHEN {follow_up} THEN exam_date END AS follow_up,
    CASE WHEN {work_up} THEN exam_date END AS work_up,
    CASE WHEN modality = 'ldct' AND indication = 'screening' THEN exam_date END AS screen
  FROM mine
), followed AS (
  SELECT n, MIN(follow_up) OVER later AS done_date, MIN(work_up) OVER later AS next_work_up,
    MIN(screen) OVER (PARTITION BY patient_id, region ORDER BY exam_date) AS first_screening
  FROM dated
  WINDOW later AS (PARTITION BY patient_id, region ORDER BY exam_date
                   RANGE BETWEEN INTERVAL 1 DAY FOLLOWING AND UNBOUNDED FOLLOWING)
), repeated AS (
  SELECT patient_id AS p, region AS r, exam_date AS d, modality AS m, MIN(exam_id) AS original
  FROM mine GROUP BY ALL HAVING COUNT(*) > 1
)
SELECT mine.rowid AS n, exam_id, patient_id, exam_date, modality, region, indication, site_id, reader_id, scanner,
  has_report, assessed, round, guideline, done_date, next_work_up, first_screening,
  COALESCE(mine.exam_id <> original, FALSE) AS again,
  {applies} AS applies, {edition} AS edition,
  {cancer} AS cancer, sex, {age} AS age, CASE WHEN death_date <= {as_of} THEN death_date END AS death_date,
  CASE WHEN left_date <= {as_of} THEN left_date END AS left_date
FROM mine JOIN followed ON followed.n = mine.rowid LEFT JOIN people USING (patient_id)
  LEFT JOIN repeated ON p = mine.patient_id AND r = region AND d = exam_date AND m = modality
"""

FOUND = """
CREATE OR REPLACE TEMP TABLE found AS
SELECT n, COUNT(*) AS n_findings FROM ({findings}) JOIN ex USING (exam_id) GROUP BY n
"""

STATEMENTS = """
CREATE OR REPLACE TEMP TABLE said AS
SELECT n, COALESCE(source = 'structured', FALSE) AS structured,
  MAX(s.guideline) AS stated_guideline, MAX(s.guideline || '@' || s.edition) AS stated_edition,
  MIN(CASE WHEN s.guideline = ex.guideline THEN category END) AS category,
  COALESCE(MIN(CASE WHEN s.guideline = ex.guideline THEN category END)
        <> MAX(CASE WHEN s.guideline = ex.guideline THEN category END), FALSE)
  OR COALESCE(MIN(interval_min_months) <> MAX(interval_min_months), FALSE)
  OR COALESCE(MIN(interval_max_months) <> MAX(interval_max_months), FALSE)
  OR COALESCE(MIN(recommended_modality) <> MAX(recommended_modality), FALSE) AS conflict,
  MIN(interval_min_months) AS from_months, MAX(interval_max_months) AS to_months,
  MIN(recommended_modality) AS modality, BOOL_OR(no_followup) AS no_followup
FROM ({statements}) s JOIN ex USING (exam_id)
WHERE s.guideline IS NULL OR ex.guideline IS NULL OR s.guideline = ex.guideline
GROUP BY 1, 2;
CREATE OR REPLACE TEMP TABLE stated AS
SELECT COALESCE(a.n, b.n) AS n, a.n IS NOT NULL AS structured,
  COALESCE(a.stated_guideline, b.stated_guideline) AS stated_guideline,
  COALESCE(a.stated_edition, b.stated_edition) AS stated_edition,
  COALESCE(a.category, b.category) AS stated_category,
  COALESCE(a.conflict, b.conflict) AS stated_conflict,
  COALESCE(a.from_months, b.from_months) AS stated_from, COALESCE(a.to_months, b.to_months) AS stated_to,
  COALESCE(a.modality, b.modality) AS stated_modality,
  COALESCE(a.no_followup, b.no_followup, FALSE) AS stated_no_followup
FROM (SELECT * FROM said WHERE structured) a FULL JOIN (SELECT * FROM said WHERE NOT structured) b ON a.n = b.n;
CREATE OR REPLACE TEMP TABLE computed (n BIGINT, edition VARCHAR, category VARCHAR, status VARCHAR,
  management VARCHAR, from_months INTEGER, to_months INTEGER, by_default BOOLEAN)
"""

EXAM = """
CREATE OR REPLACE TEMP VIEW exam AS
WITH sampled AS (
  SELECT n, MIN(procedure_date) AS procedure_date FROM ex JOIN events_procedures p
  ON ex.patient_id = p.patient_id AND ex.region = p.region AND ex.exam_date <= p.procedure_date GROUP BY n
), diagnosed AS (
  SELECT n, MIN(diagnosis_date) AS diagnosis_date FROM ex JOIN events_outcomes o
  ON ex.patient_id = o.patient_id AND ex.cancer = o.kind AND ex.exam_date <= o.diagnosis_date GROUP BY n
)
SELECT ex.n, exam_id, ex.patient_id, exam_date, modality, region, indication, sex, age,
  site_id, reader_id, scanner, death_date, left_date, has_report, COALESCE(assessed, FALSE) AS assessed,
  stated.n IS NOT NULL AS has_statement, n_findings IS NOT NULL AS has_findings,
  ex.guideline, applies, ex.edition, c.category AS computed, c.status AS computed_status, k.rank AS computed_rank,
  by_default, c.management, from_months, to_months, LEN(m.named) = 0 AS open_modality,
  LIST_CONTAINS(m.named, stated_modality) AS modality_is_named, COALESCE(m.work_up, FALSE) AS work_up,
  COALESCE(m.optional, FALSE) AS optional, again,
  stated_guideline, stated_edition, stated_category, s.rank AS stated_rank, s.positive AS stated_positive,
  s.negative AS stated_negative, s.critical AS stated_critical, COALESCE(stated_conflict, FALSE) AS stated_conflict,
  stated_from, stated_to, stated_modality, COALESCE(stated_no_followup, FALSE) AS stated_no_followup,
  done_date,
  CAST(exam_date + to_months(CAST(from_months AS INTEGER)) AS DATE) - {first_grace} AS first_due,
  CAST(exam_date + to_months(CAST(to_months AS INTEGER)) AS DATE) AS due_date,
  CAST(exam_date + to_months(CAST(to_months AS INTEGER)) AS DATE) + {last_grace} AS last_due,
  LEAST(next_work_up, procedure_date, diagnosis_date) AS work_up_date, exam_date + {work_up_days} AS work_up_due,
  procedure_date, diagnosis_date, communicated_at, screened.n IS NOT NULL AS has_screening, ex.round AS screening_round,
  pack_years, years_since_quit, smoking_status, shared_decision_documented, cessation_counselled, asymptomatic,
  {as_of} AS as_of
FROM ex LEFT JOIN found USING (n) LEFT JOIN stated USING (n) LEFT JOIN computed c USING (n)
  LEFT JOIN managements m ON m.edition = c.edition AND m.management = c.management
  LEFT JOIN categories k ON k.edition = c.edition AND k.category = c.category
  LEFT JOIN categories s ON s.edition = ex.edition AND s.category = stated_category
  LEFT JOIN screened USING (n) LEFT JOIN told USING (n) LEFT JOIN sampled USING (n) LEFT JOIN diagnosed USING (n)
"""
