"""What the audit found overdue, on the card of its patient: until the follow-up is made, or a decision speaks.

The list is the audit's (``overdue_list``); that the follow-up was made since is read from the chart, as for decisions.
Of a region of which a stored decision speaks that is not older, nothing is said here: its own card does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ...engine.errors import SetupError
from ...engine.guideline.load import load_guideline
from ...engine.types import Known, Reading
from . import terms
from .chart import Chart
from .followed import FollowUp, earliest, in_words, since
from .governed import regions_of
from .orders import Order, days_of, in_time, order_of
from .overdue_list import Overdue, of_patient, patient_name, server_system
from .response import Indicator
from .saying import Saying, plain
from .seam import Asked, Records
from .standing import Answer, Stood, management_of

# a cancer that is known: the guideline is no longer the patient's (scope.yaml of the audit says the same)
ENDED_BY = {"lung-rads": "lung_cancer", "fleischner": "lung_cancer", "li-rads-us": "current_or_prior_hcc"}


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the audit's list that still holds: what the guideline asked for, and what the chart has of it."""

    entry: Overdue
    answer: Answer
    region: str
    followed: FollowUp
    order: Order | None


def listed(asked: Asked[Any], stood: Iterable[Stood], chart: Chart) -> tuple[Listed, ...]:
    """What is overdue by the audit and still holds: by region the first of the worklist.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    spoken = _spoken(stood)
    found: dict[str, Listed] = {}
    for entry in _entries(asked.records, _names(asked, chart)):
        one = _listed(entry, asked, chart)
        if one is not None and one.region not in found and not _newer(spoken.get(one.region), entry):
            found[one.region] = one
    return tuple(found.values())


def _names(asked: Asked[Any], chart: Chart) -> frozenset[str]:
    """The patient's names in the store: by identifier, and by ``Patient.id`` where it is known of which server."""
    names = {patient_name(system, value) for system, value in chart.identifiers}
    bases = asked.records.bases or frozenset()
    base = asked.call.fhir_server or (next(iter(bases)) if len(bases) == 1 else None)
    try:
        own = server_system(base) if base else None
    except ValueError:
        own = None
    return frozenset(names | ({patient_name(own, asked.context.patient_id)} if own else set()))


def _entries(records: Records, names: frozenset[str]) -> tuple[Overdue, ...]:
    if records.store is None:
        return ()
    with records.store.journal.reading() as connection:
        return of_patient(connection, names)


def _spoken(stood: Iterable[Stood]) -> dict[str, date]:
    """By region, the day of the latest exam of which a decision speaks."""
    found: dict[str, date] = {}
    for one in stood:
        for region in regions_of(one.answers):
            found[region] = max(found.get(region, date.min), one.exam_date or date.min)
    return found


def _newer(decided: date | None, entry: Overdue) -> bool:
    return decided is not None and decided >= entry.exam_date


def _listed(entry: Overdue, asked: Asked[Any], chart: Chart) -> Listed | None:
    answer = answer_of(entry)
    asks = terms.exams().recommended.get(answer.name)
    ended = chart.facts.get(ENDED_BY.get(answer.name, ""))
    if asks is None or (isinstance(ended, Known) and ended.value is True):
        return None
    followed = since(entry.exam_date, answer, chart)
    if followed.made is not None:
        return None
    exams = asks.categories.get(entry.category, ())
    return Listed(entry, answer, asks.region, followed, _ordered(entry, answer, exams, asked, chart))


def answer_of(entry: Overdue) -> Answer:
    """What the guideline says of the category that follows from the findings in the audit's tables."""
    printed = management_of(entry.guideline, entry.category)
    months = printed.get("interval_months")
    return Answer(
        guideline=entry.guideline,
        applies="yes",
        category=entry.category,
        display=entry.category,
        management=str(printed.get("management") or ""),
        interval=(int(months[0]), int(months[1])) if months else None,
        due=entry.due,
        reading=Reading(entry.guideline, entry.category, (entry.category,)),
    )


def _ordered(
    entry: Overdue,
    answer: Answer,
    exams: tuple[str, ...],
    asked: Asked[Any],
    chart: Chart,
) -> Order | None:
    """An order that stands for it; overdue: wanted now is in time."""
    opens = earliest(entry.exam_date, answer) or entry.exam_date
    latest = max(entry.due, asked.today) + timedelta(days=terms.exams().windows.late.days)
    found = (order_of(resource, asked.settings.order_codes) for resource in chart.orders)
    mine = (order for order in found if order is not None and order.exam in exams)
    return next((order for order in mine if in_time(order, entry.exam_date, opens, latest)), None)


def sayings(found: Iterable[Listed]) -> Iterator[Saying]:
    """What to say of them."""
    for one in found:
        entry = one.entry
        tail = "; an order stands" if one.order else ""
        late = f"overdue since {entry.due}{tail}."
        yield Saying(
            about=f"overdue {one.answer.name} {entry.exam_date}",
            topic="follow-up",
            summary=(
                f"By audit, {entry.guideline}: category {entry.category}, {late}",
                f"By audit, {one.answer.name} follow-up {late}",
            ),
            detail=tuple(_detail(one)),
            indicator=Indicator.WARNING,
            source=entry.guideline,
            citations=_citations(entry.guideline),
            by=entry.due,
        )


def _detail(one: Listed) -> Iterator[str]:
    entry = one.entry
    yield f"Exam of {entry.exam_date}; found overdue by the audit as of {entry.as_of} ({plain(entry.measure)})."
    yield from ("", f"**{plain(entry.guideline)}: category {plain(entry.category)}**", "")
    yield "- By the guideline's rules, from the findings in the audit's tables; nobody has signed it."
    yield f"- Management: {plain(one.answer.management or 'as the guideline prints for the category')}"
    if one.followed.unseen:
        known = f"whether a later exam exists was {one.followed.unseen}"
    else:
        known = f"no later exam {'that carries it out ' if one.followed.beside else ''}is known here"
    yield f"- Follow-up overdue since {entry.due} ({known})"
    yield from (f"- A later exam that does not count as the follow-up: {plain(t)}" for t in in_words(one.followed))
    if one.order is not None:
        wanted = f", wanted {days_of(one.order)}" if days_of(one.order) else ""
        yield from ("", f"An order stands: {plain(one.order.words)}{wanted} ({plain(one.order.reference)}).")


def _citations(guideline: str) -> tuple[str, ...]:
    """Where the guideline is printed; none of one that is not here."""
    try:
        head = load_guideline(guideline).head
    except SetupError:
        return ()
    return tuple(f"{guideline}: {text}" for text in head["sources"].values())
