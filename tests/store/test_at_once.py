"""Many at once, and sudden death: what was acknowledged is there, and one signature wins."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
from decisions_of_study import of_study
from sample_decisions import no_findings, unknown_type

from radlogic.adapters.store.cases import Kind, State, Store
from radlogic.adapters.store.errors import AlreadySigned, ChangedMeanwhile
from radlogic.adapters.store.verify import verify

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TESTS = Path(__file__).resolve().parents[1]
READERS = 10
WRITER = """
import sys
from dataclasses import replace
from datetime import UTC, datetime
from radlogic.adapters.store.cases import Store
from sample_decisions import no_findings

place, count = sys.argv[1], int(sys.argv[2])
store, sample = Store.open(place), no_findings()
print("ready", flush=True)
for i in range(count):
    named = replace(sample, record=replace(sample.record, decision_id=f"d{i}"))
    print(store.add(named, datetime.now(UTC), "writer"), flush=True)
"""
SIGNER = """
import sys
from datetime import UTC, datetime
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.errors import AlreadySigned

place, who = sys.argv[1:]
store = Store.open(place)
print("ready", flush=True)
sys.stdin.readline()
store.open_reasons("d", datetime.now(UTC), who)
try:
    print("signed by", store.sign("d", datetime.now(UTC), who).signed_by)
except AlreadySigned as told:
    print("told of", told.by)
"""

STUDY = "1.2.840.1.7"
FIRST = """
import sys
from datetime import UTC, datetime
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.errors import ChangedMeanwhile
from decisions_of_study import of_study

place, name, study = sys.argv[1:]
store = Store.open(place)
seen = store.seen(study)
print("ready", flush=True)
sys.stdin.readline()
try:
    print(store.add(of_study(name, study), datetime.now(UTC), "radlogic", seen=seen))
except ChangedMeanwhile:
    print("refused")
"""


def started(script, *arguments):
    env = os.environ | {"PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


def at_once(processes):
    """What each said that began when all were ready."""
    assert [one.stdout.readline() for one in processes] == ["ready\n"] * len(processes)
    for one in processes:
        one.stdin.write("go\n")
        one.stdin.flush()
    return [one.communicate(timeout=120)[0].strip() for one in processes]


def one_case(place):
    store = Store.open(place)
    made = unknown_type()
    store.add(replace(made, record=replace(made.record, decision_id="d")), NOW, "radlogic")
    return store


def one_signature(store, said):
    """Exactly one signed, all others were told of that one, and the log agrees."""
    row = store.row("d")
    assert sorted(said) == sorted([f"signed by {row.signed_by}", *[f"told of {row.signed_by}"] * (READERS - 1)])
    assert row.state is State.SIGNED
    assert [e.actor for e in store.case("d").of_kind(Kind.SIGNED)] == [row.signed_by]
    assert verify(store.journal).sound


def test_of_ten_reviewers_in_threads_one_signs_and_the_others_are_told(place):
    store, together = one_case(place), Barrier(READERS)

    def review(who):
        together.wait()
        store.open_reasons("d", datetime.now(UTC), who)
        try:
            return f"signed by {store.sign('d', datetime.now(UTC), who).signed_by}"
        except AlreadySigned as told:
            return f"told of {told.by}"

    with ThreadPoolExecutor(READERS) as pool:
        one_signature(store, list(pool.map(review, [f"dr-{i}" for i in range(READERS)])))
    store.close()


@pytest.mark.slow
def test_of_ten_reviewers_in_processes_one_signs_and_the_others_are_told(place):
    store = one_case(place)
    one_signature(store, at_once([started(SIGNER, place, f"dr-{i}") for i in range(READERS)]))
    store.close()


def one_decision(store, said):
    """Exactly one was kept, and all others were told to look again."""
    (row,) = store.of_study(STUDY)
    assert sorted(said) == sorted([row.decision_id, *["refused"] * (READERS - 1)])
    assert [one.decision_id for one in store.worklist()] == [row.decision_id]
    assert verify(store.journal).sound


def test_of_ten_in_threads_who_saw_no_decision_of_a_study_one_makes_the_first(place):
    with Store.open(place) as store:
        together, seen = Barrier(READERS), store.seen(STUDY)

        def decide(name):
            together.wait()
            try:
                return store.add(of_study(name, STUDY), NOW, "radlogic", seen=seen)
            except ChangedMeanwhile:
                return "refused"

        with ThreadPoolExecutor(READERS) as pool:
            one_decision(store, list(pool.map(decide, [f"d{i}" for i in range(READERS)])))


@pytest.mark.slow
def test_of_ten_in_processes_who_saw_no_decision_of_a_study_one_makes_the_first(place):
    with Store.open(place) as store:
        one_decision(store, at_once([started(FIRST, place, f"d{i}", STUDY) for i in range(READERS)]))


@pytest.mark.slow
def test_a_writer_killed_within_200_writes_has_kept_all_that_it_acknowledged(tmp_path):
    killed_after(60, str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 9, 60, 137])
def test_wherever_it_is_killed_and_on_both_databases(place, after):
    killed_after(after, place)


def killed_after(after, place):
    writer = started(WRITER, place, 200)
    lines = [writer.stdout.readline().strip() for _ in range(after + 1)]
    writer.kill()  # SIGKILL: no handler, no flush
    lines += writer.communicate(timeout=60)[0].split("\n")[:-1]  # a line without its end was not said
    acknowledged = lines[1:]
    assert after <= len(acknowledged) < 200

    with Store.open(place) as store:
        report = verify(store.journal)
        assert report.findings == ()
        assert report.ahead <= 1  # the one it died within, between commit and anchor
        for name in acknowledged:
            expected = no_findings()
            assert store.case(name).assessment == replace(expected, record=replace(expected.record, decision_id=name))
        store.add(unknown_type(), NOW, "after")
        after = verify(store.journal)
        assert (after.sound, after.ahead, after.unanchored) == (True, 0, report.unanchored)


def test_a_commit_that_was_not_anchored_is_said_and_never_becomes_like_others(place, monkeypatch):
    with Store.open(place) as store:
        store.add(no_findings(), NOW, "radlogic")
        put = store.journal.anchor.put
        monkeypatch.setattr(store.journal.anchor, "put", lambda marks: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):  # the process ends between commit and anchor
            store.add(unknown_type(), NOW, "radlogic")
        monkeypatch.setattr(store.journal.anchor, "put", put)

        first = verify(store.journal)
        store.audit("dr-a", "login", NOW)
        second = verify(store.journal)
    assert (first.sound, first.ahead, second.sound, second.ahead) == (True, 2, True, 0)
    assert second.unanchored == first.unanchored == ((first.entries - 1, first.entries),)


def test_trying_again_after_the_anchor_failed_anchors_what_is_there(place, monkeypatch):
    with Store.open(place) as store:
        with monkeypatch.context() as broken:
            broken.setattr(store.journal.anchor, "put", lambda marks: (_ for _ in ()).throw(OSError))
            with pytest.raises(OSError):
                store.add(no_findings(), NOW, "radlogic")
        store.add(no_findings(), NOW, "radlogic")  # there already, and acknowledged only now

        assert store.journal.anchor.head().sequence == verify(store.journal).entries


def test_writers_in_threads_append_one_chain(place):
    with Store.open(place) as store:

        def write(i):
            made = no_findings()
            return store.add(replace(made, record=replace(made.record, decision_id=f"d{i % 12}")), NOW, "radlogic")

        with ThreadPoolExecutor(8) as pool:
            names = set(pool.map(write, range(24)))
        report = verify(store.journal)
        assert (len(names), report.sound, report.entries) == (12, True, 12)
