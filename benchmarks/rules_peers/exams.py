"""Plausible screening exams for Lung-RADS v2022, as typed plain values: what a reader's form holds, once parsed.

Baseline and annual exams; every type of nodule; sizes to 0.1 mm as a mean, as two axes or as a volume; priors,
older sizes, growth, follow-up categories, benign and suspicious features, cysts and airways. Every input of the
guideline is there; None is what the form does not ask of such a nodule (the airway level of a solid one).
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from radlogic.engine.types import PastSize

Values = dict[str, Any]
Exam = tuple[Values, list[Values]]
PATTERNS = (
    "segmental_or_lobar_consolidation",
    "more_than_six_new_nodules",
    "large_solid_nodule_ge8mm_short_interval",
    "new_nodules_immunocompromised",
    "tree_in_bud",
    "new_ggn_lt_3cm",
)
SUSPICIOUS = ("spiculation", "lymphadenopathy", "frank_metastatic_disease", "ggn_doubled_in_1_year")
BENIGN = ("calc_complete", "calc_central", "calc_popcorn", "calc_concentric_ring", "fat", "calc_eccentric")
CHANGES = (
    "growing_cystic_component",
    "growing_wall_or_nodularity",
    "growing_multilocular",
    "increased_loculation_or_opacity",
    "became_multilocular",
)
NONE = "n/a"


def batch(seed: int, exams: int, nodules: int = 1) -> list[Exam]:
    """So many exams with so many nodules each; the same seed gives the same ones."""
    chance = random.Random(seed)  # noqa: S311  draws, no secrets
    return [_exam(chance, nodules) for _ in range(exams)]


def hidden(exams: list[Exam], share: float, seed: int) -> list[Exam]:
    """The exams with each stated input unknown with that probability."""
    chance = random.Random(seed)  # noqa: S311

    def kept(values: Values) -> Values:
        return {n: None if chance.random() < share else v for n, v in values.items()}

    return [(kept(facts), [kept(nodule) for nodule in nodules]) for facts, nodules in exams]


def _exam(chance: random.Random, nodules: int) -> Exam:
    baseline = chance.random() < 0.4
    pending = chance.random() < 0.01
    facts: Values = {
        "known_lung_cancer": chance.random() < 0.005,
        "prior_ct": "pending" if pending else "none" if baseline and chance.random() < 0.8 else "available",
        "lungs_fully_evaluable": chance.random() < 0.98,
        **{f"infectious_pattern.{p}": chance.random() < 0.01 for p in PATTERNS},
        "nodule_more_concerning_for_malignancy": chance.random() < 0.05,
        "round": "baseline" if baseline else "annual",
        "s_finding": _one(chance, none=85, new_significant=10, known_under_evaluation=5),
    }
    return facts, [_nodule(chance, baseline) for _ in range(nodules)]


def _nodule(chance: random.Random, baseline: bool) -> Values:
    kind = _one(chance, solid=58, part_solid=14, non_solid=14, cyst=5, airway=5, cavitary=4)
    status = "baseline" if baseline else _one(chance, new=20, existing=75, resolved=5)
    seen = status == "existing"
    made = _plain(chance, kind, status)
    size = _tenths(min(max(chance.lognormvariate(1.9, 0.6), 2.0), 60.0))
    if kind not in ("cyst", "airway"):
        made |= _sized(chance, size, kind, seen)
    if seen:
        made |= _followed(chance, kind, size, made)
    return made


def _plain(chance: random.Random, kind: str, status: str) -> Values:
    """What holds at any size."""
    seen, cyst, airway = status == "existing", kind == "cyst", kind == "airway"
    lump = not cyst and not airway
    return {
        "type": kind,
        "status": status,
        "benign_feature": chance.choice(BENIGN) if chance.random() < 0.08 else "none",
        "proven_benign": chance.random() < 0.01,
        "juxtapleural": lump and chance.random() < 0.2,
        "margin": _one(chance, smooth=60, lobulated=15, spiculated=10, irregular=10, ill_defined=5) if lump else None,
        "shape": _one(chance, oval=25, lentiform=10, triangular=15, round=35, irregular=15) if lump else None,
        **{f"suspicious_features.{f}": chance.random() < 0.02 for f in SUSPICIOUS},
        "previous_category": _one(chance, **{"2": 55, "3": 20, "4A": 15, "4B": 5, "4X": 1, "1": 4}) if seen else NONE,
        "change": chance.choice(CHANGES) if cyst and seen and chance.random() < 0.3 else "stable" if cyst else NONE,
        "growing": airway and seen and chance.random() < 0.3,
        "solid_component_change": None,
        "airway_level": _one(chance, tracheal=5, lobar=15, segmental=40, subsegmental=40) if airway else None,
        "contains_air": airway and chance.random() < 0.4,
        "underlying_soft_tissue": airway and chance.random() < 0.3,
        "multiple_cysts": cyst and chance.random() < 0.1,
        "locularity": _one(chance, unilocular=70, multilocular=30) if cyst else None,
        "wall_asymmetric": cyst and chance.random() < 0.2,
        "wall_nodular": cyst and chance.random() < 0.15,
        "wall_mm": _tenths(chance.uniform(0.5, 4)) if cyst else None,
        "fluid_containing": cyst and chance.random() < 0.1,
        "associated_with_cyst": "none",
        **dict.fromkeys(("mean_mm", "long_mm", "short_mm", "volume_mm3", "solid_mean_mm", "solid_volume_mm3")),
        "prior_mean_mm": NONE,
        "prior_solid_mean_mm": NONE,
        "interval_months": Decimal(_one(chance, **{"3": 15, "6": 20, "12": 40, "13": 10, "18": 5, "24": 10}))
        if seen
        else None,
        "history": NONE,
        "count_new": None,
    }


def _sized(chance: random.Random, size: Decimal, kind: str, seen: bool) -> Values:
    """The size as it was stated; the solid part lies within."""
    made: Values
    how = chance.random()
    if how < 0.4:
        apart = _tenths(chance.uniform(0, 0.3) * float(size))
        made = {"long_mm": size + apart, "short_mm": max(size - apart, Decimal("0.5"))}
    elif how < 0.95 or seen:
        made = {"mean_mm": size}
    else:
        made = {"volume_mm3": Decimal(round(0.5236 * float(size) ** 3))}
    if kind == "part_solid":
        made["solid_mean_mm"] = _tenths(max(0.5, chance.uniform(0.1, 0.9) * float(made.get("short_mm", size))))
        made["solid_component_change"] = None
    return made


def _followed(chance: random.Random, kind: str, size: Decimal, made: Values) -> Values:
    """The sizes on earlier exams, or what the reader says of the change."""
    if kind in ("cyst", "airway"):
        return {}
    core = made["solid_mean_mm"]
    if chance.random() < 0.05:
        said = _one(chance, stable=80, new=5, growing=15) if core is not None else None
        return {"growing": chance.random() < 0.3, "solid_component_change": said}
    grew = _tenths(chance.choice((0, chance.gauss(0.2, 0.5), chance.gauss(0.8, 1.2))))
    prior = max(size - grew, Decimal("1.0"))
    made = {"prior_mean_mm": prior}
    if core is not None:
        made["prior_solid_mean_mm"] = max(core - _tenths(chance.gauss(0.2, 0.9)), Decimal(0))
    if chance.random() < 0.15:
        gaps = [Decimal(25), Decimal(37)][: chance.choice((1, 2))]
        made["history"] = [PastSize(m, max(prior - _tenths(chance.uniform(0, 1.4)), Decimal("1.0"))) for m in gaps]
    return made


def _one(chance: random.Random, **weights: int) -> str:
    return chance.choices([*weights], [*weights.values()])[0]


def _tenths(value: float) -> Decimal:
    return Decimal(round(value * 10)) / 10
