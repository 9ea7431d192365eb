"""The report as plain text, ready to paste."""

from __future__ import annotations

import re

from ...engine.record import Assessment
from .draft import report_of
from .rendering import WIDTH, environment


def report_text(assessment: Assessment) -> str:
    """The report in lines of at most 100 columns, ending with a line break.

    Our own words are ASCII; names and places keep their letters. It says what ``report_html`` says,
    without pictures.
    """
    text = environment().get_template("report.txt.j2").render(report=report_of(assessment), width=WIDTH)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
