"""What a record leaves open is unknown to the audit: a death on no day, diagnoses in other codes, a status unknown."""

import json
from datetime import date

import pytest
from command import run
from incoming_records import LOW_DOSE, export, of, patient, procedure, report, rows, tables, told

from radlogic.adapters.audit.folder import audit_folder
from radlogic.adapters.audit.intake.incoming import tables_folder
from radlogic.engine.errors import BadValue

AS_OF = date(2025, 6, 30)
SCT, ICD = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"


def condition(name, system, code, verification="confirmed", **more):
    status = {"verificationStatus": {"coding": [{"code": verification}]}} if verification else {}
    return {"resourceType": "Condition", "id": name, "code": {"coding": [{"system": system, "code": code}]},
            "onsetDateTime": "2023-02-20", **of("A"), **status, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("system", "code", "kind"),
    [(ICD, "C34", "lung_cancer"), (ICD, "C34.11", "lung_cancer"), (SCT, "254637007", "lung_cancer"),
     (SCT, "363358000", "lung_cancer"), (ICD, "C22.0", "hcc"), (SCT, "109841003", "hcc"), (SCT, "25370001", "hcc"),
     (ICD, "C73", "thyroid_cancer"), (ICD, "C22.9", None), (ICD, "D02.22", None)],
)  # fmt: skip
def test_cancers_are_known_by_their_codes_and_an_unsettled_one_is_of_unknown_kind(tmp_path, system, code, kind):
    made = tables_folder(export(tmp_path / "in", patient("A"), condition("C", system, code)), tmp_path / "out")
    assert rows(made, "outcomes", "patient_id, kind") == [("A", kind)]


def test_diagnoses_of_something_else_are_counted_and_where_none_has_a_word_there_are_no_outcomes(tmp_path):
    others = [condition("C", ICD, "I10"), condition("D", ICD, "C340"), condition("E", SCT, "59621000")]
    folder = export(tmp_path / "in", patient("A"), report("E", "A", "2023-01-10"), *others)

    audit_folder(folder, tmp_path / "out", AS_OF, ("cancer-detection",))

    made = tmp_path / "out" / "tables"
    assert told(made)["passed_over"] == {"conditions: of something else": 3}
    assert not (made / "outcomes.parquet").exists()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert "table outcomes: not there, so it is empty" in summary["input"]["remarks"]
    known = export(tmp_path / "known", patient("A"), *others, condition("F", ICD, "C34.2"))
    assert rows(tables_folder(known, tmp_path / "other"), "outcomes", "kind") == [("lung_cancer",)]


def test_who_died_or_left_on_a_day_that_nobody_can_read_is_marked(tmp_path):
    left = {"identifier": [{"value": "x", "period": {"end": "2024"}}]}
    export(
        tmp_path / "in", patient("alive", deceasedBoolean=False), patient("dead", deceasedBoolean=True),
        patient("dated", deceasedDateTime="2024-02-01"), patient("left", **left), patient("nothing"),
        patient("partly", deceasedDateTime="2023"), patient("twice"), patient("twice", deceasedDateTime="2024-02-01"),
    )  # fmt: skip

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    assert rows(made, "patients", 'patient_id, death_date, deceased, left_date, "left"') == [
        ("alive", None, False, None, None), ("dated", date(2024, 2, 1), True, None, None),
        ("dead", None, True, None, None), ("left", None, None, None, True), ("nothing", None, None, None, None),
        ("partly", None, True, None, None), ("twice", date(2024, 2, 1), True, None, None),
        ("twice", None, None, None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_in_tables_too_and_every_row_of_a_patient_counts(tmp_path, form):
    patients = ["A,,1960-01-01,,", "A,,1960-01-01,2024-02-01,", "A,,1960-01-01,,", "B,,1960-01-01,unknown,",
                "C,,1960-01-01,,2024"]  # fmt: skip
    folder = tables(tmp_path / "in", form, patients=patients)

    made = tables_folder(folder, tmp_path / "out", check=True)

    assert rows(made, "patients", 'patient_id, death_date, deceased, "left"') == [
        ("A", date(2024, 2, 1), True, None), ("A", None, None, None), ("B", None, True, None), ("C", None, None, True)
    ]  # fmt: skip
    said = "patient_id: its id stands in an earlier row"
    assert told(made)["aside"]["duplicate"] == {said: 1, f"{said} that says otherwise": 1}


def test_what_the_site_itself_says_of_a_death_is_kept(tmp_path):
    (tmp_path / "in").mkdir()
    lines = ["patient_id,deceased,death_date", "A,true,", "B,false,", "C,false,2024-01-01", "D,perhaps,"]
    (tmp_path / "in" / "patients.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    said = [("A", True, None), ("B", False, None), ("C", True, None), ("D", True, None)]
    assert rows(made, "patients", 'patient_id, deceased, "left"') == said
    assert told(made)["aside"] == {"value": {"deceased: a value that cannot be used": 1}}


def test_an_event_that_nobody_says_was_is_one_of_unknown_kind(tmp_path):
    cancer = [condition(v, ICD, "C34.1", v) for v in ("differential", "provisional", "unconfirmed", "refuted")]
    benign = condition("b", "", "benign", "unconfirmed")
    call = {"resourceType": "Communication", "id": "c", "status": "unknown", "sent": "2023-01-11",
            "category": [{"text": "critical_result"}], "about": [{"reference": "DiagnosticReport/f"}]}  # fmt: skip
    reports = [report(s, "A", "2023-01-10", status=s) for s in ("unknown", "registered", "cancelled", "final")]
    twice = [report("f", "A", "2023-01-10", status=s) for s in ("registered", "final")]
    done = [procedure(s, "A", "2023-01-10", status=s) for s in ("unknown", "completed", "stopped")]
    export(tmp_path / "in", patient("A"), *reports, *twice, *done, *cancer, benign, condition("o", ICD, "I10"), call)

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    assert rows(made, "exams", "exam_id, modality, region") == [
        ("f", "ldct", "chest"), ("final", "ldct", "chest"), ("registered", None, "chest"), ("unknown", None, "chest")
    ]  # fmt: skip
    assert rows(made, "procedures", "kind, region") == [("biopsy", "chest"), (None, "chest")]
    assert rows(made, "outcomes", "kind, diagnosis_date") == [(None, date(2023, 2, 20))] * 3
    assert rows(made, "communications", "exam_id, kind") == [("f", None)]
    assert told(made)["passed_over"] == {
        "conditions: not finished": 2, "conditions: of something else": 1, "procedures: not finished": 1,
        "reports: not finished": 2,
    }  # fmt: skip
    assert told(made)["aside"] == {"value": {"status: a value that cannot be used": 7}}


def study(name, whose, started, **more):
    return {"resourceType": "ImagingStudy", "id": name, "status": "available", **of(whose), "started": started,
            "modality": [{"code": "CT"}], **more}  # fmt: skip


def test_an_imaging_study_that_no_report_names_is_an_exam_of_its_own(tmp_path):
    names = {"imagingStudy": [{"reference": "ImagingStudy/named"}, {"reference": "ImagingStudy/also"}]}
    export(
        tmp_path / "in", patient("A"), report("E", "A", "2023-01-10", **names), report("F", "A", "2023-03-01"),
        study("named", "A", "2023-01-10"), study("also", "A", "2023-01-10"), study("E", "A", "2024-01-10T08:00:00Z"),
        study("F-images", "A", "2023-03-01"), study("undated", "A", "2023"), study("of-nobody", "nobody", "2023-02-01"),
        study("unclear", "A", "2024-05-01", status="unknown"), study("off", "A", "2024-06-01", status="cancelled"),
    )  # fmt: skip

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    assert rows(made, "exams", "exam_id, exam_date, modality, region") == [
        ("E", date(2023, 1, 10), "ldct", "chest"), ("F", date(2023, 3, 1), "ldct", "chest"),
        ("ImagingStudy/E", date(2024, 1, 10), "ct", None), ("ImagingStudy/unclear", date(2024, 5, 1), None, None),
    ]  # fmt: skip
    assert told(made)["passed_over"] == {
        "studies: not finished": 1, "studies: of a report of the same day": 1, "studies: without a day": 1,
    }  # fmt: skip
    assert told(made)["aside"] == {"reference": {"subject: names a patient who is not there": 1}}


def test_an_audit_that_is_refused_leaves_the_tables_of_the_one_before(tmp_path):
    exams = [f"E,A,2023-01-10,{LOW_DOSE}"]
    folder = tables(tmp_path / "in", patients=["A,,1960-01-01,,"], exams=exams)
    ask = ("audit", folder, "--out", tmp_path / "out", "--as-of", "2025-06-30", "--measures", "follow-up-on-time")
    assert run(*ask).code == 0
    made = tmp_path / "out" / "tables"
    before = {file.name: file.read_bytes() for file in made.iterdir()}
    (folder / "exams.csv").write_text((folder / "exams.csv").read_text().replace("-10,", "-11,"), encoding="utf-8")

    refused = run(*ask)

    assert refused.code == 2
    assert "the results of another audit" in refused.err
    assert {file.name: file.read_bytes() for file in made.iterdir()} == before


def test_a_setting_that_is_given_twice_is_refused(tmp_path):
    with pytest.raises(BadValue, match="grace_days twice"):
        audit_folder(tmp_path, tmp_path / "out", AS_OF, settings=("grace_days=5", "grace_days=7"))
