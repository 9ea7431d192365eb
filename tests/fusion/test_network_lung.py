"""The lung network follows Brock where Brock speaks, its sources where Brock is silent, and counts nothing twice."""

import itertools
import math

import network_faces as faces
import numpy as np
import pytest

from radlogic.engine.fusion.evidence import OneOf, measured_likelihood

N = 8_000
NOT_SPICULATED = OneOf(("smooth", "other"))
BROCKS = ("age", "size", "count", "sex", "family_history", "emphysema", "type", "upper_lobe", "margin")
NODULE = {
    "age": "from_60_to_65", "size": "about_12", "count": "two", "sex": "F", "family_history": "absent",
    "emphysema": "present", "type": "solid", "upper_lobe": "present", "margin": NOT_SPICULATED,
}  # fmt: skip
SMALL = {"size": "about_5", "type": "non_solid"}
CONTEXTS = [{}, NODULE, SMALL, {"margin": "spiculated", "extrathoracic_cancer": "present"}, {"size": "about_28"}]


@pytest.fixture(scope="module", params=[False, True], ids=["screening", "work-up sizes"])
def nodules(request):
    return faces.drawn(N, seed=2, work_up=request.param)


def risk(evidence):
    return faces.lung().query(evidence).risk


def odds(evidence):
    return risk(evidence) / (1 - risk(evidence))


def state(node, value):
    """The state at a place in the order of the file."""
    return faces.lung().network.nodes[node].states[value]


def test_with_all_of_brocks_inputs_at_the_middle_of_their_bands_the_posterior_is_brocks():
    chance, nodes = np.random.default_rng(3), faces.lung().network.nodes
    n = 2000
    at = {name: chance.integers(len(nodes[name].states), size=n) for name in ("age", "size", "count")}
    x = {name: np.array(nodes[name].representative)[i] for name, i in at.items()}
    x |= {name: chance.random(n) < 0.5 for name in ("sex", "family_history", "emphysema", "upper_lobe", "spiculation")}
    x["type"] = chance.integers(3, size=n)

    assert np.abs(faces.asked(x) - faces.brock(x)).max() < 1e-6


def test_over_the_covariates_it_follows_brock(nodules):
    rank, apart, worst = faces.beside_brock(nodules)

    assert rank >= 0.95
    assert apart <= 1.0  # percentage points; the issue allows 2
    name, n, _, of_stratum, _ = worst[0]
    assert of_stratum <= 2.0, (name, n, of_stratum)


def test_without_spiculation_it_follows_brocks_model_without_spiculation(nodules):
    found, truth = faces.asked(nodules, without=("margin",)), faces.brock_2a(nodules)

    assert faces.rank_correlation(found, truth) >= 0.95
    assert 100 * np.abs(found - truth).mean() <= 2.0


@pytest.mark.parametrize("without", [n for n in BROCKS if n != "size"])
def test_what_is_missing_is_averaged_over_without_shifting_the_whole(without):
    nodules = faces.drawn(N, seed=2)
    found = faces.asked(nodules, without=(without,))

    assert found.mean() == pytest.approx(faces.brock(nodules).mean(), rel=0.05)


def test_as_many_nodules_are_cancers_as_in_the_cohort():
    ends = faces.covariates()["plausible"]["malignant"]

    assert ends["from"] <= risk({}) <= ends["to"]
    assert ends["from"] <= faces.brock(faces.drawn(N, seed=2)).mean() <= ends["to"]


def test_the_intercept_is_brocks_and_the_log_of_each_normaliser():
    shares = {n: c["shares"] for n, c in faces.covariates()["covariates"].items() if "shares" in c}
    spiculated = list(faces.covariates()["covariates"]["spiculation"]["by_size"].values())
    published = {
        "sex": {"F": 0.6010727}, "family_history": {"present": 0.296109}, "emphysema": {"present": 0.2953112},
        "upper_lobe": {"present": 0.6581383}, "type": {"part_solid": 0.3769578, "non_solid": -0.1276173},
    }  # fmt: skip
    log_z = {
        name: math.log(sum(share * math.exp(published[name].get(s, 0)) for s, share in shares[name].items()))
        for name in published
    }
    of_size = [math.log(1 - q + q * math.exp(0.7729335)) for q in spiculated]
    form = faces.lung().network.nodes["malignancy"].form

    effects = form.odds[0][1]
    assert effects[0].times == pytest.approx(-6.78917 + sum(log_z.values()) + of_size[0], abs=1e-5)
    assert [e.times for e in effects[4:]] == pytest.approx([z - of_size[0] for z in of_size[1:]], abs=1e-5)
    for name, of_states in shares.items():
        benign = faces.lung().marginals({"malignancy": "benign"})[name]
        assert benign == pytest.approx(of_states, abs=1e-5)
    sizes = ("about_4", "about_8", "about_14", "about_24")
    found = [faces.lung().marginals({"malignancy": "benign", "size": s})["margin"]["spiculated"] for s in sizes]
    assert found == pytest.approx(spiculated, abs=1e-5)


# each finding moves the risk in the direction its literature says: from the first state to the second it rises
RISES = [
    ("age", "from_50_to_55", "from_70_to_75", "Brock"),
    ("size", "about_6", "about_7", "Brock"),
    ("size", "about_7", "about_20", "Brock"),
    ("count", "from_10_to_11", "one", "Brock: more nodules, less risk of each"),
    ("sex", "M", "F", "Brock"),
    ("family_history", "absent", "present", "Brock"),
    ("emphysema", "absent", "present", "Brock"),
    ("copd", "absent", "present", "emphysema"),
    ("type", "solid", "part_solid", "Brock"),
    ("type", "non_solid", "solid", "Brock"),
    ("upper_lobe", "absent", "present", "Brock"),
    ("margin", "smooth", "other", "Peking"),
    ("margin", "smooth", "spiculated", "Brock, Peking"),
    ("margin", NOT_SPICULATED, "spiculated", "Brock"),
    ("smoking", "never", "former", "Mayo, VA"),
    ("smoking", "never", "current", "Mayo, VA"),
    ("pack_years", "none", "from_40", "Mayo, VA"),
    ("extrathoracic_cancer", "absent", "present", "Mayo"),
    ("asbestos", "absent", "present", "LLP"),
    ("calcium_or_fat", "benign_pattern", "none", "Gurney"),
    ("calcium_or_fat", "benign_pattern", "indeterminate", "Gurney"),
    ("growth_rate", "none", "slow", "NELSON"),
    ("growth_rate", "slow", "fast", "NELSON"),
    ("growth_rate", "very_fast", "fast", "infections grow faster"),
    ("growth_stated", "absent", "present", "NELSON, Gurney"),
    ("fdg_uptake", "none", "faint", "Herder"),
    ("fdg_uptake", "faint", "moderate", "Herder"),
    ("fdg_uptake", "moderate", "intense", "Herder"),
]


SPEAKS_OF = {"copd": "emphysema"}  # it adds nothing where that is known


@pytest.mark.parametrize(("node", "low", "high", "source"), RISES, ids=[f"{n}: {s}" for n, *_, s in RISES])
def test_each_finding_moves_the_risk_as_its_source_says(node, low, high, source):
    for context in CONTEXTS:
        known = {n: s for n, s in context.items() if n not in (node, SPEAKS_OF.get(node))}
        assert risk(known | {node: low}) < risk(known | {node: high}), (source, context)


def test_the_risk_grows_with_each_millimetre_and_each_band_of_age():
    for node in ("size", "age"):
        risks = [risk({node: s}) for s in faces.lung().network.nodes[node].states]
        assert all(a < b for a, b in itertools.pairwise(risks))


def test_uptake_weighs_as_in_herder_from_8_mm_and_less_below():
    def ratio(size, uptake):
        return odds({"size": size, "fdg_uptake": uptake}) / odds({"size": size, "fdg_uptake": "none"})

    published = {"faint": 2.322, "moderate": 4.617, "intense": 4.771}
    for uptake, coefficient in published.items():
        assert math.log(ratio("about_12", uptake)) == pytest.approx(coefficient, abs=0.02)
        assert 1 < ratio("about_6", uptake) < ratio("about_12", uptake)


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("node", ["sex", "type", "margin", "fdg_uptake", "growth_rate", "smoking"])
def test_not_knowing_lies_between_the_answers(context, node):
    known = {n: s for n, s in context.items() if n != node}
    risks = [risk(known | {node: s}) for s in faces.lung().network.nodes[node].states]

    assert min(risks) <= risk(known) <= max(risks)


@pytest.mark.parametrize(
    ("known", "again"),
    [
        ({"emphysema": "present"}, {"copd": "present"}),
        ({"emphysema": "absent"}, {"copd": "present"}),
        ({"smoking": "current"}, {"pack_years": "from_40"}),
        ({"growth_rate": "fast"}, {"growth_stated": "present"}),
    ],
)
def test_what_says_the_same_thing_again_adds_nothing(known, again):
    for context in CONTEXTS:
        assert risk(context | known | again) == pytest.approx(risk(context | known), rel=1e-12)


def test_brock_is_left_alone_by_what_it_does_not_know_of_unless_that_is_known():
    assert risk(NODULE | {"copd": "present"}) == pytest.approx(risk(NODULE), rel=1e-12)
    assert risk(NODULE | {"smoking": "current"}) == pytest.approx(risk(NODULE), rel=0.03)  # Brock's were smokers
    assert risk(NODULE | {"calcium_or_fat": "none"}) == pytest.approx(risk(NODULE), rel=0.03)  # and had no calcium


def test_contradictory_records_make_the_evidence_improbable_and_are_measured():
    agrees = faces.lung().query(NODULE | {"smoking": "current", "pack_years": "from_40"})
    clashes = faces.lung().query(NODULE | {"smoking": "never", "pack_years": "from_40"})

    assert clashes.p_evidence < agrees.p_evidence / 1000
    assert clashes.conflict - agrees.conflict > 4
    assert 0 < clashes.risk < 1


def test_benign_calcium_in_a_nodule_that_takes_up_fdg_is_a_conflict():
    taken_up = NODULE | {"fdg_uptake": "intense"}
    both = faces.lung().query(taken_up | {"calcium_or_fat": "benign_pattern"})
    usual = faces.lung().query(taken_up | {"calcium_or_fat": "none"})

    assert risk(NODULE | {"calcium_or_fat": "benign_pattern"}) < both.risk < usual.risk
    assert both.conflict > usual.conflict


def test_an_uncertain_size_lies_between_its_ends_and_moves_with_its_error():
    edges = faces.lung().network.nodes["size"].edges
    known = {n: s for n, s in NODULE.items() if n != "size"}
    sharp = risk(known | {"size": measured_likelihood(12.0, 0.05, edges)})
    wide = risk(known | {"size": measured_likelihood(12.0, 2.0, edges)})

    assert sharp == pytest.approx(risk(NODULE), rel=1e-6)
    assert risk(known | {"size": "about_6"}) < wide < risk(known | {"size": "about_18"})
    assert wide < sharp  # small nodules are far commoner, so an uncertain size is drawn towards them
