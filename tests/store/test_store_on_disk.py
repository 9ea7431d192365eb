"""What only a disk can do wrong: other writers, damage, foreign files. Sudden death: ``test_at_once.py``."""

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sample_decisions import no_findings, screening

from radlogic.adapters.store import database
from radlogic.adapters.store.database import FILE_NAME
from radlogic.adapters.store.errors import StoreUnavailable
from radlogic.adapters.store.layout import VERSION_TABLE
from radlogic.adapters.store.log import FileLog
from radlogic.adapters.store.queue import FileQueue
from radlogic.engine.errors import NotReadable

TESTS = Path(__file__).resolve().parents[1]
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from radlogic.adapters.store.log import FileLog
from radlogic.adapters.store.queue import FileQueue
from sample_decisions import screening

folder, mine, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
log, queue, sample = FileLog(folder), FileQueue(folder), screening()
for i in range(count):
    for name in (f"{mine}-{i}", f"shared-{i}"):
        log.append(replace(sample, record=replace(sample.record, decision_id=name)))
        queue.put(name, sample.decision.review)
        print(name, flush=True)
"""


def writer(folder, name, count):
    env = os.environ | {"PYTHONPATH": str(TESTS)}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)], stdout=subprocess.PIPE, text=True, env=env
    )


def named(name):
    return replace(screening(), record=replace(screening().record, decision_id=name))


def changed(folder, *statements):
    """Reach into the file behind the store's back."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_a_decision_outlives_the_object_that_kept_it(tmp_path):
    FileLog(tmp_path).append(screening())
    FileQueue(tmp_path).put("sample-screening", screening().decision.review)

    assert FileLog(tmp_path).of_patient("p-7f3a") == (screening(),)
    assert [item.decision_id for item in FileQueue(tmp_path).waiting()] == ["sample-screening"]
    assert FileQueue(tmp_path).waits("sample-screening")


@pytest.mark.slow
def test_two_processes_appending_at_once_lose_nothing_and_double_nothing(tmp_path):
    count = 12
    writers = [writer(tmp_path, name, count) for name in ("one", "two")]
    assert [process.communicate(timeout=120)[0].count("\n") for process in writers] == [2 * count, 2 * count]
    assert [process.returncode for process in writers] == [0, 0]

    expected = {f"{name}-{i}" for name in ("one", "two", "shared") for i in range(count)}
    kept = [a.record.decision_id for a in FileLog(tmp_path).of_patient("p-7f3a")]
    waiting = [item.decision_id for item in FileQueue(tmp_path).waiting()]
    assert (sorted(kept), sorted(waiting)) == (sorted(expected), sorted(expected))


def test_threads_may_share_one_log(tmp_path):
    log = FileLog(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda i: log.append(named(f"d{i % 20:02}")), range(40)))

    assert {a.record.decision_id for a in log.of_patient("p-7f3a")} == set(names) == {f"d{i:02}" for i in range(20)}


def test_opening_one_new_store_from_many_threads_at_once_succeeds(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        logs = list(pool.map(lambda _: FileLog(tmp_path / "new"), range(8)))

    assert {log.append(screening()) for log in logs} == {"sample-screening"}


@pytest.mark.parametrize("statement", ["UPDATE entry SET body = ''", "DELETE FROM entry"])
def test_a_kept_decision_can_be_neither_changed_nor_removed(tmp_path, statement):
    FileLog(tmp_path).append(screening())

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        changed(tmp_path, statement)


@pytest.mark.parametrize(
    "content", ["substr(body, 1, 500)", "'{}'", "'[1]'", "replace(body, '\"exam\"', '\"examen\"')"]
)
def test_a_damaged_decision_is_refused_by_name_and_the_others_still_answer(tmp_path, content):
    log = FileLog(tmp_path)
    log.append(screening())
    log.append(no_findings())
    changed(tmp_path, "DROP TRIGGER entry_no_update", f"UPDATE entry SET body = {content} WHERE sequence = 1")  # noqa: S608

    for ask in (lambda: log.get("sample-screening"), lambda: log.of_patient("p-7f3a")):
        with pytest.raises(NotReadable, match=r"entry 1|decision sample-screening"):
            ask()
    assert log.get("sample-no-findings") == no_findings()


def test_a_damaged_queue_entry_is_refused_by_name(tmp_path):
    FileQueue(tmp_path).put("d1", screening().decision.review)
    changed(tmp_path, "UPDATE waiting SET reasons = '['")

    with pytest.raises(NotReadable, match="waiting d1"):
        FileQueue(tmp_path).waiting()


def test_a_store_that_is_taken_away_is_unavailable_and_not_made_anew(tmp_path):
    log = FileLog(tmp_path)
    (tmp_path / FILE_NAME).unlink()

    with pytest.raises(StoreUnavailable):
        log.append(screening())
    assert not (tmp_path / FILE_NAME).exists()


def test_only_the_owner_may_read_the_store(tmp_path):
    FileLog(tmp_path / "a" / "store")

    folder = tmp_path / "a" / "store"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def no_database(folder):
    (folder / FILE_NAME).write_text("this is a letter, and long enough to have a header " * 20)


def another_programs_database(folder):
    changed(folder, "CREATE TABLE songs (title TEXT)")


def a_first_draft(folder):
    changed(folder, "CREATE TABLE decision (decision_id TEXT)", f"PRAGMA application_id = {0x7261646C}")


def a_later_version(folder):
    FileLog(folder)
    changed(folder, f"UPDATE {VERSION_TABLE} SET version_num = '2'")  # noqa: S608


def a_folder_in_its_place(folder):
    (folder / FILE_NAME).mkdir()


SPOILT = [no_database, another_programs_database, a_first_draft, a_later_version, a_folder_in_its_place]


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("kind", [FileLog, FileQueue])
def test_what_is_no_store_of_this_version_is_refused_and_left_alone(tmp_path, spoil, kind):
    spoil(tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes() if (tmp_path / FILE_NAME).is_file() else None

    with pytest.raises(StoreUnavailable) as refused:
        kind(tmp_path)

    assert all(refused.value.as_record()[part] for part in ("where", "found", "allowed", "cure"))
    assert before is None or (tmp_path / FILE_NAME).read_bytes() == before


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "store").write_text("a file")

    with pytest.raises(StoreUnavailable, match="FileExistsError"):
        FileLog(tmp_path / "store")


def test_a_store_that_another_writer_holds_too_long_is_unavailable_and_unchanged(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "WAIT_S", 0.05)
    log = FileLog(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            log.append(screening())

    assert log.get("sample-screening") is None
    assert log.append(screening()) == "sample-screening"
