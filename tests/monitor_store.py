"""A store with signed exams, made through the store's own face: assessments of the engine on beliefs that a net said.

The engine assesses each kind of nodule once; exams of the same kind differ in patient, scanner and what a human did.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache

from radlogic.adapters.cases import parse, read
from radlogic.adapters.store.cases import Store
from radlogic.engine.assess import assess
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.record import Assessment
from radlogic.engine.types import (
    Belief,
    Case,
    Classes,
    Exam,
    Finding,
    Indication,
    Known,
    Measured,
    Patient,
    Source,
    SourceKind,
)

GUIDELINE = "lung-rads@2022"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NET = Source(SourceKind.NET, "lung-nodule")
READER = {"actor": "dr-a"}


def header(**values: object) -> dict[str, Belief]:
    return {name: Known(value, Source(SourceKind.IMAGE, "DICOM header")) for name, value in values.items()}


@cache
def knowledge():
    return load_knowledge(date(2026, 3, 2), GUIDELINE, images=True)


@cache
def assessed(mm: float, solid: float = 0.98, sd: float = 0.4, **more: str) -> Assessment:
    """The engine's answer about one nodule that only the net measured; ``more``: facts of the series."""
    form = {"exam": {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True}}
    stated = read(parse(json.dumps({**form, "nodules": [{"status": "baseline"}]})), load_guideline(GUIDELINE))
    left = 1 - solid
    said: dict[str, Belief] = {
        "type": Classes({"solid": solid, "part_solid": left / 2, "non_solid": left / 2}, NET),
        "mean_mm": Measured(mm, sd, "mm", NET),
    }
    series = header(modality="CT", slice_thickness_mm=Decimal("1.25"), lungs_imaged="whole") | header(**more)
    exam = Exam(date(2026, 3, 2), Indication.SCREENING, {**stated.exam, **series})
    finding = Finding("N1", "nodule", {**stated.findings[0][1], **said}, (1.0, 2.0, 3.0))
    years = Known(Decimal(66), Source(SourceKind.RECORD, "Patient/1"))
    sex = Known("F", Source(SourceKind.RECORD, "Patient/1"))
    case = Case(exam, (finding,), Patient("p", {"age_years": years, "sex": sex}))
    return assess(case, knowledge(), date(2026, 3, 2))


def of_patient(assessment: Assessment, name: str) -> Assessment:
    """The same decision about somebody else."""
    case = replace(assessment.record.case, patient=replace(assessment.record.case.patient, key=f"patient-{name}"))
    return replace(assessment, record=replace(assessment.record, decision_id=name, case=case))


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def sign(
    store: Store,
    assessment: Assessment,
    name: str,
    minutes: float = 0.0,
    category: str | None = None,
    actor: str = "dr-a",
) -> None:
    """Add an exam and sign it two hours later: as the engine says, or another category."""
    store.add(of_patient(assessment, name), at(minutes), "radlogic")
    store.open_reasons(name, at(minutes + 60), actor=actor)
    seen = None
    if category is not None:
        answer = {"guideline": GUIDELINE, "category": category}
        given = store.override(name, "finding_described_otherwise", "", at(minutes + 119), answer=answer, actor=actor)
        seen = given.sequence
    store.sign(name, at(minutes + 120), seen=seen, actor=actor)
