"""Figures of a set of cases: agreement, outcomes, calibration, time. Each says of how many it was counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..store.cases import Outcome
from .groups import Case
from .rows import Answer, Row
from .statistics import Calibrated, Kappa, Said, Share, calibrated, kappa, share


@dataclass(frozen=True, slots=True)
class Figures:
    """What humans made of the engine's answers, and how its beliefs held.

    ``exams``, and ``answers`` of guidelines to them. ``agree``: of answers in which both sides name one category.
    ``left_open``: the engine named none; ``not_known``: what was signed is not known, for that guideline. ``covered``:
    of calibrated sets; ``hours`` to the signature: the median and the ninth of ten.
    """

    exams: int
    answers: int
    agree: Share
    kappa: Kappa
    left_open: int
    not_known: int
    accepted: int
    corrected: int
    overridden: Share
    covered: Share
    level: float
    calibrated: Calibrated
    read_first: Share
    hours: tuple[float, float]


def figures(cases: Sequence[Case]) -> Figures:
    """The figures of these cases."""
    rows = exams_of(cases)
    answers = [a for _, a in cases]
    outcomes = Counter(row.outcome for row in rows)
    sets = with_sets(answers)
    return Figures(
        exams=len(rows),
        answers=len(answers),
        agree=share(*agreement(answers)),
        kappa=kappa(pairs(answers)),
        left_open=sum(a.engine is None for a in answers),
        not_known=sum(a.signed is None for a in answers),
        accepted=outcomes[Outcome.ACCEPTED],
        corrected=outcomes[Outcome.CORRECTED],
        overridden=share(outcomes[Outcome.OVERRIDDEN], len(rows)),
        covered=share(*coverage(sets)),
        level=max((a.level for a in sets), default=math.nan),
        calibrated=calibrated(said(answers)),
        read_first=share(*first_agreement(answers)),
        hours=(_at([r.hours for r in rows], 0.5), _at([r.hours for r in rows], 0.9)),
    )


def exams_of(cases: Iterable[Case]) -> list[Row]:
    """Each exam once, in order."""
    return list({id(row): row for row, _ in cases}.values())


def pairs(answers: Iterable[Answer]) -> list[tuple[str, str]]:
    """The engine's category and the signed one, where both are known."""
    return [(a.engine, a.signed) for a in answers if a.engine is not None and a.signed is not None]


def agreement(answers: Iterable[Answer]) -> tuple[int, int]:
    """In how many both are the same, of how many."""
    found = pairs(answers)
    return sum(engine == signed for engine, signed in found), len(found)


def first_agreement(answers: Iterable[Answer]) -> tuple[int, int]:
    """In how many a category that was committed first is the engine's, of how many."""
    found = [(a.engine, a.read_first) for a in answers if a.engine is not None and a.read_first is not None]
    return sum(engine == first for engine, first in found), len(found)


def with_sets(answers: Iterable[Answer]) -> list[Answer]:
    """Those with a calibrated set and a signed category to hold it against."""
    return [a for a in answers if a.kept is not None and a.signed_management is not None]


def coverage(sets: Iterable[Answer]) -> tuple[int, int]:
    """How many sets hold the signed management, of how many."""
    found = [a.signed_management in (a.kept or ()) for a in sets]
    return sum(found), len(found)


def said(answers: Iterable[Answer]) -> list[Said]:
    """What was believed of the category, and what was signed."""
    return [(a.masses, a.signed) for a in answers if a.masses and a.signed is not None]


def _at(hours: Sequence[float], part: float) -> float:
    """The value below or at which that part of the exams lies; NaN of none."""
    ordered = sorted(hours)
    return ordered[min(math.ceil(len(ordered) * part), len(ordered)) - 1] if ordered else math.nan
