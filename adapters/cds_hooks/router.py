"""The HTTP face of CDS Hooks 2.0: discovery and calls. A new hook is one more ``Offer``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from .outcome import malformed, refusal
from .patient_view import PATIENT_VIEW, Records, answer_patient_view
from .request import PatientViewRequest
from .response import CdsResponse, Discovery, Service

BODY_LIMIT = 1 << 20  # bytes; nothing is asked to be prefetched, so a call is a few kilobytes


@dataclass(frozen=True, slots=True)
class Offer:
    """One service: how it presents itself, what it reads, how it answers."""

    service: Service
    request: type[BaseModel]
    answer: Callable[[Any, Records], CdsResponse]


OFFERS = {offer.service.id: offer for offer in (Offer(PATIENT_VIEW, PatientViewRequest, answer_patient_view),)}


async def limited_body(request: Request) -> bytes:
    """The body, never more than ``BODY_LIMIT`` bytes of it in memory.

    Raises:
        HTTPException: 413, it is larger; 400, the client went away.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_LIMIT:
                raise HTTPException(413, f"the body is larger than {BODY_LIMIT} bytes")
    except ClientDisconnect as gone:
        raise HTTPException(400, "the body was cut short") from gone
    return bytes(body)


def cds_routes(records: Records) -> APIRouter:
    """Discovery and calls over these records."""
    router = APIRouter(prefix="/cds-services", tags=["CDS Hooks"])

    @router.get("", response_model=Discovery)
    def discover() -> JSONResponse:
        """The services on offer."""
        return JSONResponse(Discovery(services=tuple(offer.service for offer in OFFERS.values())).as_json())

    @router.post("/{service_id}", response_model=CdsResponse)
    def call(service_id: str, body: Annotated[bytes, Depends(limited_body)]) -> JSONResponse:
        """One call of one service."""
        offer = OFFERS.get(service_id)
        if offer is None:
            return refusal(404, "no such service; GET /cds-services lists those on offer")
        try:
            request = offer.request.model_validate_json(body)
        except ValidationError as error:
            return malformed(error)
        return JSONResponse(offer.answer(request, records).as_json())

    return router
