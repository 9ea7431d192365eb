"""What a report should say: by its findings, by the decision that is stored for the exam, or by what is printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...engine.errors import BadValue, MissingField, SetupError
from ...engine.guideline.load import load_guideline
from .. import classify
from ..fhir.exams import CHEST, LIVER
from ..fhir.pseudonym import patient_key
from . import terms
from .card import category, state
from .chart import regions_shown
from .report import Report
from .request import ReportSignContext
from .saying import either
from .seam import Asked
from .standing import Answer, Stood, edition_of, management_of, standing

FINDINGS = "context.findings"
STATED = ("lung-rads", "li-rads")
FAMILIES = {
    CHEST: ("lung-rads",),
    LIVER: ("li-rads-ct-mri", "li-rads-us"),
}  # whose categories reports of these regions state


@dataclass(frozen=True, slots=True)
class Expected:
    """What the report should say: of its findings, or by the decision that is stored for the exam.

    ``category``: None where several are possible. ``months``: the interval to the next exam, None for none.
    """

    guideline: str
    category: str | None
    display: str
    possible: tuple[str, ...]
    management: str
    months: tuple[int, int] | None
    why: tuple[str, ...]
    basis: str
    stood: Stood | None = None

    @property
    def words(self) -> str:
        """The category or categories."""
        return self.display or self.category or either(self.possible)

    @property
    def stateable(self) -> bool:
        """Whether reports state such an answer as a category: Lung-RADS and LI-RADS, where they give one."""
        found = (self.category,) if self.category else self.possible
        return bool(found) and self.guideline.startswith(STATED) and set(found) <= _categories(self.guideline)

    def allows(self, stated_category: str) -> bool:
        """Whether the report's category is one that is expected."""
        return stated_category in ((self.category,) if self.category else self.possible)


def of_findings(sent: Mapping[str, Any] | None) -> Expected | None:
    """What the rules give for the findings that the client sent.

    Raises:
        InputError: they are not in the guideline's form.
    """
    if sent is None:
        return None
    name = sent.get("guideline")
    if not isinstance(name, str) or not name:
        cure = "Name it, such as lung-rads."
        raise MissingField(FINDINGS, "guideline", "nothing", "the guideline that the findings are for", cure)
    case = {key: value for key, value in sent.items() if key != "guideline"}
    try:
        (answer,) = classify.answers(name, json.dumps(case), FINDINGS)
    except SetupError as error:
        cure = "Name one that `radlogic classify` knows."
        raise BadValue(FINDINGS, "guideline", "no guideline that is known", "a guideline's name", cure) from error
    return Expected(
        guideline=answer["guideline"],
        category=answer["category"],
        display=str(answer["display"] or ""),
        possible=tuple(answer["possible"]),
        management=str(answer["management"] or ""),
        months=_pair(answer["interval_months"]),
        why=tuple(str(step["says"]) for step in answer["trace"] if step["says"]),
        basis="the findings sent with the report, read by the rules",
    )


def _pair(months: Any) -> tuple[int, int] | None:
    return (int(months[0]), int(months[1])) if months else None


def of_store(report: Report, asked: Asked[ReportSignContext]) -> Expected | None:
    """What the decision says that is stored for this exam: of the study that the report names.

    Of a report that names no study, that of its day, on a region that its code shows (any, if the code is unknown).
    """
    stood = standing(asked.records, patient_key(asked.context.patient_id))
    studies = report.studies - {""}
    by_study = [one for one in stood if one.assessment.record.case.exam.study_uid in studies]
    by_day = [one for one in stood if report.day is not None and one.exam_date == report.day]
    shown = () if studies else regions_shown(report.resource, asked.settings.order_codes)
    regions = terms.exams().recommended
    for one in by_study if studies else by_day:
        answers = [a for a in one.answers if a.name in regions and report.region in (None, regions[a.name].region)]
        answers = [a for a in answers if not shown or regions[a.name].region in shown]
        if answers:
            return _of_answer(one, answers[0])
    return None


def _of_answer(stood: Stood, answer: Answer) -> Expected:
    return Expected(
        guideline=answer.guideline,
        category=answer.category,
        display=answer.display,
        possible=() if answer.by_human else answer.reading.possible,
        management=answer.management,
        months=answer.interval,
        why=() if answer.by_human else tuple(step.says for step in answer.reading.trace if step.says),
        basis=f"the stored decision on the exam, {state(stood).lower()}: {category(answer)}",
        stood=stood,
    )


def printed(report: Report, expected: Expected | None) -> Expected | None:
    """What the guideline prints for the category that the report states; without one, what is expected."""
    if report.category is None or report.region is None:
        return expected if expected and expected.category else None
    if expected is not None and expected.category == report.category:
        return expected
    stood = expected.stood if expected is not None else None
    editions = filter(None, (edition_of(family, report.day) for family in FAMILIES[report.region]))
    return next((found for name in editions if (found := _of_category(name, report.category, stood))), None)


def _of_category(name: str, category_: str, stood: Stood | None) -> Expected | None:
    """What a guideline prints for a category; None where it has no such category, or prints several things."""
    says = management_of(name, category_)
    basis, months = "the category that the report states", _pair(says.get("interval_months"))
    return Expected(name, category_, category_, (), str(says["management"]), months, (), basis, stood) if says else None


def _categories(guideline: str) -> set[str]:
    """The categories that the guideline names; "negative" and the like are none."""
    try:
        return {str(one["id"]) for one in load_guideline(guideline).head["categories"]}
    except SetupError:  # a site's own guideline, whose folder the service was not given
        return set()
