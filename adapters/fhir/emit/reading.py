"""What a guideline says, of a finding or of the exam, as components of an Observation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ....engine.types import Reading
from ...report.words import category_words, clean, either, label, plain_words
from .parts import Json, coding, concept, quantity
from .sending import Sending, unknown

# Said by components of their own, by the status, or in the report's words alone.
TOLD = frozenset({"display", "management", "interval_months", "managements_possible", "open", "conditional"})
PROSE = frozenset({"report", "note"})


def id_of(guideline: str) -> str:
    """A guideline's id without its edition.

    >>> id_of("lung-rads@2022")
    'lung-rads'
    """
    return guideline.partition("@")[0]


def category(sending: Sending, guideline: str, code: str, text: str = "") -> Json:
    """A category as a concept of the guideline's own code system, in its edition."""
    name, _, edition = guideline.partition("@")
    version = {"version": edition} if edition else {}
    return concept([coding(sending.system(name or "guideline"), code, **version)], text or code)


def category_parts(sending: Sending, reading: Reading) -> Iterator[Json]:
    """The category of a finding; what is absent says what is possible."""
    code = of_guideline(sending, reading.guideline, "lesion-category")
    yield {"code": code, **category_value(sending, reading)}


def category_value(sending: Sending, reading: Reading) -> Json:
    """value[x] or dataAbsentReason of a category."""
    if reading.category is None:
        return {"dataAbsentReason": unknown(undecided(reading))}
    words = category_words(reading) + (" (conditional)" if sending.conditional(reading.guideline) else "")
    return {"valueCodeableConcept": category(sending, reading.guideline, reading.category, words)}


def undecided(reading: Reading) -> str:
    """What remains possible, in words."""
    return f"not decided; possible: {either(reading.possible)}" if reading.possible else "no category"


def possible_parts(sending: Sending, reading: Reading) -> Iterator[Json]:
    """What else the guideline leaves possible, how probable each category is, and what to assess next."""
    name = reading.guideline
    if len(reading.possible) > 1 or reading.category is None:
        for one in reading.possible:
            yield {"code": sending.own("possible-category"), "valueCodeableConcept": category(sending, name, one)}
    if reading.silent:
        yield {"code": sending.own("guideline-silent"), "valueBoolean": True}
        for other in filter(None, map(clean, reading.alternatives)):
            yield {"code": sending.own("other-reading"), "valueString": other}
    for one in reading.likely:
        yield {"code": sending.own("calibrated-set"), "valueCodeableConcept": category(sending, name, one)}
    for one, p in reading.probabilities.items():
        code = of_guideline(sending, name, f"probability.{one}", f"probability of {one}")
        yield {"code": code, "valueQuantity": quantity(p)}
    if reading.ask:
        yield {"code": sending.own("next-to-assess"), "valueCodeableConcept": _asked(sending, reading.ask)}


def _asked(sending: Sending, ask: str) -> Json:
    """What to assess next; a finding's name may stand before it."""
    names = [f.tracking_id for f in sending.assessment.record.case.findings if ask.startswith(f"{f.tracking_id}.")]
    name = ask.removeprefix(f"{names[0]}.") if names else ask
    words = f"{label(name)} of {names[0]}" if names else label(name)
    return concept([coding(sending.system("feature"), name)], words)


def fact_parts(sending: Sending, reading: Reading) -> Iterator[Json]:
    """What the guideline adds to the category; what is still open is unknown, never a no."""
    held = reading.facts.get("open")
    still_open = set(held) if isinstance(held, list | tuple) else set()
    for name, value in reading.facts.items():
        if name in TOLD | PROSE:
            continue
        code = of_guideline(sending, reading.guideline, name, label(name))
        if name in still_open:
            yield {"code": code, "dataAbsentReason": unknown("still open")}
        elif value is not None and (said := _value(name, value)):
            yield {"code": code, **said}


def _value(name: str, value: Any) -> Json:
    """value[x] of what a guideline adds; nothing where it says nothing."""
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, str | list | tuple | Mapping):
        words = clean(value if isinstance(value, str) else plain_words(name, value))
        return {"valueString": words} if words else {}
    return {"valueQuantity": quantity(value, name)}


def of_guideline(sending: Sending, guideline: str, what: str, text: str = "") -> Json:
    """A concept of the product's ``observable`` that one guideline defines."""
    words = text or what.replace("-", " ")
    return concept([sending.observable(f"{id_of(guideline)}.{what}")], f"{clean(guideline)}: {words}")
