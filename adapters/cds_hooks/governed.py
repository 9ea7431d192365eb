"""Which stored decision speaks for a region, and whether a region is a decision's and not a programme's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from ...engine.calendar import due_date
from . import terms
from .standing import Answer, Stood


def regions_of(answers: Iterable[Answer]) -> Iterator[str]:
    """The regions that guidelines speak of, each once; '' for a guideline of the site's own."""
    recommended = terms.exams().recommended
    yield from dict.fromkeys(recommended[a.name].region if a.name in recommended else "" for a in answers)


def newest(stood: Iterable[Stood]) -> dict[str, tuple[Stood, tuple[Answer, ...]]]:
    """By region, the newest decision that gave an answer there, with these answers; '' for one that gave none.

    ``stood``: latest exam first, as ``standing`` gives them. A decision without any answer is shown only where it
    is the newest of all.
    """
    found: dict[str, tuple[Stood, tuple[Answer, ...]]] = {}
    for number, one in enumerate(stood):
        answers = one.answers
        if not answers and number == 0:
            found[""] = (one, ())
        for region in regions_of(answers):
            found.setdefault(region, (one, tuple(a for a in answers if list(regions_of([a])) == [region])))
    return found


def governed(stood: Sequence[Stood], today: date) -> frozenset[str]:
    """The regions of which a decision speaks, so that no exam of them is judged or advertised as screening.

    A decision without an answer may be of any region, and of screening's too: while it is open, or its exam within
    the time after which screening begins anew, the region of screening is its.
    """
    spoken = {region for one in stood for region in regions_of(one.answers)}
    unplaced = (one for one in stood if not one.answers or "" in regions_of(one.answers))
    known = terms.exams()
    if any(_open(one) or recent(one.exam_date, today) for one in unplaced):
        spoken.update(known.exams[known.screening.exam].regions)
    return frozenset(spoken)


def _open(stood: Stood) -> bool:
    return stood.review_required or stood.waiting or stood.correction


def recent(exam: date | None, today: date) -> bool:
    """Whether an exam was made so short ago that its follow-up is the next step, and not screening."""
    until = due_date(exam, (0, terms.exams().screening.done_months))
    return until is not None and until > today
