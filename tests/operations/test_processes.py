"""Several processes of one service: one socket, one count, one memory of used tokens, one end."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from radlogic.adapters.operations import processes
from radlogic.adapters.operations.processes import check_many
from radlogic.engine.errors import BadValue

SCRIPT = """
import os, signal, sys, time
from radlogic.adapters.operations.processes import Processes
from radlogic.adapters.operations import processes
from radlogic.adapters.operations.stopping import ends_well
from radlogic.adapters.operations.together import SharedBuckets, counters_together

def say(what):
    os.write(1, f"{{what}}\\n".encode())  # at once: several processes write there

def until_asked():
    with ends_well():
        say(os.getpid())  # from here on it can be asked
        time.sleep(60)

{}
"""
TWO = "sys.exit(Processes(until_asked, 2, 30.0).run(lambda: say('asked')))"
DEAF = """
def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(os.getpid())
    time.sleep(60)

sys.exit(Processes(deaf, 2, 0.3).run())
"""
PLACES = """
def which():
    with ends_well():
        say(f"{processes.place()} {os.getpid()}")
        time.sleep(60)

sys.exit(Processes(which, 2, 30.0).run())
"""
PAUSES = """
processes.PAUSE_S = 1e6
sys.exit(Processes(lambda: sys.exit("no"), 3, 30.0).run())
"""
NO_FORK = """
processes.REFUSED_S = 0.0
fork, tries = os.fork, iter(range(100))
def refused_once():
    if next(tries) == 2:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()

os.fork = refused_once
sys.exit(Processes(until_asked, 2, 30.0).run())
"""
STREAM = """
class Full:
    def write(self, text):
        return len(text)

    def flush(self):
        raise OSError(28, "No space left on device")

sys.stdout = {}
code = Processes(until_asked, 2, 30.0).run()
sys.stdout = sys.__stdout__  # Python itself ends with another code where it cannot be flushed at the end
sys.exit(code)
"""
INTERRUPTED = """
def interrupted():
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    say(os.getpid())
    time.sleep(60)

sys.exit(Processes(interrupted, 2, 30.0).run())
"""
KEEPS_ENDING = """
processes.PAUSE_S = 0.0
sys.exit(Processes(lambda: sys.exit("no"), 2, 5.0).run())
"""
LIMITED = """
taken = SharedBuckets(100, 1e-9, time.monotonic)
def some():
    free = sum(taken.take(who).wait_s == 0 for _ in range(80) for who in ("a", "b"))
    with ends_well():
        say(free)
        time.sleep(60)

sys.exit(Processes(some, 3, 30.0).run())
"""
COUNTED = """
from radlogic.adapters.monitor.metrics import Metrics
with counters_together(3):
    metrics = Metrics(services=["one"])

    def counts():
        for _ in range(10):
            metrics.observe_cds("one", 200, 0.01)
        with ends_well():
            say(os.getpid())
            time.sleep(60)

    def tell():
        say(metrics.counted().decode())

    sys.exit(Processes(counts, 3, 30.0).run(tell))
"""


class Running:
    """A script that runs ``Processes``."""

    def __init__(self, code):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def lines(self, many):
        return [self.process.stdout.readline().strip() for _ in range(many)]

    def asked(self, number=signal.SIGTERM):
        """The exit code, and what it said at the end on both streams."""
        self.process.send_signal(number)
        said = self.process.communicate(timeout=30)
        return self.process.returncode, *said

    def told(self, what, times):
        """Wait until it said that so often in its log."""
        late = threading.Timer(30, self.process.kill)
        late.start()
        for line in self.process.stderr:
            times -= what in line
            if not times:
                break
        late.cancel()
        return not times

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=30)


def is_there(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def gone_in_time(all_of_them, within_s=20.0):
    until = time.monotonic() + within_s
    while time.monotonic() < until and any(map(is_there, all_of_them)):
        time.sleep(0.02)
    return not any(map(is_there, all_of_them))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_all_of_them_end_and_the_code_is_0(number):
    with Running(TWO) as running:
        workers = [int(line) for line in running.lines(2)]
        code, out, _ = running.asked(number)

    assert code == 0
    assert out == "asked\n"
    assert len(set(workers)) == 2
    assert not any(map(is_there, workers))


def test_one_that_dies_is_replaced_and_told():
    with Running(TWO) as running:
        first, other = (int(line) for line in running.lines(2))
        os.kill(first, signal.SIGKILL)
        (third,) = (int(line) for line in running.lines(1))
        assert is_there(other)
        code, _, errors = running.asked()

    assert third not in (first, other)
    assert f"process {first} of the service ended by itself (by signal 9)" in errors
    assert code == 0


def test_without_their_parent_they_end():
    with Running(TWO) as running:
        workers = [int(line) for line in running.lines(2)]
        running.process.kill()

        assert gone_in_time(workers)


def test_one_that_does_not_end_is_killed_and_the_code_says_so():
    with Running(DEAF) as running:
        workers = [int(line) for line in running.lines(2)]
        code, _, errors = running.asked()

    assert code == 1
    assert "2 processes of the service did not end in time" in errors
    assert not any(map(is_there, workers))


def test_where_they_keep_ending_the_service_ends():
    with Running(KEEPS_ENDING) as running:
        _, errors = running.process.communicate(timeout=30)

    assert running.process.returncode == 1
    assert errors.count("another one takes its place") == processes.ENDS * 2
    assert "keep ending" in errors


def test_while_one_is_not_started_again_yet_all_others_are_looked_after_and_requests_to_end_heard():
    with Running(PAUSES) as running:
        assert running.told("another one takes its place", 3)
        code, _, errors = running.asked()

    assert (code, errors) == (0, "")


def test_where_the_system_starts_no_process_just_now_it_is_tried_again():
    with Running(NO_FORK) as running:
        first, other = (int(line) for line in running.lines(2))
        os.kill(first, signal.SIGKILL)
        (third,) = (int(line) for line in running.lines(1))
        code, _, errors = running.asked()

    assert third not in (first, other)
    assert "a process of the service cannot be started (BlockingIOError)" in errors
    assert "Traceback" not in errors
    assert code == 0


@pytest.mark.parametrize("stream", ["None", "Full()"])
def test_an_output_that_is_closed_or_full_ends_nothing(stream):
    with Running(STREAM.format(stream)) as running:
        first, _ = (int(line) for line in running.lines(2))
        os.kill(first, signal.SIGKILL)
        running.lines(1)
        code, _, errors = running.asked()

    assert code == 0
    assert "Traceback" not in errors


def test_one_that_was_interrupted_before_its_work_began_ended_as_asked():
    with Running(INTERRUPTED) as running:
        running.lines(2)

        assert running.asked()[0] == 0


def test_who_takes_the_place_of_another_has_its_number():
    with Running(PLACES) as running:
        (one, killed), (two, _) = (line.split() for line in running.lines(2))
        os.kill(int(killed), signal.SIGKILL)
        (again,) = running.lines(1)
        running.asked()

    assert {one, two} == {"1", "2"}
    assert again.split()[0] == one


def test_calls_of_a_client_are_limited_over_all_processes():
    with Running(LIMITED) as running:
        granted = [int(line) for line in running.lines(3)]
        assert running.asked()[0] == 0

    assert sum(granted) == 2 * 100  # of 240 tries of each of two clients


def test_what_each_counted_is_one_count():
    with Running(COUNTED) as running:
        running.lines(3)
        code, out, _ = running.asked()

    assert code == 0
    assert 'radlogic_cds_request_seconds_count{service="one",status="200"} 30.0' in out
    assert out.count("radlogic_cds_request_seconds_count") == 1


def test_where_a_system_cannot_fork_several_are_refused(monkeypatch):
    monkeypatch.delattr(os, "fork")
    check_many(1)

    with pytest.raises(BadValue, match="processes"):
        check_many(2)
