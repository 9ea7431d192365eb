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

BLOCK = 16 * 2**20  # bytes read at once, small enough that their memory is used again; cut at the last line's end
PIECE = 2**18  # bytes looked at together: they stay in the processor's cache
MAX_LINE = 16 * 2**20  # bytes of one resource, as elsewhere in the product
BATCH = 2048 * 2  # lines in one of a block's pieces, so that two threads share a block
COMMA, CLOSING = 44, 125  # of ASCII; with bit 32 set, ] is }


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of a file: ``table`` has ``line`` (from 1) and ``text``.

    ``unreadable``: line -> why it is not in the table. ``last``: the number of the block's last line. ``end``: the
    bytes of the file until there, unpacked. ``doubtful``: somewhere may stand what DuckDB reads as JSON and is none.
    """

    table: Any
    unreadable: dict[int, str]
    last: int
    end: int
    doubtful: bool


def blocks(path: Path, first: int = 1, start: int = 0) -> Iterator[Block]:
    """The blocks of a file, plain or gzip; from the line ``first`` on, which begins at byte ``start``.

    Raises:
        NotReadable: the file cannot be read, or ends in the middle of its compression.
    """
    try:
        with _opened(path) as file:
            file.seek(start)
            for content, length in _cut(file):
                start += length
                block = _block(content, length, first, start)
                yield block
                first = block.last + 1
    except (OSError, EOFError, zlib.error) as error:
        found = "a file that cannot be read, or is cut short"
        raise NotReadable(path.name, "", found, "an NDJSON file, plain or gzip", "Export it again.") from error


def empty() -> Block:
    """A block without lines."""
    import pyarrow as pa

    table = pa.table({"line": pa.array([], pa.int64()), "text": pa.array([], pa.string())})
    return Block(table, {}, 0, 0, False)


def _opened(path: Path) -> Any:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")


def _cut(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """The content in pieces, and how many bytes of each are whole lines; what is left begins the next piece.

    A line longer than is taken is handed on as its beginning.
    """
    rest = b""
    while piece := file.read(BLOCK):
        piece = rest + piece if rest else piece
        end = piece.rfind(b"\n") + 1
        if end:
            yield piece, end
        rest = piece[end:]
        if len(rest) > MAX_LINE:
            yield rest[: MAX_LINE + 1], (skipped := _line_end(file, len(rest)))[0]
            rest = skipped[1]
    if rest:
        yield rest, len(rest)


def _line_end(file: BinaryIO, passed: int) -> tuple[int, bytes]:
    """Pass over the rest of a line that is too long: its bytes in all, and what was read behind it."""
    while piece := file.read(BLOCK):
        end = piece.find(b"\n") + 1
        if end:
            return passed + end, piece[end:]
        passed += len(piece)
    return passed, b""


def _block(content: bytes, length: int, first: int, end: int) -> Block:
    import numpy as np
    import pyarrow as pa

    held = np.frombuffer(content, dtype=np.uint8)[:length]
    ends, doubtful = _look(held, content)
    if len(held) and held[-1] != 10:
        ends = np.append(ends, len(held))
    starts = np.concatenate(([0], ends[:-1] + 1))
    numbers = np.arange(first, first + len(ends), dtype=np.int64)
    keep = ends > starts
    unreadable = _unreadable(content, starts, ends, numbers)
    if unreadable:
        keep &= ~np.isin(numbers, list(unreadable))
    table = pa.table({"line": pa.array(numbers[keep]), "text": _texts(content, starts[keep], ends[keep])})
    batches = pa.Table.from_batches(table.to_batches(BATCH), table.schema)
    return Block(batches, unreadable, int(numbers[-1]) if len(numbers) else first - 1, end, doubtful)


def _look(held: Any, content: bytes) -> tuple[Any, bool]:
    """Where lines end; and whether a comma before a bracket, ``NaN`` or ``Infinity`` stands somewhere."""
    import numpy as np

    ends, comma, letters = [], False, False
    for at in range(0, len(held), PIECE):
        piece = held[at : at + PIECE + 8]  # signs may stand across the cut
        ends.append(np.flatnonzero(piece[:PIECE] == 10) + at)
        comma = comma or bool(((piece[:-1] == COMMA) & ((piece[1:] | 32) == CLOSING)).any())
        letters = letters or _may_name_no_number(piece)
    named = letters and (b"NaN" in content or b"Infinity" in content)
    return np.concatenate(ends) if ends else np.empty(0, np.int64), comma or named


def _may_name_no_number(piece: Any) -> bool:
    """Whether two letters of NaN or Infinity stand as they must: a tenth of the cost of a search."""
    nan = ((piece[:-2] == ord("N")) & (piece[2:] == ord("N"))).any()
    return bool(nan or ((piece[:-7] == ord("I")) & (piece[7:] == ord("y"))).any())


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
