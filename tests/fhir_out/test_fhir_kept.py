"""Decisions as they are kept, sent: signed, corrected, corrected again; and from a file on the command line."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import store_cases
from bundle_cases import CONTEXT, PATIENT, decided

from radlogic.adapters.decision_file import write_decision
from radlogic.adapters.fhir.emit.context import Context
from radlogic.adapters.fhir.emit.errors import SignedReportStands
from radlogic.adapters.fhir.emit.kept import bundle_text, kept_bundle, subject_of
from radlogic.adapters.store.cases import Store
from radlogic.engine.errors import BadValue, Contradiction

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture(scope="module")
def versions():
    """Three readings of one exam: the nodule's size is read anew each time."""
    exam = {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True}
    sizes = ({"type": "solid", "status": "baseline", "mean_mm": size} for size in (7, 9, 16))
    return [decided("lung-rads@2022", {"exam": exam, "nodules": [nodule]}) for nodule in sizes]


def added(store, assessment):
    return store.add(assessment, AT, "radlogic")


def signed(store, decision, hours=1):
    store.open_reasons(decision, AT, "dr-a")
    store.accept(decision, AT, "dr-a")
    store.sign(decision, AT + timedelta(hours=hours), "dr-a", seen=store.case(decision).judged)


def corrected(store, decision, assessment):
    return store.correct(decision, assessment, AT, "dr-a")


def report(made):
    return next(e for e in made["entry"] if e["resource"]["resourceType"] == "DiagnosticReport")


def stands(store, decision):
    made = kept_bundle(store, decision, CONTEXT)
    entry = report(made)
    return entry["fullUrl"], entry["resource"]["status"], made["type"]


def test_a_report_goes_from_draft_to_final_under_one_name(store, versions):
    decision = added(store, versions[0])
    name, status, _ = stands(store, decision)
    assert status == "preliminary"
    signed(store, decision)
    assert stands(store, decision) == (name, "final", "transaction")
    entry = report(kept_bundle(store, decision, CONTEXT))["resource"]
    assert entry["issued"] == "2026-03-02T09:00:00+00:00"
    assert entry["resultsInterpreter"][0]["identifier"]["value"] == "dr-a"


def test_a_draft_that_is_corrected_before_anybody_signed_becomes_final(store, versions):
    first = added(store, versions[0])
    name, _, _ = stands(store, first)
    second = corrected(store, first, versions[1])
    assert stands(store, first) == (name, "entered-in-error", "collection")
    assert stands(store, second) == (name, "preliminary", "transaction")
    signed(store, second)
    assert stands(store, second) == (name, "final", "transaction")


def test_a_signed_report_is_corrected_twice_under_one_name(store, versions):
    first = added(store, versions[0])
    name, _, _ = stands(store, first)
    signed(store, first)
    decision = first
    for hours, version in enumerate(versions[1:], start=2):
        after = corrected(store, decision, version)
        with pytest.raises(SignedReportStands):  # what is signed stands until its correction is signed too
            kept_bundle(store, after, CONTEXT)
        assert stands(store, decision)[2] == "transaction"
        signed(store, after, hours)
        assert stands(store, decision) == (name, "entered-in-error", "collection")
        assert stands(store, after) == (name, "corrected", "transaction")
        decision = after


def test_a_correction_withdraws_the_order_that_was_proposed_before(store, versions):
    first = added(store, versions[0])
    signed(store, first)
    proposed = next(
        e for e in kept_bundle(store, first, CONTEXT)["entry"] if e["resource"]["resourceType"] == "ServiceRequest"
    )
    second = corrected(store, first, versions[2])  # 16 mm is a 4B, for which no interval is printed
    signed(store, second, 2)
    asked = [
        e for e in kept_bundle(store, second, CONTEXT)["entry"] if e["resource"]["resourceType"] == "ServiceRequest"
    ]
    assert [(e["fullUrl"], e["resource"]["status"]) for e in asked] == [(proposed["fullUrl"], "revoked")]


def test_an_override_is_sent_as_it_was_stated(store, versions):
    decision = added(store, versions[0])
    store.open_reasons(decision, AT, "dr-a")
    answer = {"guideline": "lung-rads@2022", "category": "4X", "management": "refer"}
    store.override(decision, "finding_missed", "", AT, "dr-a", answer)
    store.sign(decision, AT, "dr-a", seen=store.case(decision).judged)
    made = kept_bundle(store, decision, CONTEXT)
    assert "category 4X" in report(made)["resource"]["conclusion"]


def test_the_pseudonym_stays_at_home(store):
    assessment = store_cases.decided()
    made = kept_bundle(store, added(store, assessment), CONTEXT)
    assert assessment.record.case.patient.key not in json.dumps(made)


def test_a_file_is_printed_as_a_bundle(tmp_path, versions):
    path = tmp_path / "decision.json"
    write_decision(versions[0], path)
    made = json.loads(bundle_text(path, "Patient/7"))
    assert report(made)["resource"]["subject"] == PATIENT
    assert report(made)["resource"]["status"] == "preliminary"
    assert bundle_text(path, "Patient/7") == bundle_text(path, "Patient/7")


def test_a_file_with_its_store_is_printed_as_it_was_signed(tmp_path, store, versions):
    path = tmp_path / "decision.json"
    write_decision(versions[0], path)
    signed(store, added(store, versions[0]))
    made = json.loads(bundle_text(path, "Patient/7", "https://hospital.example/fhir", tmp_path / "store"))
    assert report(made)["resource"]["status"] == "final"


def changed(assessment):
    """The same decision id, and another category in the file."""
    first, *rest = assessment.decision.guidelines
    told = replace(first, exam=replace(first.exam, category="1"))
    return replace(assessment, decision=replace(assessment.decision, guidelines=(told, *rest)))


def test_a_file_that_was_changed_after_signing_is_refused_by_name(tmp_path, store, versions):
    signed(store, added(store, versions[0]))
    path = tmp_path / "decision.json"
    write_decision(changed(versions[0]), path)
    with pytest.raises(Contradiction, match=r"decision\.guidelines") as refused:
        bundle_text(path, "Patient/7", store=tmp_path / "store")
    assert refused.value.where == "decision.json"


def test_without_its_store_a_draft_is_put_over_nothing_and_with_it_over_its_last_version(tmp_path, store, versions):
    path = tmp_path / "decision.json"
    write_decision(versions[0], path)
    added(store, versions[0])
    for place, method in ((None, "POST"), (tmp_path / "store", "PUT")):
        assert report(json.loads(bundle_text(path, "Patient/7", store=place)))["request"]["method"] == method


def test_a_draft_whose_id_comes_back_in_a_later_correction_ends_the_search_for_what_stood_before(store, versions):
    first = added(store, versions[0])
    second = corrected(store, first, versions[1])
    assert corrected(store, second, versions[0]) == first
    assert stands(store, first)[1:] == ("preliminary", "transaction")


@pytest.mark.parametrize("text", ["Patient/7", "https://hospital.example/fhir/Patient/a-1", "urn:oid:1.2.3|42"])
def test_a_patient_may_be_named_by_reference_or_identifier(text):
    Context(subject_of(text))


@pytest.mark.parametrize("text", ["", "7", "Jane Roe", "Patient/", "mrn|7", "Practitioner/7", "https://x.example/|"])
def test_any_other_name_of_a_patient_is_refused_without_repeating_it(text):
    with pytest.raises(BadValue) as caught:
        subject_of(text)
    assert caught.value.found == "another text"
