"""The secret by which a store's cards are known: one for each store, kept in it, so that all its processes share it.

It seals the names of cards (``naming``), and nothing else: feedback is heeded only on cards that a process of this
store has shown. Made by the first process that asks; it travels with the store's backups.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, insert, inspect, select

from ..store.database import Database

METADATA = MetaData()
KEY = Table(
    "cds_card_key",
    METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),  # always 1: there is one key
    Column("secret", LargeBinary(32), nullable=False),
)
BYTES = 32
NO_STORE = b""  # of a service that keeps no feedback: its cards need no seal


def card_key(database: Database) -> bytes:
    """The store's key, made where there is none yet.

    Raises:
        StoreUnavailable: the store cannot be read, or there is no key and none can be kept.
    """
    with database.read() as connection:
        found = _kept(connection)
    return found or _made(database)


def _kept(connection: Connection) -> bytes | None:
    if not inspect(connection).has_table(KEY.name):
        return None
    found = connection.execute(select(KEY.c.secret)).scalar()
    return None if found is None else bytes(found)


def _made(database: Database) -> bytes:
    """Under the writers' lock: of two processes that begin at once, one makes it."""
    with database.write() as connection:
        METADATA.create_all(connection, checkfirst=True)
        found = _kept(connection)
        if found is None:
            found = secrets.token_bytes(BYTES)
            connection.execute(insert(KEY).values(one=1, secret=found))
        return found
