"""One belief as evidence on one node: a state, several where the fact is coarser, or a likelihood."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

import numpy as np

from ..types import Belief, Classes, Known, Measured, NotApplicable, SourceKind, Unknown
from .evidence import Likelihood, OneOf, Piece, likelihood_of, measured_likelihood
from .infer import CompiledNetwork
from .network import Feed, Node

LEAST_CLASS: Final = 0.001  # of classes without a state, together: what a softmax leaves everywhere says nothing


def piece_of(net: CompiledNetwork, node: Node, feed: Feed, belief: Belief) -> Piece | Unknown:
    """The belief as evidence; ``Unknown`` with the reason where it says nothing that the network can use.

    The belief must lie within what the network was made for (``outside``). A measurement is averaged over each
    state's interval. Class probabilities are divided by those under which they were formed (Bayes' rule; the
    evidence module): a net's by its training prior, without which they cannot be used, a person's by the node's own
    prior, so that with nothing else known the posterior is what the person said (Jeffrey's rule).
    """
    match belief:
        case Known() if node.edges:
            return _interval(node, belief)
        case Known():
            states = states_of(feed, belief)
            return Unknown(f"{feed.name} leaves every state open") if {*states} == {*node.states} else as_piece(states)
        case Measured():
            return measured_likelihood(belief.mean, belief.sd, node.edges)
        case Classes():
            return _of_classes(net, node, feed, belief)
        case NotApplicable():
            return as_piece(feed.not_applicable) if feed.not_applicable else Unknown("not applicable")
        case Unknown():
            return belief


def outside(node: Node, feed: Feed, belief: Belief) -> str:
    """Why the network was not made for what is believed; '' where it was. It repeats no value."""
    match belief:
        case Known() if node.edges:
            found = belief.value if isinstance(belief.value, Decimal) else None
            return f"{feed.name} is no number" if found is None else _beyond(node, feed, float(found))
        case Known():
            return "" if states_of(feed, belief) else f"the network has no state for what {feed.name} is"
        case Measured() if not node.edges or belief.unit != node.unit:
            return f"{feed.name} is a measurement in {belief.unit}, the network takes {node.unit or 'none'}"
        case Measured():
            return _beyond(node, feed, belief.mean)
        case Classes():
            unmapped = math.fsum(p for name, p in belief.probabilities.items() if not _states_of_class(feed, name))
            return f"the network has no state for a class of {feed.name}" if unmapped > LEAST_CLASS else ""
        case _:
            return ""


def states_of(feed: Feed, belief: Known) -> tuple[str, ...]:
    """The states that a value means; () where the network knows no such value."""
    return feed.values.get(str(belief.value).lower() if isinstance(belief.value, bool) else str(belief.value), ())


def as_piece(states: tuple[str, ...]) -> Piece:
    """One state, or one of several."""
    return states[0] if len(states) == 1 else OneOf(states)


def _beyond(node: Node, feed: Feed, value: float) -> str:
    low, high = node.edges[0], node.edges[-1]
    if low <= value <= high:
        return ""
    return f"{feed.name} is not within the {low:g} to {high:g} {node.unit} for which the network was made"


def _interval(node: Node, belief: Known) -> str:
    """The state that holds the value; the greatest edge belongs to the last one."""
    return node.states[sum(belief.value >= Decimal(str(cut)) for cut in node.edges[1:-1])]  # type: ignore[operator]


def _states_of_class(feed: Feed, name: str) -> tuple[str, ...]:
    """A class of a yes-no finding is called yes or no."""
    return feed.values.get({"yes": "true", "no": "false"}.get(name, name), ())


def _of_classes(net: CompiledNetwork, node: Node, feed: Feed, belief: Classes) -> Likelihood | Unknown:
    neural = belief.source.kind is SourceKind.NET
    if node.edges:
        return Unknown("class probabilities of what the network takes as a number")
    if neural and not feed.training_prior:
        return Unknown("only a net speaks of it, and how often it met each class in training is not stated")
    groups = dict.fromkeys(feed.values.values(), 0.0)  # several classes may mean the same states
    for name, p in belief.probabilities.items():
        if p > 0 and _states_of_class(feed, name):
            groups[_states_of_class(feed, name)] += p
    if sorted(s for states in groups for s in states) != sorted(node.states):
        return Unknown("class probabilities whose classes overlap in the network, or leave out a state")
    share = dict(zip(node.states, feed.training_prior if neural else net.prior[node.name].tolist(), strict=True))
    ratio = likelihood_of(list(groups.values()), [sum(share[s] for s in states) for states in groups]).values
    of_state = {s: r for states, r in zip(groups, ratio, strict=True) for s in states}
    return Likelihood(np.array([of_state[s] for s in node.states]))
