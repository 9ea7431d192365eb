"""How many calls may wait for FHIR servers at the same time.

A call that fetches holds one of the process's worker threads (anyio has 40) until its data are here or its time is
over. So that a slow server does not take them all from the calls that bring their data along, or that ask another
server, there are fewer places than threads, and fewer still for one server. A call that finds none is answered at
once, with what it brought: it says what was not looked at, as it does where a server does not answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Lock

from .outcomes import Unanswered, Why

OF_ONE = 12  # at 0.1 s an answer 120 calls a second; two slow servers leave room for a third
OF_ALL = 30  # of 40 threads


class Places:
    """The places of one process.

    Args:
        of_one: for calls that wait for one server.
        of_all: for calls that wait for any.
    """

    def __init__(self, of_one: int = OF_ONE, of_all: int = OF_ALL) -> None:
        self._of_one, self._of_all = of_one, of_all
        self._taken: Counter[Hashable] = Counter()
        self._lock = Lock()

    @contextmanager
    def one(self, server: Hashable) -> Iterator[None]:
        """A place to wait for that server, for the length of the block.

        Raises:
            Unanswered: there is none (``BUSY``).
        """
        self._take(server)
        try:
            yield
        finally:
            with self._lock:
                self._taken[server] -= 1
                self._taken += Counter()  # without those at nought

    def _take(self, server: Hashable) -> None:
        with self._lock:
            if self._taken[server] >= self._of_one or self._taken.total() >= self._of_all:
                raise Unanswered(Why.BUSY)
            self._taken[server] += 1
