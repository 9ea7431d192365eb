"""The service for patient-view: follow-up by stored decisions, what waits for review, and eligibility.

Nothing is inferred here: decisions are made when images and reports arrive, and looked up when a chart is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from ..fhir.pseudonym import patient_key
from . import overdue
from .card import due_soon, saying_of
from .chart import Chart, chart_of
from .eligibility import liver_surveillance, lung_screening
from .errors import data_lacking
from .followed import follow_up
from .governed import governed, newest
from .orders import Order, Recommended, order_of, recommendations
from .request import PatientViewContext
from .response import CdsResponse, Indicator
from .saying import Offer, Saying, answered
from .seam import Asked, Records
from .standing import Stood, standing
from .suggest import create

__all__ = ["Records", "answer_patient_view", "newest"]

KEYS = ("patient", "conditions", "observations", "reports", "studies", "orders")
LISTS = ("reports", "studies", "orders")  # without which an order may be one too many


def answer_patient_view(asked: Asked[PatientViewContext]) -> CdsResponse:
    """Cards on follow-up, review and eligibility; none where there is nothing to say.

    Raises:
        DataLacking: nothing is stored, and the data from which eligibility follows could not be had.
        StoreUnavailable, NotReadable: the store.
    """
    stood = standing(asked.records, patient_key(asked.context.patient_id))
    chart = chart_of(asked, *KEYS)
    if chart.deceased:
        return answered(asked, ())
    late = overdue.listed(asked, stood, chart)
    eligible, lacking = _eligible(asked, chart, governed(stood, asked.today) | {one.region for one in late})
    if lacking and not stood and not late and not eligible:
        raise data_lacking("patient-view", lacking)
    sayings = [*_follow_up(asked, stood, chart), *overdue.sayings(late), *_waiting(stood), *eligible]
    notes = [f"Eligibility was not looked at, or not wholly: {lacking}."] if lacking else []
    others = [key for key in KEYS if f"{key}: {chart.lacking.get(key)}" not in lacking.split("; ")]
    return answered(asked, sayings, notes=(*notes, *chart.not_looked_at(*others), *chart.notes))


def _follow_up(asked: Asked[PatientViewContext], stood: tuple[Stood, ...], chart: Chart) -> Iterator[Saying]:
    recommended = recommendations(stood, chart)
    for region, (one, answers) in newest(stood).items():
        asks = recommended.get(region)
        asks = asks if asks is not None and asks.stood is one else None
        ordered = _ordered(asks, asked, chart) if asks else None
        yield saying_of(
            one,
            answers,
            others=len(stood) - 1,
            as_of=asked.today,
            followed={answer.guideline: follow_up(one, answer, chart) for answer in answers},
            ordered=ordered,
            offers=_offers(asks, asked, chart) if asks is not None and ordered is None else (),
        )


def _ordered(asks: Recommended, asked: Asked[PatientViewContext], chart: Chart) -> Order | None:
    """An order that stands for what is recommended."""
    found = (order_of(resource, asked.settings.order_codes) for resource in chart.orders)
    return next((order for order in found if order is not None and asks.is_for(order, asked.today)), None)


def _offers(asks: Recommended, asked: Asked[PatientViewContext], chart: Chart) -> tuple[Offer, ...]:
    """A draft of the recommended exam, once it is due within the time in which an appointment can still be had.

    What a radiologist still has to look at is not acted on with one click; nor is what may be ordered or made
    already, because orders and exams were not wholly looked at, or an exam may be the follow-up.
    """
    if asks.stood.review_required or not due_soon(asks.answer, asked.today):
        return ()
    if chart.unseen(*LISTS) or follow_up(asks.stood, asks.answer, chart).may_be_made:
        return ()
    return (Offer(f"Draft an order: {asks.words}", (create(asks, asked.context.patient_id, asked.today),)),)


def _waiting(stood: tuple[Stood, ...]) -> Iterator[Saying]:
    """Of older decisions, those that still wait for review: the newest ones say so themselves."""
    shown = {one.decision_id for one, _ in newest(stood).values()}
    left = [one for one in stood if one.waiting and one.review_required and one.decision_id not in shown]
    if left:
        first, many = left[0], len(left)
        what = f"{many} earlier decisions wait" if many > 1 else "An earlier decision waits"
        days = ", ".join(str(one.exam_date or "an unknown day") for one in left)
        yield Saying(
            about="review",
            topic="review",
            summary=(f"{what} for a radiologist's review.",),
            detail=(f"Of the exam{'s' * (many > 1)} of {days}; preliminary, nobody has signed.",),
            indicator=Indicator.WARNING,
            source="",
            decision_id=first.decision_id,
            sequence=first.sequence,
        )


def _eligible(asked: Asked[PatientViewContext], chart: Chart, taken: Set[str]) -> tuple[list[Saying], str]:
    """What is said of screening and surveillance, but for regions whose follow-up is the next step (``taken``), and
    why something is not."""
    parts = [(region, judge) for region, judge in (("chest", lung_screening), ("liver", liver_surveillance))]
    found = [judge(chart, asked.today) for region, judge in parts if region not in taken]
    lacking = "; ".join(dict.fromkeys(part for _, why in found for part in why.split("; ") if part))
    return [saying for saying, _ in found if saying is not None], lacking
