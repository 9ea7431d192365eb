"""Every published model recomputed by hand: the formula as it is printed, written out again here, and worked values.

Nothing of the product's evaluator or files is used: the coefficients below are typed from the project's reference.
"""

import math
import random

import pytest

from radlogic.engine.fusion.risk import risk

TIMES = 60  # random inputs a model


def p(log_odds):
    return math.exp(log_odds) / (1 + math.exp(log_odds))


def brock_2b(age, sex, nodule_size_mm, nodule_type, upper_lobe, spiculation, emphysema, family_history_lung_cancer,
             nodule_count):  # fmt: skip
    x = -6.78917 + 0.0286687 * (age - 62) - 5.385484 * ((nodule_size_mm / 10) ** -0.5 - 1.58113883)
    x = x - 0.0824156 * (nodule_count - 4)
    x = x + (0.6010727 if sex == "F" else 0) + (0.296109 if family_history_lung_cancer else 0)
    x = x + (0.2953112 if emphysema else 0) + (0.6581383 if upper_lobe else 0) + (0.7729335 if spiculation else 0)
    return p(x + {"solid": 0, "part_solid": 0.3769578, "non_solid": -0.1276173}[nodule_type])


def brock_2a(age, sex, nodule_size_mm, nodule_type, upper_lobe, emphysema, family_history_lung_cancer, nodule_count):
    x = -6.8071 + 0.0321 * (age - 62) - 5.6693 * (math.sqrt(10 / nodule_size_mm) - 1.58113883)
    x = x - 0.0803 * (nodule_count - 4)
    x = x + 0.5635 * (sex == "F") + 0.3013 * family_history_lung_cancer + 0.3462 * emphysema + 0.7116 * upper_lobe
    return p(x + {"solid": 0, "part_solid": 0.3395, "non_solid": -0.3055}[nodule_type])


def mayo(age, ever_smoker, extrathoracic_cancer, diameter_mm, spiculation, upper_lobe):
    x = 0.0391 * age + 0.7917 * ever_smoker + 1.3388 * extrathoracic_cancer + 0.1274 * diameter_mm
    return p(x + 1.0407 * spiculation + 0.7838 * upper_lobe - 6.8272)


def va(age, ever_smoker, diameter_mm, years_since_quitting=0):
    return p(2.061 * ever_smoker + 0.779 * age / 10 + 0.112 * diameter_mm - 0.567 * years_since_quitting / 10 - 8.404)


def herder(fdg_uptake, **of_mayo):
    uptake = {"none": 0.0, "faint": 2.322, "moderate": 4.617, "intense": 4.771}[fdg_uptake]
    return p(-4.739 + 3.691 * mayo(**of_mayo) + uptake)


def fib_4(age, ast_u_l, alt_u_l, platelets_10e9_l):
    return age * ast_u_l / (platelets_10e9_l * math.sqrt(alt_u_l))


def albi(bilirubin_umol_l, albumin_g_l):
    return 0.66 * math.log(bilirubin_umol_l, 10) - 0.085 * albumin_g_l


def amap(age, sex, platelets_10e9_l, **of_albi):
    return (0.06 * age + 0.89 * (sex == "M") + 0.48 * albi(**of_albi) - 0.01 * platelets_10e9_l + 7.4) / 14.77 * 100


def galad(age, sex, afp_ng_ml, afp_l3_percent, dcp_ng_ml):
    logs = 2.34 * math.log10(afp_ng_ml) + 1.33 * math.log10(dcp_ng_ml)
    return -10.08 + 0.09 * age + 1.67 * (sex == "M") + logs + 0.04 * afp_l3_percent


FORMULAS = {
    "brock": brock_2b, "brock-without-spiculation": brock_2a, "mayo": mayo, "va": va, "herder": herder,
    "fib-4": fib_4, "albi": albi, "amap": amap, "galad": galad,
}  # fmt: skip
DRAW = {
    "age": lambda r: r.randint(18, 95),
    "sex": lambda r: r.choice("MF"),
    "nodule_size_mm": lambda r: r.choice([1, 4, 6, 8, 15, 20, 30, 45, round(r.uniform(0.5, 60), 1)]),
    "diameter_mm": lambda r: r.choice([3, 4, 7, 8, 15, 30, 31, round(r.uniform(1, 60), 1)]),
    "nodule_type": lambda r: r.choice(["solid", "part_solid", "non_solid"]),
    "nodule_count": lambda r: r.choice([1, 2, 4, 5, 30]),
    "fdg_uptake": lambda r: r.choice(["none", "faint", "moderate", "intense"]),
    "years_since_quitting": lambda r: r.choice([0, 0.5, 1, 15, 17]),
    "ast_u_l": lambda r: r.uniform(5, 900),
    "alt_u_l": lambda r: r.uniform(5, 900),
    "platelets_10e9_l": lambda r: r.uniform(10, 700),
    "bilirubin_umol_l": lambda r: r.uniform(1, 500),
    "albumin_g_l": lambda r: r.uniform(10, 55),
    "afp_ng_ml": lambda r: 10 ** r.uniform(-1, 5),
    "afp_l3_percent": lambda r: r.choice([0, 5, 10, 100, r.uniform(0, 100)]),
    "dcp_ng_ml": lambda r: 10 ** r.uniform(-2, 4),
}
BROCK = "age sex nodule_size_mm nodule_type upper_lobe emphysema family_history_lung_cancer nodule_count"
NAMES = {
    "brock": f"{BROCK} spiculation",
    "brock-without-spiculation": BROCK,
    "mayo": "age ever_smoker extrathoracic_cancer diameter_mm spiculation upper_lobe",
    "herder": "age ever_smoker extrathoracic_cancer diameter_mm spiculation upper_lobe fdg_uptake",
    "va": "age ever_smoker diameter_mm years_since_quitting",
    "fib-4": "age ast_u_l alt_u_l platelets_10e9_l",
    "albi": "bilirubin_umol_l albumin_g_l",
    "amap": "age sex bilirubin_umol_l albumin_g_l platelets_10e9_l",
    "galad": "age sex afp_ng_ml afp_l3_percent dcp_ng_ml",
}  # fmt: skip


def drawn(name, at):
    r = random.Random(f"{name} {at}")  # noqa: S311 - the same numbers every time
    found = {n: DRAW.get(n, lambda r: r.random() < 0.5)(r) for n in NAMES[name].split()}
    if found.get("ever_smoker") is False and "years_since_quitting" in found:
        found["years_since_quitting"] = 0
    return found


def number(answer):
    return answer.probability if answer.answers == "probability" else answer.score


@pytest.mark.parametrize("name", FORMULAS)
def test_a_models_number_is_that_of_the_printed_formula_anywhere(name):
    for at in range(TIMES):
        inputs = drawn(name, at)
        assert number(risk(name, inputs)) == pytest.approx(FORMULAS[name](**inputs), rel=1e-9, abs=1e-12), inputs


# Worked with a desk calculator from the printed formulas, seven digits.
LUNG = {"age": 70, "ever_smoker": True, "extrathoracic_cancer": False, "diameter_mm": 20}
MARKS = {"spiculation": True, "upper_lobe": True}
NODULE = {"age": 60, "sex": "F", "nodule_type": "solid", "upper_lobe": True, "emphysema": False, "nodule_count": 1}
PLAIN = {"family_history_lung_cancer": False}


@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        # (8/10)^-0.5 = 1.118034; log-odds -6.78917 - 0.0573374 + 0.6010727 + 2.493997 + 0.6581383 + 0.2472468
        ("brock", NODULE | PLAIN | {"nodule_size_mm": 8, "spiculation": False}, 0.0548881),
        # the same nodule, spiculated: + 0.7729335
        ("brock", NODULE | PLAIN | {"nodule_size_mm": 8, "spiculation": True}, 0.1117417),
        # (10/10)^-0.5 = 1; -6.8071 - 0.0642 + 0.5635 + 3.294650 + 0.7116 + 0.2409
        ("brock-without-spiculation", NODULE | PLAIN | {"nodule_size_mm": 10}, 0.1129807),
        # -6.8272 + 2.737 + 0.7917 + 2.548 + 1.0407 + 0.7838 = 1.0740
        ("mayo", LUNG | MARKS, 0.7453569),
        # 3.691 x 0.7453569 = 2.7511124; -4.739 + 2.7511124 = -1.9878876, and the uptake's term
        ("herder", LUNG | MARKS | {"fdg_uptake": "none"}, 0.1204805),
        ("herder", LUNG | MARKS | {"fdg_uptake": "intense"}, 0.9417564),
        # quit 0 years ago: -8.404 + 2.061 + 5.453 + 2.24 = 1.35
        ("va", {"age": 70, "ever_smoker": True, "diameter_mm": 20, "years_since_quitting": 0}, 0.7941296),
        # quit 15 years ago: 1.35 - 0.8505 = 0.4995
        ("va", {"age": 70, "ever_smoker": True, "diameter_mm": 20, "years_since_quitting": 15}, 0.6223418),
        # 50 x 40 / (200 x 5)
        ("fib-4", {"age": 50, "ast_u_l": 40, "alt_u_l": 25, "platelets_10e9_l": 200}, 2.0),
        # 0.66 x 2 - 0.085 x 32
        ("albi", {"bilirubin_umol_l": 100, "albumin_g_l": 32}, -1.40),
        # (3 + 0.89 - 0.48 x 2.74 - 1.5 + 7.4) / 14.77 x 100, ALBI = 0.66 - 3.4
        ("amap", {"age": 50, "sex": "M", "bilirubin_umol_l": 10, "albumin_g_l": 40, "platelets_10e9_l": 150}, 57.37847),
        # -10.08 + 5.4 + 1.67 + 4.68 + 0.4 + 1.33
        ("galad", {"age": 60, "sex": "M", "afp_ng_ml": 100, "afp_l3_percent": 10, "dcp_ng_ml": 10}, 3.40),
    ],
)  # fmt: skip
def test_worked_values(name, inputs, expected):
    assert number(risk(name, inputs)) == pytest.approx(expected, abs=2e-7 if expected < 1 else 1e-5)


def test_a_current_smoker_of_the_va_model_is_one_who_quit_0_years_ago():
    now = {"age": 60, "ever_smoker": True, "diameter_mm": 12}

    assert risk("va", now).missing == ("years_since_quitting",)
    assert risk("va", now | {"years_since_quitting": 0}).probability == pytest.approx(va(**now))
