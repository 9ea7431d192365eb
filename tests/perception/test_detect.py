"""What a detector proposes becomes findings that a human must look at, and nothing else."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radlogic.engine.assess import assess
from radlogic.engine.errors import BadValue
from radlogic.engine.facts import names
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.perception.detect import Candidate, Upstream, findings_of
from radlogic.engine.perception.volume import Acquisition, Volume
from radlogic.engine.types import Case, Exam, Indication, Known, Route, Source, SourceKind

AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
VOLUME = Volume(np.full((2, 4, 4), -1000, np.int16), (2.5, 1.0, 1.0), (0.0, 0.0, 0.0), AXIAL)
ONE = Candidate((12.0, -34.5, 78.25), 7.4, 0.8123)
TWO = Candidate((60.0, 1.0, 2.0), 5.0, 0.3)
CAD = Upstream("some CAD 2.1", (TWO, ONE))
HUMAN = Source(SourceKind.HUMAN, "test")


def test_an_upstream_algorithm_keeps_its_name_and_gives_the_likeliest_first():
    assert CAD.detect(VOLUME) == (ONE, TWO)
    assert not CAD.validated


def test_a_candidate_becomes_a_finding_that_states_nothing_but_who_found_it():
    (finding, _) = findings_of(CAD.detect(VOLUME), CAD, VOLUME)

    assert (finding.kind, finding.position_mm) == ("nodule", (12.0, -34.5, 78.25))
    assert set(finding.facts) == {"found_by_program"}
    belief = finding.facts["found_by_program"]
    assert belief.source == Source(SourceKind.NET, "some CAD 2.1")
    assert "review" in finding.location


def test_no_guideline_reads_what_a_finder_says():
    for guideline in load_knowledge().guidelines:
        assert "found_by_program" not in set(names(guideline, ("exam", "patient", "finding")))


def test_the_same_candidate_of_the_same_scan_has_the_same_name_and_others_have_others():
    again = findings_of((ONE,), Upstream("some CAD 2.1", ()), VOLUME)
    other_scan = Volume(VOLUME.hu, (2.5, 1.0, 1.0), (0.0, 0.0, 0.0), AXIAL, Acquisition(series_uid="1.2.3"))
    first, second = findings_of((ONE, TWO), CAD, VOLUME)
    ids = {
        first.tracking_id,
        second.tracking_id,
        findings_of((ONE,), CAD, other_scan)[0].tracking_id,
        findings_of((ONE,), Upstream("another CAD", ()), VOLUME)[0].tracking_id,
    }

    assert again[0].tracking_id == first.tracking_id
    assert len(ids) == 4
    assert not any("1.2.3" in name for name in ids)


def case() -> Case:
    """A screening exam, stated but for its findings: one candidate."""
    exam = {
        "round": "baseline",
        "prior_ct": "none",
        "lungs_fully_evaluable": True,
        "known_lung_cancer": False,
        "s_finding": "none",
    }
    facts = {name: Known(value, HUMAN) for name, value in exam.items()}
    return Case(Exam(date(2026, 1, 5), Indication.SCREENING, facts), findings_of((ONE,), CAD, VOLUME))


@pytest.mark.parametrize("guideline", ["lung-rads", "fleischner", "li-rads-ct-mri", None])
def test_a_candidate_demands_review_whatever_is_read(guideline: str | None):
    decision = assess(case(), load_knowledge(date(2026, 1, 5), guideline), date(2026, 1, 6)).decision

    assert decision.review.required
    assert decision.route is Route.RULE_BASED


def test_the_review_says_that_only_a_program_pointed_at_it_and_no_category_follows():
    decision = assess(case(), load_knowledge(date(2026, 1, 5), "lung-rads"), date(2026, 1, 6)).decision

    (reason,) = [r for r in decision.review.reasons if r.code == "found_by_program"]
    assert "some CAD 2.1" in reason.text
    (read,) = decision.guidelines
    assert read.exam is not None
    assert read.exam.category is None
    assert read.findings[0].reading.category is None
    assert set(read.findings[0].unconfirmed) == {"found_by_program"}


def test_without_candidates_nothing_is_said_of_the_lungs():
    exam = case().exam
    decision = assess(
        Case(exam, findings_of((), CAD, VOLUME)), load_knowledge(date(2026, 1, 5), "lung-rads"), date(2026, 1, 6)
    ).decision

    assert decision.review.required
    assert all(d.exam is None or d.exam.category is None for d in decision.guidelines)


WRONG = {
    "a place that is none": ((1.0, math.nan, 2.0), 5.0, 0.5),
    "a flat one": ((1.0, 2.0, 3.0), 0.0, 0.5),
    "a score above 1": ((1.0, 2.0, 3.0), 5.0, 1.5),
    "a score that is none": ((1.0, 2.0, 3.0), 5.0, math.nan),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_candidate_that_cannot_be_is_refused(wrong: str):
    with pytest.raises(BadValue, match="candidate"):
        Candidate(*WRONG[wrong])


@given(st.lists(st.tuples(st.integers(-3000, 3000), st.floats(0, 1)), max_size=30, unique_by=lambda c: c[0]))
def test_every_candidate_has_a_name_of_its_own(given_: list[tuple[int, float]]):
    candidates = [Candidate((x / 10, 0.0, 0.0), 5.0, score) for x, score in given_]

    found = findings_of(candidates, CAD, VOLUME)

    assert len({f.tracking_id for f in found}) == len(candidates)


def test_a_finders_list_is_no_search_for_nodules():
    found = findings_of((ONE,), CAD, VOLUME)

    assert Case(Exam(), found).assessed == ()
    assert Case(Exam(), found, assessed=("nodule",)).assessed == ("nodule",)
