"""The token of a call: read without belief, then believed check by check.

CDS Hooks 2.0, "Trusting CDS Clients"; RFC 7515, RFC 7519 and the advice of RFC 8725. The signature is joserfc's
business; what joserfc lets pass and this service does not is refused before: names twice in one object, ``crit``,
keys that the token brings along. ``kid`` is compared and nothing else is done with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from ....engine.errors import InputError
from ...access.id_token import ALGORITHMS
from ...fhir.errors import DuplicateKey
from ...fhir.jsonfile import parse
from .errors import refused_token

Key = RSAKey | ECKey
TAKEN_ALONG = ("jwk", "x5c", "x5u")  # keys, or places of keys, that a forger would choose
ALTERED = ("crit", "b64", "zip", "enc")  # what changes how the rest is read
KID_LIMIT, JTI_LIMIT, TENANT_LIMIT = 512, 512, 255  # letters
LATEST = 1 << 40  # seconds since 1970: no clock shows it


@dataclass(frozen=True, slots=True)
class Presented:
    """What a token says of itself, not believed yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: jws.CompactSignature

    @property
    def kid(self) -> str:
        """The key's name; ``presented`` checked that there is one."""
        return str(self.header["kid"])


def presented(token: str, limit: int) -> Presented:
    """The parts of a token whose header is harmless.

    Raises:
        TokenRefused: too long, cut, ambiguous, or with a header that this service does not take.
    """
    if len(token) > limit:
        raise refused_token("too_long")
    try:
        signed = jws.extract_compact(token.encode("ascii"), registry=_registry(limit))
        header = parse(urlsafe_b64decode(signed.segments["header"]), where="token")
        claims = parse(signed.payload or b"", where="token")
    except DuplicateKey:
        raise refused_token("duplicate_member") from None
    except (JoseError, InputError, ValueError, TypeError, RecursionError):
        raise refused_token("malformed") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise refused_token("malformed")
    _check_header(header)
    return Presented(header, claims, signed)


def _registry(limit: int) -> jws.JWSRegistry:
    """The algorithms, and joserfc's bounds widened to ours: 512 bytes are too few for a header with a long ``jku``."""
    registry = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = limit
    return registry


def _check_header(header: Mapping[str, Any]) -> None:
    kid, kind = header.get("kid"), header.get("typ", "JWT")
    if header.get("alg") not in ALGORITHMS:
        raise refused_token("algorithm")
    if any(name in header for name in ALTERED):
        raise refused_token("header_extension")
    if any(name in header for name in TAKEN_ALONG):
        raise refused_token("key_in_header")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise refused_token("type")
    if not isinstance(kid, str) or not 0 < len(kid) <= KID_LIMIT:
        raise refused_token("kid")


def check_signature(token: Presented, keys: Sequence[Key]) -> None:
    """That one of these keys, which all have the token's ``kid``, signed it.

    Raises:
        TokenRefused: none did.
    """
    if not any(_signed_by(token, key) for key in keys):
        raise refused_token("signature")


def _signed_by(token: Presented, key: Key) -> bool:
    if key.alg not in (None, token.header["alg"]):
        return False
    try:
        return jws.validate_compact(token.signed, key, registry=_registry(0))
    except (JoseError, ValueError, TypeError):
        return False


@dataclass(frozen=True, slots=True)
class Rules:
    """What the claims of a call are held against. Times in seconds since 1970 and seconds."""

    iss: str
    audience: Callable[[str], bool]  # whether an address is that of this call
    ours: Callable[[str], bool]  # whether it is one of this service's
    now: int
    leeway_s: int
    lifetime_s: int


def check_claims(claims: Mapping[str, Any], rules: Rules) -> None:
    """That the token is for this call, and its time is now.

    Raises:
        TokenRefused: a claim is missing, of another kind, or says otherwise.
    """
    asked = {name: jwt.ClaimsOption(essential=True) for name in ("aud", "exp", "iat", "jti")}
    option = jwt.ClaimsOption(essential=True, value=rules.iss)
    _check_times(claims)
    try:
        jwt.JWTClaimsRegistry(now=rules.now, leeway=rules.leeway_s, iss=option, **asked).validate(dict(claims))
    except ExpiredTokenError:
        raise refused_token("expired") from None
    except (ClaimError, TypeError, ValueError) as error:
        raise refused_token(f"claim_{getattr(error, 'claim', None) or 'unknown'}"[:40]) from None
    if claims["exp"] - claims["iat"] > rules.lifetime_s:
        raise refused_token("lifetime")
    if not 0 < len(claims["jti"]) <= JTI_LIMIT:
        raise refused_token("claim_jti")
    _check_audience(claims["aud"], rules)


def _check_times(claims: Mapping[str, Any]) -> None:
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, 0)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < LATEST:
            raise refused_token(f"claim_{name}")


def _check_audience(aud: str | list[str], rules: Rules) -> None:
    """This call's address must be there, and nobody else's: he could use the token here before its owner does."""
    named = [aud] if isinstance(aud, str) else aud
    if not any(rules.audience(url) for url in named) or not all(rules.ours(url) for url in named):
        raise refused_token("claim_aud")


def tenant_of(claims: Mapping[str, Any]) -> str:
    """The claim ``tenant``, '' where there is none.

    Raises:
        TokenRefused: it is no text of printable letters.
    """
    tenant = claims.get("tenant", "")
    if not isinstance(tenant, str) or len(tenant) > TENANT_LIMIT or not (tenant.isprintable() or not tenant):
        raise refused_token("claim_tenant")
    return tenant


def ends(claims: Mapping[str, Any], leeway_s: int) -> int:
    """When the token is over for good, rounded up: until then its ``jti`` is remembered."""
    exp: float = claims["exp"]
    return math.ceil(exp) + leeway_s
