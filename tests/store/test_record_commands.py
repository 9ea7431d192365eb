"""``radlogic record``: verify, replay, export, erase, rebuild, from the command line."""

import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import command
import pytest
from sample_decisions import screening
from store_cases import decided

from radlogic.adapters.store.anchor import Anchor
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.database import ANCHOR_NAME, FILE_NAME

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
KEY = "0123456789abcdef"


@pytest.fixture
def folder(tmp_path):
    with Store.open(tmp_path) as store:
        store.add(decided(), NOW, "radlogic")
        store.add(screening(), NOW, "radlogic")
    return tmp_path


@pytest.fixture
def decision_id():
    return decided().record.decision_id


def run(name, folder, *more):
    return command.run("record", name, *more, "--store", folder)


def tamper(folder, statement):
    with closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(statement)
        for _, made in triggers:  # as who hides it would
            db.execute(made)


def test_verify_says_sound_with_exit_code_0(folder):
    result = run("verify", folder, "--json")
    said = json.loads(result.out)

    assert (result.code, said["sound"], said["entries"], said["findings"]) == (0, True, 4, [])
    assert run("verify", folder).out.endswith("sound\n")


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE entry SET actor = 'x' WHERE sequence = 3", {"table": "entry", "row": "3", "what": "was changed"}),
        ("DELETE FROM entry WHERE sequence = 4", {"table": "entry", "row": "4", "what": "is missing"}),
        ("DELETE FROM waiting WHERE decision_id = 'sample-screening'",
         {"table": "waiting", "row": "sample-screening", "what": "is missing"}),
    ],
)  # fmt: skip
def test_verify_names_what_is_wrong_with_exit_code_1(folder, statement, finding):
    tamper(folder, statement)
    result = run("verify", folder, "--json")

    assert result.code == 1
    assert finding in json.loads(result.out)["findings"]
    assert f"{finding['table']} {finding['row']}: {finding['what']}" in run("verify", folder).out


def test_verify_takes_the_anchor_from_where_it_lies(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "head"
    (folder / ANCHOR_NAME).rename(elsewhere)

    assert run("verify", folder).code == 1
    assert run("verify", folder, "--anchor", elsewhere).code == 0


@pytest.mark.parametrize("name", ["verify", "export", "rebuild"])
def test_a_store_that_is_not_there_is_refused_and_not_made(tmp_path, name):
    result = run(name, tmp_path / "typo", "--json")

    assert (result.code, json.loads(result.out)["error"]["error"]) == (2, "StoreUnavailable")
    assert not (tmp_path / "typo").exists()


def test_replay_says_equal_with_exit_code_0(folder, decision_id):
    result = run("replay", folder, decision_id, "--json")
    said = json.loads(result.out)

    assert (result.code, said["equal"], said["differences"], said["decision_id"]) == (0, True, [], decision_id)
    assert run("replay", folder, decision_id).out.endswith("equal\n")


def test_replay_shows_the_difference_with_exit_code_1(folder):
    result = run("replay", folder, "sample-screening", "--json")  # a sample that was written by hand
    said = json.loads(result.out)

    assert (result.code, said["equal"]) == (1, False)
    assert all(set(d) == {"place", "kept", "now"} and d["kept"] != d["now"] for d in said["differences"])
    assert run("replay", folder, "sample-screening").out.endswith("DIFFERENT\n")


def test_replay_refuses_an_id_that_nothing_has(folder):
    assert run("replay", folder, "nobody").code == 2


def test_export_gives_lines_whose_hashes_anybody_can_check(folder):
    head, *lines = map(json.loads, run("export", folder).out.splitlines())

    assert (head["format"], bool(head["intended_use"])) == ("radlogic record", True)
    previous = "0" * 64
    for line in lines:
        body = json.dumps(line["body"], ensure_ascii=False, separators=(",", ":"))
        columns = [line[n] for n in ("sequence", "at", "actor", "kind", "decision", "patient")]
        columns += [body, line["seal"], previous]
        assert line["hash"] == hashlib.sha256(json.dumps(columns, separators=(",", ":")).encode()).hexdigest()
        previous = line["hash"]
    assert lines[-1]["kind"] == "audit"
    assert lines[-1]["body"] == {"action": "exported", "details": {"identified": False, "all": True}}


def test_export_of_one_decision_has_its_history_alone(folder, decision_id):
    lines = [json.loads(line) for line in run("export", folder, decision_id).out.splitlines()[1:]]

    assert {line["decision"] for line in lines} == {decision_id}
    assert [line["kind"] for line in lines] == ["decided", "queued", "audit"]
    assert run("export", folder, "nobody").code == 2


def test_export_holds_no_identifier_unless_asked_for(folder):
    assert KEY not in run("export", folder).out
    assert KEY in run("export", folder, "--identified").out


def test_erase_takes_the_identifiers_and_the_record_still_verifies(folder, decision_id):
    result = run("erase", folder, KEY, "--why", "asked for", "--json")

    assert (result.code, json.loads(result.out)["erased"]) == (0, 1)
    assert KEY not in run("export", folder, "--identified").out
    assert run("verify", folder).code == 0
    assert run("replay", folder, decision_id).code == 0
    assert run("erase", folder, KEY, "--why", "again").code == 2


def test_rebuild_mends_what_follows_from_the_log_and_nothing_else(folder):
    tamper(folder, "UPDATE decision SET state = 'signed', open = 0")
    tamper(folder, "DELETE FROM patient")
    assert run("verify", folder).code == 1
    assert run("rebuild", folder).out == "2 decisions\n"
    assert run("verify", folder).code == 0

    tamper(folder, "UPDATE entry SET actor = 'x' WHERE sequence = 1")
    refused = run("rebuild", folder)
    assert (refused.code, "entry 1" in refused.err) == (2, True)


def test_a_log_that_was_cut_is_not_written_to_by_any_command(folder):
    tamper(folder, "DELETE FROM entry WHERE sequence = 4")

    for name, more in (("export", ()), ("rebuild", ()), ("erase", (KEY, "--why", "x"))):
        result = run(name, folder, *more)
        assert (result.code, "AnchorAhead" in result.err) == (2, True)


def test_the_anchor_grows_by_what_is_exported_and_by_nothing_that_only_looks(folder, decision_id):
    before = len(list(Anchor(folder / ANCHOR_NAME).lines()))
    run("verify", folder)
    run("replay", folder, decision_id)
    assert len(list(Anchor(folder / ANCHOR_NAME).lines())) == before
    run("export", folder)
    assert len(list(Anchor(folder / ANCHOR_NAME).lines())) == before + 1
