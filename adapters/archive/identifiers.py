"""Identifiers of C-FIND, C-GET and C-MOVE (PS3.4 C.6.2): made from queries, read into entries."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from .answers import MOST_SHOWN, as_date
from .seam import InstanceEntry, Query, SeriesEntry, StudyEntry, Subject
from .uids import checked


def studies_of(wanted: Query) -> Dataset:
    """What finds studies."""
    key = _level("STUDY")
    key.StudyInstanceUID = checked(wanted.study, "StudyInstanceUID") if wanted.study else ""
    key.PatientID = wanted.subject.patient_id if wanted.subject else ""
    if wanted.first or wanted.last:
        first, last = (f"{d:%Y%m%d}" if d else "" for d in (wanted.first, wanted.last))
        key.StudyDate = f"{first}-{last}"
    else:
        key.StudyDate = ""
    key.ModalitiesInStudy = wanted.modality or ""
    key.StudyDescription = key.IssuerOfPatientID = key.NumberOfStudyRelatedInstances = ""
    return key


def series_of(study: str) -> Dataset:
    """What finds the series of a study."""
    key = _level("SERIES")
    key.StudyInstanceUID = checked(study, "StudyInstanceUID")
    key.SeriesInstanceUID = key.Modality = key.SeriesDescription = key.BodyPartExamined = ""
    key.NumberOfSeriesRelatedInstances = ""
    return key


def instances_of(study: str, series: str) -> Dataset:
    """What finds the objects of a series."""
    key = _level("IMAGE")
    key.StudyInstanceUID = checked(study, "StudyInstanceUID")
    key.SeriesInstanceUID = checked(series, "SeriesInstanceUID")
    key.SOPInstanceUID = key.SOPClassUID = ""
    return key


def object_key(study: str, series: str, instances: tuple[str, ...]) -> Dataset:
    """What C-GET and C-MOVE are asked for: the objects named, or the series."""
    key = _level("IMAGE" if instances else "SERIES")
    key.StudyInstanceUID = checked(study, "StudyInstanceUID")
    key.SeriesInstanceUID = checked(series, "SeriesInstanceUID")
    if instances:
        key.SOPInstanceUID = [checked(uid, "SOPInstanceUID") for uid in instances]
    return key


def study_entry(found: Dataset) -> StudyEntry:
    """A study of an answer."""
    modalities = found.get("ModalitiesInStudy") or ()
    return StudyEntry(
        uid=checked(_text(found, "StudyInstanceUID"), "StudyInstanceUID"),
        date=as_date(_text(found, "StudyDate")),
        modalities=(modalities,) if isinstance(modalities, str) else tuple(map(str, modalities)),
        description=_text(found, "StudyDescription"),
        subject=Subject(_text(found, "PatientID"), _text(found, "IssuerOfPatientID")),
        instances=_count(found, "NumberOfStudyRelatedInstances"),
    )


def series_entry(found: Dataset, study: str) -> SeriesEntry:
    """A series of an answer."""
    return SeriesEntry(
        uid=checked(_text(found, "SeriesInstanceUID"), "SeriesInstanceUID"),
        study=study,
        modality=_text(found, "Modality"),
        description=_text(found, "SeriesDescription"),
        body_part=_text(found, "BodyPartExamined"),
        instances=_count(found, "NumberOfSeriesRelatedInstances"),
    )


def instance_entry(found: Dataset, study: str, series: str) -> InstanceEntry:
    """An object of an answer."""
    uid = checked(_text(found, "SOPInstanceUID"), "SOPInstanceUID")
    return InstanceEntry(uid, series, study, _text(found, "SOPClassUID"))


def _level(name: str) -> Dataset:
    key = Dataset()
    key.QueryRetrieveLevel = name
    return key


def _text(found: Dataset, keyword: str) -> str:
    value: Any = found.get(keyword)
    return "" if value is None else str(value).strip()[:MOST_SHOWN]


def _count(found: Dataset, keyword: str) -> int | None:
    text = _text(found, keyword)
    return int(text) if text.isascii() and text.isdecimal() else None
