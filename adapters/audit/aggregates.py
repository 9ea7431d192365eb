"""The counts of an audit that its page needs beside ``summary.json``: small cells hidden, no row of anybody in them.

Made from ``rows`` and ``worklist.parquet`` once the buckets are there; they do not grow with the exams.

* ``stated_against_computed``: by edition, exams by the category that is stated and the one that follows
* ``time_to_follow_up``: by edition and category, see ``aggregates_curves``
* ``overdue``: by measure, exams on the worklist by category and days late
* ``measures``: what each measure's file says of its population
"""

# ruff: noqa: S608  the SQL is made of names that are quoted and of our own words

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from ...engine.guideline.columns import quoted, text
from .aggregates_curves import Interval, shown
from .crossed import heat, in_order, name_of, totalled
from .described import described
from .measure_files import Measure
from .small_cells import hidden
from .tally import Tally

FILE = "aggregates.json"
WORK_UP = "work-up-begun"
FOLLOWED = {"follow-up-on-time": "done_date", "liver-surveillance-adherence": "done_date", WORK_UP: "work_up_date"}
WAITS = ("early", "on_time", "late", "never", "not_yet_due", "died_before_due", "left_before_due")
ENDED = ("cancer_diagnosed", "tissue_sampled")
DAYS = 7  # of an interval
MOST = 156  # intervals that are looked at: three years
HALF_A_YEAR = 183  # days that are looked at, at least; else twice the time in which it is due
LATE = ((30, "1 to 30"), (90, "31 to 90"), (180, "91 to 180"), (365, "181 to 365"), (None, "more than 365"))


def aggregates(
    database: Any, rows: Sequence[Path], worklist: Path, tallies: Sequence[Tally], numbers: Mapping[str, int],
    as_of: date,
) -> dict[str, Any]:  # fmt: skip
    """What goes into ``aggregates.json``; it has no small cell.

    Args:
        database: a DuckDB connection.
        rows, worklist: the files of the audit.
        tallies: the measures that were audited, with what they hide; what needs another one is left out.
        numbers: the settings, of which ``smallest_cell`` says what is small.
        as_of: the day of the audit.
    """
    least, known = numbers["smallest_cell"], {t.measure.id: t.measure for t in tallies}
    source = f"read_parquet([{', '.join(text(str(file)) for file in rows)}])"
    first, last, many = database.execute(f"SELECT MIN(exam_date), MAX(exam_date), COUNT(*) FROM {source}").fetchone()
    return {
        "as_of": as_of.isoformat(),
        "exams": {"first": str(first or ""), "last": str(last or ""), "counted": many if many >= least else None},
        "smallest_cell": least,
        "stated_against_computed": [heat(edition, counts, least, t.also.get(name_of(edition), frozenset()))
                                    for t in tallies for edition, counts in t.crossed.items()],
        "time_to_follow_up": [c for name in FOLLOWED if name in known
                              for c in _curves(database, source, known[name], as_of, least)],
        "overdue": [_overdue(database, source, worklist, t, least) for t in tallies if t.measure.id in FOLLOWED],
        "measures": {m.id: asdict(described(m, numbers)) for m in known.values()},
    }  # fmt: skip


def _codes(measure: Measure, reasons: Iterable[str] = (), statuses: Iterable[str] = ()) -> str:
    """The codes of a measure's outcomes with one of these reasons or statuses, as a list of SQL."""
    found = [n for n, (s, r) in enumerate(measure.outcomes, start=1) if s in statuses or r in reasons]
    return f"({', '.join(map(str, found)) or 'NULL'})"


def _curves(database: Any, source: str, measure: Measure, as_of: date, least: int) -> list[dict[str, Any]]:
    rows = database.execute(CURVES.format(
        source=source, code=quoted(measure.id), done=FOLLOWED[measure.id], last=MOST - 1, days=DAYS,
        chosen=_codes(measure, (*WAITS, *ENDED)), ended=_codes(measure, ENDED), as_of=f"DATE {text(as_of.isoformat())}",
        due="work_up_due" if measure.id == WORK_UP else "due_date",
    )).fetchall()  # fmt: skip
    told = [_curve((measure.id, edition, category), [row[2:] for row in mine], least)
            for (edition, category), mine in groupby(rows, key=lambda row: row[:2])]  # fmt: skip
    names = {
        edition: {c["category"] for c in told if c["edition"] == edition} for edition in (c["edition"] for c in told)
    }
    order = {(e, category): n for e, mine in names.items() for n, category in enumerate(in_order(e, mine))}
    return sorted(told, key=lambda c: (c["edition"], order[c["edition"], c["category"]]))


def _curve(of: tuple[str, str, str], found: Sequence[tuple[Any, ...]], least: int) -> dict[str, Any]:
    counts = {week: Interval(*map(int, events)) for week, _, *events in found}
    intervals = [counts.get(week, Interval()) for week in range(max(counts) + 1)]
    many, due = sum(i.all for i in intervals), max(row[1] for row in found)
    most = min(max(2 * due, HALF_A_YEAR) // DAYS, MOST)
    points = [
        {"days": p.number * DAYS, "waiting": p.waiting, "followed": round(p.followed, 3),
         "interval": [round(p.low, 3), round(p.high, 3)], "ended": round(p.ended, 3)}
        for p in shown(intervals, most, least) or ()
    ]  # fmt: skip
    measure, edition, category = of
    return {"measure": measure, "edition": edition, "category": category, "exams": many if many >= least else None,
            "due_days": due, "horizon_days": most * DAYS, "points": points}  # fmt: skip


# Beside imaging only tissue and a diagnosis can come first: every modality of work-up is one of follow-up too
# (scope.yaml; a test holds it), so a work-up before the next imaging was none.
CURVES = """
WITH dated AS (
  SELECT edition, computed, exam_date, {due} AS due, {done} AS done,
    CASE WHEN death_date >= exam_date THEN death_date END AS died,
    CASE WHEN '{done}' = 'done_date' AND ({code} IN {ended} OR done_date IS NULL OR work_up_date < done_date)
      THEN work_up_date END AS other,
    LEAST({as_of}, left_date) AS unseen
  FROM {source} WHERE {code} IN {chosen}
), first AS (
  SELECT edition, computed, CAST(due - exam_date AS INTEGER) AS due_days,
    LEAST(done, died, other, unseen) - exam_date AS days,
    CASE WHEN other <= LEAST(done, died, unseen) THEN 'ended'
      WHEN done <= LEAST(died, unseen) THEN 'followed' WHEN died <= unseen THEN 'ended' ELSE 'unseen' END AS what
  FROM dated
)
SELECT edition, computed, LEAST(GREATEST(days - 1, 0) // {days}, {last}) AS week, CAST(MEDIAN(due_days) AS INTEGER),
  COUNT(*) FILTER (WHERE what = 'followed' AND days <= ({last} + 1) * {days}),
  COUNT(*) FILTER (WHERE what = 'ended' AND days <= ({last} + 1) * {days}),
  COUNT(*) FILTER (WHERE what = 'unseen' OR days > ({last} + 1) * {days})
FROM first GROUP BY ALL ORDER BY ALL
"""


def _overdue(database: Any, source: str, worklist: Path, tally: Tally, least: int) -> dict[str, Any]:
    """The worklist of a measure by category and days late, with totals; a hidden count is None.

    A total beside the number of those never followed would tell how many of them died or left: few are not told.
    Nor is it where that number itself is not shown.
    """
    of, measure = tally.measure, tally.measure.id
    whens = " ".join(f"WHEN days_late <= {most} THEN {n}" for n, (most, _) in enumerate(LATE) if most is not None)
    found = database.execute(
        f"SELECT edition, category, CASE {whens} ELSE {len(LATE) - 1} END, COUNT(*) "
        f"FROM read_parquet({text(str(worklist))}) WHERE measure = {text(measure)} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    at = {(edition, category, band): n for edition, category, band, n in found}
    names = [(e, c) for e in sorted({row[0] for row in found}) for c in in_order(e, {r[1] for r in found if r[0] == e})]
    rows = totalled([[at.get((*name, band), 0) for band in range(len(LATE))] for name in names])
    gone = {(edition, category): n for edition, category, n in database.execute(
        f"SELECT edition, computed, COUNT(*) FROM {source} WHERE {quoted(measure)} IN {_codes(of, ('never',))} "
        "AND (death_date IS NOT NULL OR left_date IS NOT NULL) GROUP BY ALL"
    ).fetchall()}  # fmt: skip
    few = [r for r, n in enumerate([*(gone.get(name, 0) for name in names), sum(gone.values())]) if 0 < n < least]
    few += [len(names)] if tally.hides_reason("not_met", "never", least) else []
    out = hidden(rows, least, [(min(r, len(rows) - 1), len(LATE)) for r in few]) if rows else frozenset()
    told = [[None if (r, c) in out else n for c, n in enumerate(row)] for r, row in enumerate(rows)]
    labels = [*([f"{e}: {c}" for e, c in names]), *(["all"] if len(names) > 1 else [])]
    bands = [words for _, words in LATE]
    return {"measure": measure, "days_late": bands, "rows": [
        {"of": label, "exams": row[:-1], "all": row[-1]} for label, row in zip(labels, told, strict=True)]}  # fmt: skip
