"""The DiagnosticReport: one through all its versions, preliminary until a human signs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping

from ....engine.errors import BadValue
from ....engine.types import GuidelineDecision
from ...report.view import applied, lesions
from ...report.words import clean
from . import terms
from .context import WHERE
from .exams import alone_urn, exam_urn, overridden, stated_alone, stated_by
from .lesions import lesion_urn
from .narrative import conclusion, narrative
from .parts import Json, concept, fixed, reference, some, standard
from .reading import category, id_of
from .sending import Entry, Sending
from .work import report_urn

TITLES = {"text/plain": "Report, plain text", "text/html": "Report, page"}


def report(sending: Sending) -> Entry:
    """The report with its results, conclusion and documents."""
    context, exam = sending.context, sending.assessment.record.case.exam
    head = sending.about("DiagnosticReport", report_urn(sending), ai=_by_program(sending))
    if name := clean(sending.assessment.record.decision_id):
        head["identifier"].append({"use": "secondary", "system": sending.naming("decision"), "value": name})
    if context.accession:
        head["identifier"].append(dict(context.accession))
    resource = some(
        **head,
        text=narrative(sending),
        basedOn=[dict(order) for order in context.orders],
        status=sending.status,
        category=[fixed("report_category")],
        code=dict(context.exam) if context.exam else _code(sending),
        subject=sending.subject,
        effectiveDateTime=exam.date.isoformat() if exam.date else None,
        issued=sending.moment.isoformat() if sending.signed else None,
        performer=[dict(context.performer)] if context.performer else None,
        resultsInterpreter=[sending.signer] if sending.signer else None,
        imagingStudy=[sending.study] if sending.study else None,
        result=[reference(urn) for urn in _results(sending)],
        conclusion=conclusion(sending),
        conclusionCode=list(_coded(sending)),
        presentedForm=list(_forms(sending)),
    )
    return Entry(report_urn(sending), resource)


def _by_program(sending: Sending) -> bool:
    """Whether any answer in it is the program's."""
    answers = applied(sending.assessment.decision)
    return not answers or any(overridden(sending, d.application.guideline) is None for d in answers)


def _results(sending: Sending) -> Iterator[str]:
    """The exam by each guideline, then the findings, unless the signer set aside what is said of them."""
    if (alone := stated_alone(sending)) is not None:
        yield alone_urn(sending, alone)
    yield from (exam_urn(sending, d) for d in applied(sending.assessment.decision) if d.exam is not None)
    if sending.signed is None or not sending.unverified:
        yield from (lesion_urn(sending, found) for found in lesions(sending.assessment))


def _code(sending: Sending) -> Json:
    """The exam by the region that all guidelines are about; any imaging where they differ or say nothing."""
    codes = terms.codes()
    regions = {codes.guideline_regions.get(id_of(d.application.guideline)) for d in _about(sending)}
    region = regions.pop() if len(regions) == 1 else None
    modality = sending.assessment.record.case.exam.facts.get("modality")
    other = modality is not None and getattr(modality, "value", None) != "CT"
    if region is None or other:
        return fixed("report")
    return concept(standard(codes.regions[region]))


def _about(sending: Sending) -> tuple[GuidelineDecision, ...]:
    return applied(sending.assessment.decision)


def _coded(sending: Sending) -> Iterator[Json]:
    """The categories that are concluded: decided ones of guidelines that surely apply, or the signer's."""
    alone = stated_alone(sending) or {}
    if alone.get("category") and alone.get("guideline"):
        yield category(sending, clean(str(alone["guideline"])), clean(str(alone["category"])))
    for decided in applied(sending.assessment.decision):
        if decided.exam is None or decided.application.applies != "yes":
            continue
        stated = overridden(sending, decided.application.guideline)
        if stated is None and decided.exam.category is not None:
            yield category(sending, decided.exam.guideline, decided.exam.category)
        elif stated and stated.get("category") and "uncoded" not in stated:
            yield category(sending, stated_by(stated, decided.exam.guideline), str(stated["category"]))


def _forms(sending: Sending) -> Iterator[Json]:
    for kind, content in sorted(_given(sending).items()):
        if kind not in TITLES or not content:
            found = "an empty document" if kind in TITLES else "another media type"
            raise BadValue(WHERE, "forms", found, f"{' or '.join(sorted(TITLES))}, with content", "Correct it.")
        yield {
            "contentType": kind,
            "language": "en",
            "data": base64.b64encode(content).decode(),
            "size": len(content),
            # R4: Attachment.hash is SHA-1; it finds a changed document, and protects against nobody
            "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
            "title": TITLES[kind],
        }


def _given(sending: Sending) -> Mapping[str, bytes]:
    """The documents that the caller gives, else as the report's own face renders them."""
    if sending.context.forms is not None:
        return sending.context.forms
    if sending.superseded and sending.signed is None:
        return {}  # the draft's own words would still call it preliminary
    from ...report.html import report_html
    from ...report.text import report_text

    shown, signed = sending.assessment, sending.signed
    text, page = report_text(shown, signed=signed), report_html(shown, signed=signed)
    return {"text/plain": text.encode(), "text/html": page.encode()}
