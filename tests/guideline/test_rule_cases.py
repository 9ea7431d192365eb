"""Every case beside every guideline, and every case of ../shared/cases. A new guideline needs no edit here."""

import json
from pathlib import Path

import pytest
import rule_cases
import yaml
from shared_data import shared

from radlogic.engine.guideline import possible, trace
from radlogic.engine.guideline.compile import Leaf
from radlogic.engine.guideline.situation import Situation

CASES = [pytest.param(g, c, id=f"{g}: {c['name']}") for g in rule_cases.guidelines() for c in rule_cases.of(g)]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_case_gets_what_its_sentence_says(name, case):
    _, found = rule_cases.read(rule_cases.guideline(name), case)

    assert rule_cases.misses(case, found) == {}


# Rows that no case reaches yet. The list may only grow shorter.
OPEN = yaml.safe_load((Path(__file__).parent / "rows_without_a_case.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_every_row_is_reached_by_a_case(name):
    guideline = rule_cases.guideline(name)
    reached = {row for case in rule_cases.of(name) for row in rows_of(guideline, case)}

    assert sorted(reachable(guideline) - reached) == OPEN.get(name, [])


def rows_of(guideline, case):
    """The rows that a case reaches: those of its traces, and those of yes/no tables that fit."""
    exam, findings = rule_cases.facts(guideline, case)
    result, _ = rule_cases.read(guideline, case)
    for reading in (result.exam, *result.findings):
        for step in reading.trace:
            table, rows = step.row.split(".", 1)
            yield from (f"{table}.{row.split('/')[0]}" for row in rows.split(", "))
    for facts in findings:
        stage = guideline.finding.stage
        situation = Situation(guideline, stage, {**exam, **facts})
        for table in (t for t in stage.tables if t.met is not None):
            fitting = (row for row in table.rows[: table.met] if trace.fits(row, Leaf((), {}), situation))
            yield from (f"{table.id}.{row.id}" for row in fitting)


def reachable(guideline):
    """The rows that a default reading can reach; an ``any`` table's "none of these" is no row of its own."""
    results = {
        leaf.results[guideline.finding.stage.table(guideline.head["category"])]
        for leaf in by_default(guideline.finding)
    }
    rows = set()
    for diagram in (guideline.finding, guideline.exam):
        tables = diagram.stage.tables
        plain = {t for t, table in enumerate(tables) if table.kind != "any"}
        rows |= {
            tables[t].rows[r].id for leaf in by_default(diagram, results) for t, r in leaf.rows if t in plain and r >= 0
        }
        rows |= {row.id for table in tables if table.met is not None for row in table.rows[: table.met]}
        names = {
            row.id: f"{table.id}.{row.id.removeprefix(table.id + '.').split('/')[0]}"
            for table in tables
            for row in table.rows
        }
        rows = {names.get(row, row) for row in rows}
    return rows


def by_default(diagram, worst=None):
    """Every outcome by default reading; ``worst`` limits what the findings can be."""
    variables = diagram.stage.variables

    def cells(at):
        every = range(len(variables[at].domain))
        if variables[at].name == "reading":
            return (0,)
        if variables[at].name == "worst" and worst is not None:
            return tuple(c for c in every if variables[at].domain[c] in {*worst, "none"})
        return tuple(every)

    return possible.leaves(diagram, cells)


SILENT = ("category", "silent", "alternatives", "review")


def test_the_shared_lung_rads_cases_are_all_right():
    listed = json.loads(shared("cases/lung_rads.json").read_text())["cases"]
    guideline = rule_cases.guideline("lung-rads@2022")
    wrong = {}
    for case in listed:
        content = {k: case[k] for k in ("exam", "nodules") if k in case}
        _, found = rule_cases.read(guideline, content)
        if bad := differs(case, found):
            wrong[case["id"]] = bad

    assert wrong == {}


KEYS = ("category", "interval_months", "display", "s_modifier", "screen_result", "pet_ct_option", "due_date")


def differs(case, found):
    """As ../shared/tools/check_guidelines.py compares."""
    want, either = case["expected"], {case["expected"]["category"], *case["alternatives"]}
    if case["ambiguous"]:
        fine = (found["category"] in either, found["silent"], bool(found["alternatives"]), found["review"]["required"])
        return [name for name, ok in zip(SILENT, fine, strict=True) if not ok]
    if case["debatable"]:
        return [] if found["category"] in either else ["category"]
    wrong = [k for k in KEYS if k in want and want[k] != found.get(k, "<absent>")]
    return wrong + [
        k
        for k, ok in (("silent", not found["silent"]), ("possible", found["possible"] == [want["category"]]))
        if not ok
    ]
