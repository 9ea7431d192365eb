"""The cells that a row's unknown numbers can have together: its worlds.

The walk of a batch takes unknown numbers as independent, which can only be too wide: a nodule of unknown size
is small and large at once, whatever it grew by. What they can be together rests on the few measurements behind
the numbers that the row met; its symbols have no part in it. So it is worked out once for all rows that are
alike in them, for each group of measurements that hang together, and remembered from batch to batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..load import Guideline
from ..tables import Stage
from .choices import MOST, Choices, choices, completions, expanded, of_history, stated
from .columns import MOST as TOP
from .columns import Column, Flags, Numbers, Whole, column, past, variable_cells

OWN = -1  # in a world: the cell that the row has by itself
ABSENT, UNKNOWN, ASIDE = -TOP, 1 - TOP, 2 - TOP  # in a key, where there is no value; ASIDE: it makes no difference
CHUNK = 100_000  # completions at a time, for the memory
MOST_KEPT = 100_000  # kinds of rows that are remembered, for the memory
Places = NDArray[np.intp]
Cells = NDArray[np.int16]  # (worlds, numbers)
Reached = Mapping[int, Flags]  # by variable: the rows that met it unknown
Group = frozenset[str]  # measurements


class Joint:
    """What the numbers of a stage can be together."""

    def __init__(self, guideline: Guideline, stage: Stage) -> None:
        self.guideline = guideline
        self.ways: Choices = guideline.worked_out(("choices", id(stage)), lambda: choices(guideline, stage))
        self.numbers = {at: v for at, v in enumerate(stage.variables) if v.cuts is not None}
        self.sizes = [len(v.domain) - OWN + 1 for v in self.numbers.values()]
        self.rests = {at: atoms(guideline, v.name, self.ways) for at, v in self.numbers.items()}
        limits = guideline.document["inputs"].get("at_most", ())
        self.bounds = [
            atoms(guideline, x["small"], self.ways) | atoms(guideline, x["large"], self.ways) for x in limits
        ]
        self.bounding = {i for x in limits for k in ("small", "large") for i in guideline.behind[x[k]]}
        self.known: dict[bytes, Cells] = {}
        self.wide = np.full((1, len(self.numbers)), OWN, np.int16)

    def worlds(self, numbers: Numbers, rows: Places, reached: Reached) -> tuple[Places, dict[int, Cells]]:
        """The row of each world, in order, and the cells of each number in it; ``OWN``: as the row has it."""
        if len(self.known) > MOST_KEPT:
            self.known = {}
        given = stated(numbers, self.ways)
        unknown = self._unknown(given, rows, reached)
        if not unknown:
            return np.arange(len(rows)), {at: np.full(len(rows), OWN, np.int16) for at in self.numbers}
        patterns = [*self._patterns(unknown)]
        found: dict[Group, dict[int, Cells]] = {}
        for group in dict.fromkeys(group for groups, _ in patterns for group in groups):
            some = np.concatenate([rows_ for groups, rows_ in patterns if group in groups])
            here = {at: met[some] for at, met in reached.items()}
            worlds = self._of_group(group, numbers, given, rows[some], here)
            found[group] = dict(zip(some.tolist(), worlds, strict=True))
        joined = [_joined(some, [[found[g][n] for n in some.tolist()] for g in groups]) for groups, some in patterns]
        place = np.concatenate([p for p, _ in joined])
        order = np.argsort(place, kind="stable")
        cells = np.concatenate([c if c is not None else self.wide.repeat(len(p), axis=0) for p, c in joined])[order]
        return place[order], {at: cells[:, n] for n, at in enumerate(self.numbers)}

    def _unknown(self, given: Mapping[str, Column], rows: Places, reached: Reached) -> dict[str, Flags]:
        """For each measurement the rows where it is unknown and was met: the rest makes no difference."""
        found: dict[str, Flags] = {}
        for at, here in reached.items():
            for name in self.guideline.behind[self.numbers[at].name] & self.ways.fixed.keys() - self.ways.alone:
                open_ = ~(given[name].known | given[name].absent)[rows] & here
                found[name] = found[name] | open_ if name in found else open_
        return {name: found[name] for name in sorted(found)}

    def _patterns(self, unknown: Mapping[str, Flags]) -> Iterator[tuple[list[Group], Places]]:
        """Rows in which the same measurements are unknown, and those in groups."""
        table = np.stack([*unknown.values(), np.zeros_like(next(iter(unknown.values())))], axis=1)
        patterns, which = np.unique(table, axis=0, return_inverse=True)
        for n, pattern in enumerate(patterns.tolist()):
            open_ = {name for name, there in zip(unknown, pattern, strict=False) if there}
            yield [*self._apart(open_)], np.flatnonzero(which.reshape(-1) == n)

    def _apart(self, names: set[str]) -> Iterator[Group]:
        """The measurements in groups, so that no number and no bound rests on two groups."""
        while names:
            group, more = set[str](), {min(names)}
            while more:
                group |= more
                tied = (t for t in (*self.rests.values(), *self.bounds) if t & group)
                more = {name for t in tied for name in t & names} - group
            names = names - group
            yield frozenset(group)

    def _of_group(
        self, group: Group, numbers: Numbers, given: Mapping[str, Column], rows: Places, reached: Reached
    ) -> list[Cells]:
        """The worlds of each row in what rests on a group."""
        mine = {at: found for at, found in reached.items() if self.rests[at] & group}
        keys = self._keys(group, numbers, given, rows, mine)
        new = {key: n for n, key in enumerate(keys) if key not in self.known}
        if new:
            first = np.fromiter(new.values(), np.intp)
            alike = {at: found[first] for at, found in mine.items()}
            self.known |= zip(new, self._worked_out(group, numbers, given, rows[first], alike), strict=True)
        return [self.known[key] for key in keys]

    def _keys(
        self, group: Group, numbers: Numbers, given: Mapping[str, Column], rows: Places, reached: Reached
    ) -> list[bytes]:
        """What stands for all that the worlds of a row rest on."""
        needed: dict[str, Flags] = {a: np.ones(len(rows), np.bool_) for b in self.bounds if b & group for a in b}
        for at, found in reached.items():
            needed |= {a: needed[a] | found if a in needed else found for a in self.rests[at]}
        parts = [found.astype(np.int64) for found in reached.values()]
        for name in sorted(needed):
            parts += [np.where(needed[name], state, ASIDE) for state in _states(name, numbers, given, rows)]
        table = np.ascontiguousarray(np.stack(parts, axis=1))
        raw, width = table.tobytes(), table.shape[1] * table.itemsize
        head = ",".join((*sorted(group), *map(str, reached))).encode()
        return [head + raw[at : at + width] for at in range(0, len(raw), width)]

    def _worked_out(
        self, group: Group, numbers: Numbers, given: Mapping[str, Column], rows: Places, reached: Reached
    ) -> Iterator[Cells]:
        columns = {n: c.taken(rows) for n, c in given.items()}
        columns |= {k: c.taken(rows) for n, p in numbers.histories.items() for k, c in of_history(n, p).items()}
        unknown = {n: np.ones(len(rows), np.bool_) for n in sorted(group)}
        count, _ = completions(columns, unknown, self.ways)
        for part in _parts(count):
            some = {n: c.taken(part) for n, c in columns.items()}
            every, place, _ = expanded(some, {n: u[part] for n, u in unknown.items()}, self.ways)
            yield from self._cells(numbers, rows[part], place, every, {n: r[part] for n, r in reached.items()})

    def _cells(
        self, numbers: Numbers, rows: Places, place: Places, every: Mapping[str, Column], reached: Reached
    ) -> Iterator[Cells]:
        """The worlds of each row, from its completions, each once; its own cells where none was made."""
        mine = [self.guideline.behind[self.numbers[at].name] for at in reached]
        needed = frozenset(self.bounding).union(*mine)
        at_row = rows[place]
        inputs = {
            n: every[n] if n in every else numbers.inputs[n].taken(at_row) for n in needed & numbers.inputs.keys()
        }
        histories = {n: numbers.histories[n].taken(at_row) for n in needed & numbers.histories.keys()}
        filled = Numbers(numbers.definitions, inputs, histories, len(place))
        filled.bounded(self.guideline.document["inputs"].get("at_most", ()))
        cells = np.repeat(self.wide, len(place), axis=0)
        for n, (at, variable) in enumerate(self.numbers.items()):
            if at in reached:
                cells[:, n] = np.where(reached[at][place], variable_cells(variable, filled), OWN)
        kept = np.flatnonzero(~filled.refused)
        once = kept[_distinct(place[kept], cells[kept], self.sizes)]
        bounds = np.searchsorted(place[once], np.arange(len(rows) + 1)).tolist()
        yield from (cells[once[a:b]] if b > a else self.wide for a, b in pairwise(bounds))


def worlds(
    guideline: Guideline, stage: Stage, raw: Mapping[str, Any], undecided: Sequence[int]
) -> Sequence[Mapping[int, int]] | None:
    """All cells that these unknown numbers of one row can have together; one that stays open is left out.

    None where a list of older sizes is unknown, or a number is finer than a column holds.
    """
    behind = {i for at in undecided for i in guideline.behind[stage.variables[at].name]}
    lists = {n for n, (_, i) in guideline.inputs.items() if i["type"] == "history"}
    if any(raw.get(n) is None for n in behind & lists):
        return None
    given = {n: column([raw.get(n)]) for n in guideline.amounts if n not in lists}
    older = {n: past([raw.get(n)]) for n in guideline.amounts if n in lists}
    if any(fine.any() for _, fine in (*given.values(), *older.values())):
        return None
    numbers = Numbers(
        guideline.numbers, {n: c for n, (c, _) in given.items()}, {n: p for n, (p, _) in older.items()}, 1
    )
    joint = guideline.worked_out(("joint", id(stage)), lambda: Joint(guideline, stage))
    place, found = joint.worlds(numbers, np.arange(1), {at: np.ones(1, np.bool_) for at in undecided})
    rows = zip(*(found[at].tolist() for at in undecided), strict=True) if undecided else [()] * len(place)
    sizes = [len(stage.variables[at].domain) for at in undecided]
    return [{at: c for at, c, n in zip(undecided, row, sizes, strict=True) if 0 <= c < n} for row in rows]


def atoms(guideline: Guideline, name: str, ways: Choices) -> frozenset[str]:
    """What a number rests on: measurements that may have to be chosen, and numbers and inputs that never are."""
    if name in ways.fixed or name not in guideline.numbers or not guideline.behind[name] & ways.fixed.keys():
        return frozenset({name})
    inner = [n for n in _texts(guideline.numbers[name]) if n in guideline.numbers or n in guideline.inputs]
    return frozenset(a for n in inner if n != name for a in atoms(guideline, n, ways))


def _texts(definition: Any) -> Iterator[str]:
    """Every text in a definition."""
    if isinstance(definition, str):
        yield definition
    elif isinstance(definition, Mapping):
        yield from (n for inner in definition.values() for n in _texts(inner))
    elif isinstance(definition, Sequence):
        yield from (n for inner in definition for n in _texts(inner))


def _states(name: str, numbers: Numbers, given: Mapping[str, Column], rows: Places) -> Iterator[Whole]:
    """What is known of an atom in each row, as whole numbers."""
    if name in numbers.histories:
        older = numbers.histories[name]
        yield np.where(older.known, 0, UNKNOWN)[rows]
        for size, months, there in zip(older.size, older.months, older.there, strict=True):
            yield from (np.where(there, size, ABSENT)[rows], np.where(there, months, ABSENT)[rows])
        return
    held = given[name] if name in given else numbers.of(name)
    yield np.where(held.known, held.value, np.where(held.absent, ABSENT, UNKNOWN))[rows]
    if held.over is not None:
        yield held.over[rows]


def _parts(count: NDArray[np.float64]) -> list[Places]:
    """Rows in parts of about ``CHUNK`` completions; of those that have too many none is made."""
    ends = np.cumsum(np.where(count > MOST, 0, count)) // CHUNK
    return np.split(np.arange(len(count)), np.flatnonzero(np.diff(ends)) + 1)


def _distinct(place: Places, cells: Cells, sizes: Sequence[int]) -> Places:
    """One of each kind of cells at each place, in the order of places."""
    key = place.astype(np.int64)
    for n, size in enumerate(sizes):
        if len(key) and key.max() > TOP // (2 * size):
            key = np.unique(key, return_inverse=True)[1]  # keeps the order
        key = key * size + (cells[:, n] - OWN)
    return np.unique(key, return_index=True)[1]


def _joined(rows: Places, found: Sequence[Sequence[Cells]]) -> tuple[Places, Cells | None]:
    """Rows and their worlds, each with every world that the row has in every group; None: just as it is."""
    place, cells = np.arange(len(rows)), None
    for worlds in found:
        count = np.array([len(w) for w in worlds])
        times = count[place]
        which = np.repeat(np.arange(len(place)), times)
        inner = np.arange(len(which)) - np.repeat(np.cumsum(times) - times, times)
        place = place[which]
        more = np.concatenate(worlds)[(np.cumsum(count) - count)[place] + inner]
        cells = more if cells is None else np.where(more == OWN, cells[which], more)
    return rows[place], cells
