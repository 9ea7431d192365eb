"""The seam to neural extractors: what a net sees of a finding, as beliefs with calibrated width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from ..facts import stronger
from ..types import Belief, Case, Facts, Finding, Known, Source, SourceKind, Unknown

OUTSIDE_TRAINING: Final = "outside_training"  # a belief in words: why a net must not be relied on at a finding


class FeatureExtractor(Protocol):
    """Looks at the pixels around a finding. ``sha256`` names the weights and calibration it uses;
    ``validated`` says whether its error was measured on real data of this anatomy."""

    name: str
    sha256: str
    validated: bool

    def beliefs(self, case: Case, finding: Finding) -> Facts:
        """What it sees; {} where it sees nothing or has no pixels. Every belief's source is of kind NET,
        with the extractor's ``name`` as its reference. Where it looked at what it was not made for,
        ``OUTSIDE_TRAINING`` says why, and the gate raises ``image_unlike_training``."""


class UpstreamFindings:
    """The extractor that adds nothing: only what upstream findings state is known. It has no net."""

    name = "upstream findings only"
    sha256 = ""
    validated = True

    def beliefs(self, case: Case, finding: Finding) -> Facts:
        """Nothing."""
        return {}


def perceive(case: Case, extractors: Sequence[FeatureExtractor]) -> Case:
    """The case with what the extractors see beside what was stated; a stated fact is never replaced.

    How much of the lungs the images show is measured by a fixed procedure, not by a net.
    """
    seen = tuple(replace(f, facts=_joined(case, f, extractors)) for f in case.findings)
    return replace(case, findings=seen, exam=replace(case.exam, facts={**case.exam.facts, **_coverage(case)}))


def _joined(case: Case, finding: Finding, extractors: Sequence[FeatureExtractor]) -> Facts:
    facts = dict(finding.facts)
    for extractor in extractors:
        for name, belief in extractor.beliefs(case, finding).items():
            facts[name] = stronger(facts.get(name), belief) if _open(facts.get(name)) else facts[name]
    return facts


def _open(belief: Belief | None) -> bool:
    """Whether nobody stated it, not even by leaving it out of a form: the rule-based route must find that again."""
    return belief is None or isinstance(belief, Unknown)


def _coverage(case: Case) -> Facts:
    if case.volume is None:
        return {}
    from .coverage import lungs_imaged

    found = lungs_imaged(case.volume)
    reference = "; ".join((f"lungs in the images, by threshold: {found.volume_l:.1f} l", *found.why))
    return {"lungs_imaged": Known(str(found.extent), Source(SourceKind.IMAGE, reference, case.exam.date))}
