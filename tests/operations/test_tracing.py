"""Spans: what they hold, that they hold nothing of a patient, and that there are none unless somebody asks."""

import asyncio
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import cds_world
import httpx
import pytest
from cds_calls import CASES, stored
from cds_world import INSTANCE, TODAY, ehr, request
from fastapi import FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from radlogic.adapters.cds_hooks.seam import Client, Datum, Server
from radlogic.adapters.operations import exporting, tracing
from radlogic.adapters.operations.calls import REQUEST_ID, note
from radlogic.adapters.operations.exporting import set_up, shut_down
from radlogic.adapters.operations.logged import Logged
from radlogic.adapters.operations.tracing import FRAMEWORK_OFF, span, traced, use, watch_store
from radlogic.engine.errors import BadValue, MissingExtra

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra otel")
from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def provider():
    made = sdk.TracerProvider(resource=Resource({"service.name": "radlogic"}), shutdown_on_exit=False)
    made.exported = InMemorySpanExporter()
    made.add_span_processor(SimpleSpanProcessor(made.exported))
    use(made)
    yield made
    use(None)


@pytest.fixture
def spans(provider):
    """Gives the spans that ended, in that order."""
    return provider.exported.get_finished_spans


def ask(app, path, **headers):
    async def once():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(once())


def app():
    made = FastAPI(telemetry=FRAMEWORK_OFF)
    made.add_middleware(Logged)

    @made.get("/patients/{patient}")
    def patient(patient: str):
        note(hook_instance=INSTANCE, service="radlogic-patient-view")
        with span("answer", service="radlogic-patient-view", patient=patient):
            return {"said": patient}

    @made.get("/faults/{patient}")
    def fault(patient: str):
        with span("answer", service=patient, asked=patient):
            raise KeyError(patient)

    return made


def test_a_call_is_a_span_of_its_route_with_its_parts_below(spans):
    answer = ask(app(), "/patients/zebedee?name=Muster")
    part, whole = spans()

    assert (whole.name, whole.kind.name, whole.status.status_code.name) == (
        "GET /patients/{patient}",
        "SERVER",
        "UNSET",
    )
    assert dict(whole.attributes) == {
        "http.request.method": "GET",
        "http.route": "/patients/{patient}",
        "http.response.status_code": 200,
        "radlogic.request_id": answer.headers["x-request-id"],
        "radlogic.hook_instance": INSTANCE,
        "radlogic.service": "radlogic-patient-view",
    }
    assert (part.name, dict(part.attributes)) == ("answer", {"radlogic.service": "radlogic-patient-view"})
    assert part.parent.span_id == whole.context.span_id


def test_a_fault_is_told_by_its_kind_alone(spans):
    ask(app(), "/faults/zebedee")
    part, whole = spans()

    assert (part.status.status_code.name, dict(part.attributes)) == ("ERROR", {"error.type": "KeyError"})
    assert (whole.status.status_code.name, whole.attributes["error.type"]) == ("ERROR", "500")
    assert not part.events and not whole.events
    assert "zebedee" not in part.to_json() + whole.to_json()


def test_what_a_caller_did_wrong_is_no_error_of_ours(spans):
    with pytest.raises(BadValue), span("answer"):
        raise BadValue("zebedee", "", "", "", "")
    refused = spans()[0]

    assert (refused.status.status_code.name, dict(refused.attributes)) == ("UNSET", {"error.type": "BadValue"})
    assert "zebedee" not in refused.to_json()


def test_a_callers_trace_goes_on_and_nothing_else_of_its_headers(spans):
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "ehr=zebedee", "baggage": "patient=zebedee"}
    ask(app(), "/patients/1", **headers)
    whole = spans()[-1]

    assert f"{whole.context.trace_id:032x}" == TRACE
    assert f"{whole.parent.span_id:016x}" == PARENT
    assert not whole.context.trace_state
    assert "zebedee" not in whole.to_json()


@pytest.mark.parametrize("parent", ["", "00-zebedee-01", f"00-{TRACE}-{PARENT}-01-more", f"ff-{TRACE}-{PARENT}-01"])
def test_a_trace_of_no_form_is_not_taken(spans, parent):
    ask(app(), "/patients/1", traceparent=parent)

    assert spans()[-1].parent is None


def leaves(value):
    """All texts in a message."""
    if isinstance(value, dict | list):
        return {leaf for part in (value.values() if isinstance(value, dict) else value) for leaf in leaves(part)}
    return {value} if isinstance(value, str) else set()


@pytest.mark.parametrize(("file", "case"), CASES)
def test_no_span_of_a_recorded_call_holds_anything_that_was_sent(spans, file, case):
    asked = request(file["hook"], **case.get("request", {}))
    server = {"fetching": traced(cds_world.Server(case["server"]).fetching)} if "server" in case else {}
    decisions = [stored(named) for named in case.get("stored", ())]
    client = ehr(*decisions, today=case.get("today", TODAY), **server, **case.get("settings", {}))
    answer = client.call(file["service"], asked)
    whole = spans()[-1]
    exported = [one.to_json() for one in spans()]
    own = {INSTANCE, file["hook"], file["service"], "radlogic"}
    fixed = {f"POST {whole.attributes['http.route']}", "fetch", "store", "answer"}

    assert (whole.attributes["http.route"], whole.attributes["http.response.status_code"]) == (
        "/cds-services/{service_id}",
        answer.status_code,
    )
    assert {one.name for one in spans()} <= fixed
    assert all(_is_known(name, value) for one in spans() for name, value in one.attributes.items())
    assert [leaf for leaf in leaves(asked) - own if len(leaf) > 5 and any(leaf in text for text in exported)] == []


def _is_known(name, value):
    if isinstance(value, int):
        return name in {"http.response.status_code", "radlogic.asked", "radlogic.lacking"}
    known = {"POST", "/cds-services/{service_id}", INSTANCE} | {
        file["service"] for file in (c.values[0] for c in CASES)
    }
    if name == "error.type":  # the name of a class, from which nothing else can be told
        return any(value in vars(module) for name, module in sys.modules.items() if name.endswith("errors"))
    return value in known or (name == "radlogic.request_id" and REQUEST_ID.fullmatch(value))


def test_what_is_fetched_is_a_span_with_how_much_and_not_what(spans):
    def fetching(client, server):
        return lambda needs: {key: Datum(None, "timeout" if key == "b" else "") for key in needs}

    found = traced(fetching)(Client("https://ehr.example"), Server("https://fhir.example"))(
        {"a": "Patient/zebedee", "b": "Condition?patient=zebedee"}
    )

    assert set(found) == {"a", "b"}
    assert [(one.name, dict(one.attributes)) for one in spans()] == [
        ("fetch", {"radlogic.asked": 2, "radlogic.lacking": 1})
    ]
    assert "zebedee" not in spans()[0].to_json()


def test_what_the_store_runs_is_a_span_with_its_verb_and_not_its_text(spans):
    engine = create_engine("sqlite://")
    watch_store(engine)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1 WHERE 'zebedee' = :name"), {"name": "zebedee"})
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT * FROM zebedee"))
    engine.dispose()
    good, bad = spans()

    assert (good.name, dict(good.attributes)) == ("store", {"radlogic.operation": "SELECT"})
    assert (bad.status.status_code.name, bad.attributes["error.type"]) == ("ERROR", "OperationalError")
    assert "zebedee" not in good.to_json() + bad.to_json()


def test_the_frameworks_own_spans_would_tell_paths_and_are_off(provider, spans):
    use(None)
    for telemetry in ({"tracer_provider": provider}, {**FRAMEWORK_OFF, "tracer_provider": provider}):
        made = FastAPI(telemetry=telemetry)
        made.get("/patients/{patient}")(lambda patient: patient)
        provider.exported.clear()
        ask(made, "/patients/zebedee?name=Muster")
        told = "".join(one.to_json() for one in spans())

        assert ("zebedee" in told, "Muster" in told) == ((False, False) if "tracing" in telemetry else (True, True))


def test_the_service_switches_the_frameworks_telemetry_off():
    import inspect

    from radlogic.adapters import service

    assert "telemetry=FRAMEWORK_OFF" in inspect.getsource(service.create_app)


def test_while_off_there_is_no_span_and_it_costs_next_to_nothing():
    use(None)
    engine = create_engine("sqlite://")
    watch_store(engine)

    assert not list(engine.dispatch.before_cursor_execute)
    assert span("fetch", asked=1) is span("store", operation="SELECT")
    begun = time.process_time()
    for _ in range(10_000):
        with span("fetch", asked=1) as told:
            told.tell(lacking=0)
    assert (time.process_time() - begun) / 10_000 < 20e-6  # measured: below 1 microsecond


OFF = [
    {},
    {"OTEL_SERVICE_NAME": "x"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
]
REFUSED = [
    {"OTEL_TRACES_EXPORTER": "console"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
]


@pytest.mark.parametrize("environ", OFF)
def test_it_is_off_unless_the_environment_asks_for_it(environ):
    assert not set_up(environ)
    assert tracing._State.tracer is None


@pytest.mark.parametrize("environ", REFUSED)
def test_what_is_not_offered_is_refused_at_the_start(environ):
    with pytest.raises(BadValue, match=r"otlp or none|http/protobuf"):
        set_up(environ)


def test_without_the_extra_it_says_which_one_is_lacking(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(MissingExtra, match=r"radlogic\[otel\]"):
        set_up({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})


@pytest.fixture
def collector():
    """An OTLP collector: gives its address and what it was sent."""
    got = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_reach_a_collector_over_otlp(collector, monkeypatch):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    address, got = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    assert set_up()
    ask(app(), f"/patients/{uuid.uuid4()}")
    shut_down()
    (path, body), *_ = got
    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    about = {a.key: a.value.string_value for a in sent.resource.attributes}

    assert path == "/v1/traces"
    assert about["service.name"] == "radlogic"
    assert {one.name for one in sent.scope_spans[0].spans} == {"GET /patients/{patient}", "answer"}
    assert not {"process.command_line", "process.command_args", "host.name"} & set(about)


def test_a_collector_that_is_gone_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert set_up()
    with span("answer"):
        pass
    begun = time.monotonic()
    shut_down()

    assert time.monotonic() - begun < 4
    assert exporting._State.made is None
