"""Whose a Bundle is: the patient and the study are named as the caller says, and nothing more leaves."""

import json
from dataclasses import replace

import bundle_cases as world
from bundle_cases import CONTEXT, PATIENT
from bundle_parts import OVER, bundle, resources, unsigned
from sample_decisions import ALL

from radlogic.adapters.fhir.emit.bundle import dumps


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
