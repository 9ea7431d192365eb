"""Earlier exams of the same patient: found in the archive, fetched, and surely of the same patient."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....engine.errors import InputError
from ...decision_file import write_text
from ..dicomweb import searchable
from ..errors import NotInArchive
from ..objects import Identity, identity_of
from ..seam import Archive, Query, StudyEntry, noted
from ..uids import hashed
from .deciding import Met
from .gathering import IMAGES, STATED, Gather, files_below
from .reports import speaking
from .rules import Rule, wanted_series
from .seams import Prior

if TYPE_CHECKING:
    from ...store.cases import CaseFile

Said = Callable[[str], "CaseFile | None"]  # study -> the decision of it that holds, as it is kept
LIST = "priors.json"


@dataclass(frozen=True, slots=True)
class Fetched:
    """An earlier exam on disk: its day, UID and folder's name."""

    day: str
    study: str
    folder: str


def fetch_earlier(
    archive: Archive, gather: Gather, current: Identity, day: date | None, rule: Rule, folder: Path
) -> None:
    """Have the earlier exams in ``folder``, and a list of them beside: ``priors.json`` is written last.

    Raises:
        ArchiveUnavailable, ArchiveRefuses: the archive. What is wrong with one earlier exam leaves that one out.
    """
    kept: list[Fetched] = []
    found, notes = _found(archive, gather, current, day, rule)
    for entry in found:
        place = folder / f"prior-{hashed(entry.uid)}"  # by its UID: after a death others may have been found
        try:
            _fetch(archive, gather, entry, rule, place)
            _check_patient(current, place)
            kept.append(Fetched(str(entry.date), entry.uid, place.name))
        except InputError as error:
            notes.append(f"an earlier exam of {entry.date} could not be used ({type(error).__name__}): not compared")
    write_text(folder / LIST, json.dumps({"priors": [asdict(one) for one in kept], "notes": notes}))


def _found(
    archive: Archive, gather: Gather, current: Identity, day: date | None, rule: Rule
) -> tuple[list[StudyEntry], list[str]]:
    """Newest first, no more than the rule wants."""
    subject = current.subject
    if not rule.priors.most:
        return [], []
    if day is None or not searchable(subject.patient_id):
        return [], ["earlier exams were not looked for: the images give no date or no patient id to search by"]
    wanted = Query(day - timedelta(days=366 * rule.priors.years), day - timedelta(days=1), rule.modality, subject)
    studies = gather.retrying(lambda: archive.studies(wanted))
    dated = [one for one in studies if one.date is not None and one.uid != current.study]
    newest = sorted(dated, key=lambda one: (one.date, one.uid), reverse=True)
    fitting: list[StudyEntry] = []
    for one in newest:
        if len(fitting) < rule.priors.most and _wanted(archive, gather, one, rule):
            fitting.append(one)
    return fitting, []


def _wanted(archive: Archive, gather: Gather, study: StudyEntry, rule: Rule) -> bool:
    return bool(wanted_series(rule, study, gather.retrying(lambda: archive.series(study.uid))))


def _fetch(archive: Archive, gather: Gather, study: StudyEntry, rule: Rule, place: Path) -> None:
    series = gather.retrying(lambda: archive.series(study.uid))
    for one in (*wanted_series(rule, study, series), *(s for s in series if s.modality == "SR")):
        entries = gather.retrying(lambda uid=one.uid: archive.instances(study.uid, uid))  # type: ignore[misc]
        gather.fetch(archive, noted(one, entries), place)


def _check_patient(current: Identity, place: Path) -> None:
    """Hold each series' first object against the current exam's patient.

    Raises:
        NotInArchive: it names another patient, so the exam that was looked for is not there.
    """
    for folder in sorted(p for p in place.glob("*/*") if p.is_dir()):
        first = identity_of(next(iter(sorted(folder.glob("*.dcm")))))
        births = {first.birth_date, current.birth_date} - {""}
        if not first.subject.same_as(current.subject) or len(births) > 1:
            found, cure = "objects of another patient or issuer", "Have the archive's records of both looked at."
            raise NotInArchive("the archive", "earlier exam", found, "the patient of the current one", cure)


def studies_before(folder: Path) -> tuple[str, ...]:
    """The studies, by UID, of the earlier exams that ``fetch_earlier`` left in the folder."""
    listed: Any = json.loads((folder / LIST).read_text(encoding="utf-8"))
    return tuple(str(one["study"]) for one in listed["priors"])


def earlier(folder: Path, said: Said) -> tuple[tuple[Prior, ...], Met]:
    """What ``fetch_earlier`` left in the folder: the exams, newest first, and what was met.

    Of an exam that could not be used it is left open whether it shows the same lesions: a human must look.
    """
    listed: Any = json.loads((folder / LIST).read_text(encoding="utf-8"))
    told: list[str] = []
    exams = tuple(_prior(folder, Fetched(**one), said, told) for one in listed["priors"])
    return exams, Met(tuple(told), tuple(listed["notes"]))


def _prior(folder: Path, one: Fetched, said: Said, told: list[str]) -> Prior:
    place = folder / one.folder
    reports = files_below(place / STATED)
    day, images = date.fromisoformat(one.day), place / IMAGES
    exam = Prior(day, one.study, images, _reads(images), reports=reports)
    if (kept := said(one.study)) is not None:
        return _kept(exam, kept, told)
    report, findings, notes = speaking(reports, own=True)
    told += [f"earlier exam of {one.day}: {note}" for note in notes]
    return replace(exam, findings=findings, said_by="structured report" if report else "")


def _kept(exam: Prior, kept: CaseFile, told: list[str]) -> Prior:
    """With what the decision that was kept of it says."""
    from ...earlier import categories_of

    case, (categories, unsure) = kept.assessment.record.case, categories_of(kept.assessment, kept)
    by = f"decision {kept.row.decision_id}"
    if kept.row.signed_by is None:
        told.append(f"earlier exam of {exam.day}: {by} is preliminary, nobody signed it")
    return replace(
        exam, findings=case.findings, said_by=by, categories=categories, assessed=case.assessed, unsure=unsure
    )


def _reads(series: Path) -> Callable[[], Any]:
    def read() -> Any:
        from ...dicom.series import read_series

        return read_series(series)

    return read
