"""How the images were made, read from the header of one of them. What it does not say stays None."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from ...engine.perception.volume import Acquisition
from .errors import BadHeaderValue
from .geometry import TILT_DEGREES
from .headers import Header, label, parse
from .slices import FUNCTIONAL_GROUPS, Slice, find_groups
from .structure import layout_of

_TAGS: Final = (
    "SpecificCharacterSet",
    "StudyDate",
    "Manufacturer",
    "ManufacturerModelName",
    "ContrastBolusAgent",
    "ContrastBolusAgentSequence",
    "BodyPartExamined",
    "KVP",
    "GantryDetectorTilt",
    "StudyInstanceUID",
    *FUNCTIONAL_GROUPS,
)
_DATE: Final = re.compile(r"\d{8}|\d{4}\.\d\d\.\d\d", re.ASCII)
# What people write into (0018,0010) to say that no agent was given. Anything else names one.
_NO_AGENT: Final = frozenset({"NONE", "NO", "N", "NO CONTRAST", "WITHOUT", "WITHOUT CONTRAST", "W/O", "NATIVE"})


def acquisition_of(one: Slice) -> tuple[Acquisition, tuple[str, ...]]:
    """The facts of the acquisition, and notes on what could not be read of them."""
    notes: list[str] = []
    layout, dataset = layout_of(one.image.entry)
    header = parse(layout, dataset, _TAGS, one.image.name, {})
    find = find_groups(header, one.image.frames)[one.frame]
    tilt = _number(header, "GantryDetectorTilt", notes) or 0.0
    if abs(tilt) > TILT_DEGREES:
        notes.append(f"{label('GantryDetectorTilt')} says {tilt:g} degrees, yet the slices are not sheared")
    acquisition = Acquisition(
        modality="CT",
        manufacturer=header.text("Manufacturer") or None,
        model=header.text("ManufacturerModelName") or None,
        kernel=one.kernel or None,
        slice_thickness_mm=one.thickness,
        kvp=_number(find("CTXRayDetailsSequence"), "KVP", notes),
        contrast=_contrast(header),
        body_part=_body_part(header, find("FrameAnatomySequence")),
        study_date=_date(header, notes),
        study_uid=header.text("StudyInstanceUID"),
        series_uid=one.series_uid,
    )
    return acquisition, tuple(notes)


def _number(header: Header, keyword: str, notes: list[str]) -> float | None:
    """A number that nothing is measured by: one that is none is left out, and said."""
    try:
        return header.number(keyword)
    except BadHeaderValue:
        notes.append(f"{label(keyword)} is not a number: left out")
        return None


def _contrast(header: Header) -> bool | None:
    """True: an agent is named. False: it is written that none was given. None: not stated."""
    agent = header.text("ContrastBolusAgent").upper()
    if agent in _NO_AGENT:
        return False
    return True if agent or header.items("ContrastBolusAgentSequence") else None


def _body_part(header: Header, anatomy: Header) -> str | None:
    """Body Part Examined, or the meaning of the anatomic region of an Enhanced CT's frame."""
    regions = anatomy.items("AnatomicRegionSequence")
    stated = header.text("BodyPartExamined") or (regions[0].text("CodeMeaning") if regions else "")
    return stated.upper() or None


def _date(header: Header, notes: list[str]) -> date | None:
    """A DICOM date, YYYYMMDD, or YYYY.MM.DD as before 1993 (PS3.5 section 6.2)."""
    text = header.text("StudyDate")
    try:
        return date.fromisoformat(text.replace(".", "") if _DATE.fullmatch(text) else "")
    except ValueError:
        notes += [f"{label('StudyDate')} is not a date: left out"] if text else []
        return None
