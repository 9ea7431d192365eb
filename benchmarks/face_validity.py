"""Claim: the shipped networks agree with Lee 2020 (liver) and with Brock (lung), and say what they add to Brock.

Prints the tables of docs/fusion.md. Liver: P(HCC | category), the findings marginalised under the network's own feature
prior and sorted into categories by the guideline's rules. Lung: the network beside the published formula on 20,000
nodules drawn from knowledge/networks/covariates/lung.yaml, and on the sizes that are worked up; the strata that fare
worst; each input missing in turn; uncertain type and size; records that contradict themselves.

Run it with ``python benchmarks/face_validity.py``; some ten seconds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import network_faces as faces
import numpy as np

from radlogic.engine.fusion.evidence import OneOf, likelihood_of, measured_likelihood
from radlogic.engine.fusion.sensitivity import interval

N, SEED = 20_000, 1
NODULE = {
    "age": "from_60_to_65", "size": "about_12", "count": "two", "sex": "F", "family_history": "absent",
    "emphysema": "present", "type": "solid", "upper_lobe": "present", "margin": OneOf(("smooth", "other")),
}  # fmt: skip
TRAINED = (0.7348, 0.1763, 0.0889)


def liver() -> None:
    modalities = "on CT | MRI, extracellular | MRI, hepatobiliary"
    print(f"| category | share | P(HCC) | Lee 2020 | P(other malignancy) | {modalities} |")
    print("|---|---|---|---|---|---|---|---|")
    whole = faces.category_table()
    by_modality = [faces.category_table(more={"modality": row}) for row in np.eye(3)]
    for category in sorted(whole):
        (hcc, other, _), share = whole[category]
        lee = faces.LEE_2020.get(category)
        says = f"{100 * lee[0]:.0f} ({100 * lee[1]:.0f} to {100 * lee[2]:.0f})" if lee else "0"
        each = " | ".join(f"{100 * t[category][0][0]:.1f}" for t in by_modality)
        print(f"| {category} | {100 * share:.1f} | {100 * hcc:.1f} | {says} | {100 * other:.1f} | {each} |")


def lung() -> None:
    for name, work_up in (("screening", False), ("work-up sizes", True)):
        x = faces.drawn(N, SEED, work_up)
        rank, apart, worst = faces.beside_brock(x)
        truth = faces.brock(x)
        greatest = 100 * np.abs(faces.asked(x) - truth).max()
        means = f"mean risk {100 * faces.asked(x).mean():.2f} %, Brock {100 * truth.mean():.2f} %"
        print(f"\n{name}: rank correlation {rank:.4f}, mean absolute difference {apart:.2f} points, ", end="")
        print(
            f"greatest {greatest:.1f}; {means}\n\n| worst strata | nodules | bias | mean absolute difference | Brock |"
        )
        print("|---|---|---|---|---|")
        for stratum, n, bias, off, mean in worst[:4]:
            print(f"| {stratum} | {n} | {bias:+.2f} | {off:.2f} | {mean:.1f} |")
        print("\n| not known | mean absolute difference to Brock with all known | rank correlation | mean risk |")
        print("|---|---|---|---|")
        for node in ("sex", "age", "family_history", "emphysema", "upper_lobe", "type", "count", "margin"):
            found = faces.asked(x, without=(node,))
            off, rank = 100 * np.abs(found - truth).mean(), faces.rank_correlation(found, truth)
            print(f"| {node} | {off:.2f} | {rank:.3f} | {100 * found.mean():.2f} |")
        without, published = faces.asked(x, without=("margin",)), faces.brock_2a(x)
        off, rank = 100 * np.abs(without - published).mean(), faces.rank_correlation(without, published)
        print(f"\nwithout spiculation, beside Brock 2a: {off:.2f} points, rank correlation {rank:.4f}")


def added() -> None:
    net = faces.lung()
    edges = net.network.nodes["size"].edges
    rows = {
        "all of Brock's inputs": {},
        "a net: 60 % solid, 30 % part-solid, 10 % non-solid": {"type": likelihood_of((0.6, 0.3, 0.1), TRAINED)},
        "12 mm ± 2 mm": {"size": measured_likelihood(12.0, 2.0, edges)},
        "sex and family history not known": {"sex": None, "family_history": None},
        "a cancer outside the chest": {"extrathoracic_cancer": "present"},
        "smooth margin": {"margin": "smooth"},
        "fast growth": {"growth_rate": "fast"},
        "no growth": {"growth_rate": "none"},
        "no FDG uptake": {"fdg_uptake": "none"},
        "intense FDG uptake": {"fdg_uptake": "intense"},
        "current smoker, 40 pack-years or more": {"smoking": "current", "pack_years": "from_40"},
        "never smoker, 40 pack-years or more": {"smoking": "never", "pack_years": "from_40"},
    }
    print("\n| what is known | risk | 90 % interval | P(evidence) | conflict |\n|---|---|---|---|---|")
    for name, more in rows.items():
        evidence = {n: p for n, p in (NODULE | more).items() if p is not None}
        found, span = net.query(evidence), interval(net, evidence)
        ends = f"{100 * span.low:.1f} to {100 * span.high:.1f}"
        print(f"| {name} | {100 * found.risk:.1f} % | {ends} | {found.p_evidence:.1e} | {found.conflict:+.1f} |")


if __name__ == "__main__":
    liver()
    lung()
    added()
