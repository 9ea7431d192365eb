"""The database behind a store: SQLite below a folder, or PostgreSQL at a URL.

SQLite for one machine: the folder must be on a local disk (its locks are not safe on network
shares). PostgreSQL where several machines write. Either way a transaction is on disk as a whole when
it ends, and one writer appends at a time: the log has one tail.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, SQLAlchemyError

from ...engine.errors import BadValue, MissingExtra
from .errors import StoreUnavailable
from .layout import APPLICATION_ID, lay_out
from .tables import METADATA

FILE_NAME = "radlogic.sqlite3"
ANCHOR_NAME = "radlogic.anchor"
WAIT_S = 30.0  # how long a writer waits for the others
WRITERS_LOCK = APPLICATION_ID  # the key of the advisory lock in PostgreSQL
WRITES = {"radlogic_writes": True}
_PATIENCE: ContextVar[float | None] = ContextVar("radlogic_store_patience", default=None)


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """Within the block nobody waits longer than this for another's lock: ``StoreUnavailable`` comes sooner.

    For calls that somebody waits for; ``seconds`` > 0, by default ``WAIT_S``. It holds for the thread or task that
    says so.
    """
    before = _PATIENCE.set(seconds)
    try:
        yield
    finally:
        _PATIENCE.reset(before)


class Database:
    """Connections to one store. Both keep a pool; SQLite as long as its file is the same."""

    def __init__(self, place: str | Path, *, make: bool = True) -> None:
        """Open it; an empty one is laid out, one of an earlier version brought up to date.

        With ``make=False`` one that is not there is refused: a mistyped name makes no empty store.

        Raises:
            StoreUnavailable: it cannot be opened or made, or holds something else.
            MissingExtra: the driver of PostgreSQL is not installed. BadValue: a URL that is none of ours.
        """
        url = _url(str(place))
        self.name = f"the store ({FILE_NAME})" if url is None else f"the store ({url.host or 'local'}/{url.database})"
        self.default_anchor = Path(place).resolve() / ANCHOR_NAME if url is None else _state_folder(url)
        self.file = None if url is not None else _file_in(Path(place), make=make)
        self.engine = _postgresql(url) if url is not None else _sqlite(self.file or Path())
        weakref.finalize(self, self.engine.dispose)  # also where it is not closed, or what follows refuses
        with self.read() as connection:
            ready = lay_out(connection, only_look=True)
        if not ready and not make:
            raise self._unavailable("an empty database")
        if not ready:
            with self.write() as connection:
                lay_out(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One state of the whole database, for reading."""
        level = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        options = level if self.engine.dialect.name == "postgresql" else {}
        with self._errors(), self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction of the only writer: on disk as a whole when the block ends, undone if it raises."""
        with self._errors(), self.engine.connect().execution_options(**WRITES) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                if (patience := _PATIENCE.get()) is not None:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_ms(patience)}")
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITERS_LOCK})
            yield connection

    def check(self) -> None:
        """That it is a store of this version, whose tables can be read.

        Raises:
            StoreUnavailable: it is not.
        """
        with self.read() as connection:
            if not lay_out(connection, only_look=True):
                raise self._unavailable("a store that is not laid out, or not up to date")
            for table in METADATA.sorted_tables:
                connection.execute(select(*table.primary_key.columns).limit(1)).first()

    @property
    def identity(self) -> tuple[int, int]:
        """Which file it is: another one after the store was put back from a backup. (0, 0) of a server's."""
        return (0, 0) if self.file is None else _identity(self.file)

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What the database refuses, without the statement's values: they may be a patient's."""
        try:
            yield
        except DBAPIError as error:
            said = str(error.orig).splitlines()
            found = f"{type(error.orig).__name__}: {said[0] if said else ''}"
            raise self._unavailable(found) from None
        except SQLAlchemyError as error:
            raise self._unavailable(type(error).__name__) from None

    def _unavailable(self, found: str) -> StoreUnavailable:
        allowed = "a readable store and room on the disk"
        return StoreUnavailable(self.name, "", found, allowed, "Check the folder or the server, then try again.")


def _url(place: str) -> URL | None:
    """A PostgreSQL URL with our driver; None for a folder.

    Raises:
        BadValue: a URL of another kind. MissingExtra: the driver is not installed.
    """
    if "://" not in place:
        return None
    try:
        url = make_url(place)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() not in ("postgresql", "postgres"):
        allowed = "a folder, or postgresql://user@host/database"
        raise BadValue("the store", "", "a URL of another kind", allowed, "Correct it.") from None
    if find_spec("psycopg") is None:
        raise MissingExtra("the store", "", "no psycopg", "the extra postgres", "pip install 'radlogic[postgres]'")
    return url.set(drivername="postgresql+psycopg")


def _state_folder(url: URL) -> Path:
    """Where a PostgreSQL store's anchor lies if nothing is said: one for each server and database."""
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    place = f"{url.host}:{url.port}/{url.database}"
    return base / "radlogic" / f"{sha256(place.encode()).hexdigest()[:16]}.anchor"


def _file_in(folder: Path, *, make: bool) -> Path:
    """The SQLite file, made if need be, readable by its owner only.

    Raises:
        StoreUnavailable: it cannot be made.
    """
    path = folder.resolve() / FILE_NAME
    if not make and not path.is_file():
        cure = "Give the folder that `--store` named when decisions were kept."
        raise StoreUnavailable(f"the store ({FILE_NAME})", "", "no such file", "a store", cure)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
    except OSError as error:
        allowed, cure = "a folder that may be written", "Check the folder, then try again."
        raise StoreUnavailable(f"the store ({FILE_NAME})", "", type(error).__name__, allowed, cure) from error
    return path


def _sqlite(path: Path) -> Engine:
    name = f"sqlite:///{path.as_uri()}?mode=rw&uri=true"  # a file that is gone is not made anew
    engine = create_engine(
        name,
        poolclass=QueuePool,  # kept open: to open the file costs more than to read a patient's decisions
        pool_size=4,
        max_overflow=-1,  # a thread never waits for another's connection
        hide_parameters=True,
        connect_args={"timeout": WAIT_S, "isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _as_we_need_it)
    event.listen(engine, "connect", lambda _, record: record.info.update(file=_identity(path), wait_s=WAIT_S))
    event.listen(engine, "checkout", lambda _, record, __: _check_same(path, record))
    event.listen(engine, "begin", _begin)
    return engine


def _as_we_need_it(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten


def _identity(path: Path) -> tuple[int, int]:
    """Device and number of the file; nothing is the same as one that is gone."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _check_same(path: Path, record: Any) -> None:
    """A connection to a file that was moved, removed or put back from a backup is closed, and the file opened anew.

    Raises:
        DisconnectionError: it is such a one.
    """
    if record.info["file"] != _identity(path) or record.info["file"] == (0, 0):
        raise DisconnectionError


def _begin(connection: Connection) -> None:
    """Take the writer's lock first: waiting is then safe from deadlock."""
    wait = _PATIENCE.get() or WAIT_S
    if connection.info["wait_s"] != wait:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_ms(wait)}")
        connection.info["wait_s"] = wait
    writes = connection.get_execution_options().get("radlogic_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _ms(seconds: float) -> int:
    return max(int(seconds * 1000), 1)  # 0 would be for ever in PostgreSQL


def _postgresql(url: URL) -> Engine:
    wait = {"connect_timeout": int(WAIT_S), "options": f"-c lock_timeout={int(WAIT_S * 1000)} -c timezone=UTC"}
    return create_engine(url, pool_pre_ping=True, pool_size=10, hide_parameters=True, connect_args=wait)
