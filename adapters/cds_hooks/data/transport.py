"""Connections that go where the allow-list says, whatever the name service says.

A name is resolved here, its addresses are checked, and the connection is made to the very address that was checked,
with the name in TLS and in the Host header. So a name that resolves differently a moment later (DNS rebinding) gains
nothing. There are no redirects, cookies, proxies or passwords of the environment: httpx's transports have none of
them, and its client, which has, is not used.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import httpx

from .addresses import may_be_reached
from .outcomes import Unanswered, Why
from .waiting import heard

RESOLVED_S = 30.0  # an address is believed so long before the name is asked for again
TRIED = 3  # addresses of one name that are tried before it counts as unreachable
IDLE_S = 30.0  # a connection is kept open so long
Resolve = Callable[[str, int], Coroutine[Any, Any, list[str]]]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far connections may go.

    Attributes:
        networks: private networks that are open to them; public addresses always are.
        ca_file: certificate authorities (PEM) that are believed beside the public ones.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    ca_file: Path | None = None


@lru_cache(maxsize=16)
def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """The public certificate authorities and this one, read once.

    Raises:
        OSError, ssl.SSLError: the file cannot be read, or holds no certificate.
    """
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(cafile=str(ca_file))
    return context


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system gives them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Pinned(httpx.AsyncBaseTransport):
    """A transport to the hosts of an allow-list, each with its own connections.

    Args:
        reach: which addresses may be connected to.
        connections: to one host.
        resolve: name and port -> addresses.
    """

    def __init__(self, reach: Reach, *, connections: int = 32, resolve: Resolve = resolve) -> None:
        self._reach, self._resolve = reach, resolve
        self._limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_S
        )
        self._pools: dict[tuple[str, int], httpx.AsyncHTTPTransport] = {}  # one a host: TLS is not shared
        self._known: dict[tuple[str, int], tuple[float, asyncio.Task[list[str]]]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to the first checked address that takes the connection.

        Raises:
            Unanswered: no address may be reached, or the name has none.
            httpx.HTTPError: the connection or the exchange failed.
        """
        url = request.url
        place = (url.host, url.port or (443 if url.scheme == "https" else 80))
        addresses = await self._addresses(*place)
        for address in addresses[:-1]:
            try:
                return await self._send(request, place, address)
            except httpx.ConnectError:
                continue  # nothing was sent yet
        return await self._send(request, place, addresses[-1])

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _send(self, request: httpx.Request, place: tuple[str, int], address: str) -> httpx.Response:
        pool = self._pools.get(place)
        if pool is None:
            pool = self._pools[place] = httpx.AsyncHTTPTransport(
                verify=trusted(self._reach.ca_file), limits=self._limits, trust_env=False
            )
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # Host is among them, and names the host
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": place[0]},
        )
        return await pool.handle_async_request(pinned)

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await self._resolved(host, port)
        except OSError:
            raise Unanswered(Why.UNREACHABLE) from None
        allowed = [address for address in found if may_be_reached(address, self._reach.networks)]
        if not allowed:
            raise Unanswered(Why.ADDRESS_REFUSED if found else Why.UNREACHABLE)
        return allowed[:TRIED]

    async def _resolved(self, host: str, port: int) -> list[str]:
        """One question to the name service at a time for each name; it may take longer than a call may."""
        now, place = asyncio.get_running_loop().time(), (host, port)
        asked_at, task = self._known.get(place, (-RESOLVED_S, None))
        failed = task is not None and task.done() and task.exception() is not None
        if task is None or failed or (task.done() and now - asked_at > RESOLVED_S):
            task = heard(asyncio.create_task(self._resolve(host, port)))
            self._known[place] = (now, task)
        return await asyncio.shield(task)
