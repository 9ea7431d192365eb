"""Observations with their components -> rows with a column for each fact, by Arrow and NumPy.

The work follows the components that stand there, not the columns that there might be: each component goes to its
place once. Of a name that stands several times the first counts; of a fact that is a contradiction, and told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .facts import INTERVAL, ROLES, Fact, Facts, Slot, slots
from .parts import Parts, number_column, sizes_column

STATED = ("id", "resource_status", "patient_id", "exam_id")
OF_EXAM = ("scanner", "method", "value_text", "value_system", "value_version", "value_code")
TWICE = "the same fact stated twice"


@dataclass(frozen=True)
class Placed:
    """Components at their places, ordered by slot: the Observation of each (``row``) and what it means (``at``).

    ``bounds[s]`` to ``bounds[s + 1]`` are those of slot ``s``. ``meaning``: the table of what components mean.
    """

    row: Any
    at: Any
    bounds: Any
    meaning: Any

    def of(self, number: int) -> tuple[Any, Any]:
        """The rows and meanings of a slot."""
        span = slice(self.bounds[number], self.bounds[number + 1])
        return self.row[span], self.at[span]


@dataclass(frozen=True)
class Pivot:
    """How the Observations of a block become tables."""

    parts: Parts
    kinds: Facts
    slots: tuple[Slot, ...]

    @classmethod
    def of(cls, parts: Parts, kinds: Facts) -> Pivot:
        """For all facts that are known."""
        return cls(parts, kinds, slots(kinds))

    def tables(self, database: Any, observations: Any) -> dict[str, Any]:
        """Assessments, findings, what cannot be used of them, and how many are neither, as Arrow tables.

        ``observations``: an Arrow table of ``file``, ``line``, ``role``, ``what``, what is stated, and ``parts``, the
        JSON of each component.
        """
        import pyarrow as pa

        observations = observations.combine_chunks()
        role = _codes(observations["role"], ROLES)
        placed = self._placed(database, observations, role)
        bad = _bad(observations, placed)
        found = {}
        for number, name in enumerate(ROLES):
            rows = _where(role == number)
            found[f"{name}s"], twice = self._rows(name, observations, rows, placed)
            bad += twice
        others = int((role < 0).sum())
        file = observations["file"][:1] if others else observations["file"][:0]
        lines = pa.array([others] if others else [], pa.int64())
        counted = pa.table({"file": file, "lines": lines})
        return found | {"bad_facts": pa.concat_tables(bad), "other_observations": counted}

    def _placed(self, database: Any, observations: Any, role: Any) -> Placed:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        lists = _whole(observations["parts"])
        texts = lists.flatten().dictionary_encode()
        row = pc.list_parent_indices(lists).to_numpy()
        different = pa.table({"place": np.arange(len(texts.dictionary)), "text": texts.dictionary})
        database.register("different", different)
        meaning = database.sql(self.parts.meanings("different", self.kinds)).to_arrow_table().combine_chunks()
        database.unregister("different")
        place = np.full((len(ROLES), len(texts.dictionary) + 1), -1, np.int64)  # the last: a component that is null
        place[_codes(meaning["role"], ROLES), meaning["place"].to_numpy()] = np.arange(meaning.num_rows)
        at = place[role[row], texts.indices.fill_null(-1).to_numpy()]
        row, at = row[at >= 0], at[at >= 0]
        slot = meaning["slot"].to_numpy()[at]
        order = np.argsort(slot, kind="stable")
        bounds = np.searchsorted(slot[order], np.arange(len(self.slots) + 1))
        return Placed(row[order], at[order], bounds, meaning)

    def _rows(self, role: str, observations: Any, rows: Any, placed: Placed) -> tuple[Any, list[Any]]:
        """The table of a role, and the facts that stand twice."""
        import numpy as np
        import pyarrow as pa

        one = observations.take(pa.array(rows))
        place = np.full(observations.num_rows, -1, np.int64)
        place[rows] = np.arange(len(rows))
        chosen, bad = {}, []
        for number, slot in enumerate(self.slots):
            if slot.role == role:
                row, at = placed.of(number)
                chosen[slot.name] = _first(place[row], at, len(rows))
                if slot.fact and chosen[slot.name].size and (chosen[slot.name] >= 0).sum() < len(row):
                    bad.append(_twice(observations, row, slot.name))
        own = OF_EXAM if role == "assessment" else ("what",)
        columns = {name: one[name] for name in ("file", "line", *STATED, *own)}
        if role == "assessment":
            columns |= {f"interval_{end}": _take(placed.meaning[end], chosen[INTERVAL]) for end in ("low", "high")}
        made = dict(_columns(self.kinds[role], chosen, placed.meaning, None if role == "assessment" else one["what"]))
        return pa.table(columns | made), bad


def _columns(facts: Mapping[str, Fact], chosen: dict[str, Any], meaning: Any, kind: Any) -> Iterator[tuple[str, Any]]:
    """The columns of all facts; ``kind`` of each row: it has those facts only that its guidelines read."""
    masks: dict[frozenset[str], Any] = {}
    for fact in facts.values():
        if kind is not None and fact.of not in masks:
            masks[fact.of] = _codes(kind, sorted(fact.of)) >= 0
        read = masks.get(fact.of)
        yield from _of(fact, chosen, meaning, read)


def _of(fact: Fact, chosen: dict[str, Any], meaning: Any, read: Any) -> Iterator[tuple[str, Any]]:
    import numpy as np
    import pyarrow.compute as pc

    def only(at: Any) -> Any:
        return at if read is None else np.where(read, at, -1)

    at = only(chosen[fact.name])
    for number, (column, kind) in enumerate(fact.columns.items()):
        beside = column != fact.name
        match fact.kind:
            case "number" | "bool" if beside:
                yield column, _take(meaning[f"na_{fact.kind}"], at)
            case "number":
                yield column, _take(meaning[number_column(kind)], at)
            case "bool":
                yield column, _take(meaning["yes"], at)
            case "set":
                alone = _take(meaning["yes"], only(chosen[column]))
                yield column, pc.coalesce(alone, _member(meaning["has"], at, number))
            case "history":
                yield column, _sizes(meaning[sizes_column(kind)], at, read)
            case _:
                yield column, _take(meaning["said"], at)


def _first(row: Any, at: Any, rows: int) -> Any:
    """For each row the first of its meanings, -1 where it has none."""
    import numpy as np

    found = np.full(rows, -1, np.int64)
    found[row[::-1]] = at[::-1]  # the last to be written is the first that stands there
    return found


def _take(column: Any, at: Any) -> Any:
    """The values of a column at places, NULL at -1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(at) or at.max() < 0:
        return pa.nulls(len(at), column.type)
    return pc.take(_whole(column), pa.array(at, mask=at < 0))


def _member(lists: Any, at: Any, number: int) -> Any:
    """The element of a number in the lists at places, NULL at -1."""
    import numpy as np

    held = _whole(lists)
    starts = held.offsets.to_numpy()
    return _take(held.values, np.where(at < 0, -1, starts[at] + number))


def _sizes(column: Any, at: Any, read: Any) -> Any:
    """Older sizes: an empty list where none is stated, NULL where no guideline reads them."""
    import numpy as np
    import pyarrow as pa

    held = pa.concat_arrays([_whole(column), pa.array([[]], column.type)])
    return _take(held, np.where(read, np.where(at < 0, len(held) - 1, at), -1))


def _bad(observations: Any, placed: Placed) -> list[Any]:
    """The facts that are stated and cannot be used."""
    import pyarrow as pa
    import pyarrow.compute as pc

    reason = placed.meaning["reason"]
    wrong = pc.is_valid(reason).to_numpy()[placed.at]
    row, at = pa.array(placed.row[wrong]), pa.array(placed.at[wrong])
    told = {"reason": reason.take(at), "field": placed.meaning["name"].take(at)}
    return [_told(observations, row, "value", told)]


def _twice(observations: Any, row: Any, name: str) -> Any:
    """The Observations in which a fact stands twice; the line cannot be used."""
    import numpy as np
    import pyarrow as pa

    rows, times = np.unique(row, return_counts=True)
    rows = pa.array(rows[times > 1])
    return _told(observations, rows, "line", {"reason": _constant(TWICE, rows), "field": _constant(name, rows)})


def _told(observations: Any, row: Any, what: str, told: dict[str, Any]) -> Any:
    import pyarrow as pa

    place = {name: observations[name].take(row) for name in ("file", "line")}
    return pa.table(place | {"what": _constant(what, row)} | told)


def _constant(word: str, like: Any) -> Any:
    import pyarrow as pa

    return pa.repeat(pa.scalar(word, pa.string()), len(like))


def _codes(column: Any, words: Sequence[str]) -> Any:
    """Which of the words each value is, -1 where it is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.index_in(_whole(column), value_set=pa.array(words, pa.string())).fill_null(-1).to_numpy()


def _where(mask: Any) -> Any:
    import numpy as np

    return np.flatnonzero(mask)


def _whole(column: Any) -> Any:
    """A column as one array."""
    import pyarrow as pa

    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
