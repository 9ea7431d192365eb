"""Files that must stay as they are: what they hold, and whether they changed while they were read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ...engine.errors import NotReadable

State = tuple[int, int, int] | None


def sha256_of(file: Path) -> str:
    """The sha256 of all bytes of a file: two values that change places leave its size, footer and ends as they are."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def states(files: Iterable[Path]) -> dict[Path, State]:
    """Bytes, time of change (ns) and inode of files; None of one that is not there."""
    return {file: _state(file) for file in files}


@contextmanager
def held(before: Mapping[Path, State], forget: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Within the block files are read that had these states before; ``forget`` throws away what was made of others.

    Raises:
        NotReadable: a file has another state at the end, also where the block failed for it.
    """
    try:
        yield
    finally:
        changed = next((file for file, state in before.items() if _state(file) != state), None)
        if changed is not None:
            forget()
            found, allowed = "a file that changed while it was read", "files that stay as they are"
            raise NotReadable(changed.name, "", found, allowed, "Audit them when nobody writes, or a copy.")


def _state(file: Path) -> State:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
