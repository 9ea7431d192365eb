"""What comes out of log lines: facts in a fixed form, and nothing of a patient or a secret, whoever logs what."""

import io
import json
import logging
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters.operations.logs import Json, Lines
from radlogic.engine.errors import BadValue

FORMS = {"json": Json, "lines": Lines}
CORE = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=12, max_size=24)
TOKENS = st.builds("Bearer {}".format, CORE) | st.builds("access_token={}".format, CORE)
URLS = st.builds("https://ehr.example/fhir/Patient/{}?family={}".format, CORE, CORE)
THEIRS = ["httpx", "urllib3.connectionpool", "sqlalchemy.engine", "pydicom", "asyncio", "uvicorn.error", "uvicorn", "x"]
SAYS_NOTHING = {"", "Bearer ", "access_token="}


def line(form, name, msg, args=(), *, fault=None, level=logging.WARNING, **extra):
    """The line that a handler would write."""
    record = logging.LogRecord(
        name, level, "/place/of/module.py", 17, msg, args, (type(fault), fault, None) if fault else None
    )
    vars(record).update(extra)
    record.exc_text = str(fault) if fault else None  # as a formatter before ours leaves it
    return FORMS[form]().format(record)


class Talkative:
    """Quotes what it holds wherever it is asked."""

    def __init__(self, secret):
        self.secret = secret

    def __repr__(self):
        return self.secret

    __str__ = __repr__


def faulty(secret):
    """An exception with a cause, both of which quote."""
    try:
        try:
            raise KeyError(secret)
        except KeyError as cause:
            raise ValueError(f"no {secret} here") from cause
    except ValueError as fault:
        fault.add_note(secret)
        return fault


def ways(secret):
    """How a secret gets into a record: (message, arguments, more)."""
    yield secret, (), {}
    yield f"{secret} %s", (secret,), {}
    yield "said %s and %r", (secret, Talkative(secret)), {}
    yield "%(who)s", ({"who": secret},), {}
    yield "%d", (secret,), {}
    yield Talkative(secret), (), {}
    yield secret.encode(), (), {}
    yield "failed", (), {"fault": faulty(secret)}
    yield "failed: %s", (faulty(secret),), {}
    yield "more", (), {"stack_info": secret, "patient": secret, "radlogic_call": {"route": secret}, "taskName": secret}


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(secret=CORE | TOKENS | URLS, name=st.sampled_from(THEIRS))
def test_nothing_that_a_library_says_comes_out(form, secret, name):
    for msg, args, more in ways(secret):
        written = line(form, name, msg, args, **more)

        assert not [part for part in parts(secret) if part in written]


def parts(secret):
    """The random pieces of a secret."""
    return [p for p in secret.replace("?family=", "/").replace("Bearer ", "").replace("access_token=", "").split("/") if len(p) >= 12 and "." not in p]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(secret=TOKENS | URLS)
def test_no_token_and_no_address_comes_out_of_our_own_lines(form, secret):
    for msg, args, more in ways(secret):
        written = line(form, "radlogic.cds.data", msg, args, **{k: v for k, v in more.items() if k != "radlogic_call"})

        assert not [part for part in parts(secret) if part in written]


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(name=CORE)
def test_a_name_in_an_object_or_an_exception_does_not_come_out_of_our_own_lines(form, name):
    for value in (faulty(name), Talkative(name), [name], {"family": name}, name.encode(), (name,)):
        written = line(form, "radlogic.service", "failed: %s, %r", (value, value), fault=faulty(name))

        assert name not in written


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(st.text(), st.sampled_from([*THEIRS, "radlogic.service"]))
def test_a_line_cannot_be_forged(form, text, name):
    written = line(form, name, "%s", (text,))

    assert len(written.splitlines()) == 1
    assert written.isprintable() or form == "lines"


@settings(deadline=None)
@given(st.text(), st.tuples(st.text() | st.integers()) | st.just(()), st.sampled_from([*THEIRS, "radlogic.service"]))
def test_json_lines_are_json_whatever_is_logged(text, args, name):
    told = json.loads(line("json", name, text, args))

    assert {"time", "level", "logger", "event"} <= set(told)


def test_a_line_has_time_in_utc_level_logger_and_event():
    told = json.loads(line("json", "radlogic.cds.trust", "client %s was refused: too many calls", ("epic",)))
    moment = datetime.strptime(told.pop("time"), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)

    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert told == {
        "level": "WARNING",
        "logger": "radlogic.cds.trust",
        "event": "client epic was refused: too many calls",
    }


def test_an_exception_is_told_by_kind_and_place_with_its_cause():
    fault = faulty("Zebedee")
    told = json.loads(line("json", "radlogic.service", "ValueError, its message withheld", fault=fault))

    assert [one["kind"] for one in told["fault"]] == ["ValueError", "KeyError"]
    assert [one["at"][-1].partition(":")[0] for one in told["fault"]] == ["operations/test_log_lines.py"] * 2
    assert told["fault"][0]["at"][-1].endswith("in faulty")


def test_of_a_group_of_exceptions_the_first_is_told_too():
    group = ExceptionGroup("Zebedee", [faulty("Zebedee"), KeyError("Muster")])
    told = json.loads(line("json", "radlogic.service", "failed", fault=group))

    assert [one["kind"] for one in told["fault"]] == ["ExceptionGroup", "ValueError", "KeyError"]


def test_lines_for_people_are_as_before_with_places_below_a_fault():
    plain = line("lines", "radlogic.service", "GET %s: %d in %.1f ms", ("/healthz", 200, 0.42), level=logging.INFO)
    first, *below = line("lines", "radlogic.service", "failed", fault=faulty("Zebedee")).splitlines()

    assert plain == "INFO:     GET /healthz: 200 in 0.4 ms"
    assert (first, below[0]) == ("WARNING:  failed", "    ValueError, its message withheld")
    assert all(row.startswith("    ") for row in below)


def test_of_a_library_the_place_is_told_and_of_the_server_its_life():
    theirs = line("lines", "sqlalchemy.engine", "SELECT %s", ("Zebedee",))
    server = line("lines", "uvicorn.error", "Started server process [%d]", (4711,), level=logging.INFO)
    socket = line("lines", "uvicorn.error", '%s - "WebSocket %s" [accepted]', ("10.0.0.1", "/case/Zebedee?x=1"))

    assert theirs == "WARNING:  sqlalchemy.engine: a message withheld, of module.py:17"
    assert server == "INFO:     Started server process [4711]"
    assert "Zebedee" not in socket and "withheld" in socket


def test_our_own_errors_are_told_in_full():
    error = BadValue("the environment", "OTEL_TRACES_EXPORTER", "another value", "otlp or none", "Set that.")

    assert json.loads(line("json", "radlogic.service", "%s", (error,)))["event"] == str(error)


def test_every_log_call_of_the_product_has_a_constant_template():
    """What is not constant goes through the arguments, where it is looked at."""
    import ast
    from pathlib import Path

    import radlogic.adapters

    calls = [
        (file.name, node.lineno, node.args[0])
        for file in Path(radlogic.adapters.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
        and isinstance(node.func.value, ast.Name) and node.func.value.id == "LOG"
    ]  # fmt: skip

    assert len(calls) > 10
    assert [(name, at) for name, at, first in calls if isinstance(first, ast.JoinedStr | ast.BinOp | ast.Call)] == []


PROCESS = textwrap.dedent(
    """
    import gc, http.client, logging, socket, sys, threading, time, warnings
    import uvicorn
    from radlogic.adapters.operations.logged import Logged
    from radlogic.adapters.operations.logs import set_up

    SECRET = "Zebedee-Muster-4711"
    set_up(sys.argv[1])

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["path"] == "/late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise ValueError(SECRET)
        else:
            raise ValueError(SECRET)

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Logged(app), access_log=False, log_config=None)
    server = uvicorn.Server(config)
    running = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    running.start()
    for path in (f"/{SECRET}?name={SECRET}", "/late"):
        connection = http.client.HTTPConnection(*listener.getsockname(), timeout=10)
        try:
            connection.request("POST", path, SECRET, {"Authorization": f"Bearer {SECRET}", "X-Request-Id": SECRET})
            connection.getresponse().read()
        except (http.client.IncompleteRead, http.client.RemoteDisconnected):
            pass
        connection.close()
    with socket.create_connection(listener.getsockname()) as broken:
        broken.sendall(f"{SECRET}\\r\\n\\r\\n".encode())
        broken.recv(1000)
    server.should_exit = True
    running.join()

    class Dying:
        def __del__(self):
            raise ValueError(SECRET)

    def fail():
        raise ValueError(SECRET)

    warnings.warn(f"bad value: {SECRET}", stacklevel=1)
    logging.getLogger("httpx").error("GET https://ehr.example/Patient/%s", SECRET)
    logging.getLogger("pydicom").error("%d", SECRET)
    Dying()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    fail()
    """
)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_a_whole_process_goes_around_the_lines(form):
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", PROCESS, form], capture_output=True, text=True, check=False, timeout=60
    )

    assert run.returncode == 1
    assert "Zebedee" not in run.stderr + run.stdout
    assert run.stderr.count("which nobody caught") == 3
    if form == "json":
        told = [json.loads(row) for row in run.stderr.splitlines()]
        calls = [(t["method"], t["route"], t["status"]) for t in told if "route" in t]
        assert calls == [("POST", "an unknown path", 500), ("POST", "an unknown path", 200)]
        assert {"py.warnings", "httpx", "pydicom", "uvicorn.error", "radlogic.process"} <= {t["logger"] for t in told}
        assert "Application startup complete." in [t["event"] for t in told]


def test_a_handler_that_cannot_write_tells_nobody_what(monkeypatch, capsys):
    """``logging`` prints message and arguments of such a record unless it is told not to."""
    monkeypatch.setattr(logging, "raiseExceptions", False)  # what set_up does
    closed = io.StringIO()
    handler = logging.StreamHandler(closed)
    handler.setFormatter(Json())
    closed.close()
    handler.handle(logging.LogRecord("radlogic.x", logging.ERROR, "m.py", 1, "%s", ("Zebedee",), None))

    assert capsys.readouterr().err == ""
