"""Bundles of decisions as they are kept: in a file, or in a store with signatures and corrections."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....engine.errors import BadValue
from ...decision_file import read_decision
from ...report.signed import Stood, check_as_kept, signed_of, stood
from ...store.cases import Store
from .bundle import dumps, report_bundle
from .context import Context
from .parts import Json

PATIENT = re.compile(r"(https?://\S+/)?Patient/[A-Za-z0-9\-.]{1,64}")


def bundle_text(decision: Path, patient: str, base: str = "", store: str | Path | None = None) -> str:
    """What ``radlogic report DECISION --fhir`` prints: the Bundle as JSON text.

    Args:
        decision: a ``decision.json``.
        patient: whom it is about, on the server that is sent to: ``Patient/7``, its URL, or ``system|value``.
        base: of the product's own code systems; '' for ``urn:radlogic``.
        store: where the decision is kept, so that its signature and corrections are known. None: nothing is known of
            them, and the preliminary report is made only where the server has no report of that name.

    Raises:
        InputError: the file or the patient cannot be used.
        Contradiction: the file holds another decision than the store does under its id.
        StoreUnavailable, NoSuchDecision: the store, or the decision in it.
        and as ``report_bundle``.
    """
    context = Context(subject_of(patient), base)
    assessment = read_decision(decision)
    if store is None:
        return dumps(report_bundle(assessment, None, context))
    with Store.open(store, make=False) as kept:
        found = stood(kept, assessment.record.decision_id)
        check_as_kept(assessment, found.file.assessment, decision.name)
        return dumps(stood_bundle(found, context))


def subject_of(text: str) -> Json:
    """The patient as stated on a command line.

    >>> subject_of("Patient/7"), subject_of("https://hospital.example/mrn|123")
    ({'reference': 'Patient/7'}, {'identifier': {'system': 'https://hospital.example/mrn', 'value': '123'}})

    Raises:
        BadValue: neither a reference nor an identifier.
    """
    if PATIENT.fullmatch(text):
        return {"reference": text}
    system, bar, value = text.partition("|")
    if bar and value.strip() and ":" in system and not re.search(r"\s", system):
        return {"identifier": {"system": system, "value": value.strip()}}
    allowed = "Patient/<id>, the URL of a Patient, or system|value with a URI as system"
    raise BadValue("command line", "--patient", "another text", allowed, "Say whom the report is about.")


def kept_bundle(store: Store, decision_id: str, context: Context) -> dict[str, Any]:
    """A kept decision as a Bundle: signed as it is, under the name of the decision that began its report.

    ``context`` gives the patient and what else the store does not know; what it does know is put in its place.

    Raises:
        NoSuchDecision: there is none of that id.
        and as ``report_bundle``.
    """
    return stood_bundle(stood(store, decision_id), context)


def stood_bundle(found: Stood, context: Context) -> dict[str, Any]:
    """The same of a decision that was looked up already."""
    file, before = found.file, found.before
    known = replace(
        context,
        at=file.row.arrived,
        began=before[-1].row.decision_id if before else "",
        was_final=found.was_final,
        superseded=bool(found.replaced_by),
    )
    replaced, signatures = tuple(one.assessment for one in before), tuple(map(signed_of, before))
    return report_bundle(file.assessment, found.signed, known, replaced=replaced, signatures=signatures)
