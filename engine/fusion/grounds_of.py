"""The grounds of a network's answer on one finding, as they are kept with the decision."""

from __future__ import annotations

from typing import Final

from ..grounds import Gap, Grounds, NetworkNode, Push, Sway, Turn
from .evidence import OneOf, Piece
from .explain import changes, contributions, questions
from .infer import Answer, CompiledNetwork
from .network import Threshold
from .of_case import CaseEvidence
from .sensitivity import interval, tornado

KEPT: Final = 8  # of turns, gaps and sways; what comes after moves the risk less than any of these


def grounds_of(network: CompiledNetwork, told: CaseEvidence, answer: Answer) -> Grounds:
    """Why the network answers as it does.

    Raises:
        CalculationError: P(evidence) is too small to be computed.
    """
    added, spread = contributions(network, told.evidence), interval(network, told.evidence)
    said = {name: shown(piece) for name, piece in told.evidence.items()}
    return Grounds(
        target=network.network.target,
        state=network.network.state,
        thresholds=tuple(map(_threshold, network.network.thresholds)),
        prior=added.prior,
        posterior=added.posterior,
        together=added.together,
        interval=(spread.low, spread.high),
        level=spread.level,
        conflict=answer.conflict,
        pushes=tuple(Push(p.node, said[p.node], p.alone, p.left_out, p.interacts) for p in added.pieces),
        turns=_turns(network, told),
        gaps=tuple(Gap(q.node, q.bits, q.decides) for q in questions(network, told.evidence)[:KEPT]),
        sways=_sways(network, told),
        nodes=_nodes(network, told),
    )


def shown(piece: Piece) -> str:
    """A state, states, or that it is a likelihood."""
    if isinstance(piece, OneOf):
        return " or ".join(piece.states)
    return piece if isinstance(piece, str) else "uncertain"


def _turns(network: CompiledNetwork, told: CaseEvidence) -> tuple[Turn, ...]:
    means = {t.at: _threshold(t) for t in network.network.thresholds}
    found = changes(network, told.evidence)[:KEPT]
    return tuple(Turn(c.node, c.state, c.risk, c.probability, tuple(means[at] for at in c.crossed)) for c in found)


def _threshold(threshold: Threshold) -> str:
    return f"{100 * threshold.at:g} %: {threshold.means}"


def _sways(network: CompiledNetwork, told: CaseEvidence) -> tuple[Sway, ...]:
    swings = [s for s in tornado(network, told.evidence)[:KEPT] if s.width > 0]
    return tuple(
        Sway(s.node, s.parameter.label, s.parameter.value, s.parameter.low, s.parameter.high, s.low, s.high)
        for s in swings
    )


def _nodes(network: CompiledNetwork, told: CaseEvidence) -> tuple[NetworkNode, ...]:
    posterior, said = network.marginals(told.evidence), told.evidence
    return tuple(
        NetworkNode(n.name, n.doc, n.parents, posterior[n.name], shown(said[n.name]) if n.name in said else "")
        for n in network.network.nodes.values()
    )
