"""Published risk models: their printed values, their limits, and what they refuse."""

import json
import math
import subprocess
import sys
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared

from radlogic.engine.errors import BadValue, CalculationError, Contradiction, MissingKnowledge, UnknownField
from radlogic.engine.fusion import risk_file
from radlogic.engine.fusion.risk import RiskAnswer, models, risk
from radlogic.engine.fusion.risk_answer import evaluate, model

BROCK = {
    "age": 62,
    "sex": "M",
    "nodule_size_mm": 4,
    "nodule_type": "solid",
    "upper_lobe": False,
    "spiculation": False,
    "emphysema": False,
    "family_history_lung_cancer": False,
    "nodule_count": 4,
}
MAYO = {
    "age": 65,
    "ever_smoker": True,
    "extrathoracic_cancer": False,
    "diameter_mm": 12,
    "spiculation": False,
    "upper_lobe": True,
}
ALBI = {"bilirubin_umol_l": 10, "albumin_g_l": 40}
AMAP = ALBI | {"age": 45, "sex": "M", "platelets_10e9_l": 200}
SAMPLES = {
    "brock": BROCK,
    "brock-without-spiculation": {k: v for k, v in BROCK.items() if k != "spiculation"},
    "mayo": MAYO,
    "herder": MAYO | {"fdg_uptake": "faint"},
    "va": {"age": 62, "ever_smoker": True, "diameter_mm": 10, "years_since_quitting": 5},
    "fib-4": {"age": 60, "ast_u_l": 80, "alt_u_l": 64, "platelets_10e9_l": 120},
    "albi": ALBI,
    "amap": AMAP,
    "galad": {"age": 60, "sex": "M", "afp_ng_ml": 10, "afp_l3_percent": 5, "dcp_ng_ml": 0.5},
}


def expected_logistic(log_odds):
    return 1 / (1 + math.exp(-log_odds))


def test_every_case_beside_the_project_is_right():
    cases = json.loads(shared("cases/risk_models.json").read_text())["cases"]
    assert cases

    for case in cases:
        answer = risk(case["model"], case["inputs"]).as_record()
        for field, expected in case["expected"].items():
            tolerance = 1e-4 if field == "probability" else 1e-3
            wanted = pytest.approx(expected, abs=tolerance, rel=1e-3) if isinstance(expected, float) else expected
            assert answer[field] == wanted, case["id"]


# Worked by hand: each at the model's centre, where only the intercept is left, or with one coefficient added.
@pytest.mark.parametrize(
    ("name", "inputs", "log_odds"),
    [
        ("brock", {}, -6.78917),
        ("brock", {"age": 63}, -6.78917 + 0.0286687),
        ("brock", {"sex": "F", "spiculation": True}, -6.78917 + 0.6010727 + 0.7729335),
        ("brock", {"nodule_count": 1}, -6.78917 + 3 * 0.0824156),
        ("brock", {"nodule_type": "part_solid", "upper_lobe": True}, -6.78917 + 0.3769578 + 0.6581383),
        ("brock", {"nodule_size_mm": 10}, -6.78917 - 5.385484 * (1 - 1.58113883)),
        ("brock-without-spiculation", {}, -6.8071),
        ("brock-without-spiculation", {"nodule_size_mm": 10, "sex": "F"}, -6.8071 + 0.5635 + 5.6693 * 0.58113883),
        ("mayo", {"upper_lobe": False, "ever_smoker": False, "age": 50, "diameter_mm": 10}, -6.8272 + 1.955 + 1.274),
        ("va", {}, -8.404 + 2.061 + 0.0779 * 62 + 1.12 - 0.2835),
    ],
)
def test_a_probability_is_the_logistic_of_the_printed_terms(name, inputs, log_odds):
    assert risk(name, SAMPLES[name] | inputs).probability == pytest.approx(expected_logistic(log_odds), abs=1e-8)


def test_herder_takes_mayos_probability_not_its_log_odds():
    mayo = risk("mayo", MAYO).probability

    for uptake, coefficient in {"none": 0, "faint": 2.322, "moderate": 4.617, "intense": 4.771}.items():
        herder = risk("herder", MAYO | {"fdg_uptake": uptake})
        assert herder.probability == pytest.approx(expected_logistic(-4.739 + 3.691 * mayo + coefficient))


@pytest.mark.parametrize(
    ("albumin", "bilirubin", "grade"),
    # 0.66 log10(10) = 0.66, so the cuts -2.60 and -1.39 lie at 3.26/0.085 and 2.05/0.085 g/L
    [(38.36, 10, 1), (38.34, 10, 2), (24.12, 10, 2), (24.11, 10, 3), (40, 1, 1), (20, 500, 3)],
)
def test_an_albi_grade_changes_at_its_cuts(albumin, bilirubin, grade):
    assert risk("albi", {"bilirubin_umol_l": bilirubin, "albumin_g_l": albumin}).grade == grade


@pytest.mark.parametrize(
    ("score", "group"), [(49.999, "low"), (50, "medium"), (60, "medium"), (60.001, "high"), (-3, "low"), (120, "high")]
)
def test_an_amap_group_changes_at_50_and_above_60(score, group):
    assert model("amap").band(score).group == group


@pytest.mark.parametrize("name", SAMPLES)
def test_every_model_answers_with_its_sources_and_limits(name):
    answer = risk(name, SAMPLES[name])
    record = answer.as_record()

    assert set(models()) == set(SAMPLES)
    assert isinstance(record[answer.answers], float)
    assert set(record["inputs"]) == set(SAMPLES[name])
    assert record["citation"] and record["domain"] and record["confidence"]
    assert record["missing"] == [] == record["out_of_domain"]
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("name", SAMPLES)
def test_a_missing_input_gives_no_number_and_is_named(name):
    for gone in SAMPLES[name]:
        answer = risk(name, {k: v for k, v in SAMPLES[name].items() if k != gone})
        assert (answer.probability, answer.score, answer.grade, answer.group) == (None, None, None, None)
        assert answer.missing == (gone,)
        assert gone in answer.why
        assert risk(name, SAMPLES[name] | {gone: None}) == answer


def test_with_nothing_given_everything_is_missing():
    assert set(risk("brock", {}).missing) == set(BROCK)


@pytest.mark.parametrize(
    ("name", "field", "value", "words"),
    [
        ("brock", "nodule_size_mm", 30.5, "30.5"),
        ("brock", "nodule_size_mm", 0.5, "0.5"),
        ("mayo", "diameter_mm", 31, "4 to 30 mm"),
        ("va", "diameter_mm", 6, "7 to 30 mm"),
        ("fib-4", "age", 17, "18 to 130 a"),
    ],
)
def test_outside_the_fitted_range_the_number_is_not_clipped_and_says_so(name, field, value, words):
    inside, outside = risk(name, SAMPLES[name]), risk(name, SAMPLES[name] | {field: value})

    number = outside.probability if outside.score is None else outside.score
    assert number is not None
    assert number != (inside.probability if inside.score is None else inside.score)
    assert len(outside.out_of_domain) == 1
    assert words in outside.why
    assert not inside.out_of_domain


def test_larger_than_the_range_is_riskier_than_its_end():
    at_end, beyond = (risk("brock", BROCK | {"nodule_size_mm": mm}).probability for mm in (30, 40))

    assert beyond > at_end


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("brock", "age", "62"),
        ("brock", "age", True),
        ("brock", "age", 0),
        ("brock", "age", 131),
        ("brock", "age", math.nan),
        ("brock", "age", math.inf),
        ("brock", "age", Decimal("sNaN")),
        ("brock", "age", 10**4000),
        ("brock", "age", [62]),
        ("brock", "sex", "female"),
        ("brock", "sex", "m"),
        ("brock", "upper_lobe", 1),
        ("brock", "upper_lobe", "yes"),
        ("brock", "nodule_size_mm", 0),
        ("brock", "nodule_size_mm", -4),
        ("brock", "nodule_count", 0),
        ("brock", "nodule_count", 1.5),
        ("brock", "nodule_type", "cyst"),
        ("va", "years_since_quitting", -1),
        ("galad", "afp_ng_ml", 0),
        ("galad", "afp_l3_percent", 100.1),
        ("fib-4", "platelets_10e9_l", 0),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_can(name, field, value):
    with pytest.raises(BadValue) as caught:
        risk(name, SAMPLES[name] | {field: value})

    assert (caught.value.where, caught.value.field) == (f"risk {name}", field)
    assert caught.value.allowed == model(name).inputs[field].allowed()


def test_numbers_may_be_of_any_exact_kind():
    assert risk("brock", BROCK | {"age": Decimal(62), "nodule_size_mm": 4.0}) == risk("brock", BROCK)


def test_an_input_that_the_model_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(UnknownField, match="nodule_size_mm") as caught:
        risk("brock", BROCK | {"size_mm": 4})

    assert caught.value.field == "'size_mm'"


def test_free_words_are_not_repeated_in_an_error():
    for inputs in (BROCK | {"sex": "Jane Canary"}, BROCK | {"Jane Canary": 1}, BROCK | {"age": "Jane Canary"}):
        with pytest.raises((BadValue, UnknownField)) as caught:
            risk("brock", inputs)
        assert "Canary" not in str(caught.value)


@pytest.mark.parametrize("inputs", [[], "age", 62, None])
def test_inputs_that_are_no_object_are_refused(inputs):
    with pytest.raises(BadValue, match="an object of inputs"):
        risk("brock", inputs)


@pytest.mark.parametrize("name", ["Brock", "", "../facts", "index", "brock.yaml"])
def test_a_model_that_does_not_exist_is_refused_with_those_that_do(name):
    with pytest.raises(BadValue, match="albi, amap, brock"):
        risk(name, {})


def test_a_never_smoker_needs_no_years_since_quitting_and_can_have_none():
    never = {"age": 62, "ever_smoker": False, "diameter_mm": 10}

    assert risk("va", never) == risk("va", never | {"years_since_quitting": 0})
    assert risk("va", never).inputs["years_since_quitting"] == 0
    with pytest.raises(Contradiction):
        risk("va", never | {"years_since_quitting": 3})


def test_a_formula_without_a_value_is_an_error_of_calculation():
    with pytest.raises(CalculationError):
        evaluate(model("fib-4"), SAMPLES["fib-4"] | {"alt_u_l": 0.0})


@given(
    size=st.floats(1, 30), bigger=st.floats(1, 30), age=st.floats(18, 100), sex=st.sampled_from("MF"),
    kind=st.sampled_from(["solid", "part_solid", "non_solid"]), count=st.integers(1, 30), marks=st.integers(0, 15),
)  # fmt: skip
def test_brocks_risk_is_a_probability_that_does_not_fall_with_size(size, bigger, age, sex, kind, count, marks):
    names = ("upper_lobe", "spiculation", "emphysema", "family_history_lung_cancer")
    rest = {"age": age, "sex": sex, "nodule_type": kind, "nodule_count": count}
    rest |= {name: bool(marks >> i & 1) for i, name in enumerate(names)}

    small, large = (risk("brock", rest | {"nodule_size_mm": mm}).probability for mm in sorted((size, bigger)))

    assert 0 < small <= large < 1


def test_the_published_forms_of_brock_agree():
    """Uncentred (PMC6717521: intercept 0.2761) and centred, both with four digits, against the seven digits used."""
    b = BROCK | {"age": 70, "nodule_size_mm": 12, "nodule_count": 2, "upper_lobe": True}
    uncentred = 0.2761 + 0.0287 * 70 - 5.3854 * (12 / 10) ** -0.5 - 0.0824 * 2 + 0.6581

    assert risk("brock", b).probability == pytest.approx(expected_logistic(uncentred), abs=2e-4)


def test_every_file_states_its_source_and_every_number_its_unit():
    for file in files("radlogic.knowledge").joinpath("risk_models").iterdir():
        if file.name.endswith(".yaml"):
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            assert content["id"] == file.name.removesuffix(".yaml")
            assert content["citation"]
            assert content["confidence"][:2] in ("V2", "V1", "M:")
            assert all("unit" in entry for entry in content["inputs"].values() if entry["type"] == "number")


BROKEN = {
    "no_yaml": "id: [",
    "field_too_many": "id: x\nsurprise: 1",
    "unknown_input": "terms: [{of: ag, times: 1}]",
    "two_kinds_of_term": "terms: [{of: age, model: mayo, times: 1}]",
    "number_without_range": "inputs: {age: {type: number, unit: a, doc: age}}",
    "choice_without_values": "inputs: {sex: {type: choice, doc: sex}}",
}
SOUND = {
    "id": "x", "title": "x", "answers": "score", "of": "x", "citation": "x", "confidence": "x", "domain": "x",
    "inputs": {"age": {"type": "number", "unit": "a", "from": 0, "to": 9, "doc": "age"}},
    "intercept": 0, "terms": [{"of": "age", "times": 2}],
}  # fmt: skip


def written(folder: Path, text: str) -> Path:
    change = None if text == BROKEN["no_yaml"] else yaml.safe_load(text)
    (folder / "x.yaml").write_text(text if change is None else yaml.safe_dump(SOUND | change))
    return folder


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_file_is_missing_knowledge(mistake, tmp_path):
    with pytest.raises(MissingKnowledge):
        risk_file.load(written(tmp_path, BROKEN[mistake]), "x")


def test_a_sound_file_needs_no_code(tmp_path):
    made = risk_file.load(written(tmp_path, "{}"), "x")

    assert made.answer({"age": 4}) == 8


def test_a_folder_without_models_is_missing_knowledge(tmp_path):
    with pytest.raises(MissingKnowledge):
        risk_file.model_ids(tmp_path)


def test_importing_the_face_costs_no_heavy_library():
    code = "import radlogic.engine.fusion.risk, sys; print({'numpy', 'pydantic', 'yaml', 'pydicom'} & set(sys.modules))"

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "set()"


def test_an_answer_cannot_be_changed():
    answer = risk("brock", BROCK)

    with pytest.raises(AttributeError):
        answer.probability = 0.5
    assert isinstance(answer, RiskAnswer)
