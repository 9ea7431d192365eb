"""Calls as clients send them, with the answers that they get: ``calls/*.yaml``, one file a service."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from cds_calls import CASES, FIELDS, FILES, answered
from cds_world import without_value
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.servicerequest import ServiceRequest

from radlogic.adapters.notice import INTENDED_USE

RESOURCES = {"ServiceRequest": ServiceRequest, "DiagnosticReport": DiagnosticReport}
REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"


def names(card) -> Iterator[str]:
    """Take every UUID out of a card, so that the rest can be compared."""
    yield card.pop("uuid")
    yield from (suggestion.pop("uuid") for suggestion in card.get("suggestions", ()))


def resources(answer) -> Iterator[dict]:
    actions = [a for card in answer["cards"] for s in card.get("suggestions", ()) for a in s["actions"]]
    yield from (a["resource"] for a in [*actions, *answer.get("systemActions", ())] if "resource" in a)


def without_consult_ids(actions):
    """The same actions; ids of consultations, which must be UUIDs, replaced by words."""
    for action in actions or ():
        for extension in action["resource"]["extension"]:
            if extension["url"].endswith("pama-rating-consult-id"):
                UUID(extension["valueUri"].removeprefix("urn:uuid:"))
                extension["valueUri"] = "A UUID"
    return actions


@pytest.mark.parametrize(("file", "case"), CASES)
def test_a_call_gets_its_answer_field_by_field(file, case):
    assert set(case) <= FIELDS
    answer = answered(file, case)

    assert answer.status_code == case.get("status", 200), answer.text
    if answer.status_code != 200:
        OperationOutcome.model_validate(answer.json())
        assert case["diagnostics"] in answer.json()["issue"][0]["diagnostics"]
        return
    body = answer.json()
    assert without_value(body) == ["systemActions"] * (case.get("actions") == [])  # CRD alone wants them empty
    for resource in resources(body):
        RESOURCES[resource["resourceType"]].model_validate(resource)
    seen = [UUID(name) for card in body["cards"] for name in names(card)]
    assert len(set(seen)) == len(seen)
    reasons = [card.pop("overrideReasons") for card in body["cards"]]
    assert all(r["system"] == REASONS and r["code"] and r["display"] for given in reasons for r in given)
    details = [card.pop("detail") for card in body["cards"]]
    assert all(detail.endswith(f"_{INTENDED_USE}_") for detail in details)
    assert body["cards"] == case["cards"]
    assert without_consult_ids(body.get("systemActions")) == case.get("actions")
    for detail, words in zip(details, case.get("says", ()), strict=False):
        assert [w for w in words if w not in detail] == []


def test_at_least_forty_calls_are_recorded_and_every_hook_has_some():
    assert len(CASES) >= 40
    assert len({file["hook"] for file in FILES}) == 5
