"""Sizes of masks, held against shapes whose sizes are known."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radlogic.engine.errors import BadValue
from radlogic.engine.perception.measure import Axes, measure_slice, measure_volume

Mask = NDArray[np.bool_]
TRIES = 40
SPACINGS = {"0.7 x 0.7": (0.7, 0.7), "0.5 x 0.5": (0.5, 0.5), "0.6 x 0.8": (0.6, 0.8)}


def ellipse(
    long_mm: float, short_mm: float, turned: float, centre: tuple[float, float], spacing: tuple[float, float]
) -> Mask:
    """The pixels whose centres lie in an ellipse, ``centre`` in mm from that of the middle pixel."""
    reach = int(long_mm / min(spacing)) // 2 + 3
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    y, x = rows * spacing[0] - centre[0], columns * spacing[1] - centre[1]
    along, aside = x * math.cos(turned) + y * math.sin(turned), y * math.cos(turned) - x * math.sin(turned)
    return np.asarray((2 * along / long_mm) ** 2 + (2 * aside / short_mm) ** 2 <= 1)


def measured(long_mm: float, ratio: float, spacing: tuple[float, float]) -> list[Axes]:
    """The ellipse in many positions and directions on the grid."""
    random = np.random.default_rng(int(long_mm * 100 + ratio * 10))
    shifts = random.uniform(-0.5, 0.5, (TRIES, 2)) * spacing
    turns = random.uniform(0, math.pi, TRIES)
    masks = (ellipse(long_mm, long_mm * ratio, t, (s[0], s[1]), spacing) for t, s in zip(turns, shifts, strict=True))
    return [measure_slice(mask, spacing) for mask in masks]


SHAPES = list(product((4, 6, 8, 12, 20, 30), (1.0, 0.85, 0.7, 0.5)))


@pytest.mark.parametrize("spacing", SPACINGS.values(), ids=SPACINGS.keys())
@pytest.mark.parametrize(("long_mm", "ratio"), SHAPES)
def test_discs_and_ellipses_are_measured_without_bias(
    long_mm: float, ratio: float, spacing: tuple[float, float]
) -> None:
    found = measured(long_mm, ratio, spacing)

    assert np.mean([axes.mean_mm for axes in found]) == pytest.approx(long_mm * (1 + ratio) / 2, abs=0.18)
    assert np.mean([axes.long_mm for axes in found]) == pytest.approx(long_mm, abs=0.3)
    assert np.mean([axes.short_mm for axes in found]) == pytest.approx(long_mm * ratio, abs=0.3)


@pytest.mark.parametrize("spacing", SPACINGS.values(), ids=SPACINGS.keys())
def test_the_stated_errors_hold_the_truth(spacing: tuple[float, float]) -> None:
    held, shapes = {"long": 0, "short": 0, "mean": 0}, SHAPES[::3]
    for long_mm, ratio in shapes:
        for axes in measured(long_mm, ratio, spacing):
            held["long"] += abs(axes.long_mm - long_mm) <= 2 * axes.sd_mm
            held["short"] += abs(axes.short_mm - long_mm * ratio) <= 2 * axes.sd_mm
            held["mean"] += abs(axes.mean_mm - long_mm * (1 + ratio) / 2) <= 2 * axes.mean_sd_mm

    assert min(held.values()) >= 0.93 * TRIES * len(shapes)
    assert axes.mean_sd_mm < axes.sd_mm < 0.5


masks = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda shape: (
        st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])
        .filter(any)
        .map(lambda bits: np.array(bits).reshape(shape))
    )
)
spacings = st.tuples(st.floats(0.3, 2), st.floats(0.3, 2))


def same(one: Axes, other: Axes, tolerance: float = 1e-9) -> bool:
    """Whether both have the same sizes."""
    pairs = [(one.long_mm, other.long_mm), (one.short_mm, other.short_mm), (one.area_mm2, other.area_mm2)]
    return all(math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) for a, b in pairs)


@settings(max_examples=60, deadline=None)
@given(masks, spacings, st.integers(0, 5), st.integers(0, 5))
def test_where_the_mask_lies_in_its_array_does_not_matter(
    mask: Mask, spacing: tuple[float, float], up: int, left: int
) -> None:
    moved = np.pad(mask, ((up, 2), (left, 1)))

    assert same(measure_slice(moved, spacing), measure_slice(mask, spacing))


# Parts of equal size are told apart by their place, so these turn and mirror one part only.
joined = masks.filter(lambda mask: measure_slice(mask, (1, 1)).parts == 1)


@settings(max_examples=60, deadline=None)
@given(joined, st.floats(0.3, 2), st.integers(1, 3), st.booleans())
def test_turned_by_right_angles_or_mirrored_it_is_as_large(
    mask: Mask, spacing: float, turns: int, mirror: bool
) -> None:
    turned = np.rot90(mask[::-1] if mirror else mask, turns)

    assert same(measure_slice(turned, (spacing, spacing)), measure_slice(mask, (spacing, spacing)), 1e-6)


@settings(max_examples=60, deadline=None)
@given(masks, spacings, st.floats(0.1, 10))
def test_sizes_scale_with_the_spacing(mask: Mask, spacing: tuple[float, float], factor: float) -> None:
    one = measure_slice(mask, spacing)
    scaled = measure_slice(mask, (spacing[0] * factor, spacing[1] * factor))

    assert math.isclose(scaled.long_mm, factor * one.long_mm, rel_tol=1e-9)
    assert math.isclose(scaled.short_mm, factor * one.short_mm, rel_tol=1e-6)
    assert math.isclose(scaled.area_mm2, factor**2 * one.area_mm2, rel_tol=1e-9)
    assert math.isclose(scaled.sd_mm, factor * one.sd_mm, rel_tol=1e-9)


@settings(max_examples=60, deadline=None)
@given(masks, spacings)
def test_the_long_axis_is_never_the_shorter_and_both_are_above_zero(mask: Mask, spacing: tuple[float, float]) -> None:
    axes = measure_slice(mask, spacing)

    assert 0 < axes.short_mm <= axes.long_mm * (1 + 1e-9)
    assert axes.short_mm <= axes.mean_mm <= axes.long_mm * (1 + 1e-9)


@settings(max_examples=25, deadline=None)
@given(st.floats(5, 25), st.floats(0.5, 1), st.floats(0, math.pi), st.floats(0, math.pi))
def test_turned_by_any_angle_it_is_nearly_as_large(long_mm: float, ratio: float, one: float, other: float) -> None:
    a, b = (measure_slice(ellipse(long_mm, long_mm * ratio, t, (0, 0), (0.5, 0.5)), (0.5, 0.5)) for t in (one, other))

    assert a.long_mm == pytest.approx(b.long_mm, abs=1.0)
    assert a.mean_mm == pytest.approx(b.mean_mm, abs=0.7)


def test_a_single_pixel_is_about_a_disc_of_its_area() -> None:
    axes = measure_slice(np.ones((1, 1), bool), (1.0, 1.0))

    assert axes.long_mm == axes.short_mm == pytest.approx(math.sqrt(4 / math.pi) - 0.18)


@pytest.mark.parametrize("line", [np.ones((1, 9), bool), np.ones((9, 1), bool), np.eye(9, dtype=bool)])
def test_a_line_has_a_length_and_hardly_a_width(line: Mask) -> None:
    axes = measure_slice(line, (1.0, 1.0))

    assert axes.long_mm == pytest.approx(8 * (math.sqrt(2) if line.shape == (9, 9) else 1) + 0.7, abs=0.4)
    assert 0.3 < axes.short_mm < 1


def test_the_short_axis_is_a_chord_and_not_the_whole_width() -> None:
    """A slanted shape is wider, seen along its long axis, than the longest line across it."""
    rows, columns = np.mgrid[:60, :60]
    slanted = np.abs(rows - 30) + np.abs(columns - 30 - 0.5 * (rows - 30)) <= 20

    axes = measure_slice(slanted, (1.0, 1.0))

    corners = np.array([[10, 20], [50, 40], [30, 50], [30, 10]])
    assert axes.long_mm == pytest.approx(math.dist(corners[0], corners[1]), abs=0.8)
    across = abs(np.cross([40, 20, 0], [0, 40, 0])[2]) / math.dist(corners[0], corners[1])
    assert axes.short_mm < across + 0.5


def test_the_largest_part_is_measured_and_the_parts_are_counted() -> None:
    mask = np.zeros((40, 40), bool)
    mask[2:4, 2:4] = True
    mask[20:30, 20:30] = True
    mask[30, 30] = True  # touches at a corner: the same part

    axes = measure_slice(mask, (1.0, 1.0))

    assert (axes.parts, axes.area_mm2) == (2, 101.0)
    assert axes.long_mm < 16


def ball(diameter: float, spacing: tuple[float, float, float], centre: NDArray[np.float64]) -> Mask:
    """The voxels whose centres lie in a ball, ``centre`` in mm from that of the middle voxel."""
    reach = [int(diameter / s) // 2 + 2 for s in spacing]
    z, y, x = (np.arange(-n, n + 1) * s - c for n, s, c in zip(reach, spacing, centre, strict=True))
    return np.asarray(z[:, None, None] ** 2 + (y**2)[:, None] + x**2 <= (diameter / 2) ** 2)


@pytest.mark.parametrize("spacing", [(2.5, 0.7, 0.7), (1.0, 0.6, 0.8), (0.7, 0.7, 0.7)])
@pytest.mark.parametrize("diameter", [5, 8, 12, 20])
def test_balls_have_their_volume_and_diameter(diameter: float, spacing: tuple[float, float, float]) -> None:
    truth = math.pi / 6 * diameter**3
    centres = np.random.default_rng(diameter).uniform(-0.5, 0.5, (TRIES, 3)) * spacing

    found = [measure_volume(ball(diameter, spacing, centre), spacing) for centre in centres]

    assert np.mean([one.volume_mm3 for one in found]) == pytest.approx(truth, rel=0.03)
    assert np.mean([abs(one.volume_mm3 - truth) <= 2 * one.volume_sd_mm3 for one in found]) >= 0.8
    assert np.mean([one.axes.mean_mm for one in found]) == pytest.approx(diameter, abs=0.25)


def test_a_volume_counts_its_voxels() -> None:
    mask = ball(8, (2.0, 0.5, 0.5), np.zeros(3))

    assert measure_volume(mask, (2.0, 0.5, 0.5)).volume_mm3 == np.count_nonzero(mask) * 0.5


def test_the_axes_are_those_of_the_slice_with_the_largest_area() -> None:
    mask = np.zeros((3, 30, 30), bool)
    mask[0, 5:25, 5:7] = True  # longer, and smaller
    mask[2, 10:20, 10:20] = True

    found = measure_volume(mask, (1.0, 1.0, 1.0))

    assert found.largest_slice_index == 2
    assert found.axes == measure_slice(mask[2], (1.0, 1.0), 1.0)


@pytest.mark.parametrize(
    ("mask", "spacing", "field", "found"),
    [
        (np.zeros((3, 3), bool), (1.0, 1.0), "", "no pixel"),
        (np.ones((3, 3), np.uint8), (1.0, 1.0), "", "uint8 with 2 axes"),
        (np.ones((2, 3, 3), bool), (1.0, 1.0), "", "bool with 3 axes"),
        (np.ones((3, 3), bool), (1.0, 0.0), "spacing_mm", "(1.0, 0.0)"),
        (np.ones((3, 3), bool), (math.nan, 1.0), "spacing_mm", "(nan, 1.0)"),
    ],
)
def test_what_cannot_be_measured_is_refused(mask: Mask, spacing: tuple[float, float], field: str, found: str) -> None:
    with pytest.raises(BadValue) as caught:
        measure_slice(mask, spacing)

    assert (caught.value.field, caught.value.found) == (field, found)
