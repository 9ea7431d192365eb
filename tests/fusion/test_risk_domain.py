"""Where the published models hold: what lies outside is said, is never clipped, and reaches no decision."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.engine.errors import BadValue, Contradiction
from radlogic.engine.fusion.risk import brock_of, facts_of, models, of_case, of_patient, risk
from radlogic.engine.fusion.risk_answer import model
from radlogic.engine.types import Finding, Known, NotApplicable, Patient, Source, SourceKind, Unknown

HERE = Source(SourceKind.HUMAN, "form")
LUNG = {
    "age": 60, "sex": "F", "nodule_size_mm": 12, "nodule_type": "solid", "upper_lobe": False, "spiculation": False,
    "emphysema": False, "family_history_lung_cancer": False, "nodule_count": 2, "ever_smoker": True,
    "extrathoracic_cancer": False, "diameter_mm": 12, "fdg_uptake": "faint", "years_since_quitting": 0,
}  # fmt: skip
LIVER = {
    "bilirubin_umol_l": 12, "albumin_g_l": 40, "platelets_10e9_l": 180, "ast_u_l": 50, "alt_u_l": 45,
    "afp_ng_ml": 9, "afp_l3_percent": 5, "dcp_ng_ml": 0.5,
}  # fmt: skip


def inputs_of(name):
    return {n: (LUNG | LIVER)[n] for n in model(name).inputs}


def number(answer):
    return answer.probability if answer.answers == "probability" else answer.score


def bounded():
    return [(m, n) for m in models() for n, entry in model(m).inputs.items() if entry.valid]


@st.composite
def outside(draw):
    name, field = draw(st.sampled_from(bounded()))
    entry = model(name).inputs[field]
    least = entry.above if entry.above is not None else entry.at_least
    below = st.floats(max(least, 0.01), entry.valid[0], exclude_max=True)
    above = st.floats(entry.valid[1], entry.to, exclude_min=True) if entry.valid[1] < entry.to else st.nothing()
    return name, field, draw(below | above)


def test_every_model_says_where_it_holds():
    assert {name for name, _ in bounded()} == set(models()) - {"albi"}  # no source limits ALBI's two inputs
    assert all(model(name).domain for name in models())


@settings(max_examples=150, deadline=None)
@given(outside())
def test_outside_of_the_fitted_range_one_sentence_says_so_and_the_number_is_the_formulas(found):
    name, field, value = found
    inside = inputs_of(name)

    answer = risk(name, inside | {field: value})

    assert len(answer.out_of_domain) == 1 or model(name).spans
    assert answer.out_of_domain[0].startswith(f"{field} ")
    assert "that the model was fitted on" in answer.why
    values = {
        n: float(v) if model(name).inputs[n].type == "number" else v for n, v in (inside | {field: value}).items()
    }
    assert number(answer) == model(name).answer(values)  # as computed: not moved to the end of the range


@pytest.mark.parametrize(("name", "field"), bounded())
def test_both_ends_of_the_fitted_range_are_within(name, field):
    for end in model(name).inputs[field].valid:
        assert risk(name, inputs_of(name) | {field: end}).out_of_domain == ()


# Which way each input moves its model, by the literature: up or down; words from the lowest to the highest.
UP, DOWN = 1, -1
MOVES = {
    "brock": {"age": UP, "nodule_size_mm": UP, "nodule_count": DOWN, "sex": "MF", "upper_lobe": UP, "spiculation": UP,
              "emphysema": UP, "family_history_lung_cancer": UP, "nodule_type": ["non_solid", "solid", "part_solid"]},
    "brock-without-spiculation": {
        "age": UP, "nodule_size_mm": UP, "nodule_count": DOWN, "sex": "MF", "upper_lobe": UP, "emphysema": UP,
        "family_history_lung_cancer": UP, "nodule_type": ["non_solid", "solid", "part_solid"]},
    "mayo": {"age": UP, "ever_smoker": UP, "extrathoracic_cancer": UP, "diameter_mm": UP, "spiculation": UP,
             "upper_lobe": UP},
    "herder": {"age": UP, "ever_smoker": UP, "extrathoracic_cancer": UP, "diameter_mm": UP, "spiculation": UP,
               "upper_lobe": UP, "fdg_uptake": ["none", "faint", "moderate", "intense"]},
    "va": {"age": UP, "diameter_mm": UP, "years_since_quitting": DOWN},
    "fib-4": {"age": UP, "ast_u_l": UP, "alt_u_l": DOWN, "platelets_10e9_l": DOWN},
    "albi": {"bilirubin_umol_l": UP, "albumin_g_l": DOWN},
    "amap": {"age": UP, "sex": "FM", "bilirubin_umol_l": UP, "albumin_g_l": DOWN, "platelets_10e9_l": DOWN},
    "galad": {"age": UP, "sex": "FM", "afp_ng_ml": UP, "afp_l3_percent": UP, "dcp_ng_ml": UP},
}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([(m, n) for m, moves in MOVES.items() for n in moves]), st.data())
def test_each_input_moves_its_model_the_way_its_literature_says(asked, data):
    name, field = asked
    way, entry = MOVES[name][field], model(name).inputs[field]
    if isinstance(way, str | list):
        steps = list(way)
    elif entry.type == "bool":
        steps = [False, True]
    else:
        low, high = entry.valid or (entry.above or entry.at_least or 0.01, entry.to)
        high = min(high, 60) if entry.no_more_than else high
        kind = st.integers(1, 100) if entry.whole else st.floats(max(low, 0.01), high)
        steps = sorted(data.draw(st.tuples(kind, kind)))
    found = [number(risk(name, inputs_of(name) | {field: step})) for step in steps]
    assert found == sorted(found, reverse=way == DOWN)
    strict = len(set(steps)) == len(steps) and not isinstance(steps[0], float)
    assert not strict or len(set(found)) == len(found)


def test_every_input_of_every_model_has_a_direction():
    assert {(m, n) for m in models() for n in model(m).inputs} - {
        (m, n) for m, moves in MOVES.items() for n in moves
    } == {
        ("va", "ever_smoker")  # it comes with years since quitting, and is looked at below
    }
    quit_long_ago = {"age": 60, "ever_smoker": True, "diameter_mm": 12, "years_since_quitting": 36}
    never = {"age": 60, "ever_smoker": False, "diameter_mm": 12}
    assert risk("va", quit_long_ago).probability > risk("va", never).probability


def test_a_score_beyond_its_scale_is_said_and_not_cut():
    high = {"age": 110, "sex": "M", "bilirubin_umol_l": 900, "albumin_g_l": 6, "platelets_10e9_l": 2}

    answer = risk("amap", high)

    assert answer.score > 100
    assert "lies outside the 0 to 100 of its scale" in answer.why


@pytest.mark.parametrize(("age", "said"), [(34, True), (35, False), (65, False), (66, True)])
def test_fib_4_says_where_it_is_less_reliable_and_answers_all_the_same(age, said):
    answer = risk("fib-4", inputs_of("fib-4") | {"age": age})

    assert answer.score is not None
    assert answer.out_of_domain == ()
    assert bool(answer.notes) is said


def test_nobody_quit_before_birth():
    with pytest.raises(Contradiction, match="at most age"):
        risk("va", {"age": 40, "ever_smoker": True, "diameter_mm": 12, "years_since_quitting": 41})


# --- a case: people and findings whom a model was not made for

NODULE = {"type": "solid", "long_mm": 12, "upper_lobe": True, "spiculation": False, "fdg_uptake": "faint"}
PATIENT = {
    "age_years": 62, "sex": "M", "emphysema": True, "family_history_lung_cancer": False, "smoking_status": "former",
    "years_since_quitting": 4, "years_since_extrathoracic_cancer": "n/a", "lung_cancer": False,
    "extrathoracic_cancer": False,
}  # fmt: skip


def belief(value):
    if value in (None, "n/a"):
        return Unknown("not stated") if value is None else NotApplicable(HERE)
    numeric = isinstance(value, int) and not isinstance(value, bool)
    return Known(Decimal(value) if numeric else value, HERE)


def facts(stated):
    return {name: belief(value) for name, value in stated.items()}


def answer(name, nodule=None, patient=None, count=1):
    finding = Finding("N1", "nodule", facts(NODULE | (nodule or {})))
    return of_case(name, finding, Patient("p", facts(PATIENT | (patient or {}))), count)


@pytest.mark.parametrize("name", ["brock", "brock-without-spiculation", "mayo", "herder", "va"])
def test_a_model_of_nodules_answers_a_case_within_its_domain(name):
    found = answer(name)

    assert (found.missing, found.why) == ((), "")
    assert found.probability == risk(name, dict(found.inputs)).probability


@pytest.mark.parametrize(
    ("name", "nodule", "patient", "count", "words"),
    [
        ("brock", {}, {"lung_cancer": True}, 1, "a lung cancer is known"),
        ("brock", {}, {"smoking_status": "never", "years_since_quitting": "n/a"}, 1, "never smoked"),
        ("brock", {"status": "new"}, {}, 1, "new on a later screen"),
        ("brock", {"long_mm": 31}, {}, 1, "1 to 30 mm"),
        ("brock", {}, {"age_years": 49}, 1, "50 to 75 a"),
        ("brock", {}, {"age_years": 76}, 1, "50 to 75 a"),
        ("brock-without-spiculation", {}, {"lung_cancer": True}, 1, "a lung cancer is known"),
        ("mayo", {}, {"lung_cancer": True}, 1, "a lung cancer is known"),
        ("mayo", {}, {"years_since_extrathoracic_cancer": 4}, 1, "within five years"),
        ("mayo", {}, {}, 2, "more than one nodule"),
        ("mayo", {"long_mm": 3}, {}, 1, "4 to 30 mm"),
        ("herder", {}, {"years_since_extrathoracic_cancer": 0}, 1, "within five years"),
        ("herder", {}, {"age_years": 17}, 1, "18 to 130 a"),
        ("va", {"long_mm": 6}, {}, 1, "7 to 30 mm"),
        ("va", {}, {}, 3, "more than one nodule"),
        ("va", {}, {"years_since_quitting": 63}, 1, "more than age"),
        ("va", {}, {"smoking_status": "never", "years_since_quitting": 3}, 1, "a value above 0"),
    ],
)
def test_out_of_its_domain_a_model_gives_a_decision_no_number_and_says_why(name, nodule, patient, count, words):
    found = answer(name, nodule, patient, count)

    assert found.probability is None
    assert words in found.why


@pytest.mark.parametrize(
    ("name", "nodule", "patient", "words"),
    [
        ("brock", {"status": "existing"}, {}, "seen before"),
        ("brock", {}, {"extrathoracic_cancer": True}, "does not weigh"),
        ("va", {}, {"sex": "F"}, "veterans"),
    ],
)
def test_what_a_model_must_be_read_with_care_for_is_said_beside_the_number(name, nodule, patient, words):
    found = answer(name, nodule, patient)

    assert found.probability is not None
    assert words in found.why


@pytest.mark.parametrize("fact", ["lung_cancer", "extrathoracic_cancer", "years_since_extrathoracic_cancer"])
def test_what_is_not_known_takes_nobody_out_of_the_domain(fact):
    assert answer("brock", patient={fact: None}).probability == answer("brock").probability


@pytest.mark.parametrize(("years", "counts"), [(5, True), (30, True), ("n/a", False)])
def test_mayo_counts_a_cancer_from_five_years_on(years, counts):
    assert answer("mayo", patient={"years_since_extrathoracic_cancer": years}).inputs["extrathoracic_cancer"] is counts


@pytest.mark.parametrize(
    ("status", "years", "smoked", "used"),
    [("current", "n/a", True, 0), ("never", "n/a", False, 0), ("former", 7, True, 7)],
)
def test_the_va_model_takes_smoking_from_the_record(status, years, smoked, used):
    found = answer("va", patient={"smoking_status": status, "years_since_quitting": years})

    assert (found.inputs["ever_smoker"], found.inputs["years_since_quitting"]) == (smoked, used)


def test_a_missing_fact_is_named_with_its_reason_and_gives_no_number():
    found = answer("mayo", patient={"smoking_status": None})

    assert (found.probability, found.missing) == (None, ("ever_smoker",))
    assert found.why == "ever_smoker: not stated"


def test_a_score_is_no_risk_of_a_finding_and_no_finding_no_count():
    nodule, patient = Finding("N1", "nodule", {}), Patient()
    for name, count in (("fib-4", 1), ("brock", 0), ("brock", True)):
        with pytest.raises(BadValue):
            of_case(name, nodule, patient, count)
    with pytest.raises(BadValue):
        brock_of(nodule, patient, 1, model_id="mayo")


# --- a patient's record alone

BLOOD = {"age_years": 60, "sex": "M", "bilirubin": 12, "albumin": 40, "platelets": 180, "ast": 50, "alt": 45}


def test_a_score_is_filled_from_the_patients_facts():
    found, whys = of_patient("amap", facts(BLOOD | {"chronic_hbv": True}))

    assert whys == {}
    assert found.score == risk("amap", dict(found.inputs)).score
    assert (found.out_of_domain, found.notes) == ((), ())


def test_a_score_for_people_with_liver_disease_says_where_none_is_stated():
    assert "no chronic liver disease is stated" in of_patient("fib-4", facts(BLOOD))[0].why


def test_amap_is_not_for_who_has_had_hcc():
    found, _ = of_patient("amap", facts(BLOOD | {"current_or_prior_hcc": True, "cirrhosis": True}))

    assert found.score is not None
    assert "hepatocellular carcinoma is known" in found.out_of_domain[0]


def test_a_scores_missing_facts_are_named_with_their_reasons():
    found, whys = of_patient("galad", facts(BLOOD | {"afp_ng_ml": None}))

    assert found.score is None
    assert whys == {"afp_ng_ml": "not stated", "afp_l3_percent": "nobody stated it", "dcp_ng_ml": "nobody stated it"}
    assert {name for name in models() if all(facts_of(name).values())} == {"albi", "amap", "fib-4", "galad"}
