"""What a service of CDS Hooks 2.0 (and 3.0) answers: valid by construction.

An optional attribute without value is left out, never null or empty (CDS Hooks 2.0, JSON usage):
texts and lists here have at least one element, and ``as_json`` drops what is None. ``cards`` alone
may be empty. The invariants named cds-resp-n are those of HL7's logical models.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

SUMMARY_LIMIT = 140  # a summary is one sentence of fewer characters than this (CDS Hooks 2.0, Card)

Text = Annotated[str, StringConstraints(min_length=1)]
Summary = Annotated[str, StringConstraints(min_length=1, max_length=SUMMARY_LIMIT - 1, pattern=r"^[^\r\n]+$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
Resource = Annotated[dict[str, Any], Field(min_length=1)]


class _Out(BaseModel):
    """Camel case on the wire, snake case here; nothing beyond the named fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    def as_json(self) -> dict[str, Any]:
        """The message as JSON values, without attributes that have no value."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def as_text(self) -> str:
        """The same as JSON text."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class Indicator(StrEnum):
    """How urgent a card is; clients sort and colour by it."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Service(_Out):
    """One service in the discovery answer."""

    hook: Text
    description: Text
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-._]+$")]
    title: Text | None = None
    prefetch: Annotated[dict[Text, Text], Field(min_length=1)] | None = None
    usage_requirements: Text | None = None
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")] | None = None  # of the specification (3.0)


class Discovery(_Out):
    """The answer to ``GET /cds-services``; an empty list is allowed."""

    services: tuple[Service, ...]


class Coding(_Out):
    """A code of a code system."""

    code: Text
    system: Text
    display: Text | None = None


class OverrideReason(_Out):
    """A reason that a client may offer for not following a card; its display is required (cds-resp-4)."""

    code: Text
    system: Text
    display: Text


class Source(_Out):
    """Where a card's content comes from."""

    label: Text
    url: Url | None = None
    icon: Url | None = None
    topic: Coding | None = None


class SystemAction(_Out):
    """One change of the record that the client may make by itself: create and update carry the resource, whole;
    delete names it (cds-resp-2)."""

    type: Literal["create", "update", "delete"]
    description: Text | None = None
    resource: Resource | None = None
    resource_id: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]+/[A-Za-z0-9\-._]{1,64}$")] | None = None

    @model_validator(mode="after")
    def _names_its_resource(self) -> Self:
        wanted, other = (
            (self.resource_id, self.resource) if self.type == "delete" else (self.resource, self.resource_id)
        )
        if wanted is None or other is not None:
            raise ValueError("create and update need resource, delete needs resourceId")
        if self.resource is not None and not isinstance(self.resource.get("resourceType"), str):
            raise ValueError("a resource needs resourceType")
        return self


class Action(SystemAction):
    """One change within a suggestion: it says what it does (cds-resp-5)."""

    description: Text


class Suggestion(_Out):
    """Something a clinician may accept with one click."""

    label: Text
    uuid: UUID | None = None
    is_recommended: bool | None = None
    actions: Annotated[tuple[Action, ...], Field(min_length=1)] | None = None
    action_selection_behavior: Literal["all", "any", "at-most-one"] | None = None  # 3.0; cds-resp-7


class Link(_Out):
    """A page to open; ``app_context`` goes with SMART apps only."""

    label: Text
    url: Url
    type: Literal["absolute", "smart"]
    app_context: Text | None = None
    autolaunchable: bool | None = None

    @model_validator(mode="after")
    def _context_is_for_smart_apps(self) -> Self:
        if self.app_context is not None and self.type != "smart":  # cds-resp-3
            raise ValueError("appContext goes with links of type smart only")
        return self


class Card(_Out):
    """One piece of advice."""

    uuid: UUID | None = None
    summary: Summary
    detail: Text | None = None
    indicator: Indicator
    source: Source
    suggestions: Annotated[tuple[Suggestion, ...], Field(min_length=1)] | None = None
    selection_behavior: Literal["at-most-one", "any"] | None = None
    override_reasons: Annotated[tuple[OverrideReason, ...], Field(min_length=1)] | None = None
    links: Annotated[tuple[Link, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _suggestions_fit_the_selection(self) -> Self:
        if self.suggestions and self.selection_behavior is None:  # cds-resp-6
            raise ValueError("suggestions need selectionBehavior")
        recommended = sum(bool(s.is_recommended) for s in self.suggestions or ())
        if self.selection_behavior == "at-most-one" and recommended > 1:  # cds-resp-1
            raise ValueError("at most one suggestion may be recommended where at most one may be chosen")
        return self


class CdsResponse(_Out):
    """The answer to a call. ``system_actions`` is left out where there are none."""

    cards: tuple[Card, ...]
    system_actions: Annotated[tuple[SystemAction, ...], Field(min_length=1)] | None = None
    extension: Annotated[dict[Text, Any], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [card.uuid for card in self.cards if card.uuid is not None]
        if len(set(names)) < len(names):
            raise ValueError("two cards of one uuid")
        return self


class CrdResponse(CdsResponse):
    """As Da Vinci CRD wants it on its order hooks: ``systemActions`` is there even where there are none."""

    system_actions: tuple[SystemAction, ...] = ()
