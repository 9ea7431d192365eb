"""The frames of a DICOM segmentation: which plane each shows of which segment, and its pixels (PS3.3 A.51, C.8.20)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from .codestream import decoded_frames
from .errors import BadHeaderValue, FrameCountDisagrees
from .findings_errors import NoPlane, SegmentationKind, SegmentationTooLarge, SegmentPixelsCut
from .headers import Header, label
from .limits import MAX_SIDE, MAX_VOXELS
from .objects import DicomObject
from .slices import Image
from .structure import EXPLICIT_BIG, PIXEL_DATA, pixel_stream

_FRAMES: Final = "PerFrameFunctionalGroupsSequence"
_SHARED: Final = "SharedFunctionalGroupsSequence"
_BITS: Final[Mapping[str, tuple[int, ...]]] = {"BINARY": (1,), "FRACTIONAL": (8,), "LABELMAP": (8, 16)}

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Coding:
    """How the masks are stored: BINARY, FRACTIONAL (values up to ``full``) or LABELMAP (values are segment numbers)."""

    kind: str
    rows: int
    columns: int
    frames: int
    bits: int
    full: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The plane of one frame; ``segment`` is None in a label map. Lengths in mm, patient coordinates.

    ``thickness`` is the declared distance to the next plane: SpacingBetweenSlices, or else SliceThickness.
    """

    segment: int | None
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, ...]
    spacing: float | None
    thickness: float | None
    sources: tuple[str, ...]


def coding_of(header: Header) -> Coding:
    """What the header declares of the pixels, held against the limits before any memory is taken.

    Raises:
        SegmentationKind: stored in a way that is not read.
        SegmentationTooLarge: more than the limits allow.
        BadHeaderValue, MissingTag: a number that is none, or is not there.
    """
    coding = Coding(
        kind=header.text("SegmentationType") or "no type",
        rows=header.needed("Rows"),
        columns=header.needed("Columns"),
        frames=header.needed("NumberOfFrames"),
        bits=header.needed("BitsAllocated"),
        full=header.needed("MaximumFractionalValue") if header.text("SegmentationType") == "FRACTIONAL" else 1,
    )
    if coding.bits not in _BITS.get(coding.kind, ()) or header.whole("SamplesPerPixel") not in (None, 1):
        raise SegmentationKind(
            header.where,
            f"{label('SegmentationType')}, BitsAllocated",
            f"{coding.kind[:16]} with {coding.bits} bits",
            "BINARY with 1, FRACTIONAL with 8, LABELMAP with 8 or 16 (PS3.3 C.8.20.2)",
            "Export it as BINARY.",
        )
    if coding.full < 1:
        raise BadHeaderValue(
            header.where, label("MaximumFractionalValue"), str(coding.full), "1 or more", "Correct the tag."
        )
    sides_fit = min(coding.rows, coding.columns, coding.frames) > 0 and max(coding.rows, coding.columns) <= MAX_SIDE
    if not sides_fit or coding.rows * coding.columns * coding.frames > MAX_VOXELS:
        raise SegmentationTooLarge(
            header.where,
            f"{label('NumberOfFrames')}, Rows, Columns",
            f"{coding.frames} frames of {coding.rows} x {coding.columns}",
            f"1 to {MAX_SIDE} pixels a side, {MAX_VOXELS} in all",
            "Export the segments that are needed.",
        )
    return coding


def frames_of(header: Header, coding: Coding) -> tuple[Frame, ...]:
    """The plane of every frame; a functional group is looked up in the frame, then in what the frames share.

    Raises:
        FrameCountDisagrees: not as many as the header says.
        NoPlane: position, orientation or spacing is not stated.
    """
    shared, per_frame = header.items(_SHARED), header.items(_FRAMES)
    if len(per_frame) != coding.frames:
        raise FrameCountDisagrees(
            header.where,
            label("NumberOfFrames"),
            f"{coding.frames} frames and the places of {len(per_frame)}",
            "as many",
            "Export it again.",
        )
    return tuple(_frame((one, *shared), number, coding) for number, one in enumerate(per_frame, start=1))


def _frame(places: tuple[Header, ...], number: int, coding: Coding) -> Frame:
    where = f"frame {number}"
    measures = _group(places, "PixelMeasuresSequence")
    spacing = measures.number("SpacingBetweenSlices") if measures else None
    identification = _group(places, "SegmentIdentificationSequence")
    if coding.kind != "LABELMAP" and identification is None:
        raise _not_stated(places[0], where, "ReferencedSegmentNumber")
    return Frame(
        segment=identification.needed("ReferencedSegmentNumber") if identification else None,
        position=_numbers(places, "PlanePositionSequence", "ImagePositionPatient", 3, where),
        orientation=_numbers(places, "PlaneOrientationSequence", "ImageOrientationPatient", 6, where),
        pixel_spacing=_numbers(places, "PixelMeasuresSequence", "PixelSpacing", 2, where),
        spacing=spacing or None,
        thickness=spacing or (measures.number("SliceThickness") if measures else None) or None,
        sources=_sources(places),
    )


def _group(places: tuple[Header, ...], keyword: str) -> Header | None:
    return next((item for place in places for item in place.items(keyword)), None)


def _numbers(places: tuple[Header, ...], group: str, keyword: str, count: int, where: str) -> tuple[float, ...]:
    found = _group(places, group)
    numbers = found.numbers(keyword, count) if found else None
    if numbers is None:
        raise _not_stated(places[0], where, keyword)
    return numbers


def _not_stated(place: Header, where: str, keyword: str) -> NoPlane:
    return NoPlane(
        f"{place.where}, {where}", label(keyword), "nothing", "the plane of every frame", "Export it with its geometry."
    )


def _sources(places: tuple[Header, ...]) -> tuple[str, ...]:
    derivations = (item for place in places for item in place.items("DerivationImageSequence"))
    images = (image for derivation in derivations for image in derivation.items("SourceImageSequence"))
    return tuple(image.text("ReferencedSOPInstanceUID") for image in images)


def pixels_of(found: DicomObject, coding: Coding) -> Iterator[Pixels]:
    """The pixels of each frame, (rows, columns), as stored, one at a time.

    Raises:
        SegmentPixelsCut: fewer than declared.
        SegmentationKind: single bits in a compressed or big-endian file.
        CodecMissing, TruncatedFile, BrokenPixelData: of compressed pixels.
    """
    with pixel_stream(found.entry, found.layout) as (stream, size):
        if coding.bits == 1 and (found.layout.length is None or found.layout.transfer_syntax == EXPLICIT_BIG):
            raise SegmentationKind(
                found.header.where,
                "TransferSyntaxUID (0002,0010)",
                found.layout.transfer_syntax,
                "an uncompressed little-endian one for single bits",
                "Store it as Explicit VR Little Endian.",
            )
        if found.layout.length is None:
            for _, pixels in decoded_frames(stream, size, _as_image(found, coding)):
                yield pixels
        else:
            _check_length(found, coding, found.layout.length, size)
            for number in range(coding.frames):
                yield _native(stream, found, coding, number)


def _check_length(found: DicomObject, coding: Coding, declared: int, size: int) -> None:
    needed = (coding.frames * coding.rows * coding.columns * coding.bits + 7) // 8
    there = min(declared, size - found.layout.offset) if found.layout.tag == PIXEL_DATA else 0
    if there < needed:
        raise SegmentPixelsCut(
            found.header.where,
            label("PixelData"),
            f"{there} bytes of masks",
            f"{needed} for {coding.frames} frames",
            "Copy or export the file again.",
        )


def _native(stream: BinaryIO, found: DicomObject, coding: Coding, number: int) -> Pixels:
    count = coding.rows * coding.columns
    first, last = number * count * coding.bits, (number + 1) * count * coding.bits  # in bits: frames are not padded
    stream.seek(found.layout.offset + first // 8)
    stored = stream.read((last + 7) // 8 - first // 8)
    shape = (coding.rows, coding.columns)
    if coding.bits == 1:
        bits = np.unpackbits(np.frombuffer(stored, np.uint8), bitorder="little")  # PS3.5 8.1.1
        return bits[first % 8 : first % 8 + count].reshape(shape)
    if coding.bits == 8:
        return np.frombuffer(stored, np.uint8).reshape(shape)
    order = ">u2" if found.layout.transfer_syntax == EXPLICIT_BIG else "<u2"
    return np.frombuffer(stored, np.dtype(order)).astype(np.uint16).reshape(shape)


def _as_image(found: DicomObject, coding: Coding) -> Image:
    return Image(
        entry=found.entry,
        layout=found.layout,
        sop_uid=found.uid,
        rows=coding.rows,
        columns=coding.columns,
        frames=coding.frames,
        bits=(coding.bits, coding.bits, coding.bits - 1),
        signed=False,
        photometric=found.header.text("PhotometricInterpretation") or "MONOCHROME2",
        padding=None,
        lossy=False,
    )
