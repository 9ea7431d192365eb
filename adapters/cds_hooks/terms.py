"""What the services know beyond guidelines and code: ``knowledge/cds/``, read once and checked whole."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...engine.errors import MissingKnowledge
from ...engine.resources import knowledge_folder, yaml_loader
from .response import Coding, OverrideReason

Region = Literal["chest", "liver"]
Model = TypeVar("Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceTerms(_Strict):
    """One service: how it presents itself, and the keys of ``queries`` that it asks clients to prefetch."""

    id: str
    hook: str
    title: str
    description: str
    prefetch: tuple[str, ...]
    usage: str


class ServicesFile(_Strict):
    """``services.yaml``. ``facts``: by query, the patient facts that it holds."""

    version: str
    queries: dict[str, str]
    facts: dict[str, tuple[str, ...]]
    services: tuple[ServiceTerms, ...]

    @model_validator(mode="after")
    def _queries_exist(self) -> Self:
        asked = {key for service in self.services for key in service.prefetch} | set(self.facts)
        if asked - set(self.queries):
            raise ValueError(f"no query {sorted(asked - set(self.queries))}")
        return self

    def query_of(self, fact: str) -> str | None:
        """The query that holds a fact."""
        return next((query for query, facts in self.facts.items() if fact in facts), None)


class ExamKind(_Strict):
    """An exam in words, and the regions that it shows."""

    words: str
    regions: tuple[Region, ...]


class ExamCode(_Strict):
    """A code of an exam. ``order``: suggested orders are written under it."""

    system: str
    code: str
    display: str
    exam: str
    source: str
    order: bool = False


class Asks(_Strict):
    """What a guideline's categories ask for: exams, the first of them suggested."""

    region: Region
    categories: dict[str, tuple[str, ...]]


class Early(_Strict):
    """How long before the interval's end is early: a share of it, at most so many days."""

    share: float
    most_days: int
    why: str


class Days(_Strict):
    """A number of days, with its reason."""

    days: int
    why: str


class Windows(_Strict):
    """When an order is early, late or one too many, and when follow-up is due soon."""

    early: Early
    late: Days
    twice: Days
    soon: Days


class ScreeningTerms(_Strict):
    """Whom a screening order is for: programme of ``knowledge/programmes``, and the payer's."""

    exam: str
    programme: str
    payer: str
    needs: tuple[str, ...]
    says: str
    done_months: int


class SurveillanceTerms(_Strict):
    """Surveillance by a guideline's population: ``category`` is the one whose management is surveillance."""

    exam: str
    guideline: str
    category: str
    needs_one: tuple[str, ...]
    says: str


class Pama(_Strict):
    """The Argonaut extension's names."""

    rating: str
    consulted: str
    consult_id: str
    system: str
    codes: dict[Literal["fits", "unfit", "none"], str]


class ExamsFile(_Strict):
    """``exams.yaml``."""

    exams: dict[str, ExamKind]
    codes: tuple[ExamCode, ...]
    recommended: dict[str, Asks]
    windows: Windows
    screening: ScreeningTerms
    surveillance: SurveillanceTerms
    pama: Pama

    @model_validator(mode="after")
    def _exams_exist(self) -> Self:
        asked = {exam for g in self.recommended.values() for exams in g.categories.values() for exam in exams}
        asked |= {code.exam for code in self.codes} | {self.screening.exam, self.surveillance.exam}
        if asked - set(self.exams):
            raise ValueError(f"no exam {sorted(asked - set(self.exams))}")
        return self

    def exam_of(self, system: str, code: str) -> str | None:
        """The exam that a code means."""
        return next((c.exam for c in self.codes if (c.system, c.code) == (system, code)), None)

    def coding_of(self, exam: str) -> Coding | None:
        """The code under which an order of it is written; None where none is confirmed."""
        found = next((c for c in self.codes if c.exam == exam and c.order), None)
        return None if found is None else Coding(system=found.system, code=found.code, display=found.display)


class Reason(_Strict):
    """Why a card is not followed. ``lasts``: months for which it is not shown again."""

    code: str
    display: str
    lasts: int = Field(ge=0, le=24)
    why: str = ""


class ReasonsFile(_Strict):
    """``override_reasons.yaml``."""

    system: str
    reasons: tuple[Reason, ...]

    def offered(self) -> tuple[OverrideReason, ...]:
        """As a card carries them."""
        return tuple(OverrideReason(code=r.code, system=self.system, display=r.display) for r in self.reasons)

    def lasts(self, system: str, code: str) -> int:
        """For how many months a card overridden so is not shown again; 0 where it is."""
        return next((r.lasts for r in self.reasons if (self.system, r.code) == (system, code)), 0)


@lru_cache(maxsize=1)
def services() -> ServicesFile:
    """The services on offer. Raises: MissingKnowledge."""
    return _read("services.yaml", ServicesFile)


@lru_cache(maxsize=1)
def exams() -> ExamsFile:
    """Exams, their codes and windows. Raises: MissingKnowledge."""
    return _read("exams.yaml", ExamsFile)


@lru_cache(maxsize=1)
def reasons() -> ReasonsFile:
    """Override reasons. Raises: MissingKnowledge."""
    return _read("override_reasons.yaml", ReasonsFile)


def _read(name: str, model: type[Model]) -> Model:
    where, allowed, cure = f"knowledge/cds/{name}", "the shipped file", "Reinstall radlogic."
    try:
        content: Any = yaml.load((knowledge_folder() / "cds" / name).read_bytes(), yaml_loader())  # noqa: S506  the safe one
        return model.model_validate(content)
    except (OSError, yaml.YAMLError) as error:
        raise MissingKnowledge(where, "", type(error).__name__, allowed, cure) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise MissingKnowledge(where, ".".join(map(str, first["loc"])), first["msg"], allowed, cure) from error
