"""A decision as it stands -> what a card says of it. Words only: what it says was decided before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from ...engine.types import GuidelineDecision, Indication, Priority, Route
from . import terms
from .followed import FollowUp, in_words
from .orders import Order, days_of
from .response import Indicator
from .saying import Offer, Saying, either, plain
from .standing import Answer, Stood

_ROUTES = {
    Route.HYBRID: "the rules read on all findings, human and neural",
    Route.RULE_BASED: "the rules read on what people and reports stated; findings of nets are left out",
}
NOTHING_KNOWN = FollowUp(unseen="not looked at")
Followed = Mapping[str, FollowUp]  # by guideline


def saying_of(
    stood: Stood,
    answers: Sequence[Answer],
    *,
    others: int,
    as_of: date,
    followed: Followed,
    ordered: Order | None = None,
    offers: tuple[Offer, ...] = (),
) -> Saying:
    """What to say of a decision.

    Args:
        stood: the decision.
        answers: those of its answers that are spoken of, soonest due first.
        others: how many more decisions on the same patient are stored.
        as_of: the day of the question; due dates before it are overdue.
        followed: by guideline, what the record holds of the follow-up; of one that is left out nothing is known.
        ordered: an order that stands for the recommended exam; None: none known.
        offers: what may be done with one click.
    """
    label = ", ".join(answer.guideline for answer in answers)
    return Saying(
        about="follow-up " + (answers[0].name if answers else "none"),
        topic="follow-up" if answers else "review",
        summary=tuple(_summaries(stood, answers, as_of, followed, ordered)),
        detail=tuple(_detail(stood, answers, others, as_of, followed, ordered)),
        indicator=_indicator(stood, answers, as_of, followed),
        source=label,
        citations=stood.assessment.decision.citations,
        decision_id=stood.decision_id,
        sequence=stood.sequence,
        by=next((a.due for a in answers if a.due), date.max),
        offers=offers,
    )


def state(stood: Stood) -> str:
    """Whether a human made it final."""
    return "Signed" if stood.signed else "Preliminary"


def overdue(answer: Answer, as_of: date, followed: Followed) -> bool:
    """Whether its follow-up should have been made, and no exam that carries it out is known."""
    return answer.due is not None and answer.due < as_of and _known(answer, followed).made is None


def _known(answer: Answer, followed: Followed) -> FollowUp:
    return followed.get(answer.guideline, NOTHING_KNOWN)


def due_soon(answer: Answer, as_of: date) -> bool:
    """Whether its follow-up is due within the time in which an appointment can still be had."""
    return answer.due is not None and answer.due <= as_of + timedelta(days=terms.exams().windows.soon.days)


def category(answer: Answer) -> str:
    """The category in words: "category 4A", "category 2, 3 or 4A possible"."""
    if answer.by_human:
        stated = f"category {answer.display}" if answer.category else "another answer"
        return f"{stated} signed in place of the engine's {answer.engine or 'answer'}"
    if answer.category is not None:
        return f"category {answer.display}"
    possible = answer.reading.possible
    return f"category {either(possible)} possible" if possible else "no category for the exam"


def _indicator(stood: Stood, answers: Sequence[Answer], as_of: date, followed: Followed) -> Indicator:
    if stood.review_required and stood.assessment.decision.review.priority is Priority.URGENT:
        return Indicator.CRITICAL
    late = any(overdue(answer, as_of, followed) for answer in answers)
    return Indicator.WARNING if late or stood.review_required or stood.correction else Indicator.INFO


def _summaries(
    stood: Stood, answers: Sequence[Answer], as_of: date, followed: Followed, ordered: Order | None
) -> Iterator[str]:
    """Ways to say it in one sentence, the fullest first: long names give way, due date and review never do."""
    late = [answer for answer in answers if overdue(answer, as_of, followed)]
    first = next(iter([*late, *answers]), None)
    tail = [_due(first, as_of, followed)] if first and first.due else []
    tail += ["an order stands"] * (ordered is not None)
    tail += ["review required"] * stood.review_required + ["a correction waits"] * stood.correction
    yield from ("; ".join([head, *tail]) + "." for head in _heads(stood, answers))


def _heads(stood: Stood, answers: Sequence[Answer]) -> Iterator[str]:
    """Ways to begin; the last one always fits."""
    if not answers:
        yield "No guideline gave an answer for the latest stored exam"
        return
    first, others = answers[0], len(answers) - 1
    more = f" (and {others} more guideline{'s' * (others > 1)})" if others else ""
    condition = " if it applies" if first.applies == "conditional" else ""
    name = f"{state(stood)} {plain(first.guideline, escape=False)}{condition}"
    yield f"{name}: {plain(category(first), escape=False)}{more}"
    if first.category is None and not first.by_human:
        yield f"{name}: {len(first.reading.possible)} categories possible{more}"
    yield f"{state(stood)} guideline answer{condition}, see the detail"


def _due(answer: Answer, as_of: date, followed: Followed) -> str:
    made = _known(answer, followed).made
    if made is not None:
        return f"due {answer.due}, a later exam is of {made}"
    return f"{'overdue since' if overdue(answer, as_of, followed) else 'due'} {answer.due}"


def _detail(
    stood: Stood, answers: Sequence[Answer], others: int, as_of: date, followed: Followed, ordered: Order | None
) -> Iterator[str]:
    """Lines of GitHub-flavoured Markdown."""
    exam, decision = stood.assessment.record.case.exam, stood.assessment.decision
    signed = f"signed by a radiologist on {stood.signed}" if stood.signed else "preliminary, nobody has signed it"
    yield f"Exam of {exam.date or 'an unknown date'}; state on {as_of}; {signed}."
    for answer in answers:
        yield from _answer(answer, exam.indication, as_of, followed)
    spoken = {answer.guideline for answer in stood.answers}
    for guideline in (g for g in decision.guidelines if g.application.guideline not in spoken):
        yield from _no_answer(guideline)
    if ordered is not None:
        wanted = f", wanted {days_of(ordered)}" if days_of(ordered) else ""
        yield from ("", f"An order stands: {plain(ordered.words)}{wanted} ({plain(ordered.reference)}).")
    yield from _review(stood)
    yield from ("", f"Answered on the route {decision.route}: {_ROUTES[decision.route]}.")
    if others:
        more = f"{others} more assessment{'s' * (others > 1)} of this patient"
        yield from ("", f"{more} in the store; shown is the one with the latest exam date.")


def _no_answer(guideline: GuidelineDecision) -> Iterator[str]:
    application = guideline.application
    why = "does not apply" if application.applies == "no" else "gave no answer for the exam"
    yield from ("", " ".join([f"{plain(application.guideline)} {why}.", *map(plain, application.reasons)]))


def _answer(answer: Answer, indication: Indication, as_of: date, followed: Followed) -> Iterator[str]:
    yield from ("", f"**{plain(answer.guideline)}: {plain(category(answer))}**", "")
    if not answer.by_human:
        yield from _doubts(answer, indication)
    yield f"- Management: {plain(answer.management or 'none stated')}"
    if answer.due:
        yield from _follow_up(answer, as_of, followed)


def _follow_up(answer: Answer, as_of: date, followed: Followed) -> Iterator[str]:
    """When it is due, whether it was made, and which later exams do not count as it."""
    known, late = _known(answer, followed), overdue(answer, as_of, followed)
    none = "no later exam that carries it out is known here" if known.beside else "no later exam is known here"
    unknown = f"whether a later exam exists was {known.unseen}" if known.unseen else none
    yield f"- Follow-up {_due(answer, as_of, followed)}" + (f" ({unknown})" if late else "")
    if known.made is None:
        yield from (f"- A later exam that does not count as the follow-up: {plain(text)}" for text in in_words(known))


def _doubts(answer: Answer, indication: Indication) -> Iterator[str]:
    reading = answer.reading
    if indication is Indication.UNKNOWN:
        yield "- Indication: unknown; the category holds only if the exam is one that the guideline is for."
    if answer.applies == "conditional":
        yield f"- Conditional: {' '.join(map(plain, answer.reasons)) or 'its application is not confirmed.'}"
    if reading.silent:
        others = f"; also read as {plain(either(reading.alternatives))}" if reading.alternatives else ""
        yield f"- The guideline's text does not decide here: this is the default reading{others}."
    if reading.category is None and reading.ask:
        yield f"- To assess next: {plain(reading.ask)}"


def _review(stood: Stood) -> Iterator[str]:
    review = stood.assessment.decision.review
    if stood.correction:
        yield from ("", "A correction of this decision waits for its signature; until then this one stands.")
    if stood.signed:
        return
    place = "it waits in the review queue" if stood.waiting else "it is not in the review queue"
    need = f"required ({review.priority})" if review.required else "not required before signing"
    yield from ("", f"**Review** by a radiologist: {need}; {place}.")
    if review.reasons:
        yield from ("", *(f"- {plain(reason.text)}" for reason in review.reasons))
