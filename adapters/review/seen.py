"""Who has committed findings of their own: of a decision, or of one that it took the place of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from ..store.cases import Kind, Row, Store
from ..store.tables import DECISION, ENTRY

AT_ONCE = 500


def read_by(store: Store, rows: Iterable[Row], actor: str) -> frozenset[str]:
    """Those of the decisions of which that person committed a reading, in it or in one that it supersedes."""
    wanted = [row.decision_id for row in rows]
    with store.journal.reading() as connection:
        earlier = _earlier(connection, wanted)
        mine = (ENTRY.c.kind == Kind.READ.value) & (ENTRY.c.actor == actor)
        read: set[str] = set()
        for ids in _parts(list(earlier)):
            read |= set(connection.execute(select(ENTRY.c.decision).where(mine, ENTRY.c.decision.in_(ids))).scalars())
    return frozenset(name for name in wanted if _chain(name, earlier) & read)


def _earlier(connection: Connection, wanted: list[str]) -> dict[str, str | None]:
    """Each of the decisions, and all before them, with the one that it took the place of."""
    known: dict[str, str | None] = {}
    while fresh := [name for name in dict.fromkeys(wanted) if name not in known]:
        known |= dict.fromkeys(fresh)
        for ids in _parts(fresh):
            query = select(DECISION.c.decision_id, DECISION.c.supersedes).where(DECISION.c.decision_id.in_(ids))
            known |= {row.decision_id: row.supersedes for row in connection.execute(query)}
        wanted = [before for name in fresh if (before := known[name]) is not None]
    return known


def _chain(name: str, earlier: Mapping[str, str | None]) -> set[str]:
    """The decision and all before it; a correction taken back leads to where it began, once."""
    found: set[str] = set()
    step: str | None = name
    while step is not None and step not in found:
        found.add(step)
        step = earlier.get(step)
    return found


def _parts(ids: list[str]) -> Iterable[list[str]]:
    return (ids[i : i + AT_ONCE] for i in range(0, len(ids), AT_ONCE))
