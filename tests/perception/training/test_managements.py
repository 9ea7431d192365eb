"""The shipped calibrations: what they are fitted on, and that fitting again gives the same file."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import numpy as np
import pytest
from shared_data import ROOT, shared

from radlogic.engine.calibration_file import read_calibrator
from radlogic.engine.errors import BadValue, NotReadable
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.perception.training import managements as m
from radlogic.engine.perception.training.data import Nodules, load
from radlogic.engine.resources import knowledge_folder

RULES = load_guideline("lung-rads@2022")
BASELINE, NEW = {"status": "baseline"}, {"status": "new"}
DAY = date(2026, 11, 22)


def nodules(ratings, diameters):
    """Nodules with one row of texture ratings and of mean diameters (mm) each."""
    n = len(ratings)
    return Nodules(
        ids=np.arange(10, 10 + n),
        hu=np.zeros((n, 5, 5), np.int16),
        spacing_mm=np.full(n, 0.7, np.float32),
        thickness_mm=np.full(n, 1.25, np.float32),
        patient=np.array([f"p{i // 2}" for i in range(n)]),
        maker=np.array(["GE"] * n),
        readers=np.array([len(r) for r in ratings]),
        mask=np.zeros((n, 5, 5), np.float32),
        ratings=np.zeros((n, 5), np.float32),
        panel_texture=np.array([int(np.digitize(np.floor(np.median(r) + 0.5), [3, 5])) for r in ratings]),
        signs=np.zeros((n, 5), np.float32),
        axes_mm=np.array([[np.mean(d)] * 2 for d in diameters], np.float32),
        reader_masks=tuple(np.zeros((len(r), 5, 5), bool) for r in ratings),
        reader_texture=tuple(np.array(r, np.float32) for r in ratings),
        readings_mm=tuple(np.array(d, np.float32) for d in diameters),
    )


TWO = nodules([[5, 5, 4], [1, 2, 1]], [[6.0, 6.2, 7.0], [12.0, 12.5, 13.0]])


def answer(i, solid=0.9, mean=6.5, outside=()):
    texture = {"non_solid": (1 - solid) / 2, "part_solid": (1 - solid) / 2, "solid": solid}
    return {"nodule_id": i, "texture": texture, "mean_mm": mean, "mean_mm_sd": 0.5, "outside": list(outside)}


def told(tmp_path, *answers):
    file = tmp_path / "answers.ndjson"
    file.write_text("".join(json.dumps(a) + "\n" for a in answers), encoding="utf-8")
    return file


def test_the_panel_is_the_median_texture_and_the_mean_diameter(tmp_path):
    one, other = m.held_out(told(tmp_path, answer(11, outside=["far"]), answer(10)), TWO)

    assert (one.nodule, one.texture, round(one.mean_mm, 4), one.inside) == (10, "solid", 6.4, True)
    assert (other.nodule, other.texture, round(other.mean_mm, 4), other.inside) == (11, "non_solid", 12.5, False)
    assert [(t, round(mm, 4)) for t, mm in one.readers] == [("solid", 6.0), ("solid", 6.2), ("part_solid", 7.0)]


@pytest.mark.parametrize(
    ("texture", "mm", "baseline", "new"),
    [
        ("solid", 3.94, {"2"}, {"2"}),
        ("solid", 3.96, {"2"}, {"3"}),  # 3.96 is 4.0 to 0.1 mm
        ("solid", 5.94, {"2"}, {"3"}),
        ("solid", 5.96, {"3"}, {"4A"}),
        ("solid", 7.94, {"3"}, {"4A"}),
        ("solid", 7.96, {"4A"}, {"4B"}),
        ("solid", 14.94, {"4A"}, {"4B"}),
        ("solid", 14.96, {"4B"}, {"4B"}),
        ("non_solid", 29.94, {"2"}, {"2"}),
        ("non_solid", 29.96, {"3"}, {"3"}),
        ("part_solid", 5.0, {"2"}, {"3"}),
        ("part_solid", 7.0, {"3", "4A"}, {"4A", "4B"}),
        ("part_solid", 12.0, {"3", "4A", "4B"}, {"4A", "4B"}),
    ],
)  # fmt: skip
def test_the_categories_of_texture_and_size_are_those_of_the_printed_table(texture, mm, baseline, new):
    assert m.possible(RULES, BASELINE, texture, mm) == baseline
    assert m.possible(RULES, NEW, texture, mm) == new


def test_the_nets_beliefs_are_read_with_the_same_facts():
    said = m.beliefs({"non_solid": 0.0, "part_solid": 0.0, "solid": 2.0}, 6.95, 0.5)

    found = m.masses(RULES, BASELINE, said)

    # 5.95 to 7.95 mm is two standard deviations to each side: category 3
    assert found[frozenset({"3"})] == pytest.approx(0.9545, abs=1e-3)
    assert sum(found.values()) == pytest.approx(1)


def test_bars_come_from_nodules_inside_the_domain_alone(tmp_path):
    many = nodules([[5, 5, 5]] * 20, [[7.0, 7.0, 7.0]] * 20)
    sure = [answer(i, 1.0, 7.0) for i in range(10, 30)]
    strange = [answer(i, 0.0, 30.0, ["far"]) for i in range(10, 15)]

    all_sure = m.calibrator(RULES, m.held_out(told(tmp_path, *sure), many), "a" * 64, DAY)
    some_strange = m.calibrator(RULES, m.held_out(told(tmp_path, *strange, *sure[5:]), many), "a" * 64, DAY)

    assert (all_sure.cases, some_strange.cases) == (20, 15)
    assert "20 nodules of 10 patients" in all_sure.guarantee
    assert all_sure.at_least["3"] > 0
    assert all_sure.at_least == some_strange.at_least


def test_a_bar_is_the_least_of_the_situations():
    """Solid of 7 mm: 3 at the baseline, 4A where it is new, so that each of the two alone gives one bar."""
    said = m.beliefs({"non_solid": 0.02, "part_solid": 0.0, "solid": 0.98}, 7.0, 0.01)
    held = [m.HeldOut(i, f"p{i}", "GE", 1.0, "solid", 7.0, (), said, True) for i in range(20)]

    bars = m.fitted(RULES, held, 0.9)

    assert bars.keys() == {"3", "4A"}


def test_bars_are_rounded_down():
    assert m.rounded_down(0.1234567) == 0.123456
    assert m.rounded_down(0.0) == 0.0
    assert all(m.rounded_down(k / 1e6 + 4e-7) == k / 1e6 for k in range(0, 125_000, 997))


def test_answers_to_other_nodules_are_refused(tmp_path):
    with pytest.raises(BadValue, match="answers to 1 nodules"):
        m.held_out(told(tmp_path, answer(10)), TWO)
    with pytest.raises(BadValue, match="one to each of 2"):
        m.held_out(told(tmp_path, answer(10), answer(12)), TWO)


@pytest.mark.parametrize(
    "broken", [{"texture": {"solid": 1.0}}, {"mean_mm": None}, {"mean_mm_sd": 0.0}, {"texture": 1}]
)
def test_answers_that_are_none_are_refused(tmp_path, broken):
    with pytest.raises(NotReadable):
        m.held_out(told(tmp_path, answer(10) | broken, answer(11)), TWO)


def test_a_file_that_is_no_json_or_absent_is_refused(tmp_path):
    (tmp_path / "x").write_text("{", encoding="utf-8")
    for file in (tmp_path / "x", tmp_path / "absent"):
        with pytest.raises(NotReadable):
            m.held_out(file, TWO)


def model(tmp_path, **figures):
    folder = tmp_path / "model"
    folder.mkdir()
    said = {"texture_error": 0.5, "false_alarms": 0.5} | figures
    (folder / "metrics.json").write_text(json.dumps({"answer": said, "sha256": "a" * 64}), encoding="utf-8")
    (folder / "sha256").write_text("a" * 64 + "\n", encoding="utf-8")
    return folder


def test_answers_are_taken_for_a_nets_only_if_they_give_the_figures_of_its_card(tmp_path):
    held = m.held_out(told(tmp_path, answer(10), answer(11, outside=["far"])), TWO)

    assert m.check_net(model(tmp_path), held) == "a" * 64
    (tmp_path / "model" / "sha256").write_text("b" * 64, encoding="utf-8")
    with pytest.raises(BadValue, match="sha256"):
        m.check_net(tmp_path / "model", held)


def test_answers_of_another_net_are_refused(tmp_path):
    held = m.held_out(told(tmp_path, answer(10), answer(11, outside=["far"])), TWO)

    with pytest.raises(BadValue, match="texture_error"):
        m.check_net(model(tmp_path, texture_error=0.25), held)
    with pytest.raises(NotReadable):
        m.check_net(tmp_path / "absent", held)


def test_nothing_here_needs_torch():
    code = "import sys, radlogic.engine.perception.training.managements; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.slow
def test_fitting_again_gives_the_shipped_files_bit_for_bit(tmp_path):
    lidc, answers = shared("data/lidc"), ROOT / "out" / "training" / "answers.ndjson"
    if not answers.exists():
        pytest.skip("needs out/training/answers.ndjson, which `make train` leaves")
    folder = knowledge_folder() / "calibration"
    held = m.held_out(answers, load(lidc))
    try:
        sha256 = m.check_net(m.Path(str(knowledge_folder() / "models" / "lung_nodule")), held)
    except BadValue:
        pytest.skip("out/training/answers.ndjson is of another net than the one that ships")
    for name in m.SITUATIONS:
        shipped = read_calibrator(folder / f"{name}.yaml")

        again = m.calibrator(load_guideline(name), held, sha256, shipped.fitted)

        assert m.written(again).encode() == (folder / f"{name}.yaml").read_bytes()
