"""What can be computed of counts that are not shown: by sums, over any number of tables.

A line is a sum that holds: its parts are 1, its total is -1. Counts that are shown are known; a hidden one follows from
them where the lines have it alone, after any of them were added to each other. The numbers themselves do not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

K = TypeVar("K")
PRIME = 2**61 - 1  # coefficients are numbers of this field: exact, and never longer than a word
Line = Mapping[K, int]


def computed(lines: Sequence[Line[K]], hidden: AbstractSet[K]) -> dict[K, frozenset[int]]:
    """The hidden counts that follow, each with the lines that may be needed for it.

    >>> computed([{"a": 1, "b": 1, "all": -1}], {"a"})
    {'a': frozenset({0})}
    >>> computed([{"a": 1, "b": 1, "all": -1}], {"a", "b"})
    {}
    >>> sorted(computed([{"a": 1, "b": 1}, {"a": 1, "c": 1}, {"b": 1, "c": 1}], {"a", "b", "c"}))
    ['a', 'b', 'c']
    """
    solved: dict[K, tuple[dict[K, int], frozenset[int]]] = {}  # rows of one leading count each, which no other has
    holders: dict[K, set[K]] = defaultdict(set)  # in which of them a count stands
    left = [({k: c % PRIME for k, c in line.items() if k in hidden}, n) for n, line in enumerate(lines)]
    for line, n in sorted(left, key=lambda one: len(one[0])):
        row, used = line, frozenset({n})
        for key in [k for k in line if k in solved]:
            row, used = _less(row, row[key], solved[key][0]), used | solved[key][1]
        if not row:
            continue
        lead = min(row, key=lambda k: len(holders[k]))  # the first of those that stand in the fewest
        scale = pow(row[lead], -1, PRIME)
        row = {k: c * scale % PRIME for k, c in row.items()}
        for other in [*holders[lead]]:
            old, of = solved[other]
            new = _less(old, old[lead], row)
            _moved(holders, other, old, new)
            solved[other] = new, of | used
        _moved(holders, lead, {}, row)
        solved[lead] = row, used
    return {key: used for key, (row, used) in solved.items() if len(row) == 1}


def _less(row: Mapping[K, int], times: int, other: Mapping[K, int]) -> dict[K, int]:
    found = dict(row)
    for key, c in other.items():
        found[key] = (found.get(key, 0) - times * c) % PRIME
    return {key: c for key, c in found.items() if c}


def _moved(holders: dict[K, set[K]], row: K, old: Collection[K], new: Collection[K]) -> None:
    for key in old:
        holders[key].discard(row)
    for key in new:
        holders[key].add(row)
