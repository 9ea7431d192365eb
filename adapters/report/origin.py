"""Whose sentences a report speaks: a folder of further guidelines may put its own in the place of the shipped ones.

The record of a decision tells by which tables it was decided; with what words it is told, only the report can say.
"""

from __future__ import annotations

import hashlib
from importlib.resources.abc import Traversable
from pathlib import Path

from ...engine.errors import UnknownGuideline
from ...engine.guideline.editions import find
from ...engine.record import Assessment
from ...engine.resources import rules_folder
from . import language
from .phrases import phrase
from .view import applied, guideline_name
from .words import Row, clean


def sentences_rows(assessment: Assessment) -> tuple[Row, ...]:
    """For each guideline that applies and whose sentences are not radlogic's own: of which folder, with their hash."""
    said = ((g.application.guideline, _told(g.application.guideline)) for g in applied(assessment.decision))
    return tuple(Row(phrase("provenance.sentences", guideline=guideline_name(n)), text) for n, text in said if text)


def _told(guideline: str) -> str:
    given = [folder for folder in language.rules() if _words(guideline, (folder,)) is not None]
    if not given:
        return ""
    mine, shipped = _words(guideline, (given[-1],)), _words(guideline, (rules_folder(),))
    if mine == shipped:
        return ""
    folder = clean(given[-1].resolve().name)
    if not mine:
        return phrase("provenance.sentences_missing", folder=folder) if shipped else ""
    named = "provenance.sentences_instead" if shipped is not None else "provenance.sentences_own"
    return phrase(named, folder=folder, sha256=_hash(mine))


def _words(guideline: str, roots: tuple[Traversable | Path, ...]) -> bytes | None:
    """What the folder says in the language that is spoken, b'' for nothing; None where it lacks the guideline."""
    try:
        file = find(guideline, roots) / "report" / f"{language.current()}.yaml"
    except UnknownGuideline:
        return None
    return file.read_bytes() if file.is_file() else b""


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
