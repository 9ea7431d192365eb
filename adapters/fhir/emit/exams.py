"""One Observation for each guideline that applies: the exam's category, its management, when the next exam is due."""

from __future__ import annotations

from collections.abc import Iterator

from ....engine.types import GuidelineDecision, Indication, Known, Reading, Source, SourceKind
from ...report.overridden import apart, set_aside, stated_management
from ...report.plain_names import in_words
from ...report.view import applied, guideline_name, management_of
from ...report.words import category_words, clean
from . import terms
from .lesions import feature_parts, lesion_urn
from .parts import Json, concept, fixed, months, note, reference, some, standard
from .reading import category, category_parts, category_value, fact_parts, id_of, of_guideline, possible_parts
from .sending import Entry, Sending, unknown

NONE_STATED = "the signer set the program's answer aside and stated no category"


def observations(sending: Sending) -> list[Entry]:
    """The exam by each guideline that applies, if only conditionally."""
    read = (d for d in applied(sending.assessment.decision) if d.exam is not None)
    made = [Entry(exam_urn(sending, d), _observation(sending, d, d.exam)) for d in read if d.exam is not None]
    alone = stated_alone(sending)
    return [*made, *([Entry(alone_urn(sending, alone), _alone(sending, alone))] if alone is not None else [])]


def exam_urn(sending: Sending, decided: GuidelineDecision) -> str:
    """The name of the exam's Observation by a guideline; the same in each of its editions."""
    return sending.urn("exam", id_of(decided.application.guideline))


def overridden(sending: Sending, guideline: str) -> Json | None:
    """What the signer stated instead of the guideline's answer, which may be nothing; None where the answer stands.

    A category that names no guideline is that of the only one that applies; where several do, it is words alone. What
    is of another edition keeps that edition (``stated_by``); what is of a guideline that does not apply is an
    Observation of its own, and of those that do apply nothing is stated.
    """
    aside = set_aside(sending.assessment.decision, sending.signed)
    if sending.signed is None or guideline not in {d.application.guideline for d in aside}:
        return None
    said = dict(sending.signed.override)
    about = said.get("guideline") or None
    if about is not None and id_of(str(about)) != id_of(guideline):
        return {}
    alone = len(applied(sending.assessment.decision)) == 1
    return said if about is not None or alone else {**said, "uncoded": True}


def stated_by(stated: Json, guideline: str) -> str:
    """The guideline, with its edition, by which the signer stated it; ``guideline`` where they named no edition.

    >>> stated_by({"guideline": "lung-rads@1.1"}, "lung-rads@2022"), stated_by({}, "lung-rads@2022")
    ('lung-rads@1.1', 'lung-rads@2022')
    """
    named = clean(str(stated.get("guideline") or ""))
    return named if "@" in named else guideline


def stated_alone(sending: Sending) -> Json | None:
    """What the signer stated by a guideline that gives no answer here, so that it is in the place of none; or None."""
    if sending.signed is None or sending.signed.outcome != "overridden":
        return None
    said = dict(sending.signed.override)
    answering = [d.application.guideline for d in applied(sending.assessment.decision) if d.exam is not None]
    placed = any(overridden(sending, name) for name in answering)
    empty = not said.get("category") and not said.get("management")
    nothing = empty and not apart(sending.assessment.decision, sending.signed)
    return None if placed or nothing else said


def alone_urn(sending: Sending, stated: Json) -> str:
    """Its name: that of the exam by the guideline that was named, so that a correction by it takes its place."""
    return sending.urn("exam", id_of(clean(str(stated.get("guideline") or ""))) or "override")


def _alone(sending: Sending, stated: Json) -> Json:
    """The signer's answer by itself. No program said any of it."""
    named = clean(str(stated.get("guideline") or ""))
    exam = sending.assessment.record.case.exam
    return some(
        **sending.about("Observation", alone_urn(sending, stated), ai=False),
        status=sending.status,
        category=[fixed("observation_category")],
        code=exam_code(sending, named) if named else concept(text="category stated by the signer"),
        subject=sending.subject,
        effectiveDateTime=exam.date.isoformat() if exam.date else None,
        issued=sending.moment.isoformat(),
        performer=_performer(sending, by_signer=True),
        method=concept(text=guideline_name(named)) if named else None,
        derivedFrom=[sending.study] if sending.study else None,
        note=note(_by_signer(sending)),
        component=[*_indication(sending), *_managed(sending, stated)],
        **_stated_value(sending, named, stated if named else {**stated, "uncoded": True}),
    )


def _indication(sending: Sending) -> Iterator[Json]:
    """Why the exam was made, as the decision knows it: a guideline for screening is not one for incidental findings."""
    known = sending.assessment.record.case.exam.indication
    if known is not Indication.UNKNOWN:
        yield from feature_parts(sending, "indication", Known(str(known), Source(SourceKind.RECORD, "indication")))


def not_taken(sending: Sending) -> list[str]:
    """The program's answers that the signer set aside, in words, one for each guideline."""
    aside = [d for d in set_aside(sending.assessment.decision, sending.signed) if d.exam is not None]
    return [f"{guideline_name(d.application.guideline)}: {category_words(d.exam)}" for d in aside if d.exam]


def _observation(sending: Sending, decided: GuidelineDecision, reading: Reading) -> Json:
    stated = overridden(sending, decided.application.guideline)
    exam = sending.assessment.record.case.exam
    return some(
        **sending.about("Observation", exam_urn(sending, decided), ai=stated is None),
        **(_confidence(reading) if stated is None else {}),
        status=sending.status,
        category=[fixed("observation_category")],
        code=exam_code(sending, stated_by(stated or {}, reading.guideline)),
        subject=sending.subject,
        effectiveDateTime=exam.date.isoformat() if exam.date else None,
        issued=sending.moment.isoformat() if sending.signed else None,
        performer=_performer(sending, by_signer=stated is not None),
        method=concept(text=guideline_name(stated_by(stated or {}, decided.application.guideline))),
        derivedFrom=[sending.study] if sending.study else None,
        hasMember=[reference(lesion_urn(sending, f)) for f in decided.findings] if stated is None else None,
        note=note(*_notes(sending, decided, reading, stated)),
        component=[
            *_indication(sending),
            *(_engine(sending, decided, reading) if stated is None else _human(sending, reading, stated)),
        ],
        **(
            category_value(sending, reading)
            if stated is None
            else _stated_value(sending, stated_by(stated, reading.guideline), stated)
        ),
    )


def exam_code(sending: Sending, guideline: str) -> Json:
    """What the Observation observes: the exam's category by that guideline."""
    own = of_guideline(sending, guideline, "category")
    codings = standard(terms.codes().exam_category.get(id_of(guideline), ()))
    return concept([*codings, *own["coding"]], f"{guideline_name(guideline)} category")


def _performer(sending: Sending, *, by_signer: bool) -> list[Json] | None:
    if by_signer and (signer := sending.signer):
        return [signer]
    return [dict(sending.context.performer)] if sending.context.performer else None


def _confidence(reading: Reading) -> Json:
    """How probable the category is, where it was read on uncertain beliefs."""
    p = reading.probabilities.get(reading.category or "")
    url = terms.codes().extensions["ai_confidence"].url
    return {} if p is None else {"extension": [{"url": url, "valueDecimal": p}]}


def _notes(sending: Sending, decided: GuidelineDecision, reading: Reading, stated: Json | None) -> Iterator[str]:
    if stated is not None and sending.signed:
        yield _by_signer(sending)
    if decided.application.applies == "conditional":
        yield "Conditional: " + " ".join(in_words(why, (reading.guideline,)) for why in decided.application.reasons)
    yield from (f"Source: {place}" for place in dict.fromkeys(step.citation for step in reading.trace))


def _by_signer(sending: Sending) -> str:
    reason = sending.signed.reason if sending.signed else ""
    return f"Stated by the signer instead of the program's answer; reason: {reason or 'not stated'}."


def _engine(sending: Sending, decided: GuidelineDecision, reading: Reading) -> Iterator[Json]:
    if decided.application.applies == "conditional":
        yield {"code": sending.own("conditional"), "valueBoolean": True}
    yield from possible_parts(sending, reading)
    yield from fact_parts(sending, reading)
    yield from _management(sending, reading)
    yield from _due(sending, decided, reading)


def _management(sending: Sending, reading: Reading) -> Iterator[Json]:
    held = reading.facts.get("managements_possible")
    if said := clean(management_of(reading)):
        yield {"code": sending.own("management"), "valueString": said}
    elif "management" in (reading.facts.get("open") or ()) or (reading.category is None and reading.possible):
        yield {"code": sending.own("management"), "dataAbsentReason": unknown("not decided")}
    for one in held if isinstance(held, list | tuple) else ():
        if isinstance(one, str) and clean(one):
            yield {"code": sending.own("possible-management"), "valueString": clean(one)}


def _due(sending: Sending, decided: GuidelineDecision, reading: Reading) -> Iterator[Json]:
    if window := interval_of(reading):
        yield {"code": sending.own("interval"), "valueRange": months(*window)}
    if decided.due_date is not None:
        yield {"code": sending.own("due-date"), "valueDateTime": decided.due_date.isoformat()}


def interval_of(reading: Reading) -> tuple[float, float] | None:
    """The interval that the guideline prints, in months; None where it prints none, or the answer is open."""
    held = reading.facts.get("interval_months")
    if (reading.category is None and reading.possible) or "management" in (reading.facts.get("open") or ()):
        return None
    numbers = isinstance(held, list | tuple) and len(held) == 2 and all(_is_number(m) for m in held)
    return (held[0], held[1]) if numbers and held is not None and held[0] <= held[1] else None


def _is_number(found: object) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def _stated_value(sending: Sending, guideline: str, stated: Json) -> Json:
    """What the signer stated; without a category, nobody states one."""
    said = clean(str(stated.get("category") or ""))
    if not said:
        return {"dataAbsentReason": unknown(NONE_STATED)}
    coded = concept(text=said) if "uncoded" in stated else category(sending, guideline, said)
    return {"valueCodeableConcept": coded}


def _managed(sending: Sending, stated: Json) -> Iterator[Json]:
    if said := stated_management(stated):
        yield {"code": sending.own("management"), "valueString": said}


def _human(sending: Sending, reading: Reading, stated: Json) -> Iterator[Json]:
    yield from _managed(sending, stated)
    before = next(category_parts(sending, reading))
    yield {**before, "code": sending.own("engine-category", f"program's answer, not taken: {category_words(reading)}")}
