"""``radlogic serve``: from a site's settings to a process that listens, answers and stops in order."""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

from ..engine.errors import BadValue
from .access.settings import is_loopback
from .cds_hooks.setup import CdsServices, services_of
from .cds_hooks.trust.start import check_start
from .operations import exporting, logs
from .operations.memory import few_arenas
from .operations.processes import Processes, check_many
from .operations.stopping import ends_well
from .operations.together import counters_together
from .review.setup import Pages, pages_of
from .service import create_app
from .site_settings import SiteSettings

LOG = logging.getLogger("radlogic.serving")
LONGEST_HEADERS = 1 << 16  # bytes of a request's head: a token of 8 KiB, and whatever a proxy adds
LOCKED_S = 35  # beside ``shutdown_s``: a thread that waits for the store's lock may hold a process for 30 s
SWITCH_S = 0.001  # after which a thread that works lets another one: the loop that reads and writes waits for no more
KEEP_ALIVE_S = 75  # of an idle connection: longer than a proxy keeps it (nginx 60 s), else calls meet one that closes


def serve(settings: SiteSettings) -> int:
    """Serve until asked to stop; warnings go to standard error.

    Returns:
        The exit code: 0 where it was asked to stop and did.

    Raises:
        BadValue: what the settings say may not be served, or the port cannot be had.
        StoreUnavailable: the store cannot be opened.
    """
    few_arenas()
    logs.set_up(settings.logs)
    check_reach(settings)
    check_many(settings.processes)
    check_start(settings.trust, settings.host)
    exporting.set_up(later=True)
    with ends_well(), listen(settings.host, settings.port) as listener:
        LOG.info("listening on %s, port %d", *listener.getsockname()[:2])  # of port 0 nobody knows which it became
        if settings.processes > 1:
            return _by_several(listener, settings)
        _by_one(app_of(settings), listener, settings)
    return 0


def _by_one(app: FastAPI, listener: socket.socket, settings: SiteSettings) -> None:
    """Answer on this socket until asked to stop."""
    exporting.begin()
    sys.setswitchinterval(SWITCH_S)
    try:
        with ends_well():
            run(app, listener, settings)
    finally:
        exporting.shut_down()


def _by_several(listener: socket.socket, settings: SiteSettings) -> int:
    """Let ``processes`` answer on this socket: forked from one in which the app is made and all of it is loaded.

    That one keeps nothing open that may not be shared, no connection and no thread. What was made with the app is the
    same in all: secrets of this start, and the memory in which calls are counted.
    """
    with counters_together(settings.processes):
        pages = pages_of(settings)
        services = cds_of(settings, pages)
        app = create_app(services, pages=pages)
        services.warm()
        pages.desk.store.close()
        several = Processes(
            lambda: _by_one(app, listener, settings), settings.processes, settings.shutdown_s + LOCKED_S
        )
        return several.run(before_end=listener.close)


def app_of(settings: SiteSettings) -> FastAPI:
    """The app that the settings describe."""
    pages = pages_of(settings)
    return create_app(cds_of(settings, pages), pages=pages)


def cds_of(settings: SiteSettings, pages: Pages) -> CdsServices:
    """The CDS services over the store of the pages."""
    return services_of(
        store=pages.desk.store,
        settings=settings.cds,
        trust=settings.trust,
        metrics=pages.desk.metrics,
        shared_replays=settings.replays == "store" or settings.processes > 1,
        shared_limits=settings.processes > 1,
    )


def run(app: FastAPI, listener: socket.socket, settings: SiteSettings) -> None:
    """Answer on this socket. Who asks to stop (SIGTERM, SIGINT) waits for calls in flight, ``shutdown_s`` at most."""
    config = uvicorn.Config(
        app,
        access_log=False,
        server_header=False,
        log_config=None,
        http="h11",  # of the two it alone bounds a head, and reads the body where a client offers to upgrade
        timeout_graceful_shutdown=settings.shutdown_s,
        timeout_keep_alive=KEEP_ALIVE_S,
        h11_max_incomplete_event_size=LONGEST_HEADERS,
    )
    uvicorn.Server(config).run(sockets=[listener])


def check_reach(settings: SiteSettings) -> None:
    """That what others reach is reached by TLS: passwords and sessions would travel in the clear.

    Raises:
        BadValue: the service is to listen where others reach it, and its pages have no https address.
    """
    if is_loopback(settings.host.strip("[]")) or urlsplit(settings.access.base_url).scheme == "https":
        return
    cure = "Set access.base_url to the address of the TLS proxy before it, or bind to 127.0.0.1."
    raise BadValue("radlogic serve", "host", "an address that others reach, and pages without https", "both", cure)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        BadValue: the host is no address, or the port cannot be had.
    """
    address = _address(host)
    if not 0 <= port <= 65535:
        raise _no_port("a number that no port has")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        listener = socket.create_server((str(address), port), family=family)
    except OSError as error:
        raise _no_port(f"port {port}, refused by the system ({error.strerror})") from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for the client's ACK
    return listener


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError:
        cure = "Give the address of the interface: a name may point anywhere."
        raise BadValue("radlogic serve", "host", repr(host), "an IP address or localhost", cure) from None


def _no_port(found: str) -> BadValue:
    allowed = "a free port from 0 to 65535 that this user may open"
    return BadValue("radlogic serve", "port", found, allowed, "Choose another one.")
