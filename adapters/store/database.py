"""One SQLite file below a folder: how it is opened, written and read.

SQLite from the standard library, because it already does what several processes appending to one
store need: all or nothing, on disk before the call returns, one writer at a time, a unique name per
decision, an index by patient. Plain files would need our own locks, temporary names and syncing for
each of these. The folder must be on a local disk (SQLite's locks are not safe on network shares).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .errors import StoreUnavailable

FILE_NAME = "radlogic.sqlite3"
APPLICATION_ID = 0x7261646C  # "radl": tells this file from any other SQLite database
SCHEMA_VERSION = 1
WAIT_S = 30.0  # how long a writer waits for the others

# decision: what was decided, never changed. patient_key is a pseudonym; exam_date '' where unknown.
# review: what waits, in order of arrival; a row that is done stays, so that nothing is forgotten.
SCHEMA = (
    "CREATE TABLE decision (decision_id TEXT PRIMARY KEY, patient_key TEXT NOT NULL, exam_date TEXT NOT NULL,"
    " content TEXT NOT NULL)",
    "CREATE INDEX decision_of_patient ON decision (patient_key, exam_date, decision_id)",
    "CREATE TRIGGER decision_is_not_changed BEFORE UPDATE ON decision"
    " BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END",
    "CREATE TRIGGER decision_is_not_removed BEFORE DELETE ON decision"
    " BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END",
    "CREATE TABLE review (arrival INTEGER PRIMARY KEY AUTOINCREMENT, decision_id TEXT NOT NULL,"
    " priority TEXT NOT NULL, reasons TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0)",
    "CREATE UNIQUE INDEX review_waits_once ON review (decision_id) WHERE NOT done",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


class Database:
    """The file, opened anew for each call: safe to use from any thread and after a fork."""

    def __init__(self, folder: Path) -> None:
        """Make the folder and the file if need be, readable by their owner only.

        Raises:
            StoreUnavailable: they cannot be made, or the file is no store of this version.
        """
        self._path = folder.resolve() / FILE_NAME
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._path.exists():
                self._path.touch(mode=0o600)
        except OSError as error:
            raise _unavailable(type(error).__name__, "a folder that may be written") from error
        with self.read() as db:
            if _marks(db) == (APPLICATION_ID, SCHEMA_VERSION):
                return
        with self.write() as db:
            _lay_out(db)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading."""
        with self._open() as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: on disk as a whole when the block ends, undone if it raises."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")  # take the writer's lock first: waiting is then safe from deadlock
            yield db
            db.execute("COMMIT")  # not reached where the block raises: closing undoes it

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            name = f"{self._path.as_uri()}?mode=rw"  # a file that is gone is not made anew
            with closing(sqlite3.connect(name, uri=True, timeout=WAIT_S, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = FULL")
                yield db
        except sqlite3.Error as error:
            raise _unavailable(f"{type(error).__name__}: {error}", "a readable store and room on the disk") from error


def _marks(db: sqlite3.Connection) -> tuple[int, int]:
    application, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    return application, version


def _lay_out(db: sqlite3.Connection) -> None:
    """Make the tables in an empty file; another process may have been faster."""
    marks, empty = _marks(db), not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if marks == (0, 0) and empty:
        for statement in SCHEMA:
            db.execute(statement)
    elif marks != (APPLICATION_ID, SCHEMA_VERSION):
        raise _unavailable("a database of another program or version", f"a store of version {SCHEMA_VERSION}")


def _unavailable(found: str, allowed: str) -> StoreUnavailable:
    return StoreUnavailable(f"the store ({FILE_NAME})", "", found, allowed, "Check the folder, then try again.")
