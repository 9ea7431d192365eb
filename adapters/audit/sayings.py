"""What the reports state, read once for each distinct set of statements.

A report's statements are a few rows of few words: over a million exams they are some hundred sets. Exams carry
the key of theirs (``mine.spoken``); a set that is new is read from the exam that comes first with it.
"""

from __future__ import annotations

from typing import Any

from .relation import Bucket, Relations

MOST = 2_000_000  # sets that are remembered, for the memory
STATED = """
CREATE OR REPLACE TEMP TABLE stated (
  spoken UBIGINT, structured BOOLEAN, stated_guideline VARCHAR, stated_edition VARCHAR,
  stated_category {word}, stated_conflict BOOLEAN, stated_from DECIMAL(6, 1), stated_to DECIMAL(6, 1),
  stated_modality VARCHAR, stated_no_followup BOOLEAN, stated_rank INTEGER, stated_positive BOOLEAN,
  stated_negative BOOLEAN, stated_critical BOOLEAN, stated_bit INTEGER)
"""
NEW = """
CREATE OR REPLACE TEMP TABLE speaking AS
SELECT spoken, FIRST(guideline) AS guideline, FIRST(edition) AS edition, MIN(exam_id) AS exam_id
FROM mine WHERE spoken IS NOT NULL AND spoken NOT IN (SELECT spoken FROM stated) GROUP BY spoken
"""
READ = """
CREATE OR REPLACE TEMP TABLE said AS
SELECT spoken, COALESCE(source = 'structured', FALSE) AS structured,
  MAX(s.guideline) AS stated_guideline, MAX(s.guideline || '@' || s.edition) AS stated_edition,
  MIN(CASE WHEN s.guideline = e.guideline THEN category END) AS category,
  COALESCE(MIN(CASE WHEN s.guideline = e.guideline THEN category END)
        <> MAX(CASE WHEN s.guideline = e.guideline THEN category END), FALSE)
  OR COALESCE(MIN(interval_min_months) <> MAX(interval_min_months), FALSE)
  OR COALESCE(MIN(interval_max_months) <> MAX(interval_max_months), FALSE)
  OR COALESCE(MIN(recommended_modality) <> MAX(recommended_modality), FALSE) AS conflict,
  MIN(interval_min_months) AS from_months, MAX(interval_max_months) AS to_months,
  MIN(recommended_modality) AS modality, BOOL_OR(no_followup) AS no_followup
FROM ({statements}) s JOIN speaking e USING (exam_id)
WHERE {has} AND (s.guideline IS NULL OR e.guideline IS NULL OR s.guideline = e.guideline)
GROUP BY 1, 2
"""
# field by field the structured statement counts; who speaks of other guidelines alone states nothing: all is NULL
KEEP = """
INSERT INTO stated
SELECT spoken, structured, stated_guideline, stated_edition, stated_category, conflict, from_months, to_months,
  stated_modality, no_followup, k.rank, k.positive, k.negative, k.critical,
  CASE WHEN stated_modality IS NOT NULL THEN COALESCE(m.bit, 0) END
FROM speaking e LEFT JOIN (
  SELECT COALESCE(a.spoken, b.spoken) AS spoken, a.spoken IS NOT NULL AS structured,
    COALESCE(a.stated_guideline, b.stated_guideline) AS stated_guideline,
    COALESCE(a.stated_edition, b.stated_edition) AS stated_edition,
    COALESCE(a.category, b.category) AS stated_category,
    COALESCE(a.conflict, b.conflict) AS conflict,
    COALESCE(a.from_months, b.from_months) AS from_months, COALESCE(a.to_months, b.to_months) AS to_months,
    COALESCE(a.modality, b.modality) AS stated_modality,
    COALESCE(a.no_followup, b.no_followup, FALSE) AS no_followup
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
        database.execute(READ.format(statements=relations.tables.select("statements"), has=bucket.has("s.exam_id")))
        database.execute(KEEP)
    return int(new)
