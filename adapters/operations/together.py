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
from pathlib import Path
from typing import Final

from ...engine.errors import BadValue
from ..access.limits import Verdict
from .processes import place

COUNTERS: Final = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client looks for the files of all processes
KINDS: Final = ("counter", "histogram")  # of what is counted: each has a file
ROOM: Final = 1 << 20  # bytes of a file: 350 pairs of service and status; who counts more than it holds makes it longer
PLACES: Final = 1 << 16  # buckets of one kind, 1 MiB; two clients in one are held as if they were one
BUCKET: Final = struct.Struct("=dd")  # tokens that are missing; as of when


@contextmanager
def counters_together(many: int) -> Iterator[None]:
    """Within the block what this process and those that it forks count is one count, whichever of them is asked.

    By prometheus_client's own way for several processes: each has files of its counters in a folder, which is gone
    with the block. They belong to its place (``processes.place``): who takes another's counts on from where that one
    ended, and there are never more of them. To be entered before anything is counted.

    Args:
        many: places, 1 to so many.

    Raises:
        BadValue: there is no room for the files.
    """
    from prometheus_client import values

    before, told = values.ValueClass, os.environ.get(COUNTERS)
    with _folder(many) as folder:
        os.environ[COUNTERS] = folder
        values.ValueClass = values.MultiProcessValue(place)  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            values.ValueClass = before
            os.environ.pop(COUNTERS)
            if told is not None:
                os.environ[COUNTERS] = told


@contextmanager
def _folder(many: int) -> Iterator[str]:
    """A folder with the files of so many places, which nobody tidies away while the block lasts.

    They are written to memory: of a file whose room the disk gives only then, a full disk kills who counts (SIGBUS).

    Raises:
        BadValue: there is no room for them.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="radlogic-")
    except OSError as error:
        raise _no_room(error) from None
    with made as folder:
        held = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_SH)  # what systemd-tmpfiles leaves alone, however old (tmpfiles.d(5))
            _make_room(Path(folder), many)
            yield folder
        finally:
            os.close(held)


def _make_room(folder: Path, many: int) -> None:
    """Their files, empty, all of their room taken.

    Raises:
        BadValue: there is none.
    """
    try:
        for kind in KINDS:
            for number in range(1, many + 1):
                (folder / f"{kind}_{number}.db").write_bytes(bytes(ROOM))
    except OSError as error:
        raise _no_room(error) from None


def _no_room(error: OSError) -> BadValue:
    found = f"no room for what they count in the folder of temporary files ({error.strerror})"
    allowed = f"{len(KINDS) * ROOM >> 20} MiB there for each of them"
    return BadValue("radlogic serve", "processes", found, allowed, "Make room there, or name another one in TMPDIR.")


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
