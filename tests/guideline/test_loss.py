"""loss: the probability that propagate gives, its gradient, and zero exactly where beliefs are certain and allowed."""

import json
import math
from itertools import product
from statistics import NormalDist

import pytest
import rule_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters import cases
from radlogic.engine.errors import BadValue, MissingField, Unsupported
from radlogic.engine.guideline.circuit import allowed_circuit, category_circuit
from radlogic.engine.guideline.loss import beliefs, category_loss, category_probabilities, order_loss, semantic_loss
from radlogic.engine.guideline.propagate import propagate_finding
from radlogic.engine.types import Classes, Known, Measured, Source, SourceKind, Unknown

torch = pytest.importorskip("torch", reason="torch is the extra `train`")

NET = Source(SourceKind.NET, "net")
YES_NO = ("yes", "no")
LUNG, LIVER = "lung-rads@2022", "li-rads-ct-mri@2018"
TYPES = ("solid", "part_solid", "non_solid")
LEARNED = {
    LUNG: {
        "type": TYPES,
        "benign_feature": ("none", "calc_central", "calc_eccentric"),
        "suspicious_features.spiculation": YES_NO,
        "juxtapleural": YES_NO,
        "margin": ("smooth", "lobulated", "spiculated"),
        "shape": ("oval", "round"),
        "mean_mm": None,
        "solid_mean_mm": None,
    },
    LIVER: {
        "aphe": ("none", "nonrim", "rim"),
        "washout": ("none", "nonperipheral_pvp", "nonperipheral_delayed", "peripheral"),
        "capsule": ("none", "enhancing", "nonenhancing"),
        "af.hbp_hypointensity": YES_NO,
        "lrm.targetoid_restriction": YES_NO,
        "size_mm": None,
    },
}
CASES = {
    LUNG: {
        "exam": {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True},
        "nodules": [{"status": "baseline"}],
    },
    LIVER: {
        "exam": {"modality": "MRI_ECA", "multiphase": True},
        "patient": {"age": 60, "risk_factors": ["cirrhosis"], "cirrhosis_cause": "other"},
        "observation": {},
    },
}


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors on shared cores: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def facts_of(name):
    read = cases.read(cases.parse(json.dumps(CASES[name])), rule_cases.guideline(name))
    return {**read.exam, **read.findings[0][1]}


def circuit_of(name):
    return category_circuit(rule_cases.guideline(name), facts_of(name), LEARNED[name])


def random_outputs(name, batch, seed, dtype=torch.float64):
    torch.manual_seed(seed)
    outputs = {n: torch.randn(batch, len(c), dtype=dtype) for n, c in LEARNED[name].items() if c is not None}
    for n in (n for n, c in LEARNED[name].items() if c is None):
        outputs[n] = torch.stack([4 + 12 * torch.rand(batch, dtype=dtype), torch.randn(batch, dtype=dtype) / 2], 1)
    return outputs


def as_beliefs(name, outputs, case):
    """The same outputs as `propagate` takes them."""
    found = {}
    for n, classes in LEARNED[name].items():
        row = outputs[n][case]
        if classes is None:
            found[n] = Measured(float(row[0]), float(row[1].exp()), "mm", NET)
        else:
            found[n] = Classes(dict(zip(classes, row.softmax(0).tolist(), strict=True)), NET)
    return found


@pytest.mark.parametrize("name", [LUNG, LIVER])
def test_the_probabilities_are_those_that_propagate_gives(name):
    circuit, outputs = circuit_of(name), random_outputs(name, 6, seed=1)
    if "solid_mean_mm" in outputs:  # well within its nodule: the limit between them is no part of this loss
        outputs["mean_mm"] = outputs["mean_mm"] * torch.tensor([1, 0.1]) + torch.tensor([8, -1])
        outputs["solid_mean_mm"] = outputs["solid_mean_mm"] * torch.tensor([0.2, 0.1]) + torch.tensor([1.5, -2])

    found = category_probabilities(circuit, beliefs(circuit, outputs))

    for case in range(6):
        facts = {**facts_of(name), **as_beliefs(name, outputs, case)}
        expected = propagate_finding(rule_cases.guideline(name), facts).probabilities()
        row = dict(zip(circuit.answers, found[case].tolist(), strict=True))
        assert row == {c: pytest.approx(expected.get(c, 0), abs=1e-9) for c in circuit.answers}


@pytest.mark.parametrize("name", [LUNG, LIVER])
def test_the_loss_is_the_negative_logarithm_of_the_category_s_probability(name):
    circuit, outputs = circuit_of(name), random_outputs(name, 32, seed=2)
    believed = beliefs(circuit, outputs)
    category = torch.arange(32) % len(circuit.answers)

    loss = category_loss(circuit, believed, category)

    every = category_probabilities(circuit, believed)
    assert every.sum(1).tolist() == pytest.approx([1] * 32)
    assert loss.tolist() == pytest.approx((-every[torch.arange(32), category].log()).tolist())


@pytest.mark.parametrize("name", [LUNG, LIVER])
def test_the_gradient_is_that_of_finite_differences(name):
    circuit, outputs = circuit_of(name), random_outputs(name, 3, seed=3)
    names = [*outputs]
    category = torch.tensor([0, 1, 2])

    def loss(*tensors):
        return category_loss(circuit, beliefs(circuit, dict(zip(names, tensors, strict=True))), category)

    assert torch.autograd.gradcheck(loss, [outputs[n].clone().requires_grad_() for n in names])


def test_a_measurement_alone_can_be_learned():
    learned = {"mean_mm": None}
    known = {**facts_of(LUNG), "type": Known("solid", NET)}
    circuit = category_circuit(rule_cases.guideline(LUNG), known, learned)
    output = torch.tensor([[5.0, 0.3], [7.5, -0.5], [16, 0]], dtype=torch.float64, requires_grad=True)

    found = category_probabilities(circuit, beliefs(circuit, {"mean_mm": output}))

    for row, (mean, log_sd) in zip(found.tolist(), output.tolist(), strict=True):
        facts = {**known, "mean_mm": Measured(mean, math.exp(log_sd), "mm", NET)}
        expected = propagate_finding(rule_cases.guideline(LUNG), facts).probabilities()
        assert dict(zip(circuit.answers, row, strict=True)) == pytest.approx(expected, abs=1e-9)
    assert torch.autograd.gradcheck(lambda o: beliefs(circuit, {"mean_mm": o}), [output])


@pytest.mark.parametrize("name", [LUNG, LIVER])
def test_the_gradient_in_float32_is_that_in_float64(name):
    circuit, outputs = circuit_of(name), random_outputs(name, 64, seed=4)
    category = torch.arange(64) % len(circuit.answers)

    def gradients(dtype):
        given_ = {n: o.to(dtype, copy=True).requires_grad_() for n, o in outputs.items()}
        category_loss(circuit, beliefs(circuit, given_), category).clamp(max=20).mean().backward()
        return torch.cat([o.grad.double() for o in given_.values()], 1)

    assert torch.allclose(gradients(torch.float32), gradients(torch.float64), rtol=1e-3, atol=1e-5)


def test_a_gradient_is_taken_where_a_belief_is_exactly_zero():
    circuit = circuit_of(LIVER)
    believed = beliefs(circuit, random_outputs(LIVER, 4, seed=12)).detach()
    believed[:, 0], believed[:, -1] = 0, 0

    assert torch.autograd.gradcheck(lambda b: category_probabilities(circuit, b), [believed.requires_grad_()])


def certain(circuit, learned, chosen):
    """Beliefs of one case that are certain of the chosen classes, and of a value within 1e-6 of the chosen ones."""
    found = {}
    for name, classes in learned.items():
        if classes is None:
            found[name] = torch.tensor([[chosen[name], math.log(1e-6)]], dtype=torch.float64)
        else:
            logits = torch.full((1, len(classes)), -math.inf, dtype=torch.float64)
            logits[0, classes.index(chosen[name])] = 0
            found[name] = logits
    return beliefs(circuit, found)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_loss_is_zero_exactly_where_certain_beliefs_give_the_category(data):
    circuit, learned = circuit_of(LUNG), LEARNED[LUNG]
    chosen = {
        n: data.draw(st.sampled_from(c) if c else st.sampled_from([3.0, 7.0, 9.0, 20.0])) for n, c in learned.items()
    }
    believed = certain(circuit, learned, chosen)
    probabilities = category_probabilities(circuit, believed)[0]

    losses = [category_loss(circuit, believed, torch.tensor([i])).item() for i in range(len(circuit.answers))]

    assert sorted(probabilities.tolist()) == [0] * (len(circuit.answers) - 1) + [1]
    assert [loss == 0 for loss in losses] == [p == 1 for p in probabilities.tolist()]
    assert all(math.isfinite(loss) for loss in losses)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_hopeless_belief_costs_much_and_breaks_nothing(dtype):
    circuit, outputs = circuit_of(LUNG), random_outputs(LUNG, 4, seed=5, dtype=dtype)
    outputs["mean_mm"] = torch.tensor([[3.0, -5], [300, -5], [-900, -5], [9000, -5]], dtype=dtype)
    outputs = {n: o.requires_grad_() for n, o in outputs.items()}

    loss = category_loss(circuit, beliefs(circuit, outputs), torch.full((4,), circuit.answers.index("4A")))
    loss.sum().backward()

    assert torch.isfinite(loss).all()
    assert all(torch.isfinite(o.grad).all() for o in outputs.values())


def test_a_net_that_learns_from_the_category_alone_comes_to_say_it():
    circuit, outputs = circuit_of(LUNG), random_outputs(LUNG, 16, seed=6, dtype=torch.float32)
    outputs = {n: o.requires_grad_() for n, o in outputs.items()}
    category = torch.arange(16) % len(circuit.answers)
    optimiser = torch.optim.Adam(outputs.values(), lr=0.5)
    for _ in range(60):
        optimiser.zero_grad()
        category_loss(circuit, beliefs(circuit, outputs), category).mean().backward()
        optimiser.step()

    assert category_probabilities(circuit, beliefs(circuit, outputs)).argmax(1).tolist() == category.tolist()


# allowed combinations

CHANGES = ("stable", "new", "growing")
SOLID = {"type": TYPES, "solid_component_change": CHANGES, "calcified": YES_NO}
FORBIDDEN = (
    {"type": ("non_solid", "solid"), "solid_component_change": ("new", "growing")},
    {"type": ("non_solid",), "calcified": ("yes",)},
)


def is_allowed(chosen):
    return not any(all(chosen[n] in c for n, c in constraint.items()) for constraint in FORBIDDEN)


def test_the_semantic_loss_is_of_the_probability_of_all_allowed_combinations():
    circuit = allowed_circuit(SOLID, FORBIDDEN)
    torch.manual_seed(7)
    outputs = {n: torch.randn(5, len(c), dtype=torch.float64) for n, c in SOLID.items()}
    believed = {n: o.softmax(1) for n, o in outputs.items()}
    total = torch.zeros(5, dtype=torch.float64)
    for symbols in product(*SOLID.values()):
        chosen = dict(zip(SOLID, symbols, strict=True))
        if is_allowed(chosen):
            total += math.prod(believed[n][:, SOLID[n].index(s)] for n, s in chosen.items())

    assert semantic_loss(circuit, beliefs(circuit, outputs)).tolist() == pytest.approx((-total.log()).tolist())


def test_the_semantic_loss_is_zero_exactly_on_allowed_certain_beliefs():
    circuit = allowed_circuit(SOLID, FORBIDDEN)
    for symbols in product(*SOLID.values()):
        chosen = dict(zip(SOLID, symbols, strict=True))
        loss = semantic_loss(circuit, certain(circuit, SOLID, chosen)).item()

        assert (loss == 0) == is_allowed(chosen)
        assert math.isfinite(loss)


def test_the_gradient_of_the_semantic_loss_is_that_of_finite_differences():
    circuit = allowed_circuit(SOLID, FORBIDDEN)
    torch.manual_seed(8)
    logits = [torch.randn(3, len(c), dtype=torch.float64, requires_grad=True) for c in SOLID.values()]

    def loss(*tensors):
        return semantic_loss(circuit, beliefs(circuit, dict(zip(SOLID, tensors, strict=True))))

    assert torch.autograd.gradcheck(loss, logits)


def test_the_loss_of_an_order_is_of_the_probability_that_a_component_is_no_larger_than_its_whole():
    small = torch.tensor([[5.0, 0.0], [9, -1], [300, -8]], dtype=torch.float64, requires_grad=True)
    large = torch.tensor([[6.0, 0.5], [6, -1], [2, -8]], dtype=torch.float64, requires_grad=True)

    loss = order_loss(small, large)

    sds = [math.hypot(math.exp(a), math.exp(b)) for (_, a), (_, b) in zip(small.tolist(), large.tolist(), strict=True)]
    expected = [-math.log(1 - NormalDist(1, sds[0]).cdf(0)), -math.log(NormalDist(3, sds[1]).cdf(0))]
    assert loss[:2].tolist() == pytest.approx(expected)
    assert torch.isfinite(loss).all()
    assert torch.autograd.gradcheck(order_loss, (small[:2], large[:2]))


# what is not right


@pytest.mark.parametrize(
    ("learned", "error", "found"),
    [
        ({"type": ("solid", "soft"), "mean_mm": None}, BadValue, "solid, soft"),
        ({"type": TYPES, "mean_mm": ("small", "large")}, BadValue, "mean_mm"),
        ({"texture": ("a", "b")}, BadValue, "texture"),
        ({"type": None}, BadValue, "a measurement"),
        ({"type": ("solid",)}, MissingField, "nothing"),
        ({"type": ("solid",), "long_mm": None, "short_mm": None}, Unsupported, "long_mm and short_mm"),
    ],
)
def test_outputs_that_do_not_make_a_category_are_refused(learned, error, found):
    facts = {**facts_of(LUNG), "mean_mm": Unknown("not stated")}

    with pytest.raises(error) as raised:
        category_circuit(rule_cases.guideline(LUNG), facts, learned)

    assert found in str(raised.value)


def test_a_tensor_of_another_shape_or_a_category_that_is_none_is_refused():
    circuit, outputs = circuit_of(LUNG), random_outputs(LUNG, 4, seed=9)
    believed = beliefs(circuit, outputs)

    with pytest.raises(BadValue, match="batch, 3"):
        beliefs(circuit, {**outputs, "type": outputs["type"][:, :2]})
    with pytest.raises(MissingField, match="type"):
        beliefs(circuit, {n: o for n, o in outputs.items() if n != "type"})
    with pytest.raises(BadValue, match="beliefs"):
        category_loss(circuit, believed[:, :5], torch.zeros(4, dtype=torch.long))
    with pytest.raises(BadValue, match="category"):
        category_loss(circuit, believed, torch.full((4,), len(circuit.answers)))
    with pytest.raises(BadValue, match="category"):
        category_loss(circuit, believed, torch.zeros(3, dtype=torch.long))


@pytest.mark.parametrize("forbidden", [{"type": ("soft",)}, {"texture": ("solid",)}, {}])
def test_a_constraint_on_what_is_not_learned_is_refused(forbidden):
    with pytest.raises(BadValue):
        allowed_circuit(SOLID, [forbidden])


def test_constraints_that_allow_nothing_are_refused():
    circuit = allowed_circuit(SOLID, [{"type": TYPES}])

    with pytest.raises(BadValue, match="nothing that is allowed"):
        semantic_loss(circuit, torch.full((2, 8), 0.3))


def test_without_constraints_all_is_allowed_and_costs_nothing():
    circuit = allowed_circuit(SOLID, [])
    outputs = {n: torch.randn(4, len(c)) for n, c in SOLID.items()}

    assert semantic_loss(circuit, beliefs(circuit, outputs)).tolist() == [0] * 4
