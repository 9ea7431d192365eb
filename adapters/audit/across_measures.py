"""Small cells that one measure hides and another would tell.

The measures count the same exams. What one of them hides, since it is small or would give away what is, the others
must not show: a cell of the same group, column and count is taken for the same exams, and so is a reason of the same
count. And measures of other sets of guidelines tell by their difference how many exams the rest has. What is still
hidden after that and follows from what is shown, by any sums of them, has one more count hidden beside it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from . import crossed
from .computed import Line, computed
from .crossed import name_of, names
from .measure_files import STATUSES
from .small_cells import Cell, hidden, sums
from .tally import Tally, reasons_of

Fact = tuple[str, str, int, int]  # dimension, value, column, exams
ALL = len(STATUSES)  # the column of all exams
REASON, WITHIN = "reason", "reason of edition"


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a measure under the name by which its ``Tally`` knows it, and what its cells tell."""

    tally: Tally
    name: str
    rows: Sequence[Sequence[int]]
    facts: Mapping[Cell, Fact]


def keep_apart(found: Sequence[Tally], least: int) -> None:
    """Have each measure hide what all of them together would tell (``Tally.also``)."""
    tables = _merged([table for tally in found for table in _tables(tally)])
    lines = [line for table in tables for line in _lines(table)] + [*_beyond(found, tables)]
    told = Counter(fact for table in tables for fact in table.facts.values())  # what many tell stays where it can
    secret = {fact for line in lines for fact in line if fact[0] == WITHIN}  # stand in no table
    facts, seen = _of_guidelines(found, least) | _differing(tables, least), dict[int, frozenset[Cell]]()
    while True:
        many = len(facts)
        for n, table in enumerate(tables):
            before = frozenset(cell for cell, fact in table.facts.items() if fact in facts)
            if seen.get(n) != before:
                out = hidden(table.rows, least, before, {cell: told[fact] for cell, fact in table.facts.items()})
                facts |= {table.facts[cell] for cell in out if cell in table.facts}
                seen[n] = out
        if len(facts) == many and not (more := set(_beside(lines, facts, secret, told, least))):
            break
        facts |= more if len(facts) == many else set()
    for table in tables:
        table.tally.also[table.name] = frozenset(cell for cell, fact in table.facts.items() if fact in facts)


def _beside(
    lines: Sequence[Line[Fact]], facts: set[Fact], secret: set[Fact], told: Mapping[Fact, int], least: int
) -> Iterator[Fact]:
    """What has to be hidden too, since a small count follows from it."""
    for fact, used in computed(lines, facts | secret).items():
        if fact[-1] < least and fact in facts:
            free = {other for n in used for other in lines[n]} - facts - secret
            if free:
                yield min(free, key=lambda other: (told[other], other[-1], other))


def _differing(tables: Sequence[_Table], least: int) -> set[Fact]:
    """The cells of stated against computed that are hidden first."""
    each = {name_of(e): crossed.few(e, counts, least) for t in tables for e, counts in t.tally.crossed.items()}
    return {t.facts[cell] for t in tables for cell in each.get(t.name, ()) if cell in t.facts}


def _tables(tally: Tally) -> Iterator[_Table]:
    for dimension in ("all", *(d for d in tally.by if d != "all")):
        rows = tally.table(dimension)
        values = [*(sorted(tally.by[dimension]) if dimension != "all" else ()), ""]
        # the last row tells of all, whatever the dimension
        yield _Table(tally, dimension, rows, {
            (r, c): (dimension if r < len(rows) - 1 else "all", values[r], c, n)
            for r, row in enumerate(rows)
            for c, n in enumerate(row)
            if n
        })  # fmt: skip
    for column, status in enumerate(STATUSES):
        counts = sorted(tally.reasons[status].items())
        if counts:
            row = [*(n for _, n in counts), sum(n for _, n in counts)]
            told: list[Fact] = [(REASON, reason, 0, n) for reason, n in counts]
            cells = dict(zip(((0, n) for n in range(len(row))), [*told, ("all", "", column, row[-1])], strict=True))
            yield _Table(tally, reasons_of(status), [row], cells)
    for edition, at in tally.crossed.items():
        categories, full = [*names(edition, at), ""], crossed.table(edition, at)
        yield _Table(tally, name_of(edition), full, {
            (r, c): (name_of(edition), f"{categories[r if len(full) > 1 else 0]}, {categories[c]}", 0, n)
            for r, row in enumerate(full)
            for c, n in enumerate(row)
            if n
        })  # fmt: skip


def _merged(tables: Sequence[_Table]) -> list[_Table]:
    """The tables, with one fact for a column that two dimensions of a measure have alike.

    Of exams that are met, the stated category is the computed one.
    """
    one: dict[Fact, Fact] = {}

    def first(fact: Fact) -> Fact:
        while fact in one:
            fact = one[fact]
        return fact

    for a, b in combinations(tables, 2):
        if a.tally is b.tally and "all" not in (a.name, b.name):
            for column in range(ALL + 1):
                left, right = _column(a, column), _column(b, column)
                if left.keys() == right.keys() and len(left) > 0 and [*left] == [*right]:
                    for key in left:
                        x, y = first(left[key]), first(right[key])
                        if x != y:
                            one[max(x, y)] = min(x, y)
    return [_Table(t.tally, t.name, t.rows, {cell: first(fact) for cell, fact in t.facts.items()}) for t in tables]


def _column(table: _Table, column: int) -> dict[tuple[str, int], Fact]:
    """A status of a dimension: by value and exams."""
    inner = {c: f for c, f in table.facts.items() if c[1] == column and c[0] < len(table.rows) - 1}
    return {(fact[1], fact[3]): fact for _, fact in sorted(inner.items())}


def _lines(table: _Table) -> Iterator[Line[Fact]]:
    """The sums of a table."""
    for *parts, total in sums(table.rows):
        line = Counter(table.facts[cell] for cell in parts if cell in table.facts)
        line.subtract([table.facts[total]] if total in table.facts else [])
        yield line


def _beyond(found: Iterable[Tally], tables: Iterable[_Table]) -> Iterator[Line[Fact]]:
    """The sums over several tables, as whoever knows what the measures are can write them down."""
    facts = {(id(t.tally), t.name, cell): fact for t in tables for cell, fact in t.facts.items()}
    for tally in found:
        mine = {(name, cell): fact for (of, name, cell), fact in facts.items() if of == id(tally)}
        yield from _by_reason(tally, mine)
        yield from _by_category(tally, mine)


def _by_reason(tally: Tally, facts: Mapping[tuple[str, Cell], Fact]) -> Iterator[Line[Fact]]:
    """Reasons within an edition, which no table shows: to the edition's status and to the whole reason."""
    whole: dict[tuple[str, str], dict[Fact, int]] = defaultdict(dict)
    for (status, edition), counts in tally.within.items():
        parts = {reason: (WITHIN, f"{edition} {reason}", 0, n) for reason, n in counts.items()}
        yield {**dict.fromkeys(parts.values(), 1), facts["edition", _cell(tally, "edition", edition, status)]: -1}
        for reason, fact in parts.items():
            whole[status, reason][fact] = 1
    for (status, reason), line in whole.items():
        yield {**line, facts[reasons_of(status), (0, sorted(tally.reasons[status]).index(reason))]: -1}


def _by_category(tally: Tally, facts: Mapping[tuple[str, Cell], Fact]) -> Iterator[Line[Fact]]:
    """Stated against computed: on the diagonal is what is met, off it what is not."""
    sums_of: dict[tuple[str, Cell], dict[Fact, int]] = defaultdict(dict)
    for edition, counts in tally.crossed.items():
        order = names(edition, counts)
        for stated, read in counts:
            fact = facts[name_of(edition), (order.index(stated), order.index(read))]
            status = "met" if stated == read else "not_met"
            for dimension, value in (("edition", edition), ("stated_category", stated), ("computed", read)):
                sums_of[dimension, _cell(tally, dimension, value, status)][fact] = 1
    yield from ({**line, facts[total]: -1} for total, line in sums_of.items() if total in facts)


def _cell(tally: Tally, dimension: str, value: str, status: str) -> Cell:
    names_of: Sequence[str] = STATUSES
    return sorted(tally.by[dimension]).index(value), names_of.index(status)


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
