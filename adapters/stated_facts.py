"""Facts of a patient that somebody states, as a JSON object -> beliefs, and joined with those of a record.

Names, units and values are those of ``knowledge/facts.yaml``, and whatever else the reader asks for. null is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..engine.errors import BadValue, Contradiction, UnknownField
from ..engine.types import Belief, Facts, Known, NotApplicable, Source, SourceKind, Unknown
from .cases import brief, kind_of
from .fhir.vocabulary import shipped
from .fhir.vocabulary_files import FactEntry

STATUS, PACK_YEARS, YEARS_SINCE = "smoking_status", "pack_years", "years_since_quitting"
Kinds = Mapping[str, type[bool] | type[str] | type[Decimal]]


@dataclass(frozen=True, slots=True)
class Joined:
    """Facts with, in words, where somebody states one otherwise than the record."""

    facts: Facts
    notes: tuple[str, ...]


def read(content: Any, where: str, extra: Kinds) -> dict[str, Belief]:
    """A parsed JSON object of facts as beliefs.

    Args:
        content: what ``cases.parse`` returned: numbers are decimals.
        where: what errors call it.
        extra: facts that no record holds, with the kind of value of each.

    Raises:
        BadValue: no object, or a value that the fact cannot have. UnknownField: no such fact.
        Contradiction: a smoking history that cannot be true.
    """
    if not isinstance(content, dict):
        raise BadValue(where, "", kind_of(content), "an object of facts", "Give {} where nothing is known.")
    known = shipped().facts
    for name in content:
        if name not in known and name not in extra:
            allowed = ", ".join((*known, *(n for n in extra if n not in known)))
            raise UnknownField(where, brief(name), "a fact that does not exist", allowed, "Correct or remove it.")
    return {name: _belief(name, value, where, known.get(name)) for name, value in content.items()}


def _belief(name: str, value: Any, where: str, fact: FactEntry | None) -> Belief:
    source = Source(SourceKind.HUMAN, f"{where} {name}")
    if value is None:
        return Unknown("null in the form", source)
    if not _can_be(value, fact):
        raise BadValue(where, name, brief(value), _allowed(fact), "Correct it, or give null where it is not known.")
    return Known(value, source)


def _can_be(value: Any, fact: FactEntry | None) -> bool:
    if fact is None or fact.type == "bool":
        return isinstance(value, bool)
    if fact.type == "enum":
        return isinstance(value, str) and value in fact.values
    return isinstance(value, Decimal) and fact.low is not None and fact.high is not None and (
        fact.low <= value <= fact.high
    )  # fmt: skip


def _allowed(fact: FactEntry | None) -> str:
    if fact is None or fact.type == "bool":
        return "true or false"
    return ", ".join(fact.values) if fact.type == "enum" else f"a number from {fact.low} to {fact.high} {fact.unit}"


def joined(stated: Facts, recorded: Facts) -> Joined:
    """What somebody states stands before the record; where they differ that is said.

    A never smoker has no pack-years and has not quit; a current smoker has not quit.

    Raises:
        Contradiction: the smoking history, put together so, cannot be true.
    """
    known = {name: belief for name, belief in stated.items() if isinstance(belief, Known)}
    facts = {**stated, **recorded, **known}
    return Joined({**facts, **_implied(facts)}, tuple(_differences(known, recorded)))


def _differences(stated: Mapping[str, Known], recorded: Facts) -> Iterator[str]:
    for name, belief in stated.items():
        other = recorded.get(name)
        if isinstance(other, Known) and other.value != belief.value:
            yield f"{name} is stated otherwise than the record has it ({other.source.reference}); what is stated counts"


def _implied(facts: Facts) -> dict[str, Belief]:
    """What a known smoking status says of pack-years and years since quitting."""
    status = facts.get(STATUS)
    if not isinstance(status, Known) or status.value == "former":
        return {}
    never = status.value == "never"
    for name in (PACK_YEARS, YEARS_SINCE) if never else (YEARS_SINCE,):
        _check(status, name, facts.get(name), zero=name == PACK_YEARS)
    implied: dict[str, Belief] = {YEARS_SINCE: NotApplicable(status.source)}
    return implied | ({PACK_YEARS: Known(Decimal(0), status.source)} if never else {})


def _check(status: Known, name: str, belief: Belief | None, *, zero: bool) -> None:
    if isinstance(belief, Known) and not (zero and belief.value == 0):
        found = f"a value ({belief.source.reference}) beside a status that excludes it ({status.source.reference})"
        raise Contradiction("smoking history", name, found, f"what goes with {STATUS}", "Correct one of the two.")
