"""``radlogic scores``: the published scores that a record fills by itself."""

import json

import command
import pytest
from fhir_zoo import LOINC, SCT, ZOO, bundle, condition, observation, patient, quantity

from radlogic.adapters.fhir.pseudonym import patient_key

AS_OF = ("--as-of", "2020-02-29")
CODES = {"bilirubin": "1975-2", "albumin": "1751-7", "platelets": "777-3", "ast": "1920-8", "alt": "1742-6",
         "afp": "1834-1"}  # fmt: skip
VALUES = {"bilirubin": (1.0, "mg/dL"), "albumin": (4.0, "g/dL"), "platelets": (150, "10*3/uL"), "ast": (40, "U/L"),
          "alt": (25, "U/L"), "afp": (10, "ng/mL")}  # fmt: skip
CIRRHOSIS, HCC = (SCT, "19943007"), (SCT, "109841003")


def lab(name, when="2019-12-01"):
    value, unit = VALUES[name]
    return observation((LOINC, CODES[name]), when, id=name, **quantity(value, unit))


def scores(tmp_path, *resources, born="1969-03-21", code=0):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(*resources, who=patient(birthDate=born))))
    result = command.run("scores", path, *AS_OF, "--json")
    assert result.code == code, result.err
    found = json.loads(result.out)
    return found, {score["model"]: score for score in found["scores"]}


BLOOD = tuple(map(lab, CODES))


def test_the_scores_of_a_record_are_those_of_the_formulas_with_every_value_dated(tmp_path):
    found, by_model = scores(tmp_path, *BLOOD, condition(CIRRHOSIS))

    assert found["patient"] == patient_key("canary-1")
    # a woman of 50: 50 x 40 / (150 x 5); 0.66 log10(17.1) - 0.085 x 40
    assert by_model["fib-4"]["score"] == pytest.approx(2.6667, abs=1e-4)
    assert by_model["albi"]["score"] == pytest.approx(-2.5862, abs=1e-4)
    assert by_model["albi"]["grade"] == 2
    # (3 + 0 - 0.48 x 2.5862 - 1.5 + 7.4) / 14.77 x 100
    assert by_model["amap"]["score"] == pytest.approx(51.8525, abs=1e-3)
    assert by_model["amap"]["group"] == "medium"
    assert [(i["input"], i["value"], i["date"], i["reference"]) for i in by_model["fib-4"]["inputs"]][1:] == [
        ("ast_u_l", 40, "2019-12-01", "Observation/ast"), ("alt_u_l", 25, "2019-12-01", "Observation/alt"),
        ("platelets_10e9_l", 150, "2019-12-01", "Observation/platelets"),
    ]  # fmt: skip


def test_a_missing_or_stale_value_gives_no_score_and_its_reason(tmp_path):
    _, by_model = scores(tmp_path, *(r for r in BLOOD if r["id"] != "alt"), lab("alt", "2017-01-01"))

    assert by_model["fib-4"]["score"] is None
    assert by_model["fib-4"]["missing"][0]["input"] == "alt_u_l"
    assert "stale" in by_model["fib-4"]["missing"][0]["why"]
    assert [m["why"] for m in by_model["galad"]["missing"]] == ["the record does not mention it"] * 2


@pytest.mark.parametrize(
    ("resources", "born", "model", "words"),
    [
        ((), "1969-03-21", "fib-4", "no chronic liver disease is stated"),
        ((condition(CIRRHOSIS),), "1940-03-21", "fib-4", "less reliable outside age 35 to 65"),
        ((condition(HCC), condition(CIRRHOSIS, id="c2")), "1969-03-21", "amap", "hepatocellular carcinoma is known"),
        ((condition(CIRRHOSIS),), "2005-03-21", "fib-4", "18 to 130 a"),
    ],
)
def test_outside_of_its_domain_a_score_says_so_and_keeps_its_number(resources, born, model, words, tmp_path):
    _, by_model = scores(tmp_path, *BLOOD, *resources, born=born)

    assert by_model[model]["score"] is not None
    assert words in by_model[model]["why"]


def test_for_a_person_each_score_stands_with_what_it_rests_on(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(*BLOOD, condition(CIRRHOSIS), who=patient(birthDate="1969-03-21"))))

    result = command.run("scores", path, ZOO["no_patient"](tmp_path), *AS_OF)

    assert "  albi (function of the liver): -2.586, grade 2" in result.out.splitlines()
    assert "from bilirubin_umol_l 17.1 of 2019-12-01, albumin_g_l 40" in result.out
    assert "missing afp_l3_percent: the record does not mention it" in result.out
    assert (result.code, "NoPatient" in result.err) == (2, True)


BROCK = {"age": 80, "sex": "M", "nodule_size_mm": 35, "nodule_type": "solid", "upper_lobe": False, "spiculation": False,
         "emphysema": False, "family_history_lung_cancer": False, "nodule_count": 1}  # fmt: skip


def test_a_single_model_shows_its_domain_and_what_lies_outside_with_the_number_as_computed():
    answer = json.loads(command.run("risk", "brock", "--json", stdin=json.dumps(BROCK)).out)

    # -6.78917 + 0.0286687 x 18 - 5.385484 x (3.5^-0.5 - 1.58113883) + 3 x 0.0824156 = -0.3893510
    assert answer["probability"] == pytest.approx(0.4038735, abs=1e-6)
    assert answer["out_of_domain"] == [
        "age 80 lies outside the 50 to 75 a that the model was fitted on",
        "nodule_size_mm 35 lies outside the 1 to 30 mm that the model was fitted on",
    ]
    assert any("never smoked" in text for text in answer["not_for"])
    assert "PanCan" in answer["domain"]
