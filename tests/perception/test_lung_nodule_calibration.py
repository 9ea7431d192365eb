"""From logits to beliefs: probabilities, sets, intervals, and the grid that the net sees."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nodule_crops import disc, drawn_mask

from radlogic.engine.errors import BadValue, MissingKnowledge
from radlogic.engine.perception.calibration import (
    SIGNS,
    TEXTURES,
    Calibration,
    Domain,
    Raw,
    calibration_of,
    index_of_level,
)
from radlogic.engine.perception.grid import PIXEL_MM, SIDE, around_centre, back
from radlogic.engine.perception.lung_nodule import best_threshold, reading

PLAIN = Calibration(
    pixel_mm=PIXEL_MM,
    temperature=0.7,
    bias=(-0.3, -0.9, 0.0),
    set_scores=(0.99, 0.9, 0.2),
    signs=dict.fromkeys(SIGNS, (1.0, 0.0)),
    mask_from=0.5,
    of_net=0.6,
    bounds=(-2.0, 2.4),
    far=1.5,
    domain=Domain("lung nodule", "CT", (0.45, 1.0), (0.6, 5.0)),
    nodules=10,
    patients=5,
)
LOGIT = st.floats(-20, 20)


def seen(mm: float, distance: float = 1.0) -> Raw:
    """A net that outlines a disc and says its size to be 2 mm more."""
    mask = around_centre(drawn_mask(mm).astype(np.int16), 0.7)
    axes = np.array([mm + 2, mm + 2], dtype=np.float32)
    return Raw(mask, np.array([0, 0, 3], np.float32), np.zeros(5, np.float32), axes, 0.5, distance)


def test_calibration_survives_json():
    assert calibration_of(json.loads(json.dumps(PLAIN.as_record()))) == PLAIN


@pytest.mark.parametrize("lost", ["temperature", "signs", "domain", "far"])
def test_a_calibration_that_lacks_a_number_is_refused(lost):
    record = PLAIN.as_record()
    del record[lost]

    with pytest.raises(MissingKnowledge, match="lung_nodule/calibration"):
        calibration_of(record)


@given(st.tuples(LOGIT, LOGIT, LOGIT))
def test_texture_is_a_distribution_and_its_set_is_never_empty(logits):
    p = PLAIN.texture(np.array(logits))

    assert math.isclose(p.sum(), 1, abs_tol=1e-9)
    assert set(PLAIN.texture_set(p)) & set(TEXTURES)


def test_a_set_holds_the_classes_whose_score_is_within_their_bound():
    assert PLAIN.texture_set(np.array([0.02, 0.08, 0.90])) == ("non_solid", "solid")


def test_a_set_that_would_be_empty_holds_the_likeliest():
    assert PLAIN.texture_set(np.array([0.005, 0.005, 0.7])) == ("solid",)


@pytest.mark.parametrize(("n", "index"), [(9, 8), (19, 17), (99, 89), (100, 90), (5, 5)])
def test_the_index_of_the_ninth_tenth_counts_the_next_one_too(n, index):
    assert index_of_level(n) == index


def test_split_conformal_bounds_cover_what_they_promise():
    """Not one less, as a plain quantile would: over many draws of 19 the next is covered in 18 of 20."""
    chance = np.random.default_rng(0)
    draws = chance.normal(size=(20_000, 20))
    bound = np.sort(draws[:, :19], axis=1)[:, index_of_level(19)]

    assert (draws[:, 19] <= bound).mean() == pytest.approx(0.9, abs=0.007)


@given(st.floats(2, 40), st.floats(2, 40), st.floats(0.1, 5))
def test_a_diameter_lies_between_net_and_mask_and_inside_its_interval(net, mask, spread):
    mean, sd, (low, high) = PLAIN.diameter(net, mask, spread)

    assert min(net, mask) - 1e-9 <= mean <= max(net, mask) + 1e-9
    assert 0 <= low <= mean <= high
    assert sd > 0


def test_a_reading_blends_the_nets_axes_with_those_of_its_mask():
    found = reading(seen(10), PLAIN, 0.7, 1.25, (71, 71))

    assert found.mean_mm == pytest.approx(0.6 * 12 + 0.4 * 10, abs=0.3)
    assert found.short_mm <= found.long_mm
    assert found.in_distribution


def test_the_mask_comes_back_on_the_crops_own_pixels():
    found = reading(seen(10), PLAIN, 0.7, 1.25, (71, 71))
    truth = drawn_mask(10)

    assert 2 * (found.mask & truth).sum() / (found.mask.sum() + truth.sum()) > 0.97


def test_of_several_parts_the_largest_is_the_nodule():
    raw = seen(10)
    raw.mask[2:4, 2:4] = 1

    assert not reading(raw, PLAIN, 0.7, 1.25, (71, 71)).mask[:20, :20].any()


def test_a_mask_that_is_nowhere_likely_is_its_likeliest_pixel():
    raw = seen(10)
    raw.mask[:] *= 0.1

    assert reading(raw, PLAIN, 0.7, 1.25, (71, 71)).mask.sum() == 1


@pytest.mark.parametrize(
    ("spacing", "thickness", "distance", "why"),
    [
        (0.3, 1.25, 1.0, "pixel spacing 0.3 mm"),
        (0.7, 8.0, 1.0, "slice thickness 8 mm"),
        (0.7, None, 1.0, "slice thickness not stated"),
        (0.7, 1.25, 1.6, "as far"),
    ],
)
def test_what_lies_outside_the_domain_says_why(spacing, thickness, distance, why):
    found = reading(seen(10, distance), PLAIN, spacing, thickness, (71, 71))

    assert not found.in_distribution
    assert why in found.outside[0]


def test_a_crop_on_the_grids_own_pixels_is_seen_as_it_is():
    crop = np.random.default_rng(0).integers(-1000, 1000, (SIDE, SIDE)).astype(np.int16)

    np.testing.assert_allclose(around_centre(crop, PIXEL_MM), crop, atol=1e-3)


@given(st.floats(0.4, 1.0), st.integers(65, 80))
def test_a_slope_is_seen_as_a_slope_whatever_the_spacing(spacing, side):
    """Bilinear resampling is exact on it wherever the crop reaches."""
    steps = np.arange(side) - (side - 1) / 2
    slope = np.broadcast_to(10 * steps, (side, side)).astype(np.float32)
    inside = np.abs(np.arange(SIDE) - (SIDE - 1) / 2) * PIXEL_MM / spacing < (side - 3) / 2
    expected = 10 * (np.arange(SIDE) - (SIDE - 1) / 2) * PIXEL_MM / spacing

    np.testing.assert_allclose(around_centre(slope, spacing)[32][inside], expected[inside], atol=1e-2)


def test_what_is_brought_back_is_where_it_was():
    there = around_centre(disc(12, 40), 0.7)
    returned = back(there, 0.7, (71, 71))

    assert np.abs(returned[20:51, 20:51] - disc(12, 40)[20:51, 20:51]).mean() < 30


@pytest.mark.parametrize("spacing", [0, -1, math.nan, math.inf])
def test_a_spacing_that_is_none_is_refused(spacing):
    with pytest.raises(BadValue, match="spacing"):
        around_centre(np.zeros((71, 71), np.int16), spacing)


@given(st.lists(st.floats(0.25, 1), min_size=1, max_size=40))
def test_the_mask_is_that_of_the_largest_expected_dice(probabilities):
    p = np.array(probabilities)

    def expected(bar: float) -> float:
        kept = p >= bar
        return 2 * p[kept].sum() / (kept.sum() + p.sum())

    best = best_threshold(p)

    assert expected(best) == pytest.approx(max(expected(bar) for bar in p))


def test_a_distance_that_is_no_number_is_out_of_distribution():
    found = reading(seen(9, distance=float("nan")), PLAIN, 0.7, 1.25, (71, 71))

    assert not found.in_distribution


def test_a_mass_is_said_to_be_larger_than_the_crop_holds():
    mask = np.ones((SIDE, SIDE), np.float32)
    raw = Raw(mask, np.zeros(3, np.float32), np.zeros(5, np.float32), np.array([60, 50], np.float32), 2.0, 1.0)

    assert any("mm long" in why for why in reading(raw, PLAIN, 0.7, 1.25, (71, 71)).outside)
