"""What an archive is to radlogic: find, fetch, send. DICOMweb, DIMSE and the spool of the receiver each have one.

Entries come from a stranger: UIDs in them have been checked, dates are dates or None, texts are texts and
decide nothing but what the site's rules say of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

REPORTS: Final = "1.2.840.10008.5.1.4.1.1.88."  # the SOP classes of structured reports (PS3.4 B.5)
MOST_MATCHES = 20_000  # of one search; a day of a large hospital has some thousand studies


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose study it is, by the archive; never shown or logged."""

    patient_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)  # of the patient's id: two hospitals may give out the same one

    def same_as(self, other: Subject) -> bool:
        """Whether both surely name one patient: an id, and the same issuer or none on both sides."""
        return bool(self.patient_id) and self == other

    def may_be(self, other: Subject) -> bool:
        """Whether both may name one patient: searches often leave the issuer out, and the objects then say."""
        issuers_fit = not (self.issuer and other.issuer) or self.issuer == other.issuer
        return bool(self.patient_id) and self.patient_id == other.patient_id and issuers_fit


@dataclass(frozen=True, slots=True)
class StudyEntry:
    """A study as a search names it; ``instances`` is None where the archive does not count."""

    uid: str
    date: date | None = None
    modalities: tuple[str, ...] = ()
    description: str = field(default="", repr=False)
    subject: Subject = Subject()
    instances: int | None = None


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """A series as a search names it."""

    uid: str
    study: str
    modality: str = ""
    description: str = field(default="", repr=False)
    body_part: str = ""
    instances: int | None = None


@dataclass(frozen=True, slots=True)
class InstanceEntry:
    """An object as a search names it; ``kind`` is its SOP Class UID, '' where the archive does not say.

    ``modality``: of its series, where somebody noted it.
    """

    uid: str
    series: str
    study: str
    kind: str = ""
    modality: str = ""

    @property
    def is_report(self) -> bool:
        """Whether it is a structured report: by its kind, or by its series where archives do not name kinds."""
        return self.kind.startswith(REPORTS) or (not self.kind and self.modality == "SR")


def noted(series: SeriesEntry, entries: Iterable[InstanceEntry]) -> tuple[InstanceEntry, ...]:
    """The objects of a series with its modality."""
    return tuple(replace(one, modality=series.modality) for one in entries)


@dataclass(frozen=True, slots=True)
class Query:
    """Which studies. What is None is not asked; a patient is matched exactly, never by wildcards."""

    first: date | None = None
    last: date | None = None
    modality: str | None = None
    subject: Subject | None = None
    study: str | None = None


Take = Callable[[Iterable[bytes]], None]  # one object, as a DICOM file in pieces


class Archive(Protocol):
    """Each call may raise ``ArchiveUnavailable`` (try again), ``ArchiveRefuses`` or ``BadAnswer``.

    ``unusable``: how many studies the last search for studies left out because their UID is none.
    """

    unusable: int

    def studies(self, wanted: Query) -> tuple[StudyEntry, ...]:
        """The studies that fit, in any order; the caller holds them against the query again."""

    def series(self, study: str) -> tuple[SeriesEntry, ...]:
        """The series of a study."""

    def instances(self, study: str, series: str) -> tuple[InstanceEntry, ...]:
        """The objects of a series."""

    def retrieve(
        self, study: str, series: str, instances: tuple[InstanceEntry, ...], take: Take, *, all_of_it: bool
    ) -> None:
        """Hand these objects to ``take``, each as a whole DICOM file, in the encoding in which they are kept.

        ``all_of_it``: they are all that the series has, so one request may ask for the series.
        """

    def send(self, file: Path) -> None:
        """Store one object.

        Raises:
            NotAccepted: the archive refuses this object.
        """

    def close(self) -> None:
        """Give back connections."""


class Closing:
    """``with`` for what has ``close``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections."""


def fitting(found: Iterable[StudyEntry], wanted: Query) -> Iterator[StudyEntry]:
    """Those that fit the query: an archive may ignore a key that it does not know, and says so nowhere.

    A study whose date or modalities the archive does not say fits: it cannot be ruled out by them.
    """
    for one in found:
        dated = one.date is None or (
            (wanted.first is None or wanted.first <= one.date) and (wanted.last is None or one.date <= wanted.last)
        )
        of_kind = wanted.modality is None or not one.modalities or wanted.modality in one.modalities
        named = wanted.study is None or one.uid == wanted.study
        if dated and of_kind and named and (wanted.subject is None or wanted.subject.may_be(one.subject)):
            yield one
