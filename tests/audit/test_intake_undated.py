# ruff: noqa: S608  the SQL is of this file
"""An event that came in without a usable day stays one: it may have been the follow-up of an earlier exam."""

import json
from dataclasses import replace
from datetime import date, timedelta

import audited_tables
import duckdb
import monitor_store
import pytest
from audited_tables import exam, statement

from radlogic.adapters.audit.folder import audit_folder
from radlogic.adapters.audit.intake.incoming import tables_folder
from radlogic.adapters.store.cases import Store

AS_OF, DAY = date(2025, 6, 30), date(2023, 6, 1)
COUNTED = "a value that cannot be used"
SUBJECT = {"subject": {"reference": "Patient/p"}}
UNDATED = {
    "DiagnosticReport": {"status": "final", "code": {"text": "ldct"}, **SUBJECT},
    "Procedure": {"status": "completed", "code": {"text": "biopsy"}, "performedDateTime": "2024", **SUBJECT},
    "Condition": {"code": {"text": "lung_cancer"}, "recordedDate": "01.03.2024", **SUBJECT},
    "Communication": {
        "status": "completed", "category": [{"text": "critical_result"}],
        "about": [{"reference": "DiagnosticReport/r"}],
    },
}  # fmt: skip
BECAME = {"exams": "exam_date", "procedures": "procedure_date", "outcomes": "diagnosis_date",
          "communications": "communicated_at"}  # fmt: skip
EVENTS = {
    "nobody": ["not_met", "never"],
    "an exam": ["unknown", "event_not_readable"],
    "a biopsy": ["unknown", "event_not_readable"],
    "a cancer": ["unknown", "event_not_readable"],
}


def write_csv(folder, undated):
    """Exams that are overdue, each but one with an undated event behind it."""
    later = exam("an exam, then", "an exam", DAY + timedelta(360))
    parquet = audited_tables.write(
        folder / "parquet",
        exams=[*(exam(name, name, DAY) for name in EVENTS), later],
        patients=[{"patient_id": name, "birth_date": date(1960, 1, 1)} for name in EVENTS],
        statements=[statement(name, category="1") for name in EVENTS],
        procedures=[{"procedure_id": "x", "patient_id": "a biopsy", "procedure_date": DAY, "kind": "biopsy",
                     "region": "chest"}],
        outcomes=[{"patient_id": "a cancer", "diagnosis_date": DAY, "kind": "lung_cancer"}],
    )  # fmt: skip
    tables = folder / "csv"
    tables.mkdir()
    for file in parquet.glob("*.parquet"):
        columns = duckdb.sql(f"DESCRIBE FROM '{file}'").fetchall()
        kept = ", ".join(f'"{name}"' for name, kind, *_ in columns if not kind.endswith("[]"))
        duckdb.sql(f"COPY (SELECT {kept} FROM '{file}') TO '{tables}/{file.stem}.csv' (HEADER)")
    for name, day in (("exams", later["exam_date"]), ("procedures", DAY), ("outcomes", DAY)):
        file = tables / f"{name}.csv"
        file.write_text(file.read_text(encoding="utf-8").replace(str(day), undated), encoding="utf-8")
    return tables


@pytest.mark.parametrize("undated", ["", "2024", "31.02.2024"])
def test_in_csv_who_may_have_been_followed_is_on_no_worklist(tmp_path, undated):
    tables = write_csv(tmp_path, undated)

    audit_folder(tables, tmp_path / "out", AS_OF, ("follow-up-on-time",), by_measure=True)

    judged = f"SELECT exam_id, status, reason FROM '{tmp_path}/out/measures/follow-up-on-time.parquet'"
    assert {name: said for name, *said in duckdb.sql(judged).fetchall()} == EVENTS
    assert duckdb.sql(f"SELECT patient_id FROM '{tmp_path}/out/worklist.parquet'").fetchall() == [("nobody",)]
    aside = json.loads((tmp_path / "out" / "tables" / "intake.json").read_text(encoding="utf-8"))["aside"]
    assert aside == {"value": {f"{BECAME[t]}: {COUNTED}": 1 for t in ("exams", "procedures", "outcomes")}}
    unusable = duckdb.sql(f"SELECT exam_id, reason FROM '{tmp_path}/out/aside.parquet'").fetchall()
    assert unusable == [("an exam, then", "no exam_date")]


def test_in_bulk_fhir_an_undated_event_is_counted_and_kept(tmp_path):
    (tmp_path / "in").mkdir()
    written = {"Patient": [{"id": "p"}], **{kind: [{"id": "u", **fields}] for kind, fields in UNDATED.items()}}
    written["DiagnosticReport"].append({"id": "r", "effectiveDateTime": "2024-03-01", **UNDATED["DiagnosticReport"]})
    for kind, resources in written.items():
        lines = [json.dumps({"resourceType": kind, **resource}) for resource in resources]
        (tmp_path / "in" / f"{kind}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    for table, column in BECAME.items():
        found = duckdb.sql(f"SELECT count(*), count({column}) FROM '{made}/{table}.parquet'").fetchall()
        assert found == [(2, 1) if table == "exams" else (1, 0)], table
    days = f"SELECT file, what, reason FROM '{made}/aside.parquet' WHERE field = 'day' ORDER BY file"
    assert duckdb.sql(days).fetchall() == [(f"{kind}.ndjson", "value", COUNTED) for kind in sorted(UNDATED)]


def test_a_diagnosis_of_something_else_needs_no_day(tmp_path):
    (tmp_path / "in").mkdir()
    other = {"resourceType": "Condition", "id": "c", "code": {"text": "hypertension"}, **SUBJECT}
    (tmp_path / "in" / "Condition.ndjson").write_text(json.dumps(other) + "\n", encoding="utf-8")
    (tmp_path / "in" / "Patient.ndjson").write_text('{"resourceType": "Patient", "id": "p"}\n', encoding="utf-8")

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    assert json.loads((made / "intake.json").read_text(encoding="utf-8"))["aside"] == {}


def test_of_a_store_an_exam_without_a_day_is_kept_and_counted(tmp_path):
    first = monitor_store.assessed(7.0)
    case = first.record.case
    undated = replace(first, record=replace(first.record, case=replace(case, exam=replace(case.exam, date=None))))
    with Store.open(tmp_path / "kept") as kept:
        monitor_store.sign(kept, undated, "e1")

    made = tables_folder(tmp_path / "kept", tmp_path / "out")

    assert duckdb.sql(f"SELECT exam_id, exam_date FROM '{made}/exams.parquet'").fetchall() == [("e1", None)]
    assert json.loads((made / "intake.json").read_text(encoding="utf-8"))["aside"] == {
        "value": {"exam_date: no day of the exam": 1}
    }
