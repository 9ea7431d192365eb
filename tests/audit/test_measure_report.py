"""The MeasureReport says what the audit counted, in FHIR's codes."""

import json

import pytest
from fhir.resources.R4B.measurereport import MeasureReport
from sample_decisions import ALL, LI_RADS, LUNG_RADS

from radlogic.adapters.audit.compare import Outcome
from radlogic.adapters.audit.measure_report import check_codes, measure_report
from radlogic.adapters.audit.population import AuditResult, audit
from radlogic.adapters.decision_file import dumps
from radlogic.engine.errors import BadValue

STATED = [
    ("screening", LUNG_RADS, "4A"),
    ("no_findings", LUNG_RADS, "1"),
    ("unknown_type", LUNG_RADS, "1"),
    ("unknown_indication", LUNG_RADS, "4A"),
    ("no_guideline", LI_RADS, "LR-3"),
]


@pytest.fixture(scope="module")
def result():
    return audit(
        json.dumps(
            {"assessment": json.loads(dumps(ALL[name]())), "stated": {"guideline": guideline, "category": category}}
        )
        for name, guideline, category in STATED
    )


def populations(group):
    return {p["code"]["coding"][0]["code"]: p["count"] for p in group["population"]}


def test_it_is_a_valid_summary_of_the_measure(result):
    report = measure_report(result)

    assert json.loads(MeasureReport.model_validate(report).model_dump_json()) == report
    assert (report["status"], report["type"]) == ("complete", "summary")
    assert report["period"] == {"start": "2025-01-31", "end": "2025-03-14"}
    assert report["improvementNotation"]["coding"][0]["code"] == "increase"


def test_each_guideline_is_a_group_with_its_populations_and_score(result):
    li_rads, lung_rads = measure_report(result)["group"]

    assert (li_rads["code"]["text"], lung_rads["code"]["text"]) == (LI_RADS, LUNG_RADS)
    assert populations(lung_rads) == {
        "initial-population": 4,
        "denominator": 4,
        "denominator-exclusion": 1,
        "numerator": 2,
    }
    assert lung_rads["measureScore"] == {"value": 0.6667}


def test_where_nothing_can_be_judged_there_is_no_score(result):
    li_rads = measure_report(result)["group"][0]

    assert populations(li_rads) == {
        "initial-population": 1,
        "denominator": 1,
        "denominator-exclusion": 1,
        "numerator": 0,
    }
    assert "measureScore" not in li_rads


def test_the_strata_hold_every_outcome_and_add_up(result):
    for group in measure_report(result)["group"]:
        strata = {s["value"]["text"]: populations(s)["initial-population"] for s in group["stratifier"][0]["stratum"]}
        assert list(strata) == list(Outcome)
        assert sum(strata.values()) == populations(group)["initial-population"]


@pytest.mark.parametrize("lines", [[], ["{"]], ids=["no lines", "bad lines only"])
def test_an_audit_of_nothing_is_valid_too_and_says_that_its_period_is_unknown(lines):
    report = measure_report(audit(lines))

    assert json.loads(MeasureReport.model_validate(report).model_dump_json()) == report
    assert report["period"]["extension"][0]["valueCode"] == "unknown"
    assert "group" not in report


def report_with(**changes):
    return measure_report(AuditResult(1, {LUNG_RADS: {Outcome.AGREE: 1}}, (), (), None, None, 0)) | changes


WRONG = {
    "status": {"status": "final"},
    "type": {"type": "population"},
    "improvementNotation": {"improvementNotation": {"coding": [{"code": "up"}]}},
    "group.population.code": {"group": [{"population": [{"code": {"coding": [{"code": "cohort"}]}, "count": 1}]}]},
}


@pytest.mark.parametrize(("field", "change"), WRONG.items(), ids=WRONG)
def test_a_code_that_fhir_does_not_allow_is_refused(field, change):
    check_codes(report_with())

    with pytest.raises(BadValue) as refused:
        check_codes(report_with(**change))
    assert refused.value.field == field
