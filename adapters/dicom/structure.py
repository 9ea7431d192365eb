"""The structure of one DICOM file: how far its header reaches, and where its pixels lie.

pydicom builds an object for each element and item that a header declares, about a hundred times the
memory of the bytes themselves. So a header is first walked without building anything, and refused
where it is cut short, too large or nested deeper than ``limits`` allow (PS3.5 section 7, PS3.10
section 7.1). The walk costs some microseconds a file and finds the pixel data on its way.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from struct import unpack_from
from typing import BinaryIO, Final, NamedTuple, NoReturn

from pydicom.datadict import dictionary_VR

from .errors import BrokenHeader, MissingTag, NotDicom, OversizedArchive, OversizedHeader, TruncatedFile
from .files import Entry
from .limits import MAX_DEPTH, MAX_ELEMENTS, MAX_HEADER_BYTES, MAX_INFLATED_BYTES, MIB, unfolded_limit

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
NATIVE: Final = frozenset((IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED))  # pixels lie there as they are
PIXEL_DATA: Final = 0x7FE00010

_PREAMBLE: Final = 132
_FIRST_READ: Final = 16 * 1024
_DEFLATED_BLOCK: Final = 16 * 1024  # inflates to 16 MiB at the most, for deflate does not go beyond 1032 : 1
_UNDEFINED: Final = 0xFFFFFFFF
_LONG_VR: Final = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_ITEM: Final = 0xFFFEE000
_ENDS: Final = (0xFFFEE00D, 0xFFFEE0DD)  # of an item, of a sequence
_PIXELS: Final = (0x7FE00008, 0x7FE00009, PIXEL_DATA)  # float, double, integer
_TRANSFER_SYNTAX: Final = 0x00020010


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is encoded and where its parts lie; the file meta group ends at ``start``.

    ``tag``, ``offset``, ``length`` are those of the pixel data: tag None where there are none, length
    None where they are encapsulated (compressed), which declares none. Offsets count from the start
    of the file as ``pixel_stream`` shows it, that is inflated where the transfer syntax deflates.
    """

    transfer_syntax: str
    start: int
    implicit: bool
    tag: int | None = None
    offset: int = 0
    length: int | None = 0

    @property
    def little_endian(self) -> bool:
        """Whether numbers have their low byte first."""
        return self.transfer_syntax != EXPLICIT_BIG


class _Element(NamedTuple):
    tag: int
    vr: bytes  # empty in implicit VR and for items
    length: int
    value_at: int

    @property
    def end(self) -> int | None:
        return None if self.length == _UNDEFINED else self.value_at + self.length


class _Head:
    """The start of a file, read no further than somebody needs it."""

    def __init__(self, stream: BinaryIO, name: str, size: int) -> None:
        self._stream, self.name, self.size = stream, name, size
        self.data = bytearray(stream.read(_FIRST_READ))

    def need(self, end: int) -> None:
        """Have the bytes up to ``end``, which the header says are there."""
        if end > self.size:
            self.cut(end)
        if end > MAX_HEADER_BYTES:
            self.oversized(f"more than {end // MIB} MiB before the pixels", f"{MAX_HEADER_BYTES // MIB} MiB")
        if end > len(self.data):
            self.data += self._stream.read(max(end - len(self.data), _FIRST_READ))
        if end > len(self.data):
            self.cut(end)

    def cut(self, end: int) -> NoReturn:
        found = f"{self.size} bytes where the header promises at least {end}"
        raise TruncatedFile(self.name, "", found, "the whole file", "Copy or export the file again.")

    def broken(self, at: int, found: str) -> NoReturn:
        raise BrokenHeader(self.name, f"byte {at}", found, "elements as in PS3.5 section 7", "Export the file again.")

    def oversized(self, found: str, allowed: str) -> NoReturn:
        raise OversizedHeader(self.name, "", found, allowed, "No CT has such a header: check where it comes from.")


def layout_of(entry: Entry) -> tuple[Layout, bytes]:
    """Walk one file's header; the bytes are the dataset between the file meta group and the pixels.

    Raises:
        NotDicom: it does not begin as DICOM.
        TruncatedFile, BrokenHeader, MissingTag: it cannot be followed to its pixels or its end.
        OversizedHeader, OversizedArchive: it asks for more than ``limits`` allow.
    """
    with entry.forward() as stream:
        head = _Head(stream, entry.name, entry.size)
        if head.data[128:_PREAMBLE] != b"DICM":
            _no_dicom(head)
        syntax, start = _file_meta(head)
        if syntax != DEFLATED:
            return _walk(head, syntax, start)
    with _inflated(entry, start) as stream:
        return _walk(_Head(stream, entry.name, stream.getbuffer().nbytes), syntax, start)


def _no_dicom(head: _Head) -> NoReturn:
    """Another kind of file; but one that is named as DICOM and shorter than its preamble was cut off."""
    name = PurePosixPath(head.name)
    if head.size < _PREAMBLE and name.suffix.lower() in (".dcm", ".dicom", ".ima") and not name.name.startswith("."):
        head.cut(_PREAMBLE)
    raise NotDicom(
        head.name, "", "a file of another kind", "DICOM with its preamble (PS3.10 section 7.1)", "Leave it out."
    )


@contextmanager
def pixel_stream(entry: Entry, layout: Layout) -> Iterator[tuple[BinaryIO, int]]:
    """A seekable stream in which the offsets of ``layout`` hold, and its size in bytes."""
    if layout.transfer_syntax == DEFLATED:
        with _inflated(entry, layout.start) as plain:
            yield plain, plain.getbuffer().nbytes
    else:
        with entry.seekable() as stream:
            yield stream, entry.size


@contextmanager
def _inflated(entry: Entry, start: int) -> Iterator[BytesIO]:
    """The whole file, with what follows the meta group inflated (PS3.5 section A.5)."""
    limit = min(unfolded_limit(entry.size), MAX_INFLATED_BYTES)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    with entry.forward() as stream, BytesIO() as plain:
        plain.write(stream.read(start))
        try:
            while block := stream.read(_DEFLATED_BLOCK):
                plain.write(inflate.decompress(block))
                if plain.tell() > limit:
                    _inflates_too_far(entry, limit)
        except zlib.error as error:
            allowed = "a deflated dataset (PS3.5 A.5)"
            raise BrokenHeader(entry.name, "", "bytes that do not inflate", allowed, "Export it again.") from error
        if not inflate.eof:
            raise TruncatedFile(entry.name, "", "no end of the deflated bytes", "the whole file", "Copy it again.")
        plain.seek(0)
        yield plain


def _inflates_too_far(entry: Entry, limit: int) -> NoReturn:
    found = f"{entry.size // 1024} KiB that inflate to more than {limit // MIB} MiB"
    raise OversizedArchive(entry.name, "", found, f"{limit // MIB} MiB", "Store it as Explicit VR Little Endian.")


def _file_meta(head: _Head) -> tuple[str, int]:
    """The transfer syntax, and where the file meta group ends; it is always explicit VR, little endian."""
    at, syntax = _PREAMBLE, ""
    while at + 8 <= head.size:
        head.need(at + 8)
        if unpack_from("<H", head.data, at)[0] != 2:
            break
        element = _element(head, at, "<", implicit=False)
        if element.end is None:
            head.broken(at, "an undefined length in the file meta group")
        head.need(element.end)
        if element.tag == _TRANSFER_SYNTAX:
            syntax = head.data[element.value_at : element.end].rstrip(b"\0 ").decode("ascii", "replace")
        at = element.end
    if not syntax:
        raise MissingTag(
            head.name, "TransferSyntaxUID (0002,0010)", "nothing", "the encoding of the file", "Export it again."
        )
    return syntax, at


def _walk(head: _Head, syntax: str, start: int) -> tuple[Layout, bytes]:
    order = ">" if syntax == EXPLICIT_BIG else "<"
    implicit = start + 8 <= head.size and not _is_vr(bytes(head.data[start + 4 : start + 6]))
    at, count, open_ends = start, 0, _OpenEnds(head)
    while not open_ends.finished(at):
        head.need(at + 8)
        element = _element(head, at, order, implicit=implicit)
        if element.tag in _PIXELS and not open_ends:
            length = None if element.end is None else element.length
            return Layout(syntax, start, implicit, element.tag, element.value_at, length), bytes(head.data[start:at])
        at = open_ends.enter_or_pass(element, at)
        count += 1
        if count > MAX_ELEMENTS:
            head.oversized(f"more than {MAX_ELEMENTS} elements and items", f"{MAX_ELEMENTS}")
    return Layout(syntax, start, implicit), bytes(head.data[start:at])


class _OpenEnds(list["tuple[int | None, bool]"]):
    """Where the sequences and items end that the walk is in: (None until a delimiter, holds raw fragments)."""

    def __init__(self, head: _Head) -> None:
        super().__init__()
        self._head = head

    def finished(self, at: int) -> bool:
        """Leave what ends at ``at``; whether that is the end of the file."""
        while self and self[-1][0] == at:
            self.pop()
        if self and (end := self[-1][0]) is not None and at > end:
            self._head.broken(at, "a sequence whose content is longer than itself")
        if at <= self._head.size - 8:
            return False
        if self:
            self._head.cut(at + 8)
        return True

    def enter_or_pass(self, element: _Element, at: int) -> int:
        """Step into a sequence or item, out of it at a delimiter, or over a value; the next offset."""
        if element.tag in _ENDS:
            if not self:
                self._head.broken(at, "the end of a sequence that was not begun")
            self.pop()
            return element.value_at
        if element.tag == _ITEM and not self:
            self._head.broken(at, "an item outside of a sequence")
        if self._opens(element):
            self.append((element.end, element.vr in (b"OB", b"OW")))
            if len(self) > 2 * MAX_DEPTH:
                self._head.oversized(f"sequences nested deeper than {MAX_DEPTH}", f"{MAX_DEPTH}")
            return element.value_at
        if element.end is None:
            self._head.broken(at, "a fragment of undefined length")
        self._head.need(element.end)
        return element.end

    def _opens(self, element: _Element) -> bool:
        if element.tag == _ITEM:
            return not self[-1][1]
        return element.end is None or element.vr == b"SQ" or (element.vr in (b"", b"UN") and _is_sequence(element.tag))


def _element(head: _Head, at: int, order: str, *, implicit: bool) -> _Element:
    """The element at ``at``; an explicit dataset may hold implicit ones (some writers do so in sequences)."""
    group, number = unpack_from(order + "HH", head.data, at)
    tag, vr = group << 16 | number, bytes(head.data[at + 4 : at + 6])
    if implicit or group == 0xFFFE or not _is_vr(vr):
        return _Element(tag, b"", unpack_from(order + "L", head.data, at + 4)[0], at + 8)
    if vr not in _LONG_VR:
        return _Element(tag, vr, unpack_from(order + "H", head.data, at + 6)[0], at + 8)
    head.need(at + 12)
    return _Element(tag, vr, unpack_from(order + "L", head.data, at + 8)[0], at + 12)


def _is_vr(two: bytes) -> bool:
    return len(two) == 2 and two.isalpha() and two.isupper()


def _is_sequence(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:  # private: its value is passed over, and never parsed
        return False
