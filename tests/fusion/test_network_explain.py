"""Contributions, changes, questions and sensitivities, against their definitions on the written-out joint."""

import copy
import itertools
import math
import random

import numpy as np
import pytest
from random_networks import SHIPPED, STRUCTURES, compiled, content, evidence, example, joint, network, summed

from radlogic.engine.errors import BadValue, UnknownField
from radlogic.engine.fusion.explain import changes, contributions, observable, questions
from radlogic.engine.fusion.network_errors import ImpossibleEvidence
from radlogic.engine.fusion.sensitivity import extremes, interval, tornado

ALL = ("example", *(f"{s}-7-5" for s in STRUCTURES))
EVERY = (*ALL, *SHIPPED)


def chance(seed):
    return random.Random(seed)  # noqa: S311  # draws, no secrets


def fed(name):
    """The network with every node observable and a threshold, and some evidence on others than the target."""
    if name in SHIPPED:
        net = network(name)
    else:
        data = example() if name == "example" else content(chance(5), 7, name.split("-")[0])
        for n, node in data["nodes"].items():
            node["feeds"] = (
                [{"finding": n}] if "cuts" in node else [{"finding": n, "values": {s: s for s in node["states"]}}]
            )
        data["thresholds"] = [{"at": 0.3, "means": "x", "source": next(iter(data["sources"]))}]
        net = compiled(data)
    said = evidence(chance(9), net.network, 0.5)
    said.pop(net.network.target, None)
    return net, said


def posterior(net, said, name=None):
    """By the written-out joint."""
    table = joint(net.network, said)
    return summed(net.network, table, name or net.network.target) / table.sum()


def truth(net, said):
    return float(posterior(net, said)[net.network.target_node.states.index(net.network.state)])


def log_odds(p):
    return math.log(p / (1 - p))


@pytest.mark.parametrize("name", ALL)
def test_a_contribution_is_the_change_of_the_log_odds(name):
    net, said = fed(name)

    found = contributions(net, said)

    assert {p.node for p in found.pieces} == set(said)
    assert found.prior == pytest.approx(log_odds(truth(net, {})), abs=1e-9)
    assert found.posterior == pytest.approx(log_odds(truth(net, said)), abs=1e-9)
    for piece in found.pieces:
        others = {n: p for n, p in said.items() if n != piece.node}
        assert piece.alone == pytest.approx(
            log_odds(truth(net, {piece.node: said[piece.node]})) - found.prior, abs=1e-8
        )
        assert piece.left_out == pytest.approx(found.posterior - log_odds(truth(net, others)), abs=1e-8)
    assert sum(p.shown for p in found.pieces) + found.together == pytest.approx(found.posterior - found.prior)


def test_pieces_that_are_independent_given_the_target_do_not_interact():
    data = content(chance(2), 6, "star")
    data["nodes"]["n0"]["states"] = ["s0", "s1"]
    data["nodes"]["n0"]["table"] = [{"p": [0.8, 0.2], "ranges": {"s1": [0.1, 0.3]}}]
    for node in data["nodes"].values():
        node["table"] = [row for row in node["table"] if row.get("when", {}).get("n0", "s0") in ("s0", "s1")]
    net = compiled(data)
    said = {n.name: n.states[0] for n in net.network.nodes.values() if n.name != "n0"}

    found = contributions(net, said)

    assert not any(p.interacts for p in found.pieces)
    assert found.together == pytest.approx(0, abs=1e-9)


def test_the_parents_of_one_finding_interact():
    net = network("example")
    said = {"age": "from_70", "emphysema": "present", "spiculation": "present"}

    by_node = {p.node: p for p in contributions(net, said).pieces}

    assert by_node["age"].left_out != by_node["age"].alone


@pytest.mark.parametrize("name", ALL)
def test_changes_are_the_single_findings_that_cross_a_threshold(name):
    net, said = fed(name)
    now = truth(net, said)

    found = {(c.node, c.state): c for c in changes(net, said, [0.1, 0.3])}

    expected = {}
    for node in observable(net):
        others = {n: p for n, p in said.items() if n != node}
        for state, p in zip(net.network.nodes[node].states, posterior(net, others, node), strict=True):
            then = truth(net, {**others, node: state})
            crossed = tuple(t for t in (0.1, 0.3) if (now < t) != (then < t))
            if crossed and said.get(node) != state:
                expected[node, state] = (then, p, crossed)
    assert found.keys() == expected.keys()
    for key, (then, p, crossed) in expected.items():
        assert (found[key].risk, found[key].probability) == pytest.approx((then, p), abs=1e-9)
        assert found[key].crossed == crossed


@pytest.mark.parametrize("name", ALL)
def test_a_question_is_worth_the_mutual_information_with_the_target(name):
    net, said = fed(name)
    now = truth(net, said)

    for question in questions(net, said, [0.3]):
        node = question.node
        assert node not in said
        before, after, moved = bits(posterior(net, said)), 0.0, 0.0
        for state, p in zip(net.network.nodes[node].states, posterior(net, said, node), strict=True):
            after += p * bits(posterior(net, {**said, node: state}))
            moved += p * ((now < 0.3) != (truth(net, {**said, node: state}) < 0.3))
        assert question.bits == pytest.approx(before - after, abs=1e-9)
        assert question.decides == pytest.approx(moved, abs=1e-9)
    assert {q.node for q in questions(net, said)} == set(observable(net)) - set(said)


def bits(p):
    return -sum(float(x) * math.log2(x) for x in p if x > 0)


def moved_truth(data, change):
    """The risk of a network whose file is changed."""
    data = copy.deepcopy(data)
    change(data)
    return compiled(data)


def test_a_swing_is_what_editing_the_file_gives():
    data = content(chance(5), 7, "web")
    net = compiled(data)
    said = evidence(chance(9), net.network, 0.6)
    swings = {(s.node, s.parameter.label): s for s in tornado(net, said)}
    checked = 0
    for node, entry in data["nodes"].items():
        for i, row in enumerate(entry["table"]):
            for state, ends in row.get("ranges", {}).items():
                label = next(
                    p.label for p in list(net.network.nodes[node].parameters) if same_row(p.label, row, node, state)
                )
                risks = [truth(net, said)] + [truth(edited(data, node, i, state, end), said) for end in ends]
                swing = swings[node, label]
                assert (swing.low, swing.high) == pytest.approx((min(risks), max(risks)), abs=1e-9)
                assert swing.exact
                checked += 1
    assert checked == len(swings)


def same_row(label, row, node, state):
    words = ", ".join(f"{p}={s}" for p, s in row["when"].items())
    return label == f"{node}={state}" + (f" | {words}" if words else "")


def edited(data, node, i, state, value):
    data = copy.deepcopy(data)
    row, states = data["nodes"][node]["table"][i], data["nodes"][node]["states"]
    k = states.index(state)
    rest = 1 - row["p"][k]
    row["p"] = [value if j == k else p * (1 - value) / rest for j, p in enumerate(row["p"])]
    row["p"][-1 if k != len(states) - 1 else 0] += 1 - math.fsum(row["p"])
    row["ranges"] = {state: [0, 1]} if value < 1 else {}
    return compiled(data)


def test_a_logistic_coefficient_is_scanned():
    net = network("example")
    said = {"emphysema": "present", "spiculation": "present"}
    swing = next(s for s in tornado(net, said) if s.parameter.label == "malignant: intercept")
    risks = []
    data = example()
    for value in np.linspace(-3.5, -2.5, 11):
        data["nodes"]["malignancy"]["logistic"]["malignant"]["intercept"] = {"value": float(value), "range": [-9, 9]}
        risks.append(truth(compiled(data), said))

    assert not swing.exact
    assert (swing.low, swing.high) == pytest.approx((min(risks), max(risks)), abs=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_now_lies_in_every_swing_and_the_interval_in_the_extremes(name):
    net, said = fed(name)
    try:
        now = net.query(said).risk
    except ImpossibleEvidence:
        said, now = {}, net.query({}).risk

    swings, drawn, (least, most) = tornado(net, said), interval(net, said), extremes(net, said)

    assert all(s.low <= now <= s.high for s in swings)
    assert [s.width for s in swings] == sorted((s.width for s in swings), reverse=True)
    assert least <= min((s.low for s in swings), default=now) + 1e-12
    assert most >= max((s.high for s in swings), default=now) - 1e-12
    assert least - 1e-9 <= drawn.low <= drawn.high <= most + 1e-9
    assert interval(net, said) == drawn


def test_the_extremes_are_those_of_the_corners():
    data = content(chance(3), 4, "chain")
    for node in data["nodes"].values():
        for row in node["table"][1:]:
            row.pop("ranges", None)
            row["mark"] = "V1"
    net = compiled(data)
    said = {"n3": "s0"}
    parameters = [(n.name, p) for n in net.network.nodes.values() for p in n.parameters]
    corners = []
    for ends in itertools.product((0, 1), repeat=len(parameters)):
        changed = copy.deepcopy(data)
        for (node, p), end in zip(parameters, ends, strict=True):
            changed = edited_data(changed, node, (p.low, p.high)[end])
        corners.append(truth(compiled(changed), said))

    assert extremes(net, said) == pytest.approx((min(corners), max(corners)), abs=1e-9)


def edited_data(data, node, value):
    row = data["nodes"][node]["table"][0]
    p = row["p"]
    row["p"] = [value, *(x * (1 - value) / (1 - p[0]) for x in p[1:])]
    row["p"][-1] += 1 - math.fsum(row["p"])
    row["ranges"] = {"s0": [0, 1]}
    return data


def test_an_interval_is_the_quantiles_of_draws_computed_one_by_one():
    net, said = network("tree-6-3"), {"n5": "s0"}
    generator = np.random.default_rng(4)
    ends = {
        n.name: [(p.label, generator.uniform(p.low, p.high, 50)) for p in n.parameters]
        for n in net.network.nodes.values()
    }
    risks = []
    for i in range(50):
        tables = {
            n.name: n.form.table({label: float(v[i]) for label, v in ends[n.name]}) for n in net.network.nodes.values()
        }
        plan = net.plan
        weights, seen = net.weights(said)
        top = plan.messages_up(weights, seen, plan.multiplied(tables))[-1]
        risks.append(top[net.network.target_node.states.index(net.network.state)] / top.sum())

    found = interval(net, said, level=0.8, draws=50, seed=4)

    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(risks, [0.1, 0.9])), abs=1e-12)


def test_the_target_is_no_evidence_for_itself():
    with pytest.raises(BadValue):
        contributions(network("example"), {"malignancy": "benign"})


@pytest.mark.parametrize("asked", [{"level": 1.0}, {"level": 0.0}, {"draws": 3}])
def test_an_interval_that_means_nothing_is_refused(asked):
    with pytest.raises(BadValue):
        interval(network("example"), {}, **asked)


@pytest.mark.parametrize("ask", [contributions, changes, questions, tornado, interval, extremes])
def test_unknown_nodes_are_refused_everywhere(ask):
    with pytest.raises(UnknownField):
        ask(network("example"), {"nothing": "s0"})
