"""What another system says about itself, and the exchange of a code for tokens.

Nothing that it answers is quoted in an error, and no redirect is followed: a token goes to the address
that the allow-listed issuer published, or nowhere.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from .errors import LoginRefused, ProviderUnavailable
from .pending import Pending
from .settings import Client, checked_url, is_loopback

TIMEOUT_S = 10.0
ANSWER_BYTES = 1 << 20
OK, BAD_REQUEST, UNAUTHORIZED = 200, 400, 401


@dataclass(frozen=True, slots=True)
class Provider:
    """The endpoints of an authorization server, checked."""

    issuer: str
    authorization: str
    token: str
    keys: str
    names_itself: bool  # RFC 9207: it puts ``iss`` into every answer


def client() -> httpx.AsyncClient:
    """A client that follows no redirect and does not wait for ever."""
    headers = {"Accept": "application/json"}
    return httpx.AsyncClient(verify=_trusted(), follow_redirects=False, timeout=TIMEOUT_S, headers=headers)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """The certificate authorities, read once: that takes longer than a login."""
    return httpx.create_ssl_context()


async def described(http: httpx.AsyncClient, base: str, path: str) -> tuple[Provider, dict[str, Any]]:
    """The metadata at ``base`` + ``path``: as endpoints, and as they stand.

    Raises:
        ProviderUnavailable: not reachable, incomplete, or with an endpoint that is neither https nor, for a
            provider on this machine, loopback.
    """
    document = await fetched(http, f"{base.rstrip('/')}{path}")
    needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
    if not all(isinstance(document.get(name), str) for name in needed):
        raise _unusable(base, "metadata that lack an endpoint", f"{', '.join(needed)} as text")
    local = is_loopback(urlsplit(base).hostname)
    for name in needed[1:]:
        _safe_endpoint(base, name, document[name], local=local)
    names_itself = document.get("authorization_response_iss_parameter_supported") is True
    issuer, authorization, token, keys = (document[name] for name in needed)
    return Provider(issuer, authorization, token, keys, names_itself), document


async def fetched(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """A JSON object by GET.

    Raises:
        ProviderUnavailable: no answer, another status than 200, too long, or no JSON object.
    """
    status, content = await _asked(http, http.build_request("GET", url))
    if status != OK:
        raise _unusable(url, f"status {status}", "200; redirects are not followed")
    return content


async def exchanged(
    http: httpx.AsyncClient, at: Provider, who: Client, pending: Pending, code: str, redirect_uri: str
) -> dict[str, Any]:
    """The token response for a code (RFC 6749, section 4.1.3, with the PKCE verifier).

    Raises:
        LoginRefused: the server does not take the code (used, expired, or of another browser's login).
        ProviderUnavailable: it does not answer as it should.
    """
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": pending.verifier,
    }
    auth = _basic(who)
    if auth is None:
        fields["client_id"] = who.client_id
    request = http.build_request("POST", at.token, data=fields, headers={"Authorization": auth} if auth else None)
    status, content = await _asked(http, request)
    if status in {BAD_REQUEST, UNAUTHORIZED}:
        raise LoginRefused(_host(at.token), "code", "a code that the server refuses", "a fresh one", "Begin again.")
    if status != OK:
        raise _unusable(at.token, f"status {status}", "200 with tokens")
    return content


def authorization_url(at: Provider, parameters: Mapping[str, str]) -> str:
    """Where the browser goes to log in; the endpoint's own query stays."""
    return str(httpx.URL(at.authorization).copy_merge_params(parameters))


async def _asked(http: httpx.AsyncClient, request: httpx.Request) -> tuple[int, dict[str, Any]]:
    try:
        response = await http.send(request, stream=True)
        try:
            content = await _limited(response)
        finally:
            await response.aclose()
    except httpx.HTTPError as error:
        raise _unusable(str(request.url), f"no answer ({type(error).__name__})", "an answer") from None
    return response.status_code, _object(str(request.url), content) if response.status_code == OK else {}


async def _limited(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > ANSWER_BYTES:
            raise _unusable(str(response.url), "a longer answer", f"at most {ANSWER_BYTES} bytes")
    return bytes(content)


def _object(url: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _unusable(url, "no JSON object", "a JSON object")
    return found


def _safe_endpoint(base: str, name: str, url: str, *, local: bool) -> None:
    """Https, or loopback for a provider that is itself there: else any issuer could point at this machine."""
    parts = urlsplit(url)
    try:
        checked_url(parts._replace(query="").geturl())
    except ValueError:
        raise _unusable(base, f"{name} of another form", "an absolute https URL") from None
    if is_loopback(parts.hostname) and not local:
        raise _unusable(base, f"{name} on this machine", "an address of the provider")


def _basic(who: Client) -> str | None:
    """HTTP Basic with both parts form-encoded first (RFC 6749, section 2.3.1)."""
    if who.client_secret is None:
        return None
    pair = f"{quote(who.client_id, safe='')}:{quote(who.client_secret.get_secret_value(), safe='')}"
    return f"Basic {base64.b64encode(pair.encode('ascii')).decode('ascii')}"


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _unusable(url: str, found: str, allowed: str) -> ProviderUnavailable:
    return ProviderUnavailable(_host(url), "", found, allowed, "Try again; if it stays, ask who runs that system.")
