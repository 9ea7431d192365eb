"""The answer as DICOM: a structured report, and a segmentation where lesions have outlines.

Made as ``radlogic report --sr --seg`` makes them, under the same conditions: on the images that were assessed, and of
a decision that stands. What the watch sends is preliminary, so a signed decision has nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ...earlier import of_archive
from .seams import Assessed, Emit, Seams, nothing_written
from .settings import WatchSettings

REPORT, OUTLINES = Path("report"), Path("outlines")


def report(done: Assessed) -> Sequence[Any]:
    """The preliminary report of the decision (TID 1500), without outlines.

    Raises:
        InputError: the decision cannot be told in DICOM. MissingExtra: highdicom is not installed.
    """
    return _made(done, outlines=False)


def report_with_outlines(done: Assessed) -> Sequence[Any]:
    """The same with a segmentation of the lesions that the net sees at the stated places; without one if it sees none.

    Raises:
        InputError: the decision cannot be told in DICOM. MissingExtra: highdicom is not installed.
    """
    return _made(done, outlines=True)


def _made(done: Assessed, *, outlines: bool) -> Sequence[Any]:
    from ...dicom.emit.package import Wanted, objects_of
    from ...dicom.emit.report import Told

    seg = OUTLINES if outlines else None
    wanted = Wanted(done.series, REPORT, seg, replaces=done.replaces, outlined=False)
    return tuple(objects_of(done.assessment, wanted, Told(datetime.now().astimezone())).values())


WRITERS: Final[dict[str, Emit]] = {
    "nothing": nothing_written,
    "report": report,
    "report-and-outlines": report_with_outlines,
}


def seams_of(settings: WatchSettings) -> Seams:
    """The engine's matching and the writer of the settings; patients' records are the caller's to give."""
    return Seams(match=of_archive, emit=WRITERS[settings.write])
