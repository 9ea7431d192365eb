"""Bundles of decisions as they are kept: in a file, or in a store with signatures and corrections."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....engine.errors import BadValue
from ....engine.record import Assessment
from ...decision_file import read_decision
from ...report.signed import signed_of
from ...store.cases import Row, Store
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
        store: where the decision is kept, so that its signature and corrections are known; None: it is not signed.

    Raises:
        InputError: the file or the patient cannot be used.
        StoreUnavailable, NoSuchDecision: the store, or the decision in it.
        and as ``report_bundle``.
    """
    context = Context(subject_of(patient), base)
    assessment = read_decision(decision)
    if store is None:
        return dumps(report_bundle(assessment, None, context))
    with Store.open(store, make=False) as kept:
        return dumps(kept_bundle(kept, assessment.record.decision_id, context))


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
    file = store.case(decision_id)
    before = _before(store, file.row)
    known = replace(
        context,
        at=file.row.arrived,
        began=before[-1][0].decision_id if before else "",
        was_final=any(row.signed_by is not None for row, _ in before),
        superseded=file.row.superseded_by is not None,
    )
    return report_bundle(file.assessment, signed_of(file), known, replaced=tuple(one for _, one in before))


def _before(store: Store, row: Row) -> list[tuple[Row, Assessment]]:
    """The decisions whose place it takes, the last one first."""
    found: list[tuple[Row, Assessment]] = []
    while row.supersedes is not None:
        file = store.case(row.supersedes)
        row = file.row
        found.append((row, file.assessment))
    return found
