"""What a published risk model is made of, and its arithmetic. Values are checked before they come here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ..types import Belief, Known

InputValue = float | bool | str
Values = Mapping[str, InputValue]


@dataclass(frozen=True, slots=True)
class Input:
    """One input: what it can be (``at_least``/``above``..``to``, ``values``), where the model holds (``valid``).

    ``reliable``: outside of it, still within ``valid``, the model is known to do worse. ``no_more_than``: an input
    that it cannot exceed. ``finding``, ``patient`` and ``count`` say what of a case fills it; ``prefers`` is the fact
    that the model was fitted on, where another stands in for it. ``reads`` turns a fact's words into the input's
    values, ``met_from`` a number into whether it is reached; ``not_applicable`` is meant where the question does not
    arise.
    """

    type: str  # "number" | "bool" | "choice"
    doc: str
    unit: str
    at_least: float | None
    above: float | None
    to: float | None
    valid: tuple[float, float] | None
    reliable: tuple[float, float] | None
    whole: bool
    values: tuple[str, ...]
    zero_unless: str | None
    no_more_than: str | None
    prefers: str | None
    finding: tuple[str, ...]
    patient: tuple[str, ...]
    count: bool
    reads: Mapping[str, InputValue]
    met_from: float | None
    not_applicable: InputValue | None

    def allowed(self) -> str:
        """What it can be, in words."""
        if self.type == "bool":
            return "true or false"
        if self.type == "choice":
            return ", ".join(self.values)
        kind = "a whole number" if self.whole else "a number"
        low = f"above {self.above:g}" if self.above is not None else f"from {self.at_least:g}"
        return f"{kind} {low} to {self.to:g}{'' if self.unit == '1' else ' ' + self.unit}"


@dataclass(frozen=True, slots=True)
class Circumstance:
    """Whom a model is not for, or for whom it must be read with care: a fact among values, or a number in a range.

    ``place``: "finding", "patient" or "count" (nodules on the scan). ``low`` is included, ``below`` is not.
    """

    says: str
    place: str
    fact: str
    one_of: tuple[InputValue, ...]
    low: float | None
    below: float | None

    def holds(self, belief: Belief | None) -> bool:
        """Whether it is known to hold."""
        if not isinstance(belief, Known):
            return False
        if self.one_of:
            return belief.value in self.one_of
        if not isinstance(belief.value, Decimal):
            return False
        return (self.low is None or belief.value >= self.low) and (self.below is None or belief.value < self.below)


@dataclass(frozen=True, slots=True)
class Term:
    """``times`` x (f(input) - ``less``); f divides by ``per``, then raises to ``power`` or takes log10.

    With ``is_`` it is 1 where the input has that value and 0 elsewhere.
    """

    of: str
    is_: InputValue | None
    per: float
    power: float
    log10: bool
    less: float
    times: float

    def value(self, values: Values) -> float:
        """The term's contribution."""
        value = values[self.of]
        if self.is_ is not None:
            return self.times * (value == self.is_)
        number = float(value) / self.per
        return self.times * (float(math.log10(number) if self.log10 else number**self.power) - self.less)


@dataclass(frozen=True, slots=True)
class Product:
    """``times`` x the product of inputs, each raised to its power."""

    powers: Mapping[str, float]
    times: float

    def value(self, values: Values) -> float:
        """The term's contribution."""
        return self.times * math.prod(math.pow(float(values[name]), power) for name, power in self.powers.items())


@dataclass(frozen=True, slots=True)
class SubModel:
    """``times`` x another model's answer on the inputs that the two share."""

    model: Model
    times: float

    def value(self, values: Values) -> float:
        """The term's contribution."""
        return self.times * self.model.answer({name: values[name] for name in self.model.inputs})


@dataclass(frozen=True, slots=True)
class Band:
    """A range of scores that has a name: ``up_to`` is included, ``below`` is not, neither means all the rest."""

    up_to: float | None
    below: float | None
    grade: int | None
    group: str | None

    def holds(self, score: float) -> bool:
        """Whether the score lies in it or further down."""
        return (self.up_to is None or score <= self.up_to) and (self.below is None or score < self.below)


@dataclass(frozen=True, slots=True)
class Model:
    """A published model: ``scale`` x (``intercept`` + sum of ``terms``), a logit where it answers a probability.

    ``not_for`` takes people and findings out of its domain, ``care`` is only said. ``meant_for``: where none of these
    is known to hold, ``unless_meant`` is said. ``spans`` are the ends of the scale that a score was made for.
    """

    id: str
    title: str
    answers: str  # "probability" | "score"
    of: str  # what is (probable or scored)
    citation: str
    confidence: str
    domain: str
    inputs: Mapping[str, Input]
    intercept: float
    terms: tuple[Term | Product | SubModel, ...]
    scale: float
    bands: tuple[Band, ...]
    spans: tuple[float, float] | None
    not_for: tuple[Circumstance, ...]
    care: tuple[Circumstance, ...]
    meant_for: tuple[Circumstance, ...]
    unless_meant: str

    def answer(self, values: Values) -> float:
        """The probability in [0, 1] or the score, for a value of every input."""
        total = self.scale * math.fsum((self.intercept, *(term.value(values) for term in self.terms)))
        return total if self.answers == "score" else logistic(total)

    def band(self, score: float) -> Band | None:
        """The first band that the score lies in."""
        return next((band for band in self.bands if band.holds(score)), None)

    def named(self) -> Iterator[str]:
        """Every input that the file names outside ``inputs``."""
        for term in self.terms:
            if isinstance(term, Term):
                yield term.of
            else:
                yield from term.powers if isinstance(term, Product) else term.model.inputs
        for entry in self.inputs.values():
            yield from (name for name in (entry.zero_unless, entry.no_more_than) if name)


def logistic(log_odds: float) -> float:
    """The probability with these log odds, without overflow at either end.

    >>> logistic(0.0)
    0.5
    """
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    return math.exp(log_odds) / (1 + math.exp(log_odds))
