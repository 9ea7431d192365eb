"""The hash by which an object is known again: the same for every way to write it, another for every other content."""

import dicom_images
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian, RLELossless
from watch_world import as_it_is

from radlogic.adapters.archive.errors import BadUid, WrongInstance
from radlogic.adapters.archive.objects import check_asked, identity_of
from radlogic.adapters.archive.same import content_hash, same_content
from radlogic.engine.errors import InputError


@pytest.fixture
def file(tmp_path):
    image = dicom_images.series(1)[0]
    inner = Dataset()
    inner.CodeValue, inner.CodeMeaning = "1", "one"
    outer = Dataset()
    outer.AnatomicRegionModifierSequence = Sequence([inner])
    outer.CodeMeaning = "Chest"
    image.AnatomicRegionSequence = Sequence([outer])
    image.add_new(0x00091001, "LO", "private ")
    return dicom_images.save_one(tmp_path / "a.dcm", image)


def changed(file, change, name="b.dcm"):
    with as_it_is():
        image = dcmread(file)
        change(image)
        image.save_as(file.with_name(name), enforce_file_format=True)
    return file.with_name(name)


def implicit(image):
    image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian


def undefined(image):
    image["AnatomicRegionSequence"].is_undefined_length = True
    image.AnatomicRegionSequence[0].is_undefined_length_sequence_item = True


def other_meta(image):
    image.file_meta.ImplementationVersionName = "ANOTHER"


def padded(image):
    image.add_new(0xFFFCFFFC, "OB", b"\0" * 10)


@pytest.mark.parametrize("change", [implicit, undefined, other_meta, padded], ids=lambda c: c.__name__)
def test_another_way_to_write_the_same_object_has_the_same_hash(file, change):
    written = changed(file, change)

    assert written.read_bytes() != file.read_bytes()
    assert content_hash(written) == content_hash(file)
    assert same_content(file, written)


def nested(image):
    image.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0].CodeMeaning = "two"


def one_pixel(image):
    image.PixelData = b"\1" + image.PixelData[1:]


def without_private(image):
    del image[0x00091001]


@pytest.mark.parametrize(
    "change",
    [
        dicom_images.put(PatientID="another"),
        dicom_images.put(RescaleSlope="2"),
        dicom_images.put(KVP=None),
        nested,
        one_pixel,
        without_private,
    ],
)
def test_another_content_has_another_hash(file, change):
    written = changed(file, change)

    assert content_hash(written) != content_hash(file)
    assert not same_content(file, written)


def test_a_copy_with_compressed_pixels_is_the_same_object(file):
    packed = changed(file, lambda image: image.compress(RLELossless, generate_instance_uid=False))
    another = changed(packed, dicom_images.put(PatientID="another"), "c.dcm")

    assert identity_of(packed).syntax != identity_of(file).syntax
    assert same_content(file, packed)
    assert not same_content(file, another)


def test_an_identity_shows_no_patient(file):
    shown = repr(identity_of(file))

    assert "must never be shown" not in shown
    assert dicom_images.STUDY in shown


@pytest.mark.parametrize("uid", ["../../etc", "1.2/..", "1..2", "", "1.2.", "a" * 3, "1" * 65, "1.2\n3"])
def test_an_object_whose_uid_is_none_is_refused(file, uid):
    written = changed(file, dicom_images.put(StudyInstanceUID=uid))

    with pytest.raises(BadUid) as refused:
        identity_of(written)
    assert not uid or uid not in str(refused.value)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("left_out", [1, 8, 9, 100])
def test_a_file_that_is_cut_within_its_pixels_is_refused(file, packed, left_out):
    whole = changed(file, lambda image: image.compress(RLELossless, generate_instance_uid=False)) if packed else file
    assert identity_of(whole).study == dicom_images.STUDY
    whole.write_bytes(whole.read_bytes()[:-left_out])

    with pytest.raises(InputError):
        identity_of(whole)


def test_zero_and_no_value_are_not_the_same(file):
    zero, none = (changed(file, dicom_images.put(AcquisitionMatrix=v), f"{v}.dcm") for v in (0, ""))

    assert content_hash(zero) != content_hash(none)


@pytest.mark.parametrize("level", range(3))
def test_an_object_of_something_else_is_refused(file, level):
    found = identity_of(file)
    asked = [found.study, found.series, found.instance]
    check_asked(found, *asked)
    asked[level] = "1.2.3"

    with pytest.raises(WrongInstance):
        check_asked(found, *asked)
