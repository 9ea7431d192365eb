"""CDS Hooks 2.0 as models: what is sent is valid by construction, what comes is read leniently."""

import json

import pytest
from pydantic import ValidationError

from radlogic.adapters.cds_hooks.request import Call, PatientViewContext
from radlogic.adapters.cds_hooks.response import (
    Action,
    Card,
    CdsResponse,
    Coding,
    Discovery,
    Link,
    OverrideReason,
    Service,
    Source,
    Suggestion,
)

SOURCE = Source(label="radlogic")
CARD = {"summary": "Follow-up due", "indicator": "info", "source": SOURCE}


def test_what_has_no_value_is_left_out():
    assert CdsResponse(cards=(Card(**CARD),)).as_json() == {
        "cards": [{"summary": "Follow-up due", "indicator": "info", "source": {"label": "radlogic"}}]
    }
    assert CdsResponse(cards=()).as_json() == {"cards": []}
    assert Discovery(services=()).as_json() == {"services": []}


def test_names_on_the_wire_are_the_specifications():
    action = Action(type="delete", description="take it away", resource_id="ServiceRequest/1")
    reason = OverrideReason(code="patient-ineligible", system="urn:x", display="Patient ineligible")
    card = Card(
        **CARD,
        suggestions=(Suggestion(label="Order CT", is_recommended=True, actions=(action,)),),
        selection_behavior="at-most-one",
        override_reasons=(reason,),
        links=(Link(label="Review", url="https://x.example/r", type="smart", app_context="c", autolaunchable=True),),
    )
    sent = CdsResponse(cards=(card,), system_actions=(action,)).as_json()

    assert sent["systemActions"] == [
        {"type": "delete", "description": "take it away", "resourceId": "ServiceRequest/1"}
    ]
    assert {"selectionBehavior", "overrideReasons"} < set(sent["cards"][0])
    assert sent["cards"][0]["suggestions"][0]["isRecommended"] is True
    assert sent["cards"][0]["links"][0]["appContext"] == "c"


WRONG_CARDS = {
    "summary of 140 characters": {"summary": "x" * 140},
    "summary of two lines": {"summary": "one\ntwo"},
    "empty summary": {"summary": ""},
    "empty detail": {"detail": ""},
    "unknown indicator": {"indicator": "hard-stop"},
    "no source": {"source": None},
    "empty suggestions": {"suggestions": ()},
    "empty links": {"links": ()},
    "unknown attribute": {"colour": "red"},
    "suggestions without selectionBehavior": {"suggestions": (Suggestion(label="s"),)},
    "two recommended where one may be chosen": {
        "suggestions": (Suggestion(label="s", is_recommended=True), Suggestion(label="t", is_recommended=True)),
        "selection_behavior": "at-most-one",
    },
    "unknown selectionBehavior": {"suggestions": (Suggestion(label="s"),), "selection_behavior": "all"},
}


@pytest.mark.parametrize("change", WRONG_CARDS.values(), ids=WRONG_CARDS)
def test_a_card_that_breaks_the_specification_cannot_be_made(change):
    with pytest.raises(ValidationError):
        Card(**(CARD | change))


WRONG_PARTS = {
    "create without resource": (Action, {"type": "create", "description": "d"}),
    "delete without resourceId": (Action, {"type": "delete", "description": "d", "resource": {"resourceType": "X"}}),
    "app context on an absolute link": (
        Link,
        {"label": "l", "url": "https://x", "type": "absolute", "app_context": "c"},
    ),
    "link that is no web address": (Link, {"label": "l", "url": "javascript:alert(1)", "type": "absolute"}),
    "override reason without display": (OverrideReason, {"code": "c", "system": "s"}),
    "coding without system": (Coding, {"code": "c"}),
    "empty source label": (Source, {"label": ""}),
    "service id with a slash": (Service, {"hook": "patient-view", "description": "d", "id": "a/b"}),
    "empty prefetch": (Service, {"hook": "patient-view", "description": "d", "id": "a", "prefetch": {}}),
    "empty systemActions": (CdsResponse, {"cards": (), "system_actions": ()}),
}


@pytest.mark.parametrize(("model", "values"), WRONG_PARTS.values(), ids=WRONG_PARTS)
def test_a_part_that_breaks_the_specification_cannot_be_made(model, values):
    with pytest.raises(ValidationError):
        model(**values)


def test_a_summary_of_139_characters_is_allowed():
    assert Card(**(CARD | {"summary": "x" * 139})).summary == "x" * 139


REQUEST = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/1", "patientId": "7"},
}


def test_fields_that_are_not_used_are_let_in_and_dropped():
    more = {
        "fhirServer": "https://fhir.example/r4",
        "fhirAuthorization": {"access_token": "secret", "token_type": "Bearer"},
        "prefetch": {"patient": None, "broken": {"resourceType": "OperationOutcome"}},
        "extension": {"com.example": 1},
        "language": "en",
        "context": REQUEST["context"] | {"encounterId": "9", "com.example.more": [1]},
    }
    request = Call[PatientViewContext].model_validate_json(json.dumps(REQUEST | more))

    assert (request.context.patient_id, request.context.encounter_id) == ("7", "9")
    assert "secret" not in repr(request)
