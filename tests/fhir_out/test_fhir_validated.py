"""More than 200 Bundles through the validator of others: every vector, every guideline, every kind of signature."""

import itertools
import json
from dataclasses import replace

import bundle_cases as world
import peers
import pytest
from bundle_cases import CONTEXT, PATIENT, SIGNATURES
from compared_exams import CORE, compared

from radlogic.adapters.fhir.emit.bundle import report_bundle
from radlogic.adapters.fhir.emit.context import Context
from radlogic.adapters.fhir.emit.terminology import terminology_bundle
from radlogic.adapters.report.signed import Signed

VALIDATOR = "../../fhir_out/engine/validate_many.js"
FULL = Context(
    PATIENT,
    "https://hospital.example/fhir",
    study={"reference": "ImagingStudy/5"},
    performer={"reference": "Organization/1"},
    signer={"reference": "Practitioner/3"},
    orders=({"reference": "ServiceRequest/9"},),
    accession={"system": "https://hospital.example/accession", "value": "A1"},
    at=world.AT,
)


def faults(bundles):
    answers = peers.node(VALIDATOR, json.dumps(list(bundles)))
    return len(answers), [f for a in answers for f in a["faults"]] + [a for a in answers if not a["valid"]]


@pytest.mark.slow
def test_two_hundred_bundles_of_the_shipped_cases_are_without_fault():
    signatures = itertools.cycle(SIGNATURES.values())
    made = [report_bundle(a, next(signatures), CONTEXT) for _, a in world.own(20)]
    made += [report_bundle(a, s, CONTEXT) for _, a in world.written() for s in SIGNATURES.values()]
    made += [report_bundle(a, s, FULL) for _, a in world.written() for s in (None, SIGNATURES["accepted"])]
    made += [report_bundle(compared(mm), None, CONTEXT) for mm in ("10.5", "7.5", "6.0", "3.0")]  # growth, and none
    made.append(report_bundle(compared("10.5", **CORE), None, CONTEXT))
    first, then = (a for _, a in itertools.islice(world.written(), 2))
    made += [report_bundle(then, SIGNATURES["corrected"], CONTEXT, replaced=(first,))]
    count, found = faults(made)
    assert found == []
    assert count >= 200


@pytest.mark.slow
def test_overrides_by_guidelines_and_editions_that_were_not_read_are_without_fault():
    named = ("fleischner@2017", "lung-rads@1.1", "lung-rads", "x@1", "")
    said = [{"guideline": g, "category": "3", "management": "as I say"} for g in named] + [{"guideline": "x@1"}]
    signed = [Signed("dr-a", world.AT, "overridden", one, "clinical_context") for one in said]
    held = list(world.written())
    made = [report_bundle(a, s, c) for (_, a), s, c in itertools.product(held, signed, (CONTEXT, FULL))]
    made += [report_bundle(compared(mm), None, CONTEXT) for mm in ("10.5", "7.5", "6.0", "3.0")]  # growth, and none
    made.append(report_bundle(compared("10.5", **CORE), None, CONTEXT))
    first, then = (a for _, a in held[:2])
    corrected = replace(SIGNATURES["corrected"], replaces=first.record.decision_id)
    made += [report_bundle(then, corrected, CONTEXT, replaced=(first,), signatures=(s,)) for s in signed]
    made += [report_bundle(a, None, replace(FULL, was_final=known)) for _, a in held for known in (None, False)]
    assert faults(made) == (len(made), [])


@pytest.mark.slow
def test_every_vector_gives_bundles_without_fault():
    signatures = itertools.cycle(SIGNATURES.values())
    made = [report_bundle(a, s, CONTEXT) for _, a in world.beside() for s in (None, next(signatures))]
    count, found = faults(made)
    assert found == []
    assert count >= 200


@pytest.mark.slow
@pytest.mark.parametrize("base", ["", "https://hospital.example/fhir"])
def test_the_code_systems_are_without_fault(base):
    assert faults([terminology_bundle(base)]) == (1, [])
