"""Whether the record is what was written: every row of the record's tables, held against the log and the anchor.

The log proves itself by its chain, its tail by the anchor. What the log seals is held against the
seals, kept revisions against their hashes, and the tables that follow from the log are worked out
again. Each finding names the table and the row. Verifying changes nothing, the anchor included.

Accounts and sessions are not of the record: of them this says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from ...engine.errors import NotReadable
from .anchor import START, Mark
from .chain import GENESIS, Entry, Line, of_moment
from .images import check_series, every_series
from .journal import ITSELF, UNANCHORED, Journal, head_of, line_at, line_of, stream
from .sealing import KEY, Sealed
from .states import Kind
from .tables import ENTRY, SEALED
from .verify_tables import Kept, check_tables, check_triggers

FOLLOWS = ("decision", "waiting", "patient")  # tables that ``rebuild`` can make anew
BACK = timedelta(minutes=1)  # writers take the time before they wait for each other (``database.WAIT_S``)
Span = tuple[int, int]  # the first and the last entry


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
    ``unanchored``: entries that were never anchored, those ahead among them. A writer died, or they were appended
    behind the program's back: no finding, but somebody should look at each. ``backwards``: entries that are dated
    more than a minute before the one before them.
    """

    entries: int
    head: Mark
    findings: tuple[Finding, ...]
    ahead: int = 0
    torn: int = 0
    unanchored: tuple[Span, ...] = ()
    backwards: tuple[int, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing was changed, removed, added or moved behind the store's back."""
        return not self.findings


def verify(journal: Journal, head: Mark | None = None) -> Report:
    """Hold the whole store against its log and its anchor, and against a ``head`` that was written down elsewhere.

    Raises:
        StoreUnavailable: the store or the anchor cannot be read.
    """
    anchor = journal.anchor
    lines = list(anchor.lines()) if anchor.head() is not None else None  # first: what it knows was committed before
    with journal.reading() as connection:
        end = head_of(connection).sequence  # from here on nothing new is seen; what was just committed is anchored now
        later = [] if lines is None else [m for m in anchor.lines() if m is not None and m.sequence <= end]
        report = check(connection, [*(lines or ()), *later])
        findings = (*report.findings, *_held(connection, head))
    if lines is None and report.entries:
        findings += (Finding("anchor", anchor.path.name, "is missing"),)
    return replace(report, findings=findings)


def check_images(folder: Path) -> tuple[Finding, ...]:
    """Kept series that are not what their names say; every slice is read. Evidence beside them carries no hash."""
    return tuple(_damaged(folder, every_series(folder)))


def _damaged(folder: Path, series: Iterable[str]) -> Iterator[Finding]:
    for sha in series:
        try:
            check_series(folder, sha)
        except NotReadable as error:
            yield Finding("images", sha, error.found)


def _held(connection: Connection, head: Mark | None) -> Iterator[Finding]:
    there = START if head == START or head is None else line_at(connection, head.sequence)
    if head is not None and there != head:
        what = "is missing" if there is None else "is not the entry whose hash was given"
        yield Finding("entry", str(head.sequence), what)


def check(connection: Connection, anchored: Iterable[Mark | None]) -> Report:
    """The same on one open transaction; ``anchored`` are the anchor's lines."""
    marks = list(anchored)
    log = Log({mark for mark in marks if mark is not None})
    for line, sealed, owner in _rows(connection):
        log.take(line, sealed, owner)
    known = max((mark.sequence for mark in marks if mark is not None), default=0)
    findings = [*log.finished(), *_orphans(connection), *_passed_over(log, known)]
    findings += [Finding(*f) for f in (*check_tables(connection, log.kept), *check_triggers(connection))]
    ahead, torn = max(0, log.last.sequence - known), sum(mark is None for mark in marks)
    spans, backwards = tuple(log.unanchored), tuple(log.backwards)
    return Report(log.count, log.last, _each_once(findings), ahead, torn, spans, backwards)


def _passed_over(log: Log, known: int) -> Iterator[Finding]:
    """Entries before the last anchored one without a line, of which no entry tells: no writer leaves that behind."""
    for first, last in log.unanchored:
        if last <= known and not any(a <= first and last <= b for a, b in log.told):
            yield Finding("anchor", _span(first, last), "has no line for this, and no entry tells of it")


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


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
    unanchored: list[Span] = field(default_factory=list)  # entries without a line in the anchor
    told: list[Span] = field(default_factory=list)  # those of which an entry tells
    backwards: list[int] = field(default_factory=list)  # entries dated before the one before them
    before: str = ""  # the time of the last entry

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
        self._note(line)
        self.last, self.before = Mark(line.sequence, line.hash), line.at

    def _note(self, line: Line) -> None:
        """What no hash tells: whether it was ever anchored, and whether its time follows."""
        number = line.sequence
        if number not in self._anchored:
            joins = self.unanchored and self.unanchored[-1][1] == number - 1
            first = self.unanchored.pop()[0] if joins else number
            self.unanchored.append((first, number))
        if _runs_back(self.before, line.at):
            self.backwards.append(number)

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
        if line.kind == Kind.AUDIT and line.actor == ITSELF and body["action"] == UNANCHORED:
            self.told.append((int(body["details"]["first"]), int(body["details"]["last"])))
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


def _runs_back(before: str, at: str) -> bool:
    """Whether a time is well before the one before it. What is no time is found by its hash, or is no entry of ours."""
    try:
        return bool(before) and of_moment(at) < of_moment(before) - BACK
    except (ValueError, TypeError):
        return False
