"""Words that cannot be read of who died or left, leaves again and again, and imaging studies that stand twice."""

from datetime import date

import audited_tables
import pytest
from audited_tables import exam, statement
from incoming_records import LOW_DOSE, export, of, patient, report, rows, tables, told

from radlogic.adapters.audit import reported
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.adapters.audit.folder import audit_folder
from radlogic.adapters.audit.intake.incoming import tables_folder
from radlogic.engine.errors import BadValue

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
AS_OF = date(2025, 6, 30)
OPEN, NEVER, GONE = ["unknown", "event_not_readable"], ["not_met", "never"], ["excluded", "left_before_due"]


def followed(folder, out):
    """What became of the only exam's follow-up, and who is on the worklist."""
    done = run(Order(folder, out, AS_OF, ("follow-up-on-time",)))
    reported.write_all(done)
    with duckdb.connect() as database:
        ((*_, status, reason),) = database.execute(reported.rows_of(done.measures[0], done.files("rows"))).fetchall()
    late = duckdb.sql(f"SELECT patient_id FROM '{out}/worklist.parquet'").fetchall()  # noqa: S608
    return [status, reason], late


def one_exam(folder, people):
    """An exam that nothing followed, and its patient as a table of these columns says."""
    made = audited_tables.write(
        folder, exams=[exam("E", "P", date(2023, 1, 10))], statements=[statement("E", category="1")]
    )
    pq.write_table(
        pa.table({"patient_id": ["P"] * len(next(iter(people.values()))), **people}), made / "patients.parquet"
    )
    return made


@pytest.mark.parametrize("flag", ["deceased", "left"])
@pytest.mark.parametrize(("word", "found"), [("?", OPEN), ("verstorben", OPEN), (" ", NEVER), ("false", NEVER)])
def test_a_word_of_death_or_leave_that_cannot_be_read_is_no_life(tmp_path, flag, word, found):
    folder = one_exam(tmp_path / "in", {flag: [word]})
    assert followed(folder, tmp_path / "out") == (found, [] if found == OPEN else [("P",)])


def test_in_csv_too(tmp_path):
    listed = ["A,female,1960-01-01,,", "B,female,1960-01-01,,"]
    folder = tables(tmp_path / "in", patients=listed, exams=[f"E,A,2023-01-10,{LOW_DOSE}"])
    file = folder / "patients.csv"
    head, *lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([f"{head},deceased", f"{lines[0]},yes", f"{lines[1]},false", ""]), encoding="utf-8")

    made = tables_folder(folder, tmp_path / "out")

    assert rows(made, "patients", "patient_id, deceased") == [("A", True), ("B", False)]


@pytest.mark.parametrize(
    ("leaves", "found"),
    [
        ([date(2015, 1, 1)], NEVER),
        ([date(2015, 1, 1), date(2023, 6, 1)], GONE),
        ([date(2015, 1, 1), date(2023, 6, 1), date(2026, 6, 1)], GONE),
        ([date(2015, 1, 1), date(2023, 6, 1), date(2025, 6, 1)], OPEN),
    ],
    ids=["before the exam", "again after it", "and once more after the day of the audit", "and once more before it"],
)
def test_of_several_leaves_the_one_after_the_exam_counts(tmp_path, leaves, found):
    folder = one_exam(tmp_path / "in", {"left_date": pa.array(leaves, pa.date32())})
    assert followed(folder, tmp_path / "out") == (found, [("P",)] if found == NEVER else [])


def study(name, whose, code):
    return {"resourceType": "ImagingStudy", "id": name, "status": "available", "started": "2023-01-10", **of(whose),
            "modality": [{"code": code}]}  # fmt: skip


@pytest.mark.parametrize("other", [("A", "MR"), ("B", "CT")], ids=["of another modality", "of another patient"])
@pytest.mark.parametrize("first", [True, False])
def test_a_study_that_stands_twice_and_says_otherwise_gives_no_modality_and_is_told(tmp_path, other, first):
    studies = [study("s", "A", "CT"), study("s", *other)]
    named = report("R", "A", "2023-01-10", code={"text": "?"}, imagingStudy=[{"reference": "ImagingStudy/s"}])
    folder = export(tmp_path / "in", patient("A"), patient("B"), named, *(studies if first else reversed(studies)))

    made = tables_folder(folder, tmp_path / "out")

    assert rows(made, "exams", "exam_id, modality") == [("R", None)]
    assert "its id stands in an earlier line that says otherwise" in str(told(made)["aside"])


def test_a_study_whose_report_was_withdrawn_is_no_exam_of_its_own(tmp_path):
    named = report("R", "A", "2023-01-10", status="entered-in-error", imagingStudy=[{"reference": "ImagingStudy/s"}])
    folder = export(tmp_path / "in", patient("A"), named, study("s", "A", "CT"))
    assert rows(tables_folder(folder, tmp_path / "out"), "exams", "exam_id") == []


def test_tables_are_not_made_where_another_audit_has_its_results(tmp_path):
    one_exam(tmp_path / "parquet", {"sex": ["female"]})
    audit_folder(tmp_path / "parquet", tmp_path / "out", AS_OF, ("follow-up-on-time",))
    folder = tables(tmp_path / "csv", exams=[f"E,A,2023-01-10,{LOW_DOSE}"])

    with pytest.raises(BadValue, match="the results of another audit"):
        audit_folder(folder, tmp_path / "out", AS_OF, ("follow-up-on-time",))
    assert not (tmp_path / "out" / "tables").exists()
