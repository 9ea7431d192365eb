"""Growth since an earlier exam, as a Bundle tells it."""

from decimal import Decimal

import pytest
from bundle_parts import bundle, codes, lesion_of
from compared_exams import compared, unread


def numbers_of(made, name):
    """Code -> number, range or why there is none, of what the lesion's Observation says of growth."""
    found = {}
    for part in lesion_of(made, name)["component"]:
        (code,) = [c for c in codes(part["code"]) if c.startswith(("growth", "doubling"))] or [""]
        value = next((part[k] for k in ("valueQuantity", "valueRange", "dataAbsentReason") if k in part), {})
        found[code] = value.get("value", value)
    return found


def test_growth_is_told_with_its_error_its_threshold_and_its_doubling_time():
    found = numbers_of(bundle(compared("10.5")), "apical")

    assert (found["growth"], found["growth-interval"], found["doubling-time"]) == (3.5, 6, pytest.approx(104, abs=0.1))
    assert found["growth-sd"] == pytest.approx(1.578, abs=0.001)
    assert found["growth-over-threshold"] == pytest.approx(0.897, abs=0.001)
    low, high = (found["doubling-time-90"][end] for end in ("low", "high"))
    assert (low["code"], round(low["value"]), round(high["value"])) == ("d", 60, 402)


@pytest.mark.parametrize(("mm", "ends"), [("7.5", {"low"}), ("6.0", None)], ids=["may not have grown", "shrank"])
def test_a_doubling_time_has_no_end_where_the_lesion_may_not_have_grown_and_is_left_out_where_it_shrank(mm, ends):
    found = numbers_of(bundle(compared(mm)), "apical")

    assert found.get("doubling-time-90", {}).keys() == (ends or set())
    assert ("doubling-time" in found) == (ends is not None)
    assert "larger than the change" in found.get("doubling-time", {"text": "larger than the change"})["text"]


@pytest.mark.parametrize(("core", "change"), [("8", 4), ("4", None)])
def test_the_change_of_a_solid_component_is_told_beside_that_of_the_whole(core, change):
    sizes = {"type": "part_solid", "solid_mean_mm": Decimal(core), "prior_solid_mean_mm": Decimal(4)}
    found = numbers_of(bundle(compared("10.5", **sizes)), "apical")

    assert (found["growth"], found.get("growth-core")) == (3.5, change)


def test_growth_is_told_where_no_guideline_reads_the_lesion():
    found = numbers_of(bundle(unread()), "apical")

    assert (found["growth"], "growth-over-threshold" in found) == (3.5, False)


def test_growth_that_cannot_be_told_says_why():
    found = numbers_of(bundle(compared("10.5", status="new")), "apical")

    assert "stated as new" in found["growth"]["text"]
    assert "doubling-time" not in found
