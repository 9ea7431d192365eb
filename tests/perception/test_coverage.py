"""Whether an exam shows the lungs: drawn chests, cropped in every way, and real ones."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from shared_data import shared

from radlogic.adapters.dicom.series import read_series
from radlogic.engine.perception.coverage import Extent, LungCoverage, lungs_imaged
from radlogic.engine.perception.volume import Volume

AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
SPACING = (4.0, 3.0, 3.0)
SHAPE = (90, 100, 130)  # 360 x 300 x 390 mm


def ellipsoid(centre: tuple[float, float, float], half: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Voxels in an ellipsoid; mm from the middle of the chest, (z, y, x), x to the patient's left."""
    axes = [np.arange(n) * s - n * s / 2 for n, s in zip(SHAPE, SPACING, strict=True)]
    z, y, x = np.ix_(*axes)
    return np.asarray(sum(((a - c) / h) ** 2 for a, c, h in zip((z, y, x), centre, half, strict=True)) <= 1)


def chest(*, right: float = 1.0, left: float = 1.0, lung_hu: int = -850) -> Volume:
    """A body with two lungs (2.6 l each, scaled), a windpipe and a bubble of gas in the stomach, in room air."""
    hu = np.full(SHAPE, -1000, np.int16)
    hu[ellipsoid((0, 0, 0), (1000, 110, 170))] = 40
    for side, size in ((-75.0, right), (75.0, left)):
        hu[ellipsoid((10, 0, side), (140 * size + 1e-3, 75 * size + 1e-3, 60 * size + 1e-3))] = lung_hu
    hu[(ellipsoid((120, -20, 0), (90, 9, 9)))] = -1000
    hu[(ellipsoid((-155, -30, 60), (15, 25, 25)))] = -1000
    noise = np.random.default_rng(0).normal(0, 30, SHAPE)
    return Volume((hu + noise).astype(np.int16), SPACING, (-195.0, -150.0, -180.0), AXIAL)


WHOLE = chest()


def cropped(volume: Volume, *where: slice) -> LungCoverage:
    return lungs_imaged(replace(volume, hu=volume.hu[where].copy()))


def test_a_whole_chest_is_whole() -> None:
    found = lungs_imaged(WHOLE)

    assert (found.extent, found.why) == (Extent.WHOLE, ())
    assert found.right_l == pytest.approx(2.6, abs=0.2)
    assert found.left_l == pytest.approx(2.6, abs=0.2)
    assert max(found.feet_cm2, found.head_cm2, found.side_cm2) < 8


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("flipped", [False, True])
def test_the_way_the_images_run_does_not_matter(order: tuple[int, int, int], flipped: bool) -> None:
    hu, axes = WHOLE.hu.transpose(order), AXIAL[list(order)]
    if flipped:
        hu, axes = hu[::-1, ::-1, ::-1], -axes
    spacing = (SPACING[order[0]], SPACING[order[1]], SPACING[order[2]])

    found, upright = lungs_imaged(Volume(hu.copy(), spacing, (0.0, 0.0, 0.0), axes)), lungs_imaged(WHOLE)

    assert found.extent is Extent.WHOLE
    assert found.right_l == pytest.approx(upright.right_l, rel=0.05)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ((slice(0, 70),), "cut off at the end towards the head"),
        ((slice(20, None),), "cut off at the end towards the feet"),
        ((slice(None), slice(None), slice(30, None)), "cut off at the side of the image"),
        ((slice(None), slice(None), slice(None, 100)), "cut off at the side of the image"),
        ((slice(None), slice(30, None)), "cut off at the side of the image"),
    ],
)
def test_a_cropped_chest_is_a_part_and_says_where_it_ends(where: tuple[slice, ...], reason: str) -> None:
    found = cropped(WHOLE, *where)

    assert found.extent is Extent.PART
    assert any(reason in words for words in found.why), found.why


@pytest.mark.parametrize(
    ("volume", "reason"),
    [
        (chest(right=0), "right lung is all but missing"),
        (chest(left=0.4), "left lung is all but missing"),
        (chest(right=0.6, left=0.6), "only 1.1 l of lung"),
    ],
)
def test_lungs_that_are_small_or_missing_are_a_part(volume: Volume, reason: str) -> None:
    found = lungs_imaged(volume)

    assert found.extent is Extent.PART
    assert any(reason in words for words in found.why), found.why


@pytest.mark.parametrize(
    "volume",
    [
        chest(right=0, left=0),
        chest(lung_hu=-1000),  # a body full of gas, as in CT colonography
        Volume(np.full((3, 8, 8), -1000, np.int16), SPACING, (0.0, 0.0, 0.0), AXIAL),
        Volume(np.full((1, 8, 8), 40, np.int16), SPACING, (0.0, 0.0, 0.0), AXIAL),
        replace(WHOLE, hu=WHOLE.hu[:6].copy()),
    ],
    ids=["no lungs", "gas", "air alone", "tissue alone", "abdomen"],
)
def test_what_holds_no_lung_shows_none(volume: Volume) -> None:
    found = lungs_imaged(volume)

    assert (found.extent, found.volume_l) == (Extent.NONE, 0.0)
    assert found.why


def test_lungs_with_emphysema_are_lungs() -> None:
    assert lungs_imaged(chest(lung_hu=-930)).extent is Extent.WHOLE


def test_padding_around_the_reconstruction_is_outside() -> None:
    hu = WHOLE.hu.copy()
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    beyond = np.hypot((rows - SHAPE[1] / 2) * 3, (columns - SHAPE[2] / 2) * 3) > 178
    hu[:, beyond] = -3024

    assert lungs_imaged(replace(WHOLE, hu=hu)).extent is Extent.WHOLE


REAL = {
    "data/chest/LIDC-IDRI-0001.zip": (Extent.WHOLE, 3.7),
    "data/chest/LIDC-IDRI-0003.zip": (Extent.WHOLE, 5.8),
    "data/chest/CRLM-CT-1004.zip": (Extent.PART, 1.3),
    "data/dicom/abdomen_ct_20_slices": (Extent.NONE, 0.0),
    "data/dicom/sr_and_seg/ct-3slice": (Extent.PART, 0.1),
}


@pytest.mark.parametrize("name", REAL)
def test_real_exams_show_what_they_show(name: str) -> None:
    volume = read_series(Path(shared(name)))
    started = time.perf_counter()

    found = lungs_imaged(volume)

    assert (found.extent, round(found.volume_l, 1)) == REAL[name]
    assert time.perf_counter() - started < 3  # about 0.2 s; the machine may be busy
