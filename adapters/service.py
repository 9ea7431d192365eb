"""The web service: one app, to which the rooms of the border add their routes.

People log in to the review pages (``access``); clients of CDS Hooks bring signed tokens (``cds_hooks/trust``).
Requests must name a host that the service is set up for, so that a web page cannot reach it by rebinding a name of
its own. What the log may hold says ``operations/logs``: no path, no query, no body, no patient.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ..engine.errors import RadlogicError
from .cds_hooks.outcome import refusal
from .cds_hooks.setup import CdsServices
from .cds_hooks.trust.errors import ReplaysUnknown
from .openapi_page import docs_routes
from .operations.apart import Apart
from .operations.logged import Logged
from .operations.tracing import FRAMEWORK_OFF
from .store.errors import StoreUnavailable

if TYPE_CHECKING:
    from .review.setup import Pages

LOG = logging.getLogger("radlogic.service")
RETRY_AFTER_S = "5"  # locks are short; a store that is down is asked for no more often
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]", "::1")


def create_app(services: CdsServices, *, pages: Pages | None = None) -> FastAPI:
    """The app over CDS services and review pages.

    Layers, the outermost first: who uses the pages (``access``), the log, the host's name, who calls the services.

    Args:
        services: the CDS services, with whom they trust.
        pages: the review pages, whose users log in.
    """
    app = FastAPI(
        title="radlogic",
        docs_url=None,  # those pages load scripts from elsewhere; docs_routes are ours
        openapi_url=None,
        redoc_url=None,
        lifespan=_lifespan(services),
        telemetry=FRAMEWORK_OFF,
    )
    services.add_to(app)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_names(services, pages), www_redirect=False)
    app.add_middleware(Logged)
    app.add_exception_handler(HTTPException, _http_refusal)
    app.add_exception_handler(RadlogicError, _own_refusal)
    _add_health(app, services)
    app.include_router(docs_routes())
    if pages is not None:
        pages.add_to(app)  # last: the guard is the outermost layer
    return app


def _names(services: CdsServices, pages: Pages | None) -> list[str]:
    """What requests may put in their Host header: this machine, the pages' and the services' own names."""
    ours = [services.trust.base_url, *([pages.access.base_url] if pages is not None else [])]
    return [*LOOPBACK_HOSTS, *(urlsplit(url).hostname or "" for url in ours)]


def _lifespan(services: CdsServices) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Before the first call is taken, what it needs is loaded; after the last one, connections are closed."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        try:
            await run_in_threadpool(services.warm)
        except RadlogicError as error:
            LOG.error("not started: %s", error)  # the server tells its own log no more than that it failed
            raise
        yield
        await services.close()

    return life


def _add_health(app: FastAPI, services: CdsServices) -> None:
    checked = Apart(services.check)

    @app.get("/healthz", tags=["operations"], response_model=None)
    async def alive() -> JSONResponse:
        """Whether the process answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", tags=["operations"], response_model=None)
    async def ready() -> JSONResponse:
        """Whether calls can be answered now: the store can be read; where it keeps used tokens, written, too."""
        try:
            await checked.answer()
        except (StoreUnavailable, ReplaysUnknown) as error:
            LOG.error("%s", error)
            return _not_ready()
        except TimeoutError:
            LOG.error("the store does not answer")
            return _not_ready()
        return JSONResponse({"status": "ready"})


def _not_ready() -> JSONResponse:
    return JSONResponse({"status": "not ready", "lacking": "store"}, 503)


def _http_refusal(_: Request, error: Exception) -> Response:
    """What the framework or a route refuses, as an OperationOutcome."""
    if not isinstance(error, HTTPException):
        raise error
    answer = refusal(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})  # a 405 says what is allowed
    return answer


def _own_refusal(_: Request, error: Exception) -> Response:
    """What the store refuses: 503 where trying again may help, else 500; the log says what it was."""
    LOG.error("%s", error)
    again = isinstance(error, StoreUnavailable)
    said = "the store cannot be read or written; the service's log says why"
    answer = refusal(503 if again else 500, said)
    if again:
        answer.headers["Retry-After"] = RETRY_AFTER_S
    return answer
