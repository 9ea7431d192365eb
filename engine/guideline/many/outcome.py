"""Where the rows of a batch arrive: the one leaf, or all the results that are still possible."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compile import NA_ROW, Diagram
from ..load import Guideline
from ..tables import NOT_APPLICABLE
from .bits import Bits, Coded, Flags, Plan, bits, flags
from .completed import Joint

SEVERAL = -1
LEAF = 4  # bytes of a leaf's number in a key
# what rests on several measurements; others take every value that their one measurement can give them
JOINT = ("difference", "percent_change", "largest_increase", "count_exams")


class Ready:
    """A diagram with the result that each leaf stands for, ready to be walked by bits."""

    def __init__(self, guideline: Guideline, diagram: Diagram, results: Sequence[Any]) -> None:
        self.diagram, self.plan = diagram, Plan(diagram)
        self.joint: Joint = guideline.worked_out(("joint", id(diagram.stage)), lambda: Joint(guideline, diagram.stage))
        self.results: list[Any] = list(dict.fromkeys(results))
        place: Mapping[Hashable, int] = {r: n for n, r in enumerate(self.results)}
        self.result_of = [place[r] for r in results]
        numbers = {at: v.name for at, v in enumerate(diagram.stage.variables) if v.cuts is not None}
        behind = {at: guideline.behind[name] for at, name in numbers.items()}
        domains = {at: diagram.stage.variables[at].domain for at in numbers}
        absent = self.joint.ways.absent  # n/a only where the form says so
        self.tied = [
            at
            for at, name in numbers.items()
            if any(k in guideline.numbers[name] for k in JOINT)
            or (NOT_APPLICABLE in domains[at] and not behind[at] & absent)
        ]
        self.bounds = [
            (at, limit[other], guideline.behind[limit[other]])
            for limit in guideline.document["inputs"].get("at_most", ())
            for one, other in (("small", "large"), ("large", "small"))
            for at in numbers
            if behind[at] & guideline.behind[limit[one]]
        ]
        alike = [(a, b) for a in numbers for b in numbers if a < b and behind[a] & behind[b]]
        self.pairs = [*alike, *((a, b) for a, _, found in self.bounds for b in numbers if behind[b] & found)]
        self.listed = [
            at for at in numbers if behind[at] & {n for n, (_, i) in guideline.inputs.items() if i["type"] == "history"}
        ]

    def rows(self, leaf: int) -> tuple[str, ...]:
        """The rows of a leaf as ``table.row``; of a yes/no table only that one was met."""
        if leaf == SEVERAL:
            return ()
        tables = self.diagram.stage.tables
        found = ((tables[t], row) for t, row in self.diagram.leaves[leaf].rows if row != NA_ROW and tables[t].rows)
        return tuple(f"{t.id}.{t.rows[row].id.removeprefix(t.id + '.')}" for t, row in found)

    def too_wide(self, coded: Coded, met: Mapping[int, Bits]) -> Bits:
        """The rows that met unknown numbers which could depend on each other, or on what is known."""
        found = 0
        for at in self.tied:
            found |= met[at]
        for a, b in self.pairs:
            found |= met[a] & met[b]
        for at, other, _ in self.bounds:
            if coded.numbers is not None:
                found |= met[at] & bits(coded.numbers.of(other).known)
        return found & ~self.unlisted(coded, met)

    def unlisted(self, coded: Coded, met: Mapping[int, Bits]) -> Bits:
        """The rows that met a number which rests on a list of older sizes that is unknown: it can be anything."""
        found = 0
        for past in coded.numbers.histories.values() if coded.numbers is not None else ():
            for at in self.listed:
                found |= met[at] & bits(~past.known)
        return found


class Outcome:
    """The outcome of each row, or of each owner of rows.

    ``keys`` stand for the one leaf by the default reading, or several, and for the possible results: see ``leaf``
    and ``results``.
    """

    def __init__(
        self,
        ready: Ready,
        coded: Coded,
        by_default: Flags | None = None,
        owner: NDArray[np.intp] | None = None,
        owners: int = 0,
    ) -> None:
        self.ready, count = ready, coded.count
        default, others, met = ready.plan.walk(coded, (1 << count) - 1)
        first, further = self._by_result(default, count), self._by_result(others, count)
        leaf = _leaf(default, count)
        self._exact(coded, first, further, met)
        if by_default is not None and owner is not None:
            further |= first & ~by_default[:, None]
            first &= by_default[:, None]
            starts = np.searchsorted(owner, np.arange(owners))
            leaf = np.where(np.bincount(owner, minlength=owners) == 1, leaf[starts], SEVERAL)
            first, further = (np.logical_or.reduceat(x, starts) for x in (first, further))
        packed = np.packbits(np.concatenate([first, further], axis=1), axis=1)
        packed = np.concatenate([leaf.astype(np.int32).view(np.uint8).reshape(-1, LEAF), packed], axis=1)
        raw, width = packed.tobytes(), packed.shape[1]
        self.keys = [raw[at : at + width] for at in range(0, len(raw), width)]

    def _exact(self, coded: Coded, first: Flags, further: Flags, met: Mapping[int, Bits]) -> None:
        """Leave only what some patient reaches: ``first`` and ``further`` (rows, results) lose the others, in place."""
        several = (first.sum(axis=1) > 1) | further.any(axis=1)
        rows = np.flatnonzero(flags(self.ready.too_wide(coded, met), coded.count) & ~coded.slow & several)
        if not len(rows) or coded.numbers is None:
            return
        reached = {at: flags(met[at], coded.count)[rows] for at in self.ready.joint.numbers}
        place, cells = self.ready.joint.worlds(coded.numbers, rows, reached)
        default, others, _ = self.ready.plan.walk(coded.within(rows[place], cells), (1 << len(place)) - 1)
        starts = np.searchsorted(place, np.arange(len(rows)))
        for held, leaves in ((first, default), (further, others)):
            held[rows] = np.logical_or.reduceat(self._by_result(leaves, len(place)), starts)

    def _by_result(self, found: Mapping[int, Bits], count: int) -> Flags:
        """(rows, results): which results a row can have."""
        merged = defaultdict[int, Bits](int)
        for leaf, rows in found.items():
            merged[self.ready.result_of[leaf]] |= rows
        matrix = np.zeros((len(self.ready.results), count), np.bool_)
        for n, rows in merged.items():
            matrix[n] = flags(rows, count)
        return matrix.T

    def leaf(self, key: bytes) -> int:
        """The leaf that a key stands for, or ``SEVERAL``."""
        return int(np.frombuffer(key[:LEAF], np.int32)[0])

    def results(self, key: bytes) -> tuple[list[Any], list[Any]]:
        """The results that a key stands for: by the default reading, and by the others."""
        known = len(self.ready.results)
        there = np.unpackbits(np.frombuffer(key[LEAF:], np.uint8), count=2 * known)
        first, further = np.flatnonzero(there[:known]), np.flatnonzero(there[known:])
        return [self.ready.results[n] for n in first], [self.ready.results[n] for n in further]


def _leaf(found: Mapping[int, Bits], count: int) -> NDArray[np.int32]:
    """The number of the one leaf that a row reaches, read from its binary digits; ``SEVERAL`` where there are more."""
    once = twice = 0
    digits = defaultdict[int, Bits](int)
    for leaf, rows in found.items():
        twice |= once & rows
        once |= rows
        for digit in range(leaf.bit_length()):
            if leaf >> digit & 1:
                digits[digit] |= rows
    number = np.zeros(count, np.int32)
    for digit, rows in digits.items():
        number |= flags(rows, count).astype(np.int32) << digit
    return np.where(flags(twice, count), SEVERAL, number).astype(np.int32)
