"""The OpenAPI 3.1 document of what other machines call: CDS Hooks, health and counters; not of the pages for people.

Built from the services on offer and their models, so that it cannot promise what is not there. Each service has a path
of its own, for each reads another body. The examples are recorded calls with their answers
(``knowledge/cds/examples.json``). The same for all sites; ``docs/openapi.json`` is it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from .cds_hooks.offers import Offered, offers
from .cds_hooks.trust.guard import SERVICES
from .monitor.metrics import CONTENT_TYPE
from .openapi_examples import Example, examples_of, feedback_on
from .openapi_schemas import Schema, call_name, ref, schemas

INTERFACE = "1.0.0"  # version of the interface, not of the product
JSON = "application/json"
ABOUT = """What an EHR and a monitoring system call: clinical decision support for radiology by guideline, over
CDS Hooks 2.0 and FHIR R4. Clients may send what CDS Hooks 3.0 adds.

`GET /cds-services` lists the services with what to prefetch. Every call brings a token that the client signed
(`Authorization: Bearer`); a refusal is an OperationOutcome. Nothing is inferred in a call: decisions are looked up."""
BEARER: Schema = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A JSON web token as CDS Hooks 2.0 has it: signed with an asymmetric algorithm by a client that the "
    "site lists; `aud` is the address that is called; each is used once.",
}
REFUSALS = {  # status -> name, what it means
    "400": ("BadRequest", "Not what is allowed there: the field, and what is allowed."),
    "401": ("Unauthorized", "The token is not believed; why is in the service's log only."),
    "403": ("AnotherServer", "The call names another FHIR server than the one whose patients' decisions are kept."),
    "404": ("NotFound", "No such service; or feedback, where the service keeps none."),
    "412": ("DataLacking", "Data that the answer needs were neither sent nor could be fetched; the queries are named."),
    "413": ("TooLarge", "The body is larger than the site allows."),
    "415": ("NoJson", "The body is not sent as application/json; looked at where clients are not verified."),
    "429": ("TooManyCalls", "Too many calls; wait."),
    "500": ("Fault", "A fault of the service; its log says where."),
    "503": ("Unavailable", "The store cannot be read or written just now; try again later."),
}
HEADERS: dict[str, dict[str, Schema]] = {
    "401": {"WWW-Authenticate": {"schema": {"const": "Bearer"}}},
    "503": {"Retry-After": {"description": "Seconds; not on every such answer.", "schema": {"type": "string"}}},
    "429": {"Retry-After": {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}},
}
OF_CALL = ("400", "401", "403", "404", "412", "413", "415", "429", "500", "503")
OF_FEEDBACK = ("400", "401", "404", "413", "415", "429", "500", "503")
OF_DISCOVERY = ("401", "413", "429", "500", "503")


@lru_cache(maxsize=1)
def text() -> str:
    """The document as JSON, as it is served and committed.

    Raises:
        MissingKnowledge: the services' data are absent or broken.
    """
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> dict[str, Any]:
    """The document.

    Raises:
        MissingKnowledge: the services' data are absent or broken.
    """
    answers = {name: _refusal(status, about) for status, (name, about) in REFUSALS.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "radlogic", "version": INTERFACE, "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "externalDocs": {"description": "CDS Hooks 2.0", "url": "https://cds-hooks.hl7.org/2.0/"},
        "tags": [
            {"name": "CDS Hooks", "description": "Discovery, calls and feedback."},
            {"name": "operations", "description": "Health and counters."},
        ],
        "security": [{"client": []}],
        "paths": _paths(),
        "components": {"securitySchemes": {"client": BEARER}, "responses": answers, "schemas": schemas()},
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {SERVICES: {"get": _discovery()}}
    for one in offers().values():
        paths[f"{SERVICES}/{one.service.id}"] = {"post": _call(one)}
        paths[f"{SERVICES}/{one.service.id}/feedback"] = {"post": _feedback(one)}
    return paths | _operations()


def _discovery() -> dict[str, Any]:
    answer = {"description": "The services on offer, the same for all callers.", "content": _json(ref("Discovery"))}
    return {
        "tags": ["CDS Hooks"],
        "operationId": "discover",
        "summary": "The services on offer",
        "description": "A site may let anybody ask.",
        "responses": {"200": answer, **_refused(OF_DISCOVERY)},
    }


def _call(one: Offered) -> dict[str, Any]:
    answered = examples_of(one.service.id, answered=True)
    answer = {
        "description": "Cards, the most urgent first; none where there is nothing to say.",
        "content": _json(ref("CdsResponse"), {call.name: call.answer for call in answered}),
        "links": {"feedback": _link(one)},
    }
    refused = {str(call.status): _shown(call) for call in examples_of(one.service.id, answered=False)}
    return {
        "tags": ["CDS Hooks"],
        "operationId": operation(one),
        "summary": one.service.title or one.service.hook,
        "description": _about(one),
        "requestBody": _body(ref(call_name(one.service.hook)), {call.name: call.request for call in answered}),
        "responses": {"200": answer, **_refused(OF_CALL), **refused},
    }


def _about(one: Offered) -> str:
    service = one.service
    return f"{service.description}\n\nHook: `{service.hook}`. {service.usage_requirements or ''}".strip()


def _feedback(one: Offered) -> dict[str, Any]:
    return {
        "tags": ["CDS Hooks"],
        "operationId": f"{operation(one)}Feedback",
        "summary": f"What became of cards: {one.service.title or one.service.hook}",
        "description": "May be sent again: each outcome is kept once.",
        "requestBody": _body(ref("Feedback"), feedback_on(examples_of(one.service.id, answered=True))),
        "responses": {"200": {"description": "Kept."}, **_refused(OF_FEEDBACK)},
    }


def operation(one: Offered) -> str:
    """The operationId of a service's call: "order-sign" -> "orderSign"."""
    name = call_name(one.service.hook).removesuffix("Call")
    return name[0].lower() + name[1:]


def _operations() -> dict[str, Any]:
    return {
        "/healthz": {"get": _open("alive", "Whether the process answers", {"200": _status("It does.", "ok")})},
        "/readyz": {
            "get": _open(
                "ready",
                "Whether calls can be answered now",
                {"200": _status("They can.", "ready"), "503": _status("They cannot.", "not ready", "lacking")},
            )
        },
        "/metrics": {
            "get": _open(
                "metrics",
                "Counters of this process, for Prometheus",
                {
                    "200": {
                        "description": "Text exposition format; no label names a patient or a person.",
                        "content": {CONTENT_TYPE: {"schema": {"type": "string"}}},
                    },
                },
            )
        },
    }


def _open(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    """An operation that needs no token."""
    return {"tags": ["operations"], "operationId": name, "summary": summary, "security": [], "responses": responses}


def _status(about: str, said: str, *more: str) -> dict[str, Any]:
    properties = {"status": {"const": said}, **{name: {"type": "string"} for name in more}}
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"description": about, "content": _json(schema)}


def _json(schema: Schema, shown: dict[str, Any] | None = None) -> dict[str, Any]:
    named = {"examples": {_key(name): {"summary": name, "value": value} for name, value in (shown or {}).items()}}
    return {JSON: {"schema": schema, **(named if shown else {})}}


def _key(name: str) -> str:
    """The name of an example as OpenAPI allows it."""
    return "-".join("".join(c if c.isalnum() else " " for c in name).split())


def _body(schema: Schema, shown: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": _json(schema, shown)}


def _refused(statuses: Sequence[str]) -> dict[str, Any]:
    return {status: {"$ref": f"#/components/responses/{REFUSALS[status][0]}"} for status in statuses}


def _refusal(status: str, about: str) -> dict[str, Any]:
    headers = {"headers": HEADERS[status]} if status in HEADERS else {}
    return {"description": about, **headers, "content": _json(ref("OperationOutcome"))}


def _shown(call: Example) -> dict[str, Any]:
    """A refusal with an example of its own."""
    content = _json(ref("OperationOutcome"), {call.name: call.answer})
    return {"description": REFUSALS[str(call.status)][1], "content": content}


def _link(one: Offered) -> dict[str, Any]:
    """From a card to its feedback."""
    outcome = {"outcome": "overridden", "outcomeTimestamp": "2025-06-20T09:30:00Z"}
    reason = {"overrideReason": {"userComment": "already discussed"}}
    return {
        "operationId": f"{operation(one)}Feedback",
        "description": "What became of the first card.",
        "requestBody": {"feedback": [{"card": "$response.body#/cards/0/uuid", **outcome, **reason}]},
    }
