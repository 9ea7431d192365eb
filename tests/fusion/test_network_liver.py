"""The liver network agrees with Lee 2020 over LI-RADS's own categories; each finding speaks as its source says."""

import math

import network_faces as faces
import numpy as np
import pytest

from radlogic.engine.fusion.network_errors import ImpossibleEvidence

HCC, OTHER, BENIGN = "hcc", "other_malignancy", "benign"
MODALITIES = ("CT", "MRI_ECA", "MRI_HBA")
TYPICAL = {"arterial": "nonrim", "washout": "nonperipheral", "size": "from_20_to_50", "modality": "MRI_ECA"}
INDETERMINATE = {
    "arterial": "none",
    "washout": "none",
    "capsule": "absent",
    "size": "from_10_to_20",
    "modality": "MRI_HBA",
}
CONTEXTS = [{}, TYPICAL, INDETERMINATE, {"cirrhosis": "present", "afp": "below_20", "modality": "MRI_HBA"}]


@pytest.fixture(scope="module")
def table():
    return faces.category_table()


def posterior(evidence):
    return faces.liver().query(evidence).posterior


def malignant(evidence):
    return 1 - posterior(evidence)[BENIGN]


def only(modality):
    return {"modality": np.array([float(modality == m) for m in MODALITIES])}


@pytest.mark.parametrize("category", faces.LEE_2020)
def test_the_share_of_hcc_in_each_category_lies_in_the_interval_of_lee_2020(table, category):
    _, low, high = faces.LEE_2020[category]

    assert low <= table[category][0][0] <= high


@pytest.mark.parametrize("modality", MODALITIES)
def test_it_does_so_on_each_modality_by_itself(modality):
    found = faces.category_table(more=only(modality))

    for category, (_, low, high) in faces.LEE_2020.items():
        assert low <= found[category][0][0] <= high, category


def test_the_shares_of_hcc_rise_with_the_category(table):
    shares = [table[c][0][0] for c in ("LR-1", "LR-2", "LR-3", "LR-4", "LR-5")]

    assert shares == sorted(shares)
    assert shares[0] < 0.02 and shares[1] < 0.16  # 0 and 0 in Lee 2020, 0 and 16 % in core p37


def test_other_cancers_are_where_core_p37_has_them(table):
    malignant_share = {c: p[0] + p[1] for c, (p, _) in table.items()}

    assert malignant_share["LR-M"] == pytest.approx(0.94, abs=0.03)
    assert malignant_share["LR-5"] == pytest.approx(0.98, abs=0.02)
    assert malignant_share["LR-4"] == pytest.approx(0.81, abs=0.06)


def test_lr_5_is_as_sensitive_and_about_as_specific_as_in_lee_2020(table):
    kinds = sum(p * share for p, share in table.values())
    five = table["LR-5"][0] * table["LR-5"][1]

    assert 0.61 <= five[0] / kinds[0] <= 0.78
    assert 0.89 <= 1 - (five[1] + five[2]) / (kinds[1] + kinds[2]) <= 0.95  # Lee: 0.89 to 0.93


def test_the_categories_share_out_everything(table):
    assert sum(share for _, share in table.values()) == pytest.approx(1)
    whole = sum(p * share for p, share in table.values())
    assert whole == pytest.approx(list(faces.liver().prior["observation"]), abs=1e-9)


@pytest.mark.parametrize(
    ("node", "state", "of", "published"),
    [
        ("arterial", "nonrim", HCC, 521 / 616),
        ("arterial", "nonrim", OTHER, 18 / 58),
        ("washout", "nonperipheral", HCC, 489 / 616),
        ("washout", "nonperipheral", OTHER, 19 / 58),
        ("threshold_growth", "present", HCC, 17 / 119),
        ("threshold_growth", "present", OTHER, 11 / 23),
        ("capsule", "present", OTHER, 5 / 58),
    ],
)
def test_major_features_are_as_frequent_as_park_counted_them(node, state, of, published):
    assert faces.liver().marginals({"observation": of})[node][state] == pytest.approx(published, abs=0.05)


def test_afp_is_as_sensitive_and_specific_as_zhang_pooled_it():
    for kind, at in ((HCC, (0.61, 0.49, 0.32)), (BENIGN, (0.14, 0.02, 0.01))):
        afp = faces.liver().marginals({"observation": kind})["afp"]
        above = [1 - afp["below_20"], afp["from_200_to_400"] + afp["from_400"], afp["from_400"]]
        assert above == pytest.approx(at, abs=1e-9)


# node, from, to, and which rises from the one to the other: the odds of the first kind against the second
RISES = [
    ("arterial", "none", "nonrim", HCC, BENIGN, "core p20"),
    ("arterial", "none", "nonrim", HCC, OTHER, "Park"),
    ("arterial", "nonrim", "rim", OTHER, HCC, "core p22"),
    ("arterial", "none", "rim", OTHER, BENIGN, "core p22"),
    ("washout", "none", "nonperipheral", HCC, BENIGN, "core p20"),
    ("washout", "none", "nonperipheral", HCC, OTHER, "Park"),
    ("washout", "nonperipheral", "peripheral", OTHER, HCC, "core p22"),
    ("capsule", "absent", "present", HCC, BENIGN, "core p20"),
    ("capsule", "absent", "present", HCC, OTHER, "Park"),
    ("threshold_growth", "absent", "present", HCC, BENIGN, "core p20"),
    ("threshold_growth", "absent", "present", OTHER, HCC, "Park: it favours other cancers"),
    ("size", "from_10_to_20", "from_20_to_50", HCC, BENIGN, "core p8"),
    ("size", "below_10", "from_10_to_20", HCC, BENIGN, "core p8"),
    ("size", "from_20_to_50", "from_50", HCC, BENIGN, "core p8"),
    ("tumor_in_vein", "absent", "present", OTHER, HCC, "Lee: about half of LR-TIV is HCC"),
    ("tumor_in_vein", "absent", "present", HCC, BENIGN, "core p21"),
    ("benign_entity", "none", "probable", BENIGN, HCC, "core p27"),
    ("benign_entity", "probable", "definite", BENIGN, HCC, "core p27"),
    ("delayed_central_enhancement", "absent", "present", OTHER, HCC, "core p22"),
    ("targetoid_restriction", "absent", "present", OTHER, HCC, "core p22"),
    ("targetoid_hbp", "absent", "present", OTHER, HCC, "core p22"),
    ("infiltrative", "absent", "present", HCC, BENIGN, "core p28: probably HCC"),
    ("infiltrative", "absent", "present", HCC, OTHER, "core p28: probably HCC"),
    ("necrosis", "absent", "present", OTHER, HCC, "core p22"),
    ("marked_diffusion", "absent", "present", OTHER, HCC, "core p22"),
    ("other_non_hcc", "absent", "present", OTHER, HCC, "core p22"),
    ("t2", "none", "mild_moderate", HCC, BENIGN, "core p24"),
    ("t2", "mild_moderate", "marked", BENIGN, HCC, "core p25"),
    ("restricted_diffusion", "absent", "present", HCC, BENIGN, "core p24"),
    ("hepatobiliary", "neither", "hypointense", HCC, BENIGN, "core p24"),
    ("hepatobiliary", "neither", "isointense", BENIGN, HCC, "core p25"),
    ("mosaic", "absent", "present", HCC, OTHER, "core p24"),
    ("mosaic", "absent", "present", HCC, BENIGN, "core p24"),
    ("nodule_in_nodule", "absent", "present", HCC, OTHER, "core p24"),
    ("nodule_in_nodule", "absent", "present", HCC, BENIGN, "core p24"),
    ("fat_in_mass", "absent", "present", HCC, OTHER, "core p24"),
    ("blood_products", "absent", "present", HCC, BENIGN, "core p24"),
    ("size_stability", "absent", "present", BENIGN, HCC, "core p25"),
    ("blood_pool", "absent", "present", BENIGN, HCC, "core p25"),
    ("cirrhosis", "absent", "present", HCC, OTHER, "cirrhosis is the soil of HCC"),
    ("prior_hcc", "absent", "present", HCC, BENIGN, "recurrence"),
    ("afp", "below_20", "from_20_to_200", HCC, BENIGN, "Zhang"),
    ("afp", "from_20_to_200", "from_200_to_400", HCC, BENIGN, "Zhang"),
    ("afp", "from_200_to_400", "from_400", HCC, BENIGN, "Zhang"),
    ("sex", "F", "M", HCC, BENIGN, "aMAP, GALAD"),
    ("age", "below_50", "from_70", HCC, BENIGN, "aMAP, GALAD"),
]
ON = dict.fromkeys(("targetoid_restriction", "t2", "restricted_diffusion", "marked_diffusion"), "MRI_ECA")
ON |= dict.fromkeys(("targetoid_hbp", "hepatobiliary"), "MRI_HBA")  # who shows it
NAMES = [f"{r[0]} {r[2]}: {r[5]}, {r[3]}" for r in RISES]


@pytest.mark.parametrize(("node", "low", "high", "kind", "against", "source"), RISES, ids=NAMES)
def test_each_finding_moves_the_odds_as_its_source_says(node, low, high, kind, against, source):
    for context in CONTEXTS:
        known = {n: s for n, s in context.items() if n != node}
        if node in ON:
            known["modality"] = ON[node]
        less, more = posterior(known | {node: low}), posterior(known | {node: high})
        assert math.log(more[kind] / more[against]) > math.log(less[kind] / less[against]) + 1e-9, (source, context)


@pytest.mark.parametrize(
    "node", ["t2", "restricted_diffusion", "hepatobiliary", "targetoid_restriction", "targetoid_hbp"]
)
def test_what_ct_does_not_show_says_nothing_when_it_is_absent_on_ct(node):
    known = TYPICAL | {"modality": "CT"}
    absent = faces.liver().network.nodes[node].states[0]

    assert posterior(known | {node: absent}) == pytest.approx(posterior(known), abs=1e-9)


def test_three_signs_of_one_thing_do_not_count_three_times():
    def weight(*nodes):
        seen = posterior({"modality": "MRI_HBA"} | dict.fromkeys(nodes, "present"))
        none = posterior({"modality": "MRI_HBA"})
        return math.log(seen[OTHER] / seen[BENIGN]) - math.log(none[OTHER] / none[BENIGN])

    signs = ("delayed_central_enhancement", "targetoid_restriction", "targetoid_hbp")

    assert weight(*signs) < 0.6 * sum(weight(s) for s in signs)
    assert weight(*signs) == pytest.approx(weight(*signs[:2]), abs=0.05)


def test_signs_of_changed_tissue_add_less_than_they_would_apart():
    def weight(evidence):
        seen, none = posterior({"modality": "MRI_HBA"} | evidence), posterior({"modality": "MRI_HBA"})
        return math.log(seen[HCC] / seen[BENIGN]) - math.log(none[HCC] / none[BENIGN])

    apart = {"t2": "mild_moderate", "restricted_diffusion": "present", "hepatobiliary": "hypointense"}

    assert weight(apart) < 0.75 * sum(weight({n: s}) for n, s in apart.items())


def test_hepatitis_b_tells_nothing_beside_cirrhosis_of_what_an_observation_is():
    for cirrhosis in ("absent", "present"):
        known = {"cirrhosis": cirrhosis, "prior_hcc": "absent", "chronic_hbv": "present"}
        without = {n: s for n, s in known.items() if n != "chronic_hbv"}
        found = posterior(known), posterior(without)
        assert found[0][HCC] == pytest.approx(found[1][HCC], abs=0.01)


def test_a_patient_outside_of_the_population_is_impossible_and_the_clash_is_named():
    with pytest.raises(ImpossibleEvidence) as refused:
        posterior(TYPICAL | {"cirrhosis": "absent", "chronic_hbv": "absent", "prior_hcc": "absent"})

    assert set(refused.value.clash) == {"cirrhosis", "chronic_hbv", "prior_hcc"}


def test_contradictory_findings_are_improbable_and_measured():
    agrees = faces.liver().query(TYPICAL)
    clashes = faces.liver().query(
        TYPICAL | {"benign_entity": "definite", "tumor_in_vein": "present", "afp": "from_400"}
    )

    assert clashes.p_evidence < agrees.p_evidence / 1000
    assert clashes.conflict > agrees.conflict + 1


@pytest.mark.parametrize("node", ["arterial", "washout", "size", "afp", "t2", "cirrhosis", "threshold_growth"])
@pytest.mark.parametrize("context", CONTEXTS)
def test_not_knowing_lies_between_the_answers_about_an_observation(context, node):
    known = {n: s for n, s in context.items() if n != node}
    shares = [posterior(known | {node: s})[HCC] for s in faces.liver().network.nodes[node].states]

    assert min(shares) <= posterior(known)[HCC] <= max(shares)


def test_in_the_mix_of_surveillance_the_same_findings_prove_less():
    net = faces.liver()
    rare = net.network.nodes["observation"].form.table({"observation=hcc": 0.45})
    tables = dict(net.tables) | {"observation": rare}
    weights, seen = net.weights(TYPICAL)
    joint = net.plan.messages_up(weights, seen, net.plan.multiplied(tables))[-1]

    assert joint[0] / joint.sum() < posterior(TYPICAL)[HCC]
