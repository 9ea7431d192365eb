"""The plots of ``docs/gate.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from measure import BINS, Outcome, bars, gated, groups, share, splits
from numpy.typing import NDArray
from peers import Head, without_gate
from plots import Plot, Point
from rows import Row
from tables import LEVEL

GRID = tuple(np.linspace(0.05, 1, 20).tolist())
SHOWN = (0.7, 0.9, 0.95)
NAMED = ("panel:", "GE", "Philips", "SIEMENS", "TOSHIBA", "slices to", "slices of", "contrast", "no contrast")
LEAST = 50  # answers a point of the reliability plot, over all splits
FROM = 0.85


def plots(plain: Sequence[Row], others: Mapping[str, Sequence[Row]]) -> Iterator[tuple[str, Plot]]:
    """(name of the file, plot)."""
    yield "gate_risk", risk(plain, others.get("uncalibrated"))
    yield "gate_reliability", reliability(plain)
    yield "gate_groups", by_group(plain)


def _halves(rows: Sequence[Row]) -> Iterator[tuple[list[Row], list[Row]]]:
    for fitted, judged in splits(rows):
        yield [rows[i] for i in fitted], [rows[i] for i in judged]


def _curve(found: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]]) -> list[Point]:
    """Share of the surest answers against how many of these are wrong; medians over the splits."""
    lines = []
    for top, wrong in found:
        falling = wrong[np.argsort(-top, kind="stable")]
        lines.append([falling[: max(1, round(part * len(falling)))].mean() for part in GRID])
    return list(zip(GRID, np.median(np.array(lines), axis=0).tolist(), strict=True))


def risk(plain: Sequence[Row], raw: Sequence[Row] | None) -> Plot:
    """How many answers are wrong against how many are given."""
    plot = Plot("Risk against coverage", "share of nodules answered", "wrong for certain", up=(0.0, 0.25))
    whole, heads, unfitted, readers = [], [], [], []
    by_id = {r.held.nodule: r for r in raw or ()}
    for fitted, judged in _halves(plain):
        free = without_gate(judged)
        whole.append((free.top, free.wrong))
        masses = Head([r for r in fitted if r.held.inside]).masses(judged)
        heads.append(_surest(judged, masses))
        if raw:
            unfitted.append(_surest(judged, [by_id[r.held.nodule].masses for r in judged]))
        pairs = [p for r in judged for p in r.against_rest if len(p[1]) == 1]
        readers.append(np.mean([not own & rest for own, rest in pairs]))
    plot.line(_curve(whole), "rules on beliefs, the surest first", 0)
    plot.line(_curve(heads), "a learned head in place of the rules", 1, dashed=True)
    if raw:
        plot.line(_curve(unfitted), "rules on the uncalibrated net", 3, dashed=True)
    gates = [_gate(plain, level) for level in SHOWN]
    plot.dots(gates, "the gate at levels 0.7, 0.9, 0.95", 2)
    plot.dots([(1.0, float(np.median(readers)))], "a reader against the rest of the panel", 4)
    return plot


def _surest(
    judged: Sequence[Row], masses: Sequence[Mapping[frozenset[str], float]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    from dataclasses import replace

    free = without_gate([replace(r, masses=m) for r, m in zip(judged, masses, strict=True)])
    return free.top, free.wrong


def _gate(plain: Sequence[Row], level: float) -> Point:
    found = [gated(judged, bars(fitted, level)) for fitted, judged in _halves(plain)]
    return (
        float(np.median([share(o.stands) for o in found])),
        float(np.median([share(o.wrong, o.stands) for o in found])),
    )


def reliability(plain: Sequence[Row]) -> Plot:
    """How often the most probable management is right, by how probable it is said to be."""
    plot = Plot("Reliability of the most probable management", "probability said", "right (settled nodules)")
    plot.line([(0, 0), (1, 1)], "", 4, dashed=True)
    found: dict[str, list[tuple[NDArray[np.float64], NDArray[np.bool_]]]] = {"before": [], "stands": []}
    for fitted, judged in _halves(plain):
        o, free = gated(judged, bars(fitted, LEVEL)), without_gate(judged)
        settled = np.array([len(r.truth) == 1 for r in judged])
        found["before"].append((free.top[settled], ~free.wrong[settled]))
        found["stands"].append((free.top[settled & o.stands], ~free.wrong[settled & o.stands]))
    for i, (name, words) in enumerate({"before": "all, before the gate", "stands": "where the answer stands"}.items()):
        top, right = (np.concatenate([part[k] for part in found[name]]) for k in (0, 1))
        cells = np.clip((top * BINS).astype(int), 0, BINS - 1)
        points = [
            (float(top[cells == b].mean()), float(right[cells == b].mean()))
            for b in sorted(set(cells.tolist()))
            if (cells == b).sum() >= LEAST
        ]
        plot.line(points, words, i)
        plot.dots(points, "", i)
    return plot


def by_group(plain: Sequence[Row]) -> Plot:
    """How often the set holds what the panel settled, over the splits, by group."""
    names = [n for n in groups(plain) if n.startswith(NAMED) and "or" not in n.removeprefix("panel:").split()]
    names += ["1 or 2 readers", "3 or 4 readers"]
    found: dict[str, list[float]] = {n: [] for n in names}
    for fitted, other in _halves(plain):
        judged = [r for r in other if r.held.inside]
        o: Outcome = gated(judged, bars(fitted, LEVEL))
        settled = np.array([len(r.truth) == 1 for r in judged])
        of = groups(judged)
        for n in names:
            found[n].append(share(o.holds, of[n] & settled))
    plot = Plot(
        "The 90 % set holds the panel's management (settled nodules)", "share over 20 splits: median, least, most", "",
        across=(FROM, 1.0), up=(0.0, len(names) + 1.0), left=190, height=22 * len(names) + 20, rows=tuple(names),
    )  # fmt: skip
    plot.line([(LEVEL, 0), (LEVEL, len(names) + 1)], "", 4, dashed=True)
    for i, n in enumerate(reversed(names), 1):
        values = [v for v in found[n] if not np.isnan(v)]
        plot.line([(max(FROM, min(values)), i), (max(values), i)], "", 0)
        plot.dots([(float(np.median(values)), i)], "", 0)
    return plot
