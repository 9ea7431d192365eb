"""What several processes of one service keep together: their counters, and how often somebody may call."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Final

from ..access.limits import Verdict

COUNTERS: Final = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client looks for the files of all processes
PLACES: Final = 1 << 16  # buckets of one kind, 1 MiB; two clients in one are held as if they were one
BUCKET: Final = struct.Struct("=dd")  # tokens that are missing; as of when


@contextmanager
def counters_together() -> Iterator[None]:
    """Within the block what this process and those that it forks count is one count, whichever of them is asked.

    By prometheus_client's own way for several processes: each has a file of its counters in a folder, which is gone
    with the block. What a process counted that ended since stays counted. To be entered before anything is counted.
    """
    from prometheus_client import values

    before, told = values.ValueClass, os.environ.get(COUNTERS)
    with tempfile.TemporaryDirectory(prefix="radlogic-") as folder:
        os.environ[COUNTERS] = folder
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            values.ValueClass = before
            os.environ.pop(COUNTERS)
            if told is not None:
                os.environ[COUNTERS] = told


class SharedBuckets:
    """Token buckets as ``access.limits.Buckets``, in memory that forked processes share: all of them count as one.

    A client has its place by a keyed hash, so that nobody can aim at another's. Of each place one process at a time
    reads and writes; one that dies meanwhile holds up nobody.

    Args:
        capacity: calls at once.
        per_s: and then each second.
        clock: seconds that never run backwards, the same in all processes of the machine.
    """

    def __init__(self, capacity: float, per_s: float, clock: Callable[[], float]) -> None:
        self._capacity, self._per_s, self._clock = capacity, per_s, clock
        self._key = secrets.token_bytes(16)
        self._memory = mmap.mmap(-1, PLACES * BUCKET.size)
        self._locks = tempfile.TemporaryFile(prefix="radlogic-")  # noqa: SIM115  # empty; its bytes stand for places

    def take(self, key: str) -> Verdict:
        """Take one if there is one."""
        with self._alone(key) as at:
            missing, then = BUCKET.unpack_from(self._memory, at)
            now = self._clock()
            missing = max(0.0, missing - (now - then) * self._per_s) if missing else 0.0
            tokens = self._capacity - missing
            BUCKET.pack_into(self._memory, at, missing + 1 if tokens >= 1 else missing, now)
        return Verdict(0.0, False) if tokens >= 1 else Verdict((1 - tokens) / self._per_s, False)

    @contextmanager
    def _alone(self, key: str) -> Iterator[int]:
        """The place of a client, which nobody else has for the length of the block."""
        hashed = blake2b(key.encode("utf-8", "surrogatepass"), key=self._key, digest_size=8).digest()
        at = int.from_bytes(hashed, "big") % PLACES * BUCKET.size
        fcntl.lockf(self._locks, fcntl.LOCK_EX, BUCKET.size, at)
        try:
            yield at
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, BUCKET.size, at)
