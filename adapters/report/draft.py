"""The report as one object: headlines above, then the sections in the order a radiologist dictates."""

from __future__ import annotations

from collections.abc import Callable

from ...engine.record import Assessment
from ...engine.types import Decision, FindingDecision, GuidelineDecision, Indication
from ..notice import INTENDED_USE, PRELIMINARY
from . import dictated, grounds, risk_words
from .view import (
    Headline,
    Report,
    Section,
    applied,
    extras_of,
    guideline_name,
    management_of,
    sentence,
    silence,
    timing_of,
    verdict,
)
from .words import Row, capital, category_words, clean, either, stop

SECTIONS: tuple[Callable[[Assessment], Section], ...] = (
    dictated.indication,
    dictated.technique,
    dictated.comparison,
    dictated.findings,
    dictated.impression,
    grounds.uncertainty,
    grounds.silent_spots,
    grounds.reasons,
    risk_words.risk,
    grounds.unconfirmed,
    grounds.considered,
    grounds.citations,
    grounds.provenance,
)


def report_of(assessment: Assessment) -> Report:
    """Everything the report says."""
    decision = assessment.decision
    return Report(
        status=status_of(decision),
        intended_use=INTENDED_USE,
        identity=identity_of(assessment),
        warnings=warnings_of(assessment),
        alerts=alerts_of(assessment),
        headlines=tuple(headline(guideline) for guideline in applied(decision)),
        sections=tuple(section(assessment) for section in SECTIONS),
    )


def status_of(decision: Decision) -> str:
    """The banner's first words."""
    return PRELIMINARY if decision.status == "preliminary" else clean(decision.status).upper()


def identity_of(assessment: Assessment) -> tuple[Row, ...]:
    """Which exam, patient (by pseudonym) and decision this is."""
    record = assessment.record
    exam_date = record.case.exam.date
    return (
        Row("Exam date", exam_date.isoformat() if exam_date else "not stated"),
        Row("Patient", clean(record.case.patient.key) or "no pseudonym given"),
        Row("Study", clean(record.case.exam.study_uid) or "not stated"),
        Row("Decision", clean(record.decision_id)),
    )


def warnings_of(assessment: Assessment) -> tuple[str, ...]:
    """What changes how every answer is to be read."""
    if assessment.record.case.exam.indication is not Indication.UNKNOWN:
        return ()
    return (
        "INDICATION UNKNOWN. Nobody stated why this exam was made; every category here is conditional until that "
        "is confirmed.",
    )


def alerts_of(assessment: Assessment) -> tuple[str, ...]:
    """Whether a human must look before signing, and why."""
    review = assessment.decision.review
    reasons = " ".join(sentence(reason.text) for reason in review.reasons)
    return (f"REVIEW REQUIRED, priority {review.priority}. {reasons}".rstrip(),) if review.required else ()


def headline(guideline: GuidelineDecision) -> Headline:
    """One guideline's answer for the exam."""
    application, reading = guideline.application, guideline.exam
    conditional = application.applies == "conditional"
    name, conditions = guideline_name(application.guideline), tuple(map(sentence, application.reasons))
    flags: tuple[str, ...] = ("conditional",) if conditional else ()
    rows = tuple(lesion_row(answer) for answer in guideline.findings)
    if reading is None:
        return Headline(name, "no answer", "no answer for the exam", flags, "", "", (), conditions, rows)
    said_silent = (stop(capital(silence(reading))),) if reading.silent else ()
    flags += ("guideline silent",) if reading.silent else ()
    flags += ("not decided",) if reading.category is None and reading.possible else ()
    return Headline(
        guideline=name,
        category=category_words(reading),
        verdict=verdict(reading),
        flags=flags,
        management=management_of(reading),
        timing=timing_of(reading, guideline),
        extra=extras_of(reading),
        conditions=(conditions if conditional else ()) + said_silent,
        lesions=rows,
    )


def lesion_row(answer: FindingDecision) -> Row:
    """A lesion's category in as few words as can be."""
    reading = answer.reading
    readings = [category_words(reading), *reading.alternatives]
    silent = f"{either(readings)}, guideline silent" if reading.silent else ""
    return Row(clean(answer.finding.tracking_id), silent or category_words(reading))
