"""The published form of a network's grounds, a part of ``decision.json``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..engine import grounds
from .border import Border

LogOdds = float | Literal["inf", "-inf"]  # of a risk of 1 or 0, for which JSON has no number


class NetworkNode(Border):
    """One quantity of a network as it stands after the evidence."""

    makes = grounds.NetworkNode
    name: str = Field(description="Its name in the network's file.")
    doc: str = Field(description="What it is.")
    parents: tuple[str, ...] = Field(description="The quantities it depends on.")
    posterior: dict[str, float] = Field(description="Probability of each state.")
    told: str = Field(description="What the network was told of it; empty for nothing.")


class Push(Border):
    """What one piece of evidence adds to the log-odds of the risk."""

    makes, infinite = grounds.Push, frozenset({"alone", "left_out"})
    node: str = Field(description="What it speaks of.")
    told: str = Field(description="What it says.")
    alone: LogOdds = Field(description="Its log-likelihood ratio by itself.")
    left_out: LogOdds = Field(description="The log-odds with all pieces less those without this one.")
    interacts: bool = Field(description="Whether the two differ, so that the second counts.")


class Turn(Border):
    """A finding that would move the risk over a threshold."""

    makes = grounds.Turn
    node: str = Field(description="What would be otherwise.")
    state: str = Field(description="How.")
    risk: float = Field(description="The risk then.")
    probability: float = Field(description="How probable that is, given the rest.")
    crossed: tuple[str, ...] = Field(description="The thresholds between, in words.")


class Gap(Border):
    """A missing fact and what it is worth."""

    makes = grounds.Gap
    node: str = Field(description="What is missing.")
    bits: float = Field(description="Expected fall of the target's entropy.")
    decides: float = Field(description="Probability that the risk would cross a threshold.")


class Sway(Border):
    """How far the risk moves over the range of one uncertain number."""

    makes = grounds.Sway
    node: str = Field(description="Whose table it stands in.")
    entry: str = Field(description="Which number.")
    value: float = Field(description="Its value.")
    value_low: float = Field(description="Least value of its range.")
    value_high: float = Field(description="Greatest value of its range.")
    low: float = Field(description="Least risk over the range.")
    high: float = Field(description="Greatest risk over the range.")


class Tension(Border):
    """Two pieces of evidence that fit badly."""

    makes = grounds.Tension
    one: str = Field(description="What one of them speaks of.")
    other: str = Field(description="What the other speaks of.")
    measure: float = Field(description="Log of how much less probable they are together than apart.")


class Grounds(Border):
    """Why a network gives the risk it gives."""

    makes, infinite = grounds.Grounds, frozenset({"prior", "posterior", "together"})
    target: str = Field(description="The quantity whose state is the risk.")
    state: str = Field(description="That state.")
    thresholds: tuple[str, ...] = Field(description="Those that the network knows of, in words.")
    prior: LogOdds = Field(description="Log-odds before the evidence.")
    posterior: LogOdds = Field(description="Log-odds after it.")
    together: LogOdds = Field(description="What the pieces do beyond the sum of what is shown of each.")
    interval: tuple[float, float] = Field(description="The risk over the ranges of all uncertain numbers.")
    level: float = Field(description="Share of the draws that the interval holds.")
    conflict: float = Field(description="Log of how much less probable the evidence is together than apart.")
    pushes: tuple[Push, ...] = Field(description="Each piece of evidence, the weightiest first.")
    turns: tuple[Turn, ...] = Field(description="What would change the answer.")
    gaps: tuple[Gap, ...] = Field(description="Missing facts, the most informative first.")
    sways: tuple[Sway, ...] = Field(description="Uncertain numbers, the weightiest first.")
    nodes: tuple[NetworkNode, ...] = Field(description="The network with its posteriors.")
