"""How often: token buckets in the memory of this process.

Several server processes each have their own buckets, so that N processes allow N times as much, and a
restart forgets. Used from the event loop only, so that no lock is needed.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

MAX_KEYS = 100_000


class Verdict(NamedTuple):
    """Seconds to wait, 0 for none; and whether this is the first refusal since the last grant."""

    wait_s: float
    first: bool


class Buckets:
    """One bucket a key: ``capacity`` at once, then ``per_s`` a second.

    Args:
        clock: seconds that never run backwards.
    """

    def __init__(self, capacity: float, per_s: float, clock: Callable[[], float]) -> None:
        self._capacity, self._per_s, self._clock = capacity, per_s, clock
        self._kept: OrderedDict[str, tuple[float, float, bool]] = OrderedDict()  # tokens, as of, refused

    def take(self, key: str) -> Verdict:
        """Take one if there is one."""
        tokens, refused = self._now(key)
        granted = tokens >= 1
        self._keep(key, tokens - 1 if granted else tokens, refused=not granted)
        return Verdict(0.0, False) if granted else Verdict((1 - tokens) / self._per_s, not refused)

    def give_back(self, key: str) -> None:
        """Undo one take."""
        tokens, refused = self._now(key)
        self._keep(key, min(self._capacity, tokens + 1), refused=refused)

    def _now(self, key: str) -> tuple[float, bool]:
        now = self._clock()
        tokens, then, refused = self._kept.get(key, (self._capacity, now, False))
        return min(self._capacity, tokens + (now - then) * self._per_s), refused

    def _keep(self, key: str, tokens: float, *, refused: bool) -> None:
        self._kept[key] = (tokens, self._clock(), refused)
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEYS:
            self._kept.popitem(last=False)


class LoginThrottle:
    """How often passwords may be tried: by one address on one account, on one account, from one address.

    The pair is tight, so that whoever guesses waits and whoever owns the account, elsewhere, does not;
    the account's bound stops guessing from many addresses (30 at once and 2 a minute: a password of 15
    characters has nothing to fear, and one address alone, at 1 a minute, cannot use it up); the address's
    bound stops one password on many accounts and is wide enough for a department behind one address.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._pair = Buckets(5, 1 / 60, clock)
        self._account = Buckets(30, 1 / 30, clock)
        self._address = Buckets(60, 1 / 2, clock)

    def take(self, account: str, address: str) -> Verdict:
        """One try, counted before the password is looked at, so that tries at once cannot slip through."""
        for bucket, key in self._keys(account, address):
            verdict = bucket.take(key)
            if verdict.wait_s:
                return verdict  # the wider buckets lose nothing, or one address could lock an account for all
        return Verdict(0.0, False)

    def forgive(self, account: str, address: str) -> None:
        """The try was right."""
        for bucket, key in self._keys(account, address):
            bucket.give_back(key)

    def _keys(self, account: str, address: str) -> tuple[tuple[Buckets, str], ...]:
        pair = f"{address} {account}"
        return (self._pair, pair), (self._address, address), (self._account, account)


def client_of(host: str | None) -> str:
    """The key of a client: its address, of IPv6 the network that one customer has (64 bits)."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def retry_after(wait_s: float) -> str:
    """The value of the header Retry-After: whole seconds, at least one."""
    return str(max(1, math.ceil(wait_s)))
