"""The pages: /login, /logout, the ways to and from other systems, and the style sheet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from ...engine.errors import RadlogicError
from . import external, sessions
from .accounts import Account, by_password
from .csrf import form_of
from .errors import LoginRefused, ProviderUnavailable
from .limits import retry_after
from .pages import STYLE, local, page, refused, template_text
from .permissions import Launch
from .visit import LOG, NOBODY, Access, Action, Visit, visit_of

WRONG = "The name or the password is wrong, or the account may not log in."
SLOWER = "Too many attempts. Wait, then try again."
HASHES_AT_ONCE = 2  # each takes 64 MiB and a core; the others wait in line, and hold no thread
Text = Annotated[str, Query(max_length=2000)]


def access_routes(access: Access) -> APIRouter:
    """The routes over one installation."""
    router = APIRouter(include_in_schema=False)
    turn = anyio.CapacityLimiter(HASHES_AT_ONCE)

    @router.get(STYLE)
    def style() -> Response:
        """The style sheet of these pages."""
        return Response(template_text("access.css"), media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    @router.get("/login")
    async def login_page(request: Request, next: Text = "") -> Response:
        """The form; whoever is logged in goes on."""
        visit, destination = visit_of(request), local(next, access.settings.home)
        return RedirectResponse(destination, 303) if visit.actor else _form(visit, destination)

    @router.post("/login")
    async def login(request: Request) -> Response:
        """Try a name and a password."""
        visit, fields = visit_of(request), await form_of(request)
        destination = local(fields.get("next"), access.settings.home)
        return await _by_password(visit, fields.get("name", ""), fields.get("password", ""), destination, turn)

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        """End the session; its token opens nothing any more."""
        visit = visit_of(request)
        if visit.actor is not None and visit.token is not None:
            await run_in_threadpool(sessions.end, access.engine, visit.token)
            await access.record(visit.actor.name, Action.LOGOUT, session=visit.actor.session_id)
        visit.give(None)
        return RedirectResponse("/login", 303)

    @router.get("/login/oidc")
    async def to_provider(request: Request, next: Text = "") -> Response:
        """To the hospital's own login."""
        visit = visit_of(request)
        begin = partial(external.begin_oidc, access, visit, local(next, access.settings.home))
        return await _sent(request, visit, external.OIDC, begin)

    @router.get("/launch")
    async def launch(request: Request, iss: Text, launch: Text) -> Response:
        """Begun by an EHR (SMART App Launch 2.2, EHR launch); it, too, logs in anew."""
        visit = visit_of(request)
        begin = partial(external.begin_launch, access, visit, iss, launch)
        return await _sent(request, visit, external.SMART, begin)

    @router.get(external.CALLBACKS[external.OIDC])
    async def from_provider(request: Request) -> Response:
        """Back from the hospital's own login."""
        return await _back(request, visit_of(request), external.OIDC)

    @router.get(external.CALLBACKS[external.SMART])
    async def from_ehr(request: Request) -> Response:
        """Back from the EHR's authorization server."""
        return await _back(request, visit_of(request), external.SMART)

    return router


async def _by_password(
    visit: Visit, typed: str, password: str, destination: str, turn: anyio.CapacityLimiter
) -> Response:
    access, name = visit.access, typed.strip().lower()[:64]
    verdict = access.throttle.take(name, visit.address)
    if verdict.wait_s:
        if verdict.first:  # once, not at each try: nobody can fill the audit log
            await access.record(NOBODY, Action.RATE_LIMITED, method="password", address=visit.address)
        answer = _form(visit, destination, SLOWER, 429)
        answer.headers["Retry-After"] = retry_after(verdict.wait_s)
        return answer
    attempt = await anyio.to_thread.run_sync(by_password, access.engine, access.passwords, name, password, limiter=turn)
    if attempt.account is None:
        whose = name if attempt.known else NOBODY  # what was typed may be a password in the wrong field
        await access.record(NOBODY, Action.LOGIN_FAILED, method="password", account=whose, address=visit.address)
        return _form(visit, destination, WRONG, 403)
    access.throttle.forgive(name, visit.address)
    return await _entered(visit, attempt.account, "password", destination)


async def _sent(request: Request, visit: Visit, method: str, begin: Callable[[], Awaitable[str]]) -> Response:
    """To another system, or why not."""
    wait = visit.access.begins.take(visit.address).wait_s
    try:
        if wait:
            return refused(request, 429, SLOWER)
        return RedirectResponse(await begin(), 303)
    except (LoginRefused, ProviderUnavailable) as error:
        return await _not_believed(request, visit, method, error)


async def _back(request: Request, visit: Visit, method: str) -> Response:
    """From another system: logged in, or why not."""
    try:
        who = await external.finish(visit.access, visit, method, dict(request.query_params))
    except (LoginRefused, ProviderUnavailable) as error:
        return await _not_believed(request, visit, method, error)
    return await _entered(visit, who.account, method, who.next, who.launch)


async def _not_believed(request: Request, visit: Visit, method: str, error: RadlogicError) -> Response:
    LOG.warning("%s: %s", type(error).__name__, error)
    await visit.access.record(NOBODY, Action.LOGIN_FAILED, method=method, why=error.field, address=visit.address)
    sentence = f"Nobody was logged in: found {error.found}; needed: {error.allowed}. {error.cure}"
    return refused(request, 503 if isinstance(error, ProviderUnavailable) else 403, sentence)


async def _entered(
    visit: Visit, account: Account, method: str, destination: str, launch: Launch | None = None
) -> Response:
    """A new session in place of whatever the browser had (no fixation), recorded before it opens anything."""
    access, session_id = visit.access, sessions.new_id()
    action, where = (Action.LAUNCHED, {"ehr": launch.fhir_server}) if launch else (Action.LOGIN, {})
    await access.record(account.name, action, method=method, session=session_id, address=visit.address, **where)
    if visit.token is not None:
        await run_in_threadpool(sessions.end, access.engine, visit.token)
    token = await run_in_threadpool(
        sessions.begin, access.engine, session_id, account.id, access.settings, access.now, launch
    )
    visit.give(token)
    return RedirectResponse(destination, 303)


def _form(visit: Visit, destination: str, problem: str = "", status: int = 200) -> Response:
    oidc = visit.access.settings.oidc
    return page(
        "login.html.j2",
        status,
        csrf_token=visit.csrf,
        next=destination,
        problem=problem,
        provider=oidc.button if oidc else "",
    )
