"""The fused risk on the worklist: carried from a store's decisions as it is, and never where there is none."""

# ruff: noqa: S608  the SQL is of this file

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import audited_tables
import duckdb
import pyarrow.parquet as pq
import pytest
import sample_decisions

from radlogic.adapters.audit import reported
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.adapters.audit.intake.incoming import tables_folder
from radlogic.adapters.audit.risks import FILE, highest, write_risks
from radlogic.adapters.store.cases import Store

AS_OF = date(2026, 6, 30)
AT = datetime(2026, 1, 2, 8, 0, tzinfo=UTC)


def fused(probability, state="malignant"):
    answers = (f.risk for d in sample_decisions.fused().decision.guidelines for f in d.findings)
    answer = next(a for a in answers if a is not None and a.grounds is not None)
    return replace(answer, probability=probability, grounds=replace(answer.grounds, state=state))


CASES = [
    ([], None),
    ([None], None),
    ([None, 0.05], 0.05),
    ([0.05, 0.4, None], 0.4),
]


@pytest.mark.parametrize(("told", "risk"), CASES)
def test_the_highest_of_an_exams_findings_counts_and_nothing_is_made_up(told, risk):
    rows = highest("E1", [fused(p) if p is not None else None for p in told])

    assert [row["risk"] for row in rows] == ([] if risk is None else [risk])


def test_a_network_that_gave_no_number_has_no_row_and_other_targets_are_not_compared():
    assert highest("E1", [fused(None)]) == []
    assert highest("E1", [fused(0.3), fused(0.2, "other")]) == []


def tables(folder, patients):
    """Screening exams of one day, due in 12 months, that nobody followed up."""
    exams = [audited_tables.exam(f"E-{p}", p, date(2024, 1, 10)) for p in patients]
    return audited_tables.write(folder, exams=exams, statements=[audited_tables.statement(f"E-{p}") for p in patients])


def worklist(done):
    file = done.order.out / "worklist.parquet"
    return duckdb.sql(f"SELECT patient_id, risk, risk_of FROM '{file}'").fetchall()


def test_among_those_wanted_as_soon_the_known_risks_come_first_the_highest_before_the_others(tmp_path):
    folder = tables(tmp_path / "tables", ["A", "B", "C", "D"])
    write_risks(folder, [*highest("E-B", [fused(0.02)]), *highest("E-D", [fused(0.31)])])

    done = run(Order(folder, tmp_path / "out", AS_OF, ("follow-up-on-time",)))
    reported.write_all(done)

    assert worklist(done) == [("D", 0.31, "malignant"), ("B", 0.02, "malignant"), ("A", None, None), ("C", None, None)]
    listed = json.loads((tmp_path / "out" / "fhir" / "overdue.list.json").read_text(encoding="utf-8"))
    said = [entry["flag"]["text"] for entry in listed["entry"]]
    assert said[0].endswith("fused risk, malignant: 31.0 %")
    assert "risk" not in said[2]


def test_without_a_store_the_columns_are_there_and_empty(tmp_path):
    done = run(Order(tables(tmp_path / "tables", ["A", "B"]), tmp_path / "out", AS_OF, ("follow-up-on-time",)))
    reported.write_all(done)

    assert worklist(done) == [("A", None, None), ("B", None, None)]


@pytest.mark.parametrize(("overridden", "risk"), [(False, [(0.0522, "malignant")]), (True, [])])
def test_a_signed_decisions_fused_risk_comes_out_of_the_store_and_none_of_one_that_was_set_aside(
    tmp_path, overridden, risk
):
    with Store.open(tmp_path / "store") as store:
        name = store.add(sample_decisions.fused(), AT, "radlogic")
        store.open_reasons(name, AT, "dr-a")
        last = None
        if overridden:
            answer = {"guideline": "lung-rads@2022", "category": "2"}
            last = store.override(name, "clinical_context", "known since long", AT, "dr-a", answer).sequence
        store.sign(name, AT, "dr-a", seen=last)

    made = tables_folder(tmp_path / "store", tmp_path / "out")

    assert duckdb.sql(f"SELECT risk, risk_of FROM '{made / FILE}'").fetchall() == risk
    assert pq.read_schema(made / FILE).names == ["exam_id", "risk", "risk_of", "risk_by"]
