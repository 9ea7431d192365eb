"""Faults planted in a good Bundle: our own checks find each, and so does the validator of others where it can."""

import copy
import json
from functools import lru_cache

import bundle_cases as world
import peers
import pytest

from radlogic.adapters.fhir.emit import bundle as emitting
from radlogic.adapters.fhir.emit.bundle import report_bundle
from radlogic.adapters.fhir.emit.check import check_bundle
from radlogic.adapters.fhir.emit.errors import BrokenReference, MissingElement, NotAllowedCode, NotR4

VALIDATOR = "../../fhir_out/engine/validate_many.js"


@lru_cache
def good():
    return report_bundle(world.conflicting(), world.SIGNATURES["accepted"], world.CONTEXT)


def of(made, kind):
    return next(e["resource"] for e in made["entry"] if e["resource"]["resourceType"] == kind)


def put(kind, path, value):
    """A fault: another value at a path of the first resource of a type."""

    def plant(made):
        *above, last = path
        target = made if kind == "Bundle" else of(made, kind)
        for step in above:
            target = target[step]
        target[last] = value

    return plant


def drop(kind, name):
    return lambda made: of(made, kind).pop(name)


def twice(made):
    made["entry"].append(copy.deepcopy(made["entry"][-1]))


NOWHERE = {"reference": "urn:uuid:00000000-0000-0000-0000-000000000000"}
CODES = {  # a bogus code at every required binding that is emitted
    "a status of the report": put("DiagnosticReport", ["status"], "bogus"),
    "a status of an Observation": put("Observation", ["status"], "partial"),  # a report may be, an Observation not
    "a status of a RiskAssessment": put("RiskAssessment", ["status"], "bogus"),
    "a status of a DetectedIssue": put("DetectedIssue", ["status"], "bogus"),
    "a severity": put("DetectedIssue", ["severity"], "severe"),
    "a status of a Task": put("Task", ["status"], "bogus"),
    "an intent of a Task": put("Task", ["intent"], "bogus"),
    "a priority of a Task": put("Task", ["priority"], "soon"),
    "a status of a Device": put("Device", ["status"], "bogus"),
    "a kind of a Device's name": put("Device", ["deviceName", 0, "type"], "bogus"),
    "a role of an entity": put("Provenance", ["entity", 0, "role"], "bogus"),
    "a use of an identifier": put("Observation", ["identifier", 0, "use"], "bogus"),
    "a status of the narrative": put("DiagnosticReport", ["text", "status"], "bogus"),
    "a comparator": put("RiskAssessment", ["prediction", 0, "extension", 0, "valueRange", "low", "comparator"], "=="),
    "a type of a Bundle": put("Bundle", ["type"], "bogus"),
    "a method of a request": put("Bundle", ["entry", 0, "request", "method"], "SEND"),
}
OTHERS = {
    "a missing status": (drop("Observation", "status"), MissingElement),
    "a missing code": (drop("DiagnosticReport", "code"), MissingElement),
    "a missing subject": (drop("RiskAssessment", "subject"), MissingElement),
    "no agent": (drop("Provenance", "agent"), MissingElement),
    "a null": (put("Observation", ["method"], None), NotR4),
    "an empty list": (put("DiagnosticReport", ["result"], []), NotR4),
    "an empty text": (put("DiagnosticReport", ["conclusion"], ""), NotR4),
    "an unknown resource": (put("Task", ["resourceType"], "Patient"), NotR4),
    "a reference to nothing": (put("DiagnosticReport", ["result", 0], NOWHERE), BrokenReference),
    "a result that is no Observation": (
        put("DiagnosticReport", ["result", 0], {"reference": "Task/1"}),
        BrokenReference,
    ),
    "a Device as performer": (put("Observation", ["performer"], [{"reference": "Device/1"}]), BrokenReference),
    "a typed reference of another type": (
        put("DiagnosticReport", ["imagingStudy", 0], {"type": "Task", "identifier": {"value": "1"}}),
        BrokenReference,
    ),
    "a name given twice": (twice, BrokenReference),
}
MODELS = {
    "an element that R4 does not have": put("DiagnosticReport", ["study"], [{"reference": "ImagingStudy/1"}]),
    "a number as text": put("RiskAssessment", ["prediction", 0, "probabilityDecimal"], "much"),
    "a date that is none": put("DiagnosticReport", ["effectiveDateTime"], "soon"),
    "two values": put("Observation", ["valueString"], "4A"),
}
SEEN_BY_OTHERS = {  # of our faults, those that the npm package can see
    **{name: plant for name, plant in CODES.items() if name not in ("a comparator",)},
    **{name: OTHERS[name][0] for name in ("a missing status", "a missing code", "a missing subject", "no agent")},
    "an element that R4 does not have": MODELS["an element that R4 does not have"],
}


def planted(plant):
    made = copy.deepcopy(good())
    plant(made)
    return made


def test_the_good_bundle_passes():
    check_bundle(good())
    emitting._check_models(good())


@pytest.mark.parametrize("fault", CODES)
def test_a_code_outside_of_a_required_binding_is_refused(fault):
    with pytest.raises(NotAllowedCode) as caught:
        check_bundle(planted(CODES[fault]))
    assert "bogus" not in str(caught.value)
    assert caught.value.field


def test_a_media_type_that_is_not_emitted_is_refused():
    form = [{"contentType": "application/x-bogus", "data": "AA=="}]
    with pytest.raises(NotAllowedCode):
        check_bundle(planted(put("DiagnosticReport", ["presentedForm"], form)))


@pytest.mark.parametrize("fault", OTHERS)
def test_what_the_standard_forbids_is_refused(fault):
    plant, error = OTHERS[fault]
    with pytest.raises(error):
        check_bundle(planted(plant))


@pytest.mark.parametrize("fault", MODELS)
def test_what_the_models_forbid_is_refused_as_our_own_error(fault):
    with pytest.raises(NotR4) as caught:
        emitting._check_models(planted(MODELS[fault]))
    assert "4A" not in str(caught.value) and "much" not in str(caught.value)


def test_the_model_library_alone_lets_a_bogus_status_through():
    """Why the bindings are checked here: should this fail, the library has learnt it."""
    emitting._check_models(planted(CODES["a status of the report"]))


@pytest.mark.slow
def test_the_npm_validator_finds_the_planted_faults():
    answers = peers.node(VALIDATOR, json.dumps([planted(plant) for plant in SEEN_BY_OTHERS.values()]))
    missed = [name for name, a in zip(SEEN_BY_OTHERS, answers, strict=True) if a["valid"] or not a["faults"]]
    assert missed == []
