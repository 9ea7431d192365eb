"""The lines of NDJSON files in blocks: numbered, as Arrow columns, each file read once and never whole.

What is no UTF-8 or too long never reaches DuckDB.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ....engine.errors import NotReadable

BLOCK = 64 * 2**20  # bytes read at once; a block is cut at its last line's end. Planning its queries costs 0.2 s
MAX_LINE = 16 * 2**20  # bytes of one resource, as elsewhere in the product
BATCH = 2048 * 2  # lines in one of a block's pieces, so that two threads share a block


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of a file: ``table`` has ``line`` (from 1) and ``text``.

    ``unreadable``: line -> why it is not in the table. ``last``: the number of the block's last line.
    """

    table: Any
    unreadable: dict[int, str]
    last: int
    bytes: int


def blocks(path: Path, first: int = 1) -> Iterator[Block]:
    """The blocks of a file, plain or gzip.

    Raises:
        NotReadable: the file cannot be read, or ends in the middle of its compression.
    """
    try:
        with _opened(path) as file:
            for content in _cut(file):
                block = _block(content, first)
                yield block
                first = block.last + 1
    except (OSError, EOFError, zlib.error) as error:
        found = "a file that cannot be read, or is cut short"
        raise NotReadable(path.name, "", found, "an NDJSON file, plain or gzip", "Export it again.") from error


def empty() -> Block:
    """A block without lines."""
    import pyarrow as pa

    return Block(pa.table({"line": pa.array([], pa.int64()), "text": pa.array([], pa.string())}), {}, 0, 0)


def _opened(path: Path) -> Any:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")


def _cut(file: BinaryIO) -> Iterator[bytes]:
    """The content in pieces that end with a line; a line longer than is taken is handed on as its beginning."""
    rest = b""
    while piece := file.read(BLOCK):
        rest += piece
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > MAX_LINE:
            rest = _too_long(file, rest)
    if rest:
        yield rest


def _too_long(file: BinaryIO, rest: bytes) -> bytes:
    """Pass over the rest of a line that is too long, keeping enough of it to be refused."""
    kept = rest[: MAX_LINE + 1]
    while piece := file.read(BLOCK):
        end = piece.find(b"\n")
        if end >= 0:
            return kept + piece[end:]
    return kept


def _block(content: bytes, first: int) -> Block:
    import numpy as np
    import pyarrow as pa

    held = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(held == 10)
    if not content.endswith(b"\n"):
        ends = np.append(ends, len(content))
    starts = np.concatenate(([0], ends[:-1] + 1))
    numbers = np.arange(first, first + len(ends), dtype=np.int64)
    keep = ends - starts > 0
    unreadable = _unreadable(content, starts, ends, numbers)
    if unreadable:
        keep &= ~np.isin(numbers, list(unreadable))
    lines = pa.array(numbers[keep])
    texts = _texts(content, starts[keep], ends[keep])
    table = pa.table({"line": lines, "text": texts})
    batches = pa.Table.from_batches(table.to_batches(BATCH), table.schema)
    return Block(batches, unreadable, int(numbers[-1]) if len(numbers) else first - 1, len(content))


def _texts(content: bytes, starts: Any, ends: Any) -> Any:
    """The lines as an Arrow column; where none is left out, without a copy."""
    import numpy as np
    import pyarrow as pa

    if len(starts) and int(starts[0]) == 0 and bool(np.all(starts[1:] == ends[:-1] + 1)):
        offsets = np.append(starts, ends[-1] + 1 if len(content) > ends[-1] else ends[-1]).astype(np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
        return pa.StringArray.from_buffers(len(starts), buffers[1], buffers[2])
    return pa.array([content[a:b].decode("utf-8") for a, b in zip(starts, ends, strict=True)], pa.string())


def _unreadable(content: bytes, starts: Any, ends: Any, numbers: Any) -> dict[int, str]:
    """The lines that are too long, or no UTF-8, or hold zero bytes."""
    import numpy as np

    found = {int(numbers[i]): "too long" for i in np.flatnonzero(ends - starts > MAX_LINE)}
    if content.isascii() and b"\0" not in content:
        return found
    try:
        content.decode("utf-8")
        whole = b"\0" not in content
    except UnicodeDecodeError:
        whole = False
    if whole:
        return found
    for number, a, b in zip(numbers.tolist(), starts.tolist(), ends.tolist(), strict=True):
        line = content[a:b]
        if number not in found and (b"\0" in line or not _is_utf8(line)):
            found[number] = "bytes that are no UTF-8 text"
    return found


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
