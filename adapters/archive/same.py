"""Whether two files hold the same object, however each of them is written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import dcmread
from pydicom.filewriter import write_data_element
from pydicom.sequence import Sequence

from ..dicom.errors import BrokenHeader
from ..dicom.headers import FOREIGN
from ..dicom.structure import EXPLICIT_BIG, NATIVE
from .objects import identity_of, quiet

_PADDING: Final = 0xFFFCFFFC  # PS3.5 7.2: trailing padding says nothing of the object
_PIXELS: Final = 0x7FE00010
_TEXT: Final = frozenset(  # padded to even lengths
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
)
_HEAD: Final = 8  # bytes before a value in implicit VR (PS3.5 7.1.3)


def same_content(mine: Path, held: Path) -> bool:
    """Whether every element is the same, and the pixels, decoded if the files encode them differently.

    Raises:
        InputError: one of the files cannot be read.
    """
    syntaxes = {identity_of(mine).syntax, identity_of(held).syntax}
    recoded = len(syntaxes) > 1 and not syntaxes <= NATIVE - {EXPLICIT_BIG}
    return content_hash(mine, decoded=recoded) == content_hash(held, decoded=recoded)


def content_hash(path: Path, *, decoded: bool = False) -> str:
    """sha256 of an object's data set: the same with explicit or implicit VR, with sequences of defined or undefined
    length, with or without padding and group lengths; the file meta group is not of it.

    ``decoded``: of the decoded pixels instead of their bytes.

    Raises:
        InputError: the file cannot be read.
    """
    identity_of(path)  # bounded, before pydicom builds anything
    digest = hashlib.sha256()
    with quiet():
        try:
            dataset = dcmread(path)
            little = bool(dataset.file_meta.TransferSyntaxUID.is_little_endian)
            pixels = dataset.pixel_array.tobytes() if decoded and _PIXELS in dataset else None
            _add(digest, dataset, pixels, little=little)
        except FOREIGN as error:
            cure = "Export the file again."
            raise BrokenHeader(path.name, "", "elements that cannot be followed", "PS3.5 section 7", cure) from error
    return digest.hexdigest()


def _add(digest: Any, dataset: Dataset, pixels: bytes | None, *, little: bool) -> None:
    for tag in sorted(dataset.keys()):
        if tag.element == 0 or tag == _PADDING:
            continue
        digest.update(f"({tag:08X}".encode())
        raw: Any = dataset.get_item(tag)
        vr = _kind(raw, tag)
        if tag == _PIXELS and pixels is not None:
            digest.update(pixels)
        elif vr == "SQ":
            for item in dataset[tag].value:
                digest.update(b"[")
                _add(digest, item, None, little=little)
        else:
            value = _value(dataset, raw, tag, little=little)
            value = value.rstrip(b"\0 ") if vr in _TEXT else value
            digest.update(f"{len(value)}:".encode() + value)


def _kind(element: Any, tag: Any) -> str:
    """The VR by the dictionary, for a file with implicit VR states none; of what it does not know, only sequences."""
    if isinstance(element.value, Sequence) or element.VR == "SQ":
        return "SQ"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def _value(dataset: Dataset, element: Any, tag: Any, *, little: bool) -> bytes:
    """The value's bytes, low byte first; pydicom has converted some, and big-endian ones have to be."""
    if isinstance(element, RawDataElement) and little:
        return element.value or b""
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, True
    write_data_element(out, dataset[tag])
    return bytes(out.getvalue())[_HEAD:]
