"""From which change on a guideline calls a lesion grown: read from its own tables, where the rules hold it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ..guideline.load import Guideline

ANSWER, GROWN = "growth", "grown"  # the answer that tells how a lesion changed, and its value for growth
CHANGES: Final = ("difference", "largest_increase")  # numbers that are a change of size


@dataclass(frozen=True, slots=True)
class Limit:
    """More than ``mm`` of mean diameter is growth; ``within_months`` between the exams, None where none are named."""

    mm: float
    within_months: float | None = None


def limit_of(guideline: Guideline) -> Limit | None:
    """The guideline's threshold; None where it has none in mm, or several that differ."""
    found: Limit | None = guideline.worked_out("growth limit", lambda: _limit(guideline))
    return found


def _limit(guideline: Guideline) -> Limit | None:
    tests = list(_tests(guideline))
    above = {mm for mm, _ in tests}
    within = {months for _, months in tests if months is not None}
    if len(above) != 1 or len(within) > 1:
        return None
    return Limit(above.pop(), within.pop() if within else None)


def _tests(guideline: Guideline) -> Iterator[tuple[float, float | None]]:
    """(more than so many mm, within so many months) of every test of a change that concludes growth."""
    table = guideline.head.get("finding_answers", {}).get(ANSWER, {}).get("table")
    rows = [row for t in guideline.document["tables"] if t["id"] == table for row in t.get("rows", ())]
    for row in rows:
        if row.get("then") == GROWN:
            yield from (found for name, test in row.get("if", {}).items() if (found := _test(guideline, name, test)))


def _test(guideline: Guideline, name: str, test: Any) -> tuple[float, float | None] | None:
    defined = guideline.numbers.get(name, {})
    change = next((defined[way] for way in CHANGES if way in defined), None)
    if change is None or defined.get("unit") != "mm" or not isinstance(test, dict) or "above" not in test:
        return None
    months = change.get("within_months") if isinstance(change, dict) else None
    return float(test["above"]), None if months is None else float(months)
