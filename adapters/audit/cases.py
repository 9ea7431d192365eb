"""What a guideline makes of the findings, computed once for each distinct case.

Exams that state the same of the same are one case, and carry its key (``mine.seen``). A case that is new is
read by the guideline's own SQL from the exam that comes first with it, and what SQL leaves undecided by the
engine (``asked.py``). What has been read is remembered from bucket to bucket, and never changes an answer.
"""

# ruff: noqa: S608  the SQL is made of names that are quoted and of our own words

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from ...engine.guideline.columns import columns, quoted, text
from ...engine.guideline.sql import exams_asked_often
from . import scope
from .asked import ask
from .layout import read
from .relation import LOOKED, OWN, Bucket, Relations
from .scope import Edition

MOST = 2_000_000  # cases that are remembered, for the memory
JUDGED = """
CREATE OR REPLACE TEMP TABLE judged (case_key UBIGINT, edition VARCHAR, computed VARCHAR, computed_status VARCHAR,
  management VARCHAR, from_months INTEGER, to_months INTEGER, by_default BOOLEAN, undecided BOOLEAN, asked BOOLEAN)
"""
CASES = """
CREATE OR REPLACE TEMP TABLE cases AS
SELECT case_key, FIRST(edition) AS edition, FIRST(looked) AS looked, MIN(age) AS age, MIN(exam_id) AS exam_id
FROM (
  SELECT {key} AS case_key, * FROM (
    SELECT seen, {edition} AS edition, exam_id, age, {looked} AS looked
    FROM mine LEFT JOIN stated USING (spoken) WHERE seen IS NOT NULL AND {chosen}
  )
) GROUP BY case_key
"""
NEW = """
CREATE OR REPLACE TEMP TABLE new_cases AS
SELECT ROW_NUMBER() OVER (ORDER BY exam_id, case_key) AS n, * FROM cases
WHERE case_key NOT IN (SELECT case_key FROM judged)
"""
# beyond what the engine may be asked of a bucket a case stays open there, whatever other buckets have asked
OPEN = """
CREATE OR REPLACE TEMP TABLE left_open AS
SELECT case_key FROM cases JOIN judged USING (case_key) WHERE undecided ORDER BY cases.exam_id, case_key OFFSET {many}
"""
JUDGEMENT = """
CREATE OR REPLACE TEMP TABLE judgement AS
SELECT case_key, CAST(computed AS {word}) AS computed, computed_status,
  CAST(computed_status AS {word}) AS status_word, k.rank AS computed_rank, by_default, j.management,
  from_months, to_months, m.named, m.any_time, {flags}
FROM (
  SELECT case_key, j.edition, {open} FROM cases JOIN judged j USING (case_key) LEFT JOIN left_open o USING (case_key)
) j LEFT JOIN managements m ON m.edition = j.edition AND m.management = j.management
  LEFT JOIN categories k ON k.edition = j.edition AND k.category = j.computed
"""
FLAGS = ("tissue", "work_up", "widely", "optional")  # of a management
HELD = {"computed": "NULL", "computed_status": "'undecided'", "management": "NULL", "from_months": "NULL",
        "to_months": "NULL", "by_default": "NULL"}  # fmt: skip

READ = ("category", "status", "management", "from_months", "to_months", "by_default")
NA = "n/a"  # not applicable, of an input that says so by a word
REFUSED = {"status": "ELSE 'refused'"}


def case_key(edition: str = "edition", looked: str = "looked") -> str:
    """The key of a case as SQL: what is seen, by which edition it is read, and whether anybody looked."""
    return f"xor(seen, hash({edition}, {looked}))"


@lru_cache
def _select(edition: str, given: frozenset[str]) -> tuple[Mapping[str, str], str]:
    """The tables to keep and the SELECT of an edition, which take long to write and change with its columns alone."""
    guideline = next(e.guideline for e in scope.editions_of(edition.split("@", maxsplit=1)[0]) if e.name == edition)
    return exams_asked_often(guideline, f"{edition} ", "duckdb", "these_findings", "these_exams", given)


@lru_cache
def _words() -> Mapping[str, Mapping[str, str]]:
    """Column of the tables -> the words of its input as the guidelines write them, by themselves in small letters."""
    found: dict[str, dict[str, str]] = {}
    for guideline, audited in scope.scope().guidelines.items():
        for edition in scope.editions_of(guideline):
            for name, (_, known) in edition.guideline.inputs.items():
                if known["type"] == "enum":
                    words = (*known["values"], *([known["absent"]] if known.get("absent") else ()))
                    found.setdefault(audited.column(name), {NA: NA}).update({str(w).lower(): str(w) for w in words})
    return found


def _worded(held: Mapping[str, str], column: str, table: str) -> str:
    """A column with the words of its input, whatever their case; another word stays, and is refused."""
    name = f"{table}.{quoted(column)}"
    if held[column] != "VARCHAR" or column not in _words():
        return name
    whens = " ".join(f"WHEN {text(bare)} THEN {text(word)}" for bare, word in _words()[column].items())
    return f"CASE LOWER(TRIM({name})) {whens} ELSE {name} END AS {quoted(column)}"


class Cases:
    """The cases of a database that has ``mine`` and ``stated``; makes ``judged`` and, by bucket, ``judgement``."""

    def __init__(self, database: Any, relations: Relations) -> None:
        self.database, self.relations = database, relations
        self._selects: dict[str, str] = {}
        database.execute(JUDGED)

    def judge(self, bucket: Bucket, edition: str = "edition", chosen: str = "edition IS NOT NULL") -> None:
        """Fill ``judgement`` with what the exams' own editions, or another ``edition``, say of the chosen exams."""
        run, many = self.database.execute, self.relations.numbers["asked_exams"]
        if run("SELECT COUNT(*) FROM judged").fetchone()[0] > MOST:
            run(JUDGED)
        run(CASES.format(key=case_key(), edition=edition, looked=LOOKED, chosen=chosen))
        run(NEW)
        held = {name for (name,) in run("SELECT DISTINCT edition FROM new_cases").fetchall()}
        for statement in self._read_once(bucket) if held else ():
            run(statement)
        for e in self.relations.editions:
            if e.name in held:
                self._compute(e)
        run(OPEN.format(many=many))
        for e in self.relations.editions:
            if e.name in held:
                self._views(e)
                ask(self.database, e)
        word = self.relations.known.word("word")
        run(
            JUDGEMENT.format(
                word=word,
                flags=", ".join(f"COALESCE(m.{c}, FALSE) AS {c}" for c in FLAGS),
                open=", ".join(f"CASE WHEN o.case_key IS NULL THEN {c} ELSE {v} END AS {c}" for c, v in HELD.items()),
            )
        )
        run("DELETE FROM judged WHERE undecided AND NOT asked")

    def _read_once(self, bucket: Bucket) -> Iterator[str]:
        """The rows of the exams that stand for new cases, with their words as the guidelines write them."""
        tables, relations = self.relations.tables, self.relations
        facts = [c for c in relations.held_facts("exams") if c not in OWN]
        kinds = {"exam_id": "VARCHAR", "indication": "VARCHAR", "round": "VARCHAR"}
        whole = tables.select("exams", kinds, [quoted(c) for c in facts])
        said = ", ".join(["e.indication", "e.round", *(_worded(tables.columns("exams"), c, "e") for c in facts)])
        yield (
            f"CREATE OR REPLACE TEMP TABLE first_exams AS SELECT n, c.edition, looked, age, {said} "
            f"FROM ({whole}) e JOIN new_cases c USING (exam_id) WHERE {bucket.has('e.exam_id')}"
        )
        held = relations.held_facts("findings")
        each = tables.select("findings", {"exam_id": "VARCHAR", "kind": "VARCHAR"}, [quoted(c) for c in held])
        said = ", ".join(["f.kind", *(_worded(tables.columns("findings"), c, "f") for c in held)])
        yield (
            f"CREATE OR REPLACE TEMP TABLE first_findings AS SELECT n, c.edition, {said} "
            f"FROM ({each}) f JOIN new_cases c USING (exam_id) WHERE {bucket.has('f.exam_id')}"
        )

    def _views(self, edition: Edition) -> set[str]:
        """Make ``these_exams`` and ``these_findings`` the new cases of an edition; returns their columns."""
        audited = scope.scope().guidelines[edition.name.split("@")[0]]
        whole, lesion = (columns(edition.guideline, s) for s in (("exam", "patient"), ("finding",)))
        held, found = {**self.relations.tables.filled("exams"), **OWN}, self.relations.tables.filled("findings")
        of_exam = [c for c in whole if audited.column(c) in held]
        of_finding = [c for c in lesion if c in found]
        told = [f"{read(held, audited.column(c), whole[c])} AS {quoted(c)}" for c in of_exam]
        each = [f"{read(found, c, lesion[c])} AS {quoted(c)}" for c in of_finding]
        mine = f"edition = {text(edition.name)}"
        told = ["n AS exam_id", "looked AS assessed", *told]
        self.database.execute(
            f"CREATE OR REPLACE TEMP VIEW these_exams AS SELECT {', '.join(told)} FROM first_exams WHERE {mine}"
        )
        self.database.execute(
            f"CREATE OR REPLACE TEMP VIEW these_findings AS SELECT {', '.join(['n AS exam_id', *each])} "
            f"FROM first_findings WHERE {mine} AND kind = {text(audited.kind)}"
        )
        return {"assessed", *of_exam, *of_finding}

    def _compute(self, edition: Edition) -> None:
        given = self._views(edition)
        if edition.name not in self._selects:
            kept, self._selects[edition.name] = _select(edition.name, frozenset(given))
            for name, words in kept.items():
                self.database.execute(f"CREATE TEMP TABLE {quoted(name)} AS {words}")
        # a finding that may be anything: who leaves it out says that there is none
        told = ", ".join(f"CASE WHEN u.n IS NULL THEN {c} {REFUSED.get(c, '')} END" for c in READ)
        self.database.execute(
            f"INSERT INTO judged SELECT c.case_key, c.edition, {told}, "
            f"u.n IS NULL AND status = 'undecided', FALSE FROM ({self._selects[edition.name]}) q "
            "JOIN new_cases c ON c.n = q.exam_id "
            "LEFT JOIN (SELECT DISTINCT n FROM first_findings WHERE kind IS NULL) u ON u.n = q.exam_id"
        )
