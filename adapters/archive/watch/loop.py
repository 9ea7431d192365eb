"""Look, work, wait, until told to stop. One study that fails is put aside with the reason; the others go on."""

from __future__ import annotations

import shutil
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from ....engine.errors import InputError, RadlogicError, SetupError
from ..errors import BadAnswer, CutShort, NotInArchive
from .journal import ENDED, Job, Step
from .looking import Look
from .saying import Say, say
from .work import Bench, Work

MOST_BEGUN: Final = 5  # times that work may begin without ending: it kills the process, or somebody does
PERHAPS_THE_STUDY: Final = (BadAnswer, CutShort, NotInArchive)  # may pass, or may be the study's own fault
FIRST_WAIT_S: Final = 15.0


@dataclass(slots=True)
class Watch:
    """The watch over one archive. ``stop`` ends it between two steps."""

    bench: Bench
    say: Say = say
    clock: Callable[[], float] = time.time  # of the wall: it is kept between runs
    today: Callable[[], date] = date.today
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> bool:
        """Look and work until stopped; an archive that is away is looked for again. True, for it ends as it should."""
        while not self.stop.is_set():
            self.once()
            self.stop.wait(self.bench.settings.every_s)
        self.say("stopped")
        return True

    def once(self) -> bool:
        """One look, and all the work that is due; whether the archive could be looked at."""
        looked = self._look()
        self._sweep()
        for job in self.bench.journal.due(self.clock()):
            if self.stop.is_set():
                break
            self._all_of(job)
        return looked

    def _look(self) -> bool:
        b = self.bench
        look = Look(b.settings, b.journal, b.source, b.gather, self.say, self.clock, self.today)
        try:
            look.all()
        except (SetupError, InputError) as error:
            self.say("archive not looked at", kind=type(error).__name__, why=str(error))
            return False
        return True

    def _sweep(self) -> None:
        """Take away folders of jobs that were overtaken, or that ended in the moment in which the process died."""
        for folder in (self.bench.settings.state / "work").glob("*"):
            if not self.bench.journal.needs_folder(folder.name):
                shutil.rmtree(folder, ignore_errors=True)

    def _all_of(self, job: Job) -> None:
        """Every step of one job; whatever goes wrong within is written down and ends here."""
        journal = self.bench.journal
        if job.begun >= MOST_BEGUN:
            self._aside(job, f"work on it began {job.begun} times and never ended: the process died within it")
            return
        journal.begin(job)
        work = Work(self.bench, job)
        try:
            while work.job.step not in ENDED and not self.stop.is_set():
                work.step()
                self.say("step done", job=job.key, step=work.job.step.value, **work.facts())
        except PERHAPS_THE_STUDY as error:
            self._wait_or_aside(work.job, error)
        except SetupError as error:
            self._wait(work.job, f"{type(error).__name__}: {error}")
        except OSError as error:  # the disk: not the study's fault
            self._wait(work.job, error.strerror or "a disk that fails")
        except InputError as error:
            self._aside(work.job, f"{type(error).__name__}: {error}")
        except Exception as error:  # a fault of the program must not stop the other studies; it is said and kept
            self._aside(work.job, f"a fault of radlogic: {type(error).__name__} at {_place(error)}")
        else:
            if work.job.step not in ENDED:
                journal.resting(work.job)  # stopped between two steps: it goes on at once when started again

    def _wait_or_aside(self, job: Job, error: RadlogicError) -> None:
        if job.doubts + 1 >= self.bench.settings.tries:
            self._aside(job, f"{job.doubts + 1} tries, the last: {type(error).__name__}: {error}")
        else:
            self._wait(job, f"{type(error).__name__}: {error}", doubt=True)

    def _wait(self, job: Job, why: str, *, doubt: bool = False) -> None:
        """Ever longer, up to the settings' limit; without limit of tries, for the archive may be away for days."""
        wait = min(self.bench.settings.longest_wait_s, FIRST_WAIT_S * 2.0 ** min(job.waits, 20))
        self.bench.journal.postpone(job, why, self.clock() + wait, doubt=doubt)
        self.say("study waits", job=job.key, step=job.step.value, seconds=int(wait), why=why)

    def _aside(self, job: Job, why: str) -> None:
        self.bench.journal.put_aside(job, why)
        if job.step in (Step.SEEN, Step.FETCHED):
            Work(self.bench, job).clear()  # its images can be fetched again
        self.say("study put aside", job=job.key, step=job.step.value, why=why)


def _place(error: Exception) -> str:
    """Module and line where it was raised; its text may quote a header, and is not said."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name}, line {last.lineno}"
