"""The segments of a segmentation as masks in their place: joined from its frames, cut to their bounding boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...engine.perception.measure import Measured3D, measure_volume
from ...engine.types import Source, SourceKind
from .coded import Code
from .findings_errors import EmptySegment, SegmentationTooLarge, SegmentsDisagree
from .headers import Header, label
from .limits import MAX_VOXELS
from .objects import DicomObject, code_in, date_in
from .seg_frames import Coding, Frame, Pixels, pixels_of
from .seg_grid import Grid, Placed

MAX_BOXES: Final = MAX_VOXELS // 4  # voxels in all bounding boxes together: 512 MiB

Index = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentMask:
    """One segment: what it outlines, and its mask in its place.

    ``mask``: bool (slices, rows, columns), cut to the segment's bounding box, which begins at voxel
    ``start`` of ``grid``; ``on_volume``: that is the grid of the CT that was given. ``label`` is free
    text of the writer and never decides.
    """

    number: int
    label: str
    category: Code | None
    kind: Code | None
    region: Code | None
    location: str
    tracking_id: str
    tracking_uid: str
    mask: NDArray[np.bool_] = field(repr=False)
    start: Index
    grid: Grid
    on_volume: bool
    source: Source

    def measured(self) -> Measured3D:
        """Its volume, and its axes on the slice where it is largest (slice counted from ``start``)."""
        return measure_volume(self.mask, self.grid.spacing_mm)

    @property
    def centre_mm(self) -> tuple[float, float, float]:
        """The mean position of its voxels, in patient coordinates."""
        return self.grid.position_of(np.argwhere(self.mask).mean(axis=0) + self.start)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What one frame shows of one segment, cut to its bounding box, which begins at ``start``."""

    start: Index
    mask: NDArray[np.bool_]


def masks_of(found: DicomObject, coding: Coding, frames: Sequence[Frame], where: Placed) -> Iterator[SegmentMask]:
    """The declared segments, in their order.

    Raises:
        SegmentsDisagree: a frame of a segment that is not declared, or two of one in one plane.
        EmptySegment: a segment without a pixel.
        SegmentationTooLarge: a segment's bounding box beyond what is taken.
        InputError: what ``pixels_of`` raises.
    """
    segments = _segments(found.header, coding)
    pieces = _pieces(found, coding, frames, where, {segment.needed("SegmentNumber"): [] for segment in segments})
    boxes = {number: _box(parts, f"{found.header.where}, segment {number}") for number, parts in pieces.items()}
    _check_room(sum(float(np.prod(shape)) for _, shape in boxes.values()), found.header.where)
    when = date_in(found.header, "ContentDate")
    names = [_tracking_id(segment) for segment in segments]
    times = Counter(names)
    for segment, name in zip(segments, names, strict=True):
        number = segment.needed("SegmentNumber")
        mask = _joined(pieces[number], *boxes[number])
        unique = name if times[name] == 1 else f"{name} [segment {number}]"
        yield _mask(segment, unique, boxes[number][0], mask, where, _source(found.uid, number, when))


def _pieces(
    found: DicomObject, coding: Coding, frames: Sequence[Frame], where: Placed, pieces: dict[int, list[_Piece]]
) -> dict[int, list[_Piece]]:
    """By segment number; only what is inside the masks is kept, so memory goes with the lesions, not the frames."""
    taken: set[tuple[int, int]] = set()
    kept = 0
    for frame, at, pixels in zip(frames, where.at, pixels_of(found, coding), strict=True):
        for number, mask in _of_frame(frame, coding, pixels):
            if number not in pieces or (number, int(at[0])) in taken:
                what = "twice in one plane" if number in pieces else "that is not declared"
                raise _disagree(found.header, "ReferencedSegmentNumber", f"segment {number} {what}")
            taken.add((number, int(at[0])))
            if mask.any():
                pieces[number].append(_cut(mask, at))
                kept += pieces[number][-1].mask.size
                _check_room(kept, found.header.where)
    return pieces


def _segments(header: Header, coding: Coding) -> tuple[Header, ...]:
    declared = [(item, item.needed("SegmentNumber")) for item in header.items("SegmentSequence")]
    # 0 is the background of a label map, which may be declared like a segment (PS3.3 C.8.20.2).
    segments = [(item, number) for item, number in declared if number or coding.kind != "LABELMAP"]
    if not segments or len({number for _, number in segments}) != len(segments):
        raise _disagree(header, "SegmentSequence", "a segment number twice" if segments else "no segment")
    return tuple(item for item, _ in segments)


def _disagree(header: Header, keyword: str, found: str) -> SegmentsDisagree:
    return SegmentsDisagree(
        header.where, label(keyword), found, "segments declared once, and once in each plane", "Export it again."
    )


def _check_room(voxels: float, where: str) -> None:
    if voxels > MAX_BOXES:
        raise SegmentationTooLarge(
            where,
            label("PixelData"),
            f"{voxels:.0f} voxels within the bounds of the segments",
            f"{MAX_BOXES}",
            "Export the segments that are needed.",
        )


def _of_frame(frame: Frame, coding: Coding, pixels: Pixels) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    if frame.segment is not None and coding.kind != "LABELMAP":
        yield frame.segment, 2 * pixels.astype(np.int32) >= coding.full if coding.kind == "FRACTIONAL" else pixels > 0
        return
    for number in np.unique(pixels):
        if number:  # 0 is background
            yield int(number), pixels == number


def _cut(mask: NDArray[np.bool_], at: NDArray[np.int64]) -> _Piece:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    return _Piece((int(at[0]), int(at[1] + rows[0]), int(at[2] + columns[0])), box)


def _tracking_id(segment: Header) -> str:
    return segment.text("TrackingID") or segment.text("TrackingUID") or f"segment {segment.needed('SegmentNumber')}"


def _source(uid: str, number: int, when: date | None) -> Source:
    return Source(SourceKind.REPORT, f"SEG {uid} segment {number}", when)


def _box(pieces: Sequence[_Piece], where: str) -> tuple[Index, Index]:
    """Where the pieces begin, and how far they reach."""
    if not pieces:
        raise EmptySegment(
            where, label("PixelData"), "not a single pixel in it", "at least one", "Leave the segment out, or draw it."
        )
    starts = np.array([piece.start for piece in pieces])
    low, high = starts.min(axis=0), (starts + [(1, *piece.mask.shape) for piece in pieces]).max(axis=0)
    k, i, j = (int(step) for step in low)
    depth, rows, columns = (int(step) for step in high - low)
    return (k, i, j), (depth, rows, columns)


def _joined(pieces: Sequence[_Piece], start: Index, shape: Index) -> NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=np.bool_)
    for piece in pieces:
        k, i, j = np.subtract(piece.start, start)
        mask[k, i : i + piece.mask.shape[0], j : j + piece.mask.shape[1]] = piece.mask
    return mask


def _mask(
    segment: Header, tracking_id: str, start: Index, mask: NDArray[np.bool_], where: Placed, source: Source
) -> SegmentMask:
    regions = segment.items("AnatomicRegionSequence")
    modifiers = [code_in(region, "AnatomicRegionModifierSequence") for region in regions]
    region = code_in(segment, "AnatomicRegionSequence")
    return SegmentMask(
        number=segment.needed("SegmentNumber"),
        label=segment.text("SegmentLabel"),
        category=code_in(segment, "SegmentedPropertyCategoryCodeSequence"),
        kind=code_in(segment, "SegmentedPropertyTypeCodeSequence"),
        region=region,
        location=", ".join(code.meaning for code in (region, *modifiers) if code and code.meaning),
        tracking_id=tracking_id,
        tracking_uid=segment.text("TrackingUID"),
        mask=mask,
        start=start,
        grid=where.grid,
        on_volume=where.on_volume,
        source=source,
    )
