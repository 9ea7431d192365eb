"""Screening and surveillance: for whom, by programme and guideline, and what is not known.

The rules are read on the facts of the chart, as ``radlogic screening`` reads them. A fact that no record holds is
missing; a fact whose query was not sent is not: nothing is said of it, and the chart's ``lacks`` says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from ...engine.calendar import due_date
from ...engine.facts import exam_facts
from ...engine.guideline.evaluate import read_application
from ...engine.guideline.load import load_guideline
from ...engine.programme import Eligibility, Screening, in_force, screening
from ...engine.types import Belief, Case, Exam, Known, Patient
from ..report.words import label
from . import terms
from .chart import Chart
from .followed import EXAMS
from .governed import recent
from .response import Indicator
from .saying import Saying, either, plain
from .standing import edition_of

WORDS = {
    Eligibility.ELIGIBLE: "eligible",
    Eligibility.NOT_ELIGIBLE: "not eligible",
    Eligibility.NOT_KNOWN: "not known",
    Eligibility.OUTSIDE: "not eligible",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A programme's answer for a chart. ``lacking``: why it could not be told, '' where it could."""

    answer: Screening
    lacking: str = ""

    @property
    def known(self) -> bool:
        """Whether the programme says yes or no."""
        return self.answer.eligibility is not Eligibility.NOT_KNOWN

    @property
    def eligible(self) -> bool:
        """Whether it says yes."""
        return self.answer.eligibility is Eligibility.ELIGIBLE


def judged(name: str, chart: Chart, today: date) -> Judged:
    """Whether the patient is eligible for a programme, by what is known today."""
    answer = screening(in_force(name, today), chart.facts)
    lacking = chart.lacks(*answer.missing) if answer.eligibility is Eligibility.NOT_KNOWN else ""
    return Judged(answer, lacking)


def lung_screening(chart: Chart, today: date) -> tuple[Saying | None, str]:
    """What to say of lung cancer screening, and why it could not be told.

    Nothing is said of who is not eligible, of who had a chest CT within the year (its follow-up is the next step),
    and of who is not known to be of the age.
    """
    known = terms.exams().screening
    found = judged(known.programme, chart, today)
    if found.lacking:
        return None, found.lacking
    asks = all(isinstance(chart.facts.get(name), Known) for name in known.needs)
    if not (found.eligible or (not found.known and asks)) or _done(chart, today):
        return None, ""
    return _screening_saying(found.answer, judged(known.payer, chart, today).answer, chart), ""


def _done(chart: Chart, today: date) -> bool:
    return recent(chart.last_exam("chest"), today)


def _screening_saying(answer: Screening, payer: Screening, chart: Chart) -> Saying:
    says = terms.exams().screening.says
    missing = [label(name) for name in answer.missing]
    eligible = answer.eligibility is Eligibility.ELIGIBLE
    ends = (f"not known: {either(missing)}.", f"not known: {len(missing)} facts are missing.")
    return Saying(
        about=f"screening {answer.programme.partition('@')[0]}",
        topic="screening",
        summary=tuple(f"{says}: {end}" for end in (("eligible by USPSTF criteria.",) if eligible else ends)),
        detail=tuple(_screening_detail(answer, payer, chart)),
        indicator=Indicator.INFO,
        source=answer.programme,
        citations=(answer.citation, payer.citation),
    )


def _screening_detail(answer: Screening, payer: Screening, chart: Chart) -> Iterator[str]:
    for one in (answer, payer):
        yield from (f"**{plain(one.programme)}: {WORDS[one.eligibility]}**", "")
        yield from criteria(one)
        yield ""
    for name, why in chart.lacking.items():
        yield f"Not looked at: {plain(name)} ({plain(why)})."


def criteria(answer: Screening) -> Iterator[str]:
    """Lines: each criterion with whether it holds, what is missing, and what to confirm."""
    holds = {True: "yes", False: "no", None: "not known"}
    yield from (f"- {plain(c.says)}: {holds[c.holds]}" for c in answer.criteria)
    if answer.eligibility is Eligibility.OUTSIDE:
        yield from (f"- {plain(text)}" for text in answer.because)
    if answer.missing:
        yield f"- Missing: {plain(', '.join(map(label, answer.missing)))}"
    yield from (f"- To confirm: {plain(text)}" for text in answer.confirm)


def liver_surveillance(chart: Chart, today: date) -> tuple[Saying | None, str]:
    """What to say of surveillance for HCC, and why it could not be told.

    Said of who is in the guideline's population, or may be by something that is known, and had no exam of the liver
    within the interval.
    """
    known = terms.exams().surveillance
    name = edition_of(known.guideline, today)
    guideline = load_guideline(name)
    lacking = chart.lacks(*known.needs_one)
    if not any(_holds(chart.facts.get(fact)) for fact in known.needs_one):
        return None, lacking
    case = Case(Exam(today), (), Patient("", chart.facts))
    application = read_application(guideline, exam_facts(guideline, case))
    management = guideline.head["managements"][known.category]
    last = chart.last_exam("liver")
    due = due_date(last, management["interval_months"])
    if application.applies == "no" or (due is not None and due >= today):
        return None, ""
    found = _Surveillance(name, application.applies == "yes", application.reasons, management["management"], last, due)
    return found.saying(guideline.head, chart), ""


def _holds(belief: Belief | None) -> bool:
    return isinstance(belief, Known) and belief.value is True


@dataclass(frozen=True, slots=True)
class _Surveillance:
    guideline: str
    sure: bool
    reasons: tuple[str, ...]
    management: str
    last: date | None
    due: date | None

    def saying(self, head: Any, chart: Chart) -> Saying:
        """The card's content."""
        says = terms.exams().surveillance.says
        when = f"overdue since {self.due}" if self.due else "no exam of the liver is known"
        state = when if self.sure else "may be due, the population is not confirmed"
        return Saying(
            about=f"surveillance {self.guideline.partition('@')[0]}",
            topic="surveillance",
            summary=(f"{says}: {state}.",),
            detail=tuple(self._detail(chart)),
            indicator=Indicator.WARNING if self.sure and self.due else Indicator.INFO,
            source=self.guideline,
            citations=tuple(map(str, head["sources"].values())),
            by=self.due or date.max,
        )

    def _detail(self, chart: Chart) -> Iterator[str]:
        yield f"**{plain(self.guideline)}: {'applies' if self.sure else 'not known whether it applies'}**"
        yield ""
        yield from (f"- {plain(reason)}" for reason in self.reasons)
        present = [label(n) for n in terms.exams().surveillance.needs_one if _holds(chart.facts.get(n))]
        yield f"- In the record: {plain(', '.join(present))}"
        yield f"- Management: {plain(self.management)}"
        unseen = chart.unseen(*EXAMS)
        more = f" (whether a later one exists was {unseen})" if unseen else ""
        yield f"- Last exam of the liver known here: {self.last or 'none'}{more}"
