"""Messages along a junction tree (Shafer & Shenoy 1990), every step one call of ``numpy.einsum``.

Arrays have one axis for each node they speak of, and, where many exams (or many tables) are computed at once, one
more at the end for the exams: the expressions end in ``...`` and serve both. Nothing here divides, so that a
probability of 0 is just a 0. Nothing is kept between calls, so that any number of threads may call.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .junction import Clique
from .network_tables import Floats

Weights = Sequence[Floats]  # for each node, in order: a weight for each state (states, ...)


@dataclass(frozen=True, slots=True)
class _Pair:
    """For many exams: multiply with ``operand`` and sum out what nobody needs any more. ``axis`` >= 0: it can be done
    by a product of matrices, the operand being of that axis of the clique's table alone."""

    operands: tuple[int, ...]  # of one scope: multiplied with each other first
    expression: str
    axis: int = -1


@dataclass(frozen=True, slots=True)
class _Step:
    """What a clique multiplies: its table, then these weights and messages; ``up`` sums out to the separator.

    One exam is one call, for a call costs more than its products. Many exams go two by two (``pairs``).
    """

    weights: tuple[int, ...]
    children: tuple[int, ...]
    up: str
    pairs: tuple[_Pair, ...]
    observes: int  # a bit for each node whose evidence enters here or below


class Propagation:
    """The plan of one network. ``tables``: for each node (parents' states ..., own states)."""

    def __init__(
        self,
        cliques: Sequence[Clique],
        target: str,
        parents: Mapping[str, tuple[str, ...]],
        tables: Mapping[str, Floats],
    ) -> None:
        self.cliques, self.target, self.parents = tuple(cliques), target, parents
        self.nodes = tuple(parents)
        self.index = {name: i for i, name in enumerate(self.nodes)}
        self.states = {name: tables[name].shape[-1] for name in self.nodes}
        self.children = [tuple(j for j, c in enumerate(self.cliques) if c.parent == i) for i in range(len(cliques))]
        self.separators = [self._separator(i) for i in range(len(cliques))]
        self.ones: Weights = tuple(np.ones(self.states[n]) for n in self.nodes)
        for weights in self.ones:
            weights.flags.writeable = False
        self.potentials = self.multiplied(tables)
        self._steps = self._planned()
        self._nothing_said = self.messages_up(self.ones, (1 << len(self.nodes)) - 1)

    def multiplied(self, tables: Mapping[str, Floats]) -> list[Floats]:
        """The table of each clique: the product of the tables that are placed in it."""
        return [self._product(c, tables, c.families, c.nodes) for c in self.cliques]

    def messages_up(
        self, weights: Weights, seen: int, potentials: Sequence[Floats] = (), many: bool = False
    ) -> list[Floats]:
        """The message of each clique to its parent; the last is P(target, evidence), unnormalised.

        ``seen``: a bit for each node that something is said of. Where nothing is said in or below a clique,
        its message is the one known beforehand (not with other ``potentials``). ``many``: the arrays have an axis
        for exams at the end.
        """
        found: list[Floats] = []
        for i, step in enumerate(self._steps):
            if not potentials and not step.observes & seen:
                found.append(self._nothing_said[i])
                continue
            operands = [*[weights[w] for w in step.weights], *[found[j] for j in step.children]]
            table = potentials[i] if potentials else self.potentials[i]
            found.append(two_by_two(step.pairs, table, operands) if many else np.einsum(step.up, table, *operands))
        return found

    def messages_down(
        self, weights: Weights, up: Sequence[Floats], potentials: Sequence[Floats] = ()
    ) -> dict[int, Floats]:
        """The message of each clique's parent to it."""
        held = potentials or self.potentials
        down: dict[int, Floats] = {}
        for i in range(len(self.cliques) - 2, -1, -1):
            parent = self.cliques[i].parent
            operands = [(self.cliques[parent].nodes, held[parent])]
            operands += self._incoming(parent, weights, up, down, without=i)
            down[i] = contracted(operands, self.separators[i])
        return down

    def marginals(self, weights: Weights, seen: int) -> list[Floats]:
        """For each node P(node, evidence), unnormalised."""
        up = self.messages_up(weights, seen)
        down = self.messages_down(weights, up)
        found: dict[str, Floats] = {}
        for i, clique in enumerate(self.cliques):
            operands = [(clique.nodes, self.potentials[i]), *self._incoming(i, weights, up, down)]
            belief = contracted(operands, clique.nodes) if len(clique.observed) > 1 else None
            for name in clique.observed:
                given = operands if belief is None else [(clique.nodes, belief)]
                found[name] = contracted(given, (name,))
        return [found[name] for name in self.nodes]

    def slopes(self, weights: Weights, tables: Mapping[str, Floats]) -> dict[str, Floats]:
        """For each node how P(evidence) grows with each entry of its table: sum(table x slopes) is P(evidence)."""
        potentials = self.multiplied(tables)
        up = self.messages_up(weights, (1 << len(self.nodes)) - 1, potentials)
        down = self.messages_down(weights, up, potentials)
        found = {}
        for i, clique in enumerate(self.cliques):
            incoming = self._incoming(i, weights, up, down)
            for name in clique.families:
                others = [(self._family(n), tables[n]) for n in clique.families if n != name]
                unit = [((n,), self.ones[self.index[n]]) for n in clique.nodes]
                found[name] = contracted([*others, *unit, *incoming], self._family(name))
        return found

    def _planned(self) -> list[_Step]:
        steps: list[_Step] = []
        for i, clique in enumerate(self.cliques):
            scopes = [clique.nodes, *((n,) for n in clique.observed), *(self.separators[j] for j in self.children[i])]
            observes = sum(1 << self.index[n] for n in clique.observed)
            for j in self.children[i]:
                observes |= steps[j].observes
            entering = tuple(self.index[n] for n in clique.observed)
            onto = self.separators[i]
            pairs = paired(scopes[0], scopes[1:], onto)
            steps.append(_Step(entering, self.children[i], expression(scopes, onto), pairs, observes))
        return steps

    def _separator(self, i: int) -> tuple[str, ...]:
        clique = self.cliques[i]
        if clique.parent < 0:
            return (self.target,)
        return tuple(n for n in clique.nodes if n in self.cliques[clique.parent].nodes)

    def _family(self, name: str) -> tuple[str, ...]:
        return (*self.parents[name], name)

    def _product(
        self, clique: Clique, tables: Mapping[str, Floats], families: Iterable[str], nodes: tuple[str, ...]
    ) -> Floats:
        unit = [((n,), self.ones[self.index[n]]) for n in clique.nodes]
        return contracted([*unit, *((self._family(n), tables[n]) for n in families)], nodes)

    def _incoming(
        self, i: int, weights: Weights, up: Sequence[Floats], down: Mapping[int, Floats], without: int = -1
    ) -> list[tuple[tuple[str, ...], Floats]]:
        """Evidence and messages that enter a clique, but for that of one child."""
        entering: list[tuple[tuple[str, ...], Floats]] = []
        entering += [((n,), weights[self.index[n]]) for n in self.cliques[i].observed]
        entering += [(self.separators[j], up[j]) for j in self.children[i] if j != without]
        return entering + ([(self.separators[i], down[i])] if i in down else [])


def contracted(operands: Sequence[tuple[tuple[str, ...], Floats]], onto: tuple[str, ...]) -> Floats:
    """The product of the operands, summed over all nodes but ``onto``."""
    return np.asarray(np.einsum(expression([scope for scope, _ in operands], onto), *[a for _, a in operands]))


def expression(scopes: Sequence[tuple[str, ...]], onto: tuple[str, ...]) -> str:
    """The einsum expression for arrays over those nodes.

    >>> expression([("a", "b"), ("b",)], ("a",))
    'ab...,b...->a...'
    """
    letters = {name: chr(97 + i) for i, name in enumerate(dict.fromkeys(n for scope in scopes for n in scope))}
    left = ",".join("".join(letters[n] for n in scope) + "..." for scope in scopes)
    return f"{left}->{''.join(letters[n] for n in onto)}..."


def paired(table: tuple[str, ...], scopes: Sequence[tuple[str, ...]], onto: tuple[str, ...]) -> tuple[_Pair, ...]:
    """An order in which to multiply the operands into the table, each time the one that leaves least."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, scope in enumerate(scopes):
        groups.setdefault(scope, []).append(i)
    pairs: list[_Pair] = []
    left = table
    while groups:
        kept = {s: _kept(left, [o for o in groups if o != s], onto) for s in groups}
        scope = min(groups, key=lambda s: (len(kept[s]), -len(s)))
        last = len(groups) == 1
        alone = not pairs and len(scope) == 1 and scope[0] not in kept[scope] and len(kept[scope]) == len(left) - 1
        after = onto if last else kept[scope]
        axis = table.index(scope[0]) if alone and after == kept[scope] else -1
        pairs.append(_Pair(tuple(groups.pop(scope)), expression([left, scope], after), axis))
        left = after
    return tuple(pairs or [_Pair((), expression([left], onto))])


def _kept(left: tuple[str, ...], others: Sequence[tuple[str, ...]], onto: tuple[str, ...]) -> tuple[str, ...]:
    needed = {*onto, *(n for scope in others for n in scope)}
    return tuple(n for n in left if n in needed)


def two_by_two(pairs: Sequence[_Pair], table: Floats, operands: Sequence[Floats]) -> Floats:
    """The table times the operands, summed out to the separator, for many exams at once."""
    found = table
    for pair in pairs:
        if not pair.operands:
            return np.asarray(np.einsum(pair.expression, found))
        factor = _as_one([operands[i] for i in pair.operands])
        if pair.axis >= 0 and factor.ndim == 2:
            found = np.tensordot(found, factor, axes=(pair.axis, 0))
        else:
            found = np.einsum(pair.expression, found, factor)
    return found


def _as_one(factors: Sequence[Floats]) -> Floats:
    """The product of factors over the same nodes; some of them may be the same for all exams."""
    most = max(f.ndim for f in factors)
    wide = [f if f.ndim == most else f[..., None] for f in factors]
    return math.prod(wide[1:], start=wide[0])
