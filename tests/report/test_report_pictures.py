"""The pictures show the right slice the right way round, or none."""

import base64
import io
import itertools
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from PIL import Image
from sample_decisions import screening, stated

from radlogic.adapters.report.html import report_html
from radlogic.adapters.report.pictures import MARK, SIDE_PX, pictures_of, slice_at
from radlogic.adapters.report.view import Lesion
from radlogic.engine.perception.volume import Volume
from radlogic.engine.types import Finding

AIR, TISSUE = -1000, 100
POSITION = (20.0, -12.0, 30.0)  # left, front, half-way up
AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])


def volume_with_ball(axes, spacing=(5.0, 1.0, 2.0), shape=(13, 100, 60)):
    """Air round a ball of 10 mm of tissue at POSITION, in a grid of the given axes, centred near it."""
    axes = np.asarray(axes, dtype=np.float64)
    middle = (np.asarray(shape) - 1) / 2 * spacing
    origin = np.array([5.0, 5.0, 30.0]) - middle @ axes
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    places = origin + (index * np.asarray(spacing)) @ axes
    near = np.linalg.norm(places - POSITION, axis=-1) <= 5
    hu = np.where(near, TISSUE, AIR).astype(np.int16)
    return Volume(hu, spacing, tuple(map(float, origin)), axes)


def lesion(position=POSITION, kind="nodule"):
    finding = Finding("N1", kind, stated("nodules[0]", mean_mm=Decimal("10")), position)
    return Lesion(finding, finding.facts, {}, ())


def pixels(picture):
    """The picture as an array (rows, columns, colours)."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.png))).convert("RGB")).astype(int)


def box_of(image):
    """First and last row and column of the longest marked lines."""
    marked = np.all(image == MARK, axis=-1)
    rows, columns = np.flatnonzero(marked.sum(1) > 20), np.flatnonzero(marked.sum(0) > 20)
    return rows[0], rows[-1], columns[0], columns[-1]


SIGNS = list(itertools.product((1, -1), repeat=3))
FLIPS = pytest.mark.parametrize(
    "axes", [AXIAL * np.reshape(signs, (3, 1)) for signs in SIGNS], ids=[str(signs) for signs in SIGNS]
)


@FLIPS
def test_an_axial_slice_is_shown_as_seen_from_the_feet_however_it_is_stored(axes):
    cut = slice_at(volume_with_ball(axes), POSITION)

    assert (cut.top, cut.left) == ("A", "R")
    row, column = (round(at) for at in cut.at)
    assert cut.hu[row, column] == TISSUE
    assert row < cut.hu.shape[0] / 2  # in front: upper half
    assert column > cut.hu.shape[1] / 2  # to the patient's left: right half


def test_a_coronal_slice_has_the_head_up_and_the_right_on_the_left():
    cut = slice_at(volume_with_ball([[0, 1, 0], [0, 0, 1], [1, 0, 0]]), POSITION)

    assert (cut.top, cut.left) == ("H", "R")


def test_a_sagittal_slice_has_the_head_up_and_the_front_on_the_left():
    cut = slice_at(volume_with_ball([[1, 0, 0], [0, -1, 0], [0, 0, -1]]), POSITION)
    turned = slice_at(volume_with_ball([[1, 0, 0], [0, 0, 1], [0, -1, 0]]), POSITION)

    assert cut.hu[tuple(round(at) for at in cut.at)] == TISSUE
    assert (turned.top, turned.left) == ("H", "A")


@FLIPS
def test_the_box_stands_round_the_lesion_in_both_pictures(axes):
    shown, _ = pictures_of(lesion(), volume_with_ball(axes))

    for picture in shown:
        image = pixels(picture)
        top, bottom, left, right = box_of(image)
        inside = image[top + 1 : bottom, left + 1 : right].mean()
        middle = image[(top + bottom) // 2, (left + right) // 2]
        assert middle.min() > 220  # tissue is white in lung window
        assert inside > 90
        ours = image.copy()
        ours[top : bottom + 1, left : right + 1] = 0
        assert np.all(ours == MARK, axis=-1).sum() < 200  # the letters only: no second box


def test_pixels_that_are_not_square_become_square():
    shown, _ = pictures_of(lesion(), volume_with_ball(AXIAL))

    whole, detail = shown

    assert (whole.width, whole.height) == (SIDE_PX, round(SIDE_PX * 100 / 120))
    assert (detail.width, detail.height) == (SIDE_PX, SIDE_PX)
    top, bottom, left, right = box_of(pixels(detail))
    assert abs((bottom - top) - (right - left)) <= 1


def test_the_caption_names_the_slice_and_the_window_and_says_what_the_box_is_not():
    _, caption = pictures_of(lesion(), volume_with_ball(AXIAL))

    assert caption.startswith("Slice 7 of 13, lung window (centre -600 HU, width 1500 HU).")
    assert "not an outline" in caption


def test_a_liver_observation_is_shown_in_soft_tissue_window():
    _, caption = pictures_of(lesion(kind="observation"), volume_with_ball(AXIAL))

    assert "soft tissue window (centre 40 HU, width 400 HU)" in caption


@pytest.mark.parametrize(
    ("position", "why"),
    [(None, "no position is stated"), ((20.0, -12.0, 500.0), "outside the images"), ((900.0, 0.0, 30.0), "outside")],
)
def test_without_a_place_in_the_images_there_is_no_picture_and_the_caption_says_why(position, why):
    shown, caption = pictures_of(lesion(position), volume_with_ball(AXIAL))

    assert shown == ()
    assert why in caption


def test_a_volume_of_one_slice_is_shown():
    shown, caption = pictures_of(lesion(), volume_with_ball(AXIAL, shape=(1, 100, 60)))

    assert len(shown) == 2
    assert caption.startswith("Slice 1 of 1,")


def test_the_page_shows_two_pictures_with_words_for_each_finding_that_has_a_place():
    held = screening()
    volume = volume_with_ball(AXIAL)
    findings = (replace(held.record.case.findings[0], position_mm=POSITION), *held.record.case.findings[1:])
    lung = held.decision.guidelines[0]
    decided = tuple(replace(d, finding=f) for d, f in zip(lung.findings, findings, strict=True))
    decision = replace(held.decision, guidelines=(replace(lung, findings=decided),))
    record = replace(held.record, case=replace(held.record.case, findings=findings))

    html = report_html(replace(held, decision=decision, record=record), volume)

    assert html.count("<img ") == 2
    assert html.count('alt="N1 on slice 7 in lung window, box round the stated position: ') == 2
    assert html.count("No picture: the stated position lies outside the images.") == 2


def test_a_finding_with_an_empty_identifier_gets_its_picture_once():
    held = screening()
    finding = replace(held.record.case.findings[0], tracking_id="", position_mm=POSITION)
    record = replace(held.record, case=replace(held.record.case, findings=(finding,)))

    html = report_html(
        replace(held, decision=replace(held.decision, guidelines=()), record=record), volume_with_ball(AXIAL)
    )

    assert html.count("<img ") == 2


def test_without_images_there_are_no_pictures_and_no_words_about_them():
    html = report_html(screening())

    assert "<img" not in html
    assert "picture" not in html
