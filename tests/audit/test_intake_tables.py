# ruff: noqa: S608  the SQL is of this file
"""Tables in CSV and unchecked Parquet: what cannot be used is counted and explained; the clean rows come through."""

import re

import duckdb
import pytest
from dirty_tables import CLEAN, KINDS, OWN, write

from radlogic.adapters.audit.intake.incoming import form_of, tables_folder
from radlogic.engine.errors import BadValue, NotReadable


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_each_kind_of_dirty_row_is_counted_once_with_its_reason_and_the_clean_rows_come_through(tmp_path, form):
    where = write(tmp_path / "in", form)

    made = tables_folder(tmp_path / "in", tmp_path / "out", check=True)

    aside = duckdb.sql(f"SELECT file, line, what, reason, field FROM '{made}/aside.parquet'").fetchall()
    counted = {where.get((file, line), (file, line)): (what, field) for file, line, what, _, field in aside}
    expected = {k: (s["what"], s["field"]) for k, s in KINDS.items() if s.get("only", form) == form}
    assert counted == expected
    assert len(aside) == len(expected) >= 30
    assert all(reason for *_, reason, _ in aside)
    for table, row in CLEAN.items():
        own = OWN.get(table, "exam_id" if "exam_id" in row else "patient_id")
        query = f"SELECT * FROM '{made}/{table}.parquet' WHERE {own} = '{row[own]}' LIMIT 1"
        (kept,) = duckdb.sql(query).to_arrow_table().to_pylist()
        for name, value in row.items():
            assert _plain(kept[name]) == value, (table, name)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("csv")
    write(folder / "in", "csv")
    return tables_folder(folder / "in", folder / "out")


def _plain(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text.rstrip("0").rstrip(".") if text.replace(".", "").isdigit() and "." in text else text


def test_values_that_cannot_be_used_are_unknown_and_never_guessed(made):
    for kind, said in KINDS.items():
        if said["what"] == "value" and said["field"] != OWN.get(said["table"], said["field"]):
            own = OWN[said["table"]]
            name = f"{said['table'][0].upper()}-{kind}"
            query = f"SELECT \"{said['field']}\" FROM '{made}/{said['table']}.parquet' WHERE {own} = '{name}'"
            assert duckdb.sql(query).fetchall() == [(None,)], kind


@pytest.mark.slow
def test_tables_are_made_once_and_again_when_the_input_has_changed(tmp_path):
    write(tmp_path / "in", "csv")
    said = []
    made = tables_folder(tmp_path / "in", tmp_path / "out")
    before = {f.name: f.read_bytes() for f in made.iterdir()}

    tables_folder(tmp_path / "in", tmp_path / "out", say=said.append)
    assert said == ["tables: already there"]
    with (tmp_path / "in" / "patients.csv").open("a", encoding="utf-8") as file:
        file.write("P9,male,1950-01-01,,\n")
    tables_folder(tmp_path / "in", tmp_path / "out")
    assert duckdb.sql(f"SELECT count(*) FROM '{made}/patients.parquet' WHERE patient_id = 'P9'").fetchall() == [(1,)]
    assert {f.name: f.read_bytes() for f in made.iterdir()}["exams.parquet"] == before["exams.parquet"]


def test_a_folder_of_two_forms_or_of_none_is_refused(tmp_path):
    write(tmp_path / "in", "csv")
    (tmp_path / "in" / "Patient.ndjson").write_text("{}\n")
    with pytest.raises(BadValue, match="one form"):
        form_of(tmp_path / "in")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotReadable, match="no table"):
        form_of(tmp_path / "empty")


TWICE = {  # sentence -> (the files beside each other, what the error says)
    "a file and its zipped one": (("exams.csv", "exams.csv.gz"), "exams.csv beside exams.csv.gz"),
    "a file and a folder": (("exams.csv", "exams/part-1.csv"), "exams.csv beside exams/*.csv"),
    "a zipped file and a folder of zipped ones": (
        ("exams.csv.gz", "exams/part-1.csv.gz"),
        "exams.csv.gz beside exams/*.csv.gz",
    ),
    "all three": (
        ("exams.csv", "exams.csv.gz", "exams/part-1.csv"),
        "exams.csv beside exams.csv.gz beside exams/*.csv",
    ),
    "Parquet as a file and a folder": (
        ("exams.parquet", "exams/part-1.parquet"),
        "exams.parquet beside exams/*.parquet",
    ),
}


@pytest.mark.parametrize(("files", "said"), TWICE.values(), ids=TWICE.keys())
def test_a_table_that_is_there_in_several_ways_is_refused_by_name_before_any_work(tmp_path, files, said):
    for file in files:
        (tmp_path / "in" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / file).write_text("not even looked at\n", encoding="utf-8")

    with pytest.raises(NotReadable, match=re.escape(said)) as refused:
        tables_folder(tmp_path / "in", tmp_path / "out", check=True)

    assert "in/exams" in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_an_id_of_csv_is_the_text_that_stands_there(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "patients.csv").write_text("patient_id,sex\n7.0,male\n7,male\n 8 ,male\n", encoding="utf-8")
    made = tables_folder(tmp_path / "in", tmp_path / "out")
    assert duckdb.sql(f"SELECT patient_id FROM '{made}/patients.parquet'").fetchall() == [("7.0",), ("7",), ("8",)]


def test_a_long_row_is_read_and_one_that_is_too_long_is_told(tmp_path):
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "patients.csv"
    file.write_text(f"patient_id,sex,note\nP1,male,\nP2,male,{'x' * 3_000_000}\n", encoding="utf-8")
    made = tables_folder(tmp_path / "in", tmp_path / "out")
    assert duckdb.sql(f"SELECT patient_id FROM '{made}/patients.parquet'").fetchall() == [("P1",), ("P2",)]
    file.write_text(f"patient_id,sex,note\nP1,male,\nP2,male,{'x' * 17_000_000}\n", encoding="utf-8")
    with pytest.raises(NotReadable, match=r"patients\.csv.*a row that is too long.*16 MB"):
        tables_folder(tmp_path / "in", tmp_path / "out")


def test_no_reason_says_what_a_record_says(made):
    text = (made / "intake.json").read_text(encoding="utf-8")
    assert "nobody" not in text
    assert "CT CHEST" not in text
