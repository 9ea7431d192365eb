"""The Bundle of a decision: it says what the decision says, and nothing that nobody said."""

import json
from dataclasses import replace
from xml.etree import ElementTree

from bundle_cases import SIGNATURES
from bundle_parts import OVER, bundle, codes, exam_of, lesion_of, parts, read, resources, unsigned, values
from decision_strategies import assessments
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sample_decisions import ALL

from radlogic.adapters.fhir.emit.bundle import dumps
from radlogic.engine.types import Known, Unknown


@OVER
def test_category_interval_and_date_are_those_of_the_decision(name, assessment):
    made = unsigned(name, assessment)
    for d in read(assessment):
        seen = exam_of(made, d.application.guideline)
        stated = seen.get("valueCodeableConcept")
        assert (codes(stated) if stated else set()) == ({d.exam.category} if d.exam.category is not None else set())
        assert ("dataAbsentReason" in seen) == (d.exam.category is None)
        due = [c["valueDateTime"] for c in parts(seen, "due-date")]
        assert due == ([d.due_date.isoformat()] if d.due_date else [])
        held = d.exam.facts.get("interval_months")
        window = [(c["valueRange"]["low"]["value"], c["valueRange"]["high"]["value"]) for c in parts(seen, "interval")]
        assert window == ([tuple(held)] if held and d.exam.category is not None else [])
        assert all(c["valueRange"]["high"]["code"] == "mo" for c in parts(seen, "interval"))
        for f in d.findings:
            lesion = lesion_of(made, f.finding.tracking_id)
            (said,) = parts(lesion, f"{d.application.guideline.partition('@')[0]}.lesion-category")
            found = codes(said["valueCodeableConcept"]) if "valueCodeableConcept" in said else set()
            assert found == ({f.reading.category} if f.reading.category is not None else set())


@OVER
def test_what_remains_possible_is_listed_and_the_reason_for_no_category_names_it(name, assessment):
    made = unsigned(name, assessment)
    for d in read(assessment):
        seen = exam_of(made, d.application.guideline)
        listed = [c["valueCodeableConcept"]["text"] for c in parts(seen, "possible-category")]
        assert listed == (list(d.exam.possible) if len(d.exam.possible) > 1 or d.exam.category is None else [])
        if d.exam.category is None and d.exam.possible:
            assert all(one in seen["dataAbsentReason"]["text"] for one in d.exam.possible)


@OVER
def test_an_unknown_is_never_a_value(name, assessment):
    made = unsigned(name, assessment)
    rule_based = assessment.decision.route == "rule_based"
    for finding in assessment.record.case.findings:
        lesion = lesion_of(made, finding.tracking_id)
        for fact, belief in finding.facts.items():
            stated = parts(lesion, fact)
            neural = belief.source is not None and belief.source.kind == "net"
            if isinstance(belief, Unknown) or (rule_based and neural) or not isinstance(belief, Known):
                told = [c for c in stated if any(key.startswith("value") for key in c)]
                assert not [c for c in told if "valueQuantity" not in c or not hasattr(belief, "mean")]
            elif belief.source.kind == "convention":
                assert not stated  # implied by a form, said by nobody


@OVER
def test_an_open_answer_of_the_guideline_is_unknown_and_never_a_no(name, assessment):
    made = unsigned(name, assessment)
    for d in read(assessment):
        seen = exam_of(made, d.application.guideline)
        for fact in d.exam.facts.get("open", ()):
            for part in parts(seen, f"{d.application.guideline.partition('@')[0]}.{fact}"):
                assert codes(part["dataAbsentReason"]) == {"unknown"}


@OVER
def test_every_reference_within_is_answered_and_nothing_is_empty(name, assessment):
    for how in ("unsigned", "overridden", "superseded"):
        made = bundle(assessment, SIGNATURES[how])
        urls = [e["fullUrl"] for e in made["entry"]]
        assert len(set(urls)) == len(urls)
        for path, value in values(made):
            assert value is not None and value not in ("", [], {}), path
            if isinstance(value, dict) and str(value.get("reference", "")).startswith("urn:uuid:"):
                assert value["reference"] in urls, path


@OVER
def test_everything_that_a_program_asserts_says_so(name, assessment):
    for resource in resources(unsigned(name, assessment)):
        label = {c["code"] for c in resource.get("meta", {}).get("security", ())}
        assert label == (set() if resource["resourceType"] == "Device" else {"AIAST"})


@OVER
def test_a_condition_that_nobody_confirmed_stands_beside_the_category(name, assessment):
    made = unsigned(name, assessment)
    for d in read(assessment):
        seen = exam_of(made, d.application.guideline)
        flagged = [c["valueBoolean"] for c in parts(seen, "conditional")]
        conditional = d.application.applies == "conditional"
        assert flagged == [True] * conditional
        if conditional and d.exam.category is not None:
            assert seen["valueCodeableConcept"]["text"].endswith("(conditional)")
            (report,) = resources(made, "DiagnosticReport")
            assert "Conditional" in report["conclusion"]
            assert (
                d.exam.category not in {c for one in report.get("conclusionCode", ()) for c in codes(one)}
                or len(read(assessment)) > 1
            )


def test_an_exam_without_a_date_has_none_in_the_bundle():
    held = ALL["fused"]()
    case = replace(held.record.case, exam=replace(held.record.case.exam, date=None))
    made = bundle(replace(held, record=replace(held.record, case=case)))
    assert not [p for p, _ in values(made) if p.endswith(("effectiveDateTime", "identifiedDateTime"))]
    assert not resources(made, "ServiceRequest")


@settings(max_examples=30, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(assessments(), st.sampled_from(sorted(SIGNATURES)))
def test_whatever_a_decision_holds_a_bundle_keeps_to_the_standard(assessment, how):
    """Models, bindings and references are checked by ``report_bundle`` itself; the text must be JSON."""
    made = bundle(assessment, SIGNATURES[how])
    assert json.loads(dumps(made)) == made
    ElementTree.fromstring(resources(made, "DiagnosticReport")[0]["text"]["div"])  # noqa: S314
