# ruff: noqa: S608  the SQL is of this file
"""What the project itself writes comes back in: its reports as FHIR, and its store."""

import json
from dataclasses import replace
from datetime import date

import bundle_cases as world
import duckdb
import monitor_store
import pytest

from radlogic.adapters.audit.folder import audit_folder
from radlogic.adapters.audit.intake.incoming import tables_folder
from radlogic.adapters.fhir.emit.bundle import report_bundle
from radlogic.adapters.report.signed import Signed
from radlogic.adapters.store.cases import Store
from radlogic.engine.assess import assess
from radlogic.engine.types import Indication


def rows(made, table, columns):
    return duckdb.sql(f"SELECT {columns} FROM '{made}/{table}.parquet' ORDER BY ALL").fetchall()


def kept_by_a_server(bundle, folder):
    """The resources as a server would export them: ids of its own in the place of the Bundle's names."""
    names = {e["fullUrl"]: f"{e['resource']['resourceType']}/r{i}" for i, e in enumerate(bundle["entry"])}
    text = json.dumps(bundle)
    for urn, name in names.items():
        text = text.replace(urn, name)
    folder.mkdir()
    for entry in json.loads(text)["entry"]:
        resource = {**entry["resource"], "id": entry["fullUrl"].split("/")[1]}
        with (folder / f"{resource['resourceType']}.ndjson").open("a", encoding="utf-8") as file:
            file.write(json.dumps(resource) + "\n")
    subject = bundle["entry"][0]["resource"]["subject"]["reference"].split("/")[1]
    (folder / "Patient.ndjson").write_text(json.dumps({"resourceType": "Patient", "id": subject}) + "\n")


def test_a_signed_report_as_fhir_comes_back_as_exam_findings_and_stated_category(tmp_path):
    assessment = monitor_store.assessed(7.0)
    signed = Signed("dr-a", monitor_store.at(120), "accepted")
    bundle = report_bundle(assessment, signed, world.CONTEXT)
    kept_by_a_server(bundle, tmp_path / "in")

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    decided = next(d for d in assessment.decision.guidelines if d.exam is not None)
    category = decided.exam.category
    assert category is not None
    assert rows(made, "exams", "exam_id, exam_date, region, report_text IS NOT NULL") == [
        ("r0", date(2026, 3, 2), "chest", True)
    ]
    stated = rows(made, "statements", "exam_id, guideline, edition, category, source")
    assert stated == [("r0", "lung-rads", "2022", category, "structured")]
    low, high = decided.exam.facts["interval_months"]
    assert rows(made, "statements", "interval_min_months::INT, interval_max_months::INT") == [(int(low), int(high))]
    ((kind, status, mm),) = rows(made, "findings", "kind, status, mean_mm::DOUBLE")
    assert (kind, status, mm) == ("nodule", "baseline", 7.0)
    aside = rows(made, "aside", "what, field")
    assert [a for a in aside if a[0] != "value"] == []
    assert rows(made, "exams", "indication, modality") == [("screening", "ldct")]


@pytest.mark.slow
def test_an_unsigned_report_states_nothing(tmp_path):
    kept_by_a_server(report_bundle(monitor_store.assessed(7.0), None, world.CONTEXT), tmp_path / "in")

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    assert rows(made, "statements", "*") == []
    assert {row[1:] for row in rows(made, "findings", "exam_id, kind, mean_mm")} == {(None, None)}  # unfinished ones
    told = json.loads((made / "intake.json").read_text(encoding="utf-8"))
    assert told["passed_over"]["observations: not finished"] >= 2


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    with Store.open(folder / "kept") as kept:
        monitor_store.sign(kept, monitor_store.assessed(7.0), "e1")
        monitor_store.sign(kept, monitor_store.assessed(7.0), "e2", 10, category="4A")
        kept.add(monitor_store.of_patient(monitor_store.assessed(7.0), "e3"), monitor_store.at(300), "radlogic")
    return folder


def test_a_store_gives_what_humans_signed_and_counts_what_nobody_did(store):
    made = tables_folder(store / "kept", store / "out")

    engine = monitor_store.assessed(7.0).decision.guidelines[0].exam.category
    assert rows(made, "statements", "exam_id, guideline, edition, category") == [
        ("e1", "lung-rads", "2022", engine), ("e2", "lung-rads", "2022", "4A")
    ]  # fmt: skip
    exams = rows(made, "exams", "exam_id, modality, region, indication, exam_date, reader_id, prior_ct")
    assert exams == [(e, "ldct", "chest", "screening", date(2026, 3, 2), "dr-a", "none") for e in ("e1", "e2")]
    assert rows(made, "findings", "exam_id, kind, status, mean_mm::DOUBLE, type") == [
        (e, "nodule", "baseline", 7.0, None) for e in ("e1", "e2")
    ]
    told = json.loads((made / "intake.json").read_text(encoding="utf-8"))
    assert told["passed_over"] == {"exams that nobody signed": 1}
    patients = rows(made, "patients", "patient_id, sex")
    assert len(patients) == 2
    assert all(sex == "female" and "patient-" not in name for name, sex in patients)


def test_an_exam_for_surveillance_has_its_region_and_is_no_low_dose_ct_that_nobody_named(tmp_path):
    first = monitor_store.assessed(7.0)
    exam = replace(first.record.case.exam, indication=Indication.SURVEILLANCE)
    later = assess(replace(first.record.case, exam=exam), monitor_store.knowledge(), date(2026, 3, 2))
    assert {d.application.applies for d in later.decision.guidelines} == {"conditional"}
    with Store.open(tmp_path / "kept") as kept:
        monitor_store.sign(kept, later, "e1")

    made = tables_folder(tmp_path / "kept", tmp_path / "out")

    assert rows(made, "exams", "modality, region, indication") == [("ct", "chest", "surveillance")]


@pytest.mark.slow
def test_a_store_is_audited(store, tmp_path):
    audit_folder(store / "kept", tmp_path / "out", date(2026, 6, 1), ("category-concordant",))

    judged = duckdb.sql(f"SELECT exam_id FROM '{tmp_path}/out/rows/*.parquet' ORDER BY 1").fetchall()
    assert judged == [("e1",), ("e2",)]
