"""Which reports are not sent, and which ones in the archive a report takes the place of.

What the watch sends is preliminary. Beside a signed report, or for a decision whose place another one took, it would
be read as the newest word on the exam.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..fetching import fetched
from ..seam import noted
from ..uids import hashed
from .gathering import REPORTS_BEFORE
from .journal import Job, Journal

if TYPE_CHECKING:
    from ...report.signed import Stood
    from ...store.cases import Store
    from .work import Bench


def why_withheld(store: Store, journal: Journal, job: Job) -> str:
    """Why nothing of the job's decision is to be told as preliminary, '' where it may be.

    Raises:
        NoSuchDecision: the store has it no more.
    """
    if store.is_erased(job.decision):
        return "its patient was erased"
    stood = _stood(store, job)
    if journal.told(job.decision) - {one.sop for one in journal.outgoing(job)}:
        return "it was told before"
    if stood.replaced_by:
        return "another decision took its place"
    if stood.signed is not None:
        return "it is signed"
    signed = stood.was_final or any(row.signed_by is not None for row in store.of_study(job.study))
    return "a signed decision of the exam stands" if signed else ""


def reports_before(store: Store, bench: Bench, job: Job, folder: Path) -> tuple[Path, ...]:
    """The files of the reports, fetched from the archive, of the last decision before this one that was told there.

    Raises:
        ArchiveUnavailable, ArchiveRefuses, BadAnswer: of the archive.
    """
    for one in _stood(store, job).before:
        made = bench.journal.told(one.row.decision_id)
        if made and (files := _fetched(bench, job.study, made, folder / REPORTS_BEFORE)):
            return files
    return ()


def _stood(store: Store, job: Job) -> Stood:
    from ...report.signed import stood

    return stood(store, job.decision)


def _fetched(bench: Bench, study: str, wanted: frozenset[str], place: Path) -> tuple[Path, ...]:
    """Those of the objects that are reports and that the archive has."""
    archive, gather = bench.archive, bench.gather
    files: list[Path] = []
    for series in gather.retrying(lambda: archive.series(study)):
        if series.modality != "SR":
            continue
        listed = gather.retrying(lambda uid=series.uid: archive.instances(study, uid))  # type: ignore[misc]
        entries = noted(series, (one for one in listed if one.uid in wanted))
        gather.into(archive, entries, folder := place / hashed(series.uid), all_of_it=len(entries) == len(listed))
        files += fetched(entries, folder)
    return tuple(files)
