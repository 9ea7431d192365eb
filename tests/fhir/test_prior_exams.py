"""Earlier exams of chest and liver, with category and recommendation where they are stated."""

from datetime import date

import pytest
from fhir_zoo import LOINC, SCT, bundle, concept, observation

from radlogic.adapters.fhir.patient import read_patient

EXAM = date(2020, 2, 29)
CT_CHEST, CATEGORY = (LOINC, "24627-2"), (SCT, "1362105002")
LOCAL = "https://tx.example/lung-rads-category"


def about(kind, ident, **more):
    return {"resourceType": kind, "id": ident, "subject": {"reference": "Patient/canary-1"}} | more


def report(when="2019-01-10", ident="r1", status="final", code=CT_CHEST, **more):
    return about("DiagnosticReport", ident, status=status, code=concept(*code), effectiveDateTime=when, **more)


def study(when="2019-01-10", modality="CT", site="51185008", **more):
    series = [{"modality": {"code": modality}, "bodySite": {"system": SCT, "code": site}}]
    return about("ImagingStudy", "s1", status="available", started=when, series=series, **more)


def category(value, when="2019-01-10", **more):
    return observation(CATEGORY, when, id="k1", valueCodeableConcept=value, **more)


def lung(category):
    return category and f"Lung-RADS {category}"


def exams(*resources, exam_date=EXAM):
    return read_patient(bundle(*resources), exam_date=exam_date).prior_exams


@pytest.mark.parametrize(
    "resource",
    [
        report(),
        study(),
        study(modality="CT", site="816094009"),
        about("ImagingStudy", "s1", started="2019-01-10", procedureCode=[concept(LOINC, "29252-4")]),
        about("Procedure", "p1", status="completed", code=concept(SCT, "418891003"), performedDateTime="2019-01-10"),
        about(
            "Procedure", "p1", code=concept(SCT, "16334891000119106"), performedPeriod={"start": "2019-01-10T09:00:00Z"}
        ),
    ],
    ids=lambda r: r["resourceType"],
)
def test_a_chest_ct_before_the_exam_is_an_earlier_exam_without_category(resource):
    (found,) = exams(resource)

    assert (found.date, found.category) == (date(2019, 1, 10), None)
    assert found.description
    assert found.source.reference == f"{resource['resourceType']}/{resource['id']}"


@pytest.mark.parametrize(
    "resource",
    [
        report("2020-02-29"),  # the day of the exam: most likely the exam itself
        report("2020-03-01"),
        report(status="cancelled"),
        report(status="entered-in-error"),
        report(code=(LOINC, "24725-4")),  # CT of the head
        study(modality="DX"),
        study(site="12921003"),  # pelvis
        about("ImagingStudy", "s1", started="2019-01-10", series="broken"),
        about("Procedure", "p1", status="not-done", code=concept(*CT_CHEST), performedDateTime="2019-01-10"),
    ],
)
def test_what_is_no_chest_ct_before_the_exam_is_not_listed(resource):
    assert exams(resource) == ()


def test_without_an_exam_date_none_can_be_told_from_the_exam():
    assert exams(report(), exam_date=None) == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (concept(LOCAL, "4A"), "4A"),
        (concept(LOCAL, "4a"), "4A"),
        (concept(LOCAL, "2"), "2"),
        ({"text": "Lung-RADS 4X"}, "4X"),
        (concept(LOCAL, "5"), None),
        ({"coding": [*concept(LOCAL, "2")["coding"], *concept(LOCAL, "3")["coding"]]}, None),
        ({"text": "probably benign"}, None),
    ],
)
def test_an_observation_of_the_category_is_an_earlier_exam_with_it(value, expected):
    (found,) = exams(category(value))

    assert (found.category, found.date) == (lung(expected), date(2019, 1, 10))


def test_a_preliminary_category_is_none():
    assert exams(category(concept(LOCAL, "2"), status="preliminary"))[0].category is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Lung-RADS 4A.", "4A"),
        ("LungRADS category 2S. Continue annual screening.", "2"),
        ("Lung-RADS v2022 category: 4b", "4B"),
        ("Lung-RADS® version 1.1, assessment category 3", "3"),
        ("LUNG RADS SCORE = 0", "0"),
        ("Lung-RADS 1. No nodules.", "1"),
        ("Lung-RADS 2022", None),
        ("Lung-RADS 1.1", None),
        ("Lung-RADS 4", None),
        ("Lung-RADS 20", None),
        ("Prior Lung-RADS 3, now Lung-RADS 2.", None),
        ("Lung-RADS 2. As said: Lung-RADS 2.", "2"),
        ("BI-RADS 2", None),
        ("LI-RADS 3", None),
        ("category 2", None),
        (None, None),
    ],
)
def test_a_conclusion_states_a_category_only_where_it_names_exactly_one(words, expected):
    assert exams(report(conclusion=words))[0].category == lung(expected)


def test_resources_of_one_day_are_one_exam_and_the_one_with_the_category_speaks():
    (found,) = exams(study(), report(), category(concept(LOCAL, "3")))

    assert (found.category, found.source.reference) == ("Lung-RADS 3", "Observation/k1")
    (found,) = exams(study(), report())
    assert found.source.reference == "DiagnosticReport/r1"


def test_categories_of_one_day_that_differ_contradict_each_other():
    (found,) = exams(report(conclusion="Lung-RADS 2"), category(concept(LOCAL, "3")))

    assert found.category is None
    assert "contradict" in found.description


def test_exams_come_oldest_first():
    assert [e.date.year for e in exams(report("2018-05-01", "r2"), report("2016-05-01", "r3"), report())] == [
        2016,
        2018,
        2019,
    ]


def test_an_exam_that_does_not_state_its_day_is_noted_and_not_listed():
    made = read_patient(bundle(report("2018"), report(None, "r2")), exam_date=EXAM)

    assert made.prior_exams == ()
    assert made.notes == ("Earlier exams of chest or liver that do not state their day, not listed: 2.",)


# --- the liver, recommendations and orders

US_LIVER, CT_BOTH = (LOINC, "28614-6"), (SCT, "418891003")


def order(**more):
    base = {"status": "active", "intent": "order", "code": concept(*CT_CHEST), "authoredOn": "2019-01-10"}
    return about("ServiceRequest", "q1", **(base | more))


def test_an_exam_of_the_liver_is_an_earlier_exam_with_its_category():
    (found,) = exams(report(code=US_LIVER, conclusion="LI-RADS US-2. Repeat ultrasound in 3 to 6 months."))

    assert (found.date, found.category) == (date(2019, 1, 10), "US-2")
    assert found.description == "US Liver Report; next exam recommended in 3 to 6 months, by 2019-07-10"
    assert found.source.reference == "DiagnosticReport/r1"


def test_chest_and_liver_of_one_day_are_two_exams_and_an_exam_of_both_is_one():
    both = about("Procedure", "p1", status="completed", code=concept(*CT_BOTH), performedDateTime="2019-01-10")

    assert len(exams(report(), report(code=US_LIVER, ident="r2"))) == 2
    assert [e.source.reference for e in exams(both)] == ["Procedure/p1"]


def test_an_exam_of_both_with_a_category_of_each_stands_once_for_each():
    words = "Lung-RADS 2. LR-3."

    found = exams(report(code=CT_BOTH, conclusion=words))

    assert sorted(e.category for e in found) == ["LR-3", "Lung-RADS 2"]


def test_the_recommendation_of_a_report_stands_beside_the_category_of_an_observation():
    (found,) = exams(report(conclusion="Follow-up CT in 6 months."), category(concept(LOCAL, "3")))

    assert found.category == "Lung-RADS 3"
    assert found.description == "Lung-RADS category; next exam recommended in 6 months, by 2019-07-10"


def test_recommendations_of_one_day_that_differ_are_not_told():
    (found,) = exams(report(conclusion="CT in 6 months"), report(conclusion="CT in 3 months", ident="r2"))

    assert found.description == "CT Chest"


def test_the_newest_order_that_says_when_it_is_due_is_noted_and_is_no_exam():
    older = order(id="q0", authoredOn="2018-01-10", occurrenceDateTime="2018-07-10")
    made = read_patient(bundle(order(occurrenceDateTime="2019-07"), older, order(id="q2")), exam_date=EXAM)

    assert made.prior_exams == ()
    assert made.notes == (
        "An exam was asked for on 2019-01-10 and is due 2019-07-01 to 2019-07-31: CT Chest (ServiceRequest/q1).",
    )


def test_the_report_compares_with_exams_of_the_liver():
    from radlogic.adapters.report.dictated import prior_item

    (found,) = exams(report(code=US_LIVER, conclusion="LI-RADS US-2."))

    assert prior_item(found).text == "2019-01-10: US Liver Report; category US-2."
