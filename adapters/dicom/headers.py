"""Header values as plain Python: present and well-formed, or None, or a named error. Never a guess."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from struct import error as NotEnoughBytes
from typing import Any, Final, NoReturn

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from .errors import BadHeaderValue, BrokenHeader, MissingTag
from .limits import MAX_VALUE_BYTES
from .structure import Layout

# What pydicom raises on values that are not of their kind; it names no base class for them.
FOREIGN: Final = (
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    NotImplementedError,
    OSError,
    EOFError,
    RecursionError,
    NotEnoughBytes,
)


# The slices of a series repeat nearly all their values; what was converted once is looked up by its bytes.
Known = dict[tuple[Any, ...], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Header:
    """A dataset, or an item of one of its sequences, and the name of the file it came from."""

    dataset: Dataset
    where: str
    known: Known = field(default_factory=dict)

    def text(self, keyword: str) -> str:
        """The value, the first of several; '' where it is absent or empty."""
        return next(iter(self.texts(keyword)), "")

    def texts(self, keyword: str) -> tuple[str, ...]:
        """All values, without the blanks around them."""
        return tuple("" if value is None else str(value).strip() for value in self._values(keyword))

    def number(self, keyword: str) -> float | None:
        """One finite number."""
        found = self.numbers(keyword, 1)
        return found[0] if found else None

    def numbers(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """``count`` finite numbers, or None where the tag is absent or empty.

        Raises:
            BadHeaderValue: another count, or something else than finite numbers.
        """
        values = self._values(keyword)
        if not values:
            return None
        try:
            numbers = tuple(float(value) for value in values)
        except (ValueError, TypeError, OverflowError) as error:
            self._bad(keyword, "something else than a number", error)
        if len(numbers) != count or not all(map(math.isfinite, numbers)):
            self._bad(keyword, f"{len(numbers)} values, or values that are not finite", None, f"{count} finite")
        return numbers

    def whole(self, keyword: str) -> int | None:
        """One whole number, or None where the tag is absent or empty."""
        number = self.number(keyword)
        if number is not None and number != int(number):
            self._bad(keyword, f"{number:g}", None, "a whole number")
        return None if number is None else int(number)

    def needed(self, keyword: str) -> int:
        """One whole number that must be there.

        Raises:
            MissingTag: it is absent or empty.
        """
        number = self.whole(keyword)
        if number is None:
            raise MissingTag(self.where, label(keyword), "nothing", "one number", "Export the file again with it.")
        return number

    def items(self, keyword: str) -> tuple[Header, ...]:
        """The items of a sequence; none where it is absent."""
        return tuple(
            replace(self, dataset=item) if isinstance(item, Dataset) else self._bad(keyword, "no items", None)
            for item in self._converted(keyword)
        )

    def _values(self, keyword: str) -> tuple[Any, ...]:
        raw: Any = self.dataset.get_item(_tag(keyword))
        if raw is None:
            return ()
        if not isinstance(raw, RawDataElement):
            return self._converted(keyword)
        if len(raw.value or b"") > MAX_VALUE_BYTES:
            self._bad(keyword, f"a value of {len(raw.value or b'')} bytes", None, f"at most {MAX_VALUE_BYTES} bytes")
        key = (keyword, raw.VR, raw.value, raw.is_little_endian)
        if key not in self.known:
            self.known[key] = self._converted(keyword)
        return self.known[key]

    def _converted(self, keyword: str) -> tuple[Any, ...]:
        try:
            value = self.dataset.get(keyword)
        except FOREIGN as error:
            self._bad(keyword, "a value that is not of its kind", error)
        if value is None or value == "":
            return ()
        return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else (value,)

    def _bad(self, keyword: str, found: str, error: Exception | None, allowed: str = "a value of its kind") -> NoReturn:
        raise BadHeaderValue(
            self.where, label(keyword), found, f"{allowed} (PS3.6)", "Correct the tag or export the file again."
        ) from error


def label(keyword: str) -> str:
    """``Rows`` as ``Rows (0028,0010)``.

    >>> label("Rows")
    'Rows (0028,0010)'
    """
    tag = _tag(keyword)
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def in_words(uid: str) -> str:
    """A UID with its name, where it has one. What is no UID is not quoted, for it may be anything.

    >>> in_words("1.2.840.10008.5.1.4.1.1.4")
    'MR Image Storage (1.2.840.10008.5.1.4.1.1.4)'
    """
    known = UID(uid)
    if known.name != uid:
        return f"{known.name} ({uid})"
    return f"the unknown {uid}" if known.is_valid else "an invalid UID"


@cache
def _tag(keyword: str) -> BaseTag:
    return Tag(keyword)


def parse(layout: Layout, dataset: bytes, keywords: tuple[str, ...], where: str, known: Known) -> Header:
    """The named tags of a dataset that ``layout_of`` has walked; ``known`` is shared by the files of one reading.

    Raises:
        BrokenHeader: pydicom cannot follow it.
    """
    tags: list[Any] = [_tag(keyword) for keyword in keywords]
    try:
        parsed = read_dataset(
            BytesIO(dataset), layout.implicit, layout.little_endian, bytelength=len(dataset), specific_tags=tags
        )
    except FOREIGN as error:
        raise BrokenHeader(
            where, "", "elements that cannot be followed", "elements as in PS3.5 section 7", "Export the file again."
        ) from error
    return Header(parsed, where, known)
