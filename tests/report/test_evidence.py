"""The evidence picture shows the outline, the axes, the maps and the beliefs where and as they are."""

from __future__ import annotations

import io
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import run
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nodule_crops import HU, disc, drawn_mask, write_crops, write_table
from PIL import Image

from radlogic.adapters.notice import INTENDED_USE
from radlogic.adapters.perceive import perceive_lung_nodules
from radlogic.adapters.report import evidence, evidence_panels
from radlogic.adapters.report.evidence import COLUMN, GAP, HEAD, WIDTH, cut, evidence_png, wrapped
from radlogic.adapters.report.evidence_panels import BLUE, ORANGE, PANEL, SKY, VERMILION, YELLOW, View, font
from radlogic.engine.errors import BadValue, NotReadable
from radlogic.engine.perception.axis_ends import drawn_axes
from radlogic.engine.perception.lung_nodule import NoduleReading
from radlogic.engine.perception.measure import measure_slice
from radlogic.engine.perception.saliency import Saliency, SaliencyMap

SHA = "0123456789abcdef" * 4
MASK = drawn_mask(12)
READING = NoduleReading(
    texture={"non_solid": 0.02, "part_solid": 0.28, "solid": 0.7},
    texture_set=("part_solid", "solid"),
    mean_mm=11.4,
    sd_mm=0.9,
    interval_mm=(9.9, 13.0),
    long_mm=12.1,
    short_mm=10.7,
    signs={"calcified": 0.001, "spiculated": 0.4, "lobulated": 0.3, "sharp_margin": 0.8, "malignancy_opinion": 0.995},
    mask=MASK,
    ood_score=0.7,
    outside=(),
)
CROP = disc(12, HU["solid"])


def planted(where: tuple[slice, slice], change: float, of: str = "solid") -> SaliencyMap:
    fall = np.zeros(CROP.shape, np.float32)
    fall[where] = change
    return SaliencyMap(of, 0.7, fall)


SALIENCY = Saliency((planted(np.s_[30:41, 30:41], 0.3), planted(np.s_[10:20, 10:20], -0.2, "malignancy_opinion")))


def drawn(reading: NoduleReading = READING, saliency: Saliency | None = SALIENCY, **other) -> bytes:
    return evidence_png(CROP, 0.7, reading, saliency, SHA, other.pop("title", "Nodule 7"), **other)


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def panel(page: np.ndarray, row: int, column: int) -> np.ndarray:
    top = HEAD + row * (PANEL + evidence.CAPTION + GAP)
    left = GAP + column * (PANEL + GAP)
    return page[top : top + PANEL, left : left + PANEL]


def of(colour: tuple[int, int, int], page: np.ndarray) -> np.ndarray:
    """Which pixels have exactly this colour."""
    return (page == np.array(colour, np.uint8)).all(axis=2)


@pytest.fixture
def texts(monkeypatch) -> list[str]:
    """Every line of words that is drawn, in order."""
    seen: list[str] = []
    text = evidence.ImageDraw.ImageDraw.text

    def noted(self, at, words, *rest, **options):
        seen.append(words)
        return text(self, at, words, *rest, **options)

    monkeypatch.setattr(evidence.ImageDraw.ImageDraw, "text", noted)
    return seen


# --- outline and axes ------------------------------------------------------------------------------


def lone(shape: tuple[int, int], *at: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(np.array(at).T)] = True
    return mask


L_SHAPE = np.zeros((20, 33), bool)
L_SHAPE[4:15, 6:9] = L_SHAPE[12:15, 6:25] = True
SHAPES = {
    "disc": MASK,
    "one pixel": lone((71, 71), (35, 35)),
    "at the corner": lone((9, 9), (0, 0), (0, 1), (1, 0)),
    "concave and oblong": L_SHAPE,
    "whole crop": np.ones((12, 30), bool),
    "more pixels than the panel": lone((500, 400), (250, 200), (250, 201)),
}


@pytest.mark.parametrize("mask", SHAPES.values(), ids=SHAPES.keys())
def test_the_outline_lies_where_inside_meets_outside_and_nowhere_else(mask):
    """Truth from the enlarged mask: a line of two pixels may touch only pixels within two of a change."""
    view = View(*mask.shape, 0.7)
    image = Image.new("RGB", (PANEL, PANEL))
    evidence_panels.outline(image, mask, view)
    found = of(YELLOW, np.asarray(image))

    left, top = view.corner
    ys, xs = (np.clip(np.floor((np.arange(PANEL) - o + 0.5) / view.scale).astype(int), -1, n) for o, n in ((top, mask.shape[0]), (left, mask.shape[1])))  # fmt: skip  # noqa: E501
    enlarged = np.pad(mask, 1)[np.ix_(ys + 1, xs + 1)]
    near = np.zeros_like(enlarged)
    change = np.zeros_like(enlarged)
    change[1:] |= enlarged[1:] != enlarged[:-1]
    change[:, 1:] |= enlarged[:, 1:] != enlarged[:, :-1]
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            near |= np.roll(change, (dy, dx), (0, 1))
    drawn_near = np.zeros_like(found)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            drawn_near |= np.roll(found, (dy, dx), (0, 1))

    if view.scale >= 1:
        inner = np.s_[3:-3, 3:-3]
        assert not (found & ~near)[inner].any()
        assert drawn_near[inner][change[inner]].all()
    assert found.any()


def ellipse(rows: float, columns: float, turn: float, shift: float) -> np.ndarray:
    y, x = np.mgrid[-20:21, -26:27] + shift
    u, v = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    mask = (u / rows) ** 2 + (v / columns) ** 2 <= 1
    mask[20, 26] = True
    return mask


def measured_part(mask: np.ndarray) -> np.ndarray:
    """Centres of the pixels that hang together with the most others, corners included, by walking over them.

    Of equally many those that come first, row by row.
    """
    left, largest = {(int(row), int(column)) for row, column in np.argwhere(mask)}, []
    for start in sorted(left):
        walk, part = [start] if start in left else [], []
        left.discard(start)
        while walk:
            row, column = walk.pop()
            part.append((row, column))
            around = {(row + dy, column + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= around
            walk += around
        largest = max(largest, part, key=len)
    return np.array(largest)


def masks() -> st.SearchStrategy[np.ndarray]:
    """Ellipses of any direction, whole pixels or less across: thin ones may fall into parts."""

    size = st.floats(1.0, 18.0)
    return st.builds(ellipse, size, size, st.floats(0, 3.1), st.floats(0, 0.5))


@given(masks(), st.sampled_from([0.5, 0.7, 1.0]))
@example(ellipse(18.0, 1.0, 0.5, 0.25), 0.5)  # in two parts: a pixel that is not measured must not be drawn to
@settings(max_examples=30, deadline=None)
def test_axes_are_as_long_as_measured_perpendicular_and_end_on_the_outline(mask, spacing):
    found, measured = drawn_axes(mask, spacing), measure_slice(mask, (spacing, spacing))
    long, short = (np.diff(ends, axis=0)[0] * spacing for ends in (found.long, found.short))

    assert np.hypot(*long) == pytest.approx(measured.long_mm) == pytest.approx(found.long_mm)
    assert np.hypot(*short) == pytest.approx(measured.short_mm) == pytest.approx(found.short_mm)
    assert long @ short == pytest.approx(0, abs=1e-6)
    centres = measured_part(mask)
    for end in (*found.long, *found.short):
        assert np.hypot(*(centres - end).T).min() <= 1.0  # beyond the last pixel's centre by less than a pixel
    for end in found.long:
        inwards = np.mean(found.long, axis=0) - end
        beyond = (centres - end) @ (inwards / np.hypot(*inwards))
        assert beyond.min() >= -0.75  # no pixel of the mask lies past the end of the long axis


def test_axes_of_an_upright_bar_run_along_and_across_it():
    bar = np.zeros((30, 20), bool)
    bar[5:25, 8:13] = True
    found = drawn_axes(bar, 1.0)

    assert abs(found.long[1][0] - found.long[0][0]) > 18
    assert abs(found.short[1][1] - found.short[0][1]) > 3.5


def test_axes_are_drawn_where_they_are_and_their_millimetres_stated(texts):
    page, axes, view = pixels(drawn()), drawn_axes(MASK, 0.7), View(71, 71, 0.7)

    for ends, colour in ((axes.long, SKY), (axes.short, ORANGE)):
        for row, column in ends:
            x, y = view.at(row + 0.5, column + 0.5)
            assert of(colour, panel(page, 0, 0))[y - 2 : y + 3, x - 2 : x + 3].any()
    assert texts.count(f"long {axes.long_mm:.1f} mm") == texts.count(f"short {axes.short_mm:.1f} mm") == 2


def test_an_empty_mask_is_refused():
    with pytest.raises(BadValue, match="at least one"):
        drawn(replace(READING, mask=np.zeros_like(MASK)))


@pytest.mark.parametrize(
    "reading",
    [replace(READING, mask=MASK[:-1]), replace(READING, mask=MASK.T[5:])],
)
def test_a_mask_of_another_crop_is_refused(reading):
    with pytest.raises(BadValue, match="mask"):
        drawn(reading)


def test_a_map_of_another_crop_is_refused():
    other = Saliency((SaliencyMap("solid", 0.5, np.zeros((64, 64), np.float32)),))

    with pytest.raises(BadValue, match="solid"):
        drawn(saliency=other)


# --- greys -----------------------------------------------------------------------------------------


def test_the_lung_window_shows_lung_grey_and_the_soft_tissue_window_black():
    page, at = pixels(drawn()), np.s_[40:90, 40:90]
    lung, soft = (np.median(panel(page, 0, i)[at]) for i in (0, 1))

    assert lung == pytest.approx(255 * (-850 + 1350) / 1500, abs=25)
    assert soft < 10


def test_a_crop_that_is_not_square_is_not_stretched():
    """A drawn square stays one."""
    hu = np.full((31, 71), -1000, np.int16)
    hu[10:20, 30:40] = 1000
    mask = hu > 0
    page = pixels(evidence_png(hu, 0.7, replace(READING, mask=mask), None, SHA, "oblong"))
    rows, columns = np.nonzero(of(YELLOW, panel(page, 0, 0)))

    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)
    assert np.ptp(rows) == pytest.approx(10 * PANEL / 71, abs=3)
    assert (rows.mean(), columns.mean()) == pytest.approx(
        (PANEL / 2 + (15 - 15.5) * PANEL / 71, 35 * PANEL / 71), abs=2
    )


@pytest.mark.parametrize("spacing", [0.3, 0.7, 1.0, 5.0])
def test_the_scale_bar_is_as_long_as_it_says(spacing, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(evidence_panels, "label", lambda _panel, _at, words, _anchor: said.append(words))
    image, view = Image.new("RGB", (PANEL, PANEL), (9, 9, 9)), View(71, 71, spacing)
    evidence_panels.scale_bar(image, view)
    columns = np.flatnonzero(of((255, 255, 255), np.asarray(image)).any(axis=0))

    assert np.ptp(columns) == pytest.approx(float(said[0].split()[0]) * view.scale / spacing, abs=1)
    assert np.ptp(columns) <= PANEL / 3


def test_the_sides_are_written_where_they_are_known_and_said_to_be_unknown_elsewhere(texts):
    drawn()
    assert "The patient's sides are not stated." in texts
    texts.clear()
    drawn(sides=("A", "R"))

    assert texts.count("A") == texts.count("R") == 4
    assert "The patient's sides are not stated." not in texts


# --- saliency --------------------------------------------------------------------------------------


def test_a_place_that_carries_is_orange_one_that_speaks_against_is_blue():
    without = pixels(drawn(saliency=Saliency((planted(np.s_[0:0], 0), planted(np.s_[0:0], 0)))))
    changed = [panel(pixels(drawn()), 1, i).astype(int) - panel(without, 1, i) for i in (0, 1)]
    for i, at, up, down in ((0, 35, 0, 2), (1, 15, 2, 0)):
        rows, columns = np.nonzero(np.abs(changed[i]).sum(axis=2) > 60)
        y = round((at + 0.5) * PANEL / 71)

        assert (rows.mean(), columns.mean()) == pytest.approx((y, y), abs=4)
        assert changed[i][y, y, up] > changed[i][y, y, down]


def test_a_map_of_next_to_nothing_stays_grey(texts):
    flat = Saliency((planted(np.s_[30:41, 30:41], 1e-4),))
    coloured, grey = (pixels(drawn(saliency=s)) for s in (flat, Saliency((planted(np.s_[0:0], 0),))))

    assert np.abs(panel(coloured, 1, 0).astype(int) - panel(grey, 1, 0)).max() <= 2
    assert "falls 5 points" in texts


def test_the_colour_bar_states_the_change_of_the_full_colour(texts):
    drawn()

    assert {"falls 30 points", "rises 30 points", "falls 20 points", "rises 20 points"} <= set(texts)
    assert 'What carries "solid" (70 %)' in texts
    assert "no place changes it by more than 30.0 points" in texts


def test_without_saliency_the_picture_says_so(texts):
    drawn(saliency=None)

    assert any("Saliency was not computed" in words for words in texts)
    assert not any("What carries" in words for words in texts)


def test_orange_and_blue_differ_for_the_colour_blind():
    """Lightness apart from hue, and the blue part, which all but tritanopes see apart."""
    assert abs(VERMILION[2] - BLUE[2]) > 120
    assert abs(VERMILION[0] - BLUE[0]) > 120


# --- words -----------------------------------------------------------------------------------------


def frames(reading: NoduleReading) -> int:
    """Upright dark lines as tall as a frame, just left of the bars."""
    column = pixels(drawn(reading, None))[HEAD:, WIDTH - GAP - COLUMN :]
    dark = column[:, evidence.BAR_AT - 3].astype(int).sum(axis=1) < 100
    edges = np.diff(np.concatenate([[0], dark.astype(int), [0]]))
    return int((np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1) >= 20).sum())


@pytest.mark.parametrize("inside", [("solid",), ("part_solid", "solid"), ("non_solid", "part_solid", "solid")])
def test_classes_of_the_set_are_framed_and_no_other(inside):
    assert frames(replace(READING, texture_set=inside)) == len(inside)


def test_bars_are_as_long_as_the_probabilities():
    page = pixels(drawn())
    column = of(BLUE, page[HEAD:, WIDTH - GAP - COLUMN :])
    starts = np.flatnonzero(np.diff(column.any(axis=1).astype(int)) == 1) + 5
    lengths = [int(column[y].sum()) - 1 for y in starts]

    expected = [*READING.texture.values(), *READING.signs.values()]
    assert lengths == pytest.approx([evidence.BAR * p for p in expected], abs=1)


def test_what_is_believed_is_written(texts):
    drawn()
    said = " ".join(texts)

    for words in (
        "Framed: in the 90 % set (part-solid, solid).",
        "Mean diameter 11.4 mm",
        "90 % of single readers: 9.9 to 13.0 mm",
        "Long 12.1 mm, short 10.7 mm",
        "Like what the net was tested on",
        "0.70, limit 1",
        f"{INTENDED_USE} Not a diagnosis.",
        f"model {SHA[:12]}",
        "Nodule 7",
    ):
        assert words in said
    assert texts.count("70 %") == 1
    assert {"below 1 %", "above 99 %"} <= set(texts)


def test_a_crop_outside_of_the_domain_is_marked_with_every_reason(texts):
    why = ("pixel spacing 2 mm, measured on 0.45 to 1 mm", "slice thickness not stated")
    page = pixels(drawn(replace(READING, outside=why, ood_score=1.4)))
    said = " ".join(texts)

    assert "DO NOT RELY ON THIS" in said
    assert all(reason in said for reason in why)
    assert "Like what" not in said
    assert of(VERMILION, page[:, WIDTH - GAP - COLUMN :]).sum() > 200


def test_all_words_fit_between_the_margins_whatever_is_said(monkeypatch):
    """No words leave the image that they are drawn on, the margins stay white, nothing is wider than its column."""
    clipped: list[str] = []
    text = evidence.ImageDraw.ImageDraw.text

    def checked(self, at, words, fill, font, anchor="la", **options):
        left, top, right, bottom = self.textbbox(at, words, font, anchor)
        width, height = self.im.size
        if left < 0 or top < 0 or right > width or bottom > height:
            clipped.append(words)
        return text(self, at, words, fill, font, anchor, **options)

    monkeypatch.setattr(evidence.ImageDraw.ImageDraw, "text", checked)
    long = replace(
        READING,
        outside=(*("reason " * 30 + str(i) for i in range(12)), "x" * 500),
        texture_set=("non_solid", "part_solid", "solid"),
        mean_mm=123.45,
        interval_mm=(100.0, 234.5),
        ood_score=12345.678,
        signs=dict.fromkeys(READING.signs, 0.999),
    )
    wide = Saliency((planted(np.s_[30:41, 30:41], 0.999, "malignancy_opinion"), planted(np.s_[0:9, 0:9], -1.0)))
    page = pixels(drawn(long, wide, title="W" * 400, sides=("A", "R")))

    assert clipped == []
    assert (page[:, -GAP + 2 :] == 255).all()
    assert (page[:, : GAP - 2] == 255).all()
    assert (page[-4:] == 255).all()
    between = page[HEAD:-40, WIDTH - GAP - COLUMN - GAP + 2 : WIDTH - GAP - COLUMN - 2]
    assert (between == 255).all()
    assert page.shape[0] > pixels(drawn()).shape[0]


@given(st.text(max_size=200), st.integers(30, 400))
@settings(max_examples=40, deadline=None)
def test_cut_and_wrapped_words_fit(words, width):
    assert font(14).getlength(cut(words, width, 14)) <= width
    assert all(font(14).getlength(line) <= width for line in wrapped(words, width, 14))


def test_words_that_fit_are_left_alone():
    assert cut("Nodule 7", 300, 14) == "Nodule 7"
    assert " ".join(wrapped("one two three four five", 60, 14)) == "one two three four five"
    assert len(wrapped("one two three four five", 60, 14)) > 1


# --- the file --------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes():
    assert drawn() == drawn()
    assert drawn() != drawn(replace(READING, mean_mm=11.5))


def test_the_file_says_only_what_made_it():
    with Image.open(io.BytesIO(drawn())) as image:
        image.load()

        assert set(image.text) == {"Software", "Model"}
        assert image.text["Software"].startswith("radlogic ")
        assert image.text["Model"].endswith(SHA)
        assert image.width == WIDTH


# --- the command -----------------------------------------------------------------------------------


@pytest.fixture
def given_files(tmp_path: Path) -> tuple[Path, Path]:
    hu = np.stack([disc(8, HU["solid"]), disc(9, HU["non_solid"])])
    return write_crops(tmp_path / "crops.npz", hu, [30, 10]), write_table(tmp_path / "nodules.csv", [10, 30])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def without_saliency(monkeypatch) -> None:
    """As in an installation that lacks the extra."""
    for name in [n for n in sys.modules if n.split(".")[0] == "xaitk_saliency"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "xaitk_saliency", None)


def test_the_command_writes_one_picture_a_nodule_named_by_its_number(given_files, pictures, without_saliency, texts):
    found = run("perceive", "lung-nodule", *given_files, "--pictures", pictures)

    assert sorted(p.name for p in pictures.iterdir()) == ["10.png", "30.png"]
    assert [json.loads(line)["nodule_id"] for line in found.out.splitlines()] == [30, 10]
    assert {"Nodule 30", "Nodule 10"} <= set(texts)
    assert found.code == 0
    assert sum("Saliency was not computed" in words for words in texts) == 2


@pytest.mark.slow
def test_with_the_extra_the_pictures_have_maps(tmp_path, pictures, texts):
    pytest.importorskip("xaitk_saliency", reason="needs the extra [saliency]")
    crops, table = write_crops(tmp_path / "c.npz", CROP[None], [5]), write_table(tmp_path / "t.csv", [5])
    (record,) = perceive_lung_nodules(crops, table, pictures=pictures)
    said = max(record["texture"], key=record["texture"].get).replace("_", "-")

    assert any(words.startswith(f'What carries "{said}"') for words in texts)
    assert any(words.startswith('What carries "malignancy opinion"') for words in texts)
    with Image.open(pictures / "5.png") as image:
        assert image.size[0] == WIDTH


def test_the_answers_are_the_same_with_and_without_pictures(given_files, pictures, without_saliency):
    assert list(perceive_lung_nodules(*given_files)) == list(perceive_lung_nodules(*given_files, pictures=pictures))


def test_a_folder_that_does_not_exist_is_refused_before_anything_is_answered(given_files, tmp_path):
    found = run("perceive", "lung-nodule", *given_files, "--pictures", tmp_path / "none")

    assert found.code == 2
    assert "no such folder" in found.err
    assert not found.out
    assert not (tmp_path / "none").exists()


def test_a_file_in_place_of_the_folder_is_refused(given_files):
    with pytest.raises(NotReadable, match="no such folder"):
        next(perceive_lung_nodules(*given_files, pictures=given_files[0]))


def test_a_picture_that_cannot_be_written_leaves_nothing_half_written(given_files, pictures, without_saliency):
    (pictures / "30.png").mkdir()  # a folder where the picture should go

    with pytest.raises(NotReadable, match=r"30\.png"):
        next(perceive_lung_nodules(*given_files, pictures=pictures))
    assert [p.name for p in pictures.iterdir()] == ["30.png"]


def test_masks_that_cannot_be_written_leave_nothing_half_written(given_files, tmp_path):
    (tmp_path / "masks.npz").mkdir()

    with pytest.raises(NotReadable, match=r"masks\.npz"):
        list(perceive_lung_nodules(*given_files, tmp_path / "masks.npz"))
    assert not list(tmp_path.glob("*.part"))
