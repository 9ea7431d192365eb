"""The ledger: every entry with its standing, series and dates; treatments; what rests on them."""

from datetime import date
from decimal import Decimal

import pytest
from fhir_zoo import (
    EMPHYSEMA,
    ICD,
    LOINC,
    SCT,
    bundle,
    concept,
    condition,
    observation,
    patient,
    quantity,
    smokes,
    verified,
)

from radlogic.adapters.fhir.history import facts_on, read_history
from radlogic.adapters.fhir.ledger import Standing
from radlogic.engine.types import Known, NotApplicable, Unknown

EXAM = date(2020, 2, 29)
BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
AFP, BILIRUBIN, L3, DCP = (LOINC, "1834-1"), (LOINC, "1975-2"), (LOINC, "42332-7"), (LOINC, "34444-0")
CIRRHOSIS, HCC, LUNG, BREAST = (SCT, "19943007"), (ICD, "C22.0"), (SCT, "254637007"), (ICD, "C50.911")
EMBOLIZATION, EXCISION, CHEMOTHERAPY, TRANSPLANT = "16736007", "65801008", "367336001", "18027006"


def read(*resources, exam_date=EXAM):
    return read_history(bundle(*resources), exam_date=exam_date)


def afp(value, when, ident):
    return observation(AFP, when, id=ident, **quantity(value, "ng/mL"))


def procedure(code, when="2018-04-01", **more):
    made = {"resourceType": "Procedure", "id": "p1", "status": "completed", "performedDateTime": when}
    return made | {"subject": {"reference": "Patient/canary-1"}, "code": concept(SCT, code)} | more


# --- how a fact stands


def lab(value=20, when="2019-08-01", unit="umol/L", **more):
    return observation(BILIRUBIN, when, **quantity(value, unit), **more)


RESOLVED = {"clinical": "resolved", "abatementDateTime": "2018-03-01"}


@pytest.mark.parametrize(
    ("fact", "resources", "standing"),
    [
        ("emphysema", [], Standing.ABSENT),
        ("emphysema", [condition()], Standing.STATED),
        ("emphysema", [condition(**verified("refuted"))], Standing.DENIED),
        ("emphysema", [condition((SCT, "68328006"), **verified("refuted"))], Standing.REFUTED),
        ("emphysema", [condition(**verified("entered-in-error"))], Standing.IN_ERROR),
        ("emphysema", [condition(**verified("provisional"))], Standing.SUSPECTED),
        ("emphysema", [condition(onsetDateTime="2021-01-01")], Standing.NOT_BY_EXAM),
        ("emphysema", [condition(), condition(id="c2", **verified("refuted"))], Standing.CONTRADICTED),
        ("emphysema", [observation(EMPHYSEMA, valueBoolean=False)], Standing.DENIED),
        ("cirrhosis", [condition(CIRRHOSIS, **RESOLVED)], Standing.ENDED),
        ("cirrhosis", [condition(CIRRHOSIS, clinical="inactive")], Standing.INACTIVE),
        ("bilirubin", [lab()], Standing.STATED),
        ("bilirubin", [lab(2000)], Standing.OUT_OF_RANGE),
        ("bilirubin", [lab(unit="furlong")], Standing.UNUSABLE),
        ("bilirubin", [lab(when="2019-02-28")], Standing.STALE),
        ("bilirubin", [lab(status="preliminary")], Standing.NOT_FINAL),
        ("bilirubin", [lab(status="entered-in-error")], Standing.IN_ERROR),
        ("bilirubin", [lab(when="2020-03-01")], Standing.NOT_BY_EXAM),
        ("bilirubin", [lab(), lab(21, id="o2")], Standing.CONTRADICTED),
        ("smoking_status", [smokes("449868002"), smokes("8517006", id="o2")], Standing.CONTRADICTED),
        ("smoking_status", [smokes("8517006", "2014-01-01")], Standing.STALE),
        ("years_since_quitting", [smokes("449868002")], Standing.NOT_APPLICABLE),
    ],
)
def test_a_fact_says_how_it_stands(fact, resources, standing):
    assert read(*resources).standing[fact] is standing


def test_a_stale_value_stays_visible_and_the_fact_is_unknown():
    made = read(lab(30, "2018-01-01"))

    (entry,) = made.entries["bilirubin"]
    assert (entry.value, entry.standing, entry.day) == (Decimal(30), Standing.STALE, date(2018, 1, 1))
    belief = made.patient.facts["bilirubin"]
    assert isinstance(belief, Unknown)
    assert belief.why == "Observation/o1 is stale: 12 months old or more on the day of the exam"


@pytest.mark.parametrize(
    ("when", "fresh"), [("2019-03-01", True), ("2019-02-28", False), ("2019-02-28T23:59:00Z", False)]
)
def test_a_value_is_stale_from_the_day_on_which_it_is_so_many_months_old(when, fresh):
    found = read(lab(when=when), exam_date=date(2020, 2, 28)).patient.facts["bilirubin"]

    assert isinstance(found, Known) is fresh


def test_without_an_exam_date_nothing_is_stale():
    assert read(lab(30, "1990-01-01"), exam_date=None).standing["bilirubin"] is Standing.STATED


def test_an_entry_marked_as_an_error_is_in_the_ledger_and_says_nothing():
    made = read(condition(), condition(id="c2", onsetDateTime="2019-01-01", **verified("entered-in-error")))

    assert made.standing["emphysema"] is Standing.STATED
    assert [e.standing for e in made.entries["emphysema"]] == [Standing.STATED, Standing.IN_ERROR]


@pytest.mark.parametrize(
    ("resource", "fact", "why"),
    [
        (lab(2000), "bilirubin", "is outside the plausible range of 0 to 1500 umol/L"),
        (lab(unit="furlong"), "bilirubin", "is in the unit 'furlong'; read are umol/L, mg/dL"),
        (lab(status="preliminary"), "bilirubin", "is not final"),
        (lab(status="entered-in-error"), "bilirubin", "is marked as entered in error"),
        (lab(when="2018-01-01"), "bilirubin", "is stale: 12 months old or more on the day of the exam"),
        (condition(**verified("provisional")), "emphysema", "only suspects it (provisional)"),
        (condition(CIRRHOSIS, clinical="inactive"), "cirrhosis", "is recorded as inactive, which does not say that it"),
        (condition(onsetDateTime="2021-01-01"), "emphysema", "lies after the exam"),
        (condition((SCT, "68328006"), **verified("refuted")), "emphysema", 'rules out "Centrilobular emphysema'),
    ],
)
def test_an_entry_that_does_not_count_says_why(resource, fact, why):
    (entry,) = read(resource).entries[fact]

    assert entry.why.startswith(why)
    assert entry.reference == f"{resource['resourceType']}/{resource['id']}"


def test_a_treatment_that_was_not_done_is_in_the_ledger_and_says_nothing():
    made = read(procedure(TRANSPLANT, status="not-done"))

    (entry,) = made.entries["liver_transplant"]
    assert (entry.standing, entry.why) == (Standing.NOT_DONE, "was not done, which says nothing of other occasions")
    assert made.standing["liver_transplant"] is Standing.ABSENT


@pytest.mark.parametrize(
    ("who", "fact", "standing"),
    [
        ({"birthDate": "1947"}, "age_years", Standing.UNUSABLE),
        ({"gender": "other"}, "sex", Standing.UNUSABLE),
        ({"extension": [{"url": BIRTH_SEX, "valueCode": "M"}]}, "sex", Standing.CONTRADICTED),
        ({}, "age_years", Standing.STATED),
    ],
)
def test_what_the_patient_resource_says_stands_like_any_fact(who, fact, standing):
    assert read_history(bundle(who=patient(**who)), exam_date=EXAM).standing[fact] is standing


def test_what_the_patient_resource_does_not_say_is_absent():
    without = {key: value for key, value in patient().items() if key not in ("gender", "birthDate")}

    standing = read_history(bundle(who=without), exam_date=EXAM).standing
    assert (standing["age_years"], standing["sex"]) == (Standing.ABSENT, Standing.ABSENT)


def test_a_relative_without_the_disease_leaves_the_question_open_and_is_in_the_ledger():
    relative = {"resourceType": "FamilyMemberHistory", "id": "f1", "status": "completed",
                "patient": {"reference": "Patient/canary-1"}}  # fmt: skip
    made = read(relative)

    assert made.standing["family_history_lung_cancer"] is Standing.SUSPECTED
    assert "names no such disease" in made.entries["family_history_lung_cancer"][0].why


@pytest.mark.parametrize(
    ("resources", "standing"),
    [
        ([condition(BREAST)], Standing.STATED),
        ([condition(BREAST, onsetDateTime="2019")], Standing.UNUSABLE),
        ([condition(BREAST, **verified("provisional"))], Standing.SUSPECTED),
        ([], Standing.ABSENT),
    ],
)
def test_a_derived_fact_stands_as_what_it_follows_from(resources, standing):
    assert read(*resources).standing["years_since_extrathoracic_cancer"] is standing


# --- series and dates


def test_the_afp_series_is_ordered_and_its_rise_is_the_newest_less_the_one_before():
    made = read(afp(9, "2019-12-01", "o3"), afp(4, "2019-06-01", "o2"), afp(300, "2012-01-01", "o1"))

    assert [(e.day.year, e.value, e.standing) for e in made.entries["afp_ng_ml"]] == [
        (2012, 300, Standing.STALE),
        (2019, 4, Standing.STATED),
        (2019, 9, Standing.STATED),
    ]
    assert made.patient.facts["afp_ng_ml"].value == 9
    assert made.patient.facts["afp_rise_ng_ml"].value == 5
    assert made.patient.facts["afp_rise_ng_ml"].source.reference == "Observation/o3"


@pytest.mark.parametrize(
    ("series", "why"),
    [
        ([], "does not mention"),
        ([afp(9, "2019-12-01", "o1")], "no earlier value"),
        ([afp(9, "2019-12-01", "o1"), afp(4, "2015-06-01", "o2")], "no earlier value"),
        ([afp(9, "2015-12-01", "o1"), afp(4, "2015-06-01", "o2")], "stale"),
        ([afp(9, "2019-12-01", "o1"), afp(4, "2019-06-01", "o2"), afp(5, "2019-06-01", "o3")], "of one day and differ"),
    ],
)
def test_a_rise_that_cannot_be_told_is_unknown(series, why):
    assert why in read(*series).patient.facts["afp_rise_ng_ml"].why


def test_l3_and_dcp_are_read_in_their_own_units():
    facts = read(
        observation(L3, id="o1", **quantity(12.5, "%")), observation(DCP, id="o2", **quantity(7.5, "ng/mL"))
    ).patient.facts

    assert (facts["afp_l3_percent"].value, facts["dcp_ng_ml"].value) == (Decimal("12.5"), Decimal("7.5"))
    assert "m[AU]" in read(observation(DCP, **quantity(7.5, "m[AU]/mL"))).patient.facts["dcp_ng_ml"].why


def test_cancers_keep_their_dates_and_the_newest_counts():
    made = read(condition(BREAST, onsetDateTime="2010-05-01"), condition(BREAST, id="c2", onsetDateTime="2013-03-01"))

    assert [e.day for e in made.entries["extrathoracic_cancer"]] == [date(2010, 5, 1), date(2013, 3, 1)]
    found = made.patient.facts["years_since_extrathoracic_cancer"]
    assert (found.value, found.source.reference) == (6, "Condition/c2")
    assert isinstance(made.patient.facts["years_since_lung_cancer"], Unknown)


@pytest.mark.parametrize(("onset", "years"), [("2013", None), ("2012-03", 7), ("2012-02", 8)])
def test_years_since_a_cancer_are_known_only_where_its_date_is_fine_enough(onset, years):
    found = read(condition(LUNG, onsetDateTime=onset)).patient.facts["years_since_lung_cancer"]

    assert getattr(found, "value", None) == years


# --- treatments


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        (EMBOLIZATION, "hcc_locoregional_treatment"),
        ("879916008", "hcc_locoregional_treatment"),
        (EXCISION, "hcc_resection"),
        (CHEMOTHERAPY, "hcc_systemic_treatment"),
    ],
)
def test_a_treatment_of_many_uses_counts_where_its_reason_is_hcc(code, fact):
    by_code = procedure(code, reasonCode=[concept(*HCC)])
    by_condition = procedure(code, reasonReference=[{"reference": "Condition/c1"}])

    assert read(by_code).patient.facts[fact].value is True
    assert read(condition(HCC), by_condition).patient.facts[fact].value is True
    without = read(condition(HCC), procedure(code))
    assert "does not say that it was done for this disease" in without.patient.facts[fact].why
    assert without.standing[fact] is Standing.SUSPECTED
    assert read(procedure(code, reasonCode=[concept(*LUNG)])).standing[fact] is Standing.SUSPECTED


@pytest.mark.parametrize(
    ("more", "standing"),
    [
        ({}, Standing.STATED),
        ({"status": "in-progress"}, Standing.NOT_FINAL),
        ({"status": "entered-in-error"}, Standing.IN_ERROR),
        ({"status": "not-done"}, Standing.ABSENT),
        ({"when": "2021-01-01"}, Standing.NOT_BY_EXAM),
    ],
)
def test_a_transplant_counts_where_it_was_done_by_the_exam(more, standing):
    made = read(procedure(TRANSPLANT, **more))

    assert made.standing["liver_transplant"] is standing
    assert isinstance(made.patient.facts["liver_transplant"], Known) is (standing is Standing.STATED)


def test_a_transplant_may_stand_in_the_problem_list():
    assert read(condition((ICD, "Z94.4"))).patient.facts["liver_transplant"].value is True


@pytest.mark.parametrize(
    ("code", "fact", "value"),
    [
        ((ICD, "K70.30"), "cirrhosis_aetiology", "alcohol"),
        ((SCT, "831000119103"), "cirrhosis_aetiology", "hepatitis_c"),
        ((ICD, "K70.9"), "alcohol_liver_disease", True),
        ((SCT, "7200002"), "alcohol_use_disorder", True),
        ((ICD, "F10.21"), "alcohol_use_disorder", True),
        ((ICD, "Z77.123"), "radon_exposure", True),
    ],
)
def test_causes_and_exposures(code, fact, value):
    assert read(condition(code)).patient.facts[fact].value == value


def test_two_causes_of_one_cirrhosis_contradict_each_other():
    made = read(condition((ICD, "K70.30")), condition((SCT, "831000119103"), id="c2"))

    assert made.standing["cirrhosis_aetiology"] is Standing.CONTRADICTED


def test_a_never_smoker_has_no_years_since_quitting_and_a_contradicted_one_is_said_of_all_three():
    assert isinstance(read(smokes("266919005")).patient.facts["years_since_quitting"], NotApplicable)
    made = read(smokes("266919005"), observation((SCT, "401201003"), id="o2", **quantity(20, "1")))
    assert {made.standing[f] for f in ("smoking_status", "pack_years", "years_since_quitting")} == {
        Standing.CONTRADICTED
    }


@pytest.mark.parametrize("exam_date", [EXAM, None])
def test_the_facts_alone_are_those_of_the_whole_history(exam_date):
    record = bundle(
        condition(CIRRHOSIS), afp(8.5, "2019-03-01", "o1"), smokes("8517006"), procedure(EXCISION),
        who=patient(birthDate="1950-01-01"),
    )  # fmt: skip

    assert facts_on(record, exam_date=exam_date) == read_history(record, exam_date=exam_date).patient.facts
