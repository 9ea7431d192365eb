"""Screening programmes: is a person eligible? Three answers: eligible, not eligible, not known.

``knowledge/programmes/<id>.yaml`` lists what must hold; unknown facts are named, never filled in. A person outside
the people a programme is for (``outside``) is told so. What no record holds and a clinician must confirm stands in
``confirm``, and so does what a text leaves open for this person (``edges``). Intended use: support for a clinician's
decision, not a coverage or treatment decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import MissingKnowledge
from .resources import knowledge_folder
from .types import Belief, Facts, Known, NotApplicable


class Eligibility(StrEnum):
    """The answer. ``OUTSIDE``: the programme is not for this person, whatever else is known."""

    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not_eligible"
    NOT_KNOWN = "not_known"
    OUTSIDE = "outside"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Test(_Strict):
    """A fact in a range (both ends included) or among values."""

    fact: str
    low: Decimal | None = Field(None, alias="from")
    high: Decimal | None = Field(None, alias="to")
    one_of: tuple[bool | str, ...] = ()

    @model_validator(mode="after")
    def _tests_something(self) -> _Test:
        if bool(self.one_of) == (self.low is not None or self.high is not None):
            raise ValueError("a test has either a range or values")
        return self

    def holds(self, belief: Belief | None) -> bool | None:
        """Whether it holds; None where that is not known. What does not arise does not hold."""
        if isinstance(belief, NotApplicable):
            return False
        if not isinstance(belief, Known):
            return None
        value = belief.value
        if self.one_of:
            return value in self.one_of if isinstance(value, bool | str) else None
        if not isinstance(value, Decimal):
            return None
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)


class _AnyOf(_Strict):
    id: str = ""
    says: str
    any: tuple[_Test, ...] = Field(min_length=1)
    confirm: str = ""

    def holds(self, facts: Facts) -> bool | None:
        """Whether one of the tests holds; None where none does and one is not known."""
        found = [test.holds(facts.get(test.fact)) for test in self.any]
        return True if True in found else None if None in found else False

    def unknown(self, facts: Facts) -> tuple[str, ...]:
        """The facts that would have to be known."""
        return tuple(test.fact for test in self.any if test.holds(facts.get(test.fact)) is None)

    def named(self) -> tuple[str, ...]:
        """Every fact that it looks at, once."""
        return tuple(dict.fromkeys(test.fact for test in self.any))


class Programme(_Strict):
    """One programme, as its file says it.

    ``outside``: who is not meant; ``confirm`` there is what to confirm where that is not known. ``edges``: where the
    text leaves room for this person, and what to confirm then.
    """

    id: str
    title: str
    owner: str
    effective: date
    citation: str
    criteria: tuple[_AnyOf, ...] = Field(min_length=1)
    outside: tuple[_AnyOf, ...] = ()
    edges: tuple[_AnyOf, ...] = ()
    confirm: tuple[str, ...] = ()

    def facts(self) -> dict[str, type[bool] | type[str] | type[Decimal]]:
        """Every fact that it looks at, with the kind of value that it expects."""
        tests = [test for case in (*self.criteria, *self.outside, *self.edges) for test in case.any]
        return {test.fact: type(test.one_of[0]) if test.one_of else Decimal for test in tests}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion as it was judged: whether it holds (None: not known), and the facts that it looks at."""

    says: str
    holds: bool | None
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Screening:
    """A programme's answer. ``because``: what decided it; ``missing``: the facts that are not known and matter."""

    programme: str
    eligibility: Eligibility
    because: tuple[str, ...]
    missing: tuple[str, ...]
    confirm: tuple[str, ...]
    citation: str
    criteria: tuple[Criterion, ...] = ()


def screening(programme_id: str, facts: Facts) -> Screening:
    """Whether a person with these facts (names and units of ``knowledge/facts.yaml``) is eligible.

    A criterion that fails decides, whatever else is unknown. ``lung_cancer_symptoms`` (bool), which no record
    states, may be given beside the facts of the record.

    Raises:
        MissingKnowledge: there is no such programme, or its file is broken.
    """
    programme = load_programme(programme_id)
    judged = tuple(Criterion(c.says, c.holds(facts), c.named()) for c in programme.criteria)
    eligibility, because, missing = _decided(programme, facts, judged)
    open_still = eligibility in (Eligibility.ELIGIBLE, Eligibility.NOT_KNOWN)
    confirm = tuple(_to_confirm(programme, facts)) if open_still else ()
    return Screening(programme.id, eligibility, because, missing, confirm, programme.citation, judged)


Decided = tuple[Eligibility, tuple[str, ...], tuple[str, ...]]


def _decided(programme: Programme, facts: Facts, judged: tuple[Criterion, ...]) -> Decided:
    """The answer, what decided it, and the facts that are missing."""
    outside = tuple(case.says for case in programme.outside if case.holds(facts))
    failed = tuple(criterion.says for criterion in judged if criterion.holds is False)
    unknown = [c for c, criterion in zip(programme.criteria, judged, strict=True) if criterion.holds is None]
    if outside:
        return Eligibility.OUTSIDE, outside, ()
    if failed:
        return Eligibility.NOT_ELIGIBLE, failed, ()
    if unknown:
        missing = dict.fromkeys(fact for criterion in unknown for fact in criterion.unknown(facts))
        return Eligibility.NOT_KNOWN, tuple(criterion.says for criterion in unknown), tuple(missing)
    return Eligibility.ELIGIBLE, tuple(criterion.says for criterion in judged), ()


def _to_confirm(programme: Programme, facts: Facts) -> Iterator[str]:
    yield from programme.confirm
    yield from (case.confirm for case in programme.outside if case.confirm and case.holds(facts) is None)
    yield from (case.confirm or case.says for case in programme.edges if case.holds(facts))


def in_force(name: str, as_of: date) -> str:
    """The id of a programme named with or without its edition: without, the newest that was in force on the day.

    Raises:
        MissingKnowledge: there is no such programme, or none of it was in force yet.
    """
    if "@" in name:
        return load_programme(name).id
    found = [p for p in map(load_programme, programmes()) if p.id.split("@")[0] == name]
    begun = [p for p in found if p.effective <= as_of]
    if not begun:
        what = f"none in force on {as_of}" if found else "no such programme"
        where = "knowledge/programmes"
        raise MissingKnowledge(where, "", what, ", ".join(programmes()), "Name one of these, or a later day.")
    return max(begun, key=lambda p: p.effective).id


def programmes() -> tuple[str, ...]:
    """The ids of the shipped programmes."""
    folder = knowledge_folder() / "programmes"
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


@lru_cache(maxsize=8)
def load_programme(programme_id: str) -> Programme:
    """One programme.

    Raises:
        MissingKnowledge: there is no such programme, or its file is broken.
    """
    where = f"knowledge/programmes/{programme_id}.yaml"
    if programme_id not in programmes():
        raise MissingKnowledge(where, "", "no such programme", ", ".join(programmes()), "Name one of these.")
    try:
        text = (knowledge_folder() / "programmes" / f"{programme_id}.yaml").read_text(encoding="utf-8")
        content: Any = yaml.safe_load(text)
        found = Programme.model_validate(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        said = "a broken file"
        raise MissingKnowledge(where, "", said, "a complete file of the product", "Reinstall radlogic.") from error
    if found.id != programme_id:
        raise MissingKnowledge(where, "id", "another id", programme_id, "Reinstall radlogic.")
    return found
