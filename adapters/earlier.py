"""Earlier exams beside a case: lesions found again on them, with what that says of each.

For ``radlogic assess --prior-decision`` and for the watch of an archive. Where an earlier exam's lesions are not known,
or the images do not fit, nothing is guessed: the engine leaves the prior facts unknown, says why and asks for review.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..engine.errors import Contradiction, MissingField
from ..engine.perception.volume import Volume
from ..engine.record import Assessment
from ..engine.tracking.match import match_prior
from ..engine.tracking.priors import CT, Compared, PriorCase, months_between, told, with_priors
from ..engine.types import Case, Indication, Known

if TYPE_CHECKING:
    from .archive.watch.seams import Prior
    from .store.cases import CaseFile

OF_CT: Final = ("lung-rads", "fleischner")  # what both are for by their titles: nodules on CT
Categories = tuple[dict[str, str], tuple[str, ...]]  # by tracking identifier, and what a human must look at


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier exam: what was found then, and its images where they are at hand, read when they are needed.

    ``study``: its Study Instance UID, '' where unknown. ``patient``: the patient's pseudonym, '' where none was
    stated; None where the caller has made sure otherwise whose exam it is. ``unsure``: what a human must look at;
    ``noted``: what to know beside it. ``screened``: whether it was a screen.
    """

    exam: PriorCase
    volume: Callable[[], Volume] | None = field(default=None, repr=False)
    study: str = ""
    patient: str | None = None
    unsure: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    screened: bool = False


def with_earlier(case: Case, earlier: Sequence[Earlier]) -> Case:
    """The case with what earlier exams say of its lesions; images are aligned where both exams have them.

    Raises:
        MissingField: the case has no date. BadValue: an exam is not earlier than it.
        Contradiction: an exam is of another patient, is given twice, or somebody stated that there is none.
        InputError: images cannot be read. MissingExtra: images are there, and SimpleITK is not.
    """
    day = case.exam.date
    if earlier and day is None:
        raise MissingField("exam", "date", "no date", "the day of the exam", "Give --exam-date.")
    _check_once(earlier)
    unsure = [text for one in earlier for text in (*_whose(case, one), *_denied(case, one), *one.unsure)]
    known = replace(case, exam=told(case.exam, [text for one in earlier for text in one.noted], unsure))
    return with_priors(known, [_compared(case, one) for one in earlier])


def _check_once(earlier: Sequence[Earlier]) -> None:
    """Refuse an exam that is there twice: its lesions would be counted twice in each history."""
    for one, other in combinations(earlier, 2):
        apart = one.study and other.study and one.study != other.study
        same = (one.study and one.study == other.study) or (one.exam.date == other.exam.date and not apart)
        if same or one.exam.reference == other.exam.reference:
            found, cure = "the same exam twice", "Give the decision that stands, and leave the other out."
            raise Contradiction("earlier exams", "", found, "each exam once", cure)


def _whose(case: Case, one: Earlier) -> Iterator[str]:
    """That it is not confirmed to be of the same patient, where it is not.

    Raises:
        Contradiction: it is of another patient.
    """
    if one.patient is None:
        return
    if not (case.patient.key and one.patient):
        yield f"{one.exam.reference}: not confirmed to be of the same patient, for the record of one is not given"
    elif case.patient.key != one.patient:
        found, allowed = "an exam of another patient", "earlier exams of the patient of this exam"
        raise Contradiction("the earlier decision", "patient.key", found, allowed, "Give this patient's decisions.")


def _denied(case: Case, one: Earlier) -> Iterator[str]:
    """That this is stated to be the first screen, where the earlier exam was one."""
    stated = case.exam.facts.get("round")
    if one.screened and isinstance(stated, Known) and stated.value == "baseline":
        yield f"the round is stated as baseline, and {one.exam.reference} was a screen before it"


def _compared(case: Case, one: Earlier) -> Compared:
    needed = case.volume is not None and case.findings and one.exam.findings and one.volume is not None
    volume = one.volume() if needed and one.volume is not None else None
    months = float(months_between(one.exam.date, case.exam.date)) if case.exam.date else None
    return one.exam, match_prior(case.volume, case.findings, volume, one.exam.findings, months)


def of_decision(assessment: Assessment, series: Path | None = None, kept: CaseFile | None = None) -> Earlier:
    """What an earlier decision says, with its lesions' categories.

    Args:
        assessment: the decision with its record.
        series: the images that it was made on.
        kept: what a store knows of it: the category that a signer stated goes before the engine's.

    Raises:
        MissingField: its exam has no date.
        Contradiction: in the store another decision took its place, or stands under its name.
    """
    case, name = assessment.record.case, assessment.record.decision_id
    if case.exam.date is None:
        cure = "Decide that exam with --exam-date."
        raise MissingField("the earlier decision", "exam.date", "no date", "the day of its exam", cure)
    _check_stands(assessment, kept)
    categories, unsure = categories_of(assessment, kept)
    reference = f"decision {name}, exam of {case.exam.date}"
    stated = PriorCase(case.exam.date, case.findings, reference, categories, case.assessed, modality_of(assessment))
    return Earlier(
        stated,
        _reading(series) if series is not None else None,
        study=case.exam.study_uid,
        patient=case.patient.key,
        unsure=unsure,
        noted=_standing(name, kept),
        screened=case.exam.indication is Indication.SCREENING,
    )


def _check_stands(assessment: Assessment, kept: CaseFile | None) -> None:
    """Refuse a decision in whose place another stands, and a file that is not what was kept."""
    from .report.signed import check_as_kept

    if kept is None:
        return
    if (standing := kept.row.superseded_by) is not None:
        found, cure = "a decision that another took the place of", f"Give decision {standing}."
        raise Contradiction("the earlier decision", "decision_id", found, "the decision that stands", cure)
    check_as_kept(assessment, kept.assessment, "the earlier decision")


def _standing(name: str, kept: CaseFile | None) -> tuple[str, ...]:
    """That nobody signed it, where nobody did."""
    signed = kept is not None and kept.row.signed_by is not None
    return () if signed else (f"decision {name} is preliminary: nobody is known to have signed it",)


def modality_of(assessment: Assessment) -> str:
    """The exam's modality: as its images or somebody say, else CT where a guideline for CT applied; '' if unknown."""
    stated = assessment.record.case.exam.facts.get("modality")
    if isinstance(stated, Known):
        return str(stated.value)
    applied = (g.application for g in assessment.decision.guidelines if g.application.applies != "no")
    return CT if any(a.guideline.partition("@")[0] in OF_CT for a in applied) else ""


def categories_of(assessment: Assessment, kept: CaseFile | None = None) -> Categories:
    """Each lesion's category by the first guideline that applies and decides it, by tracking identifier.

    A signer's category is of the exam. It is that of the exam's only lesion; where there are more nobody said which
    lesion has it, so that none has one, and a human must look. So too where it is of a guideline that did not apply.
    """
    from .report.signed import signed_of

    signed = signed_of(kept) if kept is not None else None
    stated = signed.override.get("category") if signed is not None else None
    if stated is None:
        return _decided(assessment), ()
    lesions = [finding.tracking_id for finding in assessment.record.case.findings]
    applied = {g.application.guideline for g in assessment.decision.guidelines if g.application.applies == "yes"}
    if len(lesions) == 1 and signed is not None and signed.override.get("guideline") in {None, *applied}:
        return {lesions[0]: str(stated)}, ()
    name = assessment.record.decision_id
    return {}, (f"decision {name}: its signer overrode the category of the exam, and no lesion's is stated",)


def _decided(assessment: Assessment) -> dict[str, str]:
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
    return with_earlier(
        replace(case, exam=told(case.exam, (), silent)), [_of_prior(one, _imaged(case)) for one in spoken]
    )


def _imaged(case: Case) -> str:
    """The modality of this exam, and so of the earlier ones: the archive is asked for the same."""
    return case.volume.acquisition.modality if case.volume is not None else ""


def _of_prior(one: Prior, modality: str) -> Earlier:
    reference = f"{one.said_by}, exam of {one.day}"
    exam = PriorCase(one.day, one.findings, reference, one.categories, one.assessed, modality)
    return Earlier(exam, one.volume, one.study_uid, None, one.unsure)  # whose it is was read off the images
