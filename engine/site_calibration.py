"""A calibration refitted on the signed exams of one site, and checked on exams that it was not fitted on.

Each exam counts once: what the engine believed of its category, nets among the beliefs, against the category that a
human signed. Humans sign what they are shown more readily than what they are not, so that signed exams make the
engine look surer than it is. That is why a refit may only lower a bar: the site's sets hold all that the shipped ones
hold, and more where its exams ask for it. A management with too few exams to say anything keeps the shipped bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from . import facts
from .guideline.load import Guideline
from .guideline.propagate import propagate
from .likely import Calibrator, Masses, fair_share, fit, likely, management
from .types import Case, is_neural

LEAST_CASES: Final = 200  # signed exams; they bound a coverage of 90 % to within about 4 points (knowledge/gates.yaml)
HALVES: Final = 2
LEAST_PATIENTS: Final = 100  # half of the exams: those of one patient are alike, and say less than as many of others
LEAST_IN_HALF: Final = 30  # patients; of 100 that are halved by chance fewer come once in 10 000 times
LEAST_READERS: Final = 2  # people who signed: what one alone signs is a habit, no reference


@dataclass(frozen=True, slots=True)
class SignedBelief:
    """One signed exam: ``masses`` is the probability of each set of categories still possible, ``signed`` the
    category that a human signed, ``half`` (0 or 1) the half of the site's patients that it belongs to."""

    masses: Masses
    signed: str
    half: int


@dataclass(frozen=True, slots=True)
class Held:
    """How a calibration does on exams: how many there are, how many sets hold the signed management, in how many one
    management stands alone, and of each management (how many hold it, of how many)."""

    cases: int
    held: int
    alone: int
    by_management: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Refit:
    """The bars by category and of all others; how the exams were covered before and, on the other half, after."""

    at_least: Mapping[str, float]
    otherwise: float
    from_site: tuple[str, ...]  # the categories whose bar the site's exams had a say in
    before: Held | None
    after: Held


def neural_inputs(case: Case, guideline: Guideline) -> bool:
    """Whether a net said anything of a finding that the guideline reads."""
    read = guideline.inputs.keys()
    kind = guideline.head["findings"]["kind"]
    return any(is_neural(b) for f in case.findings if f.kind == kind for name, b in f.facts.items() if name in read)


def believed_masses(case: Case, guideline: Guideline) -> Masses:
    """What is believed of the exam's category by all beliefs of the case, those that the route withheld among them.

    Raises:
        InputError: a fact is no value of the guideline's inputs.
    """
    kind = guideline.head["findings"]["kind"]
    mine = [(f.tracking_id, facts.finding_facts(guideline, f)) for f in case.findings if f.kind == kind]
    exam = facts.exam_facts(guideline, case)
    return propagate(guideline, exam, mine, assessed=kind in case.assessed).exam.masses()


def refit(guideline: Guideline, exams: Sequence[SignedBelief], shipped: Calibrator | None, level: float) -> Refit:
    """Bars from all exams; each half of them judged by the bars of the other half.

    ``level``: the share of exams of each management whose set shall hold it, in (0, 1).
    """
    bars, from_site = bars_of(guideline, exams, shipped, level)
    parts = []
    for half in range(HALVES):
        fitted, _ = bars_of(guideline, [e for e in exams if e.half != half], shipped, level)
        judged = [e for e in exams if e.half == half]
        parts.append(held(guideline, judged, _calibrator(guideline, fitted, shipped, level)))
    before = held(guideline, exams, shipped) if shipped else None
    return Refit(bars, shipped.otherwise if shipped else 0.0, from_site, before, _sum(parts))


def bars_of(
    guideline: Guideline, exams: Sequence[SignedBelief], shipped: Calibrator | None, level: float
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The bar of each category, never above the shipped one, and the categories in which the site had a say.

    With fewer than ``1 / (1 - level)`` less one exams of a management no bar above 0 can be fitted, and one of 0
    would keep that management in every set for ever: the shipped bar stays, where there is one.
    """
    fitted = fit(guideline, [(e.masses, frozenset({e.signed})) for e in exams], level)
    counts = _counted(guideline, exams)
    enough = {c for c in fitted if counts[management(guideline, c)] + 1 >= 1 / (1 - level) - 1e-9}
    ids = [str(c["id"]) for c in guideline.head["categories"]]
    most = fair_share(guideline)
    before = {c: min(shipped.keeps(c), most) if shipped else None for c in ids}
    bars = {c: _lower(fitted[c] if c in enough else None, before[c]) for c in ids}
    return bars, tuple(c for c in ids if c in enough)


def _lower(site: float | None, shipped: float | None) -> float:
    return min((bar for bar in (site, shipped) if bar is not None), default=0.0)


def _counted(guideline: Guideline, exams: Sequence[SignedBelief]) -> dict[str, int]:
    found: dict[str, int] = {}
    for exam in exams:
        name = management(guideline, exam.signed)
        found[name] = found.get(name, 0) + 1
    return found


def held(guideline: Guideline, exams: Sequence[SignedBelief], keeps: Calibrator) -> Held:
    """How that calibration does on exams."""
    total = alone = 0
    by: dict[str, tuple[int, int]] = {}
    for exam in exams:
        kept, name = likely(guideline, exam.masses, keeps).managements, management(guideline, exam.signed)
        good, of = by.get(name, (0, 0))
        by[name] = (good + (name in kept), of + 1)
        total, alone = total + (name in kept), alone + (len(kept) == 1)
    return Held(len(exams), total, alone, dict(sorted(by.items())))


def _sum(parts: Sequence[Held]) -> Held:
    by: dict[str, tuple[int, int]] = {}
    for name, (good, of) in (item for part in parts for item in part.by_management.items()):
        known, out_of = by.get(name, (0, 0))
        by[name] = (known + good, out_of + of)
    numbers = (sum(p.cases for p in parts), sum(p.held for p in parts), sum(p.alone for p in parts))
    return Held(*numbers, dict(sorted(by.items())))


def _calibrator(
    guideline: Guideline, bars: Mapping[str, float], shipped: Calibrator | None, level: float
) -> Calibrator:
    """The bars as a calibrator for this check alone."""
    from datetime import date

    otherwise = shipped.otherwise if shipped else 0.0
    return Calibrator(guideline.name, "", "", level, bars, otherwise, 0, "", date.min, date.max)
