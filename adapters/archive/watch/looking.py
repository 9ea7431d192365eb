"""What is new in the archive: studies that a rule wants, once nothing more has come to them for a while."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from ....engine.errors import InputError, RadlogicError
from ..objects import identity_of
from ..retry import Retrying
from ..seam import Archive, InstanceEntry, Query, SeriesEntry, StudyEntry, noted
from ..uids import hashed
from .gathering import Gather, files_below
from .journal import Job, Journal, Seen, Step
from .reports import is_own
from .rules import Rule, first_fitting
from .saying import Say
from .settings import WatchSettings

UNWANTED = "unwanted"
LOOKED_INTO = "looked-into"  # beside the jobs' folders, none of which has such a name


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the archive."""

    settings: WatchSettings
    journal: Journal
    source: Archive
    gather: Gather
    say: Say
    clock: Callable[[], float]
    today: Callable[[], date]

    @property
    def retrying(self) -> Retrying:
        """How the archive is asked."""
        return self.gather.retrying

    def all(self) -> None:
        """Look at every study of the last days; one that cannot be looked into hides no other.

        Raises:
            ArchiveUnavailable, ArchiveRefuses: the archive as a whole.
        """
        last = self.today() + timedelta(days=1)  # clocks and time zones of scanners differ
        first = last - timedelta(days=self.settings.days + 1)
        found: dict[str, StudyEntry] = {}
        for modality in sorted({rule.modality for rule in self.settings.rules}):
            query = Query(first, last, modality)
            found |= {one.uid: one for one in self.retrying(lambda asked=query: self.source.studies(asked))}  # type: ignore[misc]
            if self.source.unusable:
                self.say("studies left out", count=self.source.unusable, why="UIDs that are none")
        for one in found.values():
            self._guarded(one)

    def _guarded(self, study: StudyEntry) -> None:
        try:
            self.one(study)
        except InputError as error:
            self.say("study not looked into", study=hashed(study.uid), why=type(error).__name__)

    def one(self, study: StudyEntry) -> None:
        """Note what a study has; open its job once it stands still."""
        known, now = self.journal.seen(study.uid), self.clock()
        if known is not None and self._nothing_new(study, known, now):
            return
        series = self.retrying(lambda: self.source.series(study.uid))
        fitting = first_fitting(self.settings.rules, study, series)
        if fitting is None:
            self.journal.see(Seen(study.uid, study.instances, UNWANTED, now, now, settled=True))
            return
        rule, wanted = fitting
        listing = self._listing(study, rule, wanted, series)
        digest = hashed(*sorted(one.uid for of in listing for one in of))
        since = known.since if known is not None and known.digest == digest else now
        settled = now - since >= self.settings.stable_s
        seen = Seen(study.uid, study.instances, digest, since, now, settled=settled)
        if not settled:
            self.journal.see(seen)
        elif self.journal.open_job(seen, self._job(study, digest, rule, listing)):
            self.say("study taken", study=hashed(study.uid), rule=rule.name, series=len(listing))

    def _nothing_new(self, study: StudyEntry, known: Seen, now: float) -> bool:
        """Settled, with the same count, and looked into not long ago; an archive that does not count is looked into."""
        counted = study.instances is not None and study.instances == known.instances
        return known.settled and counted and now - known.listed < self.settings.relist_s

    def _listing(
        self, study: StudyEntry, rule: Rule, wanted: tuple[SeriesEntry, ...], series: tuple[SeriesEntry, ...]
    ) -> tuple[tuple[InstanceEntry, ...], ...]:
        """The objects of each wanted series; with reports of others, where the rule reads them, and none of our own."""
        reports = tuple(one for one in series if one.modality == "SR") if rule.findings else ()
        each = (
            noted(one, self.retrying(lambda uid=one.uid: self.source.instances(study.uid, uid)))  # type: ignore[misc]
            for one in (*wanted, *reports)
        )
        others = (tuple(i for i in of if not self._own(i)) for of in each)
        return tuple(tuple(sorted(of, key=lambda i: i.uid)) for of in others if of)

    def _own(self, one: InstanceEntry) -> bool:
        """Whether it is radlogic's: made by this watch, or a report that says so, whoever sent it (a signed one)."""
        if self.journal.is_own(one.uid) or not one.is_report:
            return self.journal.is_own(one.uid)
        known = self.journal.own_report(one.uid)
        return self._looked_into(one) if known is None else known

    def _looked_into(self, one: InstanceEntry) -> bool:
        """Fetch a report that is new, once. One that cannot be had counts as another's: its job will say why, and one
        report hides no other study."""
        place = self.settings.state / "work" / LOOKED_INTO
        try:
            self.gather.fetch(self.source, (one,), place, all_of_it=False)
            own = any(is_own(what) for what in map(identity_of, files_below(place)) if what.instance == one.uid)
        except (RadlogicError, OSError):
            return False
        finally:
            shutil.rmtree(place, ignore_errors=True)
        self.journal.looked_into(one.uid, own=own)
        return own

    def _job(self, study: StudyEntry, digest: str, rule: Rule, listing: tuple[tuple[InstanceEntry, ...], ...]) -> Job:
        return Job(
            key=hashed(study.uid, digest),
            study=study.uid,
            day=study.date.isoformat() if study.date else "",
            rule=rule.name,
            listing=listing,
            as_of=self.today().isoformat(),
            step=Step.SEEN,
            begun=0,
            waits=0,
            doubts=0,
            not_before=0,
            why="",
            decision="",
        )
