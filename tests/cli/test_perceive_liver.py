"""``radlogic perceive liver-observation``: DICOM phases and segmentations in, one object out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import run
from dicom_images import ct_slice, save
from liver_phantoms import Look, Phantom, Scan, drawn
from numpy.typing import NDArray
from sr_zoo import LIVER, SERIES, segmentation, write

LOOKS = {"late_arterial": Look(40), "portal_venous": Look(-30)}


def series(folder: Path, phantom: Phantom, phase: str, frame: str = "1.2.3") -> Path:
    images = []
    for k, hu in enumerate(np.rint(phantom.images[phase]).astype(np.int16)):
        image = ct_slice(hu, phantom.origin_mm[2] + k * phantom.spacing_mm[0])
        image.SeriesInstanceUID = SERIES if phase == "portal_venous" else "1.2.826.5"  # the one the masks refer to
        image.FrameOfReferenceUID = frame
        image.ImagePositionPatient = [round(p, 6) for p in (*phantom.origin_mm[:2], image.ImagePositionPatient[2])]
        image.PixelSpacing, image.SliceThickness = list(phantom.spacing_mm[1:]), phantom.spacing_mm[0]
        images.append(image)
    return save(folder / phase, images)


def seg(path: Path, phantom: Phantom, *masks: NDArray[np.bool_], frame: str = "1.2.3") -> Path:
    numbered = dict(enumerate(masks, start=1))
    made = segmentation(numbered, spacing=phantom.spacing_mm, origin=phantom.origin_mm, region=LIVER)
    made.FrameOfReferenceUID = frame
    return write(made, path)


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("liver")
    phantom = drawn(LOOKS, 14, Scan(noise=9, pixel_mm=1.2), seed=2)
    return {
        "phantom": phantom,
        "folder": folder,
        "phases": [f"{name}={series(folder, phantom, name)}" for name in LOOKS],
        "lesion": seg(folder / "lesion.dcm", phantom, phantom.lesion),
        "liver": seg(folder / "liver.dcm", phantom, phantom.liver),
    }


def asked(exam: dict[str, object], *more: object, **other: object) -> list[object]:
    phases = other.get("phases", exam["phases"])
    options = [part for phase in phases for part in ("--phase", phase)]  # type: ignore[attr-defined]
    lesion, liver = other.get("lesion", exam["lesion"]), other.get("liver", exam["liver"])
    return ["perceive", "liver-observation", *options, "--lesion", lesion, "--liver", liver, *more]


def test_one_object_says_what_is_believed_and_that_it_is_not_validated(exam):
    result = run(*asked(exam, "--json"))
    answer = json.loads(result.out)

    assert result.code == 0
    assert answer["validated"] is False
    assert "no real liver lesion" in answer["card"]
    assert "a human signs" in answer["intended_use"]
    assert answer["beliefs"]["aphe"]["probabilities"]["nonrim"] > 0.9
    assert answer["beliefs"]["washout"]["probabilities"]["nonperipheral_pvp"] > 0.9
    assert answer["beliefs"]["size_mm"]["mean"] == pytest.approx(14, abs=1.5)
    assert "delayed" in answer["unknown"]["capsule"]
    assert answer["required_phases_missing"] == ["delayed"]
    assert answer["mask_drawn_on"] == "portal_venous"
    assert answer["measured"]["late_arterial"]["core"]["mean"] == pytest.approx(40, abs=5)
    assert answer["measured"]["late_arterial"]["core"]["sd"] > 0


def test_people_read_the_same_with_the_notice_first(exam):
    result = run(*asked(exam))

    assert result.code == 0
    assert result.out.startswith("Decision support")
    assert "Not validated" in result.out
    assert "aphe:" in result.out
    assert "capsule: unknown" in result.out


@pytest.mark.parametrize(
    ("other", "more", "words"),
    [
        ({"phases": ["arterial"]}, (), "BadValue"),
        ({"phases": ["noon=x"]}, (), "BadValue"),
        ({"phases": ["delayed=nowhere"]}, (), "PathNotFound"),
        ({}, ("--agent", "water"), "BadValue"),
        ({}, ("--agent", "gadoxetate"), "Contradiction"),
        ({}, ("--lesion-segment", "7"), "BadValue"),
        ({"lesion": "nothing.dcm"}, (), "PathNotFound"),
    ],
)
def test_what_cannot_be_used_is_refused(exam, other, more, words):
    result = run(*asked(exam, *more, **other))

    assert result.code == 2
    assert words in result.err
    assert "must never be shown" not in result.err


def test_a_phase_given_twice_is_refused(exam):
    result = run(*asked(exam, phases=[*exam["phases"], exam["phases"][0]]))

    assert result.code == 2
    assert "twice" in result.err


def test_a_segmentation_of_several_needs_a_number(exam):
    phantom, folder = exam["phantom"], exam["folder"]
    both = seg(folder / "both.dcm", phantom, phantom.lesion, phantom.liver)
    refused = run(*asked(exam, lesion=both))
    answered = run(*asked(exam, "--json", "--lesion-segment", 1, "--liver-segment", 2, lesion=both, liver=both))

    assert refused.code == 2
    assert "--lesion-segment" in refused.err
    assert json.loads(answered.out)["beliefs"]["aphe"]["probabilities"]["nonrim"] > 0.9


def test_other_frames_of_reference_are_refused(exam):
    phantom, folder = exam["phantom"], exam["folder"]
    elsewhere = seg(folder / "elsewhere.dcm", phantom, phantom.lesion, frame="1.2.4")

    assert "FrameOfReferenceUID" in run(*asked(exam, lesion=elsewhere)).err
    assert run(*asked(exam, "--same-position", lesion=elsewhere)).code == 0


def test_mri_is_refused_and_says_what_takes_it(exam, tmp_path):
    image = ct_slice(np.zeros((32, 32), np.int16), 0.0)
    image.SOPClassUID, image.Modality = "1.2.840.10008.5.1.4.1.1.4", "MR"
    result = run(*asked(exam, phases=[f"late_arterial={save(tmp_path / 'mr', [image])}"]))

    assert result.code == 2
    assert "Unsupported" in result.err
    assert "MRI is not read" in result.err
