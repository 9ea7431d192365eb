"""The report as one HTML file: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.record import Assessment
from .draft import report_of
from .rendering import environment
from .view import lesions

if TYPE_CHECKING:
    from ...engine.perception.volume import Volume
    from .pictures import Picture


def report_html(assessment: Assessment, volume: Volume | None = None) -> str:
    """The report as a page; with ``volume``, the slice through each finding that has a position.

    The decision holds no pixels, so that the caller gives the volume the case was assessed on.
    """
    shown = pictures(assessment, volume) if volume is not None else {}
    return environment().get_template("report.html.j2").render(report=report_of(assessment), pictures=shown)


def pictures(assessment: Assessment, volume: Volume) -> dict[str, tuple[tuple[Picture, ...], str]]:
    """Pictures and caption for each finding, by tracking identifier."""
    from .pictures import pictures_of

    return {found.finding.tracking_id: pictures_of(found, volume) for found in lesions(assessment)}
