"""Questions of the operator, asked in a thread of their own: they never wait behind the calls, nor hold one up.

All of a process's workers may wait, for a store that somebody locked or a disk that hangs. Whether the process lives
and what it counted must be told then, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

from ..store.database import waiting_at_most

Told = TypeVar("Told")
LOCK_S = 1.0  # for which a question waits for another's lock on the store
PATIENCE_S = 2.0  # after which an answer is given without it


class Apart(Generic[Told]):
    """One question, asked by one thread at a time: who asks while it is asked shares the answer.

    Args:
        question: what is asked; it may wait and raise.
    """

    def __init__(self, question: Callable[[], Told]) -> None:
        self._question = question
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="radlogic-apart")
        self._asked: Future[Told] | None = None
        self._lock = Lock()

    async def answer(self, within_s: float = PATIENCE_S) -> Told:
        """What the question gives.

        Raises:
            TimeoutError: nothing within that time; it is still being asked. Else what the question raises.
        """
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._thread.submit(self._ask)
            asked = self._asked
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(asked)), within_s)

    def _ask(self) -> Told:
        with waiting_at_most(LOCK_S):
            return self._question()
