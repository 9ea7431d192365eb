"""Answers of a compiled network: posterior of the target, every marginal, P(evidence), conflict; one exam or many.

A ``CompiledNetwork`` is never changed after it is built and keeps nothing of a question: threads may share it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..errors import BadValue, CalculationError, UnknownField
from .evidence import Evidence, Likelihood, OneOf, Piece
from .junction import Clique
from .network import Network
from .network_errors import ImpossibleEvidence
from .network_tables import Floats
from .propagation import Propagation

LEAST: Final = 1e-280  # below it a product of doubles loses digits
AT_ONCE: Final = 4_000_000  # exams of a batch times entries of the largest table: what is held at once is about 32 MB


@dataclass(frozen=True, slots=True)
class Answer:
    """What follows from the evidence.

    ``posterior``: of each state of the target. ``risk``: that of the state the network is asked for.
    ``p_evidence``: P(evidence), with likelihoods as they were given. ``conflict``: log of the product of
    P(each piece) over P(all pieces), base e (Jensen et al. 1991): above 0 the pieces speak against each other more
    than independent ones would.
    """

    posterior: Mapping[str, float]
    risk: float
    p_evidence: float
    conflict: float


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Answers to N exams: ``posterior`` (N, states of the target), ``risk`` and ``p_evidence`` (N,).

    Exams whose evidence is impossible have NaN there and their error in ``errors``, by their number.
    """

    posterior: Floats
    risk: Floats
    p_evidence: Floats
    errors: Mapping[int, ImpossibleEvidence | CalculationError]


def _certain(states: Sequence[str]) -> dict[str, Floats]:
    """For each state the weights that say it is so."""
    weights = np.eye(len(states))
    weights.flags.writeable = False
    return dict(zip(states, weights, strict=True))


def _columns(rows: Sequence[bytes]) -> Floats:
    """Rows of doubles as an array (states, rows). Joining bytes is faster than any call of numpy for each row."""
    return np.ascontiguousarray(np.frombuffer(b"".join(rows)).reshape(len(rows), -1).T)


class CompiledNetwork:
    """A network with its plan. ``sha256`` names the file that it was compiled from."""

    def __init__(self, network: Network, cliques: Sequence[Clique], sha256: str) -> None:
        self.network, self.cliques, self.sha256 = network, tuple(cliques), sha256
        self.tables = {name: node.table for name, node in network.nodes.items()}
        parents = {name: node.parents for name, node in network.nodes.items()}
        self.plan = Propagation(cliques, network.target, parents, self.tables)
        self._state = network.target_node.states.index(network.state)
        prior = self.plan.marginals(self.plan.ones, self.plan.all_seen)
        self.prior: Mapping[str, Floats] = dict(zip(parents, prior, strict=True))
        self._hard = {name: _certain(node.states) for name, node in network.nodes.items()}
        self._raw = {name: {s: w.tobytes() for s, w in rows.items()} for name, rows in self._hard.items()}
        self._size = {name: weights.nbytes for name, weights in zip(parents, self.plan.ones, strict=True)}

    def query(self, evidence: Evidence) -> Answer:
        """The target's posterior. What is not in ``evidence`` is unknown.

        Raises:
            UnknownField: a node that the network does not have.
            BadValue: a state that the node does not have, or a likelihood of another length.
            ImpossibleEvidence: P(evidence) = 0; ``clash`` names a smallest set of pieces that exclude each other.
            CalculationError: P(evidence) is too small to be computed.
        """
        weights, seen = self.weights(evidence)
        joint = self.plan.messages_up(weights, seen)[-1]
        p = float(joint.sum())
        if not p > LEAST:
            raise self._refusal(evidence)
        shares = (joint / p).tolist()
        posterior = dict(zip(self.network.target_node.states, shares, strict=True))
        return Answer(posterior, shares[self._state], p, self._log_singles(evidence, weights) - math.log(p))

    def marginals(self, evidence: Evidence) -> dict[str, dict[str, float]]:
        """The posterior of every node, observed ones included.

        Raises:
            UnknownField, BadValue, ImpossibleEvidence, CalculationError: as ``query``.
        """
        weights, seen = self.weights(evidence)
        joint = self.plan.marginals(weights, seen)
        p = float(joint[0].sum())
        if not p > LEAST:
            raise self._refusal(evidence)
        nodes = self.network.nodes.values()
        return {n.name: dict(zip(n.states, (j / p).tolist(), strict=True)) for n, j in zip(nodes, joint, strict=True)}

    def query_many(self, exams: Sequence[Evidence]) -> Batch:
        """Many exams at once; each is what ``query`` answers to it alone.

        Raises:
            UnknownField, BadValue: as ``query``, for any of them.
        """
        said: dict[str, list[bytes]] = {}
        for i, exam in enumerate(exams):
            for name, piece in exam.items():
                if name not in said:
                    said[name] = [self.plan.ones[self._index(name)].tobytes()] * len(exams)
                if type(piece) is str and piece in self._raw[name]:
                    said[name][i] = self._raw[name][piece]
                elif type(piece) is Likelihood and len(piece.raw) == self._size[name]:
                    said[name][i] = piece.raw
                else:
                    said[name][i] = self._weight(name, piece).tobytes()
        return self._batch({name: _columns(rows) for name, rows in said.items()}, len(exams))

    def query_columns(self, columns: Mapping[str, Floats], n: int) -> Batch:
        """``n`` exams given by columns: for some nodes weights (n, states) in [0, 1], ones where nothing is known.

        Raises:
            UnknownField: a node that the network does not have.
            BadValue: weights of another shape, outside of [0, 1], or a row of zeros.
        """
        checked = {name: self._column(name, column, n) for name, column in columns.items()}
        return self._batch(checked, n)

    def _batch(self, columns: Mapping[str, Floats], n: int) -> Batch:
        """``columns``: weights (states, n)."""
        joint = np.concatenate([self._joint(columns, block) for block in self.blocks(n)])
        p = joint.sum(axis=1)
        possible = p > LEAST
        posterior = np.full(joint.shape, np.nan)
        np.divide(joint, p[:, None], out=posterior, where=possible[:, None])
        errors = {int(i): self._refusal(self._row(columns, int(i))) for i in np.flatnonzero(~possible)}
        return Batch(posterior, posterior[:, self._state], np.where(possible, p, np.nan), errors)

    def blocks(self, n: int) -> list[slice]:
        """``n`` exams in parts that fit into memory; one empty part of no exams."""
        exams = max(1, AT_ONCE // self.plan.largest)
        return [slice(i, min(i + exams, n)) for i in range(0, max(n, 1), exams)]

    def _joint(self, columns: Mapping[str, Floats], block: slice) -> Floats:
        """P(target, evidence), unnormalised, of some exams: (exams, states of the target)."""
        weights, seen = list(self.plan.ones), 0
        for name, column in columns.items():
            weights[self.plan.index[name]] = column[:, block]
            seen |= 1 << self.plan.index[name]
        joint = self.plan.messages_up(weights, seen, many=True)[-1].T
        return np.broadcast_to(joint, (block.stop - block.start, len(self.network.target_node.states)))

    def weights(self, evidence: Evidence) -> tuple[list[Floats], int]:
        """A weight for each state of each node, in the order of the network, and a bit for each node spoken of."""
        weights, seen = list(self.plan.ones), 0
        for name, piece in evidence.items():
            i = self._index(name)
            weights[i] = self._weight(name, piece)
            seen |= 1 << i
        return weights, seen

    def _index(self, name: str) -> int:
        try:
            return self.plan.index[name]
        except KeyError:
            raise UnknownField(
                f"network {self.network.id}", name, "no such node", ", ".join(self.plan.nodes), "Name a node."
            ) from None

    def _weight(self, name: str, piece: Piece) -> Floats:
        try:
            if isinstance(piece, str):
                return self._hard[name][piece]
            if isinstance(piece, Likelihood):
                return self._fitting(name, piece.values)
            if isinstance(piece, OneOf) and piece.states:
                return np.asarray(sum(self._hard[name][s] for s in dict.fromkeys(piece.states)))
        except KeyError:
            raise self._bad(name, "a state that the node does not have") from None
        raise self._bad(name, "no state, set of states or likelihood")

    def _fitting(self, name: str, values: Floats) -> Floats:
        if len(values) == self.plan.states[name]:
            return values
        raise self._bad(name, f"a likelihood of {len(values)} numbers")

    def _bad(self, name: str, found: str) -> BadValue:
        states = ", ".join(self.network.nodes[name].states)
        return BadValue(f"network {self.network.id}", name, found, states, "Give a state, or one number for each.")

    def _column(self, name: str, column: Floats, n: int) -> Floats:
        given = np.asarray(column, dtype=np.float64)
        if given.shape != (n, len(self.plan.ones[self._index(name)])):
            raise self._bad(name, f"weights of the shape {given.shape}")
        turned = np.ascontiguousarray(given.T)
        greatest = turned.max(axis=0)
        if n and not (turned.min() >= 0 and greatest.max() <= 1 and greatest.min() > 0):
            raise self._bad(name, "weights outside of 0 to 1, or zeros only")
        return turned

    def _row(self, columns: Mapping[str, Floats], i: int) -> dict[str, Any]:
        """One exam's evidence, of which only what is possible matters."""
        states = {name: self.network.nodes[name].states for name in columns}
        return {
            n: OneOf(tuple(s for s, w in zip(states[n], c[:, i], strict=True) if w > 0)) for n, c in columns.items()
        }

    def _log_singles(self, evidence: Evidence, weights: Sequence[Floats]) -> float:
        """The log of the product of P(each piece)."""
        singles = (self.prior[name].dot(weights[self.plan.index[name]]) for name in evidence)
        return math.fsum(map(math.log, singles))

    def _refusal(self, evidence: Evidence) -> ImpossibleEvidence | CalculationError:
        """Why P(evidence) is not above the least: impossible, or only too small for double precision."""
        where = f"network {self.network.id}"
        if self._possible(evidence):
            found = "evidence whose probability is below 1e-280"
            return CalculationError(where, "evidence", found, "likelihoods of 1e-12 or more", "Scale the likelihoods.")
        clash = {name: evidence[name] for name in self.plan.nodes if name in evidence}
        for name in tuple(clash):
            fewer = {n: piece for n, piece in clash.items() if n != name}
            if not self._possible(fewer):
                clash = fewer
        named = tuple(clash)
        found = f"evidence that the network holds to be impossible together: {', '.join(named)}"
        return ImpossibleEvidence(
            where, "evidence", found, "evidence with P > 0", "Check these against the source.", named
        )

    def _possible(self, evidence: Evidence) -> bool:
        """Whether P(evidence) > 0, by what is 0 and what is not alone."""
        weights, seen = self.weights(evidence)
        certain = [(w > 0).astype(np.float64) for w in weights]
        tables = {name: (t > 0).astype(np.float64) for name, t in self.tables.items()}
        return bool(self.plan.messages_up(certain, seen, self.plan.multiplied(tables))[-1].sum() > 0)
