"""From a point, a box or a mask to the nodule in 3-D; what is no nodule comes out with a reason."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from chest_truth import centre_of, diameters, inside_of
from hypothesis import given, settings
from hypothesis import strategies as st
from nodule_balls import MADE, UPRIGHT, ball
from shared_data import shared

from radlogic.adapters.dicom.series import read_series
from radlogic.engine.errors import BadValue, Unsupported
from radlogic.engine.perception.axial import axial
from radlogic.engine.perception.in_series import nodule_at, nodule_in_box, nodule_of_mask
from radlogic.engine.perception.lung_nodule import LungNodule
from radlogic.engine.perception.measure import measure_volume
from radlogic.engine.perception.reader_error import shipped_reader_error
from radlogic.engine.perception.volume import Acquisition, Volume

EVERY_WAY = [UPRIGHT[list(order)] * np.array(signs)[:, None]
             for order in ((0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)) for signs in ((1, 1, 1), (-1, 1, -1), (1, -1, 1))]  # fmt: skip  # noqa: E501


@cache
def net():
    return LungNodule()


def test_a_ball_is_found_whole_and_measured():
    volume, centre = ball(12)

    found = nodule_at(volume, centre, net())

    assert found.seen
    assert found.position_mm == pytest.approx(centre, abs=0.7)
    assert found.reading.mean_mm == pytest.approx(12, abs=2)
    assert found.measured.volume_mm3 == pytest.approx(math.pi / 6 * 12**3, rel=0.3)
    assert abs(found.slice_index - 19.5) <= 2


@pytest.mark.parametrize("diameter_mm", [6, pytest.param(10, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.slow)])  # fmt: skip  # noqa: E501
def test_every_point_inside_gives_the_same_answer(diameter_mm):
    volume, centre = ball(diameter_mm)
    chance = np.random.default_rng(0)
    ways = chance.normal(size=(5, 3))
    points = ways / np.linalg.norm(ways, axis=1)[:, None] * diameter_mm / 2 * chance.uniform(0, 0.95, (5, 1))

    found = [nodule_at(volume, tuple(np.array(centre) + p), net()) for p in points]

    assert np.ptp([f.reading.mean_mm for f in found]) <= 0.3
    assert len({f.place for f in found}) == 1
    assert len({f.measured.volume_mm3 for f in found}) == 1


def test_thin_slices_are_looked_at_in_steps_and_filled_between():
    volume, centre = ball(12, spacing=(0.625, 0.7, 0.7), shape=(80, 90, 90))

    found = nodule_at(volume, centre, net())

    assert found.measured.volume_mm3 == pytest.approx(math.pi / 6 * 12**3, rel=0.3)
    assert found.mask.any(axis=(1, 2)).all()  # no slice is left out


def test_the_answer_does_not_depend_on_how_rows_and_columns_run():
    volume, centre = ball(12, hu=-20)
    turned = Volume(volume.hu[:, ::-1, ::-1].copy(), volume.spacing_mm, volume.position_of((0, 109, 109)),
                    UPRIGHT * np.array([1, -1, -1])[:, None], MADE)  # fmt: skip

    assert turned.position_of((3, 9, 4)) == pytest.approx(volume.position_of((3, 100, 105)))
    assert nodule_at(turned, centre, net()).reading.texture == nodule_at(volume, centre, net()).reading.texture


def test_pixels_that_are_not_square_are_made_so():
    volume, centre = ball(14, spacing=(1.25, 0.7, 0.9), shape=(40, 110, 90))

    found = nodule_at(volume, centre, net())

    assert found.spacing_mm == (1.25, 0.7, 0.7)
    assert found.reading.mean_mm == pytest.approx(14, abs=2.5)
    assert found.position_mm == pytest.approx(centre, abs=1)


def test_coronal_slices_are_read_across_and_it_is_said():
    coronal = np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]])
    volume, centre = ball(12, spacing=(0.8, 0.8, 0.8), shape=(90, 60, 90), axes=coronal)

    found = nodule_at(volume, centre, net())

    assert found.slice_index is None
    assert any("not axial" in why for why in found.outside)
    assert found.reading.mean_mm == pytest.approx(12, abs=2)


def test_an_oblique_series_is_refused():
    turn = math.radians(45)
    tilted = np.array([[0, math.sin(turn), math.cos(turn)], [0, math.cos(turn), -math.sin(turn)], [1, 0, 0]])
    volume, centre = ball(8, shape=(20, 40, 40), axes=tilted)

    with pytest.raises(Unsupported, match="45 degrees"):
        nodule_at(volume, centre, net())


@pytest.mark.parametrize("position", [(math.nan, 0, 0), (0, math.inf, 0), (1e4, 0, 0), (0, 0, -51), (0.0, 0.0)])
def test_a_position_that_is_none_of_the_series_is_refused(position):
    volume, _ = ball(8, shape=(10, 80, 80))

    with pytest.raises(BadValue):
        nodule_at(volume, position, net())


@pytest.mark.parametrize("hu", [-860, -1000, 40, -100])
def test_where_there_is_no_nodule_it_is_said(hu):
    even = np.random.default_rng(1).normal(hu, 20, (20, 90, 90)).clip(-1024).astype(np.int16)
    volume = Volume(even, (2.5, 0.7, 0.7), (0.0, 0.0, 0.0), UPRIGHT, MADE)

    assert nodule_at(volume, (31.0, 31.0, 24.0), net()).outside


def test_another_modality_slices_too_thick_and_thickness_not_stated_are_said():
    volume, centre = ball(8, shape=(12, 80, 80))
    for made, words in [
        (Acquisition(modality="MR", slice_thickness_mm=2.5), "modality MR"),
        (Acquisition(slice_thickness_mm=10), "slice thickness 10"),
        (Acquisition(), "slice thickness not stated"),
    ]:
        assert any(words in why for why in nodule_at(replace(volume, acquisition=made), centre, net()).outside)


def test_one_slice_has_an_answer_that_says_it_may_be_cut_off():
    volume, centre = ball(12, shape=(1, 110, 110))

    found = nodule_at(volume, centre, net())

    assert found.mask.shape[0] == 1
    assert any("end of the images" in why for why in found.outside)


def test_at_the_corner_of_the_volume_it_may_be_cut_off():
    volume, centre = ball(12, centre=(1, 3, 4))

    assert any("end of the images" in why for why in nodule_at(volume, centre, net()).outside)


def test_a_mass_is_said_to_be_larger_than_the_net_sees():
    volume, centre = ball(60, shape=(60, 130, 130), spacing=(1.25, 0.7, 0.7))

    assert not nodule_at(volume, centre, net()).in_distribution


def test_a_box_means_the_nodule_in_its_middle():
    volume, centre = ball(12)
    box = tuple(np.array(centre) - 7), tuple(np.add(centre, (9, 6, 8)))

    assert nodule_in_box(volume, box, net()).place == nodule_at(volume, centre, net()).place


def test_a_box_beside_the_nodule_is_said_to_be_beside_it():
    volume, centre = ball(12)
    corner = np.add(centre, (7.5, 0, 0))

    assert not nodule_in_box(volume, (tuple(corner), tuple(corner + 1)), net()).seen


def test_an_outline_keeps_its_extent_and_is_read_where_it_is_largest():
    volume, centre = ball(12)
    mask = np.zeros((5, 12, 14), dtype=bool)
    mask[1:4, 2:10, 3:11] = mask[2] = True

    found = nodule_of_mask(volume, mask, (18, 49, 48), net())

    assert found.slice_index == 20
    assert found.measured.volume_mm3 == pytest.approx(np.count_nonzero(mask) * 1.25 * 0.49)
    assert found.position_mm == pytest.approx(centre, abs=2)


def ball_mask(diameter_mm, shape=(40, 110, 110), middle=(19.5, 54.5, 54.5), spacing=(1.25, 0.7, 0.7)):
    """A mask of the whole volume: a ball around its middle."""
    z, y, x = ((np.arange(n) - m) * s for n, m, s in zip(shape, middle, spacing, strict=True))
    return z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= (diameter_mm / 2) ** 2


def contradicted(found):
    return [why for why in found.outside if why.startswith("the outline given")]


def test_an_outline_that_the_net_draws_too_is_not_contradicted():
    volume, _ = ball(12)

    found = nodule_of_mask(volume, ball_mask(12), (0, 0, 0), net())

    assert (found.seen, found.drawn, contradicted(found)) == (True, True, [])


@pytest.mark.parametrize(("nodule_mm", "drawn_mm"), [(28, 6), (6, 24)])
def test_an_outline_of_another_size_than_the_nets_is_contradicted_with_both_sizes(nodule_mm, drawn_mm):
    volume, _ = ball(nodule_mm)

    found = nodule_of_mask(volume, ball_mask(drawn_mm), (0, 0, 0), net())

    (why,) = contradicted(found)
    assert f"given is {found.measured.axes.mean_mm:.1f} mm wide, the net's {found.reading.mean_mm:.1f} mm" in why
    assert found.measured.axes.mean_mm == pytest.approx(drawn_mm, abs=1)
    assert found.reading.mean_mm == pytest.approx(nodule_mm, rel=0.3)


def test_an_outline_of_the_same_size_beside_the_nets_is_contradicted():
    volume, _ = ball(12)

    found = nodule_of_mask(volume, ball_mask(12, middle=(19.5, 54.5, 67.5)), (0, 0, 0), net())

    assert found.seen
    assert len(contradicted(found)) == 1


def test_an_outline_in_plain_lung_is_not_seen():
    lung = np.random.default_rng(1).normal(-860, 20, (40, 110, 110)).astype(np.int16)
    volume = Volume(lung, (1.25, 0.7, 0.7), (0.0, 0.0, 0.0), UPRIGHT, MADE)

    found = nodule_of_mask(volume, ball_mask(10), (0, 0, 0), net())

    assert not found.seen
    assert "the net draws no outline where the mask lies" in found.outside
    assert contradicted(found) == []  # there is no outline to compare


def test_the_error_of_a_given_outlines_volume_is_the_readers_and_not_the_nets():
    volume, _ = ball(12)
    mask = ball_mask(12)
    measured = measure_volume(mask, volume.spacing_mm)
    sd_mm = shipped_reader_error().sd_mm(measured.axes.mean_mm)

    found = nodule_of_mask(volume, mask, (0, 0, 0), net())

    outline = 3 * measured.volume_mm3 * sd_mm / measured.axes.mean_mm
    assert found.measured.volume_sd_mm3 == pytest.approx(math.hypot(measured.volume_sd_mm3, outline))
    assert sd_mm != pytest.approx(found.reading.sd_mm, rel=0.01)


def test_an_outline_smaller_than_what_the_readers_error_was_fitted_on_is_said():
    volume, _ = ball(12)

    found = nodule_of_mask(volume, ball_mask(3), (0, 0, 0), net())

    assert any(why.startswith("the error of the volume is not known") for why in found.outside)


@pytest.mark.parametrize(("mask", "start"), [
    (np.zeros((2, 2, 2), dtype=bool), (0, 0, 0)), (np.ones((2, 2, 2), dtype=bool), (39, 0, 0)),
    (np.ones((2, 2), dtype=bool), (0, 0)), (np.ones((2, 2, 2)), (0, 0, 0)),
    (np.ones((1, 1, 1), dtype=bool), (-1, 0, 0)),
])  # fmt: skip
def test_an_outline_that_is_none_of_the_series_is_refused(mask, start):
    volume, _ = ball(8)

    with pytest.raises(BadValue):
        nodule_of_mask(volume, mask, start, net())


@pytest.mark.parametrize("axes", EVERY_WAY, ids=range(len(EVERY_WAY)))
@settings(max_examples=15, deadline=None)
@given(share=st.tuples(*[st.floats(0, 1)] * 3), spacing=st.tuples(*[st.floats(0.4, 3)] * 3))
def test_positions_go_there_and_back_whatever_way_the_volume_is_stored(axes, share, spacing):
    volume = Volume(np.zeros((5, 7, 9), np.int16), spacing, (3.0, -4.0, 5.0), axes, MADE)
    stored = tuple(s * (n - 1) for s, n in zip(share, volume.hu.shape, strict=True))
    stack = axial(volume)

    index = stack.index_of(volume.position_of(stored))

    assert stack.position_of(index) == pytest.approx(volume.position_of(stored), abs=1e-6)
    assert all(-1e-6 <= i <= n for i, n in zip(index, stack.shape, strict=True))


@pytest.mark.parametrize("axes", EVERY_WAY, ids=range(len(EVERY_WAY)))
def test_a_crop_and_a_mask_show_the_same_voxel(axes):
    hu = np.full((6, 8, 10), -800, np.int16)
    hu[2, 5, 7] = 300
    volume = Volume(hu, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), axes, MADE)
    stack = axial(volume)
    place = tuple(round(i) for i in stack.index_of(volume.position_of((2, 5, 7))))

    mask, start = stack.shown(hu[1:4, 3:7, 6:10] > 0, (1, 3, 6))

    assert stack.crop(place, 5)[2, 2] == 300
    assert tuple((np.argwhere(mask) + start)[0]) == place


@cache
def chest(name):
    return read_series(shared(f"data/chest/{name}.zip"))


NODULES = [("LIDC-IDRI-0001", 0), ("LIDC-IDRI-0003", 0), ("LIDC-IDRI-0003", 1), ("LIDC-IDRI-0003", 2)]


@pytest.mark.slow
@pytest.mark.parametrize(("series", "number"), NODULES)
def test_a_real_nodule_that_four_readers_saw_is_measured_as_they_do_from_any_point_in_it(series, number):
    truth = json.loads(shared("data/chest/truth.json").read_text())[series]
    volume, nodule = chest(series), truth["nodules"][number]
    stated = list(diameters(nodule, truth["pixel_spacing_mm"]))
    points = inside_of(nodule, volume)
    drawn = np.random.default_rng(number).choice(len(points), 20)

    found = [
        nodule_at(volume, volume.position_of(tuple(p)), net()) for p in (centre_of(nodule, volume), *points[drawn])
    ]

    assert nodule["readers"] == 4
    assert min(stated) * 0.9 <= found[0].reading.mean_mm <= max(stated) * 1.1
    assert np.ptp([f.reading.mean_mm for f in found]) <= 0.3
    assert all(f.in_distribution for f in found)


@pytest.mark.slow
@pytest.mark.parametrize(("series", "number"), NODULES)
def test_no_readers_outline_of_a_real_nodule_is_contradicted(series, number):
    volume = chest(series)
    for drawn in json.loads(shared("data/chest/truth.json").read_text())[series]["nodules"][number]["readings"]:
        voxels = inside_of({"readings": [drawn]}, volume, readers=1)
        mask = np.zeros(np.ptp(voxels, axis=0) + 1, dtype=bool)
        mask[tuple((voxels - voxels.min(axis=0)).T)] = True

        found = nodule_of_mask(volume, mask, tuple(voxels.min(axis=0).tolist()), net())

        assert (found.seen, found.outside) == (True, ())


@pytest.mark.slow
def test_a_finding_of_another_organ_is_outside():
    """A liver lesion's place in a contrast CT; the net was never shown any."""
    volume = chest("CRLM-CT-1004")

    assert nodule_at(volume, volume.position_of((15, 230, 160)), net()).outside
