"""Every case beside every guideline, and every case of ../shared/cases. A new guideline needs no edit here."""

import json

import pytest
import rule_cases
from shared_data import shared

from radlogic.adapters.rules.coverage import reachable, rows_of
from radlogic.adapters.rules.examples import examples, run
from radlogic.engine.guideline.editions import editions
from radlogic.engine.resources import rules_folder

CASES = [pytest.param(g, c, id=f"{g}: {c['name']}") for g in rule_cases.guidelines() for c in rule_cases.of(g)]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_case_gets_what_its_sentence_says(name, case):
    _, found = rule_cases.read(rule_cases.guideline(name), case)

    assert rule_cases.misses(case, found) == {}


@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_every_row_is_reached_by_a_case(name):
    guideline, folder = rule_cases.guideline(name), dict(editions(rules_folder()))[name]
    reached = {row for example in examples(folder) for row in rows_of(guideline, run(guideline, example))}

    assert sorted(reachable(guideline) - reached) == []


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
