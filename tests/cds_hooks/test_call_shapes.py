"""The recorded calls in the other shapes in which clients send the same: each gets the same answer, field by field."""

import copy
from collections import Counter

import pytest
from cds_calls import CASES, FILES, TODAY, answered, stored
from cds_world import JANE, Server, ehr, request

from radlogic.adapters.cds_hooks.offers import discovery

QUERIES = {
    one.id: {key: text.replace("{{context.patientId}}", JANE) for key, text in (one.prefetch or {}).items()}
    for one in discovery().services
}
VENDOR = {"https://vendor.example/field": {"deep": [{"er": None}]}, "_vendor": {"id": "v1"}}


def everywhere(value, change):
    """The change made to every object, inmost first."""
    if isinstance(value, dict):
        return change({key: everywhere(inner, change) for key, inner in value.items()})
    return [everywhere(inner, change) for inner in value] if isinstance(value, list) else value


def with_fields_of_its_own(sent, _):
    """Fields that no version of the standard has, wherever we do not send back what came."""
    prefetch = (
        everywhere(sent["prefetch"], lambda found: found | VENDOR) if isinstance(sent.get("prefetch"), dict) else {}
    )
    return (
        sent | VENDOR | {"context": sent["context"] | VENDOR} | ({"prefetch": prefetch} if "prefetch" in sent else {})
    )


def with_nulls(sent, _):
    """null for what is optional, as clients in some languages send it."""
    return (
        {"fhirServer": None, "fhirAuthorization": None, "extension": None}
        | sent
        | {"context": {"encounterId": None} | sent["context"]}
    )


def with_booleans_as_text(sent, _):
    """ "true" for true in what is prefetched."""
    texts = lambda found: {k: str(v).lower() if isinstance(v, bool) else v for k, v in found.items()}  # noqa: E731
    return sent | ({"prefetch": everywhere(sent["prefetch"], texts)} if isinstance(sent.get("prefetch"), dict) else {})


def with_bundles_as_servers_send_them(sent, _):
    """A self link, full URLs, search modes, an entry that only informs, and a type that is not searchset."""
    return sent | (
        {"prefetch": everywhere(sent["prefetch"], _as_server)} if isinstance(sent.get("prefetch"), dict) else {}
    )


def _as_server(found):
    if found.get("resourceType") != "Bundle" or found.get("type") not in {None, "searchset"}:
        return found
    entries = [
        {"fullUrl": f"https://fhir.example/r4/{n}", "search": {"mode": "match"}} | entry
        for n, entry in enumerate(found.get("entry", ()))
        if isinstance(entry, dict)
    ]
    link = [*found.get("link", ()), {"relation": "self", "url": "https://fhir.example/r4/_search"}]
    return found | {"id": "b1", "meta": {"lastUpdated": "2025-06-20T00:00:00Z"}, "link": link, "entry": entries}


def fetched(sent, service):
    """Nothing prefetched: the same data are on the FHIR server. Not for a call that lacks some of them."""
    prefetch = sent.get("prefetch")
    whole = isinstance(prefetch, dict) and set(prefetch) == set(QUERIES[service])
    if not whole or any(_is_no_datum(value) for value in prefetch.values()):
        return None
    return {key: value for key, value in sent.items() if key != "prefetch"}


def _is_no_datum(value):
    return (
        not isinstance(value, dict)
        or (value.get("resourceType") != "Bundle" and value.get("resourceType") != "Patient")
        or any(link.get("relation") == "next" for link in value.get("link") or () if isinstance(link, dict))
        or value.get("total", 0) > len(value.get("entry", ()))
    )


SHAPES = (with_fields_of_its_own, with_nulls, with_booleans_as_text, with_bundles_as_servers_send_them, fetched)


def same_call(file, case, shape):
    """The answer to the call in that shape; None where it cannot have it."""
    service = file["service"]
    sent = request(file["hook"], **copy.deepcopy(case.get("request", {})))
    changed = shape(sent, service)
    if changed is None:
        return None
    answers = dict(case.get("server", {}))
    if shape is fetched:
        answers |= {QUERIES[service][key]: value for key, value in sent["prefetch"].items()}
    server = {"fetching": Server(answers).fetching} if answers else {}
    decisions = [stored(named) for named in case.get("stored", ())]
    client = ehr(*decisions, today=case.get("today", TODAY), **server, **case.get("settings", {}))
    return client.call(service, changed)


MADE = [
    pytest.param(*case.values, shape, id=f"{case.id}, {shape.__name__}")
    for case in CASES
    for shape in SHAPES
    if shape is not fetched
    or fetched(request(**copy.deepcopy(case.values[1].get("request", {}))), case.values[0]["service"])
]


@pytest.mark.parametrize(("file", "case", "shape"), MADE)
def test_another_shape_of_the_same_call_gets_the_same_answer(file, case, shape):
    expected, answer = answered(file, case), same_call(file, case, shape)

    assert (answer.status_code, without_consults(answer.json())) == (
        expected.status_code,
        without_consults(expected.json()),
    )


def without_consults(answer):
    """PAMA's consultations are numbered anew in each call."""
    for action in answer.get("systemActions") or ():
        for extension in action["resource"].get("extension", ()):
            if extension["url"].endswith("pama-rating-consult-id"):
                extension["valueUri"] = ""
    mirrored = answer.get("extension")
    return answer | ({"extension": without_consults(mirrored)} if isinstance(mirrored, dict) else {})


def test_each_service_is_called_in_at_least_forty_shapes():
    counts = Counter(case.values[0]["service"] for case in [*CASES, *MADE])

    assert set(counts) == {file["service"] for file in FILES}
    assert min(counts.values()) >= 40, counts
