"""Who an audit found overdue, as a store keeps it beside the record: the tables, and how a patient leaves them.

What stands there is made and read by the cards (``cds_hooks/overdue_list``). It is no part of the record and chained to
nothing; but it names patients, by a hash, so that who is erased from the record has to be erased from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import Column, Connection, Index, Integer, MetaData, Table, Text, delete, inspect, select

from .tables import SEQUENCE

METADATA = MetaData()
LIST = Table(
    "cds_overdue_list",
    METADATA,
    Column("list", SEQUENCE, primary_key=True, autoincrement=False),
    Column("system", Text, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("sha256", Text, nullable=False),  # of what it was made of
    Column("entries", Integer, nullable=False),
    Column("current", Integer, nullable=False),  # 1: it is shown; 0: it is being written, or was replaced
)
OVERDUE = Table(
    "cds_overdue",
    METADATA,
    Column("list", SEQUENCE, primary_key=True, autoincrement=False),
    Column("line", SEQUENCE, primary_key=True, autoincrement=False),  # its place in the worklist, the first is 1
    Column("patient", Text, nullable=False),
    Column("exam_date", Text, nullable=False),
    Column("guideline", Text, nullable=False),  # with its edition
    Column("category", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("due", Text, nullable=False),
)
Index("cds_overdue_of_patient", OVERDUE.c.patient)
PATIENT = "/Patient"  # how the system of a FHIR server's Patient.id ends


def name_of(system: str, value: str) -> str:
    """What stands for a patient: a hash of system and value. Of a FHIR server's patients ``value`` is the pseudonym
    (``fhir.pseudonym``), by which the record knows them too."""
    return hashlib.sha256(f"radlogic:{len(system)}:{system}|{value}".encode()).hexdigest()[:32]


def forget(connection: Connection, key: str | None, names: Iterable[str] = ()) -> int:
    """Remove a patient from all lists, those among them that are being written or were replaced; returns how many
    entries there were.

    ``key``: the pseudonym, under which lists of FHIR servers name them. ``names``: further names (``name_of``), since
    from a pseudonym nobody can tell the values of other identifiers.
    """
    if not inspect(connection).has_table(OVERDUE.name):
        return 0
    systems = connection.execute(select(LIST.c.system).distinct()).scalars().all()
    wanted = {name_of(system, key) for system in systems if key and system.endswith(PATIENT)} | set(names)
    if not wanted:
        return 0
    return int(connection.execute(delete(OVERDUE).where(OVERDUE.c.patient.in_(sorted(wanted)))).rowcount)
