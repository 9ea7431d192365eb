"""The service as ``radlogic serve`` puts it together: pages, CDS services with their guard, health, metrics."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import time
from datetime import UTC, datetime

import httpx
import pytest
from cds_granted import GRANTED
from cds_trust_world import ISS, JKU, KEY, token
from cds_world import JANE, of_jane, request
from lying_fhir_server import serving
from sample_decisions import screening

from radlogic.adapters.cds_hooks.trust.errors import BadTrustSetting
from radlogic.adapters.serving import app_of
from radlogic.adapters.site_settings import settings_of
from radlogic.adapters.store.cases import Store

HERE = "http://127.0.0.1:8765"
SERVICE = "/cds-services/radlogic-patient-view"
EHR = "https://ehr.example"  # a browser client's origin


@pytest.fixture
def fhir():
    with serving() as server:
        yield server


@pytest.fixture
def trust(tmp_path, fhir):
    """One trusted client, with a FHIR server."""
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [KEY.jwk()]}), encoding="utf-8")
    client = {
        "name": "ehr",
        "iss": ISS,
        "keys": [{"jku": JKU, "file": str(tmp_path / "jwks.json")}],
        "fhir_servers": [{"base": fhir.base, "subject": "radlogic"}],
        "networks": ["127.0.0.0/8"],
    }
    return {"clients": [client], "origins": [EHR], "fetch": {"budget_ms": 5000}}


@pytest.fixture
def served(tmp_path, trust):
    """``served(*requests)``: the answers of one service, each request a method, a path and what httpx takes."""
    with Store.open(tmp_path / "store") as store:
        store.add(of_jane(screening()), at=datetime(2025, 1, 16, 9, tzinfo=UTC), actor="radlogic")

    def ask(*requests, before=lambda: None, **settings):
        app = app_of(settings_of(store=str(tmp_path / "store"), **({"trust": trust} | settings)))

        async def all_of_them():
            transport = httpx.ASGITransport(app=app)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url=HERE) as http,
            ):
                before()
                return [await http.request(method, path, **more) for method, path, more in requests]

        return asyncio.run(all_of_them())

    return ask


def signed(path=SERVICE, **more):
    """A call of a trusted client."""
    now = int(time.time())
    said = token(iat=now, exp=now + 300, aud=HERE + path)
    return {"headers": {"authorization": f"Bearer {said}"}} | more


def call(**sent):
    return "POST", SERVICE, signed(json=request(**sent))


def test_a_trusted_client_is_answered_and_nobody_else_is(served):
    answers = served(
        call(),
        ("POST", SERVICE, {"json": request()}),
        ("GET", "/cds-services", {}),
        ("GET", "/cds-services", signed("/cds-services")),
    )

    assert [answer.status_code for answer in answers] == [200, 401, 401, 200]
    assert answers[0].json()["cards"][0]["links"][0]["url"] == f"{HERE}/review/sample-screening"
    assert answers[1].json() == {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "login"}]}


def test_verification_is_off_only_where_the_settings_say_so(served, trust):
    (answer,) = served(("POST", SERVICE, {"json": request()}), trust=trust | {"verify": False})

    assert answer.status_code == 200


def test_what_was_not_sent_is_fetched_with_the_token_that_came(served, fhir):
    (answer,) = served(call(prefetch={}, fhirServer=fhir.base, fhirAuthorization=GRANTED | {"patient": JANE}))

    assert answer.status_code == 200
    assert fhir.asked
    assert {sent["Authorization"] for _, sent in fhir.asked} == {f"Bearer {GRANTED['access_token']}"}


def test_a_call_of_another_fhir_server_gets_no_decision(served, fhir, trust):
    """Patient.id means a patient on one server only; verified or not."""
    other, ours = "https://fhir.other.example/r4", fhir.base + "/"
    verified = served(call(fhirServer=other), call(fhirServer=ours, prefetch={}), call())
    trust["verify"] = False
    bodies = [request(fhirServer=server) for server in (other, "no address", ours)]
    unverified = served(*[("POST", SERVICE, {"json": body}) for body in bodies])

    for refused in (verified[0], *unverified[:2]):
        assert refused.status_code == 403
        assert refused.json()["issue"][0]["expression"] == ["fhirServer"]
        assert "4A" not in refused.text and "other" not in refused.json()["issue"][0]["diagnostics"].split()
    assert [a.status_code for a in (*verified[1:], unverified[2])] == [200, 200, 200]
    assert all("4A" in a.text for a in (*verified[1:], unverified[2]))


def test_where_no_fhir_server_is_listed_a_verified_call_may_name_none(served, trust):
    del trust["clients"][0]["fhir_servers"]
    named, silent = served(call(fhirServer="https://fhir.other.example/r4"), call())

    assert (named.status_code, silent.status_code) == (403, 200)


def test_calls_are_counted_by_service_and_feedback_beside_them(served):
    feedback = f"{SERVICE}/feedback"
    told = {"feedback": [{"card": "x", "outcome": "accepted", "acceptedSuggestions": [], "outcomeTimestamp": "2026"}]}
    *_, metrics = served(call(), ("POST", feedback, signed(feedback, json=told)), ("GET", "/metrics", {}))

    assert 'radlogic_cds_request_seconds_count{service="radlogic-patient-view",status="200"} 1.0' in metrics.text
    assert 'radlogic_cds_request_seconds_count{service="radlogic-patient-view/feedback",status="400"}' in metrics.text
    assert JANE not in metrics.text


def test_the_limits_of_the_pages_are_not_those_of_the_services(served):
    large = request(extension={"org.example": "x" * (3 << 20)})
    answers = served(("POST", SERVICE, signed(json=large)), *[call() for _ in range(12)], access={"burst": 10})

    assert {answer.status_code for answer in answers} == {200}


def test_a_body_beyond_the_limit_is_refused_as_the_services_do(served, trust):
    large = request(extension={"org.example": "x" * 3000})
    (answer,) = served(("POST", SERVICE, signed(json=large)), trust=trust | {"body_bytes": 2048})

    assert answer.status_code == 413
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_browsers_of_listed_origins_may_call_and_others_may_not(served):
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    ours, other = served(
        ("OPTIONS", SERVICE, {"headers": {"origin": EHR, **asks}}),
        ("OPTIONS", SERVICE, {"headers": {"origin": "https://evil.example", **asks}}),
    )

    assert (ours.status_code, ours.headers["access-control-allow-origin"]) == (200, EHR)
    assert other.status_code == 400
    assert "access-control-allow-origin" not in other.headers


def test_a_reader_who_reads_first_gets_no_category_from_the_services(served):
    (answer,) = served(("POST", SERVICE, {"json": request(), "headers": {"cookie": "radlogic_session=any"}}))

    assert answer.status_code == 401
    assert "4A" not in answer.text


def test_it_is_ready_while_the_store_can_be_read(served, tmp_path):
    def lost():
        shutil.rmtree(tmp_path / "store")

    assert served(("GET", "/readyz", {}))[0].json() == {"status": "ready"}
    (answer, alive) = served(("GET", "/readyz", {}), ("GET", "/healthz", {}), before=lost)

    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "lacking": "store"})
    assert alive.status_code == 200


def _overwritten(folder):
    file = folder / "radlogic.sqlite3"
    file.write_bytes(bytes(range(256)) * (file.stat().st_size // 256))


def _dropped(folder):
    with contextlib.closing(sqlite3.connect(folder / "radlogic.sqlite3")) as db:
        db.execute("DROP TABLE decision")


def _of_a_later_version(folder):
    with contextlib.closing(sqlite3.connect(folder / "radlogic.sqlite3")) as db, db:
        db.execute("UPDATE radlogic_version SET version_num = '99'")


@pytest.mark.parametrize("spoiled", [_overwritten, _dropped, _of_a_later_version])
def test_it_is_not_ready_while_the_stores_tables_cannot_be_read(served, tmp_path, spoiled):
    ready, metrics = served(("GET", "/readyz", {}), ("GET", "/metrics", {}), before=lambda: spoiled(tmp_path / "store"))

    assert (ready.status_code, ready.json()) == (503, {"status": "not ready", "lacking": "store"})
    assert metrics.status_code == 200


@pytest.mark.parametrize(("replays", "status"), [("store", 503), ("memory", 200)])
def test_it_is_not_ready_while_used_tokens_cannot_be_written(served, tmp_path, replays, status):
    with contextlib.ExitStack() as held:

        def locked():
            for name in ("radlogic.sqlite3", *(["radlogic-tokens.sqlite3"] if replays == "store" else [])):
                db = sqlite3.connect(tmp_path / "store" / name, isolation_level=None)
                held.enter_context(contextlib.closing(db)).execute("BEGIN IMMEDIATE")

        (answer,) = served(("GET", "/readyz", {}), before=locked, replays=replays)

    assert answer.status_code == status


def test_looking_whether_tokens_can_be_written_keeps_none(served, tmp_path):
    (answer,) = served(("GET", "/readyz", {}), replays="store")
    with contextlib.closing(sqlite3.connect(tmp_path / "store" / "radlogic-tokens.sqlite3")) as db:
        kept = db.execute("SELECT COUNT(*) FROM cds_used_token").fetchone()

    assert (answer.status_code, kept) == (200, (0,))


def test_counters_are_told_while_the_store_is_gone(served, tmp_path):
    def lost():
        shutil.rmtree(tmp_path / "store")

    failed, metrics = served(call(), ("GET", "/metrics", {}), before=lost)

    assert (failed.status_code, failed.headers["retry-after"]) == (503, "5")
    assert metrics.status_code == 200
    assert 'radlogic_cds_request_seconds_count{service="radlogic-patient-view",status="503"} 1.0' in metrics.text
    assert "radlogic_store_readable 0.0" in metrics.text
    assert "radlogic_reviews_waiting" not in metrics.text


def test_a_key_file_that_is_not_there_stops_the_start(tmp_path, trust):
    from radlogic.adapters.serving import serve

    trust["clients"][0]["keys"][0]["file"] = str(tmp_path / "gone.json")
    with pytest.raises(BadTrustSetting, match=r"keys\.file"):
        serve(settings_of(store=str(tmp_path / "store"), port=0, trust=trust))
    assert not (tmp_path / "store").exists()


def test_tokens_may_be_remembered_in_the_store(served):
    once = call()
    first, again = served(once, once, replays="store")
    (later,) = served(once, replays="store")

    assert [answer.status_code for answer in (first, again, later)] == [200, 401, 401]
