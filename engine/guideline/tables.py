"""A guideline as the readers see it: finite variables, tables in stages, rows as conjunctions.

Built from the plain document of ``source.py`` (fresh, or from the compiled cache). Every number
that a row tests becomes a variable whose cells are the intervals between the tested cuts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..errors import RuleFileError

NOT_APPLICABLE = "n/a"
WORST = "worst"  # exam scope: the highest category of the findings, or "none"
READING = "reading"  # the last variable: which reading of a silent spot; 0 is the default
NO_FINDING = "none"


@dataclass(frozen=True, slots=True)
class Cuts:
    """Interval cells of a number: ``points`` ascending; cell i holds what has passed i of them.

    A point (c, False) is passed by values >= c, a point (c, True) by values > c.
    """

    points: tuple[tuple[Decimal, bool], ...]

    def cell(self, value: Decimal) -> int:
        """The cell of a value: how many points it has passed."""
        return bisect_right(self.points, (value, False))

    def words(self, cell: int) -> str:
        """The cell as an interval in words."""
        low = f"{'above' if self.points[cell - 1][1] else 'from'} {self.points[cell - 1][0]}" if cell else ""
        high = f"{'to' if self.points[cell][1] else 'below'} {self.points[cell][0]}" if cell < len(self.points) else ""
        return " ".join(filter(None, (low, high))) or "any"


@dataclass(frozen=True, slots=True)
class Variable:
    """A finite variable. ``domain`` names its cells; ``cuts`` is set where it is a number."""

    name: str
    scope: str  # "exam" | "patient" | "finding" | "derived" | "reading"
    domain: tuple[str, ...]
    doc: str = ""
    unit: str = ""
    cuts: Cuts | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Tests on variables (index -> allowed cells) and on results of earlier tables (index -> symbols)."""

    id: str
    cells: Mapping[int, frozenset[int]]
    results: Mapping[int, frozenset[str]]
    then: str | int | tuple[int, str | None]  # symbol, points, or (shift, cap)
    cite: str
    says: str
    tests: tuple[tuple[str, str], ...]  # (what, condition in words), as written
    over: tuple[str, ...] = ()
    why_silent: str = ""
    mark: str = "V2"


@dataclass(frozen=True, slots=True)
class Table:
    """One stage. ``kind``: decide, any, sum or adjust; ``parts``: tables that it adds up or adjusts."""

    id: str
    title: str
    scope: str
    kind: str
    rows: tuple[Row, ...]
    parts: tuple[int, ...] = ()
    guard: Row | None = None
    mark: str = "V2"

    @property
    def met(self) -> int | None:
        """Index of the row that stands for "one of them fits" in an ``any`` table."""
        return len(self.rows) - 2 if self.kind == "any" else None

    def fallback(self) -> int | None:
        """Index of the ``otherwise`` row, if there is one."""
        return len(self.rows) - 1 if self.rows and self.rows[-1].id.endswith(".otherwise") else None


@dataclass(frozen=True, slots=True)
class Stage:
    """All tables of one scope in stage order, with the variables that they test, in diagram order."""

    scope: str
    variables: tuple[Variable, ...]
    tables: tuple[Table, ...]
    roots: tuple[int, ...]
    order: tuple[str, ...]  # categories, least to most concern
    index: Mapping[str, int] = field(default_factory=dict)  # variable name -> index

    def table(self, name: str) -> int:
        """Index of a table by name."""
        return next(i for i, t in enumerate(self.tables) if t.id == name)


def fail(where: str, found: str, allowed: str, cure: str) -> RuleFileError:
    """A rule-language error that needs more than one file to see."""
    return RuleFileError(where, "", found, allowed, cure)


def as_symbols(test: Any) -> list[str]:
    """The symbols of a test as written: one or a list; booleans become yes and no."""
    listed = test if isinstance(test, list) else [test]
    return [("yes" if s else "no") if isinstance(s, bool) else str(s) for s in listed]
