"""The pictures over time: each lesion's growth curve, and the categories of each guideline."""

from __future__ import annotations

from ...engine.record import Assessment
from ...engine.types import GuidelineDecision
from .across import UNDATED, Course, course_of
from .bands import bands_of
from .drawing import Drawing
from .growth_plot import axis_end, growth_drawing, size_words
from .history_plot import Placed, history_drawing
from .known_rules import any_rules, rules_of
from .overridden import overrides, set_aside
from .phrases import phrase
from .signed import Signed
from .view import Lesion, applied, guideline_name, lesions
from .words import called, clean, either


def courses_of(assessment: Assessment) -> dict[str, tuple[Drawing, str]]:
    """Growth curve and caption of each lesion of which an earlier size is stated, by tracking identifier."""
    found = {each.finding.tracking_id: (each, course_of(each)) for each in lesions(assessment)}
    held = ((name, each, course) for name, (each, course) in found.items() if course is not None and _dated(course))
    return {name: drawn(assessment, each, course) for name, each, course in held}


def _dated(course: Course) -> bool:
    return any(each.when != UNDATED for each in course.sizes[0])


def drawn(assessment: Assessment, found: Lesion, course: Course) -> tuple[Drawing, str]:
    """One lesion's curve, with bands where the tables are those that the decision read."""
    guideline = course.guideline.name
    same = rules_of(assessment, guideline) is not None
    bands = bands_of(assessment, found, course, axis_end(course)) if same else ()
    name = "growth.bands" if bands else "growth.no_bands"
    undated = ", ".join(size_words(each, course.unit) for each in course.sizes[0] if each.when == UNDATED)
    caption = phrase(
        "growth.caption",
        bands=phrase(name, guideline=guideline_name(guideline)),
        undated=phrase("growth.undated", sizes=undated) if undated else "",
    )
    return growth_drawing(course, bands, called(found.finding.tracking_id)), caption


def histories_of(assessment: Assessment, signed: Signed | None = None) -> list[tuple[str, Drawing, str]]:
    """Name, picture and caption for each guideline of which an earlier exam's category is stated."""
    found = (history(assessment, guideline, signed) for guideline in applied(assessment.decision))
    return [each for each in found if each is not None]


def history(
    assessment: Assessment, guideline: GuidelineDecision, signed: Signed | None
) -> tuple[str, Drawing, str] | None:
    """One guideline's categories over time; None where no earlier exam has one of them."""
    rules = any_rules(guideline.application.guideline)
    order = [str(c["id"]) for c in sorted(rules.head["categories"], key=lambda c: rules.rank[c["id"]])] if rules else []
    priors = [p for p in assessment.record.case.patient.prior_exams if p.category]
    placed = [Placed(p.date, (p.category,)) for p in priors if p.category in order]
    if not placed:
        return None
    others = ", ".join(sorted({clean(p.category or "") for p in priors if p.category not in order}))
    now = this_exam(assessment, guideline, order, signed)
    name = guideline_name(guideline.application.guideline)
    exams = sorted([*placed, *([now] if now else [])], key=lambda e: e.date)
    possible = either(now.categories) if now and len(now.categories) > 1 else ""
    caption = phrase("history.caption", others=others, possible=possible)
    return phrase("history.name", guideline=name), history_drawing(exams, order, name), caption


def this_exam(
    assessment: Assessment, guideline: GuidelineDecision, order: list[str], signed: Signed | None
) -> Placed | None:
    """This exam's category, the signer's if they stated another, or all that remain possible; None if it has none."""
    exam_date, reading = assessment.record.case.exam.date, guideline.exam
    if exam_date is None or reading is None:
        return None
    replaced = guideline in overrides(assessment.decision, signed)
    stated = signed.override.get("category") if signed and replaced else None
    if not stated and guideline in set_aside(assessment.decision, signed):
        return None
    held = (str(stated),) if stated else (reading.category,) if reading.category else reading.possible
    mine = tuple(category for category in held if category in order)
    return Placed(exam_date, mine) if mine else None
