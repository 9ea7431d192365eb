"""``radlogic assess``: sources in, decision and reports out, all files or none."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.assess import assess
from ..engine.errors import BadValue, Contradiction
from ..engine.knowledge import load_knowledge
from ..engine.perception.volume import Volume
from ..engine.record import Assessment
from ..engine.types import Case
from .assemble import Progress, Sources, assemble
from .site import site_folder

if TYPE_CHECKING:
    from .store.cases import CaseFile, Seen


def run(
    sources: Sources, guideline: str | None, as_of: date, progress: Progress | None = None
) -> tuple[Assessment, Volume | None]:
    """Read the sources and decide; the volume comes back for the pictures.

    Raises:
        InputError: a source cannot be used.
    """
    case = _with_earlier(assemble(sources, progress), sources)
    if case.exam.date is not None and as_of < case.exam.date:
        cure = "Correct the date of the exam or --as-of."
        raise Contradiction("command line", "--as-of", "a day before the exam", "the exam's day or later", cure)
    knowledge = load_knowledge(
        case.exam.date, guideline, sources.rules, images=case.volume is not None, site=site_folder()
    )
    return assess(case, knowledge, as_of), case.volume


def _with_earlier(case: Case, sources: Sources) -> Case:
    """The case with what earlier exams say of its lesions.

    Raises:
        Contradiction: images of earlier exams, and not one for each.
        InputError: an earlier decision or its images cannot be used.
    """
    decisions, series = sources.prior_decisions, sources.prior_series
    if series and len(series) != len(decisions):
        found, cure = f"{len(series)} for {len(decisions)} decisions", "Give one for each, in the same order."
        raise Contradiction("command line", "--prior-series", found, "none, or one for each --prior-decision", cure)
    if not decisions:
        return case
    from .decision_file import read_decision
    from .earlier import of_decision, with_earlier

    read = [read_decision(path) for path in decisions]
    kept = _kept(sources.store, [one.record.decision_id for one in read])
    each = zip(read, series or [None] * len(read), strict=True)
    return with_earlier(case, [of_decision(one, images, kept.get(one.record.decision_id)) for one, images in each])


def _kept(store: str | Path | None, names: Sequence[str]) -> dict[str, CaseFile]:
    """What the store has of these decisions, by name.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    if store is None:
        return {}
    from .store.cases import Store
    from .store.errors import NoSuchDecision

    found: dict[str, CaseFile] = {}
    with Store.open(store) as opened:
        for name in names:
            with contextlib.suppress(NoSuchDecision):  # decided elsewhere: then nobody signed it, here
                found[name] = opened.case(name)
    return found


def write_all(assessment: Assessment, volume: Volume | None, out: Path, rules: Sequence[Path] = ()) -> dict[str, Path]:
    """Write ``decision.json``, ``report.html`` and ``report.txt``; all are made before the first is written.

    ``rules``: folders of further guidelines that the decision read, in whose own sentences it is told.
    """
    from .decision_file import dumps
    from .report.html import report_html
    from .report.language import reading
    from .report.text import report_text

    with reading(rules):
        texts = {
            "decision.json": dumps(assessment),
            "report.html": report_html(assessment, volume),
            "report.txt": report_text(assessment),
        }
    return write_files(texts, out)


def write_files(texts: Mapping[str, str], out: Path) -> dict[str, Path]:
    """Write files by name into a folder: first all beside their places, then all into them.

    Raises:
        BadValue: the folder cannot be written; nothing of it is left.
    """
    fresh = {name: out / f".{name}.part" for name in texts}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            fresh[name].write_text(text, encoding="utf-8")
        for name, path in fresh.items():
            path.replace(out / name)
    except OSError as error:
        with contextlib.suppress(OSError):
            for path in fresh.values():
                path.unlink(missing_ok=True)
        found = error.strerror or "a folder that cannot be written"
        raise BadValue("command line", "--out", found, "a folder that can be written", "Choose another.") from error
    return {name: out / name for name in texts}


def keep(
    assessment: Assessment,
    store: str | Path,
    rules: Sequence[Path] = (),
    *,
    volume: Volume | None = None,
    images: Path | None = None,
    instead_of: str = "",
    seen: Seen | None = None,
) -> None:
    """Keep the decision in a store, and queue it where a human must look; its slices first, so that they can be shown.

    Args:
        assessment: the decision with its record.
        store: a folder, or a ``postgresql://`` URL.
        rules: folders of further guidelines that the decision read.
        volume: what it was decided on; kept by its hash, without anything that names a patient.
        images: the folder for slices; below the store if not given, and nowhere for a URL.
        instead_of: the decision of the same exam whose place it takes; one that is signed stands until it is, too.
        seen: what stood of the exam's study when this one was made; None: whatever stands since.

    Raises:
        ChangedMeanwhile: the study stands otherwise than ``seen``; then the decision is not kept.
        Superseded: another one took that place. NoSuchDecision: there is none of that id.
        StoreUnavailable: the store or the folder cannot be written; then the decision is not kept.
    """
    from .store.cases import Store
    from .store.images import images_folder, keep_images
    from .store.log import PROGRAM, now

    folder = images_folder(store, images)
    with Store.open(store) as opened:
        if volume is not None and folder is not None:
            from .review.evidence import keep_evidence

            keep_images(folder, volume)
            keep_evidence(folder, assessment, volume)
        if instead_of:
            opened.correct(instead_of, assessment, now(), PROGRAM, rules=rules, seen=seen)
        else:
            opened.add(assessment, now(), PROGRAM, rules=rules, seen=seen)
