# ruff: noqa: S608  the SQL is of this file
"""What a text's reader does not find is unknown; another version of the program does not go on with results."""

import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import run

CATEGORY = "Lung-RADS category 3."
TEXTS = {
    "category": f"IMPRESSION: {CATEGORY}",
    "none": f"IMPRESSION: {CATEGORY} No follow-up is needed.",
    "interval": f"IMPRESSION: {CATEGORY} Follow-up low-dose CT in 6 months.",
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unsaid")
    (tables := folder / "in").mkdir()
    exams = [
        {"exam_id": name, "patient_id": "P1", "exam_date": f"202{n}-03-01", "modality": "ldct", "region": "chest",
         "indication": "screening", "report_text": text}
        for n, (name, text) in enumerate(TEXTS.items())
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist([{"patient_id": "P1"}]), tables / "patients.parquet")
    pq.write_table(pa.Table.from_pylist(exams), tables / "exams.parquet")
    asked = ("audit", tables, "--out", folder / "out", "--as-of", "2026-01-01", "--measures", "recommendation-present")
    assert run(*asked, "--texts", "--by-measure").code == 0
    return folder / "out", asked


def test_a_text_of_which_only_the_category_was_read_leaves_the_recommendation_unknown(audited):
    out, _ = audited
    query = f"SELECT exam_id, status, reason FROM '{out}/measures/recommendation-present.parquet'"
    found = {exam: (status, reason) for exam, status, reason in duckdb.sql(query).fetchall()}
    assert found == {
        "category": ("unknown", "recommendation_not_found_in_text"),
        "none": ("met", "no_follow_up_needed"),
        "interval": ("met", "interval"),
    }


def test_the_plan_names_the_program_so_that_another_version_does_not_go_on(audited):
    out, asked = audited
    file = out / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    assert manifest["plan"].pop("radlogic")
    file.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    done = run(*asked, "--texts", "--by-measure")
    assert done.code == 2
    assert "another audit" in done.err
