"""One DICOM file that came from somewhere: what it says it is, and whether it is whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from struct import unpack
from typing import BinaryIO, Final, NoReturn

from pydicom.config import disable_value_validation
from pydicom.filereader import read_dataset

from ..dicom.errors import BrokenHeader, TruncatedFile
from ..dicom.files import Entry
from ..dicom.headers import FOREIGN, Header
from ..dicom.structure import DEFLATED, Layout, layout_of
from .errors import WrongInstance
from .seam import Subject
from .uids import checked

_ITEM: Final = 0xFFFEE000
_END: Final = 0xFFFEE0DD  # of a sequence, and so of compressed pixels (PS3.5 A.4)


@dataclass(frozen=True, slots=True)
class Identity:
    """What an object is by its own header."""

    study: str
    series: str
    instance: str
    kind: str  # SOP Class UID
    syntax: str
    manufacturer: str
    verified: bool  # of a report: a human signed it
    replaces: tuple[str, ...]  # of a report: the SOP Instance UIDs of those whose place it takes
    birth_date: str = field(repr=False)
    subject: Subject = field(repr=False)


def identity_of(path: Path) -> Identity:
    """Read the header of one file.

    Raises:
        InputError: it is no DICOM file, is cut short, or its UIDs are none; a leaf of ``adapters/dicom/errors.py``.
    """
    return identity_from(*header_of(path))


def identity_from(syntax: str, header: Header) -> Identity:
    """The same, from a header that was read.

    Raises:
        BadUid: one of its UIDs is none.
    """
    with quiet():
        return _identity(syntax, header)


def _identity(syntax: str, header: Header) -> Identity:
    return Identity(
        study=checked(header.text("StudyInstanceUID"), "StudyInstanceUID"),
        series=checked(header.text("SeriesInstanceUID"), "SeriesInstanceUID"),
        instance=checked(header.text("SOPInstanceUID"), "SOPInstanceUID"),
        kind=checked(header.text("SOPClassUID"), "SOPClassUID"),
        syntax=syntax,
        manufacturer=header.text("Manufacturer"),
        verified=header.text("VerificationFlag") == "VERIFIED",
        replaces=tuple(_predecessors(header)),
        birth_date=header.text("PatientBirthDate"),
        subject=Subject(header.text("PatientID"), header.text("IssuerOfPatientID")),
    )


def _predecessors(header: Header) -> Iterator[str]:
    """Of PredecessorDocumentsSequence (PS3.3 C.17.2); what cannot be followed names none."""
    try:
        for study in header.dataset.get("PredecessorDocumentsSequence") or ():
            for series in study.get("ReferencedSeriesSequence") or ():
                for one in series.get("ReferencedSOPSequence") or ():
                    yield str(one.get("ReferencedSOPInstanceUID") or "")
    except FOREIGN:
        return


@contextmanager
def quiet() -> Iterator[None]:
    """pydicom neither warns of odd values nor logs them: its words quote them, and they may be a patient's."""
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def header_of(path: Path) -> tuple[str, Header]:
    """The transfer syntax and everything before the pixels.

    Raises:
        InputError: it is no DICOM file, or is cut short; a leaf of ``adapters/dicom/errors.py``.
    """
    entry = Entry(path.name, path.stat().st_size, lambda: path.open("rb"))
    with quiet():
        layout, dataset = layout_of(entry)
        _check_pixels(entry, layout)
        try:
            parsed = read_dataset(BytesIO(dataset), layout.implicit, layout.little_endian, bytelength=len(dataset))
        except FOREIGN as error:
            cure = "Export the file again."
            raise BrokenHeader(path.name, "", "elements that cannot be followed", "PS3.5 section 7", cure) from error
        return layout.transfer_syntax, Header(parsed, path.name)


def check_asked(found: Identity, study: str, series: str | None = None, instance: str | None = None) -> None:
    """Hold an object against what was asked for.

    Raises:
        WrongInstance: it is of another study, series or instance.
    """
    for name, asked, is_there in (
        ("StudyInstanceUID (0020,000D)", study, found.study),
        ("SeriesInstanceUID (0020,000E)", series, found.series),
        ("SOPInstanceUID (0008,0018)", instance, found.instance),
    ):
        if asked is not None and asked != is_there:
            cure = "The exam is refused: ask who runs the archive."
            raise WrongInstance("the archive", name, "an object of another one", "what was asked for", cure)


def _check_pixels(entry: Entry, layout: Layout) -> None:
    """Refuse a file that ends within its pixels: the header is walked before, and what follows it is not.

    Deflated files are inflated as a whole before, which fails where they are cut.
    """
    if layout.tag is None or layout.transfer_syntax == DEFLATED:
        return
    if layout.length is None:
        with entry.seekable() as stream:
            _check_fragments(stream, entry, layout.offset)
    elif layout.offset + layout.length > entry.size:
        _cut(entry)


def _check_fragments(stream: BinaryIO, entry: Entry, at: int) -> None:
    while at + 8 <= entry.size:
        stream.seek(at)
        group, element, length = unpack("<HHI", stream.read(8))
        tag = group << 16 | element
        if tag == _END:
            return
        if tag != _ITEM or length == 0xFFFFFFFF:
            found, cure = "fragments that cannot be followed", "Export the file again."
            raise BrokenHeader(entry.name, "PixelData (7FE0,0010)", found, "PS3.5 annex A.4", cure)
        at += 8 + length
    _cut(entry)


def _cut(entry: Entry) -> NoReturn:
    found, cure = "a file that ends within its pixels", "Copy or export the file again."
    raise TruncatedFile(entry.name, "PixelData (7FE0,0010)", found, "the whole file", cure)
