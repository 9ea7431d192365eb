"""The log of everything that happened: appended to, anchored, read.

``writing()`` is the one way in. Under the writers' lock it reads the head, chains new entries to it,
brings the tables that follow up to date, commits, and anchors the new head. Only then does the
caller go on: what was acknowledged is on disk, chained and anchored.

Entries that it finds beyond the anchor were left by a writer that died, or were appended behind the
program's back. Nobody can tell which, so that they never become like others: an entry of its own
says which they are (``UNANCHORED``), before anything after them is anchored.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MappingResult, Select, delete, insert, select
from sqlalchemy.engine import RowMapping

from ...engine.errors import BadValue, NotReadable
from .anchor import START, Anchor, Mark
from .chain import Entry, Line, compact, moment, of_moment
from .database import Database
from .errors import AnchorAhead, NotAnchored, StoreUnavailable
from .overdue import forget
from .sealing import put_back, sealed, take_out
from .states import Kind, Row
from .tables import ENTRY, PATIENT, SEALED
from .worklist import find_row, follow

LONGEST_NAME = 200
UNANCHORED = "unanchored"  # the action of the entry that tells of entries beyond the anchor
ITSELF = "radlogic"  # who says so
AT_ONCE = 500  # rows fetched from the log at a time


class Journal:
    """The log of one store, with its anchor."""

    def __init__(self, database: Database, anchor: Anchor) -> None:
        self.database, self.anchor = database, anchor

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """The only writer, for the length of the block; all of it is kept, or nothing.

        Raises:
            StoreUnavailable: it could not be kept. NotAnchored: it was kept and could not be anchored.
            AnchorAhead: entries that the anchor knows are gone.
        """
        with ExitStack() as held:
            with self.database.write() as connection:
                held.enter_context(self.anchor.alone())  # until it is anchored: marks stand in the log's order
                writing = Writing(connection)
                self._tell_of_unanchored(writing)
                yield writing
            if writing.added:
                self._put(writing.added)

    def _tell_of_unanchored(self, writing: Writing) -> None:
        known, head = self.anchor.head() or START, writing.head
        if known == head:
            return
        if known != START and line_at(writing.connection, known.sequence) != known:
            raise _ahead(known, head)
        details = {"first": known.sequence + 1, "last": head.sequence}
        writing.add(Kind.AUDIT, datetime.now(UTC), ITSELF, {"action": UNANCHORED, "details": details})

    def _put(self, marks: list[Mark]) -> None:
        try:
            self.anchor.put(marks)
        except StoreUnavailable as error:
            found, allowed = f"{error.found}: what was done may have been kept", "an anchor that can be appended to"
            cure = "Look whether it was kept before you do it again; make room for the anchor."
            raise NotAnchored(error.where, "", found, allowed, cure) from error

    def reading(self) -> AbstractContextManager[Connection]:
        """One state of the whole store, for reading."""
        return self.database.read()

    def close(self) -> None:
        """Give back the connections."""
        self.database.close()


class Writing:
    """A transaction of the only writer: appends entries, and keeps what follows from them up to date."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.head = head_of(connection)
        self.added: list[Mark] = []

    def add(
        self,
        kind: Kind,
        at: datetime,
        actor: str,
        body: Mapping[str, Any],
        decision_id: str | None = None,
        patient: str | None = None,
    ) -> Entry:
        """Append one entry. Where it is about a patient, what could name them is sealed apart.

        Raises:
            BadValue: no actor, a time without its zone, or a body that JSON cannot hold.
        """
        named(actor, "actor")
        if decision_id is not None:
            named(decision_id, "decision_id")
        kept, content = take_out(body) if patient else (dict(body), {})
        apart = sealed(content)
        seal = apart.seal if apart else None
        sequence, when, text = self.head.sequence + 1, moment(at), compact(kept, kind.value)
        before = self.head.hash
        line = Line(sequence, when, actor, kind.value, decision_id, patient, text, seal, before).sealed()
        self.connection.execute(insert(ENTRY), asdict(line))
        if apart and patient:
            row = {"sequence": sequence, "patient": patient, "salt": apart.salt, "content": apart.content}
            self.connection.execute(insert(SEALED), row)
        self.head = Mark(sequence, line.hash)
        self.added.append(self.head)
        follow(self.connection, _entry(line, kept))  # as the log has it: so it can be worked out again
        return _entry(line, body)

    def row(self, decision_id: str) -> Row | None:
        """Where a decision stands."""
        return find_row(self.connection, decision_id)

    def patient(self, key: str) -> str:
        """The token of the patient with that pseudonym, a new one where there is none; '' is always a new one."""
        known = key and self.connection.execute(select(PATIENT.c.token).where(PATIENT.c.key == key)).scalar()
        if known:
            return str(known)
        token = secrets.token_hex(16)
        self.connection.execute(insert(PATIENT), {"token": token, "key": key or None})
        return token

    def is_known(self, token: str) -> bool:
        """Whether there is a patient of that token, not erased."""
        return self.connection.execute(select(PATIENT.c.token).where(PATIENT.c.token == token)).first() is not None

    def erase(self, token: str, at: datetime, actor: str, why: str) -> int:
        """Remove what names the patient of that token, and whom an audit found overdue by their pseudonym; return how
        many entries lost something.

        Raises:
            BadValue: there is no such patient, or they were erased before.
        """
        apart = select(SEALED.c.sequence).where(SEALED.c.patient == token).limit(1)  # said after an erasure
        if not self.is_known(token) and self.connection.execute(apart).first() is None:
            allowed = "the token of a patient who was not erased"
            raise BadValue("the record", "token", "a token of nobody", allowed, "Look it up by pseudonym.")
        self.add(Kind.ERASED, at, actor, {"why": why}, None, token)
        key = self.connection.execute(select(PATIENT.c.key).where(PATIENT.c.token == token)).scalar()
        forget(self.connection, key)
        self.connection.execute(delete(PATIENT).where(PATIENT.c.token == token))
        return int(self.connection.execute(delete(SEALED).where(SEALED.c.patient == token)).rowcount)


def named(name: str, field: str) -> str:
    """A person's or a decision's name, as the log takes it.

    Raises:
        BadValue: it is empty, too long or not printable.
    """
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        allowed = f"1 to {LONGEST_NAME} printable characters"
        raise BadValue("the record", field, "another text", allowed, "Name it in letters and digits.")
    return name


def open_journal(place: str | Path, anchor: Path | None = None, *, make: bool = True, trust: bool = False) -> Journal:
    """The log of the store at a folder or URL; the anchor begins where the store does.

    ``make=False`` refuses a store that is not there; ``trust`` opens one without asking its anchor,
    for ``verify``, which says more.

    Raises:
        StoreUnavailable: the store or its anchor cannot be opened. AnchorAhead: entries are gone.
    """
    database = Database(place, make=make)
    journal = Journal(database, Anchor(anchor or database.default_anchor))
    if not trust:
        _as_anchored(journal)
    return journal


def _as_anchored(journal: Journal) -> None:
    known = journal.anchor.head()  # before the database is read: what is anchored was committed before
    with journal.reading() as connection:
        head = head_of(connection)
        if known is None and head != START:
            raise _no_anchor(journal.anchor)
        if known is not None and known != START and line_at(connection, known.sequence) != known:
            raise _ahead(known, head)
    if known is None:
        journal.anchor.begin()


def _no_anchor(anchor: Anchor) -> StoreUnavailable:
    allowed = "the file that holds the head of this store's log"
    cure = "Give its path. If it is lost for good: docs/store.md says how to begin a new one."
    return StoreUnavailable(f"the anchor ({anchor.path.name})", "", "no such file", allowed, cure)


def _ahead(known: Mark, head: Mark) -> AnchorAhead:
    found = f"entry {known.sequence} gone or changed; the log ends at {head.sequence}"
    cure = "Write nothing; run `radlogic record verify`, and restore the store from its backup."
    return AnchorAhead("the store", "", found, "every entry that was anchored", cure)


def head_of(connection: Connection) -> Mark:
    """The last entry's number and hash."""
    query = select(ENTRY.c.sequence, ENTRY.c.hash).order_by(ENTRY.c.sequence.desc()).limit(1)
    found = connection.execute(query).first()
    return Mark(found.sequence, found.hash) if found else START


def line_at(connection: Connection, sequence: int) -> Mark | None:
    """That entry's number and hash, if it is there."""
    found = connection.execute(select(ENTRY.c.hash).where(ENTRY.c.sequence == sequence)).scalar()
    return Mark(sequence, found) if found else None


def entries(connection: Connection, *where: Any) -> Iterator[Entry]:
    """The entries that fit, oldest first, with what was sealed put back unless it was erased.

    Raises:
        NotReadable: one of them is damaged.
    """
    joined = ENTRY.outerjoin(SEALED, ENTRY.c.sequence == SEALED.c.sequence)
    query = select(ENTRY, SEALED.c.content).select_from(joined).where(*where).order_by(ENTRY.c.sequence)
    with stream(connection, query) as rows:  # closed also where somebody takes only the first
        for found in rows:
            yield read_entry(found)


def stream(connection: Connection, query: Select[Any]) -> MappingResult:
    """The rows of a query, few of them in memory at a time."""
    return connection.execute(query, execution_options={"yield_per": AT_ONCE}).mappings()


def line_of(found: RowMapping) -> Line:
    """The row of the log in a row that has more."""
    return Line(**{column.name: found[column.name] for column in ENTRY.columns})


def read_entry(found: RowMapping) -> Entry:
    """A row of the log, joined with what was sealed, as an entry.

    Raises:
        NotReadable: it is damaged.
    """
    line, content = line_of(found), found["content"]
    try:
        return _entry(line, put_back(json.loads(line.body), json.loads(content) if content else {}))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        where, cure = f"the store, entry {line.sequence}", "See `radlogic record verify`; restore the backup."
        raise NotReadable(where, "", "an entry that is damaged", "what was put there", cure) from error


def _entry(line: Line, body: Mapping[str, Any]) -> Entry:
    at = of_moment(line.at)
    return Entry(line.sequence, at, line.actor, line.kind, line.decision, line.patient, body, line.hash)
