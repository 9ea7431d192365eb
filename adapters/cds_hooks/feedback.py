"""What became of cards: the feedback endpoint of CDS Hooks 2.0. Kept once however often it is sent, and counted.

Kept are the service, the card's name, the outcome, a coded reason and the accepted suggestions. A comment may name a
patient: it is kept only where the card rests on a stored decision, sealed with that patient's identifiers and erased
with them; of other cards it is dropped. A card that was never shown has a name that is none of ours: what is said of
it is answered like any other, and neither kept nor counted.

Few threads wait to write, and not for long: while another has the store, the others of the process go on answering.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator

from ...engine.errors import BadValue
from ..store.cases import Kind, Store
from ..store.errors import StoreUnavailable
from ..store.journal import Writing
from . import terms
from .naming import topic_in
from .request import Name, _In
from .said import Memory, decision_of, said_before
from .seam import Client, Records

SKEW = timedelta(days=1)  # by which a client's clock may be fast
MOST = 100  # entries of one request; a clinician acts on a few cards
TURN_S = 0.5  # for which feedback waits for other feedback of this process
UNKNOWN_CLIENT = "cds-client"  # who acts where clients are not verified


def _zoned(value: Any) -> Any:
    """A time without a zone is UTC, as the specification says of all of them.

    Raises:
        ValueError: no text with a date and a time; a number could be seconds or milliseconds.
    """
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("a date and time, as 2026-11-22T09:30:00Z")
    moment = datetime.fromisoformat(value.upper())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _present(value: Any) -> Any:
    """null and {} say nothing."""
    return value or None if isinstance(value, dict) or value is None else value


class Reason(_In):
    """A coded reason; its system may be the client's own."""

    code: Name
    system: Annotated[str, StringConstraints(max_length=255)] = ""


class OverrideGiven(_In):
    """Why a card was overridden (cds-fb-3: a reason, a comment, or both)."""

    reason: Annotated[Reason | None, BeforeValidator(_present)] = None
    user_comment: Annotated[str | None, StringConstraints(max_length=4000)] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.reason is None and not self.user_comment:
            raise ValueError("a reason or a userComment")
        return self


class AcceptedSuggestion(_In):
    """A suggestion that was taken."""

    id: UUID


class Outcome(_In):
    """What became of one card (cds-fb-1, cds-fb-2)."""

    card: UUID
    outcome: Literal["accepted", "overridden"]
    outcome_timestamp: Annotated[AwareDatetime, BeforeValidator(_zoned)]
    accepted_suggestions: tuple[AcceptedSuggestion, ...] = Field(default=(), max_length=100)
    override_reason: Annotated[OverrideGiven | None, BeforeValidator(_present)] = None

    @model_validator(mode="after")
    def _accepted_what(self) -> Self:
        if self.outcome == "accepted" and not self.accepted_suggestions:
            raise ValueError("an accepted card needs acceptedSuggestions")
        return self


class Feedback(_In):
    """The body: what became of one card or several, of one call or several."""

    feedback: tuple[Outcome, ...] = Field(max_length=MOST)


def keep(records: Records, store: Store, service: str, told: Feedback, client: Client) -> int:
    """Keep and count what is new; return how many entries were.

    Raises:
        BadValue: something happened tomorrow or later; nothing is kept then.
        StoreUnavailable: it could not be kept: send it again.
    """
    latest = records.now() + SKEW
    if any(outcome.outcome_timestamp > latest for outcome in told.feedback):
        cure = "Set the clock, and send it again."
        raise BadValue("feedback", "outcomeTimestamp", "a time in the future", "a time that has passed", cure)
    topics = ((topic_in(outcome.card, records.card_key), outcome) for outcome in told.feedback)
    ours = [(topic, outcome) for topic, outcome in topics if topic is not None]
    if not ours:
        return 0
    with _turn(records.memory), store.journal.writing() as writing:
        new = [outcome for topic, outcome in ours if _keep(records, writing, service, topic, outcome, client)]
    for outcome in new:
        records.counts.observe_feedback(service, outcome.outcome, _reason(outcome))
    return len(new)


@contextmanager
def _turn(memory: Memory) -> Iterator[None]:
    """The only writer of feedback in this process, for the length of the block.

    Raises:
        StoreUnavailable: too many wait already, or it was not its turn in time.
    """
    if not memory.writers.acquire(blocking=False):
        raise _busy()
    try:
        if not memory.writing.acquire(timeout=TURN_S):
            raise _busy()
        try:
            yield
        finally:
            memory.writing.release()
    finally:
        memory.writers.release()


def _busy() -> StoreUnavailable:
    found, allowed = "others that wait to be written", "a turn within half a second"
    return StoreUnavailable("feedback", "", found, allowed, "See what holds the store; the client sends it again.")


def _keep(records: Records, writing: Writing, service: str, topic: int, outcome: Outcome, client: Client) -> bool:
    """Keep it, unless it was; looked at and written in one transaction of the only writer, whichever process."""
    decision = decision_of(writing.connection, topic)
    body = _body(service, outcome)
    if said_before(writing.connection, decision, body):
        return False
    comment = outcome.override_reason.user_comment if outcome.override_reason else None
    row = writing.row(decision) if decision else None
    if comment and row:
        body["comment"] = comment
    actor = client.issuer if _is_name(client.issuer) else UNKNOWN_CLIENT
    writing.add(Kind.FEEDBACK, records.now(), actor, body, decision, row.patient if row else None)
    return True


def _is_name(issuer: str) -> bool:
    return 0 < len(issuer) <= 200 and issuer.isprintable()


def _body(service: str, outcome: Outcome) -> dict[str, Any]:
    """As the log keeps it: plain values, in a fixed order."""
    given = outcome.override_reason.reason if outcome.override_reason else None
    at = outcome.outcome_timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "card": str(outcome.card),
        "service": service,
        "outcome": outcome.outcome,
        "at": at,
        "reason": {"system": given.system, "code": given.code} if given else None,
        "suggestions": [str(one.id) for one in outcome.accepted_suggestions],
    }


def _reason(outcome: Outcome) -> str:
    """The reason's code, if it is one that is offered; "other" for others, '' for none."""
    given = outcome.override_reason.reason if outcome.override_reason else None
    if given is None:
        return ""
    known = terms.reasons()
    return given.code if given.system == known.system and given.code in {r.code for r in known.reasons} else "other"
