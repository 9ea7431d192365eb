"""The seam between the web pages and who may use them.

    install(app, settings, engine, audit)  # once, before the app serves

    @app.get("/cases/{case_id}")
    def case(case_id: str, request: Request, actor: Annotated[Actor, Depends(require(Permission.READ_CASE))]): ...
        template.render(csrf_token=csrf_token(request), may_sign=actor.may(Permission.SIGN))

    @app.post("/cases/{case_id}/signature")
    async def sign(case_id: str, request: Request, actor: Annotated[Actor, Depends(require(Permission.SIGN))]): ...
        fields = await form_of(request)

What pages must know: every POST, PUT, PATCH and DELETE brings the session's token, as the field
``csrf_token`` of a urlencoded form or as the header ``X-CSRF-Token`` (multipart: the header only); the
Content-Security-Policy allows scripts, styles, pictures and calls from this origin only (no inline
script or style, no ``onclick=``; ``data:`` for pictures alone); nothing may be framed; an answer is
cached only if its route sets Cache-Control, which none with a patient in it may; log lines and URLs
hold no patient. Logging out is a POST to ``/logout``.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from fastapi import FastAPI, Request
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from .csrf import form_of
from .limits import Buckets, LoginThrottle
from .middleware import Guard
from .pages import refused
from .passwords import Passwords
from .permissions import Actor, Launch, Permission, Role
from .routes import access_routes
from .settings import AccessSettings
from .tables import create_tables
from .visit import Access, Action, Audit, visit_of

BEGINS, BEGINS_PER_S = 60, 1.0  # logins by another system begun from one address: each makes us call that system

__all__ = [
    "AccessSettings",
    "Actor",
    "Audit",
    "Launch",
    "Permission",
    "Role",
    "actor_of",
    "csrf_token",
    "form_of",
    "install",
    "require",
]


class LoginRequired(HTTPException):
    """Nobody is logged in: people are sent to the login page, scripts are told 401."""


class Denied(HTTPException):
    """Somebody is logged in who may not do this: 403, recorded."""


def install(
    app: FastAPI,
    settings: AccessSettings,
    engine: Engine,
    audit: Audit,
    *,
    elsewhere: tuple[str, ...] = (),
    clock: Callable[[], float] = time.time,
    ticks: Callable[[], float] = time.monotonic,
) -> None:
    """Put the guard before every route of the app, and add its pages: /login, /logout, /launch, /access.css.

    Call it last, so that the guard is the outermost layer. ``settings.machine_paths`` (CDS Hooks, health,
    metrics) get limits and headers but no session: ``require`` never lets anybody in there.

    Args:
        app: the app; its other routes may be added before or after.
        settings: where it is reached, how long sessions last, who else may log people in.
        engine: the database of the accounts; their tables are made if they are not there.
        audit: ``audit(actor, action, detail)`` keeps it durably before it returns, or raises. Called from
            worker threads. ``actor`` is an account's name, or "-" for nobody; ``action`` one of ``Action``;
            ``detail`` holds neither patients nor passwords nor tokens.
        elsewhere: paths below which another layer counts, limits and knows its callers: headers are set there,
            nothing else.
        clock: seconds since 1970, by which sessions end.
        ticks: seconds that never run backwards, by which limits are counted.

    Raises:
        StoreUnavailable: the tables cannot be made.
    """
    create_tables(engine)
    access = Access(
        settings,
        engine,
        audit,
        Passwords(settings.argon2_memory_kib, settings.argon2_passes),
        clock,
        Buckets(settings.burst, settings.requests_per_s, ticks),
        LoginThrottle(ticks),
        Buckets(BEGINS, BEGINS_PER_S, ticks),
    )
    app.include_router(access_routes(access))
    app.add_exception_handler(LoginRequired, _to_login)
    app.add_exception_handler(Denied, _denied)
    app.add_middleware(Guard, access=access, elsewhere=elsewhere)


def require(permission: Permission) -> Callable[[Request], Awaitable[Actor]]:
    """A dependency that gives who is logged in, if one of their roles has the permission.

    Raises:
        LoginRequired, Denied: in the request; the guard answers both.
    """

    async def permitted_actor(request: Request) -> Actor:
        visit = visit_of(request)
        if visit.actor is None:
            raise LoginRequired(401, "log in first")
        if not visit.actor.may(permission):
            route = str(getattr(request.scope.get("route"), "path", ""))
            await visit.access.record(visit.actor.name, Action.DENIED, permission=permission.value, route=route)
            raise Denied(403, "your roles do not allow this")
        return visit.actor

    return permitted_actor


def actor_of(request: Request) -> Actor | None:
    """Who is logged in, if anybody: for a page's header, not for a decision."""
    return visit_of(request).actor


def csrf_token(request: Request) -> str:
    """What the page's forms (field ``csrf_token``) or script (header ``X-CSRF-Token``) bring back."""
    return visit_of(request).csrf


def _to_login(request: Request, _: Exception) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/login?next={quote(request.url.path, safe='/')}", 303)
    answer = refused(request, 401, "log in first")
    answer.headers["WWW-Authenticate"] = "Session"
    return answer


def _denied(request: Request, error: Exception) -> Response:
    return refused(request, 403, f"{getattr(error, 'detail', '')}")
