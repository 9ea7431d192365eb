"""The tables of a guideline's document for the peers: rows of plain tests, and an exam as plain values.

The numbers that follow from inputs (means, growth within 12 months, counts of exams) are handed to the peers
ready-made: working them out is not counted, in their favour. "n/a" of a number is ``ABSENT``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exams import Exam

from radlogic.engine.guideline import numbers
from radlogic.engine.guideline.load import Guideline
from radlogic.engine.guideline.tables import NOT_APPLICABLE, as_symbols

ABSENT, LEAST, MOST = -1_000_000.0, -1_000.0, 1_000_000_000.0  # no number, and bounds of all numbers
Plain = dict[str, str | float]


@dataclass(frozen=True)
class Test:
    """Symbols that a value may have (``among`` False: may not have), or bounds of a number as (sign, bound)."""

    symbols: tuple[str, ...] = ()
    among: bool = True
    bounds: tuple[tuple[str, float], ...] = ()
    or_absent: bool = False


@dataclass(frozen=True)
class Row:
    """``then`` is a symbol, or "=name" for what an earlier table gave; ``default`` rows fit where no other one does."""

    id: str
    tests: Mapping[str, Test]
    then: str
    default: bool = False


@dataclass(frozen=True)
class Table:
    """A table; ``name`` is what its result is called: tables that are one table's parts share its name."""

    id: str
    name: str
    rows: tuple[Row, ...]


def plain_name(name: str) -> str:
    """A name without the dot, which is a path to zen-engine and nothing to CLIPS."""
    return name.replace(".", "_")


def tables(guideline: Guideline) -> list[Table]:
    """The tables that lead from a nodule to the exam's answers, each after those that it looks at."""
    stages = (guideline.finding.stage, guideline.exam.stage)
    place = {t.id: n for n, t in enumerate(t for stage in stages for t in stage.tables)}
    found = sorted((t for t in guideline.document["tables"] if t["id"] in place), key=lambda t: place[t["id"]])
    shared = {part: t["id"] for t in found for part in t.get("union", ())}
    return [Table(t["id"], shared.get(t["id"], t["id"]), tuple(_rows(t))) for t in found if "union" not in t]


def _rows(table: Mapping[str, Any]) -> Iterator[Row]:
    guard = {plain_name(n): _test(t) for n, t in table.get("when", {}).items()}
    for row in table.get("rows", table.get("any", ())):
        tests = guard | {plain_name(n): _test(t) for n, t in row.get("if", {}).items()}
        yield Row(f"{table['id']}.{row['id']}", tests, as_symbols(row["then"])[0])
    if "any" in table:
        yield Row(f"{table['id']}.otherwise", guard, "no", default=True)
    elif "otherwise" in table:
        then = table["otherwise"]["then"]
        if isinstance(then, dict):
            if then != {"by": 0}:
                raise ValueError(f"{table['id']}: {then} is more than Lung-RADS has")
            then = f"={table['adjust']}"
        yield Row(f"{table['id']}.otherwise", guard, then, default=True)


def _test(test: Any) -> Test:
    if not isinstance(test, dict):
        return Test(tuple(as_symbols(test)))
    if "not" in test:
        return Test(tuple(as_symbols(test["not"])), among=False)
    signs = {"from": ">=", "above": ">", "below": "<", "to": "<="}
    bounds = tuple((sign, float(test[key])) for key, sign in signs.items() if key in test)
    return Test(bounds=bounds, or_absent=test.get("or") == NOT_APPLICABLE)


def plain(guideline: Guideline, exam: Exam) -> Plain:
    """A one-nodule exam as what the tables test: words, and numbers in mm and months."""
    facts, (nodule,) = exam
    stated = facts | nodule
    raw = {n: tuple(v) if isinstance(v := stated.get(n), list) else v for n in guideline.amounts}
    stages = (guideline.finding.stage, guideline.exam.stage)
    tested = [v for stage in stages for v in stage.variables if v.scope not in ("reading", "derived_exam")]
    found: Plain = {}
    for variable in tested:
        name = variable.name
        if variable.cuts is not None:
            found[plain_name(name)] = _amount(numbers.number(name, guideline.numbers, raw))
        elif name in stated and stated[name] is not None:
            found[plain_name(name)] = as_symbols(stated[name])[0]
        elif name.split(".", maxsplit=1)[0] in guideline.inputs:
            found[plain_name(name)] = "not asked"
    return found


def _amount(amount: Decimal | str | None) -> float:
    return float(amount) if isinstance(amount, Decimal) else ABSENT
