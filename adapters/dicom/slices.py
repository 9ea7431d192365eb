"""From files to CT slices: what each header says of each plane, classic (one a file) or Enhanced (many).

An Enhanced CT states per frame, in functional groups, what a classic CT states at its top (PS3.3
C.7.6.16); a group is looked up in the frame first, then in what the frames share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Final

from pydicom.dataset import Dataset

from .errors import BadHeaderValue, FrameCountDisagrees, NotDicom, OversizedImage, TruncatedFile
from .files import Entry
from .headers import Header, Known, in_words, label, parse
from .limits import MAX_SIDE, MAX_VOXELS
from .structure import Layout, layout_of

# PS3.4 B.5: CT, Enhanced CT, Legacy Converted Enhanced CT Image Storage
_CT_IMAGES: Final = frozenset(f"1.2.840.10008.5.1.4.1.1.2{kind}" for kind in ("", ".1", ".2"))
_DIRECTORY: Final = "DICOMDIR"  # PS3.10 section 8.6 keeps the name for the directory of a medium
FUNCTIONAL_GROUPS: Final = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_SHARED, _FRAMES = FUNCTIONAL_GROUPS
_TAGS: Final = (
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "SliceThickness",
    "ConvolutionKernel",
    "SeriesInstanceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "LossyImageCompression",
    *FUNCTIONAL_GROUPS,
)


@dataclass(frozen=True, slots=True)
class Image:
    """One file's pixels: where they are and how they are stored."""

    entry: Entry
    layout: Layout
    sop_uid: str
    rows: int
    columns: int
    frames: int
    bits: tuple[int, int, int]  # allocated, stored, high
    signed: bool
    photometric: str
    padding: tuple[int, int] | None  # the range of stored values that mean "no patient here"
    lossy: bool

    @property
    def name(self) -> str:
        """The file's name."""
        return self.entry.name


@dataclass(frozen=True, slots=True)
class Slice:
    """One plane: its pixels are frame ``frame`` of ``image``. What the header does not say is None or empty.

    Positions and spacings in mm, DICOM patient coordinates; ``pixel_spacing`` is (between rows,
    between columns); ``rescale`` is (slope, intercept) to ``unit``.
    """

    image: Image
    frame: int
    series_uid: str
    kind: tuple[str, ...]
    kernel: str
    thickness: float | None
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, ...] | None
    slope: float | None
    intercept: float | None
    unit: str

    @property
    def where(self) -> str:
        """The file, and the frame where it holds several."""
        return f"{self.image.name} frame {self.frame + 1}" if self.image.frames > 1 else self.image.name

    @property
    def localizer(self) -> bool:
        """Whether it is a scout (PS3.3 C.8.2.1.1.1: value 3 of Image Type)."""
        return "LOCALIZER" in self.kind

    @property
    def original(self) -> bool:
        """Whether its pixels are not computed from those of other images (value 1 of Image Type)."""
        return self.kind[:1] == ("ORIGINAL",)


@dataclass(frozen=True, slots=True)
class Found:
    """The CT slices of all series, the other DICOM objects by kind, and the files that are not DICOM."""

    slices: tuple[Slice, ...]
    others: tuple[str, ...]
    not_dicom: tuple[str, ...]


def found_in(entries: Iterable[Entry]) -> Found:
    """Read the header of every file.

    Raises:
        TruncatedFile, BrokenHeader, BadHeaderValue, MissingTag, OversizedHeader, OversizedImage,
        FrameCountDisagrees: a file that is DICOM is not fit to be read. It may be a slice of the
        series, so it is never passed over.
    """
    slices: list[Slice] = []
    others: list[str] = []
    not_dicom: list[str] = []
    known: Known = {}
    for entry in entries:
        if PurePosixPath(entry.name).name == _DIRECTORY:
            continue
        try:
            read = _slices_of(entry, known)
        except NotDicom:
            not_dicom.append(entry.name)
        else:
            others.append(read) if isinstance(read, str) else slices.extend(read)
    return Found(tuple(slices), tuple(others), tuple(not_dicom))


def _slices_of(entry: Entry, known: Known) -> list[Slice] | str:
    """The planes of a CT image, or what else the file is."""
    layout, dataset = layout_of(entry)
    header = parse(layout, dataset, _TAGS, entry.name, known)
    if other := _other_than_ct(header, layout):
        return other
    image = _image(entry, layout, header)
    groups = find_groups(header, image.frames)
    return [_slice(image, number, header, find) for number, find in enumerate(groups)]


def _other_than_ct(header: Header, layout: Layout) -> str:
    """What the object is if it is no CT image. Some exports leave the class empty; the modality then says it."""
    sop_class, modality = header.text("SOPClassUID"), header.text("Modality")
    if sop_class not in _CT_IMAGES and (sop_class or modality != "CT"):
        return in_words(sop_class) if sop_class else f"modality {modality[:16] or 'not stated'}"
    if layout.tag is None:  # a CT image always has pixels: the file was cut before them
        raise TruncatedFile(
            header.where, label("PixelData"), "the end of the file", "the pixels of the slice", "Copy the file again."
        )
    return "a colour picture" if header.whole("SamplesPerPixel") not in (1, None) else ""


def _image(entry: Entry, layout: Layout, header: Header) -> Image:
    signed = _is_signed(header)
    return Image(
        entry=entry,
        layout=layout,
        sop_uid=header.text("SOPInstanceUID"),
        rows=_side(header, "Rows"),
        columns=_side(header, "Columns"),
        frames=_frames(header),
        bits=(header.needed("BitsAllocated"), header.needed("BitsStored"), header.needed("HighBit")),
        signed=signed,
        photometric=header.text("PhotometricInterpretation"),
        padding=_padding(header, signed),
        lossy=header.text("LossyImageCompression") == "01",
    )


def _is_signed(header: Header) -> bool:
    representation = header.needed("PixelRepresentation")
    if representation not in (0, 1):
        raise BadHeaderValue(
            header.where, label("PixelRepresentation"), f"{representation}", "0 or 1", "Export the file again."
        )
    return representation == 1


def _side(header: Header, keyword: str) -> int:
    number = header.needed(keyword)
    if not 0 < number <= MAX_SIDE:
        _oversized(header, keyword, f"{number}", f"1 to {MAX_SIDE}")
    return number


def _frames(header: Header) -> int:
    frames = header.whole("NumberOfFrames")
    number = 1 if frames is None else frames
    if number < 1 or number * header.needed("Rows") * header.needed("Columns") > MAX_VOXELS:
        _oversized(header, "NumberOfFrames", f"{number}", f"1 or more, and at most {MAX_VOXELS} pixels in all")
    return number


def _oversized(header: Header, keyword: str, found: str, allowed: str) -> None:
    raise OversizedImage(
        header.where, label(keyword), found, allowed, "No CT has this size: check where the file comes from."
    )


def _padding(header: Header, signed: bool) -> tuple[int, int] | None:
    """PS3.3 C.7.5.1.1.2. Writers give the 16 bits as US or as SS, whatever the pixels are; both are taken."""
    first = header.whole("PixelPaddingValue")
    if first is None:
        return None
    last = header.whole("PixelPaddingRangeLimit")
    ends = [_as_stored(value, signed) for value in (first, first if last is None else last)]
    return min(ends), max(ends)


def _as_stored(value: int, signed: bool) -> int:
    value &= 0xFFFF
    return value - 0x10000 if signed and value >= 0x8000 else value


_Find = Callable[[str], Header]


def find_groups(header: Header, count: int) -> list[_Find]:
    """For each of ``count`` frames, where a functional group is found; in a classic header all are at its top.

    Raises:
        FrameCountDisagrees: there is another number of per-frame groups.
    """
    frames = header.items(_FRAMES)
    if not frames and count == 1 and not header.items(_SHARED):
        return [lambda _: header]
    if len(frames) != count:
        raise FrameCountDisagrees(
            header.where,
            label("NumberOfFrames"),
            f"{count} frames and {len(frames)} per-frame groups",
            "as many of one as of the other",
            "Export the file again.",
        )
    shared = next(iter(header.items(_SHARED)), replace(header, dataset=Dataset()))
    return [partial(_group, frame, shared) for frame in frames]


def _group(frame: Header, shared: Header, name: str) -> Header:
    nothing = replace(frame, dataset=Dataset())
    return next((items[0] for items in (frame.items(name), shared.items(name)) if items), nothing)


def _slice(image: Image, number: int, header: Header, find: _Find) -> Slice:
    measures, rescale = find("PixelMeasuresSequence"), find("PixelValueTransformationSequence")
    kind = find("CTImageFrameTypeSequence").texts("FrameType") or header.texts("ImageType")
    return Slice(
        image=image,
        frame=number,
        series_uid=header.text("SeriesInstanceUID"),
        kind=tuple(value.upper() for value in kind),
        kernel=find("CTReconstructionSequence").text("ConvolutionKernel"),
        thickness=measures.number("SliceThickness"),
        position=find("PlanePositionSequence").numbers("ImagePositionPatient", 3),
        orientation=find("PlaneOrientationSequence").numbers("ImageOrientationPatient", 6),
        pixel_spacing=measures.numbers("PixelSpacing", 2),
        slope=rescale.number("RescaleSlope"),
        intercept=rescale.number("RescaleIntercept"),
        unit=rescale.text("RescaleType"),
    )
