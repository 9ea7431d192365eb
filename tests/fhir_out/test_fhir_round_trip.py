"""Our own Bundles read back by the reader of records: the same exam, the same category, the same interval."""

from datetime import date
from functools import lru_cache

import bundle_cases as world
from bundle_cases import SIGNATURES
from sample_decisions import ALL

from radlogic.adapters.fhir import conclusions
from radlogic.adapters.fhir.bundle import read_record
from radlogic.adapters.fhir.emit.bundle import report_bundle
from radlogic.adapters.fhir.imaging import imaging
from radlogic.adapters.fhir.patient import read_patient
from radlogic.adapters.fhir.prior_exams import prior_exams
from radlogic.adapters.fhir.vocabulary import shipped

LATER = date(2027, 6, 1)
PATIENT = {"resourceType": "Patient", "id": "7", "birthDate": "1960-05-01", "gender": "female"}


@lru_cache
def every():
    return (*world.own(2), *world.written())


OVER = world.over(every)


def record(assessment, signed):
    made = report_bundle(assessment, signed, world.CONTEXT)
    return {
        **made,
        "entry": [{"fullUrl": "https://hospital.example/fhir/Patient/7", "resource": PATIENT}, *made["entry"]],
    }


def seen(assessment, signed):
    found = imaging(read_record(record(assessment, signed)), shipped(), LATER)
    return found, prior_exams(found, LATER)[0]


def lung_rads(assessment):
    return next((d for d in assessment.decision.guidelines if d.application.guideline.startswith("lung-rads")), None)


@OVER
def test_a_signed_category_is_read_as_it_was_signed(name, assessment):
    answer = lung_rads(assessment)
    if answer is None or answer.application.applies == "no":
        found, _ = seen(assessment, SIGNATURES["accepted"])
        assert not [one for one in found if (one.category or "").startswith("Lung-RADS")]
        return
    _, priors = seen(assessment, SIGNATURES["accepted"])
    stated = {exam.category for exam in priors if exam.category}
    is_one = answer.exam.category in shipped().categories
    assert stated == ({f"Lung-RADS {answer.exam.category}"} if is_one else set())


@OVER
def test_what_nobody_signed_is_no_earlier_category(name, assessment):
    for how in ("unsigned", "set aside"):
        found, _ = seen(assessment, SIGNATURES[how])
        assert not [one for one in found if one.category is not None]


@OVER
def test_the_conclusion_is_read_as_the_decision_has_it_or_not_at_all(name, assessment):
    made = report_bundle(assessment, SIGNATURES["accepted"], world.CONTEXT)
    text = made["entry"][0]["resource"]["conclusion"]
    answers = [d for d in assessment.decision.guidelines if d.application.applies != "no" and d.exam is not None]
    lung = [d.exam.category for d in answers if d.application.guideline.startswith("lung-rads")]
    assert conclusions.lung_rads(text) in (*lung, None)
    liver = [d.exam.category for d in answers if d.application.guideline.startswith("li-rads")]
    assert conclusions.li_rads(text) in (*liver, None)
    months = conclusions.interval(text)
    if months is not None:
        assert months[1] in {d.exam.facts["interval_months"][1] for d in answers if d.exam.facts.get("interval_months")}


def test_a_plain_follow_up_is_read_back_whole():
    _, (exam, *_) = seen(ALL["no_findings"](), SIGNATURES["accepted"])
    assert exam.category == "Lung-RADS 1"
    assert "next exam recommended in 12 months, by 2026-03-14" in exam.description


def test_the_override_is_what_is_read():
    _, priors = seen(ALL["no_findings"](), SIGNATURES["overridden"])
    assert {exam.category for exam in priors} == {"Lung-RADS 4B"}


def test_no_feature_of_a_finding_is_taken_for_a_fact_of_the_patient():
    plain = read_patient(
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}, exam_date=LATER
    )
    patient = read_patient(record(ALL["fused"](), SIGNATURES["accepted"]), exam_date=LATER)
    assert patient.facts == plain.facts
