"""What a service gets of its data: prefetched first, fetched where it is missing, each once."""

import pytest
from cds_world import INSTANCE, JANE, Server, ehr, of_jane, request
from sample_decisions import screening

from radlogic.adapters.cds_hooks.chart import datum
from radlogic.adapters.cds_hooks.request import Call, PatientViewContext
from radlogic.adapters.cds_hooks.seam import Client, Data, Datum
from radlogic.adapters.cds_hooks.seam import Server as Named

BUNDLE = {"resourceType": "Bundle", "type": "searchset"}
PAGE = BUNDLE | {"link": [{"relation": "next", "url": "https://f.example?page=2"}]}
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
QUERIES = {"a": "A?x=1", "b": "B?x=1"}


def data(sent, answers):
    server = Server(answers)
    return Data({k: datum(v) for k, v in sent.items()}, QUERIES, server.fetching(Client(), Named())), server


def test_what_was_sent_is_not_fetched_and_null_is_an_answer():
    found, server = data({"a": BUNDLE, "b": None}, {})

    assert found.have("a", "b") == {"a": Datum(BUNDLE), "b": Datum(None)}
    assert server.asked == []


def test_what_is_missing_is_fetched_at_once_and_once():
    found, server = data({}, {"A?x=1": BUNDLE, "B?x=1": "the server is slow"})
    first, again = found.have("a", "b"), found.have("b", "a")

    assert server.asked == [QUERIES]
    assert first == again == {"a": Datum(BUNDLE), "b": Datum(None, "the server is slow")}


@pytest.mark.parametrize("sent", [PAGE, FAILED], ids=["one page of several", "an error message"])
def test_what_is_not_whole_is_fetched_and_what_was_sent_stands_where_that_fails(sent):
    assert data({"a": sent}, {"A?x=1": BUNDLE})[0].have("a") == {"a": Datum(BUNDLE)}
    assert data({"a": sent}, {})[0].have("a") == {"a": datum(sent)}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"resourceType": "B"}, Datum(None, "what was sent is no A")),
        (BUNDLE | {"entry": [{"resource": {"resourceType": "B"}}]}, Datum(None, "what was sent is no A")),
        ({"resourceType": "A"}, Datum({"resourceType": "A"})),
        (BUNDLE, Datum(BUNDLE)),
    ],
)
def test_what_is_of_another_type_than_was_asked_for_is_lacking(sent, expected):
    assert data({"a": sent}, {})[0].have("a") == {"a": expected}
    fetched = data({"a": sent}, {"A?x=1": BUNDLE})[0].have("a")["a"]
    assert fetched == (Datum(BUNDLE) if expected.lacking else expected)


def test_of_several_types_what_was_sent_is_a_part():
    both = BUNDLE | {"entry": [{"resource": {"resourceType": name}} for name in "AB"]}

    assert data({"a": both}, {})[0].have("a") == {"a": Datum(both, whole=False)}
    assert data({"a": both}, {"A?x=1": BUNDLE})[0].have("a") == {"a": Datum(BUNDLE)}


def test_a_single_resource_is_read_once():
    found, server = data({}, {"ServiceRequest/7": {"resourceType": "ServiceRequest"}})

    first, again = (found.read("ServiceRequest/7")["ServiceRequest/7"] for _ in range(2))
    assert first == again == Datum({"resourceType": "ServiceRequest"})
    assert server.asked == [{"ServiceRequest/7": "ServiceRequest/7"}]


def test_a_fetch_that_forgets_a_key_is_a_lack():
    found = Data({}, QUERIES, lambda needs: {})

    assert found.have("a")["a"].lacking == "it was not sent, and could not be fetched"
    assert found.read("X/1")["X/1"].lacking == "it was not sent, and could not be fetched"


AN_ERROR = "an error message was sent in its place"
TWO = [{"resource": FAILED}, {"resource": {"resourceType": "X"}}]
INCLUDED = [{"search": {"mode": "match"}, "resource": {"resourceType": "X"}},
            {"search": {"mode": "include"}, "resource": {"resourceType": "Y"}}]  # fmt: skip
KINDS = {
    "nothing": (None, "", True),
    "a Bundle": (BUNDLE, "", True),
    "a page": (PAGE, "", False),
    "a text": ("x", "what was sent is no FHIR resource", True),
    "a list": ([], "what was sent is no FHIR resource", True),
    "an object of no type": ({"id": "1"}, "what was sent is no FHIR resource", True),
    "an error": (FAILED, AN_ERROR, True),
    "an error in a Bundle": (BUNDLE | {"entry": [{"resource": FAILED}]}, AN_ERROR, True),
    "a warning in a Bundle": (
        BUNDLE | {"entry": [{"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}}]},
        "", True,
    ),
    "an error beside entries": (BUNDLE | {"entry": TWO}, "", False),
    "a total larger than its entries": (BUNDLE | {"total": 30}, "", False),
    "a total of its matches, and what was included with them": (BUNDLE | {"total": 1, "entry": INCLUDED}, "", True),
    "a total that only the included would make up": (BUNDLE | {"total": 2, "entry": INCLUDED}, "", False),
    "a total that is no number": (BUNDLE | {"total": "30"}, "", True),
}  # fmt: skip


@pytest.mark.parametrize(("value", "lacking", "whole"), KINDS.values(), ids=KINDS)
def test_every_form_of_a_prefetched_value_is_known(value, lacking, whole):
    found = datum(value)

    assert (found.lacking, found.whole) == (lacking, whole)
    assert found.value == (None if lacking else value)


def test_the_fetch_is_given_the_verified_client_and_the_server_that_the_request_names():
    seen = []

    def fetching(client, server):
        seen.append(
            (client, server.url, server.authorization.access_token.get_secret_value(), server.authorization.expires_in)
        )
        return lambda needs: {}

    known = Client("https://ehr.example", "north")
    client = ehr(of_jane(screening()), verify=lambda _: known, fetching=fetching)
    client.cards("radlogic-patient-view", request(
        fhirServer="https://fhir.example/r4", fhirAuthorization={"access_token": "s3cret", "expires_in": "300"}
    ))  # fmt: skip

    assert seen == [(known, "https://fhir.example/r4", "s3cret", 300.0)]


@pytest.mark.parametrize("given", [None, {}, {"access_token": None}, {"access_token": "t", "expires_in": "soon"}])
def test_an_authorization_of_any_form_is_let_in_and_never_shown(given):
    call = Call[PatientViewContext].model_validate(
        {"hook": "patient-view", "hookInstance": INSTANCE, "context": {"userId": "u", "patientId": JANE},
         "fhirAuthorization": given}
    )  # fmt: skip

    assert call.fhir_authorization is None or call.fhir_authorization.expires_in is None
    assert "'t'" not in repr(call)
