"""The status of what a Bundle holds: draft, signed, corrected, withdrawn."""

from dataclasses import replace

import bundle_cases as world
import pytest
from bundle_cases import CONTEXT, SIGNATURES
from bundle_parts import bundle, exam_of, lesion_of, named, resources
from sample_decisions import ALL

from radlogic.adapters.fhir.emit.bundle import report_bundle
from radlogic.adapters.fhir.emit.errors import SignedReportStands
from radlogic.adapters.report.signed import Signed

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


def test_a_correction_withdraws_what_a_signer_stated_by_a_guideline_that_does_not_apply():
    before, after = ALL["fused"](), ALL["unknown_indication"]()
    said = {"guideline": "x@1", "category": "3"}
    first = Signed("dr-a", world.AT, "overridden", said, "clinical_context")
    signed = replace(SIGNATURES["corrected"], replaces=before.record.decision_id)
    made = report_bundle(after, signed, CONTEXT, replaced=(before,), signatures=(first,))
    assert exam_of(made, "x")["status"] == "entered-in-error"


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
