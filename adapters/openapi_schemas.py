"""The JSON schemas of the machine interface: those of our models, and what the models check beyond their types.

JSON Schema 2020-12, as OpenAPI 3.1 has it. What is read is described as leniently as it is read; what is answered as
strictly as it is made. A test holds the schemas against the service in both directions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from .cds_hooks.feedback import Feedback
from .cds_hooks.offers import offers
from .cds_hooks.request import MOST_ORDERS
from .cds_hooks.response import CdsResponse, Discovery
from .fhir.pseudonym import PATIENT_ID

Schema = dict[str, Any]
PLACE = "#/components/schemas/"
DISPATCHED = ("dispatchedOrders", "dispatched-orders", "order")  # the first that is there counts


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": PLACE + name}


def schemas() -> dict[str, Schema]:
    """All schemas of the document by name; that of a service's call is ``call_name(hook)``."""
    read = _made([(one.call, "validation") for one in offers().values()] + [(Feedback, "validation")], _Read)
    sent = _made([(CdsResponse, "serialization"), (Discovery, "serialization")], _Sent)
    made = read | sent | {"OperationOutcome": OUTCOME}
    for hook, name in _calls():
        made[call_name(hook)] = _call(made.pop(name), hook)
    for path, more in BEYOND.items():
        name, _, field = path.partition(".")
        (made[name]["properties"][field] if field else made[name]).update(more)
    _take_one_for_many(made["OrderSelectContext"]["properties"], "selections")
    _take_older_names(made["OrderDispatchContext"])
    return dict(sorted(made.items()))


def call_name(hook: str) -> str:
    """The name of the schema of a hook's call: "order-sign" -> "OrderSignCall"."""
    return "".join(word.capitalize() for word in hook.rpartition(".")[2].split("-")) + "Call"


def _calls() -> Iterator[tuple[str, str]]:
    for one in offers().values():
        context = one.call.model_fields["context"].annotation
        yield one.service.hook, f"Call_{getattr(context, '__name__', '')}_"


def _call(schema: Schema, hook: str) -> Schema:
    properties = schema["properties"] | {
        "hook": {"const": hook},
        "prefetch": {"type": ["object", "null"], "description": "Key of the discovery document -> resource or null."},
    }
    return {**schema, "description": f"A call for the hook {hook}.", "properties": properties}


def _take_one_for_many(properties: Schema, name: str) -> None:
    """A list, or one text in its place, as older clients send it."""
    schema = properties[name]
    most = schema.get("maxItems", schema["maxLength"])  # the generator says of a list how long its text may be
    listed = {said: value for said, value in schema.items() if said != "maxLength"}
    properties[name] = {"anyOf": [{**listed, "maxItems": most}, schema["items"]]}


def _take_older_names(context: Schema) -> None:
    """The orders, by the name that they have in the hook today, or by one that they had."""
    _take_one_for_many(context["properties"], DISPATCHED[0])
    orders = context["properties"].pop(DISPATCHED[0])
    context["required"].remove(DISPATCHED[0])
    older = {name: {"description": f"Older clients' name of `{DISPATCHED[0]}`."} for name in DISPATCHED[1:]}
    said = {"description": "The orders that are sent out. They must be there under one of their names."}
    context["properties"] |= {DISPATCHED[0]: orders | said, **older}
    context["anyOf"] = [
        {"properties": dict.fromkeys(DISPATCHED[:place], False) | {name: orders}, "required": [name]}
        for place, name in enumerate(DISPATCHED)
    ]


class _Read(GenerateJsonSchema):
    """Of what is read; names say enough, so that fields get no titles."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """None is."""
        return False


class _Sent(_Read):
    """Of what is answered: an attribute without value is left out, never null."""

    def nullable_schema(self, schema: Any) -> Schema:
        """The schema of what is there."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> Schema:
        """The same: that nothing is the default need not be said."""
        return self.generate_inner(schema["schema"])


def _made(models: list[Any], how: type[GenerateJsonSchema]) -> dict[str, Schema]:
    _, found = models_json_schema(models, ref_template=PLACE + "{model}", schema_generator=how)
    made: dict[str, Schema] = found["$defs"]
    for schema in made.values():
        schema.pop("title", None)
        if "description" in schema:
            schema["description"] = _on_the_wire(schema["description"])
    return made


def _on_the_wire(said: str) -> str:
    """A docstring's words: names as they are sent, and one back tick where reStructuredText has two."""
    return re.sub(r"``([a-z]+(?:_[a-z]+)+)``", lambda name: f"`{to_camel(name[1])}`", said).replace("``", "`")


def _where(field: str, value: str, then: Schema) -> Schema:
    return {"if": {"properties": {field: {"const": value}}, "required": [field]}, "then": then}


_ID = {"pattern": rf"^{PATIENT_ID}$", "not": {"pattern": r"^\.+$"}, "description": "Patient.id alone."}
_DRAFTS = {
    "description": "A Bundle of drafts; its type may be left out.",
    "properties": {"entry": {"maxItems": MOST_ORDERS}},
}
_NAMES = {  # cds-resp-2
    "oneOf": [
        {"properties": {"type": {"enum": ["create", "update"]}, "resourceId": False}, "required": ["resource"]},
        {"properties": {"type": {"const": "delete"}, "resource": False}, "required": ["resourceId"]},
    ]
}
_ONE_RECOMMENDED = {
    "contains": {"properties": {"isRecommended": {"const": True}}, "required": ["isRecommended"]},
    "minContains": 0,
    "maxContains": 1,
}
_NOTHING = {"type": "object", "maxProperties": 0}
# What validators of the models check and types do not say; by schema, or by schema and field.
BEYOND: dict[str, Schema] = {
    "PatientViewContext.patientId": _ID,
    "OrderSelectContext.patientId": _ID,
    "OrderSignContext.patientId": _ID,
    "OrderDispatchContext.patientId": _ID,
    "ReportSignContext.patientId": _ID,
    "OrderSelectContext.draftOrders": _DRAFTS,
    "OrderSignContext.draftOrders": _DRAFTS,
    "ReportSignContext.report": {
        "description": "The DiagnosticReport about to be signed, of the patient in context.",
        "properties": {"resourceType": {"const": "DiagnosticReport"}},
        "required": ["resourceType"],
    },
    "ReportSignContext.findings": {
        "description": "In the form of `radlogic classify`, with the name of the guideline beside it.",
        "properties": {"guideline": {"type": "string", "minLength": 1}},
        "required": ["guideline"],
    },
    "Outcome.outcomeTimestamp": {"description": "A time that has passed, UTC."},
    "Authorization.expires_in": {"anyOf": [{}], "description": "Seconds; what is no number counts as not said."},
    "Outcome.overrideReason": {"anyOf": [ref("OverrideGiven"), _NOTHING, {"type": "null"}]},
    "OverrideGiven.reason": {"anyOf": [ref("Reason"), _NOTHING, {"type": "null"}]},
    "OverrideGiven": {  # cds-fb-3
        "anyOf": [
            {"properties": {"reason": {"type": "object", "minProperties": 1}}, "required": ["reason"]},
            {"properties": {"userComment": {"type": "string", "minLength": 1}}, "required": ["userComment"]},
        ]
    },
    "Outcome": {  # cds-fb-2
        "anyOf": [
            {
                "properties": {"outcome": {"const": "accepted"}, "acceptedSuggestions": {"minItems": 1}},
                "required": ["acceptedSuggestions"],
            },
            {"properties": {"outcome": {"const": "overridden"}}},
        ]
    },
    "Action": _NAMES,
    "SystemAction": _NAMES,
    "Action.resource": {"required": ["resourceType"]},
    "SystemAction.resource": {"required": ["resourceType"]},
    "Link": {"anyOf": [{"properties": {"type": {"const": "smart"}}}, {"properties": {"appContext": False}}]},
    "CdsResponse.systemActions": {"minItems": 0, "description": "Empty only where the site keeps to Da Vinci CRD."},
    "Card": {  # cds-resp-6, cds-resp-1
        "dependentRequired": {"suggestions": ["selectionBehavior"]},
        **_where("selectionBehavior", "at-most-one", {"properties": {"suggestions": _ONE_RECOMMENDED}}),
    },
}
OUTCOME: Schema = {
    "type": "object",
    "description": "FHIR R4: why there is no answer. It never quotes what was sent.",
    "properties": {
        "resourceType": {"const": "OperationOutcome"},
        "issue": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "severity": {"const": "error"},
                    "code": {"type": "string", "minLength": 1, "description": "http://hl7.org/fhir/issue-type"},
                    "diagnostics": {"type": "string", "minLength": 1},
                    "expression": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
                },
                "required": ["severity", "code"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["resourceType", "issue"],
    "additionalProperties": False,
}
