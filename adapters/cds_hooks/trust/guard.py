"""Before every route of the CDS services: how often, who, how much. No route is asked before the caller is known.

A call that is refused for its token learns 401 and nothing else; the log has a code. ``verified`` is the dependency of
the seam: it fails where this guard did not run, so that no mistake of mounting opens a service.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...access.limits import Buckets, Verdict, client_of, retry_after
from ...body import replayed, too_long, whole
from ..outcome import issue
from ..seam import UNVERIFIED, Client
from .arrival import arrives
from .errors import ReplaysUnknown, TokenRefused, refused_token
from .settings import CdsTrust
from .verify import Verifier

LOG = logging.getLogger("radlogic.cds.trust")
SCOPE_KEY = "radlogic.cds_client"
SERVICES = "/cds-services"
PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Limit(Protocol):
    """How often somebody may call: ``Buckets``, ``SharedBuckets``."""

    def take(self, key: str) -> Verdict:
        """Count one call."""


MakeBuckets = Callable[[float, float, Callable[[], float]], Limit]


class CdsGuard:
    """The layer around the app that guards the paths of the CDS services and lets all others pass.

    Args:
        app: what is guarded.
        trust: the settings.
        verifier: believes tokens; not asked while verification is off.
        clock: seconds that never run backwards.
        addresses: how often an address may call, before it is known who does; of this process if None.
        clients: how often a client may; likewise.
    """

    def __init__(
        self,
        app: ASGIApp,
        trust: CdsTrust,
        verifier: Verifier,
        clock: Callable[[], float] = time.monotonic,
        addresses: Limit | None = None,
        clients: Limit | None = None,
    ) -> None:
        self._app, self._trust, self._verifier = app, trust, verifier
        self._addresses = addresses or Buckets(trust.burst, trust.requests_per_s, clock)
        self._clients = clients or Buckets(trust.client_burst, trust.client_requests_per_s, clock)
        self._guarded = CORSMiddleware(
            self._checked,
            allow_origins=trust.origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type"),
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard a call of a CDS service; pass on anything else."""
        path = route_path(scope) if scope["type"] == "http" else ""
        if path != SERVICES and not path.startswith(f"{SERVICES}/"):
            await self._app(scope, receive, send)
            return
        arrives(time.monotonic())
        wait = self._addresses.take(client_of(scope["client"][0] if scope.get("client") else None)).wait_s
        if wait:
            await _too_many(wait)(scope, receive, send)
            return
        await (self._guarded if self._trust.origins else self._checked)(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = await self._admit(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        body = await whole(receive, self._trust.body_bytes)
        if isinstance(body, bytes):
            await self._app(scope, replayed(body, receive), send)
        else:
            await _refusal(*body)(scope, receive, send)

    async def _admit(self, scope: Scope) -> Response | None:
        """The refusal; None where the call may go on, its caller noted in the scope."""
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._trust.body_bytes:
            return _refusal(*too_long(self._trust.body_bytes))
        try:
            client, name = await self._who(scope, headers)
        except TokenRefused as no:
            LOG.warning("a call was refused: %s", no.found)
            return unauthorized()
        except ReplaysUnknown as fault:
            LOG.error("%s", fault)
            return _refusal(503, "transient", "the service cannot check the call just now; try again later")
        if not self._trust.verify and scope["method"] == "POST" and not _is_json(headers.get("content-type", "")):
            return _refusal(415, "not-supported", "Content-Type: a body is application/json")
        wait = self._clients.take(f"{client.issuer} {client.tenant}").wait_s
        if wait:
            LOG.warning("client %s was refused: too many calls", name)
            return _too_many(wait)
        scope[SCOPE_KEY] = client
        return None

    async def _who(self, scope: Scope, headers: Headers) -> tuple[Client, str]:
        """The caller, and the name that the log calls it by.

        Raises:
            TokenRefused, ReplaysUnknown: see ``Verifier.believed``.
        """
        path = route_path(scope)
        if not self._trust.verify:
            _check_local(headers)
            _check_page(headers, (*self._trust.origins, _origin(self._trust.base_url)))
            return UNVERIFIED, "unverified"
        if self._trust.open_discovery and path.rstrip("/") == SERVICES and scope["method"] in {"GET", "HEAD"}:
            return UNVERIFIED, "anybody"
        client, said = await self._verifier.believed(headers.getlist("authorization"), path)
        return said, client.name


def verified(request: Request) -> Client:
    """Who calls: the ``Verify`` of the seam.

    Raises:
        HTTPException: 401, no guard let this call pass.
    """
    found = request.scope.get(SCOPE_KEY)
    if not isinstance(found, Client):
        LOG.error("a CDS service was reached without its guard: the call is refused")
        raise HTTPException(401)
    return found


def route_path(scope: Scope) -> str:
    """The path that routes are matched with: without what a proxy put before it."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    below = path.removeprefix(root)
    return below if root and path.startswith(root) and below[:1] in {"", "/"} else path


def unauthorized() -> Response:
    """401, the same whatever was wrong."""
    body = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "login"}]}
    return JSONResponse(body, 401, headers={"WWW-Authenticate": "Bearer"})


def _check_local(headers: Headers) -> None:
    """Without verification a call must come from this machine itself: a proxy would let everybody in.

    Raises:
        TokenRefused: a proxy passed it on.
    """
    if any(name in headers for name in PROXY_HEADERS):
        raise refused_token("unverified_behind_proxy")


def _check_page(headers: Headers, ours: Sequence[str]) -> None:
    """Nor from a web page that this machine's user happens to look at: browsers say where a call comes from.

    Raises:
        TokenRefused: it comes from a page of another origin than these.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if (origin is not None and origin not in ours) or (origin is None and site not in ("none", "same-origin")):
        raise refused_token("unverified_from_page")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_json(content_type: str) -> bool:
    """Whether it is JSON: what a page cannot send elsewhere without asking first (Fetch, CORS-safelisted values)."""
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _refusal(status: int, code: str, words: str) -> Response:
    return JSONResponse({"resourceType": "OperationOutcome", "issue": [issue(code, words)]}, status)


def _too_many(wait_s: float) -> Response:
    response = _refusal(429, "throttled", "too many calls; wait a moment")
    response.headers["Retry-After"] = retry_after(wait_s)
    return response
