"""The service for a hook of our own, ``org.radlogic.imaging-report-sign``: a report that is about to be signed.

Held against its own findings, where the client sends them (the rules are read on them, no net is asked), else against
the decision that is stored for the exam; its recommendation also against the guideline's for the category it states.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...engine.errors import BadValue
from ..report.view import guideline_name
from ..report.words import clean
from .card import state
from .chart import is_about
from .expected import Expected, of_findings, of_store, printed
from .report import Report, read_report
from .request import ReportSignContext, is_id
from .response import Action, CdsResponse, Indicator
from .saying import Offer, Saying, answered, plain
from .seam import Asked
from .suggest import changeable, concluded


def answer_report_sign(asked: Asked[ReportSignContext]) -> CdsResponse:
    """Cards on the category and the recommendation of a report.

    Raises:
        BadValue, MissingField and other InputErrors: the report or the findings are not what they should be.
        StoreUnavailable, NotReadable: the store.
    """
    report = read_report(asked.context.report)
    if is_about(asked.context.report, asked.context.patient_id) is False:
        cure = "Send the report of the patient in context."
        raise BadValue("context.report", "subject", "another patient", "the context's patient", cure)
    expected = of_findings(asked.context.findings) or of_store(report, asked)
    return answered(asked, _sayings(report, expected))


def _sayings(report: Report, expected: Expected | None) -> Iterator[Saying]:
    if expected is not None and expected.stateable:
        if report.category is None:
            yield _missing_category(report, expected)
        elif not expected.allows(report.category):
            yield _disagrees(report, expected)
            return  # of a category that is disputed, what the guideline prints is nobody's next step
    asks = printed(report, expected)
    if asks is not None and asks.months is not None:
        yield from _recommendation(report, asks)


def _disagrees(report: Report, expected: Expected) -> Saying:
    rules = "the findings give" if expected.stood is None else f"the {state(expected.stood).lower()} decision gives"
    return _saying(
        report,
        expected,
        "report-category",
        (
            f"The report states {_family(expected)}{report.category}; {rules} {expected.words}.",
            f"The report's category {report.category} and its findings disagree.",
        ),
        Indicator.WARNING,
    )


def _missing_category(report: Report, expected: Expected) -> Saying:
    return _saying(
        report,
        expected,
        "report-no-category",
        (
            f"No category could be read in the report; {expected.guideline} gives {expected.words}.",
            "No category could be read.",
        ),
        Indicator.INFO,  # free text: it may be there in other words
        _sentence(expected) if expected.category else "",
    )


def _recommendation(report: Report, printed: Expected) -> Iterator[Saying]:
    """The report's next exam against the guideline's, for the category that the report states."""
    if printed.months is None:
        return
    due = _words(printed.months)
    if report.months is None:
        said = (
            f"No next exam could be read in the report; {printed.guideline} {printed.words} asks for one in {due}.",
        )
        yield _saying(report, printed, "report-no-recommendation", said, Indicator.INFO, _sentence(printed))
    elif not (printed.months[0] <= report.months[0] and report.months[1] <= printed.months[1]):
        stated_ones = _words(report.months)
        said = (f"The report names the next exam in {stated_ones}; {printed.guideline} {printed.words}: {due}.",)
        yield _saying(report, printed, "report-recommendation", said, Indicator.WARNING)


def _family(expected: Expected) -> str:
    return "Lung-RADS " if expected.guideline.startswith("lung-rads") else ""


WEEKS = 4  # to the month, as the reader of reports counts them


def _words(months: tuple[float, float]) -> str:
    """The interval in words: whole months, else weeks."""
    if months[1] == 0:
        return "no time (at once)"
    whole = all(m == int(m) for m in months)
    unit, many = ("months", months) if whole else ("weeks", (months[0] * WEEKS, months[1] * WEEKS))
    low, high = many
    return f"{low:g} {unit}" if low == high else f"{low:g} to {high:g} {unit}"


def _sentence(expected: Expected) -> str:
    """What a report may say of category and next exam, to be added by who signs it."""
    family = _family(expected) if not expected.display.startswith("Lung-RADS") else ""
    return f"{family}{expected.words} ({guideline_name(expected.guideline)}): {clean(expected.management)}."


def _saying(
    report: Report,
    expected: Expected,
    topic: str,
    summary: tuple[str, ...],
    indicator: Indicator,
    add: str = "",
) -> Saying:
    stood = expected.stood
    return Saying(
        about=f"{topic} {report.name}",
        topic=topic,
        summary=summary,
        detail=tuple(_detail(report, expected)),
        indicator=indicator,
        source=expected.guideline,
        citations=stood.assessment.decision.citations if stood else (),
        decision_id=stood.decision_id if stood else "",
        sequence=stood.sequence if stood else 0,
        offers=_offers(report, add),
    )


def _offers(report: Report, add: str) -> tuple[Offer, ...]:
    if not add or not is_id(report.resource.get("id")) or not changeable(report.resource):
        return ()
    action = Action(
        type="update", description=f"Add to the conclusion: {add}", resource=concluded(report.resource, add)
    )
    return (Offer("Add to the conclusion", (action,)),)


def _detail(report: Report, expected: Expected) -> Iterator[str]:
    yield f"Compared with {plain(expected.basis)}."
    yield from ("", f"**{plain(expected.guideline)}: {plain(expected.words)}**", "")
    yield from (f"- {plain(says)}" for says in dict.fromkeys(expected.why))
    yield f"- Management: {plain(expected.management or 'none stated')}"
    months = _words(report.months) if report.months else "none that could be read"
    yield f"- The report states: category {report.category or 'none that could be read'}, next exam in {months}"
