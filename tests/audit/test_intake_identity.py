"""Ids: two exams of one id are judged neither, nothing of one patient counts for another, and no event needs an id."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from incoming_records import (
    LOW_DOSE,
    assessment,
    came,
    counted,
    export,
    nodule,
    of,
    patient,
    procedure,
    report,
    rows,
    tables,
    told,
)

from radlogic.adapters.audit.folder import audit_folder
from radlogic.adapters.audit.intake.incoming import tables_folder

AS_OF = date(2025, 6, 30)
FOLLOWED = "follow-up-on-time"
ALIKE = {
    "patients": ["A,,1960-01-01,,", "B,,1960-01-01,,"],
    "exams": [f"E,A,2023-01-10,{LOW_DOSE}", f"E,B,2023-02-10,{LOW_DOSE}", f"F,A,2022-01-10,{LOW_DOSE}"],
    "findings": ["E,1,nodule,solid,20"],
    "statements": ["E,lung-rads,2022,4B,structured", "F,lung-rads,2022,1,structured"],
}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_rows_of_an_exams_id_that_say_otherwise_are_judged_neither_and_nothing_hangs_on_them(tmp_path, form):
    tables(tmp_path / "in", form, **ALIKE)

    audit_folder(tmp_path / "in", tmp_path / "out", AS_OF, (FOLLOWED,), check_rows=form == "parquet")

    made = tmp_path / "out" / "tables"
    assert rows(made, "exams", "exam_id, patient_id") == [("E", "A"), ("E", "B"), ("F", "A")]
    assert rows(made, "findings", "exam_id") == []
    assert rows(made, "statements", "exam_id") == [("F",)]
    assert (counted(made, "duplicate"), counted(made, "reference")) == (1, 2)
    aside = rows(tmp_path / "out", "aside", "exam_id, patient_id, reason")
    assert aside == [("E", "A", "exam_id in several rows"), ("E", "B", "exam_id in several rows")]
    assert came(tmp_path / "out", "done_date") == [("F", date(2023, 1, 10))]


def test_the_same_words_again_are_one_exam(tmp_path):
    same = {**ALIKE, "exams": [f"E,A,2023-01-10,{LOW_DOSE}"] * 2 + [f"F,A,2022-01-10,{LOW_DOSE}"]}
    made = tables_folder(tables(tmp_path / "in", **same), tmp_path / "out")
    assert rows(made, "exams", "exam_id") == [("E",), ("F",)]
    assert rows(made, "findings", "exam_id") == [("E",)]
    assert told(made)["aside"] == {"duplicate": {"exam_id: its id stands in an earlier row": 1}}


@pytest.mark.parametrize("other", ["E,nobody,2023-02-10", "E,,2023-02-10"])
def test_an_exam_stays_unjudged_also_where_the_other_of_its_id_names_nobody(tmp_path, other):
    exams = [f"E,A,2023-01-10,{LOW_DOSE}", f"{other},{LOW_DOSE}"]
    tables(tmp_path / "in", **{**ALIKE, "exams": exams})

    audit_folder(tmp_path / "in", tmp_path / "out", AS_OF, (FOLLOWED,))

    aside = rows(tmp_path / "out", "aside", "patient_id, reason")
    assert ("A", "exam_id in several rows") in aside
    assert len(aside) == 2


def test_in_bulk_fhir_reports_of_one_id_that_say_otherwise_are_judged_neither(tmp_path):
    export(
        tmp_path / "in", patient("A"), patient("B"), report("E", "A", "2023-01-10"), report("E", "B", "2023-02-10"),
        report("F", "A", "2022-01-10"), report("G", "B", "2022-02-10"),
        report("G", "B", "2022-02-10", status="amended"),
        assessment("O", "E", "B", "4B"), assessment("P", "F", "A"), nodule("N", "E", "B"),
    )  # fmt: skip

    audit_folder(tmp_path / "in", tmp_path / "out", AS_OF, (FOLLOWED,))

    made = tmp_path / "out" / "tables"
    assert rows(made, "exams", "exam_id, patient_id") == [("E", "A"), ("E", "B"), ("F", "A"), ("G", "B")]
    assert rows(made, "statements", "exam_id") == [("F",)]
    assert rows(made, "findings", "exam_id") == []
    assert (counted(made, "duplicate"), counted(made, "reference")) == (2, 2)
    assert came(tmp_path / "out", "done_date") == [("F", date(2023, 1, 10)), ("G", date(2023, 2, 10))]
    assert len(rows(tmp_path / "out", "aside", "exam_id")) == 2


def test_what_another_patients_resources_say_of_a_report_is_put_aside_and_its_findings_are_open(tmp_path):
    asked = {"resourceType": "ServiceRequest", "id": "R", "status": "active", "intent": "proposal", **of("B"),
             "code": {"text": "pet_ct"}, "supportingInfo": [{"reference": "DiagnosticReport/E"}]}  # fmt: skip
    called = {"resourceType": "Communication", "id": "C", "status": "completed", **of("B"),
              "category": [{"text": "critical_result"}], "sent": "2023-01-11",
              "about": [{"reference": "DiagnosticReport/E"}]}  # fmt: skip
    named = {key: value for key, value in nodule("M", "F", "A").items() if key != "focus"}
    export(
        tmp_path / "in", patient("A"), patient("B"), report("E", "A", "2023-01-10"),
        report("F", "B", "2023-01-10", result=[{"reference": "Observation/M"}]),
        assessment("O", "E", "B", "4B"), nodule("N", "E", "B"), named, asked, called,
    )  # fmt: skip

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    assert told(made)["aside"] == {"reference": {"subject: names an exam of another patient": 5}}
    assert rows(made, "statements", "exam_id") == rows(made, "communications", "exam_id") == []
    assert rows(made, "findings", "exam_id, kind") == [("E", None), ("F", None)]


UNNAMED = {
    "patients": ["A,,1960-01-01,,", "B,,1960-01-01,,"],
    "exams": [f"E,A,2023-01-10,{LOW_DOSE}", f",A,2024-01-10,{LOW_DOSE}", f"F,B,2023-01-10,{LOW_DOSE}"],
    "statements": ["E,lung-rads,2022,1,structured", "F,lung-rads,2022,4B,structured"],
    "procedures": ["1,A,2022-02-01,biopsy,chest", "1,B,2023-02-01,biopsy,chest", ",B,2023-03-01,other,chest",
                   ",B,2023-03-02,other,chest"],
}  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_exam_without_id_and_a_procedure_of_any_id_are_events(tmp_path, form):
    tables(tmp_path / "in", form, **UNNAMED)
    measures = (FOLLOWED, "work-up-begun")

    audit_folder(tmp_path / "in", tmp_path / "out", AS_OF, measures, check_rows=form == "parquet")

    made = tmp_path / "out" / "tables"
    assert came(tmp_path / "out", "done_date") == [("E", date(2024, 1, 10)), ("F", None)]
    assert came(tmp_path / "out", "work_up_date") == [("E", None), ("F", date(2023, 2, 1))]
    assert rows(tmp_path / "out", "aside", "patient_id, reason") == [("A", "no exam_id")]
    assert told(made)["aside"] == {"value": {"exam_id: a value that cannot be used": 1}}
    assert len(rows(made, "procedures", "procedure_id")) == 4


def test_in_bulk_fhir_too_and_a_finding_without_id_is_not_lost(tmp_path):
    unnamed = [{k: v for k, v in nodule("", "E", "A").items() if k != "id"} | more for more in ({}, {"id": ""})]
    export(
        tmp_path / "in", patient("A"), patient("B"), report("E", "A", "2023-01-10"), report("", "A", "2024-01-10"),
        report("", "A", "2024-01-11"), assessment("O", "E", "A"), *unnamed,
        procedure("1", "A", "2023-02-01"), procedure("1", "B", "2023-02-01"), procedure("1", "B", "2023-02-01"),
        procedure("", "B", "2023-03-01"), procedure("", "B", "2023-03-02"),
    )  # fmt: skip

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    days = [(None, date(2024, 1, 10)), (None, date(2024, 1, 11)), ("E", date(2023, 1, 10))]
    assert sorted(rows(made, "exams", "exam_id, exam_date"), key=str) == sorted(days, key=str)
    assert rows(made, "findings", "exam_id, finding_id, kind") == [("E", None, "nodule")] * 2
    assert len(rows(made, "procedures", "patient_id")) == 4
    duplicate = {"id: its id stands in an earlier line": 1}
    assert told(made)["aside"] == {"duplicate": duplicate, "value": {"id: no id": 6}}


def test_ids_that_are_numbers_in_one_table_are_the_words_of_another(tmp_path):
    folder = tmp_path / "in"
    tables(folder, "parquet", **{**UNNAMED, "patients": ["7,,1960-01-01,,"]})
    exams = {"exam_id": ["E", "F"], "patient_id": [7.0, None], "exam_date": [date(2023, 1, 10)] * 2}
    words = {c: ["LDCT", " ldct"] if c == "modality" else ["chest"] * 2 for c in ("modality", "region")}
    pq.write_table(pa.table({**exams, **words}), folder / "exams.parquet")
    pq.write_table(pa.table({"patient_id": [7], "procedure_id": [1]}), folder / "procedures.parquet")

    made = tables_folder(folder, tmp_path / "out", check=True)

    assert rows(made, "exams", "exam_id, patient_id, modality") == [("E", "7", "ldct")]
    assert rows(made, "procedures", "patient_id") == [("7",)]
    assert rows(made, "statements", "exam_id") == [("E",)]


def test_exams_without_a_needed_column_are_refused_by_the_name_of_their_file(tmp_path):
    folder = tables(tmp_path / "in", patients=["A,,1960-01-01,,"])
    (folder / "exams.csv").write_text(f"E,A,2023-01-10,{LOW_DOSE}\n", encoding="utf-8")
    with pytest.raises(Exception, match=r"exams\.csv.*exam_id.*first line"):
        tables_folder(folder, tmp_path / "out")


def test_two_observations_of_one_id_count_each_for_its_own_exam_and_contradict_each_other_in_one(tmp_path):
    asked = {"resourceType": "ServiceRequest", "id": "R", "status": "active", "intent": "proposal",
             "code": {"text": "LDCT"}}  # fmt: skip
    about = [{"supportingInfo": [{"reference": f"DiagnosticReport/{e}"}], **of(p)} for e, p in (("E", "A"), ("F", "B"))]
    export(
        tmp_path / "in", patient("A"), patient("B"), report("E", "A", "2023-01-10"), report("F", "B", "2023-01-10"),
        report("G", "B", "2024-01-10"), assessment("1", "E", "A", "2"), assessment("1", "F", "B", "3"),
        assessment("2", "G", "B", "1"), assessment("2", "G", "B", "4A"), assessment("2", "G", "B", "4A"),
        nodule("3", "E", "A"), nodule("3", "F", "B"), *({**asked, **more} for more in about),
    )  # fmt: skip

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    assert rows(made, "statements", "exam_id, category, recommended_modality") == [
        ("E", "2", "ldct"), ("F", "3", "ldct"), ("G", "1", None), ("G", "4A", None)
    ]  # fmt: skip
    assert rows(made, "findings", "exam_id, kind") == [("E", "nodule"), ("F", "nodule")]
    said = "id: its id stands in an earlier line"
    assert told(made)["aside"] == {"duplicate": {said: 1, f"{said} that says otherwise": 3}}
