# ruff: noqa: S608  paths of our own temporary files
"""Each distinct case and set of statements is read once, and that changes no answer, whatever the way there."""

import shutil
from dataclasses import replace
from datetime import date

import audited_by_hand
import audited_tables
import generated_tables
import pyarrow.parquet as pq
import pytest

from radlogic.adapters.audit import asked, at_scale, cases, exam, reported, sayings
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.adapters.audit.layout import tables_of
from radlogic.adapters.audit.measure_files import RELATION, asked_for, chosen
from radlogic.adapters.audit.scope import editions_of, scope

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
AS_OF = date(2025, 12, 1)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Two hundred exams made untidy, every tenth patient not in the table of patients, exams' ids in no order.

    Each chest CT stands there twice: once of a patient of 30, for whom Fleischner is not meant.
    """
    folder = tmp_path_factory.mktemp("population")
    generated_tables.write(folder, 200, 31, beside=False)
    untidy = audited_tables.untidy(folder / "tables", folder / "untidy", 5)
    with duckdb.connect() as database:
        exams = f"SELECT * FROM '{untidy}/exams.parquet' WHERE region = 'chest' AND modality = 'ct'"
        database.execute(f"CREATE TABLE twins AS {exams}")
        young = {
            "exams": "'young ' || exam_id AS exam_id, 'young ' || patient_id AS patient_id, 30 AS age",
            "findings": "'young ' || exam_id AS exam_id",
        }
        for file in sorted(untidy.glob("*.parquet")):
            source = f"SELECT * FROM '{file}'"
            if file.stem in young:
                source += (
                    f" UNION ALL SELECT * REPLACE ({young[file.stem]}) FROM '{file}' SEMI JOIN twins USING (exam_id)"
                )
            other = "REPLACE (md5(exam_id) AS exam_id)" if "exam_id" in pq.read_schema(file).names else ""
            kept = "WHERE hash(patient_id) % 10 <> 0" if file.stem == "patients" else ""
            database.execute(f"COPY (SELECT * {other} FROM ({source}) {kept}) TO '{folder}/other.parquet'")
            shutil.move(folder / "other.parquet", file)
    return untidy


def judged(tables, out, **order):
    """(measure, exam_id) -> (status, reason)."""
    done = run(Order(tables, out, AS_OF, **order))
    with duckdb.connect() as database:
        return {
            (m.id, exam): (status, reason)
            for m in done.measures
            for exam, _, _, status, reason in database.execute(reported.rows_of(m, done.files("rows"))).fetchall()
        }


@pytest.fixture(scope="module")
def by_hand(tables):
    return audited_by_hand.judge(tables, AS_OF)


def test_buckets_whose_exams_ids_are_mixed_are_judged_as_by_hand(tables, tmp_path, by_hand):
    found = judged(tables, tmp_path, per_bucket=70)

    assert len(list((tmp_path / "rows").iterdir())) > 2
    assert found == by_hand


def test_a_list_that_is_not_stated_and_an_empty_one_are_two_cases(tables, tmp_path):
    twins = tmp_path / "twins"
    twins.mkdir()
    other = {
        "exams": "'B' || exam_id AS exam_id, 'B' || patient_id AS patient_id",
        "findings": "'B' || exam_id AS exam_id, NULL AS history",
        "patients": "'B' || patient_id AS patient_id",
    }
    with duckdb.connect() as database:
        for name, said in other.items():
            query = f"FROM '{tables}/{name}.parquet' UNION ALL SELECT * REPLACE ({said}) FROM '{tables}/{name}.parquet'"
            database.execute(f"COPY ({query}) TO '{twins}/{name}.parquet'")
        empty = database.execute(f"SELECT COUNT(*) FROM '{twins}/findings.parquet' WHERE len(history) = 0").fetchone()

    assert empty[0] > 10
    right = {k: answer for k, answer in audited_by_hand.judge(twins, AS_OF).items() if k[0] == "category-concordant"}
    assert judged(twins, tmp_path / "out", measures=("category-concordant",)) == right


@pytest.mark.slow
def test_without_hashes_enumerations_and_memory_of_earlier_buckets_the_answers_are_the_same(
    tables, tmp_path, monkeypatch, by_hand
):
    known_of = at_scale.known_of
    careful = {"twice": True, "people_twice": True, "hashed": False, "words": {}}
    monkeypatch.setattr(at_scale, "known_of", lambda *args: replace(known_of(*args), **careful))
    for module in (cases, sayings):
        monkeypatch.setattr(module, "MOST", 0)

    assert judged(tables, tmp_path, per_bucket=100) == by_hand


@pytest.mark.slow
def test_fewer_measures_are_judged_as_among_all(tables, tmp_path, by_hand):
    few = ("category-concordant", "right-interval", "recommendation-present", "recorded-once")

    found = judged(tables, tmp_path, measures=few)

    assert not {"done_date", "communicated_at", "pack_years"} & asked_for(chosen(few))
    assert found == {key: answer for key, answer in by_hand.items() if key[0] in few}


def test_what_the_engine_may_be_asked_is_counted_by_bucket_whatever_other_buckets_asked(tables, tmp_path):
    order = Order(tables, tmp_path / "whole", AS_OF, ("category-concordant",), {"asked_exams": "1"}, per_bucket=70)
    run(order)
    shutil.copytree(order.out, tmp_path / "again")
    for part in ("rows", "counts", "worklist"):
        (tmp_path / "again" / part / "part-00001.parquet").unlink()
    run(replace(order, out=tmp_path / "again"))

    files = [file.relative_to(order.out) for file in sorted(order.out.rglob("*.parquet"))]
    open_ = "SELECT COUNT(*) FROM '{}' WHERE computed_status = 'undecided'"
    assert duckdb.sql(open_.format(order.out / "rows" / "*.parquet")).fetchall()[0][0] > 0
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (order.out / file).read_bytes(), file


def test_no_guideline_makes_a_number_of_the_age_so_its_cell_says_all():
    for name in scope().guidelines:
        for edition in editions_of(name):
            made = [n for n, behind in edition.guideline.behind.items() if "age" in behind and n != "age"]
            assert made == []


DAY = date(2023, 3, 15)


def test_a_case_that_one_bucket_could_not_ask_is_asked_in_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(asked, "_told", lambda *_: ("2", None, None, None, False))  # an engine that knows it
    open_ = {"lungs_fully_evaluable": None, "assessed": True}
    exams = [
        audited_tables.exam("E0", "P0", DAY, **open_),
        audited_tables.exam("E1", "P1", DAY, **open_, s_finding=None),
        audited_tables.exam("E2", "P2", DAY, **open_, s_finding=None),
        audited_tables.exam("E3", "P3", DAY, **open_),
    ]
    tables = audited_tables.write(tmp_path / "tables", exams=exams)
    order = Order(tables, tmp_path / "out", AS_OF, ("category-concordant",), {"asked_exams": "1"}, per_bucket=2)

    run(order)

    rows = duckdb.sql(f"SELECT exam_id, computed FROM '{tmp_path}/out/rows/*.parquet' ORDER BY 1").fetchall()
    assert len(list((tmp_path / "out" / "rows").iterdir())) == 2
    assert rows == [("E0", "2"), ("E1", None), ("E2", "2"), ("E3", None)]  # the first of each bucket, no more


def test_statements_that_differ_in_one_word_are_told_apart(tmp_path):
    bare = {"interval_min_months": None, "interval_max_months": None, "recommended_modality": None}
    said = {
        "E0": {**bare, "no_followup": True},
        "E1": {**bare, "no_followup": False},
        # nobody says that findings were looked for, and what a text does not say was perhaps not read
        "E2": {**bare, "no_followup": False, "source": "text"},
    }
    exams = [audited_tables.exam(e, f"P{n}", DAY, assessed=None) for n, e in enumerate(said)]
    statements = [audited_tables.statement(e, **words) for e, words in said.items()]
    tables = audited_tables.write(tmp_path / "tables", exams=exams, statements=statements)

    found = judged(tables, tmp_path / "out", measures=("recommendation-present", "category-concordant"))

    assert [found["recommendation-present", e][0] for e in said] == ["met", "not_met", "unknown"]
    assert [found["category-concordant", e] for e in said] == [
        ("met", "same"),
        ("met", "same"),
        ("unknown", "findings_incomplete"),
    ]


def test_a_column_without_a_value_is_not_read_and_an_empty_list_is_one(tmp_path):
    held = {
        "nothing": "CAST(NULL AS VARCHAR)",
        "told": "NULLIF(i, 0)",
        "no_list": "CAST(NULL AS INTEGER[])",
        "empty_list": "CASE WHEN i = 0 THEN CAST([] AS INTEGER[]) END",
        "list": "CASE WHEN i = 0 THEN [1] END",
    }
    listed = ", ".join(f"{value} AS {name}" for name, value in held.items())
    (tmp_path / "exams").mkdir()
    for n in range(2):
        keys = "i AS exam_id, i AS patient_id, i AS exam_date, i AS modality, i AS region"
        file = tmp_path / "exams" / f"{n}.parquet"
        duckdb.sql(f"COPY (SELECT {keys}, {listed} FROM range({n}, 3) t(i)) TO '{file}' (FORMAT parquet)")

    tables = tables_of(tmp_path, duckdb.connect(), {})

    assert tables.found["exams"].empty == {"nothing", "no_list"}
    assert {*tables.filled("exams")} >= {"told", "empty_list", "list", "exam_id"}


def test_a_profile_has_only_columns_of_an_exam_and_no_measure_of_what_came_later_is_read_from_it():
    profiled = {m.id for m in chosen() if asked_for([m]) <= exam.PROFILED}

    assert exam.PROFILED <= RELATION
    assert {"category-concordant", "right-interval", "edition-in-force"} <= profiled
    assert not profiled & {"follow-up-on-time", "critical-result-communicated", "recorded-once", "eligibility-cms"}
    assert len(chosen()) < 63  # a bit each in the list of patients not met
