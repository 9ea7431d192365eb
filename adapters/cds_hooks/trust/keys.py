"""The public keys of a client: fetched, kept, looked for again.

A key set is asked for at the first token, again when it is no longer fresh (the calls of that moment do not wait), and
when a token names a key that is not in it, at most once a minute: keys rotate, and a forger may name what he likes.
Once it could not be renewed for ``stale_s`` it is believed no longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from ....engine.errors import InputError
from ...fhir.jsonfile import parse
from ..data.outcomes import Unanswered
from ..data.transport import Pinned, Reach, Resolve
from ..data.waiting import heard, in_time
from ..data.wire import Bounds, ask
from .settings import CdsTrust, KeySource, TrustedClient
from .token import Key

AGAIN_S = 60.0  # between two looks for keys that are not there, while there are others
RETRY_S = 5.0  # between two tries while there are none
PATIENCE_S = 5.0  # of one try, which outlives the call that began it
WAIT_S = 0.35  # of that call
SET_BYTES, SET_KEYS = 1 << 18, 100
RSA_BITS = range(2048, 8193)  # NIST SP 800-131A Rev. 2; above, one check takes longer than a call may
KINDS: dict[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})  # somebody's slip, which we do not need
Read = Callable[[], Awaitable[Any]]


class KeySet:
    """The keys of one source, in the memory of this process and for one event loop.

    Args:
        read: gets the JWKS as plain values; ``Unanswered``, ``OSError`` or ``InputError`` if it cannot.
        clock: seconds that never run backwards.
        fresh_s: after which it is looked for again.
        stale_s: after which it is believed no longer.
    """

    def __init__(self, read: Read, clock: Callable[[], float], *, fresh_s: float, stale_s: float) -> None:
        self._read, self._clock, self._fresh_s, self._stale_s = read, clock, fresh_s, stale_s
        self._keys: dict[str, tuple[Key, ...]] = {}
        self._read_at = self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def named(self, kid: str) -> tuple[Key, ...] | None:
        """The keys of this name, as a rule one; () if there is none; None if nothing can be told now."""
        age = self._clock() - self._read_at
        if age > self._stale_s:
            await self._renewed(RETRY_S)
            if self._clock() - self._read_at > self._stale_s:
                return None
        elif age > self._fresh_s:
            self._begin(RETRY_S)
        if kid not in self._keys:
            await self._renewed(AGAIN_S)
        return self._keys.get(kid, ())

    async def _renewed(self, pause_s: float) -> None:
        """Wait a moment for a new set, if one is on its way or may be asked for."""
        task = self._begin(pause_s)
        if task is not None:
            try:
                await in_time(task, asyncio.get_running_loop().time() + WAIT_S)
            except Unanswered:
                return  # it goes on, for the next call

    def _begin(self, pause_s: float) -> asyncio.Task[None] | None:
        if self._reading is not None and not self._reading.done():
            return self._reading
        if self._clock() - self._tried_at < pause_s:
            return None
        self._tried_at = self._clock()
        self._reading = heard(asyncio.create_task(self._renew()))
        return self._reading

    async def _renew(self) -> None:
        try:
            found = usable(await self._read())
        except (Unanswered, OSError, InputError):
            return  # what is held stays, until it is stale
        if found:  # an empty set is more often a fault than a wish
            self._keys, self._read_at = found, self._clock()


def usable(jwks: Any) -> dict[str, tuple[Key, ...]]:
    """Name -> public signing keys of a JWKS; what is no such key is passed over."""
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    found: dict[str, tuple[Key, ...]] = {}
    for value in (listed if isinstance(listed, list) else [])[:SET_KEYS]:
        key, kid = _key(value), value.get("kid") if isinstance(value, dict) else None
        if key is not None and isinstance(kid, str) and kid:
            found[kid] = (*found.get(kid, ()), key)
    return found


def _key(value: Any) -> Key | None:
    kind = KINDS.get(str(value.get("kty"))) if isinstance(value, dict) else None
    if kind is None or value.get("use", "sig") != "sig" or not _long_enough(value):
        return None
    try:
        return kind.import_key({name: value[name] for name in value if name not in PRIVATE})
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _long_enough(value: dict[str, Any]) -> bool:
    """Told by the letters of the modulus, six bits each, before the key is made."""
    modulus = value.get("n", "")
    return value["kty"] != "RSA" or (isinstance(modulus, str) and len(modulus) * 6 // 8 * 8 in RSA_BITS)


class KeyRing:
    """The key sets of all clients. ``read_file`` and ``read_url`` are how a source is read."""

    def __init__(self, trust: CdsTrust, clock: Callable[[], float], *, resolve: Resolve) -> None:
        self._transports: dict[str, Pinned] = {}
        self._sets: dict[tuple[str, str], KeySet] = {}
        for client in trust.clients:
            self._transports[client.name] = Pinned(Reach(client.networks, client.ca_file), resolve=resolve)
            for source in client.keys:
                read = self._reader(client, source)
                made = KeySet(read, clock, fresh_s=trust.keys_fresh_s, stale_s=trust.keys_stale_s)
                self._sets[client.name, source.jku] = made

    def of(self, client: TrustedClient, jku: object) -> KeySet | None:
        """The key set that a token names; the client's first one where it names none; None if it is not listed."""
        name = client.keys[0].jku if jku is None else jku
        return self._sets.get((client.name, name)) if isinstance(name, str) else None

    async def close(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.aclose()

    def _reader(self, client: TrustedClient, source: KeySource) -> Read:
        if source.file is not None:
            path = source.file
            return lambda: asyncio.to_thread(_from_file, path)
        url, transport = source.url or source.jku, self._transports[client.name]
        return lambda: _from_url(url, transport)


def _from_file(path: Path) -> Any:
    return parse(path.read_bytes(), where=path.name)


async def _from_url(url: str, transport: httpx.AsyncBaseTransport) -> Any:
    until = asyncio.get_running_loop().time() + PATIENCE_S
    headers = {"Accept": "application/jwk-set+json, application/json;q=0.9"}
    return (await ask(transport, httpx.Request("GET", url, headers=headers), Bounds(until, SET_BYTES, types=()))).value
