"""The web service: one app, to which the rooms of the border add their routes.

People log in to the review pages (``access``). Clients of CDS Hooks are not authenticated yet (JSON web tokens
and cross-origin rules come with the service that a hospital can plug in). Until then ``serve`` binds to loopback
only, requests must name a loopback host or that of the pages (so that a web page cannot reach the service by
rebinding a name of its own), and no cross-origin header is sent. Log lines hold method, route template, status
and time: no path, no query, no body, no patient.
"""

from __future__ import annotations

import contextlib
import copy
import ipaddress
import logging
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from traceback import format_tb
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ..engine.errors import BadValue, RadlogicError
from ..engine.record import DecisionLog, ReviewQueue
from .cds_hooks.outcome import refusal
from .cds_hooks.patient_view import Records
from .cds_hooks.router import cds_routes
from .store.errors import StoreUnavailable

if TYPE_CHECKING:
    from .review.setup import Pages

LOG = logging.getLogger("radlogic.service")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]", "::1")
NO_AUTHENTICATION = (
    "WARNING: clients are not authenticated. The service answers on this machine's loopback address only, "
    "to every program and user of this machine. Do not put a proxy in front of it."
)


def create_app(
    log: DecisionLog,
    queue: ReviewQueue,
    *,
    clock: Callable[[], date] = date.today,
    hosts: Sequence[str] = LOOPBACK_HOSTS,
    pages: Pages | None = None,
) -> FastAPI:
    """The app over a decision log and a review queue.

    Args:
        log: where decisions are looked up.
        queue: what waits for review.
        clock: gives the day by which follow-up counts as due or overdue.
        hosts: names that requests may put in their Host header.
        pages: the review pages, whose users log in; their own address is a name that requests may use, too.
    """
    names = [*hosts, *((pages.access.host.rpartition(":")[0] or pages.access.host,) if pages else ())]
    app = FastAPI(
        title="radlogic", docs_url=None, openapi_url=None, redoc_url=None
    )  # those pages load scripts from elsewhere
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)
    app.middleware("http")(_log_call)
    app.add_exception_handler(HTTPException, _http_refusal)
    app.add_exception_handler(RadlogicError, _own_refusal)
    app.include_router(cds_routes(Records(log, queue, clock, store=pages.desk.store if pages else None)))

    @app.get("/healthz", tags=["operations"])
    def alive() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    if pages is not None:
        pages.add_to(app)  # last: the guard is the outermost layer
    return app


async def _log_call(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Answer and log the call. A fault of ours is logged by kind and place: its message could quote a record."""
    start = time.perf_counter()
    try:
        response = await call_next(request)
    except Exception as fault:
        LOG.error("%s, its message withheld\n%s", type(fault).__name__, "".join(format_tb(fault.__traceback__)))
        response = refusal(500, "a fault of the service; its log says where")
    route = getattr(request.scope.get("route"), "path", "an unknown path")
    took_ms = 1000 * (time.perf_counter() - start)
    LOG.info("%s %s: %d in %.1f ms", request.method, route, response.status_code, took_ms)
    return response


def _http_refusal(_: Request, error: Exception) -> Response:
    """What the framework or a route refuses, as an OperationOutcome."""
    if not isinstance(error, HTTPException):
        raise error
    return refusal(error.status_code, str(error.detail))


def _own_refusal(_: Request, error: Exception) -> Response:
    """What the store refuses: 503 where trying again may help, else 500; the log says what it was."""
    LOG.error("%s", error)
    status = 503 if isinstance(error, StoreUnavailable) else 500
    return refusal(status, "the stored decisions cannot be read; the service's log says why")


def serve(app: FastAPI, host: str = "127.0.0.1", port: int = 8765) -> None:
    """Serve until interrupted, on loopback only; a warning about authentication goes to standard error.

    Raises:
        BadValue: the host is not loopback, or the port cannot be had.
    """
    with listen(host, port) as listener:
        sys.stderr.write(NO_AUTHENTICATION + "\n")
        config = uvicorn.Config(app, access_log=False, server_header=False, log_config=_log_config())
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn has shut down, then says again how it was asked to
            uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on a loopback address; port 0 takes any free one.

    Raises:
        BadValue: the host is not loopback, or the port cannot be had.
    """
    address = ipaddress.ip_address(_loopback(host))
    if not 0 <= port <= 65535:
        raise _no_port("a number that no port has")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        listener = socket.create_server((str(address), port), family=family)
    except OSError as error:
        raise _no_port(f"port {port}, refused by the system ({error.strerror})") from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for the client's ACK
    return listener


def _no_port(found: str) -> BadValue:
    allowed = "a free port from 0 to 65535 that this user may open"
    return BadValue("radlogic serve", "port", found, allowed, "Choose another one.")


def _loopback(host: str) -> str:
    name = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        if ipaddress.ip_address(name).is_loopback:
            return name
    except ValueError:
        pass  # a name other than localhost may point anywhere
    cure = "Bind to loopback: clients are not authenticated yet, so nobody else may reach the service."
    raise BadValue("radlogic serve", "host", repr(host), "127.0.0.1, ::1 or localhost", cure)


def _log_config() -> dict[str, object]:
    """uvicorn's own, with our lines beside its lines."""
    config: dict[str, object] = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    loggers = config["loggers"]
    if isinstance(loggers, dict):
        loggers["radlogic"] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return config
