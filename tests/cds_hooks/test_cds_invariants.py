"""The invariants of HL7's logical models, on what cannot be made and on every answer to the recorded calls; discovery;
what a site sets."""

import json
import re
from uuid import UUID

import pytest
from cds_calls import CASES, answered, broken_in
from cds_world import ehr, of_jane, on_liver, request, without_value
from pydantic import ValidationError
from sample_decisions import no_findings, screening

from radlogic.adapters.cds_hooks import terms
from radlogic.adapters.cds_hooks.offers import ANSWERS, offers, warm
from radlogic.adapters.cds_hooks.response import (
    Action,
    Card,
    CdsResponse,
    CrdResponse,
    Discovery,
    Link,
    OverrideReason,
    Service,
    Source,
    Suggestion,
    SystemAction,
)
from radlogic.adapters.fhir.vocabulary import shipped

RESOURCE = {"resourceType": "ServiceRequest"}
BASE = {"summary": "s", "indicator": "info", "source": Source(label="l")}
TAKEN = Action(type="create", description="d", resource=RESOURCE)
BROKEN = {
    "cds-resp-1: two recommended of at most one": lambda: Card(
        **BASE,
        suggestions=(Suggestion(label="a", is_recommended=True), Suggestion(label="b", is_recommended=True)),
        selection_behavior="at-most-one",
    ),
    "cds-resp-2: create without resource": lambda: SystemAction(type="create"),
    "cds-resp-2: update without resource": lambda: SystemAction(type="update", resource_id="ServiceRequest/1"),
    "cds-resp-2: delete without resourceId": lambda: SystemAction(type="delete"),
    "cds-resp-2: delete with a resource": lambda: SystemAction(type="delete", resource_id="X/1", resource=RESOURCE),
    "a resource of no type": lambda: SystemAction(type="create", resource={"id": "1"}),
    "a resourceId that is no relative reference": lambda: SystemAction(type="delete", resource_id="https://x/Y/1"),
    "cds-resp-3: appContext on an absolute link": lambda: Link(
        label="l", url="https://x", type="absolute", app_context="c"
    ),
    "cds-resp-4: an override reason without display": lambda: OverrideReason(code="c", system="s"),
    "cds-resp-5: an action of a suggestion without description": lambda: Action(type="create", resource=RESOURCE),
    "cds-resp-6: suggestions without selectionBehavior": lambda: Card(**BASE, suggestions=(Suggestion(label="a"),)),
    "cds-resp-7: another actionSelectionBehavior": lambda: Suggestion(label="a", action_selection_behavior="some"),
    "systemActions that are empty": lambda: CdsResponse(cards=(), system_actions=()),
    "an extension that is empty": lambda: CdsResponse(cards=(), extension={}),
    "two cards of one uuid": lambda: CdsResponse(cards=(Card(**BASE, uuid=UUID(int=1)),) * 2),
    "a version that is none": lambda: Service(hook="h", id="i", description="d", version="2"),
}  # fmt: skip


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_what_breaks_an_invariant_cannot_be_made(make):
    with pytest.raises(ValidationError):
        make()


def test_what_keeps_them_can():
    suggestion = Suggestion(label="a", actions=(TAKEN,), action_selection_behavior="all", is_recommended=True)
    card = Card(**BASE, suggestions=(suggestion, suggestion), selection_behavior="any")

    assert card.as_json()["suggestions"][0]["actionSelectionBehavior"] == "all"
    assert CrdResponse(cards=()).as_json() == {"cards": [], "systemActions": []}
    assert SystemAction(type="delete", resource_id="ServiceRequest/1").as_json() == {
        "type": "delete", "resourceId": "ServiceRequest/1",
    }  # fmt: skip


@pytest.mark.parametrize(("file", "case"), [p for p in CASES if p.values[1].get("status", 200) == 200])
def test_no_answer_breaks_an_invariant(file, case):
    assert list(broken_in(answered(file, case).json(), case.get("settings", {}).get("crd"))) == []


# ---- discovery -----------------------------------------------------------------------------------------------------

OFFERED = {
    "radlogic-patient-view": "patient-view",
    "radlogic-order-select": "order-select",
    "radlogic-order-sign": "order-sign",
    "radlogic-order-dispatch": "order-dispatch",
    "radlogic-imaging-report-sign": "org.radlogic.imaging-report-sign",
}


def test_discovery_is_stable_and_valid():
    client = ehr()
    first, again = (client.ask("GET", "/cds-services") for _ in range(2))

    assert first.status_code == 200
    assert (
        first.content == again.content == json.dumps(first.json(), separators=(",", ":"), ensure_ascii=False).encode()
    )
    assert {s["id"]: s["hook"] for s in first.json()["services"]} == OFFERED
    assert without_value(first.json()) == []
    for service in first.json()["services"]:
        assert set(service) <= {"hook", "id", "title", "description", "prefetch", "usageRequirements", "version"}
        assert re.fullmatch(r"\d+\.\d+\.\d+", service["version"])
    Discovery.model_validate(first.json())


def test_every_service_has_an_answer_and_its_prefetch_is_what_clients_can_fill():
    assert {offered.service.hook for offered in offers().values()} == set(ANSWERS)
    for offered in offers().values():
        for template in (offered.service.prefetch or {}).values():
            assert re.fullmatch(r"[A-Z][A-Za-z]+(/|\?patient=)\{\{context\.patientId\}\}(&[a-z_]+=[^{}&]+)*", template)


def test_what_the_first_call_needs_can_be_loaded_before(tmp_path):
    warm(ehr(folder=tmp_path).records)


def test_what_is_asked_of_observations_and_reports_is_what_the_value_sets_read():
    queries, vocabulary = terms.services().queries, shipped()
    asked = {tuple(code.split("|")) for code in queries["observations"].split("&code=")[1].split(",")}
    facts = set(terms.services().facts["observations"])
    assert asked == {code for code, named in vocabulary.questions.items() if facts & set(named)}

    reports = {tuple(code.split("|")) for code in queries["reports"].split("&code=")[1].split(",")}
    assert reports == set(vocabulary.exams) | set(vocabulary.liver.exams)
    assert {(c.system, c.code) for c in terms.exams().codes} == reports


# ---- what a site sets ----------------------------------------------------------------------------------------------

DRAFT = {"resourceType": "ServiceRequest", "id": "o1", "status": "draft", "intent": "plan", "code": {"text": "CT knee"}}
ORDERS = {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": DRAFT}]}}


def signed(**settings):
    return ehr(**settings).call("radlogic-order-sign", request("order-sign", context=ORDERS)).json()


def test_system_actions_are_there_only_where_there_are_actions():
    assert signed() == {"cards": []}
    assert set(signed(pama=True)) == {"cards", "systemActions"}


def test_mirroring_repeats_them_below_extension_where_there_are_any():
    answer = signed(pama=True, mirror_system_actions=True)

    assert answer["extension"] == {"systemActions": answer["systemActions"]}
    assert signed(mirror_system_actions=True) == {"cards": []}


@pytest.mark.parametrize(("hook", "there"), [("order-sign", True), ("order-select", False)])
def test_crd_wants_the_field_on_its_own_hooks_only(hook, there):
    context = ORDERS | {"selections": ["ServiceRequest/o1"]}
    answer = ehr(crd=True).call(f"radlogic-{hook}", request(hook, context=context)).json()

    assert ("systemActions" in answer) is there


def test_links_go_only_with_cards_that_rest_on_a_decision():
    settings = {"review_url": "https://r.example", "launch_url": "https://r.example/launch"}
    client = ehr(of_jane(screening()), of_jane(on_liver(no_findings(), "US-1", [6, 6], "US in 6 months")), **settings)

    cards = client.cards("radlogic-patient-view", request())
    assert [len(card["links"]) for card in cards] == [2, 2]
    assert [card["links"][0]["url"].rpartition("/")[2] for card in cards] == ["sample-screening", "sample-liver-us-1"]


@pytest.mark.parametrize(
    "wrong", [{"most_cards": 0}, {"review_url": "http://elsewhere.example"}, {"order_codes": {"CT": "x"}}, {"more": 1}]
)
def test_a_setting_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        ehr(**wrong)
