"""Small sound CT series, classic and Enhanced, written with pydicom; ``dicom_zoo`` breaks them."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

SIZE = 32  # the smallest that openjpeg encodes without being asked twice
STUDY, SERIES = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"
Change = Callable[[Dataset], object]


def voxels(slices: int = 5, rows: int = SIZE, columns: int = SIZE) -> NDArray[np.int16]:
    """HU that differ in every voxel's neighbourhood, from -1000 to some hundred; int16 (slices, rows, columns)."""
    count = slices * rows * columns
    return (np.arange(count, dtype=np.int64) * 37 % 1500 - 1000).astype(np.int16).reshape(slices, rows, columns)


def ct_slice(hu: NDArray[np.int16], z: float, *, uid: str = "") -> Dataset:
    """A classic CT image at height ``z`` (mm) with 0.7 mm pixels, stored unsigned in 12 of 16 bits."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, uid or generate_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = STUDY, SERIES
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.Modality, image.Manufacturer, image.StudyDate = "CT", "SIEMENS", "20240229"
    image.ManufacturerModelName, image.BodyPartExamined = "Definition", "CHEST"
    image.ConvolutionKernel, image.KVP, image.SliceThickness = "B70f", "120", "1"
    image.PatientName, image.PatientID = "Zoo^Animal", "must never be shown"
    image.ImagePositionPatient, image.ImageOrientationPatient = [-5, -6, z], [1, 0, 0, 0, 1, 0]
    image.PixelSpacing = [0.7, 0.7]
    image.RescaleSlope, image.RescaleIntercept = "1", "-1024"
    _pixels(image, hu.astype(np.int32) + 1024)
    return image


def _pixels(image: Dataset, stored: NDArray[Any]) -> None:
    image.Rows, image.Columns = stored.shape[-2:]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 12 if stored.max() < 1 << 12 else 16
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, bits, bits - 1, 0
    image.PixelData = stored.astype("<u2").tobytes()
    image["PixelData"].VR = "OW"


def series(slices: int = 5, step: float = 1.0) -> list[Dataset]:
    """The images of a sound series, the lowest first."""
    return [ct_slice(hu, -100 + step * number) for number, hu in enumerate(voxels(slices))]


def save(folder: Path, images: Sequence[Dataset], prefix: str = "image") -> Path:
    """Write the images under names that run against their heights."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        image.save_as(folder / f"{prefix}{len(images) - number:03d}.dcm", enforce_file_format=True)
    return folder


def write_series(folder: Path, *, slices: int = 5, change: Change | None = None) -> Path:
    """A sound series, ``change`` applied to each image."""
    images = series(slices)
    for image in images:
        if change:
            change(image)
    return save(folder, images)


def one_changed(change: Change, *, number: int = 2) -> Callable[[Path], Path]:
    """A series of which one image is changed."""

    def write(folder: Path) -> Path:
        images = series()
        change(images[number])
        return save(folder, images)

    return write


def all_changed(change: Change) -> Callable[[Path], Path]:
    """A series of which every image is changed."""
    return lambda folder: write_series(folder, change=change)


def put(**tags: Any) -> Change:
    """Set these tags; None takes the tag out."""

    def change(image: Dataset) -> None:
        for keyword, value in tags.items():
            if value is None:
                delattr(image, keyword)
            else:
                setattr(image, keyword, value)

    return change


def item(**tags: Any) -> Dataset:
    item = Dataset()
    put(**tags)(item)
    return item


def enhanced(slices: int = 5, *, slopes: Sequence[float] | None = None) -> Dataset:
    """An Enhanced CT: frames out of order, orientation shared, position and rescale per frame."""
    image = ct_slice(voxels(slices)[0], 0)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "KVP"):
        delattr(image, keyword)
    for keyword in ("RescaleSlope", "RescaleIntercept", "ConvolutionKernel", "BodyPartExamined"):
        delattr(image, keyword)
    image.SOPClassUID, image.NumberOfFrames = EnhancedCTImageStorage, slices
    order = [*range(1, slices, 2), *range(0, slices, 2)]
    slopes = slopes or [1.0] * slices
    stored = np.stack([np.rint((voxels(slices)[z].astype(float) + 1024) / slopes[z]) for z in order])
    _pixels(image, stored)
    image.SharedFunctionalGroupsSequence = [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            PixelMeasuresSequence=[item(PixelSpacing=[0.7, 0.7], SliceThickness="1")],
            CTReconstructionSequence=[item(ConvolutionKernel="FC51")],
            CTXRayDetailsSequence=[item(KVP=100.0)],
            FrameAnatomySequence=[item(AnatomicRegionSequence=[item(CodeMeaning="Chest")])],
        )
    ]
    image.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=[-5, -6, -100 + z])],
            PixelValueTransformationSequence=[
                item(RescaleSlope=str(slopes[z]), RescaleIntercept="-1024", RescaleType="HU")
            ],
            CTImageFrameTypeSequence=[item(FrameType=["ORIGINAL", "PRIMARY", "AXIAL", "NONE"])],
        )
        for z in order
    ]
    return image


def save_one(path: Path, image: Dataset) -> Path:
    """One image as a file of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(path, enforce_file_format=True)
    return path


def zipped(folder: Path, archive: Path) -> Path:
    """The files of a folder, deflated."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(folder.rglob("*")):
            out.write(file, file.relative_to(folder))
    return archive


def raw_file(path: Path, dataset: bytes, syntax: str = ExplicitVRLittleEndian) -> Path:
    """A Part 10 file with these bytes after its meta group."""
    padded = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(padded)) + padded
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0" * 128 + b"DICM" + meta + dataset)
    return path


def patched_zip(folder: Path, offset: int, value: bytes) -> Path:
    """An archive whose table of contents says something else at ``offset`` of its first entry (APPNOTE 4.3.12)."""
    archive = zipped(write_series(folder / "series"), folder / "series.zip")
    data = bytearray(archive.read_bytes())
    at = data.index(b"PK\x01\x02") + offset
    data[at : at + len(value)] = value
    archive.write_bytes(data)
    return archive


@cache
def deflated_zeros(mebibytes: int) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b"".join(squeeze.compress(b"\0" * (1 << 20)) for _ in range(mebibytes)) + squeeze.flush()
