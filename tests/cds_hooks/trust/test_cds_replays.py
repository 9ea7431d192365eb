"""A token serves once: in one process, in several, and after a restart."""

import asyncio
import resource
import sqlite3
import subprocess
import sys
import threading

import postgres_server
import pytest
from sqlalchemy import create_engine, func, select, text

from radlogic.adapters.cds_hooks.trust import replay_file
from radlogic.adapters.cds_hooks.trust.errors import ReplaysUnknown
from radlogic.adapters.cds_hooks.trust.replay import InMemory, digest
from radlogic.adapters.cds_hooks.trust.replay_file import InFile
from radlogic.adapters.cds_hooks.trust.replay_table import USED, InDatabase
from radlogic.adapters.store.database import Database

NAMES = [str(i) for i in range(20)]


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


MADE = {
    "memory": lambda folder, clock: InMemory(100, clock),
    "database": lambda folder, clock: InDatabase(Database(folder).engine, clock),
    "file": lambda folder, clock: InFile(folder / "tokens.sqlite3", clock),
}


@pytest.fixture(params=MADE)
def replays(request, clock, tmp_path):
    return MADE[request.param](tmp_path, clock)


def first(replays, issuer, jti, until=1300):
    return asyncio.run(replays.first(issuer, jti, until))


def test_the_second_time_is_told(replays):
    assert [first(replays, "a", "1"), first(replays, "a", "1"), first(replays, "a", "2")] == [True, False, True]


def test_two_issuers_may_use_one_name(replays):
    assert [first(replays, "a", "1"), first(replays, "b", "1"), first(replays, "b", "1")] == [True, True, False]


def test_names_of_any_letters_are_told_apart(replays):
    names = ["", "a", "A", "\0", "ä", "a\u0308", "'; DROP TABLE cds_used_token;--", "x" * 500, "\ud800"]

    assert [first(replays, "a", name) for name in names] == [True] * len(names)
    assert [first(replays, "a", name) for name in names] == [False] * len(names)


def test_issuer_and_name_are_not_run_together():
    assert digest("ab", "c") != digest("a", "bc")


def test_what_is_over_is_forgotten(replays, clock):
    first(replays, "a", "1", 1300)
    clock.now = 1301
    first(replays, "a", "2", 1600)

    assert held(replays) == 1


def held(replays):
    if isinstance(replays, InMemory):
        return len(replays._seen["a"].known)
    if isinstance(replays, InFile):
        return replays._file().execute("SELECT COUNT(*) FROM cds_used_token").fetchone()[0]
    with replays._engine.connect() as db:
        return db.execute(select(func.count()).select_from(USED)).scalar_one()


def test_what_is_not_over_is_kept_up_to_the_last_second(replays, clock):
    first(replays, "a", "1", 1300)
    clock.now = 1299.9

    assert not first(replays, "a", "1", 1300)


def test_a_store_without_room_lets_nobody_pass_and_other_issuers_in(clock):
    replays = InMemory(3, clock)
    [first(replays, "a", str(i)) for i in range(3)]

    with pytest.raises(ReplaysUnknown, match="no more room"):
        first(replays, "a", "4")
    assert first(replays, "b", "4")
    assert not first(replays, "a", "0")  # what is held is still told
    clock.now = 1301
    assert first(replays, "a", "4", 1600)


def test_a_database_that_is_gone_lets_nobody_pass_and_says_nothing_of_the_token(clock, tmp_path):
    replays = InDatabase(Database(tmp_path).engine, clock)
    with sqlite3.connect(next(tmp_path.glob("*.sqlite3"))) as db:
        db.execute("DROP TABLE cds_used_token")
    db.close()

    with pytest.raises(ReplaysUnknown) as refused:
        first(replays, "issuer-of-secrets", "jti-of-secrets")
    assert "of-secrets" not in str(refused.value)


def test_a_database_that_cannot_be_written_is_told_at_the_start(clock, tmp_path):
    with pytest.raises(ReplaysUnknown):
        InDatabase(create_engine(f"sqlite:///{tmp_path}/none/x.sqlite3"), clock)


def test_the_database_holds_hashes_only(clock, tmp_path):
    replays = InDatabase(Database(tmp_path).engine, clock)
    first(replays, "issuer-of-secrets", "jti-of-secrets")

    with replays._engine.connect() as db:
        row = db.execute(text("SELECT * FROM cds_used_token")).one()
    assert (bytes(row[0]), row[1]) == (digest("issuer-of-secrets", "jti-of-secrets"), 1300)


def let_pass_by_several(place):
    """Each with connections of its own to one database, all at once; what they let pass."""
    start, passed = threading.Barrier(4), []

    def tries():
        start.wait()
        database = Database(place)
        replays = InDatabase(database.engine, lambda: 1000.0)
        passed.extend(name for name in NAMES if first(replays, "a", name))
        database.close()

    threads = [threading.Thread(target=tries) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(passed)


def test_of_several_servers_that_see_one_token_one_lets_it_pass(tmp_path):
    Database(tmp_path).close()

    assert let_pass_by_several(tmp_path) == sorted(NAMES)


@pytest.mark.slow
def test_and_so_it_is_with_postgresql():
    if why := postgres_server.lacking():
        pytest.skip(why)
    with postgres_server.running() as url:
        place = postgres_server.database(url, "replays")
        Database(place).close()

        assert let_pass_by_several(place) == sorted(NAMES)


IN_A_PROCESS = """
import asyncio, sys
from pathlib import Path
from radlogic.adapters.cds_hooks.trust import replay_file
from radlogic.adapters.cds_hooks.trust.replay_file import InFile

replay_file.TURN_S = 60.0  # three that never rest on a busy machine: who waits for long is not what is asked
replays = InFile(Path(sys.argv[1]), lambda: 1000.0)
sys.stdin.readline()
async def tries():
    return [name for name in map(str, range(int(sys.argv[2]))) if await replays.first("a", name, 1300)]
print(*asyncio.run(tries()))
"""


@pytest.mark.slow
def test_of_several_processes_that_see_one_token_one_lets_it_pass(tmp_path):
    many = 500
    command = [sys.executable, "-c", IN_A_PROCESS, str(tmp_path / "tokens.sqlite3"), str(many)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate("go\n", timeout=60)[0].split() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(name for names in told for name in names) == sorted(map(str, range(many)))


def test_a_token_is_known_when_its_file_is_opened_again(clock, tmp_path):
    path = tmp_path / "tokens.sqlite3"

    assert first(InFile(path, clock), "a", "1")
    assert not first(InFile(path, clock), "a", "1")
    assert path.stat().st_mode & 0o777 == 0o600


def test_who_finds_the_file_locked_waits_for_his_turn(clock, tmp_path):
    replays = InFile(tmp_path / "tokens.sqlite3", clock)
    other = sqlite3.connect(tmp_path / "tokens.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    freed = threading.Timer(0.1, other.execute, ("COMMIT",))
    freed.start()

    assert first(replays, "a", "1")
    assert not first(replays, "a", "1")
    freed.join()
    other.close()


def test_a_file_that_stays_locked_or_is_gone_lets_nobody_pass_and_says_nothing_of_the_token(clock, tmp_path):
    replays = InFile(tmp_path / "tokens.sqlite3", clock)
    other = sqlite3.connect(tmp_path / "tokens.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for ask in (lambda: first(replays, "issuer-of-secrets", "jti-of-secrets"), replays.check):
        with pytest.raises(ReplaysUnknown) as refused:
            ask()
        assert "of-secrets" not in str(refused.value)
    other.close()
    (tmp_path / "tokens.sqlite3").unlink()

    with pytest.raises(ReplaysUnknown):
        first(replays, "a", "2")


def test_while_others_wait_for_a_locked_file_nobody_waits_behind_them_without_end(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(replay_file, "TURN_S", 0.05)
    monkeypatch.setattr(replay_file, "PLACES", 1)
    replays, begun, free = InFile(tmp_path / "tokens.sqlite3", clock), threading.Event(), threading.Event()
    monkeypatch.setattr(replays, "_waiting", lambda *_: begun.set() or free.wait(60))
    other = sqlite3.connect(tmp_path / "tokens.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def two():
        waits = asyncio.ensure_future(replays.first("a", "1", 1300))
        await asyncio.to_thread(begun.wait, 60)
        try:
            with pytest.raises(ReplaysUnknown, match="refuses"):
                await asyncio.wait_for(replays.first("a", "2", 1300), 10)
        finally:
            free.set()
        return await waits

    assert asyncio.run(two())
    other.close()


def test_a_token_that_was_kept_serves_though_the_file_could_not_be_tidied_just_then(clock, tmp_path, monkeypatch):
    replays = InFile(tmp_path / "tokens.sqlite3", clock)
    monkeypatch.setattr(replay_file, "OVER", "DELETE FROM no_such_table")  # stands for a disk that refuses just then
    clock.now += replay_file.SWEEP_S + 1

    assert first(replays, "a", "1", 1500)
    assert not first(replays, "a", "1", 1500)


def test_a_disk_that_takes_nothing_is_told_before_a_call_meets_it(clock, tmp_path):
    replays = InFile(tmp_path / "tokens.sqlite3", clock)
    first(replays, "a", "1")
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, most[1]))
    try:
        with pytest.raises(ReplaysUnknown):
            replays.check()
        with pytest.raises(ReplaysUnknown):
            first(replays, "a", "2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    replays.check()

    assert first(replays, "a", "2")
    assert held(replays) == 2


def test_looks_at_the_file_leave_nothing_there_and_the_log_short(clock, tmp_path):
    replays = InFile(tmp_path / "tokens.sqlite3", clock)
    first(replays, "a", "1")
    for _ in range(30):
        replays.check()

    assert held(replays) == 1
    assert (tmp_path / "tokens.sqlite3-wal").stat().st_size < 10 * 4200


def test_the_log_of_the_file_is_written_back_and_stays_short(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(replay_file, "TIDY", 50)
    replays = InFile(tmp_path / "tokens.sqlite3", clock)

    async def many():
        return [await replays.first("a", str(number), 1300) for number in range(400)]

    assert all(asyncio.run(many()))
    assert (tmp_path / "tokens.sqlite3-wal").stat().st_size < 100 * 4200  # one page a token, and their heads
    assert held(replays) == 400
