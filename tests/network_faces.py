"""What the shipped networks say over whole populations, beside Lee 2020 and Brock: for tests and benchmarks.

Lee: every combination of findings is put to the guideline's own rules, and its probability to the network; the sum over
the combinations of a category is P(category, observation). Brock: patients are drawn from ``knowledge/networks/
covariates/lung.yaml``, continuous, and both are asked; the formula here is written out from the publication.
"""

import itertools
from decimal import Decimal
from functools import cache
from importlib.resources import files
from statistics import NormalDist

import numpy as np
import yaml

from radlogic.engine.fusion.compile_network import load_network
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.guideline.many.read import Reader

LEE_2020 = {"LR-3": (0.31, 0.12, 0.50), "LR-4": (0.64, 0.47, 0.80), "LR-5": (0.95, 0.93, 0.96),
            "LR-M": (0.33, 0.21, 0.46), "LR-TIV": (0.54, 0.30, 0.77)}  # fmt: skip
STATED = ("modality", "benign_entity", "arterial", "washout", "capsule", "threshold_growth", "size")
# what stands for a state in the words of the rules
SAY = {
    "modality": {"CT": "CT", "MRI_ECA": "MRI_ECA", "MRI_HBA": "MRI_gadobenate"},
    "benign_entity": {"none": "none", "probable": "probable", "definite": "definite"},
    "arterial": {"none": "none", "nonrim": "nonrim", "rim": "rim"},
    "washout": {"none": "none", "nonperipheral": "nonperipheral_pvp", "peripheral": "peripheral"},
    "capsule": {"absent": "none", "present": "enhancing"},
    "threshold_growth": {"absent": False, "present": True},
    "size": {
        "below_10": Decimal(8),
        "from_10_to_20": Decimal(15),
        "from_20_to_50": Decimal(30),
        "from_50": Decimal(60),
    },
}
INPUT = {
    "modality": "modality", "benign_entity": "benign", "arterial": "aphe", "washout": "washout", "capsule": "capsule",
    "threshold_growth": "threshold_growth_met_on_earlier_exam", "size": "size_mm",
}  # fmt: skip
# of the rules it only matters whether any feature of a group is there; the states that mean "none of this group"
SIGNS = ("restricted_diffusion", "mosaic", "nodule_in_nodule", "fat_in_mass", "blood_products")
GROUPS = {
    "targetoid": {n: ["absent"] for n in ("delayed_central_enhancement", "targetoid_restriction", "targetoid_hbp")},
    "nontargetoid": {n: ["absent"] for n in ("infiltrative", "necrosis", "marked_diffusion", "other_non_hcc")},
    "for_malignancy": {n: ["absent"] for n in SIGNS}
    | {"t2": ["none", "marked"], "hepatobiliary": ["neither", "isointense"]},
    "for_benignity": {n: ["absent"] for n in ("size_stability", "blood_pool")}
    | {"t2": ["none", "mild_moderate"], "hepatobiliary": ["neither", "hypointense"]},
}
ANY = {"targetoid": "lrm.delayed_central_enhancement", "nontargetoid": "lrm.infiltrative",
       "for_malignancy": "af.mosaic", "for_benignity": "af.parallels_blood_pool"}  # fmt: skip
AT_RISK = {
    "age": Decimal(60), "multiphase": True, "risk_factors.cirrhosis": True, "risk_factors.chronic_hbv": False,
    "risk_factors.current_or_prior_hcc": False, "risk_factors.chronic_hcv": False, "risk_factors.masld": False,
    "cirrhosis_cause": "other", "cirrhosis_uncertain": False, "active_extrahepatic_primary": False,
}  # fmt: skip


@cache
def liver():
    return load_network("liver-observation")


@cache
def lung():
    return load_network("lung-nodule")


def facts_of(guideline, said):
    """Facts of an observation: what is said, and every other input absent."""
    facts = {}
    for name, (scope, i) in guideline.inputs.items():
        if scope != "finding":
            continue
        if i["type"] == "set":
            facts |= {f"{name}.{v}": False for v in i["values"]}
        elif "absent" in i:
            facts[name] = i["absent"]
    return facts | {"prior_size_mm": "n/a", "prior_interval_months": None, "prior_modality": None} | said


@cache
def categories():
    """The category by the rules of each combination of STATED (rows) and of groups present (columns), without tumor in
    vein; with it, it is LR-TIV."""
    guideline = load_guideline("li-rads-ct-mri@2018")
    states = [list(SAY[n]) for n in STATED]
    exams = []
    for combination in itertools.product(*states):
        said = {INPUT[n]: SAY[n][s] for n, s in zip(STATED, combination, strict=True)}
        modality = said.pop("modality")
        for present in itertools.product((False, True), repeat=len(GROUPS)):
            more = {ANY[g]: there for g, there in zip(GROUPS, present, strict=True)}
            exams.append(
                ({**AT_RISK, "modality": modality}, [facts_of(guideline, {**said, **more, "tumor_in_vein": "none"})])
            )
    read = Reader(guideline).read(exams)
    found = [e.findings[0].category for e in read]
    assert None not in found, "every combination has one category"
    vein = Reader(guideline).read([(e, [{**f[0], "tumor_in_vein": "definite"}]) for e, f in exams[:: len(exams) // 50]])
    assert {e.findings[0].category for e in vein} == {"LR-TIV"}
    return np.array(found).reshape(-1, 2 ** len(GROUPS))


def combination_weights(net):
    """Weights of STATED for every combination, by node (combinations, states)."""
    sizes = [len(SAY[n]) for n in STATED]
    grid = np.indices(sizes).reshape(len(sizes), -1)
    return {
        n: np.eye(k)[[net.network.nodes[n].states.index(s) for s in SAY[n]]][g]
        for n, k, g in zip(STATED, sizes, grid, strict=True)
    }


def joint(net, more=None):
    """P(combination, groups present, observation), tumor in vein absent: (combinations, 16, 3)."""
    fixed = combination_weights(net)
    n = len(fixed["size"])
    absent = {}  # which groups are known to be absent -> P(combination, that, observation)
    for none in itertools.product((False, True), repeat=len(GROUPS)):
        columns = dict(fixed) | {"tumor_in_vein": np.tile([1.0, 0.0], (n, 1))}
        for group, is_none in zip(GROUPS, none, strict=True):
            for node, allowed in GROUPS[group].items() if is_none else ():
                states = net.network.nodes[node].states
                mask = np.array([float(s in allowed) for s in states])
                columns[node] = columns.get(node, np.ones((n, len(states)))) * mask
        for node, weights in (more or {}).items():
            columns[node] = columns.get(node, 1.0) * np.tile(weights, (n, 1))
        kept = np.all([c.max(axis=1) > 0 for c in columns.values()], axis=0)
        batch = net.query_columns({k: c[kept] for k, c in columns.items()}, int(kept.sum()))
        absent[none] = np.zeros((n, 3))
        absent[none][kept] = batch.posterior * batch.p_evidence[:, None]
    found = np.zeros((n, 2 ** len(GROUPS), 3))
    for i, present in enumerate(itertools.product((False, True), repeat=len(GROUPS))):
        there = [k for k, p in enumerate(present) if p]
        for some in itertools.chain.from_iterable(itertools.combinations(there, r) for r in range(len(there) + 1)):
            none = tuple(not p or k in some for k, p in enumerate(present))
            found[:, i] += (-1) ** len(some) * absent[none]
    return found


def category_table(net=None, more=None):
    """P(observation | category) and P(category): {category: ((hcc, other, benign), share)}.

    ``more``: weights of further nodes, host factors for example.
    """
    net = net or liver()
    whole, read = joint(net, more), categories()
    sums = {c: whole[read == c].sum(axis=0) for c in sorted(set(read.ravel()))}
    vein = {"tumor_in_vein": np.array([[0.0, 1.0]])} | {k: np.asarray(v)[None] for k, v in (more or {}).items()}
    batch = net.query_columns(vein, 1)
    sums["LR-TIV"] = batch.posterior[0] * batch.p_evidence[0]
    total = sum(s.sum() for s in sums.values())
    return {c: (s / s.sum(), s.sum() / total) for c, s in sums.items()}


# -- Brock --


@cache
def covariates():
    return yaml.safe_load(
        (files("radlogic.knowledge") / "networks" / "covariates" / "lung.yaml").read_text(encoding="utf-8")
    )


def truncated(chance, mean, sd, low, high, n):
    """A normal between two ends, by its inverse."""
    law = NormalDist(mean, sd)
    u = law.cdf(low) + (law.cdf(high) - law.cdf(low)) * chance.random(n)
    return np.array([law.inv_cdf(x) for x in u])


@cache
def drawn(n, seed, work_up=False):
    """Nodules as columns, drawn from the committed distribution."""
    file, chance = covariates(), np.random.default_rng(seed)
    c = file["covariates"]
    age, size, count = c["age"]["normal"], c["size"]["lognormal"], c["count"]["geometric"]
    mm = np.exp(truncated(chance, np.log(size["median"]), size["log_sd"], np.log(size["from"]), np.log(size["to"]), n))
    if work_up:
        ends = file["work_up"]["size"]["uniform"]
        mm = chance.uniform(ends["from"], ends["to"], n)
    spiculated = np.array(list(c["spiculation"]["by_size"].values()))
    group = np.searchsorted(list(c["spiculation"]["by_size"]), mm, side="right") - 1
    share = lambda name, state: chance.random(n) < c[name]["shares"][state]  # noqa: E731
    types = c["type"]["shares"]
    return {
        "age": truncated(chance, age["mean"], age["sd"], age["from"], age["to"], n),
        "size": mm,
        "count": np.minimum(chance.geometric(1 / count["mean"], n), count["to"]),
        "sex": share("sex", "F"),
        "family_history": share("family_history", "present"),
        "emphysema": share("emphysema", "present"),
        "upper_lobe": share("upper_lobe", "present"),
        "type": chance.choice(3, n, p=[types[t] for t in ("solid", "part_solid", "non_solid")]),
        "spiculation": chance.random(n) < spiculated[group],
    }


def brock(x):
    """Brock 2b as published (McWilliams 2013), for columns."""
    odds = (
        -6.78917 + 0.0286687 * (x["age"] - 62) + 0.6010727 * x["sex"] + 0.296109 * x["family_history"]
        + 0.2953112 * x["emphysema"] - 5.385484 * ((x["size"] / 10) ** -0.5 - 1.58113883)
        + np.array([0.0, 0.3769578, -0.1276173])[x["type"]] + 0.6581383 * x["upper_lobe"]
        - 0.0824156 * (x["count"] - 4) + 0.7729335 * x["spiculation"]
    )  # fmt: skip
    return 1 / (1 + np.exp(-odds))


def brock_2a(x):
    """Brock 2a, without spiculation (one source)."""
    odds = (
        -6.8071 + 0.0321 * (x["age"] - 62) + 0.5635 * x["sex"] + 0.3013 * x["family_history"] + 0.3462 * x["emphysema"]
        - 5.6693 * ((x["size"] / 10) ** -0.5 - 1.58113883) + np.array([0.0, 0.3395, -0.3055])[x["type"]]
        + 0.7116 * x["upper_lobe"] - 0.0803 * (x["count"] - 4)
    )  # fmt: skip
    return 1 / (1 + np.exp(-odds))


def asked(x, without=()):
    """The network's risk for those columns, some of them not told."""
    net, n = lung(), len(x["age"])
    columns = {}
    for node in ("age", "size", "count"):
        at = np.searchsorted(net.network.nodes[node].edges[1:-1], x[node], side="right")
        columns[node] = np.eye(len(net.network.nodes[node].states))[at]
    for node in ("sex", "family_history", "emphysema", "upper_lobe", "type"):
        columns[node] = np.eye(len(net.network.nodes[node].states))[np.asarray(x[node], dtype=int)]
    columns["margin"] = np.where(
        x["spiculation"][:, None], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]
    )  # other, smooth, spiculated
    return net.query_columns({k: v for k, v in columns.items() if k not in without}, n).risk


def rank_correlation(a, b):
    """Spearman's."""
    ranks = [np.argsort(np.argsort(v)) for v in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def strata(x):
    """Named groups of nodules, as masks."""
    cuts = {"size": [1, 4, 6, 8, 10, 15, 20, 25, 30], "age": [50, 55, 60, 65, 70, 75], "count": [1, 2, 5, 10, 31]}
    for name, ends in cuts.items():
        for low, high in itertools.pairwise(ends):
            yield f"{name} {low:g} to {high:g}", (x[name] >= low) & (x[name] < high)
    for name in ("sex", "family_history", "emphysema", "upper_lobe", "spiculation"):
        words = ("men", "women") if name == "sex" else (f"{name} absent", f"{name} present")
        yield from ((words[value], x[name] == value) for value in (False, True))
    for i, name in enumerate(("solid", "part-solid", "non-solid")):
        yield name, x["type"] == i


def beside_brock(x):
    """Rank correlation, mean absolute difference, and rows of (stratum, n, mean difference, mean absolute difference,
    mean of Brock), the worst first: in percentage points, strata of at least 30 nodules."""
    truth, found = brock(x), asked(x)
    apart = 100 * (found - truth)
    rows = [
        (name, int(at.sum()), apart[at].mean(), np.abs(apart[at]).mean(), 100 * truth[at].mean())
        for name, at in strata(x)
        if at.sum() >= 30
    ]
    return rank_correlation(truth, found), np.abs(apart).mean(), sorted(rows, key=lambda r: -r[3])
