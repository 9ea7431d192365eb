# ruff: noqa: S608  names and words are quoted; nothing of a record is ever SQL
"""The facts of an exam or a finding: what Observations may state, and the columns that guidelines read of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ....engine.guideline.columns import columns, text
from ..layout import LAYOUT
from ..scope import Edition, editions_of, scope
from .settings import intake

NA = "n/a"
INTERVAL = "interval"  # as the product's own reports state it, in the Observation of the exam
ROLES = ("assessment", "finding")


@dataclass(frozen=True, slots=True)
class Fact:
    """An input as Observations state it: what kind it is, what it may hold, and its columns with their types."""

    name: str
    kind: str  # number, enum, bool, set, history
    columns: Mapping[str, str]
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    words: tuple[str, ...] = ()
    of: frozenset[str] = frozenset()  # the kinds of findings whose guidelines read it

    def joined(self, other: Fact) -> Fact:
        """What two guidelines, or two editions, take the input to be."""
        words = tuple(dict.fromkeys((*self.words, *other.words)))
        held = {**other.columns, **self.columns}
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Fact(self.name, self.kind, held, low, high, words, self.of | other.of)


Facts = Mapping[str, Mapping[str, Fact]]  # assessment, finding -> name -> fact


@lru_cache(maxsize=1)
def known() -> Facts:
    """The facts that some guideline reads, and those that are documented of a screening exam."""
    found: dict[str, dict[str, Fact]] = {"assessment": {}, "finding": {}}
    for guideline in scope().guidelines:
        for edition in editions_of(guideline):
            for role, scopes in (("assessment", ("exam", "patient")), ("finding", ("finding",))):
                for fact in _facts(edition, guideline, scopes):
                    held = found[role].get(fact.name)
                    found[role][fact.name] = held.joined(fact) if held else fact
    for name, kind in LAYOUT["screening"].items():
        if name != "exam_id":
            found["assessment"].setdefault(name, _documented(name, kind))
    found["assessment"]["s_modifier"] = Fact("s_modifier", "bool", {"s_modifier": "BOOLEAN"})
    return found


def _documented(name: str, kind: str) -> Fact:
    plain = {"DOUBLE": "number", "BOOLEAN": "bool"}.get(kind, "enum")
    return Fact(name, plain, {name: kind}, Decimal(0), Decimal(1000))


def _facts(edition: Edition, guideline: str, scopes: Sequence[str]) -> Iterator[Fact]:
    types = columns(edition.guideline, scopes)
    for name, (of, i) in edition.guideline.inputs.items():
        if of not in scopes or i["type"] not in ("number", "enum", "bool", "set", "history"):
            continue
        column = scope().guidelines[guideline].column(name)
        held = {f"{column}{c.removeprefix(name)}": k for c, k in types.items() if c.split(".")[0] == name}
        low, high = (Decimal(str(bound)) for bound in i.get("range", (0, 0)))
        words = tuple(map(str, (*i.get("values", ()), *([i["absent"]] if i.get("absent") else ()))))
        yield Fact(column, i["type"], held, low, high, words, frozenset({scope().guidelines[guideline].kind}))


@dataclass(frozen=True, slots=True)
class Slot:
    """A name that a component may have, and what it is there for: a fact, one word of a set, or the interval."""

    role: str
    name: str
    kind: str  # that of the fact, else member or interval
    fact: Fact | None


def slots(kinds: Facts) -> tuple[Slot, ...]:
    """All of them; their places are the numbers by which the relation ``fact`` knows them."""
    found = {(role, name): Slot(role, name, fact.kind, fact) for role in ROLES for name, fact in kinds[role].items()}
    for role in ROLES:
        for fact in kinds[role].values():
            for column in fact.columns if fact.kind == "set" else ():
                found.setdefault((role, column), Slot(role, column, "member", None))
    found.setdefault(("assessment", INTERVAL), Slot("assessment", INTERVAL, INTERVAL, None))
    return tuple(found.values())


def make(database: Any, kinds: Facts) -> None:
    """Make the relation ``fact``: what each slot may hold."""
    rows = [_row(number, slot) for number, slot in enumerate(slots(kinds))]
    database.execute(
        "CREATE OR REPLACE TABLE fact (slot SMALLINT, role VARCHAR, name VARCHAR, kind VARCHAR, is_fact BOOLEAN, "
        "least DOUBLE, most DOUBLE, units VARCHAR[], allowed VARCHAR[], members VARCHAR[])"
    )
    database.execute(f"INSERT INTO fact VALUES {', '.join(rows)}")


def _row(number: int, slot: Slot) -> str:
    fact = slot.fact or Fact(slot.name, slot.kind, {})
    members = [column.removeprefix(f"{fact.name}.") for column in fact.columns] if fact.kind == "set" else []
    lists = (f"[{', '.join(map(text, w))}]::VARCHAR[]" for w in (intake().units_of(fact.name), fact.words, members))
    said = ", ".join(map(text, (slot.role, slot.name, slot.kind)))
    return f"({number}, {said}, {slot.fact is not None}, {fact.low}, {fact.high}, {', '.join(lists)})"
