"""Who calls: the one decision on a call's token, all checks in their order.

The signature comes before the claims, and the claims before the token counts as used: what is not signed changes
nothing here, except that an unknown ``kid`` may make us look for new keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..data.transport import Resolve, resolve
from ..seam import Client
from .errors import refused_token
from .keys import KeyRing
from .redact import quiet_libraries
from .replay import Replays
from .settings import CdsTrust, TrustedClient
from .token import Presented, Rules, check_claims, check_signature, ends, presented, tenant_of
from .urls import same


class Verifier:
    """Believes a call's token, or not.

    Args:
        trust: whom to believe.
        replays: which tokens were used.
        clock: seconds since 1970.
        resolve: name and port -> addresses, for key sets.
    """

    def __init__(
        self,
        trust: CdsTrust,
        replays: Replays,
        *,
        clock: Callable[[], float] = time.time,
        resolve: Resolve = resolve,
    ) -> None:
        quiet_libraries()
        self._trust, self._replays, self._clock = trust, replays, clock
        self._keys = KeyRing(trust, time.monotonic, resolve=resolve)

    async def believed(self, authorization: Sequence[str], path: str) -> tuple[TrustedClient, Client]:
        """The client whose token this is: as it is set up, and as the token says.

        Args:
            authorization: the values of the header ``Authorization``.
            path: of the call, as the service has it.

        Raises:
            TokenRefused: a check fails; which one is for the log only.
            ReplaysUnknown: it cannot be told whether the token was used.
        """
        token = presented(_bearer(authorization), self._trust.token_bytes)
        client = self._trust.client(token.claims.get("iss"))
        if client is None:
            raise refused_token("issuer")
        await self._check_signature(token, client)
        self._check_claims(token, client, path)
        tenant = tenant_of(token.claims)
        if tenant not in (client.tenants or ("",)):  # another customer of the EHR: other patients of the same ids
            raise refused_token("tenant")
        if not await self._replays.first(client.iss, token.claims["jti"], ends(token.claims, self._trust.leeway_s)):
            raise refused_token("replayed")
        return client, Client(client.iss, tenant)

    async def close(self) -> None:
        """Close all connections."""
        await self._keys.close()

    async def _check_signature(self, token: Presented, client: TrustedClient) -> None:
        source = self._keys.of(client, token.header.get("jku"))
        if source is None:
            raise refused_token("jku")
        keys = await source.named(token.kid)
        if keys is None:
            raise refused_token("keys_unavailable")
        if not keys:
            raise refused_token("key_unknown")
        check_signature(token, keys)

    def _check_claims(self, token: Presented, client: TrustedClient, path: str) -> None:
        endpoint, base = self._trust.endpoint(path), self._trust.base_url
        rules = Rules(
            iss=client.iss,
            audience=lambda url: same(url, endpoint),
            ours=lambda url: url.startswith(f"{base}/") or same(url, endpoint),
            now=int(self._clock()),
            leeway_s=self._trust.leeway_s,
            lifetime_s=self._trust.lifetime_s,
        )
        check_claims(token.claims, rules)


def _bearer(authorization: Sequence[str]) -> str:
    """The token of the one header that there is (RFC 6750, section 2.1)."""
    if not authorization:
        raise refused_token("no_token")
    if len(authorization) > 1:
        raise refused_token("several_headers")
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise refused_token("scheme")
    return token.strip(" ")
