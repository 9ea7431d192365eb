"""Control limits and intervals against the paper's formulae, worked out another way, and against scipy."""

from fractions import Fraction
from math import comb, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from radlogic.adapters.audit.page_limits import LEVELS, QUANTILES, limits, side, spread, wider
from radlogic.adapters.audit.tally import wilson


def by_counting(target, exams, p):
    """Spiegelhalter 2005, A.1.1, with whole numbers alone: no part of the product and no rounding."""
    share, so_far = Fraction(target), Fraction(0)
    for r in range(exams + 1):
        mass = comb(exams, r) * share**r * (1 - share) ** (exams - r)
        so_far += mass
        if so_far >= p:
            return min(max(float((r - (so_far - p) / mass) / exams), 0.0), 1.0)
    raise AssertionError


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.fractions("0.02", "0.98", max_denominator=50), st.sampled_from(LEVELS))
def test_the_limits_are_those_of_the_paper_counted_out(exams, target, level):
    tail = (1 - Fraction(str(level))) / 2

    low, high = limits(float(target), exams, level)

    assert low == pytest.approx(by_counting(target, exams, tail), abs=1e-9)
    assert high == pytest.approx(by_counting(target, exams, 1 - tail), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3_000_000), st.floats(0.001, 0.999), st.sampled_from(LEVELS))
def test_the_limits_are_those_of_scipys_binomial_distribution(exams, target, level):
    for p, found in zip(((1 - level) / 2, (1 + level) / 2), limits(target, exams, level), strict=True):
        count = binom.ppf(p, exams, target)
        want = (count - (binom.cdf(count, exams, target) - p) / binom.pmf(count, exams, target)) / exams
        assert found == pytest.approx(min(max(want, 0.0), 1.0), abs=1e-8)


def test_the_quantiles_are_those_of_the_normal_distribution():
    assert {level: pytest.approx(norm.ppf((1 + level) / 2), abs=1e-12) for level in LEVELS} == QUANTILES


@pytest.mark.parametrize(("exams", "target"), [(400, 0.3), (560, 0.9936), (20, 0.5), (3, 0.9)])
def test_by_chance_at_most_one_group_in_twenty_and_one_in_five_hundred_is_called_beyond(exams, target):
    beyond = dict.fromkeys(("inside", "beyond 95 %", "beyond 99.8 %"), 0.0)
    for met in range(exams + 1):
        beyond[side(target, met, exams)] += float(binom.pmf(met, exams, target))

    assert beyond["beyond 95 %"] + beyond["beyond 99.8 %"] <= 0.05
    assert beyond["beyond 99.8 %"] <= 0.002
    if exams == 400:  # so many that whole counts come near to it
        assert beyond["beyond 95 %"] > 0.03
        assert beyond["beyond 99.8 %"] > 0.001


def test_all_met_is_not_beyond_where_that_is_no_rare_chance():
    assert side(0.9936, 560, 560) == "inside"  # 0.9936^560 = 0.027
    assert side(0.9936, 1200, 1200) == "beyond 99.8 %"  # 0.00045


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_where_all_or_none_are_met_the_limits_are_that(target):
    assert limits(target, 50, 0.95) == (target, target)


def test_groups_that_vary_by_chance_have_no_overdispersion_and_such_that_vary_more_have():
    target, exams = 0.9, 1000
    by_chance = [(round(binom.ppf((n + 0.5) / 40, exams, target)), exams) for n in range(40)]
    apart = [(round(exams * (0.8 + 0.2 * n / 39)), exams) for n in range(40)]

    assert not spread(target, by_chance).more
    found = spread(target, apart)
    scores = sorted((met / exams - target) / sqrt(target * (1 - target) / exams) for met, exams in apart)
    held = [min(max(z, scores[4]), scores[-5]) for z in scores]  # Winsorised: a tenth at either end
    assert found.more
    assert found.factor == pytest.approx(sum(z * z for z in held) / 40)
    low, high = wider(0.5, exams, 0.95, found.factor)
    assert high - low == pytest.approx(2 * 1.96 * sqrt(found.factor * 0.25 / exams), rel=1e-3)


def test_few_groups_are_not_called_overdispersed():
    assert spread(0.5, [(0, 100), (100, 100)] * 4).factor == 1.0


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 100_000), st.data())
def test_the_interval_of_a_rate_is_wilsons(judged, data):
    met = data.draw(st.integers(0, judged))
    want = binomtest(met, judged).proportion_ci(method="wilson")

    assert wilson(met, judged) == pytest.approx((want.low, want.high), abs=1e-9)
