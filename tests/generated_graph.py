"""Which vector may follow which: a history is a walk over the vectors of the case files."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from generated_plants import CODE, CT_MRI, FLEISCHNER, KINDS, LUNG, NAMES, SINGLE, US, applicable, due
from generated_vectors import Vector, vectors

# how often a category is drawn: the prevalences of Lung-RADS v2022; for the others a choice
SHARE = {
    LUNG: {"1": 39, "2": 45, "3": 9, "4A": 4, "4B": 2.5, "4X": 1, "0": 1.5},
    US: {"US-1": 90, "US-2": 6, "US-3": 4},
    CT_MRI: {"LR-1": 15, "LR-2": 20, "LR-3": 30, "LR-4": 12, "LR-5": 15, "LR-M": 4, "LR-TIV": 1, "LR-NC": 3},
}
AFTER_WORK_UP = 6  # months from a 4B or 4X that proved benign to the next scan
SIZES = ("mean_mm", "solid_mean_mm")  # what the next exam names as prior
LUNG_OLD, LUNG_NEW, INCIDENTAL, SURVEILLANCE, DIAGNOSTIC = range(5)  # places of ``Graph.start``


class Pools(NamedTuple):
    """Rows of vectors to draw from: ``cumulative`` rises from row to row + 1 within a row."""

    cumulative: "np.ndarray[Any, Any]"
    vector: "np.ndarray[Any, Any]"

    def draw(self, rows: "np.ndarray[Any, Any]", u: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """One vector for each row; ``u`` in [0, 1)."""
        return self.vector[np.searchsorted(self.cumulative, rows + u, side="right")]


class Graph(NamedTuple):
    """The vectors as arrays (one entry a vector, then PET/CT and follow-up CT without a statement), and pools."""

    nodes: tuple[Vector, ...]
    guideline: "np.ndarray[Any, Any]"  # 0 lung-rads, 1 fleischner, 2 li-rads-us, 3 li-rads-ct-mri, 4 none
    low: "np.ndarray[Any, Any]"  # months, -1: no interval is printed
    high: "np.ndarray[Any, Any]"
    work_up: "np.ndarray[Any, Any]"
    discussed: "np.ndarray[Any, Any]"  # tissue comes as after a work-up, and nothing judges it
    ends: "np.ndarray[Any, Any]"
    critical: "np.ndarray[Any, Any]"
    optional: "np.ndarray[Any, Any]"
    can: "np.ndarray[Any, Any]"  # node x kind: whether it can be planted
    pools: Pools
    start: tuple[int, ...]  # rows to start from: lung v1.1, lung v2022, incidental, surveillance, diagnostic
    free: "np.ndarray[Any, Any]"  # edition -> row: a later scan that tells nothing of an interval
    exact: "np.ndarray[Any, Any]"  # node x edition -> row of the scans that follow it by its own interval, or -1

    @property
    def pet(self) -> int:
        """The PET/CT that a work-up brings: without a statement."""
        return len(self.nodes)

    @property
    def plain_ct(self) -> int:
        """The CT that follows an incidental nodule: without a statement."""
        return len(self.nodes) + 1


GUIDELINES = (LUNG, FLEISCHNER, US, CT_MRI)


@lru_cache
def graph(*, beside: bool = True) -> Graph:
    """The graph over all vectors."""
    nodes = vectors(beside=beside)
    dues = [due(v.guideline, v.category, v.interval) for v in nodes]
    pools, start, free, exact = _rows(nodes)
    spans = [d.interval or (-1, -1) for d in dues] + [(-1, -1)] * 2
    return Graph(
        nodes=nodes,
        guideline=np.array([GUIDELINES.index(v.guideline) for v in nodes] + [4, 4]),
        low=np.array([a for a, _ in spans]),
        high=np.array([b for _, b in spans]),
        work_up=np.array([d.work_up for d in dues] + [False] * 2),
        discussed=np.array([d.discussed for d in dues] + [False] * 2),
        ends=np.array([d.ends for d in dues] + [True] * 2),
        critical=np.array([v.category in ("4B", "4X") for v in nodes] + [False] * 2),
        optional=np.array([v.category == "optional-12" for v in nodes] + [False] * 2),
        can=_can(nodes),
        pools=pools,
        start=start,
        free=free,
        exact=exact,
    )


def _can(nodes: Sequence[Vector]) -> "np.ndarray[Any, Any]":
    can = np.zeros((len(nodes) + 2, len(NAMES)), dtype=bool)
    for i, v in enumerate(nodes):
        for kind in KINDS:
            can[i, CODE[kind]] = kind not in SINGLE and applicable(v.guideline, v.category, v.interval, kind)
    return can


def _rows(nodes: Sequence[Vector]) -> tuple[Pools, tuple[int, ...], "np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    rows: list[list[int]] = []

    def row(members: Sequence[int]) -> int:
        rows.append(list(members))
        return len(rows) - 1

    of = [[i for i, v in enumerate(nodes) if v.edition == e] for e in ("lung-rads@1.1", "lung-rads@2022")]
    first = [row([i for i in ids if _begins(nodes[i])]) for ids in of]
    others = [row([i for i, v in enumerate(nodes) if v.guideline == g]) for g in (FLEISCHNER, US, CT_MRI)]
    free = np.array([row([i for i in ids if _free(nodes[i])]) for ids in of])
    exact = np.full((len(nodes), 2), -1)
    again = [[i for i in ids if _seen_again(nodes[i])] for ids in of]
    for i, before in enumerate(nodes):
        if before.guideline == LUNG:
            for edition, ids in enumerate(again):
                if after := [j for j in ids if _follows(before, nodes[j])]:
                    exact[i, edition] = row(after)
    return _pools(nodes, rows), (*first, *others), free, exact


def _pools(nodes: Sequence[Vector], rows: Sequence[Sequence[int]]) -> Pools:
    sums = [r + c for r, members in enumerate(rows) for c in _shares([nodes[i] for i in members])]
    return Pools(np.array(sums), np.array([i for members in rows for i in members]))


def _shares(members: Sequence[Vector]) -> Iterator[float]:
    """The cumulative shares of a row: each category by its share, equally among its vectors."""
    count: dict[str, int] = {}
    for v in members:
        count[v.category] = count.get(v.category, 0) + 1
    weights = np.array([SHARE.get(v.guideline, {}).get(v.category, 1) / count[v.category] for v in members])
    sums = np.cumsum(weights / weights.sum())
    sums[-1] = 1.0
    return iter(sums.tolist())


def _begins(v: Vector) -> bool:
    return bool(v.exam["round"] == "baseline")


def _free(v: Vector) -> bool:
    """A later scan that can come at any time: nothing seen, or new nodules only."""
    found = v.raw["nodules"]
    return (
        v.exam["round"] == "annual"
        and v.exam["prior_ct"] != "none"
        and all(n.get("status") == "new" and "interval_months" not in n for n in found)
    )


def _seen_again(v: Vector) -> bool:
    """A later scan of one nodule that is known; without older exams, which a history would have to have."""
    found = v.raw["nodules"]
    known = len(found) == 1 and found[0].get("status") == "existing" and "history" not in found[0]
    return known and v.exam["prior_ct"] == "available"


def _follows(before: Vector, after: Vector) -> bool:
    """Whether the second vector is the first one's nodule, seen again after the interval of its category."""
    then, now = before.raw["nodules"], after.raw["nodules"]
    if len(then) != 1:
        return False
    a, b = then[0], now[0]
    told = str(b.get("previous_category", before.category if before.category in ("1", "2") else ""))
    months = AFTER_WORK_UP if before.category in ("4B", "4X") else _months(before)
    size = all(float(b[f"prior_{name}"]) == float(a.get(name) or 0) for name in SIZES if f"prior_{name}" in b)
    same = a.get("type") == b.get("type") and a.get("status") != "resolved"
    return bool(
        same and size and told == before.category
        and b.get("interval_months") in (months, float(months or -1))
    )  # fmt: skip


def _months(v: Vector) -> int | None:
    d = due(v.guideline, v.category, v.interval)
    return d.interval[1] if d.interval else None
