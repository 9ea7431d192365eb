"""One FHIR server of the allow-list: its connections, its breaker, and one question to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from ..trust.settings import FetchLimits, FhirServer, TrustedClient
from .breaker import Breaker
from .outcomes import TROUBLE, Unanswered, Why
from .transport import Pinned, Reach, Resolve
from .wire import Bounds, ask

SHORTEST_S = 0.02  # less is too little for one more question


@dataclass(slots=True)
class Budget:
    """What one call may still use.

    Attributes:
        until: when all must be here, in the event loop's time.
        left: bytes of answers.
        failed: the server failed in this call; it counts once.
    """

    until: float
    left: int
    failed: bool = False


class Asked:
    """A server as one event loop knows it."""

    def __init__(self, client: TrustedClient, server: FhirServer, limits: FetchLimits, resolve: Resolve) -> None:
        self.server, self._limits = server, limits
        reach = Reach(client.networks, client.ca_file)
        self.transport = Pinned(reach, connections=limits.connections, resolve=resolve)
        self.breaker = Breaker(limits.failures, limits.pause_s, asyncio.get_running_loop().time)

    async def get(self, url: str, token: str | None, budget: Budget) -> Any:
        """The JSON at an address below the base.

        Where the server asks to wait, and there is time to, it is asked once more: a GET changes nothing.

        Args:
            token: for the header Authorization, or None.
            budget: the call's; what is read is taken off.

        Raises:
            Unanswered: there is none.
        """
        try:
            return await self._once(url, token, budget)
        except Unanswered as no:
            now = asyncio.get_running_loop().time()
            if no.wait_s is None or now + no.wait_s + SHORTEST_S > budget.until:
                raise
            await asyncio.sleep(no.wait_s)
            return await self._once(url, token, budget)

    async def _once(self, url: str, token: str | None, budget: Budget) -> Any:
        request, given = _request(url, token), budget.until - asyncio.get_running_loop().time()
        if given < SHORTEST_S:
            raise Unanswered(Why.TIMEOUT)
        if not self.breaker.admit():
            raise Unanswered(Why.LEFT_ALONE)
        bounds = Bounds(budget.until, min(budget.left, self._limits.answer_bytes), self._limits.depth)
        try:
            answer = await ask(self.transport, request, bounds)
        except Unanswered as no:
            self.breaker.report(no.why, tried_s=given, wait_s=no.wait_s, counted=budget.failed)
            budget.failed |= no.why in TROUBLE
            raise
        self.breaker.report(None, tried_s=given)
        budget.left = max(0, budget.left - answer.size)
        return answer.value


def _request(url: str, token: str | None) -> httpx.Request:
    headers = {"Accept": "application/fhir+json, application/json;q=0.9"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        return httpx.Request("GET", url, headers=headers)
    except httpx.InvalidURL:
        raise Unanswered(Why.BAD_QUERY) from None
