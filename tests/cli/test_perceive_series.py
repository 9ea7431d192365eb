"""A CT series and where its nodules are in, one JSON object a nodule out, in the order given."""

from __future__ import annotations

import json
from datetime import date

import command
import numpy as np
import pytest
from nodule_balls import UPRIGHT, ball
from sr_zoo import SERIES, sound_segmentation, write

from radlogic.adapters.dicom.series import read_series
from radlogic.adapters.dicom.write import write_series
from radlogic.adapters.perceive_series import perceive_series, position
from radlogic.engine.errors import BadValue, Contradiction, MissingField
from radlogic.engine.perception.volume import Acquisition, Volume

FIELDS = {
    "finding", "position_mm", "slice", "texture", "texture_set", "mean_mm", "mean_mm_sd", "mean_mm_interval90",
    "long_mm", "short_mm", "calcified", "spiculated", "lobulated", "sharp_margin", "malignancy_opinion", "seen",
    "volume_mm3", "volume_mm3_sd", "solid_component", "in_distribution", "ood_score", "outside",
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


def test_a_segment_of_another_series_is_refused(tmp_path):
    path = write(sound_segmentation(), tmp_path / "seg.dcm")

    with pytest.raises(Contradiction, match="grid"):
        list(perceive_series(on_ct("1.2.3", 0.3), seg=path))
