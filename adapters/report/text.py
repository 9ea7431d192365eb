"""The report as plain text, ready to paste: first what is dictated, then for the record what it rests on."""

from __future__ import annotations

import re

from ...engine.record import Assessment
from .draft import report_of
from .language import REFERENCE, speaking
from .phrases import heading
from .rendering import WIDTH, environment
from .signed import Signed


def report_text(
    assessment: Assessment, signed: Signed | None = None, language: str = REFERENCE, *, replaced_by: str = ""
) -> str:
    """The report in lines of at most 100 columns, ending with a line break.

    Our own words are plain characters; names and places keep their letters. It says what ``report_html`` says,
    without pictures. ``signed``: final instead of preliminary. ``language``: a folder of ``knowledge/report``.
    ``replaced_by``: the decision that took the place of a draft.

    Raises:
        BadValue: there is no such language.
    """
    with speaking(language):
        report = report_of(assessment, signed, replaced_by)
        page = environment().get_template("report.txt.j2")
        text = page.render(report=report, width=WIDTH, heading=heading)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
