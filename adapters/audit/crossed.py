"""Stated against computed category: the exams of an edition that ``category-concordant`` can judge, as a table."""

# ruff: noqa: S608  the SQL is made of names that are quoted and of our own words

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ...engine.guideline.columns import quoted, text
from .measure_files import Measure
from .scope import editions_of
from .small_cells import Cell, hidden

CONCORDANT = "category-concordant"
Crossed = Mapping[tuple[str, str], int]  # (stated, computed): exams


def crossed(database: Any, rows: Sequence[Path], measure: Measure) -> dict[str, Crossed]:
    """The counts by edition."""
    judged = ", ".join(
        str(n) for n, (status, _) in enumerate(measure.outcomes, start=1) if status in ("met", "not_met")
    )
    found = database.execute(
        "SELECT edition, stated_category, computed, COUNT(*) "
        f"FROM read_parquet([{', '.join(text(str(file)) for file in rows)}]) "
        f"WHERE {quoted(measure.id)} IN ({judged}) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return {
        edition: {(stated, computed): n for _, stated, computed, n in mine}
        for edition, mine in groupby(found, key=lambda row: row[0])
    }


def name_of(edition: str) -> str:
    """The name of an edition's table."""
    return f"stated against computed {edition}"


def names(edition: str, counts: Crossed) -> list[str]:
    """The categories of its rows and of its columns."""
    return in_order(edition, {category for both in counts for category in both})


def table(edition: str, counts: Crossed) -> list[list[int]]:
    """Rows: stated, columns: computed, then all."""
    mine = names(edition, counts)
    return totalled([[counts.get((s, c), 0) for c in mine] for s in mine])


def few(edition: str, counts: Crossed, least: int) -> frozenset[Cell]:
    """The cells to be hidden first: the diagonal is what ``summary.json`` calls met, so what differs is by itself."""
    mine = names(edition, counts)
    differ = totalled([[counts.get((s, c), 0) if s != c else 0 for c in mine] for s in mine])
    return frozenset(cell for cell in hidden(differ, least) if max(cell) < len(mine))


def heat(edition: str, counts: Crossed, least: int, also: frozenset[Cell] = frozenset()) -> dict[str, Any]:
    """The table of one edition for people; a hidden count is None. ``also``: what other tables would tell."""
    mine, full = names(edition, counts), table(edition, counts)
    out = hidden(full, least, few(edition, counts, least) | also)
    told = [[None if (r, c) in out else n for c, n in enumerate(row)] for r, row in enumerate(full)]
    if len(mine) == 1:  # ``hidden`` has totals by row alone for one row
        told = [told[0], list(told[0])]
    cells, right, below = [row[:-1] for row in told[:-1]], [row[-1] for row in told[:-1]], told[-1]
    return {"edition": edition, "categories": mine, "cells": cells, "stated": right, "computed": below[:-1],
            "exams": below[-1]}  # fmt: skip


def totalled(rows: list[list[int]]) -> list[list[int]]:
    """With the sums of the rows, and of several rows those of the columns."""
    with_sums = [[*row, sum(row)] for row in rows]
    return [*with_sums, [sum(column) for column in zip(*with_sums, strict=True)]] if len(rows) > 1 else with_sums


def in_order(edition: str, categories: set[str]) -> list[str]:
    """Categories from the least to the most worrying."""
    ranks = next((e.guideline.rank for e in editions_of(edition.partition("@")[0]) if e.name == edition), {})
    return sorted(categories, key=lambda name: (ranks.get(name, 99), name))
