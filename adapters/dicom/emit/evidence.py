"""The images that a report is about: their headers, in the order of their stack, with what identifies the patient.

Patient and study are copied as they stand, only re-encoded in UTF-8; nothing about them is made up. What the standard
wants present and the images do not have stays empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID, CTImageStorage

from ..choose import choose
from ..errors import BadHeaderValue, MissingTag
from ..files import opened
from ..geometry import stacked
from ..headers import FOREIGN, Header, Known, label, parse
from ..objects import date_in
from ..slices import FUNCTIONAL_GROUPS, Slice, found_in
from ..structure import layout_of

EMPTY_IF_ABSENT: Final = (  # type 2: present, possibly without a value
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
NAMES: Final = ("PatientName", "ReferringPhysicianName")
COPIED: Final = (
    *EMPTY_IF_ABSENT,
    "IssuerOfPatientID",
    "QualityControlSubject",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "StudyDescription",
    "TimezoneOffsetFromUTC",
)
_OF_IMAGE: Final = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "Rows",
    "Columns",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "NumberOfFrames",
    "PositionReferenceIndicator",
    *FUNCTIONAL_GROUPS,
)
_NEEDED: Final = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_SEXES: Final = ("", "M", "F", "O")  # PS3.3 C.7.1.1
TAGS: Final = ("SpecificCharacterSet", *COPIED, *_OF_IMAGE)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """``images``: one header a file, without pixels, sorted along the stack; all hold patient and study but for names.

    ``names``: those of people, which libraries would quote in warnings. ``where``: the folder or file, for errors.
    """

    where: str
    images: tuple[Dataset, ...]
    names: Dataset

    @property
    def study_uid(self) -> str:
        """Study Instance UID of the images."""
        return str(self.images[0].StudyInstanceUID)

    @property
    def series_uid(self) -> str:
        """Series Instance UID of the images."""
        return str(self.images[0].SeriesInstanceUID)

    @property
    def study_date(self) -> date | None:
        """Date of the study, if the header states one."""
        return date_in(Header(self.images[0], self.where, {}), "StudyDate")

    @property
    def frame_of_reference(self) -> str:
        """Frame of Reference UID.

        Raises:
            MissingTag: the images have none, so that no place in them can be stated.
        """
        found = str(self.images[0].get("FrameOfReferenceUID") or "")
        if not found:
            raise _missing(self.where, "FrameOfReferenceUID")
        return found

    def local(self, at: datetime) -> datetime:
        """A moment in the images' time zone; as it is where they state none."""
        offset = str(self.images[0].get("TimezoneOffsetFromUTC") or "").strip()
        if len(offset) != 5 or not offset[1:].isdigit() or at.tzinfo is None:
            return at
        minutes = int(offset[1:3]) * 60 + int(offset[3:])
        return at.astimezone(timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes)))


def evidence_of(path: Path) -> Evidence:
    """The headers of the CT series at ``path``, the one that ``read_series`` would read of several.

    Raises:
        InputError: what ``read_series`` raises of headers; BadHeaderValue also for a value of patient or study that
            the standard does not allow, MissingTag for an image without its UIDs.
    """
    with opened(path) as entries:
        chosen, _ = choose(found_in(entries), path.name)
        known: Known = {}
        images = list(_images(stacked(_first_of_each(chosen.slices)).slices, known))
    patient = _copied(images[0])
    names = Dataset()
    for keyword in NAMES:
        names[keyword] = patient[keyword]
        patient[keyword] = DataElement(keyword, "PN", "")
    return Evidence(path.name, tuple(_with_patient(image, patient) for image in images), names)


def _first_of_each(slices: Sequence[Slice]) -> list[Slice]:
    """The slices of the first file of each instance: exports hold exact copies at times, as ``read_series`` checks."""
    first: dict[str, int] = {}
    for one in slices:
        first.setdefault(one.image.sop_uid, id(one.image))
    return [one for one in slices if first[one.image.sop_uid] == id(one.image)]


def _images(slices: Sequence[Slice], known: Known) -> Iterator[Header]:
    """Each file once: a multi-frame image has many slices."""
    done: set[str] = set()
    for one in slices:
        if one.image.sop_uid in done:
            continue
        done.add(one.image.sop_uid)
        layout, dataset = layout_of(one.image.entry)
        header = parse(layout, dataset, TAGS, one.image.name, known)
        for keyword in _NEEDED:
            if not UID(header.text(keyword)).is_valid:
                raise _missing(one.image.name, keyword)
        yield header


def _missing(where: str, keyword: str) -> MissingTag:
    return MissingTag(where, label(keyword), "nothing", "the UID of the image", "Export the file again with it.")


def _copied(header: Header) -> Dataset:
    """Patient and study, decoded, in UTF-8."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for keyword in COPIED:
        value = _value(header, keyword)
        if value not in (None, "") or keyword in EMPTY_IF_ABSENT:
            made.add(_element(header, keyword, value))
    if str(made.PatientSex or "") not in _SEXES:
        raise _bad(header, "PatientSex", None)
    return made


def _value(header: Header, keyword: str) -> Any:
    try:
        return header.dataset.get(keyword)
    except FOREIGN as error:
        raise _bad(header, keyword, error) from error


def _element(header: Header, keyword: str, value: Any) -> DataElement:
    written = "" if value is None else str(value)
    try:
        return DataElement(keyword, dictionary_VR(keyword), written, validation_mode=config.RAISE)
    except FOREIGN as error:
        raise _bad(header, keyword, error) from error


def _bad(header: Header, keyword: str, error: Exception | None) -> BadHeaderValue:
    found, allowed = "a value that its kind does not allow", "a value of its kind (PS3.5 6.2, PS3.3 C.7)"
    bad = BadHeaderValue(header.where, label(keyword), found, allowed, "Correct the tag or export the file again.")
    bad.__cause__ = error
    return bad


def _with_patient(header: Header, patient: Dataset) -> Dataset:
    made, image = Dataset(), header.dataset
    for keyword in _OF_IMAGE:
        if image.get_item(keyword) is not None:
            made[Tag(keyword)] = image[keyword]
    if not header.text("SOPClassUID"):  # left empty by some exports of CT slices, which the reader takes as such too
        made.SOPClassUID = CTImageStorage
    made.update(patient)
    return made
