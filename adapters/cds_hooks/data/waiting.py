"""Work that several calls wait for, and that goes on when one of them has no more time."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from .outcomes import Unanswered, Why

T = TypeVar("T")


async def in_time(task: asyncio.Task[T], until: float) -> T:
    """The task's result, if it is there by then (the event loop's time); the task is not stopped.

    Raises:
        Unanswered: it is not. Whatever else the task raised.
    """
    left = until - asyncio.get_running_loop().time()
    done, _ = await asyncio.wait({task}, timeout=max(0.0, left))
    if not done:
        raise Unanswered(Why.TIMEOUT)
    return task.result()


def heard(task: asyncio.Task[T]) -> asyncio.Task[T]:
    """The task, whose failure is no news if nobody waits for it any more."""
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task
