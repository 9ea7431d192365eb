"""The report as one HTML file: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.record import Assessment
from .draft import report_of
from .plots import plots_of
from .rendering import environment
from .view import lesions

if TYPE_CHECKING:
    from ...engine.perception.volume import Volume
    from .pictures import Picture


def report_html(assessment: Assessment, volume: Volume | None = None) -> str:
    """The report as a page, with pictures of each network's answer; with ``volume``, the slices through the findings.

    The decision holds no pixels, so that the caller gives the volume the case was assessed on.
    """
    shown = pictures(assessment, volume) if volume is not None else {}
    page = environment().get_template("report.html.j2")
    return page.render(report=report_of(assessment), pictures=shown, plots=plots_of(assessment))


def pictures(assessment: Assessment, volume: Volume) -> dict[str, tuple[tuple[Picture, ...], str]]:
    """Pictures and caption for each finding, by tracking identifier."""
    from .pictures import pictures_of

    return {found.finding.tracking_id: pictures_of(found, volume) for found in lesions(assessment)}
