"""Earlier exams beside a case: lesions found again on them, with what that says of each.

For ``radlogic assess --prior-decision`` and for the watch of an archive. Where an earlier exam's lesions are not known,
or the images do not fit, nothing is guessed: the engine leaves the prior facts unknown and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import MissingField
from ..engine.perception.volume import Volume
from ..engine.record import Assessment
from ..engine.tracking.match import match_prior
from ..engine.tracking.priors import Compared, PriorCase, months_between, with_priors
from ..engine.types import Case

if TYPE_CHECKING:
    from .archive.watch.seams import Prior


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier exam: what was found then, and its images where they are at hand, read when they are needed."""

    exam: PriorCase
    volume: Callable[[], Volume] | None = field(default=None, repr=False)


def with_earlier(case: Case, earlier: Sequence[Earlier]) -> Case:
    """The case with what earlier exams say of its lesions; images are aligned where both exams have them.

    Raises:
        MissingField: the case has no date. BadValue: an exam is not earlier than it.
        InputError: images cannot be read. MissingExtra: images are there, and SimpleITK is not.
    """
    day = case.exam.date
    if earlier and day is None:
        raise MissingField("exam", "date", "no date", "the day of the exam", "Give --exam-date.")
    return with_priors(case, [_compared(case, one) for one in earlier])


def _compared(case: Case, one: Earlier) -> Compared:
    needed = case.volume is not None and case.findings and one.exam.findings and one.volume is not None
    volume = one.volume() if needed and one.volume is not None else None
    months = float(months_between(one.exam.date, case.exam.date)) if case.exam.date else None
    return one.exam, match_prior(case.volume, case.findings, volume, one.exam.findings, months)


def of_decision(assessment: Assessment, series: Path | None = None) -> Earlier:
    """What an earlier decision says, with its lesions' categories; ``series``: the images that it was made on.

    Raises:
        MissingField: its exam has no date.
    """
    case = assessment.record.case
    if case.exam.date is None:
        cure = "Decide that exam with --exam-date."
        raise MissingField("the earlier decision", "exam.date", "no date", "the day of its exam", cure)
    reference = f"decision {assessment.record.decision_id}, exam of {case.exam.date}"
    stated = PriorCase(case.exam.date, case.findings, reference, categories_of(assessment), case.assessed)
    return Earlier(stated, _reading(series) if series is not None else None)


def categories_of(assessment: Assessment) -> dict[str, str]:
    """Each lesion's category by the first guideline that applies and decides it, by tracking identifier."""
    applied = [g for g in assessment.decision.guidelines if g.application.applies == "yes"]
    decided = [f for g in applied for f in g.findings if f.reading.category is not None]
    return {f.finding.tracking_id: str(f.reading.category) for f in reversed(decided)}


def _reading(series: Path) -> Callable[[], Volume]:
    def read() -> Volume:
        from .dicom.series import read_series

        return read_series(series)

    return read


def of_archive(case: Case, priors: Sequence[Prior]) -> Case:
    """The ``Match`` of the watch: earlier exams whose lesions somebody stated are compared, the others are named."""
    spoken = [one for one in priors if one.said_by]
    silent = [f"the earlier exam of {one.day} is in the archive; nobody stated its lesions" for one in priors
              if not one.said_by]  # fmt: skip
    told = replace(case, exam=replace(case.exam, notes=(*case.exam.notes, *silent)))
    return with_earlier(told, [_of_prior(one) for one in spoken])


def _of_prior(one: Prior) -> Earlier:
    return Earlier(PriorCase(one.day, one.findings, f"{one.said_by}, exam of {one.day}"), one.volume)
