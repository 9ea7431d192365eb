"""How far the risk moves over the ranges of the uncertain table entries: an interval, not a bare number.

P(evidence) and P(state, evidence) are affine in each entry that a range speaks of, its line's other entries moving in
proportion; so the risk is a ratio of two affine functions of it, monotone, with its extremes at the ends of the range
(Castillo et al. 1997; Chan & Darwiche 2002). One propagation with and one without the state give both functions for all
entries at once. Coefficients of a logistic form bend the table: their ranges are scanned at 33 points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from ..errors import BadValue, CalculationError
from .evidence import Evidence
from .infer import LEAST, CompiledNetwork
from .network import Node
from .network_tables import Floats, Parameter

SCAN: Final = 33
DRAWS: Final = 200
FEWEST_DRAWS: Final = 20


@dataclass(frozen=True, slots=True)
class Swing:
    """The risk over one parameter's range, all else as the file says: ``low`` to ``high``, ``now`` at its value.

    ``exact``: the extremes are exact; otherwise the greatest and least of 33 points.
    """

    node: str
    parameter: Parameter
    now: float
    low: float
    high: float
    exact: bool

    @property
    def width(self) -> float:
        """How far the risk moves."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Interval:
    """The risk when all uncertain entries vary together, independently and evenly over their ranges.

    ``low`` and ``high`` hold the central ``level`` of ``draws`` (seeded) draws: an estimate, not a bound.
    """

    now: float
    low: float
    high: float
    level: float
    draws: int


def tornado(net: CompiledNetwork, evidence: Evidence) -> tuple[Swing, ...]:
    """One swing for each uncertain entry, widest first; entries that cannot matter here have width 0.

    A value of the range at which the evidence would be impossible is left out.

    Raises:
        UnknownField, BadValue, ImpossibleEvidence, CalculationError: as ``CompiledNetwork.query``.
    """
    now = net.query(evidence).risk
    whole, part = _slopes(net, evidence, net.tables)
    found = [
        _swing(name, parameter, now, _ratios(tables, whole[name], part[name]))
        for name, parameter, tables in _moved(net)
    ]
    return tuple(sorted(found, key=lambda s: (-s.width, s.node, s.parameter.label)))


def interval(
    net: CompiledNetwork, evidence: Evidence, level: float = 0.9, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """The risk's interval over all ranges together, by seeded draws: the same seed gives the same interval.

    Draws in which the evidence is impossible are left out.

    Raises:
        BadValue: ``level`` not between 0 and 1, or fewer than 20 draws.
        UnknownField, BadValue, ImpossibleEvidence, CalculationError: as ``CompiledNetwork.query``.
    """
    if not 0 < level < 1 or draws < FEWEST_DRAWS:
        found, allowed = f"level {level}, {draws} draws", f"0 < level < 1, at least {FEWEST_DRAWS} draws"
        raise BadValue("interval", "", found, allowed, "Correct them.")
    now = net.query(evidence).risk
    weights, seen = net.weights(evidence)
    joint = net.plan.messages_up(weights, seen, _drawn(net, draws, seed), many=True)[-1]
    joint = np.broadcast_to(joint.reshape(len(joint), -1), (len(joint), draws))
    p = joint.sum(axis=0)
    if not (p > LEAST).any():
        found = "evidence that no draw of the ranges allows"
        raise CalculationError(f"network {net.network.id}", "ranges", found, "ranges that allow it", "Narrow them.")
    risks = joint[_state(net), p > LEAST] / p[p > LEAST]
    low, high = np.quantile(risks, [(1 - level) / 2, (1 + level) / 2])
    return Interval(now, float(low), float(high), level, len(risks))


def extremes(net: CompiledNetwork, evidence: Evidence) -> tuple[float, float]:
    """The least and greatest risk found with every uncertain entry at an end of its range.

    The true extremes over all ranges together lie at such a corner where no logistic coefficient is uncertain. Corners
    are climbed one entry at a time until none helps: what is returned is attained; a better corner is not excluded.

    Raises:
        UnknownField, BadValue, ImpossibleEvidence, CalculationError: as ``CompiledNetwork.query``.
    """
    now = net.query(evidence).risk
    return min(now, _climbed(net, evidence, -1.0)), max(now, _climbed(net, evidence, 1.0))


def _swing(node: str, parameter: Parameter, now: float, risks: Sequence[float]) -> Swing:
    return Swing(node, parameter, now, min(now, *risks), max(now, *risks), parameter.affine)


def _ratios(tables: Floats, whole: Floats, part: Floats) -> list[float]:
    """The risk under each of the tables (points, entries); points at which the evidence is impossible are left out."""
    p = tables @ whole.ravel()
    possible = p > LEAST
    return list(map(float, (tables[possible] @ part.ravel()) / p[possible]))


@lru_cache(maxsize=8)
def _moved(net: CompiledNetwork) -> tuple[tuple[str, Parameter, Floats], ...]:
    """Each uncertain entry with its node's table (points, entries) over its range: its ends where the table is affine.

    Evidence does not enter, so they are made once for each network.
    """
    found = []
    for node in net.network.nodes.values():
        for p in node.parameters:
            points = [p.low, p.high] if p.affine else np.linspace(p.low, p.high, SCAN)
            found.append((node.name, p, np.stack([node.form.table({p.label: float(v)}).ravel() for v in points])))
    return tuple(found)


def _risks(tables: Iterator[Floats], whole: Floats, part: Floats) -> Iterator[float]:
    for table in tables:
        p = float((table * whole).sum())
        if p > LEAST:
            yield float((table * part).sum()) / p


def _slopes(
    net: CompiledNetwork, evidence: Evidence, tables: Mapping[str, Floats]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """How P(evidence), and P(state, evidence), grow with each table's entries."""
    weights, _ = net.weights(evidence)
    target = net.plan.index[net.network.target]
    with_state = list(weights)
    with_state[target] = weights[target] * np.eye(len(weights[target]))[_state(net)]
    return net.plan.slopes(weights, tables), net.plan.slopes(with_state, tables)


def _state(net: CompiledNetwork) -> int:
    return net.network.target_node.states.index(net.network.state)


@lru_cache(maxsize=8)
def _drawn(net: CompiledNetwork, draws: int, seed: int) -> list[Floats]:
    """The tables of the cliques with a last axis for the draws; those without uncertain entries have none.

    Evidence does not enter, so they are drawn once for each network.
    """
    chance = np.random.default_rng(seed)
    tables = dict(net.tables)
    for node in net.network.nodes.values():
        if node.parameters:
            ends = [(p.label, chance.uniform(p.low, p.high, draws)) for p in node.parameters]
            each = (node.form.table({label: float(values[i]) for label, values in ends}) for i in range(draws))
            tables[node.name] = np.stack(list(each), axis=-1)
    return net.plan.multiplied(tables)


def _climbed(net: CompiledNetwork, evidence: Evidence, sign: float) -> float:
    tables, moved = dict(net.tables), {name: dict[str, float]() for name in net.tables}
    best, before = sign * net.query(evidence).risk, -np.inf
    while best > before + 1e-12:
        before = best
        for node in net.network.nodes.values():
            if node.parameters:
                whole, part = _slopes(net, evidence, tables)
                best = max(best, _best_of(node, moved[node.name], whole[node.name], part[node.name], sign, best))
                tables[node.name] = node.form.table(moved[node.name])
    return sign * best


def _best_of(node: Node, moved: dict[str, float], whole: Floats, part: Floats, sign: float, best: float) -> float:
    """Move each entry of one node to the end that helps; ``moved`` holds the corner reached."""
    for parameter in node.parameters:
        for end in (parameter.low, parameter.high):
            tried = {**moved, parameter.label: end}
            for risk in _risks(iter([node.form.table(tried)]), whole, part):
                if sign * risk > best + 1e-15:
                    best = sign * risk
                    moved[parameter.label] = end
    return best
