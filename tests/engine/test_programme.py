"""USPSTF 2021 and CMS 2022: who is eligible, who is not, and for whom it is not known and why."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radlogic.engine.errors import MissingKnowledge
from radlogic.engine.programme import Eligibility, load_programme, programmes, screening
from radlogic.engine.types import Known, NotApplicable, Source, SourceKind, Unknown

USPSTF, CMS = "uspstf-lung@2021", "cms-lung@2022"
HERE = Source(SourceKind.HUMAN, "form")
YES, NO, OPEN, OUT = Eligibility.ELIGIBLE, Eligibility.NOT_ELIGIBLE, Eligibility.NOT_KNOWN, Eligibility.OUTSIDE


def facts(age=60, pack_years=30, status="former", years=10, **more):
    """Beliefs; None is unknown, "n/a" not applicable."""
    stated = {"age_years": age, "pack_years": pack_years, "smoking_status": status, "years_since_quitting": years}
    return {name: belief(value) for name, value in (stated | {"lung_cancer_symptoms": False} | more).items()}


def belief(value):
    if value is None:
        return Unknown("the record does not mention it")
    if value == "n/a":
        return NotApplicable(HERE)
    number = not isinstance(value, bool) and isinstance(value, int | float)
    return Known(Decimal(str(value)) if number else value, HERE)


@pytest.mark.parametrize(
    ("stated", "uspstf", "cms"),
    [
        ({}, YES, YES),
        ({"age": 49}, NO, NO),
        ({"age": 50}, YES, YES),
        ({"age": 77}, YES, YES),
        ({"age": 78}, YES, NO),
        ({"age": 80}, YES, NO),
        ({"age": 81}, NO, NO),
        ({"pack_years": 19.9}, NO, NO),
        ({"pack_years": 20}, YES, YES),
        ({"years": 15}, YES, YES),
        ({"years": 16}, NO, NO),
        ({"status": "current", "years": "n/a"}, YES, YES),
        ({"status": "current", "years": None}, YES, YES),
        ({"status": "never", "pack_years": 0, "years": "n/a"}, NO, NO),
        ({"status": None, "years": 3}, YES, YES),
        ({"years": None}, OPEN, OPEN),
        ({"pack_years": None}, OPEN, OPEN),
        ({"age": None}, OPEN, OPEN),
        ({"age": 49, "pack_years": None}, NO, NO),  # what fails decides, whatever else is unknown
        ({"lung_cancer_symptoms": None}, YES, OPEN),
        ({"lung_cancer_symptoms": True}, OUT, NO),  # they need a diagnostic work-up
        ({"lung_cancer": True}, OUT, OUT),
        ({"lung_cancer": None}, YES, YES),  # a record that does not mention one does not put anybody outside
    ],
)
def test_eligibility(stated, uspstf, cms):
    assert screening(USPSTF, facts(**stated)).eligibility is uspstf
    assert screening(CMS, facts(**stated)).eligibility is cms


def test_an_open_answer_names_what_is_missing_and_once():
    found = screening(USPSTF, facts(status=None, years=None, pack_years=None))

    assert found.missing == ("pack_years", "smoking_status", "years_since_quitting")
    assert found.because == ("at least 20 pack-years", "smokes now, or quit within the past 15 years")


def test_facts_that_are_not_there_are_missing_too():
    assert screening(CMS, {}).missing == (
        *("age_years", "lung_cancer_symptoms", "pack_years", "smoking_status", "years_since_quitting"),
    )


def test_an_answer_says_why_with_its_source_and_what_a_clinician_must_confirm():
    yes, no = screening(USPSTF, facts()), screening(USPSTF, facts(age=49))

    assert no.because == ("50 to 80 years of age",)
    assert no.confirm == ()
    assert len(yes.because) == 3
    assert any("life expectancy" in text for text in yes.confirm)
    assert "2021" in yes.citation
    assert any("shared decision" in text for text in screening(CMS, facts()).confirm)


VALUES = {
    "age_years": (None, 30, 49, 50, 66, 77, 78, 80, 81, 100),
    "pack_years": (None, 0, 19, 20, 60),
    "smoking_status": (None, "never", "former", "current"),
    "years_since_quitting": (None, "n/a", 0, 15, 16, 40),
    "lung_cancer_symptoms": (None, False, True),
}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # shared machines stall now and then
@given(
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}),
    st.sampled_from([USPSTF, CMS]),
)
def test_an_answer_that_is_known_stays_when_more_becomes_known(stated, programme):
    """Unknown is not negative: filling in any unknown fact never turns a yes into a no or a no into a yes.

    But for what puts a person outside of a programme, which is asked for in ``confirm`` where it is not known.
    """
    before = screening(programme, {name: belief(value) for name, value in stated.items()}).eligibility
    if before is OPEN:
        return
    asked = {name: value for name, value in stated.items() if programme == CMS or name != "lung_cancer_symptoms"}
    for name, value in asked.items():
        for other in VALUES[name] if value is None else ():
            filled = stated | {name: other}
            assert screening(programme, {n: belief(v) for n, v in filled.items()}).eligibility is before


def test_cms_is_never_wider_than_uspstf():
    for age in range(40, 90):
        if screening(CMS, facts(age=age)).eligibility is YES:
            assert screening(USPSTF, facts(age=age)).eligibility is YES


def test_an_unknown_programme_is_refused_with_those_there_are():
    assert programmes() == (CMS, USPSTF)
    with pytest.raises(MissingKnowledge) as caught:
        load_programme("lung@1999")
    assert USPSTF in caught.value.allowed
