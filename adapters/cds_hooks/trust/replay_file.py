"""Used tokens in a file of their own, for several server processes of one machine and for restarts.

SQLite with a write-ahead log: what was inserted is seen by every process at once and is there after the process was
killed, without a wait for the disk; only where the machine itself lost power the last seconds may be forgotten. Beside
the store and not in it, so that tokens never wait for what is written there, nor the other way round.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from anyio import CapacityLimiter, fail_after, to_thread

from .errors import ReplaysUnknown
from .replay import KEPT, digest

LOG = logging.getLogger("radlogic.cds.trust")
FILE_NAME = "radlogic-tokens.sqlite3"
TABLE = (
    "CREATE TABLE IF NOT EXISTS cds_used_token"
    " (digest BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID"  # seconds since 1970
)
INSERT = "INSERT INTO cds_used_token (digest, until) VALUES (?, ?) ON CONFLICT DO NOTHING"
OVER = "DELETE FROM cds_used_token WHERE until <= ?"
FORGET = "DELETE FROM cds_used_token WHERE digest = ?"
PROBE = bytes(KEPT)  # no token's hash
SHORTER = "PRAGMA wal_checkpoint(PASSIVE)"  # what is in the log goes into the file, and the log begins anew
SWEEP_S = 60  # between two looks for tokens that are over
TIDY = 2000  # tokens of one process, after which it writes the log back into the file, in a thread
TURN_S = 0.5  # for which a call waits for a place where another process has the file just now, and then for the file
PLACES = 4  # threads that may wait so
LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class InFile:
    """The primary key decides: of two processes that see one token at once, one may insert it.

    An insertion is a matter of microseconds and made where it is asked for; only who finds the file locked waits in a
    thread. Each process opens the file for itself, when it first needs it.

    Args:
        path: the file, made if it is not there, for its owner only; its folder is there, on a local disk.
        clock: seconds since 1970.

    Raises:
        ReplaysUnknown: the file cannot be written.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path, self._clock, self._swept = path, clock, clock()
        self._mine: tuple[tuple[int, ...], sqlite3.Connection] | None = None  # and who opened which file
        self._inserted, self._places, self._tidier = 0, CapacityLimiter(PLACES), CapacityLimiter(1)
        with _told():
            path.touch(mode=0o600)
        with _told(), closing(self._opened(TURN_S)) as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute(TABLE)

    async def first(self, issuer: str, jti: str, until: int) -> bool:
        """See ``Replays``."""
        key = digest(issuer, jti)[:KEPT]
        with _told():
            try:
                new = _insert(self._file(), key, until)
            except sqlite3.OperationalError as error:
                if not _is_locked(error):
                    raise
                with fail_after(TURN_S):  # until it has a place: what was begun there is ended
                    new = await to_thread.run_sync(self._waiting, key, until, limiter=self._places)
        await self._tidied()
        return new

    def check(self) -> None:
        """See ``Replays``: a row is written and removed, both for good, for a disk that is full shows only then."""
        with _told(), closing(self._opened(TURN_S)) as file:
            _insert(file, PROBE, 0)
            file.execute(FORGET, (PROBE,))
            file.execute(SHORTER)

    def _waiting(self, key: bytes, until: int) -> bool:
        with closing(self._opened(TURN_S)) as file:
            return _insert(file, key, until)

    async def _tidied(self) -> None:
        """Now and then, forget tokens that are over, and keep the log short; who comes meanwhile goes on."""
        self._inserted += 1
        now = self._clock()
        if self._tidier.borrowed_tokens or (now - self._swept <= SWEEP_S and self._inserted < TIDY):
            return
        self._swept, self._inserted = now, 0
        await to_thread.run_sync(self._tidy, now, limiter=self._tidier)

    def _tidy(self, now: float) -> None:
        try:
            with closing(self._opened(TURN_S)) as file:
                file.execute(OVER, (now,))
                file.execute(SHORTER)
        except (sqlite3.Error, OSError) as error:  # the call is none the worse for it
            if not (isinstance(error, sqlite3.Error) and _is_locked(error)):  # else the next time will do
                LOG.error("used tokens that are over could not be forgotten (%s)", type(error).__name__)

    def _file(self) -> sqlite3.Connection:
        """This process's connection to the file that lies there now: one from before a fork is another's, and of one
        that was moved away other processes know nothing."""
        found = self._path.stat()
        which = (os.getpid(), found.st_dev, found.st_ino)
        if self._mine is None or self._mine[0] != which:
            self._mine = (which, self._opened(0.0))
        return self._mine[1]

    def _opened(self, wait_s: float) -> sqlite3.Connection:
        name = f"{self._path.resolve().as_uri()}?mode=rw"  # one that is gone is not made anew
        file = sqlite3.connect(name, timeout=wait_s, isolation_level=None, check_same_thread=False, uri=True)
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute("PRAGMA wal_autocheckpoint = 0")  # it waits for the disk: ``_tidy`` does it
        return file


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in LOCKED  # the rest says more about it; Python's own have none


def _insert(file: sqlite3.Connection, key: bytes, until: int) -> bool:
    return file.execute(INSERT, (key, until)).rowcount == 1


@contextmanager
def _told() -> Iterator[None]:
    """What the file refuses, as ``ReplaysUnknown``."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        allowed, cure = "a file that may be written", "Check the store's folder and its disk, then try again."
        found = f"a file that refuses ({type(error).__name__})"
        raise ReplaysUnknown("used tokens", "", found, allowed, cure) from None
