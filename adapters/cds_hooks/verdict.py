"""An imaging order held against what is known: does it fit, and if not, why.

The windows are data (``knowledge/cds/exams.yaml``), each with the reason for its value; the recommendation is the
decision's, the criteria are the programme's. Nothing is decided anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from . import terms
from .chart import Chart, Made
from .eligibility import Judged, judged
from .orders import Order, Recommended, identified, same_time

LISTS = ("orders", "reports", "studies")  # queries without which "not ordered twice" cannot be said


class Fit(StrEnum):
    """What became of an order."""

    FITS = "fits"
    TWICE = "duplicate"
    EARLY = "too-early"
    LATE = "too-late"
    OTHER_EXAM = "other-exam"
    NOT_ELIGIBLE = "not-eligible"
    NOT_KNOWN = "not-known"  # criteria apply, and what they need is not in the record
    NO_GUIDELINE = "no-guideline"
    GOVERNED = "governed"  # a decision speaks of the region, and names no exam: it is open, or was carried out


FITTING = (Fit.FITS, Fit.LATE)
UNFIT = (Fit.TWICE, Fit.EARLY, Fit.OTHER_EXAM, Fit.NOT_ELIGIBLE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An order with what was found of it, and what that rests on.

    ``twin``: the order or exam of which it is the double. ``lacking``: what could not be had and may change it.
    """

    order: Order
    fit: Fit
    recommended: Recommended | None = None
    twin: Order | Made | None = None
    screened: Judged | None = None
    lacking: str = ""


def verdict(
    order: Order,
    others: Sequence[Order],
    recommended: Mapping[str, Recommended],
    chart: Chart,
    today: date,
    governed: Collection[str] = (),
) -> Verdict:
    """What becomes of an order.

    Args:
        order: the order.
        others: every other order that stands or is drafted with it.
        recommended: by region, the recommendations in force.
        chart: the patient's chart.
        today: the day of the question.
        governed: the regions of which a stored decision speaks: no order for them is one of screening.
    """
    if order.exam is None:
        return Verdict(order, Fit.NO_GUIDELINE)
    mine = [recommended[region] for region in order.regions if region in recommended]
    twin = next((other for other in others if _double(order, other, mine, today)), None)
    if twin is not None:
        return Verdict(order, Fit.TWICE, next(iter(mine), None), twin)
    fitting = next((r for r in mine if order.exam in r.exams), None)
    if fitting is not None:
        return Verdict(order, _in_time(order, fitting, today), fitting)
    if mine:
        return Verdict(order, Fit.OTHER_EXAM, mine[0])
    return _without_recommendation(order, chart, today, governed)


def _double(order: Order, other: Order, mine: Sequence[Recommended], today: date) -> bool:
    """Whether it is a second order of the same exam, and not the same order in another form.

    One that was written before the exam on which a recommendation rests is no order for what is recommended.
    """
    if other.exam != order.exam or other.resource is order.resource or not same_time(order, other, today):
        return False
    asked = [recommended for recommended in mine if order.exam in recommended.exams]
    if other.first is None and asked and not any(recommended.is_for(other, today) for recommended in asked):
        return False
    same_reference = order.reference and order.reference == other.reference
    return not same_reference and not identified(order.resource) & identified(other.resource)


def _in_time(order: Order, recommended: Recommended, today: date) -> Fit:
    first = max(order.first, today) if order.first else today
    last = order.last or first
    if recommended.earliest is not None and last < recommended.earliest:
        return Fit.EARLY
    if order.first is None:
        return Fit.FITS
    latest = recommended.latest(today)
    return Fit.LATE if latest is not None and order.first > latest else Fit.FITS


def _without_recommendation(order: Order, chart: Chart, today: date, governed: Collection[str]) -> Verdict:
    made = _just_made(order, chart, today)
    if made is not None:
        return Verdict(order, Fit.TWICE, twin=made)
    lacking = "; ".join(f"{name}: {chart.lacking[name]}" for name in LISTS if name in chart.lacking)
    if not set(governed).isdisjoint(order.regions):
        return Verdict(order, Fit.GOVERNED, lacking=lacking)
    known = terms.exams().screening
    if order.exam != known.exam:
        return Verdict(order, Fit.NO_GUIDELINE, lacking=lacking)
    found = judged(known.programme, chart, today)
    if not found.known:
        return Verdict(order, Fit.NOT_KNOWN, screened=found, lacking=found.lacking)
    return Verdict(order, Fit.FITS if found.eligible else Fit.NOT_ELIGIBLE, screened=found)


def _just_made(order: Order, chart: Chart, today: date) -> Made | None:
    """An exam of the same kind shortly before the order is wanted."""
    wanted = max(order.first, today) if order.first else today
    since = wanted - timedelta(days=terms.exams().windows.twice.days)
    same = (m for m in chart.made if m.exam == order.exam and m.when and since <= m.when.first <= wanted)
    return max(same, key=lambda m: m.when.first if m.when else date.min, default=None)
