"""Sound series of every kind load to the same voxels, in the order of their places."""

from datetime import date

import numpy as np
import pytest
from dicom_images import (
    SERIES,
    SIZE,
    STUDY,
    ct_slice,
    enhanced,
    put,
    save,
    save_one,
    series,
    voxels,
    write_series,
    zipped,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from shared_data import shared

from radlogic.adapters.dicom.errors import DuplicateSlices
from radlogic.adapters.dicom.series import read_series


def stored_as(syntax: str, image: Dataset) -> Dataset:
    if syntax in (JPEG2000Lossless, JPEGLSLossless, RLELossless):
        image.compress(syntax, generate_instance_uid=False)
    else:
        image.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        image.PixelData = np.frombuffer(image.PixelData, "<u2").astype(">u2").tobytes()
    return image


def as_signed(image: Dataset) -> None:
    stored = np.frombuffer(image.PixelData, "<u2").astype("<i2") - 1024
    image.PixelData, image.PixelRepresentation, image.RescaleIntercept = stored.tobytes(), 1, "0"


def test_a_folder_loads_in_the_order_of_places_whatever_the_names(tmp_path):
    volume = read_series(write_series(tmp_path))

    assert np.array_equal(volume.hu, voxels())
    assert volume.spacing_mm == (1, 0.7, 0.7)
    assert volume.origin_mm == (-5, -6, -100)
    assert np.array_equal(volume.axes, [[0, 0, 1], [0, 1, 0], [1, 0, 0]])


def test_the_acquisition_is_what_the_header_says(tmp_path):
    images = series()
    made = read_series(save(tmp_path, images)).acquisition

    assert (made.modality, made.manufacturer, made.model) == ("CT", "SIEMENS", "Definition")
    assert (made.kernel, made.slice_thickness_mm, made.kvp) == ("B70f", 1, 120)
    assert (made.body_part, made.contrast, made.study_date) == ("CHEST", None, date(2024, 2, 29))
    assert (made.study_uid, made.series_uid) == (STUDY, SERIES)


def test_the_uids_are_in_the_order_of_the_slices(tmp_path):
    images = series()

    assert read_series(save(tmp_path, images)).sop_uids == tuple(image.SOPInstanceUID for image in images)


@pytest.mark.parametrize(
    ("stated", "contrast"), [(None, None), ("", None), ("IV", True), ("APPLIED", True), ("NONE", False)]
)
def test_contrast_is_never_taken_as_no_where_nothing_is_said(tmp_path, stated, contrast):
    folder = write_series(tmp_path, change=put(ContrastBolusAgent=stated) if stated is not None else None)

    assert read_series(folder).acquisition.contrast is contrast


@pytest.mark.parametrize("text", ["2024029", "20240230", "29.02.24"])
def test_a_date_that_is_none_is_left_out_and_said(tmp_path, text):
    data = (write_series(tmp_path, slices=1) / "image001.dcm").read_bytes()
    (tmp_path / "image001.dcm").write_bytes(data.replace(b"20240229", text.ljust(8).encode()))

    volume = read_series(tmp_path)

    assert volume.acquisition.study_date is None
    assert "StudyDate (0008,0020) is not a date: left out" in volume.notes


ENCODINGS = {
    "implicit": ImplicitVRLittleEndian,
    "big-endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "JPEG 2000": JPEG2000Lossless,
    "JPEG-LS": JPEGLSLossless,
    "RLE": RLELossless,
}


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_gives_the_same_voxels(tmp_path, name, signed):
    images = series()
    for image in images:
        if signed:
            as_signed(image)
        stored_as(ENCODINGS[name], image)

    assert np.array_equal(read_series(save(tmp_path, images)).hu, voxels())


@pytest.mark.parametrize("name", ["deflated", "JPEG 2000", "RLE", "big-endian"])
def test_a_multi_frame_file_of_every_encoding_gives_the_same_voxels(tmp_path, name):
    image = stored_as(ENCODINGS[name], enhanced())

    assert np.array_equal(read_series(save_one(tmp_path / "enhanced.dcm", image)).hu, voxels())


def test_an_enhanced_ct_takes_its_facts_from_the_functional_groups(tmp_path):
    volume = read_series(save_one(tmp_path / "enhanced.dcm", enhanced()))

    assert np.array_equal(volume.hu, voxels())
    assert (volume.spacing_mm, volume.origin_mm) == ((1, 0.7, 0.7), (-5, -6, -100))
    made = volume.acquisition
    assert (made.kernel, made.kvp, made.body_part, made.slice_thickness_mm) == ("FC51", 100, "CHEST", 1)
    assert len(set(volume.sop_uids)) == 1
    assert len(volume.sop_uids) == 5


def test_each_frame_has_its_own_rescale(tmp_path):
    image = enhanced(slopes=[1, 0.5, 0.25, 2, 1])

    hu = read_series(save_one(tmp_path / "enhanced.dcm", image)).hu

    error = abs(hu.astype(int) - voxels())
    assert error[[0, 1, 2, 4]].max() == 0
    assert error[3].max() == 1  # 2 HU a step


def test_a_zip_gives_what_its_folder_gives(tmp_path):
    folder = write_series(tmp_path / "a study" / "a series").parent
    archive = zipped(folder, tmp_path / "study.zip")

    from_folder, from_zip = read_series(folder), read_series(archive)

    assert np.array_equal(from_folder.hu, from_zip.hu)
    assert from_folder.notes == from_zip.notes


def test_an_enhanced_ct_in_a_zip_is_read_out_of_order(tmp_path):
    save_one(tmp_path / "study" / "enhanced.dcm", enhanced())

    assert np.array_equal(read_series(zipped(tmp_path / "study", tmp_path / "study.zip")).hu, voxels())


def test_a_slope_that_is_not_whole_is_rounded_to_the_nearest_hu(tmp_path):
    folder = write_series(tmp_path, change=put(RescaleSlope="0.3", RescaleIntercept="-1000.4"))

    expected = np.rint((voxels().astype(float) + 1024) * 0.3 - 1000.4)
    assert np.array_equal(read_series(folder).hu, expected)


def test_signed_values_whose_sign_was_not_extended_are_read_as_the_standard_says(tmp_path):
    def change(image: Dataset) -> None:
        as_signed(image)
        image.PixelData = (np.frombuffer(image.PixelData, "<u2") & 0x0FFF).tobytes()

    assert np.array_equal(read_series(write_series(tmp_path, change=change)).hu, voxels())


@pytest.mark.parametrize("value", [-2000, 63536])
def test_declared_padding_becomes_air_in_whatever_way_its_16_bits_are_declared(tmp_path, value):
    def change(image: Dataset) -> None:
        stored = np.frombuffer(image.PixelData, "<u2").astype("<i2")
        stored[:7] = -2000
        image.PixelData, image.PixelRepresentation = stored.tobytes(), 1
        image.BitsStored, image.HighBit = 16, 15
        image.add_new("PixelPaddingValue", "SS" if value < 0 else "US", value)

    volume = read_series(write_series(tmp_path, change=change))

    expected = voxels().copy()
    expected[:, 0, :7] = -1024
    assert np.array_equal(volume.hu, expected)
    assert "35 voxels of declared padding are shown as -1024 HU" in volume.notes


def test_a_range_of_padding_and_a_slice_of_nothing_else_become_air(tmp_path):
    def change(image: Dataset) -> None:
        stored = np.arange(SIZE * SIZE, dtype="<i2") % 100 - 3000
        image.PixelData, image.PixelRepresentation = stored.tobytes(), 1
        image.BitsStored, image.HighBit = 16, 15
        image.add_new("PixelPaddingValue", "SS", -2901)
        image.add_new("PixelPaddingRangeLimit", "SS", -3000)

    images = series()
    change(images[3])
    volume = read_series(save(tmp_path, images))

    assert set(np.unique(volume.hu[3])) == {-1024}
    assert np.array_equal(volume.hu[:3], voxels()[:3])


def test_padding_that_may_be_patient_is_left_alone_and_said(tmp_path):
    volume = read_series(write_series(tmp_path, change=put(PixelPaddingValue=1064)))

    assert np.array_equal(volume.hu, voxels())
    assert any("a value that patients have too" in note for note in volume.notes)


def test_values_that_no_patient_has_are_kept_and_said(tmp_path):
    volume = read_series(write_series(tmp_path, change=put(RescaleIntercept="-2048")))

    assert np.array_equal(volume.hu, voxels() - 1024)
    assert any("values down to -2024 HU" in note for note in volume.notes)


def test_pixels_that_are_not_square_are_kept_and_said(tmp_path):
    volume = read_series(write_series(tmp_path, change=put(PixelSpacing=[0.9, 0.7])))

    assert volume.spacing_mm == (1, 0.9, 0.7)
    assert "pixels are not square: 0.9 mm between rows, 0.7 mm between columns" in volume.notes


def test_gaps_between_thin_slices_are_said(tmp_path):
    volume = read_series(write_series(tmp_path, change=put(SliceThickness="0.5")))

    assert "slices of 0.5 mm every 1 mm: what lies between them was not imaged" in volume.notes


def test_a_stale_gantry_tilt_is_said(tmp_path):
    volume = read_series(write_series(tmp_path, change=put(GantryDetectorTilt="12")))

    assert any("says 12 degrees, yet the slices are not sheared" in note for note in volume.notes)


def test_a_tube_voltage_that_is_no_number_is_left_out_and_said(tmp_path):
    volume = read_series(write_series(tmp_path, change=put(KVP=["80", "140"])))

    assert volume.acquisition.kvp is None
    assert "KVP (0018,0060) is not a number: left out" in volume.notes


def test_loss_is_said(tmp_path):
    volume = read_series(write_series(tmp_path, change=put(LossyImageCompression="01")))

    assert "the pixels were compressed with loss" in volume.notes


def test_a_single_slice_is_as_thick_as_it_says(tmp_path):
    volume = read_series(write_series(tmp_path, slices=1, change=put(SliceThickness="2.5")) / "image001.dcm")

    assert volume.hu.shape == (1, SIZE, SIZE)
    assert volume.spacing_mm[0] == 2.5


def test_an_exact_copy_is_left_out_and_said(tmp_path):
    images = series()
    save(tmp_path, images)
    save_one(tmp_path / "copy" / "again.dcm", images[2])

    volume = read_series(tmp_path)

    assert np.array_equal(volume.hu, voxels())
    assert "left out 1 exact copies, the first: image003.dcm" in volume.notes


def test_a_copy_with_another_rescale_is_no_copy(tmp_path):
    images = series()
    save(tmp_path, images)
    images[2].RescaleIntercept = "-1000"
    save_one(tmp_path / "copy" / "again.dcm", images[2])

    with pytest.raises(DuplicateSlices):
        read_series(tmp_path)


def test_other_files_beside_the_series_are_named(tmp_path):
    write_series(tmp_path)
    (tmp_path / "LICENSE").write_text("free", encoding="utf-8")
    (tmp_path / "DICOMDIR").write_bytes(b"the directory of a disc, broken or not, is no slice")
    save_one(tmp_path / "mr.dcm", put_all(ct_slice(voxels()[0], 0), SOPClassUID="1.2.840.10008.5.1.4.1.1.4"))

    notes = read_series(tmp_path).notes

    assert "skipped 1 file of another format than DICOM: LICENSE" in notes
    assert "left out 1 file of another kind than CT images: MR Image Storage (1.2.840.10008.5.1.4.1.1.4)" in notes


def put_all(image: Dataset, **tags: object) -> Dataset:
    put(**tags)(image)
    return image


def test_odd_header_values_are_said_without_their_words(tmp_path):
    data = (write_series(tmp_path, slices=1) / "image001.dcm").read_bytes()
    kernel = b"B70f"
    at = data.index(kernel) - 8
    longer = data[: at + 4] + b"SH" + (40).to_bytes(2, "little") + b"a kernel of Zoo".ljust(40, b"l") + data[at + 12 :]
    (tmp_path / "image001.dcm").write_bytes(longer)

    notes = read_series(tmp_path).notes

    assert any("pydicom warns" in note and "maximum length" in note for note in notes)


def test_progress_counts_the_slices(tmp_path):
    seen = []

    read_series(write_series(tmp_path), progress=lambda done, total: seen.append((done, total)))

    assert seen == [(number, 5) for number in range(1, 6)]


turns = st.tuples(*[st.floats(-np.pi, np.pi)] * 3)


@settings(max_examples=40)
@given(turns=turns, step=st.floats(0.1, 10), spacing=st.tuples(st.floats(0.1, 2), st.floats(0.1, 2)), seed=st.randoms())
def test_every_voxel_lies_where_its_header_puts_it(turns, step, spacing, seed, tmp_path_factory):
    a, b, c = turns
    row = np.array([np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)])
    other = np.cross(row, [0.3, 0.5, np.sqrt(1 - 0.34)] if abs(row[2]) < 0.9 else [1.0, 0, 0])
    other /= np.linalg.norm(other)
    column = np.cos(c) * other + np.sin(c) * np.cross(row, other)
    normal = np.cross(row, column)
    corner = np.array([-170.0, 20, 33])
    images = series()
    for number, image in enumerate(images):
        put(
            ImageOrientationPatient=[f"{value:.12f}" for value in (*row, *column)],
            ImagePositionPatient=[f"{value:.10f}" for value in corner + number * step * normal],
            PixelSpacing=list(spacing),
        )(image)
    seed.shuffle(images)
    volume = read_series(save(tmp_path_factory.mktemp("turned"), images))

    assert np.array_equal(volume.hu, voxels())
    where = corner + 3 * step * normal + 4 * spacing[0] * column + 5 * spacing[1] * row  # slice 3, row 4, column 5
    assert np.allclose(volume.position_of((3, 4, 5)), where, atol=1e-5)
    assert np.allclose(volume.index_of(tuple(where)), (3, 4, 5), atol=1e-3)


REAL = {
    "chest/LIDC-IDRI-0001.zip": ((133, 512, 512), (2.5, 0.703125, 0.703125), -340.0),
    "chest/LIDC-IDRI-0003.zip": ((140, 512, 512), (2.5, 0.820312, 0.820312), -379.0),
    "chest/CRLM-CT-1004.zip": ((41, 512, 512), (5, 0.796875, 0.796875), -375.0),
    "dicom/abdomen_ct_20_slices": ((20, 512, 512), (2, 0.9765625, 0.9765625), -804.5),
    "dicom/sr_and_seg/ct-3slice": ((3, 512, 512), (1, 0.810547, 0.810547), -128.690002),
}


@pytest.mark.parametrize("name", REAL)
def test_real_series_load(name):
    volume = read_series(shared(f"data/{name}"))

    shape, spacing, height = REAL[name]
    assert (volume.hu.shape, volume.spacing_mm, volume.origin_mm[2]) == (shape, spacing, height)
    assert np.median(volume.hu[:, 200:300, 200:300]) > -100  # the middle of a body, in HU
    assert -1100 < np.percentile(volume.hu[volume.hu >= -1100], 1) < -950  # air


def test_simpleitk_reads_the_same_voxels_at_the_same_places():
    peer = pytest.importorskip("SimpleITK", reason="the peer of the comparison is not installed")
    folder = shared("data/dicom/sr_and_seg/ct-3slice")
    reader = peer.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    volume = read_series(folder)

    theirs = peer.GetArrayFromImage(image)
    inside = theirs >= -1024  # padding is ours to replace
    assert np.array_equal(volume.hu[inside], theirs[inside])
    assert np.allclose(volume.position_of((2, 100, 50)), image.TransformIndexToPhysicalPoint((50, 100, 2)), atol=1e-6)
