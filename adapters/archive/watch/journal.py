"""What the watch knows, on disk before it is acted on: one SQLite file in its folder.

* ``study``: what was seen of each study: its count, the set of its objects, and since when that set stands.
* ``job``: one for each set of objects that is to be assessed; ``step`` is the last step that is done and on disk.
* ``object``: what is to be stored in the archive.
* ``decided``: each decision that was to be kept of a study, noted before the store has it.
* ``report``: of each structured report that was looked into, whether radlogic wrote it.

Every change is one transaction, synced before it returns. A job's key is made of the study and of the set of objects,
so the same set is never assessed twice; an object's is its SOP Instance UID, so it is never stored twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from ...store.errors import StoreUnavailable
from ..basket import made
from ..errors import WatchRunning
from ..seam import Closing, InstanceEntry

_FIRST: Final = """
CREATE TABLE study (uid TEXT PRIMARY KEY, instances INTEGER, digest TEXT NOT NULL, since REAL NOT NULL,
                    listed REAL NOT NULL, settled INTEGER NOT NULL) STRICT;
CREATE TABLE job (key TEXT PRIMARY KEY, study TEXT NOT NULL, day TEXT, rule TEXT NOT NULL, listing TEXT NOT NULL,
                  as_of TEXT NOT NULL, step TEXT NOT NULL, begun INTEGER NOT NULL DEFAULT 0,
                  waits INTEGER NOT NULL DEFAULT 0, doubts INTEGER NOT NULL DEFAULT 0,
                  not_before REAL NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '',
                  decision TEXT NOT NULL DEFAULT '', number INTEGER NOT NULL) STRICT;
CREATE INDEX job_study ON job (study, number);
CREATE TABLE object (sop TEXT PRIMARY KEY, job TEXT NOT NULL REFERENCES job (key), file TEXT NOT NULL,
                     state TEXT NOT NULL, why TEXT NOT NULL DEFAULT '') STRICT;
"""
_SECOND: Final = """
CREATE TABLE decided (decision TEXT PRIMARY KEY, study TEXT NOT NULL, number INTEGER NOT NULL) STRICT;
CREATE TABLE report (sop TEXT PRIMARY KEY, own INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO decided SELECT decision, study, number FROM job WHERE decision <> '' ORDER BY number;
UPDATE job SET step = 'overtaken' WHERE step = 'aside' AND decision = ''
    AND EXISTS (SELECT 1 FROM job AS newer WHERE newer.study = job.study AND newer.number > job.number)
"""
_VERSIONS: Final = (_FIRST, _SECOND)  # what makes each version of the one before; an old journal goes on
_ADVANCE: Final = """
UPDATE job SET step = ?, begun = 0, waits = 0, doubts = 0, why = '',
               decision = coalesce(nullif(?, ''), decision) WHERE key = ?
"""


class Step(StrEnum):
    """The last step of a job that is done and on disk."""

    SEEN = "seen"
    FETCHED = "fetched"
    ASSESSED = "assessed"  # the decision is kept in the store
    WRITTEN = "written"  # the objects for the archive are made and listed
    DONE = "done"  # and are in the archive, read back
    ASIDE = "aside"  # it failed; ``why`` says for what reason
    OVERTAKEN = "overtaken"  # more objects arrived before it was assessed


ENDED: Final = (Step.DONE, Step.ASIDE, Step.OVERTAKEN)


@dataclass(frozen=True, slots=True)
class Seen:
    """A study as it was last looked into; ``settled``: this set has its job, or no rule wants it."""

    uid: str
    instances: int | None
    digest: str
    since: float
    listed: float
    settled: bool


@dataclass(frozen=True, slots=True)
class Job:
    """One set of objects of one study, to be assessed under one rule as of one day."""

    key: str
    study: str
    day: str  # the study's date, '' where it is not known
    rule: str
    listing: tuple[tuple[InstanceEntry, ...], ...]  # series by series; reports among them
    as_of: str
    step: Step
    begun: int
    waits: int
    doubts: int  # of the waits: those that may be the study's own fault
    not_before: float
    why: str
    decision: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An object for the archive; ``file`` is its name in the job's folder, ``queued``: it is still to be stored."""

    sop: str
    job: str
    file: str
    queued: bool


class Journal(Closing):
    """The journal in a folder that this process alone works on."""

    def __init__(self, folder: Path) -> None:
        """Open or make it.

        Raises:
            WatchRunning: another process has it, or it is of a later version.
        """
        self._lock = _locked(made(folder) / "lock")
        try:
            self._db = sqlite3.connect(folder / "journal.sqlite", isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except BaseException:
            self._lock.close()
            raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_VERSIONS):
            found, cure = "a journal of a later version", "Use the radlogic that made it, or a new folder."
            raise WatchRunning("settings", "watch.state", found, f"version {len(_VERSIONS)} or earlier", cure)
        for number, statements in enumerate(_VERSIONS[version:], version + 1):
            with self._change():
                for statement in statements.split(";\n"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {number}")

    def close(self) -> None:
        """Let another process have it."""
        self._db.close()
        self._lock.close()

    @contextmanager
    def _change(self) -> Iterator[None]:
        try:
            with self._transaction():
                yield
        except sqlite3.Error as error:
            found, cure = f"a journal that cannot be written ({type(error).__name__})", "Look at the disk."
            raise StoreUnavailable("settings", "watch.state", found, "a folder with room", cure) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # ---- studies -------------------------------------------------------------------------------

    def seen(self, study: str) -> Seen | None:
        """What was last seen of a study."""
        row = self._db.execute("SELECT * FROM study WHERE uid = ?", (study,)).fetchone()
        if row is None:
            return None
        uid, instances, digest, since, listed, settled = row
        return Seen(uid, instances, digest, since, listed, settled=bool(settled))

    def see(self, seen: Seen) -> None:
        """Note what is seen of a study."""
        with self._change():
            self._see(seen)

    def _see(self, s: Seen) -> None:
        values = (s.uid, s.instances, s.digest, s.since, s.listed, int(s.settled))
        self._db.execute("INSERT OR REPLACE INTO study VALUES (?, ?, ?, ?, ?, ?)", values)

    def open_job(self, seen: Seen, job: Job) -> bool:
        """Have a job for the set that is seen; False where there is one already. Jobs it overtakes end."""
        listing = json.dumps(
            [[(i.uid, i.series, i.study, i.kind, i.modality) for i in series] for series in job.listing]
        )
        values = (job.key, job.study, job.day, job.rule, listing, job.as_of, Step.SEEN)
        with self._change():
            self._see(seen)
            added = self._db.execute(
                "INSERT OR IGNORE INTO job (key, study, day, rule, listing, as_of, step, number) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(number), 0) + 1 FROM job))",
                values,
            ).rowcount
            if added:
                undecided = "step IN (?, ?) OR (step = ? AND decision = '')"
                older = f"UPDATE job SET step = ? WHERE study = ? AND key <> ? AND ({undecided})"  # noqa: S608
                steps = (Step.SEEN, Step.FETCHED, Step.ASIDE)
                self._db.execute(older, (Step.OVERTAKEN, job.study, job.key, *steps))
        return bool(added)

    # ---- jobs ----------------------------------------------------------------------------------

    def due(self, now: float) -> list[Job]:
        """The jobs that have something left to do and need not wait, oldest first."""
        where = f"step NOT IN ({','.join('?' * len(ENDED))}) AND not_before <= ? ORDER BY number"
        return self._jobs(where, (*ENDED, now))

    def job(self, key: str) -> Job:
        """One job."""
        return self._jobs("key = ?", (key,))[0]

    def needs_folder(self, key: str) -> bool:
        """Whether a job of that key may still need its folder."""
        return bool(self._jobs("key = ? AND step NOT IN (?, ?)", (key, Step.DONE, Step.OVERTAKEN)))

    def aside(self) -> list[Job]:
        """The jobs that failed, oldest first."""
        return self._jobs("step = ? ORDER BY number", (Step.ASIDE,))

    def waiting(self) -> int:
        """How many jobs have something left to do."""
        where = f"step NOT IN ({','.join('?' * len(ENDED))})"
        return int(self._db.execute(f"SELECT count(*) FROM job WHERE {where}", ENDED).fetchone()[0])  # noqa: S608  marks

    def deciding(self, job: Job, decision: str) -> None:
        """Note a decision that is about to be kept, so that it is known whenever the process dies."""
        with self._change():
            number = "(SELECT coalesce(max(number), 0) + 1 FROM decided)"
            values = (decision, job.study)
            self._db.execute(f"INSERT OR IGNORE INTO decided VALUES (?, ?, {number})", values)  # noqa: S608  constant

    def decisions_of(self, study: str) -> tuple[str, ...]:
        """The decisions that were to be kept of a study, newest first; the store may lack the newest."""
        query = "SELECT decision FROM decided WHERE study = ? ORDER BY number DESC"
        return tuple(str(row[0]) for row in self._db.execute(query, (study,)))

    def begin(self, job: Job) -> None:
        """Note that work on it begins: one that begins again and again and never ends kills its process."""
        with self._change():
            self._db.execute("UPDATE job SET begun = begun + 1 WHERE key = ?", (job.key,))

    def advance(self, job: Job, step: Step, *, decision: str = "", objects: Iterable[tuple[str, str]] = ()) -> None:
        """A step is done; with its objects (SOP Instance UID, file), where it makes any."""
        with self._change():
            for sop, file in objects:
                values = (sop, job.key, file, "queued")
                self._db.execute("INSERT INTO object (sop, job, file, state) VALUES (?, ?, ?, ?)", values)
            self._db.execute(_ADVANCE, (step, decision, job.key))

    def postpone(self, job: Job, why: str, until: float, *, doubt: bool = False) -> None:
        """It cannot go on just now; ``doubt``: that may be the study's own fault."""
        change = "begun = 0, waits = waits + 1, doubts = doubts + ?, why = ?, not_before = ?"
        with self._change():
            self._db.execute(f"UPDATE job SET {change} WHERE key = ?", (int(doubt), why, until, job.key))  # noqa: S608

    def resting(self, job: Job) -> None:
        """Work on it was ended between two steps."""
        with self._change():
            self._db.execute("UPDATE job SET begun = 0 WHERE key = ?", (job.key,))

    def put_aside(self, job: Job, why: str) -> None:
        """It failed, and why."""
        with self._change():
            self._db.execute("UPDATE job SET step = ?, begun = 0, why = ? WHERE key = ?", (Step.ASIDE, why, job.key))

    def again(self) -> int:
        """Give every job that failed another try, from what its folder still holds; how many there are."""
        reached = "CASE WHEN EXISTS (SELECT 1 FROM object WHERE job = key) THEN ? WHEN decision <> '' THEN ? ELSE ? END"
        change = f"UPDATE job SET step = {reached}, waits = 0, doubts = 0, not_before = 0, why = '' WHERE step = ?"  # noqa: S608
        with self._change():
            return self._db.execute(change, (Step.WRITTEN, Step.ASSESSED, Step.SEEN, Step.ASIDE)).rowcount

    def _jobs(self, where: str, values: tuple[Any, ...]) -> list[Job]:
        names = "key, study, day, rule, listing, as_of, step, begun, waits, doubts, not_before, why, decision"
        rows = self._db.execute(f"SELECT {names} FROM job WHERE {where}", values)  # noqa: S608  constant texts
        return [_job(*row) for row in rows.fetchall()]

    # ---- objects -------------------------------------------------------------------------------

    def outgoing(self, job: Job) -> list[Outgoing]:
        """A job's objects for the archive."""
        rows = self._db.execute("SELECT sop, job, file, state FROM object WHERE job = ? ORDER BY file", (job.key,))
        return [Outgoing(sop, key, file, state == "queued") for sop, key, file, state in rows]

    def told(self, decision: str) -> frozenset[str]:
        """The objects that were made of a decision, by any job."""
        query = "SELECT sop FROM object JOIN job ON key = job WHERE decision = ?"
        return frozenset(str(row[0]) for row in self._db.execute(query, (decision,)))

    def kept(self, sop: str) -> None:
        """An object is in the archive, read back."""
        self._object(sop, "kept")

    def withheld(self, sop: str) -> None:
        """An object is not to be stored any more."""
        self._object(sop, "withheld")

    def _object(self, sop: str, state: str) -> None:
        with self._change():
            self._db.execute("UPDATE object SET state = ? WHERE sop = ?", (state, sop))

    def is_own(self, sop: str) -> bool:
        """Whether an object is one of those that this watch made."""
        return self._db.execute("SELECT 1 FROM object WHERE sop = ?", (sop,)).fetchone() is not None

    # ---- reports -------------------------------------------------------------------------------

    def own_report(self, sop: str) -> bool | None:
        """Whether radlogic wrote a report, here or elsewhere; None where nobody has looked into it."""
        row = self._db.execute("SELECT own FROM report WHERE sop = ?", (sop,)).fetchone()
        return None if row is None else bool(row[0])

    def looked_into(self, sop: str, *, own: bool) -> None:
        """Note whether radlogic wrote a report."""
        with self._change():
            self._db.execute("INSERT OR REPLACE INTO report VALUES (?, ?)", (sop, int(own)))


def _job(key: str, study: str, day: str, rule: str, listing: str, as_of: str, step: str, *rest: Any) -> Job:
    entries = tuple(tuple(InstanceEntry(*one) for one in series) for series in json.loads(listing))
    return Job(key, study, day, rule, entries, as_of, Step(step), *rest)


def _locked(path: Path) -> Any:
    """The file, locked until it is closed or the process ends."""
    import fcntl

    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        cure = "Stop it, or give this one a folder of its own."
        raise WatchRunning("settings", "watch.state", "another watch at work on it", "one at a time", cure) from error
    return file
