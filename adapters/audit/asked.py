"""The cases that SQL leaves undecided, read by the engine itself.

Where inputs are missing, SQL follows few open branches (``docs/decisions/8-sql-by-joins.md``) and the
engine all of them. It is asked only for those cases, the first ``asked_exams`` of a bucket by exam id:
it reads about a thousand a second where SQL reads a million.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ...engine.errors import InputError
from ...engine.guideline.columns import columns, text
from ...engine.guideline.evaluate import Classification, classify
from ...engine.guideline.load import Guideline
from ...engine.types import Belief, Known, NotApplicable, PastSize, Source, SourceKind
from .scope import Edition

SAID = Source(SourceKind.RECORD, "the audit's tables")
Row = Mapping[str, Any]
OPEN = """
CREATE OR REPLACE TEMP TABLE asking AS SELECT n, case_key FROM judged JOIN new_cases c USING (case_key)
WHERE judged.edition = {edition} AND undecided AND case_key NOT IN (SELECT case_key FROM left_open)
"""
FILL = """
UPDATE judged SET computed = t.category, computed_status = 'decided', management = t.management,
  from_months = t.from_months, to_months = t.to_months, by_default = t.by_default
FROM (
  SELECT * FROM (VALUES {rows}) v(n, category, management, from_months, to_months, by_default) JOIN asking USING (n)
) t WHERE judged.case_key = t.case_key
"""
ASKED = "UPDATE judged SET asked = TRUE WHERE case_key IN (SELECT case_key FROM asking)"


def ask(database: Any, edition: Edition) -> int:
    """Fill in ``judged`` what the engine decides of an edition's new undecided cases; returns how many were asked.

    The views ``these_exams`` and ``these_findings`` must be those of the edition.
    """
    database.execute(OPEN.format(edition=text(edition.name)))
    exams = _rows(database, "SELECT * FROM these_exams WHERE exam_id IN (SELECT n FROM asking)")
    found: dict[int, list[Row]] = defaultdict(list)
    for row in _rows(database, "SELECT * FROM these_findings WHERE exam_id IN (SELECT n FROM asking)") if exams else ():
        found[row["exam_id"]].append(row)
    told = [(exam["exam_id"], _told(edition.guideline, exam, found[exam["exam_id"]])) for exam in exams]
    rows = ", ".join(f"({n}, {', '.join(map(_literal, answer))})" for n, answer in told if answer)
    if rows:
        database.execute(FILL.format(rows=rows))
    database.execute(ASKED)
    return len(exams)


def _told(guideline: Guideline, exam: Row, findings: list[Row]) -> tuple[Any, ...] | None:
    """(category, management, from and to months, by default), None where the engine cannot decide either."""
    facts = facts_of(guideline, exam, ("exam", "patient"))
    each = [(str(n), facts_of(guideline, row, ("finding",))) for n, row in enumerate(findings)]
    try:
        read = classify(guideline, facts, each, assessed=bool(exam["assessed"]))
    except InputError:
        return None
    if read.exam.category is None:
        return None
    months = read.exam.facts.get("interval_months") or (None, None)
    by_default = read.exam.silent or any(finding.silent for finding in read.findings)
    return read.exam.category, management_of(guideline, read), *months, by_default


def management_of(guideline: Guideline, read: Classification) -> str | None:
    """The key of the exam's management: its category where that has the same words, else the first that has."""
    words, known = read.exam.facts.get("management"), guideline.head["managements"]
    keys = [str(read.exam.category), *known]
    return next((key for key in keys if words and known.get(key, {}).get("management") == words), None)


def facts_of(guideline: Guideline, row: Row, scopes: tuple[str, ...]) -> dict[str, Belief]:
    """A row as facts: NULL is unknown and not among them, n/a is not applicable (``columns.py``)."""
    facts: dict[str, Belief] = {}
    for name, kind in columns(guideline, scopes).items():
        value = row.get(name)
        if name.endswith(".na"):
            if value:
                facts[name.removesuffix(".na")] = NotApplicable(SAID)
        elif value in ("n/a", []):
            facts[name] = NotApplicable(SAID)
        elif value is not None:
            past = tuple(PastSize(p["months_ago"], p["mean_mm"]) for p in value) if kind.endswith("[]") else value
            facts[name] = Known(past, SAID)
    return facts


def _literal(value: Any) -> str:
    return "NULL" if value is None else text(value) if isinstance(value, str) else str(value).upper()


def _rows(database: Any, query: str) -> list[Row]:
    found = database.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]
