"""The relation that the measures read: one row an exam of a bucket, with what came after it.

What follows from the case and from the report alone is made once for each distinct pair of them, its profile:
so are the codes of the measures that ask for nothing else. Only what is asked for is looked for: a column whose
part nobody needs is NULL.
"""

# ruff: noqa: S608  the SQL is made of names that are quoted and of our own words

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...engine.guideline.columns import quoted, text
from . import scope
from .cases import case_key
from .layout import LAYOUT
from .relation import LOOKED, Bucket, Relations

DOCUMENTED = {c: kind for c, kind in LAYOUT["screening"].items() if c != "exam_id"}
SCREENING_FLAGS = dict.fromkeys(("has_screening", "screening_unreadable", "screening_conflict"), "BOOLEAN")
# what a part gives, by what it is made of: (its columns with their types, the columns of an exam that need it)
LATER: dict[str, tuple[dict[str, str], set[str]]] = {
    "followed": ({"next_follow_up": "DATE", "next_any_time": "DATE", "next_work_up": "DATE"},
                 {"done_date", "any_time_date", "work_up_date"}),
    "procedures": ({"sampled": "DATE", "unclear_sampled": "DATE"},
                   {"procedure_date", "unclear_procedure", "work_up_date", "done_date", "any_time_date",
                    "unclear_exam", "unclear_any_time"}),
    "outcomes": ({"diagnosis_date": "DATE", "unclear_diagnosis": "DATE"},
                 {"diagnosis_date", "unclear_diagnosis", "work_up_date"}),
    "earlier": ({"known_since": "DATE", "unclear_known": "DATE"}, {"known_since", "unclear_known"}),
    "communications": ({"communicated_at": "DATE", "unclear_communication": "DATE"},
                       {"communicated_at", "unclear_communication"}),
    "imaged": ({"maybe_either": "DATE", "maybe_any_time": "DATE", "maybe_plain": "DATE"},
               {"unclear_exam", "unclear_any_time", "unclear_plain", "unclear_work_up"}),
    "worked_up": ({"maybe_work_up": "DATE"}, {"unclear_work_up"}),
    "screening": (DOCUMENTED | SCREENING_FLAGS, {*DOCUMENTED, *SCREENING_FLAGS}),
    "repeated": ({"again": "BOOLEAN", "unclear_again": "BOOLEAN"}, {"again", "unclear_again"}),
}  # fmt: skip
# the columns of an exam that its profile has: of all others a measure must look at the exam itself
PROFILED = frozenset((
    "applies", "guideline", "edition", "has_report", "assessed", "has_statement", "has_findings", "as_of",
    "computed", "computed_status", "computed_rank", "by_default", "management", "from_months", "to_months",
    "open_modality", "modality_is_named", "any_time", "stated_any_time", "work_up", "optional",
    "stated_guideline", "stated_edition", "stated_category", "stated_rank", "stated_positive", "stated_negative",
    "stated_critical", "stated_conflict", "stated_from", "stated_to", "stated_modality", "stated_no_followup",
    "stated_unreadable", "stated_unfound",
))  # fmt: skip
FEW = ("procedures", "outcomes", "earlier", "communications", "imaged", "worked_up")  # kinds of events
DAYS = {"procedures": "procedure_date", "outcomes": "diagnosis_date", "communications": "communicated_at"}
IMAGED = ("patient_id", "exam_date", "modality", "region")


def parts(database: Any, relations: Relations, bucket: Bucket) -> Iterator[tuple[str, str]]:
    """(what is done, SQL): make the tables of what is asked for beside ``mine``."""
    of = part_of(database)
    unread = relations.tables.lost("screening", tuple(LAYOUT["screening"]))
    yield "earlier exams", FIRSTS.format(part=of)
    made = {
        "followed": FOLLOW.format(
            part=of, region=scope.region_number(), follow_up=scope.by_region("follow_up"),
            any_time=scope.by_region("any_time"), work_up=scope.by_region("work_up_by"),
            aside=_aside(relations, bucket),
        ),
        "screening": SCREENED.format(
            screening=relations.tables.select("screening", beside=[f"{unread} AS unread"]), has=bucket.has("c.exam_id"),
            one=", ".join(f"CASE WHEN MIN({c}) = MAX({c}) THEN MIN({c}) END AS {c}" for c in DOCUMENTED),
            conflict=" OR ".join(f"COALESCE(MIN({c}) <> MAX({c}), FALSE)" for c in DOCUMENTED),
        ),
        "repeated": AGAIN.format(undated=_undated(relations, bucket)),
    }  # fmt: skip
    for name in sorted(_asked(relations) & {*made}):
        yield name, f"CREATE OR REPLACE TEMP TABLE {name} AS {made[name]}"
    events = [_event(relations, bucket, name) for name in FEW if name in _asked(relations)]
    if events:
        days = ", ".join(f"{_first(of)} AS {of}" for name in FEW for of in LATER[name][0])
        yield (
            "events",
            f"CREATE OR REPLACE TEMP TABLE events AS SELECT n, {days} FROM ({' UNION ALL '.join(events)}) GROUP BY n",
        )


def profiles(database: Any, relations: Relations, codes: Mapping[str, str]) -> Iterator[str]:
    """Make ``placed``, the exams with the key of their profile, and ``profiles``, with ``codes``: name -> SQL."""
    numbers = relations.numbers
    yield PLACED.format(
        part=part_of(database), applies=scope.applies_sql(), after=scope.listed(scope.after_screening())
    )
    yield PROFILES.format(
        as_of=relations.day, looked=LOOKED, case_key=case_key(),
        first_grace=_grace("from_months", numbers), last_grace=_grace("to_months", numbers),
        codes="".join(f", {code} AS {quoted(name)}" for name, code in codes.items()),
    )  # fmt: skip


def view(relations: Relations) -> str:
    """The view ``exam``."""
    asked = _asked(relations)
    nothing = [f"CAST(NULL AS {k}) AS {c}" for name in {*LATER} - asked if name not in FEW or not asked & {*FEW}
               for c, k in LATER[name][0].items()]  # fmt: skip
    joined = [
        *(n for n in ("followed", "screening", "repeated") if n in asked),
        *(["events"] if asked & {*FEW} else []),
    ]
    return EXAM.format(
        work_up_days=relations.numbers["work_up_days"],
        nothing="".join(f", {column}" for column in sorted(nothing)),
        joins=" ".join(f"LEFT JOIN {name} USING (n)" for name in joined),
    )  # fmt: skip


def part_of(database: Any) -> str:
    """What tells patients apart: their number, or their id where the table of patients lacks one of them."""
    (lacking,) = database.execute("SELECT COUNT(*) FROM mine WHERE p IS NULL").fetchone()
    return "patient_id" if lacking else "p"


def _first(of: str) -> str:
    """The first day of a kind of event: of communications on the day of the exam or later, else of those before."""
    after, any_day = (f"MIN(day) FILTER (WHERE of = {text(of)}{also})" for also in (" AND NOT before", ""))
    return f"COALESCE({after}, {any_day})" if of in LATER["communications"][0] else any_day


def _asked(relations: Relations) -> set[str]:
    return {name for name, (_, needed_by) in LATER.items() if needed_by & relations.wanted}


def _event(relations: Relations, bucket: Bucket, name: str) -> str:
    """Exams with the days of a kind of event that came on the day of the exam or later; a cancer that was, or may have
    been, known before (``earlier``) and a communication at any time.

    Of what kind, where or when an event was may be unknown: it is then the other of the two columns of its part. One
    without a day may have been on any, the exam's own among them.
    """
    if name in ("imaged", "worked_up"):
        return _imaging(relations, bucket, name)
    table = "outcomes" if name == "earlier" else name
    day = DAYS[table]
    which, same, stated = {
        "procedures": ("kind IN ('biopsy', 'resection', 'ablation')", "region", ("kind", "region", day)),
        "outcomes": ("kind <> 'benign'", "kind", ("kind", day)),
        "communications": ("kind = 'critical_result'", "", ("kind", day)),
    }[table]
    sure, unsure = LATER[name][0]
    key = "exam_id" if table == "communications" else "patient_id"
    mine = bucket.has() if key == "exam_id" else bucket.holds()
    until = f"{day} <= {relations.day} OR {day} IS NULL"
    source = f"SELECT * FROM ({relations.tables.select(table)}) WHERE ({until}) AND {mine} AND COALESCE({which}, TRUE)"
    own = {"region": "mine.region", "kind": scope.cancer_sql()}.get(same)
    alike = f"AND (e.{same} = {own} OR e.{same} IS NULL) " if own else ""
    sign = ">" if name == "earlier" else "<="
    when = "" if name == "communications" else f"AND (exam_date {sign} {day} OR {day} IS NULL)"
    known = " AND ".join(f"e.{column} IS NOT NULL" for column in stated)
    return (
        f"SELECT mine.rowid AS n, CASE WHEN {known} THEN {text(sure)} ELSE {text(unsure)} END AS of, "
        f"COALESCE({day}, exam_date) AS day, COALESCE({day} < exam_date, FALSE) AS before FROM mine JOIN ({source}) e "
        f"ON mine.{key} = e.{key} {alike}{when}"
    )


def _imaging(relations: Relations, bucket: Bucket, name: str) -> str:
    """Exams with the days on which the patient may have been imaged: of what kind, where or when is not known."""
    counts = scope.by_region("follow_up" if name == "imaged" else "work_up_by")
    unsure, *of = map(text, LATER[name][0])
    if of:  # an exam of unknown modality may be any
        whens = f"WHEN modality IS NULL THEN {unsure} WHEN {scope.by_region('any_time')} THEN {of[0]}"
        unsure = f"CASE {whens} ELSE {of[1]} END"
    return IMAGING.format(
        of=unsure, counts=counts, aside=_aside(relations, bucket), undated=_undated(relations, bucket)
    )


def _aside(relations: Relations, bucket: Bucket) -> str:
    """Exams that are put aside for their id alone: they are not judged, but somebody was imaged on that day."""
    kinds = {c: LAYOUT["exams"][c] for c in ("exam_id", *IMAGED)}
    twice = " OR exam_id IN (FROM twice)" if relations.known.twice else ""
    return (
        f"SELECT * FROM ({relations.tables.select('exams', kinds)}) "
        "LEFT JOIN (SELECT rowid AS p, patient_id FROM people) "
        f"USING (patient_id) WHERE {bucket.holds()} AND exam_date <= {relations.day} AND (exam_id IS NULL{twice})"
    )


def _undated(relations: Relations, bucket: Bucket) -> str:
    """Exams without a day."""
    exams = relations.tables.select("exams", {c: LAYOUT["exams"][c] for c in ("exam_id", *IMAGED)})
    return f"SELECT * FROM ({exams}) WHERE exam_date IS NULL AND {bucket.holds()}"


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
    CASE WHEN {follow_up} THEN exam_date END AS follow_up, CASE WHEN {any_time} THEN exam_date END AS any_time,
    CASE WHEN {work_up} THEN exam_date END AS work_up
  FROM mine
  UNION ALL
  SELECT NULL, {part}, {region}, exam_date, CASE WHEN {follow_up} THEN exam_date END,
    CASE WHEN {any_time} THEN exam_date END, CASE WHEN {work_up} THEN exam_date END
  FROM ({aside})
), next AS MATERIALIZED (
  SELECT n, part, region, exam_date, LEAD(follow_up IGNORE NULLS) OVER days AS next_follow_up,
    LEAD(any_time IGNORE NULLS) OVER days AS next_any_time, LEAD(work_up IGNORE NULLS) OVER days AS next_work_up
  FROM dated WINDOW days AS (PARTITION BY part, region ORDER BY exam_date)
), tied AS (
  SELECT n, part, region, exam_date FROM next
  WHERE n IS NOT NULL AND (next_follow_up = exam_date OR next_work_up = exam_date)
)
SELECT n, next_follow_up, next_any_time, next_work_up FROM next
WHERE n IS NOT NULL AND COALESCE(next_follow_up <> exam_date, TRUE) AND COALESCE(next_work_up <> exam_date, TRUE)
UNION ALL
SELECT t.n, MIN(d.follow_up), MIN(d.any_time), MIN(d.work_up)
FROM dated d JOIN tied t ON d.part = t.part AND d.region = t.region AND d.exam_date > t.exam_date
GROUP BY t.n
"""

IMAGING = """
SELECT n, {of} AS of, day, FALSE AS before FROM (
  SELECT mine.rowid AS n, mine.region AS region, e.modality AS modality, COALESCE(e.exam_date, mine.exam_date) AS day
  FROM mine JOIN (
    SELECT DISTINCT patient_id, exam_date, modality, region FROM (
      SELECT patient_id, exam_date, modality, region FROM mine WHERE modality IS NULL OR region IS NULL
      UNION ALL
      SELECT patient_id, exam_date, modality, region FROM ({aside}) WHERE modality IS NULL OR region IS NULL
      UNION ALL
      SELECT patient_id, exam_date, modality, region FROM ({undated})
    )
  ) e ON mine.patient_id = e.patient_id AND (mine.exam_date < e.exam_date OR e.exam_date IS NULL)
    AND (mine.region = e.region OR e.region IS NULL)
) WHERE COALESCE({counts}, TRUE)
"""

SCREENED = """
SELECT mine.rowid AS n, TRUE AS has_screening, BOOL_OR(unread) AS screening_unreadable,
  {conflict} AS screening_conflict, {one}
FROM mine JOIN ({screening}) c USING (exam_id) WHERE {has} GROUP BY 1
"""

# the copy is the one with the later id, so that only what has an earlier one may be its original
AGAIN = """
SELECT n, BOOL_OR(sure) AS again, BOOL_OR(NOT sure) AS unclear_again FROM (
  SELECT mine.rowid AS n, TRUE AS sure
  FROM mine JOIN (
    SELECT patient_id AS q, region AS r, exam_date AS d, modality AS m, MIN(exam_id) AS original
    FROM mine GROUP BY ALL HAVING COUNT(*) > 1
  ) ON q = patient_id AND r = region AND d = exam_date AND m = modality AND original < exam_id
  UNION ALL
  SELECT mine.rowid AS n, FALSE AS sure
  FROM mine JOIN (
    SELECT exam_id AS other, patient_id AS q, exam_date AS d, modality AS m, region AS r
    FROM mine WHERE modality IS NULL OR region IS NULL
    UNION ALL
    SELECT exam_id, patient_id, exam_date, modality, region FROM ({undated})
  ) ON q = patient_id AND other < exam_id AND (d = exam_date OR d IS NULL) AND (m = modality OR m IS NULL)
    AND (r = region OR r IS NULL)
) GROUP BY n
"""

PLACED = """
CREATE OR REPLACE TEMP VIEW placed AS
SELECT *, hash(seen, spoken, guideline, edition, applies, has_report, assessed, n_findings) AS profile
FROM (
  SELECT m.*, m.rowid AS n, {applies} AS applies
  FROM mine m
  LEFT JOIN firsts f ON f.part = CASE WHEN m.indication IN {after} THEN m.{part} END AND f.region = m.region
)
"""

PROFILES = """
CREATE OR REPLACE TEMP TABLE profiles AS
WITH known AS (
  SELECT profile, FIRST(seen) AS seen, FIRST(spoken) AS spoken, FIRST(guideline) AS guideline,
    FIRST(edition) AS edition, FIRST(applies) AS applies, FIRST(has_report) AS has_report,
    FIRST(assessed) AS assessed, FIRST(n_findings) AS n_findings
  FROM placed GROUP BY profile
), stating AS (
  SELECT k.*, s.* EXCLUDE (spoken), {looked} AS looked FROM known k LEFT JOIN stated s USING (spoken)
), told AS (
  SELECT profile, guideline, edition, applies, has_report, COALESCE(assessed, FALSE) AS assessed,
    structured IS NOT NULL AS has_statement, n_findings IS NOT NULL AS has_findings,
    computed, computed_status, status_word, computed_rank, by_default, management, from_months, to_months,
    named = 0 AS open_modality, (named & stated_bit) <> 0 AS modality_is_named,
    COALESCE(any_time <> 0, FALSE) AS any_time, COALESCE((any_time & stated_bit) <> 0, FALSE) AS stated_any_time,
    COALESCE(tissue, FALSE) AS tissue, COALESCE(work_up, FALSE) AS work_up, COALESCE(widely, FALSE) AS widely,
    COALESCE(optional, FALSE) AS optional,
    stated_guideline, stated_edition, stated_category, stated_rank, stated_positive, stated_negative,
    stated_critical, COALESCE(stated_conflict, FALSE) AS stated_conflict, stated_from, stated_to, stated_modality,
    COALESCE(stated_no_followup, FALSE) AS stated_no_followup,
    COALESCE(stated_unreadable, FALSE) AS stated_unreadable, COALESCE(stated_unfound, FALSE) AS stated_unfound,
    {as_of} AS as_of
  FROM stating LEFT JOIN judgement ON judgement.case_key = CASE WHEN applies THEN {case_key} END
)
SELECT * EXCLUDE (guideline, edition, applies, has_report, assessed),
  {first_grace} AS first_grace, {last_grace} AS last_grace{codes}
FROM told
"""

# Where the management names tissue, sampling is a follow-up that is never too early, and no event beside it. An
# imaging that may be too early is ``plain``.
EXAM = """
CREATE OR REPLACE TEMP VIEW exam AS
SELECT * EXCLUDE (profile, seen, spoken, assessed, again, unclear_again, has_screening, round),
  COALESCE(assessed, FALSE) AS assessed, COALESCE(again, FALSE) AS again,
  COALESCE(unclear_again, FALSE) AS unclear_again,
  COALESCE(has_screening, FALSE) AS has_screening, round AS screening_round,
  LEAST(next_follow_up, CASE WHEN tissue THEN sampled END) AS done_date,
  LEAST(CASE WHEN any_time THEN next_any_time END, CASE WHEN tissue THEN sampled END) AS any_time_date,
  CASE WHEN NOT tissue THEN sampled END AS procedure_date,
  CASE WHEN NOT tissue THEN unclear_sampled END AS unclear_procedure,
  LEAST(maybe_either, maybe_any_time, maybe_plain, CASE WHEN tissue THEN unclear_sampled END) AS unclear_exam,
  LEAST(CASE WHEN any_time THEN LEAST(maybe_either, maybe_any_time) END, CASE WHEN tissue THEN unclear_sampled END)
    AS unclear_any_time,
  LEAST(maybe_either, maybe_plain, CASE WHEN NOT any_time THEN maybe_any_time END) AS unclear_plain,
  CASE WHEN widely THEN LEAST(maybe_either, maybe_any_time, maybe_plain) ELSE maybe_work_up END AS unclear_work_up,
  CAST(exam_date + to_months(from_months) AS DATE) - first_grace AS first_due,
  CAST(exam_date + to_months(to_months) AS DATE) AS due_date,
  CAST(exam_date + to_months(to_months) AS DATE) + last_grace AS last_due,
  LEAST(CASE WHEN widely THEN next_follow_up ELSE next_work_up END, sampled, diagnosis_date) AS work_up_date,
  exam_date + {work_up_days} AS work_up_due
FROM (SELECT *{nothing} FROM placed LEFT JOIN profiles USING (profile) {joins})
"""
