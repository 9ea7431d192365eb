"""One fetched study, decided: as ``radlogic assess`` does, with earlier exams found and matched in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ....engine.assess import assess
from ....engine.errors import Contradiction
from ....engine.knowledge import load_knowledge
from ....engine.record import Assessment
from ....engine.tracking.priors import told
from ....engine.types import Case, PriorExam, Source, SourceKind
from ...assemble import Sources, assemble
from ...site import site_folder
from .rules import Rule
from .seams import Match, Prior
from .succession import Follows


@dataclass(frozen=True, slots=True)
class Met:
    """What was met before deciding: ``notes`` told with the decision, and what was ``left_open`` of earlier exams."""

    notes: tuple[str, ...] = ()
    left_open: tuple[str, ...] = ()


def compared(sources: Sources, rule: Rule, as_of: date, priors: tuple[Prior, ...], met: Met, match: Match) -> Case:
    """The case of one study, with what earlier exams say of it.

    Args:
        sources: its series, and what else is known of it.
        rule: the site's rule that wanted it.
        as_of: the day that the decision counts from.
        priors: earlier exams, newest first.
        met: what was met on the way.
        match: finds lesions again on the earlier exams.

    Raises:
        InputError: the study cannot be used. SetupError: knowledge that it needs is absent.
    """
    case = _with_priors(assemble(sources), rule, priors)
    if case.exam.date is not None and as_of < case.exam.date:
        cure = "Have the study's date corrected in the archive."
        raise Contradiction("study", "StudyDate (0008,0020)", "a day that is not yet", "today or earlier", cure)
    noted = replace(case, exam=replace(case.exam, notes=(*case.exam.notes, *met.notes)))
    return match(replace(noted, exam=told(noted.exam, (), met.left_open)), priors)


def decide(case: Case, rule: Rule, guidelines: tuple[Path, ...], as_of: date, follows: Follows) -> Assessment:
    """The assessment of a case, as the one that ``follows`` the study's earlier decision, if there is one.

    Raises:
        InputError: the case cannot be used. SetupError: knowledge that it needs is absent.
    """
    knowledge = load_knowledge(case.exam.date, rule.guideline, guidelines, images=True, site=site_folder())
    return follows.named(assess(follows.said_with(case), knowledge, as_of))


def _with_priors(case: Case, rule: Rule, priors: tuple[Prior, ...]) -> Case:
    """The case with the archive's exams beside those of the record; one that the record names, too, stands once."""
    known = {(one.date, one.region) for one in case.patient.prior_exams}
    words = f"{rule.modality}, in the archive"
    found = ((p.day, Source(SourceKind.RECORD, "archive", p.day)) for p in priors if (p.day, rule.region) not in known)
    new = (PriorExam(day, words, None, source, rule.region) for day, source in found)
    exams = tuple(sorted((*case.patient.prior_exams, *new), key=lambda one: one.date))
    return replace(case, patient=replace(case.patient, prior_exams=exams))


def sources_of(rule: Rule, folder: Path, report: Path | None, record: Path | None, rules: tuple[Path, ...]) -> Sources:
    """Where the case comes from."""
    return Sources(
        series=folder / "current",
        patient=record,
        findings=report,
        indication=rule.indication,
        guideline=rule.guideline or "lung-rads",
        rules=rules,
    )
