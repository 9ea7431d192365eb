"""Imaging orders as they are sent, and what they are held against: recommendations in force, exams, other orders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ..fhir.when import read
from . import terms
from .chart import Chart, exam_of
from .followed import earliest, follow_up
from .governed import regions_of
from .request import is_id, is_true
from .seam import Resource
from .standing import Answer, Stood

YEARS = (1900, 2200)  # in which an order may be wanted
DROPPED = ("revoked", "entered-in-error", "completed")  # a draft of such a status is no order


@dataclass(frozen=True, slots=True)
class Order:
    """An order: ``exam`` of ``knowledge/cds/exams.yaml`` (None: no code that is known), the days it is wanted on.

    ``first`` and ``last``: None where it names none; a draft is then wanted now. ``reference``: '' without an id.
    ``authored``: the last day on which it may have been written; None where that is not said.
    """

    resource: Resource
    reference: str
    exam: str | None
    first: date | None
    last: date | None
    authored: date | None = None

    @property
    def regions(self) -> tuple[str, ...]:
        """What the exam shows."""
        return terms.exams().exams[self.exam].regions if self.exam else ()

    @property
    def words(self) -> str:
        """The exam in words."""
        return terms.exams().exams[self.exam].words if self.exam else "an exam"


def order_of(resource: Resource, site: Mapping[str, str]) -> Order | None:
    """A ServiceRequest as an order; None for what is none, or is not to be done."""
    if resource.get("resourceType") != "ServiceRequest" or is_true(resource.get("doNotPerform")):
        return None
    if resource.get("status") in DROPPED:
        return None
    own = resource.get("id")
    reference = f"ServiceRequest/{own}" if is_id(own) else ""
    written = read(resource.get("authoredOn"))
    exam = exam_of(resource.get("code"), site)
    return Order(resource, reference, exam, *_wanted(resource), _meant(written and written.last))


def _wanted(resource: Resource) -> tuple[date | None, date | None]:
    """occurrence[x]: a dateTime, a Period, or the bounds of a Timing."""
    timing = resource.get("occurrenceTiming")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    period = resource.get("occurrencePeriod") or (repeat.get("boundsPeriod") if isinstance(repeat, dict) else None)
    moment = resource.get("occurrenceDateTime")
    if isinstance(timing, dict) and isinstance(timing.get("event"), list) and timing["event"]:
        moment = moment or timing["event"][0]
    ends = (period.get("start"), period.get("end")) if isinstance(period, dict) else (moment, moment)
    start, end = map(read, ends)
    return _meant(start and start.first), _meant(end and end.last)


def _meant(day: date | None) -> date | None:
    """The day, unless it is a stand-in for none (0001-01-01, 9999-12-31)."""
    return day if day is not None and YEARS[0] <= day.year <= YEARS[1] else None


@dataclass(frozen=True, slots=True)
class Recommended:
    """A recommendation in force: which exams carry it out, from which day to which.

    ``earliest``: before it the exam is early; None where the guideline names no interval. ``due``: the interval's
    end; None likewise.
    """

    stood: Stood
    answer: Answer
    region: str
    exams: tuple[str, ...]
    earliest: date | None
    due: date | None

    @property
    def first(self) -> str:
        """The exam that is suggested."""
        return self.exams[0]

    @property
    def words(self) -> str:
        """The exam that is suggested, in words."""
        return terms.exams().exams[self.first].words

    def starts(self, today: date) -> date:
        """The first day of a suggested order."""
        return max(filter(None, (self.earliest, today)))

    def latest(self, today: date) -> date | None:
        """The last day on which an order is in time; overdue: now is in time. None without an interval."""
        return None if self.due is None else max(self.due, today) + timedelta(days=terms.exams().windows.late.days)

    def is_for(self, order: Order, today: date) -> bool:
        """Whether an order that stands may be for it: of its exams, not written before the exam that was read, and
        wanted within its time, if it says when."""
        read_on = self.stood.exam_date
        return order.exam in self.exams and in_time(order, read_on, self.earliest or read_on, self.latest(today))


def in_time(order: Order, read_on: date | None, opens: date | None, latest: date | None) -> bool:
    """Whether an order may be for the follow-up of the exam of the day ``read_on``, to be made within these days."""
    if order.authored and read_on and order.authored < read_on:
        return False
    last = order.last or order.first
    too_late = bool(latest and order.first and order.first > latest)
    return not too_late and not (opens and last and last < opens)


def recommendations(stood: Iterable[Stood], chart: Chart) -> dict[str, Recommended]:
    """By region, the recommendation in force: that of the newest decision there which no later exam carried out.

    ``stood``: latest exam first. A newer decision that leaves the category open takes the place of an older one, too.
    A guideline that applies goes before one that only may; then the soonest due.
    """
    found: dict[str, Recommended] = {}
    spoken: set[str] = set()
    for one in stood:
        mine = sorted(_of(one), key=lambda r: (r.answer.applies != "yes", r.due or date.max))
        for region in {r.region for r in mine} - spoken:
            left = [r for r in mine if r.region == region and not follow_up(one, r.answer, chart).made]
            if left:
                found[region] = left[0]
        spoken.update(regions_of(one.answers))
    return found


def _of(stood: Stood) -> Iterator[Recommended]:
    known = terms.exams()
    for answer in stood.answers:
        asks = known.recommended.get(answer.name)
        exams = asks.categories.get(answer.category or "") if asks else None
        if asks and exams:
            yield Recommended(stood, answer, asks.region, exams, earliest(stood.exam_date, answer), answer.due)


def same_time(draft: Order, other: Order, today: date) -> bool:
    """Whether two orders may be for the same time: the other names none, or they lie close together.

    A draft that names no time is wanted today.
    """
    days = timedelta(days=terms.exams().windows.twice.days)
    first = draft.first or today
    if other.first is None:
        return True
    return first <= (other.last or other.first) + days and other.first <= (draft.last or first) + days


def days_of(order: Order) -> str:
    """The days on which it is wanted, in words; '' where it names none."""
    if order.first is None:
        return ""
    return str(order.first) if order.last in (None, order.first) else f"{order.first} to {order.last}"


def identified(resource: Resource) -> set[tuple[str, str]]:
    """What identifies an order besides its id: the same order in two forms has them in common."""
    listed: Any = resource.get("identifier")
    found = (i for i in listed if isinstance(i, dict)) if isinstance(listed, list) else ()
    return {(str(i.get("system", "")), str(i["value"])) for i in found if i.get("value")}
