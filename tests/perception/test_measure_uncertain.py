"""Sizes of soft masks, held against outlines whose spread is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from radlogic.engine.errors import BadValue
from radlogic.engine.perception.measure import measure_slice, measure_volume, section_sd_mm, with_outline_error
from radlogic.engine.perception.uncertain import measure_soft_slice, measure_soft_volume

PIXEL = 0.5


def soft_disc(radius_mm: float, sd_mm: float, side: int = 51) -> np.ndarray:
    """The probability that a pixel lies in a disc whose radius is Gaussian."""
    y, x = (np.mgrid[:side, :side] - side // 2) * PIXEL
    return np.asarray(ndtr((radius_mm - np.hypot(y, x)) / sd_mm))


def soft_ball(radius_mm: float, sd_mm: float, slices_mm: float) -> np.ndarray:
    z, y, x = np.mgrid[-12:13, -25:26, -25:26]
    return np.asarray(ndtr((radius_mm - np.sqrt((z * slices_mm) ** 2 + (y * PIXEL) ** 2 + (x * PIXEL) ** 2)) / sd_mm))


@pytest.mark.parametrize("radius", [3.0, 5.0, 8.0])
@pytest.mark.parametrize("sd", [0.5, 1.0])
def test_a_disc_of_uncertain_radius_has_the_diameter_and_the_spread_of_its_radii(radius, sd):
    found = measure_soft_slice(soft_disc(radius, sd), (PIXEL, PIXEL))

    expected = 2 * sd * float(np.std([_quantile(k / 20) for k in range(1, 20)]))
    assert found.mean_mm.mean == pytest.approx(2 * radius, abs=0.25)
    assert found.mean_mm.sd == pytest.approx(math.hypot(expected, 0.3 * PIXEL), rel=0.1)
    assert found.long_mm.mean >= found.short_mm.mean
    assert found.area_mm2.mean == pytest.approx(math.pi * (radius**2 + (expected / 2) ** 2), rel=0.05)


def _quantile(p: float) -> float:
    """Of the normal distribution, by bisection."""
    low, high = -5.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if ndtr(middle) < p else (low, middle)
    return low


def test_a_mask_that_is_sure_has_the_size_and_the_error_of_its_pixels():
    mask = soft_disc(5, 1) >= 0.5
    sure, plain = measure_soft_slice(mask.astype(float), (PIXEL, PIXEL)), measure_slice(mask, (PIXEL, PIXEL))

    assert (sure.mean_mm.mean, sure.mean_mm.sd) == pytest.approx((plain.mean_mm, plain.mean_sd_mm))
    assert (sure.area_mm2.mean, sure.highest) == (plain.area_mm2, 1.0)


def test_what_is_likely_elsewhere_does_not_count():
    lonely = soft_disc(4, 0.5)
    crowded = lonely.copy()
    crowded[:8] = 0.6  # a vessel, say, that the net half believes in

    assert measure_soft_slice(crowded, (PIXEL, PIXEL)) == measure_soft_slice(lonely, (PIXEL, PIXEL))


@settings(max_examples=8, deadline=None)
@given(st.floats(0.1, 1.0), st.floats(2, 6), st.floats(0.2, 1.5))
def test_how_likely_the_nodule_is_changes_highest_and_nothing_else(highest, radius, sd):
    plain = measure_soft_slice(soft_disc(radius, sd), (PIXEL, PIXEL))
    fainter = measure_soft_slice(highest * soft_disc(radius, sd), (PIXEL, PIXEL))

    assert fainter.highest == pytest.approx(highest * plain.highest)
    assert fainter.mean_mm.mean == pytest.approx(plain.mean_mm.mean, abs=0.05)


@settings(max_examples=8, deadline=None)
@given(st.floats(2, 6), st.floats(0.2, 0.8), st.floats(0.3, 1.0))
def test_a_softer_mask_is_less_certain(radius, sd, more):
    firm, soft = (measure_soft_slice(soft_disc(radius, s), (PIXEL, PIXEL)).mean_mm for s in (sd, sd + more))

    assert firm.sd < soft.sd


def test_a_ball_of_uncertain_radius_has_its_expected_volume():
    found = measure_soft_volume(soft_ball(5, 0.6, 0.8), (0.8, PIXEL, PIXEL))
    radii = 5 + 0.6 * np.array([_quantile(k / 20) for k in range(1, 20)])

    assert found.volume_mm3.mean == pytest.approx((4 / 3 * math.pi * radii**3).mean(), rel=0.03)
    assert found.volume_mm3.sd == pytest.approx((4 / 3 * math.pi * radii**3).std(), rel=0.1)
    assert found.largest_slice_index == 12
    assert found.axes.mean_mm.mean == pytest.approx(10, abs=0.2)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.zeros((4, 4)), "values from 0 to 0"),
        (np.full((4, 4), 1.5), "values from 1 to 1.5"),
        (np.full((4, 4), -0.5), "values from -0.5 to 0"),
        (np.full((4, 4), np.nan), "values from nan to nan"),
        (np.ones((4, 4), dtype=bool), "bool with 2 axes"),
        (np.ones((2, 4, 4)), "float64 with 3 axes"),
    ],
)
def test_what_is_no_soft_mask_is_refused(values, found):
    with pytest.raises(BadValue) as caught:
        measure_soft_slice(values, (1.0, 1.0))

    assert caught.value.found == found


def test_an_uncertain_outline_makes_the_volume_three_times_as_uncertain_as_the_diameter():
    measured = measure_volume(soft_ball(5, 0.6, 0.8) >= 0.5, (0.8, PIXEL, PIXEL))
    widened = with_outline_error(measured, 0.5)

    share = 3 * 0.5 / measured.axes.mean_mm
    assert widened.volume_sd_mm3 == pytest.approx(math.hypot(measured.volume_sd_mm3, share * measured.volume_mm3))
    assert with_outline_error(measured, 0.0) == measured
    with pytest.raises(BadValue):
        with_outline_error(measured, -0.1)


@pytest.mark.parametrize(("diameter", "slices"), [(4.0, 2.5), (8.0, 5.0), (12.0, 5.0)])
def test_the_section_error_is_what_slices_miss_of_a_ball(diameter, slices):
    off = np.linspace(-slices / 2, slices / 2, 20001)
    missed = diameter - np.sqrt(np.maximum(diameter**2 - 4 * off**2, 0))

    assert section_sd_mm(diameter, slices) == pytest.approx(math.sqrt((missed**2).mean()), rel=0.2)


@settings(max_examples=50, deadline=None)
@given(st.floats(1, 40), st.floats(0.1, 10), st.floats(0, 3))
def test_thicker_slices_never_make_a_diameter_more_certain(diameter, slices, more):
    assert section_sd_mm(diameter, slices) <= section_sd_mm(diameter, slices + more) <= diameter / math.sqrt(20) + 1e-9
