"""Findings in from a DICOM segmentation: every segment as a mask in its place, measured (PS3.3 A.51, A.107).

Nothing here is a reader's form: a segmentation says where a lesion is and what it is called, and
what it does not say stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final

from ...engine.perception.measure import Measured3D
from ...engine.perception.volume import Volume
from ...engine.types import Belief, Exam, Finding, Known, Source
from .coded import Codes, shipped_codes
from .findings_errors import NotASegmentation
from .headers import Header, label
from .objects import date_in, opened_object
from .seg_frames import Coding, Frame, coding_of, frames_of
from .seg_grid import Placed, placed
from .seg_masks import SegmentMask, masks_of

FORM: Final = "measurement"  # absent means not assessed
SEGMENTATIONS: Final = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # PS3.4 B.5; and label maps

_TENTH: Final = Decimal("0.1")  # Lung-RADS v2022 note 4: axes to 0.1 mm, volumes to whole mm3
_WHOLE: Final = Decimal(1)


@dataclass(frozen=True, slots=True, eq=False)
class SegReport:
    """A segmentation: its segments, a finding for each, and the exam it is about with notes on what was met."""

    exam: Exam
    masks: tuple[SegmentMask, ...]
    findings: tuple[Finding, ...]
    form: str = FORM


def read_seg(path: Path, volume: Volume | None = None) -> tuple[SegmentMask, ...]:
    """The segments of the segmentation at ``path``; see ``read_seg_report``."""
    return read_seg_report(path, volume).masks


def findings_from_seg(path: Path, volume: Volume | None = None) -> tuple[Finding, ...]:
    """A finding for each segment of the segmentation at ``path``, measured; see ``read_seg_report``."""
    return read_seg_report(path, volume).findings


def read_seg_report(path: Path, volume: Volume | None = None) -> SegReport:
    """Read binary, fractional (what reaches half of the full value) and label-map segmentations.

    With ``volume``, masks that refer to its images and lie on its grid are given on it; others, and
    all without, on the grid that their planes form. Axes are in mm to 0.1 (half up), volumes in
    whole mm3. Segments that outline an organ become findings of the kind "structure".

    Raises:
        InputError: a leaf of ``findings_errors.py`` or, for the file itself, of ``errors.py``.
    """
    with opened_object(path) as found:
        if found.kind not in SEGMENTATIONS:
            raise NotASegmentation(
                found.header.where,
                label("SOPClassUID"),
                found.kind_in_words,
                "Segmentation Storage, Label Map Segmentation Storage",
                "Give the SEG object of the exam.",
            )
        coding = coding_of(found.header)
        frames = frames_of(found.header, coding)
        where = placed(
            frames,
            volume,
            same_images=_same_images(found.header, frames, volume),
            shape=(coding.rows, coding.columns),
            where=found.header.where,
        )
        masks = tuple(masks_of(found, coding, frames, where))
        return _report(found.header, coding, where, masks)


def _same_images(header: Header, frames: Sequence[Frame], volume: Volume | None) -> bool:
    if volume is None:
        return False
    series = {item.text("SeriesInstanceUID") for item in header.items("ReferencedSeriesSequence")} - {""}
    images = {source for frame in frames for source in frame.sources} - {""}
    return volume.acquisition.series_uid in series or bool(images.intersection(volume.sop_uids))


def _report(header: Header, coding: Coding, where: Placed, masks: Sequence[SegmentMask]) -> SegReport:
    sizes = [mask.measured() for mask in masks]
    notes = [*where.notes, *_notes(header, coding, zip(masks, sizes, strict=True))]
    findings = tuple(_finding(mask, size, shipped_codes()) for mask, size in zip(masks, sizes, strict=True))
    exam = Exam(date_in(header, "StudyDate"), study_uid=header.text("StudyInstanceUID"), notes=tuple(notes))
    return SegReport(exam, tuple(masks), findings)


def _finding(mask: SegmentMask, size: Measured3D, codes: Codes) -> Finding:
    kind = (
        "structure" if codes.is_anatomy(mask.category) else codes.kind(mask.kind, [mask.region] if mask.region else [])
    )
    facts = _sizes(kind, size, mask.source)
    named = codes.facts(None, mask.kind) if kind == "nodule" and mask.kind else None
    facts |= {name: Known(value, mask.source) for name, value in (named[0] if named else {}).items()}
    return Finding(mask.tracking_id, kind, facts, mask.centre_mm, mask.location)


def _sizes(kind: str, size: Measured3D, source: Source) -> dict[str, Belief]:
    """Under the inputs of the kind. LI-RADS takes the largest dimension; the rules derive the mean of a nodule."""
    long_mm = _rounded(size.axes.long_mm, _TENTH, source)
    if kind == "observation":
        return {"size_mm": long_mm}
    short_mm, volume_mm3 = _rounded(size.axes.short_mm, _TENTH, source), _rounded(size.volume_mm3, _WHOLE, source)
    return {"long_mm": long_mm, "short_mm": short_mm, "volume_mm3": volume_mm3}


def _rounded(value: float, to: Decimal, source: Source) -> Known:
    return Known(Decimal(str(value)).quantize(to, ROUND_HALF_UP), source)


def _notes(header: Header, coding: Coding, measured: Iterable[tuple[SegmentMask, Measured3D]]) -> Iterator[str]:
    if coding.kind == "FRACTIONAL":
        yield f"fractional masks ({header.text('SegmentationFractionalType').lower()}): from half of the full value on"
    for mask, size in measured:
        if size.axes.parts > 1:
            yield f"{mask.tracking_id}: {size.axes.parts} parts on its largest slice; the axes are those of the largest"
