"""What a lesion is called: its identifier, its type where it is known, and its kind."""

from __future__ import annotations

from collections.abc import Iterable

from ...engine.types import Classes, Finding, Known
from .known_rules import any_rules
from .phrases import phrase
from .view import Lesion
from .words import belief_words, called, capital, kind_words


def heading_of(found: Lesion) -> str:
    """A lesion's identifier and name; the name alone where the identifier says no more."""
    name, kind = called(found.finding.tracking_id), lesion_name(found)
    return capital(kind) if _nameless(found) else phrase("lesion.heading", finding=name, name=kind)


def who(found: Lesion) -> str:
    """The same within a sentence."""
    name, kind = called(found.finding.tracking_id), lesion_name(found)
    return capital(kind) if _nameless(found) else phrase("lesion.who", finding=name, name=kind)


def lesion_name(found: Lesion) -> str:
    """What a lesion is called: its type, where it is known, and its kind."""
    kind = kind_words(found.finding.kind)
    match found.shown.get("type"):
        case None:
            return kind
        case Known() as stated:
            return phrase("lesion.typed", type=belief_words("type", stated), kind=kind)
        case Classes():
            return phrase("lesion.uncertain", kind=kind)
        case _:
            return phrase("lesion.unknown_type", kind=kind)


def nameless(finding: Finding, guidelines: Iterable[str]) -> bool:
    """Whether the identifier is only what a form of these guidelines calls its one lesion."""
    heads = (rules.head["findings"] for name in guidelines if (rules := any_rules(name)) is not None)
    alone = any(not head.get("many", True) and head["section"] == finding.tracking_id for head in heads)
    return alone or finding.tracking_id == finding.kind


def _nameless(found: Lesion) -> bool:
    return nameless(found.finding, (reading.guideline for reading in found.readings))


def short_name(finding: Finding, guidelines: Iterable[str]) -> str:
    """A lesion's identifier; its kind where that says nothing."""
    return kind_words(finding.kind) if nameless(finding, guidelines) else called(finding.tracking_id)


def short(found: Lesion) -> str:
    """The same of a lesion with all its readings."""
    return short_name(found.finding, (reading.guideline for reading in found.readings))
