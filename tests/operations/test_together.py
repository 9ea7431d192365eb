"""What several processes of one service count together: in files whose room is theirs from the start."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import CollectorRegistry

from radlogic.adapters.cds_hooks.counted import CdsCounts
from radlogic.adapters.cds_hooks.setup import counted
from radlogic.adapters.monitor.metrics import Metrics
from radlogic.adapters.operations import processes
from radlogic.adapters.operations.together import COUNTERS, KINDS, ROOM, counters_together

STATUSES = (200, 400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 414, 415, 422, 429, 431, 499, 500, 503, 504)
NO_ROOM = """
import resource, sys
from radlogic.adapters.operations.together import counters_together
from radlogic.engine.errors import BadValue

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with counters_together(2):
        sys.exit("it went on")
except BadValue as error:
    print(error)
"""


def files_of(folder):
    return {path.name: path.stat() for path in Path(folder).iterdir()}


def test_all_that_a_process_may_count_has_its_room_before_it_counts(monkeypatch):
    with counters_together(2):
        monkeypatch.setattr(processes._Here, "place", 2)
        folder = os.environ[COUNTERS]
        before = files_of(folder)
        metrics = Metrics(services=counted())
        counts = CdsCounts(metrics)
        for service in (*counted(), "another"):
            for status in STATUSES:
                metrics.observe_cds(service, status, 0.01)
        for service in counted():
            for outcome in ("accepted", "overridden"):
                for reason in ("", "another", *counts._reasons):
                    counts.observe_feedback(service, outcome, reason)
        after = files_of(folder)

    assert sorted(before) == sorted(after) == sorted(f"{kind}_{place}.db" for kind in KINDS for place in (1, 2))
    assert {found.st_size for found in after.values()} == {ROOM}
    assert all(found.st_blocks * 512 >= ROOM for found in before.values())  # not a hole that a full disk cannot fill


def test_each_kind_of_what_is_counted_has_its_files():
    metrics = Metrics(services=counted())
    CdsCounts(metrics)

    assert {family.type for family in metrics.registry.collect()} == set(KINDS)


def total(folder):
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)
    return registry.get_sample_value("radlogic_cds_request_seconds_count", {"service": "one", "status": "200"})


def test_who_takes_the_place_of_another_counts_on(monkeypatch):
    with counters_together(2):
        folder = os.environ[COUNTERS]
        metrics = Metrics(services=["one"])
        for place in (1, 2, 1):  # what a process held of a place's file is forgotten by the next one of that place
            monkeypatch.setattr(processes._Here, "place", place)
            metrics.observe_cds("one", 200, 0.01)

        assert total(folder) == 3


def test_where_there_is_no_room_for_the_counts_it_is_said_at_the_start():
    done = subprocess.run([sys.executable, "-c", NO_ROOM], check=False, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert "no room" in done.stdout and "TMPDIR" in done.stdout


def test_nobody_tidies_the_counts_away_as_old():
    with counters_together(1):
        tidier = os.open(os.environ[COUNTERS], os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(tidier, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(tidier)
