"""What a Bundle asks for: a review, and the next exam."""

from dataclasses import replace

import bundle_cases as world
from bundle_cases import SIGNATURES
from bundle_parts import OVER, bundle, codes, read, resources, unsigned
from sample_decisions import ALL

FLEISCHNER = {
    "patient": {"age": 60, "risk": "low", "known_cancer": False, "immunosuppressed": False},
    "exam": {"date": "2025-10-30", "screening": False, "number": "single"},
    "nodules": [{"type": "solid", "mean_mm": 7}],
}


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
