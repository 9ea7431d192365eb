"""Who says what of a lesion: people and reports together, each net and each image procedure by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ....engine.record import DecisionRecord
from ....engine.types import Belief, Facts, Route, SourceKind
from ..own import NET, PROCEDURE
from . import items
from .stating import is_convention
from .vocabulary import shipped_vocabulary

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PROGRAMS: Final = (SourceKind.NET, SourceKind.IMAGE)
STANDING: Final = ":standing"  # own concepts of the document's, not of an input's, begin with a colon


@dataclass(frozen=True, slots=True)
class Author:
    """Who says it: ``kind`` and ``name`` of a program; both empty for people and reports."""

    kind: str = ""
    name: str = ""


PEOPLE: Final = Author()


def author_of(belief: Belief) -> Author:
    """The author of one belief."""
    source = belief.source
    if source is None or source.kind not in PROGRAMS:
        return PEOPLE
    return Author(NET if source.kind is SourceKind.NET else PROCEDURE, source.reference)


def by_author(facts: Facts) -> dict[Author, dict[str, Belief]]:
    """The facts that somebody states, people's first, each author's together."""
    told: dict[Author, dict[str, Belief]] = {PEOPLE: {}}
    for name, belief in facts.items():
        if not is_convention(belief):
            told.setdefault(author_of(belief), {})[name] = belief
    return told


def identification(author: Author, version: str) -> Iterator[Dataset]:
    """TID 4019: name, version and what it is; nothing for people."""
    if author != PEOPLE:
        yield items.text(items.ALGORITHM, author.name or "not named", items.MODIFIER)
        yield items.text(items.ALGORITHM_VERSION, version, items.MODIFIER)
        yield items.text(items.ALGORITHM_PARAMETERS, author.kind, items.MODIFIER)


def version_of(author: Author, knowledge: Mapping[str, str], engine: str) -> str:
    """A program's version: the hash of its weights where the record keeps it, else the engine that ran it."""
    digest = knowledge.get(author.name, "")
    return f"sha256 {digest[:16]}" if digest else f"radlogic {engine}"


def standing(author: Author, record: DecisionRecord) -> Iterator[Dataset]:
    """Whether what a net says counted, or is shown for a human to confirm."""
    if author.kind == NET:
        words = shipped_vocabulary()
        how = "unconfirmed" if record.route is Route.RULE_BASED else "counted"
        yield items.answer(words.own(STANDING), words.own(f"{STANDING}={how}", how))
