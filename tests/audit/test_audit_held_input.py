"""What an audit may take for the same input, and what it says of input that it cannot go on with."""

import json
import os
from datetime import date

import audited_tables
import generated_dirt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audited_tables import exam, statement
from command import run as command

from radlogic.adapters.audit import at_scale
from radlogic.adapters.audit.at_scale import MANIFEST, PARTS, Order, run
from radlogic.adapters.audit.intake.incoming import TABLES, tables_folder
from radlogic.adapters.audit.spark.errors import SparkUnavailable
from radlogic.engine.errors import BadValue, NotReadable

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")

AS_OF = date(2026, 6, 30)
ONE = ("recorded-once",)
SECRET = "Nachname-4711"  # noqa: S105  a name


def parquet(folder, first="1", second="2"):
    """Two exams with these stated categories, in plain pages: another order has the same size and footer."""
    day = date(2023, 3, 15)
    audited_tables.write(folder, exams=[exam("A", SECRET, day), exam("B", "P2", day)])
    rows = [statement("A", category=first), statement("B", category=second)]
    schema = pa.schema(list(audited_tables.TYPES["statements"].items()))
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, folder / "statements.parquet", compression="none", use_dictionary=False)
    return folder


def csv(folder, category):
    """Two tables in CSV, with so many lines before and behind one category that its place is in the middle."""
    folder.mkdir(exist_ok=True)
    many = 4000
    exams = "\n".join(f"E{n:05},P{n:05},2023-03-15,ldct,chest" for n in range(many))
    (folder / "exams.csv").write_text(f"exam_id,patient_id,exam_date,modality,region\n{exams}\n", encoding="utf-8")
    said = "\n".join(f"E{n:05},lung-rads,2022,{category if n == many // 2 else 1},structured" for n in range(many))
    (folder / "statements.csv").write_text(
        f"exam_id,guideline,edition,category,source\n{said}\n", encoding="utf-8"
    )  # fmt: skip
    return folder


def damage(file):
    """Another page's beginning; the footer stays."""
    content = bytearray(file.read_bytes())
    content[4:40] = b"\xff" * 36
    file.write_bytes(content)


def results(out):
    return [file for part in PARTS for file in (out / part).glob("*.parquet")]


def test_two_values_that_change_places_are_another_input(tmp_path):
    folder, out = parquet(tmp_path / "in"), tmp_path / "out"
    before = (folder / "statements.parquet").read_bytes()
    run(Order(folder, out, AS_OF, ONE))
    parquet(folder, "2", "1")
    after = (folder / "statements.parquet").read_bytes()
    footer = int.from_bytes(before[-8:-4], "little") + 8
    assert before != after
    assert (len(before), before[-footer:]) == (len(after), after[-footer:])

    with pytest.raises(BadValue, match="another audit"):
        run(Order(folder, out, AS_OF, ONE))


def test_a_digit_corrected_in_the_middle_of_a_csv_makes_the_tables_anew(tmp_path):
    folder = csv(tmp_path / "in", "2")
    size = (folder / "statements.csv").stat().st_size
    made = tables_folder(folder, tmp_path / "out")
    csv(folder, "3")
    assert (folder / "statements.csv").stat().st_size == size > 2 * 2**16

    tables_folder(folder, tmp_path / "out")

    told = duckdb.sql(f"SELECT DISTINCT category FROM '{made / 'statements.parquet'}' ORDER BY 1").fetchall()  # noqa: S608
    assert told == [("1",), ("3",)]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_tables_that_change_while_they_are_audited_are_refused_and_nothing_of_them_is_kept(tmp_path, form):
    folder = parquet(tmp_path / "in") if form == "parquet" else csv(tmp_path / "in", "2")
    out, moved = tmp_path / "out", []

    def touch(text):
        if not moved and ("bucket" in text or form == "csv"):
            moved.append(text)
            os.utime(folder / f"statements.{form}", ns=(1, 1))

    with pytest.raises(NotReadable, match="changed while it was read"):
        if form == "csv":
            tables_folder(folder, out, say=touch)
        else:
            run(Order(folder, out, AS_OF, ONE), touch)

    assert moved
    assert not results(out)
    assert not (out / MANIFEST).exists()
    assert not (out / TABLES).exists()
    assert not [file for file in out.rglob("*") if file.is_file()]


def test_an_export_that_changes_while_it_is_read_is_refused_and_no_block_of_it_is_kept(tmp_path):
    (tmp_path / "in").mkdir()
    generated_dirt.add_dirt(tmp_path / "in", 1)
    file = next(iter(sorted((tmp_path / "in").glob("*.ndjson"))))

    with pytest.raises(NotReadable, match="changed while it was read"):
        tables_folder(tmp_path / "in", tmp_path / "out", say=lambda _: os.utime(file, ns=(1, 1)))

    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_file()]


def test_damaged_pages_are_said_of_their_file_and_the_folder_stays_free_for_the_mended_one(tmp_path):
    folder, out = parquet(tmp_path / "in"), tmp_path / "out"
    whole = (folder / "exams.parquet").read_bytes()
    damage(folder / "exams.parquet")

    said = command("audit", folder, "--out", out, "--as-of", "2026-06-30", "--measures", *ONE)

    assert said.code == 2
    assert "exams.parquet: found" in said.err
    assert "Traceback" not in said.err
    assert str(tmp_path) not in said.err
    assert SECRET not in said.err
    assert not results(out)
    (folder / "exams.parquet").write_bytes(whole)
    assert len(run(Order(folder, out, AS_OF, ONE)).files("rows")) == 1


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_too_little_memory_is_said_and_no_fault_of_the_files(tmp_path, form):
    folder = parquet(tmp_path / "in") if form == "parquet" else csv(tmp_path / "in", "2")

    said = command("audit", folder, "--out", tmp_path / "out", "--as-of", "2026-06-30", "--memory", "1KB")

    assert said.code == 2
    assert "--memory: found too little" in said.err
    assert str(tmp_path) not in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("beside", [(), ("--compare", "lung-rads@1.1", "lung-rads@2022")])
def test_a_file_where_the_folder_of_results_should_be_is_refused(tmp_path, beside):
    folder, out = parquet(tmp_path / "in"), tmp_path / "out"
    out.write_text("mine")

    said = command("audit", folder, "--out", out, "--as-of", "2026-06-30", *beside)

    assert said.code == 2
    assert "--out: found" in said.err
    assert "Traceback" not in said.err
    assert out.read_text() == "mine"


def test_a_spark_that_does_not_start_leaves_the_folder_to_duckdb(tmp_path, monkeypatch):
    from radlogic.adapters.audit.spark import engine

    def started(*_):
        raise SparkUnavailable("command line", "--engine", "a Spark that does not start", "one that does", "Mend it.")

    folder, out = parquet(tmp_path / "in"), tmp_path / "out"
    monkeypatch.setattr(at_scale, "ready", lambda _: None)
    monkeypatch.setattr(engine, "started", started)
    with pytest.raises(SparkUnavailable):
        run(Order(folder, out, AS_OF, ONE, engine="local[1]"))
    assert not (out / MANIFEST).exists()

    assert json.dumps(run(Order(folder, out, AS_OF, ONE)).manifest["plan"]).count('"engine"') == 0


def test_results_without_their_plan_are_not_taken_for_ones_own(tmp_path):
    folder, out = parquet(tmp_path / "in"), tmp_path / "out"
    run(Order(folder, out, AS_OF, ONE))
    (out / MANIFEST).unlink()

    with pytest.raises(BadValue, match="another audit"):
        run(Order(folder, out, AS_OF, ("edition-in-force",)))
