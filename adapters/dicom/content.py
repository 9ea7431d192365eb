"""The content tree of a structured report as plain values (PS3.3 C.17.3); what it says, not what it means."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from .coded import Code
from .errors import BadHeaderValue
from .findings_errors import ContentTooDeep
from .headers import FOREIGN, Header, label
from .objects import code_in, raw_text

# The longest path of TID 1500 has 7 items (report, measurements, group, measurement, its method's reference ...).
MAX_DEPTH: Final = 16
_VALUE_TYPES: Final = frozenset(
    {"CODE", "COMPOSITE", "CONTAINER", "DATE", "DATETIME", "IMAGE", "NUM", "PNAME", "SCOORD", "SCOORD3D"}
    | {"TABLE", "TCOORD", "TEXT", "TIME", "UIDREF", "WAVEFORM"}
)


@dataclass(frozen=True, slots=True)
class Number:
    """A measured value as written; ``unit`` and ``qualifier`` (why there is no value) may be absent."""

    text: str
    unit: Code | None
    qualifier: Code | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A reference to one segment of a segmentation."""

    sop_uid: str
    number: str


Points = tuple[tuple[float, float, float], ...]
Value = Code | Number | Segment | str | Points | None


@dataclass(frozen=True, slots=True)
class Item:
    """One content item: its relationship to the item above, value type, concept name, value, and the items below.

    ``value`` is a ``Code`` of CODE, a ``Number`` of NUM, text of TEXT and UIDREF, points (x, y, z) of
    SCOORD3D, a ``Segment`` of IMAGE where it is one; None of what is not read.
    """

    relationship: str
    kind: str
    name: Code | None
    value: Value
    below: tuple[Item, ...] = ()


def tree_of(header: Header, depth: int = 1) -> Item:
    """The item that ``header`` holds, with all below it by value; references to other items are left out.

    Raises:
        ContentTooDeep: deeper than ``MAX_DEPTH``.
        BadHeaderValue: a value that is not of its kind.
    """
    if depth > MAX_DEPTH:
        raise ContentTooDeep(
            header.where,
            label("ContentSequence"),
            f"content items nested deeper than {MAX_DEPTH}",
            f"{MAX_DEPTH} levels; TID 1500 has 7",
            "Check what wrote the report.",
        )
    kind = header.text("ValueType")
    if kind not in _VALUE_TYPES:
        raise BadHeaderValue(
            header.where, label("ValueType"), kind[:16] or "nothing", "a value type of PS3.3 C.17.3.2.1", "Correct it."
        )
    below = (tree_of(item, depth + 1) for item in header.items("ContentSequence") if not _is_reference(item))
    name = code_in(header, "ConceptNameCodeSequence")
    return Item(header.text("RelationshipType"), kind, name, _value(header, kind), tuple(below))


def _is_reference(header: Header) -> bool:
    return "ReferencedContentItemIdentifier" in header.dataset and not header.text("ValueType")


def _value(header: Header, kind: str) -> Value:
    read = _READERS.get(kind)
    return read(header) if read else None


def _number(header: Header) -> Number:
    qualifier = code_in(header, "NumericValueQualifierCodeSequence")
    for measured in header.items("MeasuredValueSequence"):
        return Number(raw_text(measured, "NumericValue"), code_in(measured, "MeasurementUnitsCodeSequence"), qualifier)
    return Number("", None, qualifier)


def _segment(header: Header) -> Segment | None:
    for reference in header.items("ReferencedSOPSequence"):
        if number := reference.text("ReferencedSegmentNumber"):
            return Segment(reference.text("ReferencedSOPInstanceUID"), number)
    return None


def _points(header: Header) -> Points:
    try:
        numbers = [float(number) for number in header.dataset.get("GraphicData") or ()]
    except FOREIGN as error:
        _no_points(header, error)
    if len(numbers) % 3 or not all(map(math.isfinite, numbers)):
        _no_points(header, None)
    return tuple(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))


def _no_points(header: Header, error: Exception | None) -> NoReturn:
    raise BadHeaderValue(
        header.where, label("GraphicData"), "no points", "three finite numbers each (PS3.3 C.18.9)", "Correct it."
    ) from error


_READERS: Final[dict[str, Callable[[Header], Value]]] = {
    "CODE": lambda header: code_in(header, "ConceptCodeSequence"),
    "NUM": _number,
    "TEXT": lambda header: header.text("TextValue"),
    "UIDREF": lambda header: header.text("UID"),
    "IMAGE": _segment,
    "SCOORD3D": _points,
}
