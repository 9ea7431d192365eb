"""propagate: evaluate on certainties, enumeration on classes, Monte Carlo and closed forms on measurements."""

import json
import math
from decimal import Decimal
from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
import rule_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters import cases
from radlogic.engine.errors import BadValue, Contradiction
from radlogic.engine.guideline import numbers
from radlogic.engine.guideline.evaluate import classify, read_finding
from radlogic.engine.guideline.measured import Measurements
from radlogic.engine.guideline.propagate import propagate, propagate_answer, propagate_finding
from radlogic.engine.guideline.situation import number_cells
from radlogic.engine.guideline.walk import Walk
from radlogic.engine.types import Classes, Known, Measured, NotApplicable, PastSize, Source, SourceKind, Unknown

NET = Source(SourceKind.NET, "net")
HUMAN = Source(SourceKind.HUMAN, "reader")
LUNG, LIVER = "lung-rads@2022", "li-rads-ct-mri@2018"
BASELINE = {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True}
ANNUAL = {"round": "annual", "prior_ct": "available", "lungs_fully_evaluable": True}
LIVER_EXAM = {
    "exam": {"modality": "MRI_ECA", "multiphase": True},
    "patient": {"age": 60, "risk_factors": ["cirrhosis"], "cirrhosis_cause": "other"},
}


def stated(name, content):
    """(exam facts, [(name, facts)]) of a case as a reader's form states it."""
    read = cases.read(cases.parse(json.dumps(content, default=str)), rule_cases.guideline(name))
    return read.exam, read.findings


def nodule(exam=None, beliefs=None, **fields):
    """Exam facts, and those of one nodule with some of them replaced by beliefs."""
    exam_facts, [(_, facts)] = stated(LUNG, {"exam": exam or BASELINE, "nodules": [fields]})
    return exam_facts, {**facts, **(beliefs or {})}


def observation(beliefs=None, **fields):
    exam_facts, [(_, facts)] = stated(LIVER, {**LIVER_EXAM, "observation": fields})
    return exam_facts, {**facts, **(beliefs or {})}


def mm(mean, sd):
    return Measured(mean, sd, "mm", NET)


def classes(**probabilities):
    return Classes(probabilities, NET)


YES_NO = classes(yes=0.3, no=0.7)


def open_by_default(read):
    """The set of categories that evaluate leaves open by the default reading."""
    return frozenset(category for category, _ in read.default)


# certainties


def check_is_evaluate(name, listed):
    guideline = rule_cases.guideline(name)
    for case in listed:
        exam, findings = stated(name, {k: v for k, v in case.items() if k not in rule_cases.BESIDE})
        said, found = classify(guideline, exam, findings), propagate(guideline, exam, findings)
        pairs = zip((said.exam, *said.findings), (found.exam, *found.findings), strict=True)
        for reading, distribution in pairs:
            assert distribution.possible == set(reading.possible), case["name"]
            assert list(distribution.masses().values()) == [pytest.approx(1, abs=1e-12)], case["name"]
            if reading.category is not None:
                assert distribution.probabilities() == {reading.category: pytest.approx(1)}, case["name"]
                assert distribution.silent == pytest.approx(float(reading.silent)), case["name"]


@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_on_the_certainties_of_a_third_of_the_cases_it_is_evaluate(name):
    check_is_evaluate(name, list(rule_cases.of(name))[::3])


@pytest.mark.slow
@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_on_the_certainties_of_every_case_it_is_evaluate(name):
    check_is_evaluate(name, rule_cases.of(name))


def test_where_nobody_looked_for_findings_every_category_is_possible_and_none_is_certain():
    guideline = rule_cases.guideline(LUNG)
    exam, _ = nodule(type="solid", status="baseline", mean_mm=7)

    found = propagate(guideline, exam, [], assessed=False).exam

    assert found.possible == set(classify(guideline, exam, [], assessed=False).exam.possible)
    assert all(bounds == (0, 1) for bounds in found.bounds().values())
    assert found.probabilities() is None


# classes, against enumeration


def worlds(beliefs):
    """(probability, facts) of every combination of the classes among some beliefs."""
    uncertain = {n: b for n, b in beliefs.items() if isinstance(b, Classes)}
    for symbols in product(*(b.probabilities for b in uncertain.values())):
        chosen = dict(zip(uncertain, symbols, strict=True))
        p = math.prod(uncertain[n].probabilities[s] for n, s in chosen.items())
        yield p, {**beliefs, **{n: Known(s, NET) for n, s in chosen.items()}}


def enumerated(guideline, facts):
    """Masses and probability of silence by reading every combination."""
    masses, silent = {}, 0.0
    for p, world in worlds(facts):
        read = read_finding(guideline, world)
        masses[open_by_default(read)] = masses.get(open_by_default(read), 0) + p
        silent += p * read.reading.silent
    return masses, silent


CLASS_BELIEFS = [
    {"type": classes(solid=0.5, part_solid=0.2, non_solid=0.2, airway=0.1)},
    {
        "type": classes(solid=0.6, non_solid=0.4),
        "benign_feature": classes(none=0.8, calc_central=0.1, calc_stippled=0.1),
        "suspicious_features.spiculation": YES_NO,
    },
    {"type": classes(airway=0.7, cyst=0.3), "growing": YES_NO, "status": classes(new=0.4, existing=0.6),
     "airway_level": classes(subsegmental=0.5, lobar=0.5)},
    {"type": classes(solid=0.5, part_solid=0.5), "mean_mm": Unknown("not measured"), "juxtapleural": YES_NO,
     "margin": classes(smooth=0.9, spiculated=0.1)},
    {"type": classes(solid=0.5, non_solid=0.5), "status": Unknown("no"), "suspicious_features.spiculation": YES_NO},
    {"type": Unknown("not assessed"), "juxtapleural": YES_NO},
]  # fmt: skip


@pytest.mark.parametrize("beliefs", CLASS_BELIEFS)
def test_classes_and_unknowns_of_a_nodule_are_as_every_combination_read_one_by_one(beliefs):
    guideline = rule_cases.guideline(LUNG)
    exam, facts = nodule(ANNUAL, beliefs, status="existing", mean_mm=9, solid_mean_mm=5, prior_mean_mm=9)
    masses, silent = enumerated(guideline, {**exam, **facts})

    found = propagate_finding(guideline, {**exam, **facts})

    assert found.silent == pytest.approx(silent, abs=1e-12)
    assert found.masses() == pytest.approx(masses, abs=1e-12)


CERTAIN_OR_PROBABLE = [
    {"type": classes(solid=0.5, part_solid=0.2, non_solid=0.3), "mean_mm": mm(7.9, 1.2), "juxtapleural": YES_NO},
    {"type": classes(solid=0.5, part_solid=0.5), "mean_mm": mm(7.9, 1.2), "solid_mean_mm": mm(6, 1)},
    {"status": classes(new=0.4, existing=0.6), "mean_mm": mm(8.1, 0.7), "prior_mean_mm": mm(6.8, 0.4)},
    {"long_mm": mm(9, 1), "short_mm": mm(8, 1), "mean_mm": Unknown("axes"), "suspicious_features.spiculation": YES_NO},
]


@pytest.mark.parametrize("beliefs", CERTAIN_OR_PROBABLE)
def test_what_is_certain_or_probable_is_walked_by_node_as_by_what_is_open(beliefs, monkeypatch):
    guideline = rule_cases.guideline(LUNG)
    looks = {"solid_mean_mm": 4, "solid_component_change": "stable", "margin": "smooth", "shape": "oval"}
    before = {"prior_mean_mm": 6, "prior_solid_mean_mm": 4, "interval_months": 8, "previous_category": "3"}
    exam, facts = nodule(ANNUAL, beliefs, type="solid", status="existing", mean_mm=8, **looks, **before)
    by_node = propagate(guideline, exam, [("a", facts), ("b", facts)])
    assert by_node.exam.probabilities() is not None

    monkeypatch.setattr(Walk, "_of_nodes", lambda self: None)
    by_state = propagate(guideline, exam, [("a", facts), ("b", facts)])

    for fast, slow in zip((by_node.exam, *by_node.findings), (by_state.exam, *by_state.findings), strict=True):
        assert fast.outcomes == pytest.approx(slow.outcomes, abs=1e-13)


@settings(max_examples=20, deadline=None)
@given(
    mean=st.floats(4, 12),
    sd=st.floats(0.2, 2),
    prior=st.integers(40, 120),
    months=st.integers(3, 30),
    volume=st.booleans(),
)
def test_the_cells_of_a_spread_are_those_of_its_values_however_they_were_worked_out(mean, sd, prior, months, volume):
    guideline = rule_cases.guideline(LUNG)
    measured = {"volume_mm3": Measured(mean**3 / 2, sd * mean**2, "mm3", NET)} if volume else {"mean_mm": mm(mean, sd)}
    facts = {
        **measured,
        "solid_mean_mm": Known(Decimal(5), HUMAN),
        "prior_mean_mm": Known(Decimal(prior) / 10, HUMAN),
        "interval_months": Known(Decimal(months), HUMAN),
        "history": Known((PastSize(Decimal(11), Decimal("6.2")), PastSize(Decimal(40), Decimal(5))), HUMAN),
    }
    variables = {v.name: v for v in guideline.finding.stage.variables if v.cuts is not None}
    raw = {n: getattr(facts.get(n), "value", None) for n in guideline.amounts}

    spread = Measurements(guideline, variables.values(), facts).spread(merged=False)

    assert math.fsum(w for w, _, _ in spread) == pytest.approx(1, abs=1e-12)
    for _, cells, values in spread:
        for name, found in cells.items():
            amount = numbers.number(name, guideline.numbers, {**raw, **values})
            assert found == number_cells(variables[name], amount), (name, values)


def test_two_nodules_and_an_uncertain_exam_are_as_every_combination_read_one_by_one():
    guideline = rule_cases.guideline(LUNG)
    exam, first = nodule(
        beliefs={"type": classes(solid=0.4, part_solid=0.6)}, status="baseline", mean_mm=9, solid_mean_mm=3
    )
    _, second = nodule(beliefs={"suspicious_features.spiculation": YES_NO}, type="solid", status="baseline", mean_mm=7)
    exam = {**exam, "prior_ct": classes(none=0.8, pending=0.2)}
    masses = {}
    for (p, e), (q, a), (r, b) in product(worlds(exam), worlds(first), worlds(second)):
        category = classify(guideline, e, [("a", a), ("b", b)]).exam.category
        masses[category] = masses.get(category, 0) + p * q * r

    found = propagate(guideline, exam, [("a", first), ("b", second)])

    assert found.exam.probabilities() == pytest.approx(masses, abs=1e-12)
    assert sum(found.exam.masses("management").values()) == pytest.approx(1)


def test_an_uncertain_fact_of_the_patient_is_one_fact_for_finding_and_exam():
    guideline = rule_cases.guideline(LIVER)
    exam, facts = observation(
        {"washout": classes(none=0.5, nonperipheral_pvp=0.5)}, size_mm=22, aphe="nonrim", capsule="none"
    )
    exam = {**exam, "risk_factors.cirrhosis": YES_NO}
    masses = {}
    for (p, e), (q, f) in product(worlds(exam), worlds(facts)):
        category = classify(guideline, e, [("a", f)]).exam.category
        masses[category] = masses.get(category, 0) + p * q

    found = propagate(guideline, exam, [("a", facts)])

    assert found.exam.probabilities() == pytest.approx(masses, abs=1e-12)


# measurements, against closed forms


@pytest.mark.parametrize(
    ("mean", "sd", "least"), [(5.95, 0.7, 0.5), (6.0, 0.1, NormalDist().cdf(0.5)), (5.9, 0.05, NormalDist().cdf(-1))]
)
def test_a_mean_diameter_is_rounded_half_up_before_the_cut(mean, sd, least):
    guideline = rule_cases.guideline(LUNG)
    exam, facts = nodule(beliefs={"mean_mm": mm(mean, sd)}, type="solid", status="baseline")

    found = propagate_finding(guideline, {**exam, **facts}).probabilities()

    assert sum(p for category, p in found.items() if category != "2") == pytest.approx(least, abs=1e-9)


def test_two_measured_axes_are_read_as_their_mean():
    guideline = rule_cases.guideline(LUNG)
    exam, facts = nodule(beliefs={"long_mm": mm(7, 0.6), "short_mm": mm(5.2, 0.8)}, type="solid", status="baseline")

    found = propagate_finding(guideline, {**exam, **facts}).probabilities()

    assert found["2"] == pytest.approx(NormalDist(6.1, 0.5).cdf(5.95), abs=1e-9)


def test_of_several_measurements_of_one_lesion_the_first_is_read_and_a_stated_one_before_it():
    guideline = rule_cases.guideline(LUNG)
    all_of_them = {
        "mean_mm": mm(7, 1),
        "long_mm": mm(30, 1),
        "short_mm": mm(30, 1),
        "volume_mm3": Measured(9e3, 10, "mm3", NET),
    }
    exam, facts = nodule(beliefs=all_of_them, type="solid", status="baseline")
    _, alone = nodule(beliefs={"mean_mm": mm(7, 1)}, type="solid", status="baseline")
    _, human = nodule(beliefs={"mean_mm": mm(7, 1)}, type="solid", status="baseline", long_mm=9, short_mm=8)

    found, expected, said = (propagate_finding(guideline, {**exam, **f}).probabilities() for f in (facts, alone, human))

    assert found == {c: pytest.approx(expected[c]) for c in found}
    assert said == {"4A": pytest.approx(1)}


def chance(name, variable, facts, cells):
    """The probability that a number is in some of its cells."""
    guideline = rule_cases.guideline(name)
    tested = [v for v in guideline.finding.stage.variables if v.name == variable]
    spread = Measurements(guideline, tested, facts).spread()
    return math.fsum(w for w, found, _ in spread if tested[0].domain[found[variable][0]] in cells)


@pytest.mark.parametrize(("now", "prior"), [((16, 0.8), (10, 0.4)), ((14.5, 0.5), (10, 1.5)), ((30, 0.3), (21, 0.3))])
def test_growth_between_two_uncertain_sizes_is_as_in_closed_form(now, prior):
    facts = {"size_mm": mm(*now), "prior_size_mm": mm(*prior)}
    guideline = rule_cases.guideline(LIVER)
    domain = next(v for v in guideline.finding.stage.variables if v.name == "growth_percent").domain
    grown = [cell for cell in domain if cell == "from 50"]

    found = chance(LIVER, "growth_percent", facts, grown)

    difference = NormalDist(now[0] - 1.5 * prior[0], math.hypot(now[1], 1.5 * prior[1]))
    assert grown
    assert found == pytest.approx(1 - difference.cdf(0), abs=2e-6)


def test_growth_between_two_uncertain_rounded_sizes_is_as_over_all_ticks():
    facts = {"mean_mm": mm(8.1, 0.7), "prior_mean_mm": mm(6.8, 0.4), "interval_months": Known(Decimal(6), HUMAN),
             "history": NotApplicable(HUMAN)}  # fmt: skip

    found = chance(LUNG, "increase_overall", facts, ["above 1.5"])

    now, prior = NormalDist(8.1, 0.7), NormalDist(6.8, 0.4)
    ticks = [(k, now.cdf((k + 0.5) / 10) - now.cdf((k - 0.5) / 10)) for k in range(20, 160)]
    assert found == pytest.approx(
        math.fsum(p * prior.cdf((k - 15 - 0.5) / 10) for k, p in ticks), abs=1e-9
    )  # grown: prior at most k - 16 ticks


def test_an_answer_compiled_apart_is_as_every_combination_read_one_by_one():
    guideline = rule_cases.guideline(LIVER)
    aphe, washout = classes(none=0.2, nonrim=0.8), classes(none=0.5, nonperipheral_pvp=0.5)
    exam, facts = observation({"aphe": aphe, "washout": washout}, size_mm=22, capsule="none")
    facts = {**exam, **facts}
    expected = {}
    for p, world in worlds(facts):
        said = read_finding(guideline, world).reading.facts["optn_class"] or "none"
        expected[said] = expected.get(said, 0) + p

    found = propagate_answer(guideline, "optn_class", facts).probabilities()

    assert {"none" if name == "washout-only" else name: p for name, p in found.items()} == pytest.approx(expected)


def test_a_value_far_in_the_tail_keeps_its_small_probability():
    guideline = rule_cases.guideline(LUNG)
    exam, facts = nodule(beliefs={"mean_mm": mm(4, 0.2)}, type="solid", status="baseline")

    found = propagate_finding(guideline, {**exam, **facts}).probabilities()

    assert found["3"] == pytest.approx(math.erfc(1.95 / 0.2 / math.sqrt(2)) / 2, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(mean=st.floats(1, 35), step=st.floats(0, 5), sd=st.floats(0.05, 4))
def test_a_larger_solid_nodule_is_never_less_likely_to_be_in_a_higher_category(mean, step, sd):
    guideline = rule_cases.guideline(LUNG)
    exam, facts = nodule(type="solid", status="baseline")

    def at_least(category, size):
        found = propagate_finding(guideline, {**exam, **facts, "mean_mm": mm(size, sd)}).probabilities()
        assert math.fsum(found.values()) == pytest.approx(1, abs=1e-9)
        return sum(p for c, p in found.items() if guideline.rank[c] >= guideline.rank[category])

    for category in ("3", "4A", "4B"):
        assert at_least(category, mean + step) >= at_least(category, mean) - 1e-12


# random beliefs, against Monte Carlo draws

TICK = 10_000  # draws of a measurement are taken to 0.0001 mm, so that each value is read once


def random_classes(random, values):
    p = random.dirichlet([0.7] * len(values))
    return Classes(dict(zip(values, (p / p.sum()).tolist(), strict=True)), NET)


def drawn(random, belief, n):
    if isinstance(belief, Classes):
        names = list(belief.probabilities)
        return random.choice(len(names), n, p=list(belief.probabilities.values()))
    return np.rint(random.normal(belief.mean, belief.sd, n) * TICK).astype(np.int64)


def monte_carlo(guideline, facts, random, n):
    """Frequencies of the categories: evaluate on each distinct combination of classes and of number cells."""
    uncertain = {name: b for name, b in facts.items() if isinstance(b, Classes | Measured)}
    columns = {name: drawn(random, b, n) for name, b in uncertain.items()}
    measured = [name for name, b in uncertain.items() if isinstance(b, Measured)]
    assert len(measured) == 1
    values, which = np.unique(columns[measured[0]], return_inverse=True)
    cells, example = cells_of(guideline, facts, measured[0], values)
    columns[measured[0]] = cells[which]
    combinations, counts = np.unique(np.stack(list(columns.values())), axis=1, return_counts=True)
    found = {}
    for combination, count in zip(combinations.T, counts, strict=True):
        world = dict(facts)
        for name, cell in zip(columns, combination, strict=True):
            known = example[cell] if name in measured else list(uncertain[name].probabilities)[cell]
            world[name] = Known(known, NET)
        try:
            category = read_finding(guideline, world).reading.category
        except Contradiction:
            continue  # no patient is like this
        found[category] = found.get(category, 0) + int(count)
    return {category: count / sum(found.values()) for category, count in found.items()}


def cells_of(guideline, facts, name, values):
    """A number for each different set of cells that the values give, and a value for each."""
    raw = {n: getattr(facts.get(n), "value", None) for n in guideline.amounts}
    raw |= {n: "n/a" for n in guideline.amounts if isinstance(facts.get(n), NotApplicable)}
    variables = [v for v in guideline.finding.stage.variables if v.cuts and name in guideline.behind[v.name]]
    seen, examples, result = {}, [], []
    for value in values:
        exact = Decimal(int(value)) / TICK
        amounts = [numbers.number(v.name, guideline.numbers, {**raw, name: exact}) for v in variables]
        key = (
            is_possible(guideline, {**raw, name: exact}),
            *(v.cuts.cell(a) if isinstance(a, Decimal) else a for v, a in zip(variables, amounts, strict=True)),
        )
        if key not in seen:
            seen[key] = len(examples)
            examples.append(exact)
        result.append(seen[key])
    return np.array(result), examples


def is_possible(guideline, raw):
    try:
        numbers.check(guideline.document["inputs"].get("at_most", ()), guideline.numbers, raw)
    except Contradiction:
        return False
    return True


def lung_beliefs(random):
    before = {
        "prior_mean_mm": float(random.integers(50, 90)) / 10,
        "prior_solid_mean_mm": 4,
        "interval_months": int(random.integers(3, 24)),
        "previous_category": "3",
    }
    looks = {"solid_mean_mm": 4, "solid_component_change": "stable", "margin": "smooth", "shape": "oval"}
    exam, facts = nodule(ANNUAL, None, status="existing", **before, **looks)
    return {
        **exam,
        **facts,
        "type": random_classes(random, ["solid", "part_solid", "non_solid"]),
        "status": random_classes(random, ["new", "existing"]),
        "benign_feature": random_classes(random, ["none", "calc_central"]),
        "juxtapleural": random_classes(random, ["yes", "no"]),
        "shape": random_classes(random, ["oval", "irregular"]),
        "suspicious_features.spiculation": random_classes(random, ["yes", "no"]),
        "mean_mm": mm(float(random.uniform(5, 12)), float(random.uniform(0.3, 1.5))),
    }


def liver_beliefs(random):
    prior = {
        "prior_size_mm": int(random.integers(8, 22)),
        "interval_months": 5,
        "prior_modality": "MRI",
        "is_mass": True,
    }
    exam, facts = observation(capsule="none", washout="none", aphe="none", growth=prior)
    return {
        **exam,
        **facts,
        "aphe": random_classes(random, ["none", "nonrim", "rim"]),
        "washout": random_classes(random, ["none", "nonperipheral_pvp", "nonperipheral_delayed"]),
        "capsule": random_classes(random, ["none", "enhancing"]),
        "af.hbp_hypointensity": random_classes(random, ["yes", "no"]),
        "benign": random_classes(random, ["none", "definite", "probable"]),
        "size_mm": mm(float(random.uniform(8, 24)), float(random.uniform(0.5, 4))),
    }


def check_against_draws(name, make, seed, n):
    guideline, random = rule_cases.guideline(name), np.random.default_rng(seed)
    facts = make(random)
    found, drawn_ = propagate_finding(guideline, facts).probabilities(), monte_carlo(guideline, facts, random, n)
    assert math.fsum(found.values()) == pytest.approx(1, abs=1e-9)
    assert drawn_.keys() <= found.keys()
    for category, p in found.items():
        assert abs(drawn_.get(category, 0) - p) <= 4.5 * math.sqrt(p * (1 - p) / n) + 2 / TICK, category


@pytest.mark.parametrize(("name", "make"), [(LUNG, lung_beliefs), (LIVER, liver_beliefs)])
def test_random_beliefs_agree_with_20_thousand_draws(name, make):
    check_against_draws(name, make, 0, 20_000)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), [(LUNG, lung_beliefs), (LIVER, liver_beliefs)])
@pytest.mark.parametrize("seed", range(10, 16))
def test_random_beliefs_agree_with_400_thousand_draws(name, make, seed):
    check_against_draws(name, make, seed, 400_000)


# what no patient can have


def test_a_solid_component_that_may_be_larger_than_its_nodule_is_taken_as_within_it():
    guideline = rule_cases.guideline(LUNG)
    exam, facts = nodule(beliefs={"mean_mm": mm(6, 0.8)}, type="part_solid", status="baseline", solid_mean_mm=5)

    found = propagate_finding(guideline, {**exam, **facts}).probabilities()

    size = NormalDist(6, 0.8)
    possible = 1 - size.cdf(4.95)  # 5.0 mm and more, as rounded
    assert found["2"] == pytest.approx((size.cdf(5.95) - size.cdf(4.95)) / possible, abs=1e-9)
    assert math.fsum(found.values()) == pytest.approx(1, abs=1e-9)


def test_a_measured_component_and_a_measured_nodule_are_taken_as_one_within_the_other():
    facts = {"mean_mm": mm(7, 0.6), "solid_mean_mm": mm(6.2, 0.5)}
    guideline = rule_cases.guideline(LUNG)
    tested = [v for v in guideline.finding.stage.variables if v.name in ("size", "solid_size")]
    whole, part = NormalDist(7, 0.6), NormalDist(6.2, 0.5)
    ticks = range(20, 130)

    def tick(belief, k):
        return belief.cdf((k + 0.5) / 10) - belief.cdf((k - 0.5) / 10)

    joint = {(a, b): tick(whole, a) * tick(part, b) for a in ticks for b in ticks if b <= a}
    expected = math.fsum(p for (a, b), p in joint.items() if a >= 80 and b < 60) / math.fsum(joint.values())

    spread = Measurements(guideline, tested, facts).spread()

    found = [w for w, cells, _ in spread if cells["size"] == (3,) and cells["solid_size"] == (1,)]
    assert [tested[0].domain[3], tested[1].domain[1]] == ["from 8 below 10", "from 4 below 6"]
    assert math.fsum(w for w, _, _ in spread) == pytest.approx(1, abs=1e-9)
    assert math.fsum(found) == pytest.approx(expected, abs=1e-6)


def test_measurements_that_exclude_each_other_are_a_contradiction():
    exam, facts = nodule(beliefs={"mean_mm": mm(6, 0.3), "solid_mean_mm": mm(12, 0.3)}, type="part_solid")

    with pytest.raises(Contradiction, match="lies within its nodule"):
        propagate_finding(rule_cases.guideline(LUNG), {**exam, **facts})


# what is not known, and what is not right


def test_an_unknown_prior_beside_a_measured_size_leaves_exact_bounds():
    guideline = rule_cases.guideline(LUNG)
    beliefs = {"mean_mm": mm(7.9, 0.1), "prior_mean_mm": Unknown("not at hand")}
    exam, facts = nodule(ANNUAL, beliefs, type="solid", status="existing", interval_months=6)
    found = propagate_finding(guideline, {**exam, **facts})
    masses = {}
    for k in range(73, 86):  # tick by tick, each read by `evaluate`
        tick = Decimal(k) / 10
        p = NormalDist(7.9, 0.1).cdf(k / 10 + 0.05) - NormalDist(7.9, 0.1).cdf(k / 10 - 0.05)
        read = read_finding(guideline, {**exam, **facts, "mean_mm": Known(tick, HUMAN)})
        masses[open_by_default(read)] = masses.get(open_by_default(read), 0) + p

    assert any(len(s) > 1 for s in masses)
    assert {s: p for s, p in found.masses().items() if p > 1e-8} == pytest.approx(masses, abs=1e-8)


@pytest.mark.parametrize(
    ("beliefs", "field", "allowed"),
    [
        ({"mean_mm": Measured(7, 1, "cm", NET)}, "mean_mm", "mm"),
        ({"mean_mm": mm(-50, 1)}, "mean_mm", "0.1 to 400 mm"),
        ({"mean_mm": classes(small=1)}, "mean_mm", "a value of this number"),
        ({"type": mm(7, 1)}, "type", "a value of this enum"),
        ({"suspicious_features.spiculation": mm(7, 1)}, "suspicious_features.spiculation", "no, yes"),
        ({"type": classes(soft=1)}, "type", "solid, part_solid, non_solid, cyst, airway, cavitary"),
    ],
)
def test_a_belief_that_is_none_of_its_input_is_refused(beliefs, field, allowed):
    exam, facts = nodule(beliefs={"mean_mm": mm(7, 1), **beliefs}, type="solid", status="baseline")

    with pytest.raises(BadValue) as error:
        propagate_finding(rule_cases.guideline(LUNG), {**exam, **facts})

    assert (error.value.field, error.value.allowed) == (field, allowed)
