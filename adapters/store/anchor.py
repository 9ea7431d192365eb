"""The head of the log, kept outside the database: one line an entry, only ever appended.

Without it, cutting the tail off the log, or writing all of it anew with fresh hashes, would leave a
chain that fits. Put the file where who administers the database cannot write (another machine's
mount, write-once storage), or copy its last line there from time to time: one line is enough to
prove everything before it.

Lines are written and synced after the commit and before the append is acknowledged, one writer at a
time (``alone``). A crash between the two leaves the database ahead by what nobody was told is there;
``verify`` says so, and the next writer has it in the log (``journal.py``) before it anchors anything.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .chain import GENESIS
from .errors import StoreUnavailable

LINE = re.compile(rb"(0|[1-9][0-9]{0,18}) ([0-9a-f]{64})\n")
TAIL = 8192  # bytes: about a hundred lines; writers a few commits apart may anchor in another order


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """An entry's number and hash."""

    sequence: int
    hash: str


START = Mark(0, GENESIS)


class Anchor:
    """The file. Any number of processes on one machine may append to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mine = threading.local()  # the file, in the thread that has it alone

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else appends for the length of the block.

        Raises:
            StoreUnavailable: the file is not there, or may not be written.
        """
        with ExitStack() as held:
            with self._refused():
                self._mine.file = held.enter_context(self._locked())
            try:
                yield
            finally:
                del self._mine.file

    def begin(self) -> None:
        """Make the file with its first line, where there is none.

        Raises:
            StoreUnavailable: it cannot be made.
        """
        with self._refused():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked(os.O_CREAT) as file:
                if not file.read(1):
                    _write(file, [START])
            _sync_folder(self.path.parent)

    def put(self, marks: Sequence[Mark]) -> None:
        """Append a line for each entry, on disk when this returns.

        Raises:
            StoreUnavailable: they cannot be written.
        """
        mine = getattr(self._mine, "file", None)
        with self._refused(), nullcontext(mine) if mine else self._locked() as file:
            torn = not (tail := _tail(file)).endswith(b"\n") and tail  # the last writer died within its line
            _write(file, marks, before=b"\n" if torn else b"")

    def head(self) -> Mark | None:
        """The last entry that it knows; None where there is no file.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        with self._refused():
            if not self.path.exists():
                return None
            with self.path.open("rb") as file:
                return max(_marks(_tail(file)), default=START)

    def lines(self) -> Iterator[Mark | None]:
        """Every line; None for one that is none (a writer that died within it leaves one such).

        Raises:
            StoreUnavailable: it cannot be read.
        """
        with self._refused(), self.path.open("rb") as file:
            for line in file:
                found = LINE.fullmatch(line)
                yield Mark(int(found[1]), found[2].decode()) if found else None

    @contextmanager
    def _locked(self, flags: int = 0) -> Iterator[BinaryIO]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | flags, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    @contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            found = error.strerror or type(error).__name__
            cure = "Check the path, its permissions and the room on its disk."
            where = f"the anchor ({self.path.name})"
            raise StoreUnavailable(where, "", found, "a file that can be read and appended to", cure) from error


def _write(file: BinaryIO, marks: Sequence[Mark], before: bytes = b"") -> None:
    lines = memoryview(before + "".join(f"{mark.sequence} {mark.hash}\n" for mark in marks).encode())
    while lines:
        lines = lines[file.write(lines) :]
    os.fsync(file.fileno())


def _tail(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL))
    return file.read()


def _marks(tail: bytes) -> list[Mark]:
    return [Mark(int(found[1]), found[2].decode()) for found in map(LINE.fullmatch, tail.splitlines(True)) if found]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
