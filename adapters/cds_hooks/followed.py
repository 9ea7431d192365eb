"""Whether follow-up was made: what the record holds of the exams that a guideline's answer asks for.

Only an exam of the kinds that carry the answer out counts, made not before its window opens
(``knowledge/cds/exams.yaml``). Any other later exam of the region is named, and ends nothing: a CT two days after the
exam that was read, or an ultrasound in the place of an MRI, is no follow-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from ...engine.calendar import due_date
from . import terms
from .chart import Chart, Made
from .standing import Answer, Stood

EXAMS = ("reports", "studies")  # queries that hold what was made
INEXACT = "its day is not known well enough"
KIND_UNKNOWN = "of which kind is not known here"
OTHER_KIND = "not the recommended exam"


@dataclass(frozen=True, slots=True)
class Beside:
    """A later exam of the region that does not count, and why."""

    made: Made
    why: str

    @property
    def may_be_it(self) -> bool:
        """Whether it is only not known to be the follow-up."""
        return self.why in (INEXACT, KIND_UNKNOWN)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is known of an answer's follow-up.

    ``made``: the day of the latest exam that carries it out; None where none is known. ``beside``: later exams of the
    region that do not. ``unseen``: why a later exam may be unknown here, '' where the record was looked at.
    """

    made: date | None = None
    beside: tuple[Beside, ...] = ()
    unseen: str = ""

    @property
    def may_be_made(self) -> bool:
        """Whether an exam may be the follow-up that is not known to be."""
        return any(one.may_be_it for one in self.beside)


def follow_up(stood: Stood, answer: Answer, chart: Chart) -> FollowUp:
    """What the chart holds of the follow-up that a decision's answer asks for."""
    return since(stood.exam_date, answer, chart)


def since(read: date | None, answer: Answer, chart: Chart) -> FollowUp:
    """What the chart holds of the follow-up that an answer asks for, which rests on the exam of the day ``read``.

    Where the guideline leaves the exam open, each exam of the region within the time counts.
    """
    asks = terms.exams().recommended.get(answer.name)
    unseen = chart.unseen(*EXAMS)
    if asks is None or read is None:
        return FollowUp(unseen=unseen)
    exams = asks.categories.get(answer.category or "", ())
    opens = max(earliest(read, answer) or read, read + timedelta(days=1))
    judged = [(made, _why_not(made, exams, opens)) for made in chart.after(asks.region, read)]
    counts = (made.when.first for made, why in judged if not why and made.when)
    return FollowUp(max(counts, default=None), tuple(Beside(made, why) for made, why in judged if why), unseen)


def _why_not(made: Made, exams: tuple[str, ...], opens: date) -> str:
    """Why an exam is not the follow-up; '' where it is."""
    if made.when is None or made.when.last < opens:
        return f"made before {opens}, when follow-up is in time"
    if exams and made.exam not in exams:
        return KIND_UNKNOWN if made.exam is None else OTHER_KIND
    return INEXACT if made.when.first < opens else ""


def earliest(exam_date: date | None, answer: Answer) -> date | None:
    """From which day an exam carries the answer out: the interval's begin, less what is still in time."""
    if exam_date is None or answer.interval is None:
        return None
    low = due_date(exam_date, (0, answer.interval[0])) or exam_date
    window = terms.exams().windows.early
    slack = min(int((low - exam_date).days * window.share), window.most_days)
    return low - timedelta(days=slack)


def in_words(found: FollowUp) -> Iterator[str]:
    """The exams that do not count, one a line, latest first."""
    dated = ((one.made.when.first, one) for one in found.beside if one.made.when)
    for day, one in sorted(dated, key=lambda pair: pair[0], reverse=True):
        yield f"{one.made.words} of {day}: {one.why}"
