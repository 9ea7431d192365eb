"""A signed exam as a row of plain values, ready to be counted. Absent information is the group "unknown"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from ...engine.calibration_file import load_calibrators
from ...engine.errors import InputError, SetupError
from ...engine.guideline.load import Guideline, load_guideline
from ...engine.knowledge import load_knowledge
from ...engine.likely import Calibrator, Masses, likely, management
from ...engine.perception.extractor import OUTSIDE_TRAINING
from ...engine.site_calibration import believed_masses, neural_inputs
from ...engine.types import Belief, Case, Classes, Exam, Finding, GuidelineDecision, Known, Measured, is_neural
from ..store.cases import Outcome
from .read_first import read_first_category
from .signed import Signed

UNKNOWN: Final = "unknown"
LONGEST_NAME: Final = 40  # characters of a group's name
AGES: Final = (50, 65, 75)  # years: the bands' lower ends above the first; screening begins at 50 (USPSTF 2021)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one guideline said of the exam, and what was signed. Categories are None where none was given or is known.

    ``masses``: the probability of each set of categories still possible, by all beliefs, those that the route withheld
    among them; {} where no net spoke, or they cannot be worked out any more. ``kept``: the calibrated set of
    managements, None where there is none to hold to account; ``level``: the share of exams that it promises to hold.
    ``read_first``: the category that follows from what the reader committed before the engine's findings were shown.
    """

    guideline: str
    engine: str | None
    signed: str | None
    masses: Masses = field(default_factory=dict)
    kept: frozenset[str] | None = None
    signed_management: str | None = None
    level: float = 0.0
    read_first: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One signed exam. ``groups``: site, scanner, sex, age, month. ``hours`` from arrival to signature.

    ``numbers`` are of the series and of the largest nodule that the net measured (one for each exam, so that exams
    count alike); ``unlike``: whether any nodule was flagged as unlike the training data; None where no net spoke.
    """

    outcome: Outcome
    route: str
    reasons: tuple[str, ...]
    hours: float
    override_reason: str | None
    was_read_first: bool
    answers: tuple[Answer, ...]
    groups: Mapping[str, str]
    nets: bool = False
    numbers: Mapping[str, float] = field(default_factory=dict)
    maker: str = UNKNOWN
    unlike: bool | None = None


class Reading:
    """Makes rows; holds the guidelines and calibrations that it needed so far. ``site``: a folder of calibrations."""

    def __init__(self, site: Path | None = None) -> None:
        self.site = site
        self.guideline: Callable[[str], Guideline | None] = cache(self._guideline)
        self.calibrators: Callable[[str], Mapping[str, Calibrator]] = cache(self._calibrators)

    def row(self, one: Signed) -> Row:
        """The row of one exam.

        Raises:
            MissingKnowledge: a calibration's file is broken.
        """
        thread, case, decision = one.thread, one.engine.record.case, one.engine.decision
        if thread.signed is None or thread.outcome is None:
            raise ValueError("a row is made of a signed exam")
        overridden = thread.outcome is Outcome.OVERRIDDEN
        nets = any(is_neural(b) for f in case.findings for b in f.facts.values())
        return Row(
            outcome=thread.outcome,
            route=decision.route.value,
            reasons=tuple(dict.fromkeys(reason.code for reason in decision.review.reasons)),
            hours=(thread.signed - thread.arrived).total_seconds() / 3600,
            override_reason=str(thread.override.get("reason", UNKNOWN)) if overridden else None,
            was_read_first=thread.reading is not None,
            answers=tuple(self._answer(one, d) for d in decision.guidelines if d.exam is not None),
            groups=groups_of(case) | {"month": f"{thread.signed:%Y-%m}"},
            nets=nets,
            numbers=numbers_of(case) if nets else {},
            maker=maker_of(case.exam),
            unlike=any(OUTSIDE_TRAINING in f.facts for f in case.findings) if nets else None,
        )

    def _answer(self, one: Signed, said: GuidelineDecision) -> Answer:
        name, case = said.application.guideline, one.engine.record.case
        signed = signed_category(one, name)
        guideline = self.guideline(name)
        engine = said.exam.category if said.exam else None
        if guideline is None:
            return Answer(name, engine, signed)
        reading = one.thread.reading
        first = None if reading is None else read_first_category(reading, guideline, case)
        bare = Answer(name, engine, signed, read_first=first)
        same = one.engine.record.knowledge.get(name) == guideline.sha256
        return self._believed(bare, one, guideline) if same and neural_inputs(case, guideline) else bare

    def _believed(self, bare: Answer, one: Signed, guideline: Guideline) -> Answer:
        try:
            masses = believed_masses(one.engine.record.case, guideline)
        except InputError:  # beliefs that this guideline cannot read were never an answer: nothing to hold to account
            return bare
        sha = one.engine.record.knowledge.get(f"calibration {guideline.name}", "")
        keeps = self.calibrators(guideline.name).get(sha)
        kept = frozenset(likely(guideline, masses, keeps).managements) if keeps else None
        wanted = management(guideline, bare.signed) if bare.signed else None
        level = keeps.level if keeps else 0.0
        return Answer(bare.guideline, bare.engine, bare.signed, masses, kept, wanted, level, bare.read_first)

    def _guideline(self, name: str) -> Guideline | None:
        try:
            return load_guideline(name)
        except SetupError:  # a site's own, or one that is no longer shipped: its categories are compared as they stand
            return None

    def _calibrators(self, name: str) -> Mapping[str, Calibrator]:
        """All that may have been used for that guideline, by the hash of their file."""
        nets = load_knowledge(None, name, images=True).extractors
        found = (*load_calibrators(nets, [name], self.site), *load_calibrators(nets, [name]))
        return {one.sha256: one for one in found}


def signed_category(one: Signed, guideline: str) -> str | None:
    """The category that was signed for that guideline; None where the signature leaves it open.

    An override that names no guideline is of the only one that was read; where several were, nobody can tell.
    """
    read = [d for d in one.final.decision.guidelines if d.exam is not None]
    if one.thread.outcome is Outcome.OVERRIDDEN:
        answer = one.thread.override.get("answer") or {}
        named, category = answer.get("guideline"), answer.get("category")
        is_meant = named == guideline or (not named and [d.application.guideline for d in read] == [guideline])
        return category if is_meant and isinstance(category, str) and category else None
    mine = next((d.exam for d in read if d.application.guideline == guideline), None)
    return mine.category if mine else None


def groups_of(case: Case) -> dict[str, str]:
    """Site, scanner, sex and age band of the exam."""
    makes = [_text(case.exam.facts.get(name)) for name in ("manufacturer", "model")]
    return {
        "site": _text(case.exam.facts.get("site")) or UNKNOWN,
        "scanner": _name(" ".join(text for text in makes if text)) or UNKNOWN,
        "sex": _text(case.patient.facts.get("sex")) or UNKNOWN,
        "age": _age(case.patient.facts.get("age_years")),
    }


def maker_of(exam: Exam) -> str:
    """The manufacturer by its first word, in capitals: "GE MEDICAL SYSTEMS" is "GE"."""
    return (_text(exam.facts.get("manufacturer")).upper().split() or [UNKNOWN])[0]


def numbers_of(case: Case) -> dict[str, float]:
    """What the training data's distributions are known of, as far as the case holds it."""
    amounts = {name: _number(case.exam.facts.get(name)) for name in ("slice_thickness_mm", "pixel_spacing_mm")}
    measured = [f for f in case.findings if (size := f.facts.get("mean_mm")) is not None and is_neural(size)]
    largest = max(measured, key=lambda f: (_number(f.facts["mean_mm"]) or 0.0, f.tracking_id), default=None)
    amounts |= _of_nodule(largest) if largest else {}
    return {name: value for name, value in amounts.items() if value is not None}


def _of_nodule(nodule: Finding) -> dict[str, float | None]:
    kind = nodule.facts.get("type")
    p = kind.probabilities if isinstance(kind, Classes) and is_neural(kind) else {}
    return {"diameter_mm": _number(nodule.facts["mean_mm"]), **{f"p_{name}": value for name, value in p.items()}}


def _number(belief: Belief | None) -> float | None:
    if isinstance(belief, Measured):
        return belief.mean
    value = belief.value if isinstance(belief, Known) else None
    return float(value) if isinstance(value, Decimal) else None


def _text(belief: Belief | None) -> str:
    return _name(belief.value) if isinstance(belief, Known) and isinstance(belief.value, str) else ""


def _name(text: str) -> str:
    return " ".join("".join(sign for sign in text if sign.isprintable()).split())[:LONGEST_NAME]


def _age(belief: Belief | None) -> str:
    years = _number(belief)
    if years is None:
        return UNKNOWN
    above = [low for low in AGES if years >= low]
    if not above:
        return f"under {AGES[0]}"
    high = next((a for a in AGES if a > above[-1]), None)
    return f"{above[-1]} to {high - 1}" if high else f"{above[-1]} and over"
