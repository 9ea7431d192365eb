"""A sentence of the report with what it rests on, and the small form in which sentences are written.

A sentence is text with names in braces, and pieces in brackets that are said only where all their names are known:
``{type} nodule[, {location}][, mean diameter {mean_mm}].`` There is nothing else: no code, no attributes, no nesting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ...engine.types import Reading, Step

NAME: Final = re.compile(r"\{([a-z][A-Za-z0-9_]*)\}")
STRAY: Final = re.compile(r"[{}\[\]]")


@dataclass(frozen=True, slots=True)
class Link:
    """What a sentence is about and rests on.

    ``finding``: the lesion's identifier, "exam" or "patient". ``facts``: the names it tells. ``rows``: table and row
    of the rules, as "Solid nodules: nodules.S4A-new". ``citations``: where those say so. ``guideline``: whose they are.
    """

    finding: str = "exam"
    facts: tuple[str, ...] = ()
    guideline: str = ""
    rows: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()


EXAM: Final = Link()


class Sentence(str):
    """What is said, with the template that says it and what it rests on: ``template`` and ``link``."""

    __slots__ = ("link", "template")
    template: str
    link: Link

    def __new__(cls, text: str, template: str, link: Link = EXAM) -> Sentence:
        """Text with where it comes from."""
        made = super().__new__(cls, text)
        made.template, made.link = template, link
        return made

    def __reduce__(self) -> tuple[type[Sentence], tuple[str, str, Link]]:
        return type(self), (str(self), self.template, self.link)


@dataclass(frozen=True, slots=True)
class Form:
    """A parsed template: pieces in order, each text and names by turns; ``optional`` ones may be left out."""

    pieces: tuple[tuple[bool, tuple[str, ...]], ...]  # (optional, (text, name, text, name, ..., text))

    @property
    def names(self) -> frozenset[str]:
        """All names in it."""
        return frozenset(name for _, parts in self.pieces for name in parts[1::2])

    @property
    def first(self) -> str:
        """The name with which it begins, '' where it begins with text."""
        _, parts = self.pieces[0] if self.pieces else (False, ("",))
        return parts[1] if not parts[0] and len(parts) > 1 else ""

    @property
    def needed(self) -> frozenset[str]:
        """The names without which it cannot be said."""
        return frozenset(name for optional, parts in self.pieces if not optional for name in parts[1::2])

    def filled(self, values: Mapping[str, str]) -> str | None:
        """The text with all names filled in; None where a needed one has no words."""
        said = []
        for optional, parts in self.pieces:
            if all(values.get(name) for name in parts[1::2]):
                said.append("".join(values[part] if i % 2 else part for i, part in enumerate(parts)))
            elif not optional:
                return None
        return "".join(said)

    def told(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """The names that ``filled`` would say."""
        whole = (parts[1::2] for _, parts in self.pieces if all(values.get(name) for name in parts[1::2]))
        return tuple(dict.fromkeys(name for names in whole for name in names))


@lru_cache(maxsize=4096)
def form_of(text: str) -> Form:
    """Parse a template.

    >>> form_of("{type} nodule[, {location}].").filled({"type": "solid"})
    'solid nodule.'

    Raises:
        ValueError: a brace or bracket without its other half, a nested bracket, or one without a name.
    """
    parts = re.split(r"(\[[^\[\]]*\])", text)
    pieces = []
    for i, part in enumerate(parts):
        inner = part[1:-1] if i % 2 else part
        found = tuple(NAME.split(inner))
        if any(STRAY.search(word) for word in found[0::2]):
            raise ValueError("names in braces {name}, and brackets [ ] in pairs, not one within another")
        if i % 2 and len(found) == 1:
            raise ValueError("a name in braces within each pair of brackets: without one it would always be said")
        if inner:
            pieces.append((bool(i % 2), found))
    return Form(tuple(pieces))


def link_of(readings: Iterable[Reading], finding: str = "exam", facts: Iterable[str] = ()) -> Link:
    """The link to what decided in these readings."""
    held = tuple(readings)
    steps = [step for reading in held for step in reading.trace]
    names = ", ".join(dict.fromkeys(reading.guideline for reading in held))
    return Link(finding, tuple(facts), names, *rows_of(steps))


def rows_of(steps: Iterable[Step]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rows of a trace, and what they cite."""
    held = tuple(steps)
    return tuple(dict.fromkeys(f"{s.table}: {s.row}" for s in held)), tuple(dict.fromkeys(s.citation for s in held))
