"""No token and no patient in any log line, whatever is done: every logger of the process, at its lowest level."""

import logging
import time

import pytest
from cds_granted import GRANTED
from cds_trust_world import ISS, KEY, SERVICE, claims
from hypothesis import given
from hypothesis import strategies as st
from identity_server import EcKey, signed
from lying_fhir_server import after, bomb, breaks_off, page, resource, says

from radlogic.adapters.cds_hooks.trust.redact import LIBRARIES, Redacted, quiet_libraries, redacted

PATIENT, NAME, COOKIE, PLACE = "pat-4711", "Muster-Zebedee", "session-of-somebody", "secret-place"
SECRETS = (PATIENT, NAME, COOKIE, PLACE, GRANTED["access_token"], "standing-1", "client_assertion")
NEEDS = {"patient": f"Patient/{PATIENT}", "conditions": f"Condition?patient={PATIENT}"}


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG)
    for name in [*LIBRARIES, *(n for n in logging.root.manager.loggerDict if n.startswith(("radlogic", "asyncio")))]:
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def said(lines):
    """All that a log file would hold."""
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(formatter.format(record) for record in lines.records)


BEHAVIOURS = {
    "honest": says(resource("Patient", PATIENT, name=[{"family": NAME}]), set_cookie=COOKIE, content_location=PLACE),
    "redirect": says(b"", 302, location=f"http://127.0.0.1:1/{PLACE}/{PATIENT}"),
    "refuses": says(
        {"resourceType": "OperationOutcome", "text": NAME}, 403, www_authenticate=f'Bearer error="{PLACE}"'
    ),
    "no JSON": says(NAME.encode()),
    "a bomb": bomb,
    "breaks off": breaks_off,
    "slow": after(1),
    "500": says(NAME.encode(), 500),
    "another's": says(resource("Patient", "another", name=[{"family": NAME}])),
    "lies": says(page(resource("Condition", PATIENT), following=f"https://evil.example/{PLACE}")),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_nothing_is_told_of_what_is_fetched(fhir, way, lines, behaviour):
    fhir.on("", behaviour)
    mine = way({"budget_ms": 400} if behaviour is BEHAVIOURS["slow"] else {})
    mine.get(NEEDS, fhir.base, GRANTED | {"patient": PATIENT})
    mine.get(NEEDS, fhir.base, GRANTED | {"patient": "another"})
    mine.get({"q": f"Patient/{PATIENT}/../x"}, fhir.base)
    mine.get(NEEDS, f"https://evil.example/{PLACE}")

    assert fhir.asked
    assert "not fetched" in said(lines)
    assert [secret for secret in SECRETS if secret in said(lines)] == []


def test_nothing_is_told_of_the_standing_connection(fhir, way, lines, backend):
    fhir.on("", says({}, 401))
    way(backend=backend).get(NEEDS, fhir.base, None)
    assertion = fhir.given[0][1]["client_assertion"]

    assert "unauthorized" in said(lines)
    assert [secret for secret in (*SECRETS, assertion, assertion[:60]) if secret in said(lines)] == []


def test_nothing_is_told_of_those_who_call(lines, tmp_path):
    import asyncio

    from cds_trust_world import make

    body = b'{"hook":"patient-view","context":{"patientId":"pat-4711"},"fhirAuthorization":{"access_token":"tok"}}'
    with asyncio.Runner() as runner:
        world = make(runner, tmp_path, tenants=[PLACE])
        thief = EcKey("key-1")
        good, forged = signed(KEY, claims(tenant=PLACE)), signed(thief, claims(iss=ISS, sub=PATIENT))
        statuses = [world.call(t, content=body).status_code for t in (good, good, forged, forged + "x", good[:-9])]
        world.call(forged, path=f"{SERVICE}/{PATIENT}")

    assert statuses == [200, 401, 401, 401, 401]
    assert "replayed" in said(lines) and "signature" in said(lines)
    assert [s for s in (*SECRETS, good, forged, good[:40], good[-40:]) if s in said(lines)] == []


TEXTS = {
    "GET https://ehr.example/fhir/Patient/7?name=x HTTP/1.1": "GET https://ehr.example/[...] HTTP/1.1",
    "at http://user:secret@ehr.example:8080/x": "at http://[...]@ehr.example:8080/[...]",
    "Authorization: Bearer abc.DEF-123_~+/==": "Authorization: Bearer [...]",
    "Authorization: Basic dXNlcjpwYXNz": "Authorization: Basic [...]",
    '{"access_token": "tok-1", "expires_in": 300}': '{"access_token": "[...]", "expires_in": 300}',
    "client_assertion=abc&scope=x": "client_assertion=[...]&scope=x",
    "it was eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl, said": "it was [...], said",
    "https://ehr.example": "https://ehr.example",
    "POST /cds-services/{service_id}: 200 in 3.1 ms": "POST /cds-services/{service_id}: 200 in 3.1 ms",
    "radlogic.adapters.cds_hooks failed": "radlogic.adapters.cds_hooks failed",
    "version 3.10.0, Patient not fetched: timeout": "version 3.10.0, Patient not fetched: timeout",
}


@pytest.mark.parametrize(("text", "left"), TEXTS.items(), ids=TEXTS)
def test_what_is_taken_out_of_a_line_and_what_stays(text, left):
    assert redacted(text) == left


@given(st.text(alphabet="abcXYZ019-_", min_size=8, max_size=40), st.text(max_size=30))
def test_a_token_after_bearer_never_stays(secret, around):
    assert secret not in redacted(f"Bearer {secret} ").replace("[...]", "")
    assert secret not in redacted(f"https://ehr.example/{secret} ")


def test_the_filter_reaches_arguments_and_exceptions(caplog):
    logger = logging.getLogger("radlogic.test.redaction")
    kept = Redacted()
    logger.addFilter(kept)
    try:
        raise ValueError("no token Bearer abcdefgh at https://ehr.example/fhir/Patient/7")
    except ValueError:
        logger.exception("asked %s with %s", "https://ehr.example/fhir/Patient/7", {"access_token": "tok-1"})
    logger.removeFilter(kept)

    assert "https://ehr.example/[...]" in caplog.text and "ValueError" in caplog.text
    assert not [secret for secret in ("Patient/7", "abcdefgh", "tok-1") if secret in caplog.text]


def test_the_filters_are_put_on_once():
    quiet_libraries()
    before = [len(logging.getLogger(name).filters) for name in LIBRARIES]
    quiet_libraries()

    assert [len(logging.getLogger(name).filters) for name in LIBRARIES] == before


def test_a_long_line_takes_no_longer_than_it_should():
    begun = time.process_time()
    for text in (
        "a.b-" * 50_000,
        "https://" * 20_000,
        "Bearer " * 30_000,
        "access_token=" * 20_000,
        "x" * 200_000 + ".",
    ):
        redacted(text)

    assert time.process_time() - begun < 2
