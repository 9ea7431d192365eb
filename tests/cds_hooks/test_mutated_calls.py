"""Whatever becomes of a request on its way: an answer or a refusal, never a fault, and nothing of what was sent."""

import copy
import json
import random
import time
from functools import cache

import pytest
from cds_calls import CASES, broken_in
from cds_world import JANE, ehr, of_jane, request
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_decisions import screening

from radlogic.adapters.cds_hooks import router
from radlogic.adapters.cds_hooks.seam import UNVERIFIED

WORDS = ["", "x", "true", "ServiceRequest", "Bundle", "2025-13-99", "2025-02", "Patient/other", "\u202e", "a" * 300]
SMALL = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.sampled_from(WORDS)
VALUES = SMALL | st.lists(SMALL, max_size=3) | st.dictionaries(st.sampled_from(["resourceType", "id", "code"]), SMALL)
HOWS = ["put", "drop", "double", "rename"]
SERVICES = st.sampled_from(CASES)


def places(value, path=()):
    """The path of every part of a JSON value."""
    yield path
    if isinstance(value, dict):
        yield from (p for key, part in value.items() for p in places(part, (*path, key)))
    elif isinstance(value, list):
        yield from (p for i, part in enumerate(value) for p in places(part, (*path, i)))


def changed(value, path, how, new):
    """The value with one part replaced, dropped, doubled or renamed."""
    value = copy.deepcopy(value)
    if not path:
        return new
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    if how == "drop":
        del inner[path[-1]]
    elif how == "double" and isinstance(inner, list):
        inner.append(copy.deepcopy(inner[path[-1]]))
    elif how == "rename" and isinstance(inner, dict):
        inner[f"{path[-1]}X"] = inner.pop(path[-1])
    else:
        inner[path[-1]] = new
    return value


@cache
def client(pama):
    return ehr(of_jane(screening()), pama=pama, mirror_system_actions=pama)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), case=SERVICES, pama=st.booleans(), many=st.integers(1, 4))
def test_any_mutated_request_is_answered_or_refused(data, case, pama, many):
    file, recorded = case.values
    body = request(file["hook"], **copy.deepcopy(recorded.get("request", {})))
    for _ in range(many):
        path = data.draw(st.sampled_from(list(places(body))))
        body = changed(body, path, data.draw(st.sampled_from(HOWS)), data.draw(VALUES))
    answer = client(pama).ask(
        "POST", f"/cds-services/{file['service']}", content=json.dumps(body).encode("utf-8", "surrogatepass")
    )

    assert answer.status_code in {200, 400, 412}, answer.text
    if answer.status_code == 200:
        assert list(broken_in(answer.json())) == []
    else:
        OperationOutcome.model_validate(answer.json())
        assert JANE not in answer.text


ATOMS = [
    *(None, True, False, 0, -1, 10**30, 1.5, "", "x", "true", [], {}, [None], [[[]]]),
    *("ServiceRequest", "Bundle", "Patient", "Patient/other", "4A", "Lung-RADS 9", "\u202e", "a" * 300),
    *("2025-13-99", "2025-02", "0001-01-01", "9999-12-31"),
    *({"resourceType": "Patient"}, {"coding": "x"}, {"coding": [None]}, {"start": "9999-12-31"}, {"reference": 7}),
]


def parts(body):
    """Every text and object in a request."""
    for path in places(body):
        value = body
        for step in path:
            value = value[step]
        if path and isinstance(value, str | dict):
            yield value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_twenty_thousand_mutated_requests_meet_no_fault(seed):
    """Past the HTTP layer, which would take most of the time: a fault raises here."""
    chance = random.Random(seed)  # noqa: S311 - a test
    recorded = [(p.values[0], request(p.values[0]["hook"], **p.values[1].get("request", {}))) for p in CASES]
    values = [*ATOMS, *(value for _, body in recorded for value in parts(body))]
    for _ in range(5_000):
        file, body = chance.choice(recorded)
        for _ in range(chance.randint(1, 5)):
            path, how = (
                chance.choice(list(places(body))[1:] or [()]),
                chance.choice(["put", "drop", "double", "rename"]),
            )
            body = changed(body, path, how, copy.deepcopy(chance.choice(values)))
        sent = json.dumps(body).encode("utf-8", "surrogatepass")
        answer = router.answer_call(client(chance.random() < 0.5).records, file["service"], UNVERIFIED, sent)
        said = json.loads(answer.body)
        assert answer.status_code in {200, 400, 412}
        if answer.status_code == 200:
            assert list(broken_in(said)) == []
        else:
            assert JANE not in answer.body.decode()


NASTY = {
    "more drafts than can be held against each other": json.dumps(
        request("order-sign", context={"draftOrders": {"resourceType": "Bundle", "entry": [{}] * 501}})
    ).encode(),
    "NaN": b'{"hook": NaN}',
    "a number beyond all bounds": b'{"hook": 1e999}',
    "half of a surrogate pair": b'{"hook": "\\ud800"}',
    "too many levels": b'{"hook": ' + b"[" * 65 + b"]" * 65 + b"}",
    "components in components": json.dumps(
        request(prefetch={"observations": json.loads('{"component":[' * 40 + "{}" + "]}" * 40)})
    ).encode(),
    "a digit too long": b'{"hook": ' + b"9" * 5000 + b"}",
    "no UTF-8": b'{"hook": "\xff"}',
}


@pytest.mark.parametrize("body", NASTY.values(), ids=NASTY)
def test_what_is_no_plain_json_is_refused(body):
    service = "radlogic-order-sign" if b"order-sign" in body else "radlogic-patient-view"
    answer = client(pama=False).ask("POST", f"/cds-services/{service}", content=body)

    assert answer.status_code == 400
    assert answer.json()["issue"][0]["code"] in {"structure", "value", "required"}


def test_as_many_drafts_as_are_taken_are_answered_in_good_time():
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "16334891000119106"}]}
    draft = {"resourceType": "ServiceRequest", "status": "draft", "intent": "order", "code": code}
    entry = [{"resource": draft | {"id": f"o{i}"}} for i in range(500)]
    body = request("order-sign", context={"draftOrders": {"resourceType": "Bundle", "entry": entry}})
    sent, begun = json.dumps(body).encode(), time.process_time()
    answer = router.answer_call(client(pama=True).records, "radlogic-order-sign", UNVERIFIED, sent)

    assert answer.status_code == 200
    assert len(json.loads(answer.body)["cards"]) == 1  # all are the double of the first, which is one matter
    assert time.process_time() - begun < 5  # a tenth of it here: the bound is for busy machines
