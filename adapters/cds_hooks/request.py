"""What an EHR sends to a service of CDS Hooks 2.0 (and 3.0): read leniently.

Fields that we do not know are let in and dropped, so that they are neither kept nor logged. What an answer rests
on is required and checked. The access token is never shown by ``repr``, nor in an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Generic, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel

from ..fhir.errors import NestedTooDeep, NotJson
from ..fhir.pseudonym import PATIENT_ID

DEEPEST = 64  # levels; FHIR's deepest resources have about twenty
PLACE = "the request body"
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ROUND = bytes.maketrans(b"[{]}", b"(())")

Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]


def is_id(value: Any) -> bool:
    """Whether it is a FHIR id: safe in a reference and in the path of a query ("..", which would climb, is none)."""
    return isinstance(value, str) and re.fullmatch(PATIENT_ID, value) is not None and value.strip(".") != ""


def _id(value: str) -> str:
    if not is_id(value):
        raise ValueError("Patient.id alone: 1 to 64 letters, digits, '-', '.' or '_'")
    return value


PatientId = Annotated[str, AfterValidator(_id)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=512)]


def _listed(value: Any) -> Any:
    """A single reference where a list belongs, as older clients send it."""
    return [value] if isinstance(value, str) else value


def _object(value: Any) -> Any:
    """null where an object may be left out."""
    return {} if value is None else value


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


MOST_ORDERS = 500  # drafts of one call; each is held against the others
MOST_DISPATCHED = 50  # each may have to be read from the FHIR server
References = Annotated[tuple[Reference, ...], BeforeValidator(_listed), Field(max_length=MOST_ORDERS)]


class _In(BaseModel):
    """Camel case on the wire, snake case here; fields beyond these are dropped."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True, validate_by_name=False
    )


class Context(_In):
    """What every hook says: whose chart it is. ``patient_id`` is the FHIR ``Patient.id``."""

    patient_id: PatientId
    encounter_id: Any = None


class PatientViewContext(Context):
    """The context of patient-view 1.0."""

    user_id: Name


class DraftOrders(Context):
    """What the order hooks have in common: a Bundle of drafts, whose type clients leave out."""

    user_id: Name
    draft_orders: dict[str, Any]

    @field_validator("draft_orders")
    @classmethod
    def _not_too_many(cls, bundle: dict[str, Any]) -> dict[str, Any]:
        entries = bundle.get("entry")
        if isinstance(entries, list) and len(entries) > MOST_ORDERS:
            raise ValueError(f"at most {MOST_ORDERS} entries")
        return bundle

    def drafts(self) -> Iterator[Mapping[str, Any]]:
        """The draft resources, in their order; entries without one are passed over."""
        entries = self.draft_orders.get("entry")
        for entry in entries if isinstance(entries, list) else ():
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(resource, dict):
                yield resource


class OrderSignContext(DraftOrders):
    """The context of order-sign 1.0."""


class OrderSelectContext(DraftOrders):
    """The context of order-select 1.0; ``selections`` refers to drafts ("ServiceRequest/1")."""

    selections: References


class OrderDispatchContext(Context):
    """The context of order-dispatch 1.1, and of the draft before it, whose ``order`` is one reference."""

    dispatched_orders: References = Field(
        min_length=1,
        max_length=MOST_DISPATCHED,
        validation_alias=AliasChoices("dispatchedOrders", "dispatched-orders", "order"),
    )
    performer: Any = None


class ReportSignContext(Context):
    """The context of ``org.radlogic.imaging-report-sign`` 1.0 (docs/cds-hooks.md).

    ``report``: the DiagnosticReport about to be signed. ``findings``: where the client has them, the reader's
    findings in the form of ``radlogic classify`` with the guideline they are for.
    """

    user_id: Name
    report: dict[str, Any]
    findings: dict[str, Any] | None = None


class Authorization(_In):
    """The token with which the FHIR server may be asked (RFC 6749 names, so no camel case)."""

    model_config = ConfigDict(alias_generator=None)

    access_token: SecretStr | None = None
    token_type: str | None = None
    expires_in: Annotated[float | None, BeforeValidator(_number)] = None
    scope: str | None = None
    subject: str | None = None
    patient: str | None = None


C_co = TypeVar("C_co", bound=Context, covariant=True)


class Call(_In, Generic[C_co]):
    """One call of a service.

    ``hook_instance`` should be a UUID; any short text is taken, for it serves only to tell calls apart.
    """

    hook: Name
    hook_instance: Name
    context: C_co
    fhir_server: Annotated[str, StringConstraints(max_length=2048)] | None = None
    fhir_authorization: Authorization | None = None
    prefetch: Annotated[dict[str, Any], BeforeValidator(_object)] = Field(default_factory=dict)

    @field_validator("hook")
    @classmethod
    def _is_the_services(cls, hook: str, info: ValidationInfo) -> str:
        """The hook that the service is for, which the reader says beside the body: ``context={"hook": ...}``."""
        wanted = (info.context or {}).get("hook", hook)
        if hook != wanted:
            raise ValueError(f"this service is for {wanted}")
        return hook


def parsed(body: bytes) -> Any:
    """JSON (UTF-8) as plain values: finite numbers, whole characters, few levels.

    Raises:
        NotJson: it is none. NestedTooDeep: it has more than ``DEEPEST`` levels.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        cure = "Send JSON."
        raise NotJson(PLACE, "", "text that is not JSON, or is cut short", "JSON in UTF-8", cure) from error
    if not _shallow(body):
        raise NestedTooDeep(PLACE, "", "objects within objects", f"at most {DEEPEST} levels", "Send FHIR R4.")
    return value


def _shallow(body: bytes) -> bool:
    """Whether a JSON text has at most ``DEEPEST`` levels below its first.

    Without escapes every second piece between quotes is a string. Of the brackets that are left each step takes off the
    innermost level: those that close what the sign before them opened.
    """
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"")
    left = b"".join(plain.split(b'"')[::2]).translate(_ROUND, _NO_BRACKETS)
    for _ in range(DEEPEST + 1):
        left = left.replace(b"()", b"")
    return not left


def is_true(value: Any) -> bool:
    """Whether a FHIR boolean is true; some servers send it as text."""
    return value is True or value == "true"
