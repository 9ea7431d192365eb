"""``rules diff``: each changed region with one patient, and what both editions do for that patient."""

import json

import command
import own_rules
import pytest

from radlogic.adapters.rules.diff import diff, pair, shown

TRA = ("li-rads-tra-nonradiation@2024", "li-rads-tr@2018")


def differences(*arguments):
    result = command.run("rules", "diff", *arguments, "--json")
    assert result.code == 0
    return json.loads(result.out)


@pytest.fixture
def variant(tmp_path):
    """A guideline, and a later edition in which large thin cysts are no silent spot but high."""
    own_rules.filled(tmp_path)
    silent = ', silent: {alternatives: [high], why: "large simple cysts are not mentioned"}'
    own_rules.filled(tmp_path, "kidney-cyst@2027", **{f"{{from: 30}}}}, then: low{silent}": "{from: 30}}, then: high"})
    return tmp_path


def test_each_change_has_a_patient_whom_both_answer_as_it_says(variant):
    found = diff(*pair(own_rules.NAME, "kidney-cyst@2027", (variant,)))

    assert found.findings
    for change in found.findings:
        assert (change.before["category"], change.after["category"]) == ("low", "high")
        assert change.before["silent"]
        assert not change.after["silent"]
        stated = json.dumps(change.witness, default=float)
        for name, said in ((own_rules.NAME, change.before), ("kidney-cyst@2027", change.after)):
            answer = json.loads(command.run("classify", name, "--rules", variant, "--json", stdin=stated).out)
            assert answer["findings"][0]["category"] == said["category"]


def test_as_text_both_managements_stand_under_each_change(variant):
    text = shown(diff(*pair(own_rules.NAME, "kidney-cyst@2027", (variant,))))

    assert text.startswith("kidney-cyst@2026 -> kidney-cyst@2027: ")
    assert "   kidney-cyst@2026: low (silent; or high): TODO what is done [" in text
    assert '   patient: {"findings": [{' in text


def test_an_edition_does_not_differ_from_itself(variant):
    result = command.run("rules", "diff", own_rules.NAME, own_rules.NAME, "--rules", variant)
    shipped = command.run("rules", "diff", "fleischner@2017", "fleischner@2017")

    assert "they answer alike" in shipped.out
    assert (result.code, result.out) == (2, "")  # one name twice is ours against theirs, and we ship none of that name


def test_one_name_twice_holds_a_hospitals_edition_against_the_shipped_one(tmp_path):
    import shutil

    from radlogic.engine.resources import rules_folder

    mine = tmp_path / "fleischner" / "2017"
    shutil.copytree(str(rules_folder() / "fleischner" / "2017"), mine)
    table = mine / "tables" / "1-nodules.yaml"
    old = "{id: S-small-high, if: {size: {below: 6}, risk: high}, then: optional-12}"
    assert table.read_text().count(old) == 1
    table.write_text(table.read_text().replace(old, old.replace("optional-12", "none")))

    found = differences("fleischner@2017", "fleischner@2017", "--rules", tmp_path)

    assert {(c["before"]["category"], c["after"]["category"]) for c in found["findings"]} == {("optional-12", "none")}
    assert found["sha256"][0] != found["sha256"][1]
    assert {c["after"]["management"] for c in found["findings"]} == {"No routine follow-up"}


def test_guidelines_of_different_things_are_refused():
    result = command.run("rules", "diff", "fleischner@2017", "li-rads-us@2024")

    assert (result.code, result.out) == (2, "")
    assert "Unsupported" in result.err
