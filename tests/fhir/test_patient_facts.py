"""What a record states, what it leaves open, and why: fact by fact."""

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

from radlogic.adapters.fhir.patient import read_patient
from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.adapters.fhir.vocabulary import shipped
from radlogic.engine.types import Known, NotApplicable, SourceKind, Unknown

EXAM = date(2020, 2, 29)
LUNG_CANCER, CIRRHOSIS, ALCOHOLIC = (SCT, "254637007"), (SCT, "19943007"), (ICD, "K70.30")
BILIRUBIN, ALBUMIN, AFP, PLATELETS = (LOINC, "1975-2"), (LOINC, "1751-7"), (LOINC, "1834-1"), (LOINC, "777-3")
PACK_YEARS, SINCE, QUIT = (SCT, "401201003"), (SCT, "228486009"), (SCT, "160625004")
NEVER, FORMER, DAILY = "266919005", "8517006", "449868002"
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
RESOLVED = {"clinical": "resolved", "abatementDateTime": "2018-03-01"}


def read(*resources, exam_date=EXAM, who=None, **more):
    return read_patient(bundle(*resources, who=who), exam_date=exam_date, **more)


def belief(fact, *resources, **more):
    return read(*resources, **more).facts[fact]


def relative(code=LUNG_CANCER, kin="FTH", **more):
    role = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
    made = {"resourceType": "FamilyMemberHistory", "id": "f1", "patient": {"reference": "Patient/canary-1"}}
    return (
        made
        | {"status": "completed", "relationship": concept(role, kin), "condition": [{"code": concept(*code)}]}
        | more
    )


# --- the record as a whole


def test_an_empty_record_knows_age_and_sex_and_denies_nothing():
    facts = read().facts

    assert set(facts) == set(shipped().facts)
    for name, found in facts.items():
        if name in ("age_years", "sex"):
            assert isinstance(found, Known)
        else:
            assert found == Unknown("the record does not mention it")


def test_the_key_is_the_pseudonym_of_the_id_unless_one_is_given():
    assert read().key == patient_key("canary-1")
    assert read(key="site-7").key == "site-7"
    assert read(who={k: v for k, v in patient().items() if k != "id"}).key == ""


def test_a_source_names_the_resource_and_its_day():
    source = belief("emphysema", condition()).source

    assert (source.kind, source.reference, source.when) == (SourceKind.RECORD, "Condition/c1", date(2015, 6, 1))
    assert belief("emphysema", condition(onsetDateTime="2015-06")).source.when is None


def test_a_resource_without_an_id_is_named_by_its_place():
    nameless = {k: v for k, v in condition().items() if k != "id"}

    assert belief("emphysema", nameless).source.reference == "Condition in entry[1]"


def test_nothing_that_identifies_the_patient_is_carried_on():
    carried = repr(read(condition(), smokes(FORMER)))

    assert not any(secret in carried for secret in ("Canary", "4711", "1947", "Wren", "canary"))


# --- age and sex


@pytest.mark.parametrize(
    ("birth_date", "exam_date", "age"),
    [
        ("1960-02-29", EXAM, 60),
        ("1960-03-01", EXAM, 59),
        ("1959-12", EXAM, 60),
        ("1959", date(2019, 12, 31), 60),
        ("2020-02-29", EXAM, 0),
    ],
)
def test_age_is_completed_years_on_the_exam_date(birth_date, exam_date, age):
    found = belief("age_years", who=patient(birthDate=birth_date), exam_date=exam_date)

    assert found.value == Decimal(age)


@pytest.mark.parametrize(
    ("who", "exam_date", "why"),
    [
        (patient(birthDate="1959"), EXAM, "too coarse"),
        (patient(birthDate="1960"), EXAM, "too coarse"),
        (patient(), None, "no exam date"),
        ({k: v for k, v in patient().items() if k != "birthDate"}, EXAM, "states no birth date"),
    ],
)
def test_an_age_that_cannot_be_told_is_unknown(who, exam_date, why):
    assert why in belief("age_years", who=who, exam_date=exam_date).why


@pytest.mark.parametrize(("gender", "sex"), [("male", "M"), ("female", "F")])
def test_sex_is_the_administrative_gender(gender, sex):
    assert belief("sex", who=patient(gender=gender)).value == sex


@pytest.mark.parametrize("gender", ["other", "unknown", "", None, 7, "M"])
def test_any_other_gender_leaves_sex_unknown(gender):
    assert isinstance(belief("sex", who=patient(gender=gender)), Unknown)


def test_a_birth_sex_that_differs_leaves_sex_unknown():
    url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"

    assert "differ" in belief("sex", who=patient(extension=[{"url": url, "valueCode": "M"}])).why
    assert belief("sex", who=patient(extension=[{"url": url, "valueCode": "F"}])).value == "F"
    assert belief("sex", who=patient(extension=[{"url": url, "valueCode": "UNK"}])).value == "F"


def test_a_patient_who_died_before_the_exam_is_noted():
    assert "died before the exam" in read(who=patient(deceasedDateTime="2019-01-01")).notes[0]
    assert read(who=patient(deceasedDateTime="2020-03-01")).notes == ()


# --- diagnoses: stated, denied, ended, suspected


@pytest.mark.parametrize(
    ("code", "resource", "fact", "value"),
    [
        (EMPHYSEMA, {}, "emphysema", True),
        (EMPHYSEMA, RESOLVED, "emphysema", True),  # emphysema does not go away
        (EMPHYSEMA, verified("confirmed"), "emphysema", True),
        (EMPHYSEMA, {"clinical": None}, "emphysema", True),
        (EMPHYSEMA, verified("refuted"), "emphysema", False),
        (LUNG_CANCER, {}, "lung_cancer", True),
        (LUNG_CANCER, RESOLVED, "lung_cancer", True),  # a resolved cancer is history
        (LUNG_CANCER, {"clinical": "remission"}, "cancer_history", True),
        (CIRRHOSIS, {}, "cirrhosis", True),
        (CIRRHOSIS, {"clinical": "recurrence"}, "cirrhosis", True),
        (CIRRHOSIS, RESOLVED, "cirrhosis", False),
        (CIRRHOSIS, {"clinical": None, "abatementDateTime": "2018"}, "cirrhosis", False),
        (
            CIRRHOSIS,
            {"clinical": "resolved", "abatementDateTime": "2020-03-01"},
            "cirrhosis",
            True,
        ),  # still there at the exam
        (CIRRHOSIS, verified("refuted"), "cirrhosis", False),
        (ALCOHOLIC, {}, "cirrhosis_cause", "other"),
        ((ICD, "C50.911"), {}, "extrathoracic_cancer", True),
        ((ICD, "Z80.1"), {}, "family_history_lung_cancer", True),
        ((ICD, "Z77.090"), {}, "asbestos_exposure", True),
    ],
)
def test_a_condition_states_a_fact(code, resource, fact, value):
    found = belief(fact, condition(code, **resource))

    assert isinstance(found, Known), found
    assert found.value == value


@pytest.mark.parametrize(
    ("code", "resource", "fact", "why"),
    [
        (EMPHYSEMA, verified("entered-in-error"), "emphysema", "does not mention"),
        (EMPHYSEMA, verified("provisional"), "emphysema", "only suspects"),
        (EMPHYSEMA, verified("differential"), "emphysema", "only suspects"),
        (EMPHYSEMA, verified("nonsense"), "emphysema", "verification status"),
        (EMPHYSEMA, {"clinical": "nonsense"}, "emphysema", "clinical status"),
        ((SCT, "68328006"), verified("refuted"), "emphysema", "leaves other kinds"),
        (LUNG_CANCER, verified("refuted"), "lung_cancer", "leaves other kinds and times open"),
        ((SCT, "162573006"), {}, "lung_cancer", "raises the question"),
        ((SCT, "162573006"), {}, "cancer_history", "raises the question"),
        ((SCT, "66071002"), {}, "chronic_hbv", "raises the question"),
        ((ICD, "K76.0"), {}, "masld", "raises the question"),
        (CIRRHOSIS, {"clinical": "inactive"}, "cirrhosis", "does not say that it is gone"),
        (CIRRHOSIS, {"clinical": "resolved"}, "cirrhosis", "without saying whether before"),
        (
            CIRRHOSIS,
            {"clinical": "resolved", "abatementDateTime": "2020"},
            "cirrhosis",
            "without saying whether before",
        ),
        (ALCOHOLIC, RESOLVED, "cirrhosis_cause", "closed"),
        (EMPHYSEMA, {"onsetDateTime": "2020-03-01"}, "emphysema", "lies after the exam"),
        (EMPHYSEMA, {"onsetDateTime": "2020"}, "emphysema", "before or after"),
        (EMPHYSEMA, {"onsetDateTime": None}, "emphysema", "before or after"),
        ((SCT, "999"), {}, "emphysema", "does not mention"),
        (("http://other", EMPHYSEMA[1]), {}, "emphysema", "does not mention"),
    ],
)
def test_a_condition_may_leave_a_fact_open_and_says_why(code, resource, fact, why):
    found = belief(fact, condition(code, **resource))

    assert isinstance(found, Unknown), found
    assert why in found.why


def test_a_closed_diagnosis_of_an_encounter_does_not_say_that_the_disease_is_gone():
    of_encounter = {"category": [concept(CATEGORY, "encounter-diagnosis")]}
    of_list = {"category": [concept(CATEGORY, "problem-list-item")]}

    assert "encounter's diagnosis" in belief("cirrhosis", condition(CIRRHOSIS, **RESOLVED, **of_encounter)).why
    assert belief("cirrhosis", condition(CIRRHOSIS, **RESOLVED, **of_list)).value is False


def test_where_one_entry_is_closed_and_another_goes_on_the_disease_goes_on():
    found = belief("cirrhosis", condition(CIRRHOSIS, **RESOLVED), condition(ALCOHOLIC, id="c2"))

    assert (found.value, found.source.reference) == (True, "Condition/c2")


def test_stated_and_refuted_contradict_each_other_and_both_are_named():
    found = belief("emphysema", condition(), condition(id="c2", onsetDateTime="2016-01-01", **verified("refuted")))

    assert isinstance(found, Unknown)
    assert found.why == "Condition/c1 and Condition/c2 contradict each other"


def test_a_refutation_that_is_older_than_the_statement_is_overtaken():
    found = belief("emphysema", condition(), condition(id="c2", onsetDateTime="2010-01-01", **verified("refuted")))

    assert (found.value, found.source.reference) == (True, "Condition/c1")


def test_of_several_statements_the_earliest_is_the_source():
    found = belief("lung_cancer", condition(LUNG_CANCER), condition(LUNG_CANCER, id="c2", onsetDateTime="2009-01-01"))

    assert (found.source.reference, found.source.when) == ("Condition/c2", date(2009, 1, 1))


def test_two_causes_that_are_both_other_do_not_contradict_each_other():
    one, other = condition(ALCOHOLIC), condition((ICD, "K71.7"), id="c2")

    assert belief("cirrhosis_cause", one, other).value == "other"


def test_onset_counts_before_the_day_it_was_written_down_and_that_day_where_there_is_no_onset():
    assert belief("emphysema", condition(recordedDate="2021-01-01")).value is True
    later = condition(recordedDate="2021-01-01", onsetDateTime=None)
    assert "after the exam" in belief("emphysema", later).why


def test_without_an_exam_date_all_of_the_record_counts_and_a_note_says_so():
    made = read(condition(onsetDateTime="2050-01-01"), exam_date=None)

    assert made.facts["emphysema"].value is True
    assert "No exam date" in made.notes[0]


def test_a_yes_or_no_observation_is_an_explicit_answer():
    yes, no = observation(EMPHYSEMA, valueBoolean=True), observation(EMPHYSEMA, valueBoolean=False)

    assert belief("emphysema", yes).value is True
    assert belief("emphysema", no).value is False
    assert "leaves other kinds open" in belief("emphysema", observation((SCT, "68328006"), valueBoolean=False)).why
    assert "contradict" in belief("emphysema", condition(), no).why
    assert "not final" in belief("emphysema", no | {"status": "preliminary"}).why
    assert "does not mention" in belief("emphysema", no | {"status": "entered-in-error"}).why


def test_what_was_passed_over_is_noted():
    later = condition(onsetDateTime="2021-01-01")
    wrong = condition(id="c2", **verified("entered-in-error"))
    early = smokes(FORMER, status="preliminary")

    assert read(later, wrong, early).notes == (
        "Entries that the record itself marks as entered in error, left out: 1.",
        "Entries dated after the exam, not counted: 1.",
        "Observations that are not final, not read: 1.",
    )


# --- the family


def test_a_relative_with_lung_cancer_is_a_family_history():
    found = belief("family_history_lung_cancer", relative())

    assert (found.value, found.source.reference) == (True, "FamilyMemberHistory/f1")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"kin": "HUSB"}, "not a blood relative"),
        ({"kin": "ADOPTF"}, "not a blood relative"),
        ({"code": (SCT, "44054006")}, "the others stay open"),
        ({"code": (SCT, "162573006")}, "raises the question"),
        ({"condition": []}, "the others stay open"),
        ({"status": "health-unknown"}, "not known"),
        ({"status": "entered-in-error"}, "does not mention"),
        ({"date": "2021-01-01"}, "after the exam"),
    ],
)
def test_a_relative_never_says_no(more, why):
    found = belief("family_history_lung_cancer", relative(**more))

    assert isinstance(found, Unknown)
    assert why in found.why


# --- laboratory


@pytest.mark.parametrize(
    ("code", "value", "unit", "fact", "expected"),
    [
        (BILIRUBIN, 2, "mg/dL", "bilirubin", "34.2"),
        ((LOINC, "14631-6"), 17.1, "umol/L", "bilirubin", "17.1"),
        (ALBUMIN, 4.2, "g/dL", "albumin", "42"),
        (ALBUMIN, 42, "g/L", "albumin", "42"),
        (PLATELETS, 150, "10*3/uL", "platelets", "150"),
        (PLATELETS, 150, "10*9/L", "platelets", "150"),
        (PLATELETS, 150000, "/uL", "platelets", "150"),
        (AFP, 7, "ug/L", "afp_ng_ml", "7"),
        ((LOINC, "6301-6"), 1.2, "{INR}", "inr", "1.2"),
        ((LOINC, "6301-6"), 1.2, None, "inr", "1.2"),
        ((LOINC, "1920-8"), 30, "[IU]/L", "ast", "30"),
        ((LOINC, "1742-6"), 30, "U/L", "alt", "30"),
        (PACK_YEARS, 35.5, "{pack-years}", "pack_years", "35.5"),
    ],
)
def test_a_number_is_converted_exactly_to_the_facts_unit(code, value, unit, fact, expected):
    assert belief(fact, observation(code, **quantity(value, unit))).value == Decimal(expected)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (quantity(2, "g/L"), "is in the unit 'g/L'; read are umol/L, mg/dL"),
        (quantity(2, "mg/dl"), "'mg/dl'"),  # UCUM is case sensitive
        (quantity(2, None), "no unit"),
        (quantity(2, "a name with spaces"), "a unit that UCUM cannot write"),
        (quantity(2, "mg/dL", system="http://other"), "another system"),
        (quantity(2, "mg/dL", comparator="<"), "stated only as < a limit"),
        (quantity(2000, "umol/L"), "outside the plausible range of 0 to 1500 umol/L"),
        (quantity(-1, "umol/L"), "outside the plausible range"),
        (quantity("2", "mg/dL"), "not stated as a number"),
        (quantity(True, "mg/dL"), "not stated as a number"),
        (quantity(None, "mg/dL"), "not stated as a number"),
        (quantity(Decimal("1e999999"), "mg/dL"), "no number that can be measured"),
        ({"valueString": "1.2 mg/dL"}, "not stated as a number"),
        ({"dataAbsentReason": concept("x", "unknown")}, "states no value"),
    ],
)
def test_a_number_that_cannot_be_used_leaves_the_fact_unknown_and_says_why(answer, why):
    found = belief("bilirubin", observation(BILIRUBIN, **answer))

    assert isinstance(found, Unknown)
    assert found.why.startswith("Observation/o1 ")
    assert why in found.why


def test_a_unit_written_out_as_ucum_writes_it_needs_no_code():
    written = {"valueQuantity": {"value": 2, "unit": "mg/dL"}}

    assert belief("bilirubin", observation(BILIRUBIN, **written)).value == Decimal("34.2")


def bilirubin(value, when, ident="o1", **more):
    return observation(BILIRUBIN, when, id=ident, **quantity(value, "umol/L"), **more)


def test_the_newest_number_on_or_before_the_exam_counts():
    found = belief(
        "bilirubin",
        bilirubin(9, "2019-06-01"),
        bilirubin(11, "2020-02-29T23:00:00Z", "o2"),
        bilirubin(99, "2020-03-01", "o3"),
    )

    assert (found.value, found.source.reference) == (Decimal(11), "Observation/o2")


def test_the_order_of_the_entries_does_not_matter_but_the_moment_does():
    early, late = bilirubin(9, "2019-06-01T08:00:00+02:00"), bilirubin(11, "2019-06-01T07:00:00Z", "o2")

    assert belief("bilirubin", early, late).value == belief("bilirubin", late, early).value == Decimal(11)


def test_two_numbers_of_the_same_time_that_differ_contradict_each_other():
    found = belief("bilirubin", bilirubin(9, "2019-06-01"), bilirubin(11, "2019-06-01T12:00:00Z", "o2"))

    assert "Observation/o2 and Observation/o1 are of the same time and differ" in found.why
    assert belief("bilirubin", bilirubin(9, "2019-06-01"), bilirubin(9, "2019-06-01", "o2")).value == Decimal(9)


def test_an_unusable_newest_number_is_not_replaced_by_an_older_one():
    newest = observation(BILIRUBIN, "2019-08-01", id="o2", **quantity(3, "furlong"))

    assert "furlong" in belief("bilirubin", bilirubin(9, "2019-06-01"), newest).why


def test_a_newest_entry_without_a_value_says_nothing():
    empty = observation(BILIRUBIN, "2019-08-01", id="o2", dataAbsentReason=concept("x", "error"))

    assert belief("bilirubin", bilirubin(9, "2019-06-01"), empty).value == Decimal(9)


@pytest.mark.parametrize(
    ("more", "why"),
    [({"status": "cancelled"}, "not final"), ({"status": "entered-in-error"}, "entered in error"),
     ({"effectiveDateTime": "2021-01-01"}, "after the exam"), ({"effectiveDateTime": None}, "does not say")],
)  # fmt: skip
def test_a_number_that_does_not_count_says_why(more, why):
    assert why in belief("bilirubin", bilirubin(9, "2019-06-01") | more).why


# --- smoking


def test_a_never_smoker_has_no_pack_years_and_no_years_since_quitting():
    facts = read(smokes(NEVER)).facts

    assert facts["smoking_status"].value == "never"
    assert facts["pack_years"] == Known(Decimal(0), facts["smoking_status"].source)
    assert facts["years_since_quitting"] == NotApplicable(facts["smoking_status"].source)


def test_a_never_smokers_unusable_pack_years_stay_unknown():
    facts = read(smokes(NEVER), observation(PACK_YEARS, id="o2", **quantity(20, "cm"))).facts

    assert facts["smoking_status"].value == "never"
    assert "'cm'" in facts["pack_years"].why


def test_a_current_smoker_has_not_quit():
    facts = read(smokes(DAILY), observation(PACK_YEARS, id="o2", **quantity(30, "1"))).facts

    assert facts["smoking_status"].value == "current"
    assert facts["pack_years"].value == 30
    assert isinstance(facts["years_since_quitting"], NotApplicable)


def test_a_former_smokers_pack_years_are_unknown_where_nobody_counted():
    facts = read(smokes(FORMER)).facts

    assert facts["smoking_status"].value == "former"
    assert isinstance(facts["pack_years"], Unknown)
    assert isinstance(facts["years_since_quitting"], Unknown)


@pytest.mark.parametrize(
    ("code", "when", "answer", "years"),
    [
        (QUIT, "2019-01-01", {"valueDateTime": "2010-02-28"}, 10),
        (QUIT, "2019-01-01", {"valueDateTime": "2010-03-01"}, 9),
        ((LOINC, "74010-0"), "2019-01-01", {"valueDateTime": "2010-01"}, 10),
        (SINCE, "2020-02-29", quantity(10, "a"), 10),
        (SINCE, "2018-02-28", quantity(10, "a"), 12),
        (SINCE, "2018-03-01", quantity(10, "a"), 11),
        (SINCE, "2020-02-29", quantity(24, "mo"), 2),
        (SINCE, "2019-02-28", quantity(30, "mo"), 3),
        (SINCE, "2020-02-29", quantity(10, "d"), 0),
    ],
)
def test_years_since_quitting_are_counted_to_the_exam(code, when, answer, years):
    facts = read(smokes(FORMER), observation(code, when, id="o2", **answer)).facts

    assert facts["years_since_quitting"].value == Decimal(years)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"valueDateTime": "2010"}, "too coarsely"),
        ({"valueDateTime": "2021-01-01"}, "no date of quitting before the exam"),
        ({"valueDateTime": "soon"}, "no date of quitting"),
        ({"valueString": "long ago"}, "not stated as a number"),
    ],
)
def test_a_date_of_quitting_that_cannot_be_counted_from_is_unknown(answer, why):
    assert why in belief("years_since_quitting", smokes(FORMER), observation(QUIT, id="o2", **answer)).why


def test_without_an_exam_date_there_is_nothing_to_count_years_to():
    made = read(smokes(FORMER), observation(QUIT, id="o2", valueDateTime="2010-01-01"), exam_date=None)

    assert "no exam date" in made.facts["years_since_quitting"].why


def test_pack_years_may_stand_in_a_component_of_the_smoking_status():
    part = [{"code": concept(*PACK_YEARS), **quantity(20, "{pack-years}")}]

    found = belief("pack_years", smokes(FORMER, component=part))

    assert (found.value, found.source.reference) == (Decimal(20), "Observation/o1 component[0]")


def test_a_smoker_may_quit_and_the_newest_status_counts():
    history = (smokes(NEVER, "1980-01-01"), smokes(DAILY, "1990-01-01", id="o2"), smokes(FORMER, "2018-01-01", id="o3"))

    assert belief("smoking_status", *history).value == "former"


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        # who has smoked is no never smoker later on
        ((smokes(DAILY, "2000-01-01"), smokes(NEVER, "2018-01-01", id="o2")), {"o1", "o2"}),
        # a Condition that goes on, and an Observation that says it has ended
        ((condition((SCT, DAILY)), smokes(FORMER)), {"c1", "o1"}),
        ((smokes(NEVER), observation(PACK_YEARS, id="o2", **quantity(20, "1"))), {"o1", "o2"}),
        ((smokes(NEVER), observation(QUIT, id="o2", valueDateTime="2010-01-01")), {"o1", "o2"}),
        ((smokes(NEVER), observation(QUIT, id="o2", valueDateTime="2010")), {"o1", "o2"}),  # too coarse to count from
        ((smokes(DAILY), observation(PACK_YEARS, id="o2", **quantity(0, "1"))), {"o1", "o2"}),
        ((condition((SCT, DAILY)), condition((SCT, NEVER), id="c2")), {"c1", "c2"}),
        ((smokes(DAILY), smokes(FORMER, id="o2")), {"o1", "o2"}),
    ],
)
def test_statements_on_smoking_that_contradict_each_other_are_both_named(entries, named):
    found = belief("smoking_status", *entries)

    assert isinstance(found, Unknown)
    assert all(f"/{name}" in found.why for name in named)


def test_a_condition_alone_states_the_status_while_it_goes_on():
    assert belief("smoking_status", condition((SCT, DAILY))).value == "current"
    assert "closed" in belief("smoking_status", condition((SCT, DAILY), **RESOLVED)).why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (concept(SCT, "266927001"), "Tobacco smoking consumption unknown"),
        (concept(SCT, "8392000"), "no code of the value set"),
        ({"text": "Former smoker"}, "no code of the value set"),
        ({"coding": [*concept(SCT, NEVER)["coding"], *concept(SCT, DAILY)["coding"]]}, "contradict each other"),
    ],
)
def test_an_answer_that_is_no_status_leaves_it_unknown(answer, why):
    assert why in belief("smoking_status", observation((LOINC, "72166-2"), valueCodeableConcept=answer)).why


def test_two_codings_of_one_answer_may_say_the_same():
    both = {"coding": [*concept(SCT, NEVER)["coding"], *concept(LOINC, "LA18978-9")["coding"]]}

    assert belief("smoking_status", observation((LOINC, "72166-2"), valueCodeableConcept=both)).value == "never"
