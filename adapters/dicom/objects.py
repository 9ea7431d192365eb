"""One DICOM object that is no CT image (a report, a segmentation): its header, and its place in the file."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pydicom.config import disable_value_validation
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from .coded import Code
from .errors import BadHeaderValue, BrokenHeader
from .files import Entry, opened
from .findings_errors import SeveralObjects
from .headers import FOREIGN, Header, label
from .structure import Layout, layout_of

_DATE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)")


@dataclass(frozen=True, slots=True)
class DicomObject:
    """``header`` holds everything before the pixels; ``entry`` and ``layout`` lead to the pixels."""

    entry: Entry
    layout: Layout
    header: Header

    @property
    def uid(self) -> str:
        """SOP Instance UID."""
        return self.header.text("SOPInstanceUID")

    @property
    def kind(self) -> str:
        """SOP Class UID."""
        return self.header.text("SOPClassUID")

    @property
    def kind_in_words(self) -> str:
        """The name of the SOP class, or its UID where it has none."""
        return str(UID(self.kind).name) or "no SOP Class UID"


@contextmanager
def opened_object(path: Path) -> Iterator[DicomObject]:
    """The one DICOM object at ``path``, open for as long as the context lasts.

    What pydicom warns of in odd headers is neither shown nor logged: its words quote values, and those
    of a report may be the patient's. Values that are read are checked here.

    Raises:
        SeveralObjects: a folder or archive with more than one file.
        InputError: a leaf of ``errors.py``, for a file that cannot be read as DICOM.
    """
    with opened(path) as entries, disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if len(entries) != 1:
            raise SeveralObjects(path.name, "", f"{len(entries)} files", "one DICOM object", "Give the file itself.")
        layout, dataset = layout_of(entries[0])
        yield DicomObject(entries[0], layout, _parsed(layout, dataset, entries[0].name))


def _parsed(layout: Layout, dataset: bytes, where: str) -> Header:
    try:
        parsed = read_dataset(BytesIO(dataset), layout.implicit, layout.little_endian, bytelength=len(dataset))
    except FOREIGN as error:
        raise BrokenHeader(
            where, "", "elements that cannot be followed", "elements as in PS3.5 section 7", "Export the file again."
        ) from error
    return Header(parsed, where, {})


def code_in(header: Header, keyword: str) -> Code | None:
    """The first coded entry of a sequence (PS3.3 section 8.8), None where there is none."""
    for item in header.items(keyword):
        value = item.text("CodeValue") or item.text("LongCodeValue") or item.text("URNCodeValue")
        if value:
            return Code(item.text("CodingSchemeDesignator"), value, item.text("CodeMeaning"))
    return None


def date_in(header: Header, keyword: str) -> date | None:
    """A DICOM date, None where it is absent.

    Raises:
        BadHeaderValue: not YYYYMMDD, or no day of the calendar.
    """
    text = raw_text(header, keyword)
    if not text:
        return None
    try:
        year, month, day = (_DATE.fullmatch(text) or _no_match(text)).groups()
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise BadHeaderValue(
            header.where, label(keyword), "no date of the form YYYYMMDD", "a date (PS3.5 6.2)", "Correct the date."
        ) from error


def _no_match(text: str) -> re.Match[str]:
    raise ValueError(len(text))


def raw_text(header: Header, keyword: str) -> str:
    """The characters of a value as they stand in the file, before anything is made of them; '' where absent."""
    element: Any = header.dataset.get_item(keyword) if keyword in header.dataset else None
    value = element.value if element is not None else None
    if isinstance(element, RawDataElement) and isinstance(value, bytes):
        return value.decode("ascii", "replace").strip(" \0")
    return "" if value is None else str(value).strip(" \0")
