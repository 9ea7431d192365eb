"""What a person does at the review desk: look, commit a reading, open reasons, accept, correct, override, sign.

Between the pages and the store. The store holds what must hold of a decision (one signature, reasons opened,
nothing on what is signed or superseded); the desk adds whose eyes may see what: who reads first sees and does
nothing of the engine's before their own findings are committed, and who was launched for one patient sees
that patient only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...engine.errors import BadValue, NotReadable
from ...engine.record import Assessment
from ...engine.types import Case
from ..access.permissions import Actor, Permission
from ..monitor.metrics import Metrics
from ..report.words import belief_words
from ..store.cases import CaseFile, Entry, Filter, Kind, Outcome, Row, Store
from ..store.errors import NothingChanged, Superseded
from ..store.images import Geometry, KeptImages, geometry_of, kept_images
from .decide import correcting, decided
from .errors import NotYourPatient, NotYoursToTakeBack, ReadFirst
from .form import Form
from .seen import read_by
from .settings import ReviewSettings

LOG = logging.getLogger("radlogic.review")
SAME_VISIT = timedelta(minutes=15)  # a page that is loaded again within it is no second opening in the record
NOBODYS = "no such patient"  # a token that no decision has


def now() -> datetime:
    """The clock of the border."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Look:
    """A case as one person may see it. ``blind``: their own findings come first."""

    file: CaseFile
    actor: Actor
    blind: bool

    @property
    def row(self) -> Row:
        """Where the decision stands."""
        return self.file.row

    @property
    def assessment(self) -> Assessment:
        """What the engine decided."""
        return self.file.assessment

    @property
    def informed(self) -> bool:
        """Whether this person opened the reasons since the decision was made."""
        opened = self.file.of_kind(Kind.REASONS_OPENED)
        return any(e.actor == self.actor.name and e.sequence > self.row.sequence for e in opened)

    @property
    def own_reading(self) -> Entry | None:
        """What this person committed of this decision, the last time they did."""
        return next((e for e in reversed(self.file.of_kind(Kind.READ)) if e.actor == self.actor.name), None)


@dataclass(frozen=True, slots=True)
class Desk:
    """The store behind the pages, and what the site sets. ``images``: where slices lie; None: nowhere.

    ``metrics``: what a running service counts; a desk without one counts nothing. ``ehr``: base URL of the FHIR
    server whose patients the store holds. Pseudonyms do not say of which server they are, so there is one.
    """

    store: Store
    settings: ReviewSettings
    images: Path | None = None
    clock: Callable[[], datetime] = now
    metrics: Metrics | None = None
    ehr: str = ""
    _pixels: dict[str, str | None] = field(default_factory=dict, init=False, repr=False)

    # ---- looking -------------------------------------------------------------------------------

    def worklist(self, actor: Actor, which: Filter, after: str | None = None) -> tuple[tuple[Row, bool], ...]:
        """A page of the worklist, each row with whether its answer must not be shown to this person yet.

        Raises:
            BadValue: no such cursor.
        """
        if actor.launch is not None:
            which = Filter(which.states, which.priority, which.review_required, which.assigned, self._token(actor))
        rows = self.store.worklist(which, self.settings.page_size, after)
        if not self.settings.reads_first(actor):
            return tuple((row, False) for row in rows)
        hidden = self._hidden(rows, actor)
        return tuple((row, row.decision_id in hidden) for row in rows)

    def look(self, decision_id: str, actor: Actor) -> Look:
        """A case, as this person may see it; nothing is recorded.

        Raises:
            NoSuchDecision; NotYourPatient: recorded; NotReadable: it is damaged.
            Superseded: by a decision that this person reads first.
        """
        file = self.store.case(decision_id)
        self._only_their_patient(file.row, actor)
        blind = self.settings.reads_first(actor) and bool(self._hidden((file.row,), actor))
        if blind and not file.row.open:
            newest, cure = self._newest(file.row).decision_id, "Read the newer one."
            allowed = "a decision that you have read"
            raise Superseded(f"decision {decision_id}", "", "one with a newer decision", allowed, cure, newest)
        return Look(file, actor, blind)

    def open(self, decision_id: str, actor: Actor) -> Look:
        """The same for a page that a person looks at: recorded, once a visit.

        Raises:
            As ``look``.
        """
        look, at = self.look(decision_id, actor), self.clock()
        mine = [e.at for e in look.file.of_kind(Kind.OPENED) if e.actor == actor.name]
        if not mine or at - mine[-1] > SAME_VISIT:
            self.store.open_case(decision_id, at, actor.name)
        return look

    def seeing(self, decision_id: str, actor: Actor) -> Look:
        """A case whose answer this person may see.

        Raises:
            ReadFirst: they have not committed findings of their own; as ``look``.
        """
        look = self.look(decision_id, actor)
        if look.blind:
            allowed, cure = "your own findings, committed", "Read the case first, then repeat this."
            raise ReadFirst(f"decision {decision_id}", "", "no findings of yours", allowed, cure)
        return look

    def slices(self, decision_id: str, actor: Actor) -> KeptImages | None:
        """The slices that were decided on; None where they are not kept.

        Raises:
            NoSuchDecision, NotYourPatient; NotReadable: they are not as they were kept.
        """
        self._only_their_patient(self.store.row(decision_id), actor)
        if decision_id not in self._pixels:  # the same for ever: a case is scrolled through slice by slice
            self._pixels[decision_id] = self.store.case(decision_id).assessment.record.image_sha256
        sha = self._pixels[decision_id]
        return kept_images(self.images, sha) if self.images is not None and sha else None

    def _hidden(self, rows: Sequence[Row], actor: Actor) -> frozenset[str]:
        """Those whose answer must not be seen yet by who reads first: they lead to an open one that they did not read.

        A superseded decision tells what the newer one is about, and is hidden with it; what is signed is known.
        """
        newest = {row.decision_id: self._newest(row) for row in rows}
        waiting = [row for row in newest.values() if row.open]
        read = read_by(self.store, waiting, actor.name)
        return frozenset(name for name, row in newest.items() if row.open and row.decision_id not in read)

    def _newest(self, row: Row) -> Row:
        """The decision that took its place, or the place of that one, and so on; itself if none did."""
        passed = {row.decision_id}
        while row.superseded_by is not None and row.superseded_by not in passed:
            passed.add(row.superseded_by)
            row = self.store.row(row.superseded_by)
        return row

    def geometry(self, look: Look) -> Geometry | None:
        """What is said of the slices, for the page; None where there are none, or none that can be read."""
        sha = look.assessment.record.image_sha256
        try:
            return geometry_of(self.images, sha) if self.images is not None and sha else None
        except NotReadable as error:  # the case must be readable all the same
            LOG.error("%s", error)
            return None

    def _token(self, actor: Actor) -> str:
        """The token of the patient for whom the EHR launched the page; of nobody where it named none known,
        or is another EHR than the one whose patients are kept: patient 7 here is not patient 7 there.
        """
        from ..fhir.pseudonym import patient_key

        patient = actor.launch.patient if actor.launch is not None else None
        if actor.launch is None or not patient or actor.launch.fhir_server != self.ehr:
            return NOBODYS
        try:
            return self.store.patient_token(patient_key(patient)) or NOBODYS
        except BadValue:
            return NOBODYS

    def _only_their_patient(self, row: Row, actor: Actor) -> None:
        if actor.launch is not None and row.patient != self._token(actor):
            self.store.audit(actor.name, "denied", self.clock(), row.decision_id, {"why": "another patient"})
            allowed, cure = "a case of the patient that is open in the EHR", "Open that patient in the EHR."
            raise NotYourPatient(f"decision {row.decision_id}", "", "another patient's case", allowed, cure)

    # ---- acting --------------------------------------------------------------------------------

    def form(self, look: Look) -> Form:
        """The reader's form of the case."""
        return Form(look.assessment, self.settings.rules)

    def reading(self, look: Look, texts: Mapping[str, str]) -> Assessment:
        """What the guidelines say of the reader's own findings.

        Raises:
            InputError: a field holds what is not allowed, or facts exclude each other.
        """
        return self.decided(look, self.form(look).reading(texts))

    def decided(self, look: Look, case: Case) -> Assessment:
        """The kept decision anew on a changed case."""
        return decided(look.assessment, case, self.clock().date(), self.settings.rules)

    def commit(self, decision_id: str, texts: Mapping[str, str], actor: Actor) -> None:
        """Keep the reader's own findings, with what the guidelines say of them.

        Raises:
            InputError: as ``reading``; AlreadySigned, Superseded.
        """
        look = self.look(decision_id, actor)
        answer = self.reading(look, texts)
        known = self.form(look).names(texts)
        said = {name: text for name, text in texts.items() if text and name in known}
        self.store.commit_reading(decision_id, as_kept(said, answer), self.clock(), actor.name)

    def own(self, look: Look) -> Assessment | None:
        """What the guidelines say of the findings that this person committed; None where they committed none.

        Raises:
            InputError: what was kept cannot be read any more.
        """
        entry = look.own_reading
        return None if entry is None else self.reading(look, entry.body["findings"]["fields"])

    def open_reasons(self, decision_id: str, actor: Actor) -> None:
        """Note that this person opened the reasons."""
        self.seeing(decision_id, actor)
        self.store.open_reasons(decision_id, self.clock(), actor.name)

    def accept(self, decision_id: str, actor: Actor, seen: int) -> None:
        """The engine's answer stands, in this person's judgement; ``seen``: as for ``sign``.

        Raises:
            NotYoursToTakeBack: it is overridden, and this person may not override; recorded.
            ChangedMeanwhile: it was overridden since.
        """
        row, may = self.seeing(decision_id, actor).row, actor.may(Permission.OVERRIDE)
        if row.open and row.outcome is Outcome.OVERRIDDEN and not may:
            self.store.audit(actor.name, "denied", self.clock(), decision_id, {"permission": Permission.OVERRIDE.value})
            allowed, cure = "a person who may override", "Leave it to a reviewer, or correct a finding."
            raise NotYoursToTakeBack(f"decision {decision_id}", "", "an overridden decision", allowed, cure)
        self.store.accept(decision_id, self.clock(), actor.name, over=seen if may else None)

    def override(
        self, decision_id: str, reason: str, comment: str, answer: Mapping[str, str], actor: Actor, seen: int
    ) -> None:  # fmt: skip
        """Another answer, with a coded reason; ``seen``: as for ``sign``.

        Raises:
            ChangedMeanwhile: somebody judged it since.
        """
        self.seeing(decision_id, actor)
        self.store.override(decision_id, reason, comment, self.clock(), actor.name, answer, seen=seen)
        if self.metrics:
            self.metrics.observe_override(reason)

    def correct(self, decision_id: str, corrected: Assessment, actor: Actor, seen: int) -> str:
        """Record the decision on corrected findings in place of this one; return its id. ``seen``: as for ``sign``.

        Raises:
            NothingChanged: they are those of the decision. ChangedMeanwhile: somebody judged it since. ReadFirst,
                Superseded.
        """
        if corrected.record.case == self.seeing(decision_id, actor).assessment.record.case:
            where, allowed, cure = f"decision {decision_id}", "another finding", "Change one, or accept the answer."
            raise NothingChanged(where, "", "the same findings again", allowed, cure)
        rules = self.settings.rules
        named = correcting(corrected, decision_id)
        return self.store.correct(decision_id, named, self.clock(), actor.name, rules=rules, shown=seen)

    def sign(self, decision_id: str, actor: Actor, seen: int) -> Row:
        """Make it final; ``seen``: the entry of the judgement that the page showed this person as what they sign.

        Raises:
            ChangedMeanwhile: somebody judged it since. AlreadySigned, Superseded, ReasonsNotOpened, ReadFirst.
        """
        self.seeing(decision_id, actor)
        row = self.store.sign(decision_id, self.clock(), actor.name, seen=seen)
        if self.metrics and row.outcome:
            self.metrics.observe_signature(row.outcome)
        return row

    def assign(self, decision_id: str, to: str, actor: Actor) -> None:
        """Take the case, or give it back."""
        self.look(decision_id, actor)
        self.store.assign(decision_id, to, self.clock(), actor.name)


def as_kept(fields: Mapping[str, str], answer: Assessment) -> dict[str, Any]:
    """A committed reading as the log keeps it: the form's fields as typed, the findings and answers in words."""
    findings = [
        {"name": f.tracking_id, "kind": f.kind, "facts": {n: belief_words(n, b) for n, b in f.facts.items()}}
        for f in answer.record.case.findings
    ]
    answers = {
        g.application.guideline: {"category": g.exam.category, "possible": list(g.exam.possible)}
        for g in answer.decision.guidelines
        if g.exam is not None
    }
    return {"fields": dict(fields), "findings": findings, "answers": answers}
