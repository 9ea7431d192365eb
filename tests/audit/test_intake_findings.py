# ruff: noqa: S608  the SQL is of this file
"""Findings are numbered within their exam; one that is put aside leaves its exam open, and never "nothing found"."""

import json

import duckdb
import pytest
from command import run

from radlogic.adapters.audit.intake.incoming import tables_folder

EXAMS = "exam_id,patient_id,exam_date,modality,region,indication,assessed,prior_ct,lungs_fully_evaluable\n"
FINDINGS = "exam_id,finding_id,kind,type,mean_mm\n"


def tables(folder, findings, exams=("E1", "E2")):
    folder.mkdir()
    (folder / "patients.csv").write_text("patient_id,sex,birth_date\nP1,female,1950-01-01\n")
    days = [f"{e},P1,202{n}-03-01,ldct,chest,screening,true,none,true\n" for n, e in enumerate(exams)]
    (folder / "exams.csv").write_text(EXAMS + "".join(days))
    (folder / "findings.csv").write_text(FINDINGS + "".join(f"{row}\n" for row in findings))
    return folder


def kept(tmp_path, findings):
    made = tables_folder(tables(tmp_path / "in", findings), tmp_path / "out")
    rows = duckdb.sql(f"SELECT exam_id, kind, mean_mm::DOUBLE FROM '{made}/findings.parquet'").fetchall()
    return rows, duckdb.sql(f"SELECT line, what FROM '{made}/aside.parquet'").fetchall()


def test_findings_numbered_anew_in_each_exam_are_all_kept(tmp_path):
    given = ["E1,1,nodule,solid,7", "E1,2,nodule,solid,9", "E2,1,nodule,solid,20"]
    assert kept(tmp_path, given) == ([("E1", "nodule", 7), ("E1", "nodule", 9), ("E2", "nodule", 20)], [])


def test_findings_without_a_number_are_all_kept(tmp_path):
    given = ["E1,,nodule,solid,7", "E1,,nodule,solid,9"]
    assert kept(tmp_path, given) == ([("E1", "nodule", 7), ("E1", "nodule", 9)], [])


def test_the_same_row_twice_is_one_finding(tmp_path):
    given = ["E1,1,nodule,solid,7", "E1,1,nodule,solid,7"]
    assert kept(tmp_path, given) == ([("E1", "nodule", 7)], [(3, "duplicate")])


@pytest.mark.parametrize(
    "lost", [["E1,1,nodule,solid,3", "E1,1,nodule,solid,30"], ["E1,1,nodule,solid"], ["E1,1,nodule,solid,7,more,x"]]
)
def test_of_an_exam_whose_finding_is_put_aside_one_finding_is_unknown(tmp_path, lost):
    rows, aside = kept(tmp_path, lost)
    assert ("E1", None, None) in rows
    assert len(aside) == 1


def test_an_exam_whose_only_finding_is_put_aside_is_not_read_as_without_findings(tmp_path):
    folder = tables(tmp_path / "in", ["E1,1,nodule,solid,30,more,x"])
    done = run("audit", folder, "--out", tmp_path / "out", "--as-of", "2026-01-01", "--measures", "follow-up-on-time")
    assert done.code == 0
    rows = duckdb.sql(f"SELECT exam_id, computed_status FROM '{tmp_path}/out/rows/*.parquet' ORDER BY 1").fetchall()
    assert rows == [("E1", "refused"), ("E2", "undecided")]


def observation(number, exam, **more):
    exams = [{"reference": f"DiagnosticReport/{exam}"}]
    return {"resourceType": "Observation", "id": f"O{number}", "status": "final", "code": {"text": "nodule"},
            "subject": {"reference": "Patient/P1"}, "focus": exams, **more}  # fmt: skip


def size(mm):
    return {"code": {"text": "mean_mm"}, "valueQuantity": {"value": mm, "unit": "mm"}}


@pytest.mark.parametrize(
    ("lines", "open_"),
    [
        ([observation(1, "E1"), observation(1, "E1")], 0),
        ([observation(1, "E1"), observation(1, "E1", component=[size(7)])], 1),
        ([observation(1, "E1", component=[size(5), size(9)])], 1),
        ([observation(1, "E1", status="preliminary")], 1),
        ([observation(1, "E1", status="entered-in-error")], 0),
    ],
)
def test_a_finding_of_an_export_that_is_put_aside_leaves_its_exam_open_unless_it_was_withdrawn(tmp_path, lines, open_):
    folder = tmp_path / "in"
    folder.mkdir()
    report = {"resourceType": "DiagnosticReport", "id": "E1", "status": "final", "effectiveDateTime": "2024-03-01",
              "subject": {"reference": "Patient/P1"}, "code": {"text": "CT"}}  # fmt: skip
    for name, listed in {
        "Patient": [{"resourceType": "Patient", "id": "P1"}], "DiagnosticReport": [report], "Observation": lines
    }.items():  # fmt: skip
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(one) + "\n" for one in listed))
    made = tables_folder(folder, tmp_path / "out")
    rows = duckdb.sql(f"SELECT exam_id FROM '{made}/findings.parquet' WHERE kind IS NULL").fetchall()
    assert rows == [("E1",)] * open_
