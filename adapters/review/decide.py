"""Decide a kept case anew after a reader changed it: ``engine.assess`` under the guidelines it was decided with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ...engine.assess import assess
from ...engine.record import Assessment, correction_name, name_of
from ...engine.replay import knowledge_of
from ...engine.types import Case, GuidelineDecision
from ..report.view import guideline_name, management_of, verdict
from ..site import site_folder


def decided(kept: Assessment, case: Case, today: date, folders: Sequence[Path] = ()) -> Assessment:
    """The decision on the changed case, as of today (never before the first decision), of the same images.

    Raises:
        InputError: the changed facts exclude each other. UnknownGuideline, RuleError, MissingKnowledge.
    """
    again = assess(case, knowledge_of(kept, tuple(folders), site_folder()), max(today, kept.record.as_of))
    image, record = kept.record.image_sha256, again.record
    name = name_of(record.case, image, record.knowledge, record.engine_version, record.as_of)
    return replace(again, record=replace(record, image_sha256=image, decision_id=name))


def correcting(made: Assessment, supersedes: str) -> Assessment:
    """The decision under its name as the correction of another: findings that are taken back make a third decision."""
    name = correction_name(made.record.decision_id, supersedes)
    return replace(made, record=replace(made.record, decision_id=name))


def other_revisions(kept: Assessment, again: Assessment) -> tuple[str, ...]:
    """What has another content now than when the kept decision was made, by name."""
    then, now = kept.record.knowledge, again.record.knowledge
    return tuple(sorted(name for name in {*then, *now} if then.get(name) != now.get(name)))


@dataclass(frozen=True, slots=True)
class Change:
    """An answer before and after, in words. ``lesion`` is '' for the exam."""

    guideline: str
    lesion: str
    before: str
    after: str
    management: str = ""

    @property
    def differs(self) -> bool:
        """Whether the answer is another one."""
        return self.before != self.after


def changes(before: Assessment, after: Assessment) -> tuple[Change, ...]:
    """The answers of exam and findings before and after, guideline by guideline; the exam's first."""
    then, now = _answers(before), _answers(after)
    return tuple(
        Change(name, lesion, then.get((name, lesion), ("not read", ""))[0], *now.get((name, lesion), ("not read", "")))
        for name, lesion in dict.fromkeys((*now, *then))
    )


def _answers(assessment: Assessment) -> dict[tuple[str, str], tuple[str, str]]:
    return {key: said for g in assessment.decision.guidelines if g.exam is not None for key, said in _of(g)}


def _of(g: GuidelineDecision) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    name = guideline_name(g.application.guideline)
    exam = [((name, ""), (verdict(g.exam), management_of(g.exam)))] if g.exam is not None else []
    return exam + [((name, f.finding.tracking_id), (verdict(f.reading), management_of(f.reading))) for f in g.findings]
