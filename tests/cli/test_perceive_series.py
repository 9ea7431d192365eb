"""A CT series and where its nodules are in, one JSON object a nodule out, in the order given."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date

import command
import numpy as np
import pytest
from nodule_balls import UPRIGHT, ball
from PIL import Image
from sr_zoo import SERIES, sound_segmentation, write

from radlogic.adapters import perceive_series as perceive_series_module
from radlogic.adapters.dicom.series import read_series
from radlogic.adapters.dicom.write import write_series
from radlogic.adapters.perceive_series import perceive_series, position, record
from radlogic.engine.errors import BadValue, Contradiction, MissingField, NotReadable
from radlogic.engine.perception.candidates import CandidateFinder, Search
from radlogic.engine.perception.detect import Candidate
from radlogic.engine.perception.in_series import nodule_at
from radlogic.engine.perception.lung_nodule import LungNodule
from radlogic.engine.perception.solid import solid_component
from radlogic.engine.perception.volume import Acquisition, Volume

FIELDS = {
    "finding", "position_mm", "slice", "texture", "texture_set", "mean_mm", "mean_mm_sd", "mean_mm_interval90",
    "long_mm", "short_mm", "calcified", "spiculated", "lobulated", "sharp_margin", "malignancy_opinion", "seen",
    "mask_long_mm", "mask_short_mm", "volume_mm3", "volume_mm3_sd", "solid_component", "in_distribution",
    "ood_score", "outside",
}  # fmt: skip


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A series on disk, and the place of its nodule."""
    volume, centre = ball(12, shape=(24, 80, 80))
    folder = tmp_path_factory.mktemp("series")
    write_series(volume, folder / "ct", patient_id="p", description="balls", date=date(2026, 1, 2))
    return folder / "ct", centre


def at(centre, x=0.0):
    return f"{centre[0] + x:.2f},{centre[1]:.2f},{centre[2]:.2f}"


def records(result):
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def test_points_and_stated_findings_are_answered_in_their_order(series, tmp_path):
    folder, centre = series
    (tmp_path / "f.json").write_text(
        json.dumps({"nodules": [{"tracking_id": "n7", "position_mm": [round(p, 2) for p in centre]}]})
    )

    result = command.run(
        "perceive", "series", folder, "--at", at(centre), "--at", at(centre, 20), "--findings", tmp_path / "f.json"
    )

    first, beside, stated = records(result)
    assert set(first) >= FIELDS
    assert [r["finding"] for r in (first, beside, stated)] == ["at 1", "at 2", "n7"]
    assert (first["seen"], beside["in_distribution"]) == (True, False)
    assert {k: v for k, v in stated.items() if k != "finding"} == {k: v for k, v in first.items() if k != "finding"}


FOUND = FIELDS - {"finding", "position_mm", "slice", "seen", "in_distribution", "ood_score", "outside"}
OF_THE_MASK = {"mask_long_mm", "mask_short_mm", "volume_mm3", "volume_mm3_sd"}


def test_where_no_nodule_is_seen_only_the_reasons_are_given(series):
    folder, centre = series

    (found,) = perceive_series(read_series(folder), [(centre[0] + 20, centre[1], centre[2])])

    assert not found["seen"]
    assert found["outside"]
    assert {name: found[name] for name in FOUND} == dict.fromkeys(FOUND)


def test_where_a_nodule_is_seen_its_sizes_are_given(series):
    folder, centre = series

    (found,) = perceive_series(read_series(folder), [centre])

    assert found["mask_long_mm"] >= found["mask_short_mm"] > 9
    assert all(found[name] is not None for name in FOUND - {"solid_component"})


def with_solid_part(hu):
    """A nodule's record, as if it may be part-solid, in a mask whose inside has these HU."""
    volume, centre = ball(12, shape=(24, 80, 80))
    found = nodule_at(volume, centre, LungNodule())
    inside = np.full(found.mask.shape, hu, np.int16)
    return record("n", replace(found, solid=solid_component(inside, found.mask, found.spacing_mm)), volume)


def test_a_solid_part_that_is_not_seen_has_a_bound_and_no_volume():
    solid = with_solid_part(-600)["solid_component"]

    assert solid["at_most_mm3"] == pytest.approx(np.pi / 6 * (5 * 0.7) ** 3)
    assert {v for n, v in solid.items() if n != "at_most_mm3"} == {None}


def test_a_solid_part_that_is_seen_has_a_volume_and_no_bound():
    solid = with_solid_part(40)["solid_component"]

    assert solid["volume_mm3"] > 500
    assert solid["at_most_mm3"] is None


@pytest.mark.parametrize(("hu", "thickness", "outside"), [
    (-1000, 1.25, ["no lung found in the images"]),
    (40, 5.0, ["no lung found in the images", "slice thickness 5 mm, measured on up to 2.5 mm"]),
])  # fmt: skip
def test_a_search_without_candidates_is_told_and_is_no_negative(tmp_path, hu, thickness, outside):
    empty = Volume(np.full((6, 40, 40), hu, np.int16), (1.25, 0.7, 0.7), (0.0, 0.0, 0.0), UPRIGHT,
                   Acquisition(slice_thickness_mm=thickness))  # fmt: skip
    write_series(empty, tmp_path / "ct", patient_id="p", description="nothing", date=date(2026, 1, 2))

    (said,) = records(command.run("perceive", "series", tmp_path / "ct", "--find"))

    assert said == {
        "finder": "candidate-finder",
        "looked": False,
        "candidates": 0,
        "outside": outside,
        "review_required": True,
        "note": "no candidate does not mean no nodule",
    }


def test_candidates_come_before_the_record_of_their_search(series, monkeypatch):
    folder, centre = series
    search = Search((Candidate(centre, 12.0, 0.9),), looked=True, outside=())
    monkeypatch.setattr(CandidateFinder, "search", lambda *_: search)

    first, second, last = perceive_series(read_series(folder), [centre], find=True)

    assert [r.get("found_by_program", {}).get("score") for r in (first, second)] == [None, 0.9]
    assert (last["looked"], last["candidates"], last["review_required"]) == (True, 1, True)


@pytest.fixture
def without_saliency(monkeypatch):
    """As in an installation that lacks the extra: pictures are drawn in a moment."""
    for name in [n for n in sys.modules if n.split(".")[0] == "xaitk_saliency"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "xaitk_saliency", None)


def test_each_nodule_that_is_seen_has_a_picture_named_by_its_order(series, tmp_path, without_saliency):
    folder, centre = series
    points = ["--at", at(centre, 20), "--at", at(centre)]

    plain = records(command.run("perceive", "series", folder, *points))
    found = records(command.run("perceive", "series", folder, *points, "--pictures", tmp_path))

    assert [r.pop("picture") for r in found] == [None, "2.png"]
    assert found == plain
    assert [p.name for p in tmp_path.iterdir()] == ["2.png"]
    with Image.open(tmp_path / "2.png") as picture:
        picture.verify()
        assert picture.format == "PNG"


def test_a_picture_shows_the_crop_that_was_read_and_every_reason(series, tmp_path, monkeypatch):
    folder, centre = series
    drawn = []
    monkeypatch.setattr(perceive_series_module, "write_picture", lambda *given: drawn.append(given))

    (found,) = perceive_series(read_series(folder), [centre], pictures=tmp_path)

    ((path, _, hu, spacing_mm, reading, title, sides),) = drawn
    assert (path, title, sides) == (tmp_path / "1.png", "Nodule 1", ("A", "R"))
    assert spacing_mm == pytest.approx(0.7)
    assert hu[reading.mask].mean() > -200 > hu[~reading.mask].mean()
    assert list(reading.outside) == found["outside"]


def test_a_picture_that_cannot_be_written_leaves_nothing_half_written(series, tmp_path, without_saliency):
    folder, centre = series
    (tmp_path / "1.png").mkdir()

    with pytest.raises(NotReadable, match=r"1\.png"):
        next(perceive_series(read_series(folder), [centre], pictures=tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["1.png"]


def test_pictures_need_a_folder(series, tmp_path):
    folder, centre = series

    result = command.run("perceive", "series", folder, "--at", at(centre), "--pictures", tmp_path / "none")

    assert (result.code, result.out) == (2, "")
    assert "no such folder" in result.err


def test_the_slice_is_named_as_the_series_names_it(series):
    folder, centre = series
    volume = read_series(folder)

    (found,) = perceive_series(volume, [centre])

    assert found["slice"]["sop_instance_uid"] == volume.sop_uids[found["slice"]["index"]]
    assert found["slice"]["z_mm"] == pytest.approx(centre[2], abs=3)


@pytest.mark.parametrize(("options", "error", "words"), [
    (["--at", "1,2"], "BadValue", "no three numbers"), (["--at", "a,b,c"], "BadValue", "no three numbers"),
    (["--at", "nan,0,0"], "BadValue", "finite"), (["--at", "0,0,9000"], "BadValue", "outside"),
    ([], "MissingField", "none of them"), (["--seg", "none.dcm"], "PathNotFound", ""),
    (["--findings", "none.json"], "NotReadable", ""),
])  # fmt: skip
def test_what_cannot_be_used_is_refused_before_anything_is_answered(series, options, error, words):
    folder, centre = series
    beside = ["--at", at(centre)] if options else []

    result = command.run("perceive", "series", folder, *beside, *options)

    assert (result.code, result.out) == (2, "")
    assert f"radlogic: {error}" in result.err
    assert words in result.err


def test_a_series_that_is_none_is_refused(tmp_path):
    assert command.run("perceive", "series", tmp_path / "none", "--at", "0,0,0").code == 2


@pytest.mark.parametrize("text", ["", "1;2;3", "1,2,3,4", "x,y,z"])
def test_a_point_is_three_numbers(text):
    with pytest.raises(BadValue, match="X,Y,Z"):
        position(text)


def test_findings_without_a_position_or_without_nodules_are_refused(tmp_path):
    volume, _ = ball(12, shape=(6, 40, 40))
    for nodules, words in [([{"type": "solid", "mean_mm": 8}], "no position"), ([], "none")]:
        path = tmp_path / "f.json"
        path.write_text(json.dumps({"nodules": nodules}))
        with pytest.raises(MissingField, match=words):
            list(perceive_series(volume, findings=path))


def on_ct(series_uid=SERIES, shift=0.0):
    """Lung on the grid that the segmentations of the zoo lie on."""
    hu = np.random.default_rng(0).normal(-850, 20, (20, 40, 36)).astype(np.int16)
    origin = (-12.1 + shift, -22.8, -34.0)
    return Volume(hu, (2.0, 0.7, 0.7), origin, UPRIGHT, Acquisition(series_uid=series_uid, slice_thickness_mm=2.0))


def test_a_segment_keeps_its_volume(tmp_path):
    path = write(sound_segmentation(), tmp_path / "seg.dcm")

    found = list(perceive_series(on_ct(), seg=path))

    assert [r["finding"] for r in found] == ["nodule 1"]
    assert found[0]["volume_mm3"] > 0
    assert found[0]["mask_long_mm"] >= found[0]["mask_short_mm"] > 0
    assert not found[0]["seen"]  # the mask lies in plain lung: what is said is of the mask alone
    assert {name: found[0][name] for name in FOUND - OF_THE_MASK} == dict.fromkeys(FOUND - OF_THE_MASK)


def test_a_segment_of_another_series_is_refused(tmp_path):
    path = write(sound_segmentation(), tmp_path / "seg.dcm")

    with pytest.raises(Contradiction, match="grid"):
        list(perceive_series(on_ct("1.2.3", 0.3), seg=path))
