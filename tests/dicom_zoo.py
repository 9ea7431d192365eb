"""CT inputs that are broken in one way each, and named after it; the sound ones are in ``dicom_images``.

``ZOO[name](folder)`` writes the mistake below ``folder`` and returns the path to give to ``--series``;
``EXPECTED[name]`` is the error that it must get.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from dicom_images import (
    SIZE,
    all_changed,
    ct_slice,
    deflated_zeros,
    enhanced,
    one_changed,
    patched_zip,
    put,
    raw_file,
    save,
    save_one,
    series,
    voxels,
    write_series,
    zipped,
)
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    MRImageStorage,
)

from radlogic.adapters.dicom import errors
from radlogic.engine.errors import InputError


def _bytes_of(folder: Path, image: Dataset) -> bytes:
    file = save_one(folder / "scratch" / "image.dcm", image)
    data = file.read_bytes()
    file.unlink()
    file.parent.rmdir()
    return data


# ---------------------------------------------------------------- files and archives


def path_missing(folder: Path) -> Path:
    return folder / "nowhere"


def empty_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def no_dicom_file(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "readme.txt").write_text("nothing to see", encoding="utf-8")
    return folder


def single_file_of_another_kind(folder: Path) -> Path:
    return no_dicom_file(folder) / "readme.txt"


def damaged_zip(folder: Path) -> Path:
    archive = zipped(write_series(folder / "series"), folder / "series.zip")
    archive.write_bytes(archive.read_bytes()[:-200])
    return archive


def zip_with_a_flipped_byte(folder: Path) -> Path:
    archive = zipped(write_series(folder / "series"), folder / "series.zip")
    data = bytearray(archive.read_bytes())
    data[600] ^= 0xFF
    archive.write_bytes(data)
    return archive


def encrypted_zip(folder: Path) -> Path:
    return patched_zip(folder, 8, struct.pack("<H", 1))


def zip_bomb(folder: Path) -> Path:
    return patched_zip(folder, 24, struct.pack("<L", 3_000_000_000))


def cut_in_the_pixels(folder: Path) -> Path:
    file = write_series(folder) / "image003.dcm"
    file.write_bytes(file.read_bytes()[:-100])
    return folder


def cut_in_the_header(folder: Path) -> Path:
    file = write_series(folder) / "image003.dcm"
    file.write_bytes(file.read_bytes()[:500])
    return folder


def cut_before_the_pixels(folder: Path) -> Path:
    file = write_series(folder) / "image003.dcm"
    data = file.read_bytes()
    file.write_bytes(data[: data.index(b"\xe0\x7f\x10\x00OW")])
    return folder


def cut_to_nothing(folder: Path) -> Path:
    (write_series(folder) / "image003.dcm").write_bytes(b"")
    return folder


# ---------------------------------------------------------------- headers


def no_transfer_syntax(folder: Path) -> Path:
    data = _bytes_of(folder, series()[0])
    folder.mkdir(parents=True, exist_ok=True)
    start = data.index(b"\x02\x00\x10\x00UI")
    length = struct.unpack_from("<H", data, start + 6)[0]
    (folder / "image.dcm").write_bytes(data[:start] + data[start + 8 + length :])
    return folder


def sequence_that_never_began(folder: Path) -> Path:
    return raw_file(folder / "image.dcm", struct.pack("<HHL", 0xFFFE, 0xE0DD, 0) * 4).parent


def nested_sequences(folder: Path) -> Path:
    begin = struct.pack("<HH2sHL", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    return raw_file(folder / "image.dcm", begin * 5000).parent


def million_items(folder: Path) -> Path:
    items = struct.pack("<HHL", 0xFFFE, 0xE000, 0) * 600_000
    return raw_file(folder / "image.dcm", struct.pack("<HH2sHL", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + items).parent


def header_without_end(folder: Path) -> Path:
    value = struct.pack("<HH2sHL", 0x0009, 0x1001, b"OB", 0, 70 << 20)
    path = raw_file(folder / "image.dcm", value)
    with path.open("ab") as file:
        file.truncate(path.stat().st_size + (80 << 20))  # a sparse file: nothing is written
    return folder


def deflate_bomb(folder: Path) -> Path:
    return raw_file(folder / "image.dcm", deflated_zeros(160), DeflatedExplicitVRLittleEndian).parent


def text_in_a_number(folder: Path) -> Path:
    file = write_series(folder) / "image003.dcm"
    file.write_bytes(file.read_bytes().replace(b"0.7\\0.7 ", b"abc\\0.7 "))
    return folder


def value_without_measure(folder: Path) -> Path:
    """Implicit VR counts lengths in 32 bits, so that a position may have any number of values."""
    image = series()[0]
    image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    image.ImagePositionPatient = ["1"] * 40_000
    return save(folder, [image])


# ---------------------------------------------------------------- what it is


def no_ct(folder: Path) -> Path:
    return write_series(folder, change=put(SOPClassUID=MRImageStorage, Modality="MR"))


def only_localizers(folder: Path) -> Path:
    return write_series(folder, change=put(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]))


# ---------------------------------------------------------------- geometry


def missing_slice(folder: Path) -> Path:
    images = series(8)
    return save(folder, images[:3] + images[4:])


def two_phases(folder: Path) -> Path:
    save(folder, series(), "arterial")
    return save(folder, series(), "venous")


def one_uid_with_two_contents(folder: Path) -> Path:
    images = series()
    images[1].SOPInstanceUID = images[0].SOPInstanceUID
    return save(folder, images)


def uneven_steps(folder: Path) -> Path:
    images = series()
    images[2].ImagePositionPatient = [-5, -6, -98.3]
    return save(folder, images)


def drifting_steps(folder: Path) -> Path:
    images = [ct_slice(hu, 1.04**number * 20) for number, hu in enumerate(voxels(5))]
    return save(folder, images)


def tilted_gantry(folder: Path) -> Path:
    tilt = np.radians(15)
    return write_series(folder, change=put(ImageOrientationPatient=[1, 0, 0, 0, np.cos(tilt), -np.sin(tilt)]))


def shifted_slice(folder: Path) -> Path:
    return one_changed(put(ImagePositionPatient=[-3, -6, -98]))(folder)


def single_slice_without_thickness(folder: Path) -> Path:
    return write_series(folder, slices=1, change=put(SliceThickness=None))


# ---------------------------------------------------------------- pixels


def compressed_without_codec(folder: Path) -> Path:
    """JPEG lossless, as CT scanners send it: the image needs python-gdcm, the extra ``codecs``."""

    def change(image: Dataset) -> None:
        image.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        image.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        image["PixelData"].VR = "OB"

    return write_series(folder, change=change)


def unknown_encoding(folder: Path) -> Path:
    folder = compressed_without_codec(folder)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().replace(JPEGLosslessSV1.encode(), b"1.2.840.10008.1.2.4.99"))
    return folder


def private_encoding(folder: Path) -> Path:
    """A maker's own encoding (GE's had big-endian pixels) whose pixels look as if they lay there as they are."""
    folder = write_series(folder)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.113619.5.2\0\0"))
    return folder


def compressed_in_name_only(folder: Path) -> Path:
    folder = write_series(folder)
    for file in folder.iterdir():
        data = file.read_bytes()
        file.write_bytes(data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"))
    return folder


def _compressed(folder: Path, change: Callable[[bytes], bytes]) -> Path:
    """A JPEG 2000 series of which one codestream is changed."""
    images = series()
    for image in images:
        image.compress(JPEG2000Lossless, generate_instance_uid=False)
    frame = next(generate_frames(images[2].PixelData, number_of_frames=1))
    images[2].PixelData = encapsulate([change(frame)])
    images[2]["PixelData"].VR = "OB"
    return save(folder, images)


def jpeg2000_cut_short(folder: Path) -> Path:
    return _compressed(folder, lambda frame: frame[: len(frame) // 2])


def jpeg2000_of_another_size(folder: Path) -> Path:
    def change(frame: bytes) -> bytes:
        at = frame.index(b"\xff\x4f\xff\x51") + 8
        return frame[:at] + struct.pack(">LL", 65_535, 65_535) + frame[at + 8 :]

    return _compressed(folder, change)


def jpeg2000_of_noise(folder: Path) -> Path:
    return _compressed(folder, lambda frame: frame[:60] + b"\x55" * 200 + b"\xff\xd9")


def fragments_cut_off(folder: Path) -> Path:
    file = _compressed(folder, lambda frame: frame) / "image003.dcm"
    file.write_bytes(file.read_bytes()[:-60])
    return folder


def signed_beyond_int16(image: Dataset) -> None:
    image.BitsStored, image.HighBit = 16, 15
    image.PixelData = b"\xff\xff" * (SIZE * SIZE)


def _float_pixels(image: Dataset) -> None:
    image.FloatPixelData = np.zeros((SIZE, SIZE), "<f4").tobytes()
    image.BitsAllocated = 32
    del image.PixelData


def too_few_frames(folder: Path) -> Path:
    image = enhanced()
    del image.PerFrameFunctionalGroupsSequence[-1]
    return save_one(folder / "enhanced.dcm", image)


def frame_without_position(folder: Path) -> Path:
    image = enhanced()
    del image.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    return save_one(folder / "enhanced.dcm", image)


def frame_without_rescale(folder: Path) -> Path:
    image = enhanced()
    del image.PerFrameFunctionalGroupsSequence[2].PixelValueTransformationSequence
    return save_one(folder / "enhanced.dcm", image)


SIDEWAYS = [1, 0, 0, 0, 0, -1]
BEASTS: dict[str, tuple[type[InputError], Callable[[Path], Path]]] = {
    "path_missing": (errors.PathNotFound, path_missing),
    "empty_folder": (errors.EmptyFolder, empty_folder),
    "no_dicom_file": (errors.NotDicom, no_dicom_file),
    "single_file_of_another_kind": (errors.NotDicom, single_file_of_another_kind),
    "damaged_zip": (errors.UnreadableArchive, damaged_zip),
    "zip_with_a_flipped_byte": (errors.UnreadableArchive, zip_with_a_flipped_byte),
    "encrypted_zip": (errors.UnreadableArchive, encrypted_zip),
    "zip_bomb": (errors.OversizedArchive, zip_bomb),
    "cut_in_the_pixels": (errors.TruncatedFile, cut_in_the_pixels),
    "cut_in_the_header": (errors.TruncatedFile, cut_in_the_header),
    "cut_before_the_pixels": (errors.TruncatedFile, cut_before_the_pixels),
    "cut_to_nothing": (errors.TruncatedFile, cut_to_nothing),
    "no_transfer_syntax": (errors.MissingTag, no_transfer_syntax),
    "no_rows": (errors.MissingTag, one_changed(put(Rows=None))),
    "sequence_that_never_began": (errors.BrokenHeader, sequence_that_never_began),
    "nested_sequences": (errors.OversizedHeader, nested_sequences),
    "million_items": (errors.OversizedHeader, million_items),
    "header_without_end": (errors.OversizedHeader, header_without_end),
    "deflate_bomb": (errors.OversizedArchive, deflate_bomb),
    "text_in_a_number": (errors.BadHeaderValue, text_in_a_number),
    "value_without_measure": (errors.BadHeaderValue, value_without_measure),
    "no_ct": (errors.NoCT, no_ct),
    "only_localizers": (errors.OnlyLocalizers, only_localizers),
    "no_position": (errors.MissingGeometry, one_changed(put(ImagePositionPatient=None))),
    "no_orientation": (errors.MissingGeometry, all_changed(put(ImageOrientationPatient=None))),
    "no_pixel_spacing": (errors.MissingGeometry, one_changed(put(PixelSpacing=None))),
    "frame_without_position": (errors.MissingGeometry, frame_without_position),
    "single_slice_without_thickness": (errors.MissingGeometry, single_slice_without_thickness),
    "pixel_spacing_of_zero": (errors.BadGeometry, all_changed(put(PixelSpacing=[0, 0.7]))),
    "slanted_axes": (errors.BadGeometry, all_changed(put(ImageOrientationPatient=[1, 0, 0, 0.5, 0.8, 0]))),
    "missing_slice": (errors.MissingSlices, missing_slice),
    "two_phases": (errors.DuplicateSlices, two_phases),
    "one_uid_with_two_contents": (errors.DuplicateSlices, one_uid_with_two_contents),
    "uneven_steps": (errors.UnevenSpacing, uneven_steps),
    "drifting_steps": (errors.UnevenSpacing, drifting_steps),
    "tilted_gantry": (errors.GantryTilt, tilted_gantry),
    "shifted_slice": (errors.ShiftedSlices, shifted_slice),
    "one_slice_sideways": (errors.MixedOrientation, one_changed(put(ImageOrientationPatient=SIDEWAYS))),
    "one_slice_of_other_pixels": (errors.MixedPixelSpacing, one_changed(put(PixelSpacing=[0.8, 0.8]))),
    "one_slice_of_another_matrix": (errors.MixedMatrix, one_changed(put(Rows=16, PixelData=b"\0" * 1024))),
    "no_rescale_slope": (errors.MissingRescale, all_changed(put(RescaleSlope=None))),
    "no_rescale_intercept": (errors.MissingRescale, one_changed(put(RescaleIntercept=None))),
    "frame_without_rescale": (errors.MissingRescale, frame_without_rescale),
    "rescale_slope_of_zero": (errors.BadRescale, all_changed(put(RescaleSlope="0"))),
    "not_hounsfield": (errors.NotHounsfield, all_changed(put(RescaleType="US"))),
    "beyond_int16": (errors.HounsfieldOutOfRange, all_changed(signed_beyond_int16)),
    "bits_stored_too_few": (errors.BitsDisagree, all_changed(put(BitsStored=8, HighBit=7))),
    "too_few_pixels": (errors.BrokenPixelData, one_changed(put(PixelData=b"\0" * 100))),
    "declared_gigapixels": (
        errors.OversizedImage,
        all_changed(put(Rows=65_535, Columns=65_535, NumberOfFrames=10_000)),
    ),
    "declared_many_frames": (errors.OversizedImage, all_changed(put(NumberOfFrames=2_000_000_000))),
    "too_few_frames": (errors.FrameCountDisagrees, too_few_frames),
    "signed_or_not": (errors.BadHeaderValue, all_changed(put(PixelRepresentation=2))),
    "float_pixels": (errors.UnsupportedPixels, all_changed(_float_pixels)),
    "eight_bit_pixels": (errors.UnsupportedPixels, all_changed(put(BitsAllocated=8, BitsStored=8, HighBit=7))),
    "palette_pixels": (errors.UnsupportedPixels, all_changed(put(PhotometricInterpretation="PALETTE COLOR"))),
    "compressed_without_codec": (errors.CodecMissing, compressed_without_codec),
    "unknown_encoding": (errors.CodecMissing, unknown_encoding),
    "private_encoding": (errors.CodecMissing, private_encoding),
    "compressed_in_name_only": (errors.BrokenPixelData, compressed_in_name_only),
    "jpeg2000_cut_short": (errors.TruncatedFile, jpeg2000_cut_short),
    "fragments_cut_off": (errors.TruncatedFile, fragments_cut_off),
    "jpeg2000_of_another_size": (errors.BrokenPixelData, jpeg2000_of_another_size),
    "jpeg2000_of_noise": (errors.BrokenPixelData, jpeg2000_of_noise),
}
ZOO: dict[str, Callable[[Path], Path]] = {name: write for name, (_, write) in BEASTS.items()}
EXPECTED: dict[str, type[InputError]] = {name: error for name, (error, _) in BEASTS.items()}
