"""What a signer states in the place of the engine's answer, and that answer beside it, named as not taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...engine.types import Decision, GuidelineDecision
from .phrases import heading, phrase, say
from .sentence import Link, Sentence
from .signed import Signed
from .view import applied, guideline_name, management_of, timing_of, verdict
from .words import clean, plain_words, stop


def overrides(decision: Decision, signed: Signed | None) -> tuple[GuidelineDecision, ...]:
    """The guidelines whose answer the signer replaced: the one they named, or where they named none all that apply."""
    if signed is None or signed.outcome != "overridden":
        return ()
    named = signed.override.get("guideline") or None
    return tuple(g for g in applied(decision) if named is None or _names(g) & {named})


def _names(guideline: GuidelineDecision) -> set[str]:
    return {guideline.application.guideline, guideline.application.guideline.partition("@")[0]}


def set_aside(decision: Decision, signed: Signed | None) -> tuple[GuidelineDecision, ...]:
    """The guidelines whose answers were not taken.

    Those that the signer's answer replaces; of another edition of a guideline, that guideline's; of a guideline that
    does not apply, all: the signer said by what the exam is to be read, and it is none of these.
    """
    if not apart(decision, signed) or signed is None:
        return overrides(decision, signed)
    named = str(signed.override.get("guideline") or "").partition("@")[0]
    same = tuple(g for g in applied(decision) if g.application.guideline.partition("@")[0] == named)
    return same or applied(decision)


def apart(decision: Decision, signed: Signed | None) -> bool:
    """Whether an override is of no guideline that applies, so that it stands by itself."""
    return signed is not None and signed.outcome == "overridden" and not overrides(decision, signed)


def override_name(signed: Signed) -> str:
    """What guideline it is of, for a heading."""
    named = signed.override.get("guideline")
    return guideline_name(str(named)) if named else heading("override")


def override_verdict(signed: Signed) -> str:
    """The category that was stated instead."""
    category = signed.override.get("category")
    if category is None or not clean(str(category)):
        return phrase("verdict.none_stated")
    words = clean(str(category))
    return phrase("verdict.words" if " " in words else "verdict.category", category=words)


def override_management(signed: Signed) -> str:
    """The management that was stated instead, '' if none."""
    return stated_management(signed.override)


def stated_management(stated: Mapping[str, Any]) -> str:
    """A signer's management in words; a code that was stated has its own words spelled out."""
    management = stated.get("management")
    return plain_words("management", management) if management else ""


def override_sentences(signed: Signed, link: Link) -> tuple[Sentence, ...]:
    """What the signer states."""
    management = override_management(signed)
    return (
        say("impression.override", link, by=clean(signed.by), verdict=override_verdict(signed)),
        say("impression.override_management", link, management=stop(management))
        if management
        else say("impression.override_no_management", link),
    )


def engine_sentence(guideline: GuidelineDecision, link: Link) -> tuple[Sentence, ...]:
    """The engine's answer for the exam, as what was not taken."""
    reading = guideline.exam
    if reading is None:
        return (say("impression.no_answer", link),)
    said = say(
        "impression.engine",
        link,
        verdict=verdict(reading),
        management=management_of(reading),
        timing=timing_of(reading, guideline),
    )
    return (said,)
