"""Logging in by another system: the hospital's OpenID provider, or the EHR that launches us (SMART).

OpenID Connect Core 1.0 (authorization code flow) and HL7 SMART App Launch 2.2, both with PKCE S256
(RFC 7636), state and nonce. The access token is used for nothing and forgotten with the response.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.concurrency import run_in_threadpool

from . import pending as logins
from .accounts import Account, by_identity, from_directory
from .errors import LoginRefused, ProviderUnavailable
from .id_token import believed, refused_token
from .pending import Pending
from .permissions import Launch, Role
from .provider import Provider, authorization_url, client, described, exchanged, fetched
from .settings import Client, OidcProvider, SmartServer
from .visit import Access, Visit

OIDC, SMART = "oidc", "smart"
CALLBACKS = {OIDC: "/login/oidc/callback", SMART: "/launch/callback"}
METADATA = {OIDC: "/.well-known/openid-configuration", SMART: "/.well-known/smart-configuration"}
FHIR_ID = r"[A-Za-z0-9.\-]{1,64}"
DECISION = re.compile(r"[A-Za-z0-9-]{1,64}")
STAFF = re.compile(rf"(?:Practitioner|PractitionerRole|Person)/{FHIR_ID}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came back, by which way, and where they were going."""

    account: Account
    next: str
    launch: Launch | None = None


async def begin_oidc(access: Access, visit: Visit, destination: str) -> str:
    """Where to send the browser so that the hospital's provider logs somebody in.

    Raises:
        LoginRefused: none is configured.
        ProviderUnavailable: it does not answer.
    """
    who = _oidc(access)
    return await _begin(access, visit, Pending(OIDC, who.issuer, destination), who, {"scope": who.scope})


async def begin_launch(access: Access, visit: Visit, iss: str, launch: str) -> str:
    """Where to send the browser that an EHR sent here with ``iss`` and ``launch``.

    Raises:
        LoginRefused: the EHR is not on the list.
        ProviderUnavailable: it does not answer, or does not offer what SMART asks for.
    """
    who = _smart(access, iss)
    more = {"scope": who.scope, "aud": who.iss, "launch": launch}
    return await _begin(access, visit, Pending(SMART, who.iss, access.settings.home), who, more)


async def finish(access: Access, visit: Visit, kind: str, answer: Mapping[str, str]) -> Arrival:
    """Who the other system says has logged in, after every check.

    Args:
        kind: ``OIDC`` or ``SMART``.
        answer: the query with which the browser came back.

    Raises:
        LoginRefused: a check fails, or the person has no account or no role here.
        ProviderUnavailable: the other system does not answer as it should.
    """
    pending = await run_in_threadpool(
        logins.take, access.engine, kind, answer.get("state", ""), visit.token, access.now
    )
    who = _oidc(access) if kind == OIDC else _smart(access, pending.issuer)
    async with client() as http:
        at = await _provider(http, kind, pending.issuer)
        _check_answer(answer, at)
        tokens = await exchanged(http, at, who, pending, answer["code"], access.settings.base_url + CALLBACKS[kind])
        keys = await fetched(http, at.keys)
    claims = believed(
        tokens.get("id_token"),
        keys,
        issuer=at.issuer,
        client_id=who.client_id,
        nonce=pending.nonce,
        now=access.now,
    )
    if isinstance(who, SmartServer):
        return await _launched(access, pending, who, claims, tokens)
    return await _known_to(access, pending, who, claims)


async def _begin(access: Access, visit: Visit, pending: Pending, who: Client, more: Mapping[str, str]) -> str:
    async with client() as http:
        at = await _provider(http, pending.kind, pending.issuer)
    browser = visit.bound()
    await run_in_threadpool(logins.keep, access.engine, pending, browser, access.now)
    standard = {
        "response_type": "code",
        "client_id": who.client_id,
        "redirect_uri": access.settings.base_url + CALLBACKS[pending.kind],
        "state": pending.state,
        "nonce": pending.nonce,
        "code_challenge": pending.challenge,
        "code_challenge_method": "S256",
    }
    return authorization_url(at, standard | dict(more))


async def _provider(http: httpx.AsyncClient, kind: str, base: str) -> Provider:
    at, document = await described(http, base, METADATA[kind])
    if kind == OIDC and at.issuer != base:
        raise _unfit(base, "metadata of another issuer", "the configured issuer, sign by sign")
    methods = document.get("code_challenge_methods_supported")
    if "S256" not in (methods if isinstance(methods, list) else [] if kind == SMART else ["S256"]):
        raise _unfit(base, "no PKCE by S256", "S256 among code_challenge_methods_supported")
    return at


def _check_answer(answer: Mapping[str, str], at: Provider) -> None:
    """The provider's own refusal, and whether the answer is of the provider that was asked (RFC 9207)."""
    if answer.get("iss", at.issuer) != at.issuer or (at.names_itself and "iss" not in answer):
        raise _refused("iss", "an answer of another provider", "the one that was asked")
    if "error" in answer or not answer.get("code"):
        raise _refused("code", "none: the other system did not log you in", "a code")


async def _known_to(access: Access, pending: Pending, who: OidcProvider, claims: Mapping[str, Any]) -> Arrival:
    told = claims.get(who.role_claim)
    values = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    roles: set[Role] = {who.roles[value] for value in values if isinstance(value, str) and value in who.roles}
    if not roles:
        raise _refused(who.role_claim, "no group that has a role here", "a group that the settings map to a role")
    subject = claims["sub"]
    if not 1 <= len(subject) <= 255 or not (subject.isascii() and subject.isprintable()):
        raise refused_token("a subject of another form")
    name = claims.get("name")
    account = await run_in_threadpool(
        lambda: from_directory(
            access.engine,
            who.issuer,
            subject,
            label=who.label,
            display=name if isinstance(name, str) else "",
            roles=roles,
            now=access.now,
        )
    )
    return Arrival(_allowed(account), pending.next)


async def _launched(
    access: Access, pending: Pending, who: SmartServer, claims: Mapping[str, Any], tokens: Mapping[str, Any]
) -> Arrival:
    user = claims.get("fhirUser")
    relative = user.removeprefix(who.iss.rstrip("/") + "/") if isinstance(user, str) else ""
    if not STAFF.fullmatch(relative):
        raise _refused("fhirUser", "a user who is not staff of this EHR", "a Practitioner, PractitionerRole or Person")
    account = await run_in_threadpool(by_identity, access.engine, who.iss, relative)
    launch = Launch(who.iss, _context(tokens, "patient"), _context(tokens, "encounter"))
    return Arrival(_allowed(account), _opened(tokens, pending.next), launch)


def _opened(tokens: Mapping[str, Any], home: str) -> str:
    """The page of the decision that the card's link named (CDS Hooks 2.0, Link.appContext), else home.

    A context that is none of ours is left alone: whether this person may see the decision, its page asks.
    """
    context = tokens.get("appContext")
    try:
        said = json.loads(context) if isinstance(context, str) and len(context) <= 1000 else None
    except ValueError:
        return home
    decision = said.get("decision") if isinstance(said, dict) else None
    return f"{home.rstrip('/')}/{decision}" if isinstance(decision, str) and DECISION.fullmatch(decision) else home


def _context(tokens: Mapping[str, Any], name: str) -> str | None:
    """The patient or encounter that is open in the EHR; its id is kept, and never quoted."""
    value = tokens.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(FHIR_ID, value):
        raise _refused(name, "no FHIR id", "a FHIR id of at most 64 signs")
    return value


def _allowed(account: Account | None) -> Account:
    if account is None:
        raise _refused("account", "nobody who may log in here", "a user with an account that is not disabled")
    return account


def _oidc(access: Access) -> OidcProvider:
    if access.settings.oidc is None:
        raise _refused("issuer", "no OpenID provider", "the configured one")
    return access.settings.oidc


def _smart(access: Access, iss: str) -> SmartServer:
    for server in access.settings.smart:
        if server.iss.rstrip("/") == iss.rstrip("/"):
            return server
    raise _refused("iss", "an EHR that is not on the list", "one of the configured EHRs")


def _refused(field: str, found: str, allowed: str) -> LoginRefused:
    return LoginRefused("login", field, found, allowed, "Begin again; if it stays, ask the administrator.")


def _unfit(base: str, found: str, allowed: str) -> ProviderUnavailable:
    return ProviderUnavailable(base, "metadata", found, allowed, "Ask who runs that system.")
