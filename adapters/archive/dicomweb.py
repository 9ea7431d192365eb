"""The archive by DICOMweb (PS3.18 section 10): QIDO-RS, WADO-RS, STOW-RS, on httpx alone.

dicomweb-client was looked at and not taken: it holds whole answers in memory, bounds neither their size nor their time,
gives parts of a broken answer as if it were whole, and logs URLs. What is left to write is what stands here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from . import answers
from .errors import ARCHIVE, ArchiveUnavailable, BadAnswer, NotAccepted
from .multipart import Parts, boundary_of, with_one_part
from .objects import identity_of
from .seam import MOST_MATCHES, Closing, InstanceEntry, Query, SeriesEntry, StudyEntry, Take, fitting
from .settings import ArchiveSettings, DicomWeb
from .uids import checked, usable
from .wire import Wire

PAGE: Final = 500  # matches that one answer should hold
_JSON: Final = {"accept": "application/dicom+json"}
_OBJECTS: Final = {"accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}  # as they are kept
_STORED: Final = (200, 202, 409)  # PS3.18 10.5.3: all, some, none; the body says which
_UNFIT: Final = (400, 413, 415, 422)  # the object, not the way to the archive
_BUSY: Final = range(0xA700, 0xA800)  # PS3.4 table GG.4-1: out of resources
_PROCESSING: Final = 0x0110  # processing failure (PS3.7 annex C)
T = TypeVar("T")


class DicomWebArchive(Closing):
    """An ``Archive`` by DICOMweb."""

    def __init__(self, way: DicomWeb, settings: ArchiveSettings) -> None:
        self._wire, self.unusable = Wire(way, settings), 0

    def close(self) -> None:
        """Give back the connections."""
        self._wire.close()

    def studies(self, wanted: Query) -> tuple[StudyEntry, ...]:
        """QIDO-RS, held against the query once more. See ``Archive``."""
        self.unusable = 0
        if wanted.subject is not None and not searchable(wanted.subject.patient_id):
            return ()
        found = self._search("/studies", _query(wanted), _as_it_is, _study_uid)
        entries, self.unusable = usable(found, answers.study_entry)
        return tuple(fitting(entries, wanted))

    def series(self, study: str) -> tuple[SeriesEntry, ...]:
        """QIDO-RS for series. See ``Archive``."""
        path = f"/studies/{checked(study, 'StudyInstanceUID')}/series"
        fields = {"includefield": f"{answers.SERIES_TEXT},{answers.BODY_PART},{answers.SERIES_COUNT}"}
        return tuple(self._search(path, fields, lambda one: answers.series_entry(one, study), lambda s: s.uid))

    def instances(self, study: str, series: str) -> tuple[InstanceEntry, ...]:
        """QIDO-RS for objects. See ``Archive``."""
        path = f"{_path(study, series)}/instances"
        return tuple(self._search(path, {}, lambda one: answers.instance_entry(one, study, series), lambda i: i.uid))

    def retrieve(
        self, study: str, series: str, instances: tuple[InstanceEntry, ...], take: Take, *, all_of_it: bool
    ) -> None:
        """WADO-RS: the series in one answer, or object by object. See ``Archive``."""
        place = _path(study, series)
        each = [f"{place}/instances/{checked(one.uid, 'SOPInstanceUID')}" for one in instances]
        for path in [place] if all_of_it else each:
            with self._wire.answer("GET", path, headers=_OBJECTS) as answer:
                answer.check("WADO-RS")
                for part in Parts(answer.blocks(), boundary_of(answer.media_type)):
                    take(part)

    def send(self, file: Path) -> None:
        """STOW-RS of one object. See ``Archive``.

        Raises:
            NotAccepted: the answer names a reason that will not pass.
        """
        what = identity_of(file)
        boundary = secrets.token_hex(16)
        headers = {**_JSON, "content-type": f'multipart/related; type="application/dicom"; boundary={boundary}'}
        body = with_one_part(file, boundary.encode())
        with self._wire.answer("POST", f"/studies/{what.study}", headers=headers, content=body) as answer:
            if answer.status in _UNFIT:
                found, cure = f"status {answer.status}", "Look at the archive's log; mend the object."
                raise NotAccepted(ARCHIVE, "store", found, "success", cure)
            answer.check("STOW-RS", _STORED)
            said = answer.whole()
            reason = answers.failure(said, what.instance) if said.strip() else None
        if reason is not None or answer.status == 409:
            raise refusal(reason or 0)

    def _search(
        self, path: str, query: Mapping[str, str], read: Callable[[answers.Json], T], uid_of: Callable[[T], str]
    ) -> list[T]:
        """Page by page until one holds nothing new: servers cut pages shorter than asked, or know no pages at all."""
        found: dict[str, T] = {}
        asked = 0
        while True:
            page = self._page(path, {**query, "limit": str(PAGE), "offset": str(asked)})
            before = len(found)
            found |= {uid_of(one): one for one in map(read, page)}
            asked += len(page)
            if len(found) == before:
                return list(found.values())
            if len(found) > MOST_MATCHES:
                allowed, cure = f"{MOST_MATCHES}", "Ask for fewer days."
                raise BadAnswer(ARCHIVE, "QIDO-RS", "more matches than are taken", allowed, cure)

    def _page(self, path: str, query: Mapping[str, str]) -> list[answers.Json]:
        with self._wire.answer("GET", path, query=query, headers=_JSON) as answer:
            if answer.status == 204:
                return []
            answer.check("QIDO-RS")
            if not answer.media_type.lower().startswith(("application/dicom+json", "application/json")):
                allowed = "application/dicom+json"
                cure = "Check the URL, and what stands between us and the archive."
                raise BadAnswer(ARCHIVE, "QIDO-RS", "another media type", allowed, cure)
            return answers.matches(answer.whole(), "QIDO-RS")


def refusal(status: int) -> ArchiveUnavailable | NotAccepted:
    """What a failure of storing means: worth another try, or not (PS3.4 table GG.4-1, PS3.7 annex C)."""
    found = f"failure {status:04X}"
    if status in _BUSY or status == _PROCESSING:
        return ArchiveUnavailable(ARCHIVE, "store", found, "success", "Try again later.")
    return NotAccepted(ARCHIVE, "store", found, "success", "Look the code up in PS3.4 table GG.4-1; mend the object.")


def searchable(patient_id: str) -> bool:
    """Whether an id can be searched for: an empty one matches everybody, and so may wildcards (PS3.4 C.2.2.2.4)."""
    return bool(patient_id) and not set(patient_id) & set("*?\\,")


def _as_it_is(one: answers.Json) -> answers.Json:
    return one


def _study_uid(one: answers.Json) -> str:
    return answers.text(one, answers.STUDY_UID)


def _path(study: str, series: str) -> str:
    return f"/studies/{checked(study, 'StudyInstanceUID')}/series/{checked(series, 'SeriesInstanceUID')}"


def _query(wanted: Query) -> dict[str, str]:
    fields = (answers.STUDY_TEXT, answers.MODALITIES, answers.STUDY_COUNT, answers.ISSUER)
    query = {"includefield": ",".join(fields)}
    if wanted.first or wanted.last:
        first, last = (f"{d:%Y%m%d}" if d else "" for d in (wanted.first, wanted.last))
        query["StudyDate"] = f"{first}-{last}"
    if wanted.modality:
        query["ModalitiesInStudy"] = wanted.modality
    if wanted.subject is not None:
        # a blank as "any one character": Orthanc 1.10 does not decode %20; answers are held against the id anyway
        query["PatientID"] = wanted.subject.patient_id.replace(" ", "?")
    if wanted.study:
        query["StudyInstanceUID"] = checked(wanted.study, "StudyInstanceUID")
    return query
