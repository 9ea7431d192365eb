"""The last strokes on an object before it is written: times as told, and a UID that follows from the content."""

from __future__ import annotations

import hashlib
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

from ....engine.errors import BadValue
from .evidence import Evidence
from .uids import uid_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def moment(at: datetime) -> str:
    """A date and time with its offset from UTC (PS3.5 6.2, DT).

    >>> from datetime import timezone
    >>> moment(datetime(2025, 3, 14, 9, 26, 53, tzinfo=timezone.utc))
    '20250314092653.000000+0000'

    Raises:
        BadValue: a moment of no time zone.
    """
    if at.tzinfo is None:
        raise BadValue("DICOM report", "signed.at", "a time of no zone", "an aware time", "State the time zone.")
    return at.strftime("%Y%m%d%H%M%S.%f%z")


def instance_of(made: Dataset, kind: str, evidence: Evidence, at: datetime) -> Dataset:
    """Give the object its moment, the study's time zone, the names of people, and the UID that its content makes."""
    made.InstanceCreationDate, made.InstanceCreationTime = at.strftime("%Y%m%d"), at.strftime("%H%M%S.%f")
    for part in made.get("ContributingEquipmentSequence", []):  # highdicom names itself, and asks the clock
        part.ContributionDateTime = at.strftime("%Y%m%d%H%M%S.%f%z")
    zone = evidence.images[0].get("TimezoneOffsetFromUTC")
    if zone:
        made.TimezoneOffsetFromUTC = str(zone)
    made.update(evidence.names)
    made.SOPInstanceUID = uid_of(kind, content_hash(made))
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def content_hash(made: Dataset) -> str:
    """sha256 of the data set as it will be written, its own UID aside."""
    from pydicom.filebase import DicomFileLike
    from pydicom.filewriter import write_dataset

    held = made.SOPInstanceUID
    made.SOPInstanceUID = "1"
    with BytesIO() as buffer:
        stream = DicomFileLike(buffer)
        stream.is_little_endian, stream.is_implicit_VR = True, False
        write_dataset(stream, made)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    made.SOPInstanceUID = held
    return digest
