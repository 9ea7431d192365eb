"""Whether the record is what was written: every row of every table, held against the log and the anchor.

The log proves itself by its chain, its tail by the anchor. What the log seals is held against the
seals, kept revisions against their hashes, and the tables that follow from the log are worked out
again. Each finding names the table and the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, select

from .anchor import START, Mark
from .chain import GENESIS, Entry, Line, of_moment
from .journal import Journal, line_of, stream
from .sealing import KEY, Sealed
from .states import Kind
from .tables import ENTRY, SEALED
from .verify_tables import Kept, check_tables

FOLLOWS = ("decision", "waiting", "patient")  # tables that ``rebuild`` can make anew


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong: the table, the row (its key as text), and what about it."""

    table: str
    row: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """What ``verify`` found. ``ahead``: entries after the last one that the anchor knows.

    ``torn``: lines of the anchor that a dying writer left unfinished; they prove and hide nothing.
    """

    entries: int
    head: Mark
    findings: tuple[Finding, ...]
    ahead: int = 0
    torn: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing was changed, removed, added or moved behind the store's back."""
        return not self.findings


def verify(journal: Journal) -> Report:
    """Hold the whole store against its log and its anchor; anchor what a crash left unanchored.

    Raises:
        StoreUnavailable: the store or the anchor cannot be read.
    """
    anchor = journal.anchor
    lines = list(anchor.lines()) if anchor.head() is not None else None  # first: what it knows was committed before
    with journal.reading() as connection:
        report = check(connection, lines or ())
    if lines is None and report.entries:
        missing = Finding("anchor", anchor.path.name, "is missing")
        return replace(report, findings=(*report.findings, missing))
    if report.sound and report.ahead:
        anchor.put([report.head])
    return report


def check(connection: Connection, anchored: Iterable[Mark | None]) -> Report:
    """The same on one open transaction; ``anchored`` are the anchor's lines."""
    marks = list(anchored)
    log = Log({mark for mark in marks if mark is not None})
    for line, sealed, owner in _rows(connection):
        log.take(line, sealed, owner)
    findings = [*log.finished(), *_orphans(connection), *(Finding(*f) for f in check_tables(connection, log.kept))]
    known = max((mark.sequence for mark in marks if mark is not None), default=0)
    torn = sum(mark is None for mark in marks)
    return Report(log.count, log.last, _each_once(findings), max(0, log.last.sequence - known), torn)


def _rows(connection: Connection) -> Iterator[tuple[Line, Sealed | None, str | None]]:
    """Every row of the log with what it sealed, and the patient that the sealed row names."""
    joined = ENTRY.outerjoin(SEALED, ENTRY.c.sequence == SEALED.c.sequence)
    query = select(ENTRY, SEALED.c.salt, SEALED.c.content, SEALED.c.patient.label("owner")).select_from(joined)
    for found in stream(connection, query.order_by(ENTRY.c.sequence)):
        apart = None if found["salt"] is None else Sealed(found["salt"], found["content"])
        yield line_of(found), apart, found["owner"]


def _orphans(connection: Connection) -> Iterator[Finding]:
    alone = select(SEALED.c.sequence).where(SEALED.c.sequence.not_in(select(ENTRY.c.sequence)))
    for sequence in connection.execute(alone).scalars():
        yield Finding("sealed", str(sequence), "belongs to no entry")


def _each_once(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple({(f.table, f.row): f for f in reversed(findings)}.values())[::-1]


@dataclass
class Log:
    """One pass over the log: what is wrong with it, and what must follow from it."""

    anchored: set[Mark]
    count: int = 0
    last: Mark = START
    kept: Kept = field(default_factory=Kept)
    findings: list[Finding] = field(default_factory=list)
    broken: list[Line] = field(default_factory=list)
    gone: dict[int, str | None] = field(default_factory=dict)  # entries whose sealed row is not there
    there: dict[int, str | None] = field(default_factory=dict)  # entries whose sealed row is
    erased: dict[str, int] = field(default_factory=dict)  # token -> the entry that erased it

    def __post_init__(self) -> None:
        self._anchored = {mark.sequence: mark.hash for mark in sorted(self.anchored)}
        self._contradicted = {m.sequence for m in self.anchored if self._anchored[m.sequence] != m.hash}

    def take(self, line: Line, sealed: Sealed | None, owner: str | None) -> None:
        """The next row, in order of its sequence."""
        self.count += 1
        whole = _is_whole(line)
        self._chain(line, whole=whole)
        self._seal(line, sealed, owner)
        if not whole:
            self.broken.append(line)
            self.kept.doubtful.add(line.decision)
        elif not self._followed(line, sealed):
            self._say(line.sequence, "has the right hash and cannot be read: radlogic did not write it")
            self.kept.doubtful.add(line.decision)
        self.last = Mark(line.sequence, line.hash)

    def _chain(self, line: Line, *, whole: bool) -> None:
        follows = line.sequence == self.last.sequence + 1
        if not follows:
            self._missing(self.last.sequence + 1, line.sequence - 1)
        before_is_whole = not self.broken or self.broken[-1].sequence != self.last.sequence
        if follows and whole and before_is_whole and line.previous != self.last.hash:
            self._link_broken(line)
        known = self._anchored.get(line.sequence)
        if whole and ((known is not None and known != line.hash) or line.sequence in self._contradicted):
            self._say(line.sequence, "is not the entry that was anchored")

    def _link_broken(self, line: Line) -> None:
        if line.previous == GENESIS or self.last == START:
            self._say(line.sequence, "does not begin the chain")
        else:
            self._say(self.last.sequence, f"was written anew: entry {line.sequence} was chained to another")

    def _missing(self, first: int, last: int) -> None:
        for sequence in range(first, last + 1):
            self._say(sequence, "is missing")
        if last < first:
            self._say(last + 1, "has a number that no entry has")

    def _seal(self, line: Line, sealed: Sealed | None, owner: str | None) -> None:
        if line.kind == Kind.ERASED and line.patient:
            self.erased[line.patient] = line.sequence
        if sealed is None:
            if line.seal is not None:
                self.gone[line.sequence] = line.patient
            return
        self.there[line.sequence] = line.patient
        if line.seal is None:
            self.findings.append(Finding("sealed", str(line.sequence), "was added"))
        elif sealed.seal != line.seal or owner != line.patient:
            self.findings.append(Finding("sealed", str(line.sequence), "was changed"))
            self.kept.unsure.add(line.patient)

    def _followed(self, line: Line, sealed: Sealed | None) -> bool:
        """Whether it can be told what the tables must hold after this entry."""
        try:
            self._follow(line, sealed)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return False
        return True

    def _follow(self, line: Line, sealed: Sealed | None) -> None:
        body = json.loads(line.body)
        at = of_moment(line.at)
        entry = Entry(line.sequence, at, line.actor, line.kind, line.decision, line.patient, body, line.hash)
        if line.kind == Kind.DECIDED:
            self.kept.manifests.setdefault(body["revisions"], line.sequence)
        content: dict[str, Any] = json.loads(sealed.content) if sealed and sealed.seal == line.seal else {}
        self.kept.standing.take(entry, content.get(KEY))

    def finished(self) -> list[Finding]:
        """Everything wrong with the log and what it sealed, after the last row."""
        end = max(self._anchored, default=0)
        if end > self.last.sequence:
            self._missing(self.last.sequence + 1, end)
        for line in self.broken:
            self._say(line.sequence, self._moved(line) or "was changed")
        for sequence, patient in self.gone.items():
            if not self.erased.get(patient or "", 0) > sequence:
                self.findings.append(Finding("sealed", str(sequence), "is missing, and nobody erased the patient"))
                self.kept.unsure.add(patient)
        for sequence, patient in self.there.items():
            if self.erased.get(patient or "", 0) > sequence:
                self.findings.append(Finding("sealed", str(sequence), "is there, although the patient was erased"))
        return self.findings

    def _moved(self, line: Line) -> str | None:
        """Where the row belongs, if it fits there."""
        places = (other.sequence for other in self.broken if other is not line)
        fits = next((s for s in places if replace(line, sequence=s).digest() == line.hash), None)
        return None if fits is None else f"holds what belongs at {fits}"

    def _say(self, sequence: int, what: str) -> None:
        self.findings.append(Finding("entry", str(sequence), what))


def _is_whole(line: Line) -> bool:
    """Whether a row has the hash of its content. What is no text where text belongs has none."""
    try:
        return line.digest() == line.hash
    except TypeError:
        return False
