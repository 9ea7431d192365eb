"""The schema of ``knowledge/networks/<id>.yaml``; ``docs/networks.md`` explains every key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _plain_number(given: object) -> object:
    """``0.2`` stands for ``{value: 0.2}``."""
    return {"value": given} if isinstance(given, int | float) and not isinstance(given, bool) else given


def _plain_list(given: object) -> object:
    """``[0.9, 0.1]`` stands for ``{p: [0.9, 0.1]}``."""
    return {"p": given} if isinstance(given, list | tuple) else given


def _no_truth(given: object) -> object:
    """YAML reads a bare yes, no, on and off as true and false, and a bare number is no name."""
    if isinstance(given, bool):
        raise ValueError("a bare yes, no, on or off is a truth value in YAML: put the state into quotes")
    return given


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
State = Annotated[str, BeforeValidator(_no_truth), Field(min_length=1)]
States = Annotated[tuple[State, ...], Field(min_length=1)]
Range = tuple[float, float]
Mark = Literal["V2", "V1", "M", "expert prior", "definition", "fitted"]
Group = Literal["host", "imaging", "laboratory", "latent", "outcome"]


class Number(_Strict):
    """A number with the range that it may have; its own ``mark`` stands in place of the node's."""

    value: float
    range: Range | None = None
    mark: Mark | None = None


class Distribution(_Strict):
    """A probability for each state of the node, in order, with ranges of some of them."""

    p: tuple[float, ...]
    ranges: dict[State, Range] = {}


ANumber = Annotated[Number, BeforeValidator(_plain_number)]
ADistribution = Annotated[Distribution, BeforeValidator(_plain_list)]


class Row(Distribution):
    """One row of a table; its own ``source``, ``derivation`` and ``mark`` stand in place of the node's.

    ``counts``: the Dirichlet counts behind a row that was fitted.
    """

    when: dict[str, State | States] = {}
    counts: tuple[float, ...] = ()
    source: tuple[str, ...] = ()
    derivation: str = ""
    mark: Mark | None = None


class NoisyOr(_Strict):
    """Each parent in a state causes the effect on its own, with that probability."""

    leak: ANumber
    links: dict[str, dict[State, ANumber]]


class NoisyMax(_Strict):
    """Independence of causal influence: the strongest effect of any cause."""

    leak: ADistribution
    links: dict[str, dict[State, ADistribution]]


class Term(_Strict):
    """``times`` x ((value / per) ^ power - less), or x 1 where the parent is in one of the states ``is``."""

    times: ANumber
    of: str
    is_: State | States | None = Field(None, alias="is")
    per: float = 1
    power: float = 1
    log10: bool = False
    less: float = 0


class Odds(_Strict):
    """Log-odds of one state against the state that is not named."""

    intercept: ANumber
    terms: tuple[Term, ...]


class TrainingPrior(_Strict):
    """How often each state was met where the net was trained, in the order of the node's states."""

    p: tuple[float, ...]
    source: str


class Feed(_Strict):
    """Which fact feeds a node, and what its values mean."""

    patient: str | None = None
    finding: str | None = None
    exam: str | None = None
    count: str | None = None
    values: dict[bool | str, State | States] = {}
    not_applicable: State | States | None = None
    training_prior: TrainingPrior | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Feed:
        if sum(place is not None for place in (self.patient, self.finding, self.exam, self.count)) != 1:
            raise ValueError("a feed has one of `patient`, `finding`, `exam` and `count`")
        return self

    @property
    def place(self) -> tuple[str, str]:
        """Where the fact is found, and its name there."""
        named = {k: getattr(self, k) for k in ("patient", "finding", "exam", "count")}
        return next((place, name) for place, name in named.items() if name is not None)


class Node(_Strict):
    """One variable with its table in one of four forms."""

    doc: str
    group: Group
    states: Annotated[tuple[State, ...], Field(min_length=2)]
    unit: str = ""
    cuts: tuple[float, ...] = ()
    range: Range | None = None
    representative: tuple[float, ...] = ()
    parents: tuple[str, ...] = ()
    source: Annotated[tuple[str, ...], Field(min_length=1)]
    derivation: Annotated[str, Field(min_length=1)]
    mark: Mark
    table: tuple[Row, ...] = ()
    noisy_or: NoisyOr | None = None
    noisy_max: NoisyMax | None = None
    logistic: dict[State, Odds] = {}
    equivalent_cases: Annotated[float, Field(gt=0)] | None = None
    feeds: tuple[Feed, ...] = ()

    @model_validator(mode="after")
    def _one_form(self) -> Node:
        forms = (bool(self.table), self.noisy_or is not None, self.noisy_max is not None, bool(self.logistic))
        if sum(forms) != 1:
            raise ValueError("a node has one of `table`, `noisy_or`, `noisy_max` and `logistic`")
        return self


class Target(_Strict):
    """The node whose posterior is asked, and the state whose probability is the risk."""

    node: str
    state: State


class Threshold(_Strict):
    """A probability of the target's state at which the management changes."""

    at: Annotated[float, Field(gt=0, lt=1)]
    means: str
    source: str


class NotFor(_Strict):
    """A known fact with which the network must give no answer, and why, in words."""

    patient: str | None = None
    finding: str | None = None
    exam: str | None = None
    values: tuple[bool | str, ...] = ()
    but: tuple[bool | str, ...] = ()
    says: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _one_place(self) -> NotFor:
        if sum(place is not None for place in (self.patient, self.finding, self.exam)) != 1:
            raise ValueError("it has one of `patient`, `finding` and `exam`")
        if bool(self.values) == bool(self.but):
            raise ValueError("it has one of `values` and `but` (any value but these)")
        return self


class NetworkFile(_Strict):
    """One file."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    version: str
    title: str
    status: Literal["draft", "reviewed"]
    intended_use: str
    population: str
    target: Target
    thresholds: tuple[Threshold, ...] = ()
    not_for: tuple[NotFor, ...] = ()
    sources: Mapping[Name, str]
    nodes: dict[Name, Node]
