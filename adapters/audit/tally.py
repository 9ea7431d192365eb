"""What came of a measure: counts by status and reason, a rate with its interval, and the same by group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

from ...engine.guideline.columns import text
from .measure_files import STATUSES, Measure
from .small_cells import Cell, hidden

Z = 1.959963984540054  # the normal quantile of 97.5 %
Counts = dict[str, int]  # by status


def wilson(met: int, judged: int) -> tuple[float, float] | None:
    """The 95 % interval of a proportion (Wilson 1927, without continuity correction); None of nothing.

    >>> [round(bound, 4) for bound in wilson(9, 10)]
    [0.5958, 0.9821]
    """
    if judged == 0:
        return None
    p, n, z = met / judged, judged, Z
    middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


@dataclass
class Tally:
    """The counts of one measure: by dimension and value, and by status and reason of all."""

    measure: Measure
    by: dict[str, dict[str, Counts]] = field(default_factory=lambda: defaultdict(dict))
    reasons: dict[str, Counts] = field(default_factory=lambda: defaultdict(dict))

    @property
    def all(self) -> Counts:
        """Exams of the population by status."""
        return next(iter(self.by["all"].values()), {})

    def shown(self, least: int) -> dict[str, Any]:
        """The measure for people, small cells hidden: a hidden number is None."""
        covered = hidden([[*_cells(self.all), sum(self.all.values())]], least)
        reasons = {status: self._reasons(status, (0, n) in covered, least) for n, status in enumerate(STATUSES)}
        groups = {name: self._groups(name, covered, least) for name in self.by if name != "all"}
        return {**_row(self.all, covered, 0), "reasons": reasons, "by": groups}

    def _reasons(self, status: str, covered: bool, least: int) -> dict[str, int | None]:
        counts = sorted(self.reasons[status].items())
        values = [n for _, n in counts]
        out = hidden([[*values, sum(values)]], least, [(0, len(values))] if covered else [])
        return {reason: None if (0, n) in out else count for n, (reason, count) in enumerate(counts)}

    def _groups(self, dimension: str, above: frozenset[Cell], least: int) -> dict[str, dict[str, Any]]:
        values = sorted(self.by[dimension])
        rows = [[*_cells(c), sum(c.values())] for c in (*(self.by[dimension][v] for v in values), self.all)]
        covered = hidden(rows, least, [(len(values), c) for _, c in above])
        return {v: _row(self.by[dimension][v], covered, n) for n, v in enumerate(values)}


def tallies(database: Any, files: Sequence[Path], measures: Sequence[Measure]) -> list[Tally]:
    """The counts of all buckets together, by measure."""
    found = {m.id: Tally(m) for m in measures}
    listed = ", ".join(text(str(file)) for file in files)
    rows = database.execute(
        "SELECT measure, dimension, COALESCE(value, 'not stated'), status, reason, CAST(SUM(n) AS BIGINT) "  # noqa: S608
        f"FROM read_parquet([{listed}]) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for measure, dimension, value, status, reason, n in rows:
        tally = found[measure]
        counts = tally.by[dimension].setdefault(value, {})
        counts[status] = counts.get(status, 0) + n
        if dimension == "all":
            tally.reasons[status][reason] = n
    return list(found.values())


def _cells(counts: Mapping[str, int]) -> list[int]:
    return [counts.get(status, 0) for status in STATUSES]


def _row(counts: Mapping[str, int], covered: frozenset[Cell], row: int) -> dict[str, Any]:
    """One group: population, statuses, rate of met among met and not met, and its interval."""
    cells = _cells(counts)
    shown: dict[str, Any] = {"population": None if (row, len(cells)) in covered else sum(cells)}
    shown |= {s: None if (row, n) in covered else cells[n] for n, s in enumerate(STATUSES)}
    met, missed = cells[0], cells[1]
    told = shown["met"] is not None and shown["not_met"] is not None and met + missed > 0
    interval = wilson(met, met + missed) if told else None
    rate = round(met / (met + missed), 6) if told else None
    return {**shown, "rate": rate, "interval": [round(b, 6) for b in interval] if interval else None}
