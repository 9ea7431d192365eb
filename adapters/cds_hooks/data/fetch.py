"""What a call did not bring along, from its FHIR server: the ``Fetching`` of the seam.

All that is missing is asked for at once and is here, or not, before the call's time is over. Nothing that a server
does reaches the service as an exception: each key has its data, or the words for why it has none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from traceback import format_tb
from typing import Any

from ..bundles import of_type
from ..seam import Client, Datum, Fetch, Server
from ..trust.arrival import arrived_at
from ..trust.redact import quiet_libraries
from ..trust.settings import Backend, CdsTrust, FhirServer, TrustedClient
from ..trust.urls import same
from ..turns import aside
from .access import Access, brought
from .backend import Standing
from .loop import LoopThread
from .outcomes import WORDS, Unanswered, Why
from .paging import all_pages, bundle
from .places import Places
from .query import Query, query_of
from .server import Asked, Budget
from .transport import Resolve, resolve

LOG = logging.getLogger("radlogic.cds.data")
GRACE_S = 0.05  # the loop's own deadline comes first


@dataclass(frozen=True, slots=True)
class _Connection:
    """One call's way to its server."""

    at: Asked
    access: Access
    backend: Backend | None
    budget: Budget
    gate: asyncio.Semaphore = field(repr=False)


class FhirFetching:
    """The FHIR servers of all clients: their connections, breakers and standing tokens.

    Args:
        trust: who may be asked, and how much.
        resolve: name and port -> addresses; the system's, but for tests.
    """

    def __init__(self, trust: CdsTrust, *, resolve: Resolve = resolve) -> None:
        quiet_libraries()
        self._trust, self._resolve = trust, resolve
        self._thread, self._standing, self._places = LoopThread(), Standing(), Places()
        self._servers: dict[tuple[str, str], Asked] = {}

    def __call__(self, client: Client, server: Server) -> Fetch:
        """The ``Fetch`` of one call."""
        return partial(self._fetch, client, server, time.monotonic())

    def states(self) -> dict[str, str]:
        """Server's base -> closed, open or half-open; for metrics. Servers that were never asked are not there."""
        return {base: asked.breaker.state for (_, base), asked in list(self._servers.items())}

    def close(self) -> None:
        """Close all connections and the thread."""
        if self._servers:
            self._thread.run(self._close(), 5.0)
            self._servers.clear()
        self._thread.close()

    async def _close(self) -> None:
        for asked in self._servers.values():
            await asked.transport.aclose()

    def _fetch(self, client: Client, server: Server, begun: float, needs: Mapping[str, str]) -> Mapping[str, Datum]:
        until = arrived_at(begun) + self._trust.fetch.budget_ms / 1000
        try:
            owner, listed = self._listed(client, server)
            with self._places.one((owner.name, listed.base)), aside():
                work = self._all(owner, listed, server, bool(client.issuer), needs, until)
                return self._thread.run(work, until - time.monotonic() + GRACE_S)
        except Unanswered as no:
            LOG.info("nothing fetched: %s", no.why)
            return {key: _lacking(no.why) for key in needs}
        except TimeoutError:
            return {key: _lacking(Why.TIMEOUT) for key in needs}

    async def _all(
        self,
        owner: TrustedClient,
        listed: FhirServer,
        server: Server,
        known: bool,
        needs: Mapping[str, str],
        until: float,
    ) -> dict[str, Datum]:
        """All that is needed, asked for at once.

        Raises:
            Unanswered: the call brought no usable access.
        """
        limits, loop = self._trust.fetch, asyncio.get_running_loop()
        access, backend = _access(server, listed, standing=known)
        asked = self._servers.get((owner.name, listed.base))
        if asked is None:
            asked = self._servers[owner.name, listed.base] = Asked(owner, listed, limits, self._resolve)
        budget = Budget(loop.time() + until - time.monotonic(), limits.total_bytes)
        way = _Connection(asked, access, backend, budget, asyncio.Semaphore(limits.at_once))
        found = await asyncio.gather(*(self._one(way, query) for query in needs.values()))
        return dict(zip(needs, found, strict=True))

    def _listed(self, client: Client, server: Server) -> tuple[TrustedClient, FhirServer]:
        """The listed server that the call names, with the client whose list it is on.

        Raises:
            Unanswered: no server, or not a listed one.
        """
        if server.url is None:
            raise Unanswered(Why.NO_SERVER)
        known = self._trust.client(client.issuer)
        owners = self._trust.clients if not client.issuer else () if known is None else (known,)
        for owner in owners:
            for listed in owner.fhir_servers:
                if same(server.url, listed.base):
                    return owner, listed
        raise Unanswered(Why.SERVER_NOT_LISTED)

    async def _one(self, way: _Connection, text: str) -> Datum:
        """One key's data; what goes wrong is logged as a code, with the resource's type."""
        kind = "?"
        try:
            query = query_of(text)
            kind = query.type
            way.access.check(query)
            return await self._read(way, query)
        except Unanswered as no:
            LOG.info("%s not fetched: %s", kind, no.why)
            return _lacking(no.why)
        except Exception as fault:  # a fault of ours in one question must not take the others along
            LOG.error("%s, its message withheld\n%s", type(fault).__name__, "".join(format_tb(fault.__traceback__)))
            return _lacking(Why.FAULT_HERE)

    async def _read(self, way: _Connection, query: Query) -> Datum:
        base = way.at.server.base
        url = f"{base}/{query.text}"
        get = partial(self._get, way)
        value = await get(url)
        if query.id is not None:
            return Datum(_resource(value, query))
        found, whole = await all_pages(bundle(value), url, base, self._trust.fetch.pages, get)
        fits = of_type(found, query.type)
        if fits is False:
            raise Unanswered(Why.ANOTHER_RESOURCE)
        whole = whole and fits is True
        if not whole:
            LOG.info("%s fetched in part: pages are missing", query.type)
        return Datum(found, whole=whole)

    async def _get(self, way: _Connection, url: str) -> Any:
        async with way.gate:
            token, backend = way.access.token, way.backend
            if backend is not None:
                token = await self._standing.token(backend, way.at.transport, way.budget.until)
            try:
                return await way.at.get(url, token, way.budget)
            except Unanswered as no:
                if backend is not None and no.why is Why.UNAUTHORIZED:
                    self._standing.forget(backend)
                raise


def _access(server: Server, listed: FhirServer, *, standing: bool) -> tuple[Access, Backend | None]:
    """The call's own access; without one our standing connection, where the caller is known, or an open server."""
    if server.authorization is not None:
        return brought(server.authorization, listed), None
    if listed.backend is not None and standing:
        return Access(scope=listed.backend.scope), listed.backend
    if listed.needs_token:
        raise Unanswered(Why.NO_TOKEN)
    return Access(), None


def _resource(value: Any, query: Query) -> dict[str, Any]:
    """The resource that was asked for.

    Raises:
        Unanswered: it is another one.
    """
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if kind == "OperationOutcome":
        raise Unanswered(Why.SERVER_SAYS_NO)
    if kind != query.type or value.get("id") != query.id:
        raise Unanswered(Why.ANOTHER_RESOURCE)
    return dict(value)


def _lacking(why: Why) -> Datum:
    return Datum(None, WORDS[why])
