"""The Bundle of a decision: it says what the decision says, and nothing that nobody said."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import bundle_cases as world
import pytest
from bundle_cases import CONTEXT, PATIENT, SIGNATURES
from compared_exams import compared, unread
from decision_strategies import assessments
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sample_decisions import ALL

from radlogic.adapters.fhir.emit.bundle import dumps, report_bundle
from radlogic.adapters.fhir.emit.context import Context
from radlogic.adapters.fhir.emit.errors import BrokenReference, SignedReportStands
from radlogic.adapters.report.signed import Signed
from radlogic.engine.errors import BadValue
from radlogic.engine.types import Known, Unknown


@lru_cache
def every():
    return (*world.own(2), *world.written())


OVER = world.over(every)
SNOMED_LUNG_RADS = "1362105002"


def bundle(assessment, signed=None, context=CONTEXT, **more):
    return report_bundle(assessment, signed, context, **more)


UNSIGNED = {}


def unsigned(name, assessment):
    """The Bundle of one of ``every()``, made once."""
    if name not in UNSIGNED:
        UNSIGNED[name] = bundle(assessment)
    return UNSIGNED[name]


def resources(made, kind=None):
    return [e["resource"] for e in made["entry"] if kind in (None, e["resource"]["resourceType"])]


def named(made):
    return {e["fullUrl"]: e["resource"] for e in made["entry"]}


def codes(concept):
    return {c["code"] for c in concept.get("coding", ())}


def parts(observation, code):
    return [c for c in observation.get("component", ()) if code in codes(c["code"])]


def exam_of(made, guideline):
    """The Observation of the exam by a guideline."""
    own = f"{guideline.partition('@')[0]}.category"
    return next(o for o in resources(made, "Observation") if own in codes(o["code"]))


def lesion_of(made, name):
    found = (o for o in resources(made, "Observation") if "lesion" in codes(o["code"]))
    return next(o for o in found if name in {i["value"] for i in o["identifier"]})


def read(assessment):
    return [d for d in assessment.decision.guidelines if d.application.applies != "no" and d.exam is not None]


def values(node, path=""):
    """Every value below a node with its path."""
    yield path, node
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from values(value, f"{path}/{key}")


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


STATUS = {
    "unsigned": "preliminary",
    "accepted": "final",
    "overridden": "final",
    "set aside": "final",
    "corrected": "corrected",
    "amended": "amended",
    "superseded": "entered-in-error",
}


@pytest.mark.parametrize("how", SIGNATURES)
def test_the_status_follows_the_signature(how):
    made = bundle(ALL["fused"](), SIGNATURES[how])
    (report,) = resources(made, "DiagnosticReport")
    assert report["status"] == STATUS[how]
    assert exam_of(made, "lung-rads")["status"] == STATUS[how]
    verified = how in ("accepted", "corrected", "superseded")
    assert lesion_of(made, "N1")["status"] == (STATUS[how] if verified else "preliminary")
    assert {r["status"] for r in resources(made, "RiskAssessment")} == {STATUS[how] if verified else "preliminary"}
    assert ("resultsInterpreter" in report) == ("issued" in report) == (how != "unsigned")


def test_an_error_mended_is_corrected_and_any_other_change_amended():
    overridden = replace(SIGNATURES["amended"], reason="finding_not_present")
    assert resources(bundle(ALL["fused"](), overridden), "DiagnosticReport")[0]["status"] == "corrected"


def test_a_signature_that_replaces_an_unsigned_draft_is_final():
    context = replace(CONTEXT, was_final=False)
    made = bundle(ALL["fused"](), SIGNATURES["corrected"], context)
    assert resources(made, "DiagnosticReport")[0]["status"] == "final"


def test_an_unsigned_correction_does_not_take_a_signed_reports_place():
    with pytest.raises(SignedReportStands):
        bundle(ALL["fused"](), None, replace(CONTEXT, began="an-older-decision", was_final=True))


def test_a_superseded_decision_cannot_be_sent():
    for signed, context in ((SIGNATURES["superseded"], CONTEXT), (None, replace(CONTEXT, superseded=True))):
        made = bundle(ALL["fused"](), signed, context)
        assert made["type"] == "collection"
        assert not [e for e in made["entry"] if "request" in e]
        assert {r["status"] for r in resources(made, "DiagnosticReport")} == {"entered-in-error"}
        assert {r["status"] for r in resources(made, "ServiceRequest")} <= {"revoked"}


@OVER
def test_sending_twice_makes_nothing_twice(name, assessment):
    made, again = bundle(assessment), bundle(assessment)
    assert dumps(made) == dumps(again)
    for entry in made["entry"]:
        request, resource = entry["request"], entry["resource"]
        if resource["resourceType"] == "Provenance":
            (tag,) = resource["meta"]["tag"]
            assert request["ifNoneExist"] == f"_tag={tag['system']}|{tag['code']}"
            continue
        own = next(i for i in resource["identifier"] if i["use"] == "official")
        search = f"identifier={own['system']}|{own['value']}"
        asked = request.get("ifNoneExist") or request["url"].partition("?")[2]
        assert asked == search
        assert request["method"] == ("POST" if "ifNoneExist" in request else "PUT")


@pytest.mark.slow
def test_every_process_gives_the_same_bytes():
    code = (
        "import hashlib, bundle_cases as w; from radlogic.adapters.fhir.emit.bundle import dumps, report_bundle; "
        "made = [dumps(report_bundle(a, s, w.CONTEXT)) for _, a in w.written() for s in w.SIGNATURES.values()]; "
        "print(hashlib.sha256(''.join(made).encode()).hexdigest())"
    )
    here = str(Path(world.__file__).parent)
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": here, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout.strip()) == 64


def test_the_report_keeps_its_name_from_draft_to_correction():
    first, later = ALL["fused"](), ALL["screening"]()
    began = first.record.decision_id
    signed = replace(SIGNATURES["corrected"], replaces=began)
    middle = replace(CONTEXT, began=began, was_final=True)
    made = [bundle(first), bundle(first, SIGNATURES["accepted"]), bundle(later, signed), bundle(later, signed, middle)]
    names = {
        next(e["fullUrl"] for e in one["entry"] if e["resource"]["resourceType"] == "DiagnosticReport") for one in made
    }
    assert len(names) == 1
    apart = bundle(later)
    assert not names & set(named(apart))


def test_what_people_may_have_moved_on_is_not_reset():
    made = report_bundle(world.uncertain(), None, replace(CONTEXT, was_final=False))
    once = {e["resource"]["resourceType"] for e in made["entry"] if "ifNoneExist" in e["request"]}
    assert once == {"Task", "Provenance", "ServiceRequest"}


def test_a_signature_completes_the_review():
    (task,) = resources(bundle(ALL["fused"]()), "Task")
    assert (task["status"], task["intent"], task["priority"]) == ("requested", "proposal", "urgent")
    assert [codes(i["valueCodeableConcept"]) for i in task["input"]] == [{"guideline_silent"}]
    (task,) = resources(bundle(ALL["fused"](), SIGNATURES["accepted"]), "Task")
    assert task["status"] == "completed"


@OVER
def test_a_review_is_asked_for_exactly_where_one_is_required(name, assessment):
    tasks = resources(unsigned(name, assessment), "Task")
    assert len(tasks) == int(assessment.decision.review.required)
    told = [i["valueCodeableConcept"]["coding"][0]["code"] for t in tasks for i in t["input"]]
    assert told == [reason.code for reason in assessment.decision.review.reasons if tasks]


@OVER
def test_an_exam_is_proposed_only_where_the_guideline_surely_prints_when(name, assessment):
    made = unsigned(name, assessment)
    sure = [
        d
        for d in read(assessment)
        if d.application.applies == "yes" and d.due_date and d.exam.category is not None and not d.exam.silent
    ]
    asked = resources(made, "ServiceRequest")
    assert [r["occurrencePeriod"]["end"] for r in asked] == [d.due_date.isoformat() for d in sure]
    for request, d in zip(asked, sure, strict=True):
        assert (request["status"], request["intent"]) == ("draft", "proposal")
        assert request["occurrencePeriod"]["start"] <= request["occurrencePeriod"]["end"]
        low, high = d.exam.facts["interval_months"]
        assert (request["occurrencePeriod"]["start"] == request["occurrencePeriod"]["end"]) == (low == high)


def test_a_signature_confirms_what_was_open_unless_several_guidelines_may_hold():
    silent, doubtful = ALL["screening"](), ALL["unknown_indication"]()
    assert not resources(bundle(silent), "ServiceRequest")
    (asked,) = resources(bundle(silent, SIGNATURES["accepted"]), "ServiceRequest")
    assert (asked["status"], asked["occurrencePeriod"]["end"]) == ("draft", "2025-06-14")
    assert not resources(bundle(doubtful, SIGNATURES["accepted"]), "ServiceRequest")
    lung = doubtful.decision.guidelines[:1]
    alone = replace(doubtful, decision=replace(doubtful.decision, guidelines=lung))
    assert not resources(bundle(alone), "ServiceRequest")
    assert len(resources(bundle(alone, SIGNATURES["accepted"]), "ServiceRequest")) == 1


def test_a_window_of_months_is_a_period():
    made = bundle(world.decided("fleischner@2017", FLEISCHNER))
    (asked,) = resources(made, "ServiceRequest")
    assert asked["occurrencePeriod"] == {"start": "2026-04-30", "end": "2026-10-30"}
    assert asked["instantiatesCanonical"] == ["urn:radlogic:plan-definition:fleischner|2017"]


FLEISCHNER = {
    "patient": {"age": 60, "risk": "low", "known_cancer": False, "immunosuppressed": False},
    "exam": {"date": "2025-10-30", "screening": False, "number": "single"},
    "nodules": [{"type": "solid", "mean_mm": 7}],
}


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


def test_a_draft_of_which_nobody_knows_whether_it_was_signed_is_put_over_nothing():
    made = bundle(ALL["fused"]())
    asked = {(e["resource"]["resourceType"], e["request"]["method"]) for e in made["entry"]}
    assert {kind for kind, method in asked if method == "PUT"} == {"Device"}
    assert ("DiagnosticReport", "POST") in asked
    assert all("ifNoneExist" in e["request"] for e in made["entry"] if e["request"]["method"] == "POST")


def test_a_correction_withdraws_what_a_signer_stated_by_a_guideline_that_does_not_apply():
    before, after = ALL["fused"](), ALL["unknown_indication"]()
    said = {"guideline": "x@1", "category": "3"}
    first = Signed("dr-a", world.AT, "overridden", said, "clinical_context")
    signed = replace(SIGNATURES["corrected"], replaces=before.record.decision_id)
    made = report_bundle(after, signed, CONTEXT, replaced=(before,), signatures=(first,))
    assert exam_of(made, "x")["status"] == "entered-in-error"


def test_a_category_that_names_no_guideline_is_coded_by_none_of_several():
    made = bundle(ALL["unknown_indication"](), SIGNATURES["overridden"])
    assert [exam_of(made, g)["valueCodeableConcept"] for g in ("lung-rads", "fleischner")] == [{"text": "4B"}] * 2


def test_what_a_correction_no_longer_holds_is_withdrawn():
    before, after = ALL["fused"](), ALL["unknown_indication"]()
    signed = replace(SIGNATURES["corrected"], replaces=before.record.decision_id)
    made = bundle(after, signed, replaced=(before,))
    assert {lesion_of(made, n)["status"] for n in ("N2", "N3")} == {"entered-in-error"}
    assert lesion_of(made, "N1")["status"] == "corrected"
    assert exam_of(made, "fleischner")["status"] == "final"  # it was not there before
    (report,) = resources(made, "DiagnosticReport")
    live = {named(made)[r["reference"]]["status"] for r in report["result"]}
    assert live == {"corrected", "final"}
    assert {r["status"] for r in resources(made, "ServiceRequest")} == {"revoked"}
    (provenance,) = resources(made, "Provenance")
    assert {"reference": next(u for u, r in named(made).items() if r["status"] == "entered-in-error")} in provenance[
        "target"
    ]


@OVER
def test_everything_that_a_program_asserts_says_so(name, assessment):
    for resource in resources(unsigned(name, assessment)):
        label = {c["code"] for c in resource.get("meta", {}).get("security", ())}
        assert label == (set() if resource["resourceType"] == "Device" else {"AIAST"})


@world.over(world.written)
def test_the_provenance_names_everything_that_was_read_and_who_verified_it(name, assessment):
    for how in ("unsigned", "accepted", "overridden"):
        made = bundle(assessment, SIGNATURES[how])
        (provenance,) = resources(made, "Provenance")
        told = {e["what"]["identifier"]["value"] for e in provenance["entity"]}
        assert set(assessment.record.knowledge.values()) <= told
        assert assessment.record.decision_id in told
        roles = [code for agent in provenance["agent"] for code in codes(agent["type"])]
        assert ("verifier" in roles) == (how != "unsigned")
        engine = named(made)[provenance["agent"][0]["who"]["reference"]]
        assert engine["version"] == [{"value": assessment.record.engine_version}]
        assert len(provenance["target"]) == len(
            [r for r in resources(made) if r["resourceType"] not in ("Device", "Provenance")]
        )


def test_a_net_is_a_device_with_its_hash_and_an_author():
    made = bundle(world.uncertain())
    net = next(d for d in resources(made, "Device") if d["deviceName"][0]["name"] == world.NET.reference)
    assert net["version"][0]["value"] == "f" * 64
    (provenance,) = resources(made, "Provenance")
    authors = [a["who"]["reference"] for a in provenance["agent"] if "author" in codes(a["type"])]
    assert [named(made)[urn] for urn in authors] == [net]


def test_uncertain_beliefs_are_given_with_their_doubt_and_never_as_facts():
    lesion = lesion_of(bundle(world.uncertain()), "N1")
    (kind,), (growing,) = parts(lesion, "type"), parts(lesion, "growing")
    assert "dataAbsentReason" in kind and "dataAbsentReason" in growing
    assert [c["valueQuantity"]["value"] for c in parts(lesion, "type.probability.solid")] == [0.75]
    assert [c["valueQuantity"]["value"] for c in parts(lesion, "growing.probability.no")] == [0.6]
    (size,), (doubt,) = parts(lesion, "mean_mm"), parts(lesion, "mean_mm.sd")
    assert size["valueQuantity"] == {"value": 7.25, "unit": "mm", "system": "http://unitsofmeasure.org", "code": "mm"}
    assert doubt["valueQuantity"]["value"] == 0.5


def test_what_nets_say_is_withheld_on_the_rule_based_route():
    assessment = ALL["unknown_type"]()
    made = bundle(assessment)
    lesion = lesion_of(made, "N1")
    (kind,) = parts(lesion, "type")
    assert codes(kind["dataAbsentReason"]) == {"unknown"}
    text = json.dumps(lesion)
    assert "0.72" not in text and "8.9" not in text
    assert "withheld" in text


def test_the_exams_category_has_its_probability_and_its_set():
    seen = exam_of(bundle(world.uncertain()), "lung-rads")
    assert seen["extension"][0]["valueDecimal"] == 0.8
    assert [c["valueQuantity"]["value"] for c in parts(seen, "lung-rads.probability.4B")] == [0.2]
    assert [c["valueCodeableConcept"]["text"] for c in parts(seen, "calibrated-set")] == ["4A", "4B"]
    assert [c["valueBoolean"] for c in parts(seen, "lung-rads.s_modifier")] == [False]
    assert SNOMED_LUNG_RADS in codes(seen["code"])
    assert seen["method"] == {"text": "ACR Lung-RADS v2022"}


def test_a_risk_is_a_percentage_with_its_interval_and_what_it_rests_on():
    assessment = ALL["fused"]()
    made = bundle(assessment)
    network = next(r for r in resources(made, "RiskAssessment") if "network" in r["method"]["text"])
    (prediction,) = network["prediction"]
    assert prediction["probabilityDecimal"] == 5.22
    low, high = (prediction["extension"][0]["valueRange"][end]["value"] for end in ("low", "high"))
    assert (low, high) == (2.03, 11.88)
    assert named(made)[network["basis"][0]["reference"]] == lesion_of(made, "N1")
    assert named(made)[network["performer"]["reference"]]["deviceName"][0]["name"] == network["method"]["text"]
    given_up = [r for d in read(assessment) for f in d.findings for r in f.published if r.probability is None]
    assert given_up and len(resources(made, "RiskAssessment")) == 4  # a model that gave no number is no assessment


def test_a_conflict_is_a_detected_issue():
    made = bundle(world.conflicting())
    (issue,) = resources(made, "DetectedIssue")
    assert named(made)[issue["implicated"][0]["reference"]] == lesion_of(made, "N1")
    assert named(made)[issue["evidence"][0]["detail"][0]["reference"]]["resourceType"] == "RiskAssessment"
    assert issue["severity"] == "moderate"  # the review is wanted soon
    assert all(said in issue["detail"] for said in ("4A", "5.0 %", "15.0 %", "40.0 %", "most probable value"))


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


ALLOWED = {"div", "p", "table", "tr", "th", "td", "ul", "li"}


def narrative(made):
    return ElementTree.fromstring(resources(made, "DiagnosticReport")[0]["text"]["div"])  # noqa: S314


@OVER
def test_the_narrative_is_xhtml_that_says_the_conclusion(name, assessment):
    made = unsigned(name, assessment)
    tree = narrative(made)
    space = "{http://www.w3.org/1999/xhtml}"
    assert tree.tag == f"{space}div"
    assert {e.tag.removeprefix(space) for e in tree.iter()} <= ALLOWED
    assert not [e for e in tree.iter() if e.attrib]
    text = " ".join(tree.itertext())
    (report,) = resources(made, "DiagnosticReport")
    assert all(line in text for line in report["conclusion"].splitlines())
    assert "PRELIMINARY - NOT SIGNED" in text and "not a medical device" in text


def test_markup_and_control_characters_in_a_finding_stay_text():
    held = ALL["unknown_type"]()
    bad = "</td><script>alert(1)</script>\x00\u202e & <b>"
    finding = replace(held.record.case.findings[0], location=bad, tracking_id="<i>&\x07")
    (lung,) = held.decision.guidelines
    lung = replace(lung, findings=(replace(lung.findings[0], finding=finding),))
    decision = replace(held.decision, guidelines=(lung,))
    made = bundle(
        replace(
            held, decision=decision, record=replace(held.record, case=replace(held.record.case, findings=(finding,)))
        )
    )
    assert {e.tag.rpartition("}")[2] for e in narrative(made).iter()} <= ALLOWED
    assert "<script>" in " ".join(narrative(made).itertext())
    assert "\x00" not in dumps(made) and "\\u0000" not in dumps(made)


def test_the_documents_carry_their_size_and_hash():
    made = bundle(ALL["fused"](), None, Context(PATIENT))
    forms = resources(made, "DiagnosticReport")[0]["presentedForm"]
    assert [f["contentType"] for f in forms] == ["text/html", "text/plain"]
    for form in forms:
        content = base64.b64decode(form["data"])
        assert form["size"] == len(content)
        assert base64.b64decode(form["hash"]) == hashlib.sha1(content).digest()  # noqa: S324
    assert b"4A" in base64.b64decode(forms[1]["data"])
    given = bundle(ALL["fused"](), None, Context(PATIENT, forms={"text/plain": b"as dictated"}))
    assert base64.b64decode(resources(given, "DiagnosticReport")[0]["presentedForm"][0]["data"]) == b"as dictated"


def test_a_signed_report_is_not_handed_on_as_a_preliminary_document():
    made = bundle(ALL["fused"](), SIGNATURES["accepted"], Context(PATIENT))
    for form in resources(made, "DiagnosticReport")[0]["presentedForm"]:
        assert b"PRELIMINARY - NOT SIGNED" not in base64.b64decode(form["data"])


@pytest.mark.parametrize("forms", [{"application/pdf": b"%PDF"}, {"text/html": b""}])
def test_documents_of_another_kind_or_empty_are_refused(forms):
    with pytest.raises(BadValue, match="forms"):
        bundle(ALL["fused"](), None, Context(PATIENT, forms=forms))


@OVER
def test_the_patient_is_whom_the_caller_names_and_nobody_else(name, assessment):
    made = unsigned(name, assessment)
    about = [r.get("subject") or r.get("patient") or r.get("for") for r in resources(made)]
    assert [one for one in about if one is not None and one != PATIENT] == []
    key = assessment.record.case.patient.key
    assert not key or key not in dumps(made)
    assert "Patient" not in {r["resourceType"] for r in resources(made)}


def test_facts_of_the_record_leave_only_as_what_a_model_was_told():
    assessment = ALL["fused"]()
    made = bundle(assessment)
    for resource in resources(made):
        rest = {k: v for k, v in resource.items() if k not in ("basis", "note")}
        assert not [r for r in ("Observation/", "Condition/", "FamilyMemberHistory/") if r in json.dumps(rest)]
        assert "38" not in json.dumps([rest.get("component"), rest.get("conclusion")])  # pack-years


def test_free_words_of_a_form_are_not_sent():
    content = {
        "exam": {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True},
        "nodules": [{"type": "solid", "status": "baseline", "mean_mm": 7, "description": "seen by Dr Jane Roe"}],
    }
    assert "Jane" not in dumps(bundle(world.decided("lung-rads@2022", content)))


def test_the_study_is_named_by_its_uid_or_as_the_caller_says():
    (report,) = resources(bundle(ALL["fused"]()), "DiagnosticReport")
    assert report["imagingStudy"] == [
        {"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.99.20250314"}}
    ]
    context = replace(CONTEXT, study={"reference": "ImagingStudy/5"}, orders=({"reference": "ServiceRequest/3"},))
    (report,) = resources(bundle(ALL["fused"](), None, context), "DiagnosticReport")
    assert report["imagingStudy"] == [{"reference": "ImagingStudy/5"}]
    assert report["basedOn"] == [{"reference": "ServiceRequest/3"}]


def test_a_sites_own_base_names_the_code_systems():
    made = bundle(ALL["fused"](), None, replace(CONTEXT, base="https://hospital.example/fhir"))
    systems = {v["system"] for _, v in values(made) if isinstance(v, dict) and "system" in v}
    assert "https://hospital.example/fhir/CodeSystem/lung-rads" in systems
    assert not [s for s in systems if s.startswith("urn:radlogic")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"patient": {}},
        {"patient": {"reference": ""}},
        {"patient": {"name": "Jane"}},
        {"base": "no url"},
        {"base": "https://hospital.example/"},
        {"study": {"uid": "1.2"}},
        {"at": world.AT.replace(tzinfo=None)},
    ],
)
def test_what_cannot_be_sent_is_refused(wrong):
    with pytest.raises(BadValue):
        Context(**{"patient": PATIENT, **wrong})


def test_a_patient_that_is_named_within_must_be_there():
    with pytest.raises(BrokenReference):
        bundle(ALL["fused"](), None, Context({"reference": "urn:uuid:00000000-0000-0000-0000-000000000000"}, forms={}))
    with pytest.raises(BrokenReference):
        bundle(ALL["fused"](), None, Context({"reference": "Practitioner/1"}, forms={}))


def test_an_exam_without_a_date_has_none_in_the_bundle():
    held = ALL["fused"]()
    case = replace(held.record.case, exam=replace(held.record.case.exam, date=None))
    made = bundle(replace(held, record=replace(held.record, case=case)))
    assert not [p for p, _ in values(made) if p.endswith(("effectiveDateTime", "identifiedDateTime"))]
    assert not resources(made, "ServiceRequest")


def test_a_decision_on_another_day_has_another_provenance():
    held = ALL["fused"]()
    other = replace(held, record=replace(held.record, decision_id="another", as_of=date(2025, 4, 1)))
    names = [
        next(u for u, r in named(bundle(one)).items() if r["resourceType"] == "Provenance") for one in (held, other)
    ]
    assert names[0] != names[1]


@settings(max_examples=30, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(assessments(), st.sampled_from(sorted(SIGNATURES)))
def test_whatever_a_decision_holds_a_bundle_keeps_to_the_standard(assessment, how):
    """Models, bindings and references are checked by ``report_bundle`` itself; the text must be JSON."""
    made = bundle(assessment, SIGNATURES[how])
    assert json.loads(dumps(made)) == made
    ElementTree.fromstring(resources(made, "DiagnosticReport")[0]["text"]["div"])  # noqa: S314


def numbers_of(made, name):
    """Code -> number, range or why there is none, of what the lesion's Observation says of growth."""
    found = {}
    for part in lesion_of(made, name)["component"]:
        (code,) = [c for c in codes(part["code"]) if c.startswith(("growth", "doubling"))] or [""]
        value = next((part[k] for k in ("valueQuantity", "valueRange", "dataAbsentReason") if k in part), {})
        found[code] = value.get("value", value)
    return found


def test_growth_is_told_with_its_error_its_threshold_and_its_doubling_time():
    found = numbers_of(bundle(compared("10.5")), "apical")

    assert (found["growth"], found["growth-interval"], found["doubling-time"]) == (3.5, 6, pytest.approx(104, abs=0.1))
    assert found["growth-sd"] == pytest.approx(1.578, abs=0.001)
    assert found["growth-over-threshold"] == pytest.approx(0.897, abs=0.001)
    low, high = (found["doubling-time-90"][end] for end in ("low", "high"))
    assert (low["code"], round(low["value"]), round(high["value"])) == ("d", 60, 402)


@pytest.mark.parametrize(("mm", "ends"), [("7.5", {"low"}), ("6.0", None)], ids=["may not have grown", "shrank"])
def test_a_doubling_time_has_no_end_where_the_lesion_may_not_have_grown_and_is_left_out_where_it_shrank(mm, ends):
    found = numbers_of(bundle(compared(mm)), "apical")

    assert found.get("doubling-time-90", {}).keys() == (ends or set())
    assert ("doubling-time" in found) == (ends is not None)
    assert "larger than the change" in found.get("doubling-time", {"text": "larger than the change"})["text"]


@pytest.mark.parametrize(("core", "change"), [("8", 4), ("4", None)])
def test_the_change_of_a_solid_component_is_told_beside_that_of_the_whole(core, change):
    sizes = {"type": "part_solid", "solid_mean_mm": Decimal(core), "prior_solid_mean_mm": Decimal(4)}
    found = numbers_of(bundle(compared("10.5", **sizes)), "apical")

    assert (found["growth"], found.get("growth-core")) == (3.5, change)


def test_growth_is_told_where_no_guideline_reads_the_lesion():
    found = numbers_of(bundle(unread()), "apical")

    assert (found["growth"], "growth-over-threshold" in found) == (3.5, False)


@pytest.mark.parametrize(
    ("management", "words"),
    [("no_follow_up", "No follow up."), ("As I say", "As I say.")],
)
def test_a_stated_code_of_a_management_is_told_in_words(management, words):
    said = {"guideline": "lung-rads@2022", "category": "2", "management": management}
    made = bundle(compared("10.5"), Signed("dr-a", world.AT, "overridden", said, "clinical_context"))

    assert resources(made, "DiagnosticReport")[0]["conclusion"] == f"ACR Lung-RADS v2022: category 2. {words}"


def test_growth_that_cannot_be_told_says_why():
    found = numbers_of(bundle(compared("10.5", status="new")), "apical")

    assert "stated as new" in found["growth"]["text"]
    assert "doubling-time" not in found
