"""Sizes of digitised phantoms over size, shape and slices, and what rounding is left to the rules."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from nodule_phantoms import Nodule, Scanner, drawn, outlined, scan

from radlogic.engine.errors import BadValue
from radlogic.engine.perception.measure import Axes, measure_slice, measure_volume

SEEDS = range(35)


def measured(slice_mm, sizes=(4, 6, 8, 10, 15, 20, 30)):
    """(nodule, what is measured) of each that a slice hits."""
    scanner = Scanner(slice_mm)
    for seed in SEEDS:
        nodule = drawn("solid", sizes[seed % len(sizes)], seed)
        mask, _ = outlined(nodule, scanner, seed)
        if mask.any():
            yield nodule, measure_volume(mask, (slice_mm, scanner.pixel_mm, scanner.pixel_mm))


@pytest.mark.parametrize(("slice_mm", "least"), [(0.6, 0.9), (1.25, 0.9), (2.5, 0.88), (5.0, 0.75)])
def test_the_intervals_of_diameter_and_volume_hold_the_truth(slice_mm, least):
    found = list(measured(slice_mm))
    diameters = [abs(m.axes.mean_mm - n.mean_mm) <= 1.645 * m.axes.mean_sd_mm for n, m in found]
    volumes = [abs(m.volume_mm3 - n.volume_mm3) <= 1.645 * m.volume_sd_mm3 for n, m in found]

    assert len(found) >= 33
    assert np.mean(diameters) >= least
    assert np.mean(volumes) >= least - 0.1


def test_thick_slices_miss_more_and_say_so():
    thin, thick = (list(measured(mm, sizes=(8,))) for mm in (1.25, 5.0))

    assert np.mean([m.axes.mean_mm - n.mean_mm for n, m in thick]) < np.mean([m.axes.mean_mm - 8 for _, m in thin])
    assert min(m.axes.mean_sd_mm for _, m in thick) > 2 * max(m.axes.mean_sd_mm for _, m in thin)
    assert min(m.volume_sd_mm3 for _, m in thick) > max(m.volume_sd_mm3 for _, m in thin)


def test_a_distance_of_slices_that_is_none_is_refused():
    with pytest.raises(BadValue):
        measure_slice(np.ones((3, 3), dtype=bool), (1.0, 1.0), 0.0)


@pytest.mark.parametrize(
    ("long", "short", "tenths"),
    [(6.05, 5.85, ("6.1", "5.9")), (6.04999, 5.949, ("6.0", "5.9")), (0.25, 0.05, ("0.3", "0.1"))],
)
def test_axes_are_given_half_up_to_a_tenth(long, short, tenths):
    axes = Axes(long, short, 1.0, 0.3, 0.2, 1)

    assert axes.tenths_mm == tuple(Decimal(t) for t in tenths)


def test_the_phantoms_themselves_have_the_attenuation_that_they_say():
    plain = replace(Scanner(1.25), noisy=False)
    solid = scan(Nodule((14, 14, 14), hu=40), plain, whole=False).hu[0]
    cored = scan(Nodule((20, 20, 20), hu=-600, core_share=0.5, core_hu=30), plain, whole=False).hu[0]

    assert solid[35, 35] == pytest.approx(40, abs=3)
    assert np.median(solid) == pytest.approx(-850, abs=5)
    assert (cored[35, 35], cored[35, 46]) == pytest.approx((30, -600), abs=25)


def test_the_phantoms_noise_is_as_loud_as_it_says_and_sharp_kernels_overshoot():
    scanner = Scanner(2.5, kernel="sharp", dose="low")
    empty = scan(Nodule((0.1, 0.1, 0.1)), scanner, 3).hu
    loud = 1.4826 * np.median(np.abs(empty - np.median(empty)))  # vessels aside
    edge = scan(Nodule((20, 20, 20), hu=40), replace(scanner, noisy=False), whole=False).hu[0]

    assert loud == pytest.approx(np.hypot(75, 12), rel=0.2)
    assert edge.max() > 60
