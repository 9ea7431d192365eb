"""A human's answer in place of the program's: whose it is, and what of the program's is left."""

from dataclasses import replace

import bundle_cases as world
import pytest
from bundle_cases import SIGNATURES
from bundle_parts import bundle, codes, exam_of, named, parts, resources
from compared_exams import compared
from sample_decisions import ALL

from radlogic.adapters.report.signed import Signed


def test_an_override_is_the_humans_and_its_proposal_is_withdrawn():
    assessment = replace(ALL["no_findings"]())
    made = bundle(assessment, SIGNATURES["overridden"])
    seen = exam_of(made, "lung-rads")
    assert codes(seen["valueCodeableConcept"]) == {"4B"}
    assert "meta" not in seen
    assert seen["performer"] == [{"identifier": {"system": "urn:radlogic:identifier:account", "value": "dr-a"}}]
    (before,) = parts(seen, "engine-category")
    assert codes(before["valueCodeableConcept"]) == {"1"}
    (asked,) = resources(made, "ServiceRequest")
    assert asked["status"] == "revoked"
    (report,) = resources(made, "DiagnosticReport")
    assert "4B" in report["conclusion"] and "category 1" not in report["conclusion"]
    assert [codes(c) for c in report["conclusionCode"]] == [{"4B"}]


def test_an_answer_set_aside_leaves_no_category():
    made = bundle(ALL["fused"](), SIGNATURES["set aside"])
    seen = exam_of(made, "lung-rads")
    assert "valueCodeableConcept" not in seen and "dataAbsentReason" in seen
    (report,) = resources(made, "DiagnosticReport")
    assert "conclusionCode" not in report
    assert "4A" not in report["conclusion"]
    assert {named(made)[r["reference"]]["status"] for r in report["result"]} == {"final"}


def test_an_override_of_one_guideline_leaves_the_other_as_it_was():
    said = {"guideline": "fleischner@2017", "category": "none"}
    made = bundle(ALL["unknown_indication"](), Signed("dr-a", world.AT, "overridden", said, "clinical_context"))
    assert codes(exam_of(made, "lung-rads")["valueCodeableConcept"]) == {"4A"}
    assert codes(exam_of(made, "fleischner")["valueCodeableConcept"]) == {"none"}


@pytest.mark.parametrize("named", ["fleischner@2017", "x@1"])
def test_an_override_by_a_guideline_that_does_not_apply_stands_alone_and_the_engines_answer_is_not_taken(named):
    said = {"guideline": named, "category": "3", "management": "as I say"}
    made = bundle(ALL["fused"](), Signed("dr-a", world.AT, "overridden", said, "clinical_context"))
    alone = exam_of(made, named.partition("@")[0])
    assert codes(alone["valueCodeableConcept"]) == {"3"}
    assert alone["valueCodeableConcept"]["coding"][0]["version"] == named.partition("@")[2]
    assert "meta" not in alone
    assert [p["valueString"] for p in parts(alone, "management")] == ["as I say"]
    engine = exam_of(made, "lung-rads")
    assert "valueCodeableConcept" not in engine and "dataAbsentReason" in engine
    (before,) = parts(engine, "engine-category")
    assert before["code"]["text"].startswith("program's answer, not taken")
    (report,) = resources(made, "DiagnosticReport")
    assert report["conclusion"].splitlines()[0].endswith("category 3. As I say.")
    assert "4A" not in report["conclusion"]
    assert [codes(c) for c in report["conclusionCode"]] == [{"3"}]
    assert {named_["reference"] for named_ in report["result"]} == {
        e["fullUrl"] for e in made["entry"] if e["resource"] in (alone, engine)
    }
    assert {r["status"] for r in resources(made, "ServiceRequest")} <= {"revoked"}


def test_an_override_by_another_edition_keeps_that_edition():
    said = {"guideline": "lung-rads@1.1", "category": "3"}
    made = bundle(ALL["fused"](), Signed("dr-a", world.AT, "overridden", said, "clinical_context"))
    seen = exam_of(made, "lung-rads")
    assert seen["valueCodeableConcept"]["coding"][0]["version"] == "1.1"
    (before,) = parts(seen, "engine-category")
    assert before["valueCodeableConcept"]["coding"][0]["version"] == "2022"
    (report,) = resources(made, "DiagnosticReport")
    assert "2022" not in report["conclusion"] and "1.1: category 3" in report["conclusion"]
    assert [c["coding"][0]["version"] for c in report["conclusionCode"]] == ["1.1"]


@pytest.mark.parametrize("how", ["overridden", "set aside"])
def test_the_narrative_of_an_override_marks_what_the_engine_says_as_not_taken(how):
    (report,) = resources(bundle(ALL["fused"](), SIGNATURES[how]), "DiagnosticReport")
    div = report["text"]["div"]
    assert "The program's answer, not taken:" in div
    rows = [row for row in div.split("<tr>")[2:] if "Lung-RADS" in row]
    assert rows and all("(engine, not taken)" in row for row in rows)
    (report,) = resources(bundle(ALL["fused"](), SIGNATURES["accepted"]), "DiagnosticReport")
    assert "not taken" not in report["text"]["div"]


def test_a_category_that_names_no_guideline_is_coded_by_none_of_several():
    made = bundle(ALL["unknown_indication"](), SIGNATURES["overridden"])
    assert [exam_of(made, g)["valueCodeableConcept"] for g in ("lung-rads", "fleischner")] == [{"text": "4B"}] * 2


@pytest.mark.parametrize(
    ("management", "words"),
    [("no_follow_up", "No follow up."), ("As I say", "As I say.")],
)
def test_a_stated_code_of_a_management_is_told_in_words(management, words):
    said = {"guideline": "lung-rads@2022", "category": "2", "management": management}
    made = bundle(compared("10.5"), Signed("dr-a", world.AT, "overridden", said, "clinical_context"))

    assert resources(made, "DiagnosticReport")[0]["conclusion"] == f"ACR Lung-RADS v2022: category 2. {words}"
