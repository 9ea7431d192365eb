"""Whether a request that changes something comes from our own page (OWASP: synchronizer token, and the origin)."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from .sessions import csrf_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD, HEADER = "csrf_token", "x-csrf-token"
FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 1000


def fields_of(body: bytes) -> list[tuple[str, str]]:
    """A urlencoded form.

    Raises:
        ValueError: it is no UTF-8, or has more than 1000 fields.
    """
    text = body.decode("utf-8")
    return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a urlencoded form, without the token.

    Raises:
        HTTPException: 400, it is none, or a field is there twice (two readers would take two values).
    """
    if not _is_form(request.headers):
        raise HTTPException(400, "a urlencoded form is expected")
    try:
        fields = fields_of(await request.body())
    except ValueError as error:
        raise HTTPException(400, "the form cannot be read") from error
    if len(dict(fields)) != len(fields):
        raise HTTPException(400, "a field of the form is there twice")
    return {name: value for name, value in fields if name != FIELD}


def forged(headers: Headers, body: bytes, token: str | None, origin: str) -> str | None:
    """Why the request cannot be trusted to be our page's; ``None`` where it can."""
    if not _from_us(headers, origin):
        return "another origin"
    brought = headers.get(HEADER) or _field(headers, body)
    if token is None or brought is None:
        return "no token"
    return None if hmac.compare_digest(brought.encode(), csrf_of(token).encode()) else "a wrong token"


def _from_us(headers: Headers, origin: str) -> bool:
    """By what the browser itself says and no script can change.

    With ``Referrer-Policy: no-referrer`` browsers send ``Origin: null`` even to the page's own origin, so
    that Sec-Fetch-Site, where there is one, decides alone.
    """
    site, sent = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin" and sent in {None, "null", origin}
    return sent == origin


def _field(headers: Headers, body: bytes) -> str | None:
    if not _is_form(headers):
        return None
    try:
        found = [value for name, value in fields_of(body) if name == FIELD]
    except ValueError:
        return None
    return found[0] if len(found) == 1 else None


def _is_form(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
