"""Tokens that were used, remembered until they are over: each serves once.

Kept are hashes. A store that is full or cannot be asked lets nobody pass: what it forgot could be used again.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from .errors import ReplaysUnknown


class Replays(Protocol):
    """Remembers used tokens."""

    async def first(self, issuer: str, jti: str, until: int) -> bool:
        """Whether this token was not used before; from now on it was.

        Args:
            issuer: who gave it out; two issuers may use the same ``jti``.
            until: seconds since 1970 after which it is refused for its age anyway.

        Raises:
            ReplaysUnknown: it cannot be told.
        """

    def check(self) -> None:
        """That it can be told just now; asked from a thread that may wait a moment.

        Raises:
            ReplaysUnknown: it cannot.
        """


def digest(issuer: str, jti: str) -> bytes:
    """What is kept of a token: 32 bytes that tell nothing about it."""
    parts = (part.encode("utf-8", "surrogatepass") for part in (issuer, jti))
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


KEPT = 16  # bytes of a hash that are kept in memory: of 10 million tokens two are alike once in 10^24 times


class _Seen:
    """The tokens of one issuer: a set, and by the second in which they are over, lists by which they are forgotten.

    Some 120 bytes a token: at a hundred calls a second, with tokens of five minutes, 4 MB that come and go.
    """

    def __init__(self) -> None:
        self.known: set[bytes] = set()
        self.over: dict[int, list[bytes]] = {}
        self.seconds: list[int] = []  # the keys of ``over``, in order

    def forget(self, now: float) -> None:
        while self.seconds and self.seconds[0] <= now:
            self.known.difference_update(self.over.pop(self.seconds.pop(0)))

    def add(self, key: bytes, until: int) -> None:
        self.known.add(key)
        if until not in self.over:
            self.over[until] = []
            insort(self.seconds, until)
        self.over[until].append(key)


class InMemory:
    """For one server process: several would each let a token pass once. A restart forgets.

    Args:
        capacity: tokens of one issuer that are not over yet.
        clock: seconds since 1970.
    """

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self._capacity, self._clock = capacity, clock
        self._seen: defaultdict[str, _Seen] = defaultdict(_Seen)

    async def first(self, issuer: str, jti: str, until: int) -> bool:
        """See ``Replays``; one issuer that is full leaves room for the others."""
        seen, key = self._seen[issuer], digest(issuer, jti)[:KEPT]
        seen.forget(self._clock())
        if key in seen.known:
            return False
        if len(seen.known) >= self._capacity:
            cure = "Raise `replays`, or ask why this client signs so many tokens."
            raise ReplaysUnknown("used tokens", "replays", "no more room", f"{self._capacity} tokens", cure)
        seen.add(key, until)
        return True

    def check(self) -> None:
        """See ``Replays``: memory can always be asked."""
