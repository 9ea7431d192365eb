"""The ID token, believed only after every check of OpenID Connect Core 1.0, section 3.1.3.7."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from .errors import LoginRefused

# Public-key algorithms only: with "none" or a shared secret anybody who knows the public key could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
PUBLIC_KINDS = frozenset({"RSA", "EC"})
LEEWAY_S = 60  # clocks that differ


def believed(
    token: object, keys: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: int
) -> dict[str, Any]:
    """The claims of an ID token that is signed by the issuer, for us, for this login, and not over.

    Args:
        token: as it came in the token response.
        keys: the issuer's JWKS.
        now: seconds since 1970.

    Raises:
        LoginRefused: a check fails; the sentence names the check and never the token.
    """
    if not isinstance(token, str):
        raise refused_token("no ID token")
    rules = jwt.JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        claims = jwt.decode(token, _public(keys), algorithms=list(ALGORITHMS)).claims
        rules.validate(claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise refused_token(f"one that fails a check ({type(error).__name__})") from None
    if claims["aud"] not in (client_id, [client_id]) or claims.get("azp", client_id) != client_id:
        raise refused_token("one that is also for others")  # we trust no other audience
    return claims


def _public(keys: Mapping[str, Any]) -> KeySet:
    """Its public signing keys; a shared secret in the set is passed over."""
    listed = [key for key in keys["keys"] if isinstance(key, dict)]
    usable = [key for key in listed if key.get("kty") in PUBLIC_KINDS and key.get("use", "sig") == "sig"]
    return KeySet.import_key_set({"keys": usable})


def refused_token(found: str) -> LoginRefused:
    """The refusal of a token."""
    allowed = "one signed by the provider, for this client and this login, and still valid"
    return LoginRefused("login", "ID token", found, allowed, "Begin again; if it stays, ask who runs the provider.")
