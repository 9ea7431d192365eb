"""Slices below the store: whole, to the voxel, and never shown where they are not what was assessed."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from review_world import small_volume

from radlogic.adapters.store import images
from radlogic.adapters.store.errors import StoreUnavailable
from radlogic.adapters.store.images import GEOMETRY, every_series, images_folder, keep_images, kept_images
from radlogic.engine.errors import BadValue, NotReadable
from radlogic.engine.perception.volume import Acquisition, Volume

NAMES = ("Doe^John", "1.2.840.99.4711", "Site General")


@pytest.fixture(autouse=True)
def nothing_remembered():
    images._remembered.cache_clear()


@given(
    st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1),
    st.tuples(*[st.floats(0.1, 10)] * 3), st.tuples(*[st.floats(-500, 500)] * 3),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_a_series_comes_back_to_the_voxel_and_to_the_micron(tmp_path_factory, k, r, c, seed, spacing, origin):
    hu = np.random.default_rng(seed).integers(-32768, 32768, (k, r, c)).astype(np.int16)
    volume = Volume(hu, spacing, origin, np.eye(3)[[2, 1, 0]])
    folder = tmp_path_factory.mktemp("images")
    found = kept_images(folder, keep_images(folder, volume))

    assert found is not None
    assert (found.volume().hu == hu).all()
    assert found.volume().sha256() == volume.sha256()


def test_a_slab_lies_where_its_slice_lies(tmp_path):
    volume = small_volume()
    found = kept_images(tmp_path, keep_images(tmp_path, volume))

    assert (found.slab(4).hu[0] == volume.hu[4]).all()
    assert found.slab(4).position_of((0, 3, 5)) == pytest.approx(volume.position_of((4, 3, 5)))


def test_nothing_of_the_header_is_kept(tmp_path):
    about = Acquisition(manufacturer=NAMES[2], study_uid=NAMES[1], series_uid=NAMES[1])
    volume = replace(small_volume(), acquisition=about, sop_uids=(NAMES[1],) * 6, notes=(NAMES[0],))
    keep_images(tmp_path, volume)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    content = b"".join(gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in files)

    assert set(json.loads(next(p for p in files if p.name == GEOMETRY).read_text())) == {
        "version", "shape", "spacing_mm", "origin_mm", "axes", "slices",
    }  # fmt: skip
    assert not any(name.encode() in content or name in str(p) for name in NAMES for p in files)


def test_files_are_the_owners_alone(tmp_path):
    keep_images(tmp_path / "below", small_volume())

    assert {p.stat().st_mode & 0o077 for p in (tmp_path / "below").rglob("*")} == {0}


def test_keeping_the_same_series_again_changes_nothing(tmp_path):
    sha = keep_images(tmp_path, small_volume())
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / sha).iterdir()}

    assert keep_images(tmp_path, small_volume()) == sha
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / sha).iterdir()} == before


def test_several_that_keep_the_same_series_at_once_leave_one(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda _: keep_images(tmp_path, small_volume()), range(16)))

    assert list(every_series(tmp_path)) == [kept[0]]
    assert [p.name for p in tmp_path.iterdir()] == [kept[0]]
    assert kept_images(tmp_path, kept[0]) is not None


def test_what_cannot_be_written_whole_is_not_there_at_all(tmp_path, monkeypatch):
    written = images._write

    def full_disk(path, content):
        if path.name.startswith("00003"):
            raise OSError(28, "No space left on device")
        written(path, content)

    monkeypatch.setattr(images, "_write", full_disk)
    with pytest.raises(StoreUnavailable, match="No space left"):
        keep_images(tmp_path, small_volume())

    assert list(tmp_path.iterdir()) == []


def damage(folder, how):
    first, geometry = folder / "00000.hu.gz", folder / GEOMETRY
    raw = bytearray(gzip.decompress(first.read_bytes()))
    raw[7] ^= 1
    read = json.loads(geometry.read_text())
    changes = {
        "a voxel": lambda: first.write_bytes(gzip.compress(bytes(raw))),
        "a cut file": lambda: first.write_bytes(first.read_bytes()[:-9]),
        "no gzip": lambda: first.write_bytes(b"slice"),
        "a file that is gone": first.unlink,
        "no geometry": geometry.unlink,
        "geometry that is no JSON": lambda: geometry.write_text("{"),
        "another spacing": lambda: geometry.write_text(json.dumps({**read, "spacing_mm": [1, 1, 1]})),
        "another origin": lambda: geometry.write_text(json.dumps({**read, "origin_mm": [0, 0, 1]})),
        "slices in another order": lambda: swap(folder, geometry, read),
    }
    changes[how]()


def swap(folder, geometry, read):
    one, two = folder / "00000.hu.gz", folder / "00001.hu.gz"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    hashes = read["slices"]
    geometry.write_text(json.dumps({**read, "slices": [hashes[1], hashes[0], *hashes[2:]]}))


DAMAGES = (
    "a voxel", "a cut file", "no gzip", "a file that is gone", "no geometry", "geometry that is no JSON",
    "another spacing", "another origin", "slices in another order",
)  # fmt: skip


@pytest.mark.parametrize("how", DAMAGES)
def test_a_series_that_is_not_as_it_was_kept_is_not_shown(tmp_path, how):
    sha = keep_images(tmp_path, small_volume())
    images._remembered.cache_clear()
    damage(tmp_path / sha, how)

    with pytest.raises(NotReadable):
        kept_images(tmp_path, sha)


def test_a_slice_that_is_changed_after_the_series_was_opened_is_not_shown_either(tmp_path):
    sha = keep_images(tmp_path, small_volume())
    found = kept_images(tmp_path, sha)
    damage(tmp_path / sha, "a voxel")

    with pytest.raises(NotReadable, match="slice 1"):
        found.packed(0)


@pytest.mark.parametrize("number", [-1, 6, 10**9])
def test_a_slice_that_is_not_there_is_refused(tmp_path, number):
    found = kept_images(tmp_path, keep_images(tmp_path, small_volume()))

    with pytest.raises(BadValue, match="0 to 5"):
        found.packed(number)


@pytest.mark.parametrize("name", ["", "..", "../store", "0" * 63, "G" * 64, "0" * 64, "/etc/passwd", "0" * 63 + "/"])
def test_a_name_that_is_no_hash_of_a_kept_series_finds_nothing(tmp_path, name):
    assert kept_images(tmp_path, name) is None


def test_slices_lie_below_a_folder_and_of_a_database_where_it_is_said(tmp_path):
    assert images_folder(tmp_path) == tmp_path / "images"
    assert images_folder("postgresql://somewhere/db") is None
    assert images_folder("postgresql://somewhere/db", tmp_path) == tmp_path
