"""What the reports state, read once for each distinct set of statements.

A report's statements are a few rows of few words: over a million exams they are some hundred sets. Exams carry
the key of theirs (``mine.spoken``); a set that is new is read from the exam that comes first with it.
"""

from __future__ import annotations

from typing import Any

from ...engine.guideline.columns import text
from .marked import statements
from .relation import Bucket, Relations
from .vocabulary import NO_WORD, SEVERAL

MOST = 2_000_000  # sets that are remembered, for the memory
STATED = """
CREATE OR REPLACE TEMP TABLE stated (
  spoken UBIGINT, structured BOOLEAN, stated_guideline VARCHAR, stated_edition VARCHAR,
  stated_category {word}, stated_conflict BOOLEAN, stated_from DECIMAL(6, 1), stated_to DECIMAL(6, 1),
  stated_modality VARCHAR, stated_no_followup BOOLEAN, stated_rank INTEGER, stated_positive BOOLEAN,
  stated_negative BOOLEAN, stated_critical BOOLEAN, stated_bit INTEGER, stated_unreadable BOOLEAN,
  stated_unfound BOOLEAN)
"""
NEW = """
CREATE OR REPLACE TEMP TABLE speaking AS
SELECT spoken, FIRST(guideline) AS guideline, FIRST(edition) AS edition, MIN(exam_id) AS exam_id
FROM mine WHERE spoken IS NOT NULL AND spoken NOT IN (SELECT spoken FROM stated) GROUP BY spoken
"""
READ = """
CREATE OR REPLACE TEMP TABLE said AS
SELECT spoken, COALESCE(source = 'structured', FALSE) AS structured,
  MAX(s.guideline) AS stated_guideline,
  CASE WHEN MIN({named}) <> MAX({named}) THEN {several} ELSE MAX({named}) END AS stated_edition,
  MIN(CASE WHEN s.guideline = e.guideline THEN category END) AS category,
  COALESCE(MIN(CASE WHEN s.guideline = e.guideline THEN category END)
        <> MAX(CASE WHEN s.guideline = e.guideline THEN category END), FALSE) AS two_categories,
  COALESCE(MIN(interval_min_months) <> MAX(interval_min_months), FALSE)
  OR COALESCE(MIN(interval_max_months) <> MAX(interval_max_months), FALSE)
  OR COALESCE(MIN(interval_min_months) > MAX(interval_max_months), FALSE)
  OR COALESCE(BOOL_OR(no_followup) AND COALESCE(MIN(interval_min_months), MIN(interval_max_months)) IS NOT NULL, FALSE)
    AS two_intervals,
  COALESCE(MIN(recommended_modality) <> MAX(recommended_modality), FALSE) AS two_modalities,
  COALESCE(MIN(interval_min_months), MIN(interval_max_months)) IS NOT NULL OR COALESCE(BOOL_OR(no_followup), FALSE)
    AS says_when,
  MIN(interval_min_months) AS from_months, MAX(interval_max_months) AS to_months,
  MIN(recommended_modality) AS modality, BOOL_OR(no_followup) AS no_followup,
  COALESCE(BOOL_OR(source = 'text'), FALSE) AS of_text
FROM ({statements}) s JOIN speaking e USING (exam_id)
WHERE {has} AND (s.guideline IS NULL OR e.guideline IS NULL OR s.guideline = e.guideline)
GROUP BY 1, 2
"""
# field by field the structured statement counts: an interval, or that there is none to be, is one field;
# who speaks of other guidelines alone states nothing: all is NULL; what nobody found in a text may still stand there
NAMED = f"CASE WHEN s.edition = {text(NO_WORD)} THEN s.edition ELSE s.guideline || '@' || s.edition END"
KEEP = """
INSERT INTO stated
SELECT spoken, structured, stated_guideline, stated_edition, stated_category, conflict,
  CASE WHEN from_months >= 0 THEN from_months END, CASE WHEN to_months >= 0 THEN to_months END,
  CASE WHEN stated_modality <> {no_word} THEN stated_modality END, no_followup,
  k.rank, k.positive, k.negative, k.critical, m.bit,
  COALESCE(from_months < 0, FALSE) OR COALESCE(to_months < 0, FALSE) OR COALESCE(stated_modality = {no_word}, FALSE),
  COALESCE(unfound, FALSE)
FROM speaking e LEFT JOIN (
  SELECT COALESCE(a.spoken, b.spoken) AS spoken, a.spoken IS NOT NULL AS structured,
    COALESCE(a.stated_guideline, b.stated_guideline) AS stated_guideline,
    COALESCE(a.stated_edition, b.stated_edition) AS stated_edition,
    COALESCE(a.category, b.category) AS stated_category,
    COALESCE(a.two_categories OR a.two_intervals OR a.two_modalities, FALSE)
      OR COALESCE(a.category IS NULL AND b.two_categories, FALSE)
      OR COALESCE(NOT COALESCE(a.says_when, FALSE) AND b.two_intervals, FALSE)
      OR COALESCE(a.modality IS NULL AND b.two_modalities, FALSE) AS conflict,
    CASE WHEN a.says_when THEN a.from_months ELSE b.from_months END AS from_months,
    CASE WHEN a.says_when THEN a.to_months ELSE b.to_months END AS to_months,
    COALESCE(a.modality, b.modality) AS stated_modality,
    CASE WHEN a.says_when THEN COALESCE(a.no_followup, FALSE) ELSE COALESCE(a.no_followup, b.no_followup, FALSE) END
      AS no_followup,
    b.of_text AND COALESCE(a.modality, b.modality) IS NULL AND NOT COALESCE(a.says_when OR b.says_when, b.says_when)
      AS unfound
  FROM (SELECT * FROM said WHERE structured) a FULL JOIN (SELECT * FROM said WHERE NOT structured) b
    ON a.spoken = b.spoken
) t USING (spoken) LEFT JOIN categories k ON k.edition = e.edition AND k.category = t.stated_category
LEFT JOIN modalities m ON m.modality = t.stated_modality
"""


def stated_table(relations: Relations) -> str:
    """Make ``stated``, empty."""
    return STATED.format(word=relations.known.word("word"))


def read_sayings(database: Any, relations: Relations, bucket: Bucket) -> int:
    """Read the sets of statements that are new in ``mine`` into ``stated``; returns how many there were."""
    (many,) = database.execute("SELECT COUNT(*) FROM stated").fetchone()
    if many > MOST:
        database.execute(stated_table(relations))
    database.execute(NEW)
    (new,) = database.execute("SELECT COUNT(*) FROM speaking").fetchone()
    if new:
        said = statements(relations.tables)
        has = bucket.has("s.exam_id")
        database.execute(READ.format(statements=said, has=has, several=text(SEVERAL), named=NAMED))
        database.execute(KEEP.format(no_word=text(NO_WORD)))
    return int(new)
