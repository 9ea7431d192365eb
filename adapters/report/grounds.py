"""The second half of a report: what is open, and on what the answers rest."""

from __future__ import annotations

from collections.abc import Iterable

from ...engine.record import Assessment
from ...engine.types import Facts, Reading, Route, Step, is_neural
from .view import Group, Item, Section, applied, guideline_name, lesions, sentence, silence, told, unknowns
from .words import Row, capital, category_words, clean, either, label, percent, term


def uncertainty(assessment: Assessment) -> Section:
    """Why a human must look, what remains possible, what to assess next."""
    review = assessment.decision.review
    need = f"Review by a human is required before signing, priority {review.priority}."
    reasons = tuple(Item(sentence(r.text), (f"{clean(r.code)}, priority {r.priority}",)) for r in review.reasons)
    opened = tuple(Item(text) for who, reading in answers(assessment) for text in open_text(who, reading))
    missing = tuple(Item(f"{clean(found.finding.tracking_id)}: not known: {', '.join(names)}.")
                    for found in lesions(assessment) if (names := list(unknowns(found.shown))))  # fmt: skip
    asked = need if review.required else "The decision raised no reason for review beyond the signature."
    return Section(
        "uncertainty", "What is uncertain, and why", (Group(sentences=(asked,), items=reasons + opened + missing),)
    )


def answers(assessment: Assessment) -> list[tuple[str, Reading]]:
    """Every reading of a guideline that applies, with whom it is about."""
    found: list[tuple[str, Reading]] = []
    for guideline in applied(assessment.decision):
        name = guideline_name(guideline.application.guideline)
        found += [(f"Exam, {name}", guideline.exam)] if guideline.exam else []
        found += [(f"{clean(f.finding.tracking_id)}, {name}", f.reading) for f in guideline.findings]
    return found


def open_text(who: str, reading: Reading) -> list[str]:
    """What a reading leaves open."""
    if reading.category is None and reading.possible:
        ask = f" Next to assess: {label(reading.ask)}." if reading.ask else ""
        return [f"{who}: the category is {either(reading.possible)}, not decided on what is known.{ask}"]
    return []


def silent_spots(assessment: Assessment) -> Section:
    """Where the guideline's text does not decide, with the default reading and the others."""
    items = tuple(
        Item(f"{who}: {category_words(reading)}, {silence(reading)}.")
        for who, reading in answers(assessment)
        if reading.silent
    )
    none = () if items else ("No such spot was met.",)
    return Section("silent", "What the guideline does not say", (Group(sentences=none, items=items),))


def reasons(assessment: Assessment) -> Section:
    """The rows and thresholds behind every answer."""
    scope = tuple(
        Group(
            f"Why {guideline_name(g.application.guideline)}",
            tuple(map(sentence, g.application.reasons)),
            (),
            steps(g.application.trace),
        )
        for g in applied(assessment.decision)
    )
    read = tuple(Group(who, preface(reading), (), steps(reading.trace)) for who, reading in answers(assessment))
    notes = tuple(Item(sentence(note)) for note in assessment.decision.notes)
    remarks = (Group("Notes on the decision", items=notes),) if notes else ()
    none = () if scope or read or remarks else (Group(sentences=("No guideline was read for a category.",)),)
    return Section("reasons", "Reasons", scope + read + remarks + none)


def preface(reading: Reading) -> tuple[str, ...]:
    """The categories' probabilities and the calibrated sets, where beliefs are uncertain; and that there is no trace,
    where there is none."""
    words = ", ".join(f"{clean(name)} {percent(p)}" for name, p in reading.probabilities.items())
    lines = (
        words and f"Probability of each category: {words}.",
        reading.likely and f"Calibrated set of categories: {either(reading.likely)}.",
        reading.managements and f"Calibrated set of managements: {sentence('; '.join(reading.managements))}",
        "" if reading.trace else "The decision holds no trace for this answer.",
    )
    return tuple(line for line in lines if line)


def steps(trace: Iterable[Step]) -> tuple[Item, ...]:
    """A trace as a list: what each row concluded, which tests it met, where the guideline says so."""
    return tuple(step_item(step) for step in trace)


def step_item(step: Step) -> Item:
    """One row that fitted."""
    because = (f"Because {'; '.join(map(clean, step.because))}.",) if step.because else ()
    omitted = ", ".join(map(label, step.by_convention))
    absent = (f"Taken as not present by convention: {omitted}.",) if omitted else ()
    return Item(
        capital(sentence(step.says)),
        because + absent,
        f"Table {clean(step.table)}, row {clean(step.row)}; {clean(step.citation)}",
    )


def unconfirmed(assessment: Assessment) -> Section:
    """What nets say and no human has confirmed: kept out of the category."""
    groups = tuple(Group(clean(name), (), told(facts)) for name, facts in neural(assessment) if facts)
    masked = ", ".join(map(clean, assessment.record.masked))
    withheld = (f"Kept from the rules on this route: {masked}.",) if masked else ()
    none = ("Nothing is shown here: no neural finding was kept from the rules.",) if not (groups or masked) else ()
    head = ("Said by neural extractors, not confirmed by a human; no category above rests on it.",) if groups else ()
    return Section("unconfirmed", "Unconfirmed neural findings", (Group(sentences=none + head + withheld), *groups))


def neural(assessment: Assessment) -> list[tuple[str, Facts]]:
    """The unconfirmed facts of each lesion, lesions that only a net knows included, of the exam and the patient."""
    found = {each.finding.tracking_id: each.unconfirmed for each in lesions(assessment)}
    found = {**assessment.record.unconfirmed, **found}
    if assessment.decision.route is Route.RULE_BASED:
        case = assessment.record.case
        found["Exam"] = {name: belief for name, belief in case.exam.facts.items() if is_neural(belief)}
        found["Patient"] = {name: belief for name, belief in case.patient.facts.items() if is_neural(belief)}
    return list(found.items())


def considered(assessment: Assessment) -> Section:
    """The guidelines that do not apply, with why."""
    apart = [g.application for g in assessment.decision.guidelines if g.application.applies == "no"]
    groups = tuple(
        Group(guideline_name(a.guideline), tuple(map(sentence, a.reasons)), (), steps(a.trace)) for a in apart
    )
    all_apply = (
        "None: every guideline considered applies." if assessment.decision.guidelines else "None was considered."
    )
    none = (Group(sentences=(all_apply,)),)
    return Section("considered", "Guidelines considered and not applied", groups or none)


def citations(assessment: Assessment) -> Section:
    """The publications behind the decision."""
    items = tuple(Item(sentence(citation)) for citation in assessment.decision.citations)
    none = () if items else ("The decision cites no publication.",)
    return Section("citations", "Citations", (Group(sentences=none, items=items),))


def provenance(assessment: Assessment) -> Section:
    """Which program and which rules made this draft."""
    record = assessment.record
    rows = (
        Row("Decision", clean(record.decision_id)),
        Row("As of", record.as_of.isoformat()),
        Row("Route", term("routes", assessment.decision.route)),
        Row("radlogic", clean(record.engine_version)),
        Row("Images, sha256", clean(record.image_sha256) if record.image_sha256 else "no images were read"),
        *(Row(clean(name), f"sha256 {clean(digest)[:16]}") for name, digest in record.knowledge.items()),
    )
    return Section("provenance", "About this draft", (Group(rows=rows),))
