"""The service over HTTP: without a network, and once with a real server on loopback."""

import asyncio
import json
import logging
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import httpx
import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given, settings
from hypothesis import strategies as st
from open_services import open_app
from sample_decisions import no_findings, screening

from radlogic.adapters.cds_hooks.outcome import ISSUE_TYPES
from radlogic.adapters.cds_hooks.trust.settings import CdsTrust
from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.adapters.operations.logs import Lines
from radlogic.adapters.serving import listen
from radlogic.adapters.store.errors import StoreUnavailable
from radlogic.adapters.store.log import FileLog
from radlogic.adapters.store.queue import FileQueue
from radlogic.engine.errors import BadValue, NotReadable
from radlogic.engine.record import MemoryLog, MemoryQueue

JANE = "jane-doe-1960"
BODY_LIMIT = CdsTrust().body_bytes
COMMAND = [sys.executable, "-c", "from radlogic.adapters.cli import main; main()", "serve"]
CALL = "/cds-services/radlogic-patient-view"
REQUEST = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/1", "patientId": JANE},
}
# FHIR 4.0.1 issue-type, as far as it is used here (required binding)
ISSUE_CODES = {
    "invalid",
    "structure",
    "required",
    "value",
    "not-found",
    "not-supported",
    "too-long",
    "transient",
    "exception",
}


def of_jane(assessment):
    patient = replace(assessment.record.case.patient, key=patient_key(JANE))
    return replace(assessment, record=replace(assessment.record, case=replace(assessment.record.case, patient=patient)))


def stored(*assessments):
    log, queue = MemoryLog(), MemoryQueue()
    for assessment in assessments:
        queue.put(log.append(assessment), assessment.decision.review)
    return open_app(log, queue, clock=lambda: date(2025, 6, 20))


def ask(app, method, path, host="127.0.0.1", **more):
    """``content``: bytes that are said to be JSON."""
    headers = {"content-type": "application/json"} if "content" in more else {}

    async def once():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.request(method, path, **({"headers": headers} | more))

    return asyncio.run(once())


def refused(answer, status):
    """The issues of an OperationOutcome, which must be valid FHIR R4 and say nothing of the patient."""
    body = answer.json()
    OperationOutcome.model_validate(body)
    assert answer.status_code == status
    assert JANE not in answer.text
    assert all(issue["severity"] == "error" and issue["code"] in ISSUE_CODES for issue in body["issue"])
    return body["issue"]


def without_value(message):
    """Every null, empty text, list or object in a message, CDS Hooks' prohibited forms; ``cards`` may be empty."""
    if isinstance(message, dict):
        found = [
            name for name, value in message.items() if value in (None, "", [], {}) and (name, value) != ("cards", [])
        ]
        return found + [name for value in message.values() for name in without_value(value)]
    return [name for value in message for name in without_value(value)] if isinstance(message, list) else []


def test_the_newest_decision_comes_as_one_card():
    older = no_findings()
    exam = replace(older.record.case.exam, date=date(2024, 3, 1))
    older = replace(older, record=replace(older.record, case=replace(older.record.case, exam=exam)))
    answer = ask(stored(of_jane(older), of_jane(screening()), no_findings()), "POST", CALL, json=REQUEST)

    (card,) = answer.json()["cards"]
    assert answer.status_code == 200
    assert set(answer.json()) == {"cards"}
    assert card["summary"] == "Preliminary lung-rads@2022: category 4A; overdue since 2025-06-14; review required."
    assert (card["indicator"], card["source"]["label"]) == ("warning", "radlogic, lung-rads@2022")
    assert "it waits in the review queue" in card["detail"]
    assert "1 more assessment of this patient" in card["detail"]
    assert without_value(answer.json()) == []


def test_where_nothing_is_stored_and_no_data_can_be_had_it_is_said_so():
    (issue,) = refused(ask(stored(no_findings()), "POST", CALL, json=REQUEST), 412)

    assert issue["code"] == "not-found"
    assert "conditions: it was not sent" in issue["diagnostics"]


def test_nothing_stored_and_nothing_to_say_gives_no_card():
    nothing = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    sent = dict.fromkeys(("conditions", "observations", "reports", "studies"), nothing)
    sent["patient"] = {"resourceType": "Patient", "id": JANE, "birthDate": "2000-01-01"}

    assert ask(stored(no_findings()), "POST", CALL, json=REQUEST | {"prefetch": sent}).json() == {"cards": []}


def test_a_retry_gives_the_same_card_and_another_call_another_uuid():
    app = stored(of_jane(screening()))
    first, again, other = (
        ask(app, "POST", CALL, json=REQUEST | {"hookInstance": name}).json()["cards"][0]["uuid"] for name in "aab"
    )

    assert first == again != other


def test_what_clients_send_beyond_the_specification_is_let_in():
    more = {
        "fhirServer": "https://f.example",
        "fhirAuthorization": {"access_token": "t"},
        "prefetch": {"a": None},
        "x": 1,
    }

    assert len(ask(stored(of_jane(screening())), "POST", CALL, json=REQUEST | more).json()["cards"]) == 1


def context(**changes):
    return REQUEST | {"context": {k: v for k, v in (REQUEST["context"] | changes).items() if v is not None}}


MALFORMED = {
    "no JSON": (b"{", "", "structure"),
    "nothing": (b"", "", "structure"),
    "not UTF-8": (b'{"hook": "\xff"}', "", "structure"),
    "a list": (b"[]", "", "value"),
    "no hook": ({k: v for k, v in REQUEST.items() if k != "hook"}, "hook", "required"),
    "another hook": (REQUEST | {"hook": "order-sign"}, "hook", "value"),
    "no hook instance": ({k: v for k, v in REQUEST.items() if k != "hookInstance"}, "hookInstance", "required"),
    "empty hook instance": (REQUEST | {"hookInstance": ""}, "hookInstance", "value"),
    "no context": ({k: v for k, v in REQUEST.items() if k != "context"}, "context", "required"),
    "context that is a text": (REQUEST | {"context": JANE}, "context", "value"),
    "no patient": (context(patientId=None), "context.patientId", "required"),
    "patient that is a number": (context(patientId=7), "context.patientId", "value"),
    "patient that is a reference": (context(patientId=f"Patient/{JANE}"), "context.patientId", "value"),
    "empty patient": (context(patientId=""), "context.patientId", "value"),
    "no user": (context(userId=None), "context.userId", "required"),
    "nested too deep": (b"[" * 100_000, "", "structure"),
}


@pytest.mark.parametrize(("body", "field", "code"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_gets_400_and_the_field_by_name(body, field, code):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    (issue,) = refused(ask(stored(of_jane(screening())), "POST", CALL, content=content), 400)

    assert (issue.get("expression"), issue["code"]) == ([field] if field else None, code)
    assert issue["diagnostics"].startswith(field or "the request body")


def test_every_field_at_fault_is_named():
    issues = refused(ask(stored(), "POST", CALL, json={"hook": "x", "context": {"patientId": "a b"}}), 400)

    fields = {issue["expression"][0] for issue in issues}
    assert fields == {"hook", "hookInstance", "context.patientId", "context.userId"}


REFUSALS = {
    "unknown service": ("POST", f"/cds-services/{JANE}", 404),
    "unknown path": ("GET", f"/{JANE}", 404),
    "feedback, which is not offered yet": ("POST", f"{CALL}/feedback", 404),
    "wrong method": ("PUT", CALL, 405),
}


@pytest.mark.parametrize(("method", "path", "status"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_not_offered_is_refused_with_an_outcome(method, path, status):
    (issue,) = refused(ask(stored(), method, path, json=REQUEST), status)

    assert issue["code"] == ISSUE_TYPES[status]


def parts(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * 65536


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_gets_413(declared):
    async def pieces():
        for part in parts(BODY_LIMIT // 65536 + 1):
            yield part

    content = b"".join(parts(BODY_LIMIT // 65536 + 1)) if declared else pieces()
    (issue,) = refused(ask(stored(), "POST", CALL, content=content), 413)

    assert issue["code"] == "too-long"


def test_a_body_at_the_limit_is_read():
    body = json.dumps(REQUEST).encode().ljust(BODY_LIMIT)

    assert ask(stored(of_jane(no_findings())), "POST", CALL, content=body).status_code == 200


class Fails(MemoryLog):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def of_patient(self, key):
        raise self.error


@pytest.mark.parametrize(
    ("kind", "status", "code"), [(StoreUnavailable, 503, "transient"), (NotReadable, 500, "exception")]
)
def test_a_store_that_fails_is_said_without_detail_and_logged(caplog, kind, status, code):
    app = open_app(Fails(kind("the store", "", "a fault", "none", "Mend it.")), MemoryQueue())
    (issue,) = refused(ask(app, "POST", CALL, json=REQUEST), status)

    assert (issue["code"], "a fault" in issue["diagnostics"]) == (code, False)
    assert "found a fault" in caplog.text


def test_a_fault_of_ours_gets_500_and_is_logged_by_place_without_its_message(caplog):
    app = open_app(Fails(RuntimeError(f"about {JANE}")), MemoryQueue())
    (issue,) = refused(ask(app, "POST", CALL, json=REQUEST), 500)

    assert issue["code"] == "exception"
    said = "\n".join(Lines().format(record) for record in caplog.records if record.name.startswith("radlogic"))
    assert "RuntimeError, its message withheld" in said
    assert "in of_patient" in said
    assert JANE not in said


def test_the_log_holds_no_patient_and_no_path_that_was_sent(caplog):
    caplog.set_level(logging.DEBUG, logger="radlogic")
    app = stored(of_jane(screening()))
    for path, body in [(CALL, REQUEST), (CALL, context(patientId=f"Patient/{JANE}")), (f"/cds-services/{JANE}", {})]:
        ask(app, "POST", path, params={"patient": JANE}, json=body)
    ask(app, "GET", f"/{JANE}")

    lines = [re.sub(r"in [\d.]+ ms", "in t ms", r.getMessage()) for r in caplog.records if r.name == "radlogic.service"]
    assert lines == [
        "POST /cds-services/{service_id}: 200 in t ms",
        "POST /cds-services/{service_id}: 400 in t ms",
        "POST /cds-services/{service_id}: 404 in t ms",
        "GET an unknown path: 404 in t ms",
    ]
    assert JANE not in caplog.text
    assert patient_key(JANE) not in caplog.text


@pytest.mark.parametrize(("host", "status"), [("localhost:8765", 200), ("[::1]:8765", 200), ("evil.example", 400)])
def test_only_requests_that_name_a_loopback_host_are_answered(host, status):
    assert ask(stored(), "GET", "/healthz", host=host).status_code == status


def test_a_web_page_of_elsewhere_is_given_no_leave_to_read():
    answer = ask(stored(), "POST", CALL, json=REQUEST, headers={"Origin": "https://evil.example"})

    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@settings(max_examples=80, deadline=None)
@given(
    body=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["hook", "hookInstance", "context", "patientId", "userId"]), inner, max_size=5
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_sent_the_service_answers_or_refuses_with_an_outcome(body):
    answer = ask(stored(), "POST", CALL, content=body)

    assert answer.status_code in {200, 400, 412}
    assert "cards" in answer.json() or answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("host", ["", "example.org", "127.0.0.1.example.org", "300.1.1.1"])
def test_a_host_that_is_no_address_is_refused(host):
    with pytest.raises(BadValue, match="a name may point anywhere") as refusal:
        listen(host, 0)

    assert refusal.value.field == "host"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.53"])
def test_loopback_is_taken(host):
    with listen(host, 0) as listener:
        assert listener.getsockname()[0].startswith("127.")


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_no_machine_has_is_refused(port):
    with pytest.raises(BadValue, match="port"):
        listen("127.0.0.1", port)


def test_a_port_that_is_taken_is_refused():
    with listen("127.0.0.1", 0) as listener, pytest.raises(BadValue, match="refused by the system"):
        listen("127.0.0.1", listener.getsockname()[1])


def test_a_real_server_on_loopback_answers_warns_and_stops(tmp_path):
    FileLog(tmp_path).append(of_jane(screening()))
    FileQueue(tmp_path).put("sample-screening", screening().decision.review)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from radlogic.adapters.cli import main; main()",
            "serve",
            "--store",
            str(tmp_path),
            "--port",
            str(port),
            "--unverified",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        answer = once_up(f"http://127.0.0.1:{port}")
    finally:
        server.send_signal(signal.SIGINT)
        said = server.communicate(timeout=20)[1]

    assert answer.json()["cards"][0]["summary"].startswith("Preliminary lung-rads@2022: category 4A; overdue since")
    assert said.count("WARNING: CDS clients are not verified") == 1
    assert "POST /cds-services/{service_id}: 200" in said
    assert JANE not in said
    assert "server" not in answer.headers
    assert server.returncode == 0


def once_up(base):
    """Ask as soon as the server is there, for 20 s at most."""
    for _ in range(200):
        try:
            return httpx.post(base + CALL, json=REQUEST, timeout=10)
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("the server did not come up")
