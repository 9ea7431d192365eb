"""The first half of a report, as a radiologist dictates it: from the indication to the impression."""

from __future__ import annotations

from ...engine.record import Assessment
from ...engine.types import (
    Belief,
    Classes,
    Facts,
    GuidelineDecision,
    Known,
    Measured,
    PriorExam,
    Reading,
    Route,
    is_neural,
)
from .risk_words import in_short
from .view import (
    Group,
    Item,
    Lesion,
    Section,
    applied,
    conventional,
    conventions,
    extras_of,
    grouped_unknowns,
    guideline_name,
    known_only,
    lesions,
    management_of,
    sentence,
    timing_of,
    told,
    unknowns,
    verdict,
)
from .words import Row, belief_words, capital, clean, label, said, stop, term, terms


def indication(assessment: Assessment) -> Section:
    """Why the exam was made, and what the record says of the patient."""
    case = assessment.record.case
    facts = countable(assessment, case.exam.facts)
    why = Group(sentences=(term("indications", case.exam.indication),), rows=told(chosen(facts, "indication")))
    patient = countable(assessment, case.patient.facts)
    notes = tuple(Item(sentence(note)) for note in case.patient.notes)
    unknown = grouped_unknowns(patient)
    record = Group("Patient", (*conventions(patient), *unknown), told(known_only(patient)), notes)
    return Section("indication", "Indication", (why, record) if patient or notes else (why,))


def technique(assessment: Assessment) -> Section:
    """How the images were made and which were read."""
    exam = assessment.record.case.exam
    rows = told(chosen(countable(assessment, exam.facts), "technique"))
    notes = tuple(Item(sentence(note)) for note in exam.notes)
    empty = () if rows or notes else ("Not stated.",)
    return Section("technique", "Technique", (Group(sentences=empty, rows=rows, items=notes),))


def comparison(assessment: Assessment) -> Section:
    """The prior exams that are known."""
    case = assessment.record.case
    rows = told(chosen(countable(assessment, case.exam.facts), "comparison"))
    items = tuple(map(prior_item, sorted(case.patient.prior_exams, key=lambda prior: prior.date, reverse=True)))
    none = () if items else ("No prior exam is stated.",)
    return Section("comparison", "Comparison", (Group(sentences=none, rows=rows, items=items),))


def prior_item(prior: PriorExam) -> Item:
    """One prior exam."""
    category = f"; category {clean(prior.category)}" if prior.category else "; no category stated"
    return Item(
        f"{prior.date.isoformat()}: {clean(prior.description)}{category}.",
        cite=Row("", "", *said(prior.source)).said_by,
    )


def findings(assessment: Assessment) -> Section:
    """The exam's own findings, then each lesion."""
    exam = countable(assessment, assessment.record.case.exam.facts)
    elsewhere = {name for part in ("indication", "technique", "comparison") for name in terms()[part]}
    rest = {name: belief for name, belief in exam.items() if name not in elsewhere}
    groups = tuple(lesion_group(found) for found in lesions(assessment) if found.shown or not found.unconfirmed)
    none = () if groups else (Group(sentences=("No finding is stated for this exam.",)),)
    lines, rows = conventions(exam), told(rest)
    whole = (Group("Exam", lines, rows),) if lines or rows else ()
    return Section("findings", "Findings", whole + none + groups)


def lesion_group(found: Lesion) -> Group:
    """One lesion: a paragraph, and the table of who said what."""
    categories = tuple(f"{guideline_name(r.guideline)}: {verdict(r)}." for r in found.readings)
    unknown = ", ".join(unknowns(found.shown))
    open_points = (f"Not known: {unknown}.",) if unknown else ()
    risks = (in_short(found),) if found.risks else ()
    sentences = (lesion_sentence(found), *open_points, *categories, *risks, *conventions(found.shown))
    return Group(
        f"{clean(found.finding.tracking_id)}: {lesion_name(found)}",
        sentences,
        rows_of(found),
        (),
        found.finding.tracking_id,
    )


def rows_of(found: Lesion) -> tuple[Row, ...]:
    """A lesion's facts and its position."""
    position = found.finding.position_mm
    if position is None:
        return told(found.shown)
    words = ", ".join(f"{axis} {value:.1f}" for axis, value in zip("xyz", position, strict=True))
    return (*told(found.shown), Row("position", f"{words} mm (patient coordinates, DICOM)"))


def lesion_name(found: Lesion) -> str:
    """What a lesion is called: its type, where it is known, and its kind."""
    kind = clean(found.finding.kind)
    match found.shown.get("type"):
        case None:
            return kind
        case Known() as stated:
            return f"{belief_words('type', stated)} {kind}"
        case Classes():
            return f"{kind} of uncertain type"
        case _:
            return f"{kind} of unknown type"


def lesion_sentence(found: Lesion) -> str:
    """A lesion in one sentence, of stated facts alone."""
    names = [name for name in terms()["sentence"] if speaks(found.shown.get(name))]
    place = f", {clean(found.finding.location)}" if found.finding.location else ""
    facts = ", ".join(f"{label(name)} {belief_words(name, found.shown[name])}" for name in names)
    words = f"{lesion_name(found)}{place}{': ' if facts else ''}{facts}"
    return stop(capital(words))


def speaks(belief: Belief | None) -> bool:
    """Whether a belief says something of its own: stated or measured, and not by convention."""
    return isinstance(belief, Known | Classes | Measured) and not conventional(belief)


def impression(assessment: Assessment) -> Section:
    """Category, management, interval and date for each guideline that applies."""
    groups = tuple(impression_group(g, lesions(assessment)) for g in applied(assessment.decision))
    none = Group(sentences=("No guideline category: none of the guidelines considered applies to this exam.",))
    return Section("impression", "Impression", groups or (none,))


def impression_group(guideline: GuidelineDecision, found: tuple[Lesion, ...]) -> Group:
    """One guideline's impression."""
    application, reading = guideline.application, guideline.exam
    conditional = application.applies == "conditional"
    condition = (f"CONDITIONAL. {' '.join(map(sentence, application.reasons))}".strip(),) if conditional else ()
    said_of_exam = exam_sentences(reading, guideline) if reading else ("No answer for the exam.",)
    names = {lesion.finding.tracking_id: lesion for lesion in found}
    items = tuple(lesion_item(names[f.finding.tracking_id], f.reading) for f in guideline.findings)
    rows = extras_of(reading) if reading else ()
    return Group(guideline_name(application.guideline), said_of_exam + condition, rows, items)


def exam_sentences(reading: Reading, guideline: GuidelineDecision) -> tuple[str, ...]:
    """The exam's category, management, interval and due date."""
    management, timing = management_of(reading), timing_of(reading, guideline)
    lines = (
        f"Exam: {verdict(reading)}.",
        management and f"Management: {stop(management)}",
        timing and f"Follow-up: {timing}.",
    )
    return tuple(line for line in lines if line)


def lesion_item(found: Lesion, reading: Reading) -> Item:
    """One lesion's category and management in one line."""
    parts = (verdict(reading), management_of(reading), timing_of(reading))
    said_so = "; ".join(part for part in parts if part)
    return Item(stop(f"{clean(found.finding.tracking_id)}, {lesion_name(found)}: {said_so}"))


def countable(assessment: Assessment, facts: Facts) -> Facts:
    """The facts that count on the route taken: without neural ones on the rule-based route."""
    if assessment.decision.route is Route.HYBRID:
        return facts
    return {name: belief for name, belief in facts.items() if not is_neural(belief)}


def chosen(facts: Facts, part: str) -> Facts:
    """The facts that belong in one section, in the vocabulary's order."""
    return {name: facts[name] for name in terms()[part] if name in facts}
