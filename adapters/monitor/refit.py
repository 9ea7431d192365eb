"""Which signed exams of a store a site's calibration may be refitted on, and why the others may not."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ...engine import site_calibration as limits
from ...engine.calibration_file import load_calibrators
from ...engine.errors import InputError, SetupError
from ...engine.guideline.load import Guideline, load_guideline
from ...engine.knowledge import load_knowledge
from ...engine.likely import Masses
from ...engine.perception.extractor import OUTSIDE_TRAINING
from ...engine.site_calibration import HALVES, SignedBelief, believed_masses, neural_inputs
from ...engine.types import Case, is_neural
from .rows import signed_category
from .signed import Signed

NO_NET = "no net spoke of what the guideline reads"
OTHER_RULES = "read with other rules than those in force now"
OTHER_NET = "seen by another net than the one in use now, or by one that has no measured error"
UNLIKE = "a nodule unlike the training data, where no calibration holds"
OPEN = "what was signed is not known, or is none of the guideline's categories"
AGAIN = "an exam that is counted already: assessed more than once"
UNREADABLE = "beliefs that the guideline cannot read"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One guideline's answer of one signed exam: who spoke, the hashes of all that was read, and what was believed and
    signed, or ``why`` it cannot be used whatever net is in use.

    ``exam``: the study, or the patient's token and the day, so that an exam that was assessed twice counts once.
    """

    guideline: str
    spoke: tuple[str, ...]
    read: frozenset[str]
    half: int
    read_first: bool
    exam: str
    patient: str
    reader: str
    masses: Masses = field(default_factory=dict)
    signed: str = ""
    why: str = ""


@dataclass
class Usable:
    """The exams of one guideline and net: what may be used, how many of them were read first, and what may not."""

    guideline: Guideline
    extractor: str
    extractor_sha256: str
    calibrations: frozenset[str]  # hashes of those fitted on that net: who read one of them used that net
    exams: list[SignedBelief] = field(default_factory=list)
    read_first: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    counted: set[str] = field(default_factory=set)  # exams
    patients: set[tuple[int, str]] = field(default_factory=set)  # half, token
    readers: set[str] = field(default_factory=set)

    @property
    def in_halves(self) -> list[int]:
        """How many patients are in each half."""
        return [sum(half == n for half, _ in self.patients) for n in range(HALVES)]

    @property
    def enough(self) -> bool:
        """Whether a calibration may be refitted on them."""
        exams, patients, readers = len(self.exams), len(self.patients), len(self.readers)
        there = exams >= limits.LEAST_CASES and patients >= limits.LEAST_PATIENTS and readers >= limits.LEAST_READERS
        return there and min(self.in_halves) >= limits.LEAST_IN_HALF

    def take(self, one: Candidate) -> None:
        """Count it, as usable or not."""
        if why := one.why or self._other_net(one) or (AGAIN if one.exam in self.counted else ""):
            self.left_out[why] += 1
            return
        self.exams.append(SignedBelief(one.masses, one.signed, one.half))
        self.read_first += one.read_first
        self.counted.add(one.exam)
        self.patients.add((one.half, one.patient))
        self.readers.add(one.reader)

    def _other_net(self, one: Candidate) -> str:
        same = set(one.spoke) == {self.extractor} and {self.extractor_sha256, *self.calibrations} & one.read
        return "" if same else OTHER_NET


def candidates(one: Signed) -> list[Candidate]:
    """One for each guideline that was read and is shipped here."""
    return list(_candidates(one))


def _candidates(one: Signed) -> Iterator[Candidate]:
    record, read_first = one.engine.record, one.thread.reading is not None
    spoke, read = _who_spoke(record.case), frozenset(record.knowledge.values())
    for said in one.engine.decision.guidelines:
        guideline = shipped(said.application.guideline) if said.exam is not None else None
        if guideline is None:
            continue
        found = Candidate(guideline.name, spoke, read, half_of(one.thread.patient), read_first, *_whose(one))
        yield _with_belief(found, one, guideline)


def _whose(one: Signed) -> tuple[str, str, str]:
    """The exam, the patient and who signed. An exam of which neither study nor day is known is like no other."""
    thread, exam = one.thread, one.engine.record.case.exam
    day = f"{thread.patient} {exam.date}" if exam.date else thread.decision_id
    return exam.study_uid or day, thread.patient, thread.signer


def _with_belief(found: Candidate, one: Signed, guideline: Guideline) -> Candidate:
    whose = found.exam, found.patient, found.reader
    parts = found.guideline, found.spoke, found.read, found.half, found.read_first, *whose
    category = signed_category(one, guideline.name)
    if why := _why_not(one, guideline, category):
        return Candidate(*parts, why=why)
    try:
        return Candidate(*parts, masses=believed_masses(one.engine.record.case, guideline), signed=str(category))
    except InputError:  # beliefs that the guideline refuses: they were no answer either
        return Candidate(*parts, why=UNREADABLE)


def _why_not(one: Signed, guideline: Guideline, category: str | None) -> str:
    record = one.engine.record
    if not neural_inputs(record.case, guideline):
        return NO_NET
    if record.knowledge.get(guideline.name) != guideline.sha256:
        return OTHER_RULES
    if any(OUTSIDE_TRAINING in f.facts for f in record.case.findings):
        return UNLIKE
    return "" if category in {str(c["id"]) for c in guideline.head["categories"]} else OPEN


def usable(found: Iterable[Candidate], wanted: str | None = None, site: Path | None = None) -> dict[str, Usable]:
    """By guideline, in the order of their names; ``wanted``: only that one. Those that no net serves are not there.

    ``site``: the folder of the site's calibrations so far.

    Raises:
        MissingKnowledge: a calibration's file is broken.
    """
    by: dict[str, list[Candidate]] = {}
    for one in found:
        if wanted in (None, one.guideline):
            by.setdefault(one.guideline, []).append(one)
    kept = {name: mine for name in sorted(by) if (mine := _net_of(name, by[name], site)) is not None}
    for name, mine in kept.items():
        for one in by[name]:
            mine.take(one)
    return kept


def _net_of(name: str, found: list[Candidate], site: Path | None) -> Usable | None:
    """Nothing counted yet, for a guideline of which a net in use spoke; of several the one that spoke most often."""
    nets = {e.name: e for e in load_knowledge(None, name, images=True).extractors if e.validated and e.sha256}
    spoke = Counter(n for one in found if one.why != NO_NET for n in one.spoke if n in nets)
    guideline = shipped(name)
    if not spoke or guideline is None:
        return None
    net = nets[max(sorted(spoke), key=spoke.__getitem__)]
    fitted = (*load_calibrators([net], [name]), *load_calibrators([net], [name], site))
    return Usable(guideline, net.name, net.sha256, frozenset(c.sha256 for c in fitted))


@cache
def shipped(name: str) -> Guideline | None:
    """The guideline of that name; None where none ships, so that its beliefs cannot be read again."""
    try:
        return load_guideline(name)
    except SetupError:
        return None


def half_of(patient: str) -> int:
    """The half of a patient, by the random token: exams of one patient are never in both."""
    return hashlib.sha256(patient.encode()).digest()[0] % HALVES


def _who_spoke(case: Case) -> tuple[str, ...]:
    beliefs = (b for f in case.findings for b in f.facts.values() if is_neural(b))
    return tuple(sorted({b.source.reference for b in beliefs if b.source}))
