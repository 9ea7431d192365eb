"""The immutable set of what the engine knows: guidelines, nets, risk models, gates, with their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import MissingKnowledge
from .fusion.fuse import BrockRisk, Fusion
from .guideline.load import Guideline, in_force, load_guideline
from .perception.extractor import FeatureExtractor, UpstreamFindings
from .resources import knowledge_folder
from .types import Priority


@dataclass(frozen=True, slots=True)
class Signal:
    """One entry of ``knowledge/gates.yaml``."""

    code: str
    text: str  # with {detail}
    priority: Priority
    falls_back: bool  # to the rule-based route
    why: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What one assessment may read. ``chosen`` says in words why each guideline's edition was taken."""

    guidelines: tuple[Guideline, ...]
    signals: Mapping[str, Signal]
    extractors: tuple[FeatureExtractor, ...] = (UpstreamFindings(),)
    fusion: Fusion = field(default_factory=BrockRisk)
    chosen: tuple[str, ...] = ()
    gates_sha256: str = ""

    def hashes(self) -> dict[str, str]:
        """Name -> sha256 of everything that was read."""
        read = {g.name: g.sha256 for g in self.guidelines}
        nets = {e.name: e.sha256 for e in self.extractors if e.sha256}
        return {**read, **nets, "gates": self.gates_sha256, **self.fusion.hashes()}


def load_knowledge(
    exam_date: Any = None, guideline: str | None = None, folders: tuple[Path, ...] = (), *, images: bool = False
) -> Knowledge:
    """The shipped knowledge for an exam of that date; with ``guideline`` (``lung-rads@1.1``) only that one.

    ``images``: there are images, so that nets may have something to look at.

    Raises:
        UnknownGuideline, RuleError, MissingKnowledge: something is absent or at fault.
    """
    signals, considered, sha256 = load_gates()
    if guideline and "@" in guideline:
        editions = [(guideline, f"{guideline}, as asked for")]
    else:
        editions = [in_force(name, exam_date, folders) for name in ([guideline] if guideline else considered)]
    loaded = tuple(load_guideline(name, folders) for name, _ in editions)
    chosen = tuple(words for _, words in editions)
    return Knowledge(loaded, signals, _extractors(images), chosen=chosen, gates_sha256=sha256)


def _extractors(images: bool) -> tuple[FeatureExtractor, ...]:
    if not images:
        return (UpstreamFindings(),)
    from .perception.nodule_beliefs import NoduleBeliefs  # numpy and scipy: only where there are pixels

    return (UpstreamFindings(), NoduleBeliefs())


def load_gates() -> tuple[dict[str, Signal], tuple[str, ...], str]:
    """``knowledge/gates.yaml``: the signals by code, the guidelines read on every exam, the hash of the file.

    Raises:
        MissingKnowledge: the file has none.
    """
    import yaml

    file = knowledge_folder() / "gates.yaml"
    text = file.read_bytes()
    content = yaml.safe_load(text) or {}
    signals, considered = content.get("signals"), content.get("considered")
    if not signals or not considered:
        where = "knowledge/gates.yaml"
        raise MissingKnowledge(where, "signals, considered", "nothing", "at least one each", "Restore the file.")
    read = {
        code: Signal(code, s["text"], Priority(s["priority"]), s.get("route") == "rule_based", s["why"])
        for code, s in signals.items()
    }
    return read, tuple(considered), hashlib.sha256(text).hexdigest()
