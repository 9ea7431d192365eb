"""What the lung-nodule net sees of a stated nodule, as beliefs under the names of the guidelines' inputs.

Only what nobody stated is looked for; where type and size are stated, the net is not asked at all. The rules may
read ``type``, ``mean_mm`` and ``solid_mean_mm``, of which the last counts as not validated (``SOLID_PART``). The signs
are shown and never read by a rule: that there is calcium does not tell a benign pattern from another one, and the
net's spiculation is hardly better than the diameter alone (see the model's card). ``OUTSIDE_TRAINING`` says why none
of it may be relied on; the gate reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Final

from ..errors import BadValue, Unsupported
from ..resources import knowledge_folder
from ..types import Belief, Case, Classes, Facts, Finding, Known, Measured, Source, SourceKind, Unknown
from .axial import axial
from .extractor import OUTSIDE_TRAINING
from .in_series import PART_SOLID, NoduleInSeries, nodule_at
from .lung_nodule import LungNodule

SIZES: Final = (("mean_mm",), ("long_mm", "short_mm"), ("volume_mm3",))  # any of them is the size
SOLID_SIZES: Final = (("solid_mean_mm",), ("solid_volume_mm3",))
# Reference of what is said of the solid part. No extractor has this name, so that ``engine.assess`` counts it as not
# validated and the gate raises ``extractor_unvalidated``: the net was held against a panel that never measured solid
# parts, and the threshold that measures them (``solid``) against phantoms alone.
SOLID_PART: Final = "lung-nodule solid part"
SHOWN: Final = ("calcified", "spiculated", "lobulated", "sharp_margin", "malignancy_opinion")


class NoduleBeliefs:
    """A ``FeatureExtractor`` for findings of the kind "nodule" that have a position in a chest CT."""

    name = LungNodule.name
    validated = LungNodule.validated

    def __init__(self) -> None:
        stated = knowledge_folder() / "models" / "lung_nodule" / "sha256"
        self.sha256 = stated.read_text(encoding="utf-8").strip()  # loading the net holds its files against it

    @cached_property
    def model(self) -> LungNodule:
        """The net, loaded when it is first asked."""
        return LungNodule()

    def beliefs(self, case: Case, finding: Finding) -> Facts:
        """What the net sees of what nobody stated; {} without a volume or a position.

        Where the series or the position cannot be used, only ``OUTSIDE_TRAINING`` is said, with the reason.
        """
        wanted = wanted_of(finding.facts)
        if case.volume is None or finding.kind != "nodule" or finding.position_mm is None or not wanted:
            return {}
        source = Source(SourceKind.NET, self.name, case.exam.date)
        try:
            axial(case.volume).index_of(finding.position_mm)
        except (BadValue, Unsupported) as error:
            return {OUTSIDE_TRAINING: Known(f"{error.where}: {error.found}; allowed: {error.allowed}", source)}
        return beliefs_of(nodule_at(case.volume, finding.position_mm, self.model), wanted, source)


def wanted_of(facts: Facts) -> frozenset[str]:
    """Which of type, size and size of the solid component nobody stated and may matter."""
    kind = facts.get("type")
    stated = kind.value if isinstance(kind, Known) else None
    wanted = {"type"} if stated is None else set[str]()
    if not _stated(facts, SIZES):
        wanted.add("mean_mm")
    if stated in (None, PART_SOLID) and not _stated(facts, SOLID_SIZES):
        wanted.add("solid_mean_mm")
    return frozenset(wanted) if wanted & {"type", "mean_mm"} or stated == PART_SOLID else frozenset()


def _stated(facts: Facts, ways: tuple[tuple[str, ...], ...]) -> bool:
    return any(all(not isinstance(facts.get(n, Unknown("")), Unknown) for n in names) for names in ways)


def beliefs_of(found: NoduleInSeries, wanted: frozenset[str], source: Source) -> Facts:
    """What may be believed of a nodule as a series shows it. Of one that is not seen, nothing but why."""
    said: dict[str, Belief] = {OUTSIDE_TRAINING: Known("; ".join(found.outside), source)} if found.outside else {}
    if not found.seen:
        return said
    if "type" in wanted:
        said["type"] = Classes(_summing_to_one(found.reading.texture), source)
    if "mean_mm" in wanted:
        said["mean_mm"] = Measured(found.reading.mean_mm, found.reading.sd_mm, "mm", source)
    if "solid_mean_mm" in wanted and found.solid is not None and found.solid.axes is not None:
        axes = found.solid.axes
        unvalidated = replace(source, reference=SOLID_PART)
        said["solid_mean_mm"] = Measured(axes.mean_mm, axes.mean_sd_mm, "mm", unvalidated)
    signs = found.reading.signs
    return said | {name: Classes({"yes": signs[name], "no": 1 - signs[name]}, source) for name in SHOWN}


def _summing_to_one(probabilities: Mapping[str, float]) -> dict[str, float]:
    total = sum(probabilities.values())
    return {name: p / total for name, p in probabilities.items()}
