"""Change of size with its error; doubling times."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracked import lesion

from radlogic.engine.errors import BadValue
from radlogic.engine.tracking.growth import growth
from radlogic.engine.types import Finding, Measured, Source, SourceKind, Unknown

NET = Source(SourceKind.NET, "a net")


def measured(mm, sd):
    return Finding("n", "nodule", {"mean_mm": Measured(mm, sd, "mm", NET)})


def test_a_diameter_that_grows_by_a_third_power_of_two_doubles_its_volume():
    found = growth(measured(8 * 2 ** (1 / 3), 0.1), measured(8, 0.1), 12)

    assert found.doublings_a_year == pytest.approx(1)
    assert found.doubling_days == pytest.approx(365.25)
    shortest, longest = found.doubling_90_days
    assert shortest < 365.25 < longest


def test_a_lesion_that_may_not_have_grown_may_never_double():
    found = growth(measured(8.2, 0.5), measured(8, 0.5), 12)

    assert found.doubling_90_days[1] is None
    assert found.doubling_90_days[0] is not None


def test_a_lesion_that_shrinks_has_no_doubling_time():
    found = growth(measured(5, 0.1), measured(9, 0.1), 6)

    assert found.doublings_a_year < 0
    assert (found.doubling_days, found.doubling_90_days) == (None, (None, None))


@pytest.mark.parametrize(("now", "expected"), [(7.5, 0.5), (20.0, 1.0), (6.0, 0.0)])
def test_the_probability_of_more_than_the_threshold_follows_the_error(now, expected):
    assert growth(measured(now, 0.3), measured(6, 0.4), 12).over_threshold == pytest.approx(expected, abs=0.002)


def test_stated_sizes_carry_a_readers_error():
    found = growth(lesion("a", mm=8), lesion("b", mm=6), 12)

    assert 0.9 < found.sd_mm < 2.5
    assert 0.5 < found.over_threshold < 0.9


@given(st.floats(3, 30), st.floats(3, 30), st.floats(0.05, 3), st.floats(0, 0.95))
def test_what_two_exams_err_alike_in_cancels(now, before, sd, shared):
    apart, alike = (growth(measured(now, sd), measured(before, sd), 12, shared=s) for s in (0.0, shared))

    assert alike.sd_mm <= apart.sd_mm
    assert alike.change_mm == apart.change_mm


@given(st.floats(3, 30), st.floats(3, 30), st.floats(0.5, 60))
def test_backwards_in_time_growth_is_loss(now, before, months):
    there, back = (
        growth(measured(now, 0.5), measured(before, 0.5), months),
        growth(measured(before, 0.5), measured(now, 0.5), months),
    )

    assert math.isclose(there.doublings_a_year, -back.doublings_a_year, abs_tol=1e-9)
    assert math.isclose(there.change_90_mm[0], -back.change_90_mm[1], abs_tol=1e-9)


def test_without_a_size_growth_is_unknown():
    found = growth(lesion("a", mm=None), lesion("b"), 12)

    assert isinstance(found, Unknown)
    assert "current" in found.why


@pytest.mark.parametrize(("months", "shared"), [(0, 0.0), (-3, 0.0), (float("nan"), 0.0), (12, 1.0), (12, -0.1)])
def test_exams_in_the_wrong_order_and_impossible_correlations_are_refused(months, shared):
    with pytest.raises(BadValue):
        growth(lesion("a"), lesion("b"), months, shared=shared)


def test_note_six_speaks_of_twelve_months():
    assert growth(lesion("a"), lesion("b"), 12).within_12_months
    assert not growth(lesion("a"), lesion("b"), 13).within_12_months
