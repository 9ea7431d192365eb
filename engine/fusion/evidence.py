"""What is said of a node: one state, one of several, or a likelihood for each state.

A likelihood is P(what was observed | state) up to a factor. A net gives P(state | image) under the class
frequencies of its training, a measurement gives a value with an error: ``likelihood_of`` and
``measured_likelihood`` turn both into likelihoods. A fact that is missing is simply not there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ..errors import BadValue
from .network_tables import Floats

LEAST: Final = 1e-12  # of a likelihood, against its greatest: nothing that was learnt or measured excludes more


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these states, it is not known which: a fact that is coarser than the node."""

    states: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """Virtual evidence (Pearl 1988): for each state, in order, a number in (0, 1].

    ``raw``: the same doubles as bytes, which many exams are joined from.

    Raises:
        BadValue: a number outside of (0, 1], or fewer than two.
    """

    values: Floats
    raw: bytes = field(repr=False)

    def __init__(self, values: Sequence[float] | Floats) -> None:
        array = np.array(values, dtype=np.float64)
        if array.ndim != 1 or len(array) < 2 or not bool(((array > 0) & (array <= 1)).all()):
            allowed = "a number above 0 and at most 1 for each state"
            raise BadValue("evidence", "likelihood", "other numbers", allowed, "Divide by the greatest.")
        object.__setattr__(self, "raw", array.tobytes())
        object.__setattr__(self, "values", np.frombuffer(self.raw))  # which nobody can write to

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Likelihood) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __reduce__(self) -> tuple[type[Likelihood], tuple[list[float]]]:
        return type(self), (self.values.tolist(),)


Piece = str | OneOf | Likelihood  # a plain word is a state, known for certain
Evidence = Mapping[str, Piece]


def likelihood_of(posterior: Sequence[float], training_prior: Sequence[float]) -> Likelihood:
    """A net's P(class | image), trained where classes had the frequencies ``training_prior``, as a likelihood.

    By Bayes' rule P(image | class) = P(class | image) P(image) / P(class); P(image) is a factor that no
    posterior depends on, so the likelihood is posterior / training_prior, divided by its greatest. It takes
    out the prevalence that the net has seen; the network puts in the patient's own. The posterior must be
    calibrated. A class that the net excludes gets at least 1e-12: a net cannot make a finding impossible.

    Raises:
        BadValue: not the same classes, no distribution (sum 1 to 1e-6), or a class that training never met.
    """
    p, prior = np.asarray(posterior, dtype=np.float64), np.asarray(training_prior, dtype=np.float64)
    if p.shape != prior.shape or not (_distribution(p) and _distribution(prior) and bool((prior > 0).all())):
        allowed = "two distributions over the same classes, the prior above 0 everywhere"
        raise BadValue("evidence", "posterior, training prior", "other numbers", allowed, "Correct them.")
    return scaled(p / prior)


def measured_likelihood(mean: float, sd: float, edges: Sequence[float]) -> Likelihood:
    """A measured value with Gaussian error ``sd`` > 0 as a likelihood of the states between ``edges``.

    P(measured | state) is the average of the error's density over the state's true values, taken as spread
    evenly within it: [Phi((high - mean) / sd) - Phi((low - mean) / sd)] / (high - low), divided by its greatest.

    Raises:
        BadValue: not finite, ``sd`` not above 0, or edges that do not rise.
    """
    from scipy.special import log_ndtr

    at = np.asarray(edges, dtype=np.float64)
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0 and len(at) > 2 and bool((np.diff(at) > 0).all())):
        raise BadValue("evidence", "measured", f"{mean} ± {sd}", "finite, sd above 0, edges that rise", "Correct it.")
    z = (at - mean) / sd
    low, high = z[:-1], z[1:]
    mirrored = low > 0  # far to the right the difference is taken from the other tail, where it keeps its digits
    a, b = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    upper, lower = log_ndtr(b), log_ndtr(a)
    logs = upper + np.log1p(-np.exp(np.minimum(lower - upper, -1e-300))) - np.log(np.diff(at))
    return scaled(np.exp(logs - logs.max()))


def scaled(values: Floats) -> Likelihood:
    """Divided by the greatest; what is below 1e-12 of it is lifted there."""
    return Likelihood(np.maximum(values / values.max(), LEAST))


def _distribution(p: Floats) -> bool:
    return bool(np.isfinite(p).all() and (p >= 0).all() and abs(p.sum() - 1) <= 1e-6)
