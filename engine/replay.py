"""A decision again, from its record alone.

Nets do not run again: the case in the record holds what they said. Guidelines, gates, networks and
risk models are read again, as they are where this runs; who wants the revisions of then gives them
their place first (``adapters/store/replay.py`` does).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .assess import assess
from .calibration_file import load_calibrators
from .guideline.load import load_guideline
from .knowledge import Knowledge, load_knowledge
from .perception.extractor import FeatureExtractor
from .record import Assessment, name_of
from .types import Case, Facts, Finding


class Recorded:
    """A net that has spoken already: it adds nothing to what the record has of it."""

    def __init__(self, net: FeatureExtractor, sha256: str) -> None:
        self.name, self.sha256, self.validated = net.name, sha256, net.validated

    def beliefs(self, case: Case, finding: Finding) -> Facts:
        """Nothing more."""
        return {}


def replay(kept: Assessment, folders: Sequence[Path] = (), site: Path | None = None) -> Assessment:
    """Decide the recorded case again, with the guidelines that it was decided with.

    ``folders``: further guidelines, ``site``: a site's calibrations, both as for ``load_knowledge``.

    Raises:
        UnknownGuideline, RuleError, MissingKnowledge: something that was read is not here.
        InputError: the case cannot be read by these revisions.
    """
    record = kept.record
    again = assess(record.case, knowledge_of(kept, tuple(folders), site), record.as_of)
    image, engine = record.image_sha256, again.record.engine_version
    name = name_of(again.record.case, image, again.record.knowledge, engine, record.as_of)
    return replace(again, record=replace(again.record, image_sha256=image, decision_id=name))


def knowledge_of(kept: Assessment, folders: tuple[Path, ...] = (), site: Path | None = None) -> Knowledge:
    """What is read to decide a recorded case again; its nets have spoken already.

    Which guidelines were read, and why those editions, is taken from the decision: it was asked for from outside, and
    is no result.

    Raises:
        UnknownGuideline, RuleError, MissingKnowledge: something that was read is not here.
    """
    record = kept.record
    names = [decided.application.guideline for decided in kept.decision.guidelines]
    known = load_knowledge(record.case.exam.date, None, folders, images=record.image_sha256 is not None)
    nets = tuple(Recorded(net, record.knowledge.get(net.name, net.sha256)) for net in known.extractors)
    return replace(
        known,
        guidelines=tuple(load_guideline(name, folders) for name in names),
        extractors=nets,
        calibrators=load_calibrators(nets, names, site),
        chosen=kept.decision.notes[: len(names)],
    )
