"""The experiment on the rules in the loss: what the category is, what stays hidden, and what is counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rule_cases
from hypothesis import given, settings
from hypothesis import strategies as st
from nodule_crops import panel_folder

torch = pytest.importorskip("torch", reason="needs the extra [train]: torch")
pytest.importorskip("monai", reason="needs the extra [train]: monai")

from radlogic.adapters import cases  # noqa: E402
from radlogic.engine.guideline.propagate import propagate_finding  # noqa: E402
from radlogic.engine.perception.calibration import TEXTURES  # noqa: E402
from radlogic.engine.perception.training import rules_experiment as experiment  # noqa: E402
from radlogic.engine.perception.training.category import CategoryRules, answer_probabilities, category_rules  # noqa: E402
from radlogic.engine.perception.training.data import Nodules, load  # noqa: E402
from radlogic.engine.perception.training.loss import Panel  # noqa: E402
from radlogic.engine.perception.training.net import Seen  # noqa: E402
from radlogic.engine.perception.training.rules_arms import ARMS, ArmLoss, learner  # noqa: E402
from radlogic.engine.perception.training.rules_summary import WORDS, Judged, summary, table  # noqa: E402
from radlogic.engine.types import Classes, Measured, Source, SourceKind  # noqa: E402

NET = Source(SourceKind.NET, "net")
FORM = {
    "exam": {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True},
    "nodules": [{"status": "baseline"}],
}
RULES = category_rules()
SHORT = experiment.Reduced(steps=2, batch=8)


@pytest.fixture(scope="module", autouse=True)
def one_core():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return panel_folder(tmp_path_factory.mktemp("panel"), patients=20)


@pytest.fixture(scope="module")
def nodules(folder: Path) -> Nodules:
    return load(folder)


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def seen_of(p_texture, mean_mm, mae_mm):
    """Outputs of a net that believes this: the texture by its ratings 1, 3 and 5, equal axes."""
    n = len(mean_mm)
    p = torch.as_tensor(np.array(p_texture), dtype=torch.float64)
    none = torch.full((n,), -60.0, dtype=torch.float64)
    ratings = torch.stack([p[:, 0].log(), none, p[:, 1].log(), none, p[:, 2].log()], 1)
    mm, mae = (torch.as_tensor(v, dtype=torch.float64) for v in (mean_mm, mae_mm))
    size = torch.stack([mm.log(), torch.full((n,), 40.0, dtype=torch.float64), mae.log()], 1)
    return Seen(torch.zeros(n, 1, 8, 8), ratings, torch.zeros(n, 5), size, torch.zeros(n, 3))


# the category


@pytest.mark.parametrize(
    ("texture", "mm", "expected"),
    [
        ("solid", 5.9, "2"), ("solid", 6.0, "3"), ("solid", 7.9, "3"), ("solid", 8.0, "4A"), ("solid", 14.9, "4A"),
        ("solid", 15.0, "4B"), ("non_solid", 29.9, "2"), ("non_solid", 30.0, "3"), ("part_solid", 5.9, "2"),
        ("part_solid", 7.0, "3 or 4A"), ("part_solid", 8.0, "3 or 4A or 4B"), ("part_solid", 40.0, "3 or 4A or 4B"),
    ],
)  # fmt: skip
def test_a_panel_s_category_is_the_guideline_s_and_a_set_where_the_solid_component_would_decide(texture, mm, expected):
    (found,) = RULES.answer(np.array([TEXTURES.index(texture)]), np.array([mm]))

    assert RULES.circuit.answers[found] == expected


@settings(max_examples=15, deadline=None)
@given(weights=st.tuples(*[st.floats(0.01, 1)] * 3), mm=st.floats(3, 35), mae=st.floats(0.2, 4))
def test_answers_are_as_probable_as_propagate_says_with_the_component_unknown(weights, mm, mae):
    p = np.array(weights) / sum(weights)
    read = cases.read(cases.parse(json.dumps(FORM)), rule_cases.guideline("lung-rads@2022"))
    sd = mae * np.sqrt(np.pi / 2)  # of a Gaussian with this mean absolute error
    believed = {
        "type": Classes(dict(zip(TEXTURES, p.tolist(), strict=True)), NET),
        "mean_mm": Measured(mm, float(sd), "mm", NET),
    }
    facts = {**read.exam, **read.findings[0][1], **believed}
    expected = propagate_finding(rule_cases.guideline("lung-rads@2022"), facts).masses()

    (found,) = answer_probabilities(RULES, seen_of([p], [mm], [mae])).tolist()

    by_set = {" or ".join(sorted(s)): v for s, v in expected.items()}
    assert dict(zip(RULES.circuit.answers, found, strict=True)) == {
        a: pytest.approx(by_set.get(a, 0), abs=1e-6) for a in RULES.circuit.answers
    }


def test_an_answer_is_sure_to_be_right_where_all_it_leaves_possible_is_the_panel_s():
    sure = {
        (panel, said)
        for i, panel in enumerate(RULES.circuit.answers)
        for j, said in enumerate(RULES.circuit.answers)
        if RULES.sure[i, j]
    }

    assert sure == {(a, a) for a in RULES.circuit.answers} | {
        ("3 or 4A", "3"), ("3 or 4A", "4A"), ("3 or 4A or 4B", "3"), ("3 or 4A or 4B", "4A"),
        ("3 or 4A or 4B", "4B"), ("3 or 4A or 4B", "3 or 4A"),
    }  # fmt: skip


# the losses


def drawn_panel(n, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return Panel(
        mask=(torch.rand(n, 1, 48, 48, generator=chance) > 0.9).float(),
        ratings=torch.rand(n, 5, generator=chance).softmax(1),
        signs=torch.rand(n, 5, generator=chance),
        axes_mm=5 + 5 * torch.rand(n, 2, generator=chance),
        weight=torch.ones(n),
    )


@pytest.mark.parametrize("arm", ARMS)
def test_what_is_not_labelled_is_not_looked_at(arm):
    model, loss = learner(arm, RULES, 0, 48), ArmLoss(arm, RULES)
    hu = torch.randn(6, 1, 48, 48, generator=torch.Generator().manual_seed(1)) * 300 - 500
    keep, answer = torch.tensor([True, True, True, False, False, False]), torch.tensor([0, 1, 2, 3, 4, 5])
    mine, other = drawn_panel(6), drawn_panel(6, seed=1)
    mixed = Panel(*(torch.cat([getattr(mine, k)[:3], getattr(other, k)[3:]]) for k in vars(mine)))
    seen, said = model(hu)

    assert loss(seen, said, mine, keep, answer) == loss(seen, said, mixed, keep, answer)
    assert loss(seen, said, mine, keep, answer) != loss(seen, said, other, keep, answer)


@pytest.mark.parametrize(("arm", "teaches"), [("findings", False), ("head", True), ("rules", True)])
def test_the_category_of_an_unlabelled_nodule_teaches_the_head_or_the_findings_or_nothing(arm, teaches):
    model, loss = learner(arm, RULES, 0, 48).eval(), ArmLoss(arm, RULES)  # no dropout, which is chance
    hu = torch.randn(4, 1, 48, 48, generator=torch.Generator().manual_seed(1)) * 300 - 500
    keep, panel = torch.tensor([True, True, False, False]), drawn_panel(4)

    def gradient(answer):
        seen, said = model(hu)
        model.zero_grad(set_to_none=True)
        loss(seen, said, panel, keep, torch.tensor(answer)).backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    one, other = gradient([0, 0, 0, 0]), gradient([0, 0, 5, 4])
    moved = {name.split(".")[1] for name in one if not torch.equal(one[name], other[name])}

    assert bool(moved) == teaches
    assert ("size" in moved, "ratings" in moved) == ((True, True) if arm == "rules" else (False, False))


def test_where_the_panel_s_category_is_one_class_the_head_s_loss_is_cross_entropy():
    logits = torch.randn(7, 4, generator=torch.Generator().manual_seed(3))
    truth = torch.tensor([0, 1, 2, 3, 0, 1, 2])

    found = ArmLoss.within(logits.softmax(1), torch.eye(4)[truth])

    assert found.item() == pytest.approx(torch.nn.functional.cross_entropy(logits, truth).item(), rel=1e-5)


def test_the_loss_of_a_set_falls_as_belief_moves_into_it_and_is_zero_within():
    allowed = torch.tensor([[0.0, 1, 1, 0]])
    losses = [
        ArmLoss.within(torch.tensor([p]), allowed).item() for p in ([1, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0.3, 0.7, 0])
    ]

    assert losses[0] > losses[1] > losses[2] == 0
    assert np.isfinite(losses[0])


def test_all_arms_of_a_seed_begin_with_the_same_net():
    nets = [learner(arm, RULES, 5, 48).net.state_dict() for arm in ARMS]

    assert all(torch.equal(nets[0][k], other[k]) for other in nets[1:] for k in nets[0])
    assert not torch.equal(nets[0]["ratings.weight"], learner("rules", RULES, 6, 48).net.state_dict()["ratings.weight"])


# the experiment


def test_judged_patients_are_never_trained_on(nodules):
    train, test = experiment.split(nodules)

    assert not set(train.patient) & set(test.patient)
    assert (test.readers >= 3).all()
    assert len(train) + len(test) == len(nodules)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_labels_are_kept_by_patient_and_nested(nodules, seed):
    kept = [experiment.labelled(nodules, fraction, seed) for fraction in experiment.FRACTIONS]

    assert kept[-1].all()
    assert all((kept[i] <= kept[i + 1]).all() for i in range(len(kept) - 1))
    assert not {*nodules.patient[kept[0]]} & {*nodules.patient[~kept[0]]}
    assert [abs(k.mean() - f) <= 2 / len(nodules) for k, f in zip(kept, experiment.FRACTIONS, strict=True)] == [
        True
    ] * 3


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("series")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "FRACTIONS", (0.3,))
        experiment.series(load(folder), 1, SHORT, out, quiet)
    return out


def test_a_series_that_is_done_is_not_done_again_and_another_plan_is(nodules, finished, monkeypatch):
    monkeypatch.setattr(experiment, "FRACTIONS", (0.3,))
    said: list[str] = []
    experiment.series(nodules, 1, SHORT, finished, said.append)

    assert said == []
    assert len(list(finished.glob("*.json"))) == len(ARMS)
    run = experiment.Run("rules", 0.3, 0, SHORT)
    assert experiment.done(finished / run.name, run)
    assert not experiment.done(finished / run.name, experiment.Run("rules", 0.3, 0, experiment.Reduced(steps=3)))


def test_a_run_is_the_same_when_it_is_run_again(nodules, finished):
    run = experiment.Run("head", 0.3, 0, SHORT)
    again = experiment.one(run, *experiment.split(nodules), RULES)
    stored = json.loads((finished / run.name).read_text(encoding="utf-8"))

    for name, values in stored["said"].items():
        np.testing.assert_allclose(again["said"][name], values, atol=2e-6)


def test_the_command_sums_up_what_it_finds(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "FRACTIONS", (0.3,))
    arguments = ["rules_experiment", str(folder), str(tmp_path), "--seeds", "1", "--steps", "2", "--resamples", "20"]
    monkeypatch.setattr("sys.argv", arguments)
    experiment.main()

    found = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert found["labels"]["0.3"]["seeds"] == 1
    assert set(found["labels"]["0.3"]["arms"]) == set(ARMS)
    assert (
        (tmp_path / "table.md")
        .read_text(encoding="utf-8")
        .startswith("| 30% labelled, 1 seeds | findings | head | rules |")
    )


# the summary


def perfect(test: Nodules, rules: CategoryRules) -> dict[str, list]:
    truth = rules.answer(test.panel_texture, test.axes_mm.mean(axis=1))
    return {
        "texture": np.eye(3)[test.panel_texture].tolist(),
        "mm": test.axes_mm.mean(axis=1).tolist(),
        "sd": [0.1] * len(test),
        "answers": np.eye(len(rules.circuit.answers))[truth].tolist(),
        "head": [],
    }


def figures(test, **other):
    return Judged({**perfect(test, RULES), **other}, test, RULES).figures(np.arange(len(test)))


def test_beliefs_that_are_the_panel_s_have_nothing_wrong(nodules):
    found = figures(nodules)

    best = {"texture_balanced_accuracy", "texture_kappa", "auc_sub_solid", "diameter_coverage", "size_class_agreement",
            "findings_right", "rules_accuracy", "said_accuracy"}  # fmt: skip
    assert {name: round(v, 9) for name, v in found.items()} == {name: float(name in best) for name in WORDS}


def test_a_head_that_contradicts_certain_findings_holds_impossible_beliefs_only(nodules):
    wrong = np.roll(RULES.sets, 1, axis=1) & ~RULES.sets  # for each answer, categories that it excludes
    truth = RULES.answer(nodules.panel_texture, nodules.axes_mm.mean(axis=1))
    head = wrong[truth] / wrong[truth].sum(axis=1, keepdims=True)

    found = figures(nodules, head=head.tolist())

    assert found["impossible"] == pytest.approx(1)
    assert found["disagreement"] == 1
    assert found["said_accuracy"] == 0
    assert found["rules_accuracy"] == 1


def test_half_a_belief_in_an_excluded_category_is_half_impossible(nodules):
    answers = np.eye(6)[np.zeros(len(nodules), dtype=int)]  # certain of "2"
    head = np.full((len(nodules), 4), [0.5, 0.5, 0, 0])

    found = figures(nodules, answers=answers.tolist(), head=head.tolist())

    assert found["impossible"] == pytest.approx(0.5)
    assert found["impossible_if_alike"] == pytest.approx(0)


def test_two_equal_beliefs_that_are_unsure_exclude_each_other_in_part(nodules):
    answers = np.tile([0.5, 0.5, 0, 0, 0, 0], (len(nodules), 1))  # "2" or "3"
    head = np.full((len(nodules), 4), [0.5, 0.5, 0, 0])

    found = figures(nodules, answers=answers.tolist(), head=head.tolist())

    assert found["impossible"] == found["impossible_if_alike"] == pytest.approx(0.5)


def test_a_category_that_is_right_for_a_wrong_texture_is_a_short_cut(nodules):
    small = nodules.take(np.flatnonzero(nodules.axes_mm.mean(axis=1) < 5.9))  # category 2, whatever the texture
    assert len(small) > 0
    turned = np.eye(3)[(small.panel_texture + 1) % 3]

    found = figures(small, texture=turned.tolist())

    assert found["said_accuracy"] == 1
    assert found["shortcut"] == 1


def test_differences_are_paired_so_that_equal_arms_differ_by_nothing(nodules):
    runs = [
        {"arm": arm, "fraction": 1.0, "seed": seed, "said": perfect(nodules, RULES)} for arm in ARMS for seed in (0, 1)
    ]
    noisy = np.clip(np.eye(3)[nodules.panel_texture] + np.random.default_rng(0).random((len(nodules), 3)), 0, None)
    runs = [{**r, "said": {**r["said"], "texture": (noisy / noisy.sum(1, keepdims=True)).tolist()}} for r in runs]

    found = summary(runs, nodules, RULES, resamples=50)["labels"]["1"]

    assert found["seeds"] == 2
    assert all(v == [0, 0, 0] for of in found["differences"].values() for v in of.values())
    mean, low, high = found["arms"]["rules"]["texture_brier"]
    assert low < mean < high


def test_a_seed_whose_arms_are_not_all_finished_does_not_count(nodules):
    said = perfect(nodules, RULES)
    runs = [{"arm": arm, "fraction": 1.0, "seed": 0, "said": said} for arm in ARMS]
    runs += [{"arm": "findings", "fraction": fraction, "seed": 1, "said": said} for fraction in (0.1, 1.0)]

    found = summary(runs, nodules, RULES, resamples=5)["labels"]

    assert {fraction: of["seeds"] for fraction, of in found.items()} == {"1": 1}


def test_a_difference_whose_interval_leaves_out_zero_is_bold():
    of = {name: [0.2, 0.1, 0.3] for name in WORDS}
    unsure = {name: [0.2, -0.1, 0.3] for name in WORDS}

    found = table({"labels": {"0.1": {"seeds": 5, "arms": {"a": of}, "differences": {"b - a": of, "c - a": unsure}}}})

    assert "| 0.200 [0.100, 0.300] | **+0.200 [0.100, 0.300]** | +0.200 [-0.100, 0.300] |" in found
