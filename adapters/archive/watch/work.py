"""One job from its listing to the archive, step by step; each step can be done again after a death within it.

What a step makes is on disk under its last name before the journal says that the step is done: a decision is written
beside before it is kept in the store, and objects before they are sent. So a step that is done again finds them, and
makes no second decision and no second report. A decision that follows an earlier one of the study takes its place
(``succession.py``), and what was signed meanwhile is not told as preliminary any more (``withholding.py``).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ....engine.errors import BadValue, Contradiction, MissingField
from ....engine.record import Assessment
from ...assess import keep
from ...decision_file import read_decision, write_decision
from ..basket import made, sync_folder
from ..objects import identity_of
from ..seam import Archive
from ..storing import store_file
from .deciding import Met, compared, decide, sources_of
from .earlier import earlier, fetch_earlier, studies_before
from .gathering import IMAGES, STATED, Gather, files_below
from .journal import Job, Journal, Step
from .reports import speaking
from .rules import Rule
from .seams import Assessed, Seams
from .settings import WatchSettings
from .succession import Follows, Held, held_of, read_follows, same_case
from .withholding import reports_before, why_withheld

if TYPE_CHECKING:
    from ....engine.perception.volume import Volume
    from ....engine.types import Case
    from ...store.cases import CaseFile, Seen, Store

DECISION: Final = "decision.json"
OUT: Final = "out"


@dataclass(frozen=True, slots=True)
class Bench:
    """What every job is worked on with: ``source`` has new studies, ``archive`` earlier ones and takes the answers."""

    settings: WatchSettings
    journal: Journal
    source: Archive
    archive: Archive
    gather: Gather
    seams: Seams = field(default_factory=Seams)

    def rule(self, name: str) -> Rule:
        """A rule of the settings.

        Raises:
            MissingField: there is none of that name any more.
        """
        for one in self.settings.rules:
            if one.name == name:
                return one
        cure = "Put the rule back, or have the study put aside."
        raise MissingField("settings", "watch.rules", "no rule of the name that a study was taken by", "it", cure)


class Work:
    """A job at hand, and its folder."""

    def __init__(self, bench: Bench, job: Job) -> None:
        self._bench, self.job = bench, job
        self.folder = bench.settings.state / "work" / job.key
        self._withheld = ""

    def facts(self) -> dict[str, str]:
        """What is to be said of the step that was done, beside its name."""
        return {"withheld": self._withheld} if self._withheld else {}

    def step(self) -> None:
        """Do what comes next, and have the journal say so.

        Raises:
            InputError: it cannot be done. SetupError: not just now.
        """
        self._withheld = ""
        _NEXT[self.job.step](self)
        self.job = self._bench.journal.job(self.job.key)

    def clear(self) -> None:
        """Take the folder away: what matters is in the store and in the archive."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the steps -----------------------------------------------------------------------------

    def fetch(self) -> None:
        """Images, reports and earlier exams are in the folder."""
        bench = self._bench
        made(self.folder)
        for entries in self.job.listing:
            bench.gather.fetch(bench.source, entries, self.folder)
        images = files_below(self.folder / IMAGES)
        if not images:
            raise MissingField("study", "", "no image", "at least one series of images", "Send the images.")
        day = date.fromisoformat(self.job.day) if self.job.day else None
        fetch_earlier(bench.archive, bench.gather, identity_of(images[0]), day, self._rule, self.folder)
        bench.journal.advance(self.job, Step.FETCHED)

    def assess(self) -> None:
        """The decision is kept in the store, with what its pictures need; none of what was overtaken meanwhile."""
        assessment = self._decision()
        self._check_same_images(assessment)
        name, follows = assessment.record.decision_id, read_follows(self.folder)
        seen = self._seen()
        if self._is_kept(name):
            follows = Follows()
        elif follows != self._following(assessment.record.case, seen):
            return  # the step is not done: it is taken again, and the decision made anew
        self._bench.journal.deciding(self.job, name)
        if self._keep(assessment, follows, seen):
            self._bench.journal.advance(self.job, Step.ASSESSED, decision=name)

    def _keep(self, made: Assessment, follows: Follows, seen: Seen) -> bool:
        """Have it in the store; False where somebody was faster: what it says of the study is not true any more."""
        from ...store.errors import ChangedMeanwhile, Superseded

        s = self._bench.settings
        before = follows.instead_of
        try:
            keep(made, s.store, s.guidelines, volume=self._volume, images=s.images, instead_of=before, seen=seen)
        except (ChangedMeanwhile, Superseded):
            return False
        return True

    def write(self) -> None:
        """The objects for the archive are in the folder, and listed; none of what is not to be told."""
        out = self.folder / OUT
        if not out.is_dir() and self._may_tell():
            self._emit(out)
        objects = [(self._checked(file), file.name) for file in files_below(out)]
        self._bench.journal.advance(self.job, Step.WRITTEN, objects=objects)

    def deliver(self) -> None:
        """The objects are in the archive, but for those that are not to be told any more."""
        bench, how = self._bench, self._bench.gather
        for one in bench.journal.outgoing(self.job):
            if not one.queued:
                continue
            if self._may_tell():
                store_file(bench.archive, self.folder / OUT / one.file, how.retrying, how.object_bytes)
                bench.journal.kept(one.sop)
            else:
                bench.journal.withheld(one.sop)
        bench.journal.advance(self.job, Step.DONE)
        self.clear()

    # ---- their parts ---------------------------------------------------------------------------

    @property
    def _rule(self) -> Rule:
        return self._bench.rule(self.job.rule)

    @cached_property
    def _volume(self) -> Volume:
        from ...dicom.series import read_series

        return read_series(self.folder / IMAGES)

    def _store(self) -> Store:
        from ...store.cases import Store

        return Store.open(self._bench.settings.store)

    def _is_kept(self, name: str) -> bool:
        with self._store() as store:
            return is_kept(store, name)

    def _held(self, study: str, patient: str | None = None) -> Held | None:
        with self._store() as store:
            return held_of(store, study, self._bench.journal.decisions_of(study), patient)

    def _seen(self) -> Seen:
        """What stands of the study and of earlier exams, before it is read: the store refuses what changed since."""
        with self._store() as store:
            return store.seen(self.job.study, *studies_before(self.folder))

    def _following(self, case: Case, seen: Seen) -> Follows:
        """How a decision of the case follows what is held of its study."""
        held = self._held(self.job.study, case.patient.key)
        return (held.follows(case.patient.key) if held is not None else Follows()).of(seen)

    def _decision(self) -> Assessment:
        """The decision, on disk: the one that is there unless what it follows has changed since, else a new one."""
        file = self.folder / DECISION
        if file.is_file():
            made = read_decision(file)
            unchanged = read_follows(self.folder) == self._following(made.record.case, self._seen())
            if unchanged or self._is_kept(made.record.decision_id):
                return made
        seen = self._seen()
        case, as_of = self._compared(), date.fromisoformat(self.job.as_of)
        held, follows = self._held(self.job.study, case.patient.key), self._following(case, seen)
        made = decide(case, self._rule, self._bench.settings.guidelines, as_of, follows)
        if held is not None and same_case(made, held.made.assessment):
            made, follows = held.made.assessment, Follows()  # nothing came that says anything of the exam
        file.unlink(missing_ok=True)
        follows.write(self.folder)
        write_decision(made, file)
        return read_decision(file)

    def _compared(self) -> Case:
        bench, rule = self._bench, self._rule
        report, _, notes = speaking(files_below(self.folder / STATED), own=False) if rule.findings else (None, (), ())
        priors, met = earlier(self.folder, self._said)
        subject = identity_of(files_below(self.folder / IMAGES)[0]).subject
        record = bench.seams.record(subject.patient_id, subject.issuer, self.folder)
        sources = sources_of(rule, self.folder, report, record, bench.settings.guidelines)
        as_of, met = date.fromisoformat(self.job.as_of), Met((*notes, *met.notes), met.left_open)
        return compared(sources, rule, as_of, priors, met, bench.seams.match)

    def _said(self, study: str) -> CaseFile | None:
        """What was decided of an earlier study, by the decision that holds; the store may have been exchanged since."""
        held = self._held(study)
        if held is None:
            return None
        with self._store() as store:
            return store.case(held.standing)

    def _may_tell(self) -> bool:
        """Whether a preliminary report of the decision may be stored in the archive."""
        with self._store() as store:
            self._withheld = why_withheld(store, self._bench.journal, self.job)
        return not self._withheld

    def _check_same_images(self, assessment: Assessment) -> None:
        if assessment.record.image_sha256 != self._volume.sha256():
            found, cure = "a decision of other images", "Remove the folder of this job."
            raise Contradiction("watch.state", DECISION, found, "that of the images beside it", cure)

    def _emit(self, out: Path) -> None:
        """Write all of them beside, then give them their place at once."""
        priors, _ = earlier(self.folder, self._said)
        assessment = read_decision(self.folder / DECISION)
        with self._store() as store:
            before = reports_before(store, self._bench, self.job, self.folder)
        made_of = Assessed(assessment, self._volume, self.folder / IMAGES, priors, before)
        objects = self._bench.seams.emit(made_of)
        beside = self.folder / f".{OUT}"
        shutil.rmtree(beside, ignore_errors=True)
        made(beside)
        for number, one in enumerate(objects, 1):
            one.save_as(beside / f"{number:03d}.dcm", enforce_file_format=True)
        sync_files(beside)
        beside.rename(out)
        sync_folder(self.folder)

    def _checked(self, file: Path) -> str:
        """The SOP Instance UID of an object to be stored.

        Raises:
            BadValue: it is of another study, or its UID was given out before.
        """
        what = identity_of(file)
        if what.study != self.job.study or self._bench.journal.is_own(what.instance):
            found = "an object of another study, or under a UID that was given out before"
            raise BadValue("emit", "SOPInstanceUID (0008,0018)", found, "new ones of this study", "Mend the writer.")
        return what.instance


def is_kept(store: Store, name: str) -> bool:
    """Whether the store has a decision of that id."""
    from ...store.errors import NoSuchDecision

    try:
        store.row(name)
    except NoSuchDecision:
        return False
    return True


def sync_files(folder: Path) -> None:
    """All files of a folder on disk, with their names."""
    import os

    for file in folder.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    sync_folder(folder)


_NEXT: Final[Mapping[Step, Callable[[Work], Any]]] = {
    Step.SEEN: Work.fetch,
    Step.FETCHED: Work.assess,
    Step.ASSESSED: Work.write,
    Step.WRITTEN: Work.deliver,
}
