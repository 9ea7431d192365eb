"""The report in words within FHIR: the conclusion, and the narrative (XHTML, built as a tree, so all is escaped)."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as Tree  # builds, never parses

from ....engine.types import GuidelineDecision, Reading
from ...notice import INTENDED_USE
from ...report.overridden import set_aside, stated_management
from ...report.plain_names import in_words
from ...report.view import applied, guideline_name, lesions, management_of, spoken_of
from ...report.words import capital, category_words, clean, interval_words, percent, stop, term
from .exams import NONE_STATED, interval_of, not_taken, overridden, stated_alone, stated_by
from .parts import Json
from .reading import undecided
from .sending import Sending

XHTML = "http://www.w3.org/1999/xhtml"
SAID = {
    "preliminary": "PRELIMINARY - NOT SIGNED",
    "final": "SIGNED",
    "amended": "SIGNED - AMENDED",
    "corrected": "SIGNED - CORRECTED",
    "entered-in-error": "WITHDRAWN - ANOTHER DECISION TOOK ITS PLACE",
}


def conclusion(sending: Sending) -> str:
    """What each guideline concludes for the exam, one line each, as signed or as the program says."""
    lines = [line for d in applied(sending.assessment.decision) if (line := _line(sending, d))]
    if (alone := stated_alone(sending)) is not None:
        named = clean(str(alone.get("guideline") or ""))
        lines.insert(0, f"{guideline_name(named) if named else 'Stated by the signer'}: {stop(_stated(alone))}")
    return "\n".join(lines) or "No guideline gives an answer for this exam."


def _line(sending: Sending, decided: GuidelineDecision) -> str:
    if decided.exam is None:
        return ""
    stated = overridden(sending, decided.application.guideline)
    name = guideline_name(decided.application.guideline)
    if stated == {} and sending.signed and sending.signed.override:
        return f"{name}: the program's answer was not taken."
    if stated is not None:
        return f"{guideline_name(stated_by(stated, decided.application.guideline))}: {stop(_stated(stated))}"
    return f"{name}: {' '.join(_sentences(decided, decided.exam))}"


def _stated(stated: Json) -> str:
    """The signer's own answer, without a category that they did not state."""
    said, managed = clean(str(stated.get("category") or "")), stated_management(stated)
    words = f"category {said}" if said and " " not in said and "-" not in said else said
    first = words or NONE_STATED
    return f"{first}. {capital(managed)}" if managed else first


def _sentences(decided: GuidelineDecision, reading: Reading) -> Iterator[str]:
    yield stop(verdict(reading))
    if decided.application.applies == "conditional":
        yield stop(
            "Conditional: " + " ".join(in_words(why, (reading.guideline,)) for why in decided.application.reasons)
        )
    if said := management_of(reading):
        yield stop(capital(said))
    if window := interval_of(reading):
        due = f" (due {decided.due_date.isoformat()})" if decided.due_date else ""
        yield f"Follow-up {interval_words(list(window))}{due}."


def _reasons(sending: Sending) -> list[str]:
    decision = sending.assessment.decision
    return [in_words(reason.text, spoken_of(decision)) for reason in decision.review.reasons]


def verdict(reading: Reading) -> str:
    """The category, what remains possible and what is silent, in words that programs read back (``conclusions``)."""
    words = category_words(reading)
    if reading.category is None:
        return undecided(reading)
    named = words if not reading.category or " " in words or "-" in words else f"category {words}"
    others = f"; other readings: {', '.join(map(clean, reading.alternatives))}" if reading.alternatives else ""
    return f"{named} (default reading, the guideline is silent{others})" if reading.silent else named


def narrative(sending: Sending) -> Json:
    """DiagnosticReport.text: status, conclusion, findings, risks, reasons for review, intended use."""
    div = Tree.Element("div", {"xmlns": XHTML})
    _add(div, "p", SAID[sending.status])
    for line in conclusion(sending).splitlines():
        _add(div, "p", line)
    _list(div, "The program's answer, not taken", not_taken(sending))
    _findings(div, sending)
    asked = sending.assessment.decision.review
    if asked.required and sending.signed is None:
        _list(div, "Review required", _reasons(sending) or ["no reason stated"])
    _add(div, "p", INTENDED_USE)
    # "additional": reasons and intended use stand in no element of the report itself (R4 narrative-status)
    return {"status": "additional", "div": Tree.tostring(div, encoding="unicode")}


def _findings(div: Tree.Element, sending: Sending) -> None:
    found = lesions(sending.assessment)
    if not found:
        return
    aside = {d.application.guideline for d in set_aside(sending.assessment.decision, sending.signed)}
    table = Tree.SubElement(div, "table")
    _row(table, "th", ("Finding", "Where", "Category", "Risk"))
    for one in found:
        said = "; ".join(
            f"{guideline_name(r.guideline)}: {category_words(r)}" + " (engine, not taken)" * (r.guideline in aside)
            for r in one.readings
        )
        risk = "; ".join(
            f"{term('models', r.model)}: {percent(r.probability)}" for r in one.risks if r.probability is not None
        )
        _row(table, "td", (one.finding.tracking_id, one.finding.location, said, risk))


def _row(table: Tree.Element, tag: str, cells: tuple[str, ...]) -> None:
    row = Tree.SubElement(table, "tr")
    for cell in cells:
        _add(row, tag, cell)


def _list(div: Tree.Element, heading: str, texts: list[str]) -> None:
    if texts:
        _add(div, "p", f"{heading}:")
        items = Tree.SubElement(div, "ul")
        for text in texts:
            _add(items, "li", text)


def _add(parent: Tree.Element, tag: str, text: str) -> None:
    Tree.SubElement(parent, tag).text = clean(text) or "-"
