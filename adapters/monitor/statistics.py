"""Counts in, statistics out: pure functions, no case and no group known here. Shares lie in [0, 1]."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS: Final = 10  # of confidence, equally wide (Guo et al., ICML 2017, take 15; a site has fewer cases)
CONFIDENCE: Final = 0.95  # of every interval that is shown


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``of``, with the exact interval of Clopper and Pearson (Biometrika 1934;26:404-413); NaN of none."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.of if self.of else math.nan


def share(hits: int, of: int) -> Share:
    """The share with its interval."""
    if not of:
        return Share(0, 0, math.nan, math.nan)
    from scipy.stats import beta

    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, of - hits)) if hits < of else 1.0
    return Share(hits, of, low, high)


def too_few(hits: int, of: int, least: float) -> float:
    """The probability of so few hits or fewer, were the true share ``least`` (exact binomial test, one side)."""
    from scipy.stats import binom

    return float(binom.cdf(hits, of, least))


def too_many(hits: int, of: int, most: float) -> float:
    """The probability of so many hits or more, were the true share ``most``."""
    from scipy.stats import binom

    return float(binom.sf(hits - 1, of, most))


def fewer_than(one: tuple[int, int], other: tuple[int, int]) -> float:
    """The probability that ``one`` (hits, of) has so few hits or fewer, were both shares equal (Fisher)."""
    from scipy.stats import hypergeom

    return float(hypergeom.cdf(one[0], one[1] + other[1], one[0] + other[0], one[1]))


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa of ``of`` pairs with its 95 % interval; NaN where both sides always say the same one thing."""

    value: float
    low: float
    high: float
    of: int


def kappa(pairs: Sequence[tuple[str, str]]) -> Kappa:
    """Agreement beyond chance (Cohen, Educ Psychol Meas 1960;20:37-46); its large-sample standard error as Fleiss,
    Cohen and Everitt give it (Psychol Bull 1969;72:323-327)."""
    n = len(pairs)
    names = sorted({name for pair in pairs for name in pair})
    table = np.zeros((len(names), len(names)))
    for (a, b), count in Counter(pairs).items():
        table[names.index(a), names.index(b)] = count / n
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    chance = float(rows @ columns)
    if not n or chance >= 1:
        return Kappa(math.nan, math.nan, math.nan, n)
    value = (float(np.trace(table)) - chance) / (1 - chance)
    error = math.sqrt(max(_variance(table, rows, columns, chance), 0.0) / n)
    return Kappa(value, max(value - 1.959964 * error, -1.0), min(value + 1.959964 * error, 1.0), n)


def _variance(table: Floats, rows: Floats, columns: Floats, chance: float) -> float:
    agreed, keep = float(np.trace(table)), 1 - chance
    sums = rows[None, :] + columns[:, None]  # of cell (i, j): row total of j and column total of i
    diagonal = np.diag(table) * (keep - (rows + columns) * (1 - agreed)) ** 2
    off = table * sums**2
    beside = (1 - agreed) ** 2 * float(off.sum() - np.trace(off))
    return (float(diagonal.sum()) + beside - (agreed * chance - 2 * chance + agreed) ** 2) / keep**4


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases of similar confidence in their most probable category: how many, the mean of its least probability and of
    its most (they differ where something was unknown), and in how many that category was the signed one."""

    of: int
    low: float
    high: float
    hits: int

    def gap(self, hits: float) -> float:
        """How far the share of so many hits lies outside of what was said."""
        return max(0.0, self.low - hits / self.of, hits / self.of - self.high)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Reliability of the most probable category: its bins, the expected calibration error in [0, 1], and the Brier
    score of all categories in [0, 2]; NaN of no case."""

    of: int
    bins: tuple[Bin, ...]
    ece: float
    brier: float


Masses = Mapping[frozenset[str], float]
Said = tuple[Masses, str]  # the probability of each set of categories still possible, and the category signed


def calibrated(said: Sequence[Said]) -> Calibrated:
    """Reliability of what was said. Where something was unknown a probability is a range, and only what lies outside
    of it is an error."""
    if not said:
        return Calibrated(0, (), math.nan, math.nan)
    top = [_top(masses, signed) for masses, signed in said]
    found = _bins(*(np.array(column) for column in zip(*top, strict=True)))
    ece = sum(b.of * b.gap(b.hits) for b in found) / len(said)
    return Calibrated(len(said), found, ece, sum(_brier(masses, signed) for masses, signed in said) / len(said))


def _top(masses: Masses, signed: str) -> tuple[float, float, bool]:
    """The least and the most probability of the category whose least is the highest, and whether it was signed."""
    names = sorted({name for categories in masses for name in categories})
    best = max(names, key=lambda name: masses.get(frozenset({name}), 0.0))
    most = math.fsum(p for categories, p in masses.items() if best in categories)
    return masses.get(frozenset({best}), 0.0), min(most, 1.0), best == signed


def _bins(low: Floats, high: Floats, hit: NDArray[np.bool_]) -> tuple[Bin, ...]:
    which = np.minimum((low * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(int(mine.sum()), float(low[mine].mean()), float(high[mine].mean()), int(hit[mine].sum()))
        for i in range(BINS)
        if (mine := which == i).any()
    )


def _brier(masses: Masses, signed: str) -> float:
    """Brier's score; what is known of a set only counts for its categories in equal parts."""
    p: dict[str, float] = {signed: 0.0}
    for categories, mass in masses.items():
        for name in categories:
            p[name] = p.get(name, 0.0) + mass / len(categories)
    return math.fsum((q - (name == signed)) ** 2 for name, q in p.items())


def so_uncalibrated(said: Calibrated, resamples: int, seed: int = 0) -> float:
    """The probability of such a calibration error or a larger one, were what is said true: resampled bin by bin
    (Bröcker and Smith, Weather Forecast 2007;22:651-661), of a range the value that fits best. Cases of one bin count
    as alike, which errs to larger."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros(resamples)
    for b in said.bins:
        true = min(max(b.hits / b.of, b.low), b.high)
        shares = rng.binomial(b.of, min(max(true, 0.0), 1.0), resamples) / b.of
        drawn += np.maximum(0.0, np.maximum(b.low - shares, shares - b.high)) * b.of / said.of
    return float((1 + (drawn >= said.ece - 1e-12).sum()) / (1 + resamples))


Counts = Mapping[Any, int]


def psi(expected: Counts, found: Counts) -> float:
    """Population stability index: sum over cells of (q - p) ln(q / p) for shares p expected and q found (the symmetric
    divergence of Jeffreys 1946). Half a case is added to every cell, so that an empty one stays finite."""
    cells = sorted({*expected, *found}, key=str)
    return math.fsum((q - p) * math.log(q / p) for p, q in zip(_of(expected, cells), _of(found, cells), strict=True))


def _of(counts: Counts, cells: Sequence[Any]) -> list[float]:
    total = sum(counts.values()) + 0.5 * len(cells)
    return [(counts.get(cell, 0) + 0.5) / total for cell in cells]


def so_different(expected: Sequence[float], found: Sequence[float]) -> tuple[float, float]:
    """The largest distance between two distributions, and the probability of such a one or a larger one, were they the
    same (two-sample Kolmogorov-Smirnov test; errs to larger where values are tied)."""
    from scipy.stats import ks_2samp

    test = ks_2samp(expected, found, method="asymp")
    return float(test.statistic), float(test.pvalue)


def so_differently_spread(expected: Counts, found: Counts) -> float:
    """The probability of cells so differently filled, were both drawn alike (chi-squared test of homogeneity)."""
    from scipy.stats import chi2_contingency

    cells = [cell for cell in sorted({*expected, *found}, key=str) if expected.get(cell, 0) + found.get(cell, 0)]
    if len(cells) < 2:
        return 1.0
    table = np.array([[counts.get(cell, 0) for cell in cells] for counts in (expected, found)])
    return float(chi2_contingency(table, correction=False).pvalue)


def adjusted(p: Sequence[float]) -> list[float]:
    """p-values for many tests at once: those at or below q hold, of which at most a share q is expected to be false
    (Benjamini and Hochberg, J R Stat Soc B 1995;57:289-300). Where nothing is wrong, any holds with probability q."""
    if not p:
        return []
    from scipy.stats import false_discovery_control

    return [float(value) for value in false_discovery_control(list(p), method="bh")]
