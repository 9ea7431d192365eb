"""The schema of ``knowledge/risk_models/<id>.yaml``, and how one is loaded.

Imported when the first model is asked for: pydantic and the files cost a quarter of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import MissingKnowledge
from .risk_model import Band, Circumstance, Input, Model, Product, SubModel, Term

Folder = Traversable | Path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _OfCase(_Strict):
    finding: tuple[str, ...] = ()
    patient: tuple[str, ...] = ()
    count: bool = False
    reads: dict[str, bool | str] = Field({}, alias="as")
    met_from: float | None = Field(None, alias="from")
    not_applicable: bool | float | None = None


class _Case(_Strict):
    says: str
    finding: str = ""
    patient: str = ""
    count: bool = False
    one_of: tuple[bool | str, ...] = ()
    low: float | None = Field(None, alias="from")
    below: float | None = None

    @model_validator(mode="after")
    def _one_fact(self) -> _Case:
        if sum((bool(self.finding), bool(self.patient), self.count)) != 1:
            raise ValueError("a case looks at one fact of `finding` or `patient`, or at `count`")
        if bool(self.one_of) == (self.low is not None or self.below is not None):
            raise ValueError("a case has either values or a range")
        return self


class _Fact(_Strict):
    patient: str
    one_of: tuple[bool | str, ...] = Field(min_length=1)


class _MeantFor(_Strict):
    says: str
    any: tuple[_Fact, ...] = Field(min_length=1)


class _Input(_Strict):
    type: Literal["number", "bool", "choice"]
    doc: str
    unit: str = ""
    at_least: float | None = Field(None, alias="from")
    above: float | None = None
    to: float | None = None
    valid: tuple[float, float] | None = None
    reliable: tuple[float, float] | None = None
    whole: bool = False
    values: tuple[str, ...] = ()
    zero_unless: str | None = None
    no_more_than: str | None = None
    of_case: _OfCase = _OfCase()
    prefers: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> _Input:
        bounded = self.to is not None and (self.at_least is None) != (self.above is None)
        if self.type == "number" and not (bounded and self.unit):
            raise ValueError("a number has a unit, `to`, and either `from` or `above`")
        if (self.type == "choice") != bool(self.values):
            raise ValueError("a choice, and nothing else, has values")
        return self


class _Term(_Strict):
    times: float
    of: str | None = None
    is_: bool | str | None = Field(None, alias="is")
    per: float = 1
    power: float = 1
    log10: bool = False
    less: float = 0
    product: dict[str, float] = {}
    model: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> _Term:
        if sum((self.of is not None, bool(self.product), self.model is not None)) != 1:
            raise ValueError("a term has one of `of`, `product` and `model`")
        return self


class _Band(_Strict):
    up_to: float | None = None
    below: float | None = None
    grade: int | None = None
    group: str | None = None


class _Scale(_Strict):
    per: float = 1
    times: float = 1


class _File(_Strict):
    id: str
    title: str
    answers: Literal["probability", "score"]
    of: str
    citation: str
    confidence: str
    domain: str
    inputs: dict[str, _Input]
    intercept: float
    terms: tuple[_Term, ...]
    scale: _Scale = _Scale()
    bands: tuple[_Band, ...] = ()
    spans: tuple[float, float] | None = None
    not_for: tuple[_Case, ...] = ()
    care: tuple[_Case, ...] = ()
    meant_for: _MeantFor | None = None


def model_ids(folder: Folder) -> tuple[str, ...]:
    """The ids of the models in ``risk_models/``, in order.

    Raises:
        MissingKnowledge: there are none.
    """
    found = sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
    if not found:
        raise _missing("knowledge/risk_models", "", "no models")
    return tuple(found)


def load(folder: Folder, model_id: str) -> Model:
    """One model of the folder, with the models it reads.

    Raises:
        MissingKnowledge: its file is absent or broken.
    """
    where = f"knowledge/risk_models/{model_id}.yaml"
    try:
        content = yaml.safe_load((folder / f"{model_id}.yaml").read_text(encoding="utf-8"))
        file = _File.model_validate(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        said = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "no readable YAML file"}
        raise _missing(where, ".".join(str(part) for part in said["loc"]), str(said["msg"])) from error
    others = {t.model: load(folder, t.model) for t in file.terms if t.model and t.model != model_id}
    model = _model(file, others)
    for name in model.named():
        if name not in model.inputs:
            raise _missing(where, "terms", f"the unknown input {name}")
    return model


def _missing(where: str, field: str, found: str) -> MissingKnowledge:
    return MissingKnowledge(
        where, field, found, "a complete file of the product", "Reinstall radlogic or mend the file."
    )


def _model(file: _File, others: Mapping[str, Model]) -> Model:
    return Model(
        id=file.id,
        title=file.title,
        answers=file.answers,
        of=file.of,
        citation=file.citation,
        confidence=file.confidence,
        domain=file.domain,
        inputs={name: _input(entry) for name, entry in file.inputs.items()},
        intercept=file.intercept,
        terms=tuple(_term(entry, others) for entry in file.terms),
        scale=file.scale.times / file.scale.per,
        bands=tuple(Band(b.up_to, b.below, b.grade, b.group) for b in file.bands),
        spans=file.spans,
        not_for=tuple(map(_case, file.not_for)),
        care=tuple(map(_case, file.care)),
        meant_for=tuple(_fact(entry) for entry in (file.meant_for.any if file.meant_for else ())),
        unless_meant=file.meant_for.says if file.meant_for else "",
    )


def _fact(entry: _Fact) -> Circumstance:
    return Circumstance("", "patient", entry.patient, entry.one_of, None, None)


def _case(entry: _Case) -> Circumstance:
    place = "finding" if entry.finding else "patient" if entry.patient else "count"
    return Circumstance(entry.says, place, entry.finding or entry.patient, entry.one_of, entry.low, entry.below)


def _input(entry: _Input) -> Input:
    return Input(
        **entry.model_dump(exclude={"of_case"}),
        **entry.of_case.model_dump(),
    )


def _term(entry: _Term, others: Mapping[str, Model]) -> Term | Product | SubModel:
    if entry.product:
        return Product(entry.product, entry.times)
    if entry.model is not None:
        return SubModel(others[entry.model], entry.times)
    return Term(entry.of or "", entry.is_, entry.per, entry.power, entry.log10, entry.less, entry.times)
