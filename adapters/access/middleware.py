"""Before every route: limits, whose session, whether the request is forged. After it: headers and the cookie."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...engine.errors import RadlogicError
from ..body import replayed, whole
from . import sessions
from .csrf import SAFE, forged
from .headers import set_headers
from .limits import client_of, retry_after
from .pages import refused
from .visit import LOG, SCOPE_KEY, Access, Action, Visit

BODY_WAIT_S = 30  # a body that is fed drop by drop would hold a worker
OUT_OF_ORDER = "the accounts or the record cannot be read or written just now; try again later"


class _Refuse(Exception):
    """The answer is given before any route is asked."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        self.status, self.sentence, self.headers = status, sentence, headers


class Guard:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, access: Access, elsewhere: tuple[str, ...] = ()) -> None:
        self._app, self._access, self._elsewhere = app, access, elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # no page of ours opens one
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(self._access, client_of(scope["client"][0] if scope.get("client") else None))

        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun, headers = True, MutableHeaders(scope=message)
                set_headers(headers, secure=self._access.settings.secure)
                visit.set_cookie(headers)
            await send(message)

        try:
            await self._app(scope, await self._admit(scope, receive, visit), send_guarded)
        except _Refuse as no:
            LOG.info("%s refused with %d: %s", scope["method"], no.status, no.sentence)
            await _answer(no, scope)(scope, receive, send_guarded)
        except RadlogicError as error:  # sessions or the audit log cannot be read or written: nobody passes
            LOG.error("%s", error)
            if begun:
                raise
            await _answer(_Refuse(503, OUT_OF_ORDER), scope)(scope, receive, send_guarded)

    async def _admit(self, scope: Scope, receive: Receive, visit: Visit) -> Receive:
        """The stream from which the route reads the body; with it, whose request it is.

        Raises:
            _Refuse: the request goes no further.
        """
        if _below(scope["path"], self._elsewhere):
            return receive
        headers, limit = Headers(scope=scope), self._access.settings.body_bytes
        declared = headers.get("content-length", "")
        wait = self._access.requests.take(visit.address).wait_s
        if wait:
            raise _Refuse(429, "too many requests from this address; wait a moment", retry_after=retry_after(wait))
        if declared.isdecimal() and int(declared) > limit:
            raise _Refuse(413, f"the body is larger than {limit} bytes")
        if _below(scope["path"], self._access.settings.machine_paths):
            return receive  # no session is looked at there: those routes know their callers by other means
        if headers.get("host") != self._access.settings.host:
            address = self._access.settings.base_url
            raise _Refuse(421, f"this name is not the one that radlogic is set up for: open {address}")
        scope[SCOPE_KEY] = visit
        await self._recognise(scope, visit)
        return receive if scope["method"] in SAFE else await self._checked(scope, receive, visit, headers)

    async def _recognise(self, scope: Scope, visit: Visit) -> None:
        visit.token = Request(scope).cookies.get(self._access.cookie) or None
        if visit.token is not None:
            it = self._access
            visit.actor = await run_in_threadpool(sessions.find, it.engine, visit.token, it.settings, it.now)

    async def _checked(self, scope: Scope, receive: Receive, visit: Visit, headers: Headers) -> Receive:
        body = await whole(receive, self._access.settings.body_bytes, BODY_WAIT_S)
        if not isinstance(body, bytes):
            status, _, words = body
            raise _Refuse(status, words)
        why = forged(headers, body, visit.token, self._access.settings.base_url)
        if why is not None:
            if visit.actor is not None:
                await self._access.record(visit.actor.name, Action.DENIED, why=f"form: {why}", address=visit.address)
            raise _Refuse(403, f"this form cannot be trusted ({why}); go back, load the page again and repeat")
        return replayed(body, receive)


def _below(path: str, bases: tuple[str, ...]) -> bool:
    return any(path == base or path.startswith(f"{base}/") for base in bases)


def _answer(no: _Refuse, scope: Scope) -> Response:
    response = refused(Request(scope), no.status, no.sentence)
    response.headers.update({name.replace("_", "-"): value for name, value in no.headers.items()})
    return response
