"""Earlier exams of chest and liver: category and the recommended interval, where exactly one is named."""

from datetime import date

import pytest
from fhir_zoo import LOINC, SCT, bundle, concept

from radlogic.adapters.fhir.history import read_history
from radlogic.adapters.fhir.imaging import Recommendation

EXAM = date(2020, 2, 29)
CHEST, LIVER = (LOINC, "24627-2"), (LOINC, "41806-1")


def about(kind, **more):
    return {"resourceType": kind, "id": "r1", "subject": {"reference": "Patient/canary-1"}} | more


def report(conclusion, code=CHEST, status="final"):
    when = {"effectiveDateTime": "2019-01-10"}
    return about("DiagnosticReport", status=status, code=concept(*code), conclusion=conclusion, **when)


def order(**more):
    base = {"status": "active", "intent": "order", "code": concept(*CHEST), "authoredOn": "2019-01-10"}
    return about("ServiceRequest", **(base | more))


def read(*resources, exam_date=EXAM):
    return read_history(bundle(*resources), exam_date=exam_date).imaging


@pytest.mark.parametrize(
    ("words", "months"),
    [
        ("Lung-RADS 3. Follow-up LDCT in 6 months.", (6, 6)),
        ("Repeat CT in 3 to 6 months", (3, 6)),
        ("Follow-up at 3-6 months is advised", (3, 6)),
        ("6-month follow-up LDCT", (6, 6)),
        ("Continue annual screening; screening CT in 1 year.", (12, 12)),
        ("Follow-up CT in 6 months. As said: follow-up CT in 6 months.", (6, 6)),
        ("Follow-up CT in 6 months or surveillance CT in 12 months", None),
        ("Follow-up CT in 6 weeks", None),
        ("Compared with the CT of 6 months ago", None),
        ("Known for 6 months. No follow-up.", None),
        ("This 6-month follow-up CT shows no change.", None),
        ("No follow-up CT in 6 months is needed", None),
        ("Compared with the CT at 6 months", None),
        ("nodule of 6 mm", None),
        (None, None),
    ],
)
def test_a_conclusion_recommends_an_interval_only_where_it_names_exactly_one(words, months):
    (found,) = read(report(words))

    assert found.recommendation == (Recommendation(months) if months else None)
    assert found.category in (None, "Lung-RADS 3")


@pytest.mark.parametrize(
    ("words", "category"),
    [
        ("LI-RADS category: LR-5", "LR-5"),
        ("LR-4, 18 mm", "LR-4"),
        ("LR-TIV", "LR-TIV"),
        ("LR-M", "LR-M"),
        ("LI-RADS v2018 LR-3.", "LR-3"),
        ("LI-RADS US-2", "US-2"),
        ("CEUS LR-3", "CEUS LR-3"),
        ("LR-TR nonviable", "LR-TR Nonviable"),
        ("The lesion is LR-4.", "LR-4"),
        ("No suspicious lesion, LR-2", "LR-2"),
        ("LI-RADS v2018", None),
        ("LR-3 and LR-4", None),
        ("No LR-5 observation.", None),
        ("Previously LR-4.", None),
        ("Prior exam: LR-3", None),
        ("LR-5 was not seen", None),
        ("LR-7", None),
        ("BI-RADS 4", None),
    ],
)
def test_a_liver_exam_has_the_one_li_rads_category_that_its_conclusion_names(words, category):
    (found,) = read(report(words, LIVER))

    assert (found.region, found.category, found.exam) == ("liver", category, "CT Abdomen Report")


def test_a_preliminary_report_neither_categorises_nor_recommends():
    (found,) = read(report("Lung-RADS 3. Follow-up CT in 6 months.", status="preliminary"))

    assert (found.category, found.recommendation) == (None, None)


def test_an_exam_of_chest_and_abdomen_counts_for_both():
    both = about("Procedure", status="completed", code=concept(SCT, "418891003"), performedDateTime="2019-01-10")

    assert [i.region for i in read(both)] == ["chest", "liver"]


@pytest.mark.parametrize(
    ("modality", "site", "found"), [("MR", "10200004", 1), ("US", "818981001", 1), ("DX", "818981001", 0)]
)
def test_a_study_of_the_liver_is_known_by_modality_and_site(modality, site, found):
    series = [{"modality": {"code": modality}, "bodySite": {"system": SCT, "code": site}}]

    assert len(read(about("ImagingStudy", status="available", started="2019-01-10", series=series))) == found


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"occurrenceDateTime": "2019-07-10"}, Recommendation((6, 6), (date(2019, 7, 10), date(2019, 7, 10)))),
        ({"occurrenceDateTime": "2019-07"}, Recommendation((5, 6), (date(2019, 7, 1), date(2019, 7, 31)))),
        ({"occurrenceDateTime": "2018-12-01"}, Recommendation(None, (date(2018, 12, 1), date(2018, 12, 1)))),
        ({}, None),
    ],
)
def test_an_order_says_when_the_next_exam_is_due(more, expected):
    (found,) = read(order(**more))

    assert found.asked_for
    assert found.recommendation == expected


@pytest.mark.parametrize("more", [{"status": "revoked"}, {"doNotPerform": True}, {"authoredOn": "2020-03-01"}])
def test_an_order_that_does_not_stand_is_not_listed(more):
    assert read(order(**more)) == ()


def test_exams_of_the_day_or_later_are_not_listed_and_all_are_without_an_exam_date():
    late = report("Lung-RADS 2") | {"effectiveDateTime": "2020-02-29"}

    assert read(late) == ()
    assert len(read(late, exam_date=None)) == 1
