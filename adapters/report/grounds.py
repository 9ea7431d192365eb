"""The second half of a report: what is open, and on what the answers rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from ...engine.record import Assessment
from ...engine.types import Facts, Reading, Route, Step, is_neural
from .dictated import exam_link, lesion_link, scope_link
from .known_rules import shown_words
from .naming import short, short_name
from .origin import sentences_rows
from .phrases import heading, phrase, say
from .plain_names import in_sentence, met_words
from .sentence import Link, Sentence, link_of, rows_of
from .signed import Signed
from .view import (
    Group,
    Item,
    Section,
    applied,
    conventions_words,
    guideline_name,
    lesions,
    sentence,
    silence,
    spoken_of,
    told,
    undecided,
    unknowns,
)
from .words import Row, called, clean, either, label, percent, plain_words, term

TAKEN: Final = " taken as "  # how a trace says what a convention fills in
TRUTHS: Final = {"True": True, "False": False}
SILENT: Final = "the guideline is silent: "  # how a trace begins a row's reason


def section(name: str, *groups: Group, dictated: bool = False) -> Section:
    """A section by its name."""
    return Section(name, heading(name), groups, dictated)


def uncertainty(assessment: Assessment, signed: Signed | None = None) -> Section:
    """Why a human must look, what remains possible, what to assess next."""
    review, link, known = assessment.decision.review, exam_link(assessment), spoken_of(assessment.decision)
    name = ("review.signed" if signed else "review.required") if review.required else "review.none"
    asked = say(name, link, **({"priority": term("priorities", review.priority)} if review.required else {}))
    reasons = tuple(
        Item(
            say("review.reason", link, reason=in_sentence(r.text, known) or clean(r.code)),
            (say("review.code", link, code=clean(r.code), priority=term("priorities", r.priority)),),
        )
        for r in review.reasons
    )
    opened = tuple(Item(text) for who, reading in answers(assessment) for text in open_text(who, reading))
    missing = tuple(Item(said) for said in not_known(assessment))
    taken = tuple(Item(said) for said in by_convention(assessment))
    return section(
        "uncertainty",
        Group(sentences=(*of_engine(assessment, signed), asked), items=reasons + opened + missing + taken),
        dictated=True,
    )


def not_known(assessment: Assessment) -> Iterator[Sentence]:
    """What is said of a lesion not to be known."""
    for found in lesions(assessment):
        if names := ", ".join(unknowns(found.shown)):
            yield say("open.unknown", lesion_link(assessment, found), finding=short(found), names=names)


def by_convention(assessment: Assessment) -> Iterator[Sentence]:
    """What the convention of a reader's form fills in, once for all lesions of which it fills in the same."""
    held: dict[tuple[str, str], list[tuple[str, Link]]] = {}
    exam = phrase("open.exam"), exam_link(assessment)
    whole = [(exam, assessment.record.case.exam.facts)]
    each = [((short(found), lesion_link(assessment, found)), found.shown) for found in lesions(assessment)]
    for who, facts in (*whole, *each):
        held.setdefault(conventions_words(facts), []).append(who)
    for (absent, taken), them in held.items():
        names, link = ", ".join(name for name, _ in them), them[0][1]
        if absent:
            yield say("open.convention", link, findings=names, names=absent)
        if taken:
            yield say("open.taken", link, findings=names, facts=taken)


def answers(assessment: Assessment) -> list[tuple[str, Reading]]:
    """Every reading of a guideline that applies, with whom it is about."""
    return [(who, reading) for who, _, reading in answered(assessment)]


def answered(assessment: Assessment) -> list[tuple[str, str, Reading]]:
    """Every reading of a guideline that applies: whom it is about in words, their identifier, the reading."""
    found: list[tuple[str, str, Reading]] = []
    for guideline in applied(assessment.decision):
        name = guideline_name(guideline.application.guideline)
        if guideline.exam:
            found.append((phrase("answer.exam", guideline=name), "exam", guideline.exam))
        for each in guideline.findings:
            lesion = short_name(each.finding, (each.reading.guideline,))
            said = phrase("answer.lesion", finding=lesion, guideline=name)
            found.append((said, clean(each.finding.tracking_id), each.reading))
    return found


def open_text(who: str, reading: Reading) -> list[Sentence]:
    """What a reading leaves open."""
    if not undecided(reading):
        return []
    ask = label(reading.ask) if reading.ask else ""
    about = who.partition(", ")[0]
    return [say("open.category", link_of((reading,), about), who=who, possible=shown_words(reading), ask=ask)]


def of_engine(assessment: Assessment, signed: Signed | None) -> tuple[Sentence, ...]:
    """That what follows is of the engine's answer, where a signer stated another."""
    other = signed is not None and signed.outcome == "overridden"
    return (say("engine.follows", exam_link(assessment)),) if other else ()


def silent_spots(assessment: Assessment, signed: Signed | None = None) -> Section:
    """Where the guideline's text does not decide, with the default reading and the others."""
    items = tuple(
        Item(
            say("silent.spot", link_of((r,), about), who=who, category=shown_words(r), silence=silence(r)),
            tuple(say("silent.why", link_of((r,), about), why=why) for why in silent_reasons(r)),
        )
        for who, about, r in answered(assessment)
        if r.silent
    )
    none = () if items else (say("silent.none", exam_link(assessment)),)
    return section("silent", Group(sentences=of_engine(assessment, signed) + none, items=items), dictated=True)


def silent_reasons(reading: Reading) -> Iterator[str]:
    """Why the text does not decide, as the rows that met the spot say."""
    for step in reading.trace:
        why = clean(step.says).partition(SILENT)[2]
        if why:
            yield in_sentence(why, (reading.guideline,))


def reasons(assessment: Assessment) -> Section:
    """The rows and thresholds behind every answer."""
    scope = tuple(
        Group(
            phrase("reasons.why", guideline=guideline_name(g.application.guideline)),
            considered_reasons(g.application.reasons, scope_link(assessment, "exam")),
            (),
            steps(g.application.trace, g.application.guideline),
        )
        for g in applied(assessment.decision)
    )
    read = tuple(
        Group(who, preface(reading, about), (), steps(reading.trace, reading.guideline, about))
        for who, about, reading in answered(assessment)
    )
    link = exam_link(assessment)
    known, told_ = spoken_of(assessment.decision), filter(clean, assessment.decision.notes)
    notes = tuple(Item(say("note", link, note=in_sentence(note, known))) for note in told_)
    remarks = (Group(heading("notes"), items=notes),) if notes else ()
    none = () if scope or read or remarks else (Group(sentences=(say("reasons.none", link),)),)
    return section("reasons", *scope, *read, *remarks, *none)


def considered_reasons(texts: Iterable[str], link: Link) -> tuple[Sentence, ...]:
    """Why a guideline applies or not, a sentence each."""
    return tuple(
        say("considered.reason", link, reason=in_sentence(text, link.guideline.split(", ")))
        for text in texts
        if clean(text)
    )


def preface(reading: Reading, about: str = "exam") -> tuple[Sentence, ...]:
    """The categories' probabilities and the calibrated sets, where beliefs are uncertain; and that there is no trace,
    where there is none."""
    words, link = (
        ", ".join(f"{clean(n)} {percent(p)}" for n, p in reading.probabilities.items()),
        link_of((reading,), about),
    )
    managements = sentence("; ".join(reading.managements))
    lines = (
        say("reasons.probabilities", link, probabilities=words) if words else None,
        say("reasons.likely", link, categories=either(reading.likely)) if reading.likely else None,
        say("reasons.managements", link, managements=managements) if managements else None,
        None if reading.trace else say("reasons.no_trace", link),
    )
    return tuple(line for line in lines if line is not None)


def steps(trace: Iterable[Step], guideline: str = "", about: str = "exam") -> tuple[Item, ...]:
    """A trace as a list: what each row concluded, which tests it met, where the guideline says so."""
    return tuple(step_item(step, guideline, about) for step in trace)


def step_item(step: Step, guideline: str = "", about: str = "exam") -> Item:
    """One row that fitted."""
    link, because = (
        Link(about, (), guideline, *rows_of((step,))),
        "; ".join(met_words(each, guideline) for each in step.because),
    )
    held = [each.partition(TAKEN) for each in step.by_convention]
    absent = ", ".join(label(name) for name, _, value in held if value in ("", "not present"))
    taken = ", ".join(
        f"{label(name)} {plain_words(name, TRUTHS.get(value, value))}"
        for name, _, value in held
        if value not in ("", "not present")
    )
    details = (
        say("reasons.because", link, because=because) if because else None,
        say("reasons.by_convention", link, names=absent) if absent else None,
        say("reasons.taken", link, facts=taken) if taken else None,
    )
    said = in_sentence(step.says, (guideline,)) or phrase("reasons.says_nothing")
    names = {"table": clean(step.table), "row": clean(step.row), "citation": clean(step.citation)}
    return Item(say("reasons.step", link, says=said), tuple(d for d in details if d), phrase("reasons.cite", **names))


def unconfirmed(assessment: Assessment) -> Section:
    """What nets say and no human has confirmed: kept out of the category."""
    link = exam_link(assessment)
    groups = tuple(Group(called(name), (), told(facts)) for name, facts in neural(assessment) if facts)
    masked = ", ".join(map(clean, assessment.record.masked))
    withheld = (say("unconfirmed.withheld", link, names=masked),) if masked else ()
    none = () if groups or masked else (say("unconfirmed.none", link),)
    head = (say("unconfirmed.head", link),) if groups else ()
    return section("unconfirmed", Group(sentences=none + head + withheld), *groups)


def neural(assessment: Assessment) -> list[tuple[str, Facts]]:
    """The unconfirmed facts of each lesion, lesions that only a net knows included, of the exam and the patient."""
    found = {each.finding.tracking_id: each.unconfirmed for each in lesions(assessment)}
    found = {**assessment.record.unconfirmed, **found}
    if assessment.decision.route is Route.RULE_BASED:
        case = assessment.record.case
        found[heading("exam")] = {name: belief for name, belief in case.exam.facts.items() if is_neural(belief)}
        found[heading("patient")] = {name: belief for name, belief in case.patient.facts.items() if is_neural(belief)}
    return list(found.items())


def considered(assessment: Assessment) -> Section:
    """The guidelines that do not apply, with why."""
    apart = [g.application for g in assessment.decision.guidelines if g.application.applies == "no"]
    link = exam_link(assessment)
    groups = tuple(
        Group(
            guideline_name(a.guideline),
            considered_reasons(a.reasons, replace(link, guideline=a.guideline)),
            (),
            steps(a.trace, a.guideline),
        )
        for a in apart
    )
    none = "considered.all" if assessment.decision.guidelines else "considered.none"
    return section("considered", *(groups or (Group(sentences=(say(none, link),)),)))


def citations(assessment: Assessment) -> Section:
    """The publications behind the decision."""
    link = exam_link(assessment)
    cited = (citation for citation in assessment.decision.citations if clean(citation))
    items = tuple(Item(say("citations.one", link, citation=in_sentence(citation))) for citation in cited)
    none = () if items else (say("citations.none", link),)
    return section("citations", Group(sentences=none, items=items))


def provenance(assessment: Assessment) -> Section:
    """Which program and which rules made this draft."""
    record = assessment.record
    image = clean(record.image_sha256) if record.image_sha256 else phrase("provenance.no_images")
    rows = (
        Row(phrase("identity.decision"), clean(record.decision_id)),
        Row(phrase("provenance.as_of"), record.as_of.isoformat()),
        Row(phrase("provenance.route"), term("routes", assessment.decision.route)),
        Row(phrase("provenance.engine"), clean(record.engine_version)),
        Row(phrase("provenance.images"), image),
        *(Row(clean(name), f"sha256 {clean(digest)[:16]}") for name, digest in record.knowledge.items()),
        *sentences_rows(assessment),
    )
    return section("provenance", Group(rows=rows))
