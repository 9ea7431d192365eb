# ruff: noqa: S608  paths of our own temporary files
"""A run over a folder: killed and started again, other plans refused, bad rows put aside, reports that hold."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import date

import audited_tables
import generated_tables
import pytest
from audited_tables import exam, statement
from fhir.resources.R4B.list import List
from fhir.resources.R4B.measure import Measure
from fhir.resources.R4B.measurereport import MeasureReport

from radlogic.adapters.audit import bucket, reported, what_if
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.engine.errors import BadValue, MissingField, NotReadable, UnknownField, UnknownGuideline

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")

AS_OF = date(2026, 6, 30)
FEW = ("category-concordant", "follow-up-on-time", "positive-predictive-value")


def contents(folder):
    """Path -> bytes of every file below a folder."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.fixture(scope="module")
def lung(tmp_path_factory):
    """Sixty screened patients: twenty never come back, of whom four have died since; five come late."""
    folder = tmp_path_factory.mktemp("lung")
    exams, statements, patients = [], [], []
    for n in range(60):
        exams.append(exam(f"E{n:03}", f"P{n:03}", date(2023, 3, 15)))
        statements.append(statement(f"E{n:03}", category="1" if n % 12 else "2"))
        death = date(2024, 1, 1) if n < 2 else date(2025, 1, 1) if n < 4 else None
        patients.append(
            {"patient_id": f"P{n:03}", "sex": "female", "birth_date": date(1960, 1, 1), "death_date": death}
        )
        if n >= 20:
            later = date(2024, 3, 10) if n >= 25 else date(2025, 1, 1)
            exams.append(exam(f"F{n:03}", f"P{n:03}", later, indication="surveillance", round="annual"))
    return audited_tables.write(folder, exams=exams, statements=statements, patients=patients)


@pytest.fixture(scope="module")
def reports(lung, tmp_path_factory):
    """The results of their audit."""
    done = run(Order(lung, tmp_path_factory.mktemp("reports"), AS_OF))
    reported.write_all(done, by_measure=True)
    return done.order.out


def test_a_run_that_dies_between_two_files_goes_on_and_ends_with_the_same_bytes(lung, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    reported.write_all(run(Order(lung, whole, AS_OF, FEW, per_bucket=25)))
    write, calls = bucket.write, []

    def dying(*args):
        calls.append(args)
        if len(calls) == 6:  # in the middle of the second bucket
            raise KeyboardInterrupt
        write(*args)

    monkeypatch.setattr(bucket, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        run(Order(lung, broken, AS_OF, FEW, per_bucket=25))
    monkeypatch.undo()
    reported.write_all(run(Order(lung, broken, AS_OF, FEW, per_bucket=25)))

    assert len(list((whole / "rows").iterdir())) > 1
    assert contents(broken) == contents(whole)


@pytest.mark.slow
def test_a_killed_process_started_again_ends_with_the_same_bytes(tmp_path):
    generated_tables.write(tmp_path, 20_000, 4, beside=False)
    code = (
        "import sys\nfrom datetime import date\nfrom pathlib import Path\n"
        "from radlogic.adapters.audit.at_scale import Order, run\nfrom radlogic.adapters.audit import reported\n"
        "reported.write_all(run(Order(Path(sys.argv[1]), Path(sys.argv[2]), date(2026, 6, 30), per_bucket=4000)))\n"
    )
    tables, whole, killed = tmp_path / "tables", tmp_path / "whole", tmp_path / "killed"
    subprocess.run([sys.executable, "-c", code, tables, whole], check=True)
    for parts in (1, 3):
        with subprocess.Popen([sys.executable, "-c", code, tables, killed]) as running:
            while running.poll() is None and len(list(killed.glob("counts/part-*"))) < parts:
                time.sleep(0.02)
            os.kill(running.pid, signal.SIGKILL)
    subprocess.run([sys.executable, "-c", code, tables, killed], check=True)

    left = {name: content for name, content in contents(killed).items() if not name.endswith(".part")}
    assert left == contents(whole)


def test_what_does_not_fit_into_memory_lies_in_the_folder_of_results_and_a_killed_run_leaves_none_for_long(
    lung, tmp_path
):
    out, seen = tmp_path / "out", set()
    (left := out / ".spill-killed").mkdir(parents=True)
    (left / "duckdb_temp_storage-0.tmp").write_bytes(b"patients")

    done = run(Order(lung, out, AS_OF, FEW), lambda _: seen.update(out.glob(".spill-*")))

    assert len(seen) == 1
    assert left not in seen
    reported.write_all(done)
    assert not [*out.glob(".spill-*")]


def test_results_of_another_audit_are_not_mixed_in(lung, tmp_path):
    run(Order(lung, tmp_path, AS_OF, ("recorded-once",)))

    with pytest.raises(BadValue, match="another audit"):
        run(Order(lung, tmp_path, date(2026, 6, 29), ("recorded-once",)))


def test_exams_that_cannot_be_used_are_put_aside_with_the_reason(tmp_path):
    day = date(2023, 3, 15)
    exams = [
        exam("A", "P1", day),
        exam("B", "P1", day),
        exam("B", "P2", day),
        exam(None, "P3", day),
        exam("C", None, day),
        exam("D", "P4", None),
        exam("E", "P5", date(2027, 1, 1)),
    ]
    tables = audited_tables.write(tmp_path / "tables", exams=exams)

    done = run(Order(tables, tmp_path / "out", AS_OF, ("recorded-once",)))

    aside = duckdb.sql(f"SELECT exam_id, reason FROM '{tmp_path / 'out' / 'aside.parquet'}'").fetchall()
    rows = duckdb.sql(f"SELECT exam_id FROM '{done.files('rows')[0]}'").fetchall()
    assert sorted(aside, key=str) == sorted(
        [
            ("B", "exam_id in several rows"),
            ("B", "exam_id in several rows"),
            (None, "no exam_id"),
            ("C", "no patient_id"),
            ("D", "no exam_date"),
            ("E", "after the as-of date"),
        ],
        key=str,
    )
    assert rows == [("A",)]


def test_what_is_not_there_and_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "tables").mkdir()
    row = (
        "'A' AS exam_id, 'P' AS patient_id, 'some day' AS exam_date, 'ldct' AS modality, 'chest' AS region, 1 AS colour"
    )
    duckdb.sql(f"COPY (SELECT {row}) TO '{tmp_path / 'tables' / 'exams.parquet'}'")

    done = run(Order(tmp_path / "tables", tmp_path / "out", AS_OF, ("recorded-once",)))

    said = done.manifest["said_of_the_input"]
    assert said["unreadable_values"] == {"exams.exam_date": 1}
    assert "table findings: not there, so it is empty" in said["remarks"]
    assert "column exams.colour: not known to the audit, so it is not read" in said["remarks"]


def test_input_that_no_audit_can_be_made_of_is_refused(tmp_path, lung):
    with pytest.raises(NotReadable, match="no folder"):
        run(Order(tmp_path / "nowhere", tmp_path / "out", AS_OF))
    (tmp_path / "tables").mkdir()
    with pytest.raises(MissingField, match="exams"):
        run(Order(tmp_path / "tables", tmp_path / "out", AS_OF))
    (tmp_path / "tables" / "exams.parquet").write_text("exam_id,patient_id\n")
    with pytest.raises(NotReadable, match="no Parquet"):
        run(Order(tmp_path / "tables", tmp_path / "out", AS_OF))
    with pytest.raises(UnknownField, match="no such measure"):
        run(Order(lung, tmp_path / "out", AS_OF, ("follow-up",)))
    with pytest.raises(BadValue, match="whole number"):
        run(Order(lung, tmp_path / "out", AS_OF, own={"grace_days": "a few"}))
    with pytest.raises(BadValue, match="2GB"):
        run(Order(lung, tmp_path / "out", AS_OF, memory="a lot"))
    assert not (tmp_path / "out").exists()


def test_the_worklist_names_who_is_overdue_and_alive_the_longest_first(reports):
    work = duckdb.sql(f"SELECT patient_id, measure, days_late FROM '{reports / 'worklist.parquet'}'").fetchall()

    first = [patient for patient, _, late in work if late == (AS_OF - date(2024, 3, 15)).days]
    assert first == [f"P{n:03}" for n in range(4, 20)]  # two died before it was due, two since
    assert [late for *_, late in work] == sorted((late for *_, late in work), reverse=True)
    assert not {f"P{n:03}" for n in range(4)} & {patient for patient, *_ in work}


def test_the_summary_counts_what_was_planted_and_hides_small_cells(reports):
    found = {m["id"]: m for m in json.loads((reports / "summary.json").read_text())["measures"]}
    timely, right = found["follow-up-on-time"], found["category-concordant"]

    assert (timely["population"], timely["not_met"]) == (100, 63)  # five late; 18, and the 40 later exams, never
    assert (timely["excluded"], timely["met"]) == (None, None)  # two died; 35 would give them away
    assert timely["reasons"]["not_met"] == {"late": None, "never": None}
    assert (right["not_met"], right["reasons"]["not_met"]) == (None, {"stated_higher": None})  # five
    assert right["rate"] is None


def test_the_measure_reports_are_fhir_and_tell_no_more_than_the_summary(reports):
    kinds = {"List": List, "Measure": Measure, "MeasureReport": MeasureReport}
    for file in (reports / "fhir").glob("*.json"):
        content = json.loads(file.read_text())
        kinds[content["resourceType"]].model_validate(content)
    report = json.loads((reports / "fhir" / "category-concordant.json").read_text())
    counted = {p["code"]["coding"][0]["code"]: p.get("count") for p in report["group"][0]["population"]}

    assert counted["initial-population"] == 100
    assert None in (counted["numerator"], counted["denominator-exclusion"])  # else five would follow
    assert "measureScore" not in report["group"][0]


def test_the_list_of_the_overdue_is_the_worklist_in_its_order(reports):
    work = duckdb.sql(f"SELECT patient_id, due_date FROM '{reports / 'worklist.parquet'}'").fetchall()
    listed = json.loads((reports / "fhir" / "overdue.list.json").read_text())["entry"]

    assert [e["item"]["identifier"]["value"] for e in listed] == [patient for patient, _ in work]
    assert all(f"due {due} " in e["flag"]["text"] for e, (_, due) in zip(listed, work, strict=True))


def test_the_page_is_made_of_the_counts_and_names_nobody(reports):
    page = (reports / "page.html").read_text()

    assert 'id="m-follow-up-on-time"' in page
    assert not re.search(r"[PEF]0\d\d", page)


def test_the_list_of_subjects_names_the_patients_not_met(reports):
    listed = json.loads((reports / "fhir" / "category-concordant.list.json").read_text())

    assert [e["item"]["identifier"]["value"] for e in listed["entry"]] == [f"P{n:03}" for n in range(0, 60, 12)]
    assert not (reports / "fhir" / "abnormal-interpretation.list.json").exists()  # nobody failed a rate


def test_a_file_a_measure_has_status_and_reason_of_each_exam(reports):
    rows = duckdb.sql(f"SELECT exam_id, status, reason FROM '{reports / 'measures' / 'follow-up-on-time.parquet'}'")
    told = {exam: (status, reason) for exam, status, reason in rows.fetchall()}

    assert told["E000"] == ("excluded", "died_before_due")
    assert told["E003"] == told["E019"] == ("not_met", "never")
    assert told["E020"] == ("not_met", "late")
    assert told["E059"] == ("met", "on_time")


def test_what_if_names_who_changes_category_and_what_follows(tmp_path):
    generated_tables.write(tmp_path, 300, 2, beside=False)
    order = Order(tmp_path / "tables", tmp_path / "out", AS_OF, own={"smallest_cell": "0"})

    told = what_if.compare(order, what_if.pair("lung-rads@1.1", "lung-rads@2022"))

    changed = duckdb.sql(f"SELECT exam_id, before, after FROM '{tmp_path / 'out' / 'changed.parquet'}'").fetchall()
    both = [row for row in changed if None not in row]
    assert told["changed"] == len(both) == sum(change["exams"] for change in told["changes"]) > 0
    for change in told["changes"]:
        assert (change["example_exam"], change["before"], change["after"]) in both
    assert told["scans_a_year"]["before"] > 0
    with pytest.raises(BadValue, match="one guideline"):
        what_if.pair("lung-rads@2022", "fleischner@2017")
    with pytest.raises(UnknownGuideline):
        what_if.pair("lung-rads@2022", "lung-rads@2030")
