"""The shipped net on drawn nodules, and its files."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from nodule_crops import HU, disc, drawn_mask

from radlogic.engine.errors import MissingKnowledge
from radlogic.engine.perception.calibration import SIGNS, TEXTURES
from radlogic.engine.perception.lung_nodule import LungNodule, as_record
from radlogic.engine.resources import knowledge_folder

FILES = ("model.onnx", "calibration.json", "sha256")


@pytest.fixture(scope="module")
def model() -> LungNodule:
    return LungNodule()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).write_bytes((knowledge_folder() / "models" / "lung_nodule" / name).read_bytes())
    return tmp_path


def test_weights_are_small_enough_to_ship():
    assert len((knowledge_folder() / "models" / "lung_nodule" / "model.onnx").read_bytes()) <= 8_000_000


@pytest.mark.parametrize("mm", [6, 10, 16, 24])
def test_a_drawn_disc_is_outlined_and_measured(model, mm):
    found = model.read(disc(mm, HU["solid"]), 0.7, 1.25)
    truth = drawn_mask(mm)

    assert found.mean_mm == pytest.approx(mm, abs=0.15 * mm + 0.5)
    assert 2 * (found.mask & truth).sum() / (found.mask.sum() + truth.sum()) > 0.8
    assert found.interval_mm[0] < mm < found.interval_mm[1]


def test_spacing_is_taken_into_account(model):
    """The same pixels at twice the spacing are a nodule of twice the size."""
    small, large = model.read(disc(8, 40, 0.5), 0.5, 1.25), model.read(disc(16, 40, 1.0), 1.0, 1.25)

    assert large.mean_mm / small.mean_mm == pytest.approx(2, rel=0.2)


def test_ground_glass_is_told_from_solid(model):
    glass, solid = (model.read(disc(12, HU[k]), 0.7, 1.25).texture for k in ("non_solid", "solid"))

    assert glass["non_solid"] > 10 * solid["non_solid"]
    assert solid["solid"] > 0.9


def test_calcium_is_told_from_soft_tissue(model):
    calcium, soft = (model.read(disc(9, HU[k]), 0.7, 1.25).signs["calcified"] for k in ("calcified", "solid"))

    assert calcium > 0.8
    assert soft < 0.3


@pytest.mark.parametrize("hu", [-1000, 50])
def test_what_is_no_lung_is_flagged(model, hu):
    found = model.read(np.full((71, 71), hu, np.int16), 0.7, 1.25)

    assert not found.in_distribution
    assert found.ood_score > 1


def test_one_crop_is_read_alike_alone_and_among_others(model):
    crops = np.stack([disc(mm, 40).astype(np.float32)[4:68, 4:68] for mm in (6, 12)])
    alone, among = model.see(crops[:1])[0], model.see(crops)[0]

    np.testing.assert_allclose(alone.mask, among.mask, atol=1e-5)
    np.testing.assert_allclose(alone.texture, among.texture, atol=1e-4)


def test_a_record_holds_what_the_command_promises(model):
    record = as_record(7, model.read(disc(9, 40), 0.7, 1.25))

    assert json.loads(json.dumps(record)) == record
    assert sum(record["texture"].values()) == pytest.approx(1, abs=1e-6)
    assert set(record["texture"]) == set(TEXTURES)
    assert set(SIGNS) <= set(record)
    assert record["mean_mm"] == pytest.approx((record["long_mm"] + record["short_mm"]) / 2, abs=1e-4)


@pytest.mark.parametrize("name", FILES)
def test_a_model_without_one_of_its_files_is_refused(copied, name):
    (copied / name).unlink()

    with pytest.raises(MissingKnowledge, match=name):
        LungNodule(copied)


@pytest.mark.parametrize("name", ["model.onnx", "calibration.json"])
def test_a_model_that_was_changed_is_refused(copied, name):
    (copied / name).write_bytes((copied / name).read_bytes() + b" ")

    with pytest.raises(MissingKnowledge, match="sha256"):
        LungNodule(copied)


def test_a_copy_elsewhere_answers_the_same(model, copied, tmp_path):
    folder = tmp_path / "elsewhere"
    shutil.copytree(copied, folder, ignore=shutil.ignore_patterns("elsewhere"))
    one, two = (m.read(disc(9, 40), 0.7, 1.25) for m in (model, LungNodule(folder)))

    assert as_record(1, one) == as_record(1, two)


def test_the_card_states_the_figures_that_training_wrote():
    folder = knowledge_folder() / "models" / "lung_nodule"
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    card = (folder / "card.md").read_text(encoding="utf-8")

    assert f"| diameter mae mm | {found['answer']['diameter_mae_mm']:.3f} |" in card
    assert "CC BY 3.0" in card


def test_card_metrics_and_pages_are_of_the_weights_that_ship(model):
    folder = knowledge_folder() / "models" / "lung_nodule"
    page = (Path(__file__).parents[2] / "docs" / "measurement.md").read_text(encoding="utf-8")

    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["sha256"] == model.sha256
    assert model.sha256 in (folder / "card.md").read_text(encoding="utf-8")
    assert f"net {model.sha256[:12]}" in page, "run benchmarks/measure_phantoms.py --repeats 1 --scans 168 --write"


def test_a_net_of_another_grid_is_refused(copied):
    fitted = json.loads((copied / "calibration.json").read_text(encoding="utf-8"))
    changed = json.dumps({**fitted, "pixel_mm": 0.65}).encode()
    (copied / "calibration.json").write_bytes(changed)
    (copied / "sha256").write_text(hashlib.sha256((copied / "model.onnx").read_bytes() + changed).hexdigest())

    with pytest.raises(MissingKnowledge, match="pixel_mm"):
        LungNodule(copied)


def test_of_two_nodules_in_a_crop_the_one_at_the_centre_is_told(model):
    hu = disc(6, HU["solid"])
    hu[2:24, 2:24] = np.maximum(hu[2:24, 2:24], disc(14, HU["solid"])[24:46, 24:46])
    found = model.read(hu, 0.7, 1.25)

    assert found.mean_mm < 9
    assert found.mask[33:38, 33:38].all()
    assert not found.mask[:24, :24].any()


def test_a_crop_that_shows_too_little_is_said_to(model):
    assert any("shows only" in why for why in model.read(disc(6, 40)[20:51, 20:51], 0.7, 1.25).outside)
    assert not any("shows only" in why for why in model.read(disc(6, 40), 0.7, 1.25).outside)
