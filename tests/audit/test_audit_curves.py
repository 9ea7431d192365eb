"""Time to follow-up: against single times, against Kaplan-Meier, and never a small cell."""

from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters.audit.aggregates_curves import COARSEST, Interval, incidence, shown
from radlogic.adapters.audit.scope import scope

LEAST = 11
counts = st.integers(0, 60)
histories = st.lists(st.builds(Interval, counts, counts, counts), min_size=1, max_size=30)


def one_by_one(times):
    """Aalen and Johansen from single times (week, what): the sum of surviving times hazard, week by week."""
    surviving, followed, curve = 1.0, 0.0, []
    for week in range(max(t for t, _ in times) + 1):
        at_risk = sum(t >= week for t, _ in times)
        came = sum((t, what) == (week, "followed") for t, what in times)
        ended = sum((t, what) == (week, "ended") for t, what in times)
        followed += surviving * came / at_risk
        surviving *= 1 - (came + ended) / at_risk
        curve.append(followed)
    return curve


weeks = st.integers(0, 12)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(weeks, st.sampled_from(["followed", "ended"])), min_size=1, max_size=60))
def test_without_censoring_the_curve_is_that_of_single_times(times):
    intervals = [
        Interval(*(sum(one == (week, what) for one in times) for what in ("followed", "ended")))
        for week in range(max(t for t, _ in times) + 1)
    ]

    found = [point.followed for point in incidence(intervals)]

    assert found == pytest.approx(one_by_one(times), abs=1e-12)
    assert found[-1] == pytest.approx(sum(what == "followed" for _, what in times) / len(times))


def test_without_competing_events_it_is_one_minus_kaplan_meier_with_half_of_the_censored_at_risk():
    intervals = [Interval(10, 0, 20), Interval(30, 0, 0), Interval(0, 0, 40)]
    surviving = (1 - 10 / 90) * (1 - 30 / 70)

    assert incidence(intervals)[1].followed == pytest.approx(1 - surviving)


def test_who_died_does_not_count_as_if_they_could_still_come():
    half = incidence([Interval(0, 50), Interval(50, 0)])

    assert half[-1].followed == pytest.approx(0.5)  # one minus Kaplan-Meier would say 1.0
    assert half[-1].ended == pytest.approx(0.5)


def test_without_censoring_the_interval_is_that_of_a_proportion():
    (*_, last) = incidence([Interval(20, 5), Interval(30, 25), Interval(10, 10)])
    half = 1.959963984540054 * sqrt(0.6 * 0.4 / 100)

    assert (last.low, last.high) == (pytest.approx(0.6 - half, abs=1e-9), pytest.approx(0.6 + half, abs=1e-9))


@settings(max_examples=30, deadline=None)
@given(histories)
def test_shares_are_shares_and_grow(intervals):
    found = incidence(intervals)

    for before, after in pairwise(found):
        assert before.followed <= after.followed + 1e-12
        assert before.ended <= after.ended + 1e-12
    assert all(0 <= p.low <= p.followed <= p.high <= 1 + 1e-9 for p in found)
    assert all(p.followed + p.ended <= 1 + 1e-9 for p in found)


@settings(max_examples=30, deadline=None)
@given(histories, st.integers(1, 30))
def test_what_is_shown_tells_no_count_more_finely_than_the_smallest_cell(intervals, most):
    many = sum(i.all for i in intervals)
    found = shown(intervals, most, LEAST)

    if many < LEAST / COARSEST:
        assert found is None
        return
    unit = max(LEAST / many, 0.01)
    assert len(found) <= most
    for point, exact in zip(found, incidence(intervals), strict=False):
        assert point.waiting % LEAST == 0
        for share, true in ((point.followed, exact.followed), (point.ended, exact.ended)):
            assert share / unit == pytest.approx(round(share / unit), abs=1e-6) or share == 1.0
            assert abs(share - true) <= unit / 2 + 1e-9
        assert point.low <= exact.low + 1e-9 <= exact.high + 1e-9 <= point.high + 2e-9


def test_every_modality_of_work_up_counts_as_follow_up_in_its_region():
    """Else a work-up before the next imaging could be imaging, and the curves would take it for tissue."""
    regions = {}
    for one in scope().guidelines.values():
        follow_up, work_up = regions.setdefault(one.region, (set(), set()))
        follow_up.update(one.follow_up)
        work_up.update(one.work_up_by)

    assert all(work_up <= follow_up for follow_up, work_up in regions.values())
