"""The published form of ``decision.json``: one border model for each type of the engine.

The models mirror ``engine.types`` and ``engine.record`` field by field, so that the file's format is
written down here and changes only on purpose; a test holds the two together. Numbers that people
stated are decimal text (``{"number": "8.50"}``): a JSON number would lose the last zero.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from ..engine import before
from ..engine import record as kept
from ..engine import types as engine
from .border import Border, DecimalText, Plain
from .grounds_model import Grounds, Tension


class Number(Border):
    """A decimal number, exact."""

    number: DecimalText

    def to_engine(self) -> Decimal:
        """The number itself."""
        return Decimal(self.number)


class Source(Border):
    """Where a belief came from."""

    makes = engine.Source
    kind: engine.SourceKind = Field(description="Who says so; only `net` is neural.")
    reference: str = Field(description="What a person can follow: a file and field, a FHIR resource, an SR group.")
    when: dt.date | None = Field(description="When it was true, if known.")


class PastSize(Border):
    """The mean diameter on an older exam."""

    makes = engine.PastSize
    decimals = frozenset({"months_ago", "mean_mm"})
    months_ago: DecimalText = Field(description="Months before this exam.")
    mean_mm: DecimalText = Field(description="Mean diameter in mm.")


class Known(Border):
    """Somebody stated it."""

    makes, only_here = engine.Known, frozenset({"belief"})
    belief: Literal["known"] = Field(description="Tells the five kinds of belief apart.")
    value: bool | str | Number | tuple[PastSize, ...] = Field(description="The value stated.")
    source: Source = Field(description="Who stated it.")


class Unknown(Border):
    """Nobody assessed it, or what was said cannot be used."""

    makes, only_here = engine.Unknown, frozenset({"belief"})
    belief: Literal["unknown"] = Field(description="Tells the five kinds of belief apart.")
    why: str = Field(description="Why it is not known.")
    source: Source | None = Field(description="Who said something that cannot be used, if anybody did.")
    stale: bool = Field(description="Whether it was known once, too long ago.")


class NotApplicable(Border):
    """The question does not arise."""

    makes, only_here = engine.NotApplicable, frozenset({"belief"})
    belief: Literal["not_applicable"] = Field(description="Tells the five kinds of belief apart.")
    source: Source = Field(description="What makes the question void.")


class Classes(Border):
    """A probability per class."""

    makes, only_here = engine.Classes, frozenset({"belief"})
    belief: Literal["classes"] = Field(description="Tells the five kinds of belief apart.")
    probabilities: dict[str, float] = Field(description="Probability per class, each in [0, 1], sum 1.")
    source: Source = Field(description="Who gives them.")


class Measured(Border):
    """A number with a Gaussian error."""

    makes, only_here = engine.Measured, frozenset({"belief"})
    belief: Literal["measured"] = Field(description="Tells the five kinds of belief apart.")
    mean: float = Field(description="The best estimate.")
    sd: float = Field(description="Standard deviation of the error, above 0.")
    unit: str = Field(description="Unit of both, such as mm.")
    source: Source = Field(description="Who measured it.")


Belief = Annotated[Known | Unknown | NotApplicable | Classes | Measured, Field(discriminator="belief")]
Facts = dict[str, Belief]


class Exam(Border):
    """The exam and what is known of it."""

    makes = engine.Exam
    date: dt.date | None = Field(description="Date of the exam.")
    indication: engine.Indication = Field(description="Why it was made; `unknown` makes every category conditional.")
    facts: Facts = Field(description="Facts under the names that the guidelines' inputs use.")
    study_uid: str = Field(description="DICOM Study Instance UID, or empty.")
    notes: tuple[str, ...] = Field(description="What was chosen or met while reading the images; never decides.")
    compared: tuple[str, ...] = Field((), description="What the comparison with earlier exams came to; never decides.")
    unmatched: tuple[str, ...] = Field((), description="What that comparison left open: each asks for review.")


class Before(Border):
    """What the newest earlier exam that was compared says of a lesion."""

    makes = before.Before
    reference: str = Field(description="That exam.")
    date: dt.date = Field(description="Its date.")
    lesion: str = Field(description="The lesion's identifier there; empty where that exam does not have it.")
    probability: float = Field(description="Probability of the match, 0 to 1.")
    basis: str = Field(description="position, words, or stated: the identifier that both exams share.")
    doubt: str = Field(description="What speaks against the match; empty where nothing does.")
    facts: Facts = Field(description="What follows for the lesion, also where somebody stated it otherwise.")


class Growth(Border):
    """How a lesion changed since that exam."""

    makes = before.Growth
    now_mm: float = Field(description="Mean diameter on this exam, mm.")
    before_mm: float = Field(description="Mean diameter on the earlier exam, mm.")
    months: float = Field(description="Months between the exams.")
    change_mm: float = Field(description="Change of the mean diameter, mm.")
    sd_mm: float = Field(description="Standard deviation of that change's error, mm.")
    threshold_mm: float | None = Field(
        description="The guideline counts more than this as growth; null if it has none."
    )
    within_months: float | None = Field(description="Between exams so far apart at most; null where it names no time.")
    over_threshold: float | None = Field(description="Probability that the true change is more than the threshold.")
    doublings_a_year: float = Field(description="Doublings of the volume in a year; negative where it shrinks.")
    doublings_90_a_year: tuple[float, float] = Field(description="Their 90 % interval.")


class Finding(Border):
    """One lesion."""

    makes = engine.Finding
    tracking_id: str = Field(description="Identifier that follows the lesion across exams.")
    kind: str = Field(description="nodule or observation.")
    facts: Facts = Field(description="What is known of it.")
    position_mm: tuple[float, float, float] | None = Field(description="x, y, z in mm, DICOM patient coordinates.")
    location: str = Field(description="Free words; never decides.")
    before: Before | Unknown | None = Field(
        None, description="The newest earlier exam; unknown where it was compared and the lesion is not surely matched."
    )


class PriorExam(Border):
    """An earlier exam."""

    makes = engine.PriorExam
    date: dt.date = Field(description="Its date.")
    description: str = Field(description="What it was.")
    category: str | None = Field(description="Its category, if the record states one.")
    source: Source = Field(description="Where the record says so.")
    region: str = Field(description="chest, liver, or empty where it is not said.")


class Patient(Border):
    """The patient's facts, without any identifier."""

    makes = engine.Patient
    key: str = Field(description="A pseudonym.")
    facts: Facts = Field(description="What the record says.")
    prior_exams: tuple[PriorExam, ...] = Field(description="Earlier exams.")
    notes: tuple[str, ...] = Field(description="What was met while reading the record.")


class Case(Border):
    """What was known before the decision. The images are not kept here, only their hash."""

    makes = engine.Case
    exam: Exam = Field(description="The exam.")
    findings: tuple[Finding, ...] = Field(description="The lesions.")
    patient: Patient = Field(description="The patient.")
    assessed: tuple[str, ...] = Field(description="Kinds of finding that somebody looked for; others are unknown.")


class Step(Border):
    """One line of a trace."""

    makes = engine.Step
    table: str = Field(description="The table that was read.")
    row: str = Field(description="The row that fitted.")
    says: str = Field(description="What the row concludes.")
    because: tuple[str, ...] = Field(description="Each test that was met, with its threshold and the value.")
    citation: str = Field(description="Where the guideline says so.")
    by_convention: tuple[str, ...] = Field(description="Inputs taken as not present because the form omits them.")


class Reading(Border):
    """What one guideline says of one lesion, or of the exam."""

    makes, plain = engine.Reading, frozenset({"facts"})
    guideline: str = Field(description="The guideline and its edition, such as lung-rads@2022.")
    category: str | None = Field(description="The category; null where several remain possible.")
    possible: tuple[str, ...] = Field(description="All categories still possible, in the guideline's order.")
    trace: tuple[Step, ...] = Field(description="The reasons.")
    ask: str | None = Field(description="The next input to assess, where several remain possible.")
    silent: bool = Field(description="Whether the guideline's text does not decide this spot.")
    alternatives: tuple[str, ...] = Field(description="The other readings of a silent spot.")
    probabilities: dict[str, float] = Field(description="Probability per category, where beliefs are uncertain.")
    facts: Plain = Field(
        description="What the guideline adds: display, management, interval_months [from, to] or null, and its own."
    )
    likely: tuple[str, ...] = Field(description="The calibrated set of categories, where beliefs are uncertain.")
    managements: tuple[str, ...] = Field(description="The calibrated set of managements, in words, likewise.")


class Risk(Border):
    """The answer of a network or of a published risk model."""

    makes, plain = engine.Risk, frozenset({"inputs"})
    model: str = Field(description="The model.")
    probability: float | None = Field(description="Probability in [0, 1]; null where it cannot be given.")
    inputs: Plain = Field(description="The inputs used.")
    domain: str = Field(description="Where the model is valid.")
    citation: str = Field(description="Its publication.")
    why: str = Field(description="Why there is no probability, or what to beware of.")
    missing: tuple[str, ...] = Field(description="Inputs that are missing.")
    grounds: Grounds | None = Field(description="How a network came to it; null for a published formula.")
    clash: str = Field(description="What is known that excludes itself; empty where nothing does.")
    contradictions: tuple[str, ...] = Field(description="Statements of one fact that exclude each other.")
    tensions: tuple[Tension, ...] = Field(description="Pairs of facts that fit badly, the worst first.")


class ReviewReason(Border):
    """One reason for a human to look."""

    makes = engine.ReviewReason
    code: str = Field(description="The reason's code.")
    text: str = Field(description="The reason in words, for this case.")
    priority: engine.Priority = Field(description="How soon it asks for a human.")


class Review(Border):
    """The human review that the decision asks for."""

    makes = engine.Review
    required: bool = Field(description="Whether one must.")
    priority: engine.Priority = Field(description="How soon.")
    reasons: tuple[ReviewReason, ...] = Field(description="Why.")


class Application(Border):
    """Whether a guideline applies to this exam and patient."""

    makes = engine.Application
    guideline: str = Field(description="The guideline and its edition.")
    applies: Literal["yes", "conditional", "no"] = Field(description="Whether it applies.")
    trace: tuple[Step, ...] = Field(description="The rows that say so.")
    reasons: tuple[str, ...] = Field(description="The same in words.")


class FindingDecision(Border):
    """One lesion's answer."""

    makes = engine.FindingDecision
    finding: Finding = Field(description="The lesion as the rules read it.")
    reading: Reading = Field(description="What the guideline says of it.")
    risk: Risk | None = Field(description="Its risk by the network that fuses imaging and record.")
    unconfirmed: Facts = Field(description="What neural extractors say, where the route keeps it from the rules.")
    published: tuple[Risk, ...] = Field(description="What published models say beside it.")
    growth: Growth | Unknown | None = Field(
        None, description="Its growth since the newest earlier exam; unknown, with why, where it cannot be told."
    )


class GuidelineDecision(Border):
    """One guideline's answer."""

    makes = engine.GuidelineDecision
    application: Application = Field(description="Whether it applies.")
    exam: Reading | None = Field(description="Its answer for the exam; null where it does not apply.")
    findings: tuple[FindingDecision, ...] = Field(description="Its answer for each lesion.")
    due_date: dt.date | None = Field(description="When the management is due.")


class Conflict(Border):
    """Rules and network disagree on a lesion."""

    makes = engine.Conflict
    finding: str = Field(description="The lesion's identifier.")
    guideline: str = Field(description="The guideline.")
    category: str = Field(description="The category by the rules.")
    band: tuple[float, float] = Field(description="The probability that the guideline prints for it, 0 to 1.")
    band_source: str = Field(description="Where it is printed.")
    model: str = Field(description="The network.")
    risk: float = Field(description="Its risk.")
    interval: tuple[float, float] = Field(description="The interval of that risk, wholly outside of the band.")
    sharpest: bool = Field(description="Seen only where each belief is taken at its most probable value.")
    unconfirmed: bool = Field(description="Seen only with what nets say, which the route keeps from the rules.")


class Decision(Border):
    """What was decided, by which guidelines, and what a human must look at."""

    makes = engine.Decision
    guidelines: tuple[GuidelineDecision, ...] = Field(description="Each guideline considered, applied or not.")
    route: engine.Route = Field(description="hybrid: neural beliefs count; rule_based: only what humans stated.")
    review: Review = Field(description="Whether a human must look before signing.")
    citations: tuple[str, ...] = Field(description="The publications behind it.")
    notes: tuple[str, ...] = Field(description="Remarks on the decision.")
    status: Literal["preliminary"] = Field(description="preliminary until a human signs.")
    conflicts: tuple[Conflict, ...] = Field(description="Where rules and network disagree.")


class DecisionRecord(Border):
    """How the decision came about, for replay."""

    makes = kept.DecisionRecord
    decision_id: str = Field(description="Follows from the inputs: the same case has the same one.")
    as_of: dt.date = Field(description="The date the decision was made for.")
    engine_version: str = Field(description="Version of radlogic.")
    case: Case = Field(description="What was known.")
    image_sha256: str | None = Field(description="Hash of the pixels, if there were images.")
    knowledge: dict[str, str] = Field(description="sha256 of each rule set, network and model that was read.")
    route: engine.Route = Field(description="The route taken.")
    masked: tuple[str, ...] = Field(description="What the route kept from the rules, as finding/fact.")
    unconfirmed: dict[str, Facts] = Field(description="What neural extractors said, per lesion.")
    own_rules: dict[str, str] = Field(
        default_factory=dict, description="Guidelines read from a hospital's own folder, and what that is called."
    )
    version: Literal["1"] = Field(description="Version of the record.")


class DecisionFile(Border):
    """A preliminary decision of radlogic with the record of how it came about."""

    makes, only_here = kept.Assessment, frozenset({"version", "intended_use"})
    version: Literal["1"] = Field(description="Version of this file's format.")
    intended_use: str = Field(description="What it is for, and what it is not.")
    decision: Decision = Field(description="The answer.")
    record: DecisionRecord = Field(description="How it came about.")
