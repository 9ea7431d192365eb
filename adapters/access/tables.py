"""Accounts, sessions and unfinished logins as tables. Times are whole seconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    func,
    select,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ..store.database import WRITES
from ..store.errors import StoreUnavailable

METADATA = MetaData()
TABLES_LOCK = 0x72616461  # the key of the advisory lock in PostgreSQL: "rada"

ACCOUNT = Table(
    "account",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(320), nullable=False, unique=True),
    Column("display", String(200), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("password_hash", String(255)),  # none: the account logs in by another system only
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)
IDENTITY = Table(  # who the account is to another system
    "account_identity",
    METADATA,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
)
SESSION = Table(
    "session",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),  # the cookie itself is nowhere on disk
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("launch", JSON(none_as_null=True)),
)
PENDING = Table(
    "pending_login",
    METADATA,
    Column("state_hash", String(64), primary_key=True),
    Column("browser_hash", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("issuer", String(255), nullable=False),
    Column("verifier", String(128), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("next", String(2000), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)


def create_tables(engine: Engine) -> None:
    """Make the tables that are not there yet; those that are, by migration or an earlier start, stay as they are.

    Raises:
        StoreUnavailable: the database does not let us.
    """
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":  # two servers that start at once; SQLite's writer is alone anyway
            connection.execute(select(func.pg_advisory_xact_lock(TABLES_LOCK)))
        METADATA.create_all(connection, checkfirst=True)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write: kept as a whole when the block ends, undone if it raises.

    On SQLite it takes the writer's lock first, as the store's do: one that read before it wrote could
    otherwise be refused half-way.

    Raises:
        StoreUnavailable: the database cannot be reached, read or written; its own words are withheld,
            since they quote names and hashes.
        IntegrityError: a unique name is taken; for the caller to say which.
    """
    with _guarded(), engine.connect().execution_options(**WRITES) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads.

    Raises:
        StoreUnavailable: as for ``writing``.
    """
    with _guarded(), engine.begin() as connection:
        yield connection


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        found, allowed = f"a database that refuses ({type(error).__name__})", "a database that is up and may be written"
        raise StoreUnavailable("the accounts", "", found, allowed, "Check the database, then try again.") from None
