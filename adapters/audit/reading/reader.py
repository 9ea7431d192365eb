"""A report's free text -> what it states for this examination, by a grammar of phrases and parts of a report."""

from __future__ import annotations

from .categories import Pair, codes, in_context, stated
from .context import LEGEND, Mask, pasted
from .dictation import lowered
from .places import moved_back, outdented
from .recommendation import recommended
from .requests import Report
from .sections import sentences, unwrapped
from .sizes import sizes
from .tables import table_prior
from .types import ReportRead, StatedCategory


def _stated(entries: tuple[StatedCategory, ...], found: tuple[Pair, ...]) -> frozenset[int]:
    """Where the codes of the examination's categories end."""
    given = {(one.guideline, one.category) for one in entries}
    return frozenset(one.end for one, _ in found if (one.guideline, one.category) in given)


def read_report(text: str) -> ReportRead:
    """Stated categories, recommendation and sizes of a report, each with its place in ``text``.

    Args:
        text: the report as it was signed, any length; words of English, decimal points or commas, mm or cm.

    Returns:
        What is stated for this examination. What is not said, or truly contradicts itself, is left out or None:
        nothing is computed from the findings. The same text always gives the same answer.
    """
    text, moved = outdented(text)
    low, lines = unwrapped(lowered(text), text)
    parts = sentences(low, lines)
    spans = (*pasted(low), *(Mask(start, end, "prior") for start, end in table_prior(low)))
    found = in_context(low, parts, spans)
    entries, disputed = stated(low, parts, found)
    spans = (*spans, *(Mask(at.start, at.end, LEGEND) for one, at in found if LEGEND in one.reasons))
    category_at = next((entry.place.start for entry in entries if entry.category), None)
    asked = recommended(Report(low, parts, spans, category_at, codes(one for one, _ in found), _stated(entries, found)))
    return moved_back(ReportRead(entries, asked, sizes(low, parts, spans), disputed), moved)
