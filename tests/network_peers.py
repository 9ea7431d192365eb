"""pgmpy and pyAgrum on the same networks; where one is not installed, the test is skipped."""

import numpy as np
import pytest
from random_networks import vector


class Pgmpy:
    """Variable elimination. A new engine a question where there is virtual evidence: a query replaces its model."""

    def __init__(self, network):
        pytest.importorskip("pgmpy", reason="needs pgmpy: the extra `author`")
        from pgmpy.inference import VariableElimination

        from radlogic.engine.fusion.author import to_pgmpy

        self.network, self.model = network, to_pgmpy(network)
        self.engine = lambda: VariableElimination(self.model)

    def posteriors(self, evidence, names):
        """P(name | evidence) for each of the names."""
        hard, virtual = self.split(evidence)
        return {n: self.one(hard, virtual, n) for n in names}

    def split(self, evidence):
        from pgmpy.factors.discrete import TabularCPD

        hard = {n: p for n, p in evidence.items() if isinstance(p, str)}
        virtual = []
        for n in evidence.keys() - hard.keys():
            node = self.network.nodes[n]
            values = [[v] for v in vector(node, evidence[n])]
            virtual.append(TabularCPD(n, len(values), values, state_names={n: list(node.states)}))
        return hard, virtual

    def one(self, hard, virtual, name):
        states = self.network.nodes[name].states
        if name in hard:
            return [float(s == hard[name]) for s in states]
        factor = self.engine().query([name], evidence=hard, virtual_evidence=virtual or None, show_progress=False)
        order = factor.state_names[name]
        return [float(factor.values[order.index(s)]) for s in states]


class PyAgrum:
    """Lazy propagation, one engine for all questions."""

    def __init__(self, network):
        gum = pytest.importorskip("pyagrum", reason="needs pyAgrum (pip install pyagrum)")
        self.network = network
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

    def given(self, evidence):
        return {n: p if isinstance(p, str) else vector(self.network.nodes[n], p) for n, p in evidence.items()}
