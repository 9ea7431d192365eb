"""The first half of a report, as a radiologist dictates it: from the indication to the impression."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from ...engine.before import DECIDED_BEFORE
from ...engine.record import Assessment
from ...engine.types import Belief, Facts, GuidelineDecision, Known, PriorExam, Reading, Route, is_neural
from . import naming
from .across import course_of, table_of
from .growth_words import denied, growth_sentences
from .known_rules import descriptor_of
from .mattering import unknown_sentences
from .naming import heading_of, short, who
from .overridden import apart, engine_sentence, override_name, override_sentences, overrides, set_aside
from .phrases import Told, added_words, answer_words, heading, own, phrase, say, uncertain
from .plain_names import in_sentence
from .risk_words import numbers_in_short
from .sentence import EXAM, Link, Sentence, link_of, rows_of
from .signed import Signed
from .view import (
    NOTHING,
    Group,
    Item,
    Lesion,
    Section,
    applied,
    conventions,
    extras_of,
    guideline_name,
    known_only,
    lesions,
    management_of,
    timing_of,
    told,
    undecided,
    unknowns,
    verdict,
    with_silence,
)
from .words import Row, belief_words, capital, clean, kind_words, label, said, stop, terms

lesion_name = naming.lesion_name  # the review pages ask for it here


def section(name: str, *groups: Group) -> Section:
    """A section of what is dictated."""
    return Section(name, heading(name), groups, dictated=True)


def scope_link(assessment: Assessment, about: str) -> Link:
    """To exam or patient, and the rows that decided which guidelines apply to them."""
    return _first_with_rows(assessment, about, ("applications", "exams", "findings"))


def lesion_link(assessment: Assessment, found: Lesion) -> Link:
    """To a lesion and the rows that decided of it; where nothing read it, to those that say why not."""
    return found.link if found.readings else scope_link(assessment, clean(found.finding.tracking_id))


def exam_link(assessment: Assessment) -> Link:
    """To the exam, and the rows that decided of it."""
    return _first_with_rows(assessment, "exam", ("exams", "findings", "applications"))


def _first_with_rows(assessment: Assessment, about: str, order: tuple[str, ...]) -> Link:
    """The first of these traces that has rows: where much is unknown, one of them may be empty."""
    held, read = assessment.decision.guidelines, applied(assessment.decision)
    steps = {
        "applications": [(g, s) for g in held for s in g.application.trace],
        "exams": [(g, s) for g in read if g.exam is not None for s in g.exam.trace],
        "findings": [(g, s) for g in read for f in g.findings for s in f.reading.trace],
    }
    chosen = next((steps[name] for name in order if steps[name]), [])
    names = ", ".join(dict.fromkeys(g.application.guideline for g in ([g for g, _ in chosen] or read or held)))
    return Link(about, (), names, *rows_of(step for _, step in chosen))


def indication(assessment: Assessment) -> Section:
    """Why the exam was made, and what the record says of the patient."""
    case = assessment.record.case
    facts = countable(assessment, case.exam.facts)
    why = say(f"indication.{case.exam.indication}", scope_link(assessment, "exam"))
    first = Group(sentences=(why,), rows=told(known_only(chosen(facts, "indication"))))
    patient, link = countable(assessment, case.patient.facts), scope_link(assessment, "patient")
    notes = note_items(case.patient.notes, link)
    unknown = unknown_sentences(assessment, patient, link)
    lines = (*conventions(patient, link), *unknown)
    record = Group(heading("patient"), lines, told(known_only(patient)), notes)
    return section("indication", *((first, record) if patient or notes else (first,)))


def note_items(notes: Iterable[str], link: Link) -> tuple[Item, ...]:
    """Notes of what was met on the way in, as a list."""
    return tuple(Item(say("note", link, note=in_sentence(note))) for note in notes if clean(note))


def technique(assessment: Assessment) -> Section:
    """How the images were made and which were read."""
    exam, link = assessment.record.case.exam, scope_link(assessment, "exam")
    facts = chosen(countable(assessment, exam.facts), "technique")
    elsewhere = {*exam.compared, *exam.unmatched}  # under the comparison
    rows, notes = told(facts), note_items((n for n in exam.notes if n not in elsewhere), link)
    none = () if rows or notes else (say("technique.none", link),)
    return section("technique", Group(sentences=none, rows=rows, items=notes))


def comparison(assessment: Assessment) -> Section:
    """The prior exams that are known, what became of their lesions, and what could not be matched."""
    case, link = assessment.record.case, exam_link(assessment)
    rows = told(chosen(countable(assessment, case.exam.facts), "comparison"))
    priors = sorted(case.patient.prior_exams, key=lambda prior: prior.date, reverse=True)
    known = tuple(prior_item(prior, link) for prior in priors)
    decided, left = split(case.exam.unmatched)
    items = (*known, *note_items((*case.exam.compared, *decided), link), *open_items(left, link))
    sizes = tuple(short(found) for found in lesions(assessment) if course_of(found) is not None)
    earlier = (say("comparison.sizes", link, findings=", ".join(sizes)),) if sizes else ()
    stated = case.exam.facts.get("prior_ct")
    hinted = isinstance(stated, Known) and stated.value in ("available", "pending")
    none = () if items or earlier else (say("comparison.hinted" if hinted else "comparison.none", link),)
    return section("comparison", Group(sentences=none + earlier, rows=rows, items=items))


def split(unmatched: Iterable[str]) -> tuple[list[str], list[str]]:
    """What is said of earlier decisions of the very exam, and what the comparison with earlier exams left open."""
    texts = list(unmatched)
    decided = [text for text in texts if text.startswith(DECIDED_BEFORE)]
    return decided, [text for text in texts if text not in decided]


def open_items(texts: Iterable[str], link: Link) -> tuple[Item, ...]:
    """What the comparison left open, as a list."""
    return tuple(Item(say("comparison.open", link, text=in_sentence(text))) for text in texts if clean(text))


def prior_item(prior: PriorExam, link: Link = EXAM) -> Item:
    """One prior exam."""
    date, what, cite = prior.date.isoformat(), clean(prior.description), Row("", "", *said(prior.source)).said_by
    category = clean(prior.category) if prior.category else ""
    name = "comparison.prior" if category else "comparison.prior_without"
    words = {"category": category} if category else {}
    return Item(say(name, link, date=date, what=what or phrase("comparison.undescribed"), **words), cite=cite)


def findings(assessment: Assessment, signed: Signed | None = None) -> Section:
    """The exam's own findings, then each lesion."""
    exam = countable(assessment, assessment.record.case.exam.facts)
    elsewhere = {"date"} | {name for part in ("indication", "technique", "comparison") for name in terms()[part]}
    rest = {name: belief for name, belief in exam.items() if name not in elsewhere}
    shown = (found for found in lesions(assessment) if found.shown or not found.unconfirmed)
    replaced = tuple(g.application.guideline for g in set_aside(assessment.decision, signed))
    groups = tuple(lesion_group(assessment, found, replaced) for found in shown)
    none = () if groups else (Group(sentences=(none_found(assessment),)),)
    lines, rows = exam_paragraph(assessment, rest), told(rest)
    whole = (Group(heading("exam"), lines, rows),) if lines or rows else ()
    return section("findings", *whole, *none, *groups)


def none_found(assessment: Assessment) -> Sentence:
    """That no finding is stated, or that somebody looked and lists none: neither says that there is none."""
    kinds, link = ", ".join(map(kind_words, assessment.record.case.assessed)), exam_link(assessment)
    hidden = any(found.unconfirmed for found in lesions(assessment))
    return say("findings.none_listed", link, kinds=kinds) if kinds and not hidden else say("findings.none", link)


def exam_paragraph(assessment: Assessment, facts: Facts) -> tuple[Sentence, ...]:
    """The exam's findings in a guideline's own sentences; what no sentence tells stands in the table."""
    names = (g.application.guideline for g in applied(assessment.decision))
    file = next((f for f in map(own, names) if f is not None and f.exam), None)
    return (
        tuple(Told(facts, file).paragraph(file.exam, f"{file.guideline}.exam", exam_link(assessment))) if file else ()
    )


def lesion_group(assessment: Assessment, found: Lesion, replaced: tuple[str, ...] = ()) -> Group:
    """One lesion: a paragraph, what is followed across exams, and the table of who said what."""
    name, course, link = clean(found.finding.tracking_id), course_of(found), lesion_link(assessment, found)
    open_points = ", ".join(unknowns(found.shown))
    unknown = (say("unknown.names", link, names=open_points),) if open_points else ()
    answers = tuple(s for reading in found.readings for s in answer_sentences(assessment, reading, name, replaced))
    risks = (say("lesion.risk", link, models=numbers_in_short(found)),) if found.risks else ()
    return Group(
        heading_of(found),
        (*lesion_paragraph(found, link), *growth_sentences(found, link), *unknown, *answers, *risks),
        rows_of_lesion(found),
        (),
        found.finding.tracking_id,
        table_of(assessment, course) if course is not None else None,
    )


def lesion_paragraph(found: Lesion, link: Link) -> tuple[Sentence, ...]:
    """A lesion in the words of the first guideline that reads it, then whatever those leave out: nothing is lost."""
    place = clean(found.finding.location)
    file = next((f for f in (own(r.guideline) for r in found.readings) if f is not None), None)
    shown = {name: belief for name, belief in found.shown.items() if name not in denied(found)}
    told_of = Told(shown, file, {"name": naming.lesion_name(found), **({"location": place} if place else {})})
    lines = list(told_of.paragraph(file.lesion, f"{file.guideline}.lesion", link)) if file else []
    if not lines or ("location" not in told_of.used and place):
        lines.insert(0, say("lesion.plain", link, name=naming.lesion_name(found), location=place))
    placed = set(terms()["placed"]) if place else set()  # what the place itself tells
    passed = {"location", *placed, *(() if file else ("type",))}
    rest = {n: b for n, b in told_of.rest().items() if n not in passed}
    return (*lines, *rest_sentences(rest, uncertain(found.shown), link))


def rest_sentences(rest: Facts, doubtful: Facts, link: Link) -> tuple[Sentence, ...]:
    """What no sentence has told: stated facts, features stated as absent, and probabilities."""
    absent = {n: b for n, b in rest.items() if isinstance(b, Known) and b.value in NOTHING}
    lines = (
        _listing("lesion.also", {n: b for n, b in rest.items() if n not in absent}, link),
        _naming("lesion.absent", absent, link),
        _listing("lesion.uncertain_facts", doubtful, link),
    )
    return tuple(line for line in lines if line is not None)


def _about(link: Link, facts: Facts) -> Link:
    return Link(link.finding, tuple(facts), link.guideline, link.rows, link.citations)


def _listing(template: str, facts: Facts, link: Link) -> Sentence | None:
    words = ", ".join(fact_words(name, belief) for name, belief in facts.items())
    return say(template, _about(link, facts), facts=words) if words else None


def _naming(template: str, facts: Facts, link: Link) -> Sentence | None:
    return say(template, _about(link, facts), names=", ".join(map(label, facts))) if facts else None


def fact_words(name: str, belief: Belief) -> str:
    """A fact and its value; of a feature that is present, the feature."""
    present = isinstance(belief, Known) and belief.value is True
    return label(name) if present else f"{label(name)} {belief_words(name, belief)}"


def rows_of_lesion(found: Lesion) -> tuple[Row, ...]:
    """A lesion's facts and its position."""
    position = found.finding.position_mm
    if position is None:
        return told(found.shown)
    words = ", ".join(f"{axis} {value:.1f}" for axis, value in zip("xyz", position, strict=True))
    return (*told(found.shown), Row(label("position"), phrase("lesion.position", position=words)))


def answer_sentences(
    assessment: Assessment, reading: Reading, finding: str, replaced: tuple[str, ...] = ()
) -> tuple[Sentence, ...]:
    """One guideline's answer for a lesion, and what it adds to its category."""
    file, link = own(reading.guideline), link_of((reading,), finding)
    added = added_words(reading, file.lesion_answer, "lesion_answer", link)[0] if file else ()
    return (answer_sentence(assessment, reading, finding, replaced), *added)


def answer_sentence(assessment: Assessment, reading: Reading, finding: str, replaced: tuple[str, ...] = ()) -> Sentence:
    """One guideline's answer for a lesion, in its own words where it has any; as the engine's where a signer stated
    another for the exam (``replaced``)."""
    link = link_of((reading,), finding)
    words, template = own_verdict(assessment, reading)
    if reading.guideline in replaced:
        return say("lesion.engine", link, verdict=words or verdict(reading))
    if words:
        return Sentence(stop(capital(words)), template, link)
    return say("lesion.answer", link, guideline=guideline_name(reading.guideline), verdict=verdict(reading))


def own_verdict(assessment: Assessment, reading: Reading) -> tuple[str, str]:
    """A decided answer in the guideline's own words with its silence, and the template; '' twice without any."""
    if undecided(reading):
        return "", ""
    words, template = answer_words(reading, descriptor_of(assessment, reading))
    return (with_silence(reading, words), template) if words else ("", "")


def impression(assessment: Assessment, signed: Signed | None = None) -> Section:
    """Category, management, interval and date for each guideline that applies; a signer's override in their place."""
    stated, link = overrides(assessment.decision, signed), scope_link(assessment, "exam")
    alone, aside = signed if apart(assessment.decision, signed) else None, set_aside(assessment.decision, signed)
    first = (Group(override_name(alone), override_sentences(alone, link)),) if alone else ()
    groups = tuple(
        override_group(assessment, g, signed)
        if signed and g in stated
        else aside_group(assessment, g)
        if g in aside
        else impression_group(assessment, g)
        for g in applied(assessment.decision)
    )
    none = Group(sentences=(say("impression.none", link),))
    return section("impression", *first, *(groups or (none,)))


def override_group(assessment: Assessment, guideline: GuidelineDecision, signed: Signed) -> Group:
    """What the signer states instead, then the engine's answer, named as not taken."""
    link = exam_of(assessment, guideline.exam)
    named = engine_sentence(guideline, link)
    return Group(guideline_name(guideline.application.guideline), (*override_sentences(signed, link), *named))


def aside_group(assessment: Assessment, guideline: GuidelineDecision) -> Group:
    """The engine's answer alone, named as not taken: what the signer states is of another guideline or edition."""
    named = engine_sentence(guideline, exam_of(assessment, guideline.exam))
    return Group(guideline_name(guideline.application.guideline), named)


def impression_group(assessment: Assessment, guideline: GuidelineDecision) -> Group:
    """One guideline's impression."""
    application, reading = guideline.application, guideline.exam
    link = exam_of(assessment, reading)
    reasons = " ".join(capital(in_sentence(why, (application.guideline,))) for why in application.reasons)
    conditional = application.applies == "conditional"
    condition = (say("impression.conditional", link, reasons=reasons),) if conditional else ()
    lines = exam_sentences(assessment, reading, guideline) if reading else (say("impression.no_answer", link),)
    file = own(reading.guideline) if reading else None
    added, used = added_words(reading, file.impression, "impression", link) if reading and file else ((), frozenset())
    names = {lesion.finding.tracking_id: lesion for lesion in lesions(assessment)}
    items = tuple(lesion_item(assessment, names[f.finding.tracking_id], f.reading, reading) for f in guideline.findings)
    open_, told_open = open_sentences(reading, link) if reading else ((), frozenset())
    rows = extras_of(reading, used | told_open) if reading else ()
    return Group(guideline_name(application.guideline), (*condition, *lines, *open_, *added), rows, items)


def open_sentences(reading: Reading, link: Link) -> tuple[tuple[Sentence, ...], frozenset[str]]:
    """Which managements remain possible and which other answers are open; and the names under which those stand."""
    possible, others = reading.facts.get("managements_possible"), reading.facts.get("open")
    each = dict.fromkeys(map(clean, possible)) if is_texts(possible) else {}
    managements = phrase("impression.or").join(each)
    names = ", ".join(map(label, others)) if is_texts(others) else ""
    lines = (
        say("impression.possible", link, managements=managements) if managements else None,
        say("impression.open", link, names=names) if names else None,
    )
    held = (("managements_possible", possible), ("open", others))
    told_of = frozenset(name for name, value in held if is_texts(value))
    return tuple(line for line in lines if line is not None), told_of


def is_texts(value: object) -> TypeGuard[Sequence[str]]:
    """Whether it is a list of texts."""
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def exam_of(assessment: Assessment, reading: Reading | None) -> Link:
    """To a guideline's answer for the exam, or to whatever rows there are."""
    mine = link_of((reading,)) if reading else Link()
    return mine if mine.rows else exam_link(assessment)


def exam_sentences(assessment: Assessment, reading: Reading, guideline: GuidelineDecision) -> tuple[Sentence, ...]:
    """The exam's category, management, interval and due date."""
    link, management, timing = exam_of(assessment, reading), management_of(reading), timing_of(reading, guideline)
    words, template = own_verdict(assessment, reading)
    category = Sentence(stop(capital(words)), template, link) if words else None
    lines = (
        category or say("impression.exam", link, verdict=verdict(reading)),
        say("impression.management", link, management=stop(management)) if management else None,
        say("impression.timing", link, timing=timing) if timing else None,
    )
    return tuple(line for line in lines if line is not None)


def lesion_item(assessment: Assessment, found: Lesion, reading: Reading, exam: Reading | None) -> Item:
    """One lesion's category and management in one line; the management of the exam is not said again."""
    link = link_of((reading,), clean(found.finding.tracking_id))
    management, timing = management_of(reading), timing_of(reading)
    words = own_verdict(assessment, reading)[0] or verdict(reading)
    if exam and management and (management, timing) == (management_of(exam), timing_of(exam)):
        return Item(say("impression.as_above", link, who=who(found), verdict=words))
    return Item(say("impression.lesion", link, who=who(found), verdict=words, management=management, timing=timing))


def countable(assessment: Assessment, facts: Facts) -> Facts:
    """The facts that count on the route taken: without neural ones on the rule-based route."""
    if assessment.decision.route is Route.HYBRID:
        return facts
    return {name: belief for name, belief in facts.items() if not is_neural(belief)}


def chosen(facts: Facts, part: str) -> Facts:
    """The facts that belong in one section, in the vocabulary's order."""
    return {name: facts[name] for name in terms()[part] if name in facts}
