"""The immutable set of what the engine knows: guidelines, nets, risk models, gates, with their hashes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .calibration_file import load_calibrators
from .errors import MissingKnowledge
from .facts import is_uncertain
from .fusion.fuse import Fusion, NetworkFusion
from .gate import Level
from .guideline.load import Guideline, in_force, load_guideline
from .likely import Calibrator
from .perception.extractor import FeatureExtractor, UpstreamFindings
from .resources import knowledge_folder
from .types import Belief, is_neural


@dataclass(frozen=True, slots=True)
class Signal:
    """One entry of ``knowledge/gates.yaml``."""

    code: str
    text: str  # with {detail}
    level: Level
    why: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What one assessment may read. ``chosen`` says in words why each guideline's edition was taken."""

    guidelines: tuple[Guideline, ...]
    signals: Mapping[str, Signal]
    extractors: tuple[FeatureExtractor, ...] = (UpstreamFindings(),)
    fusion: Fusion = field(default_factory=NetworkFusion)
    chosen: tuple[str, ...] = ()
    calibrators: tuple[Calibrator, ...] = ()
    conflict_from: float = math.inf  # the conflict measure from which evidence contradicts itself
    gates_sha256: str = ""

    def hashes(self) -> dict[str, str]:
        """Name -> sha256 of everything that was read."""
        read = {g.name: g.sha256 for g in self.guidelines}
        nets = {e.name: e.sha256 for e in self.extractors if e.sha256}
        fitted = {f"calibration {c.guideline}": c.sha256 for c in self.calibrators}
        return {**read, **nets, "gates": self.gates_sha256, **fitted, **self.fusion.hashes()}

    def own_rules(self) -> dict[str, str]:
        """Guideline -> what the folder of further guidelines is called that it was read from; no shipped one in it."""
        return {g.name: g.origin for g in self.guidelines if g.origin}

    def calibrator(self, guideline: str, beliefs: Iterable[Belief]) -> Calibrator | None:
        """The calibrator of that guideline, if all that is uncertain among the beliefs is of its net."""
        found = next((c for c in self.calibrators if c.guideline == guideline), None)
        doubted = [b.source for b in beliefs if is_uncertain(b) or is_neural(b)]
        return found if found and all(s and s.reference == found.extractor for s in doubted) else None


def load_knowledge(
    exam_date: Any = None,
    guideline: str | None = None,
    folders: tuple[Path, ...] = (),
    *,
    images: bool = False,
    site: Path | None = None,
) -> Knowledge:
    """The shipped knowledge for an exam of that date; with ``guideline`` (``lung-rads@1.1``) only that one.

    ``images``: there are images, so that nets may have something to look at. ``site``: the folder of the site's own
    calibrations, which go before the shipped ones.

    Raises:
        UnknownGuideline, RuleError, MissingKnowledge: something is absent or at fault.
    """
    gates = load_gates()
    if guideline and "@" in guideline:
        editions = [(guideline, f"{guideline}, as asked for")]
    else:
        editions = [in_force(name, exam_date, folders) for name in ([guideline] if guideline else gates.considered)]
    loaded = tuple(load_guideline(name, folders) for name, _ in editions)
    chosen = tuple(words for _, words in editions)
    return Knowledge(
        loaded,
        gates.signals,
        extractors := _extractors(images),
        chosen=chosen,
        calibrators=load_calibrators(extractors, (g.name for g in loaded), site),
        conflict_from=gates.conflict_from,
        gates_sha256=gates.sha256,
    )


def _extractors(images: bool) -> tuple[FeatureExtractor, ...]:
    if not images:
        return (UpstreamFindings(),)
    from .perception.nodule_beliefs import NoduleBeliefs  # numpy and scipy: only where there are pixels

    return (UpstreamFindings(), NoduleBeliefs())


@dataclass(frozen=True, slots=True)
class Gates:
    """``knowledge/gates.yaml``: the signals by code, the guidelines read on every exam, bars, the file's hash."""

    signals: Mapping[str, Signal]
    considered: tuple[str, ...]
    conflict_from: float
    sha256: str


def load_gates() -> Gates:
    """The file of the gate.

    Raises:
        MissingKnowledge: it lacks a part.
    """
    import yaml

    file = knowledge_folder() / "gates.yaml"
    text = file.read_bytes()
    content = yaml.safe_load(text) or {}
    if missing := [part for part in ("signals", "considered", "bars") if not content.get(part)]:
        where, cure = "knowledge/gates.yaml", "Restore the file."
        raise MissingKnowledge(where, ", ".join(missing), "nothing", "at least one each", cure)
    read = {c: Signal(c, s["text"], Level[s["level"].upper()], s["why"]) for c, s in content["signals"].items()}
    bar = float(content["bars"]["conflict"]["from"])
    return Gates(read, tuple(content["considered"]), bar, hashlib.sha256(text).hexdigest())
