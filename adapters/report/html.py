"""The report as one HTML file: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.record import Assessment
from .draft import report_of
from .drawing import svg
from .language import REFERENCE, speaking
from .over_time import courses_of, histories_of
from .phrases import heading, phrase
from .plots import plots_of
from .rendering import environment, reasons_of
from .signed import Signed
from .view import lesions

if TYPE_CHECKING:
    from ...engine.perception.volume import Volume
    from .pictures import Picture


def report_html(
    assessment: Assessment,
    volume: Volume | None = None,
    signed: Signed | None = None,
    language: str = REFERENCE,
    *,
    replaced_by: str = "",
) -> str:
    """The report as a page, with pictures of each network's answer; with ``volume``, the slices through the findings.

    The decision holds no pixels, so that the caller gives the volume the case was assessed on. ``signed``: final
    instead of preliminary. ``language``: a folder of ``knowledge/report``. ``replaced_by``: the decision that took the
    place of a draft.

    Raises:
        BadValue: there is no such language.
    """
    with speaking(language):
        report = report_of(assessment, signed, replaced_by)
        return (
            environment()
            .get_template("report.html.j2")
            .render(
                report=report,
                language=language,
                numbers=reasons_of(report),
                pictures=pictures(assessment, volume) if volume is not None else {},
                plots=plots_of(assessment),
                courses={
                    name: (svg(d, f"growth-{i}"), c) for i, (name, (d, c)) in enumerate(courses_of(assessment).items())
                },
                histories=[
                    (n, svg(d, f"history-{i}"), c) for i, (n, d, c) in enumerate(histories_of(assessment, signed))
                ],
                heading=heading,
                phrase=phrase,
            )
        )


def pictures(assessment: Assessment, volume: Volume) -> dict[str, tuple[tuple[Picture, ...], str]]:
    """Pictures and caption for each finding, by tracking identifier."""
    from .pictures import pictures_of

    return {found.finding.tracking_id: pictures_of(found, volume) for found in lesions(assessment)}
