"""The answer as DICOM: a structured report, and a segmentation where lesions have outlines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ...earlier import of_archive
from .seams import Assessed, Emit, Seams, nothing_written
from .settings import WatchSettings

if TYPE_CHECKING:
    from ...dicom.emit.evidence import Evidence
    from ...dicom.emit.report import Told


def report(done: Assessed) -> Sequence[Any]:
    """The preliminary report of the decision (TID 1500), without outlines.

    Raises:
        InputError: the decision cannot be told in DICOM. MissingExtra: highdicom is not installed.
    """
    from ...dicom.emit.report import report_sr

    evidence, told = _told(done)
    return (report_sr(done.assessment, evidence, told),)


def report_with_outlines(done: Assessed) -> Sequence[Any]:
    """The same with a segmentation of the lesions that the net sees at the stated places; without one if it sees none.

    Raises:
        InputError: the decision cannot be told in DICOM. MissingExtra: highdicom is not installed.
    """
    from ...dicom.emit.package import masks_of
    from ...dicom.emit.report import report_sr
    from ...dicom.emit.segmentation import report_seg

    masks = masks_of(done.assessment, done.volume)
    if not masks:
        return report(done)
    evidence, told = _told(done)
    segmentation = report_seg(done.assessment, masks, done.volume, evidence, told)
    return (segmentation, report_sr(done.assessment, evidence, told, segmentation=segmentation))


def _told(done: Assessed) -> tuple[Evidence, Told]:
    from ...dicom.emit.evidence import evidence_of
    from ...dicom.emit.report import Told

    return evidence_of(done.series), Told(datetime.now().astimezone())


WRITERS: Final[dict[str, Emit]] = {
    "nothing": nothing_written,
    "report": report,
    "report-and-outlines": report_with_outlines,
}


def seams_of(settings: WatchSettings) -> Seams:
    """The engine's matching and the writer of the settings; patients' records are the caller's to give."""
    return Seams(match=of_archive, emit=WRITERS[settings.write])
