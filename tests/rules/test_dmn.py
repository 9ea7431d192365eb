"""The DMN export: everything of the guideline is in it, and a foreign engine decides as we do."""

import itertools
import random
import re
import xml.etree.ElementTree as ET
from decimal import Decimal

import peers
import pytest
import rule_cases
from random_facts import facts_of

from radlogic.adapters.notice import INTENDED_USE
from radlogic.adapters.rules import feel
from radlogic.adapters.rules.dmn import DMN, dmn
from radlogic.adapters.rules.dmn_model import model
from radlogic.engine.errors import Contradiction
from radlogic.engine.guideline.evaluate import classify
from radlogic.engine.guideline.tables import Cuts
from radlogic.engine.types import Unknown

NS = {"d": DMN}
EVERY = pytest.mark.parametrize("name", rule_cases.guidelines())


def exported(name):
    return ET.fromstring(dmn(rule_cases.guideline(name)).text)  # noqa: S314 - we wrote it


def texts(root, path):
    return {e.text for e in root.findall(path, NS)}


@EVERY
def test_every_table_is_a_decision_and_every_row_a_rule_with_its_citation(name):
    root, guideline = exported(name), rule_cases.guideline(name)
    for table in guideline.document["tables"]:
        decision = root.find(f".//d:decision[@name='{feel.name(table['id'])}']", NS)
        assert decision is not None, table["id"]
        assert decision.get("label") == table["title"]
        notes = [
            [a.text or "" for a in r.findall("d:annotationEntry/d:text", NS)]
            for r in decision.iterfind(".//d:rule", NS)
        ]
        for row in (*table.get("rows", ()), *table.get("any", ())):
            mine = [n for n in notes if n[0] == row["id"] and n[1] == row.get("cite", table["cite"])]
            assert mine, (table["id"], row["id"])
            if "silent" in row:
                others = ", ".join(row["silent"]["alternatives"])
                assert all(n[4] == f"{row['silent']['why']}; other readings: {others}" for n in mine)


@EVERY
def test_the_model_names_the_owner_the_sources_and_the_intended_use(name):
    about, head = exported(name).find("d:description", NS).text, rule_cases.guideline(name).head
    assert INTENDED_USE in about
    assert head["owner"] in about
    assert all(words in about for words in head["sources"].values())


@EVERY
def test_references_lead_to_what_comes_before_and_identifiers_are_distinct(name):
    root = exported(name)
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    seen = {e.get("id") for e in root if e.tag in (f"{{{DMN}}}inputData", f"{{{DMN}}}knowledgeSource")}
    for decision in root.findall("d:decision", NS):
        assert {e.get("href")[1:] for e in decision.iter() if e.get("href")} <= seen, decision.get("name")
        seen.add(decision.get("id"))
    for service in root.findall("d:decisionService", NS):
        assert {e.get("href")[1:] for e in service.iter() if e.get("href")} <= seen


@EVERY
def test_every_name_that_a_decision_reads_is_required_by_it(name):
    whole = model(rule_cases.guideline(name))
    names = {*whole.inputs, *whole.decisions}
    for decision in whole.decisions.values():
        written = " ".join((*decision.columns, *(r.output for r in decision.rules), decision.expression or ""))
        outside_texts = "".join(part for i, part in enumerate(written.split('"')) if i % 2 == 0)
        words = set(re.findall(r"(?<!\.)\b\w+\b", outside_texts)) & names
        assert words <= set(decision.needs), decision.name


@EVERY
def test_no_test_takes_all_but_something_for_the_unknown_would_pass_it(name):
    entries = texts(exported(name), ".//d:inputEntry/d:text")
    assert not [e for e in entries if e.startswith("not(") or "!=" in e]


@EVERY
def test_what_is_left_out_is_said(name):
    left_out = dmn(rule_cases.guideline(name)).left_out
    rows = [r for t in rule_cases.guideline(name).document["tables"] for r in (*t.get("rows", ()), *t.get("any", ()))]
    silent = sum("silent" in row for row in rows)
    assert any(words.startswith(f"{silent} silent") for words in left_out) == bool(silent)


@EVERY
def test_the_export_is_the_same_each_time(name):
    assert dmn(rule_cases.guideline(name)).text == dmn(rule_cases.guideline(name)).text


CUTS = Cuts(((Decimal(-20), True), (Decimal(6), False), (Decimal(8), True)))


@pytest.mark.parametrize(
    ("cells", "tests", "comparison"),
    [
        ([0], ["<= -20"], "x <= -20"),
        ([1], ["(-20..6)"], "x > -20 and x < 6"),
        ([2], ["[6..8]"], "x >= 6 and x <= 8"),
        ([3], ["> 8"], "x > 8"),
        ([0, 3], ["<= -20", "> 8"], "x <= -20 or x > 8"),
    ],
)
def test_cells_become_intervals_with_the_ends_that_belong_to_them(cells, tests, comparison):
    assert feel.intervals(CUTS, cells) == tests
    assert feel.compared("x", CUTS, cells) == comparison


@pytest.mark.slow
@EVERY
def test_the_editors_parser_reads_the_model_without_a_warning(name):
    found = peers.node("parse.js", dmn(rule_cases.guideline(name)).text)
    assert found["warnings"] == []
    assert found["kinds"]["dmn:Decision"] == len(model(rule_cases.guideline(name)).decisions)


def stated(guideline, case):
    return rule_cases.facts(guideline, case), rule_cases.read(guideline, case)[0]


def differences(result, found):
    """The answers that differ, as (what, ours, theirs); none of theirs is no answer, which is never wrong."""
    exam = [("exam", result.exam.category, found["category"])]
    words = result.exam.facts.get("management")
    told = [("management", words, found["management"])] if found["category"] and words is not None else []
    each = zip((r.category for r in result.findings), found["findings"], strict=True)
    every = [*exam, *told, *(("finding", ours, theirs) for ours, theirs in each)]
    return [d for d in every if d[2] is not None and d[1] != d[2]]


@pytest.mark.slow
@EVERY
def test_a_foreign_engine_gives_the_answer_of_every_case_whose_facts_are_known(name):
    guideline = rule_cases.guideline(name)
    cases = list(rule_cases.of(name))
    read = [stated(guideline, case) for case in cases]
    found = peers.decided(guideline, [facts for facts, _ in read])
    assert [(c["name"], d) for c, (_, r), f in zip(cases, read, found, strict=True) for d in differences(r, f)] == []
    answered = [(c["name"], f["category"]) for c, (_, r), f in zip(cases, read, found, strict=True) if r.exam.category]
    silent = [case for case, category in answered if category is None]
    assert len(silent) <= len(answered) * 0.1, silent  # partial facts: there an answer may need our diagram


def compared(name, unknown, count):
    """Random exams with one finding each: (our reading, theirs), those that no patient can have left out."""
    guideline, chance = rule_cases.guideline(name), random.Random(5)  # noqa: S311 - no secret
    asked, ours = [], []
    for _ in itertools.repeat(None, count):
        every = facts_of(guideline, chance, unknown)
        exam = {n: b for n, b in every.items() if guideline.inputs[n.split(".")[0]][0] != "finding"}
        finding = {n: b for n, b in every.items() if n not in exam}
        try:
            ours.append((classify(guideline, exam, [("one", finding)]), every))
        except Contradiction:
            continue
        asked.append((exam, [finding]))
    return zip(ours, peers.decided(guideline, asked), strict=True)


@pytest.mark.slow
@EVERY
@pytest.mark.parametrize("unknown", [0.0, 0.15])
def test_a_foreign_engine_agrees_on_random_facts_and_never_answers_where_we_cannot(name, unknown):
    answers = 0
    for (result, facts), found in compared(name, unknown, 60):
        assert differences(result, found) == [], facts
        answers += found["findings"][0] is not None
        if not any(isinstance(b, Unknown) for b in facts.values()):
            assert found["findings"] == [r.category for r in result.findings], facts
            assert found["category"] == result.exam.category, facts
    assert answers
