"""Calibrated sets: what truly holds of them, and the bars against counting by hand."""

from __future__ import annotations

import math
from datetime import date
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.likely import (
    Calibrator,
    fair_share,
    fit,
    least_bar,
    likely,
    managed,
    management,
    most_probable,
    strictest,
    upper,
    year_after,
)

RULES = load_guideline("lung-rads@2022")
IDS = [str(c["id"]) for c in RULES.head["categories"]]
ALL = [*IDS, "NC"]
WORDS = {c: management(RULES, c) for c in ALL}
SCORES = st.lists(st.integers(0, 100).map(lambda x: x / 100), max_size=40)


def calibrator(at_least, otherwise=0.0):
    day = date(2026, 11, 22)
    return Calibrator("lung-rads@2022", "net", "0" * 64, 0.9, at_least, otherwise, 0, "none", day, day)


def categories_of(bits):
    return frozenset(c for i, c in enumerate(ALL) if bits >> i & 1)


def normalised(weights):
    return {categories_of(bits): w / sum(weights.values()) for bits, w in weights.items()}


# probabilities of sets of categories, with sum 1: one category each, or any set of them
ONE = st.integers(0, len(ALL) - 1).map(lambda i: 1 << i)
beliefs = st.dictionaries(ONE | st.integers(1, 2 ** len(ALL) - 1), st.integers(1, 1000), min_size=1, max_size=6).map(
    normalised
)
tenths = st.lists(st.integers(0, 20), min_size=len(IDS), max_size=len(IDS)).map(
    lambda found: dict(zip(IDS, [x / 100 for x in found], strict=True))
)
bars = st.builds(calibrator, tenths, st.integers(0, 20).map(lambda x: x / 100))


def moved(masses, source, target, part):
    """Some of the probability of one set given to another."""
    found = dict(masses)
    amount = found[source] * part
    found[source] -= amount
    found[target] = found.get(target, 0.0) + amount
    return {s: p for s, p in found.items() if p > 0}


def shares(masses):
    """Upper probability of each management, counted without the product's code."""
    found = {}
    for s, p in masses.items():
        for m in {WORDS[c] for c in s}:
            found[m] = found.get(m, 0.0) + p
    return found


def alone(masses, m):
    return math.fsum(p for s, p in masses.items() if {WORDS[c] for c in s} == {m})


@given(beliefs, bars)
def test_the_most_probable_management_is_always_in_the_set_and_none_is_invented(masses, keeps):
    found = likely(RULES, masses, keeps)
    p = shares(masses)

    assert set(found.managements) <= set(p)
    assert any(p[m] >= max(p.values()) - 1e-9 for m in found.managements)
    assert {WORDS[c] for c in found.categories} == set(found.managements)


@given(beliefs, bars)
def test_what_reaches_its_bar_is_in_the_set(masses, keeps):
    found = likely(RULES, masses, keeps)

    for c, p in upper(masses).items():
        if p >= keeps.keeps(c):
            assert c in found.categories
            assert WORDS[c] in found.managements


@given(beliefs, bars)
def test_the_set_leaves_out_no_more_than_the_largest_bar_and_never_more_than_a_fair_share(masses, keeps):
    found = set(likely(RULES, masses, keeps).managements)
    out = math.fsum(p for s, p in masses.items() if not {WORDS[c] for c in s} <= found)

    assert out <= min(keeps.largest, 1 / len(ALL)) + 1e-8


@given(beliefs)
def test_without_a_calibrator_all_that_is_possible_stays(masses):
    found = likely(RULES, masses, None)

    assert set(found.categories) == set().union(*masses)
    assert set(found.managements) == {WORDS[c] for c in found.categories}


@given(beliefs, bars, st.data())
def test_more_probability_never_removes_a_management_that_reached_its_bar(masses, keeps, data):
    gains = data.draw(st.sampled_from(sorted(set().union(*masses))))
    mine = [c for c in upper(masses) if WORDS[c] == WORDS[gains]]
    others = sorted((s for s in masses if WORDS[gains] not in {WORDS[c] for c in s}), key=sorted)
    if not others or shares(masses)[WORDS[gains]] < min(keeps.keeps(c) for c in mine):
        return

    part = data.draw(st.integers(1, 99)) / 100
    after = likely(RULES, moved(masses, data.draw(st.sampled_from(others)), frozenset({gains}), part), keeps)

    assert WORDS[gains] in after.managements


@given(beliefs, bars, st.data())
@pytest.mark.slow
def test_a_finding_made_unknown_never_shrinks_several_managements_to_one(masses, keeps, data):
    source = data.draw(st.sampled_from(sorted(masses, key=sorted)))
    wider = source | categories_of(data.draw(st.integers(1, 2 ** len(ALL) - 1)))

    after = likely(RULES, moved(masses, source, wider, data.draw(st.integers(1, 100)) / 100), keeps)

    assert len(after.managements) > 1 or len(likely(RULES, masses, keeps).managements) == 1


@given(beliefs, bars, st.data())
def test_doubt_about_the_leading_management_never_leaves_it_alone(masses, keeps, data):
    leads = max(sorted(shares(masses)), key=shares(masses).__getitem__)
    mine = sorted((s for s in masses if {WORDS[c] for c in s} == {leads}), key=sorted)
    if not mine or len(likely(RULES, masses, keeps).managements) == 1:
        return
    target = frozenset({data.draw(st.sampled_from([c for c in ALL if WORDS[c] != leads]))})

    part = data.draw(st.integers(1, 100)) / 100
    after = likely(RULES, moved(masses, data.draw(st.sampled_from(mine)), target, part), keeps)

    assert after.managements != (leads,)


@given(beliefs, tenths, tenths)
def test_lower_bars_keep_all_that_higher_ones_keep(masses, some, others):
    lowered = {c: min(bar, others[c]) for c, bar in some.items()}

    more = likely(RULES, masses, calibrator(lowered))

    assert set(likely(RULES, masses, calibrator(some)).managements) <= set(more.managements)


@given(beliefs, bars)
def test_one_management_stands_alone_exactly_where_it_has_enough_and_no_other_reaches_its_bar(masses, keeps):
    most = fair_share(RULES)
    found = likely(RULES, masses, keeps).managements
    p = shares(masses)
    reach = {m for m in p if p[m] >= min(min(most, keeps.keeps(c)) for c in set().union(*masses) if WORDS[c] == m)}
    enough = {m for m in p if alone(masses, m) >= 1 - min(most, keeps.largest) - 1e-9}

    assert (len(found) == 1) == (bool(enough) and reach <= enough)


def test_a_thinly_spread_rest_does_not_leave_one_management_alone():
    masses = {frozenset({c}): p for c, p in {"2": 0.7, "3": 0.1, "4A": 0.1, "4B": 0.1}.items()}
    keeps = calibrator(dict.fromkeys(IDS, 0.12))

    assert len(likely(RULES, masses, keeps).managements) > 1


def test_categories_of_one_management_are_likely_together():
    masses = {frozenset({"2"}): 0.84, frozenset({"4B"}): 0.08, frozenset({"4X"}): 0.08}
    keeps = calibrator(dict.fromkeys(IDS, 0.1))

    assert likely(RULES, masses, keeps).managements == (WORDS["2"], WORDS["4B"])
    assert likely(RULES, masses, keeps).categories == ("2", "4B")


def test_a_file_that_asks_for_too_much_leaves_out_no_management_with_a_fair_share():
    masses = {frozenset({"2"}): 0.8, frozenset({"3"}): 0.2}

    assert likely(RULES, masses, calibrator(dict.fromkeys(IDS, 1.0), 1.0)).managements == (WORDS["2"], WORDS["3"])


def test_sets_are_in_the_guidelines_order():
    masses = {frozenset({c}): 1 / 4 for c in ("4B", "NC", "2", "3")}

    assert likely(RULES, masses, None).categories == ("2", "3", "4B", "NC")


# The bars.


def smallest_by_counting(found, level):
    """The largest value of ``found`` (or 0) at which at most (n + 1)(1 - level) values lie at or below the cut."""
    k = 0
    while (k + 1) <= (len(found) + 1) * (1 - level) + 1e-9:
        k += 1
    return 0.0 if k == 0 else sorted(found)[k - 1]


@given(SCORES, st.sampled_from([0.5, 0.8, 0.9, 0.95]))
@example([0.1] * 9, 0.9)
@example([0.1 * i for i in range(1, 10)], 0.9)
@example([0.1 * i for i in range(1, 9)], 0.9)
def test_the_bar_is_the_order_statistic(settled, level):
    assert least_bar(settled, (), level) == smallest_by_counting(settled, level)


def test_nine_readings_are_the_fewest_that_give_a_bar_at_nine_in_ten():
    assert least_bar([0.5] * 8, (), 0.9) == 0
    assert least_bar([0.5] * 9, (), 0.9) == 0.5
    assert least_bar([0.1, 0.2, *[0.5] * 16], (), 0.9) == 0.1
    assert least_bar([0.1, 0.2, *[0.5] * 17], (), 0.9) == 0.2


@given(st.lists(st.integers(0, 50).map(lambda x: x / 50), min_size=1, max_size=25), st.sampled_from([0.5, 0.8, 0.9]))
def test_each_left_out_in_turn_is_kept_often_enough(settled, level):
    """Exchangeability by exhaustion: whichever of n + 1 readings is the next one, at least the level of them stay."""
    stay = sum(x >= least_bar(settled[:i] + settled[i + 1 :], (), level) for i, x in enumerate(settled))

    assert stay >= level * len(settled) - 1e-9


@given(
    st.lists(st.integers(0, 50).map(lambda x: x / 50), min_size=1, max_size=12),
    st.lists(st.integers(0, 50).map(lambda x: x / 50), max_size=6),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_whichever_open_readings_are_of_the_management_it_is_kept_often_enough(settled, open_, level):
    for n in range(len(open_) + 1):
        for mine in combinations(range(len(open_)), n):
            stay = sum(x >= least_bar(settled[:i] + settled[i + 1 :], open_, level) for i, x in enumerate(settled))
            stay += sum(open_[i] >= least_bar(settled, open_[:i] + open_[i + 1 :], level) for i in mine)
            assert stay >= level * (len(settled) + n) - 1e-9


@given(SCORES, st.lists(st.integers(0, 50).map(lambda x: x / 50), max_size=8), st.sampled_from([0.5, 0.9]))
def test_open_readings_only_lower_a_bar_and_it_is_the_least_over_every_choice(settled, open_, level):
    every = [
        smallest_by_counting([*settled, *chosen], level)
        for n in range(len(open_) + 1)
        for chosen in combinations(open_, n)
    ]

    assert least_bar(settled, open_, level) == min(every)


def said(p, *possible):
    return {frozenset({c}): q for c, q in p.items()}, frozenset(possible)


def test_bars_are_fitted_by_management_and_given_to_each_of_its_categories():
    readings = [said({"4B": 0.01 * i, "2": 1 - 0.01 * i}, "4B") for i in range(1, 20)]

    assert fit(RULES, readings, 0.9) == {"4B": 0.02, "4X": 0.02}


def test_a_reading_that_leaves_two_managements_open_lowers_the_bars_of_both_at_most():
    settled = [said({"3": 0.05, "4A": 0.95}, "3")] * 9 + [said({"3": 0.9, "4A": 0.1}, "4A")] * 9
    both = [said({"3": 0.01, "4A": 0.02, "2": 0.97}, "3", "4A")]

    assert fit(RULES, settled, 0.9) == {"3": 0.05, "4A": 0.1}
    assert fit(RULES, settled + both, 0.9) == {"3": 0.01, "4A": 0.02}


def test_no_bar_lies_above_a_fair_share():
    readings = [said({"2": 1.0}, "2")] * 30

    assert fit(RULES, readings, 0.9) == {"1": fair_share(RULES), "2": fair_share(RULES)}
    assert fair_share(RULES) == pytest.approx(1 / len(ALL))


def test_a_management_that_only_open_readings_name_gets_no_bar_above_nothing():
    readings = [said({"3": 0.5, "4A": 0.5}, "3", "4A")] * 50

    assert fit(RULES, readings, 0.9) == {"3": 0.0, "4A": 0.0}


def test_of_several_fits_the_least_bar_is_taken():
    assert strictest([{"2": 0.1, "3": 0.05}, {"2": 0.02, "4A": 0.1}]) == {"2": 0.02, "3": 0.05, "4A": 0.1}


@given(beliefs)
def test_management_probabilities_are_those_of_their_categories_together(masses):
    assert math.fsum(managed(RULES, masses).values()) == pytest.approx(1)
    assert upper(managed(RULES, masses)) == pytest.approx(shares(masses))


def test_the_most_probable_category_is_the_one_with_the_highest_lower_probability():
    assert most_probable({frozenset({"3", "4A"}): 0.6, frozenset({"2"}): 0.3, frozenset({"3"}): 0.1}) == "2"
    assert most_probable({frozenset({"3", "4A"}): 1.0}) is None


def test_a_calibration_may_be_used_for_a_year():
    assert year_after(date(2026, 11, 22)) == date(2027, 11, 22)
