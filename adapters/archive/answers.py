"""The DICOM JSON model (PS3.18 annex F) of searches and of STOW-RS: read leniently, by tag; UIDs are checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from .errors import ARCHIVE, BadAnswer
from .seam import InstanceEntry, SeriesEntry, StudyEntry, Subject
from .uids import checked

STUDY_DATE, MODALITIES, STUDY_TEXT, STUDY_COUNT = "00080020", "00080061", "00081030", "00201208"
PATIENT_ID, ISSUER, STUDY_UID = "00100020", "00100021", "0020000D"
MODALITY, SERIES_TEXT, BODY_PART, SERIES_UID, SERIES_COUNT = "00080060", "0008103E", "00180015", "0020000E", "00201209"
SOP_CLASS, SOP_UID = "00080016", "00080018"
REFERENCED, FAILED, REASON, FAILED_UID = "00081199", "00081198", "00081197", "00081155"
MOST_SHOWN: Final = 4096  # characters of a text that are kept

Json = Mapping[str, Any]


def parsed(body: bytes, what: str) -> Any:
    """The JSON of an answer.

    Raises:
        BadAnswer: it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _bad(what, "a body that is no JSON", "application/dicom+json") from error


def matches(body: bytes, what: str) -> list[Json]:
    """The data sets that a search found.

    Raises:
        BadAnswer: the answer is no list of data sets.
    """
    found = parsed(body, what) if body.strip() else []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _bad(what, "no list of data sets", "the DICOM JSON model")
    return found


def values(one: Json, tag: str) -> list[Any]:
    """The values of an element; none where it is absent or broken."""
    element = one.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return [v for v in found if v is not None] if isinstance(found, list) else []


def text(one: Json, tag: str) -> str:
    """The first value as text."""
    found = values(one, tag)
    return str(found[0]).strip()[:MOST_SHOWN] if found and isinstance(found[0], str | int) else ""


def whole(one: Json, tag: str) -> int | None:
    """The first value as a count."""
    found = text(one, tag)
    return int(found) if found.isdecimal() and found.isascii() else None


def day(one: Json, tag: str) -> date | None:
    """The first value as a date; what is none counts as not stated."""
    return as_date(text(one, tag))


def as_date(found: str) -> date | None:
    """YYYYMMDD, else None."""
    try:
        return date.fromisoformat(found) if len(found) == len("YYYYMMDD") and found.isdecimal() else None
    except ValueError:
        return None


def study_entry(one: Json) -> StudyEntry:
    """A study of a search.

    Raises:
        BadUid: its UID is none.
    """
    return StudyEntry(
        uid=checked(text(one, STUDY_UID), "StudyInstanceUID"),
        date=day(one, STUDY_DATE),
        modalities=tuple(str(value) for value in values(one, MODALITIES)),
        description=text(one, STUDY_TEXT),
        subject=Subject(text(one, PATIENT_ID), text(one, ISSUER)),
        instances=whole(one, STUDY_COUNT),
    )


def series_entry(one: Json, study: str) -> SeriesEntry:
    """A series of a search in that study."""
    return SeriesEntry(
        uid=checked(text(one, SERIES_UID), "SeriesInstanceUID"),
        study=study,
        modality=text(one, MODALITY),
        description=text(one, SERIES_TEXT),
        body_part=text(one, BODY_PART),
        instances=whole(one, SERIES_COUNT),
    )


def instance_entry(one: Json, study: str, series: str) -> InstanceEntry:
    """An object of a search in that series."""
    return InstanceEntry(checked(text(one, SOP_UID), "SOPInstanceUID"), series, study, text(one, SOP_CLASS))


def failure(body: bytes, instance: str) -> int | None:
    """What STOW-RS says of one object: the failure reason (0008,1197), 0 for one without a number, None for stored.

    Raises:
        BadAnswer: the answer says neither.
    """
    said = parsed(body, "STOW-RS")
    if not isinstance(said, dict):
        raise _bad("STOW-RS", "no data set", "PS3.18 table 10.5.3-1")
    for item in values(said, FAILED):
        if isinstance(item, dict) and text(item, FAILED_UID) in (instance, ""):
            return whole(item, REASON) or 0
    return None


def _bad(what: str, found: str, allowed: str) -> BadAnswer:
    return BadAnswer(ARCHIVE, what, found, allowed, "Check the URL, and what stands between us and the archive.")
