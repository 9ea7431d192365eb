"""From what services have to say to the cards of an answer: the same for all services.

Dropped is what a clinician overrode for a lasting reason; the rest comes most urgent first, and not more of it than
the site wants. Every card carries reasons, citation, intended use, override reasons and the links to the review page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from ..fhir.pseudonym import patient_key
from ..notice import INTENDED_USE
from ..report.words import clean
from . import terms
from .naming import card_name, suggestion_name, topic_of
from .response import (
    SUMMARY_LIMIT,
    Action,
    Card,
    CdsResponse,
    Coding,
    CrdResponse,
    Indicator,
    Link,
    Source,
    Suggestion,
    SystemAction,
)
from .seam import Asked
from .settings import CdsSettings

ORDER_HOOKS = ("appointment-book", "order-sign", "order-dispatch")  # CRD asks for systemActions on these
TOPICS = "urn:radlogic:cds-topic"  # our own code system of what cards are about
URGENCY = {Indicator.CRITICAL: 0, Indicator.WARNING: 1, Indicator.INFO: 2}


@dataclass(frozen=True, slots=True)
class Offer:
    """A suggestion: its label and what it changes."""

    label: str
    actions: tuple[Action, ...]
    recommended: bool = False


@dataclass(frozen=True, slots=True)
class Saying:
    """One thing that a service has to say.

    Attributes:
        about: the same from call to call for the same matter: "follow-up lung-rads". An override holds for it.
        topic: the kind of matter, a code of our own: "follow-up".
        summary: one sentence; the longest form that fits is taken of several.
        detail: lines of GitHub-flavoured Markdown, foreign text escaped (``plain``).
        indicator: how urgent it is.
        source: the guideline or programme that says so.
        citations: where that is printed.
        decision_id: the decision it rests on, with ``sequence`` (its entry in the store); '' and 0 for none.
        by: sorts what is equally urgent, soonest first.
        offers: what may be accepted with one click; at most one of them.
    """

    about: str
    topic: str
    summary: tuple[str, ...]
    detail: tuple[str, ...]
    indicator: Indicator
    source: str
    citations: tuple[str, ...] = ()
    decision_id: str = ""
    sequence: int = 0
    by: date = date.max
    offers: tuple[Offer, ...] = ()


def answered(
    asked: Asked[Any], sayings: Iterable[Saying], actions: Sequence[SystemAction] = (), notes: Sequence[str] = ()
) -> CdsResponse:
    """The answer: cards by urgency, and system actions where there are any.

    Args:
        asked: the call.
        sayings: what the service has to say, in any order.
        actions: what the client may change by itself.
        notes: what could not be looked at, for the last card's detail.

    Raises:
        StoreUnavailable: what was said of cards cannot be read.
    """
    settings = asked.settings
    chosen, left_out = _chosen(asked, tuple(sayings))
    more = [f"{left_out} less urgent card{'s' * (left_out > 1)} not shown."] if left_out else []
    last = len(chosen) - 1
    cards = tuple(
        _card(asked, saying, topic, (*notes, *more) if number == last else ())
        for number, (topic, saying) in enumerate(chosen)
    )
    kept = tuple(actions)
    mirrored = _mirror(kept) if settings.mirror_system_actions and kept else None
    if settings.crd and asked.call.hook in ORDER_HOOKS:
        return CrdResponse(cards=cards, system_actions=kept, extension=mirrored)
    return CdsResponse(cards=cards, system_actions=kept or None, extension=mirrored)


def _mirror(actions: Sequence[SystemAction]) -> dict[str, Any]:
    return {"systemActions": [action.as_json() for action in actions]}


def _chosen(asked: Asked[Any], sayings: tuple[Saying, ...]) -> tuple[list[tuple[int, Saying]], int]:
    """What is shown, most urgent first, each with its topic; and how many are left out because there are too many."""
    key = patient_key(asked.context.patient_id)
    store, most = asked.records.store, asked.settings.most_cards
    by_topic = {topic_of(s.sequence, key, s.about): s for s in sayings}
    memory, topics = asked.records.memory, tuple(by_topic)
    heeded = memory.heeded(store, topics, asked.today) if store is not None and topics else frozenset()
    left = [(topic, saying) for topic, saying in by_topic.items() if topic not in heeded]
    left.sort(key=lambda pair: (URGENCY[pair[1].indicator], pair[1].by, pair[1].about))
    return left[:most], max(len(left) - most, 0)


def _card(asked: Asked[Any], saying: Saying, topic: int, notes: Sequence[str]) -> Card:
    name = card_name(topic, asked.call.hook_instance, asked.records.card_key)
    suggestions = tuple(_suggestion(name, number, offer) for number, offer in enumerate(saying.offers))
    return Card(
        uuid=name,
        summary=sentence(saying.summary),
        detail="\n".join(_detail(saying, notes)),
        indicator=saying.indicator,
        source=_source(saying, asked.settings),
        suggestions=suggestions or None,
        selection_behavior="at-most-one" if suggestions else None,
        override_reasons=terms.reasons().offered(),
        links=_links(saying.decision_id, asked.settings) or None,
    )


def _suggestion(card: UUID, number: int, offer: Offer) -> Suggestion:
    recommended = True if offer.recommended else None
    name = suggestion_name(card, number)
    return Suggestion(label=offer.label, uuid=name, is_recommended=recommended, actions=offer.actions)


def _detail(saying: Saying, notes: Sequence[str]) -> Iterator[str]:
    yield from saying.detail
    if saying.citations:
        yield from ("", "**Sources**", "", *(f"- {plain(text)}" for text in dict.fromkeys(saying.citations)))
    yield from (line for note in notes for line in ("", plain(note)))
    yield from ("", f"_{INTENDED_USE}_")


def _source(saying: Saying, settings: CdsSettings) -> Source:
    label = ", ".join(filter(None, ["radlogic", plain(saying.source, escape=False)]))
    topic = Coding(system=TOPICS, code=saying.topic, display=saying.topic.replace("-", " ").capitalize())
    return Source(label=label, url=settings.source_url, topic=topic)


def _links(decision_id: str, settings: CdsSettings) -> tuple[Link, ...]:
    """To the review page, where the card rests on a decision and the site says where the pages are."""
    if not decision_id:
        return ()
    found = []
    if settings.review_url:
        url = f"{settings.review_url.rstrip('/')}/review/{decision_id}"
        found.append(Link(label="Open the review page", url=url, type="absolute"))
    if settings.launch_url:
        context = f'{{"decision":"{decision_id}"}}'
        label = "Review in this chart"
        found.append(Link(label=label, url=settings.launch_url, type="smart", app_context=context))
    return tuple(found)


def sentence(ways: Sequence[str]) -> str:
    """The first way to say it that is short enough; of none, the last one cut.

    >>> sentence(("x" * 200, "In short."))
    'In short.'
    """
    fits = next((said for said in map(clean, ways) if 0 < len(said) < SUMMARY_LIMIT), None)
    return fits or clean(ways[-1])[: SUMMARY_LIMIT - 4] + "..."


@lru_cache(maxsize=4096)  # the same sentences come again and again, and every sign of them is looked at
def plain(text: str, *, escape: bool = True) -> str:
    """One line, and nothing in it that Markdown or HTML would read as a mark."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&!])", r"\\\1", clean(text)) if escape else clean(text)


def either(names: Sequence[str]) -> str:
    """
    >>> either(("2", "3", "4A"))
    '2, 3 or 4A'
    """
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
