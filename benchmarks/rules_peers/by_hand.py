"""Lung-RADS v2022 as a Python programmer would write it by hand: if and elif on typed records, no trace.

Written from the reference (the guideline's table, its notes 1 to 16, the order of evaluation), then mended where
it differed from this product's tables (non-solid, cysts, growth that stopped, rounding of priors): that both agree
shows that they do the same work, and is no evidence that either is right.

Sizes are decimals, so that rounding half up and growth of exactly 1.5 mm come out
right. What a form must state is stated: nothing is unknown here, and where the guideline is silent there is one
answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from radlogic.engine.types import PastSize

TENTH, GROWTH, EARLY_4A = Decimal("0.1"), Decimal("1.5"), Decimal("2.5")
RANK = {"NC": -1, "none": -2, "1": 0, "2": 1, "0": 2, "3": 3, "4A": 4, "4B": 5, "4X": 6}
BENIGN = frozenset({"calc_complete", "calc_central", "calc_popcorn", "calc_concentric_ring", "fat"})
DIAMETER_OF = ((14137, 30), (1767, 15), (524, 10), (268, 8), (113, 6), (34, 4))  # the table's mm3 and mm
INTERVAL = {"1": 12, "2": 12, "3": 6, "4A": 3, "4B": None, "4X": None, "0": None, "NC": None}


class Incomplete(ValueError):
    """The form does not state what the guideline needs."""


@dataclass(slots=True)
class Nodule:
    """One nodule; sizes in mm, volumes in mm3, times in months; None: not stated, or there is none."""

    type: str
    status: str
    benign_feature: str
    proven_benign: bool
    juxtapleural: bool
    margin: str | None
    shape: str | None
    previous_category: str | None
    change: str | None
    growing: bool
    solid_component_change: str | None
    airway_level: str | None
    contains_air: bool
    underlying_soft_tissue: bool
    locularity: str | None
    wall_asymmetric: bool
    wall_nodular: bool
    wall_mm: Decimal | None
    fluid_containing: bool
    spiculation: bool
    lymphadenopathy: bool
    frank_metastatic_disease: bool
    ggn_doubled_in_1_year: bool
    mean_mm: Decimal | None
    long_mm: Decimal | None
    short_mm: Decimal | None
    volume_mm3: Decimal | None
    solid_mean_mm: Decimal | None
    solid_volume_mm3: Decimal | None
    prior_mean_mm: Decimal | None
    prior_solid_mean_mm: Decimal | None
    interval_months: Decimal | None
    history: Sequence[PastSize]


@dataclass(slots=True)
class Exam:
    """One screening exam."""

    known_lung_cancer: bool
    prior_ct: str
    lungs_fully_evaluable: bool
    segmental_or_lobar_consolidation: bool
    more_than_six_new_nodules: bool
    large_solid_nodule_ge8mm_short_interval: bool
    new_nodules_immunocompromised: bool
    nodule_more_concerning_for_malignancy: bool
    s_finding: str
    nodules: list[Nodule]


Answer = tuple[str, list[str], bool, str, bool | None, int | None, str | None]
"""Category, those of the nodules, S, result of the screen, PET/CT as an option, months to the next CT, why 0."""


def record(exam: Mapping[str, Any], nodules: Sequence[Mapping[str, Any]]) -> Exam:
    """The typed values of a form as a record."""
    facts = {n.rpartition(".")[2]: v for n, v in exam.items()}
    listed = [_nodule({n.rpartition(".")[2]: v for n, v in nodule.items()}) for nodule in nodules]
    return Exam(*(facts[f.name] for f in fields(Exam)[:-1]), listed)


def _nodule(values: Mapping[str, Any]) -> Nodule:
    stated = {f.name: None if values[f.name] == "n/a" else values[f.name] for f in fields(Nodule)}
    return Nodule(**{**stated, "history": stated["history"] or ()})


def classify(exam: Exam) -> Answer:
    """What the guideline says of an exam.

    Raises:
        Incomplete: something that it needs is not stated.
    """
    categories = [nodule_category(n) for n in exam.nodules]
    worst = max(categories, key=RANK.__getitem__, default="1")
    why = None
    if exam.known_lung_cancer:  # note 16
        category = "NC"
    elif exam.prior_ct == "pending":  # note 9
        category, why = "0", "prior"
    elif not exam.lungs_fully_evaluable:
        category, why = "0", "lungs"
    elif infectious(exam):  # note 10
        category, why = "0", "infection"
    else:
        category = worst
    s = exam.s_finding == "new_significant" and category != "NC"  # note 15
    if category in ("1", "2"):  # note 3
        screen = "negative"
    elif category == "0":
        screen = "incomplete"
    else:
        screen = "n/a" if category == "NC" else "positive"
    pet = None
    if category in ("4A", "4B", "4X"):
        pet = any(c == worst and solid_part_8(n) for n, c in zip(exam.nodules, categories, strict=True))
    return category, categories, s, screen, pet, INTERVAL[category], why


def infectious(exam: Exam) -> bool:
    """Note 10a, unless a nodule concerns more (10b); tree-in-bud and small new GGN go by size (10c)."""
    return not exam.nodule_more_concerning_for_malignancy and (
        exam.segmental_or_lobar_consolidation
        or exam.more_than_six_new_nodules
        or exam.large_solid_nodule_ge8mm_short_interval
        or exam.new_nodules_immunocompromised
    )


def nodule_category(n: Nodule) -> str:
    """Benign causes, the type's row, stepped management, then 4X on 3 and 4 (note 14)."""
    if n.benign_feature in BENIGN:
        return "1"
    if n.proven_benign:
        return "2"
    if n.status == "resolved":
        return "1"
    kind = n.type
    if kind in ("solid", "cavitary"):  # note 12d
        category = solid(n)
    elif kind == "part_solid":
        category = part_solid(n)
    elif kind == "non_solid":
        category = non_solid(n)
    elif kind == "airway":
        category = airway(n)
    else:
        category = cyst(n)
    if n.status == "existing" and n.previous_category in ("4B", "4X"):
        category = n.previous_category  # no step down
    if category in ("3", "4A", "4B") and (
        n.spiculation or n.lymphadenopathy or n.frank_metastatic_disease or n.ggn_doubled_in_1_year
    ):
        return "4X"
    return category


def solid(n: Nodule) -> str:
    size = size_of(n)
    benign_form = (
        n.type == "solid" and n.juxtapleural and n.margin == "smooth" and n.shape in ("oval", "lentiform", "triangular")
    )
    if n.status == "new":
        if benign_form and size < 10:
            return "2"
        return "2" if size < 4 else "3" if size < 6 else "4A" if size < 8 else "4B"
    change = growth(n) if n.status == "existing" else "baseline"
    if change == "grown":
        return "4A" if size < 8 else "4B"
    if change == "slow":  # note 8; over one long interval the default reading is the same
        return "4B"
    if benign_form and size < 10:
        category = "2"
    else:
        category = "2" if size < 6 else "3" if size < 8 else "4A" if size < 15 else "4B"
    if change == "stable" and not crossed(size, n.prior_mean_mm, (10, 15) if benign_form else (6, 8, 15)):
        return stepped(n, category)
    return category


def part_solid(n: Nodule) -> str:
    size = size_of(n)
    if n.status == "new" and size < 6:
        return "3"
    if n.status == "new" or (n.status == "existing" and change_of_core(n) in ("new", "growing")):
        return "4A" if core_of(n) < 4 else "4B"
    category = "2" if size < 6 else by_core(core_of(n))
    if n.status == "baseline":
        return category
    change = growth(n)
    if change == "slow" and not long_gap(n):  # note 8
        return "4B"
    if (
        change == "stable"
        and not crossed(size, n.prior_mean_mm, (6,))
        and (n.prior_solid_mean_mm is None or not crossed(core_of(n), n.prior_solid_mean_mm, (6, 8)))
    ):
        return stepped(n, category)
    return category


def by_core(core: Decimal) -> str:
    return "3" if core < 6 else "4A" if core < 8 else "4B"


def change_of_core(n: Nodule) -> str:
    """How the solid part changed: as measured, else as stated."""
    core, prior = n.solid_mean_mm, n.prior_solid_mean_mm
    if prior is not None and core is not None:
        if tenths(core) - tenths(prior) > GROWTH:
            return "growing"
        return "new" if prior == 0 else "stable"
    if n.solid_component_change is None:
        raise Incomplete("solid_component_change")
    return n.solid_component_change


def non_solid(n: Nodule) -> str:
    """Under 30 mm 2, also when growing; larger 3, or 2 where it is stable or grows slowly (note 7)."""
    if size_of(n) < 30:
        return "2"
    return "3" if n.status != "existing" or growth(n) == "grown" else "2"


def airway(n: Nodule) -> str:
    """Note 11; never a step down."""
    if n.airway_level is None:
        raise Incomplete("airway_level")
    if n.airway_level == "subsegmental" or (n.contains_air and not n.underlying_soft_tissue):
        return "2"
    return "4B" if n.status == "existing" else "4A"


def cyst(n: Nodule) -> str:
    """Note 12; growth concerns also where there is fluid (12g)."""
    wall = wall_of(n)
    change = n.change or "stable"
    if change == "became_multilocular":
        return "4A"
    if change == "stable":
        category = "1" if wall == "thin" or n.fluid_containing else "4A"
        return stepped(n, category) if n.status == "existing" else category
    if wall == "thin":
        return "4B" if change == "growing_wall_or_nodularity" else "1"
    if wall == "thick" and change == "growing_cystic_component":
        return "1" if n.fluid_containing else "3"
    return "4B"


def wall_of(n: Nodule) -> str:
    if n.locularity == "multilocular":
        return "multilocular"
    if n.wall_asymmetric or n.wall_nodular:
        return "thick"
    if n.wall_mm is None:
        raise Incomplete("wall_mm")
    return "thick" if n.wall_mm >= 2 else "thin"


def stepped(n: Nodule, category: str) -> str:
    """Stepped management of what is stable or smaller: 3 at 6 months to 2, 4A at 3 months to 3."""
    before = n.previous_category
    if before == "2":
        return "2"
    if before == "3":
        return "3" if months_of(n) < 5 else "2"
    if before == "4A":
        return "4A" if months_of(n) < EARLY_4A else "3"
    return category


def months_of(n: Nodule) -> Decimal:
    if n.interval_months is None:
        raise Incomplete("interval_months")
    return n.interval_months


def crossed(size: Decimal, prior: Decimal | None, bounds: tuple[int, ...]) -> bool:
    """Note 5: into a higher band of size without growth."""
    return prior is not None and any(tenths(prior) < bound <= size for bound in bounds)


def growth(n: Nodule) -> str:
    """Notes 6 and 8: grown by more than 1.5 mm within 12 months, slowly over longer, or stable."""
    if n.prior_mean_mm is None and not n.history:
        return "grown" if n.growing or n.change not in (None, "stable") else "stable"
    size, prior = size_of(n), n.prior_mean_mm
    slow = False
    if prior is not None and size - tenths(prior) > GROWTH:
        if months_of(n) <= 12:
            return "grown"
        slow = True
    for past in n.history:
        if size - past.mean_mm > GROWTH:
            if past.months_ago <= 12:
                return "grown"
            slow = True
    since = prior is None or size > tenths(prior)  # what grew between older exams only is stable now
    return "slow" if slow and since else "stable"


def long_gap(n: Nodule) -> bool:
    """Whether all that is known of its growth is one interval of more than 12 months."""
    return months_of(n) > 12 and not n.history


def solid_part_8(n: Nodule) -> bool:
    if n.type in ("solid", "cavitary"):
        return size_of(n) >= 8
    return n.type == "part_solid" and core_of(n) >= 8


def size_of(n: Nodule) -> Decimal:
    """Mean diameter, half up to 0.1 mm (note 4); a volume as the lower end of its band."""
    if n.mean_mm is not None:
        return tenths(n.mean_mm)
    if n.long_mm is not None and n.short_mm is not None:
        return tenths((n.long_mm + n.short_mm) / 2)
    if n.volume_mm3 is None:
        raise Incomplete("mean_mm")
    return banded(n.volume_mm3)


def core_of(n: Nodule) -> Decimal:
    if n.solid_mean_mm is not None:
        return tenths(n.solid_mean_mm)
    if n.solid_volume_mm3 is None:
        raise Incomplete("solid_mean_mm")
    return banded(n.solid_volume_mm3)


def banded(volume: Decimal) -> Decimal:
    return next((Decimal(mm) for mm3, mm in DIAMETER_OF if volume >= mm3), Decimal(0))


def tenths(size: Decimal) -> Decimal:
    return size.quantize(TENTH, ROUND_HALF_UP)
