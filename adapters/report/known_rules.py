"""The rules that a decision read, where they are still at hand: for what only they can say of the answer."""

from __future__ import annotations

from ...engine.errors import RuleError, UnknownGuideline
from ...engine.guideline.load import Guideline, load_guideline
from ...engine.record import Assessment
from ...engine.types import Reading
from . import language
from .words import category_words, clean, either


def rules_of(assessment: Assessment, name: str) -> Guideline | None:
    """The guideline as the decision read it; None where the tables at hand are others, or there are none."""
    found = any_rules(name)
    return found if found is not None and assessment.record.knowledge.get(name) == found.sha256 else None


def any_rules(name: str) -> Guideline | None:
    """A guideline that is at hand, whichever its tables."""
    try:
        return load_guideline(name, language.rules())
    except (UnknownGuideline, RuleError):
        return None


def display_of(guideline: str, code: str) -> str:
    """How the guideline prints one of its codes, or the code itself where the guideline is not at hand."""
    found = any_rules(guideline)
    if found is None:
        return clean(code)
    printed = next((c.get("display") for c in found.head["categories"] if c["id"] == code), None)
    return clean(str(printed or found.head["managements"].get(code, {}).get("display") or code))


def shown_words(reading: Reading) -> str:
    """The category as its guideline prints it, or all that remain possible."""
    if reading.category is None and reading.possible:
        return either(display_of(reading.guideline, code) for code in reading.possible)
    if reading.category is None or isinstance(reading.facts.get("display"), str):
        return category_words(reading)
    return display_of(reading.guideline, reading.category)


def descriptor_of(assessment: Assessment, reading: Reading) -> str:
    """What the guideline calls its category ("probably benign"), '' where the tables are not those that were read."""
    found = rules_of(assessment, reading.guideline)
    categories = found.head["categories"] if found is not None else ()
    return next((clean(str(c["descriptor"])) for c in categories if c["id"] == reading.category), "")
