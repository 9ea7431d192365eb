"""``rules check``: one line a guideline, what is to be mended below it, exit codes, a hospital's own folders."""

import json

import command
import own_rules
import pytest
import rule_cases

from radlogic.adapters.rules.check import check, names_of
from radlogic.engine.guideline.load import load_guideline

OTHER = "fleischner@2017"  # shipped, small and whole
CALL = "call-back@1"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def checked(*arguments):
    return json.loads(command.run("rules", "check", *arguments, "--json").out)


def test_a_whole_guideline_is_fine_and_counted():
    [found] = checked(OTHER)["guidelines"]
    guideline = rule_cases.guideline(OTHER)
    nodes = sum(len(d.variable) for d in (guideline.finding, guideline.exam, guideline.applies))

    assert (found["fine"], found["covered"], found["nodes"]) == (True, found["rows"], nodes)
    assert found["cases"] == len(list(rule_cases.of(OTHER)))
    assert found["proofs"] >= 3


def test_the_table_has_a_line_for_each_and_fits_a_terminal():
    out = command.run("rules", "check", "fleischner").out.splitlines()

    assert out[0].split("  ")[0] == "guideline"
    assert out[1].startswith("fleischner@2017")
    assert max(map(len, out[:2])) <= 100


def test_without_a_name_all_that_ship_are_checked_and_with_a_folder_only_its_own(tmp_path):
    own_rules.begun(tmp_path, CALL)

    assert names_of(None, ()) == rule_cases.guidelines()
    assert names_of(None, (tmp_path,)) == [CALL]
    assert names_of("lung-rads", (tmp_path,)) == ["lung-rads@1.1", "lung-rads@2022"]


def test_rows_without_a_case_are_listed_and_strict_makes_them_count(tmp_path):
    own_rules.begun(tmp_path, CALL)
    shown = command.run("rules", "check", "--rules", tmp_path)
    strict = command.run("rules", "check", "--rules", tmp_path, "--strict")

    assert (shown.code, strict.code) == (0, 1)
    assert "rows without a case:\n  category.large\n" in shown.out


def test_a_case_that_is_answered_otherwise_is_listed_with_both(tmp_path):
    folder = own_rules.filled(tmp_path)
    cases = folder / "cases" / "first.yaml"
    cases.write_text(cases.read_text().replace("expect: {category: negative}", "expect: {category: low}"))

    [wrong] = check(own_rules.NAME, (tmp_path,)).wrong
    shown = command.run("rules", "check", "--rules", tmp_path).out

    assert (wrong.case, wrong.differs["category"]) == ("no cyst is negative", ("low", "negative"))
    assert "cases/first.yaml: no cyst is negative: category is negative, expected low" in shown


def test_a_case_of_another_form_is_listed_and_the_others_are_still_run(tmp_path):
    folder = own_rules.filled(tmp_path)
    cases = folder / "cases" / "first.yaml"
    cases.write_text(cases.read_text().replace("long_mm: 30, short_mm: 28", "long: 30, short_mm: 28"))

    found = check(own_rules.NAME, (tmp_path,))

    assert [w.case for w in found.wrong] == ["a thin cyst of 29 mm is low"]
    assert "long" in str(found.wrong[0].differs)
    assert found.cases == 7


def test_a_statement_that_does_not_hold_is_listed_with_a_patient(tmp_path):
    folder = own_rules.filled(tmp_path)
    (folder / "proofs.yaml").write_text(own_rules.PROOFS.replace("always: high", "always: low"))
    shown = command.run("rules", "check", "--rules", tmp_path, "--strict")

    assert shown.code == 1
    assert "proofs that fail:\n  nodular-is-high: a nodular wall is always high; but " in shown.out


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("- name: x\n  expect: {a: [", "line 2"),
        ("name: x", "line 1"),
        ("- {name: x}", "case 1, expect"),
        ("- {name: x, expect: {}}\n- {expect: {}}", "case 2, name"),
        ("- word", "case 1"),
    ],
)
def test_a_broken_case_file_is_told_with_its_place(tmp_path, text, where):
    folder = own_rules.filled(tmp_path)
    (folder / "cases" / "first.yaml").write_text(text)

    result = command.run("rules", "check", "--rules", tmp_path, "--json")
    [broken] = json.loads(result.out)["broken"]

    assert result.code == 2
    assert (broken["where"], broken["field"]) == ("kidney-cyst/2026/cases/first.yaml", where)


def test_a_broken_guideline_does_not_hide_the_others(tmp_path):
    own_rules.filled(tmp_path)
    broken = own_rules.begun(tmp_path, CALL)
    (broken / "inputs.yaml").write_text("finding: {size_mm: {type: nombre, doc: x}}\n")

    result = command.run("rules", "check", "--rules", tmp_path)

    assert result.code == 2
    assert "kidney-cyst@2026" in result.out.splitlines()[1]
    assert (
        "call-back@1 does not load: RuleFileError: call-back/1/inputs.yaml, line 1, finding.size_mm.type" in result.out
    )


def test_two_folders_are_read_and_the_later_one_wins(tmp_path):
    own_rules.begun(tmp_path / "a", CALL)
    own_rules.begun(tmp_path / "b", CALL)
    text = (tmp_path / "b" / "call-back" / "1" / "guideline.yaml").read_text()
    (tmp_path / "b" / "call-back" / "1" / "guideline.yaml").write_text(text.replace('"Call back"', '"Ours"'))
    own_rules.filled(tmp_path / "a")
    both = ("--rules", tmp_path / "a", "--rules", tmp_path / "b")

    assert [g["guideline"] for g in checked(*both)["guidelines"]] == [CALL, own_rules.NAME]
    assert load_guideline(CALL, (tmp_path / "a", tmp_path / "b")).head["title"] == "Ours"
    assert "Ours" in command.run("rules", "explain", CALL, *both).out
    answer = json.loads(command.run("classify", CALL, *both, "--json", stdin='{"findings": []}').out)
    assert answer["guideline"] == CALL


def test_a_folder_that_replaces_a_shipped_edition_is_what_every_command_reads(tmp_path):
    own_rules.begun(tmp_path, OTHER)
    own = ("--rules", tmp_path)
    case = '{"findings": [{"size_mm": 9, "solid": true}]}'

    assert json.loads(command.run("classify", OTHER, *own, "--json", stdin=case).out)["category"] == "high"
    assert [g["cases"] for g in checked(OTHER, *own)["guidelines"]] == [1]
    assert "<title>Fleischner (fleischner@2017)" in command.run("rules", "explain", OTHER, *own).out
    assert "ct-6-12-then-18-24" not in command.run("rules", "export", OTHER, "--as", "dmn", *own).out


@pytest.mark.parametrize("what", ["nothing", "a file"])
@pytest.mark.parametrize(
    "command_line",
    [
        ("classify", OTHER),
        ("rules", "check"),
        ("rules", "explain", OTHER),
        ("rules", "export", OTHER, "--as", "dmn"),
        ("rules", "diff", OTHER, OTHER),
    ],
)
def test_a_folder_that_is_none_is_refused(tmp_path, what, command_line):
    if what == "a file":
        (tmp_path / "rules").write_text("x")
    result = command.run(*command_line, "--rules", tmp_path / "rules", stdin='{"nodules": []}')

    assert (result.code, result.out) == (2, "")
    assert "NotReadable" in result.err


def test_an_unknown_guideline_is_refused_with_those_there_are():
    result = command.run("rules", "check", "lung-rad@2022")

    assert result.code == 2
    assert "lung-rads@2022" in result.err


def test_a_folder_one_level_off_is_refused_and_not_passed_over(tmp_path):
    own_rules.begun(tmp_path, CALL)
    result = command.run("rules", "check", "--rules", tmp_path / "call-back")

    assert (result.code, result.out) == (2, "")
    assert "which has no guideline" in result.err
