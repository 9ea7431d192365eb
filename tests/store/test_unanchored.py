"""What was appended behind the program's back stays named, however much is written after it."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import command
import pytest
from sample_decisions import no_findings, screening

from radlogic.adapters.store.anchor import Anchor
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.chain import Line
from radlogic.adapters.store.database import ANCHOR_NAME, FILE_NAME
from radlogic.adapters.store.errors import AnchorAhead, NotAnchored, StoreUnavailable
from radlogic.adapters.store.verify import Finding, verify

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    with Store.open(tmp_path) as store:
        store.add(no_findings(), NOW, "radlogic")
        store.add(screening(), NOW, "radlogic")
    return tmp_path


def by_hand(folder, statement, *values):
    with closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        return db.execute(statement, values).fetchall()


def forge(folder, kind, body, at="2026-01-01T00:00:00.000000Z"):
    """A chained entry for somebody who did nothing, put in by SQL; the anchor is left alone."""
    ((last, previous),) = by_hand(folder, "SELECT sequence, hash FROM entry ORDER BY sequence DESC LIMIT 1")
    ((name, patient),) = by_hand(
        folder, "SELECT decision_id, patient FROM decision WHERE decision_id LIKE '%screening'"
    )
    text = json.dumps(body, separators=(",", ":"))
    line = Line(last + 1, at, "dr-innocent", kind, name, patient, text, None, previous).sealed()
    columns = [getattr(line, part) for part in Line.__dataclass_fields__]
    by_hand(folder, f"INSERT INTO entry VALUES ({', '.join('?' * len(columns))})", *columns)  # noqa: S608
    return line


def forged_signature(folder):
    forge(folder, "reasons_opened", {})
    line = forge(folder, "signed", {"outcome": "accepted"})
    signed = "state='signed', open=0, outcome='accepted', signed_by='dr-innocent', signed_at=?"
    by_hand(folder, f"UPDATE decision SET {signed} WHERE decision_id=?", line.at, line.decision)  # noqa: S608
    by_hand(folder, "DELETE FROM waiting WHERE decision_id=?", line.decision)
    return line


def test_a_forged_signature_stays_named_after_the_next_writes(folder):
    line = forged_signature(folder)
    with Store.open(folder) as store:
        before = verify(store.journal)
        store.audit("reader", "login", NOW)
        store.audit("reader", "logout", NOW)
        after = verify(store.journal)

    forged = (line.sequence - 1, line.sequence)
    assert before.unanchored == after.unanchored == (forged,)
    assert before.backwards[0] == after.backwards[0] == line.sequence - 1
    assert after.ahead == 0
    said = command.run("record", "verify", "--store", folder)
    assert f"entries {forged[0]} to {forged[1]} were never anchored" in said.out
    assert f"entry {forged[0]} is dated before entry {forged[0] - 1}" in said.out


def test_the_log_itself_tells_of_entries_beyond_the_anchor(folder):
    line = forged_signature(folder)
    with Store.open(folder) as store:
        store.audit("reader", "login", NOW)

    ((actor, body),) = by_hand(folder, "SELECT actor, body FROM entry WHERE sequence = ?", line.sequence + 1)
    details = {"first": line.sequence - 1, "last": line.sequence}
    assert (actor, json.loads(body)) == ("radlogic", {"action": "unanchored", "details": details})


def test_who_anchors_a_forged_entry_over_a_gap_is_found(folder):
    """The next mark put in by hand, so that no writer tells of what it passed over."""
    forge(folder, "reasons_opened", {})
    line = forge(folder, "reasons_opened", {})
    with (folder / ANCHOR_NAME).open("a") as anchor:
        anchor.write(f"{line.sequence} {line.hash}\n")
    with Store.open(folder) as store:
        report = verify(store.journal)

    what = "has no line for this, and no entry tells of it"
    assert report.findings == (Finding("anchor", str(line.sequence - 1), what),)


def test_verifying_changes_nothing(folder):
    forged_signature(folder)
    before = [(folder / name).read_bytes() for name in (FILE_NAME, ANCHOR_NAME)]
    command.run("record", "verify", "--store", folder)

    assert [(folder / name).read_bytes() for name in (FILE_NAME, ANCHOR_NAME)] == before


def test_a_log_that_is_cut_under_a_running_service_is_not_written_to(folder):
    with Store.open(folder) as store:
        by_hand(folder, "DROP TRIGGER entry_no_delete")
        by_hand(folder, "DELETE FROM entry WHERE sequence = (SELECT max(sequence) FROM entry)")
        with pytest.raises(AnchorAhead):
            store.audit("reader", "login", NOW)


def test_where_the_anchor_fails_after_the_commit_nobody_is_told_that_nothing_was_kept(folder, monkeypatch):
    def full(*_):
        raise StoreUnavailable("the anchor", "", "No space left on device", "room", "Make room.")

    with Store.open(folder) as store:
        with monkeypatch.context() as broken, pytest.raises(NotAnchored, match="may have been kept"):
            broken.setattr(Anchor, "put", full)
            store.audit("reader", "login", NOW)
        assert verify(store.journal).ahead == 1


@pytest.mark.parametrize("name", ["entry_no_update", "entry_no_delete", "sealed_no_delete", "revision_no_replace"])
def test_a_trigger_that_was_taken_away_is_found(folder, name):
    by_hand(folder, f"DROP TRIGGER {name}")
    with Store.open(folder) as store:
        assert verify(store.journal).findings == (Finding("trigger", name, "is missing"),)


def test_a_trigger_that_was_made_to_do_nothing_is_found(folder):
    by_hand(folder, "DROP TRIGGER entry_no_update")
    by_hand(folder, "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT 1; END")
    with Store.open(folder) as store:
        assert verify(store.journal).findings == (Finding("trigger", "entry_no_update", "was changed"),)


def rewritten(folder):
    """The whole log with another actor and right hashes, and an anchor to match: all that lies here fits."""
    by_hand(folder, "DROP TRIGGER entry_no_update")
    previous, marks = "0" * 64, [f"0 {'0' * 64}\n"]
    for row in by_hand(folder, "SELECT * FROM entry ORDER BY sequence"):
        line = Line(*row[:2], "dr-other", *row[3:8], previous).sealed()
        previous = line.hash
        changed = (line.actor, line.previous, line.hash, line.sequence)
        by_hand(folder, "UPDATE entry SET actor=?, previous=?, hash=? WHERE sequence=?", *changed)
        marks.append(f"{line.sequence} {line.hash}\n")
    by_hand(folder, "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry "
                    "BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END")  # fmt: skip
    (folder / ANCHOR_NAME).write_text("".join(marks))


def test_one_line_written_down_elsewhere_proves_all_before_it(folder):
    head = re.search(r"the last: (\d+ [0-9a-f]{64})", command.run("record", "verify", "--store", folder).out)[1]
    with Store.open(folder) as store:
        store.audit("reader", "login", NOW)
    held = command.run("record", "verify", "--store", folder, "--head", head)
    assert (held.code, held.out.endswith("sound\n")) == (0, True)

    rewritten(folder)
    assert command.run("record", "verify", "--store", folder).code == 0  # all that lies here fits together
    found = command.run("record", "verify", "--store", folder, "--head", head)
    assert (found.code, "is not the entry whose hash was given" in found.out) == (1, True)
    found = command.run("record", "verify", "--store", folder, "--head", f"99 {'a' * 64}")
    assert (found.code, "entry 99: is missing" in found.out) == (1, True)


@pytest.mark.parametrize("head", ["", "3", "3 abc", f"03 {'a' * 64}", f"3 {'A' * 64}"])
def test_a_head_that_is_none_is_refused(folder, head):
    result = command.run("record", "verify", "--store", folder, "--head", head)
    assert (result.code, "--head" in result.err) == (2, True)
