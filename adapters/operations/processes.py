"""Several processes answer on one socket: started from one that has loaded everything, watched, ended together.

The parent loads what all of them need and forks them, so that they share its memory, and one that died is back at
once. It answers nothing itself, and holds no connection and no thread while it forks. uvicorn's own supervisor starts
each process from nothing: a start would take twice as long, and each would hold what one can hold for all.

A process ends when it is asked to (SIGTERM), and also when the parent is gone, however that ended. One that ends by
itself is told in the log and replaced; where they keep ending, all end, so that whoever supervises the service hears
of it.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NoReturn

from ...engine.errors import BadValue
from .stopping import ASKS

LOG = logging.getLogger("radlogic.processes")
MOST: Final = 64
ENDS, WITHIN_S = 5, 60.0  # of one place, by themselves: more often, and starting them again does not help
PAUSE_S = 1.0  # before one that ended within it is started again
REFUSED_S = 10.0  # before it is tried again where the system starts none: too few tries to end the others for it
HEARD_S = 1.0  # between two looks where no signal came
ENDED_BADLY = 1
HEEDED: Final = frozenset((*ASKS, signal.SIGCHLD))
Work = Callable[[], None]


def check_many(many: int) -> None:
    """That this system can run so many processes on one socket.

    Raises:
        BadValue: it cannot fork.
    """
    if many > 1 and not hasattr(os, "fork"):
        cure = "Set processes to 1."
        raise BadValue("radlogic serve", "processes", f"{many}, on a system that cannot fork", "1", cure)


class _Here:
    """Of this process: its place."""

    place = 0


def place() -> int:
    """Which of the processes this one is: 1, 2, ...; one that takes another's place has its number. 0: it is none."""
    return _Here.place


class Processes:
    """So many processes that do the same work, until somebody asks them to end.

    Args:
        work: what each does, until SIGTERM ends it; to be called without threads in this process.
        many: 1 or more.
        end_s: seconds after SIGTERM until one that has not ended is killed.
        clock: seconds that never run backwards.
    """

    def __init__(self, work: Work, many: int, end_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._work, self._many, self._end_s, self._clock = work, many, end_s, clock
        self._running: dict[int, tuple[int, float]] = {}  # process -> its place, and when it was started
        self._due = dict.fromkeys(range(1, many + 1), self._clock())  # places that nobody has -> when one is started
        self._ended: deque[float] = deque(maxlen=ENDS * many)
        self._asked = False
        self._alive = os.pipe()  # its writing end is open as long as this process is there

    def run(self, before_end: Callable[[], object] = lambda: None) -> int:
        """Start them, keep them running, end them.

        Args:
            before_end: called once when they are asked to end, before they are.

        Returns:
            0: they were asked to end and did. 1: they kept ending by themselves, or one had to be killed.
        """
        with self._signals() as hear:
            while not self._asked and not self._hopeless():
                self._fill()
                hear(self._patience())
                self._miss()
            hopeless = not self._asked
            before_end()
            return 0 if self._end(hear) and not hopeless else ENDED_BADLY

    def _fill(self) -> None:
        """Start those that are due."""
        for place in [place for place, when in self._due.items() if when <= self._clock()]:
            if not self._asked:
                self._start(place)

    def _patience(self) -> float:
        """Seconds until something is to be done, if no signal comes."""
        return max(0.0, min([HEARD_S, *(when - self._clock() for when in self._due.values())]))

    def _start(self, place: int) -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # closed from the start, full, closed since
                stream.flush()  # else each process would write it once more
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)  # what comes now is for one of the two, not lost
        try:
            process = os.fork()
        except OSError as error:
            self._refused(place, error)
        else:
            if process == 0:
                self._be_one(place, before)
            del self._due[place]
            self._running[process] = place, self._clock()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _refused(self, place: int, error: OSError) -> None:
        """The system starts no process: it counts as one that ended."""
        LOG.error("a process of the service cannot be started (%s); it is tried again", type(error).__name__)
        self._ended.append(self._clock())
        self._due[place] = self._clock() + REFUSED_S

    def _be_one(self, place: int, mask: Iterable[int]) -> NoReturn:
        """What a new process does; it never returns into what its parent was doing."""
        code, _Here.place = ENDED_BADLY, place
        try:
            signal.set_wakeup_fd(-1)
            for number in HEEDED:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(self._alive[1])
            threading.Thread(target=_end_with_parent, args=(self._alive[0],), daemon=True).start()
            self._work()
            code = 0
        except BaseException as fault:
            if isinstance(fault, SystemExit) and fault.code == 0:  # asked to end in the moment before its work began
                code = 0
            else:
                LOG.error("%s ends a process of the service", type(fault).__name__, exc_info=fault)
        finally:
            logging.shutdown()
            os._exit(code)

    def _miss(self) -> None:
        """Note whose place is to be taken: of those that ended by themselves."""
        for process, how in self._gone():
            place, begun = self._running.pop(process)
            if self._asked or self._too_often():
                continue
            now = self._clock()
            self._ended.append(now)
            self._due[place] = now + (PAUSE_S if now - begun < PAUSE_S else 0.0)
            LOG.error("process %d of the service ended by itself (%s); another one takes its place", process, how)

    def _gone(self) -> Iterator[tuple[int, str]]:
        for process in list(self._running):
            found, status = os.waitpid(process, os.WNOHANG)
            if found:
                yield process, _said(status)

    def _hopeless(self) -> bool:
        """Whether they ended too often: as often as is remembered, within the time."""
        if hopeless := self._too_often():
            LOG.error("processes of the service keep ending: it ends")
        return hopeless

    def _too_often(self) -> bool:
        full = len(self._ended) == self._ended.maxlen
        return full and self._clock() - self._ended[0] < WITHIN_S

    def _end(self, hear: Callable[[float], None]) -> bool:
        """Ask all to end, and kill those that do not; whether all ended as they were asked to."""
        until, well = self._clock() + self._end_s, True
        self._tell(signal.SIGTERM)
        while self._running and self._clock() < until:
            hear(min(HEARD_S, max(0.0, until - self._clock())))
            for process, how in self._gone():
                del self._running[process]
                well &= how in AS_ASKED
        return self._kill() and well

    def _kill(self) -> bool:
        """Kill those that are still there; whether there were none."""
        if not self._running:
            return True
        LOG.error("%d processes of the service did not end in time and are killed", len(self._running))
        self._tell(signal.SIGKILL)
        for process in self._running:
            os.waitpid(process, 0)
        return False

    def _tell(self, number: int) -> None:
        for process in self._running:
            os.kill(process, number)  # a child that ended and was not waited for is still there to be told

    @contextmanager
    def _signals(self) -> Iterator[Callable[[float], None]]:
        """Within the block requests to end are noted, and any signal ends a wait: a function of seconds."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        told = {number: signal.signal(number, self._note) for number in (*ASKS, signal.SIGCHLD)}
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

        def hear(seconds: float) -> None:
            if select.select([ours], [], [], seconds)[0]:
                ours.recv(4096)

        try:
            yield hear
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in told.items():
                signal.signal(number, handler)
            ours.close()
            theirs.close()
            for descriptor in self._alive:
                os.close(descriptor)

    def _note(self, number: int, _: object) -> None:
        self._asked |= number in ASKS


def _end_with_parent(alive: int) -> None:
    """Wait until the parent is gone: nobody writes there, so that reading ends with it."""
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _said(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"by signal {-code}" if code < 0 else f"with code {code}"


AS_ASKED: Final = ("with code 0", *(f"by signal {number}" for number in ASKS))  # by a signal: before it had begun
