"""The words the engine thinks in: beliefs, findings, cases, decisions.

Frozen and valid by construction. Lengths are millimetres, volumes mm3, times months unless a name
says otherwise; lengths stated by people are ``Decimal`` so that rounding is exact. Positions are
millimetres in the patient's coordinates (DICOM LPS: x to the left, y to the back, z to the head).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .before import Before, Growth
from .errors import BadValue
from .grounds import Grounds, Tension

if TYPE_CHECKING:
    from .perception.volume import Volume


class SourceKind(StrEnum):
    """Who says so. Only ``NET`` is neural: it is masked on the rule-based route."""

    HUMAN = "human"  # a reader typed it
    REPORT = "report"  # an upstream report or SR states it
    RECORD = "record"  # the patient's record (FHIR)
    IMAGE = "image"  # measured by a fixed procedure on the pixels or read from the header
    NET = "net"  # a neural extractor
    CONVENTION = "convention"  # absent in a reader's form, and the form says what absence means


@dataclass(frozen=True, slots=True)
class Source:
    """Where a belief came from: kind, a reference a person can follow, and when it was true."""

    kind: SourceKind
    reference: str  # "findings.json nodules[0].mean_mm", "Observation/7", "SR <uid> group 2"
    when: date | None = None


@dataclass(frozen=True, slots=True)
class PastSize:
    """An older exam's mean diameter, in the list ``history``."""

    months_ago: Decimal
    mean_mm: Decimal


Value = bool | str | Decimal | tuple[PastSize, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody stated it."""

    value: Value
    source: Source

    def __post_init__(self) -> None:
        if isinstance(self.value, Decimal) and not self.value.is_finite():
            raise BadValue(self.source.reference, "", str(self.value), "a finite number", "Correct the value.")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody assessed it, or what was said cannot be used; ``why`` says which."""

    why: str
    source: Source | None = None
    stale: bool = False  # it was known once, too long ago


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The question does not arise (no prior exam, so no prior size)."""

    source: Source


@dataclass(frozen=True, slots=True)
class Classes:
    """A probability per class. They are in [0, 1] and sum to 1 (within 1e-6).

    Raises:
        BadValue: they do not.
    """

    probabilities: Mapping[str, float]
    source: Source

    def __post_init__(self) -> None:
        p = dict(self.probabilities)
        if not p or any(not 0 <= q <= 1 for q in p.values()) or abs(math.fsum(p.values()) - 1) > 1e-6:
            raise BadValue(self.source.reference, "", str(p), "probabilities in [0, 1] with sum 1", "Normalise them.")
        object.__setattr__(self, "probabilities", MappingProxyType(p))

    def __reduce__(self) -> tuple[type[Classes], tuple[dict[str, float], Source]]:
        return type(self), (dict(self.probabilities), self.source)  # a mapping proxy cannot be pickled


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with a Gaussian error: ``mean`` and standard deviation ``sd`` > 0 in ``unit``."""

    mean: float
    sd: float
    unit: str
    source: Source

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.sd) and self.sd > 0):
            raise BadValue(self.source.reference, "", f"{self.mean} ± {self.sd}", "finite, sd above 0", "Correct it.")


Belief = Known | Unknown | NotApplicable | Classes | Measured
Facts = Mapping[str, Belief]


def is_neural(belief: Belief) -> bool:
    """Whether a net said it (and the rule-based route must not read it)."""
    return belief.source is not None and belief.source.kind is SourceKind.NET


def _frozen(facts: Facts) -> Facts:
    return facts if isinstance(facts, MappingProxyType) else MappingProxyType(dict(facts))


FOUND_BY_PROGRAM: Final = "found_by_program"  # the fact of a finding that nobody but a program pointed at


class Indication(StrEnum):
    """Why the exam was made. ``UNKNOWN`` makes every category conditional."""

    SCREENING = "screening"
    INCIDENTAL = "incidental"
    SURVEILLANCE = "surveillance"
    KNOWN_CANCER = "known_cancer"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Exam:
    """The exam: date, indication, and facts under the names that the guidelines' inputs use.

    ``notes`` are what an adapter chose or met on the way in (series chosen and why, slices left
    out): they are shown with the decision and never decide. ``compared``: what the comparison with
    earlier exams came to (a lesion that is resolved); ``unmatched``: what it left open, so that a human must look.
    """

    date: date | None = None
    indication: Indication = Indication.UNKNOWN
    facts: Facts = field(default_factory=dict)
    study_uid: str = ""
    notes: tuple[str, ...] = ()
    compared: tuple[str, ...] = field(default=(), repr=False)  # the record's id counts these two by itself
    unmatched: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", _frozen(self.facts))


@dataclass(frozen=True, slots=True)
class Finding:
    """One lesion: its tracking identifier, kind ("nodule", "observation") and facts.

    ``position_mm`` is (x, y, z) in patient coordinates, ``location`` free words that never decide. ``before``: what the
    newest earlier exam says of it; ``Unknown`` where it was compared and is not surely matched.
    """

    tracking_id: str
    kind: str
    facts: Facts
    position_mm: tuple[float, float, float] | None = None
    location: str = ""
    before: Before | Unknown | None = field(default=None, repr=False)  # the record's id counts it by itself

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", _frozen(self.facts))


@dataclass(frozen=True, slots=True)
class PriorExam:
    """An earlier exam with its category, if the record states one. ``region``: "chest", "liver", both, or ""."""

    date: date
    description: str
    category: str | None
    source: Source
    region: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """Facts under the names of ``knowledge/facts.yaml``; ``key`` is a pseudonym, never an identifier."""

    key: str = ""
    facts: Facts = field(default_factory=dict)
    prior_exams: tuple[PriorExam, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", _frozen(self.facts))


@dataclass(frozen=True, slots=True)
class Case:
    """What is known before we look.

    ``assessed``: the kinds of finding that somebody looked for. A kind that is not among them was not
    assessed: that no such finding is stated does not mean that there is none.
    """

    exam: Exam
    findings: tuple[Finding, ...]
    patient: Patient = Patient()
    volume: Volume | None = None
    assessed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ids = [f.tracking_id for f in self.findings]
        if len(set(ids)) != len(ids):
            raise BadValue("findings", "tracking_id", "the same identifier twice", "one each", "Rename one of them.")
        stated = {f.kind for f in self.findings if FOUND_BY_PROGRAM not in f.facts}  # a finder's list is no search
        object.__setattr__(self, "assessed", tuple(sorted({*self.assessed, *stated})))


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a trace: the table and row that fitted, what it looked at, and its citation."""

    table: str
    row: str
    says: str  # what the row concluded, in words
    because: tuple[str, ...]  # each test met, with its threshold and the value
    citation: str
    by_convention: tuple[str, ...] = ()  # inputs taken as not present because a reader's form omits them


@dataclass(frozen=True, slots=True)
class Reading:
    """What one guideline says of one finding, or of the exam.

    ``category`` is None where an input is unknown and several remain ``possible`` (in the
    guideline's order); ``ask`` is then the next input to assess. ``silent`` marks a spot where the
    guideline's text does not decide: ``category`` is the default reading, ``alternatives`` the others.

    Where beliefs were uncertain, ``category`` and ``trace`` are those of the most probable beliefs,
    ``probabilities`` says how probable each category is (at least, where something is unknown), and ``likely`` and
    ``managements`` are the calibrated sets, in the guideline's order; else these are empty.
    """

    guideline: str
    category: str | None
    possible: tuple[str, ...]
    trace: tuple[Step, ...] = ()
    ask: str | None = None
    silent: bool = False
    alternatives: tuple[str, ...] = ()
    probabilities: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the guideline adds: management, interval ...
    likely: tuple[str, ...] = ()
    managements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Risk:
    """A model's answer: ``probability`` in [0, 1], the inputs it used, where it is valid.

    ``probability`` is None where a needed input is missing or out of the model's domain; ``why`` says so.
    ``grounds``: how a network came to it; a published formula has none.
    """

    model: str
    probability: float | None
    inputs: Mapping[str, Any]
    domain: str
    citation: str
    why: str = ""
    missing: tuple[str, ...] = ()
    grounds: Grounds | None = None
    clash: str = ""  # what is known excludes itself, and how: there is no probability then
    contradictions: tuple[str, ...] = ()  # statements of one fact that exclude each other, of which one was used
    tensions: tuple[Tension, ...] = ()  # pairs of facts that fit badly, the worst first


@dataclass(frozen=True, slots=True)
class Risks:
    """The risk of a finding: by the network that fuses imaging and record, and by published models beside it."""

    fused: Risk | None = None
    published: tuple[Risk, ...] = ()


class Route(StrEnum):
    """``HYBRID``: human and neural beliefs together. ``RULE_BASED``: what humans stated, alone."""

    HYBRID = "hybrid"
    RULE_BASED = "rule_based"


class Priority(StrEnum):
    """How soon a human must look."""

    ROUTINE = "routine"
    SOON = "soon"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class ReviewReason:
    """One reason of ``knowledge/gates.yaml``: its code, and the sentence for this case."""

    code: str
    text: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rules and network disagree on a finding: the network's interval lies wholly outside of the printed band.

    ``band``: the probability (0 to 1) that the guideline prints for ``category``, by ``band_source``. ``interval``:
    the network's, around ``risk``. ``sharpest``: seen only where each belief is taken at its most probable value.
    ``unconfirmed``: seen only with what nets say, which the route keeps from the rules.
    The reasons of the rules are the reading's ``trace``, those of the network its ``grounds``.
    """

    finding: str
    guideline: str
    category: str
    band: tuple[float, float]
    band_source: str
    model: str
    risk: float
    interval: tuple[float, float]
    sharpest: bool = False
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Review:
    """Whether a human must look before signing, how soon and why."""

    required: bool
    priority: Priority
    reasons: tuple[ReviewReason, ...]


@dataclass(frozen=True, slots=True)
class Application:
    """Whether a guideline applies to this exam and patient: yes, conditional or no, and why."""

    guideline: str
    applies: str  # "yes" | "conditional" | "no"
    trace: tuple[Step, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingDecision:
    """One lesion's answer. ``unconfirmed`` holds what nets say where the route masks them.

    ``published``: what published models say beside the network's ``risk``. ``growth`` since the newest earlier exam.
    """

    finding: Finding
    reading: Reading
    risk: Risk | None = None
    unconfirmed: Facts = field(default_factory=dict)
    published: tuple[Risk, ...] = ()
    growth: Growth | Unknown | None = None


@dataclass(frozen=True, slots=True)
class GuidelineDecision:
    """One guideline's answer for the exam and for each lesion."""

    application: Application
    exam: Reading | None
    findings: tuple[FindingDecision, ...]
    due_date: date | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The engine's answer. Always preliminary until a human signs."""

    guidelines: tuple[GuidelineDecision, ...]
    route: Route
    review: Review
    citations: tuple[str, ...]
    notes: tuple[str, ...] = ()
    status: str = "preliminary"
    conflicts: tuple[Conflict, ...] = ()
