"""Which of the figures call for somebody: every test of a run, and those that sound.

A test sounds where enough exams were counted, what was found lies beyond its bar, and the procedure of Benjamini and
Hochberg over all tests of the run lets it stand. Tests and bars: ``knowledge/monitor/alarms.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .drift import Drift, drifts, unlike
from .figures import agreement, coverage, exams_of, first_agreement, said, with_sets
from .groups import MONTH, Case, cases_by, cases_of, grouped
from .rows import Answer, Row
from .statistics import adjusted, calibrated, fewer_than, so_uncalibrated, too_few, too_many
from .thresholds import Reference, Thresholds

ALL = "all exams"


@dataclass(frozen=True, slots=True)
class Test:
    """One test: the alarm it may sound, of which exams, how many there were, what was found, the bar, its p-value.

    ``adjusted``: for all tests of the run. ``detail``: what it was counted on, in words.
    """

    alarm: str
    group: str
    exams: int
    found: float
    bar: float
    p: float
    detail: str
    beyond: bool
    adjusted: float = 1.0
    sounds: bool = False


def tests(rows: Sequence[Row], by: Sequence[str], known: Thresholds, trained: Reference) -> list[Test]:
    """Every test for which there are exams enough, those that sound marked.

    ``by``: the dimensions of ``groups`` whose groups are tested too. Months always are.
    """
    made = [*_of_all(cases_of(rows), known, trained)]
    for dimension in (*by, MONTH):
        made += _of_groups(cases_by(rows, dimension), dimension, known)
    rate = known.false_alarms.rate
    together = zip(made, adjusted([t.p for t in made]), strict=True)
    return [replace(t, adjusted=q, sounds=t.beyond and q <= rate) for t, q in together]


def _of_all(cases: Sequence[Case], known: Thresholds, trained: Reference) -> Iterator[Test]:
    rows, answers = exams_of(cases), [a for _, a in cases]
    yield from _agreement(answers, ALL, known)
    yield from _overrides(rows, known)
    yield from _coverage(answers, ALL, known)
    yield from _calibration(answers, ALL, known)
    yield from _seen_first(cases, known)
    yield from _unlike(rows, known)
    for drift in drifts(rows, trained):
        yield from _drift(drift, known)


def _of_groups(cases: Sequence[Case], dimension: str, known: Thresholds) -> Iterator[Test]:
    groups = grouped(cases, dimension, known.small_groups.fewer_than)
    if len(groups) < 2:
        return
    for name, members in groups.items():
        label, mine = f"{dimension} {name}", [a for _, a in members]
        others = [a for other, found in groups.items() if other != name for _, a in found]
        yield from _agrees_less(mine, others, label, known)
        yield from _coverage(mine, label, known)
        yield from _calibration(mine, label, known)


def _agreement(answers: Sequence[Answer], group: str, known: Thresholds) -> Iterator[Test]:
    alarm, (hits, of) = known.alarms["agreement"], agreement(answers)
    if of >= alarm.exams:
        p = too_few(hits, of, alarm.bar)
        yield Test("agreement", group, of, hits / of, alarm.bar, p, f"{hits} of {of}", hits / of < alarm.bar)


def _overrides(rows: Sequence[Row], known: Thresholds) -> Iterator[Test]:
    alarm, hits, of = known.alarms["overrides"], sum(r.override_reason is not None for r in rows), len(rows)
    if of >= alarm.exams:
        p = too_many(hits, of, alarm.bar)
        yield Test("overrides", ALL, of, hits / of, alarm.bar, p, f"{hits} of {of}", hits / of > alarm.bar)


def _agrees_less(mine: Sequence[Answer], others: Sequence[Answer], group: str, known: Thresholds) -> Iterator[Test]:
    yield from _less("group_agrees_less", agreement(mine), agreement(others), group, known)


def _seen_first(cases: Sequence[Case], known: Thresholds) -> Iterator[Test]:
    """What readers committed first, against what was signed where nothing was."""
    unread = [a for row, a in cases if not row.was_read_first]
    yield from _less("seen_first", first_agreement(a for _, a in cases), agreement(unread), ALL, known)


def _less(name: str, one: tuple[int, int], other: tuple[int, int], group: str, known: Thresholds) -> Iterator[Test]:
    alarm = known.alarms[name]
    if min(one[1], other[1]) >= alarm.exams:
        less = other[0] / other[1] - one[0] / one[1]
        detail = f"{one[0]} of {one[1]}, others {other[0]} of {other[1]}"
        yield Test(name, group, one[1], less, alarm.bar, fewer_than(one, other), detail, less > alarm.bar)


def _coverage(answers: Sequence[Answer], group: str, known: Thresholds) -> Iterator[Test]:
    alarm, sets = known.alarms["coverage"], with_sets(answers)
    for level in sorted({a.level for a in sets}):
        hits, of = coverage(mine := [a for a in sets if a.level == level])
        if len(mine) >= alarm.exams:
            bar = level - alarm.bar
            p, detail = too_few(hits, of, level), f"{hits} of {of}, stated {level:g}"
            yield Test("coverage", group, of, hits / of, bar, p, detail, hits / of < bar)


def _calibration(answers: Sequence[Answer], group: str, known: Thresholds) -> Iterator[Test]:
    alarm, found = known.alarms["calibration_error"], calibrated(said(answers))
    if found.of >= alarm.exams:
        p = so_uncalibrated(found, known.calibration.resamples)
        low, high = (sum(getattr(b, end) * b.of for b in found.bins) / found.of for end in ("low", "high"))
        right = sum(b.hits for b in found.bins) / found.of
        detail = f"said {low:.3f} to {high:.3f} on average, right in {right:.3f}"
        yield Test("calibration_error", group, found.of, found.ece, alarm.bar, p, detail, found.ece > alarm.bar)


def _unlike(rows: Sequence[Row], known: Thresholds) -> Iterator[Test]:
    alarm, (hits, of) = known.alarms["unlike_training"], unlike(rows)
    if of >= alarm.exams:
        p = too_many(hits, of, alarm.bar)
        yield Test("unlike_training", ALL, of, hits / of, alarm.bar, p, f"{hits} of {of}", hits / of > alarm.bar)


def _drift(drift: Drift, known: Thresholds) -> Iterator[Test]:
    alarm = known.alarms["drift"]
    if drift.known >= alarm.exams:
        beyond = drift.psi > alarm.bar
        yield Test("drift", drift.words, drift.known, drift.psi, alarm.bar, drift.p, f"PSI {drift.psi:.2f}", beyond)
