"""A volume out as a DICOM CT series: for phantoms, never for images of a patient.

CT Image Storage, one file a slice, with every type 1 and 2 attribute of the CT Image IOD (PS3.3
A.3). The header says in four places that nobody was scanned: the name, Quality Control Subject
(0010,0200), the study description and the image comments. UIDs follow from the content, so that the
same volume always makes the same files.
"""

from __future__ import annotations

import datetime
import hashlib
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

from ...engine.errors import BadValue, Unsupported
from ...engine.perception.volume import Acquisition, Volume

MARK = "RESEARCH/PHANTOM"
PATIENT_NAME = "PHANTOM^RADLOGIC"
RESCALE_INTERCEPT = -1024  # stored values are unsigned: HU + 1024
MOST_PIXELS = 2**16 - 1  # Rows and Columns are 16 bits wide
WINDOWS = {"LUNG": (-600, 1500), "MEDIASTINUM": (40, 400)}
PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
ENCODED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)  # all of them lossless


def write_series(
    volume: Volume,
    folder: Path,
    *,
    patient_id: str = "PHANTOM-1",
    description: str = "Chest CT",
    date: datetime.date | None = None,
    transfer_syntax: str = ExplicitVRLittleEndian,
) -> list[Path]:
    """Write ``volume`` into ``folder`` as a CT series, and return its files from slice 0 on.

    ``folder`` is made, with its parents; one that is there must be empty. It appears only when it is
    complete. ``date`` is the study's (default: that of the acquisition; left empty without either).
    ``transfer_syntax``: explicit, implicit or deflated little endian, RLE, JPEG-LS or JPEG 2000 lossless.

    Raises:
        BadValue: the folder is not empty or cannot be written, a text does not fit its
            attribute, or the volume is too wide or has values below -1024 HU.
        Unsupported: another transfer syntax.
    """
    syntax = _known_syntax(transfer_syntax)
    _check_text("patient_id", patient_id, 64)
    _check_text("description", description, 64 - len(MARK) - 1)
    _check_labels(volume.acquisition)
    if max(volume.hu.shape[1:]) > MOST_PIXELS:
        found = f"{volume.hu.shape[1]} x {volume.hu.shape[2]} pixels"
        raise BadValue("volume", "hu", found, f"{MOST_PIXELS} rows and columns", "Crop it.")
    if int(volume.hu.min()) < RESCALE_INTERCEPT:
        found = f"{int(volume.hu.min())} HU"
        raise BadValue("volume", "hu", found, f"{RESCALE_INTERCEPT} HU or more", "Replace padding by air (-1000).")
    header = _series_header(volume, patient_id, description, date or volume.acquisition.study_date)
    try:
        return _into(folder, volume, header, syntax)
    except OSError as error:
        raise BadValue(
            str(folder),
            "folder",
            error.strerror or type(error).__name__,
            "a folder that can be written",
            "Choose another.",
        ) from error


def _known_syntax(transfer_syntax: str) -> UID:
    if transfer_syntax not in PLAIN + ENCODED:
        allowed = ", ".join(uid.name for uid in PLAIN + ENCODED)
        raise Unsupported("DICOM series", "transfer_syntax", transfer_syntax, allowed, "Take one of these.")
    return UID(transfer_syntax)


def _check_text(name: str, text: str, longest: int) -> None:
    """PS3.5 table 6.2-1: no backslash, no control characters; ours are ASCII."""
    if not (0 < len(text) <= longest and text.isascii() and text.isprintable() and "\\" not in text):
        allowed = f"1 to {longest} printable ASCII characters without a backslash"
        raise BadValue(
            "DICOM series", name, f"{len(text)} characters, or some that are not allowed", allowed, "Shorten it."
        )


def _check_labels(made: Acquisition) -> None:
    """The acquisition's labels fit their attributes (PS3.5 6.2: LO 64, SH and CS 16 characters; UID 9.1)."""
    for name, longest in (("manufacturer", 64), ("model", 64), ("kernel", 16), ("body_part", 16)):
        text = getattr(made, name)
        if text:
            _check_text(name, text, longest)
    if made.body_part and made.body_part != made.body_part.upper():
        raise BadValue("DICOM series", "body_part", "small letters", "a code string such as CHEST", "Use capitals.")
    if made.study_uid and not UID(made.study_uid, validation_mode=config.IGNORE).is_valid:
        raise BadValue("DICOM series", "study_uid", "no UID", "digits and dots, up to 64", "Leave it empty.")


def _into(folder: Path, volume: Volume, header: Dataset, syntax: UID) -> list[Path]:
    """Write beside ``folder``, then move all files to their place at once."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        found = "a folder that is not empty" if folder.is_dir() else "a file"
        raise BadValue(str(folder), "folder", found, "an empty or a new folder", "Choose another, or empty it.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".radlogic-") as beside:
        made = Path(beside) / "series"  # a folder of its own: the temporary one may be read by its owner only
        made.mkdir()
        names = [f"CT{index + 1:04d}.dcm" for index in range(len(volume.hu))]
        for index, name in enumerate(names):
            _slice(volume, header, index, syntax).save_as(made / name, enforce_file_format=True)
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    return [folder / name for name in names]


def _content_hash(volume: Volume, *facts: object) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(volume.hu).data)
    digest.update(repr((volume.spacing_mm, volume.origin_mm, volume.axes.tolist(), volume.acquisition, facts)).encode())
    return digest.hexdigest()


def _ds(value: float) -> str:
    return str(format_number_as_ds(float(value)))


def _series_header(volume: Volume, patient_id: str, description: str, date: datetime.date | None) -> Dataset:
    """All that the slices have in common (PS3.3: patient, study, series, frame of reference, equipment, CT image)."""
    made, content = volume.acquisition, _content_hash(volume, patient_id, description, date)
    day = f"{date:%Y%m%d}" if date else ""
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.SOPClassUID = CTImageStorage
    header.PatientName, header.PatientID = PATIENT_NAME, patient_id
    header.PatientBirthDate, header.PatientSex = "", ""
    header.QualityControlSubject = "YES"
    header.StudyInstanceUID = made.study_uid or generate_uid(entropy_srcs=[content, "study"])
    header.StudyDate, header.StudyTime = day, ""
    header.StudyID, header.AccessionNumber, header.ReferringPhysicianName = "1", "", ""
    header.StudyDescription = f"{MARK} {description}"
    header.SeriesInstanceUID = generate_uid(entropy_srcs=[content, "series"])
    header.Modality, header.SeriesNumber, header.SeriesDescription = "CT", 1, description
    header.BodyPartExamined, header.PatientPosition = made.body_part or "CHEST", "HFS"
    header.FrameOfReferenceUID = generate_uid(entropy_srcs=[content, "frame of reference"])
    header.PositionReferenceIndicator = ""
    header.Manufacturer, header.ManufacturerModelName = made.manufacturer or "", made.model or "radlogic"
    header.SoftwareVersions = "radlogic"
    _add_image_facts(header, volume, day)
    return header


def _add_image_facts(header: Dataset, volume: Volume, day: str) -> None:
    """General image, image plane, image pixel, contrast, VOI and CT image modules, where alike on all slices."""
    made, (_, between_rows, between_columns) = volume.acquisition, volume.spacing_mm
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.ImageComments = f"{MARK}: drawn by a program, not an image of a patient"
    header.AcquisitionNumber = 1
    if day:
        header.AcquisitionDate = day
    header.BurnedInAnnotation, header.LossyImageCompression = "NO", "00"
    header.PixelSpacing = [_ds(between_rows), _ds(between_columns)]
    # Image Orientation: the direction in which columns increase, then that of rows (PS3.3 C.7.6.2.1.1).
    header.ImageOrientationPatient = [_ds(value) for value in (*volume.axes[2], *volume.axes[1])]
    header.SliceThickness = "" if made.slice_thickness_mm is None else _ds(made.slice_thickness_mm)
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Rows, header.Columns = volume.hu.shape[1:]
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = str(RESCALE_INTERCEPT), "1", "HU"
    header.KVP = "" if made.kvp is None else _ds(made.kvp)
    if made.kernel:
        header.ConvolutionKernel = made.kernel
    if made.contrast:
        header.ContrastBolusAgent = "SIMULATED IODINE"
    header.WindowCenter = [str(centre) for centre, _ in WINDOWS.values()]
    header.WindowWidth = [str(width) for _, width in WINDOWS.values()]
    header.WindowCenterWidthExplanation = list(WINDOWS)


def _slice(volume: Volume, header: Dataset, index: int, syntax: UID) -> Dataset:
    """The data set of one slice, encoded as asked."""
    image = Dataset()
    image.update(header)
    image.SOPInstanceUID = generate_uid(entropy_srcs=[header.SeriesInstanceUID, str(index)])
    image.InstanceNumber = index + 1
    place = volume.position_of((index, 0, 0))
    image.ImagePositionPatient = [_ds(value) for value in place]
    image.SliceLocation = _ds(float(np.dot(place, volume.axes[0])))
    stored = _stored(volume.hu[index])
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax in ENCODED else syntax
    image.file_meta.MediaStorageSOPClassUID = CTImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.PixelData = stored.tobytes()
    image["PixelData"].VR = "OW"
    if syntax in ENCODED:
        image.compress(syntax, generate_instance_uid=False)
    return image


def _stored(hu: NDArray[np.int16]) -> NDArray[np.uint16]:
    """HU as stored: unsigned, little endian."""
    return (hu.astype(np.int32) - RESCALE_INTERCEPT).astype("<u2")
