"""Why a network gives the risk it gives: what it was told, what each piece adds, how far the risk may move.

Kept with the decision, so that a report or a page can show it without the network. Log-odds are natural logarithms;
probabilities lie in [0, 1]. How each number is made: ``fusion.explain`` and ``fusion.sensitivity``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkNode:
    """One quantity of the network: its parents, its posterior by state, and what was told of it ("" for nothing)."""

    name: str
    doc: str
    parents: tuple[str, ...]
    posterior: Mapping[str, float]
    told: str = ""


@dataclass(frozen=True, slots=True)
class Push:
    """What one piece of evidence adds to the log-odds: by itself, and with all the others there."""

    node: str
    told: str
    alone: float
    left_out: float
    interacts: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """Were ``node`` in ``state``, the risk would cross a threshold and be ``risk``; how probable that state is now.

    ``crossed``: what the thresholds mean, in words.
    """

    node: str
    state: str
    risk: float
    probability: float
    crossed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A fact that is missing: the bits of the target's entropy that knowing it would save, and how likely it is
    to move the risk over a threshold."""

    node: str
    bits: float
    decides: float


@dataclass(frozen=True, slots=True)
class Sway:
    """How far the risk moves, ``low`` to ``high``, over the range of one uncertain number of the network."""

    node: str
    entry: str
    value: float
    value_low: float
    value_high: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tension:
    """Two pieces of evidence that fit badly: log of how much less probable they are together than apart."""

    one: str
    other: str
    measure: float


@dataclass(frozen=True, slots=True)
class Grounds:
    """All of it for one finding.

    ``target``: the node whose ``state`` is the risk. ``thresholds``: in words, those that the network knows of, which
    may be none. ``prior``, ``posterior``: log-odds of the risk before and after the
    evidence; ``together``: what the pieces do beyond the sum of what is shown of each. ``interval``: the central
    ``level`` of the risk over the ranges of all uncertain numbers. ``conflict``: log of how much less probable the
    evidence is together than apart. ``turns``, ``gaps`` and ``sways`` hold the first few, the weightiest first.
    """

    target: str
    state: str
    thresholds: tuple[str, ...]
    prior: float
    posterior: float
    together: float
    interval: tuple[float, float]
    level: float
    conflict: float
    pushes: tuple[Push, ...]
    turns: tuple[Turn, ...]
    gaps: tuple[Gap, ...]
    sways: tuple[Sway, ...]
    nodes: tuple[NetworkNode, ...]
