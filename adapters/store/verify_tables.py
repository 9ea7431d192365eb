"""The tables that follow from the log, held against what the log says they must hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, select

from .journal import stream
from .states import Standing
from .tables import DECISION, PATIENT, REVISION, WAITING
from .worklist import as_columns

Wrong = tuple[str, str, str]  # table, row, what


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
