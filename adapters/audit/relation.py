"""One bucket of patients as relations: their exams, and beside each what the measures ask of it.

``mine`` has the exams with what stands in tables of one row an exam. What they state and what follows from
their findings is made once for each distinct set of rows (``sayings.py``, ``cases.py``) and joined by its key.
What lies after the as-of date is not there: the audit knows of an exam, a procedure, a death only what was
known then. Joins are written as they shall run: the many on the left, the few on the right.
"""

# ruff: noqa: S608  the SQL is made of names that are quoted and of our own words

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from ...engine.guideline.columns import columns, quoted, text
from . import scope
from .layout import ENDED, LAYOUT, Tables, read
from .marked import statements
from .scope import Edition

# completed years as the engine counts them: who was born on 29 February is a year older on 1 March
AGE = (
    "COALESCE(age_stated, CAST(year(exam_date) - year(birth_date) - CASE WHEN month(exam_date) * 100 + day(exam_date) "
    "< month(birth_date) * 100 + day(birth_date) THEN 1 ELSE 0 END AS INTEGER))"
)
# who left before the exam was there again
LEFT = "CASE WHEN left_date >= exam_date THEN left_date WHEN left_last >= exam_date THEN left_last END"
OWN = {"age": "INTEGER", "indication": "VARCHAR", "round": "VARCHAR"}  # columns that an exam has in any case
SAID = ("guideline", "edition", "category", "interval_min_months", "interval_max_months", "recommended_modality",
        "no_followup", "source")  # fmt: skip
WORDS = {"exams": ("modality", "region", "indication", "site_id", "reader_id", "scanner"), "patients": ("sex",)}  # few
# somebody looked where the exam says so, where a finding is stated, or a structured report states a category
LOOKED = "COALESCE(assessed, n_findings > 0 OR structured, FALSE)"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Patients from ``low`` on and before ``high``, in the order of their ids; None: no bound.

    ``first``, ``last``: the bounds of their exams' ids, None where the bucket has all exams. ``apart``: no
    exam of another bucket lies between them.
    """

    number: int
    low: str | None
    high: str | None
    first: str | None = None
    last: str | None = None
    apart: bool = True

    def holds(self, column: str = "patient_id") -> str:
        """Whether a patient is one of them."""
        bounds = [f"{column} >= {text(self.low)}"] if self.low is not None else []
        bounds += [f"{column} < {text(self.high)}"] if self.high is not None else []
        return " AND ".join([f"{column} IS NOT NULL", *bounds])

    def has(self, exam_id: str = "exam_id") -> str:
        """Whether an exam may be one of theirs."""
        if self.first is None or self.last is None:
            return "TRUE"
        between = f"{exam_id} BETWEEN {text(self.first)} AND {text(self.last)}"
        return between if self.apart else f"{between} AND {exam_id} IN (SELECT exam_id FROM ids)"


@dataclass(frozen=True, slots=True)
class Known:
    """What has been found out of the tables before.

    ``twice``, ``people_twice``: whether exams or patients stand in several rows; ``hashed``: whether no two exams'
    ids have one hash, so that the hashes are keys; ``words``: the enumerations of columns of few words.
    """

    twice: bool = False
    people_twice: bool = False
    hashed: bool = True
    words: Mapping[str, str] = field(default_factory=dict)

    def word(self, column: str) -> str:
        """The type of a column of words: an enumeration where the words are few, which is written much faster."""
        return self.words.get(column, "VARCHAR")


class Relations:
    """The statements that fill a database with one bucket. ``wanted``: the columns of an exam that are asked for."""

    def __init__(
        self, tables: Tables, editions: Sequence[Edition], as_of: date, numbers: Mapping[str, int],
        wanted: Collection[str], known: Known,
    ) -> None:  # fmt: skip
        self.tables, self.editions, self.numbers, self.known = tables, editions, numbers, known
        self.wanted = frozenset(wanted)
        self.day = f"DATE {text(as_of.isoformat())}"
        self.facts = facts_of(editions)

    def constants(self) -> Iterator[str]:
        """What is the same for all buckets."""
        kinds = {"edition": "VARCHAR", "management": "VARCHAR", "named": "INTEGER", "any_time": "INTEGER"}
        flags = dict.fromkeys(("tissue", "work_up", "widely", "optional"), "BOOLEAN")
        yield from _table("managements", kinds | flags, scope.management_rows())
        kinds = {"edition": "VARCHAR", "category": "VARCHAR", "rank": "INTEGER"}
        flags = dict.fromkeys(("positive", "negative", "critical"), "BOOLEAN")
        yield from _table("categories", kinds | flags, scope.category_rows())
        yield from _table("modalities", {"modality": "VARCHAR", "bit": "INTEGER"}, scope.modality_rows())

    def exams(self, bucket: Bucket) -> Iterator[str]:
        """Make ``mine``: the exams of a bucket, their patients, and the keys of their findings and statements."""
        if not bucket.apart:
            ids = self.tables.select("exams", {"exam_id": "VARCHAR", "patient_id": "VARCHAR"})
            yield f"CREATE OR REPLACE TEMP TABLE ids AS SELECT exam_id FROM ({ids}) WHERE {bucket.holds()}"
        yield self._people(bucket)
        yield MINE.format(
            exams=self._exams(), holds=bucket.holds(), as_of=self.day, left=LEFT, age=AGE, cell=self._age_cell(),
            once="AND exam_id NOT IN (FROM twice)" if self.known.twice else "",
            findings=self._findings(bucket), statements=self._statements(bucket),
            family=scope.family_sql(), edition=scope.edition_sql(), may_apply=scope.applies_sql("TRUE"),
            word=self.known.word("word"),
        )  # fmt: skip

    def key(self, table: str) -> str:
        """What the rows of a table are joined to their exams by."""
        column = read(self.tables.columns(table), "exam_id", "VARCHAR")
        return f"hash({column})" if self.known.hashed else column

    def held_facts(self, table: str) -> list[str]:
        """The columns of a table that guidelines read and that hold something; an exam's age is not among them."""
        held = self.tables.filled(table)
        return [c for c in self.facts[table] if c in held and c != "age"]

    def _hashed(self, table: str) -> list[str]:
        """What is hashed of ``held_facts``; DuckDB has one hash for no list and for an empty one."""
        kinds = self.tables.columns(table)
        lists = {c for c in self.held_facts(table) if kinds[c].endswith("[]")}
        return [f"{quoted(c)}, {quoted(c)} IS NULL" if c in lists else quoted(c) for c in self.held_facts(table)]

    def _exams(self) -> str:
        held = self.tables.columns("exams")
        names = ("exam_id", "patient_id", "exam_date", "assessed")
        asked = "screening_round" in self.wanted
        rounds = self.tables.value("exams", "round", "VARCHAR") if asked else "CAST(NULL AS VARCHAR)"
        said = "report_text IS NOT NULL" if "report_text" in held else "FALSE"
        facts = ", ".join(self._hashed("exams"))
        age = self.tables.value("exams", "age", "INTEGER")
        beside = [f"{self.key('exams')} AS x", f"{said} AS has_report", f"{age} AS age_stated",
                  f"{rounds} AS round", f"hash(0, {facts or 0}) AS facts"]  # fmt: skip
        words = {c: f"CAST({self.tables.value('exams', c, 'VARCHAR')} AS {self.known.word(c)})" for c in WORDS["exams"]}
        beside += [f"{word} AS {c}" for c, word in words.items()]
        return self.tables.select("exams", {c: LAYOUT["exams"][c] for c in names}, beside)

    def _people(self, bucket: Bucket) -> str:
        """One row a patient, numbered by ``rowid``; what several rows of one say differently is unknown.

        ``unclear_gone``: they died or left on a day that nobody can read, or left more often than twice: of several
        leaves the first and the last are kept.
        """
        kinds = {c: kind for c, kind in LAYOUT["patients"].items() if c not in ENDED}
        undated = [f"{self.tables.ended(flag)} AS no_{day}" for flag, day in ENDED.items()]
        source = f"({self.tables.select('patients', kinds, undated)}) WHERE {bucket.holds()}"
        kept = "*, CAST(NULL AS DATE) AS left_last, FALSE AS often"
        if self.known.people_twice:
            one = ", ".join(f"CASE WHEN MIN({c}) = MAX({c}) THEN MIN({c}) END AS {c}" for c in ("sex", "birth_date"))
            days = ", ".join(f"MIN({c}) AS {c}, BOOL_OR(no_{c}) AS no_{c}" for c in ENDED.values())
            known = f"FILTER (WHERE left_date <= {self.day})"
            often = f"COUNT(DISTINCT left_date) {known} > 2 AS often"
            kept = f"patient_id, {one}, {days}, MAX(left_date) {known} AS left_last, {often}"
            source += " GROUP BY patient_id"
        past = ", ".join(f"CASE WHEN {c} <= {self.day} THEN {c} END AS {c}" for c in ("death_date", "left_date"))
        unclear = " OR ".join(["often", *(f"(no_{day} AND {day} IS NULL)" for day in ENDED.values())])
        return (
            f"CREATE OR REPLACE TEMP TABLE people AS SELECT patient_id, CAST(sex AS {self.known.word('sex')}) AS sex, "
            f"birth_date, {past}, left_last, {unclear} AS unclear_gone "
            f"FROM (SELECT {kept} FROM {source})"
        )

    def _findings(self, bucket: Bucket) -> str:
        kind = self.tables.value("findings", "kind", "VARCHAR")
        stated = ", ".join([kind, *self._hashed("findings")])
        source = self.tables.select("findings", {"exam_id": "VARCHAR"}, [f"hash({stated}) AS h"])
        return (
            f"SELECT {self._of('exam_id')} AS x, COUNT(*) AS n_findings, SUM(h) AS findings FROM ({source}) "
            f"WHERE {bucket.has()} GROUP BY 1"
        )

    def _statements(self, bucket: Bucket) -> str:
        said = ", ".join(SAID)  # with the marks: who says what cannot be read does not leave it out
        return (
            f"SELECT {self._of('exam_id')} AS x, SUM(hash({said})) AS statements FROM ({statements(self.tables)}) "
            f"WHERE {bucket.has()} GROUP BY 1"
        )

    def _of(self, column: str) -> str:
        return f"hash({column})" if self.known.hashed else column

    def _age_cell(self) -> str:
        """Which cuts an age has passed: within a cell no guideline tells two ages apart."""
        cuts = sorted({cut for e in self.editions for cut in _age_cuts(e)}, key=Decimal)
        whens = " ".join(
            f"WHEN age < {cut} THEN {2 * n} WHEN age = {cut} THEN {2 * n + 1}" for n, cut in enumerate(cuts)
        )
        return f"CASE WHEN age IS NULL THEN NULL {whens} ELSE {2 * len(cuts)} END"


def facts_of(editions: Sequence[Edition]) -> dict[str, dict[str, str]]:
    """Table -> the columns that the guidelines read from it, with the type of the first that does."""
    facts: dict[str, dict[str, str]] = {"exams": {}, "findings": {}}
    for edition in editions:
        audited = scope.scope().guidelines[edition.name.split("@")[0]]
        for table, scopes in (("exams", ("exam", "patient")), ("findings", ("finding",))):
            for name, kind in columns(edition.guideline, scopes).items():
                facts[table].setdefault(audited.column(name), kind)
    return facts


def _age_cuts(edition: Edition) -> Iterator[str]:
    """The cuts of the age and the ends of its range; of numbers made of it there are none (a test holds it)."""
    guideline = edition.guideline
    if "age" in guideline.inputs:
        yield from map(str, guideline.inputs["age"][1]["range"])
    for diagram in (guideline.finding, guideline.exam):
        for variable in diagram.stage.variables:
            if variable.name == "age" and variable.cuts is not None:
                yield from (f"{cut:f}" for cut, _ in variable.cuts.points)


def _table(name: str, kinds: Mapping[str, str], rows: list[dict[str, Any]]) -> Iterator[str]:
    listed = ", ".join(f"{column} {kind}" for column, kind in kinds.items())
    yield f"CREATE OR REPLACE TEMP TABLE {name} ({listed})"
    values = ", ".join(f"({', '.join(_literal(row[c]) for c in kinds)})" for row in rows)
    yield f"INSERT INTO {name} VALUES {values}"


def _literal(value: Any) -> str:
    return text(value) if isinstance(value, str) else str(value).upper()


# ``spoken`` and ``seen`` are the keys of what an exam states and of what it shows; NULL where there is nothing to read
MINE = """
CREATE OR REPLACE TEMP TABLE mine AS
SELECT * EXCLUDE (statements, findings, facts),
  CASE WHEN statements IS NOT NULL THEN hash(statements, guideline, edition) END AS spoken,
  CASE WHEN may_apply THEN hash(facts, {cell}, findings) END AS seen
FROM (
  SELECT *, CAST({edition} AS {word}) AS edition, {may_apply} AS may_apply FROM (
    SELECT e.* EXCLUDE (x, age_stated), p, sex, death_date, {left} AS left_date, unclear_gone, {age} AS age,
      n_findings, findings, statements
    FROM (
      SELECT *, CAST({family} AS {word}) AS guideline FROM ({exams})
      WHERE {holds} AND exam_id IS NOT NULL AND exam_date <= {as_of} {once}
    ) e
    LEFT JOIN (SELECT rowid AS p, * FROM people) USING (patient_id)
    LEFT JOIN ({findings}) f ON f.x = e.x
    LEFT JOIN ({statements}) s ON s.x = e.x
  )
)
"""
