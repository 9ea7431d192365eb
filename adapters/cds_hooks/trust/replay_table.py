"""Used tokens in a database, for several server processes and for restarts."""

from __future__ import annotations

from collections.abc import Callable

from anyio import CapacityLimiter, fail_after, to_thread
from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, Table, delete, func, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ...store.database import WRITES, waiting_at_most
from .errors import ReplaysUnknown
from .replay import digest

METADATA = MetaData()
USED = Table(
    "cds_used_token",
    METADATA,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("until", BigInteger, nullable=False, index=True),  # seconds since 1970
)
PROBE = bytes(32)  # no token's hash
TABLE_LOCK = 0x72616463  # the key of the advisory lock in PostgreSQL: "radc"
PLACES = 4  # threads of its own: while another has the store, nobody else's calls wait
TURN_S = 0.5  # for which a call waits for one of them, and then for the store
SWEEP_S = 60  # between two looks for tokens that are over


class InDatabase:
    """The primary key decides: of two processes that see one token at once, one may insert it.

    Args:
        engine: of a database that may be written; the table is made if it is not there.
        clock: seconds since 1970.

    Raises:
        ReplaysUnknown: the database cannot be written.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock, self._swept = engine, clock, clock()
        self._places = CapacityLimiter(PLACES)
        try:
            with engine.connect().execution_options(**WRITES) as db, db.begin():
                if db.dialect.name == "postgresql":  # two servers that start at once; SQLite's writer is alone anyway
                    db.execute(select(func.pg_advisory_xact_lock(TABLE_LOCK)))
                METADATA.create_all(db, checkfirst=True)
        except SQLAlchemyError as error:
            raise _unknown(error) from None

    async def first(self, issuer: str, jti: str, until: int) -> bool:
        """See ``Replays``."""
        try:
            with fail_after(TURN_S):  # until it has a place: what was begun there is ended
                return await to_thread.run_sync(self._insert, digest(issuer, jti), until, limiter=self._places)
        except TimeoutError as error:
            raise _unknown(error) from None

    def check(self) -> None:
        """See ``Replays``: a row is written, and taken back."""
        try:
            with waiting_at_most(TURN_S), self._engine.connect().execution_options(**WRITES) as db, db.begin() as begun:
                db.execute(delete(USED).where(USED.c.digest == PROBE))
                db.execute(insert(USED).values(digest=PROBE, until=0))
                begun.rollback()
        except SQLAlchemyError as error:
            raise _unknown(error) from None

    def _insert(self, key: bytes, until: int) -> bool:
        now = self._clock()
        try:
            with waiting_at_most(TURN_S), self._engine.connect().execution_options(**WRITES) as db, db.begin():
                if now - self._swept > SWEEP_S:
                    self._swept = now
                    db.execute(delete(USED).where(USED.c.until <= now))
                db.execute(insert(USED).values(digest=key, until=until))
        except IntegrityError:
            return False
        except SQLAlchemyError as error:
            raise _unknown(error) from None
        return True


def _unknown(error: Exception) -> ReplaysUnknown:
    allowed, cure = "a database that is up and may be written", "Check the database, then try again."
    return ReplaysUnknown("used tokens", "", f"a database that refuses ({type(error).__name__})", allowed, cure)
