"""pgmpy and pyAgrum on the same networks; where one is not installed, the test is skipped.

Both give P(target, evidence) and posteriors. Evidence that they hold to be impossible has P = 0 and no posteriors.
"""

import numpy as np
import pytest
from random_networks import vector

from radlogic.engine.fusion.network_errors import ImpossibleEvidence


class Pgmpy:
    """Variable elimination. A new engine a question: a query with virtual evidence replaces its engine's model."""

    def __init__(self, network):
        pytest.importorskip("pgmpy", reason="needs pgmpy: the extra `author`")
        from pgmpy.inference import VariableElimination

        from radlogic.engine.fusion.author import to_pgmpy

        self.network, self.model = network, to_pgmpy(network)
        self.markov = self.model.to_markov_model()
        self.engine = lambda: VariableElimination(self.model)
        self.markov_engine = lambda: VariableElimination(self.markov)

    def posteriors(self, evidence, names):
        """P(name | evidence) for each of the names."""
        hard, virtual = self.split(evidence)
        return {n: self.one(hard, virtual, n) for n in names}

    def joint(self, evidence):
        """P(target, evidence), state by state: elimination over the Markov network of the same tables, in which every
        piece is a factor of its own and nothing is normalised."""
        from pgmpy.factors.discrete import DiscreteFactor

        said = {n: vector(self.network.nodes[n], p) for n, p in evidence.items()}
        names = {n: list(self.network.nodes[n].states) for n in said}
        factors = [DiscreteFactor([n], [len(v)], v, state_names={n: names[n]}) for n, v in said.items()]
        self.markov.add_factors(*factors)
        try:
            found = self.markov_engine().query([self.network.target], show_progress=False)
        finally:
            self.markov.remove_factors(*factors)
        return self.in_order(found, self.network.target)

    def split(self, evidence):
        from pgmpy.factors.discrete import TabularCPD

        hard = {n: p for n, p in evidence.items() if isinstance(p, str)}
        virtual = []
        for n in evidence.keys() - hard.keys():
            node = self.network.nodes[n]
            values = [[v] for v in vector(node, evidence[n])]
            virtual.append(TabularCPD(n, len(values), values, state_names={n: list(node.states)}))
        return hard, virtual

    def one(self, hard, virtual, name, engine=None):
        """The posterior of one node; ``engine``: one that was used before."""
        states = self.network.nodes[name].states
        if name in hard:
            return [float(s == hard[name]) for s in states]
        factor = (engine or self.engine()).query(
            [name], evidence=hard, virtual_evidence=virtual or None, show_progress=False
        )
        return self.in_order(factor, name)

    def in_order(self, factor, name):
        order = factor.state_names[name]
        return [float(factor.values[order.index(s)]) for s in self.network.nodes[name].states]


class PyAgrum:
    """Lazy propagation, one engine for all questions."""

    def __init__(self, network):
        gum = pytest.importorskip("pyagrum", reason="needs pyAgrum: the extra `judges`")
        self.network, self.impossible = network, gum.IncompatibleEvidence
        self.net = gum.BayesNet()
        for node in network.nodes.values():
            self.net.add(gum.LabelizedVariable(node.name, node.name, list(node.states)))
        for node in network.nodes.values():
            for parent in node.parents:
                self.net.addArc(parent, node.name)
        for node in network.nodes.values():
            self._fill(node)
        self.engine = gum.LazyPropagation(self.net)

    def _fill(self, node):
        table = self.net.cpt(node.name)
        axes = list(reversed(table.names))
        order = [(*node.parents, node.name).index(n) for n in axes]
        table[:] = np.ascontiguousarray(np.transpose(node.table, order))

    def posteriors(self, evidence, names):
        self.engine.setEvidence(self.given(evidence))
        self.engine.setTargets(set(names))
        self.engine.makeInference()
        return {n: self.engine.posterior(n).tolist() for n in names}

    def joint(self, evidence):
        """P(target, evidence), state by state."""
        target = self.network.target
        try:
            posterior = self.posteriors(evidence, [target])[target]
            p_evidence = self.engine.evidenceProbability()
        except self.impossible:
            return [0.0] * len(self.network.target_node.states)
        return [p_evidence * p for p in posterior]

    def given(self, evidence):
        return {n: p if isinstance(p, str) else vector(self.network.nodes[n], p) for n, p in evidence.items()}


def differences(net, peer, exams, asked=lambda _: ()):
    """The greatest differences over the exams: of the target's posterior and of P(evidence) (relative) out of P(target,
    evidence), and of the marginals of the nodes that ``asked`` names for an exam's number, each as the peer is usually
    asked for one.

    Where the network says that the evidence is impossible, the peer must say P = 0.
    """
    found = {"posterior": 0.0, "P(evidence)": 0.0, "marginal": 0.0}
    for i, said in enumerate(exams):
        joint = np.array(peer.joint(said))
        try:
            answer, marginals = net.query(said), net.marginals(said)
        except ImpossibleEvidence:
            assert joint.sum() == 0, said
            continue
        theirs = peer.posteriors(said, asked(i))
        new = {
            "posterior": apart(answer.posterior.values(), joint / joint.sum()),
            "P(evidence)": abs(joint.sum() / answer.p_evidence - 1),
            "marginal": max((apart(marginals[n].values(), p) for n, p in theirs.items()), default=0.0),
        }
        found = {what: max(found[what], new[what]) for what in found}
    return found


def apart(ours, theirs):
    """The greatest difference of two distributions."""
    return float(np.abs(np.array([*ours]) - np.array([*theirs])).max())
