"""The tables that follow from the log, held against what the log says they must hold; and the log's triggers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, StaticPool, Table, create_engine, select, text

from .journal import stream
from .layout import lay_out
from .states import Standing
from .tables import DECISION, PATIENT, REVISION, WAITING
from .worklist import as_columns

Wrong = tuple[str, str, str]  # table, row, what
SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name NOT LIKE 'sqlite_%'"
POSTGRESQL = """SELECT tgname, tgenabled::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal AND relname IN ('entry', 'revision', 'sealed')
    AND relnamespace = current_schema()::regnamespace"""
ON = ("O", "A")  # fires for everybody but a replica, or always
IN_POSTGRESQL = (
    *("entry_append_only", "revision_append_only", "sealed_no_update", "sealed_no_delete"),
    *("entry_no_truncate", "revision_no_truncate", "sealed_no_truncate"),
)


@dataclass
class Kept:
    """What must be there after the last entry. Of ``doubtful`` decisions and ``unsure`` patients nothing is known:

    an entry or a sealed row of theirs is damaged, which is a finding of its own.
    """

    standing: Standing = field(default_factory=Standing)
    manifests: dict[str, int] = field(default_factory=dict)  # sha256 -> the first entry that names it
    doubtful: set[str | None] = field(default_factory=set)
    unsure: set[str | None] = field(default_factory=set)


def check_tables(connection: Connection, kept: Kept) -> Iterator[Wrong]:
    """Every row that is not as it must be: changed, missing or added."""
    doubtful, unsure = {d for d in kept.doubtful if d}, {p for p in kept.unsure if p}
    yield from _compared(connection, DECISION, {i: as_columns(r) for i, r in kept.standing.rows.items()}, doubtful)
    yield from _compared(connection, WAITING, {i: as_columns(w) for i, w in kept.standing.waits.items()}, doubtful)
    patients = {token: {"token": token, "key": key} for token, key in kept.standing.patients.items()}
    yield from _compared(connection, PATIENT, patients, unsure)
    yield from _revisions(connection, kept.manifests)


def _compared(
    connection: Connection, table: Table, expected: Mapping[str, Mapping[str, Any]], spared: set[str]
) -> Iterator[Wrong]:
    seen = set(spared)
    for found in stream(connection, select(table)):
        key = str(found[next(iter(table.primary_key)).name])
        if key in spared:
            continue
        seen.add(key)
        if key not in expected:
            yield table.name, key, "was added"
        elif dict(found) != expected[key]:
            yield table.name, key, "was changed"
    yield from ((table.name, key, "is missing") for key in expected.keys() - seen)


def _revisions(connection: Connection, manifests: Mapping[str, int]) -> Iterator[Wrong]:
    """Each content under its hash, all that a manifest names, and nothing else."""
    there: set[str] = set()
    named = set(manifests)
    for found in stream(connection, select(REVISION)):
        sha, content = found["sha256"], found["content"]
        there.add(sha)
        if hashlib.sha256(content).hexdigest() != sha:
            yield REVISION.name, sha, "was changed"
        elif sha in manifests:
            named |= set(json.loads(content)["files"].values())
    yield from ((REVISION.name, sha, "is missing") for sha in named - there)
    yield from ((REVISION.name, sha, "was added") for sha in there - named)


def check_triggers(connection: Connection) -> Iterator[Wrong]:
    """The triggers that keep the log append-only: each there and on; in SQLite also as the program makes it.

    Whoever takes them away and puts them back is not found: they keep mistakes out, the chain finds the rest.
    """
    if connection.dialect.name == "postgresql":
        on = {name for name, state in connection.execute(text(POSTGRESQL)) if state in ON}
        yield from (("trigger", name, "is missing or switched off") for name in IN_POSTGRESQL if name not in on)
        return
    there = _triggers(connection)
    for name, does in _as_made().items():
        if there.get(name) != does:
            yield "trigger", name, "was changed" if name in there else "is missing"


def _triggers(connection: Connection) -> dict[str, str]:
    return {str(name): str(does) for name, does in connection.execute(text(SQLITE))}


@cache
def _as_made() -> dict[str, str]:
    """Those of an empty store, laid out in memory."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        lay_out(connection)
        made = _triggers(connection)
    engine.dispose()
    return made
