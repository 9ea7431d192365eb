"""What a site sets for its CDS services; docs/cds-hooks.md explains each."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ..access.settings import checked_url

Url = Annotated[str, AfterValidator(checked_url)]
SiteCode = Annotated[str, Field(pattern=r"^[^\s|]+\|[^\s|]+$")]  # "http://loinc.org|24627-2"


class CdsSettings(BaseModel):
    """All that the services may be told, whoever calls and wherever data come from.

    Attributes:
        most_cards: how many cards an answer has at most; the least urgent are left out, and the last card says so.
        review_url: the base URL of the review pages; cards then link to ``{review_url}/review/{decision}``.
        launch_url: the SMART launch URL of the review pages; cards then carry a link of type smart.
        source_url: the page behind a card's source, instead of the first citation.
        pama: rate imaging orders by the Argonaut PAMA extension, as system actions.
        pama_gcode: the site's identifier of a qualified mechanism, which goes with each rating.
        crd: keep to Da Vinci CRD where it asks for more than CDS Hooks: ``source.topic`` on every card, and
            ``systemActions`` on the order hooks even where there are none.
        mirror_system_actions: repeat ``systemActions`` below ``extension``, where Argonaut clients look for them.
        order_codes: the site's own order codes, "system|code" -> exam of ``knowledge/cds/exams.yaml``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    most_cards: int = Field(default=3, ge=1, le=10)
    review_url: Url | None = None
    launch_url: Url | None = None
    source_url: Url | None = None
    pama: bool = False
    pama_gcode: str | None = Field(default=None, min_length=1, max_length=64)
    crd: bool = False
    mirror_system_actions: bool = False
    order_codes: dict[SiteCode, str] = Field(default_factory=dict)
