"""The services on offer: what each reads, and which function answers. A new hook is one more line here."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from ...engine.guideline.load import load_guideline
from ...engine.programme import in_force, load_programme
from ..fhir.pause import no_collection
from ..fhir.vocabulary import shipped
from . import terms
from .order_services import answer_order_dispatch, answer_order_select, answer_order_sign
from .patient_view import answer_patient_view
from .report_sign import answer_report_sign
from .request import (
    Call,
    Context,
    OrderDispatchContext,
    OrderSelectContext,
    OrderSignContext,
    PatientViewContext,
    ReportSignContext,
)
from .response import CdsResponse, Discovery, Service
from .seam import Asked, Records
from .standing import edition_of

Answers = Callable[[Asked[Any]], CdsResponse]
ANSWERS: Mapping[str, tuple[type[Context], Answers]] = {  # by hook
    "patient-view": (PatientViewContext, answer_patient_view),
    "order-select": (OrderSelectContext, answer_order_select),
    "order-sign": (OrderSignContext, answer_order_sign),
    "order-dispatch": (OrderDispatchContext, answer_order_dispatch),
    "org.radlogic.imaging-report-sign": (ReportSignContext, answer_report_sign),
}


@dataclass(frozen=True, slots=True)
class Offered:
    """One service: how it presents itself, what it reads, how it answers."""

    service: Service
    call: type[Call[Any]]
    answer: Answers

    def queries(self, context: Context) -> dict[str, str]:
        """The prefetch templates with their tokens filled in; the patient's id is safe in a query."""
        templates = self.service.prefetch or {}
        return {key: text.replace("{{context.patientId}}", context.patient_id) for key, text in templates.items()}


@lru_cache(maxsize=1)
def offers() -> Mapping[str, Offered]:
    """The services by id, in the order of discovery.

    Raises:
        MissingKnowledge: ``knowledge/cds/services.yaml`` is absent or broken.
    """
    known = terms.services()
    return {one.id: _offered(one, known) for one in known.services}


def _offered(one: terms.ServiceTerms, known: terms.ServicesFile) -> Offered:
    context, answer = ANSWERS[one.hook]
    service = Service(
        hook=one.hook,
        id=one.id,
        title=one.title,
        description=one.description,
        prefetch={key: known.queries[key] for key in one.prefetch} or None,
        usage_requirements=one.usage,
        version=known.version,
    )
    return Offered(service, Call[context], answer)  # type: ignore[valid-type]


def warm(records: Records) -> None:
    """Load what the first call would load: value sets, guidelines and programmes, and what was said of cards.

    What is there then lives as long as the process, so that the collector of garbage need not look at it again: each
    of its walks over the guidelines would hold up the calls of that moment by tens of milliseconds. Nor does it look
    once before: of half a million objects it finds some hundreds to be garbage, and a start takes a tenth longer.

    Raises:
        MissingKnowledge: something that an answer needs is absent or broken.
        StoreUnavailable: the store cannot be read.
    """
    with no_collection():
        _load(records, records.clock())
    gc.freeze()
    gc.enable()  # `radlogic serve` leaves it off while it loads


def _load(records: Records, today: date) -> None:
    offers(), terms.reasons(), shipped()
    if records.store is not None:
        records.memory.heeded(records.store, (), today)
    known = terms.exams()
    for name in {*known.recommended, known.surveillance.guideline}:
        load_guideline(edition_of(name, today))
    for programme in (known.screening.programme, known.screening.payer):
        load_programme(in_force(programme, today))


def discovery() -> Discovery:
    """The discovery document: the same for all callers and all times."""
    return Discovery(services=tuple(offered.service for offered in offers().values()))
