"""Who is whom in the tables: blank ids, ids of several types, rows of nobody; and days that are none."""

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal

import audited_by_hand
import audited_tables
import pytest
from audited_tables import exam, statement

from radlogic.adapters.audit import reported
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.adapters.audit.folder import audit_folder
from radlogic.adapters.audit.intake.incoming import tables_folder
from radlogic.adapters.audit.layout import IDS, tables_of
from radlogic.engine.errors import BadValue, NotReadable

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

AS_OF = date(2025, 6, 30)
DAY, LATER = date(2023, 1, 10), date(2024, 1, 10)
MEASURE = "follow-up-on-time"


def audited(folder, out, *measures):
    """(answers by exam, what is put aside by exam, the input as the summary tells of it)."""
    done = run(Order(folder, out, AS_OF, measures or (MEASURE,)))
    reported.write_all(done)
    with duckdb.connect() as database:
        rows = database.execute(reported.rows_of(done.measures[0], done.files("rows"))).fetchall()
        aside = database.execute(f"SELECT exam_id, reason FROM '{out}/aside.parquet'").fetchall()  # noqa: S608
    told = json.loads((out / "summary.json").read_text())["input"]
    return {row[0]: row[3:] for row in rows}, dict(aside), told


def again(folder, table, column, kind, change=lambda value: value):
    """Write a column of a table in another type."""
    path = folder / f"{table}.parquet"
    found = pq.read_table(path)
    values = pa.array([change(value) for value in found[column].to_pylist()], type=kind)
    pq.write_table(found.set_column(found.schema.get_field_index(column), column, values), path)


@pytest.mark.parametrize("footers", [True, False], ids=["with statistics", "without"])
@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_id_is_nobodys(tmp_path, blank, footers):
    exams = [exam("A", blank, DAY), exam("B", blank, LATER), exam(blank, "P3", DAY), exam("D", "P4", DAY)]
    folder = audited_tables.write(tmp_path / "in", exams=exams, patients=[{"patient_id": blank}, {"patient_id": "P4"}])
    for file in folder.glob("*.parquet"):
        pq.write_table(pq.read_table(file), file, write_statistics=footers)

    answers, aside, told = audited(folder, tmp_path / "out")

    assert answers.keys() == {"D"}
    assert aside == {"A": "no patient_id", "B": "no patient_id", None: "no exam_id"}
    assert told["unreadable_values"] == {}


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.decimal128(9, 2), pa.int64(), pa.int16()])
def test_an_id_that_one_table_keeps_as_a_number_is_the_same_id(tmp_path, kind):
    folder = audited_tables.write(
        tmp_path / "in",
        exams=[exam("1", "7", DAY), exam("2", "8", DAY)],
        patients=[{"patient_id": "7", "death_date": date(2023, 6, 1)}, {"patient_id": "8"}],
        statements=[statement("1"), statement("2")],
    )
    plain, _, _ = audited(folder, tmp_path / "plain")
    again(folder, "exams", "patient_id", kind, int)
    again(folder, "statements", "exam_id", kind, int)

    answers, _, told = audited(folder, tmp_path / "out")

    assert answers == plain == {"1": ("excluded", "died_before_due"), "2": ("not_met", "never")}
    assert told["orphans"] == {}


NUMBERS = {  # sentence -> (type, value, the id that it is)
    "a double that is whole is its digits": (pa.float64(), 7.0, "7"),
    "a double with a fraction is its text": (pa.float64(), 7.5, "7.5"),
    "a double of minus nought is nought": (pa.float64(), -0.0, "0"),
    "a double of 16 digits is its digits": (pa.float64(), 9007199254740991.0, "9007199254740991"),
    "the last double that tells whole numbers apart is its digits": (pa.float64(), 2.0**53, "9007199254740992"),
    "the last negative one is its digits": (pa.float64(), -(2.0**53), "-9007199254740992"),
    "a double beyond is its text": (pa.float64(), 2.0**53 + 2, "9007199254740994.0"),
    "a double beyond all whole numbers is its text": (pa.float64(), 1e300, "1e+300"),
    "a double that is no number is nobody": (pa.float64(), float("nan"), None),
    "a float that is whole is its digits": (pa.float32(), 2.0**40, "1099511627776"),
    "a float with a fraction is its text": (pa.float32(), 7.25, "7.25"),
    "a decimal that is whole is its digits": (pa.decimal128(9, 2), Decimal("7.00"), "7"),
    "a decimal with a fraction is its text": (pa.decimal128(9, 2), Decimal("7.50"), "7.50"),
    "a decimal of 17 digits is its digits": (pa.decimal128(19, 2), Decimal("90071992547409930"), "90071992547409930"),
    "a decimal of 36 digits is its digits": (pa.decimal128(38, 2), Decimal("9" * 36), "9" * 36),
}


@pytest.mark.parametrize(("kind", "value", "known_as"), NUMBERS.values(), ids=NUMBERS.keys())
def test_a_number_is_the_same_id_whether_the_rows_are_checked_or_not(tmp_path, kind, value, known_as):
    folder = audited_tables.write(tmp_path / "in", exams=[exam("1", "2", DAY)], patients=[{"patient_id": "2"}])
    for table, column in (("exams", "exam_id"), ("exams", "patient_id"), ("patients", "patient_id")):
        again(folder, table, column, kind, lambda _: value)

    for check in (False, True):
        made = tables_folder(folder, tmp_path / "checked", check=check)
        with duckdb.connect() as database:
            tables = tables_of(made, database, {})
            assert database.execute(tables.select("exams", dict.fromkeys(IDS, "VARCHAR"))).fetchall() == (
                [] if check and known_as is None else [(known_as, known_as)]
            )


def test_rows_of_nobody_are_counted_and_said_on_the_page(tmp_path):
    folder = audited_tables.write(
        tmp_path / "in",
        exams=[exam("A", "P1", DAY)],
        patients=[{"patient_id": "P1"}, {"patient_id": "without exams"}],
        statements=[statement("A"), statement("A "), statement(None)],
        procedures=[
            {"procedure_id": str(n), "patient_id": who, "procedure_date": LATER, "kind": "biopsy", "region": "chest"}
            for n, who in enumerate(["P1", "P1 ", "without exams"])
        ],
        communications=[{"exam_id": "nobody", "communicated_at": DAY, "kind": "critical_result"}],
        outcomes=[{"patient_id": "nobody", "diagnosis_date": DAY, "kind": "lung_cancer"}],
    )

    _, _, told = audited(folder, tmp_path / "out")

    assert told["orphans"] == {"communications": 1, "outcomes": 1, "procedures": 1, "statements": 2}
    assert "procedures: 1 rows belong to no exam" in (tmp_path / "out" / "page.html").read_text()


def test_a_time_with_a_zone_is_its_day_in_utc_wherever_the_audit_runs(tmp_path):
    folder = audited_tables.write(tmp_path / "in", exams=[exam("A", "P1", DAY)])
    path = folder / "exams.parquet"
    with duckdb.connect() as database:
        table = f"SELECT * REPLACE (TIMESTAMPTZ '2023-01-10 23:30:00-05:00' AS exam_date) FROM '{path}'"  # noqa: S608
        database.execute(f"COPY ({table}) TO '{tmp_path}/other.parquet'")
    (tmp_path / "other.parquet").replace(path)
    code = (
        "from datetime import date; from pathlib import Path; import sys; "
        "from radlogic.adapters.audit.at_scale import Order, run; "
        "run(Order(Path(sys.argv[1]), Path(sys.argv[2]), date(2025, 6, 30), ('follow-up-on-time',)))"
    )
    for zone in ("UTC", "America/New_York", "Asia/Tokyo"):
        out = tmp_path / zone
        subprocess.run([sys.executable, "-c", code, folder, out], check=True, env={**os.environ, "TZ": zone})
        assert duckdb.sql(f"SELECT exam_date FROM '{out}/rows/*.parquet'").fetchall() == [(date(2023, 1, 11),)]  # noqa: S608


def test_a_table_that_is_a_file_and_a_folder_is_refused_by_name(tmp_path):
    folder = audited_tables.write(tmp_path / "in", exams=[exam("A", "P1", DAY)])
    (folder / "exams").mkdir()
    (folder / "exams" / "part-0.parquet").write_bytes((folder / "exams.parquet").read_bytes())

    for check_rows in (False, True):
        with pytest.raises(NotReadable, match=r"exams\.parquet beside exams"):
            audit_folder(folder, tmp_path / "out", AS_OF, (MEASURE,), check_rows=check_rows)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("days", [-719162 - 366 * 4000, -719162, -25568])  # 4000 BC; 0001-01-01; 1899-12-31
def test_nobody_was_imaged_before_1900(tmp_path, days):
    folder = audited_tables.write(tmp_path / "in", exams=[exam("A", "P1", DAY), exam("B", "P2", DAY)])
    dates = pa.array([days, (DAY - date(1970, 1, 1)).days], type=pa.int32()).cast(pa.date32())
    found = pq.read_table(folder / "exams.parquet")
    pq.write_table(
        found.set_column(found.schema.get_field_index("exam_date"), "exam_date", dates), folder / "exams.parquet"
    )

    answers, aside, told = audited(folder, tmp_path / "out")

    assert answers == {"B": ("not_met", "never")}
    assert aside == {"A": "exam_date before 1900"}
    assert told["exams_put_aside"] == {"exam_date before 1900": 1}


def test_the_first_day_of_1900_is_a_day(tmp_path):
    folder = audited_tables.write(tmp_path / "in", exams=[exam("A", "P1", date(1900, 1, 1))])

    _, aside, _ = audited(folder, tmp_path / "out")

    assert aside == {}


def test_a_setting_that_is_given_twice_is_refused_by_name(tmp_path):
    folder = audited_tables.write(tmp_path / "in", exams=[exam("A", "P1", DAY)])

    with pytest.raises(BadValue, match="grace_days"):
        audit_folder(folder, tmp_path / "out", AS_OF, settings=("grace_days=5", "work_up_days=60", "grace_days=7"))


def test_the_reference_reads_blank_ids_and_old_days_alike(tmp_path):
    exams = [exam("A", " ", DAY), exam("B", " ", LATER), exam("", "P1", LATER), exam("C", "P1", DAY)]
    exams += [exam("D", "P2", date(1899, 12, 31)), exam("E", "P2", DAY), exam("F", "P3", DAY)]
    folder = audited_tables.write(tmp_path / "in", exams=exams, patients=[{"patient_id": f"P{n}"} for n in (1, 2, 3)])

    answers, _, _ = audited(folder, tmp_path / "out")

    told = audited_by_hand.judge(folder, AS_OF)
    assert answers == {exam_id: said for (measure, exam_id), said in told.items() if measure == MEASURE}
    assert answers.keys() == {"C", "E", "F"}
