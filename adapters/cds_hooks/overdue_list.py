"""Who an audit found overdue, kept in the store for the cards: one list for each way in which it names patients.

A patient is known by system and value, never by a value alone: an identifier's system, or the address of the FHIR
server whose ``Patient.id`` it is (``server_system``). Kept is a hash of both. A list takes the place of the one before
it in one step, once it is whole; given again it changes nothing. Not part of the record: it can be made anew from the
audit at any time, and is chained to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from itertools import islice

from sqlalchemy import Connection, delete, func, insert, inspect, select, update
from sqlalchemy.engine import RowMapping

from ...engine.errors import BadValue
from ..fhir.pseudonym import PATIENT_ID, patient_key
from ..store.database import Database
from ..store.overdue import LIST, METADATA, OVERDUE, PATIENT, name_of
from .trust.urls import canonical

AT_ONCE = 2000  # rows of one transaction: nobody waits long for the writers' lock


@dataclass(frozen=True, slots=True)
class Overdue:
    """One entry. ``line``: its place in the worklist, whom the guideline wanted soonest first. ``as_of``: the audit's
    day. ``guideline``: with its edition; ``due``: the last day of the interval."""

    line: int
    exam_date: date
    guideline: str
    category: str
    measure: str
    due: date
    as_of: date


def server_system(base: str) -> str:
    """The system of a FHIR server's ``Patient.id``.

    Raises:
        ValueError: no address.

    >>> server_system("https://EHR.example/fhir/")
    'https://ehr.example/fhir/Patient'
    """
    return canonical(base) + PATIENT


def patient_name(system: str, value: str) -> str:
    """What stands for a patient in the store: a hash of system and value, or of system and pseudonym where that is
    a FHIR server's, so that who is erased from the record by pseudonym is found here."""
    by_server = system.endswith(PATIENT) and re.fullmatch(PATIENT_ID, value)
    return name_of(system, patient_key(value) if by_server else value)


def keep(
    database: Database, system: str, as_of: date, sha256: str, entries: Iterable[tuple[str, Overdue]]
) -> int | None:
    """Keep a list in the place of the one before it of this system; returns its number of entries.

    ``entries``: (value of the patient's identifier, entry) in the order of the worklist; ``sha256``: of what they come
    from. None: this list is there already. Cut short, it leaves the list before it in place.

    Raises:
        StoreUnavailable: the store cannot be written. BadValue: a list of a later day is kept.
    """
    number = _begun(database, system, as_of, sha256)
    if number is None:
        return None
    many = _written(database, number, system, entries)
    with database.write() as connection:
        mine = (LIST.c.system == system) & (LIST.c.list <= number)
        later = (LIST.c.system == system) & (LIST.c.list > number) & (LIST.c.current == 1)
        if connection.execute(select(LIST.c.list).where(later)).first() is None:
            connection.execute(update(LIST).where(mine).values(current=0))
            connection.execute(update(LIST).where(LIST.c.list == number).values(current=1, entries=many))
    _swept(database, system, number)
    return many


def _begun(database: Database, system: str, as_of: date, sha256: str) -> int | None:
    """The number of a list that is not shown yet; None where the same one is shown."""
    day = as_of.isoformat()
    with database.write() as connection:
        METADATA.create_all(connection, checkfirst=True)
        before = connection.execute(select(LIST).where(LIST.c.system == system, LIST.c.current == 1)).mappings().first()
        if before is not None and before["as_of"] > day:
            allowed = f"{before['as_of']} or later, the day of the list that is kept"
            raise BadValue("the worklist", "as_of", day, allowed, "Audit as of a later day.")
        if before is not None and (before["as_of"], before["sha256"]) == (day, sha256):
            return None
        number = 1 + int(connection.execute(select(func.max(LIST.c.list))).scalar() or 0)
        row = {"list": number, "system": system, "as_of": day, "sha256": sha256, "entries": 0, "current": 0}
        connection.execute(insert(LIST).values(row))
    return number


def _written(database: Database, number: int, system: str, entries: Iterable[tuple[str, Overdue]]) -> int:
    left, many = iter(entries), 0
    while part := list(islice(left, AT_ONCE)):
        rows = [
            {"list": number, "line": one.line, "patient": patient_name(system, value),
             "exam_date": one.exam_date.isoformat(), "guideline": one.guideline, "category": one.category,
             "measure": one.measure, "due": one.due.isoformat()}
            for value, one in part
        ]  # fmt: skip
        with database.write() as connection:
            connection.execute(insert(OVERDUE), rows)
        many += len(rows)
    return many


def _swept(database: Database, system: str, number: int) -> None:
    """Remove the lists of a system up to this one that are not shown: replaced ones, and such as were cut short.

    In small parts, each a transaction: calls that write wait for each other.
    """
    with database.read() as connection:
        stale = (LIST.c.system == system) & (LIST.c.list <= number) & (LIST.c.current == 0)
        gone = [row.list for row in connection.execute(select(LIST.c.list).where(stale))]
    for one in gone:
        while _some_gone(database, one):
            continue
        with database.write() as connection:
            connection.execute(delete(LIST).where(LIST.c.list == one))


def _some_gone(database: Database, number: int) -> int:
    """Remove some entries of a list; returns how many."""
    mine = OVERDUE.c.list == number
    with database.write() as connection:
        some = select(OVERDUE.c.line).where(mine).order_by(OVERDUE.c.line).limit(AT_ONCE)
        lines = connection.execute(some).scalars().all()
        if lines:
            connection.execute(delete(OVERDUE).where(mine, OVERDUE.c.line <= lines[-1]))
    return len(lines)


def of_patient(connection: Connection, names: Collection[str]) -> tuple[Overdue, ...]:
    """The entries of the patient with one of these names, in the order of the worklist; none where no list is kept."""
    if not names or not _is_kept(connection):
        return ()
    mine = OVERDUE.c.patient.in_(list(names)) & (LIST.c.current == 1)
    query = select(OVERDUE, LIST.c.as_of).join(LIST, LIST.c.list == OVERDUE.c.list).where(mine)
    found = [_entry(row) for row in connection.execute(query.order_by(OVERDUE.c.line, OVERDUE.c.list)).mappings()]
    return tuple(dict.fromkeys(found))


def _is_kept(connection: Connection) -> bool:
    """Whether there is any list: asked at each call, of SQLite by the one statement that it takes."""
    if connection.dialect.name != "sqlite":
        return inspect(connection).has_table(OVERDUE.name)
    named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.exec_driver_sql(named, (OVERDUE.name,)).first() is not None


def _entry(row: RowMapping) -> Overdue:
    days = {name: date.fromisoformat(row[name]) for name in ("exam_date", "due", "as_of")}
    return Overdue(
        line=row["line"], guideline=row["guideline"], category=row["category"], measure=row["measure"], **days
    )
