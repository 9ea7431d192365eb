"""What the bars become where the panel leaves several managements possible, in each of several ways to count these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from measure import RULES, Flags, over_splits, share
from rows import Row

from radlogic.engine.likely import fair_share, least_bar, upper

LEVEL = 0.9
Bars = Mapping[str, float]
KEYS = ("single", "wrong", "at most", "holds", "all")


def ways() -> dict[str, Callable[[Sequence[Row]], Bars]]:
    """By name, from rows to the bar of each management."""
    cap = fair_share(RULES)
    return {
        "count to each of their managements, as if all were of each": _each,
        "the least favourable choice, no cap": _least,
        "the same, no bar above 1/8 (shipped)": lambda rows: {m: min(cap, b) for m, b in _least(rows).items()},
        "are a class of their own, all of whose managements must be held": _own,
    }


def judged_by_bars(rows: Sequence[Row], bars: Bars) -> dict[str, float]:
    """Sets of what reaches its bar, and nothing more."""
    sets = [frozenset(m for m, p in upper(r.masses).items() if p >= bars.get(m, 0.0)) for r in rows]
    one: Flags = np.array([len(s) == 1 for s in sets])
    settled = np.array([len(r.truth) == 1 for r in rows])
    holds = np.array([r.truth <= s for r, s in zip(rows, sets, strict=True)])
    meets = np.array([bool(r.truth & s) for r, s in zip(rows, sets, strict=True)])
    return {
        "single": share(one), "wrong": share(~meets, one), "at most": share(~meets | ~settled, one),
        "holds": share(holds, settled), "all": share(holds, ~settled),
    }  # fmt: skip


def table(plain: Sequence[Row]) -> list[list[str]]:
    """A row a way, over the splits; nodules within the domain, read as baseline."""
    inside, body = [r for r in plain if r.held.inside], []
    for name, way in ways().items():
        found = over_splits(inside, lambda fitted, judged, way=way: judged_by_bars(judged, way(fitted)))
        body.append([name, *(found[k] for k in KEYS)])
    return body


def _parts(rows: Sequence[Row]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    settled, open_ = dict[str, list[float]](), dict[str, list[float]]()
    for r in rows:
        for m in r.truth:
            (settled if len(r.truth) == 1 else open_).setdefault(m, []).append(upper(r.masses).get(m, 0.0))
    return settled, open_


def _least(rows: Sequence[Row]) -> dict[str, float]:
    settled, open_ = _parts(rows)
    return {m: least_bar(settled.get(m, ()), open_.get(m, ()), LEVEL) for m in settled | open_}


def _each(rows: Sequence[Row]) -> dict[str, float]:
    settled, open_ = _parts(rows)
    return {m: least_bar([*settled.get(m, ()), *open_.get(m, ())], (), LEVEL) for m in settled | open_}


def _own(rows: Sequence[Row]) -> dict[str, float]:
    settled, _ = _parts(rows)
    both = [r for r in rows if len(r.truth) > 1]
    bar = least_bar([min(upper(r.masses).get(m, 0.0) for m in r.truth) for r in both], (), LEVEL)
    named = frozenset[str]().union(*(r.truth for r in both))
    alone = {m: least_bar(found, (), LEVEL) for m, found in settled.items()}
    return {m: min(alone.get(m, bar), bar) if m in named else alone[m] for m in alone.keys() | named}
