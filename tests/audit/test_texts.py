# ruff: noqa: S608  paths of our own temporary files
"""Reports' texts as statements of the audit: the same answers as from structured statements, and nothing read twice."""

from collections import Counter
from datetime import date

import audited_tables
import generated_tables
import pyarrow.parquet as pq
import pytest
from audited_tables import exam, statement

from radlogic.adapters.audit import reported, texts
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.adapters.audit.layout import tables_of
from radlogic.engine.errors import BadValue

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")

AS_OF = date(2026, 6, 30)
SAID = "guideline, edition, category, s_modifier, interval_min_months, interval_max_months, recommended_modality"
STATED = f"exam_id, {SAID}, no_followup"
MEASURES = ("category-concordant", "recommendation-present", "right-interval", "right-modality", "edition-in-force")


def read(folder, out, **how):
    """What was read from a folder's texts: the rows, the places, and the audit's tables with them."""
    with duckdb.connect() as database:
        tables = texts.with_texts(tables_of(folder, database, {}), database, out, **how)
        rows = {
            part: database.execute(f"SELECT * FROM '{out}/{part}/*.parquet' ORDER BY ALL").fetchall()
            for part in texts.PARTS
        }
    return rows["statements"], rows["statements_read"], tables


def contents(folder):
    """Path -> bytes of every file below a folder."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.fixture(scope="module")
def structured(tmp_path_factory):
    """A generated population, whose statements are structured and whose texts say the same."""
    folder = tmp_path_factory.mktemp("structured")
    generated_tables.write(folder, 400, 5, beside=False)
    return folder / "tables"


@pytest.fixture(scope="module")
def spoken(structured, tmp_path_factory):
    """The same, where only exams without a text keep their statement."""
    folder = tmp_path_factory.mktemp("spoken")
    for table in structured.iterdir():
        (folder / table.name).mkdir()
        for file in table.iterdir():
            pq.write_table(pq.read_table(file), folder / table.name / file.name)
    without = (
        f"COPY (SELECT s.* FROM '{structured}/statements/*.parquet' s JOIN '{structured}/exams/*.parquet' e "
        f"USING (exam_id) WHERE report_text IS NULL) TO '{folder}/statements/part-00000.parquet' (FORMAT parquet)"
    )
    duckdb.execute(without)
    return folder


@pytest.fixture(scope="module")
def heard(spoken, tmp_path_factory):
    """What was read from its texts; the audit's folder then holds it."""
    rows, places, tables = read(spoken, tmp_path_factory.mktemp("read"))
    for file in tables.found["statements"].files[1:]:
        pq.write_table(pq.read_table(file), spoken / "statements" / f"read-{file.name}")
    return rows, places


def test_texts_say_what_the_structured_statements_say(structured, heard):
    wanted = duckdb.execute(
        f"SELECT {STATED} FROM '{structured}/statements/*.parquet' JOIN "
        f"(SELECT exam_id FROM '{structured}/exams/*.parquet' WHERE report_text IS NOT NULL) USING (exam_id)"
    ).fetchall()
    asked = {row[0] for row in wanted if row[5] is not None or row[7] is not None or row[8]}
    found = {row[0]: row for row in heard[0]}

    assert len(found) == len(heard[0]) == len(wanted) > 250
    for row in wanted:
        told = row if row[0] in asked else (*row[:8], None)  # of no recommendation a text does not say "none needed"
        modifier = told[4] if told[1] == "lung-rads" else None
        assert found[row[0]][:9] == (*told[:4], modifier, *told[5:])
        assert found[row[0]][9] == "text"


@pytest.mark.slow
def test_measures_from_texts_are_those_from_structured_statements(structured, spoken, heard, tmp_path):
    by_statements, by_texts = judged(structured, tmp_path / "a"), judged(spoken, tmp_path / "b")

    assert len(by_statements) > 1_000
    assert by_texts.keys() == by_statements.keys()
    other = {key: (was, by_texts[key]) for key, was in by_statements.items() if by_texts[key] != was}
    # where a text recommends nothing it may have been misread: that is unknown, and never "nothing recommended"
    assert {is_ for _, is_ in other.values()} <= {("unknown", "recommendation_not_found_in_text")}
    before = {reason for (_, reason), _ in other.values()}
    assert before == {"nothing_recommended", "interval_not_stated", "modality_not_stated"}, Counter(other.values())
    assert {status for (_, _), (status, _) in by_texts.items()} == {"met", "not_met", "excluded", "unknown"}


def judged(folder, out):
    """(measure, exam_id) -> (status, reason)."""
    done = run(Order(folder, out, AS_OF, MEASURES))
    with duckdb.connect() as database:
        return {
            (m.id, exam): (status, reason)
            for m in done.measures
            for exam, _, _, status, reason in database.execute(reported.rows_of(m, done.files("rows"))).fetchall()
        }


def test_every_value_has_its_place_in_the_text(spoken, heard):
    said = dict(duckdb.execute(f"SELECT exam_id, report_text FROM '{spoken}/exams/*.parquet'").fetchall())
    fields = set()
    for exam_id, field, value, start, end, rule in heard[1]:
        words = said[exam_id][start:end]
        fields.add(field)
        assert words.strip() and rule
        if field == "edition":
            assert words == value
        if field == "category":
            assert words.upper().replace("S", "").endswith(value.split("-")[-1])
    assert fields >= {"category", "edition", "interval_months", "recommended_modality", "no_followup", "guideline"}


RIGHT = "LDCT. Impression: Lung-RADS v2022 category 1. LDCT in 12 months."
SHORT = "LDCT. Impression: Lung-RADS v2022 category 1. LDCT in 6 months."
DISPUTED = "LDCT. Impression: Lung-RADS 0. Lung-RADS 2."
SILENT = "LDCT. No nodule."
DAY = date(2023, 3, 15)


@pytest.fixture
def few(tmp_path):
    """Exams of which some have statements, some texts, some both."""
    said = {"A": RIGHT, "B": SHORT, "C": RIGHT, "D": SHORT, "E": DISPUTED, "F": SILENT, "G": None, "H": SHORT}
    exams = [exam(name, f"P{name}", DAY, report_text=text) for name, text in said.items()]
    partly = statement("D", interval_min_months=None, interval_max_months=None)
    return audited_tables.write(tmp_path / "few", exams=exams, statements=[statement("C"), partly, statement("G")])


def test_only_texts_that_can_add_something_are_read(few, tmp_path):
    statements, _, _ = read(few, tmp_path / "out")
    assert {row[0] for row in statements} == {"A", "B", "D", "E", "H"}


def test_a_violation_that_stands_only_in_a_text_is_found_and_a_silent_text_is_unknown(few, tmp_path):
    _, _, tables = read(few, tmp_path / "out")
    (few / "statements.parquet").rename(few / "given.parquet")
    (few / "statements").mkdir()
    (few / "given.parquet").rename(few / "statements" / "given.parquet")
    for file in tables.found["statements"].files[1:]:
        file.rename(few / "statements" / file.name)

    found = judged(few, tmp_path / "audit")

    got = {name: found["right-interval", name] for name in "ABCDEFGH"}
    assert [got[name][0] for name in "ABCDG"] == ["met", "not_met", "met", "not_met", "met"]
    assert got["H"] == got["B"]
    assert got["E"] == ("unknown", "conflicting_statements")
    assert got["F"][0] == "unknown"


def test_a_text_that_many_exams_have_is_read_once(few, tmp_path, monkeypatch):
    pieces = []
    monkeypatch.setattr(texts, "_read", lambda piece, own=texts._read: pieces.append(piece) or own(piece))
    read(few, tmp_path / "out", processes=1)
    assert sorted(text for _, piece in pieces for text in piece) == sorted([RIGHT, SHORT, DISPUTED, SILENT])


def test_two_processes_read_as_one_does(few, tmp_path, monkeypatch):
    read(few, tmp_path / "one", processes=1)
    monkeypatch.setattr(texts, "FEW", 1)
    monkeypatch.setattr(texts, "AT_ONCE", 1)
    read(few, tmp_path / "two", processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_reading_that_dies_goes_on_and_ends_with_the_same_bytes(few, tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "PER_BUCKET", 2)
    read(few, tmp_path / "whole")
    calls, write = [], texts.write

    def dying(*args):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        write(*args)

    monkeypatch.setattr(texts, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        read(few, tmp_path / "broken")
    monkeypatch.setattr(texts, "write", write)
    said = []
    read(few, tmp_path / "broken", say=said.append)

    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")
    assert "texts, bucket 1 of 3: already there" in said


def test_what_was_read_from_other_tables_is_refused(few, tmp_path):
    read(few, tmp_path / "out")
    audited_tables.write(few, exams=[exam("Z", "PZ", DAY, report_text=RIGHT)])
    with pytest.raises(BadValue, match="another audit"):
        read(few, tmp_path / "out")


def test_exams_without_texts_need_no_reading(tmp_path):
    folder = audited_tables.write(tmp_path / "in", exams=[exam("A", "P", DAY)])
    statements, places, tables = read(folder, tmp_path / "out")
    assert (statements, places) == ([], [])
    assert tables.found["statements"].rows == 0


def test_the_exams_are_scanned_once_however_many_buckets_there_are(few, tmp_path, monkeypatch):
    asked = []

    class Watched:
        def __init__(self, database):
            self.own = database

        def __getattr__(self, name):
            return getattr(self.own, name)

        def execute(self, query, *more):
            asked.append(query)
            return self.own.execute(query, *more)

    monkeypatch.setattr(texts, "PER_BUCKET", 2)
    with duckdb.connect() as database:
        tables = tables_of(few, database, {})
        texts.with_texts(tables, Watched(database), tmp_path / "out", processes=1)

    assert len(list((tmp_path / "out" / "statements").glob("part-*.parquet"))) == 3
    assert sum("exams.parquet" in query for query in asked) == 1
