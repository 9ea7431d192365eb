"""The layer that logs every call, gives it its id and its span, and answers for our own faults."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..cds_hooks.outcome import refusal
from . import tracing
from .calls import _CURRENT, UNKNOWN_PATH, Call, call_of

LOG = logging.getLogger("radlogic.service")  # the name that the service's lines always had
FAULT = "a fault of the service; its log says where"


class Logged:
    """Around the app: one line a call, with its id in the answer's header ``X-Request-Id``.

    Plain ASGI: what is streamed stays streamed, and notes made in routes and their threads arrive (``calls.note``).

    Args:
        app: what answers.
        clock: seconds that never run backwards.
    """

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app, self._clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the call and log it; pass on what is no HTTP request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call, begun = call_of(scope["method"], scope["headers"]), self._clock()
        before = _CURRENT.set(call)
        try:
            with tracing.of_call(call):
                await self._answer(call, scope, receive, send)
        finally:
            self._log(call, 1000 * (self._clock() - begun))
            _CURRENT.reset(before)

    async def _answer(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", call.request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        except Exception as fault:
            LOG.error("%s, its message withheld", type(fault).__name__, exc_info=fault)
            if call.status:  # too late to say so: the server breaks the connection
                raise
            await refusal(500, FAULT)(scope, receive, send_marked)
        finally:
            call.route = _route(scope)  # known by now, also where nothing was answered

    def _log(self, call: Call, took_ms: float) -> None:
        fields = {"method": call.method, "route": call.route, "status": call.status, "ms": round(took_ms, 1)}
        text = "%s %s: %d in %.1f ms" if call.status else "%s %s: no answer (%d) in %.1f ms"
        LOG.info(text, call.method, call.route, call.status, took_ms, extra={"radlogic_call": fields})


def _route(scope: Scope) -> str:
    """The template of the route that answers; what matched none has no words of ours to be called by."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else UNKNOWN_PATH
