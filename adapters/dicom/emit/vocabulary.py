"""Which codes are written: ``knowledge/dicom_out/codes.yaml``, checked, and the own scheme for what it leaves out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ....engine.errors import MissingKnowledge
from ....engine.resources import knowledge_folder
from ..coded import Code
from .wording import meaning

FILE: Final = "dicom_out/codes.yaml"
_CODE: Final = re.compile(r"[!-\[\]-~]([ !-\[\]-~]{0,62}[!-\[\]-~])?")  # printable ASCII, no backslash (PS3.5 6.2)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _two_words(code: str) -> str:
    if len(code.split(" ")) != 2:
        raise ValueError("a code is 'scheme value'")
    return code


class Coded(_Strict):
    """One code, how it is spelled out, and how well it is confirmed."""

    code: Annotated[str, AfterValidator(_two_words)]
    meaning: Annotated[str, Field(min_length=1, max_length=64)]
    confidence: Literal["A", "B", "C"]

    @property
    def concept(self) -> Code:
        """The code by itself."""
        scheme, value = self.code.split(" ")
        return Code(scheme, value, self.meaning)


class Quantity(Coded):
    """A measured quantity, with its derivation where it has one."""

    derivation: Annotated[str, AfterValidator(_two_words)] | None = None
    derivation_meaning: str = ""

    @property
    def derived(self) -> Code | None:
        """How the quantity is derived, as a code."""
        if self.derivation is None:
            return None
        scheme, value = self.derivation.split(" ")
        return Code(scheme, value, self.derivation_meaning)


class Kind(_Strict):
    """What a finding of this kind is called, and the organ that it is in."""

    finding: Coded
    site: Coded


class Question(_Strict):
    """A coded question and those of its answers that are coded."""

    question: Coded
    values: dict[str, Coded]


class Scheme(_Strict):
    """The own coding scheme, as the report's header names it."""

    designator: Annotated[str, Field(max_length=16)]
    name: str
    organization: str
    version: str


class Units(_Strict):
    """UCUM codes by the end of an input's name, by the tables' words, and of what has none."""

    endings: dict[str, str]
    words: dict[str, str]
    none: str


class Vocabulary(_Strict):
    """The schema of the file, to be asked for codes."""

    scheme: Scheme
    procedures: dict[str, Coded]
    kinds: dict[str, Kind]
    other: Coded
    sites: dict[str, dict[str, Coded]]
    measurements: dict[str, dict[str, Quantity]]
    answers: dict[str, dict[str, Question]]
    affirmed: Coded
    denied: Coded
    cancer: Coded
    recommendation: Coded
    centre: Coded
    categories: dict[str, Coded]
    units: Units
    texts: tuple[str, ...]

    def own(self, value: str, words: str = "") -> Code:
        """A code of the own scheme; its meaning is the value in words unless given."""
        return Code(self.scheme.designator, value, meaning(words or value.lstrip(":")))

    def answered(self, kind: str, name: str, value: str) -> tuple[Code, Code] | None:
        """A question and its answer; None where they cannot be codes (free words)."""
        standard = self.answers.get(kind, {}).get(name)
        if standard is not None and value in standard.values:
            return standard.question.concept, standard.values[value].concept
        if name in self.texts or not is_code(f"{name}={value}"):
            return None
        return self.own(name), self.own(f"{name}={value}", value)

    def unit_of(self, name: str) -> str:
        """The UCUM unit that the name of an input ends in."""
        return next((unit for end, unit in self.units.endings.items() if name.endswith(end)), self.units.none)

    def unit_in_words(self, words: str) -> str:
        """The UCUM unit for a unit as the tables name it."""
        return self.units.words.get(words, words)

    def site(self, kind: str, location: str) -> Coded | None:
        """The site that the words of a location name, else the organ of the kind; None for a kind of no organ."""
        named = self.sites.get(kind, {}).get(" ".join(location.lower().split()))
        if named is None and kind in self.kinds:
            return self.kinds[kind].site
        return named


def is_code(text: str) -> bool:
    """Whether a text can be the value of a code: 1 to 64 printable ASCII characters without a backslash."""
    return _CODE.fullmatch(text) is not None


@lru_cache(maxsize=1)
def shipped_vocabulary() -> Vocabulary:
    """The codes that ship with the product.

    Raises:
        MissingKnowledge: the file is absent or broken.
    """
    try:
        content: Mapping[str, object] = yaml.safe_load((knowledge_folder() / FILE).read_text(encoding="utf-8"))
        return Vocabulary.model_validate(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        said = error.errors()[0] if isinstance(error, ValidationError) else None
        place = ".".join(str(part) for part in said["loc"]) if said else ""
        found = said["msg"] if said else "no readable YAML file"
        raise MissingKnowledge(
            f"knowledge/{FILE}", place, found, "a complete file of the product", "Reinstall radlogic or mend it."
        ) from error
