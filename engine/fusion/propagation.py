"""Messages along a junction tree (Shafer & Shenoy 1990).

Arrays have one axis for each node they speak of, in the order of the names, and, where many exams (or many tables)
are computed at once, one more at the end for them. Nothing here divides, so that a probability of 0 is just a 0.
Nothing of a question is kept between calls, so that any number of threads may call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .junction import Clique
from .message import Message, Scope, contracted, planned
from .network_tables import Floats

Weights = Sequence[Floats]  # for each node, in order: a weight for each state (states, ...)


@dataclass(frozen=True, slots=True)
class _Step:
    """What enters a clique (these weights, then the messages of these children), and how its message is computed.

    ``observes``: a bit for each node whose evidence enters here or below.
    """

    weights: tuple[int, ...]
    children: tuple[int, ...]
    observes: int
    message: Message


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
        self._steps = self._planned()
        self.potentials = self.multiplied(tables)
        self._nothing_said = self.messages_up(self.ones, self.all_seen)

    @property
    def all_seen(self) -> int:
        """A bit for every node."""
        return (1 << len(self.nodes)) - 1

    @property
    def largest(self) -> int:
        """Entries of the largest table."""
        return max(potential.size for potential in self.potentials)

    def multiplied(self, tables: Mapping[str, Floats]) -> list[Floats]:
        """The table of each clique: the product of the tables that are placed in it."""
        return [
            self._multiplied(clique, step.message.scope, tables)
            for clique, step in zip(self.cliques, self._steps, strict=True)
        ]

    def messages_up(
        self, weights: Weights, seen: int, potentials: Sequence[Floats] = (), many: bool = False
    ) -> list[Floats]:
        """The message of each clique to its parent; the last is P(target, evidence), unnormalised.

        ``seen``: a bit for each node that something is said of. Where nothing is said in or below a clique,
        its message is the one known beforehand (not with other ``potentials``). ``many``: the answers have an axis
        for exams (or tables) at the end, the weights may have it.
        """
        found: list[Floats] = []
        entering = [w if w.ndim > 1 else w[:, None] for w in weights] if many else weights
        for i, step in enumerate(self._steps):
            if not potentials and not step.observes & seen:
                found.append(self._nothing_said[i][..., None] if many else self._nothing_said[i])
                continue
            operands = [*[entering[w] for w in step.weights], *[found[j] for j in step.children]]
            table = potentials[i] if potentials else self.potentials[i]
            found.append(step.message.many(table, operands) if many else step.message.one(table, operands))
        return found

    def messages_down(
        self, weights: Weights, up: Sequence[Floats], potentials: Sequence[Floats] = ()
    ) -> dict[int, Floats]:
        """The message of each clique's parent to it."""
        held = potentials or self.potentials
        down: dict[int, Floats] = {}
        for i in range(len(self.cliques) - 2, -1, -1):
            parent = self.cliques[i].parent
            operands = [(self._steps[parent].message.scope, held[parent])]
            operands += self._incoming(parent, weights, up, down, without=i)
            down[i] = contracted(operands, self.separators[i])
        return down

    def marginals(self, weights: Weights, seen: int) -> list[Floats]:
        """For each node P(node, evidence), unnormalised."""
        up = self.messages_up(weights, seen)
        down = self.messages_down(weights, up)
        found: dict[str, Floats] = {}
        for i, clique in enumerate(self.cliques):
            scope = self._steps[i].message.scope
            operands = [(scope, self.potentials[i]), *self._incoming(i, weights, up, down)]
            belief = contracted(operands, scope) if len(clique.observed) > 1 else None
            for name in clique.observed:
                given = operands if belief is None else [(scope, belief)]
                found[name] = contracted(given, (name,))
        return [found[name] for name in self.nodes]

    def slopes(self, weights: Weights, tables: Mapping[str, Floats]) -> dict[str, Floats]:
        """For each node how P(evidence) grows with each entry of its table: sum(table x slopes) is P(evidence)."""
        potentials = self.multiplied(tables)
        up = self.messages_up(weights, self.all_seen, potentials, many=any(w.ndim > 1 for w in weights))
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
            entering = [*((n,) for n in clique.observed), *(self.separators[j] for j in self.children[i])]
            observes = sum(1 << self.index[n] for n in clique.observed)
            for j in self.children[i]:
                observes |= steps[j].observes
            weights = tuple(self.index[n] for n in clique.observed)
            message = planned(clique.nodes, entering, self.separators[i], self.states)
            steps.append(_Step(weights, self.children[i], observes, message))
        return steps

    def _separator(self, i: int) -> Scope:
        clique = self.cliques[i]
        if clique.parent < 0:
            return (self.target,)
        return tuple(n for n in clique.nodes if n in self.cliques[clique.parent].nodes)

    def _family(self, name: str) -> Scope:
        return (*self.parents[name], name)

    def _multiplied(self, clique: Clique, scope: Scope, tables: Mapping[str, Floats]) -> Floats:
        unit = [((n,), self.ones[self.index[n]]) for n in scope]
        return np.ascontiguousarray(
            contracted([*unit, *((self._family(n), tables[n]) for n in clique.families)], scope)
        )

    def _incoming(
        self, i: int, weights: Weights, up: Sequence[Floats], down: Mapping[int, Floats], without: int = -1
    ) -> list[tuple[Scope, Floats]]:
        """Evidence and messages that enter a clique, but for that of one child."""
        entering: list[tuple[Scope, Floats]] = []
        entering += [((n,), weights[self.index[n]]) for n in self.cliques[i].observed]
        entering += [(self.separators[j], up[j]) for j in self.children[i] if j != without]
        return entering + ([(self.separators[i], down[i])] if i in down else [])
