"""The services for order-select, order-sign and order-dispatch: the same check on the orders that each hook names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..fhir.pseudonym import patient_key
from .chart import Chart, chart_of, is_about
from .errors import data_lacking
from .governed import governed
from .order_cards import rating, saying_of_order
from .orders import Order, order_of, recommendations
from .request import Context, OrderDispatchContext, OrderSelectContext, OrderSignContext, is_id
from .response import CdsResponse
from .saying import answered
from .seam import Asked, Datum, Resource
from .standing import standing
from .verdict import Fit, Verdict, verdict

KEYS = ("patient", "conditions", "observations", "reports", "studies", "orders")
UNSETTLED = (Fit.NOT_KNOWN, Fit.NO_GUIDELINE, Fit.GOVERNED)


def answer_order_select(asked: Asked[OrderSelectContext]) -> CdsResponse:
    """Cards on the selected drafts. Raises: as ``_answer``."""
    drafts = tuple(asked.context.drafts())
    selected = [own for own in map(_selected, asked.context.selections) if own]
    orders = _orders(drafts, asked)
    return _answer(asked, [o for o in orders if o.resource.get("id") in selected], orders, placed=False)


def _selected(reference: str) -> str | None:
    """The id of a selected ServiceRequest; None for a selection of another type."""
    *path, own = reference.removeprefix("urn:uuid:").split("/")
    return own if not path or path[-1] == "ServiceRequest" else None


def answer_order_sign(asked: Asked[OrderSignContext]) -> CdsResponse:
    """Cards on every draft. Raises: as ``_answer``."""
    orders = _orders(asked.context.drafts(), asked)
    return _answer(asked, orders, orders, placed=False)


def answer_order_dispatch(asked: Asked[OrderDispatchContext]) -> CdsResponse:
    """Cards on the orders that are dispatched; these are read where the prefetch does not hold them.

    Raises:
        DataLacking: such an order could not be had; else as ``_answer``.
    """
    wanted = [reference for reference in asked.context.dispatched_orders if "ServiceRequest/" in reference]
    chart = chart_of(asked, *KEYS) if wanted else None
    at_hand = {f"ServiceRequest/{resource.get('id')}": resource for resource in (chart.orders if chart else ())}
    names = [_local(reference) for reference in wanted]
    read = asked.data.read(*(name for name in names if name not in at_hand))
    dispatched = _orders([at_hand.get(name) or _whole(asked, read[name]) for name in names], asked)
    return _answer(asked, dispatched, dispatched, placed=True, chart=chart)


def _local(reference: str) -> str:
    """The relative reference in a local or absolute one."""
    name = "/".join(reference.split("/_history/", maxsplit=1)[0].split("/")[-2:])
    if not is_id(name.removeprefix("ServiceRequest/")):
        raise data_lacking("order-dispatch", "a dispatched order: its reference is none")
    return name


def _whole(asked: Asked[Any], read: Datum) -> Resource:
    """An order that was read."""
    if read.value is None or read.value.get("resourceType") != "ServiceRequest":
        raise data_lacking("order-dispatch", f"a dispatched order: {read.lacking or 'it was not found'}")
    if not is_about(read.value, asked.context.patient_id):
        raise data_lacking("order-dispatch", "a dispatched order: it does not say that it is of this patient")
    return read.value


def _orders(resources: Iterable[Resource], asked: Asked[Any]) -> list[Order]:
    """Orders about the patient; a draft need not say whom it is about."""
    mine = (resource for resource in resources if is_about(resource, asked.context.patient_id) is not False)
    found = (order_of(resource, asked.settings.order_codes) for resource in mine)
    return [order for order in found if order is not None]


def _answer(
    asked: Asked[Context],
    orders: Sequence[Order],
    drafts: Sequence[Order],
    *,
    placed: bool,
    chart: Chart | None = None,
) -> CdsResponse:
    """Cards and ratings for orders.

    Raises:
        DataLacking: nothing can be said of an imaging order, because data could not be had.
        StoreUnavailable, NotReadable: the store.
    """
    if not any(order.exam for order in orders):
        return answered(asked, (), _ratings(asked, [Verdict(order, Fit.NO_GUIDELINE) for order in orders]))
    chart = chart or chart_of(asked, *KEYS)
    stood = standing(asked.records, patient_key(asked.context.patient_id))
    recommended, taken = recommendations(stood, chart), governed(stood, asked.today)
    standing_orders = _orders(chart.orders, asked)
    found = [
        verdict(order, [*_before(order, orders, drafts), *standing_orders], recommended, chart, asked.today, taken)
        for order in orders
    ]
    patient = asked.context.patient_id
    told = [saying_of_order(one, patient, asked.today, placed=placed) for one in found if not _blind(one)]
    sayings = [saying for saying in told if saying is not None]
    ratings = _ratings(asked, found)
    lacking = next((one.lacking for one in found if _blind(one)), "")
    if lacking and not sayings and not ratings:
        raise data_lacking(asked.call.hook, lacking)
    return answered(asked, sayings, ratings, (*chart.not_looked_at(*KEYS), *chart.notes))


def _before(order: Order, judged: Sequence[Order], drafts: Sequence[Order]) -> list[Order]:
    """The other drafts; of those that are judged too, only the earlier ones: of two doubles one is to go, not both."""
    place = next(i for i, one in enumerate(judged) if one is order)
    later = {id(one.resource) for one in judged[place:]}
    return [draft for draft in drafts if id(draft.resource) not in later]


def _blind(found: Verdict) -> bool:
    """Whether data that could not be had would be needed to say anything of the order."""
    return bool(found.lacking) and found.fit in UNSETTLED


def _ratings(asked: Asked[Any], found: Sequence[Verdict]) -> list[Any]:
    if not asked.settings.pama:
        return []
    return [action for action in (rating(one, asked) for one in found) if action is not None]
