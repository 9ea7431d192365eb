"""Every beast of the zoo gets its own error, before memory is taken, in a sentence that a person can act on."""

import os
import tracemalloc
import zipfile
from pathlib import Path
from struct import pack

import numpy as np
import pytest
from dicom_images import SIZE, enhanced, save_one, series, write_series, zipped
from dicom_zoo import BEASTS, EXPECTED, ZOO
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.pixels import get_decoder
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from radlogic.adapters.dicom import errors, files, limits, structure
from radlogic.adapters.dicom.series import read_series
from radlogic.engine import errors as core
from radlogic.engine.errors import InputError

HOSTILE = [
    "zip_bomb",
    "deflate_bomb",
    "nested_sequences",
    "million_items",
    "header_without_end",
    "value_without_measure",
]
HOSTILE += ["declared_gigapixels", "declared_many_frames", "jpeg2000_of_another_size"]


def refusal(path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_series(path)
    return caught.value


@pytest.mark.parametrize("name", ZOO)
def test_a_broken_input_gets_its_own_error_that_names_place_and_cure(name, tmp_path):
    if name == "compressed_without_codec" and get_decoder(JPEGLosslessSV1).is_available:
        pytest.skip("the extra codecs is installed, so that JPEG lossless is read")
    path = ZOO[name](tmp_path / "exam")

    error = refusal(path)

    assert type(error) is EXPECTED[name]
    record = error.as_record()
    assert all(record[part] for part in ("where", "found", "allowed", "cure"))
    assert str(tmp_path) not in str(error)
    assert not any(secret in str(error) for secret in ("Zoo", "Animal", "must never be shown"))


def test_the_zoo_has_a_beast_for_every_error():
    own = {one for one in vars(errors).values() if isinstance(one, type) and one.__module__ == errors.__name__}

    assert own - {error for error, _ in BEASTS.values()} == {errors.TooManyFiles}  # below, with a smaller limit


def test_every_error_refines_a_leaf_of_the_core_and_stands_in_the_tree_above_it():
    own = [one for one in vars(errors).values() if isinstance(one, type) and one.__module__ == errors.__name__]
    leaves = {one for one in vars(core).values() if isinstance(one, type) and InputError in one.__bases__}

    for error in own:
        assert set(error.__bases__) <= leaves
        tree = errors.__doc__.split(f"* {error.__bases__[0].__name__}\n")[1].split("\n* ")[0]
        assert f"  x {error.__name__} " in tree


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_input_is_refused_before_memory_is_taken(name, tmp_path, monkeypatch):
    monkeypatch.setattr(structure, "MAX_ELEMENTS", 10_000)  # tracing slows the walk over 500,000 down to 14 s
    path = ZOO[name](tmp_path / "exam")
    tracemalloc.start()

    refusal(path)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * limits.RATIO_FROM_BYTES


def test_a_folder_of_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 4)

    assert type(refusal(write_series(tmp_path / "exam"))) is errors.TooManyFiles
    assert type(refusal(zipped(tmp_path / "exam", tmp_path / "exam.zip"))) is errors.TooManyFiles


def test_the_table_of_contents_of_a_zip_is_not_read_beyond_its_limit(tmp_path, monkeypatch):
    archive = zipped(write_series(tmp_path / "exam"), tmp_path / "exam.zip")
    monkeypatch.setattr(files, "MAX_DIRECTORY_BYTES", 200)

    assert type(refusal(archive)) is errors.OversizedArchive


def test_a_name_in_a_zip_leads_nowhere(tmp_path):
    image = (write_series(tmp_path / "exam", slices=1) / "image001.dcm").read_bytes()
    with zipfile.ZipFile(tmp_path / "exam.zip", "w") as archive:
        archive.writestr("../../escaped.dcm", image)
    before = sorted(tmp_path.rglob("*"))

    assert read_series(tmp_path / "exam.zip").hu.shape == (1, SIZE, SIZE)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_pipe_in_the_folder_is_not_waited_for(tmp_path):
    os.mkfifo(write_series(tmp_path) / "pipe")

    assert read_series(tmp_path).hu.shape[0] == 5


def test_a_device_is_no_file():
    assert type(refusal(Path("/dev/zero"))) is errors.PathNotFound


NUMBERS = ["SliceThickness", "KVP", "ImagePositionPatient", "PixelSpacing", "ImageOrientationPatient"]
NUMBERS += ["RescaleSlope", "RescaleIntercept", "GantryDetectorTilt", "NumberOfFrames"]
WILD = ["1e308", "-1e308", "1e-320", "0", "-1", "nan", "inf", "0.5", "", " ", "1e9999", "\\", "1_0", "0x10", "one"]


@pytest.mark.parametrize("keyword", NUMBERS)
@pytest.mark.parametrize("wild", WILD)
def test_a_wild_number_gives_a_volume_or_a_named_error(keyword, wild, tmp_path):
    image = series(1)[0]
    count = len(image[keyword].value) if keyword in image and image[keyword].VM > 1 else 1
    text = "\\".join([wild] * count).encode()
    tag, kind = Tag(keyword), dictionary_VR(keyword).encode()
    image[tag] = RawDataElement(tag, "LO", len(text), text, 0, False, True)  # for pydicom writes no wild numbers
    file = save_one(tmp_path / "image.dcm", image)
    file.write_bytes(
        file.read_bytes().replace(pack("<HH2s", tag.group, tag.elem, b"LO"), pack("<HH2s", tag.group, tag.elem, kind))
    )

    try:
        volume = read_series(file)
    except InputError as error:
        assert error.cure
    else:
        assert np.isfinite([*volume.spacing_mm, *volume.origin_mm]).all()


def test_a_link_to_nothing_is_no_slice_that_may_be_passed_over(tmp_path):
    (write_series(tmp_path) / "image009.dcm").symlink_to(tmp_path / "not fetched")

    error = refusal(tmp_path)

    assert (type(error), error.where) == (errors.PathNotFound, "image009.dcm")


COMPRESSED = {"JPEG 2000": JPEG2000Lossless, "JPEG-LS": JPEGLSLossless, "RLE": RLELossless}
NATIVE = {"implicit": ImplicitVRLittleEndian, "deflated": DeflatedExplicitVRLittleEndian}
KINDS = ["classic", "enhanced", "zip", *COMPRESSED, *NATIVE]


def _sound(kind: str, folder: Path) -> bytes:
    if kind == "zip":
        return zipped(write_series(folder / "series"), folder / "series.zip").read_bytes()
    image = enhanced(3) if kind in ("enhanced", "implicit", "RLE") else series(1)[0]
    if kind in COMPRESSED:
        image.compress(COMPRESSED[kind])
    image.file_meta.TransferSyntaxUID = NATIVE.get(kind, image.file_meta.TransferSyntaxUID)
    return save_one(folder / "sound.dcm", image).read_bytes()


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> dict[str, bytes]:
    return {kind: _sound(kind, tmp_path_factory.mktemp("sound")) for kind in KINDS}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=6),
)
@example(kind="classic", cut=1, flips=[])
@pytest.mark.slow
def test_whatever_happens_to_the_bytes_a_volume_or_a_named_error_comes_back(kind, cut, flips, sound, tmp_path):
    data = bytearray(sound[kind])
    header = min(len(data), 4096)  # where a flipped byte does most harm
    for place, bits in flips:
        data[int(place * header)] ^= bits
    file = tmp_path / "image.dcm"
    file.write_bytes(data[: round(cut * len(data)) if cut < 0.9 else len(data)])

    try:
        volume = read_series(file)
    except InputError as error:
        assert str(error)
    else:
        assert volume.hu.ndim == 3
