"""The solid part of phantoms whose solid part is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nodule_phantoms import Nodule, Scanned, Scanner, scan

from radlogic.engine.errors import BadValue
from radlogic.engine.perception.solid import SolidComponent, solid_component

SIDE = 35  # pixels: enough for what is drawn here, and quick


def found_in(scanned: Scanned) -> SolidComponent:
    return solid_component(scanned.hu, scanned.mask, scanned.spacing_mm)


def part_solid(mean_mm: float, share: float, hu: float = -600) -> Nodule:
    return Nodule((mean_mm * 1.08, mean_mm * 0.92, mean_mm), 0.4, hu, share, 40)


@pytest.mark.parametrize(("mean_mm", "share"), [(10, 0.5), (14, 0.6), (20, 0.4)])
@pytest.mark.parametrize(("kernel", "dose"), [("soft", "standard"), ("sharp", "low")])
@pytest.mark.parametrize(("slice_mm", "within"), [(1.25, 0.3), (2.5, 0.45)])
def test_cores_of_5_mm_or_more_are_found_with_their_size(mean_mm, share, kernel, dose, slice_mm, within):
    nodule = part_solid(mean_mm, share)
    found = found_in(scan(nodule, Scanner(slice_mm, kernel=kernel, dose=dose, side=SIDE), 1))

    assert found.axes is not None
    assert found.at_most_mm3 is None
    assert found.volume_mm3 == pytest.approx(nodule.solid_mm3, rel=within)
    assert abs(found.volume_mm3 - nodule.solid_mm3) <= 2.2 * found.volume_sd_mm3
    assert found.axes.mean_mm == pytest.approx(nodule.solid_mm, abs=0.9)


@pytest.mark.parametrize("hu", [-650, -500, -400])
@pytest.mark.parametrize(("kernel", "dose"), [("soft", "standard"), ("sharp", "low")])
def test_ground_glass_alone_has_no_solid_part(hu, kernel, dose):
    scanned = scan(Nodule((12, 10, 11), 0.5, hu), Scanner(1.25, kernel=kernel, dose=dose, side=SIDE), 3)
    found = found_in(scanned)

    assert (found.volume_mm3, found.axes, found.slice_index) == (0.0, None, None)
    assert 0 < found.volume_sd_mm3 < math.pi / 6 * 3**3  # what may be hidden is smaller than a ball of 3 mm
    assert found.at_most_mm3 == pytest.approx(math.pi / 6 * (5 * scanned.spacing_mm[1]) ** 3)  # five pixels across


@pytest.mark.parametrize("mean_mm", [6, 8, 12])
@pytest.mark.parametrize("slice_mm", [0.6, 1.25, 2.5])
def test_a_solid_nodule_is_solid_to_its_rim(mean_mm, slice_mm):
    scanned = scan(Nodule((mean_mm,) * 3, hu=40), Scanner(slice_mm, side=SIDE), 2)
    whole = scanned.mask.sum() * math.prod(scanned.spacing_mm)

    assert found_in(scanned).volume_mm3 == pytest.approx(whole, rel=0.15)


def test_a_core_with_calcium_is_solid():
    nodule = Nodule((14, 14, 14), 0, -600, 0.5, 400)

    assert found_in(scan(nodule, Scanner(1.25, side=SIDE), 1)).volume_mm3 == pytest.approx(nodule.solid_mm3, rel=0.5)


@pytest.mark.parametrize(("width", "most"), [(1.5, 0.0), (2.0, 0.03), (3.0, 0.08)])
def test_a_thin_vessel_through_ground_glass_is_no_solid_part_and_a_thick_one_counts(width, most):
    nodule = Nodule((14, 12, 13), 0.5, -580, vessel_mm=width)
    found = found_in(scan(nodule, Scanner(1.25, side=SIDE), 1))

    assert found.volume_mm3 <= most * nodule.volume_mm3
    assert (found.volume_mm3 > 0) or width < 2


def test_the_axes_are_those_of_the_slice_where_the_solid_part_is_largest():
    scanned = scan(part_solid(16, 0.5), Scanner(1.25, side=SIDE), 4)
    found = found_in(scanned)

    assert found.slice_index is not None
    assert abs(found.slice_index - int(scanned.core.sum(axis=(1, 2)).argmax())) <= 1


def test_most_intervals_hold_the_truth():
    held = []
    for seed in range(16):
        nodule = part_solid((8, 10, 14)[seed % 3], (0.5, 0.6, 0.7, 0.8)[seed % 4], -620 + 5 * seed)
        scanner = Scanner((1.25, 2.5)[seed % 2], kernel=("soft", "sharp")[seed // 2 % 2], side=31)
        found = found_in(scan(nodule, scanner, seed))
        held.append(abs(found.volume_mm3 - nodule.solid_mm3) <= 1.645 * found.volume_sd_mm3)

    assert np.mean(held) >= 0.75


SMALL = scan(part_solid(10, 0.5), Scanner(1.25, side=25), 5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3))
def test_where_the_nodule_lies_in_its_array_does_not_matter(up, left, before):
    around = ((before, 1), (up, 2), (left, 0))
    padded = np.pad(SMALL.hu, around, constant_values=3000), np.pad(SMALL.mask, around)
    moved, here = solid_component(*padded, SMALL.spacing_mm), found_in(SMALL)

    assert here.slice_index is not None
    assert (moved.volume_mm3, moved.volume_sd_mm3, moved.axes) == (here.volume_mm3, here.volume_sd_mm3, here.axes)
    assert moved.slice_index == here.slice_index + before


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 200))
def test_what_is_denser_is_never_less_solid(more):
    denser = np.where(SMALL.mask, SMALL.hu + more, SMALL.hu).astype(np.int16)
    found = solid_component(denser, SMALL.mask, SMALL.spacing_mm)

    assert found.volume_mm3 >= found_in(SMALL).volume_mm3
    assert found.volume_mm3 <= SMALL.mask.sum() * math.prod(SMALL.spacing_mm) + 1e-9


@pytest.mark.parametrize(
    ("hu", "mask", "spacing"),
    [
        (np.zeros((2, 3, 3), np.int16), np.zeros((2, 3, 3), bool), (1.0, 1.0, 1.0)),
        (np.zeros((2, 3, 4), np.int16), np.ones((2, 3, 3), bool), (1.0, 1.0, 1.0)),
        (np.zeros((2, 3, 3), np.float32), np.ones((2, 3, 3), bool), (1.0, 1.0, 1.0)),
        (np.zeros((3, 3), np.int16), np.ones((3, 3), bool), (1.0, 1.0, 1.0)),
        (np.zeros((2, 3, 3), np.int16), np.ones((2, 3, 3), bool), (0.0, 1.0, 1.0)),
    ],
)
def test_what_does_not_fit_together_is_refused(hu, mask, spacing):
    with pytest.raises(BadValue):
        solid_component(hu, mask, spacing)
