"""What became of each entry: every one counted once, and what might have held a fact and was not read named."""

import pytest
from fhir_zoo import ICD, LOINC, SCT, bundle, concept, condition, observation, quantity

from radlogic.adapters.fhir.accounts import MOST_NAMED, WORDS, Fate, accounts
from radlogic.adapters.fhir.vocabulary import shipped

WHO = "http://hl7.org/fhir/sid/icd-10"


def coded(concept, **more):
    return condition() | {"code": concept} | more


def told(*resources):
    return accounts(bundle(*resources), shipped())


@pytest.mark.parametrize(
    ("resource", "fate"),
    [
        (condition(), Fate.READ),
        (condition((ICD, "J43.1")), Fate.READ),
        (condition((ICD, "S82.1")), Fate.NO_VALUE_SET),
        (condition((WHO, "J43")), Fate.OTHER_SYSTEM),
        (coded({"text": "emphysema"}), Fate.WORDS_ALONE),
        (coded({"coding": [{"code": "87433001"}], "text": "x"}), Fate.WORDS_ALONE),
        (coded({"coding": [{"code": "87433001"}]}), Fate.NO_CODE),
        (coded("87433001"), Fate.NO_CODE),
        (coded(None), Fate.NO_CODE),
        (condition(subject={"display": "somebody"}), Fate.OF_NOBODY),
        (observation((LOINC, "1975-2"), **quantity(1, "mg/dL")), Fate.READ),
        (observation((LOINC, "55399-0"), component=[{"code": concept(LOINC, "1975-2")}]), Fate.READ),
        ({"resourceType": "ImagingStudy", "subject": {"reference": "Patient/canary-1"}}, Fate.NO_VALUE_SET),
        ({"resourceType": "FamilyMemberHistory", "patient": {"reference": "Patient/canary-1"}}, Fate.READ),
        ({"resourceType": "Encounter", "subject": {"reference": "Patient/canary-1"}}, Fate.OTHER_TYPE),
        ({"resourceType": "OperationOutcome", "issue": []}, Fate.MESSAGE),
    ],
)
def test_an_entry_has_one_fate(resource, fate):
    found = told(resource)

    assert found.total == 2
    assert found.fates == {Fate.PATIENT: 1, fate: 1}


def test_what_might_have_held_a_fact_is_named_and_its_code_systems_are_counted():
    found = told(condition((WHO, "J43")), coded(7, id="c2"), condition((WHO, "J44"), id="c3"))

    assert found.unread == {Fate.OTHER_SYSTEM: ("Condition/c1", "Condition/c3"), Fate.NO_CODE: ("Condition/c2",)}
    assert found.systems == {WHO: 2}


def test_of_many_that_are_not_read_the_first_are_named_and_all_are_counted():
    found = told(*(condition((WHO, "J43"), id=f"c{i}") for i in range(50)))

    assert len(found.unread[Fate.OTHER_SYSTEM]) == MOST_NAMED
    assert found.fates[Fate.OTHER_SYSTEM] == 50


def test_a_code_in_two_systems_is_read_by_the_one_that_is_known():
    both = {"coding": [*concept(WHO, "J43")["coding"], *concept(SCT, "87433001")["coding"]]}

    assert told(coded(both)).fates == {Fate.PATIENT: 1, Fate.READ: 1}


def test_every_fate_has_its_words():
    assert set(WORDS) == set(Fate)
