"""The growth curve's sizes are those stated, its bands those of the tables; the categories are those of the record."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import GROWN, MAKE, RECORD, SCREEN, WHOLE, decided, liver
from report_pages import Plot

from radlogic.adapters.report.across import course_of, table_of
from radlogic.adapters.report.bands import bands_of
from radlogic.adapters.report.drawing import svg
from radlogic.adapters.report.growth_plot import growth_drawing
from radlogic.adapters.report.over_time import courses_of, histories_of
from radlogic.adapters.report.signed import Signed
from radlogic.adapters.report.view import lesions
from radlogic.engine.types import Measured, Patient, PriorExam, Source, SourceKind


def lung(**changes):
    nodule = {k: v for k, v in {**GROWN, **changes}.items() if v != "absent"}
    return decided("lung-rads@2022", {"exam": SCREEN, "nodules": [nodule]}, **WHOLE)


def course(made):
    found = lesions(made)[0]
    return found, course_of(found)


def bands(made, high="12"):
    found, of = course(made)
    return [(float(b.low), float(b.high), b.category) for b in bands_of(made, found, of, Decimal(high))]


def test_the_table_has_a_line_an_exam_from_this_one_back():
    made = lung(solid_mean_mm="absent")
    _, of = course(made)

    assert table_of(made, of).rows == (
        ("2026-10-15 (this exam)", "9.0 mm", ""),
        ("12 months before", "7.9 mm", "3"),
        ("24 months before", "7.0 mm", ""),
        ("36 months before", "6.4 mm", ""),
    )


def test_a_lesion_without_an_earlier_size_has_no_course():
    only_now = dict.fromkeys(("prior_mean_mm", "interval_months", "previous_category", "history"), "absent")

    assert course(lung(**only_now, status="new"))[1] is None


def test_a_prior_that_the_list_repeats_is_one_exam():
    made = lung(history=[{"months_ago": 12, "mean_mm": 7.9}])

    assert len(course(made)[1].sizes[0]) == 2


def test_bands_of_a_stable_nodule_are_those_of_the_table_for_solid_nodules_with_growth_from_the_prior():
    # note 6: more than 1.5 mm within 12 months is growth: 4A below 8 mm, 4B from there; note 5: crossing without growth
    made = lung(prior_mean_mm=5.0, mean_mm=5.2, previous_category="2", history="absent")

    assert bands(made) == [(0.0, 6.0, "2"), (6.0, 6.5, "3"), (6.5, 8.0, "4A"), (8.0, 12.0, "4B")]


def test_bands_of_slow_growth_begin_where_the_oldest_size_is_passed_by_more_than_the_threshold():
    assert bands(lung())[-1] == (7.9, 12.0, "4B")  # 6.4 + 1.5, note 8


def test_threshold_growth_of_an_observation_is_a_share_of_its_prior_size():
    observation = {"aphe": "nonrim", "washout": "none", "capsule": "none", "size_mm": 15}
    grown = {"growth": {"prior_size_mm": 12, "interval_months": 5, "prior_modality": "MRI", "is_mass": True}}

    found = bands(liver({**observation, **grown}), "24")

    assert found[0] == (0.0, 18.0, "LR-3")  # 12 mm and the half of it, within 6 months
    assert found[1][0] == 18.0
    assert "LR-3" not in {category for _, _, category in found[1:]}


@settings(max_examples=25, deadline=None)
@given(st.integers(10, 119))
def test_the_band_at_a_size_is_the_category_that_the_engine_gives_it(tenths):
    size = tenths / 10
    if any(abs(size - cut) < 0.11 for cut in (6.0, 7.9, 8.0, 9.4)):
        return  # at a bound itself the drawing says nothing
    category = lung(mean_mm=size).decision.guidelines[0].findings[0].reading.category

    assert [c for low, high, c in bands(lung()) if low < size < high] == [category]


def test_bands_are_not_drawn_from_tables_that_the_decision_did_not_read():
    made = lung()
    other = replace(made, record=replace(made.record, knowledge={**made.record.knowledge, "lung-rads@2022": "0" * 64}))
    drawing, caption = courses_of(other)["N1"]

    assert "No bands are drawn" in caption
    assert Plot(svg(drawing, "x")).named("band r0", "band r1", "band r5") == []


def test_points_stand_in_the_order_and_at_the_height_of_their_sizes():
    made = lung()
    _, of = course(made)
    plot = Plot(svg(growth_drawing(of, (), "N1"), "x"))
    marks = [(part[1][0], part[0][1]) for parts in plot.lines["mark"] for part in parts]

    heights = [y for _, y in sorted(marks)]
    assert len(marks) == 4
    assert heights == sorted(heights, reverse=True)  # it grew: later, and higher on the page
    assert {"9.0", "7.9", "7.0", "6.4"} <= set(plot.words)


def test_a_measured_size_has_its_error_as_a_bar_and_a_stated_one_has_none():
    made = lung()
    found, _ = course(made)
    size = Measured(9.0, 0.5, "mm", Source(SourceKind.IMAGE, "SEG 1"))
    finding = replace(found.finding, facts={**found.finding.facts, "mean_mm": size})
    of = course_of(replace(found, finding=finding, shown=finding.facts))

    assert [each.sd for each in of.sizes[0]] == [0.5, None, None, None]
    bars = [parts for parts in Plot(svg(growth_drawing(of, (), "N1"), "x")).lines["axis"] if len(parts) == 3]
    assert len(bars) == 1


def test_an_undated_size_is_told_and_not_drawn():
    made = lung(interval_months="absent")
    drawing, caption = courses_of(made)["N1"]

    assert "An undated size is not drawn: 7.9 mm an exam before, undated." in caption
    assert "7.9" not in Plot(svg(drawing, "x")).words


def test_categories_over_time_are_those_of_the_record_and_of_this_exam():
    ((_, drawing, caption),) = histories_of(MAKE["lung-growth-and-silent-spot"][0]())

    assert drawing.description.endswith("2023-10-09 2, 2024-10-12 3, 2025-10-12 3, 2026-10-15 4B.")
    assert "Not drawn" not in caption


def test_a_signers_category_stands_in_the_place_of_the_engines():
    make, signed = MAKE["lung-signed-with-another-answer"]

    assert isinstance(signed, Signed)
    assert histories_of(make(), signed)[0][1].description.endswith("2026-10-15 4A.")


def test_a_category_of_another_guideline_is_named_and_not_drawn():
    prior = (
        PriorExam(date(2024, 1, 2), "MRI", "LR-2", RECORD, "liver"),
        PriorExam(date(2025, 1, 2), "CT", "2", RECORD, "chest"),
    )
    made = decided("lung-rads@2022", {"exam": SCREEN, "nodules": [GROWN]}, Patient("p", {}, prior), **WHOLE)
    ((_, drawing, caption),) = histories_of(made)

    assert "LR-2" not in drawing.description
    assert "Not drawn, as they are no categories of this guideline: LR-2." in caption


@pytest.mark.parametrize("sizes", [["0.1", "399"], ["5", "5"]])
def test_extreme_sizes_are_drawn_inside_the_picture(sizes):
    made = lung(mean_mm=float(sizes[0]), prior_mean_mm=float(sizes[1]), history="absent")
    plot = Plot(svg(courses_of(made)["N1"][0], "x"))

    for spot in (*plot.texts, *plot.boxes):
        assert spot.left >= 0
        assert spot.top >= 0
        assert spot.right <= plot.width
        assert spot.bottom <= plot.height
