"""What codes mean: ``knowledge/terminology/sr_codes.yaml``, checked and ready to be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator

from ...engine.errors import MissingKnowledge
from ...engine.resources import knowledge_folder

FILE: Final = "terminology/sr_codes.yaml"
Key = tuple[str, str]  # scheme in capitals and under its current name, value


@dataclass(frozen=True, slots=True)
class Code:
    """A coded entry of a DICOM object; two are the same concept if scheme and value are."""

    scheme: str
    value: str
    meaning: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.meaning} ({self.scheme} {self.value})" if self.meaning else f"{self.scheme} {self.value}"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _two_words(code: str) -> str:
    if len(code.split(" ")) != 2:
        raise ValueError("a code is 'scheme value'")
    return code


class Entry(_Strict):
    """One shipped code and where it was confirmed."""

    code: Annotated[str, AfterValidator(_two_words)]
    display: str
    source: str


class Measurement(_Strict):
    """How a measured quantity is read: ``inputs`` by kind of finding, unless one of ``unless`` is stated as well."""

    says: str
    quantity: Literal["length", "volume"]
    derivations: tuple[str, ...]
    inputs: dict[str, str]
    codes: tuple[Entry, ...]
    unless: tuple[str, ...] = ()
    note: str = ""


class Answer(_Strict):
    """What an answer states, by name of input."""

    facts: dict[str, bool | str]
    codes: tuple[Entry, ...]


class Question(_Strict):
    """A question with its own answers; any other leaves ``input`` unknown."""

    says: str
    input: str
    codes: tuple[Entry, ...]
    answers: tuple[Answer, ...]


class FindingCodes(_Strict):
    """Names of findings, and the organ they are in where the name says so."""

    codes: tuple[Entry, ...]
    site: str | None = None


class CodesFile(_Strict):
    """The schema of the file."""

    schemes: dict[str, str]
    sources: dict[str, str]
    units: dict[str, dict[str, Decimal]]
    roles: dict[str, tuple[Entry, ...]]
    derivations: dict[str, tuple[Entry, ...]]
    measurements: tuple[Measurement, ...]
    sites: dict[str, tuple[Entry, ...]]
    kinds: dict[str, str]
    findings: tuple[FindingCodes, ...]
    anatomy: tuple[Entry, ...]
    questions: tuple[Question, ...]
    anywhere: tuple[Answer, ...]

    def entries(self) -> Iterable[Entry]:
        """All shipped codes; one that serves twice comes twice."""
        yield from self.anatomy
        for group in (*self.roles.values(), *self.derivations.values(), *self.sites.values()):
            yield from group
        answers = [answer for question in self.questions for answer in question.answers]
        for codes in (one.codes for listed in (self.measurements, self.findings, self.questions) for one in listed):
            yield from codes
        for answer in (*self.anywhere, *answers):
            yield from answer.codes

    @model_validator(mode="after")
    def _whole(self) -> CodesFile:
        unknown = {entry.code for entry in self.entries() if entry.source not in self.sources}
        if unknown:
            raise ValueError(f"codes without a known source: {', '.join(sorted(unknown))}")
        if not {one.quantity for one in self.measurements} <= self.units.keys():
            raise ValueError("a quantity without units")
        return self


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes, to be asked by concept. ``None`` and ``()`` mean that the concept is not one of ours."""

    schemes: Mapping[str, str]
    units: Mapping[str, Mapping[str, Decimal]]
    kinds: Mapping[str, str]
    roles: Mapping[Key, str]
    derivations: Mapping[Key, str]
    measurements: Mapping[Key, tuple[Measurement, ...]]
    sites: Mapping[Key, str]
    findings: Mapping[Key, str | None]
    anatomy: frozenset[Key]
    questions: Mapping[Key, tuple[Question, Mapping[Key, Answer]]]
    anywhere: Mapping[Key, Answer]

    def key(self, code: Code) -> Key:
        """The concept, however its scheme is spelled."""
        scheme = code.scheme.upper()
        return self.schemes.get(scheme, scheme), code.value

    def role(self, code: Code | None) -> str | None:
        """Which part of the template a content item is."""
        return None if code is None else self.roles.get(self.key(code))

    def derivation(self, code: Code | None) -> str:
        """``none``, ``mean`` or ``maximum``; any other is ``other``."""
        return "none" if code is None else self.derivations.get(self.key(code), "other")

    def measurement(self, code: Code | None, derivation: str) -> Measurement | None:
        """How a measurement so named and so derived is read."""
        known = () if code is None else self.measurements.get(self.key(code), ())
        return next((one for one in known if derivation in one.derivations), None)

    def kind(self, finding: Code | None, sites: Iterable[Code]) -> str:
        """``nodule``, ``observation`` or ``lesion``, by what it is called and where it is."""
        organs = {organ for site in sites if (organ := self.sites.get(self.key(site)))}
        if finding is not None:
            if self.key(finding) not in self.findings:
                return "lesion"
            organs |= {organ for organ in (self.findings[self.key(finding)],) if organ}
        return self.kinds.get(organs.pop(), "lesion") if len(organs) == 1 else "lesion"

    def is_anatomy(self, category: Code | None) -> bool:
        """Whether a segment of this category outlines an organ."""
        return category is not None and self.key(category) in self.anatomy

    def asks(self, question: Code | None) -> bool:
        """Whether this is a question with answers of its own."""
        return question is not None and self.key(question) in self.questions

    def facts(self, question: Code | None, answer: Code) -> tuple[Mapping[str, bool | str], str | None] | None:
        """What an answer states, and the input that stays unknown by it; None where neither is known."""
        asked = None if question is None else self.questions.get(self.key(question))
        if asked is None:
            known = self.anywhere.get(self.key(answer))
            return None if known is None else (known.facts, None)
        given = asked[1].get(self.key(answer))
        return ({}, asked[0].input) if given is None else (given.facts, None)


@lru_cache(maxsize=1)
def shipped_codes() -> Codes:
    """The codes that ship with the product.

    Raises:
        MissingKnowledge: the file is absent or broken.
    """
    try:
        content: Any = yaml.safe_load((knowledge_folder() / FILE).read_text(encoding="utf-8"))
        return codes_of(CodesFile.model_validate(content))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        said = error.errors()[0] if isinstance(error, ValidationError) else None
        place = ".".join(str(part) for part in said["loc"]) if said else ""
        found = said["msg"] if said else "no readable YAML file"
        raise MissingKnowledge(
            f"knowledge/{FILE}", place, found, "a complete file of the product", "Reinstall radlogic or mend it."
        ) from error


def codes_of(file: CodesFile) -> Codes:
    """The file turned round, from names to concepts into from concepts to names."""

    def key(entry: Entry) -> Key:
        scheme, value = entry.code.split(" ")
        return file.schemes.get(scheme.upper(), scheme.upper()), value

    def by_name(groups: Mapping[str, tuple[Entry, ...]]) -> dict[Key, str]:
        return {key(entry): name for name, entries in groups.items() for entry in entries}

    def by_answer(answers: Iterable[Answer]) -> dict[Key, Answer]:
        return {key(entry): answer for answer in answers for entry in answer.codes}

    measurements: dict[Key, tuple[Measurement, ...]] = {}
    for one in file.measurements:
        for entry in one.codes:
            measurements[key(entry)] = (*measurements.get(key(entry), ()), one)
    return Codes(
        schemes=file.schemes,
        units=file.units,
        kinds=file.kinds,
        roles=by_name(file.roles),
        derivations=by_name(file.derivations),
        measurements=measurements,
        sites=by_name(file.sites),
        findings={key(entry): group.site for group in file.findings for entry in group.codes},
        anatomy=frozenset(key(entry) for entry in file.anatomy),
        questions={key(entry): (q, by_answer(q.answers)) for q in file.questions for entry in q.codes},
        anywhere=by_answer(file.anywhere),
    )
