"""What came of a measure: counts by status and reason, a rate with its interval, and the same by group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

from ...engine.guideline.columns import text
from .crossed import Crossed
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
    within: dict[tuple[str, str], Counts] = field(default_factory=lambda: defaultdict(dict))  # status, edition: reasons
    crossed: Mapping[str, Crossed] = field(default_factory=dict)  # of category-concordant: by edition
    also: dict[str, frozenset[Cell]] = field(default_factory=dict)  # what other measures would tell (across_measures)

    @property
    def all(self) -> Counts:
        """Exams of the population by status."""
        return next(iter(self.by["all"].values()), {})

    def shown(self, least: int) -> dict[str, Any]:
        """The measure for people, small cells hidden: a hidden number is None."""
        covered = hidden(self.table("all"), least, self.also.get("all", ()))
        reasons = {status: self._reasons(status, (0, n) in covered, least) for n, status in enumerate(STATUSES)}
        out = self._hidden({n for _, n in covered}, least)
        groups = {name: self._groups(name, cells) for name, cells in out.items()}
        return {**_row(self.all, covered, 0), "reasons": reasons, "by": groups}

    def hides_reason(self, status: str, reason: str, least: int) -> bool:
        """Whether the exams of a reason are not shown; False where there are none."""
        return self.shown(least)["reasons"][status].get(reason, 0) is None

    def _reasons(self, status: str, covered: bool, least: int) -> dict[str, int | None]:
        counts = sorted(self.reasons[status].items())
        values = [n for _, n in counts]
        before = {*self.also.get(reasons_of(status), ()), *([(0, len(values))] if covered else [])}
        out = hidden([[*values, sum(values)]], least, before)
        return {reason: None if (0, n) in out else count for n, (reason, count) in enumerate(counts)}

    def _groups(self, dimension: str, covered: frozenset[Cell]) -> dict[str, dict[str, Any]]:
        return {v: _row(self.by[dimension][v], covered, n) for n, v in enumerate(sorted(self.by[dimension]))}

    def _hidden(self, above: Set[int], least: int) -> dict[str, frozenset[Cell]]:
        """What each dimension's table does not show; ``above``: the columns of which the total is not shown.

        Two tables may hold the same column: of exams that are met, the stated category is the computed one. What
        one of them hides the other must not show.
        """
        tables = {name: self.table(name) for name in self.by if name != "all"}
        before: dict[str, set[Cell]] = {
            name: {(len(rows) - 1, c) for c in above} | self.also.get(name, frozenset())
            for name, rows in tables.items()
        }
        while True:
            out = {name: hidden(rows, least, before[name]) for name, rows in tables.items()}
            more = {(other, cell) for name, cells in out.items() for other, cell in self._told_twice(name, cells)}
            if all(cell in out[name] for name, cell in more):
                return out
            for name, cell in more:
                before[name].add(cell)

    def _told_twice(self, dimension: str, cells: frozenset[Cell]) -> Iterator[tuple[str, Cell]]:
        """The same cells in other dimensions' tables that hold the same column."""
        values = sorted(self.by[dimension])
        for other in self.by.keys() - {"all", dimension}:
            places = {value: n for n, value in enumerate(sorted(self.by[other]))}
            for column, status in enumerate(STATUSES):
                if self._column(other, status) == self._column(dimension, status):
                    told = (values[row] for row, c in cells if c == column and row < len(values))
                    yield from ((other, (places[value], column)) for value in told if value in places)

    def table(self, dimension: str) -> list[list[int]]:
        """Exams by value (in order, then all) and status (then all); of the dimension ``all`` one row."""
        rows = [self.by[dimension][value] for value in sorted(self.by[dimension])] if dimension != "all" else []
        return [[*_cells(counts), sum(counts.values())] for counts in (*rows, self.all)]

    def _column(self, dimension: str, status: str) -> Counts:
        return {value: counts[status] for value, counts in self.by[dimension].items() if counts.get(status)}


def reasons_of(status: str) -> str:
    """The name of the table of a status's reasons."""
    return f"reasons of {status}"


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
        elif dimension == "edition":
            tally.within[status, value][reason] = n
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
