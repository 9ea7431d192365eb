"""The service for the hook patient-view: the newest stored decision of the patient, as one card.

Nothing is inferred here: decisions are made when images and reports arrive, and looked up when a
chart is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from uuid import NAMESPACE_URL, uuid5

from ...engine.record import DecisionLog, ReviewQueue
from ..fhir.pseudonym import patient_key
from .card import card_of, newest
from .request import PatientViewRequest
from .response import CdsResponse, Service

PATIENT_VIEW = Service(
    hook="patient-view",
    id="radlogic-patient-view",
    title="Imaging follow-up by guideline",
    description="Shows the latest stored guideline decision on the patient's imaging: category, management, "
    "when follow-up is due or overdue, and whether a radiologist still has to review it.",
)


@dataclass(frozen=True, slots=True)
class Records:
    """What services look up: stored decisions, the review queue, and today's date."""

    log: DecisionLog
    queue: ReviewQueue
    clock: Callable[[], date]


def answer_patient_view(request: PatientViewRequest, records: Records) -> CdsResponse:
    """One card, or none where nothing is stored for that patient."""
    stored = records.log.of_patient(patient_key(request.context.patient_id))
    chosen = newest(stored)
    if chosen is None:
        return CdsResponse(cards=())
    decision_id = chosen.record.decision_id
    card = card_of(
        chosen,
        others=len(stored) - 1,
        waiting=records.queue.waits(decision_id),
        as_of=records.clock(),
        uuid=uuid5(NAMESPACE_URL, f"urn:radlogic:card:{request.hook_instance}:{decision_id}"),  # a retry, the same card
    )
    return CdsResponse(cards=(card,))
