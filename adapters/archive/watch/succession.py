"""What was decided of a study before, and how a further decision of it follows.

Images or reports that come late make a decision of a study anew. One that nobody signed is superseded by it, so that
one stands in the worklist. A signed one stands: the new one waits as its possible correction until a human signs it,
and nothing of it is sent to the archive meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ....engine.before import DECIDED_BEFORE
from ....engine.record import Assessment, correction_name
from ....engine.tracking.priors import told
from ....engine.types import Case
from ...decision_file import write_text
from ..uids import hashed

if TYPE_CHECKING:
    from ...store.cases import CaseFile, Row, Seen, Store

FILE: Final = "instead-of.json"


@dataclass(frozen=True, slots=True)
class Held:
    """What the store holds of a study: ``row``, the newest decision; ``made``, the last one that the program made of
    its images and reports, which the newest may be a human's correction of.

    ``final``: the signed decision that stands, None where there is none.
    """

    made: CaseFile
    row: Row
    final: Row | None

    @property
    def patient(self) -> str:
        """The pseudonym of the patient under whose record it was decided, '' for none."""
        return self.made.assessment.record.case.patient.key

    @property
    def standing(self) -> str:
        """The decision that holds: a correction of a signed one does not until it is signed itself."""
        return (self.final or self.row).decision_id

    def follows(self, patient: str) -> Follows:
        """How a new decision of the study follows it, made with the record of that pseudonym ('' for none).

        One under another record of the patient cannot be corrected by it: both stand, and a human must look.
        """
        name = self.row.decision_id
        if patient != self.patient:
            why = f"decision {self.standing} of this exam stands under another record of the patient, or under none"
            return Follows("", f"{DECIDED_BEFORE}{why}; this takes no other's place: let one of them stand", human=True)
        came = "images or reports came after it"
        if self.final is not None:
            signed = self.final.decision_id
            why = f"decision {signed} of this exam is signed and stands; {came}: it may need a correction"
            if name != signed:
                why += f"; this takes the place of {name}, which waited as its correction: look at what that one says"
            return Follows(name, DECIDED_BEFORE + why, human=True)
        if _worked_on(self.row):
            why = (
                f"this takes the place of decision {name}, on which somebody had worked; {came}: look at what they said"
            )
            return Follows(name, DECIDED_BEFORE + why, human=True)
        return Follows(name, f"{DECIDED_BEFORE}this takes the place of decision {name}, which nobody signed; {came}")


@dataclass(frozen=True, slots=True)
class Follows:
    """What a decision supersedes, '' for none; ``text`` says so with it; ``human``: somebody must look at why.

    ``saw``: a hash of what stood in the store of the study and of earlier exams when it was made.
    """

    instead_of: str = ""
    text: str = ""
    human: bool = False
    saw: str = ""

    def of(self, seen: Seen) -> Follows:
        """The same, of a decision that was made when this stood; to whom anything is assigned does not matter."""
        return replace(self, saw=hashed(*(repr(replace(row, assigned=None)) for row in seen.rows)))

    def said_with(self, case: Case) -> Case:
        """The case with the text among its notes, and a reason for review where a human must look."""
        if not self.text:
            return case
        if self.human:
            return replace(case, exam=told(case.exam, (), (self.text,)))
        return replace(case, exam=replace(case.exam, notes=(*case.exam.notes, self.text)))

    def named(self, made: Assessment) -> Assessment:
        """Under its name as the one that takes the place, as the store's corrections are named."""
        if not self.instead_of:
            return made
        name = correction_name(made.record.decision_id, self.instead_of)
        return replace(made, record=replace(made.record, decision_id=name))

    def write(self, folder: Path) -> None:
        """Keep it beside the decision."""
        write_text(folder / FILE, json.dumps(asdict(self)))


def read_follows(folder: Path) -> Follows:
    """What was kept; nothing where nothing was."""
    file = folder / FILE
    return Follows(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else Follows()


def held_of(store: Store, study: str, decisions: Iterable[str], patient: str | None = None) -> Held | None:
    """What the store holds of a study; None for nothing.

    ``decisions``: those that the watch made of it, newest first; the store may lack the newest (the process died before
    it was kept) and all of them (it was exchanged). After them those of anybody else that stand. One under the record
    of ``patient`` (a pseudonym; None: under any) speaks before others, and of these a signed one. Of a patient who was
    erased nothing is held: that those decisions were theirs is not to be told any more.
    """
    names = dict.fromkeys((*decisions, *(row.decision_id for row in store.of_study(study))))
    held = [one for name in names if (one := _held(store, name)) is not None]
    return min(held, key=lambda one: (patient not in (None, one.patient), one.final is None), default=None)


def _held(store: Store, name: str) -> Held | None:
    from ...report.signed import stood
    from ...store.errors import NoSuchDecision
    from ...store.states import State

    try:
        if store.is_erased(name):
            return None
        made = store.case(name)
    except NoSuchDecision:
        return None
    row = made.row
    while row.superseded_by is not None:
        row = store.row(row.superseded_by)
    row = store.pending(row.decision_id) or row
    whole = stood(store, row.decision_id)
    chain = (whole.file, *whole.before)
    final = next((one.row for one in chain if one.row.state is State.SIGNED), None)
    return Held(next((one for one in chain if not _by_hand(one)), made), whole.file.row, final)


def _by_hand(file: CaseFile) -> bool:
    """Whether somebody made it by correcting findings: of the same images and reports as the one before."""
    from ...store.states import PROGRAM, Kind

    return file.row.supersedes is not None and file.of_kind(Kind.DECIDED)[-1].actor != PROGRAM


def same_case(one: Assessment, other: Assessment) -> bool:
    """Whether both decide the same images and the same statements, whatever is told of decisions before."""
    images = one.record.image_sha256, other.record.image_sha256
    return images[0] == images[1] and _plain(one.record.case) == _plain(other.record.case)


def _plain(case: Case) -> Case:
    exam = case.exam
    return replace(case, exam=replace(exam, notes=_without(exam.notes), unmatched=_without(exam.unmatched)))


def _without(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if not text.startswith(DECIDED_BEFORE))


def _worked_on(row: Row) -> bool:
    from ...store.states import State

    return row.state is not State.WAITING or row.outcome is not None
