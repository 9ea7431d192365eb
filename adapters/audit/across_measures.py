"""Small cells that one measure hides and another would tell.

The measures count the same exams. What one of them hides, since it is small or would give away what is, the others
must not show: a cell of the same group, column and count is taken for the same exams. And measures of other sets of
guidelines tell by their difference how many exams the rest has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from .measure_files import STATUSES
from .small_cells import Cell, hidden
from .tally import Tally

Fact = tuple[str, str, int, int]  # dimension, value, column, exams
ALL = len(STATUSES)  # the column of all exams


def keep_apart(found: Sequence[Tally], least: int) -> None:
    """Have each measure hide what all of them together would tell (``Tally.also``)."""
    facts, seen = _of_guidelines(found, least), dict[int, frozenset[Cell]]()
    tables = [(t, d, t.table(d), _facts(t, d)) for t in found for d in ("all", *(d for d in t.by if d != "all"))]
    told = Counter(fact for *_, cells in tables for fact in cells.values())  # what many tables tell stays where it can
    while True:
        many = len(facts)
        for n, (_, _, table, cells) in enumerate(tables):
            before = frozenset(cell for cell, fact in cells.items() if fact in facts)
            if seen.get(n) != before:
                out = hidden(table, least, before, {cell: told[fact] for cell, fact in cells.items()})
                facts |= {cells[cell] for cell in out if cell in cells}
                seen[n] = out
        if len(facts) == many:
            break
    for tally, dimension, _, cells in tables:
        tally.also[dimension] = frozenset(cell for cell, fact in cells.items() if fact in facts)


def _facts(tally: Tally, dimension: str) -> Mapping[Cell, Fact]:
    """What each cell that is not empty tells; the last row tells of all, whatever the dimension."""
    table = tally.table(dimension)
    values = [*(sorted(tally.by[dimension]) if dimension != "all" else ()), ""]
    return {
        (r, c): (dimension if r < len(table) - 1 else "all", values[r], c, n)
        for r, row in enumerate(table)
        for c, n in enumerate(row)
        if n
    }


def _of_guidelines(found: Sequence[Tally], least: int) -> set[Fact]:
    """Populations of editions with few exams, and the totals from which they would follow.

    Beside the small ones the next larger is hidden, so that together they are ``least`` or more; a total that has
    some of them and not all would part them.
    """
    whole = [t for t in found if t.measure.file.population == "TRUE"]
    many = {e: n for t in whole for e, n in _populations(t)}
    few = {e for e, n in many.items() if 0 < n < least}
    for edition in sorted(many.keys() - few, key=lambda e: (many[e], e)):
        if few and (len(few) < 2 or sum(many[e] for e in few) < least):
            few.add(edition)
    parted = [t for t in whole if 0 < len(few & {e for e, _ in _populations(t)}) < len(few)]
    return {("edition", e, ALL, many[e]) for e in few} | {("all", "", ALL, sum(t.all.values())) for t in parted}


def _populations(tally: Tally) -> Iterator[tuple[str, int]]:
    for edition, counts in tally.by["edition"].items():
        yield edition, sum(counts.values())
