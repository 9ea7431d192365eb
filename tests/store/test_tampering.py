"""Whoever reaches past the program into the database is found, and the row is named."""

import hashlib
import json
import random
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import postgres_server
import pytest
from sample_decisions import no_findings, no_guideline, screening, unknown_type
from sqlalchemy import delete, func, insert, inspect, select, text, update

from radlogic.adapters.store.anchor import Mark
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.chain import Line
from radlogic.adapters.store.tables import ENTRY, METADATA, PATIENT, SEALED
from radlogic.adapters.store.verify import check, verify

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
KEYS = {table.name: next(iter(table.primary_key)).name for table in METADATA.sorted_tables}
HOW_OFTEN = {"entry": 5, "sealed": 2, "decision": 2, "waiting": 1, "patient": 1, "revision": 1}


class Undo(Exception):
    """Leaves a transaction without keeping it."""


def lived_in(store):
    """A store in which a bit of everything happened."""
    names = []
    for i, made in enumerate((screening, unknown_type, no_findings, no_guideline, unknown_type, screening)):
        a = made()
        patient = replace(a.record.case.patient, key=f"pseudonym-{i % 4}")
        case = replace(a.record.case, patient=patient)
        at = NOW + timedelta(minutes=i)
        record = replace(a.record, decision_id=f"d{i}", case=case)
        names.append(store.add(replace(a, record=record), at, "radlogic"))
    for who, name in (("dr-a", "d0"), ("dr-b", "d1"), ("dr-a", "d2")):
        store.audit(who, "login", NOW)
        store.commit_reading(name, {"nodules": 1}, NOW, who)
        store.open_reasons(name, NOW, who)
        store.override(name, "other", "words of a reader", NOW, who)
    store.sign("d0", NOW, "dr-a", seen=store.case("d0").judged)
    corrected = replace(store.case("d1").assessment.record, decision_id="d1-corrected")
    store.correct("d1", replace(store.case("d1").assessment, record=corrected), NOW, "dr-b")
    store.erase_patient(store.row("d3").patient, NOW, "admin", "asked for")
    return names


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request, tmp_path_factory):
    """One for all tests here: whatever they do to it is undone."""
    folder = tmp_path_factory.mktemp("tampered")
    place = folder if request.param == "sqlite" else request.getfixturevalue("postgres_store")
    if place != folder:
        postgres_server.emptied(place)
    with Store.open(place, folder / "anchor") as opened:
        lived_in(opened)
        yield opened


def without_triggers(connection):
    """What an administrator of the database can do."""
    if connection.dialect.name == "sqlite":
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in names:
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        for table in inspect(connection).get_table_names():
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))


def other(value, rng):
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice([-1, 1, 1000])
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if not value:
        return "x"
    i = rng.randrange(len(value))
    letter = rng.choice([c for c in '0123456789abcdef{}", ' if c != value[i]])
    return rng.choice([value[:i] + letter + value[i + 1 :], value[:i] + value[i + 1 :], value + letter])


def rows_of(connection, table):
    return [dict(row) for row in connection.execute(select(table)).mappings()]


def edit(connection, table, rng):
    """Change one column of one row; gives the keys of the rows that are not as they were."""
    key = KEYS[table.name]
    row = rng.choice(rows_of(connection, table))
    column = rng.choice([c.name for c in table.columns])
    value = other(row[column], rng)
    taken = {r[column] for r in rows_of(connection, table)}
    while table.c[column].primary_key and value in taken:
        value = other(value, rng)
    if table is PATIENT and column == "key" and value in taken:
        value += "x"
    connection.execute(update(table).where(table.c[key] == row[key]).values({column: value}))
    return {str(row[key]), str(value)} if column == key else {str(row[key])}


def remove(connection, table, rng):
    key = KEYS[table.name]
    row = rng.choice(rows_of(connection, table))
    connection.execute(delete(table).where(table.c[key] == row[key]))
    return {str(row[key])}


def swap(connection, table, rng):
    """Exchange the places of two rows: all that they hold but the key."""
    key, rows = KEYS[table.name], rows_of(connection, table)
    if len(rows) < 2:
        return edit(connection, table, rng)
    one, two = rng.sample(rows, 2)
    connection.execute(delete(table).where(table.c[key].in_([one[key], two[key]])))
    connection.execute(insert(table), [{**one, key: two[key]}, {**two, key: one[key]}])
    return {str(one[key]), str(two[key])}


def add(connection, table, rng):
    """Put in a row that looks like another."""
    key, row = KEYS[table.name], rng.choice(rows_of(connection, table))
    fresh = connection.execute(select(func.max(table.c[key]))).scalar()
    row[key] = fresh + 1 if isinstance(fresh, int) else fresh + "x"
    if table is PATIENT:
        row["key"] = "another"
    connection.execute(insert(table), row)
    return {str(row[key])}


WAYS = (edit, remove, swap)


def tampered(store, marks, way, table, rng):
    """Do it, ask for the findings, and undo it; gives the rows that were touched and the findings."""
    try:
        with store.journal.database.write() as connection:
            without_triggers(connection)
            touched = way(connection, table, rng)
            found = check(connection, marks).findings
            raise Undo
    except Undo:
        return touched, found


def found_and_named(store, count, seed, ways=WAYS):
    """Tamper that often; gives how often each way in each table was tried, and what was not found or not named."""
    rng, tried, missed = random.Random(seed), Counter(), []  # noqa: S311  # repeatable, no secret
    tables, marks = {t.name: t for t in METADATA.sorted_tables}, list(store.journal.anchor.lines())
    for name in rng.choices(list(HOW_OFTEN), list(HOW_OFTEN.values()), k=count):
        way = rng.choice(ways)
        touched, findings = tampered(store, marks, way, tables[name], rng)
        tried[name, way.__name__] += 1
        if not any(f.table == name and f.row in touched for f in findings):
            missed.append((name, way.__name__, touched, findings))
    return tried, missed


def test_a_store_that_nobody_touched_verifies(store):
    report = verify(store.journal)

    assert (report.findings, report.ahead, report.torn) == ((), 0, 0)
    assert report.entries > 25


@pytest.mark.slow
def test_random_edits_removals_swaps_and_additions_are_found_and_named(store):
    tried, missed = found_and_named(store, 60, seed=1, ways=(*WAYS, add))

    assert missed == []
    assert len(tried) > 12
    assert verify(store.journal).sound


@pytest.mark.slow
def test_a_thousand_random_edits_removals_and_swaps_are_found_and_named(store):
    tried, missed = found_and_named(store, 1000, seed=2)

    assert missed == []
    assert sum(tried.values()) == 1000
    assert len(tried) == len(HOW_OFTEN) * len(WAYS)


def forged(connection, sequence, *, chained):
    """Change who acted in an entry and give it its right hash again; ``chained``: all that follow, too."""
    lines = [Line(**row) for row in rows_of(connection, ENTRY.select().order_by(ENTRY.c.sequence).subquery())]
    lines.sort(key=lambda line: line.sequence)
    previous = None
    for line in lines[sequence - 1 :] if chained else lines[sequence - 1 : sequence]:
        new = replace(line, actor="dr-x") if line.sequence == sequence else replace(line, previous=previous)
        new = new.sealed()
        previous = new.hash
        connection.execute(update(ENTRY).where(ENTRY.c.sequence == line.sequence).values(asdict(new)))


@pytest.mark.parametrize("chained", [False, True], ids=["one hash", "all hashes after it"])
@pytest.mark.parametrize("sequence", [1, 2, 17, -1])
def test_who_computes_the_hashes_anew_is_found_and_the_first_entry_named(store, sequence, chained):
    count = verify(store.journal).entries
    at = sequence if sequence > 0 else count

    def way(connection, table, rng):
        forged(connection, at, chained=chained)
        return {str(at)}

    touched, findings = tampered(store, list(store.journal.anchor.lines()), way, ENTRY, None)
    named = [f.row for f in findings if f.table == "entry"]
    assert named[0] in touched


@pytest.mark.parametrize("cut", [1, 2, 9])
def test_a_cut_tail_is_found_by_the_anchor_and_every_missing_entry_named(store, cut):
    count = verify(store.journal).entries

    def way(connection, table, rng):
        connection.execute(delete(ENTRY).where(ENTRY.c.sequence > count - cut))
        return {str(n) for n in range(count - cut + 1, count + 1)}

    touched, findings = tampered(store, list(store.journal.anchor.lines()), way, ENTRY, None)
    assert {f.row for f in findings if f.table == "entry"} == touched


def test_a_moved_entry_is_said_to_belong_elsewhere(store):
    def way(connection, table, rng):
        for old, new in ((5, 1005), (6, 5), (1005, 6)):
            connection.execute(update(ENTRY).where(ENTRY.c.sequence == old).values(sequence=new))
        return {"5", "6"}

    _, findings = tampered(store, list(store.journal.anchor.lines()), way, ENTRY, None)
    said = {f.row: f.what for f in findings if f.table == "entry"}
    assert said == {"5": "holds what belongs at 6", "6": "holds what belongs at 5"}


def test_the_database_itself_refuses_to_change_or_remove_what_is_logged(store):
    statements = [
        "UPDATE entry SET actor = 'x'",
        "DELETE FROM entry",
        "UPDATE revision SET sha256 = 'x'",
        "DELETE FROM revision",
        "UPDATE sealed SET content = '{}'",
        "DELETE FROM sealed",
    ]
    sqlite = store.journal.database.engine.dialect.name == "sqlite"
    copied = "sequence, at, 'x', kind, decision, patient, body, seal, previous, hash"
    statements += [f"REPLACE INTO entry SELECT {copied} FROM entry WHERE sequence = 1"] if sqlite else []  # noqa: S608
    statements += [] if sqlite else [f"TRUNCATE {table}" for table in ("entry", "sealed", "revision")]
    for statement in statements:
        with pytest.raises(Exception, match="append-only"), store.journal.database.write() as connection:
            connection.execute(text(statement))
    assert verify(store.journal).sound


def test_an_erased_patient_whose_row_is_put_back_is_found(store):
    def way(connection, table, rng):
        row = rows_of(connection, SEALED)[0]
        sequence = connection.execute(
            select(ENTRY.c.sequence).where(ENTRY.c.decision == "d3", ENTRY.c.kind == "decided")
        ).scalar()
        connection.execute(insert(SEALED), {**row, "sequence": sequence})
        return {str(sequence)}

    touched, findings = tampered(store, list(store.journal.anchor.lines()), way, SEALED, None)
    assert {f.row for f in findings if f.table == "sealed"} == touched


def test_what_the_hash_covers_is_written_down_here_again():
    """Shares no code with the store: the form of the hash is what auditors rely on."""
    line = Line(1, "2026-03-01T08:00:00.000000Z", "dr-ä", "audit", None, None, '{"a":1}', None, "0" * 64)
    columns = [1, "2026-03-01T08:00:00.000000Z", "dr-ä", "audit", None, None, '{"a":1}', None, "0" * 64]
    spelled = json.dumps(columns, separators=(",", ":")).encode("ascii")

    assert line.digest() == hashlib.sha256(spelled).hexdigest()


def test_an_anchor_of_another_store_fits_nothing(store):
    marks = [Mark(n, "f" * 64) for n in range(1, 4)]
    with store.journal.reading() as connection:
        findings = check(connection, marks).findings

    assert {(f.table, f.row) for f in findings} == {("entry", str(n)) for n in range(1, 4)}
