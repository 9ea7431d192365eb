"""Sending a Bundle: twice makes nothing twice, names stay, and what cannot be sent is refused."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import bundle_cases as world
import pytest
from bundle_cases import CONTEXT, PATIENT, SIGNATURES
from bundle_parts import OVER, bundle, named, values
from sample_decisions import ALL

from radlogic.adapters.fhir.emit.bundle import dumps, report_bundle
from radlogic.adapters.fhir.emit.context import Context
from radlogic.adapters.fhir.emit.errors import BrokenReference
from radlogic.engine.errors import BadValue


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


def test_a_draft_of_which_nobody_knows_whether_it_was_signed_is_put_over_nothing():
    made = bundle(ALL["fused"]())
    asked = {(e["resource"]["resourceType"], e["request"]["method"]) for e in made["entry"]}
    assert {kind for kind, method in asked if method == "PUT"} == {"Device"}
    assert ("DiagnosticReport", "POST") in asked
    assert all("ifNoneExist" in e["request"] for e in made["entry"] if e["request"]["method"] == "POST")


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


def test_a_decision_on_another_day_has_another_provenance():
    held = ALL["fused"]()
    other = replace(held, record=replace(held.record, decision_id="another", as_of=date(2025, 4, 1)))
    names = [
        next(u for u, r in named(bundle(one)).items() if r["resourceType"] == "Provenance") for one in (held, other)
    ]
    assert names[0] != names[1]
