"""The standing connection: tokens for ourselves (SMART App Launch 2.2, Backend Services).

``client_credentials`` with a signed assertion (``private_key_jwt``, RFC 7523). A token is kept until shortly before it
is over. Asking for one is not repeated by itself; the call that needs it waits as long as it may, and a token that
comes later serves the next one.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from ..trust.errors import BadTrustSetting
from ..trust.settings import Backend
from .outcomes import Unanswered, Why
from .waiting import in_time
from .wire import JSON_TYPES, Bounds, ask

ASSERTION_S = 240  # SMART: at most five minutes
PATIENCE_S = 5.0  # of the request for a token, which outlives the call that began it
EARLY_S = 30.0  # a token is not used in its last seconds
UNSAID_S = 300.0  # of a token that does not say how long it holds; SMART asks for at most this
AGAIN_S = 5.0  # after a refusal, before it is asked again
ANSWER_BYTES = 1 << 16
CURVES = {"ES384": "P-384"}
Transport = Callable[[], httpx.AsyncBaseTransport]


@dataclass(slots=True)
class _Held:
    token: str = field(default="", repr=False)
    until: float = 0.0  # in the event loop's time
    asking: asyncio.Task[None] | None = None
    why: Unanswered | None = None
    again_at: float = 0.0


def signing_key(backend: Backend) -> ECKey | RSAKey:
    """The private key, from its file.

    Raises:
        BadTrustSetting: no readable file, or no key for the algorithm in it.
    """
    kind = ECKey if backend.alg.startswith("ES") else RSAKey
    try:
        key = kind.import_key(_content(backend.key_file))
        fits = isinstance(key, RSAKey) or key.curve_name == CURVES[backend.alg]
    except (OSError, JoseError, ValueError, TypeError):
        fits = False
    if not fits or not key.is_private:
        allowed = f"a readable file with a private key for {backend.alg}, PEM or JWK"
        cure = "Correct the path or the file; the key is not shown."
        raise BadTrustSetting("CDS trust", "backend.key_file", "no such key", allowed, cure) from None
    return key


def _content(path: Path) -> dict[str, str | list[str]] | bytes:
    import json

    content = path.read_bytes()
    if content.lstrip().startswith(b"{"):
        value: dict[str, str | list[str]] = json.loads(content)
        return value
    return content


class Standing:
    """The tokens of our own registrations, for one event loop.

    Args:
        clock: seconds since 1970, for the assertion.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._held: dict[Backend, _Held] = {}

    async def token(self, backend: Backend, transport: httpx.AsyncBaseTransport, until: float) -> str:
        """A token that still holds.

        Raises:
            Unanswered: there is none by then.
        """
        now, held = asyncio.get_running_loop().time(), self._held.setdefault(backend, _Held())
        if held.token and now < held.until:
            return held.token
        if held.asking is None or held.asking.done():
            if held.why is not None and now < held.again_at:
                raise Unanswered(held.why.why)
            held.asking = asyncio.create_task(self._ask(backend, transport, held))
        await in_time(held.asking, until)
        if held.why is not None:
            raise Unanswered(held.why.why)
        return held.token

    def forget(self, backend: Backend) -> None:
        """The server does not take the token any more."""
        self._held.pop(backend, None)

    async def _ask(self, backend: Backend, transport: httpx.AsyncBaseTransport, held: _Held) -> None:
        loop = asyncio.get_running_loop()
        held.token, held.why, begun = "", None, loop.time()
        try:
            bounds = Bounds(begun + PATIENCE_S, ANSWER_BYTES, types=JSON_TYPES)
            answer = (await ask(transport, _request(backend, self._assertion(backend)), bounds)).value
            held.token, lasts = _token_in(answer)
            held.until = begun + max(lasts - EARLY_S, 1.0)
        except Unanswered as no:
            held.why, held.again_at = no, loop.time() + AGAIN_S

    def _assertion(self, backend: Backend) -> str:
        now = int(self._clock())
        claims = {
            "iss": backend.client_id,
            "sub": backend.client_id,
            "aud": backend.token_url,
            "iat": now,
            "exp": now + ASSERTION_S,
            "jti": secrets.token_urlsafe(24),
        }
        header = {"alg": backend.alg, "kid": backend.kid, "typ": "JWT"}
        return jwt.encode(header, claims, signing_key(backend), algorithms=[backend.alg])


def _request(backend: Backend, assertion: str) -> httpx.Request:
    fields = {
        "grant_type": "client_credentials",
        "scope": backend.scope,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    return httpx.Request("POST", backend.token_url, headers=headers, content=urlencode(fields).encode("ascii"))


def _token_in(answer: object) -> tuple[str, float]:
    """The token of a token response, and for how many seconds it holds."""
    if not isinstance(answer, dict):
        raise Unanswered(Why.NOT_FHIR)
    token, kind, lasts = (answer.get(name) for name in ("access_token", "token_type", "expires_in"))
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Unanswered(Why.BAD_AUTHORIZATION)
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise Unanswered(Why.BAD_AUTHORIZATION)
    number = isinstance(lasts, int | float) and not isinstance(lasts, bool) and lasts > 0
    return token, min(float(lasts), 86_400.0) if number and lasts is not None else UNSAID_S
