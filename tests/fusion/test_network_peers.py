"""What a compiled network answers equals what pgmpy and pyAgrum answer, on random patterns of evidence.

2,000 patterns for each network of the product: hard, virtual, one-of and missing evidence mixed.
"""

from concurrent.futures import ThreadPoolExecutor

import network_peers as peers
import pytest
from random_networks import SHIPPED, STRUCTURES, network, patterns

from radlogic.engine.fusion.network_errors import ImpossibleEvidence

PATTERNS = dict.fromkeys(("example", *(f"{s}-20-1" for s in STRUCTURES), "web-12-5-zeros"), 500)
PATTERNS |= dict.fromkeys(SHIPPED, 2000)
WITHIN = 1e-9


def answered(net, said):
    """Both answers, or the names of the clash."""
    try:
        return net.query(said), net.marginals(said)
    except ImpossibleEvidence as error:
        return {"clash": error.clash}


@pytest.mark.parametrize("name", PATTERNS)
def test_posteriors_equal_those_of_pyagrum(name):
    net = network(name)
    found = peers.differences(net, peers.PyAgrum(net.network), patterns(net.network, 100))

    assert max(found.values()) <= WITHIN, found


@pytest.mark.slow
@pytest.mark.parametrize("name", PATTERNS)
def test_every_marginal_and_the_evidence_equal_those_of_pyagrum(name):
    net = network(name)
    exams, nodes = patterns(net.network, PATTERNS[name]), [*net.network.nodes]

    found = peers.differences(net, peers.PyAgrum(net.network), exams, lambda _: nodes)

    assert max(found.values()) <= WITHIN, found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # pgmpy's own
@pytest.mark.parametrize("name", PATTERNS)
def test_target_and_evidence_equal_those_of_pgmpy(name):
    """Each fourth pattern asks for another node beside the target, each node in turn."""
    net = network(name)
    exams, nodes, target = patterns(net.network, PATTERNS[name]), [*net.network.nodes], net.network.target

    def asked(i):
        return {target, nodes[i // 4 % len(nodes)]} if i % 4 == 0 else {target}

    found = peers.differences(net, peers.Pgmpy(net.network), exams, asked)

    assert max(found.values()) <= WITHIN, found


@pytest.mark.slow
@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_asked_by_eight_threads_are_answered_as_by_one(name):
    net = network(name)
    exams = patterns(net.network, PATTERNS[name])

    alone = [answered(net, said) for said in exams]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda said: answered(net, said), exams * 2))

    assert together == alone * 2


def test_random_evidence_on_a_network_with_zeros_is_sometimes_impossible_and_sometimes_not():
    """Otherwise the comparisons above would say nothing of P(evidence) = 0."""
    net = network("web-12-5-zeros")
    found = [answered(net, said) for said in patterns(net.network, 100)]

    assert 20 < sum(isinstance(answer, dict) for answer in found) < 80
