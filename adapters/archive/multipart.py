"""multipart/related (RFC 2387, as PS3.18 section 8.6.1.2 uses it), read and written in pieces, never as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.message import Message
from pathlib import Path
from typing import Final, NoReturn

from .errors import ARCHIVE, BadAnswer, CutShort

DICOM: Final = "application/dicom"
_HEADERS: Final = 16 * 1024  # the most that stands before a part
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")  # RFC 2046 section 5.1.1
_BLOCK: Final = 1 << 20


def boundary_of(content_type: str) -> bytes:
    """The boundary of an answer that holds DICOM objects.

    Raises:
        BadAnswer: the answer is of another type.
    """
    said = Message()
    said["content-type"] = content_type
    boundary, kind = said.get_param("boundary"), said.get_param("type", DICOM)
    if said.get_content_type() != "multipart/related" or kind != DICOM or not isinstance(boundary, str):
        _bad("another media type", f'multipart/related; type="{DICOM}"')
    if not _BOUNDARY.fullmatch(boundary):
        _bad("a boundary that is none", "RFC 2046 section 5.1.1")
    return boundary.encode()


def _bad(found: str, allowed: str) -> NoReturn:
    raise BadAnswer(ARCHIVE, "WADO-RS", found, allowed, "Check the URL, and what stands between us and the archive.")


class Parts:
    """The parts of a body, each as an iterator over its bytes; what is left of one is passed over before the next."""

    def __init__(self, blocks: Iterable[bytes], boundary: bytes) -> None:
        self._blocks = iter(blocks)
        self._mark = b"\r\n--" + boundary
        self._data = bytearray(b"\r\n")  # the first mark may be the very start

    def __iter__(self) -> Iterator[Iterator[bytes]]:
        """Each part in turn.

        Raises:
            CutShort: the body ends before the mark that ends it. BadAnswer: a part is no DICOM, or has no end.
        """
        self._preamble()
        while not self._at_end():
            self._check_headers()
            body = self._until_mark()
            yield body
            for _ in body:
                pass

    def _preamble(self) -> None:
        size = 0
        for block in self._until_mark():
            size += len(block)
            if size > _HEADERS:
                _bad("no boundary where the body begins", "the boundary that the header names")

    def _at_end(self) -> bool:
        self._need(2)
        if self._data[:2] == b"--":
            return True
        while bytes(self._data[:1]) in (b" ", b"\t"):
            del self._data[:1]
            self._need(2)
        if self._data[:2] != b"\r\n":
            _bad("a boundary that goes on", "the end of a line after it")
        return False

    def _check_headers(self) -> None:
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            if len(self._data) > _HEADERS:
                _bad("a part whose headers do not end", f"at most {_HEADERS} bytes")
            self._more()
        lines = bytes(self._data[:end]).decode("latin-1").split("\r\n")
        del self._data[: end + 4]
        named = dict(line.lower().split(":", 1) for line in lines if ":" in line)
        kind = named.get("content-type", DICOM).split(";")[0].strip()
        if kind != DICOM:
            _bad("a part of another media type", DICOM)

    def _until_mark(self) -> Iterator[bytes]:
        keep = len(self._mark) - 1
        while (at := self._data.find(self._mark)) < 0:
            if len(self._data) > keep:
                block = bytes(self._data[:-keep])
                del self._data[:-keep]
                yield block
            self._more()
        block = bytes(self._data[:at])
        del self._data[: at + len(self._mark)]
        if block:
            yield block

    def _need(self, size: int) -> None:
        while len(self._data) < size:
            self._more()

    def _more(self) -> None:
        try:
            self._data += next(self._blocks)
        except StopIteration:
            found, allowed = "an answer without its last boundary", "a whole answer"
            raise CutShort(ARCHIVE, "WADO-RS", found, allowed, "Try again later.") from None


def with_one_part(file: Path, boundary: bytes) -> tuple[int, Iterator[bytes]]:
    """A body that holds one file: its length, and its bytes in pieces."""
    head = b"--" + boundary + b"\r\nContent-Type: " + DICOM.encode() + b"\r\n\r\n"
    tail = b"\r\n--" + boundary + b"--\r\n"

    def blocks() -> Iterator[bytes]:
        yield head
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                yield block
        yield tail

    return len(head) + file.stat().st_size + len(tail), blocks()
