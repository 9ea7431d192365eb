"""Small cells: which counts of a table are not shown, and which others must not be so that nobody can subtract.

A table has the totals as its last row and column. A cell from 1 to below ``least`` is hidden. In a row or
column whose total is shown, one hidden cell alone follows from the others, and several follow as a sum:
so at least two are hidden, and together they reach ``least``. Otherwise the smallest cell that is left is
hidden too, until nothing changes. Zeros are shown, they tell of nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

Cell = tuple[int, int]


def hidden(
    table: Sequence[Sequence[int]], least: int, before: Iterable[Cell] = (), cost: Mapping[Cell, int] = {}
) -> frozenset[Cell]:
    """The cells (row, column) that are not shown; ``before``: those that another table already hides.

    ``cost``: what it costs to hide a cell beside the small ones, 0 where nothing is said; the cheapest is chosen.

    >>> sorted(hidden([[5, 100, 200, 305]], 11))
    [(0, 0), (0, 1)]
    >>> hidden([[50, 100, 0, 150]], 11)
    frozenset()
    """
    cells = {(r, c): n for r, row in enumerate(table) for c, n in enumerate(row)}
    found = {cell for cell, n in cells.items() if 0 < n < least} | set(before)
    lines = list(sums(table))
    while more := {cell for line in lines if (cell := _next(line, cells, found, least, cost)) is not None}:
        found |= more
    return frozenset(found)


def sums(table: Sequence[Sequence[int]]) -> Iterator[list[Cell]]:
    """The rows and columns of a table, the total last; a table of one row has no column totals."""
    rows, columns = len(table), len(table[0]) if table else 0
    yield from ([(r, c) for c in range(columns)] for r in range(rows))
    if rows > 1:
        yield from ([(r, c) for r in range(rows)] for c in range(columns))


def _next(
    line: Sequence[Cell], cells: dict[Cell, int], found: set[Cell], least: int, cost: Mapping[Cell, int]
) -> Cell | None:
    """The cell of a line that has to be hidden too, if any."""
    *inner, total = line
    out = [cell for cell in inner if cell in found]
    if total in found:
        exposed = not out and cells[total] > 0  # the shown ones add up to it
    else:
        exposed = bool(out) and (len(out) == 1 or sum(cells[cell] for cell in out) < least)
    left = [cell for cell in line if cell not in found and cells[cell] > 0]
    if total in found:
        left = [cell for cell in left if cell != total]
    return min(left, key=lambda cell: (cost.get(cell, 0), cells[cell], cell)) if exposed and left else None
