"""A server that fails is left alone for a moment, so that calls do not wait for it one by one.

Closed: all are asked. Open, after several failures in a row or when the server asked us to wait: nobody. Half open,
when the pause is over: one is asked, and its answer decides. In the memory of this process, for one event loop.
"""

from __future__ import annotations

from collections.abc import Callable

from .outcomes import TROUBLE, Why

FAIR_S = 0.2  # a question that was given up sooner says nothing about the server
LONGEST_WAIT_S = 60.0  # of what a server may ask for
UNSAID_WAIT_S = 1.0  # where it says 429 and not for how long


class Breaker:
    """One server's.

    Args:
        failures: in a row, after which it opens.
        pause_s: for how long.
        clock: seconds that never run backwards.
    """

    def __init__(self, failures: int, pause_s: float, clock: Callable[[], float]) -> None:
        self._limit, self._pause_s, self._clock = failures, pause_s, clock
        self._failures, self._shut_until, self._probe_until = 0, 0.0, 0.0

    @property
    def state(self) -> str:
        """closed, open or half-open."""
        if self._clock() < self._shut_until:
            return "open"
        return "half-open" if self._failures >= self._limit else "closed"

    def admit(self) -> bool:
        """Whether a question may be asked now; each that may is followed by one ``report``."""
        state, now = self.state, self._clock()
        if state == "half-open" and now >= self._probe_until:
            self._probe_until = now + self._pause_s  # should it never come back, another one may try then
            return True
        return state == "closed"

    def report(self, why: Why | None, *, tried_s: float, wait_s: float | None = None, counted: bool = False) -> None:
        """What became of it.

        Args:
            why: None, an answer.
            tried_s: seconds that it was given.
            wait_s: seconds that the server asked for.
            counted: a failure of the same call was counted before; a call asks much at once and fails once.
        """
        now, self._probe_until = self._clock(), 0.0
        if why is Why.TIMEOUT and tried_s < FAIR_S:
            return
        if why in TROUBLE:
            self._failures += not counted
            if self._failures >= self._limit:
                self._shut_until = now + self._pause_s
        elif why not in (Why.BUSY, Why.ADDRESS_REFUSED):
            self._failures = 0
        if why is Why.RATE_LIMITED or (why is Why.SERVER_FAULT and wait_s is not None):
            asked = UNSAID_WAIT_S if wait_s is None else wait_s
            self._shut_until = max(self._shut_until, now + min(asked, LONGEST_WAIT_S))
