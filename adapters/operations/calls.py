"""The call that is being answered: what its log lines and its span may say of it.

Everything is taken by its form, not by who gave it: what is no request id, no UUID, no id of a service of ours is left
out, so that nothing that a client or a route puts here can be a name, a token or an address.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
UNKNOWN_METHOD, UNKNOWN_PATH = "another method", "an unknown path"
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Random by their making: a UUID, 128 bits in hexadecimal (nginx's $request_id, a trace id), a ULID. A number or a word
# could be somebody's.
REQUEST_ID = re.compile(rf"{UUID.pattern}|[0-9a-f]{{32}}|[0-7][0-9A-HJKMNP-TV-Z]{{25}}")
# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
FACTS: Final = {"hook_instance": UUID, "service": re.compile(r"radlogic-[a-z0-9-]{1,48}")}

_CURRENT: ContextVar[Call | None] = ContextVar("radlogic_call", default=None)


@dataclass(slots=True)
class Call:
    """One request.

    Attributes:
        method: one of ``METHODS``, or "another method".
        request_id: one of the forms of ``REQUEST_ID``; the client's, or ours.
        traceparent: the client's, where it has the form of W3C Trace Context; else ''.
        route: the route's template, never the path that was asked for.
        status: of the answer; 0 while there is none.
        facts: what routes noted (``note``).
    """

    method: str
    request_id: str
    traceparent: str = ""
    route: str = UNKNOWN_PATH
    status: int = 0
    facts: dict[str, str] = field(default_factory=dict)


def call_of(method: str, headers: Iterable[tuple[bytes, bytes]]) -> Call:
    """The call of a request, by its method and its headers as ASGI gives them (names in small letters)."""
    given, traceparent = "", ""
    for name, value in headers:
        if name == b"x-request-id":
            given = _fitting(REQUEST_ID, value)
        elif name == b"traceparent":
            traceparent = _fitting(TRACEPARENT, value)
    known = method if method in METHODS else UNKNOWN_METHOD
    return Call(known, given or traceparent[3:35] or secrets.token_hex(16), traceparent)


def _fitting(form: re.Pattern[str], value: bytes) -> str:
    text = value.decode("latin-1")
    return text if form.fullmatch(text) else ""


def note(**facts: Any) -> None:
    """Add to the log lines and the span of the call that is being answered: ``hook_instance``, ``service``.

    What has not the form of ``FACTS`` is dropped, and where no call is being answered nothing happens. Works in the
    threads in which routes and services run.
    """
    call = _CURRENT.get()
    if call is None:
        return
    for name, value in facts.items():
        form = FACTS.get(name)
        if form is not None and isinstance(value, str) and form.fullmatch(value):
            call.facts[name] = value


def current() -> Call | None:
    """The call that is being answered here; None outside of any."""
    return _CURRENT.get()
