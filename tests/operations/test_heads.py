"""The HTTP that the process speaks: how much of a head it holds, and what becomes of an offer to upgrade."""

import socket
import threading

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from radlogic.adapters.serving import LONGEST_HEADERS, listen, run
from radlogic.adapters.site_settings import SiteSettings

BOUND_S = 20.0
UPGRADE = (  # as the HTTP client of Java sends it where there is no TLS
    b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 5\r\n\r\nhello"
)


async def length(request):
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def connection(monkeypatch):
    """A connection to a server that runs as ``radlogic serve`` runs it."""
    servers = []

    class Known(uvicorn.Server):
        def __init__(self, config):
            super().__init__(config)
            servers.append(self)

    monkeypatch.setattr(uvicorn, "Server", Known)
    with listen("127.0.0.1", 0) as listener:
        app = Starlette(routes=[Route("/", length, methods=["POST"])])
        serving = threading.Thread(target=run, args=(app, listener, SiteSettings()))
        serving.start()
        with socket.create_connection(listener.getsockname(), timeout=BOUND_S) as opened:
            yield opened
        servers[0].should_exit = True
        serving.join(BOUND_S)
    assert not serving.is_alive()


def test_a_head_that_never_ends_is_refused_before_it_fills_the_memory(connection):
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nX-Endless: ")
    sent = 0
    try:
        while sent < 64 * LONGEST_HEADERS:
            connection.sendall(b"a" * 4096)
            sent += 4096
    except (BrokenPipeError, ConnectionResetError):
        pass

    assert sent < 64 * LONGEST_HEADERS


@pytest.mark.parametrize("times", [1, 2])
def test_the_body_of_a_call_that_offers_to_upgrade_is_read(connection, times):
    for _ in range(times):
        connection.sendall(UPGRADE)
        answer = b""
        while not answer.endswith(b"\r\n\r\n5"):
            more = connection.recv(4096)
            assert more, answer
            answer += more

    assert answer.startswith(b"HTTP/1.1 200 ")
