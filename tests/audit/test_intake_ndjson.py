# ruff: noqa: S608  the SQL is of this file
"""Bulk FHIR to the audit's tables: the same population as in Parquet gives the same tables, whatever dirt is added."""

import gzip
import json
import shutil
from datetime import date

import duckdb
import generated_ndjson
import generated_tables
import pytest
from generated_dirt import add_dirt

from radlogic.adapters.audit.folder import audit_folder
from radlogic.adapters.audit.intake.incoming import tables_folder
from radlogic.engine.errors import NotReadable

KEYS = {"patients": "patient_id", "exams": "exam_id", "findings": "finding_id", "statements": "exam_id",
        "procedures": "procedure_id", "communications": "exam_id", "screening": "exam_id"}  # fmt: skip
# older sizes: an empty list is what the form of an Observation leaves out; the age follows from the birth date
OTHERWISE = {("findings", "history"), ("exams", "age")}


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    folder = tmp_path_factory.mktemp("population")
    generated_tables.write(folder / "pq", 200, 5, beside=False)
    generated_ndjson.write(folder / "nd", 200, 5, beside=False)
    return folder


@pytest.fixture(scope="module")
def made(population):
    return tables_folder(population / "nd" / "ndjson", population / "out")


def same(parquet, made, extra=""):
    """Every value of every table is the same in both; ``extra`` leaves out rows of the second."""
    for table, key in KEYS.items():
        there, here = f"'{parquet}/{table}/*.parquet'", f"(FROM '{made}/{table}.parquet' {extra.format(table)})"
        held = [row[0] for row in duckdb.sql(f"DESCRIBE FROM {there}").fetchall()]
        assert (
            duckdb.sql(f"SELECT count(*) FROM {there}").fetchall()
            == duckdb.sql(f"SELECT count(*) FROM {here}").fetchall()
        )
        columns = [c for c in held if (table, c) not in OTHERWISE]
        differ = " OR ".join(f'a."{c}" IS DISTINCT FROM b."{c}"' for c in columns)
        query = f"SELECT * FROM {there} a FULL JOIN {here} b ON a.{key} = b.{key} WHERE {differ}"
        assert duckdb.sql(query).fetchall() == [], table


@pytest.mark.slow
def test_a_population_gives_the_same_tables_from_ndjson_as_in_parquet(population, made):
    same(population / "pq" / "tables", made)
    told = json.loads((made / "intake.json").read_text(encoding="utf-8"))
    assert told["aside"] == {}
    assert told["passed_over"] == {}


def check(told, made):
    """Every dirty line is counted as it must be, and nothing else is."""
    found: dict[tuple[str, int], set[str]] = {}
    rows = duckdb.sql(f"SELECT file, line, what, reason FROM '{made}/aside.parquet'").fetchall()
    for file, line, what, reason in rows:
        assert reason
        found.setdefault((file, line), set()).add(what)
    for dirt in told["lines"]:
        what = found.pop((dirt["file"], dirt["line"]), set())
        assert what == {dirt["treatment"]} or dirt["treatment"] == "either", dirt
    assert found == {}
    assert len({dirt["kind"] for dirt in told["lines"]}) >= 30


def test_each_kind_of_dirty_line_is_counted_as_it_must_be(tmp_path):
    (tmp_path / "ndjson").mkdir()
    told = add_dirt(tmp_path / "ndjson", 2)

    made = tables_folder(tmp_path / "ndjson", tmp_path / "out")

    check(told, made)
    clean = {"patients": ("patient_id", "D0"), "exams": ("exam_id", "DE0"), "findings": ("finding_id", "DF0")}
    for table, (key, name) in clean.items():
        query = f"SELECT count(*) FROM '{made}/{table}.parquet' WHERE {key} = '{name}'"
        # of a patient every line that says otherwise is kept, and the audit joins them
        assert duckdb.sql(query).fetchall() == [(3 if table == "patients" else 1,)]
    sizes = f"SELECT finding_id, mean_mm FROM '{made}/findings.parquet' WHERE mean_mm IS NOT NULL"
    assert [(name, float(mm)) for name, mm in duckdb.sql(sizes).fetchall()] == [("DF0", 7.0)]
    told_of = (made / "intake.json").read_text(encoding="utf-8")
    assert "nobody" not in told_of
    assert "about 7" not in told_of


@pytest.mark.slow
def test_dirt_leaves_the_clean_population_unchanged(population, tmp_path):
    shutil.copytree(population / "nd" / "ndjson", tmp_path / "ndjson")
    told = add_dirt(tmp_path / "ndjson", 2)

    made = tables_folder(tmp_path / "ndjson", tmp_path / "out")

    check(told, made)
    own = {"patients": "patient_id", "procedures": "procedure_id", "findings": "finding_id"}
    for table in KEYS:
        query = f"SELECT count(*) FROM '{made}/{table}.parquet' WHERE {own.get(table, 'exam_id')} NOT LIKE 'D%'"
        before = f"SELECT count(*) FROM '{population}/pq/tables/{table}/*.parquet'"
        assert duckdb.sql(query).fetchall() == duckdb.sql(before).fetchall()


@pytest.mark.slow
def test_compressed_files_in_several_parts_give_the_same_tables(tmp_path):
    patients = [{"resourceType": "Patient", "id": f"p{i}", "gender": "female"} for i in range(9)]
    lines = [json.dumps(p).encode() + b"\n" for p in patients]
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    (tmp_path / "whole" / "Patient.ndjson").write_bytes(b"".join(lines).rstrip())
    for part, some in enumerate((lines[:4], lines[4:])):
        with gzip.open(tmp_path / "parts" / f"Patient-{part}.ndjson.gz", "wb") as packed:
            packed.writelines(some)

    both = [tables_folder(tmp_path / name, tmp_path / f"out-{name}") for name in ("whole", "parts")]

    found = [duckdb.sql(f"FROM '{made}/patients.parquet'").fetchall() for made in both]
    assert found[0] == found[1]
    assert len(found[0]) == 9


def test_a_file_that_is_cut_short_in_its_compression_is_refused_and_nothing_is_written(tmp_path):
    (tmp_path / "in").mkdir()
    whole = gzip.compress(b"".join(b'{"resourceType": "Patient", "id": "%d"}\n' % i for i in range(500)))
    (tmp_path / "in" / "Patient.ndjson.gz").write_bytes(whole[:-200])

    with pytest.raises(NotReadable, match="cut short"):
        tables_folder(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out" / "tables").exists()


def test_other_resources_and_observations_of_something_else_are_passed_over_and_counted(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Encounter.ndjson").write_text('{"resourceType": "Encounter", "id": "e"}\n')
    (tmp_path / "in" / "Patient.ndjson").write_text('{"resourceType": "Patient", "id": "p"}\r\n\r\n')
    (tmp_path / "in" / "Observation.ndjson").write_text(
        '{"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "weight"}, '
        '"subject": {"reference": "Patient/p"}, "valueQuantity": {"value": 80}}\n'
    )

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    told = json.loads((made / "intake.json").read_text(encoding="utf-8"))
    assert told["files"]["Encounter.ndjson"]["read"] is False
    assert told["passed_over"] == {"an Observation of something else": 1}
    assert told["aside"] == {}
    assert duckdb.sql(f"SELECT patient_id FROM '{made}/patients.parquet'").fetchall() == [("p",)]


def test_a_laboratorys_report_is_no_exam_and_whatever_may_be_imaging_is_one(tmp_path):
    section = "http://terminology.hl7.org/CodeSystem/v2-0074"

    def report(name, *categories, **more):
        coded = [{"coding": [{"system": section, "code": code}]} for code in categories]
        return {"resourceType": "DiagnosticReport", "id": name, "status": "final", "category": coded,
                "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2024-01-01"} | more  # fmt: skip

    study = {"imagingStudy": [{"reference": "ImagingStudy/s"}]}
    reports = [
        report("blood", "LAB", code={"text": "Comprehensive metabolic panel"}),
        report("tissue", "SP"),
        report("beside-a-study", "PAT", **study),
        report("called-a-ct", "LAB", code={"text": "ct"}),
        report("radiology", "RAD"),
        report("of-no-category"),
    ]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Patient.ndjson").write_text('{"resourceType": "Patient", "id": "p"}\n')
    (tmp_path / "in" / "DiagnosticReport.ndjson").write_text("".join(json.dumps(one) + "\n" for one in reports))

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    told = json.loads((made / "intake.json").read_text(encoding="utf-8"))
    assert told["passed_over"] == {"reports: of no imaging": 2}
    exams = duckdb.sql(f"SELECT exam_id FROM '{made}/exams.parquet' ORDER BY ALL").fetchall()
    assert exams == [("beside-a-study",), ("called-a-ct",), ("of-no-category",), ("radiology",)]


@pytest.mark.slow
def test_a_fact_stated_twice_is_a_contradiction_and_not_the_first_of_both(tmp_path):
    (tmp_path / "in").mkdir()
    subject = {"subject": {"reference": "Patient/p"}, "status": "final"}
    twice = [{"code": {"text": "mean_mm"}, "valueQuantity": {"value": mm, "unit": "mm"}} for mm in (5, 9)]
    lines = [
        {"resourceType": "Patient", "id": "p"},
        {"resourceType": "DiagnosticReport", "id": "e", **subject, "effectiveDateTime": "2024-01-01",
         "code": {"text": "ldct"}, "category": [{"text": "chest"}]},
        {"resourceType": "Observation", "id": "o", **subject, "code": {"text": "nodule"},
         "focus": [{"reference": "https://h.example/fhir/DiagnosticReport/e/_history/2"}], "component": twice},
    ]  # fmt: skip
    for line in lines:
        (tmp_path / "in" / f"{line['resourceType']}.ndjson").write_text(json.dumps(line) + "\n")

    made = tables_folder(tmp_path / "in", tmp_path / "out")

    aside = duckdb.sql(f"SELECT what, reason, field FROM '{made}/aside.parquet'").fetchall()
    assert aside == [("line", "the same fact stated twice", "mean_mm")]
    findings = duckdb.sql(f"SELECT exam_id, finding_id, kind, mean_mm FROM '{made}/findings.parquet'").fetchall()
    assert findings == [("e", None, None, None)]  # one that may be anything


@pytest.mark.slow
def test_the_audit_says_the_same_of_a_population_in_ndjson_and_in_parquet(tmp_path):
    generated_tables.write(tmp_path / "pq", 10_000, 1)
    generated_ndjson.write(tmp_path / "nd", 10_000, 1)

    for form, folder in (("pq", "tables"), ("nd", "ndjson")):
        audit_folder(tmp_path / form / folder, tmp_path / form / "out", date(2026, 1, 1))

    summaries = [(tmp_path / form / "out" / "summary.json").read_text(encoding="utf-8") for form in ("pq", "nd")]
    tables, export = map(json.loads, summaries)
    assert export["input"].pop("intake")["aside"] == {}
    assert tables == export
