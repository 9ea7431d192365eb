from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radlogic.adapters.fhir.when import Place, place, read, stated, whole_years, years_from

EXAM = date(2020, 2, 29)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2019", date(2019, 1, 1), date(2019, 12, 31)),
        ("2020-02", date(2020, 2, 1), date(2020, 2, 29)),
        ("2020-02-29", EXAM, EXAM),
        ("2020-02-29T23:30:00-05:00", EXAM, EXAM),
        ("2020-02-29T23:30:00.123456789Z", EXAM, EXAM),
        ("2020-02-29T23:30", EXAM, EXAM),
    ],
)
def test_a_fhir_date_covers_the_days_it_may_mean_as_written(text, first, last):
    when = read(text)

    assert (when.first, when.last) == (first, last)
    assert when.day == (first if first == last else None)
    assert when.start <= when.end


@pytest.mark.parametrize(
    "text",
    ["", "2019-13", "2019-02-30", "0000", "20190101", "2019-1-1", "01.02.2019", "2019-01-01T25:00:00Z", "٢٠١٩", 2019,
     None, ["2019"], "2019-01-01 ", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"],
)  # fmt: skip
def test_anything_else_is_no_date(text):
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-02-29", Place.BY_EXAM),
        ("2020-02-28", Place.BY_EXAM),
        ("2020-03-01", Place.AFTER),
        ("2020-02", Place.BY_EXAM),  # its last day is the exam's
        ("2020", Place.UNSURE),
        ("2020-03", Place.AFTER),
        ("2021", Place.AFTER),
        ("2019", Place.BY_EXAM),
        ("2020-02-29T23:59:59-10:00", Place.BY_EXAM),  # a later day in UTC, the same day where it was written
        (None, Place.UNSURE),
    ],
)
def test_a_time_is_placed_against_the_exam_and_a_coarse_one_may_be_unsure(text, expected):
    assert place(read(text), EXAM) is expected


def test_without_an_exam_date_all_of_the_record_counts():
    assert place(read("2090"), None) is place(None, None) is Place.BY_EXAM


def test_of_a_period_the_start_counts_and_of_several_elements_the_first_stated():
    resource = {"onsetDateTime": "soon", "onsetPeriod": {"start": "2011", "end": "2012"}, "recordedDate": "2015"}

    assert stated(resource, "onsetDateTime", "onsetPeriod", "recordedDate") == read("2011")
    assert stated({"onsetPeriod": {"end": "2012"}}, "onsetPeriod") == read("2012")
    assert stated({}, "onsetPeriod") is None


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        (date(1960, 5, 2), date(2020, 5, 1), 59),
        (date(1960, 5, 2), date(2020, 5, 2), 60),
        (date(1960, 2, 29), date(2021, 2, 28), 60),
        (date(1960, 2, 29), date(2021, 3, 1), 61),
        (date(1960, 2, 29), date(2020, 2, 29), 60),
    ],
)
def test_years_are_completed_years(born, on, age):
    assert whole_years(born, on) == age


@pytest.mark.parametrize(
    ("text", "years"),
    [("1960-02-29", 60), ("1960", None), ("1960-02", 60), ("1960-03", 59), ("1960-01", 60), ("2020-02-29", 0)],
)
def test_years_from_a_coarse_date_are_told_only_where_every_day_gives_the_same(text, years):
    assert years_from(read(text), EXAM) == years


@given(first=st.dates(date(1900, 1, 1), date(2100, 1, 1)), days=st.integers(0, 40_000))
def test_whole_years_are_the_calendar_years_that_have_passed(first, days):
    later = first + timedelta(days)

    assert abs(whole_years(first, later) - days / 365.2425) <= 1.01
