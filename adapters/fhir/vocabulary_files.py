"""The schema of ``knowledge/facts.yaml`` and of the value sets in ``knowledge/terminology/``."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

UNSETTLED = "unsettled"  # the entry raises the question and does not answer it
NOTHING = "nothing"  # the entry does not bear on the question, though a broader entry would take it in


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _fraction(value: Any) -> Any:
    try:
        return Fraction(str(value))  # a number as it is written ("17.1"), or a ratio ("1/12")
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("a number or a ratio such as 1/12") from error


Exact = Annotated[Decimal, BeforeValidator(str)]
Factor = Annotated[Fraction, BeforeValidator(_fraction)]


class MaxAge(_Strict):
    """How old a value may be on the day of the exam, in completed months, and why."""

    months: int
    why: str


class FactEntry(_Strict):
    """One fact of the vocabulary."""

    type: Literal["bool", "enum", "quantity"]
    read_from: Literal["patient", "record", "derived"]
    doc: str
    values: tuple[str, ...] = ()
    holds: Literal["now", "lasting", "ever"] | None = None
    unit: str = ""
    low: Exact | None = None
    high: Exact | None = None
    units: dict[str, Factor] = {}
    max_age: MaxAge | None = None

    @model_validator(mode="before")
    @classmethod
    def _range(cls, data: Any) -> Any:
        return {{"from": "low", "to": "high"}.get(key, key): value for key, value in data.items()}

    @model_validator(mode="after")
    def _whole(self) -> FactEntry:
        needs = {
            "bool": (
                self.read_from != "record" or self.holds is not None,
                "a bool of the record says what it `holds`",
            ),
            "enum": (bool(self.values), "an enum lists its `values`"),
            "quantity": (
                self.low is not None and self.high is not None and self.units.get(self.unit) == 1,
                "a quantity has `from`, `to` and its own unit among `units` with factor 1",
            ),
        }
        fulfilled, rule = needs[self.type]
        if not fulfilled:
            raise ValueError(rule)
        return self


class FactsFile(_Strict):
    """``knowledge/facts.yaml``; its facts stand at the top level."""

    facts: dict[str, FactEntry]


class CodeEntry(_Strict):
    """One confirmed code.

    ``means``: the fact's value; ``whole``: it names the fact itself, not a kind of it; ``because_of``: a
    procedure that is done for many reasons counts only where it gives this fact as its reason.
    """

    system: str
    code: str
    display: str
    source: str
    means: bool | str = True
    below: bool = False
    whole: bool = False
    because_of: str | None = None


class Relatives(_Strict):
    """Relationships that are not by blood."""

    system: str
    source: str
    codes: tuple[str, ...]


class ValueSet(_Strict):
    """``knowledge/terminology/<fact>.yaml``: Observations that ask for the fact, concepts that state it."""

    fact: str
    observed_as: tuple[CodeEntry, ...] = ()
    concepts: tuple[CodeEntry, ...] = ()
    includes: tuple[str, ...] = ()
    of_relatives: str | None = None
    not_blood_relatives: Relatives | None = None


Codes = Annotated[tuple[CodeEntry, ...], Field(min_length=1)]


class Categories(_Strict):
    """How an earlier exam's category is stated."""

    observed_as: Codes
    values: Annotated[tuple[str, ...], Field(min_length=1)]


class PriorExams(_Strict):
    """``knowledge/terminology/prior_exams.yaml``."""

    exams: Codes
    modality: str
    sites: Codes
    category: Categories


class LiverExams(_Strict):
    """``knowledge/terminology/liver_exams.yaml``."""

    exams: Codes
    modalities: Annotated[tuple[str, ...], Field(min_length=1)]
    sites: Codes


class Index(_Strict):
    """``knowledge/terminology/index.yaml``: code systems, and where codes were confirmed."""

    systems: dict[str, str]
    by_prefix: tuple[str, ...]
    sources: dict[str, str]
