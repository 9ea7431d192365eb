"""What can be computed of counts that are not shown: by sums, over any number of tables.

A line is a sum that holds: its parts are 1, its total is -1. Counts that are shown are known; a hidden one follows from
them where the lines have it alone, after any of them were added to each other. The numbers themselves do not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
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
    solved: dict[K, tuple[dict[K, int], set[int]]] = {}  # rows of one leading count each, which no other has
    holders: dict[K, set[K]] = defaultdict(set)  # in which of them a count stands
    left = [({k: c % PRIME for k, c in line.items() if c and k in hidden}, n) for n, line in enumerate(lines)]
    for row, n in sorted(left, key=lambda one: len(one[0])):
        used = {n}
        for key in [k for k in row if k in solved]:
            _subtract(row, row[key], solved[key][0])
            used |= solved[key][1]
        if not row:
            continue
        lead = min(row, key=lambda k: len(holders[k]))  # the first of those that stand in the fewest
        scale = pow(row[lead], -1, PRIME)
        row.update({k: c * scale % PRIME for k, c in row.items()})
        for other in [*holders[lead]]:
            longer, of = solved[other]
            _subtract(longer, longer[lead], row)
            of |= used
            for key in row:
                (holders[key].add if key in longer else holders[key].discard)(other)
        for key in row:
            holders[key].add(lead)
        solved[lead] = row, used
    return {key: frozenset(used) for key, (row, used) in solved.items() if len(row) == 1}


def _subtract(row: dict[K, int], times: int, other: Mapping[K, int]) -> None:
    """In place, for rows grow long: what it costs is the length of the other."""
    for key, c in other.items():
        row[key] = (row.get(key, 0) - times * c) % PRIME
        if not row[key]:
            del row[key]
