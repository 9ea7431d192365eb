"""A site's bars: never above the shipped ones, fitted by hand, judged on the half that they were not fitted on."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.likely import Calibrator, likely, management
from radlogic.engine.site_calibration import SignedBelief, bars_of, held, refit

LUNG_RADS = load_guideline("lung-rads@2022")
ALONE = ("3", "4A", "4B")  # categories, each with a management of its own among these


def belief(signed, p, half=0):
    """An exam in which the signed category had probability ``p`` and "0" the rest."""
    masses = {frozenset({signed}): p, frozenset({"0"}): 1 - p}
    return SignedBelief({c: q for c, q in masses.items() if q > 0}, signed, half)


def shipped(bar=0.05, otherwise=0.0):
    days = date(2026, 1, 1), date(2027, 1, 1)
    return Calibrator(LUNG_RADS.name, "net", "", 0.9, dict.fromkeys(ALONE, bar), otherwise, 100, "", *days)


def test_the_bar_is_the_kth_smallest_probability_of_what_was_signed():
    exams = [belief("3", p / 1000) for p in range(1, 40)]  # 39 exams: k = floor(40 * 0.1) = 4

    assert bars_of(LUNG_RADS, exams, None, 0.9)[0]["3"] == 0.004


def test_a_bar_is_never_above_the_shipped_one_and_may_be_below():
    sure, unsure = [belief("3", 0.9)] * 40, [belief("3", 0.01)] * 40

    assert bars_of(LUNG_RADS, sure, shipped(0.05), 0.9)[0]["3"] == 0.05
    assert bars_of(LUNG_RADS, unsure, shipped(0.05), 0.9)[0]["3"] == 0.01


def test_a_management_of_which_the_site_has_too_few_keeps_the_shipped_bar():
    few, enough = [belief("4B", 0.001)] * 8, [belief("4B", 0.001)] * 9

    assert bars_of(LUNG_RADS, few, shipped(0.05), 0.9) == (bars_of(LUNG_RADS, [], shipped(0.05), 0.9)[0], ())
    bars, from_site = bars_of(LUNG_RADS, enough, shipped(0.05), 0.9)
    assert (bars["4B"], "4B" in from_site, bars["3"]) == (0.001, True, 0.05)


def test_without_a_shipped_calibration_what_the_site_cannot_say_is_always_kept():
    bars, _ = bars_of(LUNG_RADS, [belief("3", 0.02)] * 40, None, 0.9)

    assert (bars["3"], bars["4A"]) == (0.02, 0.0)


probabilities = st.floats(0.001, 1.0)
exams_of_a_site = st.lists(
    st.builds(belief, st.sampled_from(ALONE), probabilities, st.integers(0, 1)), min_size=1, max_size=60
)


@settings(max_examples=60)
@given(exams_of_a_site, st.floats(0.0, 0.12), st.builds(belief, st.sampled_from(ALONE), probabilities))
def test_whatever_a_site_signs_its_sets_hold_all_that_the_shipped_ones_hold(exams, bar, further):
    before = shipped(bar)
    bars, _ = bars_of(LUNG_RADS, exams, before, 0.9)
    after = replace(before, at_least=bars)

    kept = [likely(LUNG_RADS, further.masses, one) for one in (before, after)]
    assert set(kept[0].managements) <= set(kept[1].managements)
    assert set(kept[0].categories) <= set(kept[1].categories)


def test_each_half_is_judged_by_the_bars_of_the_other():
    # the first half is sure, so its bar is high; half of the second lies below it, and the other way round none
    exams = [belief("3", 0.12, 0)] * 30 + [belief("3", 0.02, 1)] * 15 + [belief("3", 0.2, 1)] * 15

    found = refit(LUNG_RADS, exams, None, 0.9)
    name = management(LUNG_RADS, "3")
    assert found.after.by_management == {name: (30 + 15, 60)}
    assert found.before is None
    assert found.at_least["3"] == 0.02  # of all 60: k = 6


def test_what_is_held_is_counted_by_management_and_by_standing_alone():
    exams = [belief("3", 0.01), belief("3", 0.5), belief("4A", 1.0)]

    found = held(LUNG_RADS, exams, shipped(0.05))
    assert (found.cases, found.held, found.alone) == (3, 2, 2)
    assert found.by_management == {management(LUNG_RADS, "3"): (1, 2), management(LUNG_RADS, "4A"): (1, 1)}


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_the_stated_share_of_further_exams_is_held(level):
    """Exams drawn alike, bars fitted on some: the share of the others that are held is the level, within chance."""
    draw = np.random.default_rng(4)
    fitted = [belief("3", p) for p in draw.uniform(0, 0.12, 400).tolist()]
    further = [belief("3", p) for p in draw.uniform(0, 0.12, 2000).tolist()]
    bars, _ = bars_of(LUNG_RADS, fitted, None, level)

    found = held(LUNG_RADS, further, replace(shipped(), at_least=bars))
    assert found.held / found.cases == pytest.approx(level, abs=0.05)
