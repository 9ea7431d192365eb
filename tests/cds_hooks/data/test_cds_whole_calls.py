"""Whole calls: a signed request through the guard to the real services, which fetch from a FHIR server that misbehaves.

Each is answered within a second: with what is known and an honest card, or with 412 where nothing can be said.
"""

import asyncio
import json
import time

import httpx
import pytest
import sample_decisions
from cds_granted import GRANTED, patient
from cds_trust_world import BASE, ISS, JKU, KEY, NOW, SERVICE, token
from cds_world import JANE, app_of, ehr, of_jane, request
from lying_fhir_server import after, bomb, breaks_off, dripping, hangs_up, honest, page, resource, says

from radlogic.adapters.cds_hooks.data.fetch import FhirFetching
from radlogic.adapters.cds_hooks.data.outcomes import WORDS, Why
from radlogic.adapters.cds_hooks.trust.guard import CdsGuard, verified
from radlogic.adapters.cds_hooks.trust.replay import InMemory
from radlogic.adapters.cds_hooks.trust.settings import trust_from
from radlogic.adapters.cds_hooks.trust.verify import Verifier

AUTHORIZED = GRANTED | {"patient": JANE}


@pytest.fixture
def called(fhir, tmp_path):
    """One call of patient-view over some decisions, with the answer and the seconds it took."""
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [KEY.jwk()]}), encoding="utf-8")
    client = {
        "name": "ehr",
        "iss": ISS,
        "keys": [{"jku": JKU, "file": str(tmp_path / "jwks.json")}],
        "fhir_servers": [{"base": fhir.base, "subject": "radlogic"}],
        "networks": ["127.0.0.0/8"],
    }
    shipped = trust_from({"base_url": BASE, "clients": [client]})
    unhurried = patient(shipped)
    ways = {trust: FhirFetching(trust) for trust in (shipped, unhurried)}

    def call(*decisions, tokens=1, hurried=True, **sent):
        trust = shipped if hurried else unhurried
        fetching = ways[trust]
        records = ehr(*decisions, fetching=fetching).records
        guard = CdsGuard(
            app_of(records, verified), trust, Verifier(trust, InMemory(100, lambda: NOW), clock=lambda: NOW)
        )
        body = request(**({"fhirServer": fhir.base, "fhirAuthorization": AUTHORIZED} | sent))
        headers = {"authorization": f"Bearer {token()}"} if tokens else {}

        async def once():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=guard), base_url=BASE) as http:
                return await http.post(SERVICE, json=body, headers=headers)

        for _ in range(3):  # this machine may be busy
            begun = time.perf_counter()
            answer = asyncio.run(once())
            if (took := time.perf_counter() - begun) < 1:
                break
            headers = {"authorization": f"Bearer {token()}"} if tokens else {}
        return answer, took

    yield call
    for fetching in ways.values():
        fetching.close()


MISBEHAVIOURS = {
    "slow": (after(1.5), Why.TIMEOUT),
    "a byte at a time": (dripping(0.05), Why.TIMEOUT),
    "hangs up": (hangs_up, None),
    "breaks off": (breaks_off, None),
    "401": (says({}, 401), Why.UNAUTHORIZED),
    "403": (says({}, 403), Why.FORBIDDEN),
    "404": (says({}, 404), Why.NOT_FOUND),
    "429": (says({}, 429, retry_after="30"), Why.RATE_LIMITED),
    "500": (says({}, 500), Why.SERVER_FAULT),
    "redirects": (says(b"", 302, location="http://127.0.0.1:1/"), Why.REDIRECTED),
    "HTML": (says(b"<html>", content_type="text/html"), Why.NOT_FHIR),
    "a bomb": (bomb, Why.TOO_LARGE),
    "an error message": (says(resource("OperationOutcome", 1)), Why.SERVER_SAYS_NO),
}


@pytest.mark.parametrize(("behaviour", "why"), MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_with_something_stored_a_card_says_what_is_known_and_that_the_rest_could_not_be_had(
    fhir, called, behaviour, why
):
    fhir.on("", behaviour)
    answer, took = called(of_jane(sample_decisions.screening()))

    detail = answer.json()["cards"][0]["detail"]
    assert (answer.status_code, took < 1) == (200, True)
    assert "not looked at, or not wholly" in detail
    assert any(words in detail for words in ([WORDS[why], WORDS[Why.TIMEOUT]] if why else WORDS.values()))


@pytest.mark.parametrize(("behaviour", "why"), MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_with_nothing_to_say_without_the_data_it_is_412(fhir, called, behaviour, why):
    fhir.on("", behaviour)
    answer, took = called()

    assert (answer.status_code, took < 1) == (412, True)
    said = answer.json()["issue"][0]["diagnostics"]
    assert any(words in said for words in ([WORDS[why], WORDS[Why.TIMEOUT]] if why else WORDS.values()))


def test_a_server_that_lies_about_its_pages_is_used_in_part_and_the_card_says_so(fhir, called):
    fhir.on("", says(page(resource("Condition", 1), following="https://evil.example/fhir")))
    fhir.on("Patient", says(resource("Patient", JANE, birthDate="1960-01-01")))
    answer, _ = called(of_jane(sample_decisions.screening()), hurried=False)

    assert answer.status_code == 200
    assert "only a part was had" in answer.json()["cards"][0]["detail"]
    assert not [path for path in fhir.paths() if "evil" in path]


def test_an_honest_server_fills_what_was_not_sent(fhir, called):
    fhir.on("", lambda h: h.reply(page()) if "?" in h.path else honest(h))
    answer, _ = called(hurried=False)

    assert answer.status_code == 200
    assert f"Patient/{JANE}" in fhir.paths()
    assert set(fhir.tokens()) == {f"Bearer {GRANTED['access_token']}"}


def test_a_server_that_is_not_listed_is_not_asked(fhir, called):
    answer, _ = called(fhirServer="http://169.254.169.254/latest")

    assert (answer.status_code, fhir.asked) == (412, [])


def test_without_a_token_nothing_is_fetched(fhir, called):
    answer, _ = called(tokens=0)

    assert (answer.status_code, fhir.asked) == (401, [])
