"""Learn a network's tables from cases: Dirichlet counts on top of what the file says.

The file's tables are the prior, worth as many cases as ``equivalent_cases`` says, spread over the parents' states as
the network itself expects them (a prior of so many imagined cases; Heckerman 1995). Complete cases: the posterior
mean in closed form. Cases with gaps: EM (Dempster 1977), to the maximum of likelihood times prior; a fact is taken to
be missing for no reason that its value has a part in (missing at random), which nobody can check here.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..errors import BadValue, CalculationError, UnknownField
from .infer import LEAST, CompiledNetwork
from .network import Node
from .network_tables import Floats

# What a table is worth where its file does not say: this project's choice, by how far its numbers are confirmed.
WORTH: Final[Mapping[str, float]] = {"V2": 200, "V1": 100, "fitted": 100, "M": 30, "expert prior": 10}
PRECISION: Final = 1e-10  # change of every entry at which EM stops
ROUNDS: Final = 500

Frame = Mapping[str, Sequence[object]]  # a column for each observed node; a pandas DataFrame is one


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """``tables``: learnt. ``prior_counts`` and ``counts``: imagined and real (for gaps: expected) cases behind each
    entry; their sum, made to lines of sum 1, is the table. ``objective``: log of likelihood times prior after each
    round of EM, never falling; empty where all cases were complete."""

    tables: Mapping[str, Floats]
    prior_counts: Mapping[str, Floats]
    counts: Mapping[str, Floats]
    objective: tuple[float, ...]
    cases: int


def fit(net: CompiledNetwork, frame: Frame) -> Fit:
    """Learn every table but those that are definitions. None and NaN are gaps, a column may be absent.

    Raises:
        UnknownField: a column that is no node.
        BadValue: a value that is no state, columns of unequal length, no cases, or a case that the network
            holds to be impossible.
        CalculationError: EM did not settle in 500 rounds, or made the fit worse.
    """
    weights, n = _weights(net, frame)
    prior = {
        name: _worth(node) * family
        for (name, node), family in zip(net.network.nodes.items(), _families(net), strict=True)
    }
    if all((w.sum(axis=0) == 1).all() for w in weights) and len(frame) == len(net.network.nodes):
        counts = _expected(net, weights, n, net.tables)[0]
        return Fit(_tables(net, prior, counts), prior, counts, (), n)
    return _by_em(net, weights, n, prior)


def fitted_document(document: Mapping[str, Any], found: Fit, key: str, citation: str) -> dict[str, Any]:
    """The content of a file whose tables are those learnt, with their Dirichlet counts, citing ``key: citation``."""
    new = copy.deepcopy(dict(document))
    new["sources"] = {**new["sources"], key: citation}
    for name, table in found.tables.items():
        node, parents = new["nodes"][name], new["nodes"][name]["parents"]
        if node["mark"] == "definition":
            continue
        node.update(noisy_or=None, noisy_max=None, logistic={}, mark="fitted", source=[*node["source"], key])
        node["derivation"] += f" Learnt further from {found.cases} cases."
        total = found.prior_counts[name] + found.counts[name]
        states = [new["nodes"][p]["states"] for p in parents]
        node["table"] = [
            _row({p: states[k][i] for k, (p, i) in enumerate(zip(parents, at, strict=True))}, table[at], total[at])
            for at in np.ndindex(table.shape[:-1])
        ]
    return new


def _row(when: dict[str, str], p: Floats, counts: Floats) -> dict[str, Any]:
    return {
        "when": when,
        "p": p.tolist(),
        "counts": counts.tolist(),
        "ranges": {},
        "source": [],
        "derivation": "",
        "mark": None,
    }


def _worth(node: Node) -> float:
    return node.equivalent_cases or WORTH.get(node.mark, 0.0)


def _families(net: CompiledNetwork) -> list[Floats]:
    """P(parents, node) of each node, without evidence."""
    slopes = net.plan.slopes(net.plan.ones, net.tables)
    return [net.tables[name] * slopes[name] for name in net.tables]


def _weights(net: CompiledNetwork, frame: Frame) -> tuple[list[Floats], int]:
    """Weights (states, cases) of each node, ones where there is a gap."""
    lengths = {len(frame[name]) for name in frame}
    if len(lengths) != 1 or lengths == {0}:
        raise BadValue("cases", "", "columns of unequal length, or no cases", "one value a case", "Complete the table.")
    n = lengths.pop()
    for name in frame:
        if name not in net.network.nodes:
            raise UnknownField(
                "cases", str(name), "a column that is no node", ", ".join(net.network.nodes), "Rename it."
            )
    return [_column(node, frame[name] if name in frame else [None] * n) for name, node in net.network.nodes.items()], n


def _column(node: Node, values: Sequence[object]) -> Floats:
    found = np.ones((len(node.states), len(values)))
    for i, value in enumerate(values):
        if value is None or value != value:  # NaN is not itself  # noqa: PLR0124
            continue
        if value not in node.states:
            raise BadValue(f"case {i}", node.name, "no state of the node", ", ".join(node.states), "Correct it.")
        found[:, i] = [float(s == value) for s in node.states]
    return found


def _by_em(net: CompiledNetwork, weights: list[Floats], n: int, prior: Mapping[str, Floats]) -> Fit:
    tables: Mapping[str, Floats] = net.tables
    objective: list[float] = []
    for _ in range(ROUNDS):
        counts, likelihood = _expected(net, weights, n, tables)
        objective.append(likelihood + _log_prior(prior, tables))
        if len(objective) > 1 and objective[-1] < objective[-2] - 1e-9 * abs(objective[-2]):
            raise _unsettled("a round that made the fit worse")
        better = _tables(net, prior, counts)
        moved = max(float(np.abs(better[name] - tables[name]).max()) for name in tables)
        tables = better
        if moved < PRECISION:
            return Fit(tables, prior, counts, tuple(objective), n)
    raise _unsettled(f"no rest after {ROUNDS} rounds")


def _unsettled(found: str) -> CalculationError:
    return CalculationError(
        "cases", "EM", found, "a fit that settles", "Give more complete cases, or a stronger prior."
    )


def _expected(
    net: CompiledNetwork, weights: list[Floats], n: int, tables: Mapping[str, Floats]
) -> tuple[dict[str, Floats], float]:
    """Expected cases behind each entry, and the log likelihood. Each case counts P(parents, node | case)."""
    counts, likelihood = {m: np.zeros(table.shape) for m, table in tables.items()}, 0.0
    name = next(iter(tables))
    for block in net.blocks(n):
        slopes = net.plan.slopes([w[:, block] for w in weights], tables)
        p = (tables[name][..., None] * slopes[name]).reshape(-1, block.stop - block.start).sum(axis=0)
        if not bool((p > LEAST).all()):
            where, found = f"case {block.start + int(np.argmin(p))}", "a case that the network holds to be impossible"
            raise BadValue(where, "", found, "cases with P > 0", "Check it, or the tables' zeros.")
        for m, table in tables.items():
            counts[m] += (table[..., None] * slopes[m] / p).sum(axis=-1)
        likelihood += float(np.log(p).sum())
    return counts, likelihood


def _tables(net: CompiledNetwork, prior: Mapping[str, Floats], counts: Mapping[str, Floats]) -> dict[str, Floats]:
    """Lines of counts made to sum 1; a line that nothing speaks of, and a definition, stays."""
    found = {}
    for name, node in net.network.nodes.items():
        total = prior[name] + counts[name]
        line = total.sum(axis=-1, keepdims=True)
        fitted = np.divide(total, line, out=node.table.copy(), where=line > 0)
        found[name] = node.table if node.mark == "definition" else fitted
    return found


def _log_prior(prior: Mapping[str, Floats], tables: Mapping[str, Floats]) -> float:
    return sum(float((a[a > 0] * np.log(tables[name][a > 0])).sum()) for name, a in prior.items())
