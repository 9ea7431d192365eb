"""Hypothesis strategies: any assessment whose types allow it, sensible or not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from radlogic.engine import types as t
from radlogic.engine.record import Assessment, DecisionRecord

TEXT = st.text(max_size=12)
NAMES = st.text("abcdefgh_.", min_size=1, max_size=8)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DECIMALS = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal(text) for text in ("8.50", "0", "-0.0", "1E+2", "1E-9", "12.000")]
)
DATES = st.dates(date(1900, 1, 1), date(2100, 1, 1))
TEXTS = st.lists(TEXT, max_size=2).map(tuple)
SHARES = st.sampled_from([{"solid": 1.0}, {"solid": 0.25, "part_solid": 0.75}, {"a": 0.1, "b": 0.2, "c": 0.7}])

SOURCES = st.builds(t.Source, st.sampled_from(t.SourceKind), TEXT, st.none() | DATES)
PAST = st.builds(t.PastSize, DECIMALS, DECIMALS)
VALUES = st.booleans() | TEXT | DECIMALS | st.lists(PAST, max_size=2).map(tuple)
BELIEFS = st.one_of(
    st.builds(t.Known, VALUES, SOURCES),
    st.builds(t.Unknown, TEXT, st.none() | SOURCES),
    st.builds(t.NotApplicable, SOURCES),
    st.builds(t.Classes, SHARES, SOURCES),
    st.builds(t.Measured, FLOATS, st.floats(1e-6, 1e6), TEXT, SOURCES),
)
FACTS = st.dictionaries(NAMES | st.just("type"), BELIEFS, max_size=3)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | FLOATS | TEXT | DECIMALS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=5,
)
ADDED = st.dictionaries(NAMES | st.sampled_from(["display", "management", "interval_months"]), PLAIN, max_size=3)

STEPS = st.lists(st.builds(t.Step, TEXT, TEXT, TEXT, TEXTS, TEXT, TEXTS), max_size=2).map(tuple)
READINGS = st.builds(
    t.Reading, TEXT, st.none() | TEXT, TEXTS, STEPS, st.none() | TEXT, st.booleans(), TEXTS, SHARES, ADDED
)
RISKS = st.builds(t.Risk, TEXT, st.none() | st.floats(0, 1), ADDED, TEXT, TEXT, TEXT, TEXTS)
PLACES = st.none() | st.tuples(FLOATS, FLOATS, FLOATS)
FINDINGS = st.lists(
    st.builds(t.Finding, TEXT, TEXT, FACTS, PLACES, TEXT), max_size=2, unique_by=lambda f: f.tracking_id
).map(tuple)
EXAMS = st.builds(t.Exam, st.none() | DATES, st.sampled_from(t.Indication), FACTS, TEXT, TEXTS)
PRIORS = st.lists(st.builds(t.PriorExam, DATES, TEXT, st.none() | TEXT, SOURCES), max_size=1).map(tuple)
CASES = st.builds(t.Case, EXAMS, FINDINGS, st.builds(t.Patient, TEXT, FACTS, PRIORS, TEXTS))

APPLICATIONS = st.builds(t.Application, TEXT, st.sampled_from(["yes", "conditional", "no"]), STEPS, TEXTS)
REVIEWS = st.builds(
    t.Review,
    st.booleans(),
    st.sampled_from(t.Priority),
    st.lists(st.builds(t.ReviewReason, TEXT, TEXT, st.sampled_from(t.Priority)), max_size=2).map(tuple),
)


@st.composite
def assessments(draw: st.DrawFn) -> Assessment:
    """An assessment whose decision is about the findings of its case."""
    case, route = draw(CASES), draw(st.sampled_from(t.Route))
    about = tuple(t.FindingDecision(f, draw(READINGS), draw(st.none() | RISKS), draw(FACTS)) for f in case.findings)
    guideline = t.GuidelineDecision(draw(APPLICATIONS), draw(st.none() | READINGS), about, draw(st.none() | DATES))
    decision = t.Decision((guideline,), route, draw(REVIEWS), draw(TEXTS), draw(TEXTS))
    hashes, nets = {"rules": draw(TEXT)}, draw(st.dictionaries(TEXT, FACTS, max_size=1))
    record = DecisionRecord(
        draw(TEXT), draw(DATES), "0", case, draw(st.none() | TEXT), hashes, route, draw(TEXTS), nets,
        draw(st.dictionaries(NAMES, TEXT, max_size=1)),
    )  # fmt: skip
    return Assessment(decision, record)
