"""The HTTP face of CDS Hooks: discovery, calls and feedback.

Trust plugs in as ``verify``, data as ``Records.fetching`` (see ``seam``). A service refuses with the errors of the
readers and the store; which status that is stands here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ...engine.errors import BadValue, InputError, NotReadable
from ..fhir.errors import NestedTooDeep, NotJson
from ..operations.calls import note
from ..operations.tracing import span
from ..store.database import waiting_at_most
from ..store.errors import StoreUnavailable
from .chart import datum
from .errors import DataLacking
from .feedback import Feedback, keep
from .offers import Offered, discovery, offers
from .outcome import issue, malformed, outcome, refusal
from .request import parsed
from .response import CdsResponse
from .seam import UNVERIFIED, Asked, Client, Data, Records, Server, Verify
from .trust.settings import CdsTrust
from .trust.urls import same
from .turns import turn

Answer = TypeVar("Answer", bound=Response)
FIELD = re.compile(r"[\w.\[\] ,-]{1,100}", re.ASCII)  # a path that may be named; any other may be what was sent
LOCK_S = 0.5  # for which a call waits for another's lock on the store: as long as CDS Hooks gives an answer
ANOTHER_SERVER = (
    "fhirServer: the decisions kept here are about the patients of another FHIR server, so that none is told and "
    "nothing is said; the service must list this server (docs/cds-trust.md)"
)
LARGEST_BODY = CdsTrust().body_bytes
NO_SERVICE = "no such service; GET /cds-services lists those on offer"


def unverified(_: Request) -> Client:
    """The ``Verify`` of a service that asks nobody who they are."""
    return UNVERIFIED


def cds_routes(records: Records, verify: Verify = unverified, body_bytes: int = LARGEST_BODY) -> APIRouter:
    """Discovery, calls and feedback over these records, for clients that ``verify`` lets in.

    The routes read their requests themselves: what the framework does to find out what each wants costs a call a
    tenth of its time. Who calls is soon said; what may wait, for the store or for a server, does so in a thread.
    """
    router = APIRouter(prefix="/cds-services", tags=["CDS Hooks"])

    @router.get("", response_model=None)
    async def discover(request: Request) -> JSONResponse:
        """The services on offer."""
        verify(request)
        return JSONResponse(discovery().as_json())

    @router.post("/{service_id}", response_model=None)
    async def call(request: Request) -> Response:
        """One call of one service."""
        name, client, body = *_who(request, verify), await _limited(request, body_bytes)
        return await run_in_threadpool(_counted, records, name, lambda: _in_turn(records, name, client, body))

    @router.post("/{service_id}/feedback", response_model=None)
    async def feedback(request: Request) -> Response:
        """What became of cards."""
        name, client, body = *_who(request, verify), await _limited(request, body_bytes)
        told = f"{name}/feedback"
        return await run_in_threadpool(_counted, records, told, lambda: _feedback(records, name, client, body))

    return router


def _who(request: Request, verify: Verify) -> tuple[str, Client]:
    """The service that is called, and who calls it."""
    return request.path_params["service_id"], verify(request)


async def _limited(request: Request, limit: int) -> bytes:
    """The body, never more than the limit of it in memory.

    Raises:
        HTTPException: 413, it is larger; 400, the client went away.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise HTTPException(413, f"the body is larger than {limit} bytes")
    except ClientDisconnect as gone:
        raise HTTPException(400, "the body was cut short") from gone
    return bytes(body)


def _counted(records: Records, service: str, answer: Callable[[], Answer]) -> Answer:
    """The answer; that it was given, with which status and in which time, is counted."""
    begun, status = time.perf_counter(), 500
    try:
        with waiting_at_most(LOCK_S):
            response = answer()
        status = response.status_code
    except StoreUnavailable:
        status = 503
        raise
    finally:
        records.counts.observe_cds(service, status, time.perf_counter() - begun)
    return response


def _in_turn(records: Records, service_id: str, client: Client, body: bytes) -> JSONResponse:
    with turn():
        return answer_call(records, service_id, client, body)


def answer_call(records: Records, service_id: str, client: Client, body: bytes) -> JSONResponse:
    """One call of one service: its answer, or the refusal; faults of the store are raised."""
    offered = offers().get(service_id)
    if offered is None:
        return refusal(404, NO_SERVICE)
    read = _read(offered.call, body, hook=offered.service.hook)
    if isinstance(read, JSONResponse):
        return read
    note(service=service_id, hook_instance=str(read.hook_instance))
    if not _ours(records, read.fhir_server):
        return outcome(403, [issue("forbidden", ANOTHER_SERVER, "fhirServer")])
    try:
        with span("answer", service=service_id):
            answer = offered.answer(_asked(records, offered, read, client))
    except DataLacking as error:
        return outcome(412, [issue("not-found", f"prefetch: {error.found}. {error.cure}", "prefetch")])
    except NotReadable:  # of the store: a damaged decision is no fault of the client's
        raise
    except InputError as error:
        return _not_allowed(error)
    return _Written(answer)


def _ours(records: Records, named: str | None) -> bool:
    """Whether the store's patients are those of the FHIR server that the call names: Patient.id tells them nowhere
    else. A call that names none is of the one server that the settings allow."""
    return records.bases is None or named is None or any(same(named, base) for base in records.bases)


class _Written(JSONResponse):
    """A message of ours, written by pydantic at once."""

    def render(self, content: CdsResponse) -> bytes:
        return content.as_text().encode()


def _not_allowed(error: InputError) -> JSONResponse:
    """400 with the field and what is allowed there; what was found may be what was sent, and is left out."""
    path = ".".join(filter(None, [error.where, error.field]))
    shown = path if FIELD.fullmatch(path) else "the request body"
    return outcome(400, [issue("value", f"{shown}: not what is allowed there: {error.allowed}", shown)])


def _asked(records: Records, offered: Offered, call: Any, client: Client) -> Asked[Any]:
    sent = {key: datum(value) for key, value in call.prefetch.items()}
    fetch = records.fetching(client, Server(call.fhir_server, call.fhir_authorization))
    return Asked(call, Data(sent, offered.queries(call.context), fetch), records, client)


def _feedback(records: Records, service_id: str, client: Client, body: bytes) -> Response:
    if service_id not in offers() or records.store is None:
        return refusal(404, NO_SERVICE if service_id not in offers() else "feedback is not kept by this service")
    read = _read(Feedback, body)
    if isinstance(read, JSONResponse):
        return read
    try:
        keep(records, records.store, service_id, read, client)
    except BadValue as error:
        return _not_allowed(error)
    return Response(status_code=200)


def _read(model: type[BaseModel], body: bytes, **beside: str) -> Any:
    """The body as a model, or the refusal that says what is wrong with it, without what was sent."""
    try:
        return model.model_validate(parsed(body), context=beside)
    except (NotJson, NestedTooDeep) as error:
        return outcome(400, [issue("structure", f"{error.where}: {error.found}; allowed: {error.allowed}")])
    except ValidationError as error:
        return malformed(error)
