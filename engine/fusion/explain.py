"""Why a network answers as it does: what each piece of evidence adds, what would change the answer, what to ask next.

"Risk" is the probability of the state that the network is asked for; log-odds are natural logarithms of risk
over the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from ..errors import BadValue
from ..grounds import Tension
from .evidence import Evidence
from .infer import CompiledNetwork
from .network_tables import Floats

INTERACTS_FROM: Final = 0.01  # of log-odds, 1 % of the odds: less is not worth a second number


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one piece adds to the log-odds of the risk.

    ``alone``: log P(piece | state) / P(piece | rest), without the others. ``left_out``: the log-odds with all pieces
    less those without this one. They are the same unless the piece interacts with others (``interacts``: they differ by
    more than 0.01): then ``left_out`` is what counts in this patient.
    """

    node: str
    alone: float
    left_out: float

    @property
    def interacts(self) -> bool:
        """Whether the other pieces change what this one says."""
        return not math.isclose(self.alone, self.left_out, rel_tol=0, abs_tol=INTERACTS_FROM)

    @property
    def shown(self) -> float:
        """The number to show: leave-one-out where pieces interact, else the likelihood ratio alone."""
        return self.left_out if self.interacts else self.alone


@dataclass(frozen=True, slots=True)
class Contributions:
    """From the ``prior`` log-odds to the ``posterior``: the pieces, greatest first.

    ``together``: what they do beyond the sum of the shown numbers, 0 where none interact.
    """

    prior: float
    posterior: float
    pieces: tuple[Contribution, ...]

    @property
    def together(self) -> float:
        """Posterior less prior less the sum of what is shown."""
        return _less(_less(self.posterior, self.prior), sum(p.shown for p in self.pieces))


@dataclass(frozen=True, slots=True)
class Change:
    """If ``node`` were certainly in ``state``, all else as it is, the risk would be ``risk``.

    ``probability``: of that state, given all other evidence. ``crossed``: thresholds between the risk now and then.
    """

    node: str
    state: str
    risk: float
    probability: float
    crossed: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What knowing a missing node is worth: expected fall of the target's entropy in ``bits``, and the probability that
    the risk would cross a threshold (``decides``)."""

    node: str
    bits: float
    decides: float


def tensions(net: CompiledNetwork, evidence: Evidence, least: float = 1.0) -> tuple[Tension, ...]:
    """Pairs of pieces that fit badly: log of P(one) P(other) over P(both), from ``least`` on, the worst first.

    Further evidence never lowers the measure of a pair, as it does that of all pieces together (``Answer.conflict``).
    Pairs that exclude each other are left out: ``query`` refuses them by name.

    Raises:
        UnknownField, BadValue: as ``CompiledNetwork.query``.
    """
    pairs = tuple(combinations(evidence, 2))
    exams = [{n: evidence[n]} for n in evidence] + [{a: evidence[a], b: evidence[b]} for a, b in pairs]
    if not pairs:
        return ()
    p = net.query_many(exams).p_evidence
    alone = dict(zip(evidence, p, strict=False))
    both = zip(pairs, p[len(alone) :], strict=True)
    found = (Tension(a, b, math.log(alone[a] * alone[b] / q)) for (a, b), q in both if q > 0)
    return tuple(sorted((t for t in found if t.measure >= least), key=lambda t: (-t.measure, t.one, t.other)))


def contributions(net: CompiledNetwork, evidence: Evidence) -> Contributions:
    """What each piece adds.

    Raises:
        BadValue: the target itself is among them.
        UnknownField, BadValue, ImpossibleEvidence, CalculationError: as ``CompiledNetwork.query``.
    """
    if net.network.target in evidence:
        where, cure = f"network {net.network.id}", "Leave it out."
        raise BadValue(where, net.network.target, "evidence on the target", "evidence on other nodes", cure)
    prior, posterior = _log_odds(net, {}), _log_odds(net, evidence)
    pieces = []
    for node, piece in evidence.items():
        others = {n: p for n, p in evidence.items() if n != node}
        alone = _less(_log_odds(net, {node: piece}), prior)
        pieces.append(Contribution(node, alone, _less(posterior, _log_odds(net, others))))
    return Contributions(prior, posterior, tuple(sorted(pieces, key=lambda p: (-abs(p.shown), p.node))))


def changes(net: CompiledNetwork, evidence: Evidence, thresholds: Sequence[float] = ()) -> tuple[Change, ...]:
    """Single findings whose change moves the risk over one of the thresholds (the network's own by default).

    Only nodes that a fact can feed; states that the other evidence excludes are left out, as they cannot be. The
    least surprising change comes first.

    Raises:
        UnknownField, BadValue, ImpossibleEvidence, CalculationError: as ``CompiledNetwork.query``.
    """
    at = tuple(thresholds) or tuple(t.at for t in net.network.thresholds)
    now = net.query(evidence).risk
    found = []
    for node, outcome in _outcomes(net, evidence, observable(net)).items():
        for state, risk, p in zip(net.network.nodes[node].states, outcome.risk, outcome.probability, strict=True):
            crossed = tuple(t for t in at if (now < t) != (risk < t))
            if crossed and p > 0 and evidence.get(node) != state:
                found.append(Change(node, state, float(risk), float(p), crossed))
    return tuple(sorted(found, key=lambda c: (-c.probability, c.node, c.state)))


def questions(net: CompiledNetwork, evidence: Evidence, thresholds: Sequence[float] = ()) -> tuple[Question, ...]:
    """The missing facts, the most informative first.

    Raises:
        UnknownField, BadValue, ImpossibleEvidence, CalculationError: as ``CompiledNetwork.query``.
    """
    at = tuple(thresholds) or tuple(t.at for t in net.network.thresholds)
    answer = net.query(evidence)
    before = _bits(np.array([*answer.posterior.values()]))
    missing = tuple(n for n in observable(net) if n not in evidence)
    found = []
    for node, outcome in _outcomes(net, evidence, missing).items():
        likely = outcome.probability > 0
        after = sum(p * _bits(q) for p, q in zip(outcome.probability[likely], outcome.posterior[likely], strict=True))
        moved = [p for p, r in zip(outcome.probability, outcome.risk, strict=True) if _crosses(answer.risk, r, at)]
        found.append(Question(node, max(before - float(after), 0.0), float(sum(moved))))
    return tuple(sorted(found, key=lambda q: (-q.bits, q.node)))


def observable(net: CompiledNetwork) -> tuple[str, ...]:
    """Nodes that a fact can feed, but for the target."""
    return tuple(n.name for n in net.network.nodes.values() if n.feeds and n.name != net.network.target)


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """For each state of a node: its probability given the rest, and the answer if it were so (NaN where it cannot)."""

    probability: Floats
    posterior: Floats
    risk: Floats


def _outcomes(net: CompiledNetwork, evidence: Evidence, nodes: Sequence[str]) -> Mapping[str, _Outcome]:
    """Every state of every one of those nodes in turn, all at once."""
    exams = [{**evidence, n: state} for n in nodes for state in net.network.nodes[n].states]
    if not exams:
        return {}
    batch, start, found = net.query_many(exams), 0, {}
    for node in nodes:
        part = slice(start, start := start + len(net.network.nodes[node].states))
        p = np.nan_to_num(batch.p_evidence[part], nan=0.0)
        found[node] = _Outcome(p / p.sum(), batch.posterior[part], batch.risk[part])
    return found


def _crosses(now: float, then: float, thresholds: Sequence[float]) -> bool:
    return any((now < t) != (then < t) for t in thresholds)


def _bits(p: Floats) -> float:
    some = p[p > 0]
    return float(-(some * np.log2(some)).sum())


def _log_odds(net: CompiledNetwork, evidence: Evidence) -> float:
    posterior = net.query(evidence).posterior
    risk, rest = posterior[net.network.state], math.fsum(p for s, p in posterior.items() if s != net.network.state)
    if risk > 0 and rest > 0:
        return math.log(risk) - math.log(rest)
    return math.inf if risk > 0 else -math.inf


def _less(a: float, b: float) -> float:
    """a - b; two equal infinities differ by nothing."""
    return 0.0 if a == b else a - b
