"""A phantom exam on disk, decisions about it, and masks drawn in it, for the tests of DICOM out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import sample_decisions
from hypothesis import strategies as st

from radlogic.adapters.dicom.emit.masks import LesionMask
from radlogic.adapters.dicom.emit.report import Told
from radlogic.adapters.dicom.write import write_series
from radlogic.adapters.report.signed import Signed
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.perception.volume import Acquisition, Volume
from radlogic.engine.record import Assessment
from radlogic.engine.types import (
    Belief,
    Case,
    Classes,
    Exam,
    Finding,
    Known,
    Measured,
    NotApplicable,
    PastSize,
    Source,
    SourceKind,
    Unknown,
)

DAY = sample_decisions.EXAM_DATE
AT = dt.datetime(2025, 3, 14, 9, 26, 53, 589000, tzinfo=dt.timezone(dt.timedelta(hours=1)))
TOLD = Told(AT, institution="Klinik Süd")
SIGNED = Signed("Reader^Anna", dt.datetime(2025, 3, 15, 8, 0, tzinfo=dt.UTC), "accepted")
SPACING = (1.25, 0.7, 0.7)


def volume(slices: int = 24, side: int = 64) -> Volume:
    """Lung of -850 HU; the highest slice first in the files or not is the writer's business."""
    hu = np.full((slices, side, side), -850, np.int16)
    axes = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    made = Acquisition(manufacturer="MAKER", kernel="B70f", slice_thickness_mm=1.25, kvp=120.0)
    return Volume(hu, SPACING, (-22.4, -30.1, -120.25), axes, made)


def exam_on_disk(folder: Path, seen: Volume | None = None) -> Path:
    """The phantom as a CT series; returns its folder."""
    write_series(seen if seen is not None else volume(), folder / "ct", date=DAY)
    return folder / "ct"


def about(assessment: Assessment, *findings: Finding, day: dt.date | None = DAY) -> Assessment:
    """The assessment, of this exam's day, about these findings instead of its own where any are given."""
    case = assessment.record.case
    exam = replace(case.exam, date=day, study_uid="")
    case = replace(case, exam=exam, findings=findings or case.findings)
    return replace(assessment, record=replace(assessment.record, case=case))


def plain(*findings: Finding, exam: Exam | None = None) -> Assessment:
    """A decision of no guideline about these findings."""
    base = sample_decisions.no_findings()
    case = Case(exam or Exam(DAY), findings)
    return replace(base, record=replace(base.record, case=case))


def ball(tracking_id: str, centre: tuple[int, int, int], radius_mm: float, kind: str = "nodule") -> LesionMask:
    """A ball around a voxel of the phantom."""
    k, i, j = np.ogrid[: volume().hu.shape[0], :64, :64]
    place = [(axis - c) * mm for axis, c, mm in zip((k, i, j), centre, SPACING, strict=True)]
    inside = sum(p**2 for p in place) <= radius_mm**2
    box = tuple(slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(inside))
    start = (box[0].start, box[1].start, box[2].start)
    return LesionMask(tracking_id, kind, "", inside[box], start)


def without_conventions(finding: Finding) -> dict[str, Belief]:
    """The facts that somebody stated."""
    return {
        name: belief
        for name, belief in finding.facts.items()
        if belief.source is None or belief.source.kind is not SourceKind.CONVENTION
    }


# ---------------------------------------------------------------- findings at random, within the guidelines' inputs

PEOPLE = Source(SourceKind.HUMAN, "findings.json", DAY)
NET = Source(SourceKind.NET, "lung-nodule", DAY)
SIZES = st.decimals(Decimal("0.1"), Decimal(400), places=1)
FINITE = st.floats(0.1, 400, allow_nan=False)
WORDS = st.sampled_from(["right upper lobe", "Lungenbasis, links", "apical; beside the fissure", "右上葉", "<b>&"])


@cache
def findings(guideline: str) -> st.SearchStrategy[tuple[Finding, ...]]:
    """Up to three findings with inputs of the guideline, each stated by people or by a net, known or not."""
    rules = load_guideline(guideline)
    kind = rules.head["findings"]["kind"]
    return st.lists(_finding(rules.inputs, kind), max_size=3, unique_by=lambda f: f.tracking_id).map(tuple)


@st.composite
def _finding(draw: st.DrawFn, inputs: dict[str, tuple[str, dict[str, object]]], kind: str) -> Finding:
    names = sorted(n for n, (scope, i) in inputs.items() if scope == "finding" and i["type"] != "date")
    chosen = draw(st.lists(st.sampled_from(names), max_size=6, unique=True))
    facts: dict[str, Belief] = {}
    for name in chosen:
        given = inputs[name][1]
        under = [f"{name}.{value}" for value in _values(given)] if given["type"] == "set" else [name]
        facts[draw(st.sampled_from(under))] = draw(_belief(given))
    position = draw(st.none() | st.tuples(*[st.integers(-400_000, 400_000).map(lambda n: n / 1000)] * 3))
    tracking = draw(st.sampled_from(["N1", "nodule 7", "läsion/β", "1"]) | st.text("abcdef 0123456789", min_size=1))
    return Finding(tracking.strip() or "N", kind, facts, position, draw(st.just("") | WORDS))


def _values(given: dict[str, object]) -> Iterable[str]:
    values = given.get("values")
    return [str(value) for value in values] if isinstance(values, list | tuple) else []


def _belief(given: dict[str, object]) -> st.SearchStrategy[Belief]:
    kind = given["type"]
    if kind == "number":
        value: st.SearchStrategy[object] = SIZES
        unsure: st.SearchStrategy[Belief] = st.builds(
            Measured, FINITE, st.floats(1e-3, 1e3), st.just(_unit(given)), st.just(NET)
        )
    elif kind == "history":
        value = st.lists(st.builds(PastSize, SIZES, SIZES), max_size=3).map(tuple)
        unsure = st.nothing()
    elif kind == "text":
        value, unsure = WORDS, st.nothing()
    elif kind == "enum":
        values = list(_values(given))
        value, unsure = st.sampled_from(values), _classes(values)
    else:
        value, unsure = st.booleans(), _classes(["yes", "no"])
    said = st.builds(Known, value, st.sampled_from([PEOPLE, NET]))  # type: ignore[arg-type]
    nothing = st.builds(Unknown, st.just("not said")) | st.builds(NotApplicable, st.just(PEOPLE))
    return said | nothing | unsure


def _unit(given: dict[str, object]) -> str:
    unit = str(given.get("unit", "1"))
    return "" if unit == "1" else unit


@st.composite
def _classes(draw: st.DrawFn, values: list[str]) -> Classes:
    raw = [draw(st.integers(1, 99)) for _ in values]
    return Classes({value: n / sum(raw) for value, n in zip(values, raw, strict=True)}, NET)
