"""Whose rules decided: the record names the hospital's own folder, by the hash of what it held."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import command
import pytest
from store_cases import decided

from radlogic.adapters.decision_file import dumps, loads
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.export import export
from radlogic.engine.resources import rules_folder

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NAME = "lung-rads@2022"


def own(folder, comment="of this hospital"):
    """A folder that holds the edition that radlogic ships, with a comment of its own."""
    edition = folder / "lung-rads" / "2022"
    shutil.copytree(Path(str(rules_folder())) / "lung-rads" / "2022", edition)
    head = edition / "guideline.yaml"
    head.write_text(f"{head.read_text()}\n# {comment}\n")
    return folder


def test_what_the_shipped_rules_decided_names_no_folder():
    assert decided().record.own_rules == {}


def test_what_a_hospitals_own_rules_decided_names_their_folder_and_not_where_it_lies(tmp_path):
    record = decided(folders=(own(tmp_path / "ours"),)).record

    assert record.own_rules == {NAME: "ours"}
    assert record.knowledge[NAME] != decided().record.knowledge[NAME]


def test_of_several_folders_the_one_that_was_read_is_named(tmp_path):
    first, second, other = own(tmp_path / "first", "1"), own(tmp_path / "second", "2"), tmp_path / "other"
    shutil.copytree(first / "lung-rads" / "2022", other / "lung-rads" / "1")

    by = decided(folders=(first, second, other)).record
    assert (by.own_rules, by.knowledge[NAME]) == ({NAME: "second"}, decided(folders=(second,)).record.knowledge[NAME])
    assert decided(folders=(other,)).record.own_rules == {}


def test_a_folder_is_named_by_what_it_is_called_and_on_one_line(tmp_path, monkeypatch):
    own(tmp_path / "a\nb")
    monkeypatch.chdir(tmp_path / "a\nb")

    assert decided(folders=(Path(),)).record.own_rules == {NAME: "a?b"}
    with Store.open(tmp_path / "store") as store:
        name = store.add(decided(folders=(Path(),)), NOW, "radlogic", rules=(Path(),))
        assert store.case(name).assessment.record.own_rules == {NAME: "a?b"}


def test_a_folder_that_was_renamed_decides_the_same_decision(tmp_path):
    ids = {decided(folders=(own(tmp_path / name),)).record.decision_id for name in ("before", "after")}

    assert len(ids) == 1


def test_it_comes_back_from_a_file_and_files_from_before_name_none(tmp_path):
    made = decided(folders=(own(tmp_path / "ours"),))
    form = json.loads(dumps(made))
    assert loads(dumps(made)).record.own_rules == {NAME: "ours"}

    del form["record"]["own_rules"]
    assert loads(json.dumps(form)).record == replace(made.record, own_rules={})


@pytest.fixture
def kept(tmp_path):
    """A store with a decision of a hospital's own rules, whose folder is gone."""
    folder = own(tmp_path / "ours")
    with Store.open(tmp_path / "store") as store:
        made = decided(folders=(folder,))
        store.add(made, NOW, "radlogic", rules=(folder,))
    shutil.rmtree(folder)
    return tmp_path / "store", made.record


@pytest.mark.slow
def test_a_replay_tells_it_with_the_hash_and_comes_to_the_same(kept):
    place, record = kept
    plain = command.run("record", "replay", record.decision_id, "--store", place)
    said = json.loads(command.run("record", "replay", record.decision_id, "--store", place, "--json").out)

    assert said["own_rules"] == {NAME: {"folder": "ours", "sha256": record.knowledge[NAME]}}
    assert f"{NAME} as in the folder ours, sha256 {record.knowledge[NAME]}" in plain.out.splitlines()
    assert (said["equal"], said["under"], plain.code) == (True, "the kept revisions", 0)


def test_an_export_holds_it(kept):
    place, record = kept
    with Store.open(place) as store, store.journal.reading() as connection:
        made = [json.loads(line) for line in export(connection, record.decision_id)][1]

    assert made["body"]["assessment"]["record"]["own_rules"] == {NAME: "ours"}


@pytest.mark.slow
def test_the_command_line_keeps_it(tmp_path):
    (tmp_path / "findings.json").write_text(json.dumps({"nodules": []}))
    taken = ("--findings", tmp_path / "findings.json", "--exam-date", "2026-02-27", "--indication", "screening")
    ran = command.run(
        "assess", *taken, "--rules", own(tmp_path / "ours"), "--store", tmp_path / "store", "--out", tmp_path / "out"
    )
    assert ran.code == 0, ran.err
    with Store.open(tmp_path / "store") as store:
        (row,) = store.worklist()
        assert store.case(row.decision_id).assessment.record.own_rules == {NAME: "ours"}
