# ruff: noqa: E501  a row stands on one line, as in rules/
"""A hospital's guideline that counts earlier exams, loaded from a folder of its own."""

from pathlib import Path

from radlogic.engine.guideline.load import Guideline, load_guideline

HEAD = """\
id: earlier
edition: "{edition}"
title: How often was it seen
effective: 2026-01-01
owner: our department
sources: {{A: protocol 3}}
findings: {{section: nodules, kind: nodule}}
categories:
  - {{id: letter, display: letter, descriptor: told by letter}}
  - {{id: call, display: call, descriptor: called on the same day}}
outside: [nothing]
category: told
exam_category: exam
managements:
  nothing: {{management: Nothing to tell, interval_months: null}}
  letter: {{management: Letter, interval_months: null}}
  call: {{management: Call, interval_months: null}}
"""
INPUTS = """\
finding:
  mean_mm: {type: number, unit: mm, range: [1, 400], doc: size}
  prior_mm: {type: number, unit: mm, range: [1, 400], absent: n/a, doc: size on the prior exam}
  months: {type: number, unit: months, range: [0, 600], absent: n/a, doc: months since the prior exam}
  history: {type: history, absent: n/a, doc: older sizes}
numbers:
  exams: {count_exams: {prior: prior_mm, interval: months, history: history}, unit: "1", doc: earlier exams}
  recent: {largest_increase: {now: mean_mm, prior: prior_mm, interval: months, history: history, within_months: "12"}, unit: mm, doc: growth in a year}
  whole: {largest_increase: {now: mean_mm, prior: prior_mm, interval: months, history: history}, unit: mm, doc: growth}
"""
TABLES = """\
tables:
  - id: told
    title: Whom we tell
    scope: finding
    cite: page 1
    rows:
      - {{id: few, if: {{exams: {{below: {count}}}}}, then: letter}}
      - {{id: often, if: {{exams: {{from: {count}}}{growth}}}, then: call}}
{rest}  - id: exam
    title: What the exam comes to
    scope: exam
    cite: page 1
    rows:
      - {{id: none, if: {{worst: [none, nothing]}}, then: nothing}}
      - {{id: letter, if: {{worst: letter}}, then: letter}}
      - {{id: call, if: {{worst: call}}, then: call}}
"""
GROWTH = ", recent: {below: 1, or: n/a}, whole: {from: 2}"
REST = """\
      - {{id: slow, if: {{exams: {{from: {count}}}, recent: {{below: 1, or: n/a}}, whole: {{below: 2, or: n/a}}}}, then: letter}}
      - {{id: fast, if: {{exams: {{from: {count}}}, recent: {{from: 1}}}}, then: letter}}
"""


def earlier(root: Path, count: object, edition: str = "1", *, growth: bool = False) -> Guideline:
    """Called from so many earlier exams on; with ``growth`` only where it grew, but not in the last year."""
    folder = root / "earlier" / edition
    (folder / "tables").mkdir(parents=True)
    rest = REST.format(count=count) if growth else ""
    (folder / "guideline.yaml").write_text(HEAD.format(edition=edition), encoding="utf-8")
    (folder / "inputs.yaml").write_text(INPUTS, encoding="utf-8")
    table = TABLES.format(count=count, growth=GROWTH if growth else "", rest=rest)
    (folder / "tables" / "1.yaml").write_text(table, encoding="utf-8")
    return load_guideline(f"earlier@{edition}", (root,))
