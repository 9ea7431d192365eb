"""What a compiled network answers, against the whole joint written out, and against pgmpy and pyAgrum."""

import itertools
import math
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import SHIPPED, STRUCTURES, compiled, content, evidence, joint, network, summed, vector

from radlogic.engine.errors import BadValue, CalculationError, UnknownField
from radlogic.engine.fusion import infer
from radlogic.engine.fusion.evidence import Likelihood, OneOf, likelihood_of, measured_likelihood
from radlogic.engine.fusion.network_errors import ImpossibleEvidence

LARGE = ("example", *(f"{s}-20-1" for s in STRUCTURES), *SHIPPED)


def chance(seed):
    return random.Random(seed)  # noqa: S311  # draws, no secrets


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    structure=st.sampled_from(STRUCTURES),
    n=st.integers(1, 7),
    zeros=st.sampled_from((0.0, 0.3)),
)
def test_a_posterior_is_what_the_written_out_joint_says(seed, structure, n, zeros):
    net = compiled(content(chance(seed), n, structure, zeros))
    said = evidence(chance(seed + 1), net.network)
    truth = joint(net.network, said)
    p = float(truth.sum())
    if p == 0:
        with pytest.raises(ImpossibleEvidence):
            net.query(said)
        return

    answer, marginals = net.query(said), net.marginals(said)

    assert answer.p_evidence == pytest.approx(p, rel=1e-12)
    for name in net.network.nodes:
        assert [*marginals[name].values()] == pytest.approx(summed(net.network, truth, name) / p, abs=1e-12)
    assert marginals[net.network.target] == pytest.approx(dict(answer.posterior), abs=1e-12)
    assert answer.risk == answer.posterior[net.network.state]


@pytest.mark.parametrize("name", LARGE)
def test_many_exams_at_once_are_answered_as_each_alone(name):
    net = network(name)
    exams = [evidence(chance(i), net.network, i % 5 / 4) for i in range(64)]

    batch = net.query_many(exams)

    for i, said in enumerate(exams):
        if i in batch.errors:
            with pytest.raises(ImpossibleEvidence):
                net.query(said)
            assert np.isnan(batch.risk[i])
            continue
        alone = net.query(said)
        assert batch.posterior[i] == pytest.approx([*alone.posterior.values()], abs=1e-12)
        assert batch.p_evidence[i] == pytest.approx(alone.p_evidence, rel=1e-10)


@pytest.mark.parametrize("name", LARGE)
def test_eight_threads_that_share_a_network_get_what_one_gets(name):
    net = network(name)
    exams = [evidence(chance(i), net.network) for i in range(25)]

    def asked(said):
        try:
            return net.query(said), net.marginals(said)
        except ImpossibleEvidence as error:
            return error.clash

    alone = [asked(said) for said in exams]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(asked, exams * 8))

    assert together == alone * 8


def test_no_exams_have_no_answers():
    assert network("example").query_many([]).posterior.shape == (0, 2)


def test_an_exam_that_says_nothing_may_stand_beside_one_that_says_much():
    net = network("tree-20-1")
    nodes = list(net.network.nodes.values())
    said = {n.name: n.states[0] for n in nodes[::3]}

    batch = net.query_columns({n: np.array([np.eye(len(net.prior[n]))[0]]) for n in said}, 1)

    assert batch.risk[0] == pytest.approx(net.query(said).risk, abs=1e-12)


def test_no_evidence_gives_the_prior_and_no_conflict():
    net = network("example")

    answer = net.query({})

    assert (answer.p_evidence, answer.conflict) == pytest.approx((1, 0), abs=1e-12)
    assert [*answer.posterior.values()] == pytest.approx(net.prior[net.network.target], abs=1e-12)


def test_conflict_is_the_log_of_single_probabilities_over_the_joint_one():
    net = network("tree-6-3")
    said = {n.name: n.states[-1] for n in list(net.network.nodes.values())[:3]}
    singles = [joint(net.network, {n: s}).sum() for n, s in said.items()]
    together = joint(net.network, said).sum()

    assert net.query(said).conflict == pytest.approx(math.log(math.prod(singles) / together), abs=1e-9)


def test_impossible_evidence_names_a_smallest_clash():
    data = content(chance(4), 6, "chain")
    data["target"] = {"node": "n5", "state": "s1"}
    data["nodes"]["n1"] = copy_of_parent(data, "n1", "n0")
    net = compiled(data)
    said = {"n0": "s0", "n1": "s1", "n3": net.network.nodes["n3"].states[0], "n5": "s0"}

    with pytest.raises(ImpossibleEvidence) as caught:
        net.query(said)

    assert caught.value.clash == ordered(net, "n0", "n1")
    assert ", ".join(ordered(net, "n0", "n1")) in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).clash == ordered(net, "n0", "n1")  # noqa: S301  # our own bytes
    with pytest.raises(ImpossibleEvidence):
        net.marginals(said)
    assert net.query_many([said]).errors[0].clash == ordered(net, "n0", "n1")


def ordered(net, *names):
    return tuple(n for n in net.network.nodes if n in names)


def copy_of_parent(data, name, parent):
    """A node that is what its parent is."""
    states = data["nodes"][parent]["states"]
    rows = [{"when": {parent: s}, "p": [float(s == t) for t in states]} for s in states]
    return data["nodes"][name] | {"states": states, "parents": [parent], "table": rows, "mark": "definition"}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    structure=st.sampled_from(STRUCTURES),
    zeros=st.sampled_from((0.3, 0.6)),
    share=st.sampled_from((0.4, 0.9)),
)
def test_evidence_is_refused_where_its_probability_is_0_and_a_smallest_clash_is_named(seed, structure, zeros, share):
    net = compiled(content(chance(seed), 7, structure, zeros))
    said = evidence(chance(seed + 1), net.network, share)
    p = joint(net.network, said).sum()
    batch = net.query_many([{}, said])
    by_column = net.query_columns({n: [vector(net.network.nodes[n], piece)] for n, piece in said.items()}, 1)
    if p > 0:
        assert net.query(said).p_evidence == pytest.approx(p, rel=1e-12)
        assert not batch.errors
        assert not by_column.errors
        return

    with pytest.raises(ImpossibleEvidence) as caught:
        net.query(said)
    with pytest.raises(ImpossibleEvidence) as of_marginals:
        net.marginals(said)

    clash = caught.value.clash
    assert clash == of_marginals.value.clash == batch.errors[1].clash == by_column.errors[0].clash
    assert ", ".join(clash) in str(caught.value)
    assert np.isnan([batch.risk[1], batch.p_evidence[1], *batch.posterior[1]]).all()
    assert batch.risk[0] == pytest.approx(net.query({}).risk, abs=1e-12)
    assert joint(net.network, {n: said[n] for n in clash}).sum() == 0
    for n in clash:
        assert joint(net.network, {m: said[m] for m in clash if m != n}).sum() > 0


def test_a_batch_too_large_to_be_held_at_once_is_answered_in_blocks(monkeypatch):
    net = network("web-20-1")
    exams = [evidence(chance(i), net.network) for i in range(50)]
    whole = net.query_many(exams)
    monkeypatch.setattr(infer, "AT_ONCE", 20 * net.plan.largest)

    assert len(net.blocks(50)) == 3
    assert net.query_many(exams).posterior == pytest.approx(whole.posterior, abs=1e-12)


def test_evidence_too_unlikely_for_doubles_is_not_called_impossible():
    net = network("star-20-1")
    said = {n.name: Likelihood([1e-30] * len(n.states)) for n in net.network.nodes.values()}

    with pytest.raises(CalculationError, match="below 1e-280"):
        net.query(said)


@pytest.mark.parametrize(
    ("said", "error", "field"),
    [
        ({"nothing": "s0"}, UnknownField, "nothing"),
        ({"age": "s9"}, BadValue, "age"),
        ({"age": Likelihood([1, 0.5])}, BadValue, "age"),
        ({"age": OneOf(())}, BadValue, "age"),
        ({"age": OneOf(("s9",))}, BadValue, "age"),
        ({"age": 3}, BadValue, "age"),
        ({"age": None}, BadValue, "age"),
    ],
)
def test_evidence_that_the_network_does_not_have_is_refused(said, error, field):
    net = network("example")
    for ask in (net.query, net.marginals, lambda e: net.query_many([e])):
        with pytest.raises(error) as caught:
            ask(said)
        assert caught.value.field == field


def test_likelihoods_of_a_wrong_length_do_not_make_up_for_each_other():
    net = network("example")
    with pytest.raises(BadValue, match="a likelihood of 2 numbers"):
        net.query_many([{"age": Likelihood([1, 0.5])}, {"age": Likelihood([1, 0.5, 0.5, 0.5])}])


@pytest.mark.parametrize("column", [[[0.5, 0.5]], [[0, 0, 0]], [[2, 0, 0]], [[np.nan, 1, 1]], [[-1, 1, 1]]])
def test_columns_that_are_no_weights_are_refused(column):
    with pytest.raises(BadValue):
        network("example").query_columns({"age": np.array(column, dtype=float)}, 1)


@pytest.mark.parametrize("values", [[1], [0, 1], [1.1, 1], [-0.1, 1], [math.nan, 1], [[1, 1]], []])
def test_a_likelihood_is_a_number_in_0_to_1_for_each_state(values):
    with pytest.raises(BadValue):
        Likelihood(values)


def test_a_posterior_over_its_training_prior_is_the_likelihood():
    assert likelihood_of([0.3, 0.7], [0.9, 0.1]).values == pytest.approx([0.3 / 0.9 / 7, 1])


def test_a_net_that_says_what_it_was_trained_on_moves_nothing():
    net = network("example")

    assert net.query({"spiculation": likelihood_of([0.9, 0.1], [0.9, 0.1])}).risk == pytest.approx(net.query({}).risk)


@pytest.mark.parametrize(
    ("posterior", "prior"),
    [
        ([0.5, 0.6], [0.5, 0.5]),
        ([0.5, 0.5], [1, 0]),
        ([1.0], [0.5, 0.5]),
        ([-0.1, 1.1], [0.5, 0.5]),
        ([math.nan, 1], [0.5, 0.5]),
    ],
)
def test_what_is_no_distribution_gives_no_likelihood(posterior, prior):
    with pytest.raises(BadValue):
        likelihood_of(posterior, prior)


@pytest.mark.parametrize(("mean", "sd"), [(6.2, 1.0), (3.0, 0.1), (29.0, 4.0), (10.0, 30.0)])
def test_a_measured_value_weighs_a_state_by_the_average_density_in_it(mean, sd):
    edges = [1, 4, 6, 8, 15, 30]
    averages = []
    for low, high in itertools.pairwise(edges):
        x = np.linspace(low, high, 20001)
        density = np.exp(-0.5 * ((x - mean) / sd) ** 2)
        averages.append(((density[1:] + density[:-1]) / 2).mean())

    expected = np.maximum(np.array(averages) / max(averages), 1e-12)
    assert measured_likelihood(mean, sd, edges).values == pytest.approx(expected, rel=1e-5, abs=1e-13)


@pytest.mark.parametrize("mean", [-500.0, 5000.0])
def test_a_measured_value_far_outside_speaks_for_the_nearest_state(mean):
    values = measured_likelihood(mean, 0.5, [1, 4, 6, 30]).values

    assert values.argmax() == (0 if mean < 0 else 2)
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("mean", "sd", "edges"), [(math.nan, 1, [0, 1, 2]), (1, 0, [0, 1, 2]), (1, 1, [0, 2, 1]), (1, 1, [0, 1])]
)
def test_a_measured_value_that_is_none_is_refused(mean, sd, edges):
    with pytest.raises(BadValue):
        measured_likelihood(mean, sd, edges)
