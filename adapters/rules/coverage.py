"""Which rows of a guideline its cases reach: the coverage of rules, not of code."""

from __future__ import annotations

from collections.abc import Iterator

from ...engine.guideline import possible, trace
from ...engine.guideline.compile import Diagram, Leaf
from ...engine.guideline.load import Guideline
from ...engine.guideline.situation import Situation
from ...engine.guideline.tables import NO_FINDING, READING, WORST, Table
from .examples import Run


def rows_of(guideline: Guideline, run: Run) -> frozenset[str]:
    """The rows (``table.row``) that a case reaches: those of its traces, and those of yes/no tables that fit."""
    return frozenset(_traced(run)) | frozenset(_fitting(guideline, run))


def _traced(run: Run) -> Iterator[str]:
    for reading in (run.result.exam, *run.result.findings):
        for step in reading.trace:
            table, rows = step.row.split(".", 1)
            yield from (f"{table}.{row.split('/')[0]}" for row in rows.split(", "))


def _fitting(guideline: Guideline, run: Run) -> Iterator[str]:
    stage = guideline.finding.stage
    for _, facts in run.facts.findings:
        told = trace.Told(Leaf((), {}), Situation(guideline, stage, {**run.facts.exam, **facts}))
        for table in (t for t in stage.tables if t.met is not None):
            fitting = (row for row in table.rows[: table.met] if told.fits(row))
            yield from (f"{table.id}.{row.id}" for row in fitting)


def reachable(guideline: Guideline) -> frozenset[str]:
    """The rows (``table.row``) that some case can reach by default reading.

    An ``any`` table's "none of these" is no row of its own.
    """
    category = guideline.finding.stage.table(guideline.head["category"])
    results = {leaf.results[category] for leaf in _by_default(guideline.finding)}
    found = {row for d in (guideline.finding, guideline.exam) for row in _decided(d, results)}
    return frozenset(found)


def _decided(diagram: Diagram, worst: set[str]) -> Iterator[str]:
    tables = diagram.stage.tables
    for leaf in _by_default(diagram, worst):
        plain = ((t, r) for t, r in leaf.rows if tables[t].kind != "any" and r >= 0)
        yield from (_name(tables[t], r) for t, r in plain)
    for table in tables:
        yield from (_name(table, r) for r in range(table.met or 0))


def _name(table: Table, row: int) -> str:
    return f"{table.id}.{table.rows[row].id.removeprefix(table.id + '.').split('/')[0]}"


def _by_default(diagram: Diagram, worst: set[str] | None = None) -> Iterator[Leaf]:
    """Every outcome by default reading; ``worst`` limits what the findings can be."""
    variables = diagram.stage.variables

    def cells(at: int) -> tuple[int, ...]:
        name, domain = variables[at].name, variables[at].domain
        if name == READING:
            return (0,)
        limited = name == WORST and worst is not None
        return tuple(c for c, value in enumerate(domain) if not limited or value in {*(worst or ()), NO_FINDING})

    return possible.leaves(diagram, cells)
