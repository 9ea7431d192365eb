"""Learning tables: counts done by hand, the truth recovered from many cases, EM's fixed point, pgmpy."""

import itertools
import math
import random

import numpy as np
import pytest
import yaml
from random_networks import SHIPPED, STRUCTURES, compiled, content, joint, network

from radlogic.engine.errors import BadValue, UnknownField
from radlogic.engine.fusion import infer
from radlogic.engine.fusion.compile_network import pack, unpack
from radlogic.engine.fusion.fit import WORTH, fit, fitted_document
from radlogic.engine.fusion.network_file import read
from radlogic.engine.fusion.network_schema import NetworkFile


def drawn(net, n, seed, gaps=0.0):
    """Cases drawn from the network's own joint, as columns."""
    generator = np.random.default_rng(seed)
    table = joint(net.network, {})
    flat = generator.choice(table.size, n, p=table.ravel() / table.sum())
    at = np.array(np.unravel_index(flat, table.shape))
    nodes = list(net.network.nodes.values())
    columns = {node.name: [node.states[i] for i in at[k]] for k, node in enumerate(nodes)}
    return {name: [None if generator.random() < gaps else v for v in values] for name, values in columns.items()}


def net_of(structure="web", n=5, seed=8):
    return compiled(content(random.Random(seed), n, structure))  # noqa: S311  # no secrets


def test_complete_cases_are_counted_on_top_of_the_prior():
    net = net_of()
    frame = drawn(net, 40, 1)

    found = fit(net, frame)

    prior = joint(net.network, {})
    names = list(net.network.nodes)
    for name, node in net.network.nodes.items():
        family = [*node.parents, name]
        expected = np.zeros(node.table.shape)
        for i in range(40):
            expected[tuple(net.network.nodes[m].states.index(frame[m][i]) for m in family)] += 1
        away = tuple(i for i, m in enumerate(names) if m not in family)
        in_order = [m for m in names if m in family]
        imagined = WORTH["expert prior"] * np.transpose(prior.sum(axis=away), [in_order.index(m) for m in family])
        assert found.counts[name] == pytest.approx(expected)
        assert found.prior_counts[name] == pytest.approx(imagined)
        total = expected + imagined
        assert found.tables[name] == pytest.approx(total / total.sum(axis=-1, keepdims=True))


def test_em_on_complete_cases_would_change_nothing():
    net = net_of()
    frame = drawn(net, 60, 2)
    whole = fit(net, frame)
    one_gap = {name: [*values, None] for name, values in frame.items()}  # a case that says nothing

    found = fit(net, one_gap)

    for name in net.network.nodes:  # it follows the others, so that the tables stay where they are
        assert found.tables[name] == pytest.approx(whole.tables[name], abs=0.02)
        assert found.counts[name].sum() == pytest.approx(61)
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(found.objective))


def test_a_node_that_is_never_seen_keeps_its_table_given_its_parents():
    net = net_of("chain", 3)
    frame = drawn(net, 50, 3)
    del frame["n2"]

    assert fit(net, frame).tables["n2"] == pytest.approx(net.tables["n2"], abs=1e-6)


def test_em_rests_where_expected_counts_give_the_tables_back():
    net = net_of("tree", 4)
    found = fit(net, drawn(net, 80, 4, gaps=0.3))

    assert len(found.objective) > 2
    for name in net.network.nodes:
        total = found.prior_counts[name] + found.counts[name]
        assert found.tables[name] == pytest.approx(total / total.sum(axis=-1, keepdims=True), abs=1e-9)
        assert found.counts[name].sum() == pytest.approx(80)


def test_the_truth_comes_back_from_many_cases_with_gaps():
    truth, start = net_of("chain", 4, 8), content(random.Random(8), 4, "chain")  # noqa: S311  # no secrets
    for node in start["nodes"].values():
        k = len(node["states"])
        node["table"] = [row | {"p": [1 / k] * k, "ranges": {"s0": [0.01, 0.99]}} for row in node["table"]]
        node["table"][0]["p"] = [(1 + 0.1 * (i == 0)) / (k + 0.1) for i in range(k)]

    found = fit(compiled(start), drawn(truth, 6000, 5, gaps=0.1))

    for name, table in truth.tables.items():
        seen = found.counts[name].sum(axis=-1, keepdims=True)
        assert (np.abs(found.tables[name] - table) < 4 * np.sqrt(0.25 / seen) + 10 / seen).all()


def test_a_fitted_file_is_a_valid_file_and_keeps_its_counts(tmp_path):
    data = content(random.Random(8), 4, "chain")  # noqa: S311  # no secrets
    net = compiled(data)
    document = NetworkFile.model_validate(data).model_dump(mode="json", by_alias=True)
    found = fit(net, drawn(net, 30, 6))

    (tmp_path / "random.yaml").write_text(yaml.safe_dump(fitted_document(document, found, "cases", "30 drawn cases")))
    again = unpack(pack(read(tmp_path / "random.yaml"), "0" * 64))

    for name, table in found.tables.items():
        assert again.tables[name] == pytest.approx(table, abs=1e-9)
        counts = [row["counts"] for row in read(tmp_path / "random.yaml")["nodes"][name]["table"]]
        assert math.fsum(map(math.fsum, counts)) == pytest.approx(30 + WORTH["expert prior"])


@pytest.mark.parametrize(
    ("frame", "error", "where"),
    [
        ({"nothing": ["s0"]}, UnknownField, "nothing"),
        ({"age": ["s9"]}, BadValue, "age"),
        ({"age": ["below_55"], "spiculation": []}, BadValue, ""),
        ({}, BadValue, ""),
        ({"age": []}, BadValue, ""),
    ],
)
def test_cases_that_cannot_be_used_are_refused(frame, error, where):
    with pytest.raises(error) as caught:
        fit(network("example"), frame)

    assert caught.value.field == where


def test_an_impossible_case_is_named():
    data = content(random.Random(8), 3, "chain")  # noqa: S311  # no secrets
    states = data["nodes"]["n0"]["states"]
    data["nodes"]["n0"] |= {"mark": "definition", "table": [{"p": [1.0, *(0.0 for _ in states[1:])]}]}

    with pytest.raises(BadValue, match="case 1"):
        fit(compiled(data), {"n0": ["s0", "s1"]})


def test_cases_in_blocks_are_counted_as_at_once(monkeypatch):
    net = net_of()
    frame = drawn(net, 40, 9, gaps=0.2)
    whole = fit(net, frame)
    monkeypatch.setattr(infer, "AT_ONCE", 7 * net.plan.largest)
    found = fit(net, frame)

    assert [b.stop - b.start for b in net.blocks(40)] == [7, 7, 7, 7, 7, 5]
    for name, counts in whole.counts.items():
        assert found.counts[name] == pytest.approx(counts, abs=1e-8)


def sampled(net, n, seed):
    """Cases drawn node by node, parents first, as columns: for networks whose joint is too large to be written out."""
    generator = np.random.default_rng(seed)
    nodes, at = dict(net.network.nodes), {}
    while nodes:
        node = next(node for node in nodes.values() if at.keys() >= set(node.parents))
        lines = node.table[tuple(at[p] for p in node.parents)].reshape(-1, len(node.states)).cumsum(axis=-1)
        at[nodes.pop(node.name).name] = (generator.random((n, 1)) > lines[:, :-1]).sum(axis=-1)
    return {name: [net.network.nodes[name].states[i] for i in column] for name, column in at.items()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # pgmpy's own
@pytest.mark.parametrize(
    "name", [*(f"{s}-12-{seed}" for s in STRUCTURES for seed in (1, 2)), "web-8-3-zeros", *SHIPPED]
)
@pytest.mark.parametrize("cases", [1, 30, 1000])
def test_complete_cases_give_what_pgmpy_learns_from_the_same_dirichlet_counts(name, cases):
    pytest.importorskip("pgmpy", reason="needs pgmpy: the extra `author`")
    import pandas as pd
    from pgmpy.estimators import BayesianEstimator

    from radlogic.engine.fusion.author import to_pgmpy

    net = network(name)
    frame = sampled(net, cases, 7)
    found = fit(net, frame)
    names = {n.name: list(n.states) for n in net.network.nodes.values()}
    estimator = BayesianEstimator(to_pgmpy(net.network), pd.DataFrame(frame), state_names=names)

    for node in net.network.nodes.values():
        learnt, counted = learnt_by_pgmpy(estimator, node, found.prior_counts[node.name])
        assert found.counts[node.name] == pytest.approx(counted, abs=1e-9)
        spoken_of = (found.prior_counts[node.name] + counted).sum(axis=-1) > 0
        if node.mark == "definition":
            assert (found.tables[node.name] == node.table).all()
        else:
            assert found.tables[node.name][spoken_of] == pytest.approx(learnt[spoken_of], abs=1e-12, rel=0)
            assert (found.tables[node.name][~spoken_of] == node.table[~spoken_of]).all()


def learnt_by_pgmpy(estimator, node, prior):
    """The table with these pseudo counts, and the counts, in the order of our axes. pgmpy has the node's own states
    first, then the parents by name."""
    parents = sorted(node.parents)
    to_theirs = [len(parents), *(node.parents.index(p) for p in parents)]
    shape = [prior.shape[i] for i in to_theirs]
    pseudo = np.transpose(prior, to_theirs).reshape(shape[0], -1)
    learnt = estimator.estimate_cpd(node.name, prior_type="dirichlet", pseudo_counts=pseudo)
    assert list(learnt.variables) == [node.name, *parents]
    counts = estimator.state_counts(node.name, reindex=True).to_numpy().reshape(shape)
    back = np.argsort(to_theirs)
    return np.transpose(learnt.values, back), np.transpose(counts, back)
