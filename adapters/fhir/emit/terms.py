"""The codes under which decisions leave as FHIR: ``knowledge/fhir_out/``, read once and checked whole."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ....engine.errors import MissingKnowledge
from ....engine.resources import knowledge_folder

Model = TypeVar("Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StandardCode(_Strict):
    """A code of a standard system, and where it was confirmed. ``system`` is a name of ``systems``."""

    system: str
    code: str
    display: str
    source: str
    mark: Literal["V2", "V1"]


class Unit(_Strict):
    """A UCUM unit: its words and its code."""

    unit: str
    code: str


class Extension(_Strict):
    """An extension of a standard."""

    url: str
    source: str
    mark: Literal["V2", "V1"]


class Mended(_Strict):
    """When a changed report mends an error: outcomes and reasons of the store."""

    outcomes: tuple[str, ...]
    reasons: tuple[str, ...]


Listed = tuple[StandardCode, ...]


class Codes(_Strict):
    """``codes.yaml``."""

    canonical: str
    sources: dict[str, str]
    systems: dict[str, str]
    extensions: dict[str, Extension]
    codes: dict[str, Listed]
    regions: dict[str, Listed]
    guideline_regions: dict[str, str]
    exam_category: dict[str, Listed]
    kinds: dict[str, Listed]
    sites: dict[str, Listed]
    features: dict[str, Listed]
    feature_values: dict[str, Listed]
    units: dict[str, Unit]
    priorities: dict[str, str]
    severities: dict[str, str]
    errors_mended: Mended
    observables: dict[str, str]

    def listed(self) -> Listed:
        """Every standard code."""
        groups = (self.codes, self.regions, self.exam_category, self.kinds, self.sites, self.features)
        return tuple(c for group in (*groups, self.feature_values) for codes in group.values() for c in codes)

    @model_validator(mode="after")
    def _confirmed(self) -> Self:
        bad = [c.code for c in self.listed() if c.system not in self.systems or c.source not in self.sources]
        if bad or set(self.guideline_regions.values()) - set(self.regions):
            raise ValueError(f"a code or region without known system or source: {', '.join(bad)}")
        return self

    def unit_of(self, name: str) -> Unit | None:
        """The unit that a feature's name ends in; None for a plain number."""
        end = max((end for end in self.units if name.endswith(end)), key=len, default=None)
        return None if end is None else self.units[end]


class Bindings(_Strict):
    """``bindings.yaml``: what R4 demands of the resources that are emitted."""

    codes: dict[str, dict[str, tuple[str, ...]]]
    datatypes: dict[str, dict[str, tuple[str, ...]]]
    held_as: dict[str, tuple[str, ...]]
    media_types: tuple[str, ...]
    targets: dict[str, dict[str, tuple[str, ...]]]
    needed: dict[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def codes() -> Codes:
    """The codes. Raises: MissingKnowledge."""
    return _read("codes.yaml", Codes)


@lru_cache(maxsize=1)
def bindings() -> Bindings:
    """The required bindings. Raises: MissingKnowledge."""
    return _read("bindings.yaml", Bindings)


def _read(name: str, model: type[Model]) -> Model:
    where = f"knowledge/fhir_out/{name}"
    try:
        content: Any = yaml.safe_load((knowledge_folder() / "fhir_out" / name).read_text(encoding="utf-8"))
        return model.model_validate(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        said = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "no readable YAML file"}
        field = ".".join(str(part) for part in said["loc"])
        cure = "Reinstall radlogic or mend the file."
        raise MissingKnowledge(where, field, str(said["msg"]), "a complete file of the product", cure) from error
