"""Of several series one is read, by rules that the notes name."""

import pytest
from dicom_images import SERIES, put, save, series, write_series

from radlogic.adapters.dicom.choose import lung_kernels
from radlogic.adapters.dicom.series import read_series

AXIAL, CORONAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]
GOOD = {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "SliceThickness": "1", "ConvolutionKernel": "B70f"}


def two_series(folder, better: dict, worse: dict, slices: tuple[int, int] = (5, 5)) -> tuple[str, str]:
    """Two series; the worse comes first by UID and by name."""
    uids = SERIES + ".9", SERIES + ".1"
    for uid, tags, count, name in zip(uids, (better, worse), slices, ("b", "a"), strict=True):
        images = series(count)
        for number, image in enumerate(images):
            place = [-100, number, 50] if tags.get("ImageOrientationPatient") == CORONAL else image.ImagePositionPatient
            put(**{**GOOD, "SeriesInstanceUID": uid, "ImagePositionPatient": place, **tags})(image)
        save(folder / name, images)
    return uids


PAIRS = {
    "original rather than derived": ({"SliceThickness": "5"}, {"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}),
    "axial": ({"SliceThickness": "5"}, {"ImageOrientationPatient": CORONAL}),
    "thinnest slices": ({"ConvolutionKernel": "B30f"}, {"SliceThickness": "2"}),
    "lung kernel": ({}, {"ConvolutionKernel": "B30f"}),
}


@pytest.mark.parametrize("rule", PAIRS)
def test_each_rule_comes_before_those_below_it(rule, tmp_path):
    better, worse = PAIRS[rule]
    chosen, other = two_series(tmp_path, better, worse, slices=(5, 7))

    volume = read_series(tmp_path)

    assert volume.acquisition.series_uid == chosen
    assert volume.notes[0].startswith(f"read series {chosen} (5 slices")
    assert any(note.startswith(f"left out series {other} ") and rule in note for note in volume.notes)


def test_of_equals_the_one_with_more_slices_is_read(tmp_path):
    chosen, _ = two_series(tmp_path, {}, {}, slices=(7, 5))

    assert read_series(tmp_path).acquisition.series_uid == chosen


def test_of_complete_equals_the_first_by_uid_is_read(tmp_path):
    _, first = two_series(tmp_path, {}, {})

    assert read_series(tmp_path).acquisition.series_uid == first


def test_one_place_imaged_again_and_again_is_not_taken_for_the_thin_series(tmp_path):
    chosen, _ = two_series(tmp_path, {"SliceThickness": "3"}, {"ImagePositionPatient": [0, 0, 0]})

    assert read_series(tmp_path).acquisition.series_uid == chosen


def test_scouts_within_a_series_are_left_out_and_counted(tmp_path):
    images = series(7)
    for image in images[5:]:
        put(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient=CORONAL)(image)

    volume = read_series(save(tmp_path, images))

    assert volume.hu.shape[0] == 5
    assert "left out localizer images: 2" in volume.notes


def test_the_chosen_series_is_not_swapped_for_another_when_it_is_broken(tmp_path):
    from radlogic.adapters.dicom.errors import MissingSlices

    two_series(tmp_path, {}, {"SliceThickness": "5"}, slices=(7, 7))
    (tmp_path / "b" / "image003.dcm").unlink()

    with pytest.raises(MissingSlices):
        read_series(tmp_path)


def test_slices_without_a_series_uid_are_one_series_and_it_is_said(tmp_path):
    volume = read_series(write_series(tmp_path, change=put(SeriesInstanceUID="")))

    assert volume.hu.shape[0] == 5
    assert any("no SeriesInstanceUID (0020,000E)" in note for note in volume.notes)


@pytest.mark.parametrize(
    "name", ["LUNG", "BONE", "BONEPLUS", "B50f", "B80f", "Br59d", "Bl57", "I70f", "L", "YA", "FC51"]
)
def test_a_lung_kernel_is_known(name):
    assert any(pattern.fullmatch(name) for pattern in lung_kernels())


@pytest.mark.parametrize(
    "name", ["STANDARD", "SOFT", "B30f", "B31f", "Br38f", "B", "C", "FC08", "FC13", "", "LUNGS OF X"]
)
def test_a_soft_or_unknown_kernel_is_not_taken_for_one(name):
    assert not any(pattern.fullmatch(name) for pattern in lung_kernels())
