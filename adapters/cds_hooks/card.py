"""A stored assessment -> one card. Words only: what it says was decided by the engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from uuid import UUID

from ...engine.record import URGENCY, Assessment
from ...engine.types import Decision, GuidelineDecision, Indication, Priority, Reading, Route
from ..notice import INTENDED_USE
from ..report.words import clean
from .response import SUMMARY_LIMIT, Card, Indicator, Source

_ROUTES = {
    Route.HYBRID: "the rules read on all findings, human and neural",
    Route.RULE_BASED: "the rules read on what people and reports stated; findings of nets are left out",
}


def newest(assessments: Sequence[Assessment]) -> Assessment | None:
    """The assessment to show: latest exam (one without a date counts as older), then latest ``as_of``.

    Where both are equal the more careful answer stands: review required, then the more urgent one.
    """
    return max(assessments, key=_recency, default=None)


def _recency(assessment: Assessment) -> tuple[date, date, bool, int, str]:
    record, review = assessment.record, assessment.decision.review
    exam_date = record.case.exam.date or date.min
    return exam_date, record.as_of, review.required, -URGENCY[review.priority], record.decision_id


def card_of(assessment: Assessment, *, others: int, waiting: bool, as_of: date, uuid: UUID | None = None) -> Card:
    """The card for one assessment.

    Args:
        assessment: what was stored.
        others: how many more assessments of the same patient are stored.
        waiting: whether it is on the review queue.
        as_of: the day of the question; due dates before it are overdue.
        uuid: the card's name in feedback.
    """
    answers = _answers(assessment.decision)
    return Card(
        uuid=uuid,
        summary=_summary(assessment.decision, answers, as_of),
        detail="\n".join(_detail(assessment, answers, others, waiting, as_of)),
        indicator=_indicator(assessment.decision, answers, as_of),
        source=Source(label=", ".join(["radlogic", *(a.application.guideline for a in answers)])),
    )


def _answers(decision: Decision) -> tuple[GuidelineDecision, ...]:
    """The guidelines that gave an answer, soonest due first."""
    gave = (g for g in decision.guidelines if g.application.applies != "no" and g.exam is not None)
    return tuple(sorted(gave, key=lambda g: g.due_date or date.max))


def _indicator(decision: Decision, answers: Iterable[GuidelineDecision], as_of: date) -> Indicator:
    if decision.review.priority is Priority.URGENT:
        return Indicator.CRITICAL
    overdue = any(_overdue(a, as_of) for a in answers)
    return Indicator.WARNING if overdue or decision.review.required else Indicator.INFO


def _overdue(answer: GuidelineDecision, as_of: date) -> bool:
    return answer.due_date is not None and answer.due_date < as_of


def _summary(decision: Decision, answers: Sequence[GuidelineDecision], as_of: date) -> str:
    """One sentence below the limit: long names give way, due date and review never do."""
    tail = [_due(a, as_of) for a in answers[:1] if a.due_date] + ["review required"] * decision.review.required
    sentences = ("; ".join([head, *tail]) + "." for head in _heads(decision.status, answers))
    return next(sentence for sentence in sentences if len(sentence) < SUMMARY_LIMIT)


def _heads(status: str, answers: Sequence[GuidelineDecision]) -> Iterator[str]:
    """Ways to begin, the fullest first; the last one always fits."""
    if not answers:
        yield "No guideline gave an answer for the latest stored exam"
        return
    first, others = answers[0], len(answers) - 1
    more = f" (and {others} more guideline{'s' * (others > 1)})" if others else ""
    name = f"{_plain(status, escape=False).capitalize()} {_plain(first.application.guideline, escape=False)}"
    condition = " if it applies" if first.application.applies == "conditional" else ""
    if first.exam is not None:
        yield f"{name}{condition}: {_plain(_category(first.exam), escape=False)}{more}"
    if first.exam is not None and first.exam.category is None:
        yield f"{name}{condition}: {len(first.exam.possible)} categories possible{more}"
    yield f"Guideline answer{condition}, {_plain(status, escape=False)[:20]}, see the detail"


def _category(reading: Reading) -> str:
    if reading.category is not None:
        return f"category {reading.facts.get('display') or reading.category}"
    return f"category {_either(reading.possible)} possible" if reading.possible else "no category for the exam"


def _due(answer: GuidelineDecision, as_of: date) -> str:
    return f"{'overdue since' if _overdue(answer, as_of) else 'due'} {answer.due_date}"


def _detail(
    assessment: Assessment, answers: Sequence[GuidelineDecision], others: int, waiting: bool, as_of: date
) -> Iterator[str]:
    """Lines of GitHub-flavoured Markdown."""
    decision, exam = assessment.decision, assessment.record.case.exam
    yield f"Exam of {exam.date or 'an unknown date'}; state on {as_of}; status {_plain(decision.status)}."
    for answer in answers:
        yield from _answer(answer, exam.indication, as_of)
    for guideline in (g for g in decision.guidelines if g not in answers):
        yield from _no_answer(guideline)
    yield from _review(decision, waiting)
    yield from ("", f"Answered on the route {decision.route}: {_ROUTES[decision.route]}.")
    if decision.citations:
        yield from ("", "**Sources**", "", *(f"- {_plain(citation)}" for citation in decision.citations))
    if others:
        more = f"{others} more assessment{'s' * (others > 1)} of this patient"
        yield from ("", f"{more} in the store; shown is the one with the latest exam date.")
    yield from ("", f"_{INTENDED_USE}_")


def _no_answer(guideline: GuidelineDecision) -> Iterator[str]:
    application = guideline.application
    why = "does not apply" if application.applies == "no" else "gave no answer for the exam"
    yield from ("", " ".join([f"{_plain(application.guideline)} {why}.", *map(_plain, application.reasons)]))


def _answer(answer: GuidelineDecision, indication: Indication, as_of: date) -> Iterator[str]:
    reading, applies = answer.exam, answer.application
    if reading is None:
        return
    yield from ("", f"**{_plain(applies.guideline)}: {_plain(_category(reading))}**", "")
    if indication is Indication.UNKNOWN:
        yield "- Indication: unknown; the category holds only if the exam is one that the guideline is for."
    if applies.applies == "conditional":
        yield f"- Conditional: {' '.join(map(_plain, applies.reasons)) or 'its application is not confirmed.'}"
    if reading.silent:
        others = f"; also read as {_plain(_either(reading.alternatives))}" if reading.alternatives else ""
        yield f"- The guideline's text does not decide here: this is the default reading{others}."
    if reading.category is None and reading.ask:
        yield f"- To assess next: {_plain(reading.ask)}"
    yield f"- Management: {_plain(str(reading.facts.get('management') or 'none stated'))}"
    if answer.due_date:
        later = " (no later exam is known here)" if _overdue(answer, as_of) else ""
        yield f"- Follow-up {_due(answer, as_of)}{later}"


def _review(decision: Decision, waiting: bool) -> Iterator[str]:
    review = decision.review
    place = "it waits in the review queue" if waiting else "it is not in the review queue"
    need = f"required ({review.priority})" if review.required else "not required before signing"
    yield from ("", f"**Review** by a radiologist: {need}; {place}.")
    if review.reasons:
        yield from ("", *(f"- {_plain(reason.text)}" for reason in review.reasons))


def _either(names: Sequence[str]) -> str:
    """
    >>> _either(("2", "3", "4A"))
    '2, 3 or 4A'
    """
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _plain(text: str, escape: bool = True) -> str:
    """One line, and nothing in it that Markdown or HTML would read as a mark."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&!])", r"\\\1", clean(text)) if escape else clean(text)
