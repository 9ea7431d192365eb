"""A report's free text -> what it states for this examination, by a grammar of phrases and parts of a report."""

from __future__ import annotations

import re

from .categories import in_context, stated
from .context import LEGEND, Mask, pasted
from .dates import exam_date
from .recommendation import Context, recommended
from .sections import lowered, sentences
from .sizes import sizes
from .tables import table_prior
from .types import ReportRead, StatedCategory

_LUNG_SCREENING = re.compile(
    r"lung[\s-]?rads|l-?rads|lungrads|ldct|low[\s-]*dose|lung (?:cancer )?screen|" r"lung health"
)
_LIVER = re.compile(r"li[\s-]?rads|\blr-?\d|hepatocellular|hcc|liver (?:ct|mri|protocol|surveillance)|us-[123]")


def read_report(text: str) -> ReportRead:
    """Stated categories, recommendation and sizes of a report, each with its place in ``text``.

    Args:
        text: the report as it was signed, any length; words of English, decimal points or commas, mm or cm.

    Returns:
        What is stated for this examination. What is not said, or truly contradicts itself, is left out or None:
        nothing is computed from the findings. The same text always gives the same answer.
    """
    low = lowered(text)
    parts = sentences(low, text)
    spans = (*pasted(low), *(Mask(start, end, "prior") for start, end in table_prior(low)))
    found = in_context(low, parts, spans)
    entries, conflicts = stated(low, parts, found)
    legends = tuple(Mask(at.start, at.end, LEGEND) for one, at in found if LEGEND in one.reasons)
    context = Context(
        low,
        (*spans, *legends),
        exam_date(low),
        bool(_LUNG_SCREENING.search(low)),
        _place(entries),
        bool(_LIVER.search(low)),
    )
    return ReportRead(entries, recommended(context, parts), sizes(low, parts, context.spans), conflicts)


def _place(entries: tuple[StatedCategory, ...]) -> int | None:
    return next((entry.place.start for entry in entries if entry.category), None)
