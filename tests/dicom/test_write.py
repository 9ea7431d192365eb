import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from radlogic.adapters.dicom.series import read_series
from radlogic.adapters.dicom.write import ENCODED, PLAIN, write_series
from radlogic.engine.errors import BadValue, RadlogicError, Unsupported
from radlogic.engine.perception.phantom import PhantomSpec, chest_phantom
from radlogic.engine.perception.volume import Acquisition, Volume

DAY = datetime.date(2025, 3, 1)

# PS3.3 table A.3-1, its mandatory modules: attributes of type 1 (a value), and of type 2 (may be empty).
TYPE_1 = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "FrameOfReferenceUID",
    "ImageType",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "RescaleIntercept",
    "RescaleSlope",
    "PixelData",
    "PatientPosition",
]
TYPE_2 = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "SeriesNumber",
    "PositionReferenceIndicator",
    "Manufacturer",
    "AcquisitionNumber",
    "InstanceNumber",
    "SliceThickness",
    "KVP",
]


@pytest.fixture(scope="module")
def volume() -> Volume:
    return chest_phantom(
        PhantomSpec(rows=40, columns=48, pixel_mm=7.1, slices=5, spacing_mm=1.3, slice_thickness_mm=1.3, kernel="SHARP")
    ).volume


def tilted() -> Volume:
    """An oblique volume with uneven spacing, values from -1024 up, and a slice direction towards the feet."""
    c, s = np.cos(0.3), np.sin(0.3)
    axes = np.array([[0.0, s, -c], [0.0, c, s], [1.0, 0.0, 0.0]])
    hu = np.random.default_rng(3).integers(-1024, 32767, (3, 9, 11)).astype(np.int16)
    return Volume(hu, (1 / 3, 0.703125, 0.9), (-10.123456789, 20.5, 1e-7), axes, Acquisition())


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("syntax", PLAIN + ENCODED, ids=lambda uid: uid.keyword)
def test_pydicom_reads_back_the_same_hounsfield_units_and_geometry(volume, tmp_path, syntax):
    files = write_series(volume, tmp_path / "series", date=DAY, transfer_syntax=syntax)

    assert len(files) == len(volume.hu)
    for index, file in enumerate(files):
        image = pydicom.dcmread(file)
        assert image.file_meta.TransferSyntaxUID == syntax
        stored = image.pixel_array.astype(int)
        assert np.array_equal(stored * image.RescaleSlope + image.RescaleIntercept, volume.hu[index])
        assert [float(v) for v in image.ImagePositionPatient] == pytest.approx(volume.position_of((index, 0, 0)))
        assert [float(v) for v in image.PixelSpacing] == pytest.approx(volume.spacing_mm[1:])
        assert [float(v) for v in image.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]


def test_an_oblique_volume_keeps_its_place_in_the_patient(tmp_path):
    volume = tilted()
    for index, file in enumerate(write_series(volume, tmp_path / "series")):
        image = pydicom.dcmread(file)
        place, rows = np.array(image.ImagePositionPatient, float), np.array(image.ImageOrientationPatient, float)
        # PS3.3 C.7.6.2.1.1: where pixel (row 4, column 7) lies.
        found = place + rows[:3] * image.PixelSpacing[1] * 7 + rows[3:] * image.PixelSpacing[0] * 4
        assert found == pytest.approx(volume.position_of((index, 4, 7)), abs=1e-6)
        assert np.array_equal(image.pixel_array.astype(int) - 1024, volume.hu[index])


def test_our_own_reader_gives_the_volume_back(volume, tmp_path):
    files = write_series(
        replace(volume, acquisition=replace(volume.acquisition, contrast=True)), tmp_path / "s", date=DAY
    )
    read = read_series(tmp_path / "s")

    assert np.array_equal(read.hu, volume.hu)
    assert read.spacing_mm == pytest.approx(volume.spacing_mm)
    assert read.origin_mm == pytest.approx(volume.origin_mm)
    assert read.axes == pytest.approx(volume.axes)
    made = read.acquisition
    assert (made.manufacturer, made.kernel, made.slice_thickness_mm, made.kvp) == (
        "radlogic phantom",
        "SHARP",
        1.3,
        120,
    )
    assert (made.contrast, made.study_date) == (True, DAY)
    assert read.sop_uids == tuple(pydicom.dcmread(file).SOPInstanceUID for file in files)


def test_highdicom_takes_the_files_for_one_regular_ct_volume(volume, tmp_path):
    highdicom = pytest.importorskip("highdicom")
    files = write_series(volume, tmp_path / "series")
    found = highdicom.get_volume_from_series([pydicom.dcmread(file) for file in files])

    # highdicom lays slices so that slice, row and column make a right hand: from the head down.
    assert np.array_equal(found.array[::-1], volume.hu)
    assert found.spacing == pytest.approx(volume.spacing_mm)


def test_every_attribute_that_the_ct_image_needs_is_there(volume, tmp_path):
    image = pydicom.dcmread(write_series(volume, tmp_path / "series")[0])

    assert [name for name in TYPE_1 if image.get(name) in (None, "")] == []
    assert [name for name in TYPE_2 if name not in image] == []
    assert list(image.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert (image.BodyPartExamined, image.Modality) == ("CHEST", "CT")
    assert (image.BitsAllocated, image.RescaleIntercept, image.RescaleSlope) == (16, -1024, 1)


def test_the_header_says_that_nobody_was_scanned(volume, tmp_path):
    image = pydicom.dcmread(write_series(volume, tmp_path / "series", patient_id="P7", description="repeat 2")[0])

    assert image.PatientName == "PHANTOM^RADLOGIC"
    assert image.PatientID == "P7"
    assert image.QualityControlSubject == "YES"
    assert image.StudyDescription == "RESEARCH/PHANTOM repeat 2"
    assert "not an image of a patient" in image.ImageComments


def test_the_date_is_the_one_given_or_the_acquisitions_and_never_made_up(volume, tmp_path):
    dated = replace(volume, acquisition=replace(volume.acquisition, study_date=datetime.date(2024, 12, 31)))
    dates = [
        pydicom.dcmread(write_series(v, tmp_path / str(i), date=day)[0]).StudyDate
        for i, (v, day) in enumerate([(volume, None), (volume, DAY), (dated, None), (dated, DAY)])
    ]

    assert dates == ["", "20250301", "20241231", "20250301"]


def test_the_same_volume_always_makes_the_same_files_and_another_one_other_uids(volume, tmp_path):
    first, again = (write_series(volume, tmp_path / name) for name in ("a", "b"))
    other = write_series(replace(volume, origin_mm=(0.0, 0.0, 0.0)), tmp_path / "c")

    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]
    uids = [pydicom.dcmread(file, stop_before_pixels=True) for file in (*first, other[0])]
    assert len({image.SOPInstanceUID for image in uids}) == len(first) + 1
    assert len({image.SeriesInstanceUID for image in uids}) == 2
    assert len({image.FrameOfReferenceUID for image in uids[: len(first)]}) == 1
    assert all(len(image.SOPInstanceUID) <= 64 for image in uids)


def test_the_study_uid_of_the_acquisition_is_kept_so_that_series_can_share_a_study(volume, tmp_path):
    both = [replace(volume, acquisition=replace(volume.acquisition, study_uid="1.2.3", kernel=k)) for k in ("A", "B")]
    images = [pydicom.dcmread(write_series(v, tmp_path / v.acquisition.kernel)[0]) for v in both]

    assert {image.StudyInstanceUID for image in images} == {"1.2.3"}
    assert len({image.SeriesInstanceUID for image in images}) == 2


def test_parents_are_made_and_an_empty_folder_is_filled(volume, tmp_path):
    (tmp_path / "there").mkdir()
    write_series(volume, tmp_path / "there")
    write_series(volume, tmp_path / "deep" / "deeper" / "series")

    assert {path.relative_to(tmp_path).parent.as_posix() for path in files_below(tmp_path)} == {
        "there",
        "deep/deeper/series",
    }
    assert len(files_below(tmp_path)) == 2 * len(volume.hu)


def test_a_folder_with_something_in_it_is_left_as_it_is(volume, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadValue, match="not empty"):
        write_series(volume, tmp_path)
    with pytest.raises(BadValue, match="found a file"):
        write_series(volume, tmp_path / "notes.txt")

    assert [path.read_text() for path in files_below(tmp_path)] == ["mine"]


def test_a_write_that_fails_half_way_leaves_nothing(volume, tmp_path, monkeypatch):
    written = []

    def full_disk(image, name, **options):
        written.append(name)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        Path(name).write_bytes(b"x")

    monkeypatch.setattr(pydicom.Dataset, "save_as", full_disk)
    with pytest.raises(BadValue, match="No space left on device"):
        write_series(volume, tmp_path / "series")

    assert len(written) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file_cannot_be_written(volume, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadValue) as caught:
        write_series(volume, tmp_path / "file" / "series")

    assert caught.value.field == "folder"


def made_by(volume: Volume, **labels: str) -> Volume:
    return replace(volume, acquisition=replace(volume.acquisition, **labels))


REFUSED = {
    "lossy JPEG": (lambda v, f: write_series(v, f, transfer_syntax=JPEGBaseline8Bit), Unsupported, "transfer_syntax"),
    "no syntax at all": (lambda v, f: write_series(v, f, transfer_syntax="fast"), Unsupported, "transfer_syntax"),
    "empty id": (lambda v, f: write_series(v, f, patient_id=""), BadValue, "patient_id"),
    "id with a backslash": (lambda v, f: write_series(v, f, patient_id="a\\b"), BadValue, "patient_id"),
    "long description": (lambda v, f: write_series(v, f, description="x" * 60), BadValue, "description"),
    "long kernel": (lambda v, f: write_series(made_by(v, kernel="k" * 17), f), BadValue, "kernel"),
    "body part in small letters": (lambda v, f: write_series(made_by(v, body_part="chest"), f), BadValue, "body_part"),
    "a study UID that is none": (lambda v, f: write_series(made_by(v, study_uid="1..2"), f), BadValue, "study_uid"),
    "padding below -1024": (
        lambda v, f: write_series(Volume(np.full((1, 2, 2), -2048, np.int16), (1, 1, 1), (0, 0, 0), np.eye(3)), f),
        BadValue,
        "hu",
    ),
}


@pytest.mark.parametrize(("write", "error", "field"), REFUSED.values(), ids=REFUSED)
def test_what_would_not_be_valid_dicom_is_refused_and_nothing_written(volume, tmp_path, write, error, field):
    with pytest.raises(RadlogicError) as caught:
        write(volume, tmp_path / "series")

    assert type(caught.value) is error
    assert caught.value.field == field
    assert list(tmp_path.iterdir()) == []


def test_an_error_does_not_repeat_the_patient_id(volume, tmp_path):
    with pytest.raises(BadValue) as caught:
        write_series(volume, tmp_path / "series", patient_id="Jane\\Doe")

    assert "Jane" not in str(caught.value)


def test_encoded_files_are_smaller(volume, tmp_path):
    sizes = {
        uid: sum(file.stat().st_size for file in write_series(volume, tmp_path / uid.keyword, transfer_syntax=uid))
        for uid in (ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless)
    }

    assert max(sizes[RLELossless], sizes[JPEGLSLossless], sizes[JPEG2000Lossless]) < sizes[ExplicitVRLittleEndian]
