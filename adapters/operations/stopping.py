"""The end of a server process: what it was asked to do, and exit code 0."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ASKS = (signal.SIGTERM, signal.SIGINT)


class _Asked(SystemExit):
    """Somebody asked the process to end; its code is 0."""


@contextmanager
def ends_well() -> Iterator[None]:
    """Around a server's run: SIGTERM and SIGINT end the block, and not the process by a signal.

    uvicorn obeys them by finishing what is in flight, and then raises them again for those who were there before it:
    without a handler there the process would end as if killed (code 143), and supervisors would report a failure.
    A signal that comes before uvicorn listens for it ends the block at once. Signals are the main thread's: in any
    other this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _end) for number in ASKS}
    try:
        yield
    except _Asked:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise _Asked(0)
