"""Crops and their table in, one line a nodule out; what cannot be used is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nodule_crops import HU, disc, write_crops, write_table

from radlogic.adapters.perceive import perceive_lung_nodules, read
from radlogic.engine.errors import BadValue, Contradiction, MissingField, NotReadable, TooLarge

IDS = [30, 10, 20]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    hu = np.stack([disc(8, HU["solid"]), disc(14, HU["solid"]), disc(9, HU["non_solid"])])
    return write_crops(tmp_path / "crops.npz", hu, IDS), write_table(tmp_path / "nodules.csv", sorted(IDS))


def test_answers_come_in_the_order_of_the_crops(files):
    found = list(perceive_lung_nodules(*files))

    assert [f["nodule_id"] for f in found] == IDS
    assert found[1]["mean_mm"] > found[0]["mean_mm"]


def test_masks_are_written_in_the_same_order(files, tmp_path):
    found = list(perceive_lung_nodules(*files, tmp_path / "out.npz"))
    with np.load(tmp_path / "out.npz") as written:
        masks = written["masks"]

    assert masks.dtype == np.uint8
    assert masks.shape == (3, 71, 71)
    assert np.argmax(masks.sum(axis=(1, 2))) == np.argmax([f["mean_mm"] for f in found])


def test_no_masks_are_left_half_written(files, tmp_path):
    next(perceive_lung_nodules(*files, tmp_path / "out.npz"))

    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("way", ["same", "dotted", "symlink", "hardlink"])
def test_masks_that_would_replace_what_is_read_are_refused_before_anything_is(files, tmp_path, monkeypatch, which, way):
    source = files[which]
    dotted = tmp_path / ".." / tmp_path.name / source.name
    masks = {"same": source, "dotted": dotted}.get(way, tmp_path / "masks.npz")
    if way == "symlink":
        masks.symlink_to(source)
    if way == "hardlink":
        masks.hardlink_to(source)
    before = source.read_bytes()
    monkeypatch.setattr("radlogic.adapters.perceive.read", lambda *_: pytest.fail("read"))

    with pytest.raises(Contradiction, match="which they would replace"):
        next(perceive_lung_nodules(*files, masks))
    assert source.read_bytes() == before


def test_masks_whose_unfinished_file_would_be_the_crops_are_refused(files, tmp_path):
    crops = files[0].rename(tmp_path / "out.npz.part")

    with pytest.raises(Contradiction, match="file of the crops"):
        next(perceive_lung_nodules(crops, files[1], tmp_path / "out.npz"))


@pytest.mark.parametrize("name", ["loop.npz", "x" * 300])
def test_masks_that_cannot_be_written_are_refused_in_words(files, tmp_path, name):
    if name == "loop.npz":
        (tmp_path / "loop.npz.part").symlink_to(tmp_path / "loop.npz.part")

    with pytest.raises(NotReadable):
        list(perceive_lung_nodules(*files, tmp_path / name))


def test_a_thickness_that_is_not_stated_is_said(tmp_path, files):
    table = write_table(tmp_path / "t.csv", IDS, slice_thickness_mm="")

    assert all("slice thickness not stated" in f["outside"] for f in perceive_lung_nodules(files[0], table))


def test_no_crops_have_no_answers(tmp_path):
    crops = write_crops(tmp_path / "none.npz", np.zeros((0, 71, 71), np.int16), np.zeros(0, int))

    assert list(perceive_lung_nodules(crops, write_table(tmp_path / "t.csv", [1]), tmp_path / "out.npz")) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [("pixel_spacing_mm", "wide"), ("pixel_spacing_mm", -1), ("pixel_spacing_mm", "nan"), ("slice_thickness_mm", 0)],
)
def test_a_length_that_is_none_names_the_nodule(tmp_path, files, column, value):
    with pytest.raises(BadValue, match=f"{column} of nodule 30"):
        read(files[0], write_table(tmp_path / "t.csv", IDS, **{column: value}))


@pytest.mark.parametrize(
    ("hu", "ids"),
    [
        (np.zeros((2, 71, 71), np.float64), [1, 2]),
        (np.zeros((71, 71), np.int16), [1]),
        (np.zeros((2, 71, 71), np.int16), [1, 2, 3]),
        (np.full((1, 71, 71), 70_000, np.int32), [1]),
    ],
)
def test_arrays_that_are_no_crops_are_refused(tmp_path, hu, ids):
    with pytest.raises(BadValue):
        read(write_crops(tmp_path / "bad.npz", hu, ids), write_table(tmp_path / "t.csv", [1, 2, 3]))


def test_a_number_twice_is_refused(tmp_path, files):
    twice = write_crops(tmp_path / "twice.npz", np.zeros((2, 71, 71), np.int16), [1, 1])

    with pytest.raises(Contradiction, match="twice"):
        read(twice, write_table(tmp_path / "t.csv", [1]))
    with pytest.raises(Contradiction, match="twice"):
        read(files[0], write_table(tmp_path / "t.csv", [*IDS, 10]))


def test_a_crop_without_a_row_is_refused(tmp_path, files):
    with pytest.raises(MissingField, match="no row for 20"):
        read(files[0], write_table(tmp_path / "t.csv", [10, 30]))


def test_a_table_without_spacing_is_refused(tmp_path, files):
    (tmp_path / "t.csv").write_text("nodule_id\n10\n20\n30\n", encoding="utf-8")

    with pytest.raises(MissingField, match="pixel_spacing_mm"):
        read(files[0], tmp_path / "t.csv")


def test_an_npz_without_hu_is_refused(tmp_path, files):
    np.savez(tmp_path / "bad.npz", nodule_id=np.arange(3))

    with pytest.raises(MissingField, match="hu"):
        read(tmp_path / "bad.npz", files[1])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"nodule_id\n1\n", "Ã".encode("latin-1")])
def test_bytes_that_are_no_npz_or_csv_are_refused(tmp_path, files, content):
    bad = tmp_path / "bad"
    bad.write_bytes(content)

    with pytest.raises(NotReadable):
        read(bad, files[1])


def test_objects_are_never_unpickled(tmp_path, files):
    np.savez(tmp_path / "bad.npz", hu=np.array([{}], dtype=object), nodule_id=np.arange(1))

    with pytest.raises(NotReadable):
        read(tmp_path / "bad.npz", files[1])


def test_a_table_that_is_no_text_is_refused(tmp_path, files):
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(NotReadable, match="CSV"):
        read(files[0], tmp_path / "t.csv")


def test_absent_files_are_refused(tmp_path, files):
    with pytest.raises(NotReadable):
        read(tmp_path / "none.npz", files[1])
    with pytest.raises(NotReadable):
        read(files[0], tmp_path / "none.csv")
    with pytest.raises(NotReadable, match="folder"):
        list(perceive_lung_nodules(*files, tmp_path / "no" / "out.npz"))


def test_more_than_fits_is_refused_before_it_is_read(monkeypatch, files):
    monkeypatch.setattr("radlogic.adapters.perceive.LARGEST_BYTES", 1000)

    with pytest.raises(TooLarge, match="Split"):
        read(*files)
