"""A MONAI bundle in the public layout, tiny and made here, against its network run by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radlogic.engine.errors import BadValue, MissingExtra, NotReadable, Unsupported
from radlogic.engine.perception.monai_bundle import MonaiBundle, bundle_sha256, candidates_of
from radlogic.engine.perception.volume import Volume

AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
SPACING = (1.25, 0.703125, 0.703125)
BACKBONE = (
    "$monai.networks.nets.ResNet('bottleneck',[1,1,1,1],[4,8,16,32],spatial_dims=3,n_input_channels=1,"
    "conv1_t_stride=[2,2,1],conv1_t_size=[7,7,7])"
)
CONFIG: dict[str, Any] = {
    "whether_raw_luna16": False,
    "whether_resampled_luna16": "$(not @whether_raw_luna16)",
    "imports": ["$import glob", "$import os"],
    "bundle_root": ".",
    "ckpt_dir": "$@bundle_root + '/models'",
    "dataset_dir": "/datasets/LUNA16_Images_resample",
    "test_datalist": "$monai.data.load_decathlon_datalist(@dataset_dir)",
    "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    "amp": True,
    "spatial_dims": 3,
    "num_classes": 1,
    "size_divisible": [16, 16, 8],
    "infer_patch_size": [64, 64, 32],
    "anchor_generator": {
        "_target_": "monai.apps.detection.utils.anchor_utils.AnchorGeneratorWithAnchorShape",
        "feature_map_scales": [1, 2, 4],
        "base_anchor_shapes": [[6, 8, 4], [8, 6, 5], [10, 10, 6]],
    },
    "backbone": BACKBONE,
    "feature_extractor": "$monai.apps.detection.networks.retinanet_network.resnet_fpn_feature_extractor("
    "@backbone,3,False,[1,2],None)",
    "network_def": {
        "_target_": "RetinaNet",
        "spatial_dims": "@spatial_dims",
        "num_classes": "@num_classes",
        "num_anchors": 3,
        "feature_extractor": "@feature_extractor",
        "size_divisible": "@size_divisible",
        "use_list_output": False,
    },
    "network": "$@network_def.to(@device)",
    "detector": {
        "_target_": "RetinaNetDetector",
        "network": "@network",
        "anchor_generator": "@anchor_generator",
        "debug": False,
        "spatial_dims": "@spatial_dims",
        "num_classes": "@num_classes",
        "size_divisible": "@size_divisible",
    },
    "detector_ops": [
        "$@detector.set_target_keys(box_key='box', label_key='label')",
        "$@detector.set_box_selector_parameters("
        "score_thresh=0.001,topk_candidates_per_level=50,nms_thresh=0.22,detections_per_img=20)",
        "$@detector.set_sliding_window_inferer("
        "roi_size=@infer_patch_size,overlap=0.25,sw_batch_size=1,mode='constant',device='cpu')",
    ],
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image", "_disabled_": "@whether_raw_luna16"},
            {
                "_target_": "LoadImaged",
                "keys": "image",
                "reader": "itkreader",
                "affine_lps_to_ras": True,
                "_disabled_": "@whether_resampled_luna16",
            },
            {"_target_": "EnsureChannelFirstd", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {
                "_target_": "Spacingd",
                "keys": "image",
                "pixdim": [0.703125, 0.703125, 1.25],
                "_disabled_": "@whether_resampled_luna16",
            },
            {
                "_target_": "ScaleIntensityRanged",
                "keys": "image",
                "a_min": -1024.0,
                "a_max": 300.0,
                "b_min": 0.0,
                "b_max": 1.0,
                "clip": True,
            },
            {"_target_": "EnsureTyped", "keys": "image"},
        ],
    },
    "inferer": {"_target_": "scripts.detection_inferer.RetinaNetInferer", "detector": "@detector"},
    "handlers": [{"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'"}],
    "run": ["$@evaluator.run()"],
}
WEIGHTS = "models/model.pt"
METADATA = {"version": "0.6.8", "name": "Lung nodule CT detection", "task": "CT lung nodule detection"}

ready = pytest.mark.filterwarnings("ignore")  # what torch, monai and nibabel warn each other of is not ours


@pytest.fixture(scope="module")
def network() -> Any:
    """A small RetinaNet with weights that no training has touched, built by hand and not from the configuration."""
    try:
        import nibabel  # noqa: F401
        import torch
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that is built for another torch
        pytest.skip(f"needs the extra `detect`: {error}")
    pytest.importorskip("monai", reason="needs the extra `detect`: monai")
    from monai.apps.detection.networks.retinanet_network import RetinaNet, resnet_fpn_feature_extractor
    from monai.networks.nets import ResNet

    torch.manual_seed(3)
    backbone = ResNet(
        "bottleneck",
        [1, 1, 1, 1],
        [4, 8, 16, 32],
        spatial_dims=3,
        n_input_channels=1,
        conv1_t_stride=[2, 2, 1],
        conv1_t_size=[7, 7, 7],
    )
    features = resnet_fpn_feature_extractor(backbone, 3, False, [1, 2], None)
    return RetinaNet(3, 1, 3, features, size_divisible=[16, 16, 8]).eval()


@pytest.fixture(scope="module")
def bundle(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("bundle"), CONFIG, network.state_dict())


def written(folder: Path, config: dict[str, Any], weights: Any, metadata: Any = METADATA) -> Path:
    import torch

    for part in ("configs", "models"):
        (folder / part).mkdir()
    (folder / "configs/inference.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "configs/metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    torch.save(weights, folder / "models/model.pt")
    return folder


def noise_with_a_ball(shape: tuple[int, int, int] = (24, 48, 48)) -> Volume:
    hu = np.random.default_rng(5).normal(-800, 60, shape)
    z, y, x = (np.arange(n) * s for n, s in zip(shape, SPACING, strict=True))
    hu[np.hypot(np.hypot(z[:, None, None] - 15, y[:, None] - 14), x - 20) < 4] = 40
    return Volume(hu.astype(np.int16), SPACING, (-30.0, 12.0, -200.0), AXIAL)


def by_hand(network: Any, volume: Volume) -> list[tuple[np.ndarray[Any, Any], float]]:
    """The network's boxes in the volume's own voxels, first to last axis x, y, z to the right, front and head."""
    import torch
    from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector
    from monai.apps.detection.utils.anchor_utils import AnchorGeneratorWithAnchorShape

    anchors = AnchorGeneratorWithAnchorShape((1, 2, 4), ((6, 8, 4), (8, 6, 5), (10, 10, 6)))
    detector = RetinaNetDetector(network, anchors).eval()
    detector.set_box_selector_parameters(
        score_thresh=0.001, topk_candidates_per_level=50, nms_thresh=0.22, detections_per_img=20
    )
    scaled = (np.clip(volume.hu, -1024, 300).astype(np.float32) + 1024) / 1324
    image = torch.from_numpy(scaled.transpose(2, 1, 0)[::-1, ::-1].copy())[None]
    with torch.inference_mode():
        (found,) = detector([image])
    return list(zip(found["boxes"].numpy(), found["labels_scores"].tolist(), strict=True))


@ready
def test_boxes_come_back_in_patient_millimetres_as_the_network_run_by_hand_gives_them(network: Any, bundle: Path):
    volume = noise_with_a_ball()
    columns, rows = volume.hu.shape[2], volume.hu.shape[1]

    found = MonaiBundle(bundle, bundle_sha256(bundle), patch=(512, 512, 192)).detect(volume)

    expected = by_hand(network, volume)
    assert len(found) == len(expected) > 3
    for candidate, (box, score) in zip(found, expected, strict=True):
        right, front, up = (box[:3] + box[3:]) / 2
        place = volume.position_of((up, rows - 1 - front, columns - 1 - right))
        assert candidate.position_mm == pytest.approx(place, abs=1e-2)
        assert candidate.score == pytest.approx(score, abs=1e-4)
        assert candidate.diameter_mm == pytest.approx(
            float(((box[3:] - box[:3]) * np.array(SPACING[::-1])).mean()), abs=1e-2
        )


@ready
def test_the_way_the_images_run_does_not_move_a_box(bundle: Path):
    volume = noise_with_a_ball()
    order, signs = (1, 0, 2), np.array([-1, 1, -1])
    turned = Volume(
        volume.hu.transpose(order)[::-1, :, ::-1].copy(),
        (SPACING[1], SPACING[0], SPACING[2]),
        volume.position_of((0, volume.hu.shape[1] - 1, volume.hu.shape[2] - 1)),
        AXIAL[list(order)] * signs[:, None],
    )
    detector = MonaiBundle(bundle, bundle_sha256(bundle), patch=(512, 512, 192))

    for one, other in zip(detector.detect(volume), detector.detect(turned), strict=True):
        assert one.position_mm == pytest.approx(other.position_mm, abs=1e-2)
        assert one.score == pytest.approx(other.score, abs=1e-4)


@ready
def test_other_spacing_is_resampled_to_that_of_the_bundle(bundle: Path):
    coarse = noise_with_a_ball()
    coarse = Volume(coarse.hu, (2.5, 1.0, 1.0), coarse.origin_mm, AXIAL)
    reach = np.array(coarse.position_of(tuple(n - 1 for n in coarse.hu.shape)))  # type: ignore[arg-type]

    found = MonaiBundle(bundle, bundle_sha256(bundle), patch=(512, 512, 192)).detect(coarse)

    assert found
    assert all(
        (np.array(c.position_mm) > np.array(coarse.origin_mm) - 6).all() and (np.array(c.position_mm) < reach + 6).all()
        for c in found
    )
    assert max(abs(c.position_mm[2] - coarse.origin_mm[2]) for c in found) > 24 * 1.25  # beyond what voxels would give


@ready
def test_a_large_image_goes_through_the_sliding_window(bundle: Path):
    detector = MonaiBundle(bundle, bundle_sha256(bundle))

    found = detector.detect(noise_with_a_ball((36, 72, 72)))

    assert found
    assert detector.name == "MONAI bundle Lung nodule CT detection 0.6.8"
    assert not detector.validated


@ready
def test_weights_below_the_name_model_are_read_too(network: Any, bundle: Path, tmp_path: Path):
    other = written(tmp_path, CONFIG, {"model": network.state_dict()})
    volume = noise_with_a_ball()

    plain, nested = (MonaiBundle(b, bundle_sha256(b), patch=(512, 512, 192)).detect(volume) for b in (bundle, other))

    assert plain == nested


def unread(folder: Path, config: dict[str, Any] = CONFIG) -> Path:
    """The files of a bundle, without weights that could be used."""
    for part, content in (("configs/inference.json", config), ("configs/metadata.json", METADATA), (WEIGHTS, {})):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_a_bundle_that_nobody_has_read_is_not_opened(tmp_path: Path):
    with pytest.raises(BadValue, match="state the hash of what was read"):
        MonaiBundle(unread(tmp_path), "")


@pytest.mark.parametrize("part", ["configs/inference.json", "configs/metadata.json", WEIGHTS, "scripts/more.py"])
def test_a_bundle_that_was_changed_after_reading_is_not_opened(part: str, tmp_path: Path):
    marker = tmp_path / "ran"
    evil = {**CONFIG, "backbone": f"$__import__('pathlib').Path({str(marker)!r}).touch()"}
    folder = unread(tmp_path / "bundle", evil)
    stated = bundle_sha256(folder)
    (folder / part).parent.mkdir(exist_ok=True)
    (folder / part).write_text("{} ", encoding="utf-8")

    with pytest.raises(BadValue, match="hash"):
        MonaiBundle(folder, stated)
    assert not marker.exists()


class Touches:
    """Unpickling it would write a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@ready
def test_weights_that_are_more_than_tensors_are_refused_and_not_run(network: Any, tmp_path: Path):
    marker, folder = tmp_path / "ran", tmp_path / "bundle"
    folder.mkdir()
    written(folder, CONFIG, {"model": Touches(marker)})

    with pytest.raises(BadValue, match="tensors that fit"):
        MonaiBundle(folder, bundle_sha256(folder))
    assert not marker.exists()


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no detector": ({k: v for k, v in CONFIG.items() if k != "detector"}, Unsupported, "detector"),
    "two classes": ({**CONFIG, "num_classes": 2}, Unsupported, "num_classes"),
    "unknown parts": ({**CONFIG, "backbone": "$monai.networks.nets.NoSuchNet()"}, Unsupported, "cannot build"),
    "other weights": ({**CONFIG, "backbone": BACKBONE.replace("[4,8,16,32]", "[8,8,16,32]")}, BadValue, "that fit"),
}


@ready
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_the_layout_is_refused_in_words(wrong: str, network: Any, tmp_path: Path):
    config, kind, words = WRONG[wrong]
    folder = written(tmp_path, config, network.state_dict())

    with pytest.raises(kind, match=words):
        MonaiBundle(folder, bundle_sha256(folder))


def test_a_folder_without_weights_is_refused(tmp_path: Path):
    with pytest.raises(NotReadable, match=r"models/model\.pt"):
        bundle_sha256(tmp_path)


def test_without_the_extra_the_sentence_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    unread(tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision", None)

    with pytest.raises(MissingExtra, match=r"radlogic\[detect\]"):
        MonaiBundle(tmp_path, bundle_sha256(tmp_path))


def test_boxes_become_places_in_the_patient_likeliest_first():
    affine = np.array([[-2.0, 0, 0, 10], [0, 0, 3, 20], [0, 1, 0, -5], [0, 0, 0, 1]])
    boxes = np.array([[0, 0, 0, 2, 4, 6], [1, 1, 1, 5, 5, 5], [3, 3, 3, 3, 3, 3]], dtype=float)

    found = candidates_of(boxes, np.array([0.2, 0.9, 0.5]), affine)

    assert [(c.position_mm, c.score) for c in found] == [((4.0, 29.0, -2.0), 0.9), ((8.0, 29.0, -3.0), 0.2)]
    assert [c.diameter_mm for c in found] == [8.0, pytest.approx((4 + 4 + 18) / 3)]
