"""How far a site's exams lie from the training data: the series, the beliefs, and what the net itself calls unlike."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .groups import shown
from .rows import UNKNOWN, Row
from .statistics import Counts, psi, so_different, so_differently_spread
from .thresholds import Numbers, Reference

MAKER = "manufacturer"


@dataclass(frozen=True, slots=True)
class Drift:
    """One quantity: of how many exams it is known, and is not; the population stability index, the Kolmogorov-Smirnov
    distance (NaN where values have no order), and the probability of that difference by chance.

    ``cells``: name, share of the training data, share here (NaN where too few exams to show).
    """

    name: str
    words: str
    unit: str
    known: int
    unknown: int
    psi: float
    distance: float
    p: float
    cells: tuple[tuple[str, float, float], ...]


def drifts(rows: Sequence[Row], reference: Reference, few: int = 0) -> list[Drift]:
    """Every quantity of the reference, over the exams in which a net spoke; cells of fewer than ``few`` are hidden."""
    spoke = [row for row in rows if row.nets]
    return [_makers(spoke, reference, few), *(_numbers(spoke, name, n, few) for name, n in reference.numbers.items())]


def _makers(rows: Sequence[Row], reference: Reference, few: int) -> Drift:
    """Manufacturers; an exam that names none is of one called unknown, unless none does."""
    found = Counter(row.maker for row in rows)
    known = sum(found.values()) - found[UNKNOWN]
    if not known:
        return Drift(MAKER, MAKER, "", 0, len(rows), math.nan, math.nan, math.nan, ())
    trained, here = dict(reference.makers), dict(found)
    p = so_differently_spread(trained, here)
    cells = _shares(trained, here, {name: name for name in sorted({*trained, *here})}, few)
    return Drift(MAKER, MAKER, "", known, found[UNKNOWN], psi(trained, here), math.nan, p, cells)


def _numbers(rows: Sequence[Row], name: str, expected: Numbers, few: int) -> Drift:
    values = [expected.rounded(row.numbers[name]) for row in rows if name in row.numbers]
    missing = len(rows) - len(values)
    if not values:
        return Drift(name, expected.words, expected.unit, 0, missing, math.nan, math.nan, math.nan, ())
    trained, here = expected.cells(expected.sample()), expected.cells(values)
    distance, p = so_different(expected.sample(), values)
    bounds = ["", *(f"{edge:g}" for edge in expected.edges), ""]
    names = {i: _cell(bounds[i], bounds[i + 1]) for i in range(len(bounds) - 1)}
    cells = _shares(trained, here, names, few)
    return Drift(name, expected.words, expected.unit, len(values), missing, psi(trained, here), distance, p, cells)


def _cell(low: str, high: str) -> str:
    if not low:
        return f"below {high}"
    return f"{low} to below {high}" if high else f"{low} and over"


def _shares(trained: Counts, here: Counts, names: Mapping[Any, str], few: int) -> tuple[tuple[str, float, float], ...]:
    whole, mine = sum(trained.values()), sum(here.values())
    counts = shown({key: here.get(key, 0) for key in names}, few)
    shares = {key: math.nan if n is None else n / mine for key, n in counts.items()}
    return tuple((name, trained.get(key, 0) / whole, shares[key]) for key, name in names.items())


def unlike(rows: Sequence[Row]) -> tuple[int, int]:
    """In how many exams the net calls a nodule unlike its training data, of how many in which it spoke."""
    found = [row.unlike for row in rows if row.unlike is not None]
    return sum(found), len(found)
