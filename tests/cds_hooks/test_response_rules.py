"""Every recorded answer before judges of others: rules written from the specification, and npm's validator of FHIR R4;
in the plain profile, in Da Vinci CRD's, and in that of clients that read system actions below ``extension``."""

import copy
import json

import pytest
from cds_calls import CASES, FILES, answered
from cds_response_rules import (
    broken,
    broken_in_discovery,
    broken_in_feedback,
    broken_in_request,
    resources_in,
)
from cds_world import ehr, request
from peers import node

PROFILES = {
    "plain": {},
    "crd": {"crd": True},
    "argonaut": {
        "pama": True,
        "pama_gcode": "G1234",
        "mirror_system_actions": True,
        "review_url": "https://r.example",
        "launch_url": "https://r.example/launch",
        "most_cards": 10,
    },
}
ANSWERED = [p for p in CASES if p.values[1].get("status", 200) == 200]


def in_profile(file, case, profile):
    """The answer to a recorded call under other settings."""
    changed = case | {"name": f"{case['name']} ({profile})", "settings": case.get("settings", {}) | PROFILES[profile]}
    return answered(file, changed).json()


@pytest.mark.parametrize(("file", "case"), ANSWERED)
def test_no_answer_breaks_a_rule_in_any_profile(file, case):
    for profile in PROFILES:
        crd = profile == "crd" or bool(case.get("settings", {}).get("crd"))

        assert broken(in_profile(file, case, profile), hook=file["hook"], crd=crd) == [], profile


def test_discovery_breaks_no_rule():
    assert broken_in_discovery(ehr().ask("GET", "/cds-services").json()) == []


def test_actions_never_touch_what_the_client_did_not_send():
    """CRD: an update or delete is of one of the orders in the call."""
    for file, case in (p.values for p in ANSWERED):
        sent = json.loads(json.dumps(request(file["hook"], **case.get("request", {})), default=str))
        said = json.dumps(sent)
        for profile in PROFILES:
            answer = in_profile(file, case, profile)
            actions = [a for c in answer["cards"] for s in c.get("suggestions", ()) for a in s["actions"]]
            for action in [*actions, *answer.get("systemActions", ())]:
                if action["type"] != "create":
                    name = action.get("resourceId", "").partition("/")[2] or action["resource"]["id"]
                    assert f'"id": "{name}"' in said or f"ServiceRequest/{name}" in said


# A rating goes with the client's own draft, whole and as it was sent: here with a status and an intent that R4 has not.
ECHOED = "a draft of an intent that R4 has not, with nulls and fields of the client's own", "argonaut"


@pytest.mark.slow
def test_every_resource_in_an_answer_is_valid_by_a_validator_of_others():
    found = {
        json.dumps(resource, sort_keys=True)
        for file, case in (p.values for p in ANSWERED)
        for profile in ("plain", "argonaut")
        for resource in resources_in(in_profile(file, case, profile))
        if (case["name"], profile) != ECHOED
    }
    wrong = {}
    for text in sorted(found):
        judged = node("validate.js", text)
        errors = [m for m in judged["messages"] if m["severity"] == "error"]
        if errors or not judged["valid"]:
            wrong[text[:200]] = errors

    assert len(found) >= 10
    assert wrong == {}


# ---- the judge itself ----------------------------------------------------------------------------------------------

GOOD = {
    "cards": [
        {
            "uuid": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
            "summary": "Follow-up is due.",
            "indicator": "warning",
            "detail": "**Why**",
            "source": {"label": "radlogic", "topic": {"code": "t", "system": "urn:t"}},
            "selectionBehavior": "at-most-one",
            "suggestions": [
                {
                    "label": "Order",
                    "uuid": "0b2a1e7c-53d7-4e0c-9a5b-1c3d5a1c7f10",
                    "isRecommended": True,
                    "actions": [
                        {"type": "delete", "description": "d", "resourceId": "ServiceRequest/1"},
                        {"type": "create", "description": "d", "resource": {"resourceType": "ServiceRequest"}},
                        {"type": "update", "description": "d", "resource": {"resourceType": "Task", "id": "2"}},
                    ],
                }
            ],
            "overrideReasons": [{"code": "c", "system": "urn:s", "display": "d"}],
            "links": [{"label": "l", "url": "https://r.example/", "type": "smart", "appContext": "c"}],
        }
    ],
    "systemActions": [{"type": "update", "resource": {"resourceType": "ServiceRequest", "id": "1"}}],
}
CARD, SUGGESTION = ("cards", 0), ("cards", 0, "suggestions", 0)
GONE = object()
MISTAKES = {
    "no cards": (("cards",), GONE),
    "cards that are null": (("cards",), None),
    "no system actions, as a list": (("systemActions",), []),
    "an attribute that nobody knows": ((*CARD, "colour"), "red"),
    "a summary of 140 characters": ((*CARD, "summary"), "x" * 140),
    "a summary of two lines": ((*CARD, "summary"), "a\nb"),
    "an empty detail": ((*CARD, "detail"), ""),
    "an indicator of 1.0": ((*CARD, "indicator"), "hard-stop"),
    "no source": ((*CARD, "source"), GONE),
    "a source without label": ((*CARD, "source", "label"), GONE),
    "a source at no address": ((*CARD, "source", "url"), "about.html"),
    "a topic without system": ((*CARD, "source", "topic", "system"), GONE),
    "a uuid that is none": ((*CARD, "uuid"), "card-1"),
    "no selectionBehavior": ((*CARD, "selectionBehavior"), GONE),
    "another selectionBehavior": ((*CARD, "selectionBehavior"), "all"),
    "two recommended of at most one": ((*CARD, "suggestions"), [{"label": "a", "isRecommended": True}] * 2),
    "a suggestion without label": ((*SUGGESTION, "label"), GONE),
    "no actions, as a list": ((*SUGGESTION, "actions"), []),
    "an unknown actionSelectionBehavior": ((*SUGGESTION, "actionSelectionBehavior"), "some"),
    "an action without description": ((*SUGGESTION, "actions", 1, "description"), GONE),
    "an action of no type": ((*SUGGESTION, "actions", 1, "type"), "replace"),
    "a create without resource": ((*SUGGESTION, "actions", 1, "resource"), GONE),
    "a create with an id": ((*SUGGESTION, "actions", 1, "resource", "id"), "1"),
    "an update without id": ((*SUGGESTION, "actions", 2, "resource", "id"), GONE),
    "a delete of an absolute address": ((*SUGGESTION, "actions", 0, "resourceId"), "https://x/ServiceRequest/1"),
    "a delete with a resource": ((*SUGGESTION, "actions", 0, "resource"), {"resourceType": "ServiceRequest"}),
    "actions in another order": ((*SUGGESTION, "actions", 0, "type"), "update"),
    "a reason without display": ((*CARD, "overrideReasons", 0, "display"), GONE),
    "an absolute link with app context": ((*CARD, "links", 0, "type"), "absolute"),
    "a link of another type": ((*CARD, "links", 0, "type"), "app"),
    "a link without label": ((*CARD, "links", 0, "label"), GONE),
    "a mirror that differs": (("extension",), {"systemActions": [{"type": "delete"}]}),
}


def with_mistake(path, value):
    made = copy.deepcopy(GOOD)
    place = made
    for step in path[:-1]:
        place = place[step]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


def test_the_judge_finds_nothing_in_what_is_right():
    assert broken(GOOD) == broken(GOOD, hook="order-sign", crd=True) == broken({"cards": []}) == []


@pytest.mark.parametrize(("path", "value"), MISTAKES.values(), ids=MISTAKES)
def test_the_judge_finds_each_mistake(path, value):
    assert broken(with_mistake(path, value))


CRD_MISTAKES = {
    "no topic": ((*CARD, "source", "topic"), GONE),
    "no system actions on its own hook": (("systemActions",), GONE),
}


@pytest.mark.parametrize(("path", "value"), CRD_MISTAKES.values(), ids=CRD_MISTAKES)
def test_the_judge_of_crd_finds_what_the_plain_one_allows(path, value):
    assert broken(with_mistake(path, value), hook="order-sign") == []
    assert broken(with_mistake(path, value), hook="order-sign", crd=True)


CALL = {"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": {"patientId": "1"}}
TOLD = {
    "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    "outcome": "overridden",
    "outcomeTimestamp": "2025-06-20T09:30:00Z",
}


def test_the_judge_of_clients_tells_right_from_wrong():
    taken = {"outcome": "accepted", "acceptedSuggestions": [{"id": TOLD["card"]}]}

    assert broken_in_request(CALL) == broken_in_feedback({"feedback": [TOLD, TOLD | taken]}) == []
    assert broken_in_request(CALL | {"fhirAuthorization": {}})
    assert broken_in_request(CALL | {"hookInstance": "1"})
    assert broken_in_feedback({"feedback": [TOLD | {"outcome": "accepted"}]})
    assert broken_in_feedback({"feedback": [TOLD | {"overrideReason": {"x": 1}}]})
    assert broken_in_feedback({"feedback": [TOLD | {"outcomeTimestamp": "2025-06-20T09:30:00+02:00"}]})


def test_every_recorded_service_has_answers_before_the_judges():
    assert {p.values[0]["service"] for p in ANSWERED} == {file["service"] for file in FILES}
