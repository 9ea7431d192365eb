"""What follows for people: the proposed next exam, the review before signing, and what disagrees."""

from __future__ import annotations

from datetime import date

from ....engine.calendar import due_date
from ....engine.types import Conflict, GuidelineDecision, Priority, Reading, ReviewReason
from ...cds_hooks.terms import exams as exam_terms
from ...report.plain_names import in_words
from ...report.view import applied, guideline_name, lesions, management_of, spoken_of
from ...report.words import clean, percent, term
from . import terms
from .devices import engine_urn
from .exams import exam_urn, interval_of, overridden
from .lesions import lesion_urn
from .parts import Json, coding, concept, note, reference, some
from .reading import id_of
from .sending import Entry, Sending


def proposals(sending: Sending) -> list[Entry]:
    """The next exam by each guideline that surely applies, is decided and prints an interval.

    What a signer set aside is revoked: the preliminary report may have proposed it.
    """
    found = ((d, window(sending, d)) for d in applied(sending.assessment.decision))
    made = [(d, period) for d, period in found if period is not None]
    return [Entry(proposal_urn(sending, d), p := _proposal(sending, d, period), p["status"] == "draft")
            for d, period in made]  # fmt: skip


def proposal_urn(sending: Sending, decided: GuidelineDecision) -> str:
    """The name of a proposed exam: of this decision alone, so that a correction proposes anew."""
    return sending.own_urn("proposal", id_of(decided.application.guideline))


def window(sending: Sending, decided: GuidelineDecision) -> tuple[date, date] | None:
    """From which day to which the next exam is due; None where that is not said, or not surely."""
    day, exam = sending.assessment.record.case.exam.date, decided.exam
    months = interval_of(exam) if exam is not None and exam.category is not None else None
    if exam is None or day is None or months is None or decided.due_date is None or not _sure(sending, decided, exam):
        return None
    start = due_date(day, [0, int(months[0])])
    return (min(start, decided.due_date), decided.due_date) if start else None


def _sure(sending: Sending, decided: GuidelineDecision, exam: Reading) -> bool:
    """Whether the guideline applies and decides; where it leaves that open, whether somebody vouched for the answer.

    Of several guidelines that only may apply, a signature does not say which one holds.
    """
    alone = len(applied(sending.assessment.decision)) == 1
    applies = decided.application.applies == "yes" or (not sending.unverified and alone)
    decides = not exam.silent and len(exam.managements) <= 1
    return applies and (decides or not sending.unverified)


def _proposal(sending: Sending, decided: GuidelineDecision, period: tuple[date, date]) -> Json:
    withdrawn = sending.superseded or overridden(sending, decided.application.guideline) is not None
    reading = decided.exam
    start, end = (day.isoformat() for day in period)
    return some(
        **sending.about("ServiceRequest", proposal_urn(sending, decided)),
        instantiatesCanonical=[canonical_of(decided.application.guideline)],
        status="revoked" if withdrawn else "draft",
        intent="proposal",
        code=_exam(decided.application.guideline, reading) if reading else None,
        subject=sending.subject,
        occurrencePeriod={"start": start, "end": end},
        requester=reference(engine_urn(sending)),
        reasonReference=[reference(exam_urn(sending, decided))],
        note=note(f"{guideline_name(decided.application.guideline)}: {management_of(reading)}" if reading else ""),
    )


def canonical_of(guideline: str) -> str:
    """The PlanDefinition that ``radlogic rules export`` writes of a guideline.

    >>> canonical_of("lung-rads@2022")
    'urn:radlogic:plan-definition:lung-rads|2022'
    """
    name, _, edition = clean(guideline).partition("@")
    return f"urn:radlogic:plan-definition:{name}|{edition}" if edition else f"urn:radlogic:plan-definition:{name}"


def _exam(guideline: str, reading: Reading) -> Json:
    """The exam that carries the answer out, coded where its code was confirmed; else the guideline's words."""
    known = exam_terms()
    asks = known.recommended.get(id_of(guideline))
    first = next(iter(asks.categories.get(reading.category or "", ())), None) if asks else None
    found = known.coding_of(first) if first else None
    codings = [some(system=found.system, code=found.code, display=found.display)] if found else []
    return concept(codings, management_of(reading) or "the next exam")


def review(sending: Sending) -> list[Entry]:
    """The look that a human must take before signing; done once somebody signed. Made once and then left to people."""
    asked = sending.assessment.decision.review
    if not asked.required:
        return []
    urn = sending.urn("review")
    signed = sending.signed is not None
    task = some(
        **sending.about("Task", urn),
        status="entered-in-error" if sending.superseded else "completed" if signed else "requested",
        intent="proposal",
        priority=terms.codes().priorities[asked.priority],
        code=sending.own("review"),
        description=" ".join(in_words(reason.text, spoken_of(sending.assessment.decision)) for reason in asked.reasons),
        focus=reference(report_urn(sending)),
        **{"for": sending.subject},
        authoredOn=sending.context.at.isoformat() if sending.context.at else None,
        lastModified=sending.moment.isoformat() if signed else None,
        requester=reference(engine_urn(sending)),
        owner=sending.signer,
        input=[_reason(sending, reason) for reason in asked.reasons],
    )
    return [Entry(urn, task, once=not signed)]


def _reason(sending: Sending, reason: ReviewReason) -> Json:
    code = coding(sending.system("review-reason"), clean(reason.code) or "-")
    return {"type": sending.own("review-reason"), "valueCodeableConcept": concept([code], reason.text)}


def report_urn(sending: Sending) -> str:
    """The name of the DiagnosticReport through all its versions."""
    return sending.urn("report")


def conflicts(sending: Sending) -> list[Entry]:
    """Where rules and network disagree."""
    return [
        Entry(urn := sending.urn("conflict", id_of(c.guideline), c.finding), _issue(sending, c, urn))
        for c in sending.assessment.decision.conflicts
    ]


def _issue(sending: Sending, conflict: Conflict, urn: str) -> Json:
    exam = sending.assessment.record.case.exam
    known = {found.finding.tracking_id: found for found in lesions(sending.assessment)}
    found = known.get(conflict.finding)
    answers = [r for r in found.risks if r.model == conflict.model and r.probability is not None] if found else []
    risks = [reference(sending.urn("risk", r.model, conflict.finding)) for r in answers]
    return some(
        **sending.about("DetectedIssue", urn),
        status=sending.finding_status,
        code=sending.own("rules-and-network"),
        severity=terms.codes().severities[_priority(sending)],
        patient=sending.subject,
        identifiedDateTime=exam.date.isoformat() if exam.date else None,
        author=reference(engine_urn(sending)),
        implicated=[reference(lesion_urn(sending, found))] if found else None,
        evidence=[{"detail": risks}] if risks else None,
        detail=_words(conflict),
    )


def _priority(sending: Sending) -> Priority:
    """How soon a human must look because of the conflict; of the whole review where no reason names it."""
    asked = sending.assessment.decision.review
    return next((r.priority for r in asked.reasons if r.code == "rules_and_network"), asked.priority)


def _words(conflict: Conflict) -> str:
    low, high = map(percent, conflict.band)
    least, most = map(percent, conflict.interval)
    seen = "; seen only where each belief is taken at its most probable value" if conflict.sharpest else ""
    seen += "; seen only with a net's beliefs, which are withheld" if conflict.unconfirmed else ""
    return clean(
        f"{conflict.guideline} puts {conflict.finding} in category {conflict.category}, for which {low} to {high} is "
        f"printed ({conflict.band_source}); {term('models', conflict.model)} gives {percent(conflict.risk)} "
        f"({least} to {most}){seen}. Neither side was changed by the other."
    )
