"""A short version of the very training, on drawn nodules: from readings to a model that the service reads."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from nodule_crops import panel_folder

torch = pytest.importorskip("torch", reason="needs the extra [train]: torch")
pytest.importorskip("monai", reason="needs the extra [train]: monai")
pytest.importorskip("onnx", reason="needs the extra [train]: onnx")

from radlogic.engine.errors import MissingField, NotReadable  # noqa: E402
from radlogic.engine.perception.grid import around_centre  # noqa: E402
from radlogic.engine.perception.lung_nodule import LungNodule  # noqa: E402
from radlogic.engine.perception.training import __main__ as command  # noqa: E402
from radlogic.engine.perception.training import metrics as judge  # noqa: E402
from radlogic.engine.perception.training.as_one import as_one  # noqa: E402
from radlogic.engine.perception.training.augment import Views  # noqa: E402
from radlogic.engine.perception.training.calibrate import calibrate  # noqa: E402
from radlogic.engine.perception.training.cross import Crossed, cross  # noqa: E402
from radlogic.engine.perception.training.data import Nodules, folds, load, texture_class  # noqa: E402
from radlogic.engine.perception.training.ensemble import grids, see, together  # noqa: E402
from radlogic.engine.perception.training.fit import Plan, fit, tensors  # noqa: E402
from radlogic.engine.perception.training.left_out import left_out, ordinary  # noqa: E402

SHORT = Plan(epochs=2, batch=8, rate=3e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return panel_folder(tmp_path_factory.mktemp("panel"), patients=12)


@pytest.fixture(scope="module")
def nodules(folder: Path) -> Nodules:
    return load(folder)


@pytest.fixture(scope="module", autouse=True)
def one_core():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def crossed(nodules: Nodules, tmp_path_factory: pytest.TempPathFactory) -> Crossed:
    plan = dataclasses.replace(SHORT, epochs=1)
    return cross(nodules, folds(nodules, 2, 0), plan, tmp_path_factory.mktemp("work"), quiet)


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def test_the_panels_shares_are_those_of_its_readers(nodules):
    np.testing.assert_allclose(nodules.ratings.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(nodules.mask, np.stack([m.mean(axis=0) for m in nodules.reader_masks]))
    assert set(np.unique(nodules.mask)) == {0, 1}
    assert nodules.signs[0, 0] == 1
    assert nodules.signs[1, 0] == 0


@pytest.mark.parametrize(("rating", "expected"), [(1, 0), (2, 0), (2.5, 1), (4, 1), (4.5, 2), (5, 2)])
def test_texture_ratings_are_classes_with_halves_rounded_up(rating, expected):
    assert texture_class(rating) == expected


def test_no_patient_is_in_two_folds(nodules):
    fold = folds(nodules, 3, seed=0)

    assert set(fold) == {0, 1, 2}
    assert all(len(set(fold[nodules.patient == p])) == 1 for p in set(nodules.patient))


def test_folds_depend_on_the_seed_alone(nodules):
    assert (folds(nodules, 3, 0) == folds(nodules, 3, 0)).all()
    assert (folds(nodules, 3, 0) != folds(nodules, 3, 1)).any()


def test_training_sees_the_pixels_that_the_service_sees(nodules):
    of = tensors(nodules)
    plain = Views(torch.Generator()).plain(*(of[k] for k in ("hu", "mask", "axes_mm", "spacing_mm")))
    expected = np.stack([around_centre(h, float(mm)) for h, mm in zip(nodules.hu, nodules.spacing_mm, strict=True)])

    np.testing.assert_allclose(plain.hu[:, 0].numpy(), expected, atol=0.05)


def test_a_stretched_nodule_has_stretched_axes(nodules):
    of = tensors(nodules)
    views = Views(torch.Generator().manual_seed(0))
    plain, scanned = (
        make(*(of[k] for k in ("hu", "mask", "axes_mm", "spacing_mm"))) for make in (views.plain, views.scanned)
    )
    area = (scanned.mask.sum(dim=(1, 2, 3)) / plain.mask.sum(dim=(1, 2, 3))).sqrt()
    length = scanned.axes_mm[:, 0] / plain.axes_mm[:, 0]

    np.testing.assert_allclose(area.numpy(), length.numpy(), rtol=0.05)
    assert length.std() > 0.05


def test_a_run_that_was_cut_short_ends_as_if_it_had_not_been(nodules, tmp_path):
    whole = fit(nodules, SHORT, tmp_path / "whole.pt", quiet)

    class Stop(Exception):
        pass

    def stop(_: str) -> None:
        raise Stop

    with pytest.raises(Stop):
        fit(nodules, SHORT, tmp_path / "cut.pt", stop)
    resumed = fit(nodules, SHORT, tmp_path / "cut.pt", quiet)

    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_a_checkpoint_of_another_plan_or_of_other_nodules_is_not_gone_on_from(nodules, tmp_path):
    said: list[str] = []
    fit(nodules, SHORT, tmp_path / "a.pt", quiet)
    fit(nodules, dataclasses.replace(SHORT, seed=1), tmp_path / "a.pt", said.append)
    fit(nodules.take(np.arange(8)), dataclasses.replace(SHORT, seed=1), tmp_path / "a.pt", said.append)

    assert len(said) == 2 * SHORT.epochs


def test_the_whole_command_writes_a_model_that_the_service_reads(folder, nodules, tmp_path, monkeypatch, capsys):
    out, work = tmp_path / "model", tmp_path / "work"
    monkeypatch.setattr(
        "sys.argv", ["training", str(folder), str(out), "--work", str(work), "--folds", "2", "--epochs", "1"]
    )
    command.main()
    model = LungNodule(out)
    found = json.loads((out / "metrics.json").read_text(encoding="utf-8"))

    assert max(found["export"].values()) <= 1e-5
    assert found["n"]["nodules"] == len(nodules)
    assert 0 < model.read(nodules.hu[0], 0.7, 1.25).mean_mm < 40
    assert "fold 2/2  epoch 1/1" in capsys.readouterr().err
    assert len((work / "answers.ndjson").read_text(encoding="utf-8").splitlines()) == len(nodules)
    assert (out / "card.md").read_text(encoding="utf-8").startswith("# Lung nodule net")


def test_a_manufacturer_is_answered_by_nets_that_saw_none_of_its_scanners(nodules, tmp_path):
    plan = dataclasses.replace(SHORT, epochs=1)
    found = left_out(nodules, plan, tmp_path / "a", quiet)
    beside = ordinary(nodules, plan, tmp_path / "b", quiet)

    assert set(found) == set(beside) == {f"manufacturer {m}" for m in nodules.maker}
    assert sum(of["nodules"] for of in found.values()) == (nodules.readers >= 3).sum()
    assert len(list((tmp_path / "a").glob("fold*.pt"))) == len(set(nodules.maker))


def test_the_shipped_net_is_the_mean_of_its_members(nodules, crossed):
    images = grids(nodules)[:4]
    apart = [see(member, images) for member in crossed.members]
    joined = see(together(crossed.members), images)

    np.testing.assert_allclose(joined[0].mask, (apart[0][0].mask + apart[1][0].mask) / 2, atol=1e-5)
    assert joined[0].distance == pytest.approx((apart[0][0].distance + apart[1][0].distance) / 2, rel=1e-4)


def test_calibration_covers_what_it_was_fitted_on(nodules, crossed):
    fitted = calibrate(crossed.raw, nodules)
    p = fitted.texture(np.array([r.texture for r in crossed.raw]))
    held = [1 - p[i, k] <= fitted.set_scores[k] for i, k in enumerate(nodules.panel_texture)]

    assert np.mean(held) >= 0.9
    assert np.mean([r.distance > fitted.far for r in crossed.raw]) <= 0.05


def test_areas_and_agreement_are_what_they_are_by_definition():
    truth = np.array([False, False, True, True])

    assert judge.auc(truth, np.array([1, 2, 2, 3])) == pytest.approx(3.5 / 4)
    assert judge.auc(truth, np.zeros(4)) == pytest.approx(0.5)
    assert judge.kappa(np.array([0, 1, 2]), np.array([0, 1, 2])) == 1
    assert judge.kappa(np.array([0, 0, 2, 2]), np.array([0, 2, 0, 2])) == pytest.approx(0)
    assert judge.balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == pytest.approx((2 / 3 + 1) / 2)
    assert judge.ece(np.array([[0.8, 0.1, 0.1]] * 10), np.array([0] * 8 + [1] * 2)) == pytest.approx(0)


def test_figures_agree_with_scikit_learn():
    peer = pytest.importorskip("sklearn.metrics", reason="the peer, scikit-learn, is not installed")
    chance = np.random.default_rng(0)
    a, b, score = chance.integers(0, 3, 200), chance.integers(0, 3, 200), chance.integers(0, 9, 200)

    assert judge.kappa(a, b) == pytest.approx(peer.cohen_kappa_score(a, b, weights="quadratic"))
    assert judge.balanced_accuracy(a, b) == pytest.approx(peer.balanced_accuracy_score(a, b))
    assert judge.auc(a > 1, score) == pytest.approx(peer.roc_auc_score(a > 1, score))


def test_a_folder_that_lacks_a_file_or_column_is_refused(folder, tmp_path):
    with pytest.raises(NotReadable, match="crops"):
        load(tmp_path)
    for name in ("crops.npz", "nodules.csv", "readings.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "readings.csv").write_text("nodule_id,reader\n0,0\n", encoding="utf-8")

    with pytest.raises(MissingField, match="texture"):
        load(tmp_path)


def test_a_nodule_that_nobody_read_is_refused(folder, tmp_path):
    for name in ("crops.npz", "nodules.csv", "readings.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    lines = (tmp_path / "readings.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "readings.csv").write_text("\n".join(lines[:-4]) + "\n", encoding="utf-8")

    with pytest.raises(MissingField, match="without a row"):
        load(tmp_path)


def test_the_mean_of_nets_is_judged_on_patients_that_none_of_them_saw(nodules, crossed, tmp_path):
    found = as_one(nodules, crossed, dataclasses.replace(SHORT, epochs=1), tmp_path, quiet)

    assert found["n"]["nodules"] == (crossed.fold == 1).sum()
    assert [name for name in found if name.startswith("net of seed")] == [f"net of seed {k}" for k in (1, 2, 3)]
    assert 0 < found["three as one"]["dice"] <= 1
