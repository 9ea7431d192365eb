"""The face of the store: what a review page, a service and the command line do with kept decisions.

Every call that changes something appends to the log (``journal.py``) and is on disk and anchored
when it returns. ``at`` is always an aware ``datetime``, ``actor`` the account that acts (never a
patient). The rules that must hold however a caller behaves are kept here, under the writers' lock:
one signature for each decision, by who was shown what they sign; nothing on a signed or superseded
decision; no outcome before its reasons were opened where review is required; what is signed stands
until its correction is signed too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from ...engine.errors import BadValue
from ...engine.record import Assessment
from . import decisions, vocabulary
from .casefile import CaseFile
from .chain import Entry
from .conditions import as_seen, as_shown, is_said, no_such, only_correction, reasons_known, standing
from .errors import NothingChanged
from .journal import Journal, named, open_journal
from .states import Kind, Outcome, Row, Seen, State
from .worklist import Filter, find_row, of_worklist, was_opened

__all__ = ["CaseFile", "Entry", "Filter", "Kind", "Outcome", "Row", "Seen", "State", "Store"]

UNSIGNED = Filter()


class Store:
    """One store: safe to share between threads, and between processes that each open it.

    >>> store = Store.open(folder)                                  # doctest: +SKIP
    >>> store.add(assessment, at=now, actor="radlogic")             # doctest: +SKIP
    >>> row = store.worklist(limit=1)[0]                            # doctest: +SKIP
    >>> store.commit_reading(row.decision_id, {"findings": []}, at=now, actor="dr-a")  # doctest: +SKIP
    >>> store.open_reasons(row.decision_id, at=now, actor="dr-a")   # doctest: +SKIP
    >>> store.accept(row.decision_id, at=now, actor="dr-a")         # doctest: +SKIP
    >>> store.sign(row.decision_id, at=now, actor="dr-a")           # doctest: +SKIP
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    @classmethod
    def open(cls, place: str | Path, anchor: Path | None = None, *, make: bool = True) -> Store:
        """Open the store at a folder (SQLite) or a ``postgresql://`` URL; a new one is laid out.

        ``make=False`` refuses one that is not there: a mistyped name makes no empty store.

        ``anchor``: the file outside the database that holds the log's head; by default beside the
        SQLite file, or below the user's state folder for PostgreSQL.

        Raises:
            StoreUnavailable: it cannot be opened or made, or is none of this version.
            AnchorAhead: entries that the anchor knows are gone.
            MissingExtra: PostgreSQL needs the extra ``postgres``.
        """
        return cls(open_journal(place, anchor, make=make))

    def close(self) -> None:
        """Give back the connections; the store can be opened again."""
        self.journal.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    # ---- what comes in -------------------------------------------------------------------------

    def add(
        self,
        assessment: Assessment,
        at: datetime,
        actor: str,
        *,
        due: datetime | None = None,
        rules: Sequence[Path] = (),
        seen: Seen | None = None,
    ) -> str:
        """Keep a decision and put it on the worklist; return its id. What is there already stays as it is.

        Args:
            assessment: the decision with its record; the volume is not kept, its hash is.
            at: when.
            actor: who or what had it made.
            due: when a human should have looked; ``at`` and the hours of its priority if not given
                (``knowledge/review/worklist.yaml``).
            rules: folders of further guidelines that it read, so that their content is kept too.
            seen: what stood of its study (of a first decision: nothing), and of others that it speaks of, when it was
                made; held against the store within the transaction, all but to whom decisions are assigned. None:
                whatever stands now.

        Raises:
            ChangedMeanwhile: another decision of the study stands, or one stands otherwise than ``seen``: look again.
        """
        with self.journal.writing() as writing:
            if seen is not None and writing.row(assessment.record.decision_id) is None:
                as_seen(writing, seen)
            return decisions.add(writing, assessment, at, actor, due=due, rules=rules)

    # ---- looking -------------------------------------------------------------------------------

    def worklist(self, which: Filter = UNSIGNED, limit: int = 50, after: str | None = None) -> tuple[Row, ...]:
        """Decisions, most urgent first, then by due time, then by arrival. By default all that nobody signed.

        Args:
            which: states, priority, whether review is required, assigned to whom, of which patient.
            limit: how many at most, 1 to 1000.
            after: the ``cursor`` of the last row of the page before.

        Raises:
            BadValue: no such limit or cursor.
        """
        with self.journal.reading() as connection:
            return of_worklist(connection, which, limit, after)

    def row(self, decision_id: str) -> Row:
        """Where a decision stands.

        Raises:
            NoSuchDecision: there is none of that id.
        """
        with self.journal.reading() as connection:
            found = find_row(connection, decision_id)
        return found or no_such(decision_id)

    def case(self, decision_id: str) -> CaseFile:
        """A decision with where it stands and its history. Reading it is no event: call ``open_case`` for that.

        Raises:
            NoSuchDecision: there is none of that id. NotReadable: its row is damaged.
        """
        with self.journal.reading() as connection:
            row = find_row(connection, decision_id) or no_such(decision_id)
            return CaseFile(row, *decisions.with_history(connection, decision_id))

    def is_erased(self, decision_id: str) -> bool:
        """Whether the decision's patient was erased, so that whose it was cannot be told any more.

        Raises:
            NoSuchDecision: there is none of that id.
        """
        with self.journal.reading() as connection:
            row = find_row(connection, decision_id) or no_such(decision_id)
            return not decisions.is_known(connection, row.patient)

    def of_study(self, study: str) -> tuple[Row, ...]:
        """Decisions of a study, by its UID, that no other took the place of: newest first, none of erased patients.

        Raises:
            NotReadable: one of them is damaged.
        """
        with self.journal.reading() as connection:
            return decisions.of_studies(connection, (study,))

    def seen(self, *studies: str) -> Seen:
        """What stands of these studies, by UID: for ``add`` and ``correct``, by who decides by it.

        Raises:
            NotReadable: one of the decisions is damaged.
        """
        with self.journal.reading() as connection:
            return decisions.seen(connection, studies)

    def pending(self, decision_id: str) -> Row | None:
        """The correction of a signed decision that waits for its own signature; None where none does.

        Raises:
            NoSuchDecision: there is none of that id.
        """
        with self.journal.reading() as connection:
            return decisions.waiting_correction(connection, find_row(connection, decision_id) or no_such(decision_id))

    def reasons_opened(self, decision_id: str, actor: str) -> bool:
        """Whether this person has opened the reasons of this decision since it was made."""
        with self.journal.reading() as connection:
            row = find_row(connection, decision_id) or no_such(decision_id)
            return was_opened(connection, row, actor)

    # ---- what a reader does --------------------------------------------------------------------

    def open_case(self, decision_id: str, at: datetime, actor: str) -> Entry:
        """Note that somebody opened the case."""
        return self._say(Kind.OPENED, decision_id, at, actor, {}, open_only=False)

    def assign(self, decision_id: str, to: str, at: datetime, actor: str) -> Entry:
        """Give the case to somebody; an empty ``to`` gives it back."""
        if to:
            named(to, "to")
        return self._say(Kind.ASSIGNED, decision_id, at, actor, {"to": to})

    def commit_reading(self, decision_id: str, findings: Mapping[str, Any], at: datetime, actor: str) -> Entry:
        """Keep the reader's own findings, committed before the engine's were shown (plain JSON values).

        Raises:
            NoSuchDecision, AlreadySigned, Superseded; BadValue: not JSON.
        """
        return self._say(Kind.READ, decision_id, at, actor, {"findings": dict(findings)})

    def open_reasons(self, decision_id: str, at: datetime, actor: str) -> Entry:
        """Note that this person opened the reasons: from now on they may accept, override and sign."""
        return self._say(Kind.REASONS_OPENED, decision_id, at, actor, {}, open_only=False)

    def accept(self, decision_id: str, at: datetime, actor: str, *, over: int | None = None) -> Entry:
        """The engine's answer stands, in this person's judgement. Final only when signed.

        ``over``: the number of the override that this person was shown and takes back; whether they may is for
        the caller to say. Without it no override is taken back.

        Raises:
            NoSuchDecision, AlreadySigned, Superseded, ReasonsNotOpened.
            ChangedMeanwhile: the decision is overridden, and not by the entry ``over``.
        """
        with self.journal.writing() as writing:
            row = standing(writing, decision_id)
            reasons_known(writing, row, actor)
            overridden = row.outcome is Outcome.OVERRIDDEN
            if overridden:
                as_shown(writing, row, over)
            return writing.add(Kind.ACCEPTED, at, actor, {"over": over} if overridden else {}, decision_id, row.patient)

    def override(
        self,
        decision_id: str,
        reason_code: str,
        comment: str,
        at: datetime,
        actor: str,
        answer: Mapping[str, Any] | None = None,
        *,
        seen: int | None = None,
    ) -> Entry:
        """Another answer than the engine's, with a coded reason (``vocabulary.override_reasons()``).

        Args:
            decision_id: which.
            reason_code: a code of ``knowledge/review/override_reasons.yaml``.
            comment: free words; some codes need them. Kept apart, like identifiers, and erased with them.
            at: when.
            actor: who.
            answer: what holds instead, as {"guideline": ..., "category": ..., "management": ...}.
            seen: the judgement that this person was shown; as for ``sign``.

        Raises:
            BadValue: no such code, or a code that needs a comment has none.
            ChangedMeanwhile: somebody judged it since; it says who and when.
            NoSuchDecision, AlreadySigned, Superseded, ReasonsNotOpened.
        """
        reason = vocabulary.override_reason(reason_code)
        if reason.comment_needed and not is_said(comment):
            raise BadValue("override", "comment", "nothing", f"words, with the reason {reason_code}", "Say why.")
        body = {"reason": reason.code, "comment": comment, "answer": dict(answer or {})}
        with self.journal.writing() as writing:
            row = standing(writing, decision_id)
            reasons_known(writing, row, actor)
            as_shown(writing, row, row.sequence if seen is None else seen)
            return writing.add(Kind.OVERRIDDEN, at, actor, body, decision_id, row.patient)

    def correct(
        self,
        decision_id: str,
        corrected: Assessment,
        at: datetime,
        actor: str,
        *,
        due: datetime | None = None,
        rules: Sequence[Path] = (),
        seen: Seen | None = None,
        shown: int | None = None,
    ) -> str:
        """Record a new decision, made from corrected findings, that takes this one's place; return its id.

        The new one waits in state ``corrected`` for its own signature, its reasons not opened yet; in state ``waiting``
        where the program itself decided anew, and nobody corrected anything. A signed decision may be corrected too:
        it stands until the new one is signed, and is superseded then. Whom an unsigned one is assigned to gets the new.

        ``seen``: what stood of the study when the new one was made, this decision among it; as for ``add``.
        ``shown``: the judgement that a person was shown who corrects it; as for ``sign``, but None asks for nothing.

        Raises:
            ChangedMeanwhile: it or another of the study stands otherwise than ``seen``, somebody judged it since what
                was ``shown``, or a patient was erased since.
            NothingChanged: the corrected case is the same. NoSuchDecision.
            IdTaken: the new id is that of a decision that stands or was signed.
            Superseded: it is, or a correction of it waits for its signature: ``successor`` is that one.
        """
        with self.journal.writing() as writing:
            row = standing(writing, decision_id, signed_too=True)
            new_id = corrected.record.decision_id
            if new_id == decision_id:
                raise NothingChanged(f"decision {decision_id}", "", "the same case again", "another case", "Keep it.")
            only_correction(writing, row)
            if seen is not None:
                as_seen(writing, seen, row)
            if shown is not None:
                as_shown(writing, row, shown)
            decisions.add(writing, corrected, at, actor, due=due, rules=rules, supersedes=row)
            if row.signed_by is None:
                decisions.supersede(writing, row, new_id, at, actor)
        return new_id

    def sign(self, decision_id: str, at: datetime, actor: str, *, seen: int | None = None) -> Row:
        """Make it final. Exactly one signature wins; from then on the decision is never changed, only superseded.

        The row that comes back says what was signed: ``outcome`` accepted (also where nobody said so
        before), corrected or overridden. What it corrects, if that was signed, is superseded with it.

        ``seen``: the entry that this person was shown as what they sign (``CaseFile.judged``: the last acceptance or
        override); None: they were shown the decision alone, which nobody had judged.

        Raises:
            AlreadySigned: somebody was faster; it says who and when.
            ChangedMeanwhile: somebody judged it since; it says who and when.
            NoSuchDecision, Superseded, ReasonsNotOpened.
        """
        with self.journal.writing() as writing:
            row = standing(writing, decision_id)
            reasons_known(writing, row, actor)
            as_shown(writing, row, row.sequence if seen is None else seen)
            outcome = row.outcome or Outcome.ACCEPTED
            writing.add(Kind.SIGNED, at, actor, {"outcome": outcome.value}, decision_id, row.patient)
            for before in decisions.signed_before(writing.connection, row):
                writing.add(Kind.SUPERSEDED, at, actor, {"by": decision_id}, before.decision_id, before.patient)
            return writing.row(decision_id) or no_such(decision_id)

    # ---- what else is kept ---------------------------------------------------------------------

    def feedback(self, content: Mapping[str, Any], at: datetime, actor: str, decision_id: str | None = None) -> Entry:
        """What a user or a client says of a card or an answer (plain JSON, no patient data in it).

        Raises:
            NoSuchDecision: it names one that is not here. BadValue: not JSON.
        """
        if decision_id is not None:
            return self._say(Kind.FEEDBACK, decision_id, at, actor, dict(content), open_only=False)
        with self.journal.writing() as writing:
            return writing.add(Kind.FEEDBACK, at, actor, dict(content))

    def audit(
        self,
        actor: str,
        action: str,
        at: datetime,
        decision_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Note a security event: login, logout, denied, export, ... (``vocabulary.audit_actions()``).

        ``decision_id`` need not exist: an attempt at what is not there is an event too.

        Raises:
            BadValue: no such action, or details that are no JSON.
        """
        vocabulary.audit_action(action)
        with self.journal.writing() as writing:
            row = writing.row(decision_id) if decision_id else None
            body = {"action": action, "details": dict(details or {})}
            return writing.add(Kind.AUDIT, at, actor, body, decision_id, row.patient if row else None)

    def patient_token(self, key: str) -> str | None:
        """The token under which a patient's decisions are kept, by pseudonym; None where nothing is."""
        with self.journal.reading() as connection:
            return decisions.token_of(connection, key)

    def erase_patient(self, token: str, at: datetime, actor: str, why: str) -> int:
        """Erase a patient's identifiers and all free words; return how many entries lost theirs.

        What was decided stays and can be verified; that it was this patient cannot be told any more.
        The erasure is an entry itself. ``why`` is kept: no patient data in it.

        Raises:
            BadValue: no patient of that token, or erased before.
        """
        with self.journal.writing() as writing:
            return writing.erase(token, at, actor, why)

    def _say(
        self,
        kind: Kind,
        decision_id: str,
        at: datetime,
        actor: str,
        body: dict[str, Any],
        *,
        open_only: bool = True,
    ) -> Entry:
        with self.journal.writing() as writing:
            row = standing(writing, decision_id) if open_only else writing.row(decision_id) or no_such(decision_id)
            return writing.add(kind, at, actor, body, decision_id, row.patient)
