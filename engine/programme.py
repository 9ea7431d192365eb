"""Screening programmes: is a person eligible? Three answers: eligible, not eligible, not known.

``knowledge/programmes/<id>.yaml`` lists what must hold; unknown facts are named, never filled in. A person outside
the people a programme is for (``outside``) is told so. What no record holds and a clinician must confirm stands in
``confirm``. Intended use: support for a clinician's decision, not a coverage or treatment decision.
"""

from __future__ import annotations

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

    def holds(self, facts: Facts) -> bool | None:
        """Whether one of the tests holds; None where none does and one is not known."""
        found = [test.holds(facts.get(test.fact)) for test in self.any]
        return True if True in found else None if None in found else False

    def unknown(self, facts: Facts) -> tuple[str, ...]:
        """The facts that would have to be known."""
        return tuple(test.fact for test in self.any if test.holds(facts.get(test.fact)) is None)


class Programme(_Strict):
    """One programme, as its file says it."""

    id: str
    title: str
    owner: str
    effective: date
    citation: str
    criteria: tuple[_AnyOf, ...] = Field(min_length=1)
    outside: tuple[_AnyOf, ...] = ()
    confirm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Screening:
    """A programme's answer. ``because``: what decided it; ``missing``: the facts that are not known and matter."""

    programme: str
    eligibility: Eligibility
    because: tuple[str, ...]
    missing: tuple[str, ...]
    confirm: tuple[str, ...]
    citation: str


def screening(programme_id: str, facts: Facts) -> Screening:
    """Whether a person with these facts (names and units of ``knowledge/facts.yaml``) is eligible.

    A criterion that fails decides, whatever else is unknown. ``lung_cancer_symptoms`` (bool), which no record
    states, may be given beside the facts of the record.

    Raises:
        MissingKnowledge: there is no such programme, or its file is broken.
    """
    programme = load_programme(programme_id)
    held = [(criterion, criterion.holds(facts)) for criterion in programme.criteria]
    outside = tuple(case.says for case in programme.outside if case.holds(facts))
    failed = tuple(criterion.says for criterion, holds in held if holds is False)
    unknown = tuple(f for criterion, holds in held if holds is None for f in criterion.unknown(facts))
    if outside:
        return _answer(programme, Eligibility.OUTSIDE, outside)
    if failed:
        return _answer(programme, Eligibility.NOT_ELIGIBLE, failed)
    if unknown:
        open_ones = tuple(criterion.says for criterion, holds in held if holds is None)
        return _answer(programme, Eligibility.NOT_KNOWN, open_ones, tuple(dict.fromkeys(unknown)))
    return _answer(programme, Eligibility.ELIGIBLE, tuple(criterion.says for criterion, _ in held))


def _answer(
    programme: Programme, eligibility: Eligibility, because: tuple[str, ...], missing: tuple[str, ...] = ()
) -> Screening:
    confirm = programme.confirm if eligibility in (Eligibility.ELIGIBLE, Eligibility.NOT_KNOWN) else ()
    return Screening(programme.id, eligibility, because, missing, confirm, programme.citation)


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
