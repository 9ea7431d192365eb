"""The report as one object: headlines above, then the sections in the order a radiologist dictates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...engine.record import Assessment
from ...engine.types import FindingDecision, GuidelineDecision, Indication
from . import dictated, grounds, risk_words
from .known_rules import display_of, shown_words
from .naming import short_name
from .overridden import apart, override_management, override_name, override_verdict, overrides, set_aside
from .phrases import heading, phrase, say
from .plain_names import in_sentence
from .sentence import Sentence
from .signed import Signed
from .view import (
    Headline,
    Report,
    Section,
    applied,
    extras_of,
    guideline_name,
    management_of,
    silence,
    spoken_of,
    timing_of,
    undecided,
    verdict,
)
from .words import Row, capital, category_words, clean, either, stop, term

BEFORE: Final[tuple[Callable[[Assessment], Section], ...]] = (
    dictated.indication,
    dictated.technique,
    dictated.comparison,
)
AFTER: Final[tuple[Callable[[Assessment], Section], ...]] = (
    grounds.reasons,
    risk_words.risk,
    grounds.unconfirmed,
    grounds.considered,
    grounds.citations,
    grounds.provenance,
)


def report_of(assessment: Assessment, signed: Signed | None = None, replaced_by: str = "") -> Report:
    """Everything the report says: a draft, or with ``signed`` the final report.

    ``replaced_by``: the decision that took the place of a draft that nobody signed; what was signed says it itself.
    """
    replaced_by = replaced_by or (signed.replaced_by if signed else "")
    return Report(
        title=heading("draft" if signed is None else "report"),
        status=status_of(assessment, signed, replaced_by),
        intended_use=phrase("intended_use"),
        identity=identity_of(assessment),
        warnings=(*replacement_of(replaced_by), *signature_of(signed), *unconfirmed_indication(assessment)),
        alerts=alerts_of(assessment) if signed is None and not replaced_by else (),
        headlines=headlines_of(assessment, signed),
        no_answer=str(say("impression.none", dictated.scope_link(assessment, "exam"))),
        sections=(
            *(part(assessment) for part in BEFORE),
            dictated.findings(assessment, signed),
            dictated.impression(assessment, signed),
            grounds.uncertainty(assessment, signed),
            grounds.silent_spots(assessment, signed),
            *(part(assessment) for part in AFTER),
        ),
    )


def status_of(assessment: Assessment, signed: Signed | None, replaced_by: str = "") -> str:
    """The banner's first words."""
    if replaced_by:
        return phrase("status.superseded")
    if signed is not None:
        return phrase("status.final", by=clean(signed.by), at=moment(signed))
    status = clean(assessment.decision.status)
    return phrase("status.preliminary") if status in ("preliminary", "") else status.upper()


def moment(signed: Signed) -> str:
    """When it was signed, with its offset."""
    return signed.at.isoformat(sep=" ", timespec="minutes")


def replacement_of(replaced_by: str) -> tuple[Sentence, ...]:
    """What took the report's place, if anything did."""
    return (say("signed.replaced", decision=clean(replaced_by)),) if replaced_by else ()


def signature_of(signed: Signed | None) -> tuple[Sentence, ...]:
    """Who signed, when, with which outcome, and what the report replaces."""
    if signed is None:
        return ()
    reason = reason_words(signed.reason)
    said = say(
        f"signed.{signed.outcome}", by=clean(signed.by), at=moment(signed), **({"reason": reason} if reason else {})
    )
    return (
        said,
        *((say("signed.replaces", decision=clean(signed.replaces)),) if signed.replaces else ()),
    )


def reason_words(code: str) -> str:
    """An override's reason in words, '' without one; a code that is not of the list stands as it is."""
    if not code:
        return ""
    from ..store.vocabulary import override_reasons

    known = override_reasons().get(code)
    return clean(known.words if known else code)


def headlines_of(assessment: Assessment, signed: Signed | None) -> tuple[Headline, ...]:
    """Each guideline's answer, or what a signer states in its place."""
    decision, stated = assessment.decision, overrides(assessment.decision, signed)
    alone, aside = signed if apart(decision, signed) else None, set_aside(decision, signed)
    first = (override_headline(override_name(alone), alone),) if alone else ()
    return first + tuple(
        override_headline(guideline_name(g.application.guideline), signed) if signed and g in stated else headline(g)
        for g in applied(decision)
        if g in stated or g not in aside
    )


def override_headline(name: str, signed: Signed) -> Headline:
    """What a signer states in the place of the engine's answer."""
    stated = signed.override.get("category")
    category = clean(str(stated)) if stated is not None else phrase("verdict.none_stated")
    return Headline(
        guideline=name,
        category=category or phrase("verdict.none_stated"),
        verdict=override_verdict(signed),
        flags=(phrase("flag.override"),),
        management=override_management(signed),
        timing="",
        extra=(),
        conditions=(),
        lesions=(),
    )


def identity_of(assessment: Assessment) -> tuple[Row, ...]:
    """Which exam, patient (by pseudonym) and decision this is."""
    record = assessment.record
    exam_date, absent = record.case.exam.date, phrase("identity.not_stated")
    return (
        Row(phrase("identity.exam_date"), exam_date.isoformat() if exam_date else absent),
        Row(phrase("identity.patient"), clean(record.case.patient.key) or phrase("identity.no_pseudonym")),
        Row(phrase("identity.study"), clean(record.case.exam.study_uid) or absent),
        Row(phrase("identity.decision"), clean(record.decision_id)),
    )


def warnings_of(assessment: Assessment) -> tuple[str, ...]:
    """What changes how every answer is to be read, as text."""
    return tuple(map(str, unconfirmed_indication(assessment)))


def unconfirmed_indication(assessment: Assessment) -> tuple[Sentence, ...]:
    """That nobody stated why the exam was made."""
    if assessment.record.case.exam.indication is not Indication.UNKNOWN:
        return ()
    return (say("warning.indication"),)


def alerts_of(assessment: Assessment) -> tuple[Sentence, ...]:
    """Whether a human must look before signing, and why."""
    review = assessment.decision.review
    reasons = " ".join(capital(in_sentence(reason.text, spoken_of(assessment.decision))) for reason in review.reasons)
    priority = term("priorities", review.priority)
    return (say("alert.review", priority=priority, reasons=reasons),) if review.required else ()


def headline(guideline: GuidelineDecision) -> Headline:
    """One guideline's answer for the exam."""
    application, reading = guideline.application, guideline.exam
    conditional = application.applies == "conditional"
    name, conditions = (
        guideline_name(application.guideline),
        tuple(capital(in_sentence(reason, (application.guideline,))) for reason in application.reasons),
    )
    flags: tuple[str, ...] = (phrase("flag.conditional"),) if conditional else ()
    rows = tuple(lesion_row(answer) for answer in guideline.findings)
    if reading is None:
        none = phrase("verdict.no_answer")
        return Headline(name, none, none, flags, "", "", (), conditions, rows)
    said_silent = (stop(capital(silence(reading))),) if reading.silent else ()
    flags += (phrase("flag.silent"),) if reading.silent else ()
    flags += (phrase("flag.open"),) if undecided(reading) else ()
    return Headline(
        guideline=name,
        category=category_words(reading),
        verdict=verdict(reading),
        flags=flags,
        management=management_of(reading),
        timing=timing_of(reading, guideline),
        extra=extras_of(reading),
        conditions=(conditions if conditional else ()) + said_silent,
        lesions=rows,
        open=undecided(reading),
    )


def lesion_row(answer: FindingDecision) -> Row:
    """A lesion's category in as few words as can be."""
    reading = answer.reading
    name = short_name(answer.finding, (reading.guideline,))
    words = shown_words(reading)
    if not reading.silent:
        return Row(name, words)
    alternatives = (display_of(reading.guideline, code) for code in reading.alternatives)
    return Row(name, f"{either([words, *alternatives])}, {phrase('flag.silent')}")
