"""Change of size with its error; doubling times; what a guideline counts as growth; where nothing can be told."""

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracked import STATED, lesion

from radlogic.engine.before import Before, Untold
from radlogic.engine.errors import BadValue
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.tracking.growth import core_change, growth, growth_of
from radlogic.engine.tracking.limit import Limit, limit_of
from radlogic.engine.types import Classes, Known, Measured, NotApplicable, Source, SourceKind, Unknown

NET = Source(SourceKind.NET, "a net")
LUNG = load_guideline("lung-rads@2022")
LIMIT = Limit(1.5, 12.0)


def test_a_diameter_that_grows_by_a_third_power_of_two_doubles_its_volume():
    found = growth((8 * 2 ** (1 / 3), 0.1), (8, 0.1), 12)

    assert found.doublings_a_year == pytest.approx(1)
    assert found.doubling_days == pytest.approx(365.25)
    shortest, longest = found.doubling_90_days
    assert shortest < 365.25 < longest


def test_a_lesion_that_may_not_have_grown_may_never_double():
    found = growth((8.2, 0.5), (8, 0.5), 12)

    assert found.doubling_90_days[1] is None
    assert found.doubling_90_days[0] is not None


def test_a_doubling_time_that_the_errors_of_the_sizes_drown_is_not_told():
    found = growth((8.2, 0.5), (8, 0.5), 12)

    assert (found.doubling_days, found.untold) == (None, Untold.ERRORS)


@pytest.mark.parametrize(("days", "untold"), [(1, Untold.DATES), (2, Untold.DATES), (60, None), (365, None)])
def test_a_doubling_time_that_dates_do_not_tell_is_not_told(days, untold):
    found = growth((9, 0.3), (6, 0.3), days / (365.25 / 12))

    assert found.untold is untold
    assert (found.doubling_days is None) is (untold is not None)
    assert (found.doubling_90_days == (None, None)) is (untold is not None)


@given(st.floats(1, 400), st.floats(3, 30), st.floats(3, 30), st.floats(0.05, 3))
def test_no_doubling_time_is_told_that_may_be_shorter_than_the_day_to_which_dates_tell(days, now, before, sd):
    found = growth((now, sd), (before, sd), days / (365.25 / 12))

    if found.doubling_days is not None:
        assert found.doubling_90_days[0] * (days - 1) / days >= 1 - 1e-6
        assert found.doublings_90_a_year[0] > 0


def test_a_lesion_that_shrinks_has_no_doubling_time():
    found = growth((5, 0.1), (9, 0.1), 6)

    assert found.doublings_a_year < 0
    assert (found.doubling_days, found.doubling_90_days, found.untold) == (None, (None, None), None)


@pytest.mark.parametrize(("now", "expected"), [(7.5, 0.5), (20.0, 1.0), (6.0, 0.0)])
def test_the_probability_of_more_than_the_threshold_follows_the_error(now, expected):
    assert growth((now, 0.3), (6, 0.4), 12, LIMIT).over_threshold == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(
    ("now", "before"), [((10.5, 1.2), (7.0, 1.0)), ((7.5, 1.0), (7.0, 1.0)), ((6.0, 0.9), (5.0, 0.9))]
)
def test_probability_and_intervals_are_those_of_readings_drawn_at_random(now, before):
    drawn = np.random.default_rng(7)
    true_now, true_before = (drawn.normal(mm, sd, 200_000) for mm, sd in (now, before))
    found = growth(now, before, 6, LIMIT)

    assert found.over_threshold == pytest.approx(np.mean(true_now - true_before > 1.5), abs=0.005)
    assert found.change_90_mm == pytest.approx(np.quantile(true_now - true_before, (0.05, 0.95)), abs=0.03)
    rates = 2 * np.log2((true_now / true_before) ** 3)
    inside = np.mean((rates > found.doublings_90_a_year[0]) & (rates < found.doublings_90_a_year[1]))
    assert inside == pytest.approx(0.9, abs=0.03)  # of the first order in the error of a logarithm


@given(st.floats(3, 30), st.floats(3, 30), st.floats(0.05, 3), st.floats(0, 0.95))
def test_what_two_exams_err_alike_in_cancels(now, before, sd, shared):
    apart, alike = (growth((now, sd), (before, sd), 12, shared=s) for s in (0.0, shared))

    assert alike.sd_mm <= apart.sd_mm
    assert alike.change_mm == apart.change_mm


@given(st.floats(3, 30), st.floats(3, 30), st.floats(0.5, 60))
def test_backwards_in_time_growth_is_loss(now, before, months):
    there, back = growth((now, 0.5), (before, 0.5), months), growth((before, 0.5), (now, 0.5), months)

    assert math.isclose(there.doublings_a_year, -back.doublings_a_year, abs_tol=1e-9)
    assert math.isclose(there.change_90_mm[0], -back.change_90_mm[1], abs_tol=1e-9)


@pytest.mark.parametrize(("months", "shared"), [(0, 0.0), (-3, 0.0), (float("nan"), 0.0), (12, 1.0), (12, -0.1)])
def test_exams_in_the_wrong_order_and_impossible_correlations_are_refused(months, shared):
    with pytest.raises(BadValue):
        growth((6, 1), (6, 1), months, shared=shared)


# --- what a guideline counts as growth


@pytest.mark.parametrize(
    ("guideline", "limit"),
    [
        ("lung-rads@2022", Limit(1.5, 12.0)),  # note 6
        ("lung-rads@1.1", Limit(1.5)),  # names no interval
        ("fleischner@2017", None),
        ("li-rads-ct-mri@2018", None),  # percent of a size that is no mean diameter
    ],
)
def test_the_threshold_is_the_one_of_the_guidelines_tables(guideline, limit):
    assert limit_of(load_guideline(guideline)) == limit


def test_a_threshold_that_a_site_changes_is_the_one_that_counts():
    tables = [dict(t) for t in LUNG.document["tables"]]
    for table in tables:
        if table["id"] == "growth":
            rows = [dict(row) for row in table["rows"]]
            for row in rows:
                row["if"] = {
                    n: ({"above": "2"} if isinstance(t, dict) and "above" in t else t) for n, t in row["if"].items()
                }
            table["rows"] = rows
    changed = replace(LUNG, document={**LUNG.document, "tables": tables})

    assert limit_of(changed) == Limit(2.0, 12.0)


def test_thresholds_that_differ_are_none():
    tables = [dict(t) for t in LUNG.document["tables"]]
    (mine,) = [t for t in tables if t["id"] == "growth"]
    mine["rows"] = [*mine["rows"], {"id": "x", "if": {"increase": {"above": "2"}}, "then": "grown"}]

    assert limit_of(replace(LUNG, document={**LUNG.document, "tables": tables})) is None


def test_note_six_speaks_of_twelve_months():
    assert growth((6, 1), (6, 1), 12, LIMIT).in_time
    assert not growth((6, 1), (6, 1), 12.03, LIMIT).in_time
    assert growth((6, 1), (6, 1), 30, Limit(1.5)).in_time


# --- of a finding


def found_again(mm=8, before=6, months="6", doubt="", **facts):
    """A nodule with what the prior says of it, as ``with_priors`` leaves it."""
    said = {"status": "existing", "prior_mean_mm": before, "interval_months": Decimal(months)}
    now = lesion("apical", mm=mm, **said)
    theirs = {name: now.facts[name] for name in said if name in now.facts}
    earlier = Before("CT of 2025-01-01", date(2025, 1, 1), "apical", 0.998, "position", doubt, theirs)
    return replace(now, facts={**now.facts, **facts}, before=earlier)


def test_stated_sizes_carry_a_readers_error():
    found = growth_of(found_again(), LUNG)

    assert (found.now_mm, found.before_mm, found.months) == (8, 6, 6)
    assert 0.9 < found.sd_mm < 2.5
    assert 0.5 < found.over_threshold < 0.9
    assert (found.threshold_mm, found.within_months) == (1.5, 12)


def test_measured_sizes_bring_their_own_error():
    found = growth_of(found_again(mean_mm=Measured(8, 0.3, "mm", NET), prior_mean_mm=Measured(6, 0.4, "mm", NET)), LUNG)

    assert found.sd_mm == pytest.approx(0.5)


def test_both_axes_are_a_size_too():
    axes = {"long_mm": Known(Decimal(9), STATED), "short_mm": Known(Decimal(7), STATED)}

    assert growth_of(found_again(mm=None, **axes), LUNG).now_mm == 8


MISSING = {
    "no size now": (found_again(mm=None), "this exam: no mean diameter"),
    "no size then": (found_again(before=None), "the earlier exam: no mean diameter"),
    "a net's size without an error": (found_again(mean_mm=Known(Decimal(8), NET)), "without its error"),
    "a net's size that the route withholds": (
        found_again(mean_mm=Unknown("a net's belief, withheld on this route")),
        "this exam: a net's belief, withheld",
    ),
    "sizes as probabilities": (found_again(mean_mm=Classes({"6": 0.5, "8": 0.5}, STATED)), "no mean diameter"),
    "smaller than readers were counted on": (found_again(before=2), "from 4 to 40 mm"),
    "another kind": (replace(found_again(), kind="observation"), "this kind of finding, observation"),
    "something speaks against the match": (found_again(doubt="place speaks against it"), "place speaks against it"),
    "stated to be new": (found_again(status=Known("new", STATED)), "stated as new"),
    "another size stated": (found_again(prior_mean_mm=Known(Decimal(20), STATED)), "stated as 20 mm"),
    "no interval": (found_again(interval_months=Unknown("not stated")), "time between"),
}


@pytest.mark.parametrize("name", MISSING)
def test_where_growth_cannot_be_told_it_is_said_what_is_missing(name):
    finding, why = MISSING[name]
    found = growth_of(finding, LUNG)

    assert isinstance(found, Unknown)
    assert why in found.why


def test_an_open_match_has_no_growth_and_says_why():
    left = Unknown("not matched with the prior: two lesions lie there")

    assert growth_of(replace(found_again(), before=left), LUNG) is left


@pytest.mark.parametrize(
    "finding",
    [
        replace(found_again(), before=None),
        found_again(status=Known("resolved", STATED)),
        replace(found_again(), before=replace(found_again().before, lesion=""), facts=lesion("x", status="new").facts),
    ],
    ids=["nothing compared", "resolved", "new"],
)
def test_what_has_nothing_to_grow_from_has_no_growth(finding):
    assert growth_of(finding, LUNG) is None


def test_measured_sizes_of_another_kind_grow_without_a_threshold():
    sizes = {"mean_mm": Measured(8, 0.3, "mm", NET), "prior_mean_mm": Measured(6, 0.4, "mm", NET)}
    found = growth_of(replace(found_again(**sizes), kind="observation"), LUNG)

    assert (found.change_mm, found.threshold_mm, found.over_threshold) == (2, None, None)


def test_without_a_guideline_growth_has_no_threshold_and_is_told_all_the_same():
    found = growth_of(found_again())

    assert (found.change_mm, found.threshold_mm, found.over_threshold) == (2, None, None)


@pytest.mark.parametrize(
    ("now", "then", "change"),
    [(Known(Decimal(8), STATED), Known(Decimal(4), STATED), 4),
     (Measured(5.5, 0.4, "mm", NET), Known(Decimal(5), STATED), 0.5),
     (Known(Decimal(4), STATED), Known(Decimal(4), STATED), None), (Known(Decimal(4), STATED), None, None),
     (Unknown("?"), Known(Decimal(4), STATED), None)],
)  # fmt: skip
def test_the_change_of_a_solid_component_is_told_where_both_sizes_are_known_and_differ(now, then, change):
    facts = {"solid_mean_mm": now} | ({"prior_solid_mean_mm": then} if then else {})

    assert core_change(facts) == change


def test_what_a_form_only_leaves_out_denies_nothing():
    by_form = Source(SourceKind.CONVENTION, "absent, by convention")

    assert growth_of(found_again(status=Known("new", by_form)), LUNG).change_mm == 2


def test_nothing_that_is_not_applicable_denies_anything():
    assert growth_of(found_again(previous_category=NotApplicable(STATED)), LUNG).change_mm == 2
