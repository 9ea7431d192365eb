"""One stated category beside what the guideline makes of the same exam."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ...engine.record import Assessment
from ...engine.types import GuidelineDecision, Reading


class Outcome(StrEnum):
    """What came of one comparison."""

    AGREE = "agree"
    ALTERNATIVE = "alternative"  # the guideline is silent here, and its text allows the stated reading
    DISAGREE = "disagree"
    CONTRADICTED = "contradicted"  # findings are missing, and none of them could make the stated category right
    UNDETERMINED = "undetermined"  # findings are missing, and the stated category is among those still possible
    CONDITIONAL = "conditional"  # whether the guideline applies is unconfirmed (its indication is unknown, say)
    NOT_APPLICABLE = "not_applicable"
    NO_EXAM_CATEGORY = "no_exam_category"  # the guideline has none, or gave none
    NOT_DECIDED = "not_decided"  # the decision holds no answer of the stated guideline and edition


class Group(StrEnum):
    """Outcomes as a quality officer counts them; each line of input is in one group, or is bad."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNDETERMINED = "undetermined"
    EXCLUDED = "excluded"


GROUP_OF = {
    Outcome.AGREE: Group.AGREE,
    Outcome.ALTERNATIVE: Group.AGREE,
    Outcome.DISAGREE: Group.DISAGREE,
    Outcome.CONTRADICTED: Group.DISAGREE,
    Outcome.UNDETERMINED: Group.UNDETERMINED,
    Outcome.CONDITIONAL: Group.EXCLUDED,
    Outcome.NOT_APPLICABLE: Group.EXCLUDED,
    Outcome.NO_EXAM_CATEGORY: Group.EXCLUDED,
    Outcome.NOT_DECIDED: Group.EXCLUDED,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One exam: the stated category, the computed one, and what came of it.

    ``if_applied`` is set for conditional exams: the outcome, were the guideline sure to apply.
    """

    line: int
    decision_id: str
    exam_date: date | None
    guideline: str
    stated: str
    computed: str | None
    possible: tuple[str, ...]
    alternatives: tuple[str, ...]
    outcome: Outcome
    if_applied: Outcome | None = None

    @property
    def disagrees(self) -> bool:
        """Whether somebody should look: it disagrees, or would if the guideline applies."""
        return any(GROUP_OF[o] is Group.DISAGREE for o in (self.outcome, self.if_applied) if o is not None)


def compare(assessment: Assessment, guideline: str, stated: str, line: int) -> Comparison:
    """The stated exam category beside the computed one of that guideline and edition."""
    answers = (g for g in assessment.decision.guidelines if g.application.guideline == guideline)
    answer = next(answers, None)
    reading = answer.exam if answer else None
    outcome = outcome_of(answer, stated)
    return Comparison(
        line=line,
        decision_id=assessment.record.decision_id,
        exam_date=assessment.record.case.exam.date,
        guideline=guideline,
        stated=stated,
        computed=reading.category if reading else None,
        possible=reading.possible if reading else (),
        alternatives=reading.alternatives if reading else (),
        outcome=outcome,
        if_applied=reading_outcome(reading, stated) if reading and outcome is Outcome.CONDITIONAL else None,
    )


def outcome_of(answer: GuidelineDecision | None, stated: str) -> Outcome:
    """The outcome for one guideline's answer, None where the decision has no such answer."""
    if answer is None:
        return Outcome.NOT_DECIDED
    if answer.application.applies == "no":
        return Outcome.NOT_APPLICABLE
    if answer.exam is None or not (answer.exam.category or answer.exam.possible):
        return Outcome.NO_EXAM_CATEGORY
    return Outcome.CONDITIONAL if answer.application.applies == "conditional" else reading_outcome(answer.exam, stated)


def reading_outcome(reading: Reading, stated: str) -> Outcome:
    """The outcome for a reading of a guideline that applies."""
    if reading.category is None:
        return Outcome.UNDETERMINED if stated in reading.possible else Outcome.CONTRADICTED
    if reading.category == stated:
        return Outcome.AGREE
    return Outcome.ALTERNATIVE if reading.silent and stated in reading.alternatives else Outcome.DISAGREE
