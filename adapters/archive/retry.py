"""Try again, a bounded number of times, ever later and never all at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .errors import ArchiveUnavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retrying:
    """Exponential back-off with full jitter: before try n, up to ``first_s`` * 2^(n-1) seconds, at most ``most_s``.

    Full jitter: the wait is drawn evenly from zero to that bound, so that many clients of an archive that comes back
    do not all come at the same moment.
    """

    attempts: int = 4
    first_s: float = 0.5
    most_s: float = 20.0
    sleep: Callable[[float], object] = time.sleep
    draw: Callable[[], float] = random.random

    def __call__(self, work: Callable[[], T]) -> T:
        """The result of ``work``; only ``ArchiveUnavailable`` is tried again, and the last one is passed on."""
        for attempt in range(1, self.attempts):
            try:
                return work()
            except ArchiveUnavailable:
                self.sleep(self.wait(attempt))
        return work()

    def wait(self, attempt: int) -> float:
        """Seconds to wait after the failed try number ``attempt`` (from 1)."""
        return self.draw() * min(self.most_s, self.first_s * 2.0 ** min(attempt - 1, 30))
