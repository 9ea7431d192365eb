"""The statistics against sums written out by hand, and against what must always hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radlogic.adapters.monitor.statistics import (
    Bin,
    adjusted,
    calibrated,
    fewer_than,
    kappa,
    psi,
    share,
    so_different,
    so_differently_spread,
    so_uncalibrated,
    too_few,
    too_many,
)


def choose(n, k):
    return math.factorial(n) // (math.factorial(k) * math.factorial(n - k))


def binomial(k, n, p):
    return choose(n, k) * p**k * (1 - p) ** (n - k)


def said(**masses):
    """Probabilities by category, those of several joined by "or"."""
    return {frozenset(name.split("_or_")): p for name, p in masses.items()}


@pytest.mark.parametrize(("hits", "of"), [(1, 10), (7, 20), (50, 50), (0, 30), (181, 200)])
def test_the_interval_of_a_share_leaves_out_what_would_be_too_improbable(hits, of):
    found = share(hits, of)

    # the ends are where the exact tail is 2.5 %
    above = sum(binomial(k, of, found.low) for k in range(hits, of + 1)) if hits else None
    below = sum(binomial(k, of, found.high) for k in range(hits + 1)) if hits < of else None
    assert above is None or above == pytest.approx(0.025, rel=1e-6)
    assert below is None or below == pytest.approx(0.025, rel=1e-6)
    assert found.value == hits / of


def test_a_share_of_nothing_has_no_value_and_no_interval():
    assert all(math.isnan(v) for v in (share(0, 0).value, share(0, 0).low, share(0, 0).high))


def test_the_tails_are_sums_of_binomial_terms():
    assert too_few(3, 12, 0.6) == pytest.approx(sum(binomial(k, 12, 0.6) for k in range(4)))
    assert too_many(9, 12, 0.6) == pytest.approx(sum(binomial(k, 12, 0.6) for k in range(9, 13)))


def test_fewer_hits_than_others_is_the_tail_of_the_hypergeometric_distribution():
    # 2 of 6 against 7 of 8: tables with the same margins (9 hits, 6 and 8 exams) and 2 hits or fewer in the first
    tables = [choose(6, k) * choose(8, 9 - k) / choose(14, 9) for k in range(1, 3)]

    assert fewer_than((2, 6), (7, 8)) == pytest.approx(sum(tables))


def test_kappa_and_its_error_by_hand():
    # engine and reader on 100 exams: 40 both 2, 30 both 3, 10 and 20 apart
    pairs = [("2", "2")] * 40 + [("3", "3")] * 30 + [("2", "3")] * 10 + [("3", "2")] * 20

    found = kappa(pairs)

    # observed 0.7; by chance 0.5*0.6 + 0.5*0.4 = 0.5; (0.7 - 0.5) / 0.5
    assert found.value == pytest.approx(0.4)
    # Fleiss, Cohen and Everitt: rows 0.5 0.5, columns 0.6 0.4
    on = 0.4 * (0.5 - 1.1 * 0.3) ** 2 + 0.3 * (0.5 - 0.9 * 0.3) ** 2
    off = 0.3**2 * (0.1 * (0.6 + 0.5) ** 2 + 0.2 * (0.4 + 0.5) ** 2)
    error = math.sqrt((on + off - (0.7 * 0.5 - 2 * 0.5 + 0.7) ** 2) / 0.5**4 / 100)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * error, rel=1e-6)


def test_kappa_says_nothing_where_only_one_category_was_ever_named():
    assert math.isnan(kappa([("2", "2")] * 5).value)
    assert math.isnan(kappa([]).value)


def test_calibration_error_and_brier_score_by_hand():
    exams = [(said(a=0.9, b=0.1), "a"), (said(a=0.9, b=0.1), "b"), (said(a=0.7, b=0.3), "a")]

    found = calibrated(exams)

    assert [(b.of, round(b.low, 9), b.hits) for b in found.bins] == [(1, 0.7, 1), (2, 0.9, 1)]
    assert found.ece == pytest.approx(2 / 3 * abs(0.9 - 0.5) + 1 / 3 * abs(0.7 - 1))
    assert found.brier == pytest.approx((2 * 0.1**2 + 2 * 0.9**2 + 2 * 0.3**2) / 3)


def test_where_something_was_unknown_only_what_lies_outside_of_the_range_is_an_error():
    range_ = said(a=0.5, b=0.2, a_or_b=0.3)  # a: 0.5 to 0.8

    assert calibrated([(range_, "a")] * 7 + [(range_, "b")] * 3).ece == 0
    assert calibrated([(range_, "a")] * 9 + [(range_, "b")]).ece == pytest.approx(0.1)
    assert calibrated([(range_, "a")] * 3 + [(range_, "b")] * 7).ece == pytest.approx(0.2)


def test_a_category_signed_that_was_never_thought_of_counts_in_full():
    assert calibrated([(said(a=1.0), "c")]).brier == pytest.approx(2.0)


def test_a_confidence_that_comes_true_is_not_improbable_and_one_that_does_not_is():
    right = [(said(a=0.8, b=0.2), "a")] * 80 + [(said(a=0.8, b=0.2), "b")] * 20
    wrong = [(said(a=0.8, b=0.2), "a")] * 55 + [(said(a=0.8, b=0.2), "b")] * 45

    assert so_uncalibrated(calibrated(right), 999) == 1.0
    assert so_uncalibrated(calibrated(wrong), 999) == 0.001
    assert so_uncalibrated(calibrated(wrong), 999) == so_uncalibrated(calibrated(wrong), 999)


def test_the_resampled_probability_is_that_of_the_binomial_distribution_where_there_is_one_bin():
    exams = [(said(a=0.8, b=0.2), "a")] * 13 + [(said(a=0.8, b=0.2), "b")] * 7

    # 13 hits of 20 where 16 are expected: 3 or more off either way
    exact = sum(binomial(k, 20, 0.8) for k in range(21) if abs(k - 16) >= 3)
    assert so_uncalibrated(calibrated(exams), 99_999) == pytest.approx(exact, abs=0.005)


def test_the_stability_index_by_hand_with_half_a_case_in_every_cell():
    expected, found = {"a": 60, "b": 40}, {"a": 30, "b": 70}

    p, q = 60.5 / 101, 30.5 / 101
    by_hand = (q - p) * math.log(q / p) + ((1 - q) - (1 - p)) * math.log((1 - q) / (1 - p))
    assert psi(expected, found) == pytest.approx(by_hand)


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 500), min_size=1))
def test_the_stability_index_is_0_of_the_same_counts_and_never_below(counts):
    assert psi(counts, counts) == pytest.approx(0)
    assert psi(counts, {"a": 5, "e": 3}) >= -1e-12


def test_the_largest_distance_of_two_distributions_by_hand():
    # 1 2 3 4 against 3 4 5 6: at 2 one has passed half, the other nothing
    assert so_different([1, 2, 3, 4] * 50, [3, 4, 5, 6] * 50)[0] == pytest.approx(0.5)
    assert so_different([1, 2, 3, 4] * 50, [3, 4, 5, 6] * 50)[1] < 1e-10
    assert so_different([1, 2, 3] * 40, [1, 2, 3] * 40) == (0, 1)


def test_cells_filled_differently_by_hand():
    # chi-squared of [[20, 30], [40, 10]]: expected 30 20 30 20, all 10 off: 100/30*2 + 100/20*2 = 16.67, 1 degree
    assert so_differently_spread({"a": 20, "b": 30}, {"a": 40, "b": 10}) == pytest.approx(
        math.erfc(math.sqrt((200 / 30 + 200 / 20) / 2)), rel=1e-6
    )
    assert so_differently_spread({"a": 20}, {"a": 7}) == 1.0


def test_many_tests_at_once_by_hand():
    # Benjamini and Hochberg: p * m / rank, made monotone from the largest down
    assert adjusted([0.04, 0.01, 0.03, 0.5]) == pytest.approx([0.16 / 3, 0.04, 0.16 / 3, 0.5])
    assert adjusted([]) == []


def test_a_bin_knows_how_far_it_is_off():
    assert Bin(10, 0.6, 0.8, 7).gap(7) == 0
    assert Bin(10, 0.6, 0.8, 5).gap(5) == pytest.approx(0.1)
    assert Bin(10, 0.6, 0.8, 9).gap(9) == pytest.approx(0.1)
