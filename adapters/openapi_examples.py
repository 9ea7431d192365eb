"""Recorded calls with their answers, as the document of the machine interface shows them.

``knowledge/cds/examples.json`` is written by calling the service; a test calls it again and compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ..engine.errors import MissingKnowledge
from ..engine.resources import knowledge_folder

FILE = "examples.json"


class Example(BaseModel):
    """One call. ``request`` and ``answer`` are its bodies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    name: str
    request: dict[str, Any]
    status: int
    answer: dict[str, Any]


@lru_cache(maxsize=1)
def examples() -> tuple[Example, ...]:
    """All of them.

    Raises:
        MissingKnowledge: the file is absent or broken.
    """
    where, allowed, cure = f"knowledge/cds/{FILE}", "the shipped file", "Reinstall radlogic."
    try:
        content = (knowledge_folder() / "cds" / FILE).read_bytes()
        return TypeAdapter(tuple[Example, ...]).validate_json(content)
    except OSError as error:
        raise MissingKnowledge(where, "", type(error).__name__, allowed, cure) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise MissingKnowledge(where, ".".join(map(str, first["loc"])), first["msg"], allowed, cure) from error


def examples_of(service: str, *, answered: bool) -> tuple[Example, ...]:
    """Those of one service that were answered, or those that were refused."""
    return tuple(one for one in examples() if one.service == service and (one.status == 200) is answered)


def feedback_on(recorded: Sequence[Example]) -> dict[str, Any]:
    """Feedback on cards of recorded answers: one that was overridden and, where one suggests something, accepted."""
    cards = [card for one in recorded for card in one.answer["cards"]]
    at = {"outcomeTimestamp": "2025-06-20T09:30:00Z"}
    told = {}
    for card in cards[:1]:
        reason = {name: card["overrideReasons"][0][name] for name in ("system", "code")}
        told["overridden"] = {"card": card["uuid"], "outcome": "overridden", "overrideReason": {"reason": reason}, **at}
    for card in [card for card in cards if "suggestions" in card][:1]:
        taken = [{"id": card["suggestions"][0]["uuid"]}]
        told["accepted"] = {"card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": taken, **at}
    return {name: {"feedback": [one]} for name, one in told.items()}
