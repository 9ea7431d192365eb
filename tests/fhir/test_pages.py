"""Pages of searches joined: complete where all are there, and said where one is missing."""

from datetime import date

import pytest
from fhir_zoo import bundle, condition, patient, smokes

from radlogic.adapters.fhir import errors
from radlogic.adapters.fhir.pages import joined
from radlogic.adapters.fhir.patient import read_patient

EXAM = date(2020, 2, 29)


def page(number, *resources, last=False, **more):
    links = [{"relation": "self", "url": f"https://server/fhir?page={number}"}]
    links += [] if last else [{"relation": "next", "url": f"https://server/fhir?page={number + 1}"}]
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries} | more


ONE, TWO, THREE = page(1, patient()), page(2, condition()), page(3, smokes("8517006"), last=True)


def test_all_pages_in_any_order_are_one_record_and_nothing_is_missing():
    made = read_patient(joined([THREE, ONE, TWO]), exam_date=EXAM)

    assert made.notes == ()
    assert (made.facts["emphysema"].value, made.facts["smoking_status"].value) == (True, "former")


@pytest.mark.parametrize("pages", [[ONE], [ONE, TWO], [ONE, THREE]])
def test_a_missing_page_is_said(pages):
    assert "one page of several" in read_patient(joined(pages), exam_date=EXAM).notes[0]


def test_a_search_that_counted_more_than_is_here_says_how_many():
    found = bundle(condition(), type="searchset", total=7)

    assert read_patient(found, exam_date=EXAM).notes == (
        "The server counted 7 entries for this search, and 2 of them are here.",
    )


def test_what_a_search_only_included_is_not_counted():
    found = bundle(type="searchset", total=1)
    found["entry"].append({"resource": condition(), "search": {"mode": "include"}})

    assert read_patient(found, exam_date=EXAM).notes == ()


@pytest.mark.parametrize(
    ("pages", "error"),
    [([], errors.NotABundle), ([ONE, patient()], errors.NotABundle), ([bundle()], errors.UnsupportedBundle),
     ([ONE | {"entry": None}], errors.NotABundle)],
)  # fmt: skip
def test_what_is_no_page_is_refused(pages, error):
    with pytest.raises(error):
        joined(pages)
