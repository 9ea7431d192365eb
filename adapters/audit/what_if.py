"""What if: the same exams read by two editions of a guideline. Who changes category, and what follows.

Every exam on which the guideline is audited is read by both, whatever its date. A scan a year is counted
as 12 by the months of the interval, on exams that both decide; a work-up is a management that calls for
one at once, of which tissue sampling is one option, so it bounds the biopsies from above.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engine.errors import BadValue, UnknownGuideline
from ...engine.guideline.columns import text
from ..notice import INTENDED_USE
from .at_scale import Order, bounds_of, buckets_of, known_of, opened
from .bucket import write
from .cases import Cases, case_key
from .duck import writable
from .exam import FIRSTS, part_of
from .held import held, states
from .layout import files_of, tables_of
from .relation import LOOKED, Bucket, Relations, facts_of
from .sayings import read_sayings, stated_table
from .scope import Edition, after_screening, applies_sql, editions_of, listed, scope, settings
from .small_cells import hidden


@dataclass(frozen=True, slots=True)
class Pair:
    """The two editions."""

    first: Edition
    second: Edition


def pair(first: str, second: str) -> Pair:
    """The editions of these names, of one guideline.

    Raises:
        UnknownGuideline: there is none of that name. BadValue: they are not two of one guideline.
    """
    known = {e.name: e for name in scope().guidelines for e in editions_of(name)}
    for name in (first, second):
        if name not in known:
            raise UnknownGuideline("command line", "--compare", name, ", ".join(known), "Use two of these.")
    if first == second or first.split("@", maxsplit=1)[0] != second.split("@", maxsplit=1)[0]:
        raise BadValue("command line", "--compare", f"{first} {second}", "two editions of one guideline", "Use two.")
    return Pair(known[first], known[second])


def compare(order: Order, editions: Pair, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Write ``what-if.json`` and ``changed.parquet`` to the order's folder, and return what the first says.

    Raises: as ``at_scale.run``.
    """
    with writable():
        order.out.mkdir(parents=True, exist_ok=True)
    both = (editions.first, editions.second)
    changed = order.out / "changed.parquet"
    with held(states(files_of(order.folder)), lambda: changed.unlink(missing_ok=True)), opened(order) as database:
        tables = tables_of(order.folder, database, facts_of(both))
        known = known_of(database, tables)
        relations = Relations(tables, both, order.as_of, settings(order.own), (), known)
        for statement in (*relations.constants(), stated_table(relations), READ):
            database.execute(statement)
        cases, buckets = (
            Cases(database, relations),
            buckets_of(database, tables, bounds_of(database, tables, order.per_bucket)),
        )
        for bucket in buckets:
            say(f"bucket {bucket.number + 1} of {len(buckets)}")
            _read(database, cases, both, bucket)
        write(database, CHANGED, changed)
        told = _told(database, editions, settings(order.own)["smallest_cell"])
    _keep(order.out / "what-if.json", told)
    return told


READ = """
CREATE TEMP TABLE readings (exam_id VARCHAR, patient_id VARCHAR, exam_date DATE, before VARCHAR, after VARCHAR,
  scans_before DOUBLE, scans_after DOUBLE, work_up_before BOOLEAN, work_up_after BOOLEAN)
"""
OF_ALL = "exams that both editions decide"
OF_SHOWN = f"{OF_ALL}, but for those of a change whose count is not shown"
CHANGED = "SELECT * FROM readings WHERE before IS DISTINCT FROM after ORDER BY patient_id, exam_date, exam_id"


def _read(database: Any, cases: Cases, both: tuple[Edition, Edition], bucket: Bucket) -> None:
    for statement in cases.relations.exams(bucket):
        database.execute(statement)
    read_sayings(database, cases.relations, bucket)
    part = part_of(database)
    database.execute(FIRSTS.format(part=part))
    guideline = both[0].name.split("@")[0]
    for name, edition in zip(("before", "after"), both, strict=True):
        cases.judge(bucket, text(edition.name), f"guideline = {text(guideline)}")
        database.execute(f"CREATE OR REPLACE TEMP TABLE judged_{name} AS SELECT * FROM judgement")  # noqa: S608
    first, second = (case_key(text(edition.name)) for edition in both)
    database.execute(
        f"""INSERT INTO readings
        SELECT exam_id, patient_id, exam_date, a.computed, b.computed,
          COALESCE(12.0 / NULLIF(a.to_months, 0), 0), COALESCE(12.0 / NULLIF(b.to_months, 0), 0),
          COALESCE(a.work_up, FALSE), COALESCE(b.work_up, FALSE)
        FROM (
          SELECT m.*, {LOOKED} AS looked, {applies_sql()} AS applies FROM mine m LEFT JOIN stated USING (spoken)
          LEFT JOIN firsts f ON f.part = CASE WHEN m.indication IN {listed(after_screening())} THEN m.{part} END
            AND f.region = m.region
        ) JOIN judged_before a ON a.case_key = {first} JOIN judged_after b ON b.case_key = {second}
        WHERE guideline = {text(guideline)} AND applies"""  # noqa: S608
    )


def _told(database: Any, editions: Pair, least: int) -> dict[str, Any]:
    """Counts without small cells. A change that is not shown counts for no scans and no work-ups either: their sums
    would give it away."""
    exams, undecided, changed = database.execute(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE before IS NULL OR after IS NULL), "
        "COUNT(*) FILTER (WHERE before <> after) FROM readings"
    ).fetchone()
    changes = database.execute(
        "SELECT before, after, COUNT(*), MIN(exam_id) FROM readings WHERE before <> after GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    counts = [row[2] for row in changes]
    covered = hidden([[*counts, sum(counts)]], least)
    shown = [None if (0, n) in covered else count for n, count in enumerate([*counts, changed])]
    apart = [f"(before = {text(a)} AND after = {text(b)})" for n, (a, b, *_) in enumerate(changes) if shown[n] is None]
    *scans, first, second = database.execute(
        "SELECT SUM(scans_before), SUM(scans_after), COUNT(*) FILTER (WHERE work_up_before), "  # noqa: S608
        "COUNT(*) FILTER (WHERE work_up_after) FROM readings WHERE before IS NOT NULL AND after IS NOT NULL "
        f"AND NOT ({' OR '.join(apart) or 'FALSE'})"
    ).fetchone()
    few = {changed, first, second} & set(range(1, least))
    return {
        "intended_use": INTENDED_USE, "before": editions.first.name, "after": editions.second.name,
        "exams": exams, "undecided_by_either": undecided if not 0 < undecided < least else None,
        "changed": shown[-1],
        "scans_and_work_ups_of": OF_SHOWN if apart else OF_ALL,
        "scans_a_year": None if few else {"before": round(scans[0] or 0, 1), "after": round(scans[1] or 0, 1)},
        "work_ups": None if few else {"before": first, "after": second},
        "changes": [
            {"before": before, "after": after, "exams": shown[n],
             "example_exam": example if shown[n] is not None else None}
            for n, (before, after, _, example) in enumerate(changes)
        ],
    }  # fmt: skip


def _keep(path: Path, told: Mapping[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
