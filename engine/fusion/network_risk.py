"""The risk of a finding by its network, with what it rests on: a ``Fusion`` of imaging and record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..types import Case, Finding, Risk
from .compile_network import load_network
from .explain import tensions
from .grounds_of import KEPT, grounds_of, shown
from .infer import Answer, CompiledNetwork
from .network_errors import ImpossibleEvidence
from .of_case import CaseEvidence, evidence_of

NETWORKS: Final = {"nodule": "lung-nodule", "observation": "liver-observation"}
NEEDED: Final = {
    "lung-nodule": ("size",),
    "liver-observation": ("arterial",),
}  # without it the finding itself is not described


@dataclass(frozen=True, slots=True)
class NetworkAnswer:
    """A network's answer on one finding. ``answer`` is None where there must be none; ``why`` then says why.

    ``evidence``: what it was told, what it was not and what contradicts itself; ``clash``: pieces that exclude each
    other. ``network``: for who asks further.
    """

    network: CompiledNetwork
    evidence: CaseEvidence
    answer: Answer | None
    why: tuple[str, ...]
    clash: str = ""


class NetworkRisk:
    """Gives a nodule the probability of lung cancer and an observation that of HCC, from all that is known of it."""

    def risk(self, case: Case, finding: Finding) -> Risk | None:
        """The network's risk; None for findings of other kinds.

        ``probability`` is None where something known lies outside of what the network was made for, where the facts
        exclude each other, or where the finding itself is not described; ``why`` says so. Missing facts are averaged
        over, and named in ``missing``.

        Raises:
            BadValue, Contradiction: facts of the finding that no guideline could read either.
        """
        found = self.answer(case, finding)
        if found is None:
            return None
        network, told = found.network.network, found.evidence
        return Risk(
            model=f"{network.id}@{network.version}",
            probability=found.answer.risk if found.answer else None,
            inputs={name: shown(piece) for name, piece in told.evidence.items()},
            domain=network.population,
            citation="; ".join(_cited(found)),
            why="; ".join((*found.why, *(f"{u.node}: {u.note}" for u in told.used if u.note))),
            missing=tuple(told.missing),
            grounds=grounds_of(found.network, told, found.answer) if found.answer else None,
            clash=found.clash,
            contradictions=told.contradictions,
            tensions=tensions(found.network, told.evidence)[:KEPT],
        )

    def answer(self, case: Case, finding: Finding) -> NetworkAnswer | None:
        """The same with the evidence and the network, for who explains it.

        Raises:
            BadValue, Contradiction: as ``risk``.
        """
        name = NETWORKS.get(finding.kind)
        if name is None:
            return None
        network = load_network(name)
        told = evidence_of(network, case, finding)
        refused = _refused(name, told)
        if refused:
            return NetworkAnswer(network, told, None, refused)
        try:
            answer = network.query(told.evidence)
        except ImpossibleEvidence as error:
            return NetworkAnswer(network, told, None, (error.found,), error.found)
        return NetworkAnswer(network, told, answer, ())

    def hashes(self) -> Mapping[str, str]:
        """The hash of each network, as it was compiled."""
        return {name: load_network(name).sha256 for name in NETWORKS.values()}


def _refused(name: str, told: CaseEvidence) -> tuple[str, ...]:
    """Why there must be no number."""
    needed = tuple(f"{n}: {told.missing[n]}" for n in NEEDED[name] if n in told.missing)
    return (*told.outside, *needed)


def _cited(found: NetworkAnswer) -> tuple[str, ...]:
    """The sources of the target and of every node that was told of, once."""
    network = found.network.network
    nodes = (network.target, *found.evidence.evidence)
    keys = dict.fromkeys(s for n in nodes for s in network.nodes[n].sources)
    return tuple(network.sources[k] for k in keys)
